//! Talks to the gateway as the partner would.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::dpop::Prover;
use super::key::PrivateKey;
use crate::cli::Failure;
use crate::clock;
use crate::ids::PartnerId;
use crate::partner::assertion;
use crate::partner::sign::KIT_AGENT;
use crate::partner::signature::TAG;

/// An answer. Status 0 is none at all.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// JSON; of several values, one a line, their list.
    pub body: Value,
    /// Why there is none.
    pub error: String,
}

impl Answer {
    /// A text of the body, such as `/receipt`.
    #[must_use]
    pub fn text(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The problem's type, or the error of the token endpoint.
    #[must_use]
    pub fn slug(&self) -> &str {
        let slug = self.text("/type").strip_prefix("/problems/").unwrap_or_default();
        if slug.is_empty() { self.text("/error") } else { slug }
    }

    #[must_use]
    pub fn in_words(&self) -> String {
        let detail = match (self.text("/detail"), self.text("/error_description")) {
            ("", "") => &self.error,
            ("", description) => description,
            (detail, _) => detail,
        };
        let slug = self.slug();
        let words = [&self.status.to_string(), slug, detail];
        let words = words.into_iter().filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(" ")
    }
}

/// Where the metadata of every gateway says that tokens are given.
const TOKEN_PATH: &str = "/oauth/token";

/// A client of the gateway.
pub struct Visitor {
    http: reqwest::Client,
    pub url: String,
    /// The gateway's own name, from its metadata.
    pub issuer: String,
    pub id: PartnerId,
    pub key: Option<PrivateKey>,
    pub token: String,
    /// Whether what is posted is signed.
    pub signs: bool,
    /// Proves each request, where tokens are bound to a key.
    pub prover: Option<Prover>,
    /// How long it waits before each request, so as to keep to the partner's rate.
    pub pause: Duration,
}

impl Visitor {
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(url: &str, id: PartnerId, key: Option<PrivateKey>) -> Result<Self, Failure> {
        let http = reqwest::Client::builder()
            .user_agent(KIT_AGENT)
            .timeout(Duration::from_secs(30))
            .build()?;
        let url = url.trim_end_matches('/').to_owned();
        let (issuer, token) = (url.clone(), String::new());
        let pause = Duration::ZERO;
        Ok(Self { http, url, issuer, id, key, token, signs: false, prover: None, pause })
    }

    /// A request to the gateway.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// A request to somebody else.
    pub fn foreign(&self, method: Method, url: &str) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// Sends it with the token, and with a proof where tokens are bound; once more where the gateway
    /// asks for its nonce in the proof (RFC 9449, sections 8 and 9).
    pub async fn send_as_partner(
        &self,
        method: &Method,
        path: &str,
        request: RequestBuilder,
    ) -> Answer {
        let Some(prover) = &self.prover else {
            let bare = self.token.is_empty();
            let request = if bare { request } else { request.bearer_auth(&self.token) };
            return self.send(request).await;
        };
        let again = request.try_clone();
        let answer = self.prove_and_send(prover, method, path, request).await;
        match again {
            Some(again) if prover.is_asked_for_a_nonce(&answer) => {
                self.prove_and_send(prover, method, path, again).await
            }
            _ => answer,
        }
    }

    async fn prove_and_send(
        &self,
        prover: &Prover,
        method: &Method,
        path: &str,
        request: RequestBuilder,
    ) -> Answer {
        let token = Some(self.token.as_str()).filter(|_token| path != TOKEN_PATH);
        let uri = format!("{}{path}", self.issuer);
        let proof = match prover.prove(method.as_str(), &uri, token) {
            Ok(proof) => proof,
            Err(error) => return Answer { error: error.to_string(), ..Answer::default() },
        };
        let request = match token {
            Some(token) => request.header("authorization", format!("DPoP {token}")),
            None => request,
        };
        let answer = self.send(request.header("dpop", proof)).await;
        prover.note(&answer);
        answer
    }

    /// Sends it as it is.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let failed =
            |error: reqwest::Error| Answer { error: error.to_string(), ..Answer::default() };
        tokio::time::sleep(self.pause).await;
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return failed(error),
        };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        match response.bytes().await {
            Ok(bytes) => {
                let lines = || serde_json::Deserializer::from_slice(&bytes).into_iter().flatten();
                let body = serde_json::from_slice(&bytes);
                let body = body.unwrap_or_else(|_no_single| Value::Array(lines().collect()));
                Answer { status, headers, body, error: String::new() }
            }
            Err(error) => failed(error),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send_as_partner(&Method::GET, path, self.request(Method::GET, path)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        let request = self.request(Method::PUT, path).json(body);
        self.send_as_partner(&Method::PUT, path, request).await
    }

    /// Posts JSON; signed, where the visitor signs.
    pub async fn post(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let bytes = body.to_string().into_bytes();
        let mut request =
            self.request(Method::POST, path).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if self.signs {
            match self.signature(path, &bytes) {
                Ok(fields) => {
                    for (name, value) in fields {
                        request = request.header(name, value);
                    }
                }
                Err(error) => return Answer { error: error.to_string(), ..Answer::default() },
            }
        }
        self.send_as_partner(&Method::POST, path, request.body(bytes)).await
    }

    pub async fn event(&self, event: &Value) -> Answer {
        self.post("/v1/events", event, &[]).await
    }

    /// The fields of RFC 9421 over method, target and the body's digest.
    fn signature(&self, path: &str, body: &[u8]) -> Result<[(&'static str, String); 3], Failure> {
        let key = self.key.as_ref().ok_or("no key to sign with")?;
        let digest = format!("sha-256=:{}:", STANDARD.encode(digest(&SHA256, body)));
        let parameters = format!(
            "(\"@method\" \"@target-uri\" \"content-digest\");created={};keyid=\"{}\";tag=\"{TAG}\"",
            clock::now().unix_seconds(),
            key.kid
        );
        let base = format!(
            "\"@method\": POST\n\"@target-uri\": {}{path}\n\"content-digest\": {digest}\n\
             \"@signature-params\": {parameters}",
            self.issuer
        );
        let signature = key.sign_bytes(base.as_bytes())?;
        Ok([
            ("content-digest", digest),
            ("signature-input", format!("sig={parameters}")),
            ("signature", format!("sig=:{signature}:")),
        ])
    }

    /// The claims of an assertion that is as it should be.
    #[must_use]
    pub fn claims(&self) -> Value {
        let now = clock::now().unix_seconds();
        json!({
            "iss": self.id, "sub": self.id, "aud": self.issuer, "iat": now,
            "exp": now.saturating_add(120), "jti": uuid::Uuid::new_v4().to_string(),
        })
    }

    /// Asks for a token with an assertion of these claims.
    pub async fn ask_token(&self, claims: &Value, scope: Option<&str>) -> Answer {
        let Some(key) = &self.key else { return Answer::default() };
        match key.sign(claims) {
            Ok(assertion) => self.ask_token_with(&assertion, scope).await,
            Err(error) => Answer { error: error.to_string(), ..Answer::default() },
        }
    }

    pub async fn ask_token_with(&self, assertion: &str, scope: Option<&str>) -> Answer {
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_assertion_type", assertion::TYPE),
            ("client_assertion", assertion),
        ];
        form.extend(scope.map(|scope| ("scope", scope)));
        let request = self.request(Method::POST, TOKEN_PATH).form(&form);
        if self.prover.is_some() {
            self.send_as_partner(&Method::POST, TOKEN_PATH, request).await
        } else {
            self.send(request).await
        }
    }
}
