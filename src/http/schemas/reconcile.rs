//! Bodies about statements and breaks. They are read field by field, so that every problem is reported
//! at once.

#![expect(dead_code, reason = "the document is made of their types; nothing reads their fields")]

use utoipa::ToSchema;

use crate::ids::{BreakId, PartnerId, StatementId};
use crate::ledger::chain::Hash;
use crate::money::Amount;
use crate::reconcile::period::Period;

/// The month that is to be compared.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReconciliationBody {
    pub partner: PartnerId,
    pub period: Period,
}

/// What is to be done about a break.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakProposalBody {
    #[schema(pattern = "^(accept|adjust|write_off|ask_partner)$")]
    pub action: String,
    /// Why. With `ask_partner` it is the question, which the partner reads.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
    /// With `adjust` alone, in CNY and not zero: above zero the bank owes the partner more.
    #[schema(nullable = false)]
    pub amount: Option<Amount>,
}

/// The same is proposed for many breaks.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkProposalBody {
    #[schema(min_items = 1, max_items = 100)]
    pub breaks: Vec<BulkBreak>,
    #[schema(pattern = "^(accept|write_off|ask_partner)$")]
    pub action: String,
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
    /// How many breaks they are, as the caller has counted them.
    #[schema(minimum = 1, maximum = 100)]
    pub count: u32,
    /// What the two sides of each break are apart, without signs, summed by currency.
    #[schema(max_items = 10)]
    pub totals: Vec<BulkSum>,
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkBreak {
    #[serde(rename = "break")]
    pub id: BreakId,
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkSum {
    #[schema(pattern = "^[A-Z]{3}$")]
    pub currency: String,
    pub amount: Amount,
}

/// Many proposals are approved.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkApprovalBody {
    #[schema(min_items = 1, max_items = 100)]
    pub breaks: Vec<BulkLookedAt>,
    /// How many breaks they are, as the caller has counted them.
    #[schema(minimum = 1, maximum = 100)]
    pub count: u32,
    /// What the two sides of each break are apart, without signs, summed by currency.
    #[schema(max_items = 10)]
    pub totals: Vec<BulkSum>,
    /// What all their adjustments post, in CNY and with its sign; 0.00 without it.
    #[schema(nullable = false)]
    pub adjusted: Option<Amount>,
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkLookedAt {
    #[serde(rename = "break")]
    pub id: BreakId,
    /// The number of its proposal that was looked at.
    #[schema(minimum = 1)]
    pub proposal: u32,
}

/// What a second person has looked at, and approves.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakApprovalBody {
    /// The number of the proposal. Where another one waits by now, nothing is approved.
    #[schema(minimum = 1)]
    pub proposal: u32,
}

/// A line whose match is wrong, and why.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeparationBody {
    pub statement: StatementId,
    #[schema(minimum = 1, maximum = 100_000_000)]
    pub line: u32,
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// Which proposal comes to nothing, and why.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakRejectionBody {
    /// The number of the proposal. Where another one waits by now, nothing is rejected.
    #[schema(minimum = 1)]
    pub proposal: u32,
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// The statement that a second person has looked at, and decides on.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettlementCloseBody {
    /// The `sha256` of the settlement. Where another one is proposed by now, nothing is decided.
    pub sha256: Hash,
}

/// What is to be done about a break of the bank.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BankBreakProposalBody {
    /// `accept`: it is explained. `confirm`: it is the payment of the payout after all. `charge`: the
    /// partner has the money, and it is taken off the next month.
    #[schema(pattern = "^(accept|confirm|charge)$")]
    pub action: String,
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// What staff or the partner say of a break; without personal data.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakNoteBody {
    #[schema(min_length = 1, max_length = 500)]
    pub says: String,
}

/// What a partner says of a statement.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettlementAnswerBody {
    #[schema(pattern = "^(accepted|disputed)$")]
    pub answer: String,
    /// With `disputed` alone: the line of the statement, from 1.
    #[schema(minimum = 1, nullable = false)]
    pub line: Option<u32>,
    /// With `disputed` alone: why; without personal data.
    #[schema(min_length = 1, max_length = 500, nullable = false)]
    pub reason: Option<String>,
}
