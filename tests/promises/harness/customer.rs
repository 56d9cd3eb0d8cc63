use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use super::{Answer, Partner, TestApp};

/// A customer's own view of the service.
pub fn customer(app: &TestApp, subject: &str) -> Partner {
    Partner::with_token(&app.url(), &app.trial.customer_token(subject))
}

/// The reference by which a partner knows the customer.
pub async fn member(customer: &Partner, partner: &str) -> String {
    let path = format!("/v1/customers/me/members/{partner}");
    let answer = Answer::of(customer.request(Method::POST, &path)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["member"].as_str().unwrap().to_owned()
}

/// A code to show at a till.
pub async fn code(customer: &Partner) -> String {
    let answer = Answer::of(customer.request(Method::POST, "/v1/customers/me/codes")).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body["code"].as_str().unwrap().to_owned()
}

/// Waits until the customer has this balance and these pending points. The gateway does by itself what
/// falls due.
pub async fn until(person: &Partner, balance: &str, pending: &str) -> Value {
    for tries in 0.. {
        let points = person.get("/v1/customers/me/points").await.body;
        if points["balance"] == balance && points["pending"] == pending {
            return points;
        }
        assert!(tries < 1_800, "never came to {balance} and {pending}: {points}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Value::Null
}
