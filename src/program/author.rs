//! Why a correction posts what it does: its reason, and who answers for it.

use serde::Serialize;

use super::correction::{Adjustment, Correction, CorrectionContent, Reversal};
use super::explain::DecisionReason;
use super::{adjust, reverse};
use crate::ids::{CorrectionId, StaffId, TransactionId};
use crate::ledger::RuleVersion;
use crate::money::Amount;

/// Which correction, by whom, and what they said of it: staff by the ids that the bank's identity
/// provider gives them, never by name. The sentences repeat only the reason: customers read those.
#[derive(Clone, Debug, Serialize)]
pub struct By {
    correction: CorrectionId,
    because: String,
    proposed_by: StaffId,
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_by: Option<StaffId>,
}

impl DecisionReason {
    /// Why a correction posts what it does.
    #[must_use]
    pub fn of_correction(correction: &Correction, approved_by: Option<&StaffId>) -> Self {
        let by = By {
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
}

impl By {
    pub(super) fn says_adjusted(&self, points: Amount) -> String {
        let (done, points) = done(points, ["given", "taken"]);
        format!("{points} points {done} by the bank: {}", self.because)
    }

    pub(super) fn says_adjusted_zh(&self, points: Amount) -> String {
        let (done, points) = done(points, ["调增", "调减"]);
        format!("银行{done}{points}积分：{}", self.because)
    }

    pub(super) fn says_reversed(&self, transaction: TransactionId) -> String {
        format!("The transaction {transaction} is reversed in full: {}", self.because)
    }

    pub(super) fn says_reversed_zh(&self, transaction: TransactionId) -> String {
        format!("交易{transaction}已全额冲正：{}", self.because)
    }
}

/// What an adjustment did, and to how many points.
fn done(points: Amount, [given, taken]: [&str; 2]) -> (&str, Amount) {
    if points.is_negative() { (taken, points.negate().unwrap_or(points)) } else { (given, points) }
}
