//! The keys of personal data are changed while the gateway works: nothing is lost, nothing waits,
//! and an older key goes once it has nothing left.

use std::process::Command;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tallystick::app::{App, AppError};
use tallystick::settings::KeyPlace;
use tallystick::store::{idempotency_keys, personal};

use crate::harness::{Answer, Partner, TestApp, Trial, referral, staff};

/// `tallystick keys …`: what it printed, or what it said against it.
fn keys(trial: &Trial, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_tallystick"))
        .arg("keys")
        .args(arguments)
        .env("DATABASE_URL", trial.settings.database_url.reveal())
        .env("TALLYSTICK_KEYS", &trial.settings.keys)
        .env("TALLYSTICK_LOG__LEVEL", "error")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    if output.status.success() { Ok(said) } else { Err(String::from_utf8(output.stderr).unwrap()) }
}

async fn with_eager_keys(app: &mut TestApp) {
    app.leads_may_wait = true; // there is no CRM in these tests
    app.trial.settings.keys_seconds = 1;
    app.restart().await;
}

fn named(number: usize) -> Value {
    let mut event = referral(&format!("t-{number}"), "travel-loan", "9000.00", "old-town");
    event["data"]["contact"]["phone"] = json!(format!("+86199000{number:05}"));
    event
}

async fn found(bob: &Partner, number: usize) -> Answer {
    let asked = json!({ "phone": format!("+86199000{number:05}"), "purpose": "a test" });
    bob.send("/v1/customers/data", &asked).await
}

/// Waits until only these keys have records.
async fn until_keys(app: &TestApp, sealing: &str, index: &str) {
    let only = |counts: &[(String, i64)], id: &str| counts.iter().all(|(key, _count)| key == id);
    for tries in 0.. {
        let mut db = app.trial.db();
        let [sealed, indexed] = personal::count_by_key(&mut db).unwrap();
        let answers = idempotency_keys::count_by_key(&mut db).unwrap();
        if only(&sealed, sealing) && only(&answers, sealing) && only(&indexed, index) {
            return;
        }
        let status = || keys(&app.trial, &["status"]).unwrap();
        assert!(tries < 1_800, "never came to {sealing} and {index}: {}", status());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

on_both_stores! {
    async fn a_new_key_takes_over_while_events_come_and_the_old_one_can_go(app) {
        with_eager_keys(app).await;
        let travel = app.partner("sunny-travel").await;
        let bob = staff(app, "bob", &["privacy"]);
        // More than one round of sealing anew takes.
        let events: Vec<Value> = (0..450).map(named).collect();
        assert_eq!(travel.post_batch(&events).await.body["outcomes"][449]["status"], 201);
        let keyed = || travel.request(Method::POST, "/v1/events").json(&events[0]).header("Idempotency-Key", "k-1");
        let first = Answer::of(keyed()).await;
        assert_eq!(first.status, 200);
        assert!(keys(&app.trial, &["retire", "personal-1"]).is_err());
        let said = keys(&app.trial, &["rotate", "--wait", "3"]).unwrap();
        assert!(said.starts_with("personal-2"), "{said}");
        let said = keys(&app.trial, &["status"]).unwrap();
        assert!(said.contains("personal-1") && said.contains("contacts 450"), "{said}");
        assert!(keys(&app.trial, &["rotate"]).unwrap_err().contains("personal-2"));
        // Nothing stops meanwhile.
        for number in 450..500 {
            travel.record(&named(number)).await;
            assert_eq!(found(&bob, number).await.status, 200);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        until_keys(app, "personal-2", "index-1").await;
        for number in [0, 200, 449, 499] {
            assert_eq!(found(&bob, number).await.body["referrals"][0]["contact"]["name"], "Test Person");
        }
        let again = Answer::of(keyed()).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body));
        assert_eq!(again.headers["idempotency-replayed"], "true");
        let said = keys(&app.trial, &["status"]).unwrap();
        assert!(said.contains("contacts 500") && said.contains("nothing is left to do"), "{said}");
        assert!(keys(&app.trial, &["retire", "personal-2"]).unwrap_err().contains("still has"));
        assert!(keys(&app.trial, &["retire", "personal-1"]).unwrap().contains("gone"));
        // Readings of the program itself are on record too.
        let readings = bob.get("/v1/readings?limit=100").await.body.to_string();
        assert!(readings.contains("\"reseal\""), "{readings}");
        app.restart().await;
        assert_eq!(found(&staff(app, "bob", &["privacy"]), 7).await.status, 200);
    }
}

on_both_stores! {
    async fn who_was_indexed_with_an_older_key_is_found_before_and_after(app) {
        with_eager_keys(app).await;
        let travel = app.partner("sunny-travel").await;
        for number in 0..3 {
            travel.record(&named(number)).await;
        }
        keys(&app.trial, &["rotate", "--index", "--wait", "0"]).unwrap();
        let bob = staff(app, "bob", &["privacy"]);
        // Whose referral a person is holds whichever key was the current one.
        let again = async |number: usize, time: &str| {
            let mut event = named(number);
            event["id"] = json!(format!("again-{number}-{time}"));
            travel.record(&event).await["referral"]["state"].clone()
        };
        assert_eq!(again(0, "at-once").await, "duplicate");
        for _ in 0..20 {
            assert_eq!(found(&bob, 1).await.status, 200);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        until_keys(app, "personal-1", "index-2").await;
        travel.record(&named(3)).await;
        for number in 0..4 {
            assert_eq!(found(&bob, number).await.status, 200);
        }
        assert!(keys(&app.trial, &["retire", "index-1"]).unwrap().contains("gone"));
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(found(&bob, 0).await.status, 200);
        for number in 0..4 {
            assert_eq!(again(number, "in-the-end").await, "duplicate");
        }
    }
}

on_both_stores! {
    async fn keys_may_come_from_a_command_and_a_set_of_others_is_refused(app) {
        app.leads_may_wait = true; // there is no CRM in this test
        app.partner("sunny-travel").await.record(&named(0)).await;
        let path = app.trial.settings.keys.display().to_string();
        let printed = |command: &[&str]| KeyPlace::Command {
            command: command.iter().map(|it| (*it).to_owned()).collect(),
            seconds_max: 5,
        };
        app.trial.settings.key_source = printed(&["/bin/cat", &path]);
        app.restart().await;
        assert_eq!(found(&staff(app, "bob", &["privacy"]), 0).await.status, 200);
        let mut other = app.trial.settings.clone();
        other.key_source = printed(&["/bin/false"]);
        let refused = App::start(other.clone()).await.err().unwrap();
        assert!(matches!(refused, AppError::Keys(_)), "{refused}");
        // A key set that lacks the key with which data was sealed.
        let text = std::fs::read_to_string(&path).unwrap().replace("personal-1", "personal-9");
        let elsewhere = app.trial.folder.path().join("other.keys");
        std::fs::write(&elsewhere, text).unwrap();
        other.key_source = printed(&["/bin/cat", elsewhere.to_str().unwrap()]);
        let refused = App::start(other).await.err().unwrap();
        assert!(matches!(refused, AppError::OtherKeys(_)), "{refused}");
    }
}
