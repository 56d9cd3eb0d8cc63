//! The keys of the bank's identity providers come by URL, by discovery or from a file, and a change of
//! keys is taken up without a restart. The claim with roles is a setting.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tallystick::cli::partners::keygen::{Alg, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::harness::{Answer, Partner, Store, TestApp, Trial};

/// An identity provider: what it publishes may change, and each request to it is counted.
#[derive(Clone)]
struct Provider {
    url: String,
    keys: Arc<Mutex<Vec<Value>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Provider {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let provider = Self { url, keys: Arc::default(), asked: Arc::default() };
        let serving = provider.clone();
        tokio::spawn(async move {
            while let Ok((mut connection, _peer)) = listener.accept().await {
                let mut head = vec![0; 4_096];
                let read = connection.read(&mut head).await.unwrap_or(0);
                let head = String::from_utf8_lossy(&head[..read]).into_owned();
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                let body = serving.answer(&path).to_string();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
                     connection: close\r\n\r\n{body}",
                    body.len()
                );
                let _gone = connection.write_all(answer.as_bytes()).await;
            }
        });
        provider
    }

    fn answer(&self, path: &str) -> Value {
        self.asked.lock().unwrap().push(path.to_owned());
        match path {
            "/.well-known/openid-configuration" => {
                json!({ "issuer": self.url, "jwks_uri": format!("{}/keys", self.url) })
            }
            _ => json!({ "keys": *self.keys.lock().unwrap() }),
        }
    }

    fn publish(&self, keys: &[&KeyPair]) {
        *self.keys.lock().unwrap() = keys.iter().map(|key| key.public_jwk()).collect();
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn key(kid: &str) -> KeyPair {
    KeyPair::generate(kid, Alg::EdDsa).unwrap()
}

async fn points(app: &TestApp, key: &KeyPair, issuer: &str) -> Answer {
    let claims = json!({ "iss": issuer, "aud": "tallystick", "sub": "c-1" });
    let person = Partner::with_token(&app.url(), &key.sign(&claims).unwrap());
    person.get("/v1/customers/me/points").await
}

/// Asks until the answer has the status: what changed is taken up within seconds.
async fn becomes(app: &TestApp, key: &KeyPair, issuer: &str, status: u16) {
    for _ in 0..600 {
        if points(app, key, issuer).await.status == status {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    unreachable!("never {status}");
}

fn with_url(store: Store, provider: &Provider, by_discovery: bool) -> Trial {
    let mut trial = Trial::on(store);
    let tokens = trial.settings.customer_tokens.as_mut().unwrap();
    tokens.issuer.clone_from(&provider.url);
    tokens.jwks = std::path::PathBuf::new();
    tokens.jwks_uri = (!by_discovery).then(|| format!("{}/keys", provider.url));
    tokens.jwks_seconds = 2;
    trial
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_fetched_by_url_or_discovery_and_a_new_one_is_taken_up_at_once() {
    for by_discovery in [false, true] {
        let provider = Provider::start().await;
        let (old, new, foreign) = (key("k-1"), key("k-2"), key("k-9"));
        provider.publish(&[&old]);
        let trial = with_url(Store::Sqlite, &provider, by_discovery);
        trial
            .run(async |app| {
                let issuer = provider.url.clone();
                assert_eq!(points(app, &old, &issuer).await.status, 200);
                let before = provider.asked();
                for _ in 0..20 {
                    assert_eq!(points(app, &foreign, &issuer).await.status, 401);
                }
                // Unknown keys do not have the provider asked each time.
                assert!(provider.asked() <= before + 8, "{} after {before}", provider.asked());
                provider.publish(&[&old, &new]);
                becomes(app, &new, &issuer, 200).await;
                // One that is withdrawn is refused within the time that the setting says.
                provider.publish(&[&new]);
                becomes(app, &old, &issuer, 401).await;
                assert_eq!(points(app, &new, &issuer).await.status, 200);
                // A provider that is away changes nothing.
                provider.keys.lock().unwrap().clear();
                tokio::time::sleep(Duration::from_millis(2_500)).await;
                assert_eq!(points(app, &new, &issuer).await.status, 200);
            })
            .await;
    }
}

on_both_stores! {
    async fn a_file_of_keys_that_changes_is_read_again(app) {
        let tokens = app.trial.settings.customer_tokens.clone().unwrap();
        let new = key("login-2");
        assert_eq!(points(app, &new, &tokens.issuer).await.status, 401);
        let set = json!({ "keys": [new.public_jwk()] });
        std::fs::write(&tokens.jwks, set.to_string()).unwrap();
        becomes(app, &new, &tokens.issuer, 200).await;
        let old = Partner::with_token(&app.url(), &app.trial.customer_token("c-1"));
        assert_eq!(old.get("/v1/customers/me/points").await.status, 401);
        // What cannot be read changes nothing.
        std::fs::write(&tokens.jwks, "{").unwrap();
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        assert_eq!(points(app, &new, &tokens.issuer).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_may_be_nested_and_a_token_without_any_is_told_so() {
    let mut trial = Trial::on(Store::Sqlite);
    let issuer = {
        let tokens = trial.settings.staff_tokens.as_mut().unwrap();
        tokens.roles_claim = "realm_access.roles".to_owned();
        tokens.issuer.clone()
    };
    trial
        .run(async |app| {
            let ask = async |more: Value| {
                let mut claims = json!({ "iss": issuer, "aud": "tallystick", "sub": "s-1" });
                let fields = more.as_object().unwrap().clone();
                claims.as_object_mut().unwrap().extend(fields);
                let token = app.trial.staff_key.sign(&claims).unwrap();
                Partner::with_token(&app.url(), &token).get("/v1/corrections").await
            };
            let nested = json!({ "realm_access": { "roles": ["read"] } });
            assert_eq!(ask(nested).await.status, 200);
            let other = ask(json!({ "realm_access": { "roles": ["write"] } })).await;
            assert_eq!(other.told(), (403, "role-missing"));
            for none in [json!({}), json!({ "roles": ["read"] }), json!({ "realm_access": "read" })]
            {
                let answer = ask(none).await;
                assert_eq!(answer.told(), (403, "role-missing"));
                let detail = answer.body["detail"].as_str().unwrap();
                assert!(detail.contains("realm_access.roles"), "{detail}");
            }
        })
        .await;
}
