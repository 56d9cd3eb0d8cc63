//! Claims leads that are due, opens what they need, tells the CRM, and records what came of it.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::backoff::{ATTEMPTS_MAX, wait};
use crate::clock;
use crate::crm::{Crm, CrmError, Lead};
use crate::customer::PersonalKeys;
use crate::customer::personal::SealError;
use crate::event::Contact;
use crate::partner::Registry;
use crate::referral::Actor;
use crate::store::outbox::{self, Claimed, Failed};
use crate::store::{Pool, StoreError, consents, personal, referral_moves, referrals};

/// A running relay.
pub struct Relay {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Leads in delivery at once.
const AT_ONCE: i64 = 4;

/// How often the relay looks without being poked: for what failed, and for what others left.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why a lead cannot be told now.
#[derive(Debug, thiserror::Error)]
enum Undelivered {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Crm(#[from] CrmError),
    /// The consent was withdrawn, or the person's data erased, while the lead waited.
    #[error("there is no live consent, or the personal data is gone")]
    NoConsent,
}

struct Worker {
    pool: Pool,
    crm: Crm,
    keys: PersonalKeys,
    registry: Arc<Registry>,
    holder: [u8; 16],
    /// How long a claimed lead is nobody else's. Longer than any request to the CRM may take, so
    /// that a request of a relay that died has ended before another relay looks.
    lease: TimeDelta,
}

/// What a relay works with.
pub struct RelaySettings {
    pub pool: Pool,
    pub crm: Crm,
    pub keys: PersonalKeys,
    pub registry: Arc<Registry>,
    pub lease: Duration,
}

/// Starts a relay that ends when it is stopped. It is poked by `leads_waiting` after a commit.
#[must_use]
pub fn start(settings: RelaySettings, leads_waiting: Arc<Notify>) -> Relay {
    let (stop, mut stopped) = watch::channel(false);
    let holder = *uuid::Uuid::new_v4().as_bytes();
    let RelaySettings { pool, crm, keys, registry, lease } = settings;
    let lease = TimeDelta::from_std(lease).unwrap_or(TimeDelta::minutes(1));
    let worker = Arc::new(Worker { pool, crm, keys, registry, holder, lease });
    let task = tokio::spawn(async move {
        while !*stopped.borrow() {
            let found = Arc::clone(&worker).round().await;
            if found {
                continue;
            }
            tokio::select! {
                () = leads_waiting.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = stopped.changed() => {}
            }
        }
    });
    Relay { stop, task }
}

impl Relay {
    /// Lets the deliveries under way end, then ends.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the relay was lost");
        }
    }
}

impl Worker {
    /// Claims and delivers what is due; `false` when nothing was.
    async fn round(self: Arc<Self>) -> bool {
        let claimed = match Arc::clone(&self).claim().await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(%error, "the outbox cannot be read");
                return false;
            }
        };
        let mut deliveries = JoinSet::new();
        for lead in claimed {
            deliveries.spawn(Arc::clone(&self).deliver(lead));
        }
        let found = !deliveries.is_empty();
        while let Some(done) = deliveries.join_next().await {
            if let Err(error) = done {
                tracing::error!(%error, "a delivery was lost; its lease will end");
            }
        }
        found
    }

    async fn claim(self: Arc<Self>) -> Result<Vec<Claimed>, StoreError> {
        self.store(|worker| {
            let now = clock::now();
            worker.pool.with(|db| {
                db.write(|tx| {
                    outbox::claim(tx, &worker.holder, now, now.plus(worker.lease), AT_ONCE)
                })
            })
        })
        .await
    }

    async fn deliver(self: Arc<Self>, claimed: Claimed) {
        let outcome = Arc::clone(&self).attempt(claimed).await;
        let referral = claimed.referral;
        match &outcome {
            Ok(crm_id) => tracing::info!(%referral, crm_id, "lead delivered"),
            Err(error) => tracing::warn!(%referral, %error, "lead not delivered"),
        }
        let recorded = self.store(move |worker| worker.record(claimed, &outcome)).await;
        match recorded {
            Ok(true) => {}
            Ok(false) => tracing::warn!(%referral, "the lease had ended; another relay has it"),
            // The lease ends by itself, and the CRM is asked for our id before anything is made.
            Err(error) => tracing::error!(%referral, %error, "a delivery is not recorded yet"),
        }
    }

    async fn attempt(self: Arc<Self>, claimed: Claimed) -> Result<String, Undelivered> {
        let lead = Arc::clone(&self).store(move |worker| worker.lead(claimed)).await?;
        Ok(self.crm.deliver(&lead).await?.to_string())
    }

    /// All that the CRM is told of a lead, opened just before it is told.
    fn lead(&self, claimed: Claimed) -> Result<Lead, Undelivered> {
        let id = claimed.referral;
        let (referral, sealed, consent) = self.pool.with(|db| {
            let referral =
                referrals::get(db, id)?.ok_or(StoreError::Corrupt("outbox.referral_id"))?;
            let consent = match referral.consent {
                Some(consent) => consents::get(db, consent)?,
                None => None,
            };
            Ok::<_, StoreError>((referral, personal::get(db, id)?, consent))
        })?;
        let consent = consent.filter(|consent| consent.withdrawn_at.is_none());
        let (Some(sealed), Some(consent)) = (sealed, consent) else {
            return Err(Undelivered::NoConsent);
        };
        let plain = self.keys.open(id.bytes(), &sealed)?;
        let contact = Contact::from_json(&plain).ok_or(SealError::Open)?;
        let partner = self.registry.get(&referral.partner);
        Ok(Lead {
            id,
            partner_name: partner.map_or_else(|| referral.partner.to_string(), |p| p.name.clone()),
            partner: referral.partner,
            product: referral.product,
            amount: referral.amount,
            region: referral.region,
            contact,
            reasons: referral.reasons,
            consent: consent.id,
            consent_purpose: consent.purpose,
            consent_text_version: consent.text_version,
            consent_given_at: consent.given_at,
            created_at: referral.recorded_at,
        })
    }

    fn record(
        &self,
        claimed: Claimed,
        outcome: &Result<String, Undelivered>,
    ) -> Result<bool, StoreError> {
        self.pool.with(|db| {
            db.write(|tx| match outcome {
                Ok(crm_id) => {
                    let now = clock::now();
                    let ours = outbox::delivered(tx, claimed, &self.holder, crm_id, now)?;
                    if ours {
                        referral_moves::send(tx, claimed.referral, &Actor::Program("relay"), now)?;
                    }
                    Ok(ours)
                }
                Err(error) => {
                    let text = error.to_string();
                    let failed = error.next(claimed.attempts, &text);
                    outbox::failed(tx, claimed, &self.holder, &failed)
                }
            })
        })
    }

    async fn store<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        self: Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let done = tokio::task::spawn_blocking(move || work(&self)).await;
        done.unwrap_or_else(|_cancelled| Err(StoreError::Exhausted.into()))
    }
}

impl Undelivered {
    /// Whether to try again, and when: what will not pass by itself is for people to look at.
    fn next<'a>(&self, attempts: i64, text: &'a str) -> Failed<'a> {
        let dead = match self {
            Self::Seal(_) | Self::NoConsent => true,
            Self::Crm(error) => error.is_final(),
            Self::Store(_) => false,
        };
        if dead || attempts >= ATTEMPTS_MAX {
            return Failed::Dead { error: text };
        }
        let told = match self {
            Self::Crm(error) => error.retry_after(),
            _ => None,
        };
        let told = told.and_then(|told| TimeDelta::from_std(told).ok()).unwrap_or_default();
        Failed::Again { at: clock::now().plus(wait(attempts).max(told)), error: text }
    }
}
