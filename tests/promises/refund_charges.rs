//! What was spent cannot be un-earned for free: the partner that refunds a payment bears the points
//! that the customer had spent, until they are repaid; its own points are money only after some days;
//! and parts of a redemption bring no more than the whole.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{
    Answer, Partner, Store, TestApp, Trial, cloud_event, code, count, customer, member, payment,
    refund, run_sql, until,
};

const NOW: &str = "2026-11-04T10:00:00Z";

async fn spend(shop: &Partner, person: &Partner, id: &str, points: &str) -> Value {
    let data = json!({ "code": code(person).await, "points": points });
    shop.record(&cloud_event(id, "redemption.held", NOW, data)).await;
    let data = json!({ "hold": id });
    shop.record(&cloud_event(&format!("{id}-done"), "redemption.committed", NOW, data)).await
}

async fn take_back(shop: &Partner, id: &str, payment: &str, amount: &str) -> Value {
    let mut event = refund(id, payment, amount);
    event["time"] = json!(NOW);
    shop.record(&event).await
}

/// What a receipt posts on that account, in fen or hundredths of points.
fn posted(receipt: &Value, code: &str) -> i64 {
    let lines = receipt["postings"].as_array().unwrap().iter();
    let of_code = lines.filter(|line| line["account"] == code);
    of_code
        .map(|line| line["amount"].as_str().unwrap().replace('.', "").parse::<i64>().unwrap())
        .sum()
}

/// What a partner is owed in money, on all of its accounts.
fn owed_to(app: &TestApp, partner: &str) -> i64 {
    let sum = format!(
        "SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) AS count FROM accounts \
         WHERE owner_kind = 'partner' AND owner = '{partner}' AND asset = 'CNY' \
         AND code IN ('redemption_payable', 'refund_charge')"
    );
    count(&app.trial, &sum)
}

on_both_stores! {
    async fn pay_redeem_and_refund_brings_the_partner_nothing(app) {
        let shop = app.partner("green-basket").await;
        let person = customer(app, "c-1");
        let reference = member(&person, "green-basket").await;
        shop.record(&payment("p-1", &reference, "1000000.00", "0.00")).await;
        assert_eq!(posted(&spend(&shop, &person, "h-1", "1000000.00").await, "redemption_payable"), 1_000_000);
        let back = take_back(&shop, "r-1", "p-1", "1000000.00").await;
        assert_eq!(posted(&back, "refund_charge"), -1_000_000);
        let says: String = back["explanation"].as_array().unwrap().iter().map(|it| it["says"].as_str().unwrap()).collect();
        assert!(says.contains("bears the price of the 1000000.00 points"), "{says}");
        assert_eq!(owed_to(app, "green-basket"), 0);
        // The customer repays: the partner has it back, to the last 0.01.
        shop.record(&payment("p-2", &reference, "333.33", "0.00")).await;
        shop.record(&payment("p-3", &reference, "0.01", "0.00")).await;
        shop.record(&payment("p-4", &reference, "999666.66", "0.00")).await;
        assert_eq!(owed_to(app, "green-basket"), 1_000_000);
        until(&person, "0.00", "0.00").await;
    }
}

on_both_stores! {
    async fn whoever_reported_the_payment_is_charged_and_gets_it_back_exactly(app) {
        let (green, blue) = (app.partner("green-basket").await, app.partner("blue-basket").await);
        let person = customer(app, "c-1");
        let at_green = member(&person, "green-basket").await;
        let at_blue = member(&person, "blue-basket").await;
        green.record(&payment("p-1", &at_green, "70.07", "0.00")).await;
        blue.record(&payment("p-1", &at_blue, "30.03", "0.00")).await;
        // Spent elsewhere than earned: the one that reported the payment bears it all the same.
        spend(&green, &person, "h-1", "100.10").await;
        for number in 0..7 {
            take_back(&green, &format!("r-{number}"), "p-1", "10.01").await;
        }
        take_back(&blue, "r-1", "p-1", "30.03").await;
        assert_eq!(owed_to(app, "green-basket"), 100 - 71);
        assert_eq!(owed_to(app, "blue-basket"), -31);
        // Repaid in the order in which they were charged, whoever reports what repays it.
        for number in 0..9 {
            blue.record(&payment(&format!("q-{number}"), &at_blue, "11.11", "0.00")).await;
        }
        assert_eq!(owed_to(app, "green-basket"), 100);
        assert_eq!(owed_to(app, "blue-basket"), -1);
        let last = green.record(&payment("q-9", &at_green, "50.00", "0.00")).await;
        assert_eq!(posted(&last, "refund_charge"), 1);
        assert!(!last.to_string().contains("blue-basket"), "{last}");
        assert_eq!(owed_to(app, "blue-basket"), 0);
        until(&person, "49.89", "0.00").await;
        // A payment that repaid a charge is refunded: the debt is there again, and so is the charge.
        spend(&green, &person, "h-2", "49.89").await;
        take_back(&blue, "s-1", "q-0", "11.11").await;
        assert_eq!(owed_to(app, "blue-basket"), -11);
    }
}

on_both_stores! {
    async fn what_is_held_or_given_back_is_charged_no_longer_than_it_is_owed(app) {
        let shop = app.partner("green-basket").await;
        let person = customer(app, "c-1");
        let reference = member(&person, "green-basket").await;
        shop.record(&payment("p-1", &reference, "100.00", "0.00")).await;
        let data = json!({ "code": code(&person).await, "points": "60.00" });
        shop.record(&cloud_event("h-1", "redemption.held", NOW, data)).await;
        take_back(&shop, "r-1", "p-1", "100.00").await;
        assert_eq!(owed_to(app, "green-basket"), -60);
        // The hold times out: its points pay the debt, and the charge is given back.
        until(&person, "0.00", "0.00").await;
        crate::harness::wait_until(0, async || owed_to(app, "green-basket")).await;
        shop.record(&payment("p-2", &reference, "100.00", "0.00")).await;
        spend(&shop, &person, "h-2", "100.00").await;
        take_back(&shop, "r-2", "p-2", "50.00").await;
        assert_eq!(owed_to(app, "green-basket"), 50);
        let data = json!({ "hold": "h-2", "points": "100.00" });
        let back = shop.record(&cloud_event("b-1", "redemption.returned", NOW, data)).await;
        assert_eq!(posted(&back, "refund_charge"), 50);
        assert_eq!(owed_to(app, "green-basket"), 0);
        until(&person, "50.00", "0.00").await;
        // What is charged only rises and is only repaid; the database holds it.
        for tampered in ["UPDATE refund_charges SET charged = charged - 1", "DELETE FROM refund_charges"] {
            assert!(run_sql(&app.trial, tampered).is_err(), "{tampered}");
        }
    }
}

on_both_stores! {
    async fn two_hundred_parts_bring_what_the_whole_brings(app) {
        let shop = app.partner("green-basket").await;
        let person = customer(app, "c-1");
        let reference = member(&person, "green-basket").await;
        shop.record(&payment("p-1", &reference, "100.00", "0.00")).await;
        let mut values = BTreeMap::new();
        for number in 0..21 {
            let done = spend(&shop, &person, &format!("h-{number}"), "0.50").await;
            *values.entry(posted(&done, "redemption_payable")).or_insert(0) += 1;
        }
        // 10.50 points at 0.01: half a fen is never paid, and never lost.
        assert_eq!(values, BTreeMap::from([(0, 11), (1, 10)]));
        assert_eq!(owed_to(app, "green-basket"), 10);
        // Returns of the worthless halves take the price of the whole with them.
        for number in 0..21 {
            let data = json!({ "hold": format!("h-{number}"), "points": "0.50" });
            shop.record(&cloud_event(&format!("b-{number}"), "redemption.returned", NOW, data)).await;
        }
        assert_eq!(owed_to(app, "green-basket"), 0);
    }
}

async fn own_points_are_money_only_after_their_reservation(store: Store) {
    let trial = Trial::on(store);
    let path = trial.settings.partners.join("programme.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let bound = text.replace("own_after_days = 0", "own_after_days = 3");
    assert_ne!(text, bound);
    std::fs::write(&path, bound).unwrap();
    trial
        .run(async |app: &mut TestApp| {
            let (green, blue) =
                (app.partner("green-basket").await, app.partner("blue-basket").await);
            let person = customer(app, "c-1");
            let at_green = member(&person, "green-basket").await;
            let at_blue = member(&person, "blue-basket").await;
            // However long ago the partner says that it was.
            let mut old = payment("p-1", &at_green, "100.00", "0.00");
            old["time"] = json!("2026-10-05T10:00:00Z");
            green.record(&old).await;
            blue.record(&payment("p-1", &at_blue, "5.00", "0.00")).await;
            let held = |id: &str, code: String, points: &str| {
                cloud_event(id, "redemption.held", NOW, json!({ "code": code, "points": points }))
            };
            let refused = green.refused(&held("h-1", code(&person).await, "5.01")).await;
            assert_eq!(refused.1, "points-insufficient");
            // The points of others are good there at once, and its own elsewhere.
            green.record(&held("h-2", code(&person).await, "5.00")).await;
            blue.record(&held("h-3", code(&person).await, "40.00")).await;
            // Three days later they are money, which the partner's test clock shows.
            let ahead = json!({ "ahead_seconds": 3 * 86_400 + 60 });
            let moved = green.request(Method::PUT, "/v1/sandbox/clock").json(&ahead);
            assert_eq!(Answer::of(moved).await.status, 200);
            let wish = json!({ "member": at_green, "points": "60.00" });
            let made =
                Answer::of(green.request(Method::POST, "/v1/sandbox/codes").json(&wish)).await;
            let shown = made.body["code"].as_str().unwrap().to_owned();
            green.record(&held("h-4", shown, "60.00")).await;
        })
        .await;
}

on_both_stores!(own_points_are_money_only_after_their_reservation);
