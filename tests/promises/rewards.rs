//! What was promised for a referral is given when it is due, once, out of its budget, and taken back
//! exactly when the loan is cancelled.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tallystick::clock;
use tallystick::ledger::{Account, Cutoff, as_of};
use tallystick::referral::{ReferralState as State, ReferralStep as Step};

use crate::harness::{Partner, TestApp, customer, member, referral, until};

/// Balances of the accounts that rewards are posted to, without those that hold nothing.
fn balances(app: &TestApp) -> BTreeMap<String, String> {
    let all = as_of::balances(&mut app.trial.db(), Cutoff::NONE).unwrap();
    let held = all.into_iter().filter(|(_, balance)| !balance.is_zero());
    held.map(|(account, balance): (Account, _)| {
        (account.code.name().to_owned(), balance.to_string())
    })
    .collect()
}

fn of(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(code, amount)| ((*code).to_owned(), (*amount).to_owned())).collect()
}

/// A referral for the green loan of a customer whom the bank knows.
async fn refer(home: &Partner, id: &str, member: &str) -> String {
    let mut event = referral(id, "green-loan", "20000.00", "new-town");
    event["data"]["member"] = json!(member);
    let receipt = home.record(&event).await;
    assert_eq!(receipt["referral"]["state"], "qualified", "{receipt}");
    assert_eq!(receipt["postings"], json!([]));
    receipt["referral"]["id"].as_str().unwrap().to_owned()
}

async fn commission(home: &Partner, id: &str) -> Value {
    home.get(&format!("/v1/referrals/{id}")).await.body["commissions"][0].clone()
}

on_both_stores! {
    async fn rewards_are_given_stage_by_stage_and_taken_back_when_the_loan_is_cancelled(app) {
        app.leads_may_wait = true; // there is no CRM in this test
        let home = app.partner("oak-home").await;
        let person = customer(app, "subject-1");
        let known = member(&person, "oak-home").await;
        let id = refer(&home, "g-1", &known).await;
        assert_eq!(balances(app), of(&[]));
        // Signed: the firm's commission, under reservation for a month.
        let moved = app.advance(&id, Step::Convert, "").await.unwrap();
        assert_eq!(moved.state, State::Converted);
        let reserved = of(&[("commission_pending", "200.00"), ("referral_expense", "-200.00")]);
        assert_eq!(balances(app), reserved);
        assert_eq!(commission(&home, &id).await["state"], "pending");
        let days = |days| clock::now().plus(TimeDelta::days(days));
        assert_eq!(app.let_fall_due(days(29)).await, 0);
        assert_eq!(app.let_fall_due(days(31)).await, 1);
        assert_eq!(app.let_fall_due(days(31)).await, 0);
        let payable = of(&[("commission_payable", "200.00"), ("referral_expense", "-200.00")]);
        assert_eq!(balances(app), payable);
        assert_eq!(commission(&home, &id).await["state"], "given");
        // The first instalment: the customer's points. Told twice, given once.
        assert_eq!(app.advance(&id, Step::Repay, "").await.unwrap().state, State::Rewarded);
        assert!(app.advance(&id, Step::Repay, "").await.unwrap().replayed);
        let points = until(&person, "1000.00", "0.00").await;
        assert_eq!(
            points["entries"][0]["explanation"],
            json!(["Reward for a referral whose first instalment is paid: 1000.00 points to the customer."])
        );
        // Cancelled: all of it taken back, once.
        assert_eq!(app.advance(&id, Step::Cancel, "").await.unwrap().state, State::ClawedBack);
        assert!(app.advance(&id, Step::Cancel, "").await.unwrap().replayed);
        let points = until(&person, "0.00", "0.00").await;
        assert!(points["entries"][0]["explanation"][0].as_str().unwrap().contains("taken back"));
        assert_eq!(balances(app), of(&[]));
        assert_eq!(commission(&home, &id).await["state"], "clawed_back");
        // The referral stands in each of these transactions, in both languages why.
        let receipts = receipts(app);
        assert_eq!(receipts.len(), 4, "{receipts:?}");
        for receipt in &receipts {
            assert_eq!(receipt["referral"]["id"], id.as_str(), "{receipt}");
            let why = &receipt["explanation"][0];
            assert!(!why["says"].as_str().unwrap().is_empty(), "{receipt}");
            assert!(!why["says_zh"].as_str().unwrap().is_empty(), "{receipt}");
        }
    }
}

/// The receipts of all transactions that no event stands for.
fn receipts(app: &TestApp) -> Vec<Value> {
    use diesel::prelude::*;
    use tallystick::store::Db;
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        receipt: String,
    }
    let query = diesel::sql_query(
        "SELECT receipt FROM transactions WHERE kind IN ('referral.rewarded', \
         'referral.clawed_back', 'commission.matured') ORDER BY id",
    );
    let rows: Vec<Row> = match app.trial.db() {
        Db::Postgres(mut db) => query.load(&mut db).unwrap(),
        Db::Sqlite(mut db) => query.load(&mut db).unwrap(),
    };
    rows.iter().map(|row| serde_json::from_str(&row.receipt).unwrap()).collect()
}

on_both_stores! {
    async fn what_is_under_reservation_is_taken_back_before_it_was_paid(app) {
        app.leads_may_wait = true;
        let home = app.partner("oak-home").await;
        let id = refer(&home, "g-1", "m-1").await;
        app.advance(&id, Step::Convert, "").await.unwrap();
        app.advance(&id, Step::Cancel, "").await.unwrap();
        assert_eq!(balances(app), of(&[]));
        let later = clock::now().plus(TimeDelta::days(31));
        assert_eq!(app.let_fall_due(later).await, 0);
    }
}

on_both_stores! {
    async fn points_that_were_spent_meanwhile_are_owed(app) {
        app.leads_may_wait = true;
        let home = app.partner("oak-home").await;
        let person = customer(app, "subject-1");
        let known = member(&person, "oak-home").await;
        let id = refer(&home, "g-1", &known).await;
        app.advance(&id, Step::Convert, "").await.unwrap();
        app.advance(&id, Step::Repay, "").await.unwrap();
        let (ann, bob) = (
            crate::harness::staff(app, "ann", &["adjust"]),
            crate::harness::staff(app, "bob", &["approve"]),
        );
        let at_basket = member(&person, "green-basket").await;
        ann.adjust(&crate::harness::adjustment("a-1", &at_basket, "-700.00")).await;
        bob.approve("a-1").await;
        until(&person, "300.00", "0.00").await;
        app.advance(&id, Step::Cancel, "").await.unwrap();
        let points = person.get("/v1/customers/me/points").await.body;
        let told = points["entries"].to_string();
        assert!(told.contains("700.00 of the points taken back had been spent"), "{points}");
    }
}

async fn a_budget_stops_exactly(store: crate::harness::Store) {
    let trial = crate::harness::Trial::on(store);
    let manifest = trial.settings.partners.join("oak-home/partner.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace("budget = \"50000.00\"", "budget = \"500.00\""))
        .unwrap();
    let mut app = trial.start().await;
    app.leads_may_wait = true;
    let home = app.partner("oak-home").await;
    let mut ids = Vec::new();
    for number in 0..4 {
        let id = refer(&home, &format!("g-{number}"), "m-1").await;
        app.advance(&id, Step::Convert, "").await.unwrap();
        ids.push(id);
    }
    let mut given = Vec::new();
    for id in &ids {
        given.push(commission(&home, id).await["amount"].clone());
    }
    assert_eq!(given, [json!("200.00"), json!("200.00"), json!("100.00"), Value::Null]);
    assert_eq!(balances(&app)["commission_pending"], "500.00");
    // What is taken back is there for the next.
    app.advance(&ids[0], Step::Cancel, "").await.unwrap();
    let id = refer(&home, "g-9", "m-1").await;
    app.advance(&id, Step::Convert, "").await.unwrap();
    assert_eq!(commission(&home, &id).await["amount"], "200.00");
    Box::pin(app.stop_and_prove()).await;
}

on_both_stores!(a_budget_stops_exactly);

on_both_stores! {
    async fn a_reversed_reward_is_not_taken_back_a_second_time(app) {
        app.leads_may_wait = true;
        let travel = app.partner("sunny-travel").await;
        let receipt = travel.record(&referral("t-1", "travel-loan", "9000.00", "old-town")).await;
        let id = receipt["referral"]["id"].as_str().unwrap();
        let (ann, bob) = (
            crate::harness::staff(app, "ann", &["adjust"]),
            crate::harness::staff(app, "bob", &["approve"]),
        );
        assert_eq!(crate::harness::reversal(&ann, "r-1", &receipt).await.status, 202);
        assert_eq!(bob.approve("r-1").await.status, 201);
        assert_eq!(balances(app), of(&[]));
        app.advance(id, Step::Convert, "").await.unwrap();
        app.advance(id, Step::Cancel, "").await.unwrap();
        assert_eq!(balances(app), of(&[]));
        // The other way round: what was taken back is not there to be reversed.
        let receipt = travel.record(&referral("t-2", "travel-loan", "9000.00", "old-town")).await;
        let id = receipt["referral"]["id"].as_str().unwrap();
        app.advance(id, Step::Convert, "").await.unwrap();
        app.advance(id, Step::Cancel, "").await.unwrap();
        assert_eq!(crate::harness::reversal(&ann, "r-2", &receipt).await.told(), (409, "not-reversible"));
    }
}
