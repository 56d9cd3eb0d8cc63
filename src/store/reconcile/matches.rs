//! Which line and which event agree. A match lives until a run ends it; the database keeps every line
//! and every event in one live match.

use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;

use super::period;
use crate::ids::{EventKey, PartnerId, StatementId};
use crate::reconcile::period::Period;
use crate::store::schema::matches;
use crate::store::{Db, LedgerTx, StoreError, types};

/// A line, and the event that agrees with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MatchedLine {
    pub statement: StatementId,
    pub line: i64,
    /// `None`: the line came to nothing, and we have nothing.
    pub event: Option<EventKey>,
    pub rule: &'static str,
}

/// A match that lives.
#[derive(Clone, Debug)]
pub struct LiveMatch {
    pub statement: StatementId,
    pub line: i64,
    pub event: Option<EventKey>,
    pub rule: String,
}

/// The run that makes or ends matches.
#[derive(Clone, Copy)]
pub struct ByRun<'a> {
    pub partner: &'a PartnerId,
    pub period: Period,
    pub number: i64,
    pub rule_version: i64,
}

#[derive(Insertable)]
#[diesel(table_name = matches, treat_none_as_default_value = false)]
struct Row<'a> {
    statement_id: &'a [u8],
    line: i64,
    made_by: i64,
    partner_id: &'a str,
    period: &'a str,
    event_key: Option<&'a [u8]>,
    rule: &'a str,
    rule_version: i64,
    ended_by: Option<i64>,
}

/// The live matches of a statement's lines, behind a line.
pub fn live(
    db: &mut Db,
    statement: StatementId,
    after: i64,
    rows_max: i64,
) -> Result<Vec<LiveMatch>, StoreError> {
    let rows: Vec<(i64, Option<Vec<u8>>, String)> = matches::table
        .filter(matches::statement_id.eq(statement.bytes().as_slice()))
        .filter(matches::ended_by.is_null())
        .filter(matches::line.gt(after))
        .order(matches::line)
        .limit(rows_max)
        .select((matches::line, matches::event_key, matches::rule))
        .load(db)?;
    let key =
        |bytes: Vec<u8>| types::bytes16(&bytes, "matches.event_key").map(EventKey::from_bytes);
    rows.into_iter()
        .map(|(line, event, rule)| {
            Ok(LiveMatch { statement, line, event: event.map(key).transpose()?, rule })
        })
        .collect()
}

/// A match, whatever became of it.
#[derive(Clone, Debug)]
pub struct KeptMatch {
    pub statement: StatementId,
    pub line: i64,
    pub event: Option<EventKey>,
    pub rule: String,
    pub rule_version: i64,
    /// The numbers of the month's runs that made it and ended it.
    pub made_by: i64,
    pub ended_by: Option<i64>,
}

type KeptRow = (Vec<u8>, i64, Option<Vec<u8>>, String, i64, i64, Option<i64>);

/// So many matches of a line are told, the newest ones.
const KEPT_MAX: i64 = 100;

/// What a line has matched, the newest first.
pub fn of_line(
    db: &mut Db,
    statement: StatementId,
    line: i64,
) -> Result<Vec<KeptMatch>, StoreError> {
    let rows: Vec<KeptRow> = matches::table
        .filter(matches::statement_id.eq(statement.bytes().as_slice()))
        .filter(matches::line.eq(line))
        .order(matches::made_by.desc())
        .limit(KEPT_MAX)
        .select((
            matches::statement_id,
            matches::line,
            matches::event_key,
            matches::rule,
            matches::rule_version,
            matches::made_by,
            matches::ended_by,
        ))
        .load(db)?;
    rows.into_iter().map(KeptMatch::read).collect()
}

/// The live match of an event.
pub fn of_event(db: &mut Db, event: EventKey) -> Result<Option<KeptMatch>, StoreError> {
    let row: Option<KeptRow> = matches::table
        .filter(matches::event_key.eq(event.bytes().as_slice()))
        .filter(matches::event_key.is_not_null())
        .filter(matches::ended_by.is_null())
        .select((
            matches::statement_id,
            matches::line,
            matches::event_key,
            matches::rule,
            matches::rule_version,
            matches::made_by,
            matches::ended_by,
        ))
        .first(db)
        .optional()?;
    row.map(KeptMatch::read).transpose()
}

impl KeptMatch {
    fn read(row: KeptRow) -> Result<Self, StoreError> {
        let (statement, line, event, rule, rule_version, made_by, ended_by) = row;
        let key = |key: Vec<u8>| types::bytes16(&key, "matches.event_key");
        Ok(Self {
            statement: StatementId::from_uuid(types::uuid(&statement, "matches.statement_id")?),
            line,
            event: event.map(key).transpose()?.map(EventKey::from_bytes),
            rule,
            rule_version,
            made_by,
            ended_by,
        })
    }
}

/// The months whose live matches have these events.
pub fn periods(db: &mut Db, events: &[EventKey]) -> Result<HashMap<EventKey, Period>, StoreError> {
    let mut found = HashMap::new();
    for part in events.chunks(crate::store::rows_max(1)) {
        let keys: Vec<&[u8]> = part.iter().map(|key| key.bytes().as_slice()).collect();
        let rows: Vec<(Option<Vec<u8>>, String)> = both!(db, db => matches::table
            .filter(matches::event_key.eq_any(&keys))
            .filter(matches::event_key.is_not_null())
            .filter(matches::ended_by.is_null())
            .select((matches::event_key, matches::period))
            .load(db))?;
        for (key, month) in rows {
            let Some(key) = key else { continue };
            let key = EventKey::from_bytes(types::bytes16(&key, "matches.event_key")?);
            found.insert(key, period(&month)?);
        }
    }
    Ok(found)
}

/// Adds matches.
///
/// # Errors
/// [`StoreError::Refused`] when a line or an event has a live match already.
pub fn insert(
    tx: &mut LedgerTx<'_>,
    list: &[MatchedLine],
    by: ByRun<'_>,
) -> Result<(), StoreError> {
    let period = by.period.to_string();
    for part in list.chunks(crate::store::rows_max(9)) {
        let rows: Vec<Row<'_>> = part
            .iter()
            .map(|it| Row {
                statement_id: it.statement.bytes(),
                line: it.line,
                made_by: by.number,
                partner_id: by.partner.as_str(),
                period: &period,
                event_key: it.event.as_ref().map(|key| key.bytes().as_slice()),
                rule: it.rule,
                rule_version: by.rule_version,
                ended_by: None,
            })
            .collect();
        both!(tx.0, db => diesel::insert_into(matches::table).values(&rows).execute(db))?;
    }
    Ok(())
}

/// Ends the live match of a line.
pub fn end_one(
    tx: &mut LedgerTx<'_>,
    statement: StatementId,
    line: i64,
    run: i64,
) -> Result<(), StoreError> {
    let live = matches::table
        .filter(matches::statement_id.eq(statement.bytes().as_slice()))
        .filter(matches::line.eq(line))
        .filter(matches::ended_by.is_null());
    diesel::update(live).set(matches::ended_by.eq(run)).execute(tx.0)?;
    Ok(())
}

/// Ends the live matches of these lines.
pub fn end(
    tx: &mut LedgerTx<'_>,
    list: &[(StatementId, i64)],
    by: ByRun<'_>,
) -> Result<(), StoreError> {
    let mut by_statement: BTreeMap<StatementId, Vec<i64>> = BTreeMap::new();
    for (statement, line) in list {
        by_statement.entry(*statement).or_default().push(*line);
    }
    for (statement, lines) in by_statement {
        both!(tx.0, db => diesel::update(matches::table
            .filter(matches::statement_id.eq(statement.bytes().as_slice()))
            .filter(matches::line.eq_any(&lines))
            .filter(matches::ended_by.is_null()))
            .set(matches::ended_by.eq(by.number))
            .execute(db))?;
    }
    Ok(())
}
