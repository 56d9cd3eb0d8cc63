use crate::clock::Moment;

/// What a partner says of the statement of a closed month. It changes nothing in the month: what comes of a
/// dispute is posted into an open one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettlementAnswer {
    Accepted,
    Disputed {
        /// Its number in the statement, from 1.
        line: i64,
        reason: String,
    },
}

/// An answer as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenAnswer {
    /// Counted from 1 for each statement.
    pub number: i64,
    pub answer: SettlementAnswer,
    pub answered_at: Moment,
}

impl SettlementAnswer {
    pub const ACCEPTED: &str = "accepted";
    pub const DISPUTED: &str = "disputed";

    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Accepted => Self::ACCEPTED,
            Self::Disputed { .. } => Self::DISPUTED,
        }
    }
}
