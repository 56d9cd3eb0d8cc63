#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::collections::BTreeMap;

use chrono::TimeDelta;
use rust_decimal::Decimal;

use super::counter::{self, Counted, CountedUnit};
use super::counting::Counting;
use super::decision::{Decision, LinePart, Occasion, Refusal};
use super::explain::{
    DecisionReason, EarningBasis, EarningReason, LimitName, LocalMoment, NotEarned,
};
use super::facts::{self, CountingCategories, Facts};
use super::lot::{self, Debt, NewLot};
use super::standing::{CustomerStanding, Standings};
use super::tier::{self, TierChange};
use crate::clock::Moment;
use crate::event::{Line, Payment};
use crate::ids::{LineNumber, LotId, RuleId};
use crate::ledger::{Account, AccountCode, Posting, RuleVersion};
use crate::money::{Amount, AmountError, Asset, split};
use crate::partner::Partner;
use crate::partner::earning::{Basis, Earning, NO_POINTS, StackingMode};
use crate::partner::programme::Tier;

/// A payment, its customer, its partner, and when it happened.
pub struct Purchase<'a> {
    pub payment: &'a Payment,
    pub partner: &'a Partner,
    pub customer: &'a CustomerStanding,
    pub occasion: Occasion,
    pub facts: Facts<'a>,
}

/// What a rule would give.
struct Offer<'a> {
    rule: &'a Earning,
    version: RuleVersion,
    /// After caps and budget.
    points: Amount,
    /// In which proportion the lines of the payment bring the points.
    weights: Vec<u64>,
    /// How the points were worked out, and what limits left of them.
    reasons: Vec<EarningReason>,
}

/// Points by every earning rule in force on the day that applies, stacked as the manifest says.
/// For each rule that gives nothing the explanation says why.
pub fn earn(
    purchase: &Purchase<'_>,
    standings: &Standings,
    decision: &mut Decision,
) -> Result<(), Refusal> {
    let (scheme, day) = (&purchase.partner.scheme, purchase.occasion.day);
    let mut in_force = scheme.earning_on(day).peekable();
    if in_force.peek().is_none() {
        let earliest = scheme.earning.iter().map(|rule| rule.term().from).min();
        return Err(Refusal::OutsideTerm { day, earliest });
    }
    let (mut offers, mut not_earned) = (Vec::new(), Vec::new());
    for rule in in_force {
        let version = RuleVersion::new("earning", &rule.id, rule.version);
        match applies(rule, &purchase.facts) {
            Ok(()) => offers.push(offer(rule, version, purchase, standings)?),
            Err(because) => not_earned.push(EarningReason::NotEarned { rule: version, because }),
        }
    }
    decision.lines = purchase.payment.lines.iter().map(unrewarded).collect();
    let mut debt = standings.lots.debt(purchase.customer.id)?;
    for taken in stack(purchase.partner, offers, &mut not_earned) {
        issue(taken, purchase, &mut debt, decision)?;
    }
    decision.explanation.extend(not_earned.into_iter().map(DecisionReason::from));
    count(purchase, standings, decision)
}

/// A line that brought no points yet.
fn unrewarded(line: &Line) -> LinePart {
    unrewarded_part(line.line.clone(), line.paid)
}

/// The same, by the line's number and what was paid for it.
pub(super) const fn unrewarded_part(line: LineNumber, amount: Amount) -> LinePart {
    LinePart { line, amount, points: NO_POINTS, by_rule: BTreeMap::new() }
}

fn applies(rule: &Earning, facts: &Facts<'_>) -> Result<(), NotEarned> {
    facts::holds(&rule.when, facts).map_err(NotEarned::Condition)?;
    let lines = &facts.payment.lines;
    let categories = CountingCategories::of(&rule.when, &rule.except, facts);
    let none_counts = !lines.is_empty() && !lines.iter().any(|line| categories.counts(line));
    if none_counts || facts::excepted(&rule.except, facts) {
        return Err(NotEarned::Excepted);
    }
    Ok(())
}

fn offer<'a>(
    rule: &'a Earning,
    version: RuleVersion,
    purchase: &Purchase<'_>,
    standings: &Standings,
) -> Result<Offer<'a>, Refusal> {
    let counting = Counting::of(rule, purchase)?;
    let (basis, plain) = worked_out(&rule.basis, counting.paid)?;
    let unrounded = counting.multiplied(plain)?;
    let points = Amount::round(unrounded, Asset::PTS, rule.rounding)?;
    let mut limited = Vec::new();
    let given = limit(rule, &version, points, Limits { purchase, standings }, &mut limited);
    let Occasion { recorded_at, day, zone, .. } = purchase.occasion;
    let reserved_from = purchase.occasion.reserved_from();
    let is_given = |_at: &Moment| !given.is_zero();
    let expires_at = rule.expires_at(day, zone).filter(is_given);
    let available_at = rule.matures_at(reserved_from).filter(|at| *at > recorded_at);
    let available_at = available_at.filter(is_given);
    let mut reasons = vec![EarningReason::Earned {
        rule: version.clone(),
        paid: counting.paid,
        basis,
        multiplier: Some(counting.multiplier.normalize()).filter(|by| *by != Decimal::ONE),
        lines_multiplied: counting.lines_multiplied(),
        unrounded: unrounded.normalize(),
        rounding: rule.rounding,
        points,
        partner_share: rule.partner_share,
        available_from: available_at.map(|at| at.day_in(zone)),
        available_at: available_at.map(|at| LocalMoment::new(at, zone)),
        spend_by: expires_at.map(|at| at.minus(TimeDelta::seconds(1)).day_in(zone)),
        expired: expires_at.is_some_and(|at| at <= recorded_at),
    }];
    reasons.append(&mut limited);
    let points = given;
    Ok(Offer { rule, version, points, weights: counting.weights(), reasons })
}

/// Points before any multiplier, unrounded, and how they come about.
fn worked_out(basis: &Basis, paid: Amount) -> Result<(EarningBasis, Decimal), AmountError> {
    let out_of_range = AmountError::OutOfRange { asset: Asset::PTS };
    Ok(match basis {
        Basis::PerUnit(points_per_unit) => {
            let points_per_unit = *points_per_unit;
            let plain = paid.decimal().checked_mul(points_per_unit).ok_or(out_of_range)?;
            (EarningBasis::PerUnit { points_per_unit }, plain)
        }
        Basis::PerVisit(points_per_visit) => {
            let points_per_visit = *points_per_visit;
            (EarningBasis::PerVisit { points_per_visit }, points_per_visit.decimal())
        }
        Basis::Steps(steps) => {
            let reached = steps.iter().rev().find(|step| paid.minor() >= step.spend.minor());
            let step_spend = reached.map_or(Amount::zero(Asset::CNY), |step| step.spend);
            let step_points = reached.map_or(NO_POINTS, |step| step.points);
            (EarningBasis::Step { step_spend, step_points }, step_points.decimal())
        }
        Basis::Each(step) => {
            let times = step.times(paid);
            let plain = step.points.decimal().checked_mul(Decimal::from(times));
            let (each_spend, each_points) = (step.spend, step.points);
            (EarningBasis::Each { each_spend, each_points, times }, plain.ok_or(out_of_range)?)
        }
    })
}

/// The payment, and the counters that its caps and budgets stand against.
struct Limits<'a> {
    purchase: &'a Purchase<'a>,
    standings: &'a Standings,
}

/// The points that caps and budget leave.
fn limit(
    rule: &Earning,
    version: &RuleVersion,
    points: Amount,
    Limits { purchase, standings }: Limits<'_>,
    reasons: &mut Vec<EarningReason>,
) -> Amount {
    let (id, customer, day) = (&purchase.partner.id, purchase.customer.id, purchase.occasion.day);
    let caps = rule.caps.iter().map(|cap| {
        let counter = counter::cap(id, &rule.id, customer, cap.per, day);
        (LimitName::from(cap.per), cap.points, counter)
    });
    let budget = rule.budget.map(|most| (LimitName::Budget, most, counter::budget(id, &rule.id)));
    let mut given = points;
    for (by, most, counter) in caps.chain(budget) {
        let used = Amount::from_minor(standings.counters.get(counter), Asset::PTS);
        let left = most.checked_sub(used).map_or(NO_POINTS, |left| left.at_least(NO_POINTS));
        if left.minor() < given.minor() {
            let (rule, wanted) = (version.clone(), given);
            given = left;
            reasons.push(EarningReason::Capped { rule, by, most, used, wanted, given });
        }
    }
    given
}

/// The offers that are taken, as the groups' modes say; of the others the explanation says why
/// not.
fn stack<'a>(
    partner: &Partner,
    offers: Vec<Offer<'a>>,
    not_earned: &mut Vec<EarningReason>,
) -> Vec<Offer<'a>> {
    let mut best: BTreeMap<&RuleId, (usize, Amount)> = BTreeMap::new();
    for (position, offer) in offers.iter().enumerate() {
        let Some(group) = &offer.rule.group else { continue };
        let better = |(_, points): (usize, Amount)| match partner.scheme.stacking(group) {
            StackingMode::BestOf => offer.points.minor() > points.minor(),
            StackingMode::Priority => points.is_zero(),
            StackingMode::Sum => false,
        };
        if best.get(group).is_none_or(|before| better(*before)) {
            best.insert(group, (position, offer.points));
        }
    }
    let mut taken = Vec::new();
    for (position, offer) in offers.into_iter().enumerate() {
        let group = offer.rule.group.as_ref();
        let sums = group.is_none_or(|group| partner.scheme.stacking(group) == StackingMode::Sum);
        let is_best =
            group.and_then(|group| best.get(group)).is_some_and(|(at, _)| *at == position);
        if sums || is_best {
            taken.push(offer);
        } else {
            let because = NotEarned::Superseded;
            not_earned.push(EarningReason::NotEarned { rule: offer.version, because });
        }
    }
    taken
}

fn issue(
    offer: Offer<'_>,
    purchase: &Purchase<'_>,
    debt: &mut Debt,
    decision: &mut Decision,
) -> Result<(), Refusal> {
    let Purchase { partner, customer, occasion, .. } = purchase;
    let Offer { rule, version, points, weights, reasons } = offer;
    let (by_partner, by_bank) = rule.partner_share.of(points)?;
    decision.explanation.extend(reasons.into_iter().map(DecisionReason::from));
    let lot = NewLot {
        id: LotId::random(),
        customer: customer.id,
        partner: partner.id.clone(),
        rule: version.clone(),
        issued: points,
        by_partner,
        unit_cost: partner.programme.points.unit_cost,
        matures_at: rule.matures_at(occasion.reserved_from()),
        expires_at: rule.expires_at(occasion.day, occasion.zone),
    };
    add_to_lines(&version, points, &weights, &mut decision.lines)?;
    lot::issue(lot, occasion.recorded_at, debt, decision)?;
    let mut post = |account, amount| {
        decision.postings.push(Posting::new(account, amount, &version));
    };
    post(
        Account::partner(AccountCode::POINTS_FUNDING, &partner.id, Asset::PTS),
        by_partner.negate()?,
    );
    post(Account::bank(AccountCode::POINTS_LIABILITY, Asset::PTS), by_bank.negate()?);
    if points.is_zero() {
        return Ok(());
    }
    let caps = rule.caps.iter();
    let caps =
        caps.map(|cap| counter::cap(&partner.id, &rule.id, customer.id, cap.per, occasion.day));
    let budget = rule.budget.map(|_most| counter::budget(&partner.id, &rule.id));
    let (unit, amount) = (CountedUnit::Points, points.minor());
    let counted = caps.chain(budget).map(|counter| Counted { counter, unit, amount });
    decision.counted.extend(counted);
    Ok(())
}

/// Shares the points of a rule among the lines that brought them: a refund by line takes back that
/// line's share.
fn add_to_lines(
    rule: &RuleVersion,
    points: Amount,
    weights: &[u64],
    lines: &mut [LinePart],
) -> Result<(), AmountError> {
    if lines.is_empty() || points.is_zero() || weights.iter().all(|weight| *weight == 0) {
        return Ok(());
    }
    for (part, share) in lines.iter_mut().zip(split(points, weights)?) {
        part.points = part.points.checked_add(share)?;
        if !share.is_zero() {
            part.by_rule.insert(rule.clone(), share);
        }
    }
    Ok(())
}

/// Counts the visit and what was paid, where some rule or the programme asks for them, and says
/// which tier is reached.
fn count(
    purchase: &Purchase<'_>,
    standings: &Standings,
    decision: &mut Decision,
) -> Result<(), Refusal> {
    let Purchase { payment, partner, customer, occasion, .. } = purchase;
    if partner.scheme.asks_for_visits() {
        let counter = counter::visits(&partner.id, customer.id);
        decision.counted.push(Counted { counter, unit: CountedUnit::Times, amount: 1 });
    }
    let Some(tiers) = &partner.programme.tiers else { return Ok(()) };
    let counter = counter::spend(customer.id, occasion.day);
    let (unit, amount) = (CountedUnit::Money, payment.paid.minor());
    decision.counted.push(Counted { counter, unit, amount });
    let counted = &decision.counted;
    let change = tier::change(tiers, customer.id, *occasion, &standings.counters, counted)?;
    if let Some(TierChange::Held(held)) = &change {
        let tier = held.tier.clone();
        let held_until = LocalMoment::new(held.held_until, occasion.zone);
        let named = tiers.get(tier.as_str());
        let name = named.map_or(tier.as_str(), Tier::english).to_owned();
        let name_zh = named.map_or(tier.as_str(), Tier::chinese).to_owned();
        decision.explain(EarningReason::TierReached { tier, name, name_zh, held_until });
    }
    decision.tier = change;
    Ok(())
}
