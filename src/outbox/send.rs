//! Chooses the sender for a message.

use super::{CrmSender, Failure, NoticeSender, Sent};
use crate::store::outbox::claims::Claimed;
use crate::store::outbox::{Channel, Destination};
use crate::webhook::WebhookSender;

/// The senders for which this gateway has settings.
pub struct Senders {
    pub crm: Option<CrmSender>,
    pub webhook: WebhookSender,
    pub notice: Option<NoticeSender>,
}

impl Senders {
    /// Whether this gateway sends messages of the channel.
    #[must_use]
    pub const fn serve(&self, channel: Channel) -> bool {
        match channel {
            Channel::Crm => self.crm.is_some(),
            Channel::Webhook => true,
            Channel::Notice => self.notice.is_some(),
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
            Destination::Notice => match &self.notice {
                Some(notice) => notice.send(claimed).await,
                None => Err(Failure::unserved()),
            },
        }
    }
}
