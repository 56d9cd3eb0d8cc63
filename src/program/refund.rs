//! What a refund takes back of what its payment brought. It is worked out on all refunds so far, not
//! on the present one alone: by then a certain part should be taken back, and the present refund
//! takes back what is missing. So refunds that add up to the whole payment leave exactly zero,
//! however they were split and in whichever order they came.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::brought::{self, Brought, Refunded};
use super::charge;
use super::counter::{self, Counted, CountedUnit};
use super::decision::{Decision, LinePart, Occasion, PARTS_MAX, Refusal};
use super::explain::PointsReason;
use super::lot::{self, Lots};
use super::standing::PaymentStanding;
use crate::event::{Refund, RefundLine};
use crate::ids::{CustomerId, LotId, PartnerId};
use crate::ledger::{Account, AccountCode, Posting, RuleVersion};
use crate::money::{Amount, AmountError, Asset, split_by_amounts};
use crate::partner::Partner;
use crate::partner::earning::Period;

/// Takes back the refunded part of everything that the payment posted and counted.
///
/// Money goes by what is refunded. Points go by the lines that are refunded; what is refunded
/// without naming lines counts as a part of each line in proportion to what is left of it. The
/// customer's points are taken where they are by now: [`lot::take_back`].
pub fn claw_back(
    refund: &Refund,
    payment: &PaymentStanding,
    partner: &Partner,
    occasion: Occasion,
    lots: &Lots,
) -> Result<Decision, Refusal> {
    let refunded = payment.refunded.checked_add(refund.amount)?;
    let left = payment.paid.checked_sub(payment.refunded)?;
    if left.minor() < refund.amount.minor() {
        return Err(Refusal::RefundExceeds { left, paid: payment.paid });
    }
    if payment.refunds.saturating_add(1) >= PARTS_MAX && refund.amount != left {
        return Err(Refusal::RefundsMany { most: PARTS_MAX, left });
    }
    let rule = RuleVersion::built_in("refund:proportional@1");
    let mut decision = Decision { customer: Some(payment.customer), ..Decision::default() };
    decision.explain(PointsReason::ClawedBack {
        rule: rule.clone(),
        paid: payment.paid,
        refunded_before: payment.refunded,
        refunded,
    });
    let before = Refunded::before(payment)?;
    let after = before.with(refund, payment)?;
    let brought = brought::by_rule(payment)?;
    decision.lines = line_parts(refund, payment, &brought, [&before, &after])?;
    let taking = Taking { payment, brought: &brought, before: &before, after: &after };
    taking.points(occasion, lots, &rule, &mut decision)?;
    charge_owed(payment.customer, partner, occasion, lots, &mut decision)?;
    taking.money(refunded, &rule, &mut decision)?;
    let day = payment.effective_at.day_in(occasion.zone);
    decision.counted = taking.counted(&partner.id, day, refunded)?;
    Ok(decision)
}

/// Charges the partner of the refund for the points that it leaves owed.
fn charge_owed(
    customer: CustomerId,
    partner: &Partner,
    occasion: Occasion,
    lots: &Lots,
    decision: &mut Decision,
) -> Result<(), AmountError> {
    let owed = decision.postings.iter().filter(|it| it.account.code == AccountCode::POINTS_OWED);
    let points =
        owed.map(|it| it.amount).try_fold(Amount::zero(Asset::PTS), Amount::checked_sub)?;
    if points.minor() <= 0 {
        return Ok(());
    }
    let (now, known) = (occasion.recorded_at, lots.charges(customer));
    let change = charge::charge(customer, partner, points, now, known)?;
    let (rule, value) = (charge::rule(), change.value()?);
    let price = partner.programme.points.redemption_price;
    decision.explain(PointsReason::Charged { rule, points, price, value });
    decision.charge(change);
    Ok(())
}

/// The lines that a refund names, with the points that are taken back for each.
fn line_parts(
    refund: &Refund,
    payment: &PaymentStanding,
    brought: &[Brought<'_>],
    [before, after]: [&Refunded; 2],
) -> Result<Vec<LinePart>, Refusal> {
    let places = brought::places(payment);
    let mut parts = Vec::with_capacity(refund.lines.len());
    for RefundLine { line, amount } in &refund.lines {
        let Some(place) = places.get(line) else { continue };
        let mut points = Amount::zero(Asset::PTS);
        for brought in brought {
            let taken = brought.due_of_line(*place, after, payment)?;
            let taken = taken.checked_sub(brought.due_of_line(*place, before, payment)?)?;
            points = points.checked_sub(taken)?;
        }
        let (line, amount) = (line.clone(), amount.negate()?);
        parts.push(LinePart { line, amount, points, by_rule: BTreeMap::new() });
    }
    Ok(parts)
}

/// A payment, and how much of each line was refunded before this refund and with it.
struct Taking<'a> {
    payment: &'a PaymentStanding,
    brought: &'a [Brought<'a>],
    before: &'a Refunded,
    after: &'a Refunded,
}

impl Taking<'_> {
    /// Takes points back, from the customer and from those who bore their cost.
    fn points(
        &self,
        occasion: Occasion,
        lots: &Lots,
        rule: &RuleVersion,
        decision: &mut Decision,
    ) -> Result<(), Refusal> {
        let customer = self.payment.customer;
        let own = points_of(customer);
        let zero = Amount::zero(Asset::PTS);
        let taken_back = by_account(customer, &self.payment.taken_back)?;
        let mut due: BTreeMap<Account, Amount> = BTreeMap::new();
        let mut by_lot: BTreeMap<LotId, Amount> = BTreeMap::new();
        for brought in self.brought {
            let points = brought.due(self.after, self.payment)?;
            let sum = due.entry(own.clone()).or_insert(zero);
            *sum = sum.checked_sub(points)?;
            for (account, borne) in brought.borne_part(points)? {
                let sum = due.entry(account).or_insert(zero);
                *sum = sum.checked_add(borne)?;
            }
            let now = points.checked_sub(brought.due(self.before, self.payment)?)?;
            let sum = by_lot.entry(brought.lot).or_insert(zero);
            *sum = sum.checked_add(now)?;
        }
        let now = |account: &Account, due: Amount| {
            due.checked_sub(taken_back.get(account).copied().unwrap_or(zero))
        };
        let points = now(&own, due.remove(&own).unwrap_or(zero))?.negate()?;
        if points.is_negative() {
            // Earlier refunds were worked out otherwise and took more: the next ones take less.
            return Ok(());
        }
        fit(&mut by_lot, points)?;
        let taken = lot::take_back(&by_lot, customer, lots, occasion.recorded_at, rule)?;
        if let Some(owed) = lot::newly_owed(&taken)? {
            decision.explain(owed);
        }
        decision.postings.extend(taken);
        for (account, due) in due {
            let amount = now(&account, due)?;
            decision.postings.push(Posting::new(account, amount, rule));
        }
        Ok(())
    }

    /// Takes money back: of each side the refunded part, shared in proportion to its postings.
    fn money(
        &self,
        refunded: Amount,
        rule: &RuleVersion,
        decision: &mut Decision,
    ) -> Result<(), AmountError> {
        let parts = [refunded, self.payment.paid.checked_sub(refunded)?];
        let taken_back = by_account(self.payment.customer, &self.payment.taken_back)?;
        let posted = self.payment.posted.iter();
        let posted: Vec<(Account, Amount)> = posted
            .filter(|posting| posting.account.asset != Asset::PTS)
            .filter(|posting| !charge::keeps(posting.account.code))
            .map(|posting| (posting.account.clone(), posting.amount))
            .collect();
        let sums = by_account(self.payment.customer, &posted)?;
        let (given, borne): (Vec<_>, Vec<_>) =
            sums.into_iter().partition(|(_account, amount)| !amount.is_negative());
        // Both sides share the same total, so what is taken back sums to zero as well.
        for (account, due) in part_of(&given, &parts)?.into_iter().chain(part_of(&borne, &parts)?) {
            let before = taken_back.get(&account).copied().unwrap_or(Amount::zero(account.asset));
            let amount = due.negate()?.checked_sub(before)?;
            decision.postings.push(Posting::new(account, amount, rule));
        }
        Ok(())
    }

    /// Takes from counters what the refunded part of the payment had added.
    fn counted(
        &self,
        partner: &PartnerId,
        day: NaiveDate,
        refunded: Amount,
    ) -> Result<Vec<Counted>, AmountError> {
        let rest = self.payment.paid.checked_sub(refunded)?;
        let mut taken = Vec::new();
        for Counted { counter, unit, amount } in &self.payment.counted {
            let total = Amount::from_minor(*amount, Asset::PTS);
            let by_rule = self.brought.iter().find(|brought| {
                counters_of(brought, partner, self.payment.customer, day).contains(counter)
            });
            let due = match (by_rule, unit) {
                _ if rest.is_zero() => total,
                (Some(brought), CountedUnit::Points | CountedUnit::Money) => {
                    let points = brought.due(self.after, self.payment)?;
                    part(total, [points, brought.points.checked_sub(points)?])?
                }
                (None, CountedUnit::Points | CountedUnit::Money) => part(total, [refunded, rest])?,
                (_, CountedUnit::Times) => Amount::zero(Asset::PTS),
            };
            let before = self.payment.uncounted.iter().filter(|taken| taken.counter == *counter);
            let mut before = before.map(|taken| Amount::from_minor(taken.amount, Asset::PTS));
            let before = before.try_fold(Amount::zero(Asset::PTS), Amount::checked_add)?;
            let amount = due.negate()?.checked_sub(before)?.minor();
            if amount != 0 {
                taken.push(Counted { counter: *counter, unit: *unit, amount });
            }
        }
        Ok(taken)
    }
}

/// The caps and the budget of the rule that gave the points.
fn counters_of(
    brought: &Brought<'_>,
    partner: &PartnerId,
    customer: CustomerId,
    day: NaiveDate,
) -> Vec<crate::ids::CounterKey> {
    let Some(rule) = brought.rule.rule_id() else { return Vec::new() };
    let caps = [Period::Day, Period::Month, Period::Campaign]
        .map(|period| counter::cap(partner, &rule, customer, period, day));
    caps.into_iter().chain([counter::budget(partner, &rule)]).collect()
}

/// Brings what is to be taken from each lot to a sum. They differ only where earlier refunds of the
/// payment were worked out otherwise.
fn fit(by_lot: &mut BTreeMap<LotId, Amount>, sum: Amount) -> Result<(), AmountError> {
    let wanted: Vec<Amount> = by_lot.values().copied().collect();
    let total = wanted.iter().copied().try_fold(Amount::zero(Asset::PTS), Amount::checked_add)?;
    if total == sum {
        return Ok(());
    }
    let is_nothing = wanted.iter().all(|amount| amount.is_zero());
    let one = Amount::from_minor(1, Asset::PTS);
    let like: Vec<Amount> = if is_nothing { vec![one; wanted.len()] } else { wanted };
    for (amount, share) in by_lot.values_mut().zip(split_by_amounts(sum, &like)?) {
        *amount = share;
    }
    Ok(())
}

/// The account on which all of a customer's points count here, wherever they are by now.
const fn points_of(customer: CustomerId) -> Account {
    Account::customer(AccountCode::POINTS_AVAILABLE, customer, Asset::PTS)
}

/// The account on which a posting counts when it is worked out what a payment brought: all of a
/// customer's points are one, whether pending, available, held, owed, or expired by now.
fn counted_on(customer: CustomerId, account: &Account) -> Account {
    match account.code {
        AccountCode::POINTS_PENDING
        | AccountCode::POINTS_AVAILABLE
        | AccountCode::POINTS_HELD
        | AccountCode::POINTS_OWED
        | AccountCode::POINTS_BREAKAGE => points_of(customer),
        _ => account.clone(),
    }
}

/// The first of two parts of an amount.
fn part(total: Amount, parts: [Amount; 2]) -> Result<Amount, AmountError> {
    let shares = split_by_amounts(total, &parts)?;
    Ok(shares.first().copied().unwrap_or(Amount::zero(total.asset())))
}

/// The refunded part of one side's total, shared in the proportion of that side's postings.
fn part_of(
    side: &[(Account, Amount)],
    parts: &[Amount; 2],
) -> Result<Vec<(Account, Amount)>, AmountError> {
    let Some((first, _amount)) = side.first() else {
        return Ok(Vec::new());
    };
    let amounts: Vec<Amount> = side.iter().map(|(_account, amount)| *amount).collect();
    let zero = Amount::zero(first.asset);
    let total = amounts.iter().try_fold(zero, |sum, amount| sum.checked_add(*amount))?;
    if total.is_zero() {
        return Ok(Vec::new());
    }
    let shares = split_by_amounts(part(total, *parts)?, &amounts)?;
    Ok(side.iter().map(|(account, _amount)| account.clone()).zip(shares).collect())
}

fn by_account(
    customer: CustomerId,
    postings: &[(Account, Amount)],
) -> Result<BTreeMap<Account, Amount>, AmountError> {
    let mut sums: BTreeMap<Account, Amount> = BTreeMap::new();
    for (account, amount) in postings {
        let counted = counted_on(customer, account);
        let sum = sums.entry(counted).or_insert(Amount::zero(account.asset));
        *sum = sum.checked_add(*amount)?;
    }
    Ok(sums)
}
