//! Sends leads, withdrawals and tasks to the CRM. Personal data is opened just before it is sent.

use std::sync::Arc;

use chrono_tz::Tz;

use super::{Failure, Sent};
use crate::clock;
use crate::crm::{Gathered, Lead, LeadTask, Withdrawal};
use crate::customer::personal::SealError;
use crate::customer::{PersonalKeys, Reading};
use crate::event::Contact;
use crate::follow_up::task::end_of;
use crate::ids::{RuleId, TaskId};
use crate::partner::Registry;
use crate::store::outbox::Kind;
use crate::store::outbox::claims::Claimed;
use crate::store::{Pool, StoreError, consents, customer_stages, personal, referrals, tasks};

/// The sender of the CRM's messages.
#[derive(Clone)]
pub struct CrmSender {
    pub crm: Gathered,
    pub pool: Pool,
    pub keys: PersonalKeys,
    pub registry: Arc<Registry>,
    pub time_zone: Tz,
}

impl CrmSender {
    /// Sends one message.
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
            Kind::Task => {
                let (sender, message) = (self.clone(), claimed.clone());
                let read = tokio::task::spawn_blocking(move || sender.task(&message)).await;
                let task = read.unwrap_or_else(|_cancelled| Err(StoreError::Exhausted.into()))?;
                self.crm.crm().tell_task(&task).await?
            }
            // No other kind of message is queued for the CRM.
            _ => return Err(StoreError::Corrupt("outbox.kind").into()),
        };
        Ok(Sent { remote_id: remote_id.map(|id| id.to_string()), status: None })
    }

    /// Reads what the CRM is told of a task. If the state of the referral ends the task, it is told
    /// as ended, even before the follow-up has closed it.
    fn task(&self, claimed: &Claimed) -> Result<LeadTask, Failure> {
        let id = TaskId::from_uuid(uuid::Uuid::from_bytes(claimed.subject));
        let (task, referral) = self.pool.with(|db| {
            let corrupt = || StoreError::Corrupt("outbox.subject");
            let task = tasks::get(db, id)?.ok_or_else(corrupt)?;
            let referral = task.referral.ok_or_else(corrupt)?;
            let referral = referrals::get(db, referral)?.ok_or_else(corrupt)?;
            Ok::<_, StoreError>((task, referral))
        })?;
        let ended = end_of(task.cause, referral.state);
        Ok(LeadTask {
            id,
            revision: claimed.revision,
            lead: referral.id,
            rule: task.rule,
            says: task.says,
            says_zh: task.says_zh,
            due_on: task.due_on,
            state: match ended {
                Some(end) if !task.state.is_closed() => end.state(),
                Some(_) | None => task.state,
            },
            branch: task.branch,
            manager: task.manager,
        })
    }

    /// Reads what the CRM is told of a lead.
    fn lead(&self, claimed: &Claimed) -> Result<Lead, Failure> {
        let id = claimed.referral();
        let reading = Reading::by_program("relay", "to tell the CRM of the lead");
        let (referral, sealed, consent, stage) = self.pool.with(|db| {
            let referral = referrals::get(db, id)?.ok_or(StoreError::Corrupt("outbox.subject"))?;
            let consent = match referral.consent {
                Some(consent) => consents::get(db, consent)?,
                None => None,
            };
            let consent = consent.filter(|consent| consent.withdrawal.is_none());
            // Without a consent no personal data is read.
            let sealed = match &consent {
                Some(_live) => db.write(|tx| personal::read(tx, id, &reading, clock::now()))?,
                None => None,
            };
            let stage = match referral.customer {
                Some(customer) => customer_stages::get(db, customer)?,
                None => None,
            };
            Ok::<_, StoreError>((referral, sealed, consent, stage))
        })?;
        let (Some(sealed), Some(consent)) = (sealed, consent) else {
            return Err(Failure::no_consent());
        };
        let plain = self.keys.open(id.bytes(), &sealed)?;
        let contact = Contact::from_json(&plain).ok_or(SealError::Open)?;
        let partner = self.registry.get(&referral.partner);
        let day = referral.effective_at.day_in(self.time_zone);
        let campaign = partner.as_ref().and_then(|partner| {
            let product = RuleId::try_from(referral.product.as_str()).ok()?;
            partner.scheme.product_on(&product, day)?.campaign.clone()
        });
        Ok(Lead {
            id,
            revision: claimed.revision,
            partner_name: partner.map_or_else(|| referral.partner.to_string(), |p| p.name.clone()),
            partner: referral.partner,
            product: referral.product,
            amount: referral.amount,
            region: referral.region,
            contact,
            reasons: referral.reasons,
            placement: referral.placement,
            campaign,
            customer_stage: stage.map(|record| record.stage),
            consent: consent.id,
            consent_purpose: consent.given.purpose,
            consent_text_version: consent.given.text_version,
            consent_given_at: consent.given.given_at,
            created_at: referral.recorded_at,
        })
    }
}
