//! Bodies about statements and breaks. They are read field by field, so that every problem is reported
//! at once.

#![expect(dead_code, reason = "the document is made of their types; nothing reads their fields")]

use utoipa::ToSchema;

use crate::ids::PartnerId;
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
