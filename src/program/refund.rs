#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::collections::BTreeMap;

use super::counter::Counted;
use super::decision::{Decision, LinePart, Refusal};
use super::explain::PointsReason;
use super::lot::{self, Lots};
use super::standing::PaymentStanding;
use crate::event::{Refund, RefundLine};
use crate::ids::CustomerId;
use crate::ledger::{Account, AccountCode, Posting, RuleVersion};
use crate::money::{Amount, AmountError, Asset, split_by_amounts};

/// Takes back the refunded part of everything the payment posted.
///
/// The part is worked out on the total refunded so far, not on this refund alone: by then
/// `posted × refunded ÷ paid` should be taken back, and this refund takes back what is missing.
/// So refunds that add up to the whole payment leave exactly zero, however they were split.
///
/// The customer's points are taken where they are by now: [`lot::take_back`].
pub fn claw_back(
    refund: &Refund,
    payment: &PaymentStanding,
    lots: &Lots,
) -> Result<Decision, Refusal> {
    let refunded = payment.refunded.checked_add(refund.amount)?;
    let left = payment.paid.checked_sub(payment.refunded)?;
    if left.minor() < refund.amount.minor() {
        return Err(Refusal::RefundExceeds { left, paid: payment.paid });
    }
    let rule = RuleVersion::built_in("refund:proportional@1");
    let customer = payment.customer;
    let taken_back = by_account(customer, &payment.taken_back)?;
    let mut decision = Decision { lines: lines_of(refund, payment)?, ..Decision::default() };
    let parts = parts(payment, refund.amount, refunded, &decision.lines)?;
    decision.explain(PointsReason::ClawedBack {
        rule: rule.clone(),
        paid: payment.paid,
        refunded_before: payment.refunded,
        refunded,
    });
    for (account, due) in due(payment, &parts)? {
        let zero = Amount::zero(account.asset);
        let before = taken_back.get(&account).copied().unwrap_or(zero);
        let amount = due.negate()?.checked_sub(before)?;
        if amount.is_negative() && account == points_of(customer) {
            let taken = lot::take_back(amount.negate()?, customer, &payment.lots, lots, &rule)?;
            let owed = taken.iter().find(|it| it.account.code == AccountCode::POINTS_OWED);
            if let Some(owed) = owed {
                decision.explain(PointsReason::Owed { points: owed.amount.negate()? });
            }
            decision.postings.extend(taken);
        } else if !amount.is_zero() {
            decision.postings.push(Posting::new(account, amount, &rule));
        }
    }
    decision.counted = uncounted(payment, refunded)?;
    Ok(decision)
}

/// What the refunded part of the payment had added to counters, so that caps, budgets and tiers
/// are as if it had not been. A visit stays one until all of it is refunded.
fn uncounted(payment: &PaymentStanding, refunded: Amount) -> Result<Vec<Counted>, AmountError> {
    let rest = payment.paid.checked_sub(refunded)?;
    let mut taken = Vec::new();
    for Counted { counter, amount } in &payment.counted {
        let total = Amount::from_minor(*amount, Asset::CNY);
        let due = if rest.is_zero() {
            total
        } else if *amount == 1 {
            Amount::zero(Asset::CNY)
        } else {
            let part = split_by_amounts(total, &[refunded, rest])?;
            part.first().copied().unwrap_or(Amount::zero(Asset::CNY))
        };
        let before = payment.uncounted.iter().filter(|it| it.counter == *counter);
        let before = before.map(|it| Amount::from_minor(it.amount, Asset::CNY));
        let before = before.into_iter().try_fold(Amount::zero(Asset::CNY), Amount::checked_add)?;
        let amount = due.negate()?.checked_sub(before)?.minor();
        if amount != 0 {
            taken.push(Counted { counter: *counter, amount });
        }
    }
    Ok(taken)
}

/// Where a customer's points are counted, wherever they are by now.
const fn points_of(customer: CustomerId) -> Account {
    Account::customer(AccountCode::POINTS_AVAILABLE, customer, Asset::PTS)
}

/// The account on which a posting counts when it is worked out what a payment brought: all of a
/// customer's points are one, whether pending, spendable, owed, or expired by now.
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

/// How far what the payment brought should be taken back: of each asset a part, and the rest.
struct Parts {
    money: [Amount; 2],
    points: [Amount; 2],
}

/// Money goes by what is refunded. Points go the same way, unless a refund names lines: then those
/// go by what the lines brought, and what is refunded without naming any takes its share of what
/// is left. All of it is taken back once all is refunded.
fn parts(
    payment: &PaymentStanding,
    amount: Amount,
    refunded: Amount,
    lines: &[LinePart],
) -> Result<Parts, AmountError> {
    let money = [refunded, payment.paid.checked_sub(refunded)?];
    let by_lines = !lines.is_empty() || !payment.lines_refunded.is_empty();
    if !by_lines || refunded == payment.paid {
        return Ok(Parts { money, points: money });
    }
    let counted = points_of(payment.customer);
    let on_points = |postings: &[(Account, Amount)]| -> Result<Amount, AmountError> {
        let sums = by_account(payment.customer, postings)?;
        Ok(sums.get(&counted).copied().unwrap_or(Amount::zero(Asset::PTS)))
    };
    let brought = on_points(&payment.posted)?;
    let before = on_points(&payment.taken_back)?.negate()?;
    let left = brought.checked_sub(before)?;
    let now = if lines.is_empty() {
        let unrefunded = payment.paid.checked_sub(payment.refunded)?;
        let shares = split_by_amounts(left, &[amount, unrefunded.checked_sub(amount)?])?;
        shares.first().copied().unwrap_or(Amount::zero(Asset::PTS))
    } else {
        let mut taken = lines.iter().map(|line| line.points);
        taken.try_fold(Amount::zero(Asset::PTS), Amount::checked_sub)?.min(left)
    };
    let taken = before.checked_add(now)?;
    Ok(Parts { money, points: [taken, brought.checked_sub(taken)?] })
}

/// What of which line is refunded, and the points that it brought: below zero both. Worked out on
/// all that has been refunded of the line, so that parts add up to the whole.
fn lines_of(refund: &Refund, payment: &PaymentStanding) -> Result<Vec<LinePart>, Refusal> {
    let mut parts = Vec::with_capacity(refund.lines.len());
    for RefundLine { line, amount } in &refund.lines {
        let unknown = || Refusal::LineUnknown { line: line.clone() };
        let whole = payment.lines.iter().find(|it| it.line == *line).ok_or_else(unknown)?;
        let before = payment.lines_refunded.iter().filter(|it| it.line == *line);
        let (mut money, mut points) = (Amount::zero(Asset::CNY), Amount::zero(Asset::PTS));
        for part in before {
            money = money.checked_sub(part.amount)?;
            points = points.checked_sub(part.points)?;
        }
        let left = whole.amount.checked_sub(money)?;
        if left.minor() < amount.minor() {
            return Err(Refusal::LineExceeds { line: line.clone(), left });
        }
        let rest = left.checked_sub(*amount)?;
        let shares = split_by_amounts(whole.points, &[money.checked_add(*amount)?, rest])?;
        let due = shares.first().copied().unwrap_or(points);
        let now = due.checked_sub(points)?;
        parts.push(LinePart {
            line: line.clone(),
            amount: amount.negate()?,
            points: now.negate()?,
        });
    }
    Ok(parts)
}

/// What should be taken back from each account by now.
fn due(payment: &PaymentStanding, parts: &Parts) -> Result<Vec<(Account, Amount)>, AmountError> {
    let mut by_asset: BTreeMap<Asset, Vec<(Account, Amount)>> = BTreeMap::new();
    for (account, amount) in by_account(payment.customer, &payment.posted)? {
        by_asset.entry(account.asset).or_default().push((account, amount));
    }
    let mut due = Vec::new();
    for (asset, postings) in by_asset {
        let parts = if asset == Asset::PTS { &parts.points } else { &parts.money };
        let (given, borne): (Vec<_>, Vec<_>) =
            postings.into_iter().partition(|(_account, amount)| !amount.is_negative());
        // Both sides share the same total, so what is taken back sums to zero as well.
        due.extend(part_of(&given, parts)?);
        due.extend(part_of(&borne, parts)?);
    }
    Ok(due)
}

/// The first of the parts of one side's total, shared in the proportion of that side's postings.
fn part_of(
    side: &[(Account, Amount)],
    parts: &[Amount; 2],
) -> Result<Vec<(Account, Amount)>, AmountError> {
    let Some((first, _amount)) = side.first() else {
        return Ok(Vec::new());
    };
    let amounts: Vec<Amount> = side.iter().map(|(_account, amount)| *amount).collect();
    let total = amounts
        .iter()
        .try_fold(Amount::zero(first.asset), |sum, amount| sum.checked_add(*amount))?;
    if total.is_zero() {
        return Ok(Vec::new());
    }
    let part = split_by_amounts(total, parts)?;
    let part = part.first().copied().unwrap_or(Amount::zero(first.asset));
    let shares = split_by_amounts(part, &amounts)?;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::{CustomerId, EventId, PartnerId};
    use crate::ledger::AccountCode;

    fn posted(points: i64, partner: i64, subsidy: i64) -> Vec<(Account, Amount)> {
        let id = PartnerId::try_from("green-basket").unwrap();
        let pts = |minor| Amount::from_minor(minor, Asset::PTS);
        let cny = |minor| Amount::from_minor(minor, Asset::CNY);
        let customer = CustomerId::random();
        vec![
            (Account::customer(AccountCode::POINTS_AVAILABLE, customer, Asset::PTS), pts(points)),
            (Account::partner(AccountCode::POINTS_FUNDING, &id, Asset::PTS), pts(-partner)),
            (Account::bank(AccountCode::POINTS_LIABILITY, Asset::PTS), pts(partner - points)),
            (Account::partner(AccountCode::SUBSIDY_PAYABLE, &id, Asset::CNY), cny(subsidy)),
            (Account::bank(AccountCode::SUBSIDY_EXPENSE, Asset::CNY), cny(-subsidy)),
        ]
    }

    fn refund(minor: i64) -> Refund {
        Refund {
            payment: EventId::try_from("p-1").unwrap(),
            step: crate::event::OrderStage::default(),
            currency: Asset::CNY,
            amount: Amount::from_minor(minor, Asset::CNY),
            reason: None,
            lines: Vec::new(),
        }
    }

    proptest! {
        #[test]
        fn refunds_that_add_up_to_the_whole_leave_exactly_zero(
            parts in prop::collection::vec(1_i64..100_000, 1..8),
            points in 0_i64..1_000_000,
            share in 0_i64..=100,
            subsidy in 0_i64..50_000,
        ) {
            let paid = Amount::from_minor(parts.iter().sum(), Asset::CNY);
            let mut standing = PaymentStanding {
                customer: CustomerId::random(),
                effective_at: crate::clock::now(),
                paid,
                refunded: Amount::zero(Asset::CNY),
                lots: Vec::new(),
                posted: posted(points, points * share / 100, subsidy),
                taken_back: Vec::new(),
                lines: Vec::new(),
                lines_refunded: Vec::new(),
                counted: Vec::new(),
                uncounted: Vec::new(),
            };
            for part in &parts {
                let decision = claw_back(&refund(*part), &standing, &Lots::default()).unwrap();
                let sum: i64 = decision.postings.iter().map(|p| p.amount.minor()).sum();
                prop_assert_eq!(sum, 0);
                standing.refunded =
                    standing.refunded.checked_add(Amount::from_minor(*part, Asset::CNY)).unwrap();
                standing
                    .taken_back
                    .extend(decision.postings.into_iter().map(|p| (p.account, p.amount)));
            }
            let mut all = standing.posted.clone();
            all.extend(standing.taken_back.clone());
            for (account, amount) in by_account(standing.customer, &all).unwrap() {
                prop_assert!(amount.is_zero(), "{account} is left with {amount}");
            }
            let more = claw_back(&refund(1), &standing, &Lots::default());
            prop_assert_eq!(more.unwrap_err(), Refusal::RefundExceeds {
                left: Amount::zero(Asset::CNY), paid,
            });
        }
    }
}
