//! Where a payout stands, and how it goes on.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

/// Where a payout stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PayoutState {
    /// The file for the bank was given out.
    Ordered,
    /// The bank has taken the order.
    Accepted,
    /// The bank has refused the order: what it was for is owed anew.
    Rejected,
    Paid,
    /// It was paid, and came back: it is owed anew.
    Returned,
}

impl PayoutState {
    pub const ALL: [Self; 5] =
        [Self::Ordered, Self::Accepted, Self::Rejected, Self::Paid, Self::Returned];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Paid => "paid",
            Self::Returned => "returned",
        }
    }

    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether the bank has not said yet what became of it.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::Ordered | Self::Accepted => true,
            Self::Rejected | Self::Paid | Self::Returned => false,
        }
    }
}
