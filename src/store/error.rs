use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::ConnectionError;
use diesel::result::{DatabaseErrorKind, Error};

use super::messages::{Cause, cause};

/// When a database of this process last had no room.
static LAST_FULL: Mutex<Option<Instant>> = Mutex::new(None);

/// Whether a database had no room within the last `span`. A small write may still succeed then.
#[must_use]
pub fn was_full_within(span: Duration) -> bool {
    let last = *LAST_FULL.lock().unwrap_or_else(PoisonError::into_inner);
    last.is_some_and(|at| at.elapsed() < span)
}

fn full(error: Error) -> StoreError {
    *LAST_FULL.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    StoreError::Full(error)
}

/// Why the store refused, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another transaction holds a lock. The same transaction may be run again.
    #[error("the database is busy")]
    Busy(#[source] Error),
    /// The connection is gone, or its server takes no more changes: a PostgreSQL that became a
    /// standby. The same transaction may be run again on a new connection.
    #[error("the connection to the database was lost")]
    Lost(#[source] Error),
    /// The disk or the memory of the database is full. The same transaction may be run again later.
    #[error("the database has no room left")]
    Full(#[source] Error),
    /// The statement itself is refused: it fails each time.
    #[error("the database refused a statement")]
    Refused(#[source] Error),
    /// A settlement was cut after this transaction had begun. It may be run again, with a later time.
    #[error("what is recorded now would fall before the cut of a settlement")]
    BeforeCut,
    /// An amount would leave the range of its asset; nothing of the transaction is kept.
    #[error("a balance would leave the range of its asset")]
    OutOfRange,
    #[error("cannot open {url}")]
    Open { url: String, source: ConnectionError },
    /// No connection became free in time, or no answer came in time.
    #[error("no database connection is free")]
    Exhausted,
    /// A stored value that this program cannot have written.
    #[error("the database holds an impossible value in {0}")]
    Corrupt(&'static str),
    #[error("cannot migrate the database: {0}")]
    Migration(String),
    #[error("cannot grant rights: {0}")]
    Grant(String),
    /// The role that serves has rights with which history could be changed.
    #[error("the gateway must not work as this database role: {0}")]
    Role(String),
}

impl StoreError {
    /// Whether the same transaction may succeed when it is run again.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Busy(_)
                | Self::Lost(_)
                | Self::Full(_)
                | Self::BeforeCut
                | Self::Exhausted
                | Self::Open { .. }
        )
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match &error {
            Error::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => Self::Busy(error),
            Error::DatabaseError(
                DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::ReadOnlyTransaction,
                _,
            )
            | Error::BrokenTransactionManager => Self::Lost(error),
            // Diesel tells no SQLSTATE: for what it does not know itself, there is only the text.
            Error::DatabaseError(DatabaseErrorKind::Unknown, info) => match cause(info.message()) {
                Cause::Busy => Self::Busy(error),
                Cause::Lost => Self::Lost(error),
                Cause::Full => full(error),
                Cause::OutOfRange => Self::OutOfRange,
                Cause::Cut => Self::BeforeCut,
                Cause::Statement => Self::Refused(error),
            },
            _ => Self::Refused(error),
        }
    }
}
