//! What does not match. A break keeps what differs; its state moves on, and what people decided stays.

use diesel::prelude::*;

use super::{kind, period, value};
use crate::clock::Moment;
use crate::ids::{BreakId, PartnerId};
use crate::reconcile::break_code::{BreakCode, BreakSums};
use crate::reconcile::break_record::{Break, BreakFilter};
use crate::reconcile::item::ItemValue;
use crate::reconcile::period::Period;
use crate::reconcile::proposal::BreakState;
use crate::store::schema::breaks;
use crate::store::{Db, LedgerTx, StoreError, types};

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = breaks, treat_none_as_default_value = false)]
struct Row {
    id: Vec<u8>,
    partner_id: String,
    period: String,
    code: String,
    kind: String,
    theirs_currency: Option<String>,
    theirs_minor: Option<i64>,
    ours_currency: Option<String>,
    ours_minor: Option<i64>,
    business_day: String,
    facts: String,
    opened_at: chrono::NaiveDateTime,
    due_on: String,
    state: String,
    asked_at: Option<chrono::NaiveDateTime>,
    closed_at: Option<chrono::NaiveDateTime>,
}

/// A break of a month, as a run looks at it.
pub struct KnownBreak {
    pub id: BreakId,
    pub state: BreakState,
    pub facts: String,
}

/// Adds breaks that were found.
pub fn insert(tx: &mut LedgerTx<'_>, list: &[Break]) -> Result<(), StoreError> {
    for part in list.chunks(crate::store::rows_max(16)) {
        let rows: Vec<Row> = part.iter().map(Row::of).collect();
        both!(tx.0, db => diesel::insert_into(breaks::table).values(&rows).execute(db))?;
    }
    Ok(())
}

/// The breaks of a month, after the last one of the page before.
pub fn of_period(
    db: &mut Db,
    partner: &PartnerId,
    period: Period,
    after: Option<BreakId>,
    rows_max: i64,
) -> Result<Vec<KnownBreak>, StoreError> {
    let after = after.map_or(Vec::new(), |id| id.bytes().to_vec());
    let rows: Vec<(Vec<u8>, String, String)> = breaks::table
        .filter(breaks::partner_id.eq(partner.as_str()))
        .filter(breaks::period.eq(period.to_string()))
        .filter(breaks::id.gt(after))
        .order(breaks::id)
        .limit(rows_max)
        .select((breaks::id, breaks::state, breaks::facts))
        .load(db)?;
    rows.into_iter()
        .map(|(id, state, facts)| {
            Ok(KnownBreak { id: break_id(&id)?, state: read(&state)?, facts })
        })
        .collect()
}

/// Moves breaks on. The database asks for an approved proposal where people decide.
pub fn set_state(
    tx: &mut LedgerTx<'_>,
    list: &[BreakId],
    state: BreakState,
    now: Moment,
) -> Result<(), StoreError> {
    let closed = state.is_decided() || state == BreakState::Cleared;
    let closed_at = closed.then(|| now.naive());
    for part in list.chunks(crate::store::rows_max(1) - 2) {
        let ids: Vec<&[u8]> = part.iter().map(|id| id.bytes().as_slice()).collect();
        both!(tx.0, db => diesel::update(breaks::table.filter(breaks::id.eq_any(&ids)))
            .set((breaks::state.eq(state.name()), breaks::closed_at.eq(closed_at)))
            .execute(db))?;
    }
    Ok(())
}

/// A later run no longer finds these. What people have decided on meanwhile stays. Returns how many
/// were cleared.
pub fn clear(tx: &mut LedgerTx<'_>, list: &[BreakId], now: Moment) -> Result<usize, StoreError> {
    let open = [BreakState::Open, BreakState::Proposed, BreakState::AwaitingPartner];
    move_from(tx, list, &open, &Turn { to: BreakState::Cleared, closed_at: Some(now) })
}

/// Those of these that are cleared and about which the partner was asked.
pub fn cleared_of_asked(db: &mut Db, list: &[BreakId]) -> Result<Vec<BreakId>, StoreError> {
    let mut found = Vec::new();
    for part in list.chunks(crate::store::rows_max(1) - 8) {
        let ids: Vec<&[u8]> = part.iter().map(|id| id.bytes().as_slice()).collect();
        let rows: Vec<Vec<u8>> = both!(db, db => breaks::table
            .filter(breaks::id.eq_any(&ids))
            .filter(breaks::state.eq(BreakState::Cleared.name()))
            .filter(breaks::asked_at.is_not_null())
            .order(breaks::id)
            .select(breaks::id)
            .load(db))?;
        for id in rows {
            found.push(BreakId::from_bytes(types::bytes16(&id, "breaks.id")?));
        }
    }
    Ok(found)
}

/// A later run finds these again. Returns how many are open again.
pub fn reopen(tx: &mut LedgerTx<'_>, list: &[BreakId]) -> Result<usize, StoreError> {
    let turn = Turn { to: BreakState::Open, closed_at: None };
    move_from(tx, list, &[BreakState::Cleared], &turn)
}

struct Turn {
    to: BreakState,
    closed_at: Option<Moment>,
}

/// Only breaks that are in one of these states now.
fn move_from(
    tx: &mut LedgerTx<'_>,
    list: &[BreakId],
    from: &[BreakState],
    turn: &Turn,
) -> Result<usize, StoreError> {
    let names: Vec<&str> = from.iter().map(|state| state.name()).collect();
    let closed_at = turn.closed_at.map(Moment::naive);
    let mut moved = 0_usize;
    for part in list.chunks(crate::store::rows_max(1) - 8) {
        let ids: Vec<&[u8]> = part.iter().map(|id| id.bytes().as_slice()).collect();
        let count = both!(tx.0, db => diesel::update(breaks::table
            .filter(breaks::id.eq_any(&ids))
            .filter(breaks::state.eq_any(&names)))
            .set((breaks::state.eq(turn.to.name()), breaks::closed_at.eq(closed_at)))
            .execute(db))?;
        moved = moved.saturating_add(count);
    }
    Ok(moved)
}

/// Breaks on which nobody has decided, of one code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenBreaks {
    pub code: String,
    pub count: i64,
    /// What the two sides are apart where both are in CNY, in hundredths.
    pub minor: i64,
}

/// When breaks were opened.
#[derive(Clone, Copy, Debug)]
pub struct BreaksOpened {
    pub from: Option<Moment>,
    pub until: Option<Moment>,
}

const APART: &str = "CAST(COALESCE(SUM(CASE WHEN COALESCE(theirs_currency, 'CNY') = 'CNY' \
    AND COALESCE(ours_currency, 'CNY') = 'CNY' \
    THEN ABS(COALESCE(theirs_minor, 0) - COALESCE(ours_minor, 0)) ELSE 0 END), 0) AS BIGINT)";

/// Breaks of a partner, or of all, on which nobody has decided, by code.
pub fn open_by_code(
    db: &mut Db,
    partner: Option<&PartnerId>,
    opened: BreaksOpened,
) -> Result<Vec<OpenBreaks>, StoreError> {
    let mut found: Vec<OpenBreaks> = Vec::new();
    for state in [BreakState::Open, BreakState::Proposed, BreakState::AwaitingPartner] {
        let mut query = breaks::table
            .filter(breaks::state.eq(state.name()))
            .group_by(breaks::code)
            .select((
                breaks::code,
                diesel::dsl::count_star(),
                diesel::dsl::sql::<diesel::sql_types::BigInt>(APART),
            ))
            .into_boxed();
        if let Some(partner) = partner {
            query = query.filter(breaks::partner_id.eq(partner.as_str().to_owned()));
        }
        if let Some(from) = opened.from {
            query = query.filter(breaks::opened_at.ge(from.naive()));
        }
        if let Some(until) = opened.until {
            query = query.filter(breaks::opened_at.lt(until.naive()));
        }
        let rows: Vec<(String, i64, i64)> = query.load(db)?;
        for (code, count, minor) in rows {
            match found.iter_mut().find(|open| open.code == code) {
                Some(open) => {
                    open.count = open.count.saturating_add(count);
                    open.minor = open.minor.saturating_add(minor);
                }
                None => found.push(OpenBreaks { code, count, minor }),
            }
        }
    }
    found.sort_by(|one, other| one.code.cmp(&other.code));
    Ok(found)
}

/// Whether any adjustment was ever posted for a partner.
pub fn has_adjusted(db: &mut Db, partner: &PartnerId) -> Result<bool, StoreError> {
    let found: Option<Vec<u8>> = breaks::table
        .filter(breaks::partner_id.eq(partner.as_str()))
        .filter(breaks::state.eq(BreakState::Adjusted.name()))
        .select(breaks::id)
        .first(db)
        .optional()?;
    Ok(found.is_some())
}

/// Notes when the partner was first asked.
pub fn set_asked(tx: &mut LedgerTx<'_>, id: BreakId, now: Moment) -> Result<(), StoreError> {
    let unasked = breaks::table
        .filter(breaks::id.eq(id.bytes().as_slice()))
        .filter(breaks::asked_at.is_null());
    diesel::update(unasked).set(breaks::asked_at.eq(now.naive())).execute(tx.0)?;
    Ok(())
}

/// Where the rows of a break stand now: a newer version of the statement has other lines.
pub fn set_facts(tx: &mut LedgerTx<'_>, id: BreakId, facts: &str) -> Result<(), StoreError> {
    diesel::update(breaks::table.find(id.bytes().as_slice()))
        .set(breaks::facts.eq(facts))
        .execute(tx.0)?;
    Ok(())
}

/// Holds breaks until the transaction ends, in one order everywhere: else two transactions that touch
/// the same ones would wait for each other.
pub fn hold(tx: &mut LedgerTx<'_>, list: &[BreakId]) -> Result<(), StoreError> {
    let Db::Postgres(db) = &mut *tx.0 else { return Ok(()) };
    let ids: Vec<&[u8]> = list.iter().map(|id| id.bytes().as_slice()).collect();
    breaks::table
        .filter(breaks::id.eq_any(&ids))
        .order(breaks::id)
        .select(breaks::id)
        .for_no_key_update()
        .load::<Vec<u8>>(db)?;
    Ok(())
}

/// Holds a break until the transaction ends, and reads it.
pub fn lock(tx: &mut LedgerTx<'_>, id: BreakId) -> Result<Option<Break>, StoreError> {
    if let Db::Postgres(db) = &mut *tx.0 {
        breaks::table
            .find(id.bytes().as_slice())
            .select(breaks::id)
            .for_no_key_update()
            .load::<Vec<u8>>(db)?;
    }
    get(tx.0, id)
}

pub fn get(db: &mut Db, id: BreakId) -> Result<Option<Break>, StoreError> {
    let row = breaks::table.find(id.bytes().as_slice()).select(Row::as_select());
    row.first::<Row>(db).optional()?.map(Row::read).transpose()
}

/// Breaks of one state, the oldest first, after the last one of the page before.
pub fn page(
    db: &mut Db,
    filter: &BreakFilter,
    after: Option<(Moment, BreakId)>,
    rows_max: i64,
) -> Result<Vec<Break>, StoreError> {
    let mut query = breaks::table
        .filter(breaks::state.eq(filter.state.name()))
        .order((breaks::opened_at, breaks::id))
        .limit(rows_max)
        .select(Row::as_select())
        .into_boxed();
    if let Some(partner) = &filter.partner {
        query = query.filter(breaks::partner_id.eq(partner.as_str().to_owned()));
    }
    if let Some(period) = filter.period {
        query = query.filter(breaks::period.eq(period.to_string()));
    }
    if let Some(code) = filter.code {
        query = query.filter(breaks::code.eq(code.name()));
    }
    if let Some((at, id)) = after {
        let same = breaks::opened_at.eq(at.naive()).and(breaks::id.gt(id.bytes().to_vec()));
        query = query.filter(breaks::opened_at.ge(at.naive()));
        query = query.filter(breaks::opened_at.gt(at.naive()).or(same));
    }
    let rows: Vec<Row> = query.load(db)?;
    rows.into_iter().map(Row::read).collect()
}

/// The breaks about which a partner was asked, the longest ago first.
pub fn asked(
    db: &mut Db,
    partner: &PartnerId,
    after: Option<(Moment, BreakId)>,
    rows_max: i64,
) -> Result<Vec<Break>, StoreError> {
    let mut query = breaks::table
        .filter(breaks::partner_id.eq(partner.as_str().to_owned()))
        .filter(breaks::asked_at.is_not_null())
        .order((breaks::asked_at, breaks::id))
        .limit(rows_max)
        .select(Row::as_select())
        .into_boxed();
    if let Some((at, id)) = after {
        let same = breaks::asked_at.eq(at.naive()).and(breaks::id.gt(id.bytes().to_vec()));
        query = query.filter(breaks::asked_at.ge(at.naive()));
        query = query.filter(breaks::asked_at.gt(at.naive()).or(same));
    }
    let rows: Vec<Row> = query.load(db)?;
    rows.into_iter().map(Row::read).collect()
}

/// Currency and hundredths of their side, then of ours.
pub(super) type SumColumns = (Option<String>, Option<i64>, Option<String>, Option<i64>);

pub(super) fn sums(columns: SumColumns) -> Result<BreakSums, StoreError> {
    let (theirs_currency, theirs_minor, ours_currency, ours_minor) = columns;
    let side = |currency: Option<String>, minor: Option<i64>| match (currency, minor) {
        (Some(currency), Some(minor)) => value(&currency, minor).map(Some),
        _ => Ok(None),
    };
    Ok(BreakSums {
        theirs: side(theirs_currency, theirs_minor)?,
        ours: side(ours_currency, ours_minor)?,
    })
}

fn break_id(bytes: &[u8]) -> Result<BreakId, StoreError> {
    types::bytes16(bytes, "breaks.id").map(BreakId::from_bytes)
}

fn read(state: &str) -> Result<BreakState, StoreError> {
    BreakState::by_name(state).ok_or(StoreError::Corrupt("breaks.state"))
}

impl Row {
    fn of(found: &Break) -> Self {
        let currency = |value: Option<ItemValue>| value.map(|it| it.currency.to_string());
        let BreakSums { theirs, ours } = found.sums;
        Self {
            id: found.id.bytes().to_vec(),
            partner_id: found.partner.to_string(),
            period: found.period.to_string(),
            code: found.code.name().to_owned(),
            kind: found.kind.name().to_owned(),
            theirs_currency: currency(theirs),
            theirs_minor: theirs.map(|it| it.minor),
            ours_currency: currency(ours),
            ours_minor: ours.map(|it| it.minor),
            business_day: found.business_day.to_string(),
            facts: found.facts.clone(),
            opened_at: found.opened_at.naive(),
            due_on: found.due_on.to_string(),
            state: found.state.name().to_owned(),
            asked_at: found.asked_at.map(Moment::naive),
            closed_at: found.closed_at.map(Moment::naive),
        }
    }

    fn read(self) -> Result<Break, StoreError> {
        let corrupt = StoreError::Corrupt;
        let columns =
            (self.theirs_currency, self.theirs_minor, self.ours_currency, self.ours_minor);
        let day = |text: &str| text.parse().map_err(|_bad| corrupt("breaks.due_on"));
        Ok(Break {
            id: break_id(&self.id)?,
            partner: types::partner(&self.partner_id)?,
            period: period(&self.period)?,
            code: BreakCode::by_name(&self.code).ok_or(corrupt("breaks.code"))?,
            kind: kind(&self.kind)?,
            sums: sums(columns)?,
            business_day: day(&self.business_day)?,
            facts: self.facts,
            opened_at: types::moment(self.opened_at),
            due_on: day(&self.due_on)?,
            state: read(&self.state)?,
            asked_at: self.asked_at.map(types::moment),
            closed_at: self.closed_at.map(types::moment),
        })
    }
}
