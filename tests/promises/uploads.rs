//! A partner's daily file, uploaded in parts by anybody's client, becomes the same events as API calls
//! would have made. Each is recorded once, whatever breaks off. Each line that is refused has a reason.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tallystick::clock;
use tallystick::ids::ImportId;
use tallystick::store::{imports, proof};

use crate::as_of::printed;
use crate::crash::Served;
use crate::harness::{Answer, Partner, Store, Trial, cloud_event};

const HEADER: &str = "payment_id,household,store,occurred_at,gross,discount,paid\n";

fn line(number: usize) -> String {
    let (minute, second) = (number / 60 % 60, number % 60);
    format!(
        "{number},m-{},{},2026-11-{:02}T{:02}:{minute:02}:{second:02}Z,{}.50,0.00,{}.50\n",
        number % 9,
        330 + number % 3,
        1 + number / 3_600 / 24 % 28,
        number / 3_600 % 24,
        10 + number % 80,
        10 + number % 80,
    )
}

pub fn file(lines: usize) -> String {
    HEADER.to_owned() + &(1..=lines).map(line).collect::<String>()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(text).unwrap();
    packer.finish().unwrap()
}

fn tus(partner: &Partner, method: &str, path: &str) -> RequestBuilder {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    partner.request(method, path).header("tus-resumable", "1.0.0")
}

fn metadata(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().map(|(key, value)| format!("{key} {}", STANDARD.encode(value)));
    pairs.collect::<Vec<_>>().join(",")
}

pub async fn begin(partner: &Partner, bytes: usize, pairs: &[(&str, &str)]) -> Answer {
    let request = tus(partner, "POST", "/v1/uploads").header("upload-length", bytes);
    Answer::of(request.header("upload-metadata", metadata(pairs))).await
}

fn append(partner: &Partner, url: &str, offset: usize, part: &[u8]) -> RequestBuilder {
    tus(partner, "PATCH", url)
        .header("upload-offset", offset)
        .header("content-type", "application/offset+octet-stream")
        .body(part.to_vec())
}

/// Uploads a whole file at once; the path of its import.
pub async fn upload(partner: &Partner, content: &[u8], pairs: &[(&str, &str)]) -> String {
    let begun = begin(partner, content.len(), pairs).await;
    assert_eq!(begun.status, 201, "{}", begun.text);
    if content.is_empty() {
        return begun.headers["content-location"].to_str().unwrap().to_owned();
    }
    let url = begun.headers["location"].to_str().unwrap().to_owned();
    let answer = Answer::of(append(partner, &url, 0, content)).await;
    assert_eq!(answer.status, 204, "{}", answer.text);
    answer.headers["content-location"].to_str().unwrap().to_owned()
}

/// Waits until an import has ended.
pub async fn ended(partner: &Partner, import: &str) -> Value {
    for tries in 0.. {
        assert!(tries < 1_200, "{import} does not end");
        let answer = partner.get(import).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        if answer.body["ended_at"].is_string() {
            return answer.body;
        }
        assert_eq!(answer.headers["retry-after"], "1");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Value::Null
}

fn counts(import: &Value) -> [u64; 4] {
    ["read", "recorded", "recorded_before", "rejected"]
        .map(|name| import["lines"][name].as_u64().unwrap())
}

fn tool(url: &str, token: &str, path: &Path, more: &[&str]) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = std::process::Command::new(root.join(".tools/venv/bin/python"))
        .arg(root.join("tests/tools/tus_client.py"))
        .args([url, token, path.to_str().unwrap()])
        .args(more)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

pub const DAY: [(&str, &str); 1] = [("business_date", "2026-11-23")];

on_both_stores! {
    async fn another_makers_client_uploads_a_file_breaks_off_and_resumes(app) {
        let shop = app.partner("green-basket").await;
        let text = file(700)
            + "701,m-1,朝阳门店,2026-11-01T10:00:00Z,1.00,0.00,1.00\n"
            + "702,m-1,330,2026-11-01T10:00:00Z,1.09,0.10,0.98\n"
            + "703,m-1\n";
        let (chinese, _, _) = encoding_rs::GB18030.encode(&text);
        let path = app.trial.folder.path().join("日报.csv.gz");
        std::fs::write(&path, gzip(&chinese)).unwrap();
        let (url, token, at) = (app.url(), shop.token.clone(), path.clone());
        let said = tokio::task::spawn_blocking(move || tool(&url, &token, &at, &["2026-11-23"]));
        let said = said.await.unwrap();
        assert_eq!((&said["stopped_at"], &said["damaged"]), (&said["resumed_at"], &json!(460)));
        assert_eq!(said["offset"], said["size"]);
        let id = said["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let import = ended(&shop, &format!("/v1/imports/{id}")).await;
        assert_eq!(import["state"], "done", "{import}");
        assert_eq!(counts(&import), [703, 701, 0, 2]);
        assert_eq!((&import["charset"], &import["packed"]), (&json!("gb18030"), &json!(true)));
        assert_eq!(import["file_name"], "日报.csv.gz");
        let rejects = shop.get(&format!("/v1/imports/{id}/rejects")).await;
        let lines: Vec<&str> = rejects.text.lines().collect();
        assert_eq!(lines[0], format!("line,reason,{}", HEADER.trim_end()));
        assert_eq!(lines[1], "703,/data/paid: gross - discount must equal paid,702,m-1,330,2026-11-01T10:00:00Z,1.09,0.10,0.98");
        assert_eq!(lines[2], "704,2 fields where the header has 7,703,m-1,,,,,");
        assert_eq!(lines.len(), 3);
        // What the file held is gone.
        let id = ImportId::try_from(id.as_str()).unwrap();
        assert!(imports::read_part(&mut app.trial.db(), id, 0).unwrap().is_none());
        assert_eq!(shop.get("/v1/events/700").await.status, 200);
    }
}

on_both_stores! {
    async fn the_same_file_of_a_day_is_taken_in_once(app) {
        let shop = app.partner("green-basket").await;
        let content = file(30);
        let first = ended(&shop, &upload(&shop, content.as_bytes(), &DAY).await).await;
        assert_eq!(counts(&first), [30, 30, 0, 0]);
        let again = ended(&shop, &upload(&shop, content.as_bytes(), &DAY).await).await;
        assert_eq!((&again["state"], &again["duplicate_of"]), (&json!("done"), &first["id"]));
        assert_eq!(counts(&again), [0, 0, 0, 0]);
        // For another day it is another file, whose events are known.
        let next = [("business_date", "2026-11-24")];
        let other = ended(&shop, &upload(&shop, content.as_bytes(), &next).await).await;
        assert_eq!(counts(&other), [30, 0, 30, 0]);
        assert_eq!(other["sha256"], first["sha256"]);
        let hash = first["sha256"].as_str().unwrap();
        let longer = file(31);
        let wrong = [("business_date", "2026-11-25"), ("sha256", hash)];
        let failed = ended(&shop, &upload(&shop, longer.as_bytes(), &wrong).await).await;
        assert_eq!(failed["failure"], "the file's SHA-256 is not the one that was declared");
        // Newest first, a page at a time.
        let page = shop.get("/v1/imports?limit=3").await.body;
        assert_eq!(page["imports"][0]["id"], failed["id"]);
        let next = page["next"].as_str().unwrap();
        let rest = shop.get(&format!("/v1/imports?limit=3&cursor={next}")).await.body;
        assert_eq!(rest, json!({ "imports": [first] }));
        assert_eq!(app.partner("blue-basket").await.get("/v1/imports").await.body, json!({ "imports": [] }));
    }
}

on_both_stores! {
    async fn the_protocol_is_kept_to_and_an_upload_is_its_partners_alone(app) {
        let shop = app.partner("green-basket").await;
        let begun = begin(&shop, 10, &DAY).await;
        assert_eq!((begun.status.as_u16(), &begun.headers["tus-resumable"]), (201, &"1.0.0".parse().unwrap()));
        assert!(begun.headers["upload-expires"].to_str().unwrap().ends_with(" GMT"));
        let url = begun.headers["location"].to_str().unwrap();
        assert_eq!(Answer::of(append(&shop, url, 0, b"abcd")).await.headers["upload-offset"], "4");
        let head = Answer::of(tus(&shop, "HEAD", url)).await;
        assert_eq!((&head.headers["upload-offset"], &head.headers["upload-length"]), (&"4".parse().unwrap(), &"10".parse().unwrap()));
        assert_eq!(head.headers["cache-control"], "no-store");
        let told = |request: RequestBuilder| async move {
            let answer = Answer::of(request).await;
            assert_eq!(answer.headers["tus-resumable"], "1.0.0");
            let (status, slug) = answer.told();
            (status, slug.to_owned())
        };
        let conflict = (409, "upload-conflict".to_owned());
        assert_eq!(told(append(&shop, url, 0, b"abcd")).await, conflict);
        assert_eq!(told(append(&shop, url, 4, b"1234567")).await, (413, "too-large".to_owned()));
        let no_version = shop.request(Method::POST, "/v1/uploads").header("upload-length", 1);
        let answer = Answer::of(no_version).await;
        assert_eq!(answer.told(), (412, "tus-version"));
        assert_eq!(answer.headers["tus-version"], "1.0.0");
        let media = tus(&shop, "PATCH", url).header("upload-offset", 4).body("x");
        assert_eq!(told(media).await, (415, "media-type".to_owned()));
        let other = app.partner("blue-basket").await;
        for method in ["HEAD", "DELETE"] {
            assert_eq!(Answer::of(tus(&other, method, url)).await.status, 404);
        }
        assert_eq!(told(append(&other, url, 4, b"x")).await, (404, "not-found".to_owned()));
        let import = url.replace("uploads", "imports");
        assert_eq!(other.get(&import).await.status, 404);
        assert_eq!(other.get(&format!("{import}/rejects")).await.status, 404);
        assert_eq!(shop.get(&import).await.body["bytes_received"], 4);
        assert_eq!(told(tus(&app.partner("lotus-tea").await, "HEAD", url)).await.0, 403);
        assert_eq!(Answer::of(tus(&shop, "DELETE", url)).await.status, 204);
        assert_eq!(Answer::of(tus(&shop, "HEAD", url)).await.status, 404);
        let options = reqwest::Client::new().request(Method::OPTIONS, app.url() + "/v1/uploads");
        let options = Answer::of(options).await;
        assert_eq!(options.headers["tus-extension"], "creation,termination,checksum,expiration");
        assert_eq!(options.headers["tus-version"], "1.0.0");
        let too_large = begin(&shop, 1 << 30, &DAY).await;
        assert_eq!(too_large.told(), (413, "too-large"));
        assert_eq!(begin(&shop, 1, &[]).await.told(), (400, "parameter"));
        let signed = app.partner("signed-basket").await;
        assert_eq!(begin(&signed, 1, &DAY).await.told(), (403, "signature-required"));
    }
}

on_both_stores! {
    async fn what_a_file_holds_is_sealed_and_goes_when_it_is_not_whole_in_time(app) {
        let shop = app.partner("green-basket").await;
        let begun = begin(&shop, 1_000, &DAY).await;
        let url = begun.headers["location"].to_str().unwrap();
        Answer::of(append(&shop, url, 0, b"household-4711")).await;
        let id = ImportId::try_from(url.rsplit('/').next().unwrap()).unwrap();
        let mut db = app.trial.db();
        let sealed = imports::read_part(&mut db, id, 0).unwrap().unwrap();
        assert!(!sealed.bytes.windows(9).any(|window| window == b"household"));
        let tomorrow = clock::now().plus(chrono::TimeDelta::hours(24));
        assert_eq!(imports::forget_expired(&mut db, tomorrow, 10).unwrap(), 1);
        assert!(imports::read_part(&mut db, id, 0).unwrap().is_none());
        assert_eq!(Answer::of(tus(&shop, "HEAD", url)).await.status, 404);
    }
}

/// A month by the API, and the same in a file: the same journal, but for what each run makes up.
async fn a_month_is_the_same_ledger_by_the_api_and_by_file(store: Store) {
    let lines = 400_u16;
    let (by_api, by_file) = (Trial::on(store), Trial::on(store));
    let app = by_api.start().await;
    let shop = app.partner("green-basket").await;
    let events: Vec<Value> = (1..=lines).map(|number| event(&line(number.into()))).collect();
    for batch in events.chunks(150) {
        let answer = shop.post_batch(batch).await;
        assert!(answer.body["outcomes"].as_array().unwrap().iter().all(|it| it["status"] == 201));
    }
    let receipt = shop.get("/v1/events/77").await.body;
    let by_api = Box::pin(app.stop()).await;
    let app = by_file.start().await;
    let shop = app.partner("green-basket").await;
    let import = upload(&shop, file(lines.into()).as_bytes(), &DAY).await;
    assert_eq!(counts(&ended(&shop, &import).await), [lines.into(), lines.into(), 0, 0]);
    let same = shop.get("/v1/events/77").await.body;
    for part in ["postings", "explanation", "effective_at", "event", "marks"] {
        assert_eq!(receipt[part], same[part], "{part}");
    }
    let by_file = Box::pin(app.stop()).await;
    let (one, other) = (journal(&by_api), journal(&by_file));
    assert_eq!(one.len(), other.len());
    assert!(one.len() > usize::from(lines) * 2, "{} entries", one.len());
    assert_eq!(one, other);
    assert_eq!((by_api.findings(), by_file.findings()), (Vec::new(), Vec::new()));
}

fn event(line: &str) -> Value {
    let fields: Vec<&str> = line.trim_end().split(',').collect();
    let data = json!({
        "member": fields[1], "order": fields[0], "store": fields[2], "currency": "CNY",
        "gross": fields[4], "discount": fields[5], "paid": fields[6],
    });
    cloud_event(fields[0], "payment.discounted", fields[3], data)
}

/// The exported entries by when they happened, without ids, with customers in the order of their
/// first payments.
fn journal(trial: &Trial) -> Vec<String> {
    let csv = printed(trial, &["export", "--format", "csv"]);
    let mut rows: Vec<Vec<String>> = csv
        .lines()
        .skip(1)
        .map(|row| row.split(',').map(str::to_owned).collect::<Vec<_>>())
        .collect();
    // transaction, seq, kind, account, owner_kind, owner, asset, amount, rule, effective, recorded
    rows.sort_by(|a, b| (&a[9], a[1].parse::<u32>().unwrap()).cmp(&(&b[9], b[1].parse().unwrap())));
    let mut customers: Vec<String> = Vec::new();
    let named = rows.into_iter().map(|row| {
        let owner = if row[4] == "customer" {
            let known = customers.iter().position(|id| *id == row[5]);
            let number = known.unwrap_or_else(|| {
                customers.push(row[5].clone());
                customers.len() - 1
            });
            format!("customer-{number}")
        } else {
            row[5].clone()
        };
        [&row[1..5], &[owner], &row[6..10]].concat().join(",")
    });
    named.collect()
}

on_both_stores!(a_month_is_the_same_ledger_by_the_api_and_by_file);

async fn a_file_goes_on_where_a_gateway_was_killed(store: Store) {
    let trial = Trial::on(store);
    let lines = 12_000_u16;
    let short = [("TALLYSTICK_IMPORT_LEASE_SECONDS", "2")];
    let served = Served::start(&trial, &short);
    let shop = served.partner(&trial, "green-basket").await;
    let import = upload(&shop, &gzip(file(lines.into()).as_bytes()), &DAY).await;
    let mut read = 0;
    while read == 0 {
        read = shop.get(&import).await.body["lines"]["read"].as_u64().unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    served.kill();
    assert!(read < u64::from(lines), "all was done before anything was killed");
    let served = Served::start(&trial, &short);
    let shop = served.partner(&trial, "green-basket").await;
    let import = ended(&shop, &import).await;
    assert_eq!(import["state"], "done", "{import}");
    let [all, recorded, before, rejected] = counts(&import);
    assert_eq!((all, recorded + before, rejected), (lines.into(), lines.into(), 0));
    // At most the group that was under way.
    assert!(before <= 200, "{before}");
    assert!(served.stop().success());
    assert_eq!(proof::counts(&mut trial.db()).unwrap().events, i64::from(lines));
    assert_eq!(trial.findings(), []);
}

on_both_stores!(a_file_goes_on_where_a_gateway_was_killed);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_taken_in_says_why() {
    let mut trial = Trial::on(Store::Sqlite);
    trial.settings.unpacked_bytes_max = 1_000_000;
    trial
        .run(async |app| {
            let shop = app.partner("green-basket").await;
            let quote = [HEADER, "1,\"", &"x".repeat(300_000), "\n"].concat();
            let cut = gzip(file(500).as_bytes());
            let cases: [(&str, Vec<u8>, &str); 6] = [
                (
                    "01",
                    gzip(&vec![b'0'; 300_000_000]),
                    "unpacked the file has more than 1000000 bytes",
                ),
                ("02", quote.into_bytes(), "is a quote left open?"),
                ("03", b"a,b,c\n1,2,3\n".to_vec(), "the file has no column \"payment_id\""),
                ("04", cut[..cut.len() / 2].to_vec(), "the file cannot be read"),
                ("05", Vec::new(), "the file is empty"),
                ("06", [b"\xff\xfe", HEADER.as_bytes()].concat(), "UTF-16"),
            ];
            for (day, content, why) in cases {
                let date = format!("2026-11-{day}");
                let pairs = [("business_date", date.as_str())];
                let import = if content.is_empty() {
                    let begun = begin(&shop, 0, &pairs).await;
                    begun.headers["location"].to_str().unwrap().replace("uploads", "imports")
                } else {
                    upload(&shop, &content, &pairs).await
                };
                let import = ended(&shop, &import).await;
                assert_eq!(import["state"], "failed", "{import}");
                let failure = import["failure"].as_str().unwrap();
                assert!(failure.contains(why), "{failure}");
            }
            let travel = app.partner("sunny-travel").await;
            let import = ended(&travel, &upload(&travel, b"x\n", &DAY).await).await;
            assert!(import["failure"].as_str().unwrap().contains("[import.payments]"));
        })
        .await;
}

#[test]
fn a_file_from_the_command_line_may_be_in_gb18030_too() {
    let trial = Trial::on(Store::Sqlite);
    let text = "payment_id,household,店名,occurred_at,gross,discount,paid\n\
                1,m-1,朝阳门店,2026-11-01T10:00:00Z,1.00,0.00,1.00\n";
    let manifest = trial.settings.partners.join("green-basket/partner.toml");
    let mapped = std::fs::read_to_string(&manifest).unwrap().replace("store = \"store\"", "");
    std::fs::write(&manifest, mapped).unwrap();
    let path: PathBuf = trial.folder.path().join("day.csv");
    std::fs::write(&path, encoding_rs::GB18030.encode(text).0).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_tallystick"))
        .current_dir(trial.folder.path())
        .args(["import", "payments", "day.csv", "--partner", "green-basket"])
        .env("DATABASE_URL", trial.settings.database_url.reveal())
        .env("TALLYSTICK_PARTNERS", &trial.settings.partners)
        .env("TALLYSTICK_KEYS", &trial.settings.keys)
        .env("TALLYSTICK_LOG__LEVEL", "error")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("1 recorded, 0 recorded before, 0 rejected"), "{said}");
}
