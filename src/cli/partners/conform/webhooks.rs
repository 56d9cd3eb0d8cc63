//! The partner's endpoints: that they take what is signed, and nothing else.

use reqwest::Method;
use serde_json::{Value, json};

use super::report::Rule;
use super::walk::{WEBHOOKS, Walk};
use crate::clock;

pub async fn webhooks(walk: &mut Walk) {
    let rule = Rule::of(WEBHOOKS, "each endpoint takes a signed message");
    if !walk.may("webhooks:manage") {
        walk.skip(rule, "the manifest has not the scope webhooks:manage");
        return;
    }
    let answer = walk.visitor.get("/v1/webhook-endpoints").await;
    let listed = answer.body.pointer("/webhook_endpoints").and_then(Value::as_array).cloned();
    let endpoints = listed.unwrap_or_default();
    if endpoints.is_empty() {
        walk.skip(rule, "there is none: POST /v1/webhook-endpoints makes one");
        return;
    }
    for endpoint in endpoints {
        let text = |name: &str| endpoint.get(name).and_then(Value::as_str).unwrap_or_default();
        let path = format!("/v1/webhook-endpoints/{}/test", text("id"));
        let tested = walk.visitor.post(&path, &json!({}), &[]).await;
        let delivered = tested.body.pointer("/delivered") == Some(&Value::Bool(true));
        let why = tested.text("/error");
        let seen = format!("{}: {}", text("url"), if delivered { "taken" } else { why });
        walk.note(rule, delivered, seen);
        forged(walk, text("url")).await;
    }
}

/// A message that we have not signed, from here.
async fn forged(walk: &mut Walk, url: &str) {
    let rule = Rule::of(WEBHOOKS, "an endpoint refuses what is not signed by its secret");
    let body = json!({ "type": "endpoint.test", "timestamp": clock::now(), "data": {} });
    let request = walk.visitor.foreign(Method::POST, url).json(&body);
    let request = request
        .header("webhook-id", uuid::Uuid::new_v4().to_string())
        .header("webhook-timestamp", clock::now().unix_seconds())
        .header("webhook-signature", "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=");
    let answer = walk.visitor.send(request).await;
    match answer.status {
        0 => walk.skip(rule, &format!("{url} cannot be reached from here: {}", answer.error)),
        status => {
            let refused = (400..500).contains(&status);
            walk.note(rule, refused, format!("{url}: {status}"));
        }
    }
}
