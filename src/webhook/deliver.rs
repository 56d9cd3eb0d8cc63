//! Sends one message to one endpoint.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use reqwest::{Response, StatusCode, redirect};

use super::address::{Forbidden, PublicResolver};
use super::{EndpointUrl, WebhookKeys};
use crate::clock::{self, Moment};
use crate::ids::{EndpointId, MessageId};
use crate::settings::WebhookSettings;
use crate::store::webhook_endpoints::{self, Endpoint, State};
use crate::store::{Pool, StoreError};

/// Sends messages to partners' endpoints.
#[derive(Clone)]
pub struct WebhookSender {
    http: reqwest::Client,
    keys: WebhookKeys,
    pool: Pool,
    settings: WebhookSettings,
}

/// Why a message was not delivered to an endpoint.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Undelivered {
    #[error("answered {status}")]
    Refused { status: u16, retry_after: Option<Duration> },
    /// The endpoint says that it no longer exists (410).
    #[error("answered 410: the endpoint is disabled")]
    Gone,
    #[error("answered {status}, a redirect: those are not followed")]
    Redirect { status: u16 },
    #[error("its address is private or reserved")]
    ForbiddenAddress,
    #[error("no connection")]
    Unreachable,
    #[error("no answer in time")]
    TimedOut,
    #[error("the endpoint is disabled")]
    Disabled,
    #[error("the endpoint is deleted")]
    Deleted,
    #[error("the store cannot be asked: {0}")]
    Store(String),
}

impl Undelivered {
    /// The status of the answer, if there was one.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } | Self::Redirect { status } => Some(*status),
            Self::Gone => Some(410),
            Self::ForbiddenAddress
            | Self::Unreachable
            | Self::TimedOut
            | Self::Disabled
            | Self::Deleted
            | Self::Store(_) => None,
        }
    }
}

/// The longest time that Standard Webhooks advises for a request; and the time to connect.
const TIME_OUT: Duration = Duration::from_secs(20);
const CONNECT_TIME_OUT: Duration = Duration::from_secs(5);

/// Signatures of one message: a bound on the header, far beyond any sensible number of rotations.
const SIGNATURES_MAX: usize = 10;

impl WebhookSender {
    /// A request takes at most `longest`, so that it ends before the lease on its message.
    ///
    /// # Errors
    /// reqwest's error, if there can be no HTTP client.
    pub fn new(
        settings: WebhookSettings,
        keys: WebhookKeys,
        pool: Pool,
        longest: Duration,
    ) -> Result<Self, reqwest::Error> {
        let mut http = reqwest::Client::builder()
            .timeout(TIME_OUT.min(longest))
            .connect_timeout(CONNECT_TIME_OUT)
            .redirect(redirect::Policy::none())
            // A proxy would resolve names by itself, without our check of addresses.
            .no_proxy();
        if !settings.allow_private_addresses {
            http = http.dns_resolver(Arc::new(PublicResolver));
        }
        Ok(Self { http: http.build()?, keys, pool, settings })
    }

    /// Sends a message to an endpoint that is enabled; returns the status of the answer. An
    /// endpoint that answers 410 is disabled.
    pub async fn send(
        &self,
        endpoint: EndpointId,
        message: MessageId,
        body: &str,
    ) -> Result<u16, Undelivered> {
        let found = self.store(move |pool| pool.with(|db| webhook_endpoints::get(db, endpoint)));
        let found = found.await?.ok_or(Undelivered::Deleted)?;
        match found.state {
            State::Enabled => {}
            State::Disabled => return Err(Undelivered::Disabled),
            State::Deleted => return Err(Undelivered::Deleted),
        }
        let sent = self.post(&found, message, body).await;
        if sent == Err(Undelivered::Gone) {
            self.store(move |pool| {
                pool.with(|db| {
                    db.write(|tx| {
                        let now = clock::now();
                        webhook_endpoints::set_state(tx, endpoint, State::Disabled, now)
                    })
                })
            })
            .await?;
        }
        sent
    }

    /// The same, whatever the state of the endpoint; nothing is recorded of the answer.
    pub async fn post(
        &self,
        endpoint: &Endpoint,
        message: MessageId,
        body: &str,
    ) -> Result<u16, Undelivered> {
        let url = EndpointUrl::parse(&endpoint.url, self.settings)
            .map_err(|_no_longer_allowed| Undelivered::ForbiddenAddress)?;
        let now = clock::now();
        let request = self
            .http
            .post(url.url())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, "tallystick-webhooks/1")
            .header("webhook-id", message.to_string())
            .header("webhook-timestamp", now.unix_seconds())
            .header("webhook-signature", self.signatures(endpoint, message, body, now))
            .body(body.to_owned());
        let answer = request.send().await.map_err(|error| unanswered(&error))?;
        judge(&answer)
    }

    /// Signs with the current secret, and with each secret before it until a day after the last
    /// rotation.
    fn signatures(
        &self,
        endpoint: &Endpoint,
        message: MessageId,
        body: &str,
        now: Moment,
    ) -> String {
        // The newest first; each secret that was rotated within the day signs, however many.
        let versions = (endpoint.oldest_signing(now)..=endpoint.secret_version).rev();
        let each = versions
            .take(SIGNATURES_MAX)
            .filter_map(|version| self.keys.secret(endpoint.id, version))
            .map(|secret| secret.sign(message, now.unix_seconds(), body));
        each.collect::<Vec<String>>().join(" ")
    }

    async fn store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Pool) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Undelivered> {
        let pool = self.pool.clone();
        let done = tokio::task::spawn_blocking(move || work(&pool)).await;
        let done = done.unwrap_or(Err(StoreError::Exhausted));
        done.map_err(|error| Undelivered::Store(error.to_string()))
    }
}

/// Only the status and `Retry-After` are read; the body is the partner's own.
fn judge(answer: &Response) -> Result<u16, Undelivered> {
    let code = answer.status();
    let status = code.as_u16();
    if code.is_success() {
        return Ok(status);
    }
    if code == StatusCode::GONE {
        return Err(Undelivered::Gone);
    }
    if code.is_redirection() {
        return Err(Undelivered::Redirect { status });
    }
    let told = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = told.and_then(|told| told.parse().ok()).map(Duration::from_secs);
    Err(Undelivered::Refused { status, retry_after })
}

fn unanswered(error: &reqwest::Error) -> Undelivered {
    let mut source: Option<&(dyn Error + 'static)> = error.source();
    while let Some(deeper) = source {
        if deeper.is::<Forbidden>() {
            return Undelivered::ForbiddenAddress;
        }
        source = deeper.source();
    }
    if error.is_timeout() { Undelivered::TimedOut } else { Undelivered::Unreachable }
}
