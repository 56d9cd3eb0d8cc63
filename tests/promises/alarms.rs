//! The bank is told at its own address when events of a partner begin to be held, and when staff freeze
//! a partner: once for each alarm, signed, in both languages. Metrics show what waits.

use std::path::Path;

use serde_json::{Value, json};
use tallystick::settings::{AlarmSettings, Secret};

use crate::exposure::{decide, get, now};
use crate::harness::{
    Answer, Simulator, Store, TestApp, Trial, count, customer, member, payment, staff, wait_for,
};

const SECRET: &str = "whsec_dGhpcyBpcyBhIHNlY3JldCBvZiB0ZXN0cyBvbmx5";

/// A trial by the shipped bounds whose bank has an address for alarms.
fn trial(store: Store, receiver: &Simulator) -> Trial {
    let mut trial = Trial::with_sandbox_on(store);
    trial.edit("green-basket", "status = \"sandbox\"", "status = \"full\"");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("partners/programme.toml");
    std::fs::copy(shipped, trial.settings.partners.join("programme.toml")).unwrap();
    let (url, secret) = (format!("{}/alarms", receiver.url), Secret::new(SECRET.to_owned()));
    trial.settings.alarms = Some(AlarmSettings { url, secret });
    trial.settings.metrics.listen = Some("127.0.0.1:0".parse().unwrap());
    trial
}

/// Waits until the bank was told so often, and returns all of it.
async fn until_told(receiver: &Simulator, times: usize) -> Vec<Value> {
    wait_for("alarms", async || {
        let told = receiver.order(json!({ "do": "records" })).await["alarms"].clone();
        Some(told.as_array().unwrap().clone()).filter(|told| told.len() >= times)
    })
    .await
}

async fn metrics(app: &TestApp) -> String {
    reqwest::get(app.metrics_url()).await.unwrap().text().await.unwrap()
}

async fn the_bank_is_told_of_an_alarm_once_and_of_freezes(store: Store) {
    let receiver = Simulator::start("crm_receiver.py", &[SECRET]);
    // The first does not arrive, and is sent again under its id.
    receiver.fails(json!(503)).await;
    trial(store, &receiver)
        .run(async |app: &mut TestApp| {
            let person = customer(app, "c-1");
            let reference = member(&person, "green-basket").await;
            let shop = app.partner("green-basket").await;
            shop.record(&now(payment("p-1", &reference, "2500.00", "0.00"))).await;
            for id in ["p-2", "p-3", "p-4"] {
                shop.record(&now(payment(id, &reference, "600.00", "0.00"))).await;
            }
            let told = until_told(&receiver, 1).await;
            assert_eq!(told[0]["type"], "alarm.began", "{told:?}");
            let about = &told[0]["data"];
            let seen = ["partner", "rule", "figure", "limit"].map(|name| about[name].clone());
            assert_eq!(seen, ["green-basket", "customer-points-day", "3100.00", "3000.00"]);
            let (says, says_zh) = (about["says"].to_string(), about["says_zh"].to_string());
            assert!(says.contains("would come to 3100.00 points"), "{says}");
            assert!(says_zh.contains("超过上限3000.00分"), "{says_zh}");
            assert!(!told[0].to_string().contains(&reference), "no member is named");

            let samples = metrics(app).await;
            let labels = "{partner_kind=\"supermarket\",rule=\"customer-points-day\"}";
            for line in ["alarms", "held_events"].map(|name| format!("tallystick_{name}{labels} "))
            {
                assert!(samples.contains(&line), "{line}: {samples}");
            }
            assert!(samples.contains(&format!("tallystick_held_events{labels} 3")), "{samples}");
            assert!(samples.contains("tallystick_held_oldest_timestamp_seconds{"), "{samples}");

            let clerk = staff(app, "ann", &["read", "decide"]);
            let path = "/v1/partners/green-basket/freeze";
            let frozen = clerk.send(path, &json!({ "reason": "a stolen key" })).await;
            assert_eq!(frozen.status, 200, "{frozen:?}");
            // Held by another rule: another alarm, and again told once.
            for id in ["p-5", "p-6"] {
                shop.record(&now(payment(id, &reference, "1.00", "0.00"))).await;
            }
            let end = clerk.send(&format!("{path}/end"), &json!({ "reason": "a new key" })).await;
            assert_eq!(end.status, 200, "{end:?}");
            let told = until_told(&receiver, 4).await;
            let kinds: Vec<_> = told.iter().map(|it| it["type"].as_str().unwrap()).collect();
            assert_eq!(kinds, ["alarm.began", "partner.frozen", "alarm.began", "partner.unfrozen"]);
            let text = serde_json::to_string(&told).unwrap();
            assert!(!text.contains("stolen key"), "what staff wrote stays in the house: {text}");
            let queued = "SELECT COUNT(*) AS count FROM outbox WHERE destination = 'bank'";
            assert_eq!(count(&app.trial, queued), 4);

            // What is decided on is gone from the metrics.
            for held in get(&clerk, "/v1/held-events").await["held_events"].as_array().unwrap() {
                assert_eq!(decide(&clerk, held, "rejection").await.status, 200);
            }
            let samples = metrics(app).await;
            assert!(!samples.contains("rule=\"customer-points-day\""), "{samples}");
        })
        .await;
}

on_both_stores!(the_bank_is_told_of_an_alarm_once_and_of_freezes);

async fn an_alarm_that_the_bank_refuses_is_a_dead_letter(store: Store) {
    let receiver = Simulator::start("crm_receiver.py", &[SECRET]);
    receiver.fails(json!(422)).await;
    let app = trial(store, &receiver).start().await;
    let clerk = staff(&app, "ann", &["read", "decide", "operate"]);
    let path = "/v1/partners/green-basket/freeze";
    let frozen = clerk.send(path, &json!({ "reason": "looked odd" })).await;
    assert_eq!(frozen.status, 200, "{frozen:?}");
    let dead = wait_for("a dead letter", async || {
        let list = get(&clerk, "/v1/dead-letters?channel=webhook").await;
        list["dead_letters"].as_array().unwrap().first().cloned()
    })
    .await;
    let seen = (&dead["destination"], &dead["kind"]);
    assert_eq!(seen, (&json!("bank"), &json!("partner.frozen")), "{dead}");
    let path = format!("/v1/dead-letters/{}/replay", dead["id"].as_str().unwrap());
    let replayed: Answer = clerk.send(&path, &json!({})).await;
    assert_eq!(replayed.status, 202, "{replayed:?}");
    assert_eq!(until_told(&receiver, 1).await[0]["type"], "partner.frozen");
    wait_for("nothing dead", async || {
        let list = get(&clerk, "/v1/dead-letters").await;
        list["dead_letters"].as_array().unwrap().is_empty().then_some(())
    })
    .await;
    let delivered = "SELECT COUNT(*) AS count FROM outbox WHERE state = 'delivered'";
    wait_for("its delivery", async || (count(&app.trial, delivered) == 1).then_some(())).await;
    Box::pin(app.stop_and_prove()).await;
}

on_both_stores!(an_alarm_that_the_bank_refuses_is_a_dead_letter);
