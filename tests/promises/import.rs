//! A partner's daily file goes the same way as its API calls: once and only once, bad lines aside.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::json;

use crate::harness::{Store, Trial, payment};

fn import(trial: &Trial, file: &Path, partner: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tallystick"))
        .current_dir(trial.folder.path())
        .args(["import", "payments", file.to_str().unwrap(), "--partner", partner])
        .env("DATABASE_URL", trial.settings.database_url.reveal())
        .env("TALLYSTICK_PARTNERS", &trial.settings.partners)
        .env("TALLYSTICK_KEYS", &trial.settings.keys)
        .env("TALLYSTICK_LOG__LEVEL", "error")
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    let text = [output.stdout.clone(), output.stderr.clone()].concat();
    String::from_utf8(text).unwrap().split(" in ").next().unwrap().to_owned()
}

const HEADER: &str = "payment_id,household,store,occurred_at,gross,discount,paid,lines\n";

fn file(trial: &Trial, name: &str, lines: &str) -> PathBuf {
    let path = trial.folder.path().join(name);
    std::fs::write(&path, format!("{HEADER}{lines}")).unwrap();
    path
}

fn a_file_is_taken_once_and_bad_lines_go_aside(store: Store) {
    let trial = Trial::on(store);
    let path = file(
        &trial,
        "day.csv",
        "1,900,330,2017-01-01T11:53:26Z,0.50,0.00,0.50,1\n\
         2,900,330,2017-01-01T12:10:28Z,1.09,0.10,0.98,1\n\
         3,1228,406,2017-01-01T12:26:30Z,1.58,0.15,1.43,1\n\
         4,906,319,yesterday,13.15,1.88,11.27,4\n\
         5,906,319\n\
         6,906,319,2017-01-01T12:30:27Z,13.15,1.88,11.27,4\n",
    );
    let first = import(&trial, &path, "green-basket");
    assert_eq!(said(&first), "3 recorded, 0 recorded before, 3 rejected");
    assert_eq!(first.status.code(), Some(1));
    let rejects = std::fs::read_to_string(trial.folder.path().join("day.csv.rejects.csv")).unwrap();
    let rejects: Vec<&str> = rejects.lines().skip(1).collect();
    assert_eq!(
        rejects,
        [
            "3,/data/paid: gross - discount must equal paid,2,900,330,2017-01-01T12:10:28Z,1.09,0.10,0.98,1",
            "5,\"/time: expected an RFC 3339 date-time, such as \"\"2026-11-02T10:15:30Z\"\"\",4,906,319,yesterday,13.15,1.88,11.27,4",
            "6,3 fields where the header has 8,5,906,319,,,,,",
        ]
    );
    let second = import(&trial, &path, "green-basket");
    assert_eq!(said(&second), "0 recorded, 3 recorded before, 3 rejected");
    assert_eq!(trial.findings(), []);
}

on_both_stores!(sync a_file_is_taken_once_and_bad_lines_go_aside);

#[test]
fn a_packed_file_is_unpacked() {
    let trial = Trial::on(Store::Sqlite);
    let path = trial.folder.path().join("day.csv.gz");
    let packed = std::fs::File::create(&path).unwrap();
    let mut packer = flate2::write::GzEncoder::new(packed, flate2::Compression::default());
    let line = "1,900,330,2017-01-01T11:53:26Z,0.50,0.00,0.50,1\n";
    packer.write_all(format!("{HEADER}{line}").as_bytes()).unwrap();
    packer.finish().unwrap();
    let output = import(&trial, &path, "green-basket");
    assert_eq!(said(&output), "1 recorded, 0 recorded before, 0 rejected");
    assert!(output.status.success());
}

#[test]
fn what_cannot_be_imported_says_what_to_do() {
    let trial = Trial::on(Store::Sqlite);
    let path = file(&trial, "day.csv", "");
    let told = |output: Output| String::from_utf8(output.stderr).unwrap();
    assert!(told(import(&trial, &path, "no-such")).contains("no partner no-such"));
    assert!(told(import(&trial, &path, "sunny-travel")).contains("[import.payments]"));
    std::fs::write(&path, "a,b,c\n1,2,3\n").unwrap();
    assert!(told(import(&trial, &path, "green-basket")).contains("no column \"payment_id\""));
    let nowhere = trial.folder.path().join("nowhere.csv");
    assert!(told(import(&trial, &nowhere, "green-basket")).contains("nowhere.csv"));
}

on_both_stores! {
    async fn a_payment_from_the_api_and_again_in_the_file_is_one_payment(app) {
        let shop = app.partner("green-basket").await;
        let mut event = payment("1", "900", "0.50", "0.00");
        event["time"] = json!("2017-01-01T11:53:26Z");
        event["data"]["order"] = json!("1");
        event["data"]["store"] = json!("330");
        shop.record(&event).await;
        let line = "1,900,330,2017-01-01T11:53:26Z,0.50,0.00,0.50,1\n";
        let path = file(&app.trial, "day.csv", line);
        let output = import(&app.trial, &path, "green-basket");
        assert_eq!(said(&output), "0 recorded, 1 recorded before, 0 rejected");
    }
}

fn a_file_that_comes_again_with_new_ids_adds_nothing_where_the_stage_is_mapped(store: Store) {
    let trial = Trial::on(store);
    let manifest = trial.settings.partners.join("green-basket/partner.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let mapped = text
        .replace("[import.payments]", "[import.payments]\norder = \"store\"\nstage = \"lines\"");
    assert_ne!(text, mapped);
    std::fs::write(&manifest, mapped.replace("store = \"store\"", "")).unwrap();
    let first = "1,900,o-1,2017-01-01T11:53:26Z,0.50,0.00,0.50,one\n\
                 2,900,o-1,2017-01-01T12:10:28Z,1.09,0.10,0.99,two\n";
    let path = file(&trial, "day.csv", first);
    assert_eq!(
        said(&import(&trial, &path, "green-basket")),
        "2 recorded, 0 recorded before, 0 rejected"
    );
    let again = first.replace("1,900", "91,900").replace("2,900", "92,900");
    let changed = "93,900,o-1,2017-01-01T11:53:26Z,0.60,0.00,0.60,one\n";
    let path = file(&trial, "again.csv", &format!("{again}{changed}"));
    assert_eq!(
        said(&import(&trial, &path, "green-basket")),
        "0 recorded, 2 recorded before, 1 rejected"
    );
    let rejects =
        std::fs::read_to_string(trial.folder.path().join("again.csv.rejects.csv")).unwrap();
    assert!(
        rejects
            .contains("4,\"the order has an event of this type and stage, 1, with other content"),
        "{rejects}"
    );
    assert_eq!(trial.findings(), []);
}

on_both_stores!(sync a_file_that_comes_again_with_new_ids_adds_nothing_where_the_stage_is_mapped);
