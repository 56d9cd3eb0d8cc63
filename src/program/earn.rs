#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::collections::BTreeMap;

use chrono::TimeDelta;
use rust_decimal::Decimal;

use super::counter::{self, Counted};
use super::decision::{Decision, LinePart, Occasion, Refusal};
use super::explain::{DecisionReason, EarningBasis, EarningReason, LimitName, NotEarned};
use super::facts::{self, Facts};
use super::lot::{self, NewLot};
use super::standing::{CustomerStanding, Standings};
use crate::event::{Line, Payment};
use crate::ids::{LotId, RuleId};
use crate::ledger::{Account, AccountCode, Posting, RuleVersion};
use crate::money::{Amount, AmountError, Asset, split_by_amounts};
use crate::partner::Partner;
use crate::partner::earning::{Basis, Earning, NO_POINTS, StackingMode};

/// A payment, and who made it where and when.
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
    /// What was worked out, and what of it a limit left.
    reasons: Vec<EarningReason>,
}

/// Points by every earning rule in force on the day that applies, stacked as the manifest says.
/// Of each that gives nothing the explanation says why.
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
    for taken in stack(purchase.partner, offers, &mut not_earned) {
        issue(taken, purchase, standings, decision)?;
    }
    decision.explanation.extend(not_earned.into_iter().map(DecisionReason::from));
    count(purchase, standings, decision)
}

fn applies(rule: &Earning, facts: &Facts<'_>) -> Result<(), NotEarned> {
    facts::holds(&rule.when, facts).map_err(NotEarned::Condition)?;
    if facts::excepted(&rule.except, facts) { Err(NotEarned::Excepted) } else { Ok(()) }
}

fn offer<'a>(
    rule: &'a Earning,
    version: RuleVersion,
    purchase: &Purchase<'_>,
    standings: &Standings,
) -> Result<Offer<'a>, Refusal> {
    let paid = facts::counting(purchase.payment, &rule.when, &rule.except)?;
    let out_of_range = AmountError::OutOfRange { asset: Asset::PTS };
    let mut multiplier = Decimal::ONE;
    for more in &rule.multiply {
        if facts::holds(&more.when, &purchase.facts).is_ok() {
            multiplier = multiplier.checked_mul(more.by).ok_or(out_of_range.clone())?;
        }
    }
    let (basis, plain) = worked_out(&rule.basis, paid)?;
    let unrounded = plain.checked_mul(multiplier).ok_or(out_of_range)?;
    let points = Amount::round(unrounded, Asset::PTS, rule.rounding)?;
    let occasion = purchase.occasion;
    let mut reasons = vec![EarningReason::Earned {
        rule: version.clone(),
        paid,
        basis,
        multiplier: Some(multiplier.normalize()).filter(|by| *by != Decimal::ONE),
        unrounded: unrounded.normalize(),
        rounding: rule.rounding,
        points,
        partner_share: rule.partner_share,
        available_from: rule
            .matures_at(occasion.effective_at)
            .filter(|at| *at > occasion.recorded_at)
            .map(|at| at.day_in(occasion.zone)),
        spend_by: rule
            .expires_at(occasion.day, occasion.zone)
            .map(|at| at.minus(TimeDelta::seconds(1)).day_in(occasion.zone)),
    }];
    let points = limit(rule, &version, points, purchase, (standings, &mut reasons));
    Ok(Offer { rule, version, points, reasons })
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

/// What caps and budget leave of the points.
fn limit(
    rule: &Earning,
    version: &RuleVersion,
    points: Amount,
    purchase: &Purchase<'_>,
    (standings, reasons): (&Standings, &mut Vec<EarningReason>),
) -> Amount {
    let (id, customer, day) = (&purchase.partner.id, purchase.customer.id, purchase.occasion.day);
    let caps = rule.caps.iter().map(|cap| {
        let counter = counter::cap(id, &rule.id, customer, (cap.per, day));
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
    standings: &Standings,
    decision: &mut Decision,
) -> Result<(), Refusal> {
    let Purchase { partner, customer, occasion, .. } = purchase;
    let Offer { rule, version, points, reasons } = offer;
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
        matures_at: rule.matures_at(occasion.effective_at),
        expires_at: rule.expires_at(occasion.day, occasion.zone),
    };
    add_to_lines(purchase.payment, rule, points, decision)?;
    lot::issue(lot, occasion.recorded_at, &standings.lots, decision)?;
    let mut post = |account, amount| {
        decision.postings.push(Posting::new(account, amount, &version));
    };
    post(
        Account::partner(AccountCode::POINTS_FUNDING, &partner.id, Asset::PTS),
        by_partner.negate()?,
    );
    post(Account::bank(AccountCode::POINTS_LIABILITY, Asset::PTS), by_bank.negate()?);
    let day = (occasion.day, points.minor());
    let caps = rule
        .caps
        .iter()
        .map(|cap| (counter::cap(&partner.id, &rule.id, customer.id, (cap.per, day.0)), day.1));
    let budget = rule.budget.map(|_| (counter::budget(&partner.id, &rule.id), day.1));
    let counted = caps.chain(budget).filter(|(_, amount)| *amount != 0);
    decision.counted.extend(counted.map(|(counter, amount)| Counted { counter, amount }));
    Ok(())
}

/// Shares the points of a rule among the lines that count for it, in proportion to what was paid
/// for them: a refund by line takes back that line's.
fn add_to_lines(
    payment: &Payment,
    rule: &Earning,
    points: Amount,
    decision: &mut Decision,
) -> Result<(), AmountError> {
    if decision.lines.is_empty() {
        let part = |line: &Line| LinePart {
            line: line.line.clone(),
            amount: line.paid,
            points: NO_POINTS,
        };
        decision.lines = payment.lines.iter().map(part).collect();
    }
    let counts = |line: &Line| match facts::counts(line, &rule.when, &rule.except) {
        true => line.paid,
        false => Amount::zero(payment.currency),
    };
    let weights: Vec<Amount> = payment.lines.iter().map(counts).collect();
    if weights.iter().all(|weight| weight.is_zero()) {
        return Ok(());
    }
    for (part, share) in decision.lines.iter_mut().zip(split_by_amounts(points, &weights)?) {
        part.points = part.points.checked_add(share)?;
    }
    Ok(())
}

/// Counts the visit and what was paid, where some rule or the programme asks for it, and looks
/// whether a tier is reached.
fn count(
    purchase: &Purchase<'_>,
    standings: &Standings,
    decision: &mut Decision,
) -> Result<(), Refusal> {
    let Purchase { payment, partner, customer, occasion, .. } = purchase;
    if partner.scheme.asks_for_visits() {
        let counter = counter::visits(&partner.id, customer.id);
        decision.counted.push(Counted { counter, amount: 1 });
    }
    if let Some(tiers) = &partner.programme.tiers {
        let counter = counter::spend(customer.id, occasion.day);
        decision.counted.push(Counted { counter, amount: payment.paid.minor() });
        let reached = super::tier::after_payment(
            tiers,
            (customer.id, standings.tier(customer.id)),
            *occasion,
            &standings.counters,
            payment.paid,
        )?;
        if let Some(reached) = reached {
            let (tier, held_until) = (reached.tier.clone(), reached.held_until);
            decision.explain(EarningReason::TierReached { tier, held_until });
            decision.tier = Some(reached);
        }
    }
    Ok(())
}
