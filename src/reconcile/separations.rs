//! People say that a line and an event that matched do not belong together: one proposes, another has the
//! match ended. The month is then compared again without the two, and what stands alone is a break.

use chrono_tz::Tz;

use super::our_side;
use super::period::Period;
use super::refusal::ReconcileRefusal;
use super::run;
use super::run_order::RunOrder;
use super::separation::{Separation, SeparationRefusal, SeparationState};
use crate::clock::Moment;
use crate::ids::{EventId, EventKey, PartnerId, SeparationId, StaffId, StatementId};
use crate::partner::Registry;
use crate::store::matches::{self, KeptMatch};
use crate::store::reconciliations::{self, Reconciliation, RunState};
use crate::store::{Db, LedgerTx, separations, settlements, statements};

/// What somebody proposes: the match of a line is wrong.
pub struct SeparationOrder {
    pub statement: StatementId,
    pub line: i64,
    pub reason: String,
}

/// By what a month is compared again.
pub struct ComparedBy<'a> {
    pub registry: &'a Registry,
    pub zone: Tz,
}

/// Whose match is asked for.
pub enum MatchAsked {
    Line { statement: StatementId, line: i64 },
    Event { partner: PartnerId, event: EventId },
}

/// A match, and by what it was made.
pub struct ExplainedMatch {
    pub found: KeptMatch,
    pub event: Option<EventId>,
    /// The report of the run that made it, as JSON.
    pub report: Option<String>,
}

type Done<T> = Result<T, ReconcileRefusal>;

/// Separations of one month.
const SEPARATIONS_MAX: i64 = 1_000;

/// What a line has matched, the newest first, or what matches an event now.
///
/// # Errors
/// The store's.
pub fn matches_of(db: &mut Db, asked: &MatchAsked) -> Done<Vec<ExplainedMatch>> {
    let found = match asked {
        MatchAsked::Line { statement, line } => matches::of_line(db, *statement, *line)?,
        MatchAsked::Event { partner, event } => {
            matches::of_event(db, EventKey::of(partner, event))?.into_iter().collect()
        }
    };
    found.into_iter().map(|found| explained(db, found)).collect()
}

fn explained(db: &mut Db, found: KeptMatch) -> Done<ExplainedMatch> {
    let keys: Vec<EventKey> = found.event.into_iter().collect();
    let event = our_side::of_keys(db, &keys)?.into_values().next().map(|row| row.event.id);
    let statement = statements::get(db, found.statement)?.ok_or(ReconcileRefusal::Gone)?;
    let (partner, period) = (&statement.partner, statement.period);
    let run = reconciliations::by_number(db, partner, period, found.made_by)?;
    let report = run.and_then(|run| match run.state {
        RunState::Done { report, .. } => Some(report),
        RunState::Running | RunState::GivenUp { .. } => None,
    });
    Ok(ExplainedMatch { found, event, report })
}

/// Proposes that the match of a line is ended for good.
///
/// # Errors
/// [`ReconcileRefusal::Separation`], [`ReconcileRefusal::MonthClosed`].
pub fn propose(
    who: &StaffId,
    db: &mut Db,
    order: SeparationOrder,
    now: Moment,
) -> Done<Separation> {
    let SeparationOrder { statement, line, reason } = order;
    db.write(|tx| {
        let (found, event_key) = live(tx, statement, line)?;
        let statement = statements::get(tx.db(), statement)?.ok_or(ReconcileRefusal::Gone)?;
        let lines = statements::lines_of(tx.db(), statement.id, &[line])?;
        let content = lines.first().ok_or(ReconcileRefusal::Gone)?.content();
        let rows = our_side::of_keys(tx.db(), &[event_key])?;
        let event = rows.into_values().next().ok_or(ReconcileRefusal::Gone)?.event.id;
        let (partner, period) = (statement.partner, statement.period);
        refuse_closed(tx, &partner, period)?;
        if separations::count(tx.db(), &partner, period)? >= SEPARATIONS_MAX {
            return Err(SeparationRefusal::Many.into());
        }
        let separation = Separation {
            id: SeparationId::random(),
            partner,
            period,
            statement: statement.id,
            line,
            made_by: found.made_by,
            content,
            event_key,
            event,
            reason,
            proposed_by: who.clone(),
            proposed_at: now,
            state: SeparationState::Proposed,
        };
        if !separations::insert(tx, &separation)? {
            return Err(SeparationRefusal::Waiting.into());
        }
        Ok(separation)
    })
}

/// Another person has the match ended, and the month compared again.
///
/// # Errors
/// [`ReconcileRefusal::Separation`], and [`ReconcileRefusal::UnderWay`] while the month is compared.
pub fn approve(
    who: &StaffId,
    db: &mut Db,
    id: SeparationId,
    by: &ComparedBy<'_>,
    now: Moment,
) -> Done<Reconciliation> {
    let found = waiting(who, db, id)?;
    let (partner, period) = (found.partner.clone(), found.period);
    let manifest = by.registry.get(&partner);
    let map = manifest.as_ref().and_then(|manifest| manifest.statement.as_ref());
    let rules = map.map(|map| map.matching.clone()).unwrap_or_default();
    let order = RunOrder { partner, period, zone: by.zone };
    let begun = db.write(|tx| {
        refuse_closed(tx, &order.partner, period)?;
        let begun = reconciliations::begin(tx, &order.partner, period, who, now)?;
        let begun = begun.ok_or(ReconcileRefusal::UnderWay)?;
        let (kept, event) = live(tx, found.statement, found.line)?;
        if kept.made_by != found.made_by || event != found.event_key {
            return Err(SeparationRefusal::NotMatched.into());
        }
        let state = SeparationState::Approved { by: who.clone(), at: now, run: begun.id };
        if !separations::decide(tx, id, &state)? {
            return Err(SeparationRefusal::Decided.into());
        }
        matches::end_one(tx, found.statement, found.line, begun.number)?;
        Ok::<_, ReconcileRefusal>(begun)
    })?;
    run::go_on(db, begun, &order, &rules)
}

/// What two people closed stands as it was.
fn refuse_closed(tx: &mut LedgerTx<'_>, partner: &PartnerId, period: Period) -> Done<()> {
    let closed = settlements::last_closed(tx.db(), partner, None)?;
    match closed.is_some_and(|closed| closed.period >= period) {
        true => Err(ReconcileRefusal::MonthClosed),
        false => Ok(()),
    }
}

/// The match stays.
///
/// # Errors
/// [`ReconcileRefusal::Separation`].
pub fn reject(
    who: &StaffId,
    db: &mut Db,
    id: SeparationId,
    because: String,
    now: Moment,
) -> Done<Separation> {
    waiting(who, db, id)?;
    let state = SeparationState::Rejected { by: who.clone(), because, at: now };
    if !db.write(|tx| separations::decide(tx, id, &state))? {
        return Err(SeparationRefusal::Decided.into());
    }
    read(db, id)
}

/// # Errors
/// [`ReconcileRefusal::Separation`].
pub fn read(db: &mut Db, id: SeparationId) -> Done<Separation> {
    separations::get(db, id)?.ok_or(SeparationRefusal::Unknown.into())
}

/// One that the person may decide on.
fn waiting(who: &StaffId, db: &mut Db, id: SeparationId) -> Done<Separation> {
    let found = read(db, id)?;
    if found.state != SeparationState::Proposed {
        return Err(SeparationRefusal::Decided.into());
    }
    if found.proposed_by.is_same_person(who) {
        return Err(SeparationRefusal::FourEyes.into());
    }
    Ok(found)
}

/// The live match of a line with an event.
fn live(
    tx: &mut LedgerTx<'_>,
    statement: StatementId,
    line: i64,
) -> Result<(KeptMatch, EventKey), ReconcileRefusal> {
    let newest = matches::of_line(tx.db(), statement, line)?.into_iter();
    let mut live = newest.filter(|found| found.ended_by.is_none());
    let found = live.next().ok_or(SeparationRefusal::NotMatched)?;
    let event = found.event.ok_or(SeparationRefusal::NotMatched)?;
    Ok((found, event))
}
