//! What every adapter does the same way over HTTP: limited time, limited answers, no redirects.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use serde_json::Value;
use tracing::{Instrument, debug_span};

use super::CrmError;
use crate::clock;
use crate::telemetry::traces;

const CONNECT_TIME_OUT: Duration = Duration::from_secs(5);
/// At most this many bytes of an answer are read: many times a page of records.
const ANSWER_MAX: usize = 1 << 20;

/// A complete answer.
pub(super) struct Answered {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// There was no answer, or no complete one.
pub(super) enum Unanswered {
    /// Nothing was sent.
    NoConnection,
    /// The CRM may have done what the request asked for.
    Lost(&'static str),
}

/// # Errors
/// [`CrmError::Unavailable`] if no HTTP client can be made.
pub(super) fn client(time_out: Duration) -> Result<Client, CrmError> {
    Client::builder()
        .timeout(time_out)
        .connect_timeout(CONNECT_TIME_OUT)
        // The requests hold personal data: they go where the settings say and nowhere else.
        .redirect(redirect::Policy::none())
        .build()
        .map_err(|_error| CrmError::Unavailable("no HTTP client".to_owned()))
}

/// Sends a request and reads the whole answer.
pub(super) async fn send(mut request: RequestBuilder) -> Result<Answered, Unanswered> {
    let span = debug_span!("crm", otel.kind = "client");
    if let Some(place) = traces::place(&span) {
        request = request.header("traceparent", place.to_string());
    }
    let response = match request.send().instrument(span).await {
        Ok(response) => response,
        Err(error) if error.is_connect() => return Err(Unanswered::NoConnection),
        Err(_error) => return Err(Unanswered::Lost("no answer")),
    };
    let (status, headers) = (response.status(), response.headers().clone());
    match read_bounded(response).await {
        Some(body) => Ok(Answered { status, headers, body }),
        None => Err(Unanswered::Lost("half an answer, or one too long")),
    }
}

async fn read_bounded(mut response: Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(part)) if body.len().saturating_add(part.len()) <= ANSWER_MAX => {
                body.extend_from_slice(&part);
            }
            Ok(None) => return Some(body),
            Ok(Some(_)) | Err(_) => return None,
        }
    }
}

impl Answered {
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// How long the CRM asks us to wait: `Retry-After` in seconds or as a date (RFC 9110, section
    /// 10.2.3).
    pub(super) fn retry_after(&self) -> Option<Duration> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?;
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let at = chrono::DateTime::parse_from_rfc2822(text).ok()?;
        (at.to_utc() - clock::now().utc()).to_std().ok()
    }

    /// What the status alone says can be done; `None` for a status that speaks of the lead.
    pub(super) fn trouble(&self) -> Option<CrmError> {
        match self.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Some(CrmError::Credentials),
            StatusCode::TOO_MANY_REQUESTS => {
                Some(CrmError::RateLimited { retry_after: self.retry_after() })
            }
            StatusCode::SERVICE_UNAVAILABLE if self.retry_after().is_some() => {
                Some(CrmError::RateLimited { retry_after: self.retry_after() })
            }
            StatusCode::REQUEST_TIMEOUT => Some(CrmError::Unavailable("status 408".to_owned())),
            status if status.is_server_error() || status.is_redirection() => {
                Some(CrmError::Unavailable(format!("status {}", status.as_str())))
            }
            _ => None,
        }
    }
}

impl Unanswered {
    /// For a request that may be sent again unchanged, whatever became of it.
    pub(super) fn repeatable(self) -> CrmError {
        CrmError::Unavailable(match self {
            Self::NoConnection => "no connection".to_owned(),
            Self::Lost(what) => what.to_owned(),
        })
    }
}

/// An answer in a form that is not documented.
pub(super) fn unexpected() -> CrmError {
    CrmError::Unavailable("an answer of unexpected form".to_owned())
}
