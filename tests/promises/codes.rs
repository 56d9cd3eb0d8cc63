//! A code spends what the customer meant: so many points at most, at the partner that the customer
//! chose; three refusals end it, no refusal tells what the customer has, and the customer is told of
//! each redemption.

use reqwest::Method;
use serde_json::{Value, json};
use tallystick::settings::{NoticeSettings, Secret};

use crate::harness::{
    Answer, Partner, Simulator, Store, TestApp, Trial, cloud_event, customer, member, payment,
    until, wait_for,
};

const SECRET: &str = "whsec_dGhpcyBpcyBhIHNlY3JldCBvZiB0ZXN0cyBvbmx5";

fn hold(id: &str, code: &str, points: &str) -> Value {
    let data = json!({ "code": code, "points": points });
    cloud_event(id, "redemption.held", "2026-11-04T10:00:00Z", data)
}

fn commit(id: &str, hold: &str) -> Value {
    cloud_event(id, "redemption.committed", "2026-11-04T10:00:00Z", json!({ "hold": hold }))
}

async fn ask(person: &Partner, wish: &Value) -> Answer {
    Answer::of(person.request(Method::POST, "/v1/customers/me/codes").json(wish)).await
}

async fn code(person: &Partner, wish: &Value) -> String {
    let answer = ask(person, wish).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body["code"].as_str().unwrap().to_owned()
}

async fn with_points(app: &TestApp, shop: &Partner, amount: &str) -> Partner {
    let person = customer(app, "c-1");
    let reference = member(&person, "green-basket").await;
    shop.record(&payment("p-0", &reference, amount, "0.00")).await;
    person
}

on_both_stores! {
    async fn a_code_is_good_for_the_points_and_the_partner_that_the_customer_named(app) {
        let shop = app.partner("green-basket").await;
        let person = with_points(app, &shop, "100.00").await;
        let wish = json!({ "points": "30.00", "partner": "green-basket" });
        let made = ask(&person, &wish).await;
        assert_eq!((&made.body["points"], &made.body["partner"]), (&json!("30.00"), &json!("green-basket")));
        let shown = made.body["code"].as_str().unwrap();
        // Elsewhere it is no code at all, and beyond its points it is not enough.
        let other = app.partner("blue-basket").await;
        assert_eq!(other.refused(&hold("h-1", shown, "1.00")).await.1, "code-invalid");
        assert_eq!(shop.refused(&hold("h-1", shown, "30.01")).await.1, "points-insufficient");
        shop.record(&hold("h-1", shown, "30.00")).await;
        until(&person, "70.00", "0.00").await;
        // Where points cannot be spent there is no code, nor one for nothing.
        let answer = ask(&person, &json!({ "partner": "golden-field" })).await;
        assert_eq!(answer.status, 403, "{answer:?}");
        for wrong in [json!({ "points": "0.00" }), json!({ "points": "-1.00" }), json!({ "points": 5 })] {
            assert_eq!(ask(&person, &wrong).await.status, 422, "{wrong}");
        }
    }
}

on_both_stores! {
    async fn the_third_refusal_ends_a_code_and_none_tells_the_balance(app) {
        let shop = app.partner("green-basket").await;
        let person = with_points(app, &shop, "73.13").await;
        let shown = code(&person, &json!({ "points": "80.00" })).await;
        let mut told = Vec::new();
        // More than the code is for, and more than there is: the answers are the same.
        for (number, points) in ["90.00", "79.00", "73.14"].into_iter().enumerate() {
            let (status, slug, body) = shop.refused(&hold(&format!("h-{number}"), &shown, points)).await;
            assert_eq!((status, slug.as_str()), (422, "points-insufficient"), "{body}");
            assert!(!body.to_string().contains("73.1"), "{body}");
            told.push(body["detail"].clone());
        }
        assert!(told.iter().all(|detail| *detail == told[0]), "{told:?}");
        assert_eq!(shop.refused(&hold("h-4", &shown, "1.00")).await.1, "code-invalid");
        // In one batch no more is found out than one by one.
        let shown = code(&person, &json!({ "points": "80.00" })).await;
        let batch: Vec<Value> = (0..40)
            .map(|number| hold(&format!("b-{number}"), &shown, &format!("{}.00", 79 - number)))
            .collect();
        let answer = Answer::of(shop.request(Method::POST, "/v1/events:batch").json(&batch)).await;
        assert!(!answer.text.contains("redemption.held"), "{}", answer.text);
        assert_eq!(answer.text.matches("points-insufficient").count(), 3, "{}", answer.text);
        until(&person, "73.13", "0.00").await;
    }
}

async fn a_code_without_a_number_is_for_no_more_than_the_programme_allows(store: Store) {
    let trial = Trial::on(store);
    let path = trial.settings.partners.join("programme.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let bound =
        text.replace("[codes]\npoints_max = \"10000000.00\"", "[codes]\npoints_max = \"50.00\"");
    assert_ne!(text, bound);
    std::fs::write(&path, bound).unwrap();
    trial
        .run(async |app: &mut TestApp| {
            let shop = app.partner("green-basket").await;
            let person = with_points(app, &shop, "100.00").await;
            let made = Answer::of(person.request(Method::POST, "/v1/customers/me/codes")).await;
            assert_eq!(made.body["points"], "50.00", "{made:?}");
            let shown = made.body["code"].as_str().unwrap();
            assert_eq!(shop.refused(&hold("h-1", shown, "50.01")).await.1, "points-insufficient");
            shop.record(&hold("h-1", shown, "50.00")).await;
            // Who says more means more.
            let shown = code(&person, &json!({ "points": "50.00" })).await;
            shop.record(&hold("h-2", &shown, "50.00")).await;
        })
        .await;
}

on_both_stores!(a_code_without_a_number_is_for_no_more_than_the_programme_allows);

async fn the_customer_is_told_of_each_redemption(store: Store) {
    let receiver = Simulator::start("crm_receiver.py", &[SECRET]);
    let mut trial = Trial::with_sandbox_on(store);
    let url = format!("{}/notices", receiver.url);
    let secret = Secret::new(SECRET.to_owned());
    trial.settings.notices = Some(NoticeSettings::Webhook { url, secret });
    trial.edit("green-basket", "status = \"sandbox\"", "status = \"full\"");
    trial
        .run(async |app: &mut TestApp| {
            let shop = app.partner("green-basket").await;
            let person = with_points(app, &shop, "100.00").await;
            for (number, points) in ["20.00", "30.00"].into_iter().enumerate() {
                let shown = code(&person, &json!({ "points": points })).await;
                let held = format!("h-{number}");
                shop.record(&hold(&held, &shown, points)).await;
                let done = commit(&format!("c-{number}"), &held);
                shop.record(&done).await;
                // Sent again it is no second redemption.
                assert_eq!(shop.post(&done).await.status, 200);
            }
            let told = wait_for("notices", async || {
                let records = receiver.order(json!({ "do": "records" })).await;
                let told = records["notices"].as_array().unwrap().clone();
                Some(told).filter(|told| told.len() >= 2)
            })
            .await;
            let mut points: Vec<&str> =
                told.iter().map(|notice| notice["points"].as_str().unwrap()).collect();
            points.sort_unstable();
            assert_eq!(points, ["20.00", "30.00"], "{told:?}");
            for notice in &told {
                assert_eq!(notice["kind"], "points_redeemed");
                assert_eq!(
                    (&notice["customer"], &notice["partner"]),
                    (&json!("c-1"), &json!("green-basket"))
                );
                let says = notice["says"].as_str().unwrap();
                assert!(says.contains("Green Basket") || says.contains("redeemed at"), "{says}");
            }
        })
        .await;
}

on_both_stores!(the_customer_is_told_of_each_redemption);
