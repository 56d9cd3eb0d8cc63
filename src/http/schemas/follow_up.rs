//! Bodies about customers' stages and tasks. They are read field by field, so that every problem is
//! reported at once.

#![expect(dead_code, reason = "the document is made of their types; nothing reads their fields")]

use utoipa::ToSchema;

use crate::ids::AnnouncementId;
use crate::money::Amount;

/// That something will fall due for a customer.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnnouncementBody {
    pub id: AnnouncementId,
    /// `fee_due`, `instalment_due`, or another kind of the programme.
    #[schema(min_length = 1, max_length = 40)]
    pub kind: String,
    /// By the subject that the bank's identity provider gives the customer.
    #[schema(min_length = 1, max_length = 255)]
    pub customer: String,
    /// Above zero.
    pub amount: Amount,
    #[schema(pattern = "^CNY$")]
    pub currency: String,
    /// The business day, today or later.
    #[schema(format = Date)]
    pub due_on: String,
}

/// Why it does not fall due; without personal data.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancellationBody {
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// The result of a task, or why it is not needed; without personal data.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskNoteBody {
    #[schema(min_length = 1, max_length = 500)]
    pub note: String,
}
