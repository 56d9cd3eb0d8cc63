//! A signed `POST` to an address of the bank's own, as Standard Webhooks describes it.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, StatusCode, redirect};

use super::failure::{Blame, asked};
use super::{Failure, Sent};
use crate::clock;
use crate::crm::standard_webhook::{ID, SIGNATURE, SharedSecret, TIMESTAMP};
use crate::settings::Secret;

const TIME_OUT: Duration = Duration::from_secs(10);

/// An address of the bank, and the secret that signs what goes there.
pub struct SignedPost {
    url: String,
    secret: SharedSecret,
    http: Client,
}

/// Why an address cannot be used.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unusable {
    #[error("url: expected an http:// or https:// URL")]
    Url,
    #[error("secret: expected whsec_ and base64 of 24 to 64 bytes")]
    Secret,
    #[error("no HTTP client")]
    Client,
}

impl SignedPost {
    /// A receiver at that URL, which knows the secret.
    ///
    /// # Errors
    /// [`Unusable`] names the setting that is wrong.
    pub fn new(url: &str, secret: &Secret) -> Result<Self, Unusable> {
        let parsed = reqwest::Url::parse(url).map_err(|_bad| Unusable::Url)?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(Unusable::Url);
        }
        let secret = SharedSecret::read(secret).ok_or(Unusable::Secret)?;
        let http = Client::builder().timeout(TIME_OUT).redirect(redirect::Policy::none());
        let http = http.build().map_err(|_error| Unusable::Client)?;
        Ok(Self { url: url.to_owned(), secret, http })
    }

    /// Sends a body of JSON under an id that stays the same when it is sent again.
    pub async fn send(&self, id: &str, body: Vec<u8>) -> Result<Sent, Failure> {
        let now = clock::now();
        let request = self
            .http
            .post(&self.url)
            .header(CONTENT_TYPE, "application/json")
            .header(ID, id)
            .header(TIMESTAMP, now.unix_seconds())
            .header(SIGNATURE, self.secret.sign(id, now, &body))
            .body(body);
        let response = request.send().await.map_err(|_error| {
            Failure::of("unavailable", "no answer".to_owned(), Blame::Destination)
        })?;
        let retry_after = response.headers().get(RETRY_AFTER);
        let seconds = retry_after.and_then(|text| text.to_str().ok()?.parse().ok());
        told(response.status(), seconds.map(Duration::from_secs))
    }
}

fn told(status: StatusCode, retry_after: Option<Duration>) -> Result<Sent, Failure> {
    let text = format!("status {}", status.as_str());
    let failed = match status {
        status if status.is_success() => {
            return Ok(Sent { remote_id: None, status: Some(status.as_u16()) });
        }
        StatusCode::TOO_MANY_REQUESTS => Failure::of("rate_limited", text, Blame::Pace),
        StatusCode::REQUEST_TIMEOUT | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Failure::of("unavailable", text, Blame::Destination)
        }
        status if status.is_client_error() => {
            Failure { is_final: true, ..Failure::of("refused", text, Blame::Message) }
        }
        _ => Failure::of("unavailable", text, Blame::Destination),
    };
    let failed = Failure { status: Some(status.as_u16()), ..failed };
    Err(Failure { wait_min: asked(retry_after), ..failed })
}
