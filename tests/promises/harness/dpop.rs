use std::sync::Mutex;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Answer, TestApp, assertion};

/// A client with a key of its own to which its tokens are bound (RFC 9449).
pub struct DpopClient {
    url: String,
    issuer: String,
    signing: EncodingKey,
    jwk: Value,
    nonce: Mutex<Option<String>>,
}

impl DpopClient {
    pub fn new(app: &TestApp) -> Self {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(der.as_ref()).unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        Self {
            url: app.url(),
            issuer: app.trial.settings.issuer.clone().unwrap(),
            signing: EncodingKey::from_ed_der(der.as_ref()),
            jwk: json!({ "kty": "OKP", "crv": "Ed25519", "x": x }),
            nonce: Mutex::new(None),
        }
    }

    /// The claims of a good proof.
    pub fn claims(&self, method: &Method, path: &str, token: Option<&str>) -> Value {
        let mut claims = json!({
            "jti": uuid::Uuid::new_v4().to_string(), "htm": method.as_str(),
            "htu": format!("{}{path}", self.issuer),
            "iat": tallystick::clock::now().unix_seconds(),
        });
        if let Some(token) = token {
            claims["ath"] = json!(URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes())));
        }
        if let Some(nonce) = self.nonce.lock().unwrap().as_deref() {
            claims["nonce"] = json!(nonce);
        }
        claims
    }

    pub fn sign(&self, claims: &Value) -> String {
        let header = json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": self.jwk });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(claims));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &self.signing, Algorithm::EdDSA);
        format!("{message}.{}", signature.unwrap())
    }

    /// Asks for a token once, with a proof, and keeps the nonce that comes.
    pub async fn ask_token(&self, app: &TestApp, partner: &str) -> Answer {
        let path = "/oauth/token";
        let proof = self.sign(&self.claims(&Method::POST, path, None));
        let assertion = assertion(partner, &self.issuer, app.trial.key(partner));
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.as_str()),
        ];
        let request = reqwest::Client::new().post(format!("{}{path}", self.url)).form(&form);
        self.heard(Answer::of(request.header("dpop", proof)).await)
    }

    /// A token, with a nonce.
    pub async fn token(&self, app: &TestApp, partner: &str) -> String {
        let first = self.ask_token(app, partner).await;
        let answer = if first.status == 200 { first } else { self.ask_token(app, partner).await };
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.body["token_type"], "DPoP");
        answer.body["access_token"].as_str().unwrap().to_owned()
    }

    /// A request with that token and that proof.
    pub fn request(&self, method: Method, path: &str, token: &str, proof: &str) -> RequestBuilder {
        let request = reqwest::Client::new().request(method, format!("{}{path}", self.url));
        request.header("authorization", format!("DPoP {token}")).header("dpop", proof)
    }

    /// Gets with a good proof.
    pub async fn get(&self, path: &str, token: &str) -> Answer {
        let bare = path.split('?').next().unwrap();
        let proof = self.sign(&self.claims(&Method::GET, bare, Some(token)));
        self.heard(Answer::of(self.request(Method::GET, path, token, &proof)).await)
    }

    /// Posts with a good proof.
    pub async fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        let proof = self.sign(&self.claims(&Method::POST, path, Some(token)));
        let request = self.request(Method::POST, path, token, &proof).json(body);
        self.heard(Answer::of(request).await)
    }

    fn heard(&self, answer: Answer) -> Answer {
        if let Some(nonce) = answer.headers.get("dpop-nonce") {
            *self.nonce.lock().unwrap() = Some(nonce.to_str().unwrap().to_owned());
        }
        answer
    }
}
