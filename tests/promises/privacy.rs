//! Whatever is done with a person's data, none of it stands in the clear in files, backups or logs.

use std::process::{Command, Stdio};

use serde_json::json;
use tallystick::store::Db;

use crate::crash::Served;
use crate::harness::{Cluster, Partner, Store, Trial, referral, run_sql};

const NAME: &str = "Quite Unmistakable";
const PHONE: &str = "+8619955512345";
const EMAIL: &str = "unmistakable@person.invalid";
/// Another person stays: the data is there, sealed.
const STAYING_NAME: &str = "Rather Noticeable";
const STAYING_PHONE: &str = "+8619955567890";
/// What was sent where it does not belong.
const MISPLACED: &str = "+8619955554321";

/// A real process that logs all it can, into a file.
fn served(trial: &Trial) -> (Served, std::path::PathBuf) {
    let log = trial.folder.path().join("gateway.log");
    let file = std::fs::File::create(&log).unwrap();
    let tokens = |table: &str, issuer: &str, file: &str| {
        let jwks = trial.folder.path().join(file).display().to_string();
        let prefix = format!("TALLYSTICK_{table}__");
        [("ISSUER", issuer.to_owned()), ("AUDIENCE", "tallystick".to_owned()), ("JWKS", jwks)]
            .map(|(key, value)| (format!("{prefix}{key}"), value))
    };
    let mut more = vec![
        ("TALLYSTICK_LOG__LEVEL".to_owned(), "trace".to_owned()),
        ("TALLYSTICK_LOG__FORMAT".to_owned(), "json".to_owned()),
        ("TALLYSTICK_DUE_SECONDS".to_owned(), "1".to_owned()),
        ("TALLYSTICK_KEYS_SECONDS".to_owned(), "1".to_owned()),
    ];
    more.extend(tokens("CUSTOMER_TOKENS", "https://login.test", "jwks.json"));
    more.extend(tokens("STAFF_TOKENS", "https://staff.test", "staff-jwks.json"));
    let more: Vec<(&str, &str)> = more.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    (Served::start_logging(trial, &more, Stdio::from(file)), log)
}

/// Everything that is done with personal data, and what goes wrong with it.
async fn play(trial: &Trial, served: &Served) {
    let travel = served.partner(trial, "sunny-travel").await;
    let person = Partner::with_token(&served.url, &trial.customer_token("c-1"));
    let bob = Partner::with_token(&served.url, &trial.staff_token("bob", &["privacy"]));
    let reference = crate::harness::member(&person, "sunny-travel").await;
    let mut event = referral("t-1", "travel-loan", "9000.00", "old-town");
    event["data"]["contact"] = json!({ "name": NAME, "phone": PHONE, "email": EMAIL });
    event["data"]["member"] = json!(reference);
    let receipt = travel.record(&event).await;
    assert_eq!(receipt["referral"]["state"], "qualified");
    assert_eq!(travel.post(&event).await.status, 200);
    let mut erased = event.clone();
    erased["id"] = json!("t-2");
    let erased = travel.record(&erased).await;
    // Refused, each in another way.
    for (id, pointer, value) in [
        ("t-3", "/data/contact/phone", json!(MISPLACED.trim_start_matches('+'))),
        ("t-1", "/data/contact/phone", json!(MISPLACED)),
        ("t-4", "/data/amount", json!(format!("{MISPLACED}.00"))),
        ("t-5", "/data/product", json!("no-such-loan")),
    ] {
        let mut wrong = event.clone();
        wrong["id"] = json!(id);
        *wrong.pointer_mut(pointer).unwrap() = value;
        let answer = travel.post(&wrong).await;
        assert!(answer.status.is_client_error(), "{answer:?}");
        for text in [NAME, PHONE, EMAIL, MISPLACED] {
            assert!(!answer.text.contains(text), "{}", answer.text);
        }
    }
    let mut staying = referral("t-6", "travel-loan", "9000.00", "old-town");
    staying["data"]["contact"] = json!({ "name": STAYING_NAME, "phone": STAYING_PHONE });
    travel.record(&staying).await;
    let asked = json!({ "phone": PHONE, "purpose": "to answer a letter" });
    assert_eq!(bob.send("/v1/customers/data", &asked).await.status, 200);
    assert_eq!(person.get("/v1/customers/me/data").await.status, 200);
    let asked = json!({ "referral": erased["referral"]["id"], "reason": "asked by letter" });
    assert_eq!(bob.send("/v1/erasures", &asked).await.status, 201);
    let consent = receipt["referral"]["consent"].as_str().unwrap();
    let path = format!("/v1/consents/{consent}/withdrawal");
    assert_eq!(travel.send(&path, &json!({})).await.status, 201);
}

fn assert_none(place: &str, bytes: &[u8]) {
    assert!(!bytes.is_empty(), "{place} is empty");
    for secret in [NAME, PHONE, EMAIL, MISPLACED, STAYING_NAME, STAYING_PHONE] {
        let secret = secret.trim_start_matches('+').as_bytes();
        let found = bytes.windows(secret.len()).any(|window| window == secret);
        assert!(!found, "{} is in {place}", String::from_utf8_lossy(secret));
    }
}

async fn nothing_stands_in_the_clear(store: Store) {
    let trial = Trial::on(store);
    let (served, log) = served(&trial);
    play(&trial, &served).await;
    assert!(served.stop().success());
    let log = std::fs::read(log).unwrap();
    let said = String::from_utf8_lossy(&log);
    assert!(said.contains("request") && said.len() > 5_000, "{said}");
    assert_none("the log", &log);
    match trial.db() {
        Db::Sqlite(_) => {
            let backup = trial.folder.path().join("test.db.backup");
            run_sql(&trial, &format!("VACUUM INTO '{}'", backup.display())).unwrap();
            let files = std::fs::read_dir(trial.folder.path()).unwrap().flatten();
            let files = files.filter(|it| it.file_name().to_string_lossy().starts_with("test.db"));
            let mut searched = 0;
            for file in files {
                let bytes = std::fs::read(file.path()).unwrap();
                if !bytes.is_empty() {
                    assert_none(&file.path().display().to_string(), &bytes);
                    searched += 1;
                }
            }
            assert!(searched >= 2, "{searched} files searched");
        }
        Db::Postgres(_) => {
            let mut dump: Command = Cluster::shared().client("pg_dump", trial.database_name());
            let output = dump.args(["--inserts"]).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let dumped = String::from_utf8_lossy(&output.stdout);
            assert!(dumped.contains("INSERT INTO public.personal_data"), "no row is in the dump");
            assert_none("the dump", &output.stdout);
            // bytea is dumped in hexadecimal digits.
            for secret in [NAME, PHONE, EMAIL, STAYING_NAME, STAYING_PHONE] {
                let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
                assert!(!dumped.contains(&hex), "{secret} is in the dump");
            }
        }
    }
    assert_eq!(trial.findings(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_personal_data_stands_in_sqlite_s_files_backups_or_logs() {
    nothing_stands_in_the_clear(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_personal_data_stands_in_a_dump_of_postgresql_or_in_logs() {
    nothing_stands_in_the_clear(Store::Postgres).await;
}
