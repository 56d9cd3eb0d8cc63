//! What caps, budgets and tiers count, kept beside what each event added to it.

use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Text};

use crate::ids::{CounterKey, EventKey};
use crate::program::{Counted, CountedUnit};
use crate::store::schema::{counted, counters};
use crate::store::{Db, LedgerTx, StoreError, types};

#[derive(Insertable)]
#[diesel(table_name = counters, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    value: i64,
}

#[derive(Insertable)]
#[diesel(table_name = counted, treat_none_as_default_value = false)]
struct CountedRow<'a> {
    event_id: &'a [u8],
    counter_id: &'a [u8],
    amount: i64,
    unit: &'static str,
}

/// Holds counters that customers share until the transaction ends, in the order of their keys so
/// that two writers never wait for each other in a circle: the last point of a budget goes to one.
/// SQLite has one writer and needs no row locks.
pub fn lock(
    tx: &mut LedgerTx<'_>,
    keys: impl Iterator<Item = CounterKey>,
) -> Result<(), StoreError> {
    let Db::Postgres(db) = &mut *tx.0 else { return Ok(()) };
    let mut keys: Vec<CounterKey> = keys.collect();
    keys.sort_unstable_by_key(|key| *key.bytes());
    let ids: Vec<&[u8]> = keys.iter().map(|key| key.bytes().as_slice()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    // A counter that nothing was added to has no row yet that could be held.
    diesel::sql_query(
        "INSERT INTO counters (id, value) SELECT id, 0 FROM unnest($1) AS missing (id) \
         ON CONFLICT DO NOTHING",
    )
    .bind::<Array<Binary>, _>(&ids)
    .execute(db)?;
    counters::table
        .filter(counters::id.eq_any(&ids))
        .order(counters::id)
        .select(counters::id)
        .for_no_key_update()
        .load::<Vec<u8>>(db)?;
    Ok(())
}

/// The values of these counters, of those that something was added to.
pub fn load(db: &mut Db, keys: &[CounterKey]) -> Result<Vec<(CounterKey, i64)>, StoreError> {
    let ids: Vec<&[u8]> = keys.iter().map(|key| key.bytes().as_slice()).collect();
    let rows: Vec<(Vec<u8>, i64)> = both!(db, db => counters::table
        .filter(counters::id.eq_any(&ids))
        .select((counters::id, counters::value))
        .load(db))?;
    rows.into_iter()
        .map(|(id, value)| Ok((CounterKey::from_bytes(types::bytes16(&id, "counters.id")?), value)))
        .collect()
}

/// What these events added to counters, by event.
pub fn of_events(
    db: &mut Db,
    keys: &[EventKey],
) -> Result<HashMap<EventKey, Vec<Counted>>, StoreError> {
    type Row = (Vec<u8>, Vec<u8>, i64, Option<String>);
    let ids: Vec<&[u8]> = keys.iter().map(|key| key.bytes().as_slice()).collect();
    let rows: Vec<Row> = both!(db, db => counted::table
        .filter(counted::event_id.eq_any(&ids))
        .select((counted::event_id, counted::counter_id, counted::amount, counted::unit))
        .load(db))?;
    let mut by_event: HashMap<EventKey, Vec<Counted>> = HashMap::new();
    for (event, counter, amount, unit) in rows {
        let event = EventKey::from_bytes(types::bytes16(&event, "counted.event_id")?);
        let counter = CounterKey::from_bytes(types::bytes16(&counter, "counted.counter_id")?);
        let unit = unit_of(unit.as_deref(), amount)?;
        by_event.entry(event).or_default().push(Counted { counter, unit, amount });
    }
    Ok(by_event)
}

/// The unit as it was recorded. Rows of earlier releases have none: they counted one visit, or
/// points and money, which a refund took back alike.
fn unit_of(name: Option<&str>, amount: i64) -> Result<CountedUnit, StoreError> {
    match name {
        Some(name) => CountedUnit::by_name(name).ok_or(StoreError::Corrupt("counted.unit")),
        None if amount == 1 => Ok(CountedUnit::Times),
        None => Ok(CountedUnit::Money),
    }
}

/// Adds what events count. Customers, and counters that they share, must be locked.
///
/// # Errors
/// [`StoreError::OutOfRange`] when a counter would leave the range.
pub fn apply(
    tx: &mut LedgerTx<'_>,
    list: impl Iterator<Item = (EventKey, Counted)>,
) -> Result<(), StoreError> {
    let mut added: BTreeMap<([u8; 16], [u8; 16]), (i64, CountedUnit)> = BTreeMap::new();
    let mut changes: BTreeMap<[u8; 16], i64> = BTreeMap::new();
    for (event, Counted { counter, unit, amount }) in list {
        let (sum, _unit) = added.entry((*event.bytes(), *counter.bytes())).or_insert((0, unit));
        for sum in [sum, changes.entry(*counter.bytes()).or_insert(0)] {
            *sum = sum.checked_add(amount).ok_or(StoreError::OutOfRange)?;
        }
    }
    added.retain(|_key, (amount, _unit)| *amount != 0);
    let rows: Vec<CountedRow<'_>> = added
        .iter()
        .map(|((event, counter), (amount, unit))| CountedRow {
            event_id: event,
            counter_id: counter,
            amount: *amount,
            unit: unit.name(),
        })
        .collect();
    let counter_rows: Vec<Row<'_>> =
        changes.iter().map(|(id, value)| Row { id, value: *value }).collect();
    match &mut *tx.0 {
        Db::Postgres(db) => Ok(apply_arrays(db, &rows, &counter_rows)?),
        Db::Sqlite(db) => {
            for row in &rows {
                diesel::insert_into(counted::table).values(row).execute(db)?;
            }
            // As with accounts: an upsert would be prepared anew for each.
            for row in &counter_rows {
                let begun = diesel::update(counters::table.find(row.id));
                let value = counters::value.eq(counters::value + row.value);
                if begun.set(value).execute(db)? == 0 {
                    diesel::insert_into(counters::table).values(row).execute(db)?;
                }
            }
            Ok(())
        }
    }
}

fn apply_arrays(
    db: &mut PgConnection,
    rows: &[CountedRow<'_>],
    counter_rows: &[Row<'_>],
) -> QueryResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    diesel::sql_query(
        "INSERT INTO counted (event_id, counter_id, amount, unit) \
         SELECT * FROM unnest($1, $2, $3, $4)",
    )
    .bind::<Array<Binary>, _>(column!(rows, event_id))
    .bind::<Array<Binary>, _>(column!(rows, counter_id))
    .bind::<Array<BigInt>, _>(column!(rows, amount))
    .bind::<Array<Text>, _>(column!(rows, unit))
    .execute(db)?;
    diesel::sql_query(
        "INSERT INTO counters (id, value) SELECT * FROM unnest($1, $2) \
         ON CONFLICT (id) DO UPDATE SET value = counters.value + excluded.value",
    )
    .bind::<Array<Binary>, _>(column!(counter_rows, id))
    .bind::<Array<BigInt>, _>(column!(counter_rows, value))
    .execute(db)?;
    Ok(())
}
