//! Compares a partner's month with our books. A run may be repeated: matches that still hold stay,
//! those that do not are ended; a break is found again under its id with all that was said of it; and
//! what is no longer found is cleared.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono_tz::Tz;
use serde::Serialize;

use super::found::{EventRef, Finder, LineRef};
use super::item::{Item, ItemStanding};
use super::matching::{Matching, RULES_VERSION, compare};
use super::our_side::{self, OurRow};
use super::refusal::ReconcileRefusal;
use super::run_order::RunOrder;
use super::statement::{Statement, StatementLine, StatementState};
use super::subject::{RowIdentity, order_name};
use super::tally::{SideTally, TallyView, views};
use crate::clock::{self, Moment};
use crate::ids::{EventKey, ItemName, PartnerId, ReconciliationId, StaffId, StatementId};
use crate::store::matches::{ByRun, MatchedLine};
use crate::store::reconciliations::{Reconciliation, RunState};
use crate::store::{Db, LedgerTx, StoreError, matches, reconciliations, statements};

/// What came of a run, as it is kept.
#[derive(Debug, Serialize)]
struct RunReport {
    rules_version: i64,
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

/// Both sides as they are compared, and where each row is found again by its place.
struct Sides {
    theirs: Vec<Item>,
    ours: Vec<Item>,
    lines: Vec<LineRef>,
    events: Vec<EventRef>,
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
) -> Result<Reconciliation, ReconcileRefusal> {
    let RunOrder { partner, period, .. } = order;
    let all = statements::of_period(db, partner, *period)?;
    let current = newest(&all);
    if current.is_empty() {
        return Err(ReconcileRefusal::NoStatement { partner: partner.clone(), period: *period });
    }
    let now = clock::now();
    let begun = db.write(|tx| reconciliations::begin(tx, partner, *period, who, now))?;
    let begun = begun.ok_or(ReconcileRefusal::UnderWay)?;
    let mut run = Run { db, id: begun.id, number: begun.number, order };
    let done = run.compare_and_write(&all, &current);
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
        all: &[Statement],
        current: &[&Statement],
    ) -> Result<(Moment, String), ReconcileRefusal> {
        let Sides { theirs, ours, lines, events } = self.load(current)?;
        let matching = compare(theirs, ours);
        let finder = Finder { order: self.order, lines: &lines, events: &events };
        self.write_matches(all, current, &matching, finder)?;
        let written = self.write_breaks(&matching, finder)?;
        let report = RunReport {
            rules_version: RULES_VERSION,
            parts_missing: parts_missing(current),
            statements: current.iter().map(|it| used(it)).collect(),
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

    fn load(&mut self, current: &[&Statement]) -> Result<Sides, ReconcileRefusal> {
        let (mut theirs, mut lines) = (Vec::new(), Vec::new());
        let zone = self.order.zone;
        for statement in current {
            let mut after = 0;
            loop {
                let page = statements::lines_after(self.db, statement.id, after, ROWS_AT_ONCE)?;
                let Some(last) = page.last() else { break };
                after = last.number;
                for line in &page {
                    let item = their_item(lines.len(), &self.order.partner, line, zone);
                    let identity = RowIdentity::of(&item);
                    theirs.push(item);
                    let line = i64::try_from(line.number).unwrap_or(i64::MAX);
                    lines.push(LineRef { statement: statement.id, line, identity });
                }
            }
            self.still_mine()?;
        }
        let mut ours = self.load_ours()?;
        self.add_known_elsewhere(&theirs, &mut ours)?;
        let (ours, events) = ours.into_iter().unzip();
        Ok(Sides { theirs, ours, lines, events })
    }

    /// Our events of the month and of the days around it.
    fn load_ours(&mut self) -> Result<Vec<(Item, EventRef)>, ReconcileRefusal> {
        let month = self.order.period.span(self.order.zone);
        let (mut ours, mut after) = (Vec::new(), None);
        loop {
            let partner = &self.order.partner;
            let (page, end) = our_side::next_page(self.db, partner, month.around(), after)?;
            if end.is_none() {
                return Ok(ours);
            }
            after = end;
            for row in page {
                let inside = month.has(row.event.at);
                let standing = if inside { ItemStanding::Good } else { ItemStanding::Outside };
                ours.push(our_item(ours.len(), &row, standing, self.order.zone));
            }
        }
    }

    /// Events that lines name by id and that are not among those of the month: an id is one event for
    /// ever, whatever its day.
    fn add_known_elsewhere(
        &mut self,
        theirs: &[Item],
        ours: &mut Vec<(Item, EventRef)>,
    ) -> Result<(), ReconcileRefusal> {
        let mut unknown: BTreeSet<EventKey> = theirs.iter().filter_map(|it| it.event).collect();
        for (_item, event) in &*ours {
            unknown.remove(&event.key);
        }
        let unknown: Vec<EventKey> = unknown.into_iter().collect();
        for found in our_side::elsewhere(self.db, &unknown)? {
            let standing = match found.is_reversed {
                true => ItemStanding::Reversed,
                false => ItemStanding::Elsewhere,
            };
            ours.push(our_item(ours.len(), &found.row, standing, self.order.zone));
        }
        Ok(())
    }

    /// Fails when this run was given up for another.
    fn still_mine(&mut self) -> Result<(), ReconcileRefusal> {
        self.write(|_tx| Ok(()))
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
        all: &[Statement],
        current: &[&Statement],
        matching: &Matching,
        finder: Finder<'_>,
    ) -> Result<(), ReconcileRefusal> {
        let mut wanted: HashMap<(StatementId, i64), MatchedLine> =
            HashMap::with_capacity(matching.pairs.len());
        for matched in finder.matched(&matching.pairs) {
            wanted.insert((matched.statement, matched.line), matched);
        }
        let mut ended = Vec::new();
        for statement in all {
            let is_current = current.iter().any(|it| it.id == statement.id);
            let mut after = 0;
            loop {
                let page = matches::live(self.db, statement.id, after, ROWS_AT_ONCE)?;
                let Some(last) = page.last() else { break };
                after = last.line;
                for live in page {
                    let key = (live.statement, live.line);
                    let holds = is_current
                        && wanted
                            .get(&key)
                            .is_some_and(|it| it.event == live.event && it.rule == live.rule);
                    if holds {
                        wanted.remove(&key);
                    } else {
                        ended.push(key);
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
        let mut new: Vec<MatchedLine> = wanted.into_values().collect();
        new.sort_unstable();
        for part in new.chunks(WRITTEN_AT_ONCE) {
            self.write(|tx| matches::insert(tx, part, by))?;
        }
        Ok(())
    }
}

/// The newest version of each part that is ready, by part.
fn newest(all: &[Statement]) -> Vec<&Statement> {
    let mut newest = BTreeMap::new();
    for statement in all.iter().filter(|it| it.state == StatementState::Ready) {
        newest.insert(statement.part, statement);
    }
    newest.into_values().collect()
}

fn parts_missing(current: &[&Statement]) -> Vec<i64> {
    let last = current.iter().map(|it| it.part).max().unwrap_or(0);
    (1..last).filter(|part| !current.iter().any(|it| it.part == *part)).collect()
}

fn their_item(place: usize, partner: &PartnerId, line: &StatementLine, zone: Tz) -> Item {
    Item {
        place,
        kind: line.kind,
        event: line.event.as_ref().map(|id| EventKey::of(partner, id)),
        order: line.order.as_ref().map(|order| order_name(order.as_str())),
        value: line.value,
        at: line.at,
        day: line.at.day_in(zone),
        store: line.store.as_ref().map(|store| store_name(store.as_str())),
        standing: if line.is_void { ItemStanding::Void } else { ItemStanding::Good },
    }
}

/// The event at its place among ours.
fn our_item(place: usize, row: &OurRow, standing: ItemStanding, zone: Tz) -> (Item, EventRef) {
    let item = Item {
        place,
        kind: row.event.kind,
        event: Some(row.event.key),
        order: row.order.as_deref().map(order_name),
        value: row.value,
        at: row.event.at,
        day: row.event.at.day_in(zone),
        store: row.store.as_deref().map(store_name),
        standing,
    };
    (item, EventRef { key: row.event.key, identity: RowIdentity::of(&item) })
}

fn store_name(store: &str) -> ItemName {
    ItemName::of_name(&["store", store])
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
