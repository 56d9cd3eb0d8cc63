/// Why a line and an event match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MatchRule {
    /// Event id and amount are the same.
    EventId,
    /// Order and amount are the same.
    Order,
    /// The key is the same, and the amounts are as near as the manifest allows.
    Tolerance,
    /// The partner calls the line void, and we have nothing.
    Void,
}

impl MatchRule {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EventId => "event_id",
            Self::Order => "order",
            Self::Tolerance => "tolerance",
            Self::Void => "void",
        }
    }
}
