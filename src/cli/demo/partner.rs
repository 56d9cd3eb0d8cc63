//! A partner of the demo: its own token, and the public API over HTTP.

use serde_json::{Value, json};

use crate::cli::Failure;
use crate::cli::partners::keygen::KeyPair;

/// A partner with a token.
pub struct PartnerClient {
    pub id: String,
    http: reqwest::Client,
    url: String,
    token: String,
}

impl PartnerClient {
    /// Gets a token for the partner with its own key (RFC 7523).
    ///
    /// # Errors
    /// When the gateway does not give one.
    pub async fn log_in(url: &str, id: &str, key: &KeyPair) -> Result<Self, Failure> {
        let http = reqwest::Client::new();
        let assertion = key.sign(&json!({
            "iss": id, "sub": id, "aud": url, "jti": uuid::Uuid::new_v4().to_string(),
        }))?;
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &assertion),
        ];
        let answer = http.post(format!("{url}/oauth/token")).form(&form).send().await?;
        let answer: Value = answer.json().await?;
        let token = answer.get("access_token").and_then(Value::as_str);
        let token = token.ok_or_else(|| format!("{id} got no token: {answer}"))?.to_owned();
        Ok(Self { id: id.to_owned(), http, url: url.to_owned(), token })
    }

    /// Posts one event; the receipt, or why there is none.
    ///
    /// # Errors
    /// When the gateway does not take the event.
    pub async fn post_event(&self, event: &Value) -> Result<Value, Failure> {
        let request = self.http.post(format!("{}/v1/events", self.url)).bearer_auth(&self.token);
        let response = request.json(event).send().await?;
        let (status, body) = (response.status(), response.json::<Value>().await?);
        if !status.is_success() {
            return Err(format!("{}: an event was not taken: {status} {body}", self.id).into());
        }
        Ok(body)
    }

    /// Posts a batch; one outcome for each event.
    ///
    /// # Errors
    /// When the gateway does not take the batch.
    pub async fn post_batch(&self, events: &[Value]) -> Result<Vec<Value>, Failure> {
        let url = format!("{}/v1/events:batch", self.url);
        let request = self.http.post(url).bearer_auth(&self.token);
        let mut body: Value = request.json(events).send().await?.json().await?;
        match body.get_mut("outcomes").map(Value::take) {
            Some(Value::Array(outcomes)) => Ok(outcomes),
            _ => Err(format!("{}: the batch was not taken: {body}", self.id).into()),
        }
    }

    /// Posts something else; the answer, or why there is none.
    ///
    /// # Errors
    /// When the gateway does not take it.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let request = self.http.post(format!("{}{path}", self.url)).bearer_auth(&self.token);
        let response = request.json(body).send().await?;
        let (status, body) = (response.status(), response.json::<Value>().await?);
        if !status.is_success() {
            return Err(format!("{}: {path}: {status} {body}", self.id).into());
        }
        Ok(body)
    }

    /// One of the partner's own resources.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(&self.token);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }
}
