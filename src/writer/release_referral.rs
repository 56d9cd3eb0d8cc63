//! What a release of a referral asks for beside the move itself: that nobody releases their own, that no
//! freeze holds it, and that one person releases no more than the programme says in a day.

use super::error::RecordError;
use super::move_referral::{MoveRefusal, counted};
use super::release::HeldRefusal;
use super::work::Work;
use crate::ids::EventKey;
use crate::program::Counted;
use crate::program::staff_limits::releases;
use crate::referral::{Actor, Move, ReferralStep};
use crate::store::held_events::{Decided, HeldState};
use crate::store::referrals::ReferralRecord;
use crate::store::{counters, freezes, held_events};

impl Work<'_> {
    /// Nobody decides on what they or their household brought, or are the person of, and nobody releases
    /// what a freeze holds.
    pub(super) fn refuse_decision(
        &mut self,
        record: &ReferralRecord,
        order: &Move,
    ) -> Result<(), RecordError> {
        if !matches!(order.step, ReferralStep::Release | ReferralStep::Reject) {
            return Ok(());
        }
        let touched = record.customer.into_iter().chain(record.person);
        if self.is_own(&order.own_subjects, touched)? {
            return Err(HeldRefusal::OwnAccount.into());
        }
        if order.step == ReferralStep::Reject {
            return Ok(());
        }
        let held = held_events::get(self.tx.db(), record.event)?;
        let is_held = held.is_some_and(|held| held.state == HeldState::Open);
        if is_held && freezes::is_frozen_throughout(&mut self.tx, &record.partner)? {
            return Err(HeldRefusal::Frozen.into());
        }
        Ok(())
    }

    /// Counts a release by a person, who may release a limited number in a day.
    pub(super) fn count_release(&mut self, order: &Move) -> Result<(), RecordError> {
        let (ReferralStep::Release, Actor::Staff(by)) = (&order.step, &order.by) else {
            return Ok(());
        };
        let counter = releases(by, self.now.day_in(self.bank.time_zone));
        let so_far = counted(&mut self.tx, &[counter])?.get(counter);
        let max = self.bank.registry.programme().staff.releases_day_max;
        if so_far >= i64::from(max) {
            return Err(MoveRefusal::ReleasesSpent { max }.into());
        }
        let one = Counted::times(counter, 1);
        let key = EventKey::from_bytes(*order.referral.bytes());
        Ok(counters::apply(&mut self.tx, [(key, one)].into_iter())?)
    }

    /// A referral that a limit or a freeze holds stands among held events too: it is decided on once.
    pub(super) fn close_held(
        &mut self,
        record: &ReferralRecord,
        order: &Move,
    ) -> Result<(), RecordError> {
        let state = match order.step {
            ReferralStep::Release => HeldState::Released,
            ReferralStep::Reject | ReferralStep::Withdraw => HeldState::Rejected,
            ReferralStep::Convert
            | ReferralStep::Repay
            | ReferralStep::Cancel
            | ReferralStep::Send
            | ReferralStep::Contact
            | ReferralStep::Lose
            | ReferralStep::Expire => return Ok(()),
        };
        let by = match &order.by {
            Actor::Staff(by) => by.to_string(),
            other => other.to_string(),
        };
        let because = order.finding.clone().unwrap_or_else(|| order.step.reason().to_owned());
        let decided = Decided { by, because, at: self.now };
        let _was_held = held_events::close(&mut self.tx, record.event, state, &decided)?;
        Ok(())
    }
}
