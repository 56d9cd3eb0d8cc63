use reqwest::Method;
use serde_json::{Value, json};

use super::{Answer, Partner, TestApp};

/// A member of staff's own view of the service.
pub fn staff(app: &TestApp, subject: &str, roles: &[&str]) -> Partner {
    Partner::with_token(&app.url(), &app.trial.staff_token(subject, roles))
}

/// The body that adjusts the points of a member of green-basket.
pub fn adjustment(id: &str, member: &str, points: &str) -> Value {
    json!({
        "id": id, "customer": { "partner": "green-basket", "member": member },
        "points": points, "reason": "told so by telephone",
    })
}

/// Asks for a transaction, by its receipt, to be reversed.
pub async fn reversal(staff: &Partner, id: &str, receipt: &Value) -> Answer {
    let path = format!("/v1/transactions/{}/reversal", receipt["receipt"].as_str().unwrap());
    staff.send(&path, &json!({ "id": id, "reason": "recorded by mistake" })).await
}

impl Partner {
    /// Posts JSON to a path.
    pub async fn send(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    pub async fn adjust(&self, adjustment: &Value) -> Answer {
        self.send("/v1/adjustments", adjustment).await
    }

    pub async fn approve(&self, id: &str) -> Answer {
        let path = format!("/v1/corrections/{id}/approval");
        Answer::of(self.request(Method::POST, &path)).await
    }

    pub async fn reject(&self, id: &str, reason: &str) -> Answer {
        let path = format!("/v1/corrections/{id}/rejection");
        self.send(&path, &json!({ "reason": reason })).await
    }
}

impl Answer {
    /// The status, and the slug if the answer is a problem.
    pub fn told(&self) -> (u16, &str) {
        let kind = self.body["type"].as_str().unwrap_or_default();
        (self.status.as_u16(), kind.trim_start_matches("/problems/"))
    }
}
