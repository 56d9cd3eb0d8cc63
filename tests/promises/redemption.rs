//! Customers spend points at a till with a code that is good once: held, then redeemed in whole or
//! in part, or free again; and what comes back goes where it came from.

use serde_json::{Value, json};

use crate::harness::{
    Partner, TestApp, cloud_event, code, customer, member, payment, refund, until,
};

const NOW: &str = "2026-11-04T10:00:00Z";

fn event(id: &str, kind: &str, data: Value) -> Value {
    cloud_event(id, kind, NOW, data)
}

fn hold(id: &str, code: &str, points: &str) -> Value {
    event(id, "redemption.held", json!({ "code": code, "points": points }))
}

fn commit(id: &str, hold: &str, points: Option<&str>) -> Value {
    let mut data = json!({ "hold": hold });
    if let Some(points) = points {
        data["points"] = json!(points);
    }
    event(id, "redemption.committed", data)
}

fn give_back(id: &str, hold: &str, points: &str) -> Value {
    event(id, "redemption.returned", json!({ "hold": hold, "points": points }))
}

/// A customer with points earned in payments of these amounts.
async fn with_points(app: &TestApp, shop: &Partner, amounts: &[&str]) -> Partner {
    let person = customer(app, "c-1");
    let reference = member(&person, "green-basket").await;
    for (number, amount) in amounts.iter().enumerate() {
        shop.record(&payment(&format!("p-{number}"), &reference, amount, "0.00")).await;
    }
    person
}

/// What a receipt posts on accounts of that code, in order.
fn posted(receipt: &Value, code: &str) -> Vec<String> {
    let lines = receipt["postings"].as_array().unwrap().iter();
    let of_code = lines.filter(|line| line["account"] == code);
    of_code.map(|line| line["amount"].as_str().unwrap().to_owned()).collect()
}

on_both_stores! {
    async fn points_are_held_then_redeemed_in_part_and_the_rest_is_free_again(app) {
        let shop = app.partner("green-basket").await;
        let person = with_points(app, &shop, &["60.00", "50.00"]).await;
        let held = shop.record(&hold("h-1", &code(&person).await, "80.00")).await;
        assert_eq!(posted(&held, "points_held"), ["60.00", "20.00"]);
        until(&person, "30.00", "0.00").await;
        let redeemed = shop.record(&commit("c-1", "h-1", Some("70.50"))).await;
        assert_eq!(posted(&redeemed, "points_redemption"), ["60.00", "10.50"]);
        assert_eq!(posted(&redeemed, "redemption_payable"), ["0.70"]);
        until(&person, "39.50", "0.00").await;
        // A hold is closed once.
        let (status, slug, _) = shop.refused(&commit("c-2", "h-1", None)).await;
        assert_eq!((status, slug.as_str()), (409, "hold-closed"));
        // What comes back goes to the lots it came from, last spent first, and the price with it.
        let back = shop.record(&give_back("b-1", "h-1", "30.50")).await;
        assert_eq!(posted(&back, "points_available"), ["10.50", "20.00"]);
        let back = shop.record(&give_back("b-2", "h-1", "40.00")).await;
        assert_eq!(posted(&back, "points_available"), ["40.00"]);
        until(&person, "110.00", "0.00").await;
        let (status, slug, _) = shop.refused(&give_back("b-3", "h-1", "0.01")).await;
        assert_eq!((status, slug.as_str()), (422, "redemption-exceeds"));
    }
}

on_both_stores! {
    async fn a_code_is_good_once_and_only_where_points_may_be_spent(app) {
        let shop = app.partner("green-basket").await;
        let person = with_points(app, &shop, &["100.00"]).await;
        let shown = code(&person).await;
        let first = shop.record(&hold("h-1", &shown, "10.00")).await;
        // The same event again is answered as it was; another with the same code is not taken.
        assert_eq!(shop.post(&hold("h-1", &shown, "10.00")).await.body, first);
        assert_eq!(shop.refused(&hold("h-2", &shown, "10.00")).await.1, "code-invalid");
        assert_eq!(shop.refused(&hold("h-3", "0000000000000000", "1.00")).await.1, "code-invalid");
        let farm = app.partner("golden-field").await;
        let not_agreed = farm.refused(&hold("h-1", &code(&person).await, "10.00")).await;
        assert_eq!((not_agreed.0, not_agreed.1.as_str()), (403, "redemption-not-agreed"));
        // Another partner cannot touch the hold: to it there is none.
        let other = app.partner("blue-basket").await;
        assert_eq!(other.refused(&commit("c-1", "h-1", None)).await.1, "hold-unknown");
        // Too many points: refused without saying how many there are; the code stays good until the third.
        let shown = code(&person).await;
        let (_, slug, body) = shop.refused(&hold("h-4", &shown, "90.01")).await;
        assert_eq!(slug, "points-insufficient");
        assert!(!body.to_string().contains("90.00"), "{body}");
        shop.record(&hold("h-4", &shown, "90.00")).await;
        shop.record(&commit("c-1", "h-1", None)).await;
        shop.record(&event("x-4", "redemption.cancelled", json!({ "hold": "h-4" }))).await;
        until(&person, "90.00", "0.00").await;
    }
}

on_both_stores! {
    async fn a_hold_that_is_not_committed_in_time_frees_its_points(app) {
        let shop = app.partner("green-basket").await;
        let person = with_points(app, &shop, &["100.00"]).await;
        shop.record(&hold("h-1", &code(&person).await, "100.00")).await;
        until(&person, "0.00", "0.00").await;
        app.restart().await;
        let person = customer(app, "c-1");
        let points = until(&person, "100.00", "0.00").await;
        assert_eq!(points["entries"][0]["kind"], "redemption.timed_out");
        let shop = app.partner("green-basket").await;
        assert_eq!(shop.refused(&commit("c-1", "h-1", None)).await.1, "hold-closed");
    }
}

on_both_stores! {
    async fn of_holds_that_race_only_those_that_fit_are_taken(app) {
        let shop = app.partner("green-basket").await;
        let person = with_points(app, &shop, &["70.00", "30.00"]).await;
        let mut racing = Vec::new();
        for number in 0..10 {
            let held = hold(&format!("h-{number}"), &code(&person).await, "30.00");
            let shop = shop.clone();
            racing.push(tokio::spawn(async move { shop.post(&held).await.status.as_u16() }));
        }
        let mut taken = 0;
        for hold in racing {
            taken += i32::from(hold.await.unwrap() == 201);
        }
        assert_eq!(taken, 3);
        until(&person, "10.00", "0.00").await;
    }
}

on_both_stores! {
    async fn points_spent_before_the_goods_came_back_are_owed_and_paid_from_the_next(app) {
        let shop = app.partner("green-basket").await;
        let person = with_points(app, &shop, &["100.00"]).await;
        shop.record(&hold("h-1", &code(&person).await, "80.00")).await;
        shop.record(&commit("c-1", "h-1", None)).await;
        let mut goods = refund("r-1", "p-0", "100.00");
        goods["time"] = json!(NOW);
        let receipt = shop.record(&goods).await;
        assert_eq!(posted(&receipt, "points_owed"), ["-80.00"]);
        let points = until(&person, "0.00", "0.00").await;
        assert_eq!(points["owed"], "80.00");
        let reference = member(&person, "green-basket").await;
        let receipt = shop.record(&payment("p-1", &reference, "50.00", "0.00")).await;
        assert_eq!(posted(&receipt, "points_available"), ["50.00", "-50.00"]);
        assert_eq!(until(&person, "0.00", "0.00").await["owed"], "30.00");
        // The redeemed goods come back as well: the debt is paid from that first.
        shop.record(&give_back("b-1", "h-1", "80.00")).await;
        let points = until(&person, "50.00", "0.00").await;
        assert_eq!(points["owed"], "0.00");
    }
}

on_both_stores! {
    async fn a_redemption_is_given_back_in_a_hundred_parts_at_most_and_then_whole(app) {
        let shop = app.partner("green-basket").await;
        let person = with_points(app, &shop, &["100.00"]).await;
        shop.record(&hold("h-1", &code(&person).await, "100.00")).await;
        shop.record(&commit("c-1", "h-1", None)).await;
        let parts: Vec<Value> =
            (1..100).map(|n| give_back(&format!("b-{n}"), "h-1", "0.01")).collect();
        let batch = shop.post_batch(&parts).await;
        assert!(batch.body["outcomes"].as_array().unwrap().iter().all(|it| it["status"] == 201));
        let (status, slug, body) = shop.refused(&give_back("b-100", "h-1", "0.01")).await;
        assert_eq!((status, slug.as_str()), (422, "too-many-parts"));
        assert!(body.to_string().contains("99.01"), "{body}");
        shop.record(&give_back("b-100", "h-1", "99.01")).await;
        until(&person, "100.00", "0.00").await;
    }
}
