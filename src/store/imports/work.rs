//! The import of files under a lease: which gateway imports which file, and how far it is.

use diesel::prelude::*;

use super::super::schema::{import_rejects, imports};
use super::{HEADER_PLACE, Import, Lines, Row, State, delete_parts};
use crate::clock::Moment;
use crate::customer::Sealed;
use crate::ids::{ImportId, LeaseId};
use crate::store::{Db, LedgerTx, StoreError};

/// The holder of a lease, and its end.
#[derive(Clone, Copy)]
pub struct Claim {
    pub lease: LeaseId,
    pub now: Moment,
    pub until: Moment,
}

/// What a file turned out to be.
pub struct Scan {
    pub sha256: [u8; 32],
    pub charset: &'static str,
    pub packed: bool,
}

/// A group of lines that was recorded.
pub struct Progress<'a> {
    /// All lines so far, with this group.
    pub lines: Lines,
    pub rejects: Option<Rejects<'a>>,
}

/// The rejected lines of a group.
pub struct Rejects<'a> {
    /// The header of the reject file: kept once, with the first group.
    pub header: &'a Sealed,
    pub sealed: &'a Sealed,
    pub expires_at: Moment,
}

/// Claims the oldest file that nobody is at work on: one of a partner at a time, as far as this
/// can be seen, so that no partner's many files keep another's waiting.
pub fn claim(tx: &mut LedgerTx<'_>, claim: &Claim) -> Result<Option<Import>, StoreError> {
    let now = claim.now.naive();
    let busy: Vec<String> = imports::table
        .filter(imports::state.eq(State::Running.name()))
        .filter(imports::lease_until.gt(now))
        .select(imports::partner_id)
        .load(tx.0)?;
    // Typed once for each store, because a list is passed differently.
    macro_rules! open {
        () => {
            imports::table
                .filter(imports::state.eq_any([State::Waiting.name(), State::Running.name()]))
                .filter(imports::lease_until.is_null().or(imports::lease_until.le(now)))
                .filter(imports::partner_id.ne_all(&busy))
                .order(imports::id)
                .select(Row::as_select())
        };
    }
    let row: Option<Row> = match &mut *tx.0 {
        Db::Postgres(db) => open!().for_update().skip_locked().first(db).optional()?,
        Db::Sqlite(db) => open!().first(db).optional()?,
    };
    let Some(import) = row.map(Row::read).transpose()? else { return Ok(None) };
    diesel::update(imports::table.find(import.id.bytes().as_slice()))
        .set((
            imports::state.eq(State::Running.name()),
            imports::lease.eq(claim.lease.bytes().as_slice()),
            imports::lease_until.eq(claim.until.naive()),
        ))
        .execute(tx.0)?;
    Ok(Some(import))
}

/// Notes what a file is. If the same file of that partner and day came before, returns the import
/// that it came in; but if that import has rejected lines whose reason may have passed, this import
/// takes its place.
pub fn scanned(
    tx: &mut LedgerTx<'_>,
    import: &Import,
    scan: &Scan,
    claim: &Claim,
) -> Result<Option<ImportId>, StoreError> {
    let first: Option<Row> = imports::table
        .filter(imports::partner_id.eq(import.partner.as_str()))
        .filter(imports::business_date.eq(import.business_date.to_string()))
        .filter(imports::sha256.eq(scan.sha256.as_slice()))
        .filter(imports::state.ne(State::Failed.name()))
        .filter(imports::duplicate_of.is_null())
        .filter(imports::continued_by.is_null())
        .filter(imports::id.ne(import.id.bytes().as_slice()))
        .select(Row::as_select())
        .first(tx.0)
        .optional()?;
    let mut first = first.map(Row::read).transpose()?;
    let goes_on = |first: &Import| first.state == State::Done && first.lines.rejected_for_now > 0;
    if let Some(before) = first.take_if(|first| goes_on(first)) {
        diesel::update(imports::table.find(before.id.bytes().as_slice()))
            .set(imports::continued_by.eq(Some(import.id.bytes().as_slice())))
            .execute(tx.0)?;
    }
    let first = first.map(|first| first.id);
    diesel::update(held(import.id, claim.lease))
        .set((
            imports::sha256.eq(scan.sha256.as_slice()),
            imports::charset.eq(scan.charset),
            imports::packed.eq(scan.packed),
            imports::duplicate_of.eq(first.as_ref().map(|id| id.bytes().as_slice())),
            imports::lease_until.eq(claim.until.naive()),
        ))
        .execute(tx.0)?;
    Ok(first)
}

/// Records the progress and extends the lease. `false`: the lease is another gateway's, and nothing
/// is changed.
pub fn progress(
    tx: &mut LedgerTx<'_>,
    id: ImportId,
    done: &Progress<'_>,
    claim: &Claim,
) -> Result<bool, StoreError> {
    let Lines { read, recorded, recorded_before, rejected, rejected_for_now } = done.lines;
    let changed = diesel::update(held(id, claim.lease))
        .set((
            imports::lines.eq(read),
            imports::recorded.eq(recorded),
            imports::recorded_before.eq(recorded_before),
            imports::rejected.eq(rejected),
            imports::rejected_for_now.eq(rejected_for_now),
            imports::lease_until.eq(claim.until.naive()),
        ))
        .execute(tx.0)?;
    if let (1, Some(rejects)) = (changed, &done.rejects) {
        for (place, sealed) in [(HEADER_PLACE, rejects.header), (read, rejects.sealed)] {
            let row = (
                import_rejects::import_id.eq(id.bytes().as_slice()),
                import_rejects::after_lines.eq(place),
                import_rejects::key_id.eq(&sealed.key_id),
                import_rejects::sealed.eq(&sealed.bytes),
                import_rejects::expires_at.eq(rejects.expires_at.naive()),
            );
            // The header is there already, but for the first group.
            both!(tx.0, db => diesel::insert_into(import_rejects::table)
                .values(row)
                .on_conflict_do_nothing()
                .execute(db))?;
        }
    }
    Ok(changed == 1)
}

/// Ends an import, with a reason if it failed, and deletes the content of the file. `false`: the lease
/// is another gateway's.
pub fn close(
    tx: &mut LedgerTx<'_>,
    id: ImportId,
    failure: Option<&str>,
    claim: &Claim,
) -> Result<bool, StoreError> {
    let state = if failure.is_some() { State::Failed } else { State::Done };
    let changed = diesel::update(held(id, claim.lease))
        .set((
            imports::state.eq(state.name()),
            imports::failure.eq(failure),
            imports::ended_at.eq(claim.now.naive()),
            imports::lease.eq(None::<Vec<u8>>),
            imports::lease_until.eq(None::<chrono::NaiveDateTime>),
        ))
        .execute(tx.0)?;
    if changed == 1 {
        delete_parts(tx, id)?;
    }
    Ok(changed == 1)
}

/// Gives the file back: any gateway may claim it from that moment on.
pub fn release(
    tx: &mut LedgerTx<'_>,
    id: ImportId,
    lease: LeaseId,
    from: Moment,
) -> Result<(), StoreError> {
    diesel::update(held(id, lease))
        .set((imports::state.eq(State::Waiting.name()), imports::lease_until.eq(from.naive())))
        .execute(tx.0)?;
    Ok(())
}

/// Deletes up to `rows_max` files that were not complete in time, and old rejected lines.
pub fn forget_expired(db: &mut Db, now: Moment, rows_max: i64) -> Result<usize, StoreError> {
    let ids: Vec<Vec<u8>> = imports::table
        .filter(imports::state.eq(State::Receiving.name()))
        .filter(imports::expires_at.le(now.naive()))
        .limit(rows_max)
        .select(imports::id)
        .load(db)?;
    let pages: Vec<(Vec<u8>, i64)> = import_rejects::table
        .filter(import_rejects::expires_at.le(now.naive()))
        .limit(rows_max)
        .select((import_rejects::import_id, import_rejects::after_lines))
        .load(db)?;
    if ids.is_empty() && pages.is_empty() {
        return Ok(0);
    }
    db.write(|tx| {
        let mut removed = 0_usize;
        for bytes in &ids {
            let id = ImportId::from_uuid(crate::store::types::uuid(bytes, "imports.id")?);
            removed = removed.saturating_add(usize::from(super::remove(tx, id)?));
        }
        for (id, after_lines) in &pages {
            let page = import_rejects::table.find((id.as_slice(), after_lines));
            removed = removed.saturating_add(diesel::delete(page).execute(tx.0)?);
        }
        Ok(removed)
    })
}

#[diesel::dsl::auto_type]
fn held(id: ImportId, lease: LeaseId) -> _ {
    let id: Vec<u8> = id.bytes().to_vec();
    let lease: Vec<u8> = lease.bytes().to_vec();
    imports::table.filter(imports::id.eq(id)).filter(imports::lease.eq(lease))
}
