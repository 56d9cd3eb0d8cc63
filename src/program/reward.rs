//! What a referral brings: points to the customer and commission to the partner, stage by stage, out
//! of budgets, some of it under reservation; and all of it taken back when the loan is cancelled.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::counter::{Counted, CountedUnit, Counters, reward_budget};
use super::decision::{Decision, Judging, Occasion, Refusal};
use super::explain::{DecisionReason, LocalMoment, RewardReason, RewardSide};
use super::lot::{self, Debt, Lots, NewLot};
use crate::clock::Moment;
use crate::ids::{CounterKey, CustomerId, LotId, PartnerId, RuleId};
use crate::ledger::{Account, AccountCode, Posting, RuleVersion};
use crate::money::{Amount, Asset};
use crate::partner::reward::{Gift, Reward, RewardStage};
use crate::referral::Terms;

/// For what and to whom something was promised.
#[derive(Clone, Copy, Debug)]
pub struct RewardPromise<'a> {
    pub product: &'a RuleId,
    pub partner: &'a PartnerId,
    /// The member whom the referral names.
    pub customer: Option<CustomerId>,
    pub terms: &'a Terms,
    /// CNY for each 1.00 points, by the programme's reckoning.
    pub unit_cost: Decimal,
}

/// A reward that is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RewardGiven {
    /// Its place among the rewards of the terms.
    pub number: usize,
    pub to: RewardReceiver,
    pub amount: Amount,
    pub rule: RuleVersion,
    /// The budget that it was taken from.
    pub counter: Option<CounterKey>,
    /// Until when it is under reservation.
    pub matures_at: Option<Moment>,
}

/// Who got a reward, and where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RewardReceiver {
    Customer {
        customer: CustomerId,
        lot: LotId,
    },
    /// `pending` while it is under reservation.
    Partner {
        pending: bool,
    },
}

impl RewardPromise<'_> {
    /// The budgets that rewards of a stage are taken from: all customers share them.
    pub fn budgets(&self, stage: RewardStage) -> impl Iterator<Item = CounterKey> {
        let due = self.terms.rewards.iter().filter(move |reward| reward.on == stage);
        due.filter_map(|reward| self.budget(reward))
    }

    fn budget(&self, reward: &Reward) -> Option<CounterKey> {
        reward.budget.map(|_most| reward_budget(self.partner, self.product, reward))
    }

    fn rule(&self) -> RuleVersion {
        RuleVersion::new("reward", self.product, self.terms.version)
    }

    /// Gives what is due at a stage.
    pub fn give(
        &self,
        stage: RewardStage,
        occasion: Occasion,
        lots: &Lots,
        counters: &Counters,
    ) -> Result<Decision, Refusal> {
        let mut decision = Decision { customer: self.customer, ..Decision::default() };
        let mut debt = self.customer.map(|customer| lots.debt(customer)).transpose()?;
        for (number, reward) in self.terms.rewards.iter().enumerate() {
            if reward.on != stage {
                continue;
            }
            if let Some((amount, counter)) = self.affordable(reward, counters, &mut decision)? {
                let given = Due { number, reward, amount, counter, occasion };
                self.post(given, debt.as_mut(), &mut decision)?;
            }
        }
        Ok(decision)
    }

    /// What the budget leaves of a reward; `None` when nothing is given.
    fn affordable(
        &self,
        reward: &Reward,
        counters: &Counters,
        decision: &mut Decision,
    ) -> Result<Option<(Amount, Option<CounterKey>)>, Refusal> {
        let wanted = reward.gift.amount();
        if matches!(reward.gift, Gift::Customer { .. }) && self.customer.is_none() {
            return Ok(None);
        }
        let (Some(most), Some(counter)) = (reward.budget, self.budget(reward)) else {
            return Ok(Some((wanted, None)));
        };
        let own = decision.counted.iter().filter(|counted| counted.counter == counter);
        let used =
            own.map(|counted| counted.amount).fold(counters.get(counter), i64::saturating_add);
        let used = Amount::from_minor(used, wanted.asset());
        let left = most.checked_sub(used)?;
        let amount =
            if left.is_negative() { Amount::zero(wanted.asset()) } else { wanted.min(left) };
        if amount != wanted {
            let (rule, to, asset) = (self.rule(), RewardSide::from(reward.gift), wanted.asset());
            let why =
                RewardReason::BudgetSpent { rule, to, asset, most, used, wanted, given: amount };
            decision.explain(why);
        }
        if amount.is_zero() {
            return Ok(None);
        }
        decision.counted.push(Counted {
            counter,
            unit: CountedUnit::Points,
            amount: amount.minor(),
        });
        Ok(Some((amount, Some(counter))))
    }

    fn post(
        &self,
        due: Due<'_>,
        debt: Option<&mut Debt>,
        decision: &mut Decision,
    ) -> Result<(), Refusal> {
        let Due { number, reward, amount, counter, occasion } = due;
        let rule = self.rule();
        let now = occasion.recorded_at;
        let matures_at = reward.matures_at(occasion.reserved_from()).filter(|at| *at > now);
        let is_kept_back =
            occasion.judging == Judging::Frozen && matches!(reward.gift, Gift::Partner { .. });
        // Commissions of a frozen partner mature when the freeze is lifted.
        let matures_at = if is_kept_back { matures_at.or(Some(now)) } else { matures_at };
        decision.explain(RewardReason::Rewarded {
            rule: rule.clone(),
            on: reward.on,
            to: RewardSide::from(reward.gift),
            asset: amount.asset(),
            amount,
            available_from: matures_at.map(|at| at.day_in(occasion.zone)),
            available_at: matures_at.map(|at| LocalMoment::new(at, occasion.zone)),
        });
        let to = match (reward.gift, self.customer.zip(debt)) {
            (Gift::Partner { .. }, _) => {
                // For a lead alone nothing is paid before somebody has talked to the person.
                let awaits_contact = reward.on == RewardStage::Qualified;
                if awaits_contact {
                    decision.explain(RewardReason::AwaitsContact { rule: rule.clone(), amount });
                }
                let pending = awaits_contact || matures_at.is_some();
                let code = match pending {
                    true => AccountCode::COMMISSION_PENDING,
                    false => AccountCode::COMMISSION_PAYABLE,
                };
                let owed = Account::partner(code, self.partner, Asset::CNY);
                let expense = Account::bank(AccountCode::REFERRAL_EXPENSE, Asset::CNY);
                decision.postings.push(Posting::new(owed, amount, &rule));
                decision.postings.push(Posting::new(expense, amount.negate()?, &rule));
                RewardReceiver::Partner { pending }
            }
            (Gift::Customer { .. }, Some((customer, debt))) => {
                let lot = NewLot {
                    id: LotId::random(),
                    customer,
                    partner: self.partner.clone(),
                    rule: rule.clone(),
                    issued: amount,
                    by_partner: Amount::zero(Asset::PTS),
                    unit_cost: self.unit_cost,
                    matures_at,
                    expires_at: None,
                };
                let id = lot.id;
                lot::issue(lot, now, debt, decision)?;
                let bank = Account::bank(AccountCode::POINTS_REFERRAL, Asset::PTS);
                decision.postings.push(Posting::new(bank, amount.negate()?, &rule));
                RewardReceiver::Customer { customer, lot: id }
            }
            (Gift::Customer { .. }, None) => return Ok(()),
        };
        // A commission that only waits for the first contact has no later day of its own.
        let matures_at = match to {
            RewardReceiver::Partner { pending: true } => matures_at.or(Some(now)),
            RewardReceiver::Partner { pending: false } | RewardReceiver::Customer { .. } => {
                matures_at
            }
        };
        decision.rewards.push(RewardGiven { number, to, amount, rule, counter, matures_at });
        Ok(())
    }
}

/// A reward that is due, with what the budget leaves of it.
struct Due<'a> {
    number: usize,
    reward: &'a Reward,
    amount: Amount,
    counter: Option<CounterKey>,
    occasion: Occasion,
}

/// Takes back all that was given and still stands: points where they are by now, commission from
/// what is owed to the partner, which may leave the partner owing; and the budgets have it again.
pub fn claw_back(
    partner: &PartnerId,
    given: &[RewardGiven],
    lots: &Lots,
    now: Moment,
) -> Result<Decision, Refusal> {
    let rule = RuleVersion::built_in("reward:claw-back@1");
    let mut decision = Decision::default();
    let taken_back = |to, amount: Amount| RewardReason::RewardTakenBack {
        rule: rule.clone(),
        to,
        asset: amount.asset(),
        amount,
    };
    let mut points = Amount::zero(Asset::PTS);
    let (mut by_lot, mut of) = (BTreeMap::new(), None);
    for reward in given {
        match reward.to {
            RewardReceiver::Partner { pending } => {
                let code = match pending {
                    true => AccountCode::COMMISSION_PENDING,
                    false => AccountCode::COMMISSION_PAYABLE,
                };
                let owed = Account::partner(code, partner, Asset::CNY);
                let expense = Account::bank(AccountCode::REFERRAL_EXPENSE, Asset::CNY);
                decision.postings.push(Posting::new(owed, reward.amount.negate()?, &rule));
                decision.postings.push(Posting::new(expense, reward.amount, &rule));
                decision.explain(taken_back(RewardSide::Partner, reward.amount));
            }
            RewardReceiver::Customer { customer, lot } => {
                points = points.checked_add(reward.amount)?;
                by_lot.insert(lot, reward.amount);
                of = Some(customer);
            }
        }
        if let Some(counter) = reward.counter {
            let amount = reward.amount.negate()?.minor();
            decision.counted.push(Counted { counter, unit: CountedUnit::Points, amount });
        }
    }
    if let Some(customer) = of {
        decision.customer = Some(customer);
        decision.explain(taken_back(RewardSide::Customer, points));
        let taken = lot::take_back(&by_lot, customer, lots, now, &rule)?;
        decision.explanation.extend(lot::newly_owed(&taken)?.map(DecisionReason::from));
        decision.postings.extend(taken);
        let bank = Account::bank(AccountCode::POINTS_REFERRAL, Asset::PTS);
        decision.postings.push(Posting::new(bank, points, &rule));
    }
    Ok(decision)
}

/// Commissions whose reservation is over may be paid.
pub fn mature(partner: &PartnerId, commission: Amount) -> Result<Decision, Refusal> {
    let rule = RuleVersion::built_in("commission:maturing@1");
    let account = |code| Account::partner(code, partner, Asset::CNY);
    let from = account(AccountCode::COMMISSION_PENDING);
    let to = account(AccountCode::COMMISSION_PAYABLE);
    let postings =
        vec![Posting::new(from, commission.negate()?, &rule), Posting::new(to, commission, &rule)];
    let explanation = vec![RewardReason::CommissionMatured { rule, amount: commission }.into()];
    Ok(Decision { postings, explanation, ..Decision::default() })
}
