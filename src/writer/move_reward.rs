//! What a move of a referral posts: what its stage brings, or what is taken back.

use super::error::RecordError;
use super::load::load_customer_lots;
use super::move_referral::{Held, MoveRefusal, counted};
use super::work::Work;
use crate::clock::Moment;
use crate::ids::{CounterKey, LotId};
use crate::partner::reward::RewardStage;
use crate::program::reward::{self, RewardPromise, RewardReceiver};
use crate::program::{Decision, Judging, Lots, Occasion};
use crate::referral::{Actor, Move, ReferralStep};
use crate::store::referrals::ReferralRecord;
use crate::store::{LedgerTx, counters, customers, freezes, referral_rewards};

/// Whose rewards are taken back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rewarded {
    All,
    /// The partner's alone: nobody loses by withdrawing a consent.
    Partner,
}

impl Rewarded {
    /// What is taken back of a referral that ends before anybody talked to the person. What the partner
    /// withdraws itself, it may have invented.
    const fn by_end(order: &Move) -> Self {
        match (&order.step, &order.by) {
            (ReferralStep::Withdraw, Actor::Partner(_)) => Self::All,
            (ReferralStep::Withdraw, _) => Self::Partner,
            _ => Self::All,
        }
    }
}

impl Work<'_> {
    /// What the move posts as things stand now, under the locks of the customer and the budgets.
    pub(super) fn decide_move(
        &mut self,
        held: &Held,
        order: &Move,
        partners_now: Moment,
    ) -> Result<Decision, RecordError> {
        let stage = match order.step {
            ReferralStep::Release => RewardStage::Qualified,
            ReferralStep::Convert => RewardStage::Converted,
            ReferralStep::Repay => RewardStage::FirstRepayment,
            ReferralStep::Cancel => return self.claw_back(held, Rewarded::All, partners_now),
            // The person is there, though nobody talked to them in time.
            ReferralStep::Expire if held.confirmed_at.is_some() => return Ok(Decision::default()),
            // Nobody has talked to the person: what the lead brought is taken back.
            ReferralStep::Lose | ReferralStep::Expire | ReferralStep::Withdraw
                if !held.is_met() =>
            {
                return self.claw_back(held, Rewarded::by_end(order), partners_now);
            }
            ReferralStep::Reject
            | ReferralStep::Send
            | ReferralStep::Contact
            | ReferralStep::Lose
            | ReferralStep::Expire
            | ReferralStep::Withdraw => return Ok(Decision::default()),
        };
        let occasion = Occasion::new(partners_now, partners_now, self.bank.time_zone);
        let is_frozen = freezes::is_frozen_throughout(&mut self.tx, &held.record.partner)?;
        let occasion = if is_frozen { occasion.judged(Judging::Frozen) } else { occasion };
        self.give(held, stage, occasion)
    }

    /// What a stage brings, under the locks of the customer and the budgets.
    pub(super) fn give(
        &mut self,
        held: &Held,
        stage: RewardStage,
        occasion: Occasion,
    ) -> Result<Decision, RecordError> {
        if !held.terms.has(stage) {
            return Ok(Decision::default());
        }
        let promise = RewardPromise {
            product: &held.product,
            partner: &held.record.partner,
            customer: held.record.customer,
            terms: &held.terms,
            unit_cost: self.bank.registry.programme().points.unit_cost,
        };
        let standing = lots_of(&mut self.tx, &held.record, &[])?;
        let budgets: Vec<CounterKey> = promise.budgets(stage).collect();
        let counted = counted(&mut self.tx, &budgets)?;
        Ok(promise.give(stage, occasion, &standing, &counted).map_err(MoveRefusal::from)?)
    }

    fn claw_back(
        &mut self,
        held: &Held,
        of: Rewarded,
        partners_now: Moment,
    ) -> Result<Decision, RecordError> {
        let tx = &mut self.tx;
        let mut given = referral_rewards::standing(tx.db(), held.record.id)?;
        if of == Rewarded::Partner {
            given.retain(|given| matches!(given.to, RewardReceiver::Partner { .. }));
        }
        if given.is_empty() {
            return Ok(Decision::default());
        }
        let own: Vec<_> = given
            .iter()
            .filter_map(|given| match given.to {
                RewardReceiver::Customer { lot, .. } => Some(lot),
                RewardReceiver::Partner { .. } => None,
            })
            .collect();
        let standing = lots_of(tx, &held.record, &own)?;
        counters::lock(tx, given.iter().filter_map(|given| given.counter))?;
        let taken = reward::claw_back(&held.record.partner, &given, &standing, partners_now);
        let taken = taken.map_err(MoveRefusal::from)?;
        let numbers: Vec<usize> = given.iter().map(|given| given.number).collect();
        if referral_rewards::take_back(tx, held.record.id, &numbers)? != given.len() {
            // Something of it was taken back since it was read: it must not be taken twice.
            return Err(RecordError::Raced);
        }
        Ok(taken)
    }
}

/// The lots and the debt of a referral's customer, who is locked, and those other lots.
fn lots_of(
    tx: &mut LedgerTx<'_>,
    record: &ReferralRecord,
    others: &[LotId],
) -> Result<Lots, RecordError> {
    customers::lock(tx, record.customer.as_slice())?;
    Ok(load_customer_lots(tx, record.customer.as_slice(), others)?)
}
