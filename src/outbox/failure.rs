use std::time::Duration;

use crate::crm::CrmError;
use crate::customer::personal::SealError;
use crate::store::StoreError;
use crate::webhook::deliver::Undelivered;

/// Why a message was not delivered, by what can be done about it. Holds no personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The class of the failure, for counts and the delivery log.
    pub class: &'static str,
    /// The status of the HTTP answer, if there was one.
    pub status: Option<u16>,
    /// A sentence for people.
    pub text: String,
    /// Another attempt certainly gives the same result.
    pub is_final: bool,
    pub blame: Blame,
    /// The least wait before the next attempt.
    pub wait_min: Option<Duration>,
}

/// What a failure says about the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The destination has a fault: the breaker counts it.
    Destination,
    /// The destination works, and asks us to wait: it gets nothing for that long.
    Pace,
    /// The destination works: the message is the trouble.
    Message,
    /// The destination was not asked.
    Ourselves,
}

/// A destination may ask us to wait, but for no longer than this: a maintenance page that says
/// "a year" must not keep a lead from the CRM for a year.
const ASKED_MAX: Duration = Duration::from_secs(3600);

/// The wait that a destination asked for, bounded.
#[must_use]
pub fn asked(retry_after: Option<Duration>) -> Option<Duration> {
    retry_after.map(|wait| wait.min(ASKED_MAX))
}

impl Failure {
    /// The consent was withdrawn, or the person's data erased, while the message waited.
    #[must_use]
    pub fn no_consent() -> Self {
        let text = "there is no live consent, or the personal data is gone".to_owned();
        Self { is_final: true, ..Self::of_ours("no_consent", text) }
    }

    /// This gateway has no settings for the channel.
    #[must_use]
    pub fn unserved() -> Self {
        Self::of_ours("unserved", "no settings for this channel".to_owned())
    }

    /// A failure that may pass.
    #[must_use]
    pub const fn of(class: &'static str, text: String, blame: Blame) -> Self {
        Self { class, status: None, text, is_final: false, blame, wait_min: None }
    }

    const fn of_ours(class: &'static str, text: String) -> Self {
        Self::of(class, text, Blame::Ourselves)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::of_ours("store", error.to_string())
    }
}

impl From<SealError> for Failure {
    fn from(error: SealError) -> Self {
        // Another gateway has this key already, and this gateway reads it soon.
        let is_final = error != SealError::UnknownKey;
        Self { is_final, ..Self::of_ours("sealed", error.to_string()) }
    }
}

impl From<Undelivered> for Failure {
    fn from(error: Undelivered) -> Self {
        let (class, blame) = match &error {
            Undelivered::Refused { status: 429, .. } => ("rate_limited", Blame::Pace),
            Undelivered::Refused { .. } => ("refused", Blame::Destination),
            Undelivered::Gone => ("gone", Blame::Message),
            Undelivered::Redirect { .. } => ("redirect", Blame::Destination),
            Undelivered::ForbiddenAddress => ("forbidden_address", Blame::Destination),
            Undelivered::Unreachable => ("unavailable", Blame::Destination),
            Undelivered::TimedOut => ("ambiguous", Blame::Destination),
            Undelivered::Disabled | Undelivered::Deleted => ("disabled", Blame::Ourselves),
            Undelivered::Store(_) => ("store", Blame::Ourselves),
        };
        let status = error.status();
        let wait_min = match &error {
            Undelivered::Refused { retry_after, .. } => asked(*retry_after),
            _ => None,
        };
        let is_final =
            matches!(error, Undelivered::Gone | Undelivered::Disabled | Undelivered::Deleted);
        Self { class, status, text: error.to_string(), is_final, blame, wait_min }
    }
}

impl From<CrmError> for Failure {
    fn from(error: CrmError) -> Self {
        let blame = match &error {
            CrmError::RateLimited { .. } => Blame::Pace,
            CrmError::Refused(_) => Blame::Message,
            CrmError::Unavailable(_) | CrmError::Ambiguous { .. } | CrmError::Credentials => {
                Blame::Destination
            }
        };
        Self {
            class: error.class(),
            status: None,
            text: error.to_string(),
            is_final: error.is_final(),
            blame,
            wait_min: asked(error.retry_after()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_destination_makes_us_wait_for_longer_than_an_hour() {
        let year = Some(Duration::from_secs(31_536_000));
        let hour = Some(Duration::from_secs(3600));
        assert_eq!(Failure::from(CrmError::RateLimited { retry_after: year }).wait_min, hour);
        let refused = Undelivered::Refused { status: 503, retry_after: year };
        assert_eq!(Failure::from(refused).wait_min, hour);
        let short = Some(Duration::from_secs(30));
        assert_eq!(Failure::from(CrmError::RateLimited { retry_after: short }).wait_min, short);
        assert_eq!(Failure::from(CrmError::RateLimited { retry_after: None }).wait_min, None);
    }
}
