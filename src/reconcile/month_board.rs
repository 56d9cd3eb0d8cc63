//! Where the settlement of a partner's month stands, on one sheet: what came in, what was compared, what
//! is open, whether it is closed, and what became of its payout.

use serde::Deserialize;

use super::break_code::BreakCode;
use super::payouts::{self, PayoutHistory};
use super::period::Period;
use super::proposal::BreakState;
use super::refusal::ReconcileRefusal;
use super::run_order::RunOrder;
use super::statement::Statement;
use super::statement_lines::KeptStatement;
use crate::clock::Moment;
use crate::ids::{PartnerId, StaffId};
use crate::ledger::chain::Hash;
use crate::store::reconciliations::RunState;
use crate::store::settlements::{Settlement, SettlementState};
use crate::store::{Db, reconciliations, settlements, statements};

/// The sheet of a month.
pub struct MonthBoard {
    pub period: Period,
    pub is_over: bool,
    /// The newest version of each part that is ready.
    pub files: Vec<Statement>,
    pub last_run: Option<LastRun>,
    /// Breaks on which nobody has decided.
    pub undecided: Vec<UndecidedBreaks>,
    /// The month that must be closed before this one, if another must.
    pub before: Option<Period>,
    pub close: Option<MonthClose>,
    pub payout: Option<PayoutHistory>,
}

/// Breaks of one state and code.
pub struct UndecidedBreaks {
    pub state: BreakState,
    pub code: BreakCode,
    pub count: i64,
}

/// The last run over a month that came to its end.
pub struct LastRun {
    pub by: StaffId,
    pub at: Moment,
    pub lines: u64,
    pub matched: u64,
}

/// The close of a month: the one that counts, else the newest proposal.
pub struct MonthClose {
    pub number: i64,
    pub state: CloseState,
    pub proposed_by: StaffId,
    pub proposed_at: Moment,
    pub sha256: Hash,
    pub statement: KeptStatement,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseState {
    Proposed,
    Closed { by: StaffId, at: Moment },
    Rejected { by: StaffId, at: Moment },
}

/// The months of a partner.
pub struct PartnerMonths {
    /// The month that is closed next; with no close before, the last one that is over.
    pub next: Period,
    /// How its close stands.
    pub waiting: Option<MonthClose>,
    pub closed: Vec<ClosedMonth>,
}

/// A month that is closed.
pub struct ClosedMonth {
    pub period: Period,
    pub close: MonthClose,
    pub payout: Option<PayoutHistory>,
}

/// Closed months that are listed.
const CLOSED_MAX: i64 = 12;

#[derive(Deserialize)]
struct KeptReport {
    statements: Vec<KeptStatementLines>,
    matched: u64,
}

#[derive(Deserialize)]
struct KeptStatementLines {
    lines: u64,
}

type Done<T> = Result<T, ReconcileRefusal>;

/// The sheet of a month.
///
/// # Errors
/// The store's.
pub fn read(db: &mut Db, order: &RunOrder, now: Moment) -> Done<MonthBoard> {
    let RunOrder { partner, period, zone } = order;
    let files = statements::newest(db, partner, *period)?;
    let run = reconciliations::last_done(db, partner, *period)?;
    let last_run = match run {
        Some(run) => match run.state {
            RunState::Done { at, report } => {
                let report: KeptReport = serde_json::from_str(&report)?;
                let lines =
                    report.statements.iter().fold(0_u64, |sum, it| sum.saturating_add(it.lines));
                Some(LastRun { by: run.started_by, at, lines, matched: report.matched })
            }
            RunState::Running | RunState::GivenUp { .. } => None,
        },
        None => None,
    };
    let last_closed = settlements::last_closed(db, partner, None)?;
    let next = last_closed.map(|closed| closed.period.next());
    Ok(MonthBoard {
        period: *period,
        is_over: period.span(*zone).until <= now,
        files,
        last_run,
        undecided: undecided(db, partner, *period)?,
        before: next.filter(|next| next < period),
        close: close_of(db, partner, *period)?,
        payout: payouts::history(db, partner, *period)?,
    })
}

/// The months of a partner, the newest that is closed first.
///
/// # Errors
/// The store's.
pub fn months(db: &mut Db, partner: &PartnerId, last_over: Period) -> Done<PartnerMonths> {
    let mut closed = Vec::new();
    for settlement in settlements::closed_page(db, partner, None, CLOSED_MAX)? {
        let period = settlement.period;
        let payout = payouts::history(db, partner, period)?;
        closed.push(ClosedMonth { period, close: MonthClose::of(settlement)?, payout });
    }
    let next = closed.first().map_or(last_over, |closed: &ClosedMonth| closed.period.next());
    Ok(PartnerMonths { next, waiting: close_of(db, partner, next)?, closed })
}

fn undecided(db: &mut Db, partner: &PartnerId, period: Period) -> Done<Vec<UndecidedBreaks>> {
    let found = settlements::undecided_breaks(db, partner, period)?;
    let found =
        found.into_iter().map(|(state, code, count)| UndecidedBreaks { state, code, count });
    Ok(found.collect())
}

fn close_of(db: &mut Db, partner: &PartnerId, period: Period) -> Done<Option<MonthClose>> {
    let closed = settlements::closed(db, partner, period)?;
    let kept = match closed {
        Some(closed) => Some(closed),
        None => settlements::newest(db, partner, period)?,
    };
    kept.map(MonthClose::of).transpose()
}

impl MonthClose {
    fn of(settlement: Settlement) -> Done<Self> {
        Ok(Self {
            number: settlement.number,
            state: match settlement.state {
                SettlementState::Proposed => CloseState::Proposed,
                SettlementState::Closed { by, at } => CloseState::Closed { by, at },
                SettlementState::Rejected { by, at } => CloseState::Rejected { by, at },
            },
            proposed_by: settlement.proposed_by,
            proposed_at: settlement.proposed_at,
            sha256: Hash(settlement.sha256),
            statement: serde_json::from_str(&settlement.content)?,
        })
    }
}
