//! Why the writer did not do what it was asked for: [`WriteError`] is what its callers get, and
//! [`RecordError`] is what ends a transaction.

use std::sync::Arc;

use super::move_referral::MoveRefusal;
use super::release::HeldRefusal;
use crate::customer::personal::SealError;
use crate::event::Difference;
use crate::ids::EventId;
use crate::ledger::Unbalanced;
use crate::program::{CorrectionRefusal, Refusal};
use crate::reconcile::proposal::ProposalRefusal;
use crate::referral::IllegalMove;
use crate::store::StoreError;

/// An event under a business key that is taken by other content.
#[derive(Clone, Debug)]
pub struct ConflictingDuplicate {
    /// The event that came first.
    pub of: EventId,
    pub differences: Vec<Difference>,
}

/// Why nothing is recorded.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WriteError {
    /// The rules do not accept the event.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The correction is refused.
    #[error(transparent)]
    Correction(#[from] CorrectionRefusal),
    /// The referral is not moved.
    #[error(transparent)]
    Move(#[from] MoveRefusal),
    /// The held event is not decided on, or the partner is not frozen or freed.
    #[error(transparent)]
    Held(#[from] HeldRefusal),
    /// The break is not decided on.
    #[error(transparent)]
    Break(#[from] ProposalRefusal),
    /// The id belongs to an event with other content.
    #[error("an event of this id is recorded with other content")]
    Conflict,
    /// The order already has an event of this type and stage, with other content.
    #[error("the order has an event of this type and stage, {}, with other content", .0.of)]
    ConflictingDuplicate(Box<ConflictingDuplicate>),
    /// The queue is full: the caller may retry later.
    #[error("too many events are waiting to be recorded")]
    Busy,
    /// The database gave no answer in time. The event may be recorded by now: a retry gets its receipt.
    #[error("the database gave no answer in time")]
    Late,
    /// The writer has stopped: this process is shutting down.
    #[error("the service is stopping")]
    Stopped,
    /// A balance of the customer or of the partner would leave the range of its asset.
    #[error("a balance would leave the range of its asset")]
    OutOfRange,
    /// An account of the bank, which partners share, is at the end of its range. It is no fault of
    /// the sender.
    #[error("an account of the bank is at the end of its range")]
    BooksFull,
    /// The database cannot be reached, or it refuses. A retry may succeed.
    #[error("the database cannot record it now")]
    Store(#[source] Arc<StoreError>),
    /// An internal fault, such as a rule whose postings do not balance.
    #[error("the event cannot be recorded: {0}")]
    Fault(String),
}

/// Why a transaction of the writer was rolled back.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another gateway has recorded one of the events, or enrolled one of the members, in the
    /// meantime: a new try finds what it recorded.
    #[error("another gateway was first")]
    Raced,
    #[error(transparent)]
    Unbalanced(#[from] Unbalanced),
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The rules refuse.
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Correction(#[from] CorrectionRefusal),
    #[error(transparent)]
    Move(#[from] MoveRefusal),
    #[error(transparent)]
    Held(#[from] HeldRefusal),
    #[error(transparent)]
    Break(#[from] ProposalRefusal),
    #[error("the receipt cannot be written: {0}")]
    Receipt(#[from] serde_json::Error),
    /// An event of the act got this answer instead of a receipt.
    #[error(transparent)]
    Answered(Box<WriteError>),
}

impl WriteError {
    /// Whether it is a state of the service, not of what was handed in: a retry may succeed.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Busy | Self::Late | Self::Stopped | Self::BooksFull => true,
            Self::Store(error) => error.is_passing(),
            Self::Refused(_)
            | Self::Correction(_)
            | Self::Move(_)
            | Self::Held(_)
            | Self::Break(_)
            | Self::Conflict
            | Self::ConflictingDuplicate(_)
            | Self::OutOfRange
            | Self::Fault(_) => false,
        }
    }
}

impl RecordError {
    /// Whether a new try of the same transaction may succeed.
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Raced => true,
            Self::Store(error) => error.is_passing(),
            Self::Unbalanced(_)
            | Self::Seal(_)
            | Self::Refused(_)
            | Self::Correction(_)
            | Self::Move(_)
            | Self::Held(_)
            | Self::Break(_)
            | Self::Receipt(_)
            | Self::Answered(_) => false,
        }
    }
}

impl From<IllegalMove> for RecordError {
    fn from(illegal: IllegalMove) -> Self {
        Self::Move(illegal.into())
    }
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::from(RecordError::Store(error))
    }
}

impl From<RecordError> for WriteError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Store(StoreError::OutOfRange) => Self::OutOfRange,
            RecordError::Store(error) => Self::Store(Arc::new(error)),
            RecordError::Raced => Self::Busy,
            RecordError::Unbalanced(error) => Self::Fault(error.to_string()),
            RecordError::Refused(refusal) => Self::Refused(refusal),
            RecordError::Correction(refusal) => Self::Correction(refusal),
            RecordError::Move(refusal) => Self::Move(refusal),
            RecordError::Held(refusal) => Self::Held(refusal),
            RecordError::Break(refusal) => Self::Break(refusal),
            RecordError::Seal(error) => Self::Fault(error.to_string()),
            RecordError::Receipt(error) => Self::Fault(error.to_string()),
            RecordError::Answered(error) => *error,
        }
    }
}
