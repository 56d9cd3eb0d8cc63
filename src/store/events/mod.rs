//! Events of partners: appended once, never changed.

pub mod business_keys;
pub mod codes;
pub mod daily_events;
pub mod duplicates;
pub mod event_search;
pub mod flagged_payments;
pub mod held_events;
pub mod quotes;
pub mod signatures;
pub mod waiting_events;

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text, Timestamp};

use crate::clock::Moment;
use crate::event::Fingerprint;
use crate::ids::{CustomerId, EventId, EventKey, PartnerId, TransactionId};
use crate::money::Amount;
use crate::store::moment::StoredMoment;
use crate::store::schema::{duplicates as duplicate_ids, events, transactions};
use crate::store::{Db, LedgerTx, StoreError, types};

/// An event to be recorded.
pub struct NewEvent<'a> {
    pub key: EventKey,
    pub partner: &'a PartnerId,
    pub id: &'a EventId,
    pub kind: &'static str,
    pub fingerprint: &'a Fingerprint,
    pub body: &'a str,
    pub transaction: TransactionId,
    pub customer: Option<CustomerId>,
    pub refers_to: Option<EventKey>,
    pub amount: Amount,
    pub effective_at: Moment,
    pub recorded_at: Moment,
}

/// An event that was recorded before.
pub struct Recorded {
    pub fingerprint: Vec<u8>,
    /// The stored receipt, as it was first answered.
    pub receipt: String,
    /// The event that came first, where this one was its duplicate.
    pub duplicate_of: Option<EventId>,
}

#[derive(Insertable)]
#[diesel(table_name = events, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    partner_id: &'a str,
    event_id: &'a str,
    kind: &'static str,
    fingerprint: &'a [u8],
    body: &'a str,
    transaction_id: &'a [u8],
    customer_id: Option<&'a [u8]>,
    refers_to: Option<&'a [u8]>,
    asset: &'static str,
    amount: i64,
    effective_at: StoredMoment,
    recorded_at: StoredMoment,
}

impl<'a> From<&'a NewEvent<'a>> for Row<'a> {
    fn from(event: &'a NewEvent<'a>) -> Self {
        Self {
            id: event.key.bytes(),
            partner_id: event.partner.as_str(),
            event_id: event.id.as_str(),
            kind: event.kind,
            fingerprint: event.fingerprint.bytes(),
            body: event.body,
            transaction_id: event.transaction.bytes(),
            customer_id: event.customer.as_ref().map(|id| id.bytes().as_slice()),
            refers_to: event.refers_to.as_ref().map(|key| key.bytes().as_slice()),
            asset: event.amount.asset().code(),
            amount: event.amount.minor(),
            effective_at: event.effective_at.into(),
            recorded_at: event.recorded_at.into(),
        }
    }
}

/// Those of these events that were recorded before, or that came before as duplicates of another,
/// with their stored receipts.
pub fn recorded(
    tx: &mut LedgerTx<'_>,
    keys: &[EventKey],
) -> Result<HashMap<EventKey, Recorded>, StoreError> {
    let keys: Vec<&[u8]> = keys.iter().map(|key| key.bytes().as_slice()).collect();
    type Found = (Vec<u8>, Vec<u8>, String, Option<String>);
    let mut found = HashMap::with_capacity(keys.len());
    // Each key stands in the statement twice.
    for part in keys.chunks(crate::store::rows_max(2)) {
        let rows: Vec<Found> = both!(tx.0, db => events::table
        .inner_join(transactions::table)
        .filter(events::id.eq_any(part))
        .select((
            events::id,
            events::fingerprint,
            transactions::receipt,
            None::<String>.into_sql::<Nullable<Text>>(),
        ))
        .union_all(duplicate_ids::table
            .inner_join(events::table.inner_join(transactions::table))
            .filter(duplicate_ids::id.eq_any(part))
            .select((
                duplicate_ids::id,
                duplicate_ids::fingerprint,
                transactions::receipt,
                events::event_id.nullable(),
            )))
        .load(db))?;
        for (id, fingerprint, receipt, duplicate_of) in rows {
            let key = EventKey::from_bytes(types::bytes16(&id, "events.id")?);
            let duplicate_of = duplicate_of.map(EventId::try_from).transpose();
            let duplicate_of =
                duplicate_of.map_err(|_invalid| StoreError::Corrupt("events.event_id"))?;
            let is_event = duplicate_of.is_none();
            let recorded = Recorded { fingerprint, receipt, duplicate_of };
            // Two gateways may have recorded one id at once as both: then it counts as the event.
            if is_event || !found.contains_key(&key) {
                found.insert(key, recorded);
            }
        }
    }
    Ok(found)
}

/// Appends events and returns the number of new ones. A smaller number than given means that another
/// gateway has recorded one of them in the meantime.
pub fn insert(tx: &mut LedgerTx<'_>, list: &[NewEvent<'_>]) -> Result<usize, StoreError> {
    let mut rows: Vec<Row<'_>> = list.iter().map(Row::from).collect();
    // In one order everywhere, so that two writers with the same events never deadlock.
    rows.sort_unstable_by_key(|row| row.id);
    match &mut *tx.0 {
        Db::Postgres(db) => Ok(insert_arrays(db, &rows)?),
        Db::Sqlite(db) => {
            let mut inserted = 0_usize;
            // Row by row: such a statement is prepared once and needs no statement journal.
            for row in &rows {
                let insert = diesel::insert_into(events::table).values(row);
                inserted = inserted.saturating_add(insert.on_conflict_do_nothing().execute(db)?);
            }
            Ok(inserted)
        }
    }
}

fn insert_arrays(db: &mut PgConnection, rows: &[Row<'_>]) -> QueryResult<usize> {
    diesel::sql_query(
        "INSERT INTO events (id, partner_id, event_id, type, fingerprint, body, transaction_id, \
         customer_id, refers_to, asset, amount, effective_at, recorded_at) \
         SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         ON CONFLICT DO NOTHING",
    )
    .bind::<Array<Binary>, _>(column!(rows, id))
    .bind::<Array<Text>, _>(column!(rows, partner_id))
    .bind::<Array<Text>, _>(column!(rows, event_id))
    .bind::<Array<Text>, _>(column!(rows, kind))
    .bind::<Array<Binary>, _>(column!(rows, fingerprint))
    .bind::<Array<Text>, _>(column!(rows, body))
    .bind::<Array<Binary>, _>(column!(rows, transaction_id))
    .bind::<Array<Nullable<Binary>>, _>(column!(rows, customer_id))
    .bind::<Array<Nullable<Binary>>, _>(column!(rows, refers_to))
    .bind::<Array<Text>, _>(column!(rows, asset))
    .bind::<Array<BigInt>, _>(column!(rows, amount))
    .bind::<Array<Timestamp>, _>(column!(rows, effective_at))
    .bind::<Array<Timestamp>, _>(column!(rows, recorded_at))
    .execute(db)
}

/// The stored receipt of an event, or of the event that it duplicates.
pub fn receipt(db: &mut Db, key: EventKey) -> Result<Option<String>, StoreError> {
    let receipt = events::table
        .inner_join(transactions::table)
        .filter(events::id.eq(key.bytes().as_slice()))
        .select(transactions::receipt)
        .first(db)
        .optional()?;
    if receipt.is_some() {
        return Ok(receipt);
    }
    let receipt = duplicate_ids::table
        .inner_join(events::table.inner_join(transactions::table))
        .filter(duplicate_ids::id.eq(key.bytes().as_slice()))
        .select(transactions::receipt)
        .first(db)
        .optional()?;
    Ok(receipt)
}

/// The stored content of an event, without personal data.
pub fn body(db: &mut Db, key: EventKey) -> Result<Option<String>, StoreError> {
    let row = events::table.find(key.bytes().as_slice());
    Ok(row.select(events::body).first(db).optional()?)
}

/// Whether there are any.
pub fn any(db: &mut Db) -> Result<bool, StoreError> {
    let first: Option<String> = events::table.select(events::partner_id).first(db).optional()?;
    Ok(first.is_some())
}
