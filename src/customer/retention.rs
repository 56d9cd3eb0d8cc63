//! The chore that erases data whose period of retention is over, in bounded rounds. The programme
//! sets the periods. A round that erased something leaves a certificate.

use std::sync::Arc;

use chrono::TimeDelta;

use super::Author;
use super::certificate::{Certificate, Erased};
use super::erasure_record::{self, ErasureOccasion, count};
use crate::clock::{self, Moment};
use crate::partner::Registry;
use crate::partner::retention::Retention;
use crate::referral::ReferralState;
use crate::store::outbox::Destination;
use crate::store::{
    self, Db, LedgerTx, Pool, StoreError, break_attachments, consents, outbox, personal,
    referral_claims, referrals, signatures, statement_originals,
};
use crate::task::{Chore, Round, Turn};

/// The enforcement of the periods.
pub struct Enforcement {
    pub pool: Pool,
    pub registry: Arc<Registry>,
}

/// Rows of each kind in one round: one transaction of the database.
const ROWS_MAX: i64 = 200;

impl Chore for Enforcement {
    type Error = StoreError;

    async fn round(&mut self, _turn: Turn) -> Result<Round, StoreError> {
        let retention = self.registry.programme().retention;
        let erased = self.pool.ask(move |db| round(db, retention, clock::now())).await?;
        Ok(if erased { Round::More } else { Round::Done })
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
            certificate.signed_requests = certificate.signed_requests.saturating_add(count(rows));
            reasons.extend((rows > 0).then(|| format!("evidence beyond {days} days")));
            let rows = statement_originals::erase_before(tx, before(days), ROWS_MAX)?;
            certificate.statement_file_parts = count(rows);
            reasons.extend((rows > 0).then(|| format!("files of statements beyond {days} days")));
            let rows = break_attachments::erase_before(tx, before(days), ROWS_MAX)?;
            certificate.attachments = count(rows);
            reasons.extend((rows > 0).then(|| format!("attachments beyond {days} days")));
        }
        if reasons.is_empty() {
            return Ok::<(), StoreError>(());
        }
        let (by, reason) = (Author::Program("retention"), reasons.join(", "));
        let occasion = ErasureOccasion { by: &by, reason: &reason, now };
        erasure_record::record(tx, Erased::Period, &certificate, occasion).map(|_id| ())
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
    let mut events = Vec::with_capacity(ids.len());
    for id in &ids {
        outbox::cancel(tx, Destination::Crm, id.bytes(), now)?;
        let Some(referral) = referrals::get(tx.db(), *id)? else { continue };
        // Nobody can decide on a held referral any more, so it claims nobody any more.
        if referral.state == ReferralState::OnHold {
            referral_claims::free(tx, *id)?;
        }
        events.push(referral.event);
    }
    // What the partner signed holds the same contact data.
    certificate.signed_requests = count(signatures::erase(tx, &events)?);
    referral_claims::forget_seen(tx, &ids)?;
    certificate.contacts = count(personal::delete(tx, &ids)?);
    certificate.name(&ids);
    Ok(!ids.is_empty())
}
