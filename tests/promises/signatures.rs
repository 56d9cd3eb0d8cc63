//! A partner cannot deny what it signed. Signatures by another maker's library (Python's
//! http-message-signatures) are accepted, kept, and verified again offline from the evidence alone.

use std::path::Path;
use std::process::{Command, Stdio};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, TestApp, payment, phone_of, referral};

/// Runs the Python client; blocking, as its answers are waited for.
fn python(arguments: &[&str]) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(root.join(".tools/venv/bin/python"))
        .arg(root.join("tests/tools/http_signatures.py"))
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

pub fn send(app: &TestApp, cases: &[Value]) -> Vec<Value> {
    let path = app.trial.folder.path().join("cases.json");
    std::fs::write(&path, json!(cases).to_string()).unwrap();
    let answers = tokio::task::block_in_place(|| python(&["send", path.to_str().unwrap()]));
    answers.as_array().unwrap().clone()
}

/// The evidence of an event, as the command writes it.
pub fn evidence(app: &TestApp, partner: &str, event: &str) -> Result<Value, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_tallystick"))
        .args(["ledger", "evidence", "--partner", partner, "--event", event])
        .env("DATABASE_URL", app.trial.settings.database_url.reveal())
        .env("TALLYSTICK_PARTNERS", &app.trial.settings.partners)
        .env("TALLYSTICK_KEYS", &app.trial.settings.keys)
        .env("TALLYSTICK_LOG__LEVEL", "error")
        .output()
        .unwrap();
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    } else {
        Err(String::from_utf8(output.stderr).unwrap())
    }
}

pub fn check(app: &TestApp, evidence: &Value) -> Value {
    let path = app.trial.folder.path().join("evidence.json");
    std::fs::write(&path, evidence.to_string()).unwrap();
    tokio::task::block_in_place(|| python(&["check", path.to_str().unwrap()]))
}

/// The service under its own address, which is what its clients sign.
pub async fn at_home(app: &mut TestApp) -> String {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    app.trial.settings.listen = format!("127.0.0.1:{port}").parse().unwrap();
    app.trial.settings.issuer = Some(format!("http://127.0.0.1:{port}"));
    app.restart().await;
    app.url()
}

/// Registers a key that Python made.
fn register(app: &TestApp, partner: &str, kid: &str, key: &Value) {
    let path = app.trial.settings.partners.join(partner).join("partner.toml");
    let members = key["public"].as_object().unwrap().iter();
    let members: Vec<String> = members.map(|(name, value)| format!("{name} = {value}")).collect();
    let text = std::fs::read_to_string(&path).unwrap();
    let block = format!(
        "\n[[access.keys]]\nkid = \"{kid}\"\nalg = {}\njwk = {{ {} }}\n",
        key["alg"],
        members.join(", ")
    );
    std::fs::write(path, text + &block).unwrap();
}

pub fn case(url: &str, token: &str, jwk: &Value, kid: &str, body: &Value) -> Value {
    json!({
        "url": format!("{url}/v1/events"), "token": token, "jwk": jwk, "kid": kid,
        "body": body.to_string(),
    })
}

fn with(case: &Value, more: Value) -> Value {
    let mut case = case.clone();
    case.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    case
}

on_both_stores! {
    async fn signed_events_are_taken_and_their_evidence_is_verified_offline(app) {
        let keys = tokio::task::block_in_place(|| python(&["keys"]));
        register(app, "green-basket", "elliptic", &keys[0]);
        register(app, "green-basket", "modulus", &keys[1]);
        let url = at_home(app).await;
        let shop = app.partner("green-basket").await;
        let ed25519 = app.trial.key("green-basket").private_jwk();
        let body = |id: &str| payment(id, "m-1", "88.50", "0.00");
        let batch: Vec<Value> = (0..5).map(|it| body(&format!("b-{it}"))).collect();
        let answers = send(app, &[
            case(&url, &shop.token, &ed25519, "green-basket-1", &body("p-1")),
            case(&url, &shop.token, &keys[0]["jwk"], "elliptic", &body("p-2")),
            case(&url, &shop.token, &keys[1]["jwk"], "modulus", &body("p-3")),
            with(&case(&url, &shop.token, &ed25519, "green-basket-1", &json!(batch)),
                json!({ "url": format!("{url}/v1/events:batch") })),
            with(&case(&url, &shop.token, &ed25519, "green-basket-1", &body("p-4")), json!({
                "covered": ["@method", "@target-uri", "@authority", "@path", "@query",
                            "content-type", "content-digest", "authorization"],
                "nonce": "n-1", "label": "mine",
            })),
        ]);
        let statuses: Vec<u64> = answers.iter().map(|it| it["status"].as_u64().unwrap()).collect();
        assert_eq!(statuses, [201, 201, 201, 200, 201], "{answers:?}");
        for (event, count) in [("p-1", 1), ("p-2", 1), ("p-3", 1), ("b-0", 5), ("b-4", 5), ("p-4", 1)] {
            let told = evidence(app, "green-basket", event).unwrap();
            let checked = check(app, &told);
            assert_eq!((&checked["event"], &checked["events"]), (&json!(event), &json!(count)), "{checked}");
            // Another amount, another key, another target: nothing is proved.
            let mut changed = told.clone();
            let other = payment(event, "m-1", "99.50", "0.00").to_string();
            changed["request"]["body_base64"] = json!(base64(other.as_bytes()));
            assert!(check(app, &changed)["error"].is_string());
            let mut changed = told.clone();
            changed["request"]["target_uri"] = json!("http://127.0.0.1/v1/quotes");
            assert!(check(app, &changed)["error"].is_string());
        }
        // Without a signature all is as before, and there is no evidence.
        shop.record(&body("p-5")).await;
        assert!(evidence(app, "green-basket", "p-5").unwrap_err().contains("no signed event"));
        // Nor is there another's.
        assert!(evidence(app, "blue-basket", "p-1").unwrap_err().contains("no signed event"));
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

on_both_stores! {
    async fn a_key_signs_requests_until_its_last_day(app) {
        let keys = tokio::task::block_in_place(|| python(&["keys"]));
        register(app, "green-basket", "elliptic", &keys[0]);
        let path = app.trial.settings.partners.join("green-basket/partner.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text + "until = \"2026-01-01\"\n").unwrap();
        let url = at_home(app).await;
        let shop = app.partner("green-basket").await;
        let signed = case(&url, &shop.token, &keys[0]["jwk"], "elliptic", &payment("p-1", "m-1", "1.00", "0.00"));
        let [answer] = &send(app, &[signed])[..] else { unreachable!("one answer") };
        assert_eq!(answer["status"], 403, "{answer}");
        assert_eq!(shop.get("/v1/events/p-1").await.status, 404);
    }
}

on_both_stores! {
    async fn a_signature_that_proves_nothing_is_refused_and_nothing_recorded(app) {
        let url = at_home(app).await;
        let shop = app.partner("green-basket").await;
        let jwk = app.trial.key("green-basket").private_jwk();
        let other = app.trial.key("blue-basket").private_jwk();
        let body = payment("p-1", "m-1", "88.50", "0.00");
        let good = case(&url, &shop.token, &jwk, "green-basket-1", &body);
        let changed = payment("p-1", "m-1", "99.50", "0.00").to_string();
        let cases = [
            (403, "invalid", json!({ "other_body": changed })),
            (400, "malformed", json!({ "digest": false, "covered": ["@method", "@target-uri"] })),
            (400, "malformed", json!({ "drop": ["Content-Digest"] })),
            (400, "malformed", json!({ "drop": ["Signature"] })),
            (400, "malformed", json!({ "change": { "Signature": "mine" } })),
            (400, "malformed", json!({ "change": { "Signature-Input": "((" } })),
            (400, "malformed", json!({ "covered": ["@method", "content-digest"] })),
            (400, "malformed", json!({ "covered": ["@method", "@target-uri", "content-digest", "\"content-type\";bs"] })),
            (400, "malformed", json!({ "tag": "another-application" })),
            (403, "invalid", json!({ "age": 400 })),
            (403, "invalid", json!({ "age": -120 })),
            (403, "invalid", json!({ "jwk": other })),
            (403, "invalid", json!({ "jwk": other, "kid": "blue-basket-1" })),
            (403, "invalid", json!({ "other_url": format!("{url}/v1/events?x=1") })),
            (403, "invalid", json!({ "change": { "Content-Digest": "sha-256=:AAAA:" } })),
        ];
        let sent: Vec<Value> = cases.iter().map(|(_, _, more)| with(&good, more.clone())).collect();
        for ((status, slug, more), answer) in cases.iter().zip(send(app, &sent)) {
            let kind = format!("/problems/signature-{slug}");
            let told = (answer["status"].as_u64().unwrap(), &answer["body"]["type"]);
            assert_eq!(told, (*status, &json!(kind)), "{more}: {answer}");
            // No token, and nothing of the body, comes back.
            assert!(!answer.to_string().contains(&shop.token));
        }
        assert_eq!(shop.get("/v1/events/p-1").await.status, 404);
        assert_eq!(send(app, &[good])[0]["status"], 201);
    }
}

on_both_stores! {
    async fn where_the_manifest_asks_for_signatures_nothing_is_taken_without(app) {
        let path = app.trial.settings.partners.join("blue-basket/partner.toml");
        let manifest = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, manifest.replace("[access]", "[access]\nsigned_requests = true")).unwrap();
        let url = at_home(app).await;
        let shop = app.partner("blue-basket").await;
        let event = payment("p-1", "m-1", "88.50", "0.00");
        let (status, slug, _) = shop.refused(&event).await;
        assert_eq!((status, slug.as_str()), (403, "signature-required"));
        for path in ["/v1/events:batch", "/v1/quotes"] {
            let answer = Answer::of(shop.request(Method::POST, path).json(&json!([event]))).await;
            assert_eq!(answer.body["type"], "/problems/signature-required", "{answer:?}");
        }
        let jwk = app.trial.key("blue-basket").private_jwk();
        let signed = case(&url, &shop.token, &jwk, "blue-basket-1", &event);
        assert_eq!(send(app, &[signed])[0]["status"], 201);
        assert_eq!(shop.get("/v1/events/p-1").await.status, 200);
        assert_eq!(app.partner("green-basket").await.post(&event).await.status, 201);
    }
}

on_both_stores! {
    async fn what_was_signed_is_kept_sealed(app) {
        let url = at_home(app).await;
        let travel = app.partner("sunny-travel").await;
        let jwk = app.trial.key("sunny-travel").private_jwk();
        let lead = referral("t-1", "travel-loan", "9000.00", "old-town");
        let signed = case(&url, &travel.token, &jwk, "sunny-travel-1", &lead);
        assert_eq!(send(app, &[signed])[0]["status"], 201);
        let told = evidence(app, "sunny-travel", "t-1").unwrap();
        assert_eq!(check(app, &told)["event"], "t-1");
        let digest = told["request"]["headers"]["content-digest"].as_str().unwrap();
        for file in ["test.db", "test.db-wal"] {
            let bytes = std::fs::read(app.trial.folder.path().join(file)).unwrap_or_default();
            for secret in [phone_of("t-1").as_str(), digest] {
                assert!(!bytes.windows(secret.len()).any(|it| it == secret.as_bytes()), "{file}");
            }
        }
        app.leads_may_wait = true; // There is no CRM here.
    }
}
