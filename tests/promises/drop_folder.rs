//! Partners lay their statements down in a folder: each comes in once, and what is no statement is moved
//! aside with the reason. The bytes of every statement are kept sealed, and staff may fetch them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use tallystick::customer::retention;
use tallystick::ids::{hex, sha256};
use tallystick::partner::retention::Retention;
use tallystick::settings::DropFolderSettings;
use tallystick::{clock, store};

use crate::crash::Served;
use crate::harness::{Answer, Store, TestApp, Trial, count, run_sql, staff, wait_for};
use crate::reconcile::{STATEMENTS, clerk, hand_in, line, statement};

const LIST: &str = "/v1/reconciliation/statements?partner=green-basket";

/// A folder for statements, with one for a partner.
fn folder(trial: &Trial) -> PathBuf {
    let folder = trial.folder.path().join("statements");
    fs::create_dir_all(folder.join("green-basket")).unwrap();
    folder
}

async fn with_folder(app: &mut TestApp, rest_seconds: u32) -> PathBuf {
    let folder = folder(&app.trial);
    let settings = DropFolderSettings { folder: folder.clone(), look_seconds: 1, rest_seconds };
    app.trial.settings.drop_folder = Some(settings);
    app.restart().await;
    folder.join("green-basket")
}

fn month(amount: &str) -> String {
    statement(&[&line("p-1", "", "SALE", amount)])
}

/// Names in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

async fn until(folder: &Path, files: usize) -> Vec<String> {
    wait_for("files that are moved aside", async || {
        let found = names(folder);
        (found.len() >= files).then_some(found)
    })
    .await
}

async fn original(app: &TestApp, id: &Value) -> reqwest::Response {
    let path = format!("/v1/reconciliation/statements/{}/original", id.as_str().unwrap());
    clerk(app).request(Method::GET, &path).send().await.unwrap()
}

on_both_stores! {
    async fn a_statement_in_the_folder_comes_in_and_what_is_none_is_refused_with_the_reason(app) {
        let mine = with_folder(app, 1).await;
        let outside = app.trial.folder.path().join("outside.csv");
        fs::write(&outside, month("3.00")).unwrap();
        let good = month("1.00");
        fs::write(mine.join(".2026-11.csv"), &good).unwrap();
        fs::write(mine.join("2026-11.csv.tmp"), &good).unwrap();
        std::os::unix::fs::symlink(&outside, mine.join("2026-11.9.csv")).unwrap();
        let fifo = std::process::Command::new("mkfifo").arg(mine.join("2026-11.8.csv")).status();
        assert!(fifo.unwrap().success());
        fs::write(mine.join("2026-11.2.csv"), good.replace("TOTAL,1", "TOTAL,2")).unwrap();
        fs::write(mine.join("日报\n.csv"), &good).unwrap();
        fs::write(mine.join("2026-11.csv"), &good).unwrap();
        let refused = until(&mine.join("refused"), 4).await;
        let taken = until(&mine.join("taken"), 1).await;
        let mark: String = hex(&sha256(good.as_bytes())).chars().take(12).collect();
        assert_eq!(taken, [format!("{mark}-2026-11.csv")]);
        let problem = refused.iter().find(|name| name.ends_with("2026-11.2.csv.problem.json"));
        let problem = fs::read(mine.join("refused").join(problem.unwrap())).unwrap();
        let problem: Value = serde_json::from_slice(&problem).unwrap();
        assert_eq!(problem["type"], "/problems/statement-refused", "{problem}");
        assert_eq!(problem["problems"][0]["line"], 3, "{problem}");
        // Links, pipes and files that are still being sent stay where they are, and harm nobody.
        let left = [".2026-11.csv", "2026-11.8.csv", "2026-11.9.csv", "2026-11.csv.tmp", "refused", "taken"];
        assert_eq!(names(&mine), left);
        let kept = clerk(app).get(LIST).await.body["statements"].clone();
        assert_eq!(kept.as_array().unwrap().len(), 1, "{kept}");
        assert_eq!(
            (&kept[0]["imported_by"], &kept[0]["file_name"]),
            (&json!("drop folder"), &json!("2026-11.csv"))
        );
        // The same file again is the same statement.
        fs::write(mine.join("2026-11.csv"), &good).unwrap();
        wait_for("the file to go", async || (!mine.join("2026-11.csv").exists()).then_some(())).await;
        assert_eq!(clerk(app).get(LIST).await.body["statements"], kept);
    }
}

on_both_stores! {
    async fn a_file_that_is_still_being_written_waits(app) {
        let mine = with_folder(app, 3_600).await;
        fs::write(mine.join("2026-11.csv"), month("1.00")).unwrap();
        let old = mine.join("2026-11.2.csv");
        fs::write(&old, month("2.00")).unwrap();
        let long_ago = SystemTime::from(clock::now().utc() - TimeDelta::hours(2));
        File::options().write(true).open(&old).unwrap().set_modified(long_ago).unwrap();
        until(&mine.join("taken"), 1).await;
        assert!(mine.join("2026-11.csv").exists());
        let kept = clerk(app).get(LIST).await.body["statements"].clone();
        assert_eq!((kept.as_array().unwrap().len(), &kept[0]["part"]), (1, &json!(2)), "{kept}");
    }
}

on_both_stores! {
    async fn what_waits_where_a_file_is_moved_to_is_not_followed(app) {
        let mine = with_folder(app, 1).await;
        let victim = app.trial.folder.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        let bad = "no statement\n";
        let mark: String = hex(&sha256(bad.as_bytes())).chars().take(12).collect();
        fs::create_dir(mine.join("refused")).unwrap();
        let foreseen = mine.join("refused").join(format!("{mark}-2026-11.csv.problem.json"));
        std::os::unix::fs::symlink(&victim, &foreseen).unwrap();
        fs::write(mine.join("2026-11.csv"), bad).unwrap();
        wait_for("the file to go", async || (!mine.join("2026-11.csv").exists()).then_some(())).await;
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        assert!(fs::symlink_metadata(&foreseen).unwrap().is_file());
    }
}

on_both_stores! {
    async fn a_folder_that_cannot_be_used_is_not_read_and_holds_up_nobody_elses(app) {
        let mine = with_folder(app, 1).await;
        // A link in the place of the folder to move to. The partner comes before the other one.
        let broken = mine.parent().unwrap().join("blue-basket");
        let elsewhere = app.trial.folder.path().join("elsewhere");
        fs::create_dir(&broken).unwrap();
        fs::create_dir(&elsewhere).unwrap();
        fs::write(broken.join("2026-11.csv"), month("1.00")).unwrap();
        std::os::unix::fs::symlink(&elsewhere, broken.join("taken")).unwrap();
        for part in 1..=3 {
            fs::write(mine.join(format!("2026-11.{part}.csv")), month("2.00")).unwrap();
        }
        until(&mine.join("taken"), 3).await;
        let of_broken = LIST.replace("green-basket", "blue-basket");
        assert_eq!(clerk(app).get(&of_broken).await.body["statements"], json!([]));
        assert!(broken.join("2026-11.csv").exists());
        assert_eq!(names(&elsewhere), [""; 0]);
        // Once the link is gone the file comes in.
        fs::remove_file(broken.join("taken")).unwrap();
        until(&broken.join("taken"), 1).await;
        assert_eq!(names(&broken), ["refused", "taken"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_take_a_file_once_and_a_killed_one_leaves_nothing_half_done() {
    let trial = Trial::on(Store::Postgres);
    let place = folder(&trial);
    let mine = place.join("green-basket");
    let many: Vec<String> =
        (0..20_000).map(|number| line(&format!("e-{number}"), "", "SALE", "1.00")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    fs::write(mine.join("2026-11.csv"), statement(&many)).unwrap();
    for part in 2..=12 {
        let row = line(&format!("p-{part}"), "", "SALE", "1.00");
        fs::write(mine.join(format!("2026-11.{part}.csv")), statement(&[&row])).unwrap();
    }
    let settings = [
        ("TALLYSTICK_DROP_FOLDER__FOLDER", place.to_str().unwrap()),
        ("TALLYSTICK_DROP_FOLDER__LOOK_SECONDS", "1"),
        ("TALLYSTICK_DROP_FOLDER__REST_SECONDS", "0"),
    ];
    let first = Served::start(&trial, &settings);
    let lines = "SELECT COUNT(*) AS count FROM statement_lines";
    wait_for("the first lines", async || (count(&trial, lines) > 0).then_some(())).await;
    first.kill();
    let gateways = [Served::start(&trial, &settings), Served::start(&trial, &settings)];
    until(&mine.join("taken"), 12).await;
    for gateway in gateways {
        assert!(gateway.stop().success());
    }
    assert_eq!(names(&mine), ["refused", "taken"]);
    assert_eq!(names(&mine.join("refused")), [""; 0]);
    let ready = "SELECT COUNT(*) AS count FROM statements WHERE state = 'ready' AND version = 1";
    assert_eq!(count(&trial, ready), 12);
    assert_eq!(count(&trial, "SELECT COUNT(*) AS count FROM statements"), 12);
    assert_eq!(count(&trial, lines), 20_011);
}

on_both_stores! {
    async fn the_file_of_a_statement_is_kept_sealed_and_fetched_as_it_came(app) {
        let clerk = clerk(app);
        // More than one part, and no two alike.
        let rows: Vec<String> =
            (0..9_000).map(|number| line(&format!("e-{number}"), "", "SALE", "1.00")).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let file = statement(&rows);
        let kept = hand_in(&clerk, STATEMENTS, &file).await;
        assert_eq!(kept.status, 201, "{kept:?}");
        let answer = original(app, &kept.body["id"]).await;
        let fetches = "SELECT COUNT(*) AS count FROM original_fetches WHERE fetched_by = 'ann'";
        assert_eq!(count(&app.trial, fetches), 1, "who fetches it stays on record");
        run_sql(&app.trial, "UPDATE original_fetches SET fetched_by = 'eve'").unwrap_err();
        let headers = answer.headers().clone();
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["content-type"], "application/octet-stream");
        assert!(headers["content-disposition"].to_str().unwrap().starts_with("attachment; "));
        let bytes = answer.bytes().await.unwrap();
        assert_eq!(hex(&sha256(&bytes)), kept.body["sha256"].as_str().unwrap());
        assert_eq!(bytes, file.as_bytes());
        let parts = "SELECT COUNT(*) AS count FROM statement_originals";
        assert!(count(&app.trial, parts) > 1);
        // It is sealed, and stays as it came.
        let text = match app.trial.db() {
            store::Db::Postgres(_) => "position('SALE' in encode(sealed, 'escape')) > 0",
            store::Db::Sqlite(_) => "instr(sealed, 'SALE') > 0",
        };
        assert_eq!(count(&app.trial, &format!("{parts} WHERE {text}")), 0);
        for change in [
            "INSERT INTO statement_originals SELECT statement_id, start + 1, key_id, sealed, kept_at \
             FROM statement_originals",
            "UPDATE statement_originals SET start = start + 1",
        ] {
            assert!(run_sql(&app.trial, change).is_err(), "{change}");
        }
        // Staff who may not reconcile, and partners, do not get it.
        let path = format!("/v1/reconciliation/statements/{}/original", kept.body["id"].as_str().unwrap());
        for other in [staff(app, "eve", &["read", "settle"]), app.partner("green-basket").await] {
            let status = Answer::of(other.request(Method::GET, &path)).await.status.as_u16();
            assert!([401, 403].contains(&status), "{status}");
        }
        // When the period of evidence is over, the file goes; the statement stays.
        let retention = Retention { evidence_days: Some(1), ..Retention::default() };
        let later = clock::now().plus(TimeDelta::days(2));
        while retention::round(&mut app.trial.db(), retention, later).unwrap() {}
        assert_eq!(original(app, &kept.body["id"]).await.status(), 404);
        assert_eq!(clerk.get(LIST).await.body["statements"][0]["id"], kept.body["id"]);
    }
}
