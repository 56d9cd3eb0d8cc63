//! Events that came again under another id, each with the event that came first.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::event::Fingerprint;
use crate::ids::EventKey;
use crate::store::schema::duplicates;
use crate::store::{LedgerTx, StoreError};

/// An event that came again under another id.
pub struct NewDuplicate {
    pub key: EventKey,
    /// The event that came first.
    pub of: EventKey,
    /// The fingerprint of the event that came later.
    pub fingerprint: Fingerprint,
}

#[derive(Insertable)]
#[diesel(table_name = duplicates, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    event_id: &'a [u8],
    fingerprint: &'a [u8],
    recorded_at: chrono::NaiveDateTime,
}

/// Appends duplicates and returns the number of new ones. A smaller number than given means that
/// another gateway has recorded one of them in the meantime.
pub fn insert(
    tx: &mut LedgerTx<'_>,
    list: &[NewDuplicate],
    recorded_at: Moment,
) -> Result<usize, StoreError> {
    let mut rows: Vec<Row<'_>> = list
        .iter()
        .map(|new| Row {
            id: new.key.bytes(),
            event_id: new.of.bytes(),
            fingerprint: new.fingerprint.bytes(),
            recorded_at: recorded_at.naive(),
        })
        .collect();
    rows.sort_unstable_by_key(|row| row.id);
    let mut inserted = 0_usize;
    for part in rows.chunks(crate::store::rows_max(4)) {
        inserted =
            inserted.saturating_add(both!(tx.0, db => diesel::insert_into(duplicates::table)
            .values(part)
            .on_conflict_do_nothing()
            .execute(db))?);
    }
    Ok(inserted)
}
