//! Why an act of reconciliation is not done. Nothing of it is kept.

use super::attachment::AttachmentRefusal;
use super::bank::BankFileFault;
use super::bank::state::PayoutState;
use super::export_error::ExportError;
use super::period::Period;
use super::proposal::ProposalRefusal;
use super::separation::SeparationRefusal;
use super::statement_file::FileFault;
use crate::customer::personal::SealError;
use crate::ids::{BreakId, PartnerId};
use crate::intake::IntakeError;
use crate::money::AmountError;
use crate::store::StoreError;
use crate::writer::{RecordError, WriteError};

#[derive(Debug, thiserror::Error)]
pub enum ReconcileRefusal {
    #[error("there is no partner {0}")]
    PartnerUnknown(PartnerId),
    #[error("the manifest of {0} maps no statement: [statement]")]
    NotMapped(PartnerId),
    #[error(transparent)]
    File(#[from] FileFault),
    #[error(transparent)]
    BankFile(#[from] BankFileFault),
    /// Before one of the accounts changed.
    #[error("the month was ordered to be paid between other accounts: the bank may pay it yet")]
    PayoutOrdered,
    #[error("the payout is {} already: no order goes out again", .0.name())]
    PayoutOver(PayoutState),
    #[error("the part is a number from 1 to 400")]
    Part,
    #[error("a part has at most {0} versions: ask the bank to take another one in")]
    VersionsMany(i64),
    #[error("no statement of {partner} for {period} is there")]
    NoStatement { partner: PartnerId, period: Period },
    /// Another run of the same month has not ended.
    #[error("a run of this month is under way")]
    UnderWay,
    #[error("there is no such break")]
    BreakUnknown,
    #[error(transparent)]
    Proposal(#[from] ProposalRefusal),
    #[error(transparent)]
    Separation(#[from] SeparationRefusal),
    /// One of many breaks is refused, and with it all.
    #[error("{id}: {refusal}")]
    OneOf { id: BreakId, refusal: Box<ReconcileRefusal> },
    /// The partner was not asked, or has answered.
    #[error("the bank does not wait for an answer about this break")]
    NotAsked,
    #[error("{0} has not begun, or the partner was not listed in it")]
    MonthUnknown(Period),
    #[error("the month is not over")]
    MonthNotOver,
    #[error("the month, or a later one, is closed already")]
    MonthClosed,
    #[error("months are closed one after the other: close {0} first")]
    MonthSkipped(Period),
    #[error("the close of a month waits for another person already")]
    CloseWaits,
    /// Between the look and the close somebody rejected the proposal, and another was made.
    #[error("another statement is proposed than the one that is closed: look at it first")]
    OtherClose,
    #[error("no close of that month is there to decide on")]
    NoClose,
    #[error(
        "whoever proposed the close neither closes the month nor takes the proposal back: another person does"
    )]
    FourEyes,
    #[error("something that began before the cut is still being recorded: close again in a moment")]
    StillRecording,
    /// What the partner is owed since the freeze is out of its reach.
    #[error("the partner is frozen: lift the freeze before its month is settled")]
    PartnerFrozen,
    #[error(
        "something was still being recorded when the close was proposed, or an account has changed since: \
         reject it, and propose again"
    )]
    Changed,
    #[error("there is no such transaction")]
    TransactionUnknown,
    /// A partner disputes a line that its statement does not have.
    #[error("the statement has no line of that number")]
    LineUnknown,
    /// For one request; the command has no such limit.
    #[error("the statement has too many entries for one file: read them page by page")]
    EntriesMany,
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error("the statement was accepted, or takes no more answers")]
    Answered,
    #[error("the month is not closed")]
    NotClosed,
    #[error("nothing is to be paid for that month")]
    NothingToPay,
    #[error(
        "line {0}: that an order to pay was rejected or came back is handed in by another person than the one \
         who gave the order out"
    )]
    OwnOrder(u32),
    #[error("the statement that was closed names no account to pay from or to")]
    NoAccount,
    #[error("the message to the bank cannot be written: {0}")]
    Template(askama::Error),
    #[error("an amount of the settlement is out of range: {0}")]
    Range(#[from] AmountError),
    #[error("the rows of a match are gone")]
    Gone,
    #[error(transparent)]
    Attachment(#[from] AttachmentRefusal),
    /// The bytes of a file cannot be sealed or opened.
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("the result cannot be written: {0}")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Write(WriteError),
}

impl From<WriteError> for ReconcileRefusal {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Break(ProposalRefusal::Unknown) => Self::BreakUnknown,
            WriteError::Break(refusal) => Self::Proposal(refusal),
            other => Self::Write(other),
        }
    }
}

impl From<RecordError> for ReconcileRefusal {
    fn from(error: RecordError) -> Self {
        WriteError::from(error).into()
    }
}

impl From<IntakeError> for ReconcileRefusal {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Store(error) => Self::Store(error),
            other => Self::File(other.into()),
        }
    }
}
