//! What a file holds, and which of its lines were not taken: sealed both.

use diesel::prelude::*;

use super::super::schema::{import_parts, import_rejects, imports};
use super::State;
use crate::clock::Moment;
use crate::customer::Sealed;
use crate::ids::ImportId;
use crate::store::{Db, LedgerTx, StoreError};

/// Adds a part to the end of a file: of several at once one is added. Whether the file is whole
/// by it; `None` when its end is no longer at `start`, and nothing is added.
pub fn append(
    tx: &mut LedgerTx<'_>,
    id: ImportId,
    (start, end): (i64, i64),
    sealed: &Sealed,
    now: Moment,
) -> Result<Option<bool>, StoreError> {
    let here = imports::table
        .filter(imports::id.eq(id.bytes().as_slice()))
        .filter(imports::state.eq(State::Receiving.name()))
        .filter(imports::received.eq(start))
        .filter(imports::expires_at.gt(now.naive()))
        .filter(imports::length.ge(end));
    if diesel::update(here).set(imports::received.eq(end)).execute(tx.0)? == 0 {
        return Ok(None);
    }
    let part = (
        import_parts::import_id.eq(id.bytes().as_slice()),
        import_parts::start.eq(start),
        import_parts::key_id.eq(&sealed.key_id),
        import_parts::sealed.eq(&sealed.bytes),
    );
    both!(tx.0, db => diesel::insert_into(import_parts::table).values(part).execute(db))?;
    let whole = imports::table
        .filter(imports::id.eq(id.bytes().as_slice()))
        .filter(imports::received.eq(imports::length));
    let changed = diesel::update(whole)
        .set((imports::state.eq(State::Waiting.name()), imports::received_at.eq(Some(now.naive()))))
        .execute(tx.0)?;
    Ok(Some(changed == 1))
}

/// The part that begins at a place; `None` at the file's end.
pub fn read_part(db: &mut Db, id: ImportId, start: i64) -> Result<Option<Sealed>, StoreError> {
    let found: Option<(String, Vec<u8>)> = import_parts::table
        .find((id.bytes().as_slice(), start))
        .select((import_parts::key_id, import_parts::sealed))
        .first(db)
        .optional()?;
    Ok(found.map(|(key_id, bytes)| Sealed { key_id, bytes }))
}

/// The next group of lines that were not taken, after that number of lines, and its place.
pub fn rejects_after(
    db: &mut Db,
    id: ImportId,
    after_lines: i64,
) -> Result<Option<(i64, Sealed)>, StoreError> {
    let found: Option<(i64, String, Vec<u8>)> = import_rejects::table
        .filter(import_rejects::import_id.eq(id.bytes().as_slice()))
        .filter(import_rejects::after_lines.gt(after_lines))
        .order(import_rejects::after_lines)
        .select((import_rejects::after_lines, import_rejects::key_id, import_rejects::sealed))
        .first(db)
        .optional()?;
    Ok(found.map(|(at, key_id, bytes)| (at, Sealed { key_id, bytes })))
}
