//! Metadata, keys, assertions, tokens and their scopes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use serde_json::{Value, json};

use super::report::Rule;
use super::walk::{TOKEN, Walk, Wanted};
use crate::clock;
use crate::partner::scope::Scope;

/// How far the clocks may be apart, in seconds.
const SKEW_MAX: i64 = 60;

pub async fn metadata(walk: &mut Walk) {
    let answer = walk.visitor.get("/.well-known/oauth-authorization-server").await;
    if !walk.expect(Rule::of(TOKEN, "the metadata is there"), &answer, Wanted::of(200, "")) {
        return;
    }
    walk.visitor.issuer = answer.text("/issuer").to_owned();
    let date = DateTime::parse_from_rfc2822(answer.header("date"));
    let rule = Rule::of(TOKEN, "the clocks agree within 60 s");
    match date {
        Ok(date) => {
            let apart = clock::now().unix_seconds().saturating_sub(date.timestamp());
            walk.note(rule, apart.abs() <= SKEW_MAX, format!("{apart} s apart"));
        }
        Err(_unreadable) => walk.note(rule, false, "the answer has no Date"),
    }
    let keys = walk.visitor.get("/.well-known/jwks.json").await;
    walk.expect(Rule::of(TOKEN, "the gateway's keys are there"), &keys, Wanted::of(200, ""));
}

/// Whether a token was given.
pub async fn tokens(walk: &mut Walk) -> bool {
    let claims = walk.visitor.claims();
    let answer = walk.visitor.ask_token(&claims, None).await;
    if !walk.expect(
        Rule::of(TOKEN, "the key and an assertion are accepted"),
        &answer,
        Wanted::of(200, ""),
    ) {
        return false;
    }
    walk.visitor.token = answer.text("/access_token").to_owned();
    scopes(walk, answer.text("/scope")).await;
    let again = walk.visitor.ask_token(&claims, None).await;
    let rule = Rule::of(TOKEN, "an assertion that was used is refused (jti)");
    walk.expect(rule, &again, Wanted::of(401, "invalid_client"));
    let wrong = [
        (
            "an assertion for somebody else is refused (aud)",
            json!({ "aud": "https://else.example" }),
        ),
        ("an expired assertion is refused (exp)", json!({ "exp": 1_700_000_000 })),
        ("an assertion without a jti is refused", json!({ "jti": null })),
    ];
    for (rule, change) in wrong {
        let claims = changed(&walk.visitor.claims(), &change);
        let answer = walk.visitor.ask_token(&claims, None).await;
        walk.expect(Rule::of(TOKEN, rule), &answer, Wanted::of(401, "invalid_client"));
    }
    for (rule, alg) in [
        ("an assertion without a signature is refused (alg none)", "none"),
        ("an assertion with a shared secret is refused (alg HS256)", "HS256"),
    ] {
        let forged = forged(alg, &walk.visitor.claims());
        let answer = walk.visitor.ask_token_with(&forged, None).await;
        walk.expect(Rule::of(TOKEN, rule), &answer, Wanted::of(401, "invalid_client"));
    }
    true
}

async fn scopes(walk: &mut Walk, given: &str) {
    let own: Vec<&str> = walk.partner.access.scopes.iter().map(|scope| scope.name()).collect();
    let all = own.iter().all(|scope| given.split(' ').any(|it| it == *scope));
    walk.note(Rule::of(TOKEN, "a token has all scopes of the manifest"), all, given);
    let not_theirs = Scope::ALL.into_iter().find(|it| !walk.partner.access.scopes.contains(it));
    let rule = Rule::of(TOKEN, "a scope that is not in the manifest is not given");
    match not_theirs {
        None => walk.skip(rule, "the manifest has every scope"),
        Some(scope) => {
            let claims = walk.visitor.claims();
            let answer = walk.visitor.ask_token(&claims, Some(scope.name())).await;
            walk.expect(rule, &answer, Wanted::of(400, "invalid_scope"));
        }
    }
    let rule = Rule::of(TOKEN, "a token does not open what its scope does not");
    if !own.contains(&"events:read") || !own.contains(&"events:write") {
        walk.skip(rule, "the manifest has not both events:read and events:write");
        return;
    }
    let claims = walk.visitor.claims();
    let narrow = walk.visitor.ask_token(&claims, Some("events:read")).await;
    let whole = std::mem::replace(&mut walk.visitor.token, narrow.text("/access_token").to_owned());
    let answer = walk.visitor.event(&json!({})).await;
    walk.visitor.token = whole;
    walk.expect(rule, &answer, Wanted::of(403, "insufficient-scope"));
}

fn changed(claims: &Value, change: &Value) -> Value {
    let mut claims = claims.clone();
    if let (Some(claims), Some(change)) = (claims.as_object_mut(), change.as_object()) {
        claims.extend(change.clone());
        claims.retain(|_name, value| !value.is_null());
    }
    claims
}

/// A JWT that nobody signed.
fn forged(alg: &str, claims: &Value) -> String {
    let header = URL_SAFE_NO_PAD.encode(json!({ "alg": alg, "typ": "JWT" }).to_string());
    let signature = if alg == "none" { "" } else { "c2lnbmF0dXJl" };
    format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims.to_string()))
}
