//! What a conversion brings beyond a limit or a pattern: it is recorded and held, and brings nothing until
//! staff release or reject it. The referral itself has converted, because the bank granted the product.

use super::alarm::HeldAlarm;
use super::announce::{self, News, announce};
use super::draft::{About, Draft, Drafts};
use super::error::RecordError;
use super::move_referral::{Held, HeldBack};
use super::release::{Alone, HeldOrder, Released, event_of};
use super::work::Work;
use crate::ids::{EventId, ReferralId};
use crate::ledger::TransactionKind;
use crate::partner::reward::RewardStage;
use crate::program::{HeldReason, Judging, Mark, Occasion};
use crate::referral::{Actor, ReferralStep};
use crate::store::held_events::{self, Decided, HeldEvent, HeldState, NewHeld, RewardOf};
use crate::store::outbox::Kind;
use crate::store::referrals::ReferralRecord;
use crate::store::{StoreError, referral_rewards};

impl Work<'_> {
    /// Keeps that a reward waits for staff, and tells the partner and the bank.
    pub(super) fn hold_reward(
        &mut self,
        held: &Held,
        back: &HeldBack<'_>,
    ) -> Result<(), RecordError> {
        let HeldBack { step, why, transaction } = *back;
        let stage = match step {
            ReferralStep::Repay => RewardStage::FirstRepayment,
            _converted => RewardStage::Converted,
        };
        let (id, partner) = (held.record.id, &held.record.partner);
        let key = held_events::key_of_reward(id, stage);
        let reward = NewHeld {
            event: key,
            partner,
            kind: held_events::kind_of_reward(stage),
            hold: None,
            reward: Some(RewardOf { referral: id, transaction }),
            rule: why.rule(),
            figures: why.figures(),
        };
        tracing::warn!(%partner, rule = why.rule(), "a reward is held until staff decide");
        held_events::insert(&mut self.tx, &[reward], self.now)?;
        let event = self.referred_by(&held.record)?;
        let marks = vec![Mark::Held.name()];
        let data = announce::Data::Payment { event: &event, receipt: transaction, marks };
        let (kind, subject) = (Kind::EventHeld, *key.bytes());
        let news = [News { partner, kind, subject, revision: 1, data }];
        if announce(&mut self.tx, &news, self.now)? > 0 {
            self.wake_relay();
        }
        self.alarm_of(&HeldAlarm { partner, why })?;
        Ok(())
    }

    /// Gives what a held reward would have brought, by the terms of then and the budgets of now.
    pub(super) fn release_reward(
        &mut self,
        order: &HeldOrder,
        event: &HeldEvent,
        referral: ReferralId,
    ) -> Result<Released, RecordError> {
        let held = self.hold(referral)?;
        let stage = held_events::stage_of_reward(&event.kind);
        let stage = stage.ok_or(StoreError::Corrupt("held_events.kind"))?;
        let now = self.time_of(&held.record.partner)?;
        let occasion = Occasion::new(now, now, self.bank.time_zone);
        let occasion = occasion.judged(Judging::Accepted { recorded_at: event.recorded_at });
        let mut decision = self.give(&held, stage, occasion)?;
        match self.may_release(order, event, &[&decision])? {
            Alone::Beyond => return Ok(Released::AwaitsSecond),
            Alone::Counted(counted) => decision.counted.push(counted),
            Alone::Second => {}
        }
        let mut transaction = None;
        // A budget that is spent by now leaves nothing to give.
        if !decision.postings.is_empty() {
            let why = HeldReason::ReleasedByStaff {
                event: self.referred_by(&held.record)?,
                by: order.by.clone(),
                because: order.reason.clone(),
            };
            decision.explanation.insert(0, why.into());
            let rewards = std::mem::take(&mut decision.rewards);
            let reason = "The bank has looked at it: what it brings is given.";
            let about = About { id: referral, state: held.record.state, reason };
            let draft = Draft::of_move(TransactionKind::Rewarded, decision, about, self.now)?;
            let id = draft.transaction_id();
            let mut drafts = Drafts::default();
            drafts.push(draft);
            drafts.write(&mut self.tx, self.now)?;
            held_events::released(&mut self.tx, order.event, id)?;
            referral_rewards::insert(&mut self.tx, referral, id, &rewards)?;
            transaction = Some(id);
        }
        held.record_rewarded(&mut self.tx, self.now)?;
        Ok(Released::Done(transaction))
    }

    /// The product was cancelled: what still waits for it brings nothing, for good.
    pub(super) fn close_rewards(&mut self, record: &ReferralRecord) -> Result<(), RecordError> {
        let decided = Decided {
            by: Actor::Program("rules").to_string(),
            because: ReferralStep::Cancel.reason().to_owned(),
            at: self.now,
        };
        for held in held_events::rewards_of(self.tx.db(), record.id)? {
            if held.state == HeldState::Open {
                let state = HeldState::Rejected;
                held_events::close(&mut self.tx, held.event, state, &decided)?;
            }
        }
        Ok(())
    }

    /// The partner's own id of the event that introduced the person.
    pub(super) fn referred_by(&mut self, record: &ReferralRecord) -> Result<EventId, RecordError> {
        let kept = held_events::kept(self.tx.db(), record.event)?;
        let kept = kept.ok_or(StoreError::Corrupt("referrals.event_id"))?;
        Ok(event_of(&kept)?.id)
    }
}
