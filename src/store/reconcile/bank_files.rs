//! Files of the bank, and what each of their entries came to.

use diesel::prelude::*;

use super::payouts::entry_id;
use crate::clock::Moment;
use crate::ids::{BankEntryId, StaffId};
use crate::reconcile::bank::judge::EntryVerdict;
use crate::reconcile::bank::message::{BankEntry, BankFile, BankSaid};
use crate::store::schema::{bank_entries, bank_files};
use crate::store::{Db, LedgerTx, StoreError};

/// How a file is kept.
pub struct FileReceipt<'a> {
    pub sha256: &'a [u8; 32],
    pub by: &'a StaffId,
    pub at: Moment,
}

/// Keeps a file; `false` when it came before.
pub fn insert(
    tx: &mut LedgerTx<'_>,
    file: &BankFile,
    receipt: &FileReceipt<'_>,
) -> Result<bool, StoreError> {
    let row = (
        bank_files::sha256.eq(receipt.sha256.as_slice()),
        bank_files::kind.eq(file.kind.name()),
        bank_files::message_id.eq(&file.message_id),
        bank_files::account.eq(&file.account),
        bank_files::entries.eq(i64::try_from(file.entries.len()).unwrap_or(i64::MAX)),
        bank_files::imported_by.eq(receipt.by.as_str()),
        bank_files::imported_at.eq(receipt.at.naive()),
    );
    let count = both!(tx.0, db => diesel::insert_into(bank_files::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(db))?;
    Ok(count == 1)
}

/// Whether an entry is known from a file that came before.
pub fn has_entry(db: &mut Db, id: BankEntryId) -> Result<bool, StoreError> {
    let found: Option<Vec<u8>> = bank_entries::table
        .find(id.bytes().as_slice())
        .select(bank_entries::id)
        .first(db)
        .optional()?;
    Ok(found.is_some())
}

/// What the bank says of an order once it has carried the order out.
const CARRIED_OUT: [&str; 2] = ["ACSC", "ACCC"];

/// Whether the bank has said of a payout that it carried the order out.
pub fn has_settled(db: &mut Db, payout: &str) -> Result<bool, StoreError> {
    let found: Option<Vec<u8>> = both!(db, db => bank_entries::table
        .filter(bank_entries::payout.eq(payout))
        .filter(bank_entries::status.eq_any(CARRIED_OUT))
        .select(bank_entries::id)
        .first(db)
        .optional())?;
    Ok(found.is_some())
}

/// The payout of an entry, and what the entry came to.
pub struct EntryOutcome<'a> {
    pub payout: Option<&'a str>,
    pub verdict: EntryVerdict,
}

impl EntryOutcome<'_> {
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self.verdict {
            EntryVerdict::Moves(state) => state.name(),
            EntryVerdict::Known => "known",
            EntryVerdict::Breaks(_) => "break",
        }
    }
}

/// Keeps an entry of a file.
pub fn insert_entry(
    tx: &mut LedgerTx<'_>,
    file: &[u8; 32],
    entry: &BankEntry,
    outcome: &EntryOutcome<'_>,
) -> Result<(), StoreError> {
    let (booking, status) = match &entry.said {
        BankSaid::Booked(booking) => (Some(booking), None),
        BankSaid::Status { status, .. } => (None, Some(status)),
    };
    let reason = entry.said.reason();
    let row = (
        bank_entries::id.eq(entry.id.bytes().as_slice()),
        bank_entries::file_sha256.eq(file.as_slice()),
        bank_entries::line.eq(i64::from(entry.line)),
        bank_entries::kind.eq(entry.said.kind()),
        bank_entries::payout.eq(outcome.payout),
        bank_entries::reference.eq(&entry.reference),
        bank_entries::end_to_end_id.eq(&entry.order.end_to_end_id),
        bank_entries::currency.eq(booking.map(|it| &it.value.currency)),
        bank_entries::minor.eq(booking.map(|it| it.value.minor)),
        bank_entries::counter_account.eq(booking.and_then(|it| it.counter_account.as_ref())),
        bank_entries::booked_on.eq(booking.and_then(|it| it.booked_on).map(|day| day.to_string())),
        bank_entries::status.eq(status),
        bank_entries::reason_code.eq(&reason.code),
        bank_entries::reason_text.eq(&reason.text),
        bank_entries::outcome.eq(outcome.name()),
    );
    both!(tx.0, db => diesel::insert_into(bank_entries::table).values(row).execute(db))?;
    Ok(())
}

/// What the new entries of a file came to, by outcome.
pub fn outcomes(db: &mut Db, file: &[u8; 32]) -> Result<Vec<(String, i64)>, StoreError> {
    Ok(bank_entries::table
        .filter(bank_entries::file_sha256.eq(file.as_slice()))
        .group_by(bank_entries::outcome)
        .order(bank_entries::outcome)
        .select((bank_entries::outcome, diesel::dsl::count_star()))
        .load(db)?)
}

/// Breaks that the entries of a file opened, by line.
pub fn breaks_of(
    db: &mut Db,
    file: &[u8; 32],
    rows_max: i64,
) -> Result<Vec<BankEntryId>, StoreError> {
    let rows: Vec<Vec<u8>> = bank_entries::table
        .filter(bank_entries::file_sha256.eq(file.as_slice()))
        .filter(bank_entries::outcome.eq("break"))
        .order(bank_entries::line)
        .limit(rows_max)
        .select(bank_entries::id)
        .load(db)?;
    rows.iter().map(|id| entry_id(id)).collect()
}
