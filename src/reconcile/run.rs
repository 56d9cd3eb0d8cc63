//! Compares a partner's month with our books. A run may be repeated: matches that still hold stay,
//! those that do not are ended; a break is found again under its id with all that was said of it; and
//! what is no longer found is cleared.

use std::collections::BTreeMap;

use serde::Serialize;

use super::found::Finder;
use super::matching::{Matching, RULES_VERSION, compare};
use super::refusal::ReconcileRefusal;
use super::run_order::RunOrder;
use super::sides;
use super::statement::Statement;
use super::tally::{SideTally, TallyView, views};
use crate::clock::{self, Moment};
use crate::ids::{ReconciliationId, StaffId, StatementId};
use crate::money::{Amount, Asset};
use crate::partner::matching::MatchingRules;
use crate::store::matches::{ByRun, MatchedLine};
use crate::store::reconciliations::{Reconciliation, RunState};
use crate::store::{Db, LedgerTx, StoreError, matches, reconciliations, statements};

/// What came of a run, as it is kept.
#[derive(Debug, Serialize)]
struct RunReport<'a> {
    rules_version: i64,
    rules: &'a MatchingRules,
    /// What matches by tolerance are apart, all together, in CNY.
    tolerated: String,
    /// Rows for which the search for sums gave up.
    sums_given_up: u64,
    statements: Vec<UsedStatement>,
    /// Parts between the first and the last that never came.
    parts_missing: Vec<i64>,
    theirs: SideView,
    ours: SideView,
    matched: usize,
    breaks: BTreeMap<&'static str, usize>,
    breaks_new: usize,
    breaks_cleared: usize,
    /// Breaks that people have decided on and that are not found as they were.
    decided_no_longer_found: usize,
}

#[derive(Debug, Serialize)]
struct UsedStatement {
    statement: StatementId,
    part: i64,
    version: i64,
    lines: i64,
}

#[derive(Debug, Serialize)]
struct SideView {
    all: Vec<TallyView>,
    matched: Vec<TallyView>,
    in_breaks: Vec<TallyView>,
}

/// An open run, which writes in small transactions.
pub(super) struct Run<'a> {
    pub(super) db: &'a mut Db,
    pub(super) id: ReconciliationId,
    pub(super) number: i64,
    pub(super) order: &'a RunOrder,
}

pub(super) const ROWS_AT_ONCE: i64 = 10_000;
/// Rows that are written in one transaction. Others write between them.
pub(super) const WRITTEN_AT_ONCE: usize = 2_000;

/// Compares, and waits until all of it is written.
///
/// # Errors
/// [`ReconcileRefusal::NoStatement`], [`ReconcileRefusal::UnderWay`].
pub fn run(
    who: &StaffId,
    db: &mut Db,
    order: &RunOrder,
    rules: &MatchingRules,
) -> Result<Reconciliation, ReconcileRefusal> {
    let RunOrder { partner, period, .. } = order;
    if !statements::is_there(db, partner, *period)? {
        return Err(ReconcileRefusal::NoStatement { partner: partner.clone(), period: *period });
    }
    let now = clock::now();
    let begun = db.write(|tx| reconciliations::begin(tx, partner, *period, who, now))?;
    go_on(db, begun.ok_or(ReconcileRefusal::UnderWay)?, order, rules)
}

/// Compares within a run that has begun.
///
/// # Errors
/// [`ReconcileRefusal::UnderWay`], where another run has taken its place.
pub(super) fn go_on(
    db: &mut Db,
    begun: Reconciliation,
    order: &RunOrder,
    rules: &MatchingRules,
) -> Result<Reconciliation, ReconcileRefusal> {
    let mut run = Run { db, id: begun.id, number: begun.number, order };
    let done = run.compare_and_write(rules);
    if done.is_err() {
        run.give_up();
    }
    let (at, report) = done?;
    Ok(Reconciliation { state: RunState::Done { at, report }, ..begun })
}

impl Run<'_> {
    /// Returns when it was done, and the report as JSON.
    fn compare_and_write(
        &mut self,
        rules: &MatchingRules,
    ) -> Result<(Moment, String), ReconcileRefusal> {
        let id = self.id;
        let current = &statements::newest(self.db, &self.order.partner, self.order.period)?;
        let mut keep_alive = |db: &mut Db| renew(db, id);
        let loaded = sides::load(self.db, self.order, current, &mut keep_alive)?;
        let matching = compare(rules, &loaded.theirs, &loaded.ours, &loaded.apart);
        let finder = loaded.finder(self.order);
        self.write_matches(current, &matching, finder)?;
        let written = self.write_breaks(&matching, finder)?;
        let report = RunReport {
            rules_version: RULES_VERSION,
            rules,
            tolerated: fen(matching.tolerated),
            sums_given_up: matching.sums_given_up,
            parts_missing: parts_missing(current),
            statements: current.iter().map(used).collect(),
            theirs: side(&matching.theirs),
            ours: side(&matching.ours),
            matched: matching.pairs.len(),
            breaks: written.codes,
            breaks_new: written.new,
            breaks_cleared: written.cleared,
            decided_no_longer_found: written.decided_gone,
        };
        let report = serde_json::to_string(&report)?;
        let (id, at) = (self.id, clock::now());
        if !self.db.write(|tx| reconciliations::finish(tx, id, &report, at))? {
            return Err(ReconcileRefusal::UnderWay);
        }
        Ok((at, report))
    }

    /// The month is free for another run at once. If even this fails, the lease ends it.
    fn give_up(&mut self) {
        let (id, now) = (self.id, clock::now());
        if let Err(error) = self.db.write(|tx| reconciliations::give_up(tx, id, now)) {
            tracing::warn!(%error, run = %id, "a failed run waits for the end of its lease");
        }
    }

    pub(super) fn write(
        &mut self,
        work: impl FnOnce(&mut LedgerTx<'_>) -> Result<(), StoreError>,
    ) -> Result<(), ReconcileRefusal> {
        let (id, now) = (self.id, clock::now());
        self.db.write(|tx| {
            if !reconciliations::renew(tx, id, now)? {
                return Err(ReconcileRefusal::UnderWay);
            }
            Ok(work(tx)?)
        })
    }

    /// Ends matches that no longer hold, then adds the new ones.
    fn write_matches(
        &mut self,
        current: &[Statement],
        matching: &Matching,
        finder: Finder<'_>,
    ) -> Result<(), ReconcileRefusal> {
        let mut wanted: Vec<MatchedLine> = finder.matched(&matching.pairs).collect();
        wanted.sort_unstable();
        let mut holding = vec![false; wanted.len()];
        let mut ended = Vec::new();
        let (partner, period) = (&self.order.partner, self.order.period);
        for statement in statements::with_matches(self.db, partner, period)? {
            let is_current = current.iter().any(|it| it.id == statement);
            let mut after = 0;
            loop {
                let page = matches::live(self.db, statement, after, ROWS_AT_ONCE)?;
                let Some(last) = page.last() else { break };
                after = last.line;
                for live in page {
                    let key = (live.statement, live.line);
                    let place = wanted.binary_search_by_key(&key, |it| (it.statement, it.line));
                    let same = place.ok().filter(|place| {
                        let wanted = wanted.get(*place);
                        wanted.is_some_and(|it| it.event == live.event && it.rule == live.rule)
                    });
                    match same.filter(|_place| is_current).and_then(|it| holding.get_mut(it)) {
                        Some(holds) => *holds = true,
                        None => ended.push(key),
                    }
                }
            }
        }
        let order = self.order;
        let by = ByRun {
            partner: &order.partner,
            period: order.period,
            number: self.number,
            rule_version: RULES_VERSION,
        };
        for part in ended.chunks(WRITTEN_AT_ONCE) {
            self.write(|tx| matches::end(tx, part, by))?;
        }
        let mut holding = holding.into_iter();
        wanted.retain(|_new| !holding.next().unwrap_or(false));
        for part in wanted.chunks(WRITTEN_AT_ONCE) {
            self.write(|tx| matches::insert(tx, part, by))?;
        }
        Ok(())
    }
}

/// Fails when the run was given up for another.
fn renew(db: &mut Db, id: ReconciliationId) -> Result<(), ReconcileRefusal> {
    let now = clock::now();
    match db.write(|tx| reconciliations::renew(tx, id, now))? {
        true => Ok(()),
        false => Err(ReconcileRefusal::UnderWay),
    }
}

fn parts_missing(current: &[Statement]) -> Vec<i64> {
    let last = current.iter().map(|it| it.part).max().unwrap_or(0);
    (1..last).filter(|part| !current.iter().any(|it| it.part == *part)).collect()
}

fn fen(minor: u64) -> String {
    Amount::from_minor(i64::try_from(minor).unwrap_or(i64::MAX), Asset::CNY).to_string()
}

fn used(statement: &Statement) -> UsedStatement {
    UsedStatement {
        statement: statement.id,
        part: statement.part,
        version: statement.version,
        lines: statement.lines,
    }
}

fn side(tally: &SideTally) -> SideView {
    SideView {
        all: views(&tally.all),
        matched: views(&tally.matched),
        in_breaks: views(&tally.broken),
    }
}
