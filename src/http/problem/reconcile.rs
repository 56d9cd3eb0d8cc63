//! Where refusals about statements and breaks become problems.

use super::Problem;
use super::kinds::*;
use crate::event::FieldProblem;
use crate::reconcile::attachment::AttachmentRefusal;
use crate::reconcile::proposal::ProposalRefusal;
use crate::reconcile::refusal::ReconcileRefusal;
use crate::reconcile::separation::SeparationRefusal;
use crate::reconcile::statement_file::FileFault;
use crate::reconcile::statement_uploads::UploadRefusal;

impl From<ReconcileRefusal> for Problem {
    fn from(refusal: ReconcileRefusal) -> Self {
        match refusal {
            ReconcileRefusal::PartnerUnknown(_) | ReconcileRefusal::BreakUnknown => {
                Self::not_found()
            }
            ReconcileRefusal::NotMapped(_) | ReconcileRefusal::VersionsMany(_) => {
                Self::new(&STATEMENT_REFUSED, refusal.to_string())
            }
            ReconcileRefusal::Part => Self::parameter("part", "expected 1 to 400"),
            ReconcileRefusal::MonthUnknown(_) => Self::parameter("period", &refusal.to_string()),
            ReconcileRefusal::File(fault) => Self::of_statement_file(fault),
            ReconcileRefusal::BankFile(fault) => Self::new(&BANK_FILE_REFUSED, fault.to_string()),
            ReconcileRefusal::PayoutOrdered => Self::new(&SETTLEMENT_STATE, refusal.to_string()),
            ReconcileRefusal::PayoutOver(_) => Self::new(&SETTLEMENT_STATE, refusal.to_string()),
            ReconcileRefusal::NoStatement { .. } => Self::new(&NO_STATEMENT, refusal.to_string()),
            ReconcileRefusal::UnderWay => Self {
                retry_after_seconds: Some(5),
                ..Self::new(&RECONCILIATION_UNDER_WAY, refusal.to_string())
            },
            ReconcileRefusal::NotAsked => Self::new(&BREAK_STATE, refusal.to_string()),
            ReconcileRefusal::Proposal(refusal) => refusal.into(),
            ReconcileRefusal::Separation(refusal) => refusal.into(),
            ReconcileRefusal::OneOf { id, refusal } => {
                let of_one = Self::from(*refusal);
                let detail = format!("Of break {id}, and nothing is done: {}", of_one.detail);
                Self { detail: detail.into(), ..of_one }
            }
            ReconcileRefusal::FourEyes | ReconcileRefusal::OwnOrder(_) => {
                Self::new(&FOUR_EYES, refusal.to_string())
            }
            ReconcileRefusal::NoClose | ReconcileRefusal::TransactionUnknown => Self::not_found(),
            ReconcileRefusal::LineUnknown => Self::at(&INVALID, "/line", &refusal),
            ReconcileRefusal::StillRecording => Self {
                retry_after_seconds: Some(5),
                ..Self::new(&SETTLEMENT_STATE, refusal.to_string())
            },
            ReconcileRefusal::MonthNotOver
            | ReconcileRefusal::MonthClosed
            | ReconcileRefusal::MonthSkipped(_)
            | ReconcileRefusal::CloseWaits
            | ReconcileRefusal::OtherClose
            | ReconcileRefusal::PartnerFrozen
            | ReconcileRefusal::NotClosed
            | ReconcileRefusal::NothingToPay
            | ReconcileRefusal::NoAccount
            | ReconcileRefusal::Answered
            | ReconcileRefusal::EntriesMany
            | ReconcileRefusal::Changed => Self::new(&SETTLEMENT_STATE, refusal.to_string()),
            ReconcileRefusal::Range(error) => Self::new(&OUT_OF_RANGE, error.to_string()),
            ReconcileRefusal::Gone => Self::internal(refusal.to_string()),
            ReconcileRefusal::Json(error) => Self::internal(error),
            ReconcileRefusal::Attachment(refusal) => refusal.into(),
            ReconcileRefusal::Seal(error) => Self::internal(error),
            ReconcileRefusal::Export(error) => Self::internal(error),
            ReconcileRefusal::Template(error) => Self::internal(error),
            ReconcileRefusal::Store(error) => error.into(),
            ReconcileRefusal::Write(error) => error.into(),
        }
    }
}

impl From<AttachmentRefusal> for Problem {
    fn from(refusal: AttachmentRefusal) -> Self {
        let says = refusal.to_string();
        match refusal {
            AttachmentRefusal::TooLarge => Self::new(&TOO_LARGE, says),
            AttachmentRefusal::Empty | AttachmentRefusal::OtherType => {
                Self::new(&ATTACHMENT_REFUSED, says)
            }
            AttachmentRefusal::TooMany => Self::new(&BREAK_STATE, says),
        }
    }
}

impl From<UploadRefusal> for Problem {
    fn from(refusal: UploadRefusal) -> Self {
        let says = refusal.to_string();
        match refusal {
            UploadRefusal::Unknown => Self::not_found(),
            UploadRefusal::Expired => Self::new(&UPLOAD_EXPIRED, says),
            UploadRefusal::Part => Self::parameter("upload-metadata", "part: expected 1 to 400"),
            UploadRefusal::Empty => Self::parameter("upload-length", &says),
            UploadRefusal::PieceTooSmall => Self::parameter("content-length", &says),
            UploadRefusal::FileTooLarge(_) | UploadRefusal::TooLarge => Self::new(&TOO_LARGE, says),
            UploadRefusal::TooMany => Self::too_many_uploads(),
            UploadRefusal::Overtaken | UploadRefusal::Whole => Self::new(&UPLOAD_CONFLICT, says),
            UploadRefusal::Reconcile(refusal) => refusal.into(),
        }
    }
}

impl From<SeparationRefusal> for Problem {
    fn from(refusal: SeparationRefusal) -> Self {
        match refusal {
            SeparationRefusal::Unknown => Self::not_found(),
            SeparationRefusal::FourEyes => Self::new(&FOUR_EYES, refusal.to_string()),
            SeparationRefusal::NotMatched
            | SeparationRefusal::Waiting
            | SeparationRefusal::Decided
            | SeparationRefusal::Many => Self::new(&MATCH_STATE, refusal.to_string()),
        }
    }
}

impl From<ProposalRefusal> for Problem {
    fn from(refusal: ProposalRefusal) -> Self {
        match refusal {
            ProposalRefusal::Unknown => Self::not_found(),
            ProposalRefusal::FourEyes => Self::new(&FOUR_EYES, refusal.to_string()),
            ProposalRefusal::AboveCap { .. } | ProposalRefusal::NoDifference => {
                Self::at(&WRITE_OFF_EXCEEDS, "/action", &refusal)
            }
            ProposalRefusal::AboveDifference { .. } => {
                Self::at(&ADJUSTMENT_EXCEEDS, "/amount", &refusal)
            }
            ProposalRefusal::OtherTotal => Self::new(&TOTAL_DIFFERS, refusal.to_string()),
            ProposalRefusal::AdjustedBefore { .. } => {
                Self::new(&ADJUSTMENT_EXCEEDS, refusal.to_string())
            }
            ProposalRefusal::Closed(_)
            | ProposalRefusal::Waiting
            | ProposalRefusal::NoneWaits
            | ProposalRefusal::OtherProposal
            | ProposalRefusal::Unfit
            | ProposalRefusal::Overtaken
            | ProposalRefusal::Lapsed => Self::new(&BREAK_STATE, refusal.to_string()),
        }
    }
}

impl Problem {
    /// A partner's file is refused whole, with the lines that are wrong.
    fn of_statement_file(fault: FileFault) -> Self {
        let detail = fault.to_string();
        match fault {
            FileFault::File(error) => Self::new(&STATEMENT_REFUSED, error.to_string()),
            FileFault::Changed | FileFault::NotDeclared => Self::new(&STATEMENT_REFUSED, detail),
            FileFault::Lines(lines) => {
                let fields = lines.into_iter().map(|it| FieldProblem {
                    pointer: format!("/lines/{}", it.line),
                    detail: it.problem,
                });
                Self { fields: fields.collect(), ..Self::new(&STATEMENT_REFUSED, detail) }
            }
        }
    }
}
