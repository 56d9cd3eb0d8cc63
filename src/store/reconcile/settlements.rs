//! Closed months: the statement of each as it was proposed, and who closed it.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::{Text, Timestamp};

use super::{period, text};
use crate::clock::{self, Moment};
use crate::ids::{PartnerId, StaffId};
use crate::money::{Amount, Asset};
use crate::reconcile::break_code::BreakCode;
use crate::reconcile::period::Period;
use crate::reconcile::proposal::BreakState;
use crate::store::schema::{breaks, settlements};
use crate::store::{Db, LedgerTx, StoreError, types};

/// So long a close waits for what is being recorded.
const WRITERS_END_WITHIN: Duration = Duration::from_secs(15);

/// Where a settlement stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettlementState {
    Proposed,
    Closed { by: StaffId, at: Moment },
    Rejected { by: StaffId, at: Moment },
}

/// The close of a partner's month, or the proposal of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    pub partner: PartnerId,
    pub period: Period,
    /// Counted from 1 for each month.
    pub number: i64,
    pub cut_at: Moment,
    /// The statement as JSON.
    pub content: String,
    pub sha256: [u8; 32],
    pub carried: Amount,
    pub proposed_by: StaffId,
    pub proposed_at: Moment,
    pub state: SettlementState,
}

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = settlements, treat_none_as_default_value = false)]
struct Row {
    partner_id: String,
    period: String,
    number: i64,
    state: String,
    cut_at: chrono::NaiveDateTime,
    content: String,
    sha256: Vec<u8>,
    carried_minor: i64,
    proposed_by: String,
    proposed_at: chrono::NaiveDateTime,
    decided_by: Option<String>,
    decided_at: Option<chrono::NaiveDateTime>,
}

/// Keeps a proposal; `false` when one waits for the partner already.
pub fn insert(tx: &mut LedgerTx<'_>, settlement: &Settlement) -> Result<bool, StoreError> {
    let row = Row::of(settlement);
    let count = both!(tx.0, db => diesel::insert_into(settlements::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(db))?;
    Ok(count == 1)
}

/// The time by the clock that all gateways share.
pub fn clock(db: &mut Db) -> Result<Moment, StoreError> {
    match db {
        Db::Postgres(db) => {
            let now = diesel::dsl::sql::<Timestamp>("clock_timestamp() AT TIME ZONE 'UTC'");
            Ok(types::moment(diesel::select(now).get_result(db)?))
        }
        // One machine has one clock.
        Db::Sqlite(_) => Ok(clock::now()),
    }
}

/// Waits until all transactions that have added to the ledger by now have ended; `false` when one of
/// them takes too long. It only looks at their locks: whoever asked for the lock itself would hold up all
/// that come after. SQLite has one writer.
pub fn await_writers(db: &mut Db) -> Result<bool, StoreError> {
    let Db::Postgres(db) = db else { return Ok(true) };
    let began = Instant::now();
    let waited_for = writers(db)?;
    loop {
        let now = writers(db)?;
        if !waited_for.iter().any(|writer| now.contains(writer)) {
            return Ok(true);
        }
        if began.elapsed() > WRITERS_END_WITHIN {
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[derive(QueryableByName)]
struct WriterAtWork {
    #[diesel(sql_type = Text)]
    name: String,
}

/// The transactions that have added to the ledger and have not ended, by PostgreSQL's names of them.
fn writers(db: &mut PgConnection) -> Result<HashSet<String>, StoreError> {
    let sql = "SELECT virtualtransaction AS name FROM pg_locks WHERE locktype = 'advisory' \
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
               AND classid = 0 AND objid = 7310297 AND objsubid = 1 AND granted";
    let rows: Vec<WriterAtWork> = diesel::sql_query(sql).load(db)?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}

/// The latest cut: nothing more is recorded at it or before it.
pub fn latest_cut(db: &mut Db) -> Result<Option<Moment>, StoreError> {
    let cut: Option<chrono::NaiveDateTime> = settlements::table
        .filter(settlements::state.ne("rejected"))
        .order(settlements::cut_at.desc())
        .select(settlements::cut_at)
        .first(db)
        .optional()?;
    Ok(cut.map(types::moment))
}

/// Records how a proposal ended; `false` when it had ended already.
///
/// # Errors
/// [`StoreError`]; the database refuses whoever proposed it.
pub fn decide(tx: &mut LedgerTx<'_>, settlement: &Settlement) -> Result<bool, StoreError> {
    let row = Row::of(settlement);
    let key = (row.partner_id.as_str(), row.period.as_str(), row.number);
    let waiting = settlements::table.find(key).filter(settlements::state.eq("proposed"));
    let decided = diesel::update(waiting)
        .set((
            settlements::state.eq(&row.state),
            settlements::decided_by.eq(&row.decided_by),
            settlements::decided_at.eq(row.decided_at),
        ))
        .execute(tx.0)?;
    Ok(decided == 1)
}

/// The newest settlement of a month, whatever became of it.
pub fn newest(
    db: &mut Db,
    partner: &PartnerId,
    period: Period,
) -> Result<Option<Settlement>, StoreError> {
    let row: Option<Row> = settlements::table
        .filter(settlements::partner_id.eq(partner.as_str()))
        .filter(settlements::period.eq(period.to_string()))
        .order(settlements::number.desc())
        .select(Row::as_select())
        .first(db)
        .optional()?;
    row.map(Row::read).transpose()
}

/// The proposals of a close that wait: at most one for each partner.
pub fn waiting(db: &mut Db, rows_max: i64) -> Result<Vec<Settlement>, StoreError> {
    let rows: Vec<Row> = settlements::table
        .filter(settlements::state.eq("proposed"))
        .order(settlements::partner_id)
        .limit(rows_max)
        .select(Row::as_select())
        .load(db)?;
    rows.into_iter().map(Row::read).collect()
}

/// The settlement of a month, if it is closed.
pub fn closed(
    db: &mut Db,
    partner: &PartnerId,
    period: Period,
) -> Result<Option<Settlement>, StoreError> {
    let row: Option<Row> = settlements::table
        .filter(settlements::partner_id.eq(partner.as_str()))
        .filter(settlements::period.eq(period.to_string()))
        .filter(settlements::state.eq("closed"))
        .select(Row::as_select())
        .first(db)
        .optional()?;
    row.map(Row::read).transpose()
}

/// The last month of a partner that is closed, perhaps the last before another month.
pub fn last_closed(
    db: &mut Db,
    partner: &PartnerId,
    before: Option<Period>,
) -> Result<Option<Settlement>, StoreError> {
    Ok(closed_page(db, partner, before, 1)?.pop())
}

/// Closed months of a partner, the newest first, before the last one of the page before.
pub fn closed_page(
    db: &mut Db,
    partner: &PartnerId,
    before: Option<Period>,
    rows_max: i64,
) -> Result<Vec<Settlement>, StoreError> {
    // Every month comes before this text.
    let before = before.map_or_else(|| ":".to_owned(), |period| period.to_string());
    let rows: Vec<Row> = settlements::table
        .filter(settlements::partner_id.eq(partner.as_str()))
        .filter(settlements::state.eq("closed"))
        .filter(settlements::period.lt(before))
        .order(settlements::period.desc())
        .limit(rows_max)
        .select(Row::as_select())
        .load(db)?;
    rows.into_iter().map(Row::read).collect()
}

/// How many breaks of a month nobody has decided on, by code.
pub fn open_breaks(
    db: &mut Db,
    partner: &PartnerId,
    period: Period,
) -> Result<Vec<(String, i64)>, StoreError> {
    let undecided = ["open", "proposed", "awaiting_partner"];
    let rows: Vec<(String, i64)> = both!(db, db => breaks::table
        .filter(breaks::partner_id.eq(partner.as_str()))
        .filter(breaks::period.eq(period.to_string()))
        .filter(breaks::state.eq_any(undecided))
        .group_by(breaks::code)
        .select((breaks::code, diesel::dsl::count_star()))
        .load(db))?;
    Ok(rows)
}

/// How many breaks of a month nobody has decided on, by state and code.
pub fn undecided_breaks(
    db: &mut Db,
    partner: &PartnerId,
    period: Period,
) -> Result<Vec<(BreakState, BreakCode, i64)>, StoreError> {
    let undecided = ["open", "proposed", "awaiting_partner"];
    let rows: Vec<(String, String, i64)> = both!(db, db => breaks::table
        .filter(breaks::partner_id.eq(partner.as_str()))
        .filter(breaks::period.eq(period.to_string()))
        .filter(breaks::state.eq_any(undecided))
        .group_by((breaks::state, breaks::code))
        .select((breaks::state, breaks::code, diesel::dsl::count_star()))
        .load(db))?;
    let read = |(state, code, count): (String, String, i64)| {
        let state = BreakState::by_name(&state).ok_or(StoreError::Corrupt("breaks.state"))?;
        let code = BreakCode::by_name(&code).ok_or(StoreError::Corrupt("breaks.code"))?;
        Ok((state, code, count))
    };
    rows.into_iter().map(read).collect()
}

impl Row {
    fn of(settlement: &Settlement) -> Self {
        let (state, by, at) = match &settlement.state {
            SettlementState::Proposed => ("proposed", None, None),
            SettlementState::Closed { by, at } => ("closed", Some(by), Some(at)),
            SettlementState::Rejected { by, at } => ("rejected", Some(by), Some(at)),
        };
        Self {
            partner_id: settlement.partner.to_string(),
            period: settlement.period.to_string(),
            number: settlement.number,
            state: state.to_owned(),
            cut_at: settlement.cut_at.naive(),
            content: settlement.content.clone(),
            sha256: settlement.sha256.to_vec(),
            carried_minor: settlement.carried.minor(),
            proposed_by: settlement.proposed_by.to_string(),
            proposed_at: settlement.proposed_at.naive(),
            decided_by: by.map(ToString::to_string),
            decided_at: at.map(|at| at.naive()),
        }
    }

    fn read(self) -> Result<Settlement, StoreError> {
        let by = self.decided_by.map(|id| text(id, "settlements.decided_by")).transpose()?;
        let at = self.decided_at.map(types::moment);
        let state = match (self.state.as_str(), by, at) {
            ("proposed", None, None) => SettlementState::Proposed,
            ("closed", Some(by), Some(at)) => SettlementState::Closed { by, at },
            ("rejected", Some(by), Some(at)) => SettlementState::Rejected { by, at },
            _ => return Err(StoreError::Corrupt("settlements.state")),
        };
        let sha256 = <[u8; 32]>::try_from(self.sha256.as_slice());
        Ok(Settlement {
            partner: types::partner(&self.partner_id)?,
            period: period(&self.period)?,
            number: self.number,
            cut_at: types::moment(self.cut_at),
            content: self.content,
            sha256: sha256.map_err(|_length| StoreError::Corrupt("settlements.sha256"))?,
            carried: Amount::from_minor(self.carried_minor, Asset::CNY),
            proposed_by: text(self.proposed_by, "settlements.proposed_by")?,
            proposed_at: types::moment(self.proposed_at),
            state,
        })
    }
}
