use diesel::ConnectionError;
use diesel::result::{DatabaseErrorKind, Error};

/// Why the store did not do it, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else holds the lock: try the whole transaction again.
    #[error("the database is busy")]
    Busy(#[source] Error),
    /// The connection is gone: open another and try the whole transaction again.
    #[error("the connection to the database was lost")]
    Lost(#[source] Error),
    /// The statement itself failed; trying again gives the same.
    #[error("the database refused a statement")]
    Refused(#[source] Error),
    /// An amount would leave the range of its asset; nothing of the transaction is kept.
    #[error("a balance would leave the range of its asset")]
    OutOfRange,
    #[error("cannot open {url}")]
    Open { url: String, source: ConnectionError },
    /// All connections stayed in use for as long as we wait.
    #[error("no database connection is free")]
    Exhausted,
    /// A stored value that this program cannot have written.
    #[error("the database holds an impossible value in {0}")]
    Corrupt(&'static str),
    #[error("cannot migrate the database: {0}")]
    Migration(String),
    #[error("cannot grant rights: {0}")]
    Grant(String),
}

impl StoreError {
    /// Whether the same transaction may succeed when run again.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::Lost(_) | Self::Exhausted | Self::Open { .. })
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match &error {
            Error::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => Self::Busy(error),
            Error::DatabaseError(DatabaseErrorKind::ClosedConnection, _)
            | Error::BrokenTransactionManager => Self::Lost(error),
            // SQLite says BUSY, and PostgreSQL deadlock and lock time-out, only in words.
            Error::DatabaseError(DatabaseErrorKind::Unknown, info) => {
                let message = info.message();
                let says = |words: &str| message.contains(words);
                if ["database is locked", "deadlock detected", "lock timeout"].into_iter().any(says)
                {
                    Self::Busy(error)
                } else if ["connection", "could not send data", "could not receive data"]
                    .into_iter()
                    .any(says)
                {
                    Self::Lost(error)
                } else if ["out of range", "cannot store REAL value", "integer overflow"]
                    .into_iter()
                    .any(says)
                {
                    Self::OutOfRange
                } else {
                    Self::Refused(error)
                }
            }
            _ => Self::Refused(error),
        }
    }
}
