//! Lines of payments with the points that each brought, and of refunds, below zero.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::ids::{EventKey, LineNumber};
use crate::money::{Amount, Asset};
use crate::program::LinePart;
use crate::store::schema::lines;
use crate::store::{Db, LedgerTx, StoreError, types};

#[derive(Insertable)]
#[diesel(table_name = lines, treat_none_as_default_value = false)]
struct Row<'a> {
    event_id: &'a [u8],
    line: &'a str,
    amount: i64,
    points: i64,
}

/// Appends the lines of an event.
pub fn insert(tx: &mut LedgerTx<'_>, event: EventKey, list: &[LinePart]) -> Result<(), StoreError> {
    let rows: Vec<Row<'_>> = list
        .iter()
        .map(|part| Row {
            event_id: event.bytes(),
            line: part.line.as_str(),
            amount: part.amount.minor(),
            points: part.points.minor(),
        })
        .collect();
    if !rows.is_empty() {
        both!(tx.0, db => diesel::insert_into(lines::table).values(&rows).execute(db))?;
    }
    Ok(())
}

/// The lines of these events, by event.
pub fn of_events(
    db: &mut Db,
    keys: &[EventKey],
) -> Result<HashMap<EventKey, Vec<LinePart>>, StoreError> {
    let ids: Vec<&[u8]> = keys.iter().map(|key| key.bytes().as_slice()).collect();
    let rows: Vec<(Vec<u8>, String, i64, i64)> = both!(db, db => lines::table
        .filter(lines::event_id.eq_any(&ids))
        .order((lines::event_id, lines::line))
        .select((lines::event_id, lines::line, lines::amount, lines::points))
        .load(db))?;
    let mut by_event: HashMap<EventKey, Vec<LinePart>> = HashMap::new();
    for (event, line, amount, points) in rows {
        let event = EventKey::from_bytes(types::bytes16(&event, "lines.event_id")?);
        let line =
            LineNumber::try_from(line).map_err(|_invalid| StoreError::Corrupt("lines.line"))?;
        let amount = Amount::from_minor(amount, Asset::CNY);
        let points = Amount::from_minor(points, Asset::PTS);
        by_event.entry(event).or_default().push(LinePart { line, amount, points });
    }
    Ok(by_event)
}
