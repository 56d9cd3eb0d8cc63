//! A partner's statement of a month, as it is kept.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use serde::{Deserialize, Serialize};

use super::item::{ItemKind, ItemValue};
use super::period::Period;
use crate::clock::Moment;
use crate::ids::{EventId, ItemName, OrderNumber, PartnerId, StaffId, StatementId, StoreName};

/// Files of one month.
pub const PARTS_MAX: i64 = 400;
/// Versions of one part that come from its partner.
const PARTNERS_VERSIONS_MAX: i64 = 50;
/// Versions of one part that come from anybody: staff go on where the partner no longer may.
const VERSIONS_MAX: i64 = 100;

/// A file of a month. A month may come in parts, and a part in several versions: the newest counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub id: StatementId,
    pub partner: PartnerId,
    pub period: Period,
    /// Counted from 1.
    pub part: i64,
    /// Counted from 1 for each part.
    pub version: i64,
    pub sha256: [u8; 32],
    pub file_name: Option<String>,
    pub charset: String,
    pub packed: bool,
    pub state: StatementState,
    pub lines: i64,
    /// [`StatementSender::name`].
    pub imported_by: String,
    pub imported_at: Moment,
}

/// Who hands a statement in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatementSender {
    Staff(StaffId),
    Partner(PartnerId),
    /// The file lay in the folder of its partner.
    DropFolder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementState {
    /// Its lines are being kept.
    Loading,
    Ready,
}

/// Why a line of a file cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = StatementLineProblem)]
pub struct LineProblem {
    pub line: u64,
    pub problem: String,
}

/// A line that is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementLine {
    /// The line of the file, as an editor numbers lines.
    pub number: u64,
    pub kind: ItemKind,
    pub event: Option<EventId>,
    pub order: Option<OrderNumber>,
    pub value: ItemValue,
    pub at: Moment,
    pub store: Option<StoreName>,
    pub is_void: bool,
}

impl StatementSender {
    /// The last version of a part that this sender may hand in.
    #[must_use]
    pub const fn versions_max(&self) -> i64 {
        match self {
            Self::Staff(_) => VERSIONS_MAX,
            Self::Partner(_) | Self::DropFolder => PARTNERS_VERSIONS_MAX,
        }
    }

    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Staff(id) => id.to_string(),
            Self::Partner(id) => format!("partner {id}"),
            Self::DropFolder => "drop folder".to_owned(),
        }
    }
}

impl StatementState {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Ready => "ready",
        }
    }

    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Loading, Self::Ready].into_iter().find(|state| state.name() == name)
    }
}

impl StatementLine {
    /// The hash of what the line says, wherever it stands.
    #[must_use]
    pub fn content(&self) -> ItemName {
        ItemName::of_name(&[
            self.kind.name(),
            self.event.as_ref().map_or("", EventId::as_str),
            self.order.as_ref().map_or("", OrderNumber::as_str),
            self.value.currency.code(),
            &self.value.minor.to_string(),
            &self.at.to_string(),
            self.store.as_ref().map_or("", StoreName::as_str),
            if self.is_void { "void" } else { "" },
        ])
    }
}
