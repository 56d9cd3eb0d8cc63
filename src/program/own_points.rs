//! Points that a partner itself reported may be spent there only some days after they were recorded:
//! who invents payments cannot turn them into money in the same hour. Elsewhere they may be spent at
//! once.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use chrono::TimeDelta;

use super::lot::{self, Lot, Lots};
use super::{adjust, decision::Refusal};
use crate::clock::Moment;
use crate::ids::{CustomerId, PartnerId};
use crate::ledger::RuleVersion;
use crate::money::{Amount, Asset};
use crate::partner::Partner;

/// The partner whose event brought a lot, and when that was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedBy {
    pub partner: PartnerId,
    pub recorded_at: Moment,
}

impl ReportedBy {
    /// Who reported a lot of that rule; `None` for points that staff gave.
    #[must_use]
    pub fn of(partner: &PartnerId, rule: &RuleVersion, recorded_at: Moment) -> Option<Self> {
        let by_staff = rule.as_str() == adjust::RULE;
        (!by_staff).then(|| Self { partner: partner.clone(), recorded_at })
    }
}

/// Whether the lot's points may be spent at that partner now.
pub fn spendable_at(lot: &Lot, partner: &Partner, now: Moment) -> bool {
    let days = TimeDelta::days(i64::from(partner.programme.redemption.own_after_days));
    let waits = |by: &ReportedBy| by.partner == partner.id && by.recorded_at.plus(days) > now;
    lot::spendable(lot, now) && !lot.reported.as_ref().is_some_and(waits)
}

/// The points that the customer may spend at that partner now.
pub fn free_at(
    customer: CustomerId,
    lots: &Lots,
    partner: &Partner,
    now: Moment,
) -> Result<Amount, Refusal> {
    let mut here = Amount::zero(Asset::PTS);
    for lot in lots.by_id(customer).filter(|lot| spendable_at(lot, partner, now)) {
        here = here.checked_add(lot.parts.available)?;
    }
    Ok(here.min(lot::free(customer, lots, now)?))
}
