//! The person of a referral confirms it themself. That proves that they exist: what the lead brought is
//! payable, as if a customer manager had talked to them, and the claim on them lasts as long as the product
//! says. Nothing is moved: a withdrawal before the first talk still takes the commission back.

use super::Writer;
use super::draft::Drafts;
use super::error::{RecordError, WriteError};
use super::move_referral::Maturing;
use super::work::Work;
use crate::clock::Moment;
use crate::ids::ReferralId;
use crate::referral::ReferralState;
use crate::store::referrals::ReferralRecord;
use crate::store::{personal, referral_claims, referral_confirmations, referral_rewards};

/// Who confirms which referral.
#[derive(Clone, Debug)]
pub struct PersonsWord {
    pub referral: ReferralId,
    /// Keyed hashes of the phone number for which the bank's identity provider vouches.
    pub phone_indexes: Vec<[u8; 32]>,
}

/// What came of it.
pub enum PersonConfirmed {
    Done(ReferralRecord, Moment),
    /// It had been confirmed before.
    Replayed(ReferralRecord, Moment),
    /// There is no such referral of a person with this phone number.
    Unknown,
    /// It does not wait for anybody: it has ended, or is not a lead.
    Closed(ReferralState),
}

impl Writer {
    /// Records the person's word, and waits until that is durable.
    ///
    /// # Errors
    /// [`WriteError`] of the store.
    pub async fn confirm_referral(&self, word: PersonsWord) -> Result<PersonConfirmed, WriteError> {
        self.run(move |work| work.confirm_referral(&word)).await
    }
}

impl Work<'_> {
    fn confirm_referral(&mut self, word: &PersonsWord) -> Result<PersonConfirmed, RecordError> {
        let id = word.referral;
        if !personal::has_phone(self.tx.db(), id, &word.phone_indexes)? {
            return Ok(PersonConfirmed::Unknown);
        }
        let held = self.hold(id)?;
        if let Some(at) = held.confirmed_at {
            return Ok(PersonConfirmed::Replayed(held.record, at));
        }
        let state = held.record.state;
        if !matches!(state, ReferralState::Qualified | ReferralState::Sent) {
            return Ok(PersonConfirmed::Closed(state));
        }
        let now = self.now;
        let partners_now = self.time_of(&held.record.partner)?;
        let mut drafts = Drafts::default();
        let because = Maturing { state, reason: "The person confirmed it." };
        let matured = self.mature_reserved(&held, because, partners_now, &mut drafts)?;
        drafts.write(&mut self.tx, now)?;
        for number in matured {
            if !referral_rewards::mature(&mut self.tx, id, number)? {
                return Err(RecordError::Raced);
            }
        }
        referral_confirmations::insert(&mut self.tx, id, now)?;
        referral_claims::keep_until(&mut self.tx, id, held.record.expires_at)?;
        Ok(PersonConfirmed::Done(held.record, now))
    }
}
