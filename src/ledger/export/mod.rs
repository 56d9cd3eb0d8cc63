//! The journal for other people's programs: plain-text accounting for auditors, tables for
//! analysts. It is read page by page in one snapshot, so the memory it takes does not grow with the
//! journal. Accounts, amounts, times and rules go out; nothing that a partner or a customer wrote.

mod beancount;
mod form;
mod hledger;
mod parquet_table;
mod pattern;
mod table;

use std::str::FromStr;

use chrono_tz::Tz;

use super::{Account, Cutoff};
use form::Form;

use crate::ids::AccountId;
use crate::store::Db;
use crate::store::reports::{self, JournalTransaction};

pub use form::{ExportError, Out, account_name};
pub use pattern::AccountPattern;

/// What to write out.
pub struct Export {
    pub format: Format,
    pub cutoff: Cutoff,
    /// Only what moves these accounts: journals then hold whole transactions, because half of one
    /// does not balance; tables hold the entries on these accounts alone.
    pub accounts: Option<AccountPattern>,
    /// Journals know days only: those of this time zone.
    pub time_zone: Tz,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Hledger,
    Beancount,
    Csv,
    Parquet,
}

/// Not a format that the journal is written in.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a format: hledger, beancount, csv or parquet")]
pub struct UnknownFormat(String);

const ACCOUNTS_AT_ONCE: i64 = 1_000;
const TRANSACTIONS_AT_ONCE: i64 = 500;

/// Writes the journal out as it is at one moment; how many transactions were written. `progress` is
/// told of each page how many transactions were read.
///
/// # Errors
/// [`ExportError`]; what was written until then is no whole export.
pub fn export(
    db: &mut Db,
    what: &Export,
    out: Out,
    mut progress: impl FnMut(u64),
) -> Result<u64, ExportError> {
    db.snapshot(|db| {
        let mut form = what.format.begin(out, what.time_zone)?;
        if what.format.declares_accounts() {
            declare_accounts(db, form.as_mut())?;
        }
        let (mut after, mut written) = (None, 0_u64);
        loop {
            let page = reports::journal_page(db, what.cutoff, after, TRANSACTIONS_AT_ONCE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            progress(u64::try_from(page.len()).unwrap_or(u64::MAX));
            for transaction in page.into_iter().filter_map(|whole| what.select(whole)) {
                form.transaction(&transaction)?;
                written = written.saturating_add(1);
            }
        }
        form.finish()?;
        Ok(written)
    })
}

fn declare_accounts(db: &mut Db, form: &mut dyn Form) -> Result<(), ExportError> {
    let mut after: Option<AccountId> = None;
    loop {
        let page = reports::accounts_page(db, after, ACCOUNTS_AT_ONCE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id());
        form.accounts(&page)?;
    }
}

impl Export {
    /// What of a transaction is written; nothing of one without entries, which says nothing of
    /// any account.
    fn select(&self, mut transaction: JournalTransaction) -> Option<JournalTransaction> {
        let is_wanted = |account: &Account| {
            self.accounts.as_ref().is_none_or(|pattern| pattern.fits(&account_name(account)))
        };
        if self.format.is_table() {
            transaction.entries.retain(|entry| is_wanted(&entry.account));
            return (!transaction.entries.is_empty()).then_some(transaction);
        }
        transaction.entries.iter().any(|entry| is_wanted(&entry.account)).then_some(transaction)
    }
}

impl Format {
    fn begin(self, out: Out, time_zone: Tz) -> Result<Box<dyn Form>, ExportError> {
        Ok(match self {
            Self::Hledger => Box::new(hledger::Journal::begin(out, time_zone)?),
            Self::Beancount => Box::new(beancount::Journal::begin(out, time_zone)?),
            Self::Csv => Box::new(table::Table::begin(out)?),
            Self::Parquet => Box::new(parquet_table::Table::begin(out)?),
        })
    }

    const fn is_table(self) -> bool {
        matches!(self, Self::Csv | Self::Parquet)
    }

    const fn declares_accounts(self) -> bool {
        matches!(self, Self::Hledger | Self::Beancount)
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        match text {
            "hledger" => Ok(Self::Hledger),
            "beancount" => Ok(Self::Beancount),
            "csv" => Ok(Self::Csv),
            "parquet" => Ok(Self::Parquet),
            _ => Err(UnknownFormat(text.to_owned())),
        }
    }
}
