//! Where and how points may be spent, as the programme says.

use serde::Deserialize;

use super::terms;
use crate::money::{Amount, Asset};

/// The longest reservation of a partner's own points: a year.
const OWN_AFTER_DAYS_MAX: u32 = 366;

/// When points may be redeemed where they were earned.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedemptionRules {
    /// Days from the recording of points until they may be redeemed at the partner that reported
    /// them.
    pub own_after_days: u32,
}

/// What a customer's code at a till is good for.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeRules {
    /// The most points of a code for which the customer named no number.
    #[serde(deserialize_with = "terms::points_or_none")]
    pub points_max: Amount,
    /// A redemption of more points waits until the customer confirms it.
    #[serde(default = "confirm_above", deserialize_with = "terms::points_or_none")]
    pub confirm_above: Amount,
}

const fn confirm_above() -> Amount {
    Amount::from_minor(50_000, Asset::PTS)
}

/// Three days: an invented payment is found before it is money.
impl Default for RedemptionRules {
    fn default() -> Self {
        Self { own_after_days: 3 }
    }
}

/// Without the settings a code is for 1000.00 points, and more than 500.00 are confirmed.
impl Default for CodeRules {
    fn default() -> Self {
        Self { points_max: Amount::from_minor(100_000, Asset::PTS), confirm_above: confirm_above() }
    }
}

impl RedemptionRules {
    /// What cannot be meant, if anything.
    pub(super) fn fault(self) -> Option<String> {
        let beyond = self.own_after_days > OWN_AFTER_DAYS_MAX;
        beyond.then(|| format!("redemption.own_after_days: expected at most {OWN_AFTER_DAYS_MAX}"))
    }
}
