//! What the formats share: how a journal is written down, and what can go wrong.

use std::io::{self, Write};

use crate::ledger::{Account, Owner};
use crate::store::StoreError;
use crate::store::reports::JournalTransaction;

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("the journal cannot be read")]
    Store(#[from] StoreError),
    #[error("the export cannot be written")]
    Write(#[from] io::Error),
    #[error("the export cannot be written")]
    Parquet(#[from] parquet::errors::ParquetError),
}

impl From<csv::Error> for ExportError {
    fn from(error: csv::Error) -> Self {
        Self::Write(match error.into_kind() {
            csv::ErrorKind::Io(error) => error,
            other => io::Error::other(format!("{other:?}")),
        })
    }
}

/// Where an export goes.
pub type Out = Box<dyn Write + Send>;

/// How one format writes the journal down.
pub trait Form {
    /// Says which accounts there are, a page at a time, before the first transaction.
    fn accounts(&mut self, _page: &[Account]) -> Result<(), ExportError> {
        Ok(())
    }

    fn transaction(&mut self, transaction: &JournalTransaction) -> Result<(), ExportError>;

    /// Writes what is left and ends.
    fn finish(self: Box<Self>) -> Result<(), ExportError>;
}

/// An account as journals name it: `customer:<id>:points_available`, `bank:subsidy_expense`.
#[must_use]
pub fn account_name(account: &Account) -> String {
    let code = account.code.name();
    match &account.owner {
        Owner::Bank => format!("bank:{code}"),
        Owner::Partner(id) => format!("partner:{id}:{code}"),
        Owner::Customer(id) => format!("customer:{id}:{code}"),
    }
}
