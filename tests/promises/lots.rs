//! Points are lots: they mature when they were said to, expire when they were said to, once, and
//! what a refund takes back is taken from where they are by then.

use std::time::Duration;

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use tallystick::clock;
use tallystick::store::accounts;

use crate::harness::{Answer, TestApp, customer, member, payment, refund, until};

/// A payment made so long ago.
fn payment_of(id: &str, member: &str, gross: &str, ago: TimeDelta) -> Value {
    at(payment(id, member, gross, "0.00"), ago)
}

fn at(mut event: Value, ago: TimeDelta) -> Value {
    event["time"] = json!(clock::now().minus(ago).to_string());
    event
}

/// The balance of the bank's account of that code.
fn of_bank(app: &TestApp, code: &str) -> String {
    let all = accounts::all(&mut app.trial.db()).unwrap();
    let account = all.iter().find(|(account, _)| account.code.name() == code);
    account.map_or("0.00".to_owned(), |(_, balance)| balance.to_string())
}

on_both_stores! {
    async fn points_wait_until_they_mature_and_can_be_spent_then(app) {
        let person = customer(app, "c-1");
        let reference = member(&person, "trip-basket").await;
        let shop = app.partner("trip-basket").await;
        shop.record(&payment_of("p-now", &reference, "10.00", TimeDelta::zero())).await;
        // No date that the partner writes ends a reservation: it runs from the recording.
        shop.record(&payment_of("p-past", &reference, "20.00", TimeDelta::days(31))).await;
        let points = person.get("/v1/customers/me/points").await.body;
        assert_eq!((&points["balance"], &points["pending"]), (&json!("0.00"), &json!("30.00")));
        assert_eq!(points["maturing"].as_array().unwrap().len(), 2);
        // Goods returned before: taken back from what is pending.
        shop.record(&at(refund("r-1", "p-now", "10.00"), TimeDelta::zero())).await;
        until(&person, "0.00", "20.00").await;
        let month = json!({ "ahead_seconds": 30 * 86_400 + 60 });
        let moved = Answer::of(shop.request(Method::PUT, "/v1/sandbox/clock").json(&month)).await;
        assert_eq!(moved.status, 200, "{moved:?}");
        let points = until(&person, "20.00", "0.00").await;
        assert_eq!(points["entries"][0]["kind"], "points.matured");
        assert_eq!(
            points["entries"][0]["explanation"],
            json!(["20.00 points can be spent from now on."])
        );
    }
}

on_both_stores! {
    async fn what_is_not_spent_in_time_expires_once_however_often_the_service_restarts(app) {
        let person = customer(app, "c-1");
        let reference = member(&person, "brief-basket").await;
        let shop = app.partner("brief-basket").await;
        for number in 0..5 {
            let long_ago = TimeDelta::days(800 + number);
            let event = payment_of(&format!("p-{number}"), &reference, "10.00", long_ago);
            shop.record(&event).await;
        }
        shop.record(&payment_of("p-late", &reference, "7.00", TimeDelta::days(3))).await;
        app.restart().await;
        let person = customer(app, "c-1");
        let points = until(&person, "7.00", "0.00").await;
        assert_eq!(points["expiring"][0]["amount"], "7.00");
        let soon = crate::as_of::printed(&app.trial, &["expiring", "--within", "400"]);
        let lines: Vec<&str> = soon.lines().collect();
        assert_eq!(lines.len(), 2, "{soon}");
        assert!(lines[1].contains(",c-1,") && lines[1].ends_with(",7.00"), "{soon}");
        let sooner = crate::as_of::printed(&app.trial, &["expiring", "--within", "30"]);
        assert_eq!(sooner.lines().count(), 1);
        app.restart().await;
        let person = customer(app, "c-1");
        tokio::time::sleep(Duration::from_millis(1200)).await;
        until(&person, "7.00", "0.00").await;
        assert_eq!(of_bank(app, "points_breakage"), "50.00");
        // Without the payment nothing of it would have expired: its refund is not the customer's.
        let shop = app.partner("brief-basket").await;
        shop.record(&at(refund("r-1", "p-0", "4.00"), TimeDelta::zero())).await;
        shop.record(&at(refund("r-2", "p-0", "6.00"), TimeDelta::zero())).await;
        until(&person, "7.00", "0.00").await;
        assert_eq!(of_bank(app, "points_breakage"), "40.00");
    }
}
