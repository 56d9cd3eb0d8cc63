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
use crate::event::{self, Commit, Event, Payment, Referral};
use crate::ids::{EventKey, StaffId, TransactionId};
use crate::partner::test_clock::TestClocks;
use crate::program::{self, HeldReason, Judging, Occasion, Standings};
use crate::referral::{Actor, Move, ReferralStep};
use crate::store::held_events::{self, Decided, HeldEvent, HeldState, KeptEvent};
use crate::store::outbox::Kind;
use crate::store::{StoreError, corrections, customers, freezes, holds, referrals};

/// What a member of staff decides.
#[derive(Clone, Debug)]
pub struct HeldOrder {
    pub event: EventKey,
    pub by: StaffId,
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
        let partners = BTreeSet::from([&held.partner]);
        let is_frozen = !freezes::share(&mut self.tx, &partners)?.is_empty();
        // A referral is locked before its held event, as where staff decide on the referral itself.
        if held.kind == Referral::TYPE
            && let Some((referral, _consent)) = referrals::of_event(self.tx.db(), order.event)?
        {
            referrals::lock(&mut self.tx, referral)?;
        }
        let held = held_events::lock(&mut self.tx, order.event)?.ok_or(HeldRefusal::Unknown)?;
        if held.state != HeldState::Open {
            let same = held.state == order.step.state()
                && held.decided.as_ref().is_some_and(|it| it.by == order.by.as_str());
            if same {
                return Ok(HeldOutcome { held, transaction: None, replayed: true });
            }
            return Err(HeldRefusal::Closed(held.state).into());
        }
        if is_frozen && order.step == HeldStep::Release {
            return Err(HeldRefusal::Frozen.into());
        }
        let transaction = match (held.kind.as_str(), order.step) {
            (Referral::TYPE, step) => self.move_held(order, step)?,
            (Payment::TYPE, HeldStep::Release) => self.release_payment(order, &held)?,
            (Commit::TYPE, HeldStep::Release) => self.release_price(order, &held)?,
            (_, HeldStep::Release) => return Err(StoreError::Corrupt("held_events.kind").into()),
            (_, HeldStep::Reject) => None,
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
        let order =
            Move::new(referral, step, Actor::Staff(order.by.clone())).because(order.reason.clone());
        Ok(self.move_referral(&order)?.transaction)
    }

    /// Gives what the payment brings, and takes back at once what was refunded of it meanwhile.
    fn release_payment(
        &mut self,
        order: &HeldOrder,
        held: &HeldEvent,
    ) -> Result<Option<TransactionId>, RecordError> {
        let partner = self.bank.registry.get(&held.partner).ok_or(HeldRefusal::PartnerGone)?;
        if !corrections::reversed(self.tx.db(), &[order.event])?.is_empty() {
            return Err(HeldRefusal::Reversed.into());
        }
        let kept = held_events::kept(self.tx.db(), order.event)?.ok_or(HeldRefusal::Unknown)?;
        let mut waiting = vec![kept];
        waiting.extend(held_events::refunds(self.tx.db(), order.event)?);
        let first = waiting.first().map(|kept| again(kept, None)).transpose()?;
        let payment = first.ok_or(HeldRefusal::Unknown)?;
        let mut submissions = Vec::with_capacity(waiting.len());
        for kept in &waiting {
            let event = again(kept, Some(&payment))?;
            let judging = Judging::Accepted { recorded_at: kept.recorded_at };
            let partner = Arc::clone(&partner);
            submissions.push(Submission { partner, event, signed: None, judging });
        }
        let all: Vec<&Submission> = submissions.iter().collect();
        let clocks = TestClocks::real(self.now);
        let Loaded { mut standings, .. } =
            load::for_events(&mut self.tx, &all, self.bank, &clocks)?;
        let mut drafts = Drafts::default();
        let mut transaction = None;
        for (kept, submission) in waiting.iter().zip(&submissions) {
            let draft = self.draft_again(order, kept, submission, &mut standings)?;
            transaction = transaction.or(Some(draft.transaction_id()));
            drafts.push(draft);
        }
        drafts.write(&mut self.tx, self.now)?;
        Ok(transaction)
    }

    fn draft_again<'d>(
        &self,
        order: &HeldOrder,
        kept: &KeptEvent,
        submission: &Submission,
        standings: &mut Standings,
    ) -> Result<Draft<'d>, RecordError> {
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
        Draft::of_release(kept.key, decision, event.effective_at, self.now)
    }

    /// Owes the price of a redemption, less what was given back of it meanwhile.
    fn release_price(
        &mut self,
        order: &HeldOrder,
        held: &HeldEvent,
    ) -> Result<Option<TransactionId>, RecordError> {
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
        let draft = Draft::of_release(kept.key, decision, event.effective_at, self.now)?;
        let transaction = draft.transaction_id();
        let mut drafts = Drafts::default();
        drafts.push(draft);
        drafts.write(&mut self.tx, self.now)?;
        Ok(Some(transaction))
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
        let Some(kept) = held_events::kept(self.tx.db(), held.event)? else { return Ok(()) };
        let event = again(&kept, None)?;
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

/// A recorded event, read again. A refund refers to the payment by the id under which that came first.
fn again(kept: &KeptEvent, payment: Option<&Event>) -> Result<Event, RecordError> {
    let event = event::parse_recorded(&kept.partner, &kept.body);
    let mut event = event.map_err(|_malformed| StoreError::Corrupt("events.body"))?;
    if let (Some(payment), Some(_refers_to)) = (payment, kept.refers_to) {
        event.data.refer_to(payment.id.clone());
    }
    Ok(event)
}
