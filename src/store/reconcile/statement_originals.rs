//! The file of a statement as it came, sealed in parts.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::customer::Sealed;
use crate::ids::{StaffId, StatementId};
use crate::store::schema::{original_fetches, statement_originals};
use crate::store::{Db, LedgerTx, StoreError};

/// A part of a file, at the place of its first byte.
pub struct OriginalPart {
    pub start: i64,
    pub sealed: Sealed,
}

/// Keeps parts of the file of a statement that is being loaded. Parts that are kept already stay.
pub fn insert(
    tx: &mut LedgerTx<'_>,
    id: StatementId,
    parts: &[OriginalPart],
    now: Moment,
) -> Result<(), StoreError> {
    for OriginalPart { start, sealed } in parts {
        let row = (
            statement_originals::statement_id.eq(id.bytes().as_slice()),
            statement_originals::start.eq(start),
            statement_originals::key_id.eq(&sealed.key_id),
            statement_originals::sealed.eq(&sealed.bytes),
            statement_originals::kept_at.eq(now.naive()),
        );
        both!(tx.0, db => diesel::insert_into(statement_originals::table)
            .values(row)
            .on_conflict_do_nothing()
            .execute(db))?;
    }
    Ok(())
}

/// The part that begins at a place; `None` at the end of the file, or when no file is kept.
pub fn read_part(db: &mut Db, id: StatementId, start: i64) -> Result<Option<Sealed>, StoreError> {
    let found: Option<(String, Vec<u8>)> = statement_originals::table
        .find((id.bytes().as_slice(), start))
        .select((statement_originals::key_id, statement_originals::sealed))
        .first(db)
        .optional()?;
    Ok(found.map(|(key_id, bytes)| Sealed { key_id, bytes }))
}

/// Deletes parts that were kept before a moment, the earliest first; says how many.
pub fn erase_before(
    tx: &mut LedgerTx<'_>,
    before: Moment,
    rows_max: i64,
) -> Result<usize, StoreError> {
    let places: Vec<(Vec<u8>, i64)> = statement_originals::table
        .filter(statement_originals::kept_at.lt(before.naive()))
        // The first part first: a file that is going is not read by half.
        .order((
            statement_originals::kept_at,
            statement_originals::statement_id,
            statement_originals::start,
        ))
        .limit(rows_max)
        .select((statement_originals::statement_id, statement_originals::start))
        .load(tx.0)?;
    let mut erased = 0_usize;
    for (id, start) in places {
        let part = statement_originals::table.find((id, start));
        erased = erased.saturating_add(diesel::delete(part).execute(tx.0)?);
    }
    Ok(erased)
}

/// Keeps who fetches a file.
pub fn insert_fetch(
    tx: &mut LedgerTx<'_>,
    id: StatementId,
    by: &StaffId,
    now: Moment,
) -> Result<(), StoreError> {
    let row = (
        original_fetches::id.eq(uuid::Uuid::now_v7().into_bytes().to_vec()),
        original_fetches::statement_id.eq(id.bytes().as_slice()),
        original_fetches::fetched_by.eq(by.as_str()),
        original_fetches::fetched_at.eq(now.naive()),
    );
    both!(tx.0, db => diesel::insert_into(original_fetches::table).values(row).execute(db))?;
    Ok(())
}
