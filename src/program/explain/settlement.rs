//! Why an adjustment of a break posts what it does, and who answers for it.

use serde::Serialize;

use crate::ids::{BreakId, StaffId};
use crate::money::Amount;

/// Two persons made up for a break by a posting.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "reason", rename = "break_adjusted")]
pub struct BreakAdjusted {
    pub rule: &'static str,
    /// Above zero the bank owes the partner more.
    pub amount: Amount,
    #[serde(rename = "break")]
    pub of: BreakId,
    pub because: String,
    pub proposed_by: StaffId,
    pub approved_by: StaffId,
}

impl BreakAdjusted {
    pub const RULE: &'static str = "settlement:adjustment@1";

    pub(super) fn says(&self) -> String {
        let (sum, word) = (without_sign(self.amount), more_or_less(self.amount, "more", "less"));
        format!("The bank owes the partner {sum} {} {word}: {}", self.amount.asset(), self.because)
    }

    pub(super) fn says_zh(&self) -> String {
        let word = more_or_less(self.amount, "调增", "调减");
        let sum = without_sign(self.amount);
        format!("银行应付合作方款项{word}{sum}{}：{}", self.amount.asset(), self.because)
    }
}

const fn more_or_less<'a>(amount: Amount, more: &'a str, less: &'a str) -> &'a str {
    if amount.is_negative() { less } else { more }
}

fn without_sign(amount: Amount) -> Amount {
    if amount.is_negative() { amount.negate().unwrap_or(amount) } else { amount }
}
