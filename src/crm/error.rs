use std::time::Duration;

/// Why a message did not reach the CRM. Each variant says what can be done about it. No text repeats
/// the content of the message, because that is personal data.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum CrmError {
    /// The CRM cannot be reached, or has a fault: try again.
    #[error("the CRM cannot be reached: {0}")]
    Unavailable(String),
    /// The CRM asks us to wait (rate limited).
    #[error("the CRM asks to wait")]
    RateLimited { retry_after: Option<Duration> },
    /// The CRM did not answer a request to make something, and may still be working on it. Wait
    /// this long, then look before making anything.
    #[error("the CRM did not answer; what was asked for may have been done")]
    Ambiguous { look_after: Duration },
    /// The CRM refuses our credentials. A person must correct them; the lead waits.
    #[error("the CRM refuses our credentials")]
    Credentials,
    /// The CRM refuses the lead as it is: another attempt gives the same result.
    #[error("the CRM refuses the lead: {0}")]
    Refused(String),
}

impl CrmError {
    /// Whether another attempt certainly gives the same result.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Refused(_))
    }

    /// The class of the error, for counts and logs.
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::RateLimited { .. } => "rate_limited",
            Self::Ambiguous { .. } => "ambiguous",
            Self::Credentials => "credentials",
            Self::Refused(_) => "refused",
        }
    }

    /// The minimum wait before the next attempt, if there is one. Either the CRM asked for it, or the
    /// last request must end first.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } => *retry_after,
            Self::Ambiguous { look_after } => Some(*look_after),
            Self::Unavailable(_) | Self::Credentials | Self::Refused(_) => None,
        }
    }
}
