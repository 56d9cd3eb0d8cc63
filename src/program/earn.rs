#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use super::decision::{Decision, Occasion, Refusal};
use super::explain::Reason;
use super::standing::CustomerStanding;
use crate::event::Payment;
use crate::ledger::{Account, AccountCode, Posting, RuleVersion};
use crate::money::{Amount, AmountError, Asset};
use crate::partner::Partner;
use crate::partner::scheme::Earning;

/// Points by every earning rule in force on the day.
pub fn earn(
    payment: &Payment,
    partner: &Partner,
    customer: &CustomerStanding,
    occasion: Occasion,
    decision: &mut Decision,
) -> Result<(), Refusal> {
    let mut in_force = partner.scheme.earning_on(occasion.day).peekable();
    if in_force.peek().is_none() {
        let earliest = partner.scheme.earning.iter().map(|rule| rule.term().from).min();
        return Err(Refusal::OutsideTerm { day: occasion.day, earliest });
    }
    for rule in in_force {
        apply(rule, payment, partner, customer, decision)?;
    }
    Ok(())
}

fn apply(
    rule: &Earning,
    payment: &Payment,
    partner: &Partner,
    customer: &CustomerStanding,
    decision: &mut Decision,
) -> Result<(), Refusal> {
    let unrounded = payment
        .paid
        .decimal()
        .checked_mul(rule.points_per_unit)
        .ok_or(AmountError::OutOfRange { asset: Asset::PTS })?;
    let points = Amount::round(unrounded, Asset::PTS, rule.rounding)?;
    let (by_partner, by_bank) = rule.partner_share.of(points)?;
    let version = RuleVersion::new("earning", &rule.id, rule.version);
    let mut post = |account, amount| {
        decision.postings.push(Posting { account, amount, rule: version.clone() });
    };
    post(Account::customer(AccountCode::POINTS_AVAILABLE, customer.id, Asset::PTS), points);
    post(
        Account::partner(AccountCode::POINTS_FUNDING, &partner.id, Asset::PTS),
        by_partner.negate()?,
    );
    post(Account::bank(AccountCode::POINTS_LIABILITY, Asset::PTS), by_bank.negate()?);
    decision.explanation.push(Reason::Earned {
        rule: version,
        paid: payment.paid,
        points_per_unit: rule.points_per_unit,
        unrounded,
        rounding: rule.rounding,
        points,
        partner_share: rule.partner_share,
    });
    Ok(())
}
