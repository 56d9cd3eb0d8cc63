//! A consent is withdrawn, or personal data erased: in one transaction with all that follows from
//! it. What was earned stays, and so does the ledger, because no row of it holds personal data.

use super::Writer;
use super::error::{RecordError, WriteError};
use super::move_referral::MoveRefusal;
use super::work::Work;
use crate::customer::Author;
use crate::customer::certificate::{Certificate, Erased};
use crate::customer::contact_data;
use crate::customer::erasure_record::{self, ErasureOccasion, ErasureOutcome, count};
use crate::ids::{ConsentId, CustomerId, EventId, EventKey, ReferralId, RequestKey};
use crate::referral::{Actor, Move, ReferralStep};
use crate::store::consents::Consented;
use crate::store::referrals::ReferralRecord;
use crate::store::{
    consents, contacts, customers, idempotency_keys, outbox, personal, referral_claims, referrals,
    signatures, wallet_sessions,
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
    /// Lines of partners' files that were erased before, for the certificate.
    pub rejected_lines: u64,
}

impl Writer {
    /// Withdraws a consent, and waits until that is durable. `false` when it had been withdrawn
    /// before, or there is none of that id: then nothing changes.
    pub async fn withdraw(&self, order: Withdrawal) -> Result<bool, WriteError> {
        self.run(move |work| work.withdraw(&order)).await
    }

    /// Erases personal data, and waits until that is durable. `None` when there is no such
    /// customer or referral.
    pub async fn erase(&self, order: Erasure) -> Result<Option<ErasureOutcome>, WriteError> {
        self.run(move |work| work.erase(&order)).await
    }
}

impl Work<'_> {
    /// Withdraws a consent; `false` when it had been withdrawn before, or is not there.
    fn withdraw(&mut self, order: &Withdrawal) -> Result<bool, RecordError> {
        let Some(consented) = consents::consented(self.tx.db(), order.consent)? else {
            return Ok(false);
        };
        self.withdraw_one(&consented, &order.by, order.reason.as_deref())
    }

    /// Stops the leads that the bank made of a customer's behaviour: their consents are withdrawn,
    /// the person's data is deleted, messages that wait for the CRM are cancelled, and a CRM that
    /// may have the lead is told. The customer must be locked. Returns the referrals.
    pub fn stop_leads(
        &mut self,
        customer: CustomerId,
        by: &Author,
        reason: Option<&str>,
    ) -> Result<Vec<ReferralId>, RecordError> {
        let mut made: Vec<(ReferralId, Option<ConsentId>)> =
            referrals::about_customer(self.tx.db(), customer)?
                .into_iter()
                .filter(|referral| referral.person == Some(customer))
                .map(|referral| (referral.id, referral.consent))
                .collect();
        // Leads that were recorded before referrals named their person.
        let programme = self.bank.registry.programme();
        for behaved in contacts::leads_made(self.tx.db(), customer)? {
            let id = contacts::event_id(&behaved.rule, &behaved.period, customer);
            let Ok(event) = EventId::try_from(id) else { continue };
            for rule in &programme.behaviour {
                let key = EventKey::of(&rule.introduced_by, &event);
                let found = referrals::of_event(self.tx.db(), key)?;
                made.extend(
                    found
                        .filter(|(id, _consent)| !made.iter().any(|(other, _consent)| other == id)),
                );
            }
        }
        for (referral, consent) in &made {
            if let Some(consent) = consent
                && let Some(consented) = consents::consented(self.tx.db(), *consent)?
                && self.withdraw_one(&consented, by, reason)?
            {
                continue;
            }
            // The consent was withdrawn before; whatever is left goes too.
            outbox::consent_withdrawn(&mut self.tx, *referral, self.now)?;
            self.forget_person(*referral)?;
        }
        Ok(made.into_iter().map(|(referral, _consent)| referral).collect())
    }

    /// Withdraws a live consent: `false` when it had been withdrawn before. The person's data goes,
    /// nothing of it is sent any more, and the referral moves on if its state allows.
    fn withdraw_one(
        &mut self,
        consented: &Consented,
        by: &Author,
        reason: Option<&str>,
    ) -> Result<bool, RecordError> {
        if !consents::withdraw(&mut self.tx, consented.consent.id, by, reason, self.now)? {
            return Ok(false);
        }
        // Before the data goes: the order of messages is found by the person's phone number.
        outbox::consent_withdrawn(&mut self.tx, consented.referral, self.now)?;
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
        match self.move_referral(&order) {
            // A referral that has ended stays as it is.
            Ok(_) | Err(RecordError::Move(MoveRefusal::Illegal(_))) => {}
            Err(error) => return Err(error),
        }
        self.forget_person(consented.referral)?;
        Ok(true)
    }

    /// Deletes the contact data of a referral, and the signed request that carried it.
    fn forget_person(&mut self, referral: ReferralId) -> Result<(), RecordError> {
        personal::delete(&mut self.tx, &[referral])?;
        if let Some(record) = referrals::get(self.tx.db(), referral)? {
            signatures::erase(&mut self.tx, &[record.event])?;
        }
        Ok(())
    }

    /// Erases what is kept of a referral's person, or of a customer.
    fn erase(&mut self, order: &Erasure) -> Result<Option<ErasureOutcome>, RecordError> {
        let now = self.now;
        let occasion = ErasureOccasion { by: &order.by, reason: &order.reason, now };
        let mut certificate =
            Certificate { rejected_lines: order.rejected_lines, ..Certificate::default() };
        match order.of {
            Erased::Period => return Ok(None),
            Erased::Referral(id) => {
                let Some(referral) = referrals::get(self.tx.db(), id)? else { return Ok(None) };
                self.erase_referrals(&[referral], occasion, &mut certificate)?;
            }
            // Points stay the customer's, and so does the subject by which they reach them.
            Erased::Customer(id) => {
                if customers::profile(self.tx.db(), id)?.is_none() {
                    return Ok(None);
                }
                customers::lock(&mut self.tx, &[id])?;
                let list = referrals::about_customer(self.tx.db(), id)?;
                self.erase_referrals(&list, occasion, &mut certificate)?;
                self.stop_leads(id, &order.by, Some(&order.reason))?;
                // Where they agreed to be contacted goes too, and with it what that consent was for.
                if contact_data::erase(&mut self.tx, id, now)? {
                    certificate.contacts = certificate.contacts.saturating_add(1);
                    certificate.withdrawals = certificate.withdrawals.saturating_add(1);
                }
                if let Some(subject) = customers::subject(self.tx.db(), id)? {
                    wallet_sessions::delete_of_subject(&mut self.tx, &subject)?;
                    let caller = RequestKey::of_customer(&subject);
                    certificate.answers =
                        count(idempotency_keys::forget_caller(&mut self.tx, caller)?);
                }
                certificate.birth_months = count(customers::forget_birth_month(&mut self.tx, id)?);
            }
        }
        Ok(Some(erasure_record::certify(&mut self.tx, order.of, &certificate, occasion)?))
    }

    fn erase_referrals(
        &mut self,
        list: &[ReferralRecord],
        occasion: ErasureOccasion<'_>,
        certificate: &mut Certificate,
    ) -> Result<(), RecordError> {
        let ErasureOccasion { by, reason, .. } = occasion;
        let mut kept: Vec<ReferralId> = Vec::new();
        for referral in list {
            if personal::is_kept(self.tx.db(), referral.id)? {
                kept.push(referral.id);
            }
        }
        certificate.contacts = count(kept.len());
        certificate.name(&kept);
        let events: Vec<EventKey> = list.iter().map(|referral| referral.event).collect();
        certificate.signed_requests = count(signatures::erase(&mut self.tx, &events)?);
        for consent in list.iter().filter_map(|referral| referral.consent) {
            let Some(consented) = consents::consented(self.tx.db(), consent)? else { continue };
            if self.withdraw_one(&consented, by, Some(reason))? {
                certificate.withdrawals = certificate.withdrawals.saturating_add(1);
            }
        }
        personal::delete(&mut self.tx, &kept)?;
        let seen: Vec<ReferralId> = list.iter().map(|referral| referral.id).collect();
        referral_claims::forget_seen(&mut self.tx, &seen)?;
        Ok(())
    }
}
