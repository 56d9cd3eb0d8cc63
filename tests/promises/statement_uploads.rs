//! A statement comes in parts that can be resumed, by its partner or by staff, and is the statement that it
//! would have been by any other way.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tallystick::ids::{LeaseId, PartnerId, StatementUploadId};
use tallystick::reconcile::period::Period;
use tallystick::reconcile::statement::StatementSender;
use tallystick::reconcile::statement_upload::{AnnouncedStatement, StatementUpload, UploadState};
use tallystick::store::statement_uploads::{self, UploadClaim};
use tallystick::{clock, store};

use crate::crash::Served;
use crate::harness::{Answer, Partner, Store, TestApp, Trial, count, run_sql, staff, wait_for};
use crate::reconcile::{STATEMENTS, clerk, compare, hand_in, line, statement};

fn tus(caller: &Partner, method: &str, path: &str) -> RequestBuilder {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    caller.request(method, path).header("tus-resumable", "1.0.0")
}

pub async fn begin_statement(caller: &Partner, bytes: usize, pairs: &[(&str, &str)]) -> Answer {
    let pairs = pairs.iter().map(|(key, value)| format!("{key} {}", STANDARD.encode(value)));
    let metadata = pairs.collect::<Vec<_>>().join(",");
    let request = tus(caller, "POST", "/v1/statement-uploads").header("upload-length", bytes);
    Answer::of(request.header("upload-metadata", metadata)).await
}

async fn append(caller: &Partner, url: &str, offset: usize, part: &[u8]) -> Answer {
    let request = tus(caller, "PATCH", url)
        .header("upload-offset", offset)
        .header("content-type", "application/offset+octet-stream");
    Answer::of(request.body(part.to_vec())).await
}

fn place(begun: &Answer) -> String {
    assert_eq!(begun.status, 201, "{begun:?}");
    begun.headers["location"].to_str().unwrap().to_owned()
}

async fn ended(caller: &Partner, url: &str) -> Value {
    wait_for("the end of an upload", async || {
        let answer = caller.get(url).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["ended_at"].is_string().then_some(answer.body)
    })
    .await
}

async fn sent(caller: &Partner, file: &[u8], pairs: &[(&str, &str)]) -> Value {
    let url = place(&begin_statement(caller, file.len(), pairs).await);
    assert_eq!(append(caller, &url, 0, file).await.status, 204);
    ended(caller, &url).await
}

const MONTH: (&str, &str) = ("period", "2026-11");
const OF_SHOP: (&str, &str) = ("partner", "green-basket");

on_both_stores! {
    async fn a_partner_sends_its_statement_in_parts_and_goes_on_after_a_break(app) {
        let shop = app.partner("green-basket").await;
        let file = statement(&[&line("p-1", "", "SALE", "1.00"), &line("p-2", "", "SALE", "2.00")]);
        let file = file.as_bytes();
        let url = place(&begin_statement(&shop, file.len(), &[MONTH, ("filename", "十一月.csv")]).await);
        assert_eq!(append(&shop, &url, 0, &file[..50]).await.headers["upload-offset"], "50");
        assert_eq!(append(&shop, &url, 0, &file[..50]).await.told(), (409, "upload-conflict"));
        let head = Answer::of(tus(&shop, "HEAD", &url)).await;
        assert_eq!(head.headers["upload-offset"], "50");
        assert_eq!(head.headers["tus-resumable"], "1.0.0");
        assert_eq!(append(&shop, &url, 50, &file[50..]).await.status, 204);
        let done = ended(&shop, &url).await;
        assert_eq!(done["state"], "done", "{done}");
        let list = clerk(app).get("/v1/reconciliation/statements?partner=green-basket").await.body;
        let kept = &list["statements"][0];
        assert_eq!((&kept["id"], &kept["lines"]), (&done["statement"], &json!(2)), "{list}");
        assert_eq!(
            (&kept["imported_by"], &kept["file_name"]),
            (&json!("partner green-basket"), &json!("十一月.csv"))
        );
        // By another way it is the same statement.
        let text = String::from_utf8(file.to_vec()).unwrap();
        let again = hand_in(&clerk(app), STATEMENTS, &text).await;
        assert_eq!((again.status.as_u16(), &again.body["id"]), (200, &done["statement"]));
        let staffs = sent(&clerk(app), file, &[MONTH, OF_SHOP]).await;
        assert_eq!((&staffs["state"], &staffs["statement"]), (&json!("done"), &done["statement"]));
        let parts = "SELECT COUNT(*) AS count FROM statement_upload_parts";
        assert_eq!(count(&app.trial, parts), 0, "what came in parts is not kept twice");
    }
}

on_both_stores! {
    async fn a_file_that_is_no_statement_fails_with_its_lines(app) {
        let shop = app.partner("green-basket").await;
        let good = statement(&[&line("p-1", "", "SALE", "1.00")]);
        let cut = good.replace("TOTAL,1", "TOTAL,7");
        let failed = sent(&shop, cut.as_bytes(), &[MONTH]).await;
        assert_eq!(failed["state"], "failed", "{failed}");
        assert!(failed["problems"][0]["line"].is_number(), "{failed}");
        let wrong = ("sha256", "00".repeat(32));
        let failed = sent(&shop, good.as_bytes(), &[MONTH, (wrong.0, wrong.1.as_str())]).await;
        assert_eq!(failed["failure"], "the file's SHA-256 is not the one that was declared");
        // A bomb: small as it comes.
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        for _ in 0..200 {
            std::io::Write::write_all(&mut packer, &[b'a'; 1024 * 1024]).unwrap();
        }
        let failed = sent(&shop, &packer.finish().unwrap(), &[MONTH]).await;
        assert_eq!(failed["state"], "failed", "{failed}");
        let list = clerk(app).get("/v1/reconciliation/statements?partner=green-basket").await.body;
        assert_eq!(list["statements"], json!([]));
    }
}

on_both_stores! {
    async fn an_upload_is_its_senders_alone(app) {
        let (shop, other) = (app.partner("green-basket").await, app.partner("blue-basket").await);
        let clerk = clerk(app);
        let refused = begin_statement(&shop, 5, &[MONTH, ("partner", "blue-basket")]).await;
        assert_eq!(refused.told(), (400, "parameter"), "{refused:?}");
        assert_eq!(begin_statement(&clerk, 5, &[MONTH]).await.told(), (400, "parameter"));
        for wrong in [[("period", "2026-13")], [("part", "1")]] {
            assert_eq!(begin_statement(&shop, 5, &wrong).await.told(), (400, "parameter"));
        }
        for part in ["0", "401", "-1", "x"] {
            let refused = begin_statement(&shop, 5, &[MONTH, ("part", part)]).await;
            assert_eq!(refused.told(), (400, "parameter"), "{part}");
        }
        let theirs = place(&begin_statement(&shop, 5, &[MONTH]).await);
        let staffs = place(&begin_statement(&clerk, 5, &[MONTH, OF_SHOP]).await);
        assert_eq!(other.get(&theirs).await.told(), (404, "not-found"));
        assert_eq!(shop.get(&staffs).await.told(), (404, "not-found"));
        assert_eq!(append(&other, &theirs, 0, b"12345").await.told(), (404, "not-found"));
        assert_eq!(append(&clerk, &theirs, 0, b"12345").await.told(), (404, "not-found"));
        assert_eq!(clerk.get(&theirs).await.body["state"], "receiving");
        assert_eq!(Answer::of(tus(&shop, "DELETE", &theirs)).await.status, 204);
        assert_eq!(shop.get(&theirs).await.told(), (404, "not-found"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_take_an_upload_once_though_one_is_killed_in_the_middle() {
    let trial = Trial::on(Store::Postgres);
    let settings = [("TALLYSTICK_DUE_SECONDS", "1"), ("TALLYSTICK_IMPORT_LEASE_SECONDS", "2")];
    let first = Served::start(&trial, &settings);
    let shop = first.partner(&trial, "green-basket").await;
    let many: Vec<String> =
        (0..20_000).map(|number| line(&format!("e-{number}"), "", "SALE", "1.00")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let file = statement(&many);
    let url = place(&begin_statement(&shop, file.len(), &[MONTH]).await);
    assert_eq!(append(&shop, &url, 0, file.as_bytes()).await.status, 204);
    let lines = "SELECT COUNT(*) AS count FROM statement_lines";
    wait_for("the first lines", async || (count(&trial, lines) > 0).then_some(())).await;
    first.kill();
    let gateways = [Served::start(&trial, &settings), Served::start(&trial, &settings)];
    let shop = gateways[0].partner(&trial, "green-basket").await;
    let done = ended(&shop, &url).await;
    assert_eq!(done["state"], "done", "{done}");
    assert_eq!(count(&trial, lines), 20_000);
    assert_eq!(count(&trial, "SELECT COUNT(*) AS count FROM statements"), 1);
    for gateway in gateways {
        assert!(gateway.stop().success());
    }
}

/// Statements of a part as if they had come, versions from 1 on.
fn came_before(app: &TestApp, versions: u32) {
    let (id, hash, yes, now) = match app.trial.db() {
        store::Db::Postgres(_) => {
            ("decode(md5(x::text), 'hex')", "sha256(x::text::bytea)", "false", "now()")
        }
        store::Db::Sqlite(_) => ("randomblob(16)", "randomblob(32)", "0", "'2026-12-01 00:00:00'"),
    };
    let sql = format!(
        "INSERT INTO statements (id, partner_id, period, part, version, sha256, charset, packed, state, \
         lines, imported_by, imported_at) WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n \
         WHERE x < {versions}) SELECT {id}, 'green-basket', '2026-11', 1, x, {hash}, 'utf-8', {yes}, \
         'ready', 0, 'ann', {now} FROM n"
    );
    run_sql(&app.trial, &sql).unwrap();
}

on_both_stores! {
    async fn every_part_counts_in_its_newest_version_however_many_came_before(app) {
        came_before(app, 4_100);
        let clerk = clerk(app);
        let second = statement(&[&line("p-2", "", "SALE", "2.00")]);
        let path = format!("{STATEMENTS}&part=2");
        assert_eq!(hand_in(&clerk, &path, &second).await.status, 201);
        let report = compare(&clerk).await;
        let used = report["statements"].as_array().unwrap();
        let used: Vec<(&Value, &Value)> = used.iter().map(|it| (&it["part"], &it["version"])).collect();
        assert_eq!(used, [(&json!(1), &json!(4_100)), (&json!(2), &json!(1))], "{report}");
        assert_eq!(report["breaks"], json!({ "MISSING_IN_GATEWAY": 1 }));
    }
}

on_both_stores! {
    async fn a_partner_sends_no_more_than_fifty_versions_of_a_part(app) {
        came_before(app, 49);
        let shop = app.partner("green-basket").await;
        let file = |amount: &str| statement(&[&line("p-1", "", "SALE", amount)]);
        let last = sent(&shop, file("50.00").as_bytes(), &[MONTH]).await;
        assert_eq!(last["state"], "done", "{last}");
        let refused = sent(&shop, file("51.00").as_bytes(), &[MONTH]).await;
        assert_eq!(refused["state"], "failed", "{refused}");
        assert!(refused["failure"].as_str().unwrap().contains("at most 50 versions"), "{refused}");
        // The last one again is what it was, and staff go on.
        assert_eq!(sent(&shop, file("50.00").as_bytes(), &[MONTH]).await["statement"], last["statement"]);
        for version in 51..=100 {
            let kept = hand_in(&clerk(app), STATEMENTS, &file(&format!("{version}.00"))).await;
            assert_eq!((kept.status.as_u16(), &kept.body["version"]), (201, &json!(version)));
        }
        let refused = hand_in(&clerk(app), STATEMENTS, &file("101.00")).await;
        assert_eq!(refused.told(), (422, "statement-refused"), "{refused:?}");
    }
}

on_both_stores! {
    async fn staff_go_on_with_what_they_themselves_began(app) {
        let mine = place(&begin_statement(&clerk(app), 5, &[MONTH, OF_SHOP]).await);
        let colleague = staff(app, "cleo", &["reconcile"]);
        assert_eq!(append(&colleague, &mine, 0, b"12345").await.told(), (404, "not-found"));
        assert_eq!(Answer::of(tus(&colleague, "DELETE", &mine)).await.told(), (404, "not-found"));
        assert_eq!(colleague.get(&mine).await.status, 200, "they see it");
    }
}

on_both_stores! {
    async fn a_partner_that_begins_and_does_not_end_holds_up_no_clerk(app) {
        let shop = app.partner("green-basket").await;
        let begun: Vec<String> = {
            let mut begun = Vec::new();
            for _file in 0..20 {
                begun.push(place(&begin_statement(&shop, 5, &[MONTH]).await));
            }
            begun
        };
        assert_eq!(begin_statement(&shop, 5, &[MONTH]).await.status, 429);
        let mine = begin_statement(&clerk(app), 5, &[MONTH, OF_SHOP]).await;
        assert_eq!(mine.status, 201, "{mine:?}");
        assert_eq!(Answer::of(tus(&clerk(app), "DELETE", &begun[0])).await.status, 204);
        assert_eq!(Answer::of(tus(&shop, "DELETE", &place(&mine))).await.told(), (404, "not-found"));
        assert_eq!(begin_statement(&shop, 5, &[MONTH]).await.status, 201);
    }
}

on_both_stores! {
    async fn a_month_that_cannot_be_is_no_month(app) {
        let shop = app.partner("green-basket").await;
        let file = statement(&[&line("p-1", "", "SALE", "1.00")]);
        for period in ["2099-01", "2001-01"] {
            let month = ("period", period);
            let ended = sent(&shop, file.as_bytes(), &[month]).await;
            assert_eq!(ended["state"], "failed", "{period}: {ended}");
            let answer = hand_in(&clerk(app), &STATEMENTS.replace("2026-11", period), &file).await;
            assert_eq!(answer.status, 400, "{answer:?}");
        }
    }
}

on_both_stores! {
    async fn a_file_has_a_byte_and_comes_in_pieces_of_some_size(app) {
        let shop = app.partner("green-basket").await;
        let refused = begin_statement(&shop, 0, &[MONTH]).await;
        assert_eq!(refused.told(), (400, "parameter"), "{refused:?}");
        let file = statement(&[&line("p-1", "", "SALE", "1.00")]);
        let length = file.len() + 250;
        let url = place(&begin_statement(&shop, length, &[MONTH]).await);
        for offset in 0..200 {
            assert_eq!(append(&shop, &url, offset, b"x").await.status, 204, "{offset}");
        }
        let refused = append(&shop, &url, 200, b"x").await;
        assert_eq!(refused.told(), (400, "parameter"), "{refused:?}");
        assert!(refused.text.contains("65536"), "{refused:?}");
        // What is missing may be small.
        let rest = vec![b'x'; length - 200];
        assert_eq!(append(&shop, &url, 200, &rest).await.status, 204);
        assert_eq!(ended(&shop, &url).await["state"], "failed");
    }
}

on_both_stores! {
    async fn a_partner_has_few_files_that_wait(app) {
        let shop = app.partner("green-basket").await;
        let far = "lease_until = '2099-01-01 00:00:00'";
        for _ in 0..20 {
            begin_statement(&shop, 5, &[MONTH]).await;
        }
        // Whole, and none is taken in.
        let waits = format!("UPDATE statement_uploads SET state = 'waiting', received = length, {far}");
        run_sql(&app.trial, &waits).unwrap();
        let refused = begin_statement(&shop, 5, &[MONTH]).await;
        assert_eq!(refused.status, 429, "{refused:?}");
        run_sql(&app.trial, "DELETE FROM statement_uploads").unwrap();
        assert_eq!(begin_statement(&shop, 5, &[MONTH]).await.status, 201);
    }
}

on_both_stores! {
    async fn a_file_that_cannot_be_read_holds_up_no_other(app) {
        let shop = app.partner("green-basket").await;
        // Its bytes are gone, which is nobody's fault but ours.
        let stuck = place(&begin_statement(&shop, 5, &[MONTH]).await);
        let waits = "UPDATE statement_uploads SET state = 'waiting', received = length";
        run_sql(&app.trial, waits).unwrap();
        let file = statement(&[&line("p-1", "", "SALE", "1.00")]);
        for (partner, part) in [("green-basket", "2"), ("blue-basket", "1")] {
            let caller = app.partner(partner).await;
            let done = sent(&caller, file.as_bytes(), &[MONTH, ("part", part)]).await;
            assert_eq!(done["state"], "done", "{done}");
        }
        assert!(shop.get(&stuck).await.body["ended_at"].is_null());
        run_sql(&app.trial, "DELETE FROM statement_uploads").unwrap();
    }
}

on_both_stores! {
    async fn what_became_of_a_file_is_said_for_thirty_days(app) {
        let shop = app.partner("green-basket").await;
        let file = statement(&[&line("p-1", "", "SALE", "1.00")]);
        let of = |part| [MONTH, ("part", part)];
        let first = place(&begin_statement(&shop, file.len(), &of("1")).await);
        assert_eq!(append(&shop, &first, 0, file.as_bytes()).await.status, 204);
        let statement = ended(&shop, &first).await["statement"].clone();
        let old = "UPDATE statement_uploads SET ended_at = '2026-01-01 00:00:00'";
        run_sql(&app.trial, old).unwrap();
        let second = sent(&shop, file.as_bytes(), &of("2")).await;
        assert_eq!(second["state"], "done");
        wait_for("the first one to go", async || {
            (shop.get(&first).await.told() == (404, "not-found")).then_some(())
        })
        .await;
        assert_eq!(count(&app.trial, "SELECT COUNT(*) AS count FROM statement_uploads"), 1);
        let list = clerk(app).get("/v1/reconciliation/statements?partner=green-basket").await.body;
        assert_eq!(list["statements"][1]["id"], statement, "{list}");
    }
}

/// The partners whose files are claimed one after the other.
fn turns(trial: &Trial) {
    let mut db = trial.db();
    let now = clock::now();
    let partner = |id: &str| PartnerId::try_from(id.to_owned()).unwrap();
    for id in ["green-basket", "green-basket", "green-basket", "blue-basket", "oak-home"] {
        let upload = StatementUpload {
            id: StatementUploadId::random(),
            announced: AnnouncedStatement {
                partner: partner(id),
                period: Period::try_from("2026-11").unwrap(),
                part: 1,
                length: 5,
                file_name: None,
                charset: None,
                sha256: None,
            },
            sent_by: StatementSender::Partner(partner(id)),
            received: 5,
            state: UploadState::Waiting,
            created_at: now,
            expires_at: now.plus(TimeDelta::hours(1)),
            ended_at: None,
        };
        db.write(|tx| statement_uploads::insert(tx, &upload)).unwrap();
    }
    let mut turns = Vec::new();
    let mut after: Option<PartnerId> = None;
    loop {
        let lease = LeaseId::random();
        let until = now.plus(TimeDelta::minutes(1));
        let claim = UploadClaim { lease, now, until, after: after.as_ref() };
        let Some(claimed) = db.write(|tx| statement_uploads::claim(tx, &claim)).unwrap() else {
            break;
        };
        turns.push(claimed.announced.partner.to_string());
        after = Some(claimed.announced.partner);
    }
    assert_eq!(turns, ["blue-basket", "green-basket", "oak-home", "green-basket", "green-basket"]);
}

fn partners_take_turns(store: Store) {
    turns(&Trial::on(store));
}

on_both_stores!(sync partners_take_turns);
