//! A line and an event that matched and that do not belong together, as two people say.

use super::period::Period;
use crate::clock::Moment;
use crate::ids::{
    EventId, EventKey, ItemName, PartnerId, ReconciliationId, SeparationId, StaffId, StatementId,
};

/// A match that is to be ended for good, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Separation {
    pub id: SeparationId,
    pub partner: PartnerId,
    pub period: Period,
    pub statement: StatementId,
    pub line: i64,
    /// The number of the run that made the match.
    pub made_by: i64,
    /// What the line says.
    pub content: ItemName,
    pub event_key: EventKey,
    pub event: EventId,
    pub reason: String,
    pub proposed_by: StaffId,
    pub proposed_at: Moment,
    pub state: SeparationState,
}

/// Where a separation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeparationState {
    /// It waits for another person.
    Proposed,
    Approved {
        by: StaffId,
        at: Moment,
        /// The run that compared without the two.
        run: ReconciliationId,
    },
    Rejected {
        by: StaffId,
        because: String,
        at: Moment,
    },
}

impl SeparationState {
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Approved { .. } => "approved",
            Self::Rejected { .. } => "rejected",
        }
    }
}

/// Why a match is not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeparationRefusal {
    #[error("there is no such separation")]
    Unknown,
    #[error("the line matches no event now")]
    NotMatched,
    #[error("the match is to be ended already: another person decides")]
    Waiting,
    #[error("somebody has decided on it already")]
    Decided,
    #[error("whoever proposed it neither approves it nor takes it back: another person does")]
    FourEyes,
    #[error("the month has 1000 separations: mend the statement instead")]
    Many,
}
