//! Sends notices to customers: into the log, or to the bank's own message gateway, which knows how
//! to reach a customer. We do not know that.

use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use serde_json::{Value, json};
use uuid::Uuid;

use super::failure::Blame;
use super::signed_post::SignedPost;
use super::{Failure, Sent};
use crate::clock;
use crate::ids::PartnerId;
use crate::money::Asset;
use crate::notice::night_left;
use crate::partner::Registry;
use crate::partner::notice::is_told_at_once;
use crate::store::Pool;
use crate::store::notices::{self, Notice};
use crate::store::outbox::claims::Claimed;

/// The sender of notices.
pub struct NoticeSender {
    pub pool: Pool,
    pub registry: Arc<Registry>,
    pub time_zone: Tz,
    pub way: NoticeWay,
}

/// Where notices go.
pub enum NoticeWay {
    /// Into the log, without the customer.
    Log,
    /// To the bank's message gateway, by a signed `POST`.
    Webhook(Box<SignedPost>),
}

impl NoticeSender {
    pub async fn send(&self, claimed: &Claimed) -> Result<Sent, Failure> {
        let subject = claimed.subject;
        let notice = self.pool.ask(move |db| notices::get(db, &subject)).await?;
        let Some(notice) = notice else { return Err(Failure::no_consent()) };
        // What has happened is told at any hour, however late: it may have been somebody else.
        let can_wait = !is_told_at_once(&notice.kind);
        if let Some(left) = night_left(clock::now(), self.time_zone).filter(|_left| can_wait) {
            let text = "nobody is told at night".to_owned();
            return Err(Failure::of("night", text, Blame::Ourselves).after(left));
        }
        if can_wait && notice.date < clock::now().day_in(self.time_zone).to_string() {
            let failed = Failure::of("late", "its day is over".to_owned(), Blame::Ourselves);
            return Err(Failure { is_final: true, ..failed });
        }
        let id = Uuid::from_bytes(claimed.subject);
        match &self.way {
            NoticeWay::Log => {
                tracing::info!(notice = %id, kind = notice.kind, "notice");
                Ok(Sent { remote_id: None, status: None })
            }
            NoticeWay::Webhook(post) => {
                let body = self.body(id, &notice).to_string().into_bytes();
                post.send(&format!("notice-{id}"), body).await
            }
        }
    }
}

impl NoticeSender {
    /// The body for the bank's message gateway, in both languages: it knows which one the customer
    /// reads.
    fn body(&self, id: Uuid, notice: &Notice) -> Value {
        let mut body = json!({
            "notice": id, "customer": notice.subject, "kind": notice.kind,
            "date": notice.date, "days": notice.days,
        });
        let Some(fields) = body.as_object_mut() else { return body };
        let (amount, currency) = (notice.amount.to_string(), notice.amount.asset().code());
        if notice.amount.asset() == Asset::PTS {
            fields.insert("points".to_owned(), json!(amount));
        } else {
            fields.insert("amount".to_owned(), json!(amount));
            fields.insert("currency".to_owned(), json!(currency));
        }
        let partner = notice.partner.as_ref();
        if let Some(partner) = partner {
            fields.insert("partner".to_owned(), json!(partner));
        }
        let named = partner.and_then(|id| self.registry.get(id));
        let partner = named.as_ref().map(|it| it.name.as_str()).or(partner.map(PartnerId::as_str));
        if let Some(announcement) = &notice.announcement {
            fields.insert("announcement".to_owned(), json!(announcement));
        }
        if let Some(kind) = self.registry.programme().notice(&notice.kind) {
            let value = |name: &str| match name {
                "points" | "amount" => Some(amount.as_str()),
                "currency" => Some(currency),
                "date" => Some(notice.date.as_str()),
                "partner" => partner,
                _ => None,
            };
            fields.insert("says".to_owned(), json!(kind.says.fill(value)));
            fields.insert("says_zh".to_owned(), json!(kind.says_zh.fill(value)));
        }
        body
    }
}

impl Failure {
    fn after(self, wait: Duration) -> Self {
        Self { wait_min: Some(wait), ..self }
    }
}
