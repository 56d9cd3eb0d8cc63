//! What has outlived its period goes by itself, in bounded rounds; each round that erased something
//! leaves a certificate. The periods are the programme's.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Author;
use super::certificate::{Certificate, Erased};
use super::erasure::{self, ErasureOccasion, count};
use crate::clock::{self, Moment};
use crate::partner::Registry;
use crate::partner::retention::Retention;
use crate::store::outbox::Destination;
use crate::store::{self, Db, LedgerTx, Pool, StoreError, consents, outbox, personal, signatures};

/// A running enforcement of the periods.
pub struct Enforcement {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Rows of each kind in one round: one transaction of the database.
const ROWS_MAX: i64 = 200;

/// Starts it, at once and then every so often, until it is stopped.
#[must_use]
pub fn start(pool: Pool, registry: Arc<Registry>, every: Duration) -> Enforcement {
    let (stop, mut stopped) = watch::channel(false);
    let task = tokio::spawn(async move {
        while !*stopped.borrow() {
            let (pool, retention) = (pool.clone(), registry.programme().retention);
            let work = move || pool.with(|db| round(db, retention, clock::now()));
            match tokio::task::spawn_blocking(work).await {
                Ok(Ok(true)) => continue,
                Ok(Ok(false)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "what outlived its period is not erased"),
                Err(error) => tracing::error!(%error, "a round of erasure was lost"),
            }
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                _ = stopped.changed() => {}
            }
        }
    });
    Enforcement { stop, task }
}

impl Enforcement {
    /// Lets the round under way end, then ends.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the enforcement of periods was lost");
        }
    }
}

/// Erases some of what has outlived its period; `false` when nothing had.
pub fn round(db: &mut Db, retention: Retention, now: Moment) -> Result<bool, StoreError> {
    let before = |days: u32| now.minus(TimeDelta::days(i64::from(days)));
    let mut certificate = Certificate::default();
    let mut reasons = Vec::new();
    db.write(|tx| {
        if let Some(days) = retention.leads_days {
            let erased = erase_leads(tx, before(days), now, &mut certificate)?;
            reasons.extend(erased.then(|| format!("leads beyond {days} days")));
        }
        if let Some(days) = retention.consents_days {
            let rows = consents::forget_evidence(tx, before(days), ROWS_MAX)?;
            certificate.consents = count(rows);
            reasons.extend((rows > 0).then(|| format!("consents beyond {days} days")));
        }
        if let Some(days) = retention.evidence_days {
            let rows = signatures::erase_before(tx, before(days), ROWS_MAX)?;
            certificate.signed_requests = count(rows);
            reasons.extend((rows > 0).then(|| format!("evidence beyond {days} days")));
        }
        if reasons.is_empty() {
            return Ok::<(), StoreError>(());
        }
        let (by, reason) = (Author::Program("retention"), reasons.join(", "));
        let occasion = ErasureOccasion { by: &by, reason: &reason, now };
        erasure::record(tx, Erased::Period, &certificate, occasion).map(|_id| ())
    })?;
    if reasons.is_empty() {
        return Ok(false);
    }
    tracing::info!(
        contacts = certificate.contacts,
        consents = certificate.consents,
        signed_requests = certificate.signed_requests,
        "outlived its period: erased"
    );
    store::scrub(db)?;
    Ok(true)
}

fn erase_leads(
    tx: &mut LedgerTx<'_>,
    before: Moment,
    now: Moment,
    certificate: &mut Certificate,
) -> Result<bool, StoreError> {
    let ids = personal::outlived(tx.db(), before, ROWS_MAX)?;
    for id in &ids {
        outbox::cancel(tx, Destination::Crm, id.bytes(), now)?;
    }
    certificate.contacts = count(personal::delete(tx, &ids)?);
    certificate.name(&ids);
    Ok(!ids.is_empty())
}
