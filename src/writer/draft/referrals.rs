//! The rows that new referrals bring, and the leads for the CRM.

use super::{Drafts, ReferralDraft};
use crate::clock::Moment;
use crate::ids::OrderKey;
use crate::referral::ReferralState;
use crate::store::outbox::NewMessage;
use crate::store::referral_claims::NewClaim;
use crate::store::{
    LedgerTx, consents, outbox, personal, referral_claims, referral_rewards, referrals,
};
use crate::writer::announce::{self, News, announce};
use crate::writer::error::RecordError;
use crate::writer::first_moves::{FIRST_MOVE, FirstMove, write_first_moves};

impl Drafts<'_> {
    /// The leads for the CRM.
    fn new_leads(&self) -> Vec<NewMessage> {
        let drafts = self.list.iter().filter_map(|draft| draft.referral.as_ref());
        let qualified = drafts.filter(|draft| draft.record.state == ReferralState::Qualified);
        let person = |draft: &ReferralDraft<'_>| {
            draft.personal.as_ref().map_or_else(
                || OrderKey::from_bytes(*draft.record.id.bytes()),
                |personal| OrderKey::of_person(&personal.phone_index.hash),
            )
        };
        let lead = |draft: &ReferralDraft<'_>| {
            let message = NewMessage::lead(draft.record.id, person(draft));
            NewMessage { trace: draft.trace, ..message }
        };
        qualified.map(lead).collect()
    }

    /// Writes what referrals bring: people, consents, claims, first moves, rewards and leads.
    pub(super) fn write_referrals(
        &mut self,
        tx: &mut LedgerTx<'_>,
        now: Moment,
    ) -> Result<(), RecordError> {
        let leads = self.new_leads();
        self.leads = self.leads.saturating_add(leads.len());
        let (mut records, mut agreed, mut people) = (Vec::new(), Vec::new(), Vec::new());
        let (mut first, mut claims, mut sightings) = (Vec::new(), Vec::new(), Vec::new());
        for draft in &mut self.list {
            let Some(ReferralDraft { record, consent, personal, finding, .. }) =
                draft.referral.take()
            else {
                continue;
            };
            let posted = !draft.transaction.postings().is_empty();
            let rewards = std::mem::take(&mut draft.decision.rewards);
            if let Some(introduced) = draft.decision.introduced.take() {
                let until = draft.said.map(|(submission, _key)| {
                    let limits = &submission.partner.programme.referrals;
                    match record.state {
                        ReferralState::OnHold => limits.held_until(record.recorded_at),
                        _lead => limits.unconfirmed_until(record.recorded_at, record.expires_at),
                    }
                });
                let claim = |key| NewClaim { key, referral: record.id, until };
                claims.extend(introduced.claims.into_iter().map(claim));
                sightings.push((record.id, introduced.sightings));
            }
            first.push(FirstMove {
                advance: ReferralState::Received.advance(record.state)?,
                reason: record.reasons.join(" "),
                finding,
                transaction: posted.then(|| draft.transaction.id()),
            });
            records.push((record, draft.transaction.id(), rewards));
            agreed.extend(consent);
            people.extend(personal);
        }
        if records.is_empty() {
            return Ok(());
        }
        consents::insert(tx, &agreed)?;
        personal::insert(tx, &people)?;
        referrals::insert(tx, records.iter().map(|(record, ..)| record))?;
        if !referral_claims::claim(tx, &claims, now)? {
            return Err(RecordError::Raced);
        }
        for (referral, keys) in &sightings {
            referral_claims::note_sightings(tx, *referral, keys, now)?;
        }
        write_first_moves(tx, records.iter().map(|(record, ..)| record), &first, now)?;
        for (record, transaction, rewards) in &records {
            referral_rewards::insert(tx, record.id, *transaction, rewards)?;
        }
        outbox::insert(tx, &leads, now)?;
        let news: Vec<News<'_>> = records
            .iter()
            .filter_map(|(record, ..)| announce::of_referral(record, record.state, FIRST_MOVE))
            .collect();
        self.leads = self.leads.saturating_add(announce(tx, &news, now)?);
        Ok(())
    }
}
