//! Chooses the sender for a message.

use super::{CrmSender, Failure, NoticeSender, Sent, SignedPost};
use crate::store::outbox::Destination;
use crate::store::outbox::claims::Claimed;
use crate::webhook::WebhookSender;

/// The senders for which this gateway has settings.
pub struct Senders {
    pub crm: Option<CrmSender>,
    pub webhook: WebhookSender,
    pub notice: Option<NoticeSender>,
    /// The bank's own address for alarms.
    pub bank: Option<SignedPost>,
}

impl Senders {
    /// Whether this gateway sends messages to the destination.
    #[must_use]
    pub const fn serve(&self, destination: Destination) -> bool {
        match destination {
            Destination::Crm => self.crm.is_some(),
            Destination::Webhook(_) => true,
            Destination::Bank => self.bank.is_some(),
            Destination::Notice => self.notice.is_some(),
        }
    }

    /// # Errors
    /// [`Failure`], which says what can be done about it.
    pub async fn send(&self, claimed: &Claimed) -> Result<Sent, Failure> {
        match claimed.destination {
            Destination::Crm => match &self.crm {
                Some(crm) => crm.send(claimed).await,
                None => Err(Failure::unserved()),
            },
            Destination::Webhook(endpoint) => {
                let body = claimed.body.as_deref().unwrap_or_default();
                let status = self.webhook.send(endpoint, claimed.id, body).await?;
                Ok(Sent { remote_id: None, status: Some(status) })
            }
            Destination::Bank => match &self.bank {
                Some(bank) => {
                    let body = claimed.body.clone().unwrap_or_default();
                    bank.send(&claimed.id.to_string(), body.into_bytes()).await
                }
                None => Err(Failure::unserved()),
            },
            Destination::Notice => match &self.notice {
                Some(notice) => notice.send(claimed).await,
                None => Err(Failure::unserved()),
            },
        }
    }
}
