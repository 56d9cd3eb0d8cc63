//! Leads, and what becomes of consents, on their way to the CRM: what they say is opened just before
//! they go.

use std::sync::Arc;

use super::{Failure, Sent};
use crate::crm::{Gathered, Lead, Withdrawal};
use crate::customer::PersonalKeys;
use crate::customer::personal::SealError;
use crate::event::Contact;
use crate::partner::Registry;
use crate::store::outbox::Kind;
use crate::store::outbox::claims::Claimed;
use crate::store::{Pool, StoreError, consents, personal, referrals};

/// The way to the CRM.
#[derive(Clone)]
pub struct CrmSender {
    pub crm: Gathered,
    pub pool: Pool,
    pub keys: PersonalKeys,
    pub registry: Arc<Registry>,
}

impl CrmSender {
    /// Tells the CRM.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn send(&self, claimed: &Claimed) -> Result<Sent, Failure> {
        let remote_id = match claimed.kind {
            Kind::Lead => {
                let (sender, message) = (self.clone(), claimed.clone());
                let read = tokio::task::spawn_blocking(move || sender.lead(&message)).await;
                let lead = read.unwrap_or_else(|_cancelled| Err(StoreError::Exhausted.into()))?;
                Some(self.crm.deliver(lead).await?)
            }
            Kind::ConsentWithdrawn => {
                let withdrawal = Withdrawal {
                    lead: claimed.referral(),
                    revision: claimed.revision,
                    at: claimed.recorded_at,
                };
                self.crm.crm().withdraw(&withdrawal).await?
            }
            Kind::Notice => return Err(Failure::unserved()),
        };
        Ok(Sent { remote_id: remote_id.map(|id| id.to_string()), status: None })
    }

    /// All that the CRM is told of a lead.
    fn lead(&self, claimed: &Claimed) -> Result<Lead, Failure> {
        let id = claimed.referral();
        let (referral, sealed, consent) = self.pool.with(|db| {
            let referral = referrals::get(db, id)?.ok_or(StoreError::Corrupt("outbox.subject"))?;
            let consent = match referral.consent {
                Some(consent) => consents::get(db, consent)?,
                None => None,
            };
            Ok::<_, StoreError>((referral, personal::get(db, id)?, consent))
        })?;
        let consent = consent.filter(|consent| consent.withdrawn_at.is_none());
        let (Some(sealed), Some(consent)) = (sealed, consent) else {
            return Err(Failure::no_consent());
        };
        let plain = self.keys.open(id.bytes(), &sealed)?;
        let contact = Contact::from_json(&plain).ok_or(SealError::Open)?;
        let partner = self.registry.get(&referral.partner);
        Ok(Lead {
            id,
            revision: claimed.revision,
            partner_name: partner.map_or_else(|| referral.partner.to_string(), |p| p.name.clone()),
            partner: referral.partner,
            product: referral.product,
            amount: referral.amount,
            region: referral.region,
            placement: referral.placement,
            contact,
            reasons: referral.reasons,
            consent: consent.id,
            consent_purpose: consent.purpose,
            consent_text_version: consent.text_version,
            consent_given_at: consent.given_at,
            created_at: referral.recorded_at,
        })
    }
}
