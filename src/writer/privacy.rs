//! A consent is withdrawn, or personal data erased: in one transaction with all that follows from
//! it. What was earned stays, and so does the ledger, because no row of it holds personal data.

use tokio::sync::oneshot;

use super::advance::MoveRefusal;
use super::record::{RecordError, Recorder};
use super::{Job, WriteError, Writer};
use crate::clock::Moment;
use crate::customer::Author;
use crate::customer::certificate::{Certificate, Erased};
use crate::customer::contact;
use crate::customer::erasure::{self, ErasureOccasion, ErasureOutcome, count};
use crate::ids::{ConsentId, EventKey, ReferralId, RequestKey};
use crate::referral::{Actor, Move, ReferralStep};
use crate::store::consents::Consented;
use crate::store::referrals::ReferralRecord;
use crate::store::{
    LedgerTx, consents, customers, idempotency_keys, outbox, personal, referral_claims, referrals,
    signatures,
};

/// A consent that is to be withdrawn. Whoever asks may.
#[derive(Clone, Debug)]
pub struct Withdrawal {
    pub consent: ConsentId,
    pub by: Author,
    /// Without personal data.
    pub reason: Option<String>,
}

/// What is to be erased. Whoever asks may.
#[derive(Clone, Debug)]
pub struct Erasure {
    pub of: Erased,
    pub by: Author,
    /// Without personal data.
    pub reason: String,
}

impl Writer {
    /// Withdraws a consent, and waits until that is durable. `false` when it had been withdrawn
    /// before, or there is none of that id: then nothing changes.
    pub async fn withdraw(&self, order: Withdrawal) -> Result<bool, WriteError> {
        let (answer, withdrawn) = oneshot::channel();
        self.0.0.push(None, 1, Job::Withdraw { order: Box::new(order), answer })?;
        withdrawn.await.unwrap_or(Err(WriteError::Stopped))
    }

    /// Erases personal data, and waits until that is durable. `None` when there is no such
    /// customer or referral.
    pub async fn erase(&self, order: Erasure) -> Result<Option<ErasureOutcome>, WriteError> {
        let (answer, erased) = oneshot::channel();
        self.0.0.push(None, 1, Job::Erase { order: Box::new(order), answer })?;
        erased.await.unwrap_or(Err(WriteError::Stopped))
    }
}

impl Recorder {
    /// Withdraws a consent; `false` when it had been withdrawn before, or is not there.
    pub fn withdraw(
        &self,
        tx: &mut LedgerTx<'_>,
        order: &Withdrawal,
        now: Moment,
    ) -> Result<bool, RecordError> {
        let Some(consented) = consents::consented(tx.db(), order.consent)? else {
            return Ok(false);
        };
        self.withdraw_one(tx, &consented, (&order.by, order.reason.as_deref()), now)
    }

    fn withdraw_one(
        &self,
        tx: &mut LedgerTx<'_>,
        consented: &Consented,
        (by, reason): (&Author, Option<&str>),
        now: Moment,
    ) -> Result<bool, RecordError> {
        if !consents::withdraw(tx, consented.consent.id, by, reason, now)? {
            return Ok(false);
        }
        outbox::consent_withdrawn(tx, consented.referral, now)?;
        let actor = match by {
            Author::Customer(_) => Actor::Customer,
            Author::Partner(id) => Actor::Partner(id.clone()),
            Author::Staff(id) => Actor::Staff(id.clone()),
            Author::Program(name) => Actor::Program(name),
        };
        let order = Move::new(consented.referral, ReferralStep::Withdraw, actor);
        let order = match reason {
            Some(reason) => order.because(reason),
            None => order,
        };
        match self.advance(tx, &order, now) {
            // One that has come to its end stays there.
            Ok(_) | Err(RecordError::Move(MoveRefusal::Illegal(_))) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Erases what is kept of a referral's person or of a customer.
    pub fn erase(
        &self,
        tx: &mut LedgerTx<'_>,
        order: &Erasure,
        now: Moment,
    ) -> Result<Option<ErasureOutcome>, RecordError> {
        let occasion = ErasureOccasion { by: &order.by, reason: &order.reason, now };
        let mut certificate = Certificate::default();
        match order.of {
            Erased::Period => return Ok(None),
            Erased::Referral(id) => {
                let Some(referral) = referrals::get(tx.db(), id)? else { return Ok(None) };
                self.erase_referrals(tx, &[referral], occasion, &mut certificate)?;
            }
            // Points stay the customer's, and so does the subject by which they reach them.
            Erased::Customer(id) => {
                if customers::profile(tx.db(), id)?.is_none() {
                    return Ok(None);
                }
                let list = referrals::of_customer(tx.db(), id)?;
                self.erase_referrals(tx, &list, occasion, &mut certificate)?;
                // Where they agreed to be contacted goes too, and with it what that consent was for.
                if contact::erase(tx, id, now)? {
                    certificate.contacts = certificate.contacts.saturating_add(1);
                    certificate.withdrawals = certificate.withdrawals.saturating_add(1);
                }
                if let Some(subject) = customers::subject(tx.db(), id)? {
                    let caller = RequestKey::of_customer(&subject);
                    certificate.answers = count(idempotency_keys::forget_caller(tx, caller)?);
                }
                certificate.birth_months = count(customers::forget_birth_month(tx, id)?);
            }
        }
        Ok(Some(erasure::certify(tx, order.of, &certificate, occasion)?))
    }

    fn erase_referrals(
        &self,
        tx: &mut LedgerTx<'_>,
        list: &[ReferralRecord],
        occasion: ErasureOccasion<'_>,
        certificate: &mut Certificate,
    ) -> Result<(), RecordError> {
        let ErasureOccasion { by, reason, now } = occasion;
        for consent in list.iter().filter_map(|referral| referral.consent) {
            let Some(consented) = consents::consented(tx.db(), consent)? else { continue };
            if self.withdraw_one(tx, &consented, (by, Some(reason)), now)? {
                certificate.withdrawals = certificate.withdrawals.saturating_add(1);
            }
        }
        let mut kept: Vec<ReferralId> = Vec::new();
        for referral in list {
            if personal::is_kept(tx.db(), referral.id)? {
                kept.push(referral.id);
            }
        }
        certificate.contacts = count(personal::delete(tx, &kept)?);
        let seen: Vec<ReferralId> = list.iter().map(|referral| referral.id).collect();
        referral_claims::forget_seen(tx, &seen)?;
        certificate.name(&kept);
        let events: Vec<EventKey> = list.iter().map(|referral| referral.event).collect();
        certificate.signed_requests = count(signatures::erase(tx, &events)?);
        Ok(())
    }
}
