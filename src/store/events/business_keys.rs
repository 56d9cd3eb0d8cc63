//! Business keys: what a partner itself holds unique (type, order, stage), with the first event.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::ids::{BusinessKey, EventId, EventKey};
use crate::store::schema::{business_keys, events, transactions};
use crate::store::{Db, LedgerTx, StoreError, types};

/// The event that came first under a business key.
pub struct First {
    pub key: EventKey,
    pub id: EventId,
    pub fingerprint: Vec<u8>,
    pub body: String,
    pub receipt: String,
}

#[derive(Insertable)]
#[diesel(table_name = business_keys, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    event_id: &'a [u8],
}

/// The first events under these keys; unknown keys are left out.
pub fn firsts(
    db: &mut Db,
    keys: &[BusinessKey],
) -> Result<HashMap<BusinessKey, First>, StoreError> {
    type Found = (Vec<u8>, Vec<u8>, String, Vec<u8>, String, String);
    let ids: Vec<&[u8]> = keys.iter().map(|key| key.bytes().as_slice()).collect();
    let rows: Vec<Found> = both!(db, db => business_keys::table
        .inner_join(events::table.inner_join(transactions::table))
        .filter(business_keys::id.eq_any(&ids))
        .select((
            business_keys::id,
            events::id,
            events::event_id,
            events::fingerprint,
            events::body,
            transactions::receipt,
        ))
        .load(db))?;
    rows.into_iter()
        .map(|(business, key, id, fingerprint, body, receipt)| {
            let business = types::bytes16(&business, "business_keys.id")?;
            let first = First {
                key: EventKey::from_bytes(types::bytes16(&key, "events.id")?),
                id: EventId::try_from(id)
                    .map_err(|_invalid| StoreError::Corrupt("events.event_id"))?,
                fingerprint,
                body,
                receipt,
            };
            Ok((BusinessKey::from_bytes(business), first))
        })
        .collect()
}

/// Appends keys and returns the number of new ones. A smaller number than given means that another
/// gateway was first with one of them.
pub fn insert(
    tx: &mut LedgerTx<'_>,
    list: &[(BusinessKey, EventKey)],
) -> Result<usize, StoreError> {
    let mut rows: Vec<Row<'_>> = list
        .iter()
        .map(|(business, event)| Row { id: business.bytes(), event_id: event.bytes() })
        .collect();
    // In one order everywhere, as events are.
    rows.sort_unstable_by_key(|row| row.id);
    let mut inserted = 0_usize;
    for part in rows.chunks(crate::store::rows_max(2)) {
        inserted =
            inserted.saturating_add(both!(tx.0, db => diesel::insert_into(business_keys::table)
            .values(part)
            .on_conflict_do_nothing()
            .execute(db))?);
    }
    Ok(inserted)
}
