//! A partner whose key was stolen is frozen in one step: nothing of what it reported since may be spent
//! or paid, and what it reports from then on waits.

use std::time::Duration;

use serde_json::{Value, json};
use tallystick::clock;

use crate::exposure::{decide, get, hold_points, now};
use crate::harness::{Store, TestApp, Trial, count, customer, member, payment, staff, until};

fn subsidised(id: &str, member: &str) -> Value {
    let mut event = payment(id, member, "250.00", "30.00");
    event["data"]["scheme"] = json!("spend-200-save-30");
    now(event)
}

async fn a_freeze_holds_what_was_reported_since_and_all_that_comes(store: Store) {
    Trial::bounded_on(store)
        .run(async |app: &mut TestApp| {
            let person = customer(app, "c-1");
            let reference = member(&person, "green-basket").await;
            let shop = app.partner("green-basket").await;
            let other = app.partner("blue-basket").await;
            shop.record(&now(payment("p-1", &reference, "100.00", "0.00"))).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            let stolen = clock::now();
            shop.record(&subsidised("p-2", &reference)).await;
            until(&person, "320.00", "0.00").await;
            let owed = "SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) AS count FROM accounts \
                        WHERE code = 'subsidy_payable'";
            assert_eq!(count(&app.trial, owed), 1_800);

            let clerk = staff(app, "ann", &["read", "decide"]);
            let path = "/v1/partners/green-basket/freeze";
            let body = json!({ "reason": "the key was stolen", "since": stolen.to_string() });
            let frozen = clerk.send(path, &body).await;
            assert_eq!(frozen.status, 200, "{frozen:?}");
            assert_eq!(clerk.send(path, &body).await.told(), (409, "freeze-state"));
            assert_eq!(clerk.send("/v1/partners/none/freeze", &body).await.status, 404);
            assert_eq!(get(&clerk, "/v1/freezes").await["freezes"][0]["frozen_by"], "ann");
            assert_eq!(count(&app.trial, owed), 0, "nothing of it is payable");

            // What was earned before may be spent, elsewhere too; what came since may not.
            let too_much = hold_points(&other, &person, "h-1", "100.01").await;
            assert_eq!(too_much.told(), (422, "points-insufficient"));
            assert_eq!(hold_points(&other, &person, "h-2", "100.00").await.status, 201);
            let later = shop.record(&subsidised("p-3", &reference)).await;
            assert_eq!(later["marks"], json!(["held"]));
            let says = later["explanation"][0]["says"].as_str().unwrap();
            assert!(says.contains("the bank has frozen the partner since"), "{says}");
            let list = get(&clerk, "/v1/held-events").await;
            let waits = &list["held_events"][0];
            assert_eq!(decide(&clerk, waits, "release").await.told(), (409, "freeze-state"));

            let end = clerk.send(&format!("{path}/end"), &json!({ "reason": "a new key" })).await;
            assert_eq!(end.status, 200, "{end:?}");
            assert_eq!(count(&app.trial, owed), 1_800);
            assert_eq!(decide(&clerk, waits, "release").await.status, 200);
            assert_eq!(count(&app.trial, owed), 3_600);
        })
        .await;
}

on_both_stores!(a_freeze_holds_what_was_reported_since_and_all_that_comes);

async fn a_freeze_in_a_flood_leaves_nothing_payable(store: Store) {
    let trial = Trial::bounded_on(store);
    let settings = trial.settings.clone();
    trial
        .run(async |app: &mut TestApp| {
            let second = tallystick::app::App::start(settings.clone()).await.unwrap();
            let shop = app.partner("green-basket").await;
            let mut there = shop.clone();
            there.url = format!("http://{}", second.address());
            // What an honest customer earned elsewhere is theirs, whatever comes.
            let honest = customer(app, "c-1");
            let (other, third) =
                (app.partner("blue-basket").await, app.partner("brief-basket").await);
            let reference = member(&honest, "blue-basket").await;
            other.record(&now(payment("p-1", &reference, "77.70", "0.00"))).await;
            let start = clock::now();
            let mut waiting = Vec::new();
            for number in 0..300 {
                let shop = if number % 2 == 0 { shop.clone() } else { there.clone() };
                let event = subsidised(&format!("p-{number}"), &format!("m-{number}"));
                waiting.push(tokio::spawn(async move { shop.record(&event).await }));
            }
            let clerk = staff(app, "ann", &["read", "decide"]);
            let body = json!({ "reason": "a flood", "since": start.to_string() });
            let frozen = clerk.send("/v1/partners/green-basket/freeze", &body).await;
            assert_eq!(frozen.status, 200, "{frozen:?}");
            let mut held = 0;
            for one in waiting {
                let receipt = one.await.unwrap();
                let is_held = receipt["marks"] == json!(["held"]);
                held += i64::from(is_held);
                let why = &receipt["explanation"][0];
                let said = why["says"].as_str().unwrap().starts_with("Held until the bank decides");
                assert_eq!(is_held, said, "{receipt}");
                assert_eq!(is_held, why["says_zh"].as_str().unwrap().starts_with("搁置"));
            }
            // Nor is anything that comes by the other gateway afterwards.
            let late = there.record(&subsidised("late", "m-late")).await;
            assert_eq!(late["marks"], json!(["held"]), "{late}");
            held += 1;
            let owed = "SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) AS count FROM accounts \
                        WHERE code IN ('subsidy_payable', 'redemption_payable')";
            assert_eq!(count(&app.trial, owed), 0);
            until(&honest, "77.70", "0.00").await;
            assert_eq!(hold_points(&third, &honest, "h-1", "77.70").await.status, 201);
            second.stop().await;
            let rows = "SELECT COUNT(*) AS count FROM held_events";
            assert_eq!(count(&app.trial, rows), held);
        })
        .await;
}

on_both_stores!(a_freeze_in_a_flood_leaves_nothing_payable);
