//! Who reported what brought a lot: points that a partner itself reported wait before they may be spent
//! there.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use crate::clock::Moment;
use crate::ids::PartnerId;
use crate::ledger::RuleVersion;

/// The rule of points that staff gave.
pub(super) const BY_STAFF: &str = "adjustment:manual@1";

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
        let by_staff = rule.as_str() == BY_STAFF;
        (!by_staff).then(|| Self { partner: partner.clone(), recorded_at })
    }
}
