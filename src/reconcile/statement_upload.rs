//! A statement that comes in parts, as it is kept until it is taken in.

use serde::{Deserialize, Serialize};

use super::period::Period;
use super::statement::{LineProblem, StatementSender};
use crate::clock::Moment;
use crate::ids::{PartnerId, StatementId, StatementUploadId};

/// What is said of a file before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnouncedStatement {
    pub partner: PartnerId,
    pub period: Period,
    pub part: i64,
    /// Bytes in the whole file.
    pub length: i64,
    pub file_name: Option<String>,
    /// The name of a [`crate::intake::Charset`].
    pub charset: Option<String>,
    pub sha256: Option<[u8; 32]>,
}

/// A file, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementUpload {
    pub id: StatementUploadId,
    pub announced: AnnouncedStatement,
    pub sent_by: StatementSender,
    pub received: i64,
    pub state: UploadState,
    pub created_at: Moment,
    pub expires_at: Moment,
    pub ended_at: Option<Moment>,
}

/// Where a file stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadState {
    /// Something of it is missing.
    Receiving,
    /// The file is whole, and no gateway is at work on the file.
    Waiting,
    Running,
    Done(StatementId),
    Failed(UploadFailure),
}

/// Why a file is no statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadFailure {
    pub detail: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<LineProblem>,
}

impl UploadState {
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done(_) => "done",
            Self::Failed(_) => "failed",
        }
    }
}

impl StatementUpload {
    /// Whether all bytes have come.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.state != UploadState::Receiving
    }
}
