//! Lines of payments with the points that each brought, and of refunds, below zero.

use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;

use crate::ids::{EventKey, LineNumber};
use crate::ledger::RuleVersion;
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
    by_rule: Option<String>,
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
            by_rule: by_rule(part),
        })
        .collect();
    if !rows.is_empty() {
        both!(tx.0, db => diesel::insert_into(lines::table).values(&rows).execute(db))?;
    }
    Ok(())
}

/// What a line brought by each rule, as JSON; nothing for a line that brought nothing.
fn by_rule(part: &LinePart) -> Option<String> {
    let by_rule = part.by_rule.iter();
    let points: BTreeMap<&str, i64> =
        by_rule.map(|(rule, points)| (rule.as_str(), points.minor())).collect();
    if points.is_empty() { None } else { serde_json::to_string(&points).ok() }
}

fn read_by_rule(text: Option<&str>) -> Result<BTreeMap<RuleVersion, Amount>, StoreError> {
    let Some(text) = text else { return Ok(BTreeMap::new()) };
    let points: BTreeMap<String, i64> =
        serde_json::from_str(text).map_err(|_invalid| StoreError::Corrupt("lines.by_rule"))?;
    let points = points.into_iter();
    Ok(points
        .map(|(rule, minor)| (RuleVersion::built_in(&rule), Amount::from_minor(minor, Asset::PTS)))
        .collect())
}

type LineRow = (Vec<u8>, String, i64, i64, Option<String>);

/// The lines of these events, by event.
pub fn of_events(
    db: &mut Db,
    keys: &[EventKey],
) -> Result<HashMap<EventKey, Vec<LinePart>>, StoreError> {
    let ids: Vec<&[u8]> = keys.iter().map(|key| key.bytes().as_slice()).collect();
    let rows: Vec<LineRow> = both!(db, db => lines::table
        .filter(lines::event_id.eq_any(&ids))
        .order((lines::event_id, lines::line))
        .select((lines::event_id, lines::line, lines::amount, lines::points, lines::by_rule))
        .load(db))?;
    let mut by_event: HashMap<EventKey, Vec<LinePart>> = HashMap::new();
    for (event, line, amount, points, by_rule) in rows {
        let event = EventKey::from_bytes(types::bytes16(&event, "lines.event_id")?);
        let line =
            LineNumber::try_from(line).map_err(|_invalid| StoreError::Corrupt("lines.line"))?;
        let amount = Amount::from_minor(amount, Asset::CNY);
        let points = Amount::from_minor(points, Asset::PTS);
        let by_rule = read_by_rule(by_rule.as_deref())?;
        by_event.entry(event).or_default().push(LinePart { line, amount, points, by_rule });
    }
    Ok(by_event)
}
