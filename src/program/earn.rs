#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use super::decision::{Decision, Occasion, Refusal};
use super::explain::Reason;
use super::lot::{self, Lots, NewLot};
use super::standing::CustomerStanding;
use crate::clock::Moment;
use crate::event::Payment;
use crate::ids::LotId;
use crate::ledger::{Account, AccountCode, Posting, RuleVersion};
use crate::money::{Amount, AmountError, Asset};
use crate::partner::Partner;
use crate::partner::scheme::Earning;

/// A payment, and who made it where and when.
pub struct Purchase<'a> {
    pub payment: &'a Payment,
    pub partner: &'a Partner,
    pub customer: &'a CustomerStanding,
    pub occasion: Occasion,
}

/// Points by every earning rule in force on the day.
pub fn earn(purchase: &Purchase<'_>, lots: &Lots, decision: &mut Decision) -> Result<(), Refusal> {
    let (scheme, day) = (&purchase.partner.scheme, purchase.occasion.day);
    let mut in_force = scheme.earning_on(day).peekable();
    if in_force.peek().is_none() {
        let earliest = scheme.earning.iter().map(|rule| rule.term().from).min();
        return Err(Refusal::OutsideTerm { day, earliest });
    }
    for rule in in_force {
        apply(rule, purchase, lots, decision)?;
    }
    Ok(())
}

fn apply(
    rule: &Earning,
    purchase: &Purchase<'_>,
    lots: &Lots,
    decision: &mut Decision,
) -> Result<(), Refusal> {
    let Purchase { payment, partner, customer, occasion } = *purchase;
    let unrounded = payment
        .paid
        .decimal()
        .checked_mul(rule.points_per_unit)
        .ok_or(AmountError::OutOfRange { asset: Asset::PTS })?;
    let points = Amount::round(unrounded, Asset::PTS, rule.rounding)?;
    let (by_partner, by_bank) = rule.partner_share.of(points)?;
    let version = RuleVersion::new("earning", &rule.id, rule.version);
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
    decision.explanation.push(Reason::Earned {
        rule: version.clone(),
        paid: payment.paid,
        points_per_unit: rule.points_per_unit,
        unrounded: unrounded.normalize(),
        rounding: rule.rounding,
        points,
        partner_share: rule.partner_share,
        available_from: lot.matures_at.filter(|at: &Moment| *at > occasion.recorded_at),
        expires_at: lot.expires_at,
    });
    lot::issue(lot, occasion.recorded_at, lots, decision)?;
    let mut post = |account, amount| {
        decision.postings.push(Posting::new(account, amount, &version));
    };
    post(
        Account::partner(AccountCode::POINTS_FUNDING, &partner.id, Asset::PTS),
        by_partner.negate()?,
    );
    post(Account::bank(AccountCode::POINTS_LIABILITY, Asset::PTS), by_bank.negate()?);
    Ok(())
}
