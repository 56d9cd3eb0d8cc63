//! Events as staff look for them: one by its key, those of an order, and those that refer to one.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};

use crate::clock::Moment;
use crate::ids::{EventId, EventKey, PartnerId, TransactionId};
use crate::money::Amount;
use crate::store::schema::{duplicates, events};
use crate::store::{Db, StoreError, types};

/// A recorded event.
pub struct FoundEvent {
    pub key: EventKey,
    pub partner: PartnerId,
    pub id: EventId,
    pub kind: String,
    /// What the partner sent, without personal data.
    pub body: String,
    pub transaction: TransactionId,
    pub amount: Amount,
    pub effective_at: Moment,
    pub recorded_at: Moment,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = events)]
struct Row {
    id: Vec<u8>,
    partner_id: String,
    event_id: String,
    kind: String,
    body: String,
    transaction_id: Vec<u8>,
    asset: String,
    amount: i64,
    effective_at: chrono::NaiveDateTime,
    recorded_at: chrono::NaiveDateTime,
}

#[derive(QueryableByName)]
struct KeyRow {
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
}

/// The event of that key; `None` when there is none.
pub fn one(db: &mut Db, key: EventKey) -> Result<Option<FoundEvent>, StoreError> {
    let row = events::table.find(key.bytes().as_slice()).select(Row::as_select());
    row.first::<Row>(db).optional()?.map(Row::read).transpose()
}

/// Those of these events that are recorded.
pub fn these(db: &mut Db, keys: &[EventKey]) -> Result<Vec<FoundEvent>, StoreError> {
    let ids: Vec<&[u8]> = keys.iter().map(|key| key.bytes().as_slice()).collect();
    let mut found = Vec::new();
    for part in ids.chunks(crate::store::rows_max(1)) {
        let rows: Vec<Row> = both!(db, db => events::table
            .filter(events::id.eq_any(part))
            .select(Row::as_select())
            .load(db))?;
        for row in rows {
            found.push(row.read()?);
        }
    }
    Ok(found)
}

/// The event that came first, where this key is that of its duplicate.
pub fn first_of_duplicate(db: &mut Db, key: EventKey) -> Result<Option<EventKey>, StoreError> {
    let found: Option<Vec<u8>> = duplicates::table
        .find(key.bytes().as_slice())
        .select(duplicates::event_id)
        .first(db)
        .optional()?;
    let read = |id: Vec<u8>| types::bytes16(&id, "duplicates.event_id").map(EventKey::from_bytes);
    found.map(read).transpose()
}

/// Events that refer to this one, such as its refunds; the first recorded first.
pub fn referring(db: &mut Db, key: EventKey, rows_max: i64) -> Result<Vec<FoundEvent>, StoreError> {
    let rows: Vec<Row> = events::table
        .filter(events::refers_to.eq(key.bytes().as_slice()))
        .order(events::recorded_at)
        .limit(rows_max)
        .select(Row::as_select())
        .load(db)?;
    rows.into_iter().map(Row::read).collect()
}

/// Events of an order, whichever partner's.
pub fn of_order(db: &mut Db, order: &str, rows_max: i64) -> Result<Vec<FoundEvent>, StoreError> {
    // As the index `events_by_order` says it.
    let found: Vec<KeyRow> = match db {
        Db::Postgres(db) => diesel::sql_query(
            "SELECT id FROM events WHERE (body::json #>> '{data,order}') = $1 LIMIT $2",
        )
        .bind::<Text, _>(order)
        .bind::<BigInt, _>(rows_max)
        .load(db)?,
        Db::Sqlite(db) => diesel::sql_query(
            "SELECT id FROM events WHERE json_extract(body, '$.data.order') = ? LIMIT ?",
        )
        .bind::<Text, _>(order)
        .bind::<BigInt, _>(rows_max)
        .load(db)?,
    };
    let ids: Vec<Vec<u8>> = found.into_iter().map(|row| row.id).collect();
    let rows: Vec<Row> = both!(db, db => events::table
        .filter(events::id.eq_any(&ids))
        .order((events::recorded_at, events::id))
        .select(Row::as_select())
        .load(db))?;
    rows.into_iter().map(Row::read).collect()
}

impl Row {
    fn read(self) -> Result<FoundEvent, StoreError> {
        let asset = types::asset(&self.asset)?;
        let id = EventId::try_from(self.event_id);
        Ok(FoundEvent {
            key: EventKey::from_bytes(types::bytes16(&self.id, "events.id")?),
            partner: types::partner(&self.partner_id)?,
            id: id.map_err(|_invalid| StoreError::Corrupt("events.event_id"))?,
            kind: self.kind,
            body: self.body,
            transaction: TransactionId::from_uuid(types::uuid(
                &self.transaction_id,
                "events.transaction_id",
            )?),
            amount: Amount::from_minor(self.amount, asset),
            effective_at: types::moment(self.effective_at),
            recorded_at: types::moment(self.recorded_at),
        })
    }
}
