//! Runs: who compared a month when, and what came of it. One at a time for a month.

use chrono::TimeDelta;
use diesel::prelude::*;

use super::{period, text};
use crate::clock::Moment;
use crate::ids::{PartnerId, ReconciliationId, StaffId};
use crate::reconcile::period::Period;
use crate::store::schema::reconciliations;
use crate::store::{Db, LedgerTx, StoreError, types};

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    Running,
    /// With its report, as JSON.
    Done {
        at: Moment,
        report: String,
    },
    /// It failed, or it did not end in time and another took its place.
    GivenUp {
        at: Moment,
    },
}

/// A run over a partner's month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconciliation {
    pub id: ReconciliationId,
    pub partner: PartnerId,
    pub period: Period,
    /// Counted from 1 for each month.
    pub number: i64,
    pub started_by: StaffId,
    pub started_at: Moment,
    pub state: RunState,
}

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = reconciliations, treat_none_as_default_value = false)]
struct Row {
    id: Vec<u8>,
    partner_id: String,
    period: String,
    number: i64,
    state: String,
    started_by: String,
    started_at: chrono::NaiveDateTime,
    lease_until: chrono::NaiveDateTime,
    ended_at: Option<chrono::NaiveDateTime>,
    report: Option<String>,
}

/// For how long a run counts as running without a sign of life.
const LEASE: TimeDelta = TimeDelta::minutes(2);

/// Begins a run. `None`: another one is under way.
pub fn begin(
    tx: &mut LedgerTx<'_>,
    partner: &PartnerId,
    period: Period,
    who: &StaffId,
    now: Moment,
) -> Result<Option<Reconciliation>, StoreError> {
    let month = || {
        reconciliations::table
            .filter(reconciliations::partner_id.eq(partner.as_str().to_owned()))
            .filter(reconciliations::period.eq(period.to_string()))
    };
    diesel::update(
        month()
            .filter(reconciliations::state.eq("running"))
            .filter(reconciliations::lease_until.le(now.naive())),
    )
    .set((reconciliations::state.eq("given_up"), reconciliations::ended_at.eq(now.naive())))
    .execute(tx.0)?;
    let newest: Option<i64> = month()
        .order(reconciliations::number.desc())
        .select(reconciliations::number)
        .first(tx.0)
        .optional()?;
    let run = Reconciliation {
        id: ReconciliationId::random(),
        partner: partner.clone(),
        period,
        number: newest.unwrap_or(0).saturating_add(1),
        started_by: who.clone(),
        started_at: now,
        state: RunState::Running,
    };
    let row = Row {
        id: run.id.bytes().to_vec(),
        partner_id: partner.to_string(),
        period: period.to_string(),
        number: run.number,
        state: "running".to_owned(),
        started_by: who.to_string(),
        started_at: now.naive(),
        lease_until: now.plus(LEASE).naive(),
        ended_at: None,
        report: None,
    };
    let count = both!(tx.0, db => diesel::insert_into(reconciliations::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(db))?;
    Ok((count == 1).then_some(run))
}

/// Shows that a run goes on; `false` when another has taken its place.
pub fn renew(tx: &mut LedgerTx<'_>, id: ReconciliationId, now: Moment) -> Result<bool, StoreError> {
    let running = reconciliations::table
        .filter(reconciliations::id.eq(id.bytes().as_slice()))
        .filter(reconciliations::state.eq("running"));
    let count = diesel::update(running)
        .set(reconciliations::lease_until.eq(now.plus(LEASE).naive()))
        .execute(tx.0)?;
    Ok(count == 1)
}

/// Ends a run with its report; `false` when another has taken its place.
pub fn finish(
    tx: &mut LedgerTx<'_>,
    id: ReconciliationId,
    report: &str,
    now: Moment,
) -> Result<bool, StoreError> {
    let running = reconciliations::table
        .filter(reconciliations::id.eq(id.bytes().as_slice()))
        .filter(reconciliations::state.eq("running"));
    let count = diesel::update(running)
        .set((
            reconciliations::state.eq("done"),
            reconciliations::ended_at.eq(now.naive()),
            reconciliations::report.eq(report),
        ))
        .execute(tx.0)?;
    Ok(count == 1)
}

/// Gives a run up that cannot go on, so that another may begin at once.
pub fn give_up(tx: &mut LedgerTx<'_>, id: ReconciliationId, now: Moment) -> Result<(), StoreError> {
    let running = reconciliations::table
        .filter(reconciliations::id.eq(id.bytes().as_slice()))
        .filter(reconciliations::state.eq("running"));
    diesel::update(running)
        .set((reconciliations::state.eq("given_up"), reconciliations::ended_at.eq(now.naive())))
        .execute(tx.0)?;
    Ok(())
}

pub fn get(db: &mut Db, id: ReconciliationId) -> Result<Option<Reconciliation>, StoreError> {
    let row = reconciliations::table.find(id.bytes().as_slice()).select(Row::as_select());
    row.first::<Row>(db).optional()?.map(Row::read).transpose()
}

/// The run of that number of a month.
pub fn by_number(
    db: &mut Db,
    partner: &PartnerId,
    period: Period,
    number: i64,
) -> Result<Option<Reconciliation>, StoreError> {
    let row: Option<Row> = reconciliations::table
        .filter(reconciliations::partner_id.eq(partner.as_str()))
        .filter(reconciliations::period.eq(period.to_string()))
        .filter(reconciliations::number.eq(number))
        .select(Row::as_select())
        .first(db)
        .optional()?;
    row.map(Row::read).transpose()
}

/// The last run of a month that was done.
pub fn last_done(
    db: &mut Db,
    partner: &PartnerId,
    period: Period,
) -> Result<Option<Reconciliation>, StoreError> {
    let row: Option<Row> = reconciliations::table
        .filter(reconciliations::partner_id.eq(partner.as_str()))
        .filter(reconciliations::period.eq(period.to_string()))
        .filter(reconciliations::state.eq("done"))
        .order(reconciliations::number.desc())
        .select(Row::as_select())
        .first(db)
        .optional()?;
    row.map(Row::read).transpose()
}

impl Row {
    fn read(self) -> Result<Reconciliation, StoreError> {
        let ended = self.ended_at.map(types::moment);
        let state = match (self.state.as_str(), ended, self.report) {
            ("running", None, None) => RunState::Running,
            ("done", Some(at), Some(report)) => RunState::Done { at, report },
            ("given_up", Some(at), None) => RunState::GivenUp { at },
            _ => return Err(StoreError::Corrupt("reconciliations.state")),
        };
        Ok(Reconciliation {
            id: ReconciliationId::from_uuid(types::uuid(&self.id, "reconciliations.id")?),
            partner: types::partner(&self.partner_id)?,
            period: period(&self.period)?,
            number: self.number,
            started_by: text(self.started_by, "reconciliations.started_by")?,
            started_at: types::moment(self.started_at),
            state,
        })
    }
}
