//! The content of files and their rejected lines, both sealed.

use std::ops::Range;

use diesel::prelude::*;

use super::super::schema::{import_parts, import_rejects, imports};
use super::State;
use crate::clock::Moment;
use crate::customer::Sealed;
use crate::ids::{ImportId, PartnerId};
use crate::store::{Db, LedgerTx, StoreError, types};

/// Adds a part to the end of a file; of several parts at once one is added. Returns whether the file
/// is complete with it. `None`: the file no longer ends where the part begins, and nothing is added.
pub fn append(
    tx: &mut LedgerTx<'_>,
    id: ImportId,
    bytes: Range<i64>,
    sealed: &Sealed,
    now: Moment,
) -> Result<Option<bool>, StoreError> {
    let here = imports::table
        .filter(imports::id.eq(id.bytes().as_slice()))
        .filter(imports::state.eq(State::Receiving.name()))
        .filter(imports::received.eq(bytes.start))
        .filter(imports::expires_at.gt(now.naive()))
        .filter(imports::length.ge(bytes.end));
    if diesel::update(here).set(imports::received.eq(bytes.end)).execute(tx.0)? == 0 {
        return Ok(None);
    }
    let part = (
        import_parts::import_id.eq(id.bytes().as_slice()),
        import_parts::start.eq(bytes.start),
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

/// Where the header of the rejected lines is kept; groups of lines are kept behind it, by the number
/// of lines read so far.
pub const HEADER_PLACE: i64 = 0;

/// The next group of rejected lines after a place, and its own place.
pub fn rejects_after(
    db: &mut Db,
    id: ImportId,
    after: Option<i64>,
) -> Result<Option<(i64, Sealed)>, StoreError> {
    let found: Option<(i64, String, Vec<u8>)> = import_rejects::table
        .filter(import_rejects::import_id.eq(id.bytes().as_slice()))
        .filter(import_rejects::after_lines.gt(after.unwrap_or(-1)))
        .order(import_rejects::after_lines)
        .select((import_rejects::after_lines, import_rejects::key_id, import_rejects::sealed))
        .first(db)
        .optional()?;
    Ok(found.map(|(at, key_id, bytes)| (at, Sealed { key_id, bytes })))
}

/// Where a group of rejected lines stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectPlace {
    pub import: ImportId,
    pub after_lines: i64,
}

/// A group of rejected lines, sealed.
pub struct RejectGroup {
    pub place: RejectPlace,
    pub sealed: Sealed,
    /// When the import began.
    pub recorded_at: Moment,
    pub expires_at: Moment,
}

/// Groups of rejected lines of a partner's files, after a place; at most `max`.
pub fn rejects_of_partner(
    db: &mut Db,
    partner: &PartnerId,
    after: RejectPlace,
    max: i64,
) -> Result<Vec<RejectGroup>, StoreError> {
    type Stored = (Vec<u8>, i64, String, Vec<u8>, chrono::NaiveDateTime, chrono::NaiveDateTime);
    let id = after.import.bytes().to_vec();
    let further = import_rejects::import_id
        .eq(id.clone())
        .and(import_rejects::after_lines.gt(after.after_lines));
    let rows: Vec<Stored> = import_rejects::table
        .inner_join(imports::table.on(imports::id.eq(import_rejects::import_id)))
        .filter(imports::partner_id.eq(partner.as_str()))
        .filter(import_rejects::import_id.gt(id).or(further))
        .filter(import_rejects::after_lines.gt(HEADER_PLACE))
        .order((import_rejects::import_id, import_rejects::after_lines))
        .limit(max)
        .select((
            import_rejects::import_id,
            import_rejects::after_lines,
            import_rejects::key_id,
            import_rejects::sealed,
            imports::created_at,
            import_rejects::expires_at,
        ))
        .load(db)?;
    rows.into_iter()
        .map(|(import, after_lines, key_id, bytes, created_at, expires_at)| {
            let import = ImportId::from_uuid(types::uuid(&import, "import_rejects.import_id")?);
            Ok(RejectGroup {
                place: RejectPlace { import, after_lines },
                sealed: Sealed { key_id, bytes },
                recorded_at: types::moment(created_at),
                expires_at: types::moment(expires_at),
            })
        })
        .collect()
}

/// Whether any rejected lines of a partner's files are kept.
pub fn has_rejects(db: &mut Db, partner: &PartnerId) -> Result<bool, StoreError> {
    let first = RejectPlace { import: ImportId::from_uuid(uuid::Uuid::nil()), after_lines: 0 };
    Ok(!rejects_of_partner(db, partner, first, 1)?.is_empty())
}

/// Puts other lines in the place of a group, or none.
pub fn replace_rejects(
    tx: &mut LedgerTx<'_>,
    place: RejectPlace,
    sealed: Option<&Sealed>,
    expires_at: Moment,
) -> Result<(), StoreError> {
    let id = place.import.bytes().as_slice();
    diesel::delete(import_rejects::table.find((id, place.after_lines))).execute(tx.0)?;
    let Some(sealed) = sealed else { return Ok(()) };
    let row = (
        import_rejects::import_id.eq(id),
        import_rejects::after_lines.eq(place.after_lines),
        import_rejects::key_id.eq(&sealed.key_id),
        import_rejects::sealed.eq(&sealed.bytes),
        import_rejects::expires_at.eq(expires_at.naive()),
    );
    both!(tx.0, db => diesel::insert_into(import_rejects::table).values(row).execute(db))?;
    Ok(())
}
