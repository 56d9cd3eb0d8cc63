//! How far a customer has come with the bank follows from what they pay and from their referrals,
//! with every move and its reason; staff read it, and the customer too.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tallystick::clock;
use tallystick::ids::CustomerId;
use tallystick::referral::ReferralStep as Step;
use tallystick::store::customers;

use crate::harness::{
    Partner, Store, TestApp, Trial, customer, member, payment, phone_of, referral, run_sql, staff,
};

/// A trial in which a regular pays twice and 100 CNY in 30 days.
fn trial(store: Store) -> Trial {
    let trial = Trial::on(store);
    let path = trial.settings.partners.join("programme.toml");
    let mut programme = std::fs::read_to_string(&path).unwrap();
    for (from, to) in [
        ("window_days = 90", "window_days = 30"),
        ("regular_payments = 6", "regular_payments = 2"),
        ("regular_spend = \"600.00\"", "regular_spend = \"100.00\""),
        ("silent_days = 60", "silent_days = 20"),
    ] {
        assert!(programme.contains(from), "{from}");
        programme = programme.replace(from, to);
    }
    std::fs::write(path, programme).unwrap();
    trial
}

/// A customer of the bank, with what the supermarket calls them.
async fn person(app: &TestApp, subject: &str) -> (CustomerId, String) {
    let reference = member(&customer(app, subject), "green-basket").await;
    let id = customers::by_subject(&mut app.trial.db(), subject).unwrap().unwrap();
    (id, reference)
}

async fn pay(shop: &Partner, id: &str, reference: &str, days_ago: i64) {
    let mut event = payment(id, reference, "100.00", "0.00");
    event["time"] = json!(clock::now().minus(TimeDelta::days(days_ago)).to_string());
    shop.record(&event).await;
}

async fn until_stage(manager: &Partner, id: CustomerId, stage: &str) -> Value {
    for tries in 0.. {
        let there = manager.get(&format!("/v1/customers/{id}/stage")).await;
        if there.body["stage"] == stage {
            return there.body;
        }
        assert!(tries < 600, "never came to {stage}: {there:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Value::Null
}

fn history(stage: &Value) -> Vec<&str> {
    let moves = stage["history"].as_array().unwrap();
    moves.iter().map(|it| it["stage"].as_str().unwrap()).collect()
}

async fn a_referral_takes_a_customer_from_aware_to_using_and_back(store: Store) {
    let mut app = trial(store).start().await;
    app.leads_may_wait = true; // there is no CRM in this test
    let manager = staff(&app, "mia", &["manage"]);
    let travel = app.partner("sunny-travel").await;
    let (id, _) = person(&app, "person-1").await;
    until_stage(&manager, id, "aware").await;
    let own = customer(&app, "person-1");
    let mut event = referral("t-1", "travel-loan", "9000.00", "old-town");
    event["data"]["member"] = json!(member(&own, "sunny-travel").await);
    let said = travel.record(&event).await;
    let lead = said["referral"]["id"].as_str().unwrap();
    until_stage(&manager, id, "considering").await;
    app.advance(lead, Step::Convert, "").await.unwrap();
    until_stage(&manager, id, "using").await;
    app.advance(lead, Step::Cancel, "").await.unwrap();
    let there = until_stage(&manager, id, "at_risk").await;
    assert_eq!(history(&there), ["aware", "considering", "using", "at_risk"], "{there}");
    let moves = there["history"].as_array().unwrap();
    assert_eq!(moves[1]["says"], "A referral for travel-loan is open.");
    assert_eq!(moves[2]["says_zh"], "已办理 travel-loan。");
    assert_eq!(moves[3]["from"], "using");
    // The customer reads it too, and nobody can rewrite it.
    let held = own.get("/v1/customers/me/data").await.body;
    assert_eq!(held["customer"]["stage"], "at_risk", "{held}");
    assert_eq!(held["customer"]["stages"].as_array().unwrap().len(), 4);
    for sql in ["UPDATE customer_stage_moves SET says = 'x'", "DELETE FROM customer_stage_moves"] {
        assert!(run_sql(&app.trial, sql).unwrap_err().contains("append-only"), "{sql}");
    }
    Box::pin(app.stop_and_prove()).await;
}

on_both_stores!(a_referral_takes_a_customer_from_aware_to_using_and_back);

/// The body by which a customer agrees to be contacted.
fn agreement(whose: &str) -> Value {
    json!({
        "contact": { "name": "Test Person", "phone": phone_of(whose) },
        "region": "harbour",
        "consent": {
            "purpose": "to be told of products that fit", "text_version": "2026-10",
            "text_sha256": "7d865e959b2466918c9863afca942d0fb89d7c9ac0c99bafc3749504ded97730",
            "channel": "app", "evidence": "login-1", "given_at": "2026-11-02T10:15:00Z",
        },
    })
}

async fn a_regular_who_stays_away_is_at_risk_and_called_if_they_agreed(store: Store) {
    // Who pays is there before the follow-up is: so each is reckoned by all of it.
    let app = trial(store).start().await;
    let shop = app.partner("green-basket").await;
    let (regular, one) = person(&app, "regular").await;
    let (silent, two) = person(&app, "silent").await;
    let (shy, three) = person(&app, "shy").await;
    let own = customer(&app, "silent");
    let agreed = own.send("/v1/customers/me/contact", &agreement("silent")).await;
    assert_eq!(agreed.status, 201, "{agreed:?}");
    for (number, days_ago) in [3, 12].into_iter().enumerate() {
        pay(&shop, &format!("r-{number}"), &one, days_ago).await;
    }
    for (number, days_ago) in [33, 45].into_iter().enumerate() {
        pay(&shop, &format!("s-{number}"), &two, days_ago).await;
        pay(&shop, &format!("y-{number}"), &three, days_ago).await;
    }
    let manager = staff(&app, "mia", &["manage"]);
    // Payments wake nobody: what has changed is seen when a customer is next looked at.
    run_sql(&app.trial, "UPDATE customer_stages SET look_at = '2026-01-01 00:00:00'").unwrap();
    until_stage(&manager, regular, "using").await;
    let there = until_stage(&manager, silent, "at_risk").await;
    let last = there["history"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["says"], "Was a regular; no payment for 33 days.");
    until_stage(&manager, shy, "at_risk").await;
    // Lists: by stage, in pages, the one beside the other.
    let first = manager.get("/v1/customer-stages?stage=at_risk&limit=1").await.body;
    let next = first["next"].as_str().unwrap();
    let path = format!("/v1/customer-stages?stage=at_risk&limit=1&cursor={next}");
    let second = manager.get(&path).await.body;
    let ids = [&first, &second].map(|it| it["customers"][0]["customer"].clone());
    assert_eq!(ids, [json!(silent), json!(shy)]);
    assert_eq!(second["next"], Value::Null);
    // Only who agreed to be contacted is to be called, by somebody of their region.
    let tasks = until_tasks(&manager, 1).await;
    assert_eq!((&tasks[0]["rule"], &tasks[0]["customer"]), (&json!("win-back"), &json!(silent)));
    assert_eq!(tasks[0]["branch"], "harbour-branch");
    let says = "Call: the customer is about to leave. Was a regular; no payment for 33 days.";
    assert_eq!(tasks[0]["says"], says);
    // Once they pay again nobody is to call any more.
    pay(&shop, "s-8", &two, 1).await;
    pay(&shop, "s-9", &two, 0).await;
    run_sql(&app.trial, "UPDATE customer_stages SET look_at = '2026-01-01 00:00:00'").unwrap();
    until_stage(&manager, silent, "using").await;
    assert!(until_tasks(&manager, 0).await.is_empty());
    let closed = manager.get("/v1/tasks?state=cancelled").await.body;
    assert_eq!(closed["tasks"][0]["closed"]["by"], "follow-up", "{closed}");
    // Nobody else reads it.
    let path = format!("/v1/customers/{silent}/stage");
    let reader = staff(&app, "rob", &["read", "operate"]);
    assert_eq!(reader.get(&path).await.told(), (403, "role-missing"));
    assert_eq!(shop.get(&path).await.status, 401);
    assert_eq!(manager.get("/v1/customers/none/stage").await.status, 404);
    assert_eq!(manager.get("/v1/customer-stages?stage=lost").await.told(), (400, "parameter"));
    Box::pin(app.stop_and_prove()).await;
}

/// Waits until so many tasks are open.
async fn until_tasks(manager: &Partner, count: usize) -> Vec<Value> {
    for tries in 0.. {
        let tasks = manager.get("/v1/tasks").await.body["tasks"].as_array().unwrap().clone();
        if tasks.len() == count {
            return tasks;
        }
        assert!(tries < 600, "never were {count} tasks: {tasks:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Vec::new()
}

on_both_stores!(a_regular_who_stays_away_is_at_risk_and_called_if_they_agreed);
