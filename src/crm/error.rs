use std::time::Duration;

/// Why the CRM was not told, by what can be done about it. Never repeats what was sent.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum CrmError {
    /// It cannot be reached or is not well: try again.
    #[error("the CRM cannot be reached: {0}")]
    Unavailable(String),
    /// It asks to be left alone for a while.
    #[error("the CRM asks to wait")]
    RateLimited { retry_after: Option<Duration> },
    /// It was told to make something, did not answer, and may still be at it: leave it alone for
    /// this long, then look before making anything.
    #[error("the CRM did not answer; what was asked for may have been done")]
    Ambiguous { look_after: Duration },
    /// It does not let us in. People must mend that; the lead waits.
    #[error("the CRM refuses our credentials")]
    Credentials,
    /// It does not take the lead as it is: trying again gives the same.
    #[error("the CRM refuses the lead: {0}")]
    Refused(String),
}

impl CrmError {
    /// Whether trying again gives the same for certain.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Refused(_))
    }

    /// What is counted and logged of it: a name out of few.
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

    /// The least wait before the next attempt, where there is one: the CRM asked for it, or what
    /// was sent last must have ended before anybody looks.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } => *retry_after,
            Self::Ambiguous { look_after } => Some(*look_after),
            Self::Unavailable(_) | Self::Credentials | Self::Refused(_) => None,
        }
    }
}
