//! How long personal data and the proofs of consent are kept.

use chrono::TimeDelta;
use serde::Deserialize;

/// Periods after which data is deleted. Without a period the data is kept.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Contact data of referrals that did not convert.
    pub leads_days: Option<u32>,
    /// The reference of a consent's proof, and who collected it. What was agreed to stays.
    pub consents_days: Option<u32>,
    /// Signed requests.
    pub evidence_days: Option<u32>,
    /// Answers kept for idempotency keys; 24 hours by default.
    pub answers_hours: Option<u32>,
}

/// The longest period: a hundred years.
const DAYS_MAX: u32 = 36_600;

/// The longest time that an answer is kept: a year.
const HOURS_MAX: u32 = 8_784;

impl Retention {
    /// How long an answer is kept for its idempotency key.
    #[must_use]
    pub fn answers(&self) -> TimeDelta {
        TimeDelta::hours(i64::from(self.answers_hours.unwrap_or(24)))
    }

    /// The fault of the periods, if any.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let days = [self.leads_days, self.consents_days, self.evidence_days];
        let nothing = days.contains(&Some(0)) || self.answers_hours == Some(0);
        if nothing {
            return Some("retention: expected periods above zero");
        }
        let too_long = days.into_iter().flatten().any(|days| days > DAYS_MAX)
            || self.answers_hours.is_some_and(|hours| hours > HOURS_MAX);
        too_long.then_some("retention: expected at most 36600 days, and 8784 hours")
    }
}
