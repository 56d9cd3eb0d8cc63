//! Staff decide on an event that is held, in one transaction. A release decides the event anew, as it was
//! recorded and without limits; a rejection leaves it as it is, for good.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::announce::{self, News, announce};
use super::draft::{Draft, Drafts};
use super::error::{RecordError, WriteError};
use super::load::{self, Loaded};
use super::work::Work;
use super::{Submission, Writer};
use crate::clock::Moment;
use crate::event::{self, Commit, Event, Payment, Referral};
use crate::ids::{EventKey, StaffId, TransactionId};
use crate::money::{Amount, Asset};
use crate::partner::test_clock::TestClocks;
use crate::program::{
    self, Counted, CountedUnit, Decision, HeldReason, Judging, Occasion, Refusal, Standings,
    staff_limits, total_cost,
};
use crate::referral::{Actor, Move, ReferralStep};
use crate::store::held_events::{self, Decided, HeldEvent, HeldState, KeptEvent};
use crate::store::outbox::Kind;
use crate::store::{StoreError, corrections, counters, customers, freezes, holds, referrals};

/// What a member of staff decides.
#[derive(Clone, Debug)]
pub struct HeldOrder {
    pub event: EventKey,
    pub by: StaffId,
    /// The customers whom the member of staff is or lives with, where their token says so.
    pub own_subjects: Vec<String>,
    pub reason: String,
    pub step: HeldStep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldStep {
    Release,
    Reject,
}

/// What became of a held event. When it is given, it is durable.
#[derive(Clone, Debug)]
pub struct HeldOutcome {
    pub held: HeldEvent,
    /// What it brought, if it was released now.
    pub transaction: Option<TransactionId>,
    /// Whether the same person had decided the same before.
    pub replayed: bool,
}

/// What an event brings, decided anew.
struct Again {
    event: EventKey,
    effective_at: Moment,
    decision: Decision,
}

/// What a release came to.
pub(super) enum Released {
    /// With the transaction of what it brought, if it brought anything.
    Done(Option<TransactionId>),
    /// A second person must release it too.
    AwaitsSecond,
}

/// Whether a person may release something alone.
pub(super) enum Alone {
    /// It counts for what they may release in a day.
    Counted(Counted),
    /// Another person has released it before: these are two.
    Second,
    /// It goes beyond what one person may release.
    Beyond,
}

/// Why nothing is decided.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum HeldRefusal {
    #[error("no event of that id is held")]
    Unknown,
    #[error("the event is {} already", .0.name())]
    Closed(HeldState),
    #[error("the partner is frozen: lift the freeze first")]
    Frozen,
    #[error("the partner is frozen already")]
    AlreadyFrozen,
    #[error("the partner is not frozen")]
    NotFrozen,
    #[error("the payment is reversed: nothing can come of it")]
    Reversed,
    #[error("the partner is not in the registry any more")]
    PartnerGone,
    #[error("nobody decides on their own account, or on one of their household")]
    OwnAccount,
}

impl HeldStep {
    const fn state(self) -> HeldState {
        match self {
            Self::Release => HeldState::Released,
            Self::Reject => HeldState::Rejected,
        }
    }
}

impl Writer {
    /// Decides on a held event, and waits until that is durable or refused.
    ///
    /// # Errors
    /// [`WriteError::Held`] when it cannot be decided on.
    pub async fn decide_held(&self, order: HeldOrder) -> Result<HeldOutcome, WriteError> {
        self.run(move |work| work.decide_held(&order)).await
    }
}

impl Work<'_> {
    fn decide_held(&mut self, order: &HeldOrder) -> Result<HeldOutcome, RecordError> {
        let held = held_events::get(self.tx.db(), order.event)?.ok_or(HeldRefusal::Unknown)?;
        let is_frozen = freezes::is_frozen_throughout(&mut self.tx, &held.partner)?;
        // A referral is locked before its held event, as where staff decide on the referral itself.
        let referral = match (held.reward, held.kind.as_str()) {
            (Some(reward), _) => Some(reward.referral),
            (None, Referral::TYPE) => {
                referrals::of_event(self.tx.db(), order.event)?.map(|(referral, _consent)| referral)
            }
            (None, _) => None,
        };
        let record = match referral {
            Some(referral) => referrals::lock(&mut self.tx, referral)?,
            None => None,
        };
        let held = held_events::lock(&mut self.tx, order.event)?.ok_or(HeldRefusal::Unknown)?;
        let by_same = |decided: &Option<Decided>| {
            decided.as_ref().is_some_and(|decided| decided.by == order.by.as_str())
        };
        if held.state != HeldState::Open {
            if held.state == order.step.state() && by_same(&held.decided) {
                return Ok(HeldOutcome { held, transaction: None, replayed: true });
            }
            return Err(HeldRefusal::Closed(held.state).into());
        }
        let about = record.map(|record| [record.customer, record.person]);
        let about = match about {
            Some(people) => people,
            None => [held_events::customer_of(self.tx.db(), order.event)?, None],
        };
        if self.is_own(&order.own_subjects, about.into_iter().flatten())? {
            return Err(HeldRefusal::OwnAccount.into());
        }
        if is_frozen && order.step == HeldStep::Release {
            return Err(HeldRefusal::Frozen.into());
        }
        let transaction = match (held.kind.as_str(), order.step) {
            (Referral::TYPE, step) => self.move_held(order, step)?,
            (_, HeldStep::Reject) => None,
            (_, HeldStep::Release) if by_same(&held.proposed) => {
                return Ok(HeldOutcome { held, transaction: None, replayed: true });
            }
            (_, HeldStep::Release) => match self.release(order, &held)? {
                Released::Done(transaction) => transaction,
                Released::AwaitsSecond => return self.propose_release(order, held),
            },
        };
        let by = order.by.to_string();
        let decided = Decided { by, because: order.reason.clone(), at: self.now };
        let state = order.step.state();
        // The move of a referral has closed it already.
        if held.kind != Referral::TYPE
            && !held_events::close(&mut self.tx, order.event, state, &decided)?
        {
            return Err(RecordError::Raced);
        }
        self.announce_decided(&held, order.step, transaction)?;
        let held = HeldEvent { state, decided: Some(decided), ..held };
        Ok(HeldOutcome { held, transaction, replayed: false })
    }

    /// Releases a payment, a redemption or a reward.
    fn release(&mut self, order: &HeldOrder, held: &HeldEvent) -> Result<Released, RecordError> {
        if let Some(reward) = held.reward {
            return self.release_reward(order, held, reward.referral);
        }
        let mut released = match held.kind.as_str() {
            Payment::TYPE => self.release_payment(order, held)?,
            Commit::TYPE => vec![self.release_price(order, held)?],
            _ => return Err(StoreError::Corrupt("held_events.kind").into()),
        };
        let decisions: Vec<&Decision> = released.iter().map(|again| &again.decision).collect();
        match (self.may_release(order, held, &decisions)?, released.first_mut()) {
            (Alone::Beyond, _) | (_, None) => return Ok(Released::AwaitsSecond),
            (Alone::Counted(counted), Some(first)) => first.decision.counted.push(counted),
            (Alone::Second, Some(_first)) => {}
        }
        let (mut drafts, mut transaction) = (Drafts::default(), None);
        for Again { event, effective_at, decision } in released {
            let draft = Draft::of_release(event, decision, effective_at, self.now)?;
            transaction = transaction.or(Some(draft.transaction_id()));
            drafts.push(draft);
        }
        drafts.write(&mut self.tx, self.now)?;
        Ok(Released::Done(transaction))
    }

    /// Keeps who would release it, and waits for a second person.
    fn propose_release(
        &mut self,
        order: &HeldOrder,
        held: HeldEvent,
    ) -> Result<HeldOutcome, RecordError> {
        let (by, because) = (order.by.to_string(), order.reason.clone());
        let proposed = Decided { by, because, at: self.now };
        if !held_events::propose(&mut self.tx, order.event, &proposed)? {
            return Err(RecordError::Raced);
        }
        let held = HeldEvent { proposed: Some(proposed), ..held };
        Ok(HeldOutcome { held, transaction: None, replayed: false })
    }

    /// Whether this person may release that alone, or is the second.
    pub(super) fn may_release(
        &mut self,
        order: &HeldOrder,
        held: &HeldEvent,
        released: &[&Decision],
    ) -> Result<Alone, RecordError> {
        let is_other = |proposed: &Decided| {
            StaffId::try_from(proposed.by.as_str())
                .is_ok_and(|first| !first.is_same_person(&order.by))
        };
        if held.proposed.as_ref().is_some_and(is_other) {
            return Ok(Alone::Second);
        }
        let programme = self.bank.registry.programme();
        let (price, most) = (programme.points.redemption_price, programme.staff.release_day_max);
        let costs = released.iter().map(|decision| total_cost(decision, price));
        let mut costs = costs.collect::<Result<Vec<_>, _>>().map_err(Refusal::from)?.into_iter();
        let worth = costs.try_fold(Amount::zero(Asset::CNY), Amount::checked_add);
        let amount = worth.map_err(Refusal::from)?.minor().max(0);
        let counter = staff_limits::released(&order.by, self.now.day_in(self.bank.time_zone));
        counters::lock(&mut self.tx, std::iter::once(counter))?;
        let known = counters::load(self.tx.db(), &[counter])?;
        let so_far = known.into_iter().find(|(key, _sum)| *key == counter);
        let so_far = so_far.map_or(0, |(_key, sum)| sum);
        if so_far.checked_add(amount).is_none_or(|sum| sum > most.minor()) {
            return Ok(Alone::Beyond);
        }
        Ok(Alone::Counted(Counted { counter, unit: CountedUnit::Money, amount }))
    }

    /// Moves the referral of a held event on, as staff do who decide on the referral.
    fn move_held(
        &mut self,
        order: &HeldOrder,
        step: HeldStep,
    ) -> Result<Option<TransactionId>, RecordError> {
        let found = referrals::of_event(self.tx.db(), order.event)?;
        let (referral, _consent) = found.ok_or(HeldRefusal::Unknown)?;
        let step = match step {
            HeldStep::Release => ReferralStep::Release,
            HeldStep::Reject => ReferralStep::Reject,
        };
        let by = Actor::Staff(order.by.clone());
        let order = Move::new(referral, step, by)
            .because(order.reason.clone())
            .by_customer(order.own_subjects.clone());
        Ok(self.move_referral(&order)?.transaction)
    }

    /// What the payment brings, and what was refunded of it meanwhile takes back at once.
    fn release_payment(
        &mut self,
        order: &HeldOrder,
        held: &HeldEvent,
    ) -> Result<Vec<Again>, RecordError> {
        let partner = self.bank.registry.get(&held.partner).ok_or(HeldRefusal::PartnerGone)?;
        let kept = held_events::kept(self.tx.db(), order.event)?.ok_or(HeldRefusal::Unknown)?;
        let payment = again(&kept, None)?;
        let submission = |kept: &KeptEvent, event: Event| Submission {
            partner: Arc::clone(&partner),
            event,
            signed: None,
            judging: Judging::Accepted { recorded_at: kept.recorded_at },
        };
        let clocks = TestClocks::real(self.now);
        // A refund or a reversal that is under way holds the customer: what it did is there after that.
        let alone = submission(&kept, payment.clone());
        load::for_events(&mut self.tx, &[&alone], self.bank, &clocks)?;
        if !corrections::reversed(self.tx.db(), &[order.event])?.is_empty() {
            return Err(HeldRefusal::Reversed.into());
        }
        let mut waiting = vec![kept];
        waiting.extend(held_events::refunds(self.tx.db(), order.event)?);
        let mut submissions = Vec::with_capacity(waiting.len());
        for kept in &waiting {
            submissions.push(submission(kept, again(kept, Some(&payment))?));
        }
        let all: Vec<&Submission> = submissions.iter().collect();
        let Loaded { mut standings, .. } =
            load::for_events(&mut self.tx, &all, self.bank, &clocks)?;
        let both = waiting.iter().zip(&submissions);
        both.map(|(kept, submission)| self.decide_again(order, kept, submission, &mut standings))
            .collect()
    }

    fn decide_again(
        &self,
        order: &HeldOrder,
        kept: &KeptEvent,
        submission: &Submission,
        standings: &mut Standings,
    ) -> Result<Again, RecordError> {
        let Submission { partner, event, judging, .. } = submission;
        let occasion = Occasion::new(event.effective_at, self.now, self.bank.time_zone);
        let occasion = occasion.judged(*judging);
        let mut decision = program::decide_again(event, partner, standings, occasion)?;
        let why = if kept.key == order.event {
            HeldReason::ReleasedByStaff {
                event: event.id.clone(),
                by: order.by.clone(),
                because: order.reason.clone(),
            }
        } else {
            HeldReason::RefundedWhileHeld { event: event.id.clone() }
        };
        decision.explanation.insert(0, why.into());
        Ok(Again { event: kept.key, effective_at: event.effective_at, decision })
    }

    /// Owes the price of a redemption, less what was given back of it meanwhile.
    fn release_price(&mut self, order: &HeldOrder, held: &HeldEvent) -> Result<Again, RecordError> {
        let partner = self.bank.registry.get(&held.partner).ok_or(HeldRefusal::PartnerGone)?;
        let kept = held_events::kept(self.tx.db(), order.event)?.ok_or(HeldRefusal::Unknown)?;
        let hold = held.hold.ok_or(StoreError::Corrupt("held_events.hold_id"))?;
        let owners: BTreeSet<_> = holds::customers(self.tx.db(), &[hold])?.into_iter().collect();
        customers::lock(&mut self.tx, &owners.into_iter().collect::<Vec<_>>())?;
        let mut standings = Standings::default();
        for (key, standing) in holds::load(self.tx.db(), &[hold])? {
            standings.add_hold(key, standing);
        }
        let event = again(&kept, None)?;
        let mut decision = program::held::owe_price(hold, &partner, &standings)?;
        decision.explain(HeldReason::ReleasedByStaff {
            event: event.id.clone(),
            by: order.by.clone(),
            because: order.reason.clone(),
        });
        Ok(Again { event: kept.key, effective_at: event.effective_at, decision })
    }
}

impl Work<'_> {
    /// Tells the partner what the bank decided.
    fn announce_decided(
        &mut self,
        held: &HeldEvent,
        step: HeldStep,
        transaction: Option<TransactionId>,
    ) -> Result<(), RecordError> {
        let said = match held.reward {
            Some(reward) => referrals::get(self.tx.db(), reward.referral)?.map(|it| it.event),
            None => Some(held.event),
        };
        let Some(said) = said else { return Ok(()) };
        let Some(kept) = held_events::kept(self.tx.db(), said)? else { return Ok(()) };
        let event = event_of(&kept)?;
        let kind = match step {
            HeldStep::Release => Kind::EventReleased,
            HeldStep::Reject => Kind::EventRejected,
        };
        let data = announce::Data::Decided { event: &event.id, receipt: transaction };
        let (partner, subject) = (&held.partner, *held.event.bytes());
        let news = [News { partner, kind, subject, revision: 2, data }];
        if announce(&mut self.tx, &news, self.now)? > 0 {
            self.wake_relay();
        }
        Ok(())
    }
}

/// A recorded event, read again.
pub(super) fn event_of(kept: &KeptEvent) -> Result<Event, RecordError> {
    again(kept, None)
}

/// A recorded event, read again. A refund refers to the payment by the id under which that came first.
fn again(kept: &KeptEvent, payment: Option<&Event>) -> Result<Event, RecordError> {
    let event = event::parse_recorded(&kept.partner, &kept.body);
    let mut event = event.map_err(|_malformed| StoreError::Corrupt("events.body"))?;
    if let (Some(payment), Some(_refers_to)) = (payment, kept.refers_to) {
        event.data.refer_to(payment.id.clone());
    }
    Ok(event)
}
