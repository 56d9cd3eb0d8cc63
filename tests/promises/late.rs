//! A date that a partner writes opens nothing: what comes too late waits for people, and the bank's own
//! history is brought in by an operator who says who and why.

use std::process::Command;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tallystick::clock;

use crate::exposure::{decide, get};
use crate::harness::{Store, TestApp, Trial, count, customer, member, payment, staff, until};

fn ago(id: &str, member: &str, days: i64) -> Value {
    let mut event = payment(id, member, "100.00", "0.00");
    event["time"] = json!(clock::now().minus(TimeDelta::days(days)).to_string());
    event
}

fn marks(receipt: &Value) -> &Value {
    &receipt["marks"]
}

async fn what_comes_later_than_agreed_is_held_and_judged_by_its_date_once_accepted(store: Store) {
    Trial::bounded_on(store)
        .run(async |app: &mut TestApp| {
            let person = customer(app, "c-1");
            let reference = member(&person, "green-basket").await;
            let shop = app.partner("green-basket").await;
            assert_eq!(marks(&shop.record(&ago("p-1", &reference, 7)).await), &json!([]));
            let late = shop.record(&ago("p-2", &reference, 8)).await;
            assert_eq!(marks(&late), &json!(["held"]));
            let why = &late["explanation"][0];
            assert_eq!((&why["reason"], &why["days_late"]), (&json!("held_late"), &json!(8)));
            // The programme lets the co-operative's manifest say 45.
            let village = app.partner("golden-field").await;
            assert_eq!(marks(&village.record(&ago("p-1", "m-1", 45)).await), &json!([]));
            assert_eq!(marks(&village.record(&ago("p-2", "m-1", 46)).await), &json!(["held"]));
            // A reservation runs from the recording, whatever the date.
            let trip = app.partner("trip-basket").await;
            let other = member(&person, "trip-basket").await;
            trip.record(&ago("p-1", &other, 7)).await;
            until(&person, "100.00", "100.00").await;
            let clerk = staff(app, "ann", &["read", "decide"]);
            let list = get(&clerk, "/v1/held-events?partner=green-basket").await;
            assert_eq!(list["held_events"][0]["rule"], "late");
            let done = decide(&clerk, &list["held_events"][0], "release").await;
            assert_eq!(done.status, 200, "{done:?}");
            until(&person, "200.00", "100.00").await;
        })
        .await;
}

on_both_stores!(what_comes_later_than_agreed_is_held_and_judged_by_its_date_once_accepted);

async fn history_is_judged_by_its_dates_and_leaves_a_trail(store: Store) {
    let trial = Trial::bounded_on(store);
    let file = trial.folder.path().join("old.csv");
    let text = "payment_id,household,store,occurred_at,gross,discount,paid\n\
                1,7,s,2017-03-01T10:00:00Z,9000.00,0.00,9000.00\n";
    std::fs::write(&file, text).unwrap();
    let import = |more: &[&str]| {
        let out = Command::new(env!("CARGO_BIN_EXE_tallystick"))
            .current_dir(trial.folder.path())
            .args(["import", "payments", "old.csv", "--partner", "green-basket"])
            .args(more)
            .env("DATABASE_URL", trial.settings.database_url.reveal())
            .env("TALLYSTICK_PARTNERS", &trial.settings.partners)
            .env("TALLYSTICK_KEYS", &trial.settings.keys)
            .env("TALLYSTICK_LOG__LEVEL", "error")
            .output()
            .unwrap();
        out.status.success()
    };
    assert!(!import(&["--history"]), "without a name and a reason it is refused");
    assert!(!import(&["--history", "--by", " ", "--reason", "x"]));
    let trail = "SELECT COUNT(*) AS count FROM history_imports \
                 WHERE by_whom = 'ann' AND because = 'the first half of 2017'";
    assert_eq!(count(&trial, trail), 0);
    assert!(import(&["--history", "--by", "ann", "--reason", "the first half of 2017"]));
    assert_eq!(count(&trial, trail), 1);
    let held = "SELECT COUNT(*) AS count FROM held_events";
    assert_eq!(count(&trial, held), 0);
    let points = "SELECT CAST(SUM(available) AS BIGINT) AS count FROM lots";
    assert_eq!(count(&trial, points), 900_000);
    // The same file as a daily one is known already; another line of that age is held.
    std::fs::write(&file, text.replace("\n1,7", "\n2,7")).unwrap();
    assert!(import(&[]));
    assert_eq!(count(&trial, held), 1);
    assert_eq!(trial.findings(), []);
}

on_both_stores!(history_is_judged_by_its_dates_and_leaves_a_trail);
