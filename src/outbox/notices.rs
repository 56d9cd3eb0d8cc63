//! Notices on their way to customers: into the log, or to the bank's own gateway for messages,
//! which knows where a customer is reached. We do not.

use std::time::Duration;

use chrono_tz::Tz;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, StatusCode};
use serde_json::json;
use uuid::Uuid;

use super::failure::Blame;
use super::{Failure, Sent};
use crate::clock;
use crate::crm::standard_webhook::{ID, SIGNATURE, SharedSecret, TIMESTAMP};
use crate::notice::night_left;
use crate::store::outbox::claims::Claimed;
use crate::store::{Pool, StoreError, notices};

/// The way to customers.
pub struct NoticeSender {
    pub pool: Pool,
    pub time_zone: Tz,
    pub way: NoticeWay,
}

/// Who tells them.
pub enum NoticeWay {
    /// A line in the log, without the customer.
    Log,
    /// A signed `POST` to the bank's gateway for messages.
    Webhook { url: String, secret: Box<SharedSecret>, http: Client },
}

impl NoticeSender {
    /// # Errors
    /// [`Failure`].
    pub async fn send(&self, claimed: &Claimed) -> Result<Sent, Failure> {
        if let Some(left) = night_left(clock::now(), self.time_zone) {
            let text = "nobody is told at night".to_owned();
            return Err(failure("night", text, Blame::Ourselves).after(left));
        }
        let (pool, subject) = (self.pool.clone(), claimed.subject);
        let read = tokio::task::spawn_blocking(move || pool.with(|db| notices::get(db, &subject)));
        let notice = read.await.unwrap_or(Err(StoreError::Exhausted))?;
        let Some(notice) = notice else { return Err(Failure::no_consent()) };
        let id = Uuid::from_bytes(claimed.subject);
        match &self.way {
            NoticeWay::Log => {
                tracing::info!(notice = %id, kind = notice.kind, "notice");
                Ok(Sent { remote_id: None, status: None })
            }
            NoticeWay::Webhook { url, secret, http } => {
                let body = json!({
                    "notice": id, "customer": notice.subject, "kind": notice.kind,
                    "date": notice.object, "days": notice.days, "points": notice.points,
                });
                let body = body.to_string().into_bytes();
                let (id, now) = (format!("notice-{id}"), clock::now());
                let request = http
                    .post(url)
                    .header("content-type", "application/json")
                    .header(ID, &id)
                    .header(TIMESTAMP, now.unix_seconds())
                    .header(SIGNATURE, secret.sign(&id, now, &body))
                    .body(body);
                let response = request.send().await.map_err(|_error| {
                    failure("unavailable", "no answer".to_owned(), Blame::Destination)
                })?;
                let retry_after = response.headers().get(RETRY_AFTER);
                let seconds = retry_after.and_then(|text| text.to_str().ok()?.parse().ok());
                told(response.status(), seconds.map(Duration::from_secs))
            }
        }
    }
}

fn told(status: StatusCode, retry_after: Option<Duration>) -> Result<Sent, Failure> {
    let text = format!("status {}", status.as_str());
    let failed = match status {
        status if status.is_success() => {
            return Ok(Sent { remote_id: None, status: Some(status.as_u16()) });
        }
        StatusCode::TOO_MANY_REQUESTS => failure("rate_limited", text, Blame::Pace),
        StatusCode::REQUEST_TIMEOUT | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            failure("unavailable", text, Blame::Destination)
        }
        status if status.is_client_error() => {
            Failure { is_final: true, ..failure("refused", text, Blame::Message) }
        }
        _ => failure("unavailable", text, Blame::Destination),
    };
    let failed = Failure { status: Some(status.as_u16()), ..failed };
    Err(retry_after.map_or_else(|| failed.clone(), |wait| failed.clone().after(wait)))
}

const fn failure(class: &'static str, text: String, blame: Blame) -> Failure {
    Failure { class, status: None, text, is_final: false, blame, wait_min: None }
}

impl Failure {
    fn after(self, wait: Duration) -> Self {
        Self { wait_min: Some(wait), ..self }
    }
}
