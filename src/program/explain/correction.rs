//! Why a correction posts what it does: its reason, and who answers for it.

use serde::Serialize;

use crate::ids::{CorrectionId, StaffId, TransactionId};
use crate::ledger::RuleVersion;
use crate::money::Amount;
use crate::program::correction::{Adjustment, Correction, CorrectionContent, Reversal};
use crate::program::{adjust, reverse};

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum CorrectionReason {
    /// Staff gave points, or took them.
    Adjusted {
        rule: RuleVersion,
        points: Amount,
        #[serde(flatten)]
        by: CorrectedBy,
    },
    /// Staff reversed a transaction.
    Reversed {
        rule: RuleVersion,
        transaction: TransactionId,
        #[serde(flatten)]
        by: CorrectedBy,
    },
}

/// The correction, its reason, and the staff who answer for it: by the ids that the bank's identity
/// provider gives them, never by name. The sentences repeat only the reason, because customers read
/// them.
#[derive(Clone, Debug, Serialize)]
pub struct CorrectedBy {
    correction: CorrectionId,
    because: String,
    proposed_by: StaffId,
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_by: Option<StaffId>,
}

impl CorrectionReason {
    /// Why a correction posts what it does.
    #[must_use]
    pub fn new(correction: &Correction, approved_by: Option<&StaffId>) -> Self {
        let by = CorrectedBy {
            correction: correction.id.clone(),
            because: correction.reason.clone(),
            proposed_by: correction.proposed_by.clone(),
            approved_by: approved_by.cloned(),
        };
        match &correction.what {
            CorrectionContent::Adjustment(Adjustment { points, .. }) => {
                Self::Adjusted { rule: RuleVersion::built_in(adjust::RULE), points: *points, by }
            }
            CorrectionContent::Reversal(Reversal { transaction, .. }) => Self::Reversed {
                rule: RuleVersion::built_in(reverse::RULE),
                transaction: *transaction,
                by,
            },
        }
    }

    pub(super) fn says(&self) -> String {
        match self {
            Self::Adjusted { points, by, .. } => {
                let done = if points.is_negative() { "taken" } else { "given" };
                format!("{} points {done} by the bank: {}", without_sign(*points), by.because)
            }
            Self::Reversed { transaction, by, .. } => {
                format!("The transaction {transaction} is reversed in full: {}", by.because)
            }
        }
    }

    pub(super) fn says_zh(&self) -> String {
        match self {
            Self::Adjusted { points, by, .. } => {
                let done = if points.is_negative() { "调减" } else { "调增" };
                format!("银行{done}{}积分：{}", without_sign(*points), by.because)
            }
            Self::Reversed { transaction, by, .. } => {
                format!("交易{transaction}已全额冲正：{}", by.because)
            }
        }
    }
}

fn without_sign(points: Amount) -> Amount {
    if points.is_negative() { points.negate().unwrap_or(points) } else { points }
}
