//! Deny by default. A token is good for what it says, for whom it says, and no longer than it says.
//! What each operation asks for is asked in `every_operation.rs`.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Partner, TestApp, assertion, payment};

const POINTS: (&str, &str) = ("GET", "/v1/customers/me/points");

async fn status(app: &TestApp, (method, path): (&str, &str), token: Option<&str>) -> u16 {
    let url = format!("{}{path}", app.url());
    let mut request =
        reqwest::Client::new().request(Method::from_bytes(method.as_bytes()).unwrap(), url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = Answer::of(request.body("[]")).await;
    if answer.status == 401 {
        let challenge = answer.headers["www-authenticate"].to_str().unwrap();
        assert!(challenge.starts_with("Bearer"), "{challenge}");
    }
    answer.status.as_u16()
}

on_both_stores! {
    async fn a_token_does_what_its_scope_says_and_no_more(app) {
        let issuer = app.trial.settings.issuer.clone().unwrap();
        let key = app.trial.key("green-basket");
        let token = async |scope: &str| {
            let assertion = assertion("green-basket", &issuer, key);
            Partner::ask_token(&app.url(), &assertion, &[("scope", scope)]).await
        };
        let reading = token("events:read").await;
        assert_eq!(reading.body["scope"], "events:read");
        let reading = reading.body["access_token"].as_str().unwrap();
        assert_eq!(status(app, ("POST", "/v1/events"), Some(reading)).await, 403);
        assert_eq!(status(app, ("GET", "/v1/events/p-1"), Some(reading)).await, 404);
        // The supermarket refers nobody, so it may not ask for that.
        let other = token("referrals:read").await;
        assert_eq!((other.status.as_u16(), &other.body["error"]), (400, &json!("invalid_scope")));
    }
}

on_both_stores! {
    async fn an_assertion_is_taken_once(app) {
        let issuer = app.trial.settings.issuer.clone().unwrap();
        let assertion = assertion("green-basket", &issuer, app.trial.key("green-basket"));
        assert_eq!(Partner::ask_token(&app.url(), &assertion, &[]).await.status, 200);
        let again = Partner::ask_token(&app.url(), &assertion, &[]).await;
        assert_eq!((again.status.as_u16(), &again.body["error"]), (401, &json!("invalid_client")));
        app.restart().await;
        assert_eq!(Partner::ask_token(&app.url(), &assertion, &[]).await.status, 401);
    }
}

on_both_stores! {
    async fn an_assertion_that_is_not_for_us_or_not_by_the_partner_is_refused(app) {
        let issuer = app.trial.settings.issuer.clone().unwrap();
        let now = tallystick::clock::now().unix_seconds();
        let good = json!({ "iss": "green-basket", "sub": "green-basket", "aud": issuer });
        let with = |field: &str, value: Value| {
            let mut claims = good.clone();
            claims["jti"] = json!(uuid::Uuid::new_v4().to_string());
            claims[field] = value;
            claims
        };
        let key = app.trial.key("green-basket");
        let cases = [
            with("aud", json!("https://elsewhere.test")),
            with("aud", json!([issuer, "https://elsewhere.test"])),
            with("aud", json!(format!("{issuer}/oauth/token"))),
            with("sub", json!("blue-basket")),
            with("iss", json!("blue-basket")),
            with("jti", json!("")),
            with("nbf", json!(now + 3600)),
        ];
        for claims in cases {
            let token = key.sign(&claims).unwrap();
            assert_refused(app, &token, &claims).await;
        }
        let foreign = app.trial.key("blue-basket").sign(&with("iss", json!("green-basket"))).unwrap();
        assert_refused(app, &foreign, &json!("another partner's key")).await;
    }
}

on_both_stores! {
    async fn alg_none_and_a_shared_secret_are_refused(app) {
        let issuer = app.trial.settings.issuer.clone().unwrap();
        let claims = json!({
            "iss": "green-basket", "sub": "green-basket", "aud": issuer, "jti": "1",
            "exp": tallystick::clock::now().unix_seconds() + 60,
        });
        let public = app.trial.key("green-basket").public_jwk().to_string();
        let header = Header { kid: Some("green-basket-1".to_owned()), ..Header::new(Algorithm::HS256) };
        let mixed = encode(&header, &claims, &EncodingKey::from_secret(public.as_bytes())).unwrap();
        assert_refused(app, &mixed, &json!("HS256")).await;
        let none = json!({ "alg": "none", "typ": "JWT", "kid": "green-basket-1" });
        let unsigned = format!("{}.{}.", encode_part(&none), encode_part(&claims));
        assert_refused(app, &unsigned, &none).await;
    }
}

on_both_stores! {
    async fn the_token_url_is_an_audience_only_where_the_manifest_says_so(app) {
        let url = format!("{}/oauth/token", app.trial.settings.issuer.clone().unwrap());
        let id = "token-url-basket";
        let lenient = assertion(id, &url, app.trial.key(id));
        assert_eq!(Partner::ask_token(&app.url(), &lenient, &[]).await.status, 200);
        let strict = assertion("green-basket", &url, app.trial.key("green-basket"));
        assert_eq!(Partner::ask_token(&app.url(), &strict, &[]).await.status, 401);
    }
}

on_both_stores! {
    async fn customer_tokens_of_another_issuer_audience_or_time_are_refused(app) {
        let now = tallystick::clock::now().unix_seconds();
        let good = json!({ "iss": "https://login.test", "aud": "tallystick", "sub": "c-1" });
        for (field, value) in [
            ("iss", json!("https://other.test")),
            ("aud", json!("another-service")),
            ("sub", json!("")),
            ("nbf", json!(now + 3600)),
        ] {
            let mut claims = good.clone();
            claims[field] = value;
            let token = app.trial.sign_customer(&claims);
            assert_eq!(status(app, POINTS, Some(&token)).await, 401, "{claims}");
        }
        let token = app.trial.sign_customer(&good);
        assert_eq!(status(app, POINTS, Some(&token)).await, 200);
    }
}

on_both_stores! {
    async fn a_partner_above_its_rate_is_told_to_wait_and_others_are_not(app) {
        let slow = app.partner("slow-basket").await;
        let mut limited = None;
        for number in 0..10 {
            let answer = slow.post(&payment(&format!("p-{number}"), "m-1", "1.00", "0.00")).await;
            if answer.status == 429 {
                limited = Some(answer);
                break;
            }
        }
        let limited = limited.unwrap();
        assert_eq!(limited.body["type"], "/problems/rate-limited");
        assert_eq!(limited.headers["retry-after"], "1");
        assert_eq!(limited.headers["ratelimit-policy"], "\"requests\";q=4;w=2");
        assert_eq!(limited.headers["ratelimit"], "\"requests\";r=0;t=2");
        app.partner("green-basket").await.record(&payment("p-1", "m-1", "1.00", "0.00")).await;
    }
}

async fn assert_refused(app: &TestApp, assertion: &str, case: &Value) {
    let answer = Partner::ask_token(&app.url(), assertion, &[]).await;
    let seen = (answer.status.as_u16(), &answer.body["error"]);
    assert_eq!(seen, (401, &json!("invalid_client")), "{case}: {}", answer.text);
}

fn encode_part(value: &Value) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
}
