//! Commissions are held against what the CRM itself has said.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tallystick::clock;
use tallystick::ids::StaffId;
use tallystick::referral::{Actor, ReferralStep as Step};

use crate::harness::{Partner, Store, TestApp, Trial, referral, staff};

async fn refer(home: &Partner, id: &str) -> String {
    let mut event = referral(id, "green-loan", "20000.00", "new-town");
    event["data"]["member"] = json!("m-1");
    let receipt = home.record(&event).await;
    receipt["referral"]["id"].as_str().unwrap().to_owned()
}

async fn differences(app: &TestApp) -> Vec<Value> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/reconciliation/crm-results?partner=oak-home&limit=1{cursor}");
        let page = staff(app, "ann", &["reconcile"]).get(&path).await;
        assert_eq!(page.status, 200, "{page:?}");
        found.extend(page.body["differences"].as_array().unwrap().iter().cloned());
        let Some(next) = page.body["next"].as_str() else { return found };
        cursor = format!("&cursor={next}");
    }
}

async fn commissions_and_the_crm_are_held_against_each_other(store: Store) {
    let trial = Trial::on(store);
    let manifest = trial.settings.partners.join("oak-home/partner.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let small = text.replace("budget = \"50000.00\"", "budget = \"250.00\"");
    std::fs::write(&manifest, small).unwrap();
    let mut app = trial.start().await;
    app.leads_may_wait = true;
    let home = app.partner("oak-home").await;
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(refer(&home, &format!("g-{number}")).await);
    }
    // A person says so for the first, the CRM for the others. The budget is empty before the last.
    let ben = Actor::Staff(StaffId::try_from("ben").unwrap());
    app.advance_by(&ids[0], Step::Convert, ben).await.unwrap();
    for id in &ids[1..] {
        app.advance(id, Step::Convert, "").await.unwrap();
    }
    let last = json!({
        "referral": ids[2], "state": "converted", "code": "RESULT_WITHOUT_COMMISSION",
        "says": "The CRM says that the person has the product, and no commission is there.",
        "says_zh": "客户关系系统显示已成交，但没有计佣金。", "commission": "0.00", "crm_says": "converted",
    });
    // What is reserved is not given yet.
    assert_eq!(differences(&app).await, std::slice::from_ref(&last));
    app.let_fall_due(clock::now().plus(TimeDelta::days(31))).await;
    let found = differences(&app).await;
    assert_eq!(found.len(), 2, "{found:?}");
    let first = found.iter().find(|it| it["referral"] == json!(ids[0])).unwrap();
    let expected = (&json!("COMMISSION_WITHOUT_RESULT"), &json!("200.00"));
    assert_eq!((&first["code"], &first["commission"]), expected);
    assert!(found.contains(&last));
    Box::pin(app.stop_and_prove()).await;
}

on_both_stores!(commissions_and_the_crm_are_held_against_each_other);
