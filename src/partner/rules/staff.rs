//! What the bank's staff may do alone in a day, as the programme says.

use serde::Deserialize;

use super::terms;
use crate::money::{Amount, Asset};

/// Points that are posted by one person alone, summed. Beyond a sum a second person approves, however
/// small each correction is.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StaffLimits {
    /// By one person, in a day.
    #[serde(deserialize_with = "terms::points_or_none")]
    pub person_day_max: Amount,
    /// For one customer, in a day, whoever posts it.
    #[serde(deserialize_with = "terms::points_or_none")]
    pub customer_day_max: Amount,
    /// For one customer, in a month, whoever posts it.
    #[serde(deserialize_with = "terms::points_or_none")]
    pub customer_month_max: Amount,
    /// By all staff together, in a day.
    #[serde(deserialize_with = "terms::points_or_none")]
    pub day_max: Amount,
    /// Referrals that one person may release from their hold in a day. Beyond it another person decides.
    pub releases_day_max: u32,
    /// What held payments and redemptions that one person releases in a day may be worth, points at their
    /// price. Beyond it a second person must release them too.
    #[serde(deserialize_with = "terms::yuan")]
    pub release_day_max: Amount,
    /// From how many approvals in thirty days on the same two people are shown as often together.
    pub pair_often: u32,
}

impl Default for StaffLimits {
    fn default() -> Self {
        let points = |whole: i64| Amount::from_minor(whole.saturating_mul(100), Asset::PTS);
        Self {
            person_day_max: points(500),
            customer_day_max: points(200),
            customer_month_max: points(500),
            day_max: points(5_000),
            releases_day_max: 50,
            release_day_max: Amount::from_minor(10_000, Asset::CNY),
            pair_often: 10,
        }
    }
}
