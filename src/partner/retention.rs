//! How long personal data and the proofs of consent are kept.

use chrono::TimeDelta;
use serde::Deserialize;

/// Periods after which data goes by itself. Without one it is kept.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Contact data of referrals that did not convert.
    pub leads_days: Option<u32>,
    /// Where the proof of a consent is, and who collected it; what was agreed to stays.
    pub consents_days: Option<u32>,
    /// What partners signed.
    pub evidence_days: Option<u32>,
    /// Answers kept for idempotency keys; 24 without it.
    pub answers_hours: Option<u32>,
}

impl Retention {
    /// How long an answer is kept for its idempotency key.
    #[must_use]
    pub fn answers(&self) -> TimeDelta {
        TimeDelta::hours(i64::from(self.answers_hours.unwrap_or(24)))
    }

    /// What is wrong with the periods, if anything is.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let days = [self.leads_days, self.consents_days, self.evidence_days];
        let nothing = days.contains(&Some(0)) || self.answers_hours == Some(0);
        nothing.then_some("retention: expected periods above zero")
    }
}
