//! A break as it is kept: what differs, where it stands, and what was said about it.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::break_code::{BreakCode, BreakSums};
use super::item::ItemKind;
use super::period::Period;
use super::proposal::BreakState;
use crate::clock::Moment;
use crate::ids::{BreakId, PartnerId, StaffId, hex};

/// A difference that people decide on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    pub id: BreakId,
    pub partner: PartnerId,
    pub period: Period,
    pub code: BreakCode,
    pub kind: ItemKind,
    pub sums: BreakSums,
    /// The day of its earliest row.
    pub business_day: NaiveDate,
    /// [`BreakFacts`] as JSON.
    pub facts: String,
    pub opened_at: Moment,
    pub due_on: NaiveDate,
    pub state: BreakState,
    /// When the partner was first asked. The partner sees no break before.
    pub asked_at: Option<Moment>,
    pub closed_at: Option<Moment>,
}

/// Which breaks to list.
#[derive(Clone, Debug)]
pub struct BreakFilter {
    pub state: BreakState,
    pub partner: Option<PartnerId>,
    /// Breaks of that month of the partner alone.
    pub period: Option<Period>,
    pub code: Option<BreakCode>,
}

/// The rows of a break as they stood when it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakFacts {
    pub theirs: Vec<FactRow>,
    pub ours: Vec<FactRow>,
    /// The row that a duplicate repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin: Option<FactRow>,
    /// Rows beyond those that are listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u64,
    /// What people decided about the same rows in other breaks, the earliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decided: Vec<FactDecision>,
    /// People have decided on it, and a later run no longer found it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
}

/// What people decided about the same rows in another break.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = PastDecision)]
pub struct FactDecision {
    #[serde(rename = "break")]
    pub break_id: String,
    /// The month of that break.
    pub period: String,
    pub code: String,
    /// `accepted`, `adjusted` or `written_off`.
    pub state: String,
    /// What its adjustment posted: above zero the bank owed the partner more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub posted: Option<String>,
    pub decided_at: String,
}

/// A line of a statement, or an event of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = BreakRow)]
pub struct FactRow {
    /// The statement of a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub statement: Option<String>,
    /// The line of its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub line: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub event: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub order: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub store: Option<String>,
    /// The month in whose statement an event of ours has its line, if it is another month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub matched_in: Option<String>,
    pub kind: String,
    pub amount: String,
    pub currency: String,
    pub at: String,
}

/// Who said something about a break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoteAuthor {
    Staff(StaffId),
    Partner(PartnerId),
}

/// Who may read a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteReaders {
    Staff,
    StaffAndPartner,
}

/// What somebody said about a break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Counted from 1 for each break.
    pub number: i64,
    pub by: NoteAuthor,
    pub readers: NoteReaders,
    pub says: String,
    pub noted_at: Moment,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl NoteAuthor {
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Staff(_) => "staff",
            Self::Partner(_) => "partner",
        }
    }

    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Staff(id) => id.as_str(),
            Self::Partner(id) => id.as_str(),
        }
    }
}

impl BreakId {
    /// The id of the same difference, found again after people adjusted it and then decided anew.
    #[must_use]
    pub fn after(self, decided: Self) -> Self {
        Self::of_name(&["after", &hex(self.bytes()), &hex(decided.bytes())])
    }
}
