//! A statement comes in parts that can be resumed, by its partner or by staff, and is the statement that it
//! would have been by any other way.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::crash::Served;
use crate::harness::{Answer, Partner, Store, Trial, count, wait_for};
use crate::reconcile::{STATEMENTS, clerk, hand_in, line, statement};

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
