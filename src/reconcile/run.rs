//! Compares a partner's month with our books. A run may be repeated: matches that still hold stay,
//! those that do not are ended; a break is found again under its id with all that was said of it; and
//! what is no longer found is cleared.

use std::collections::{BTreeMap, HashMap};

use chrono::TimeDelta;
use chrono_tz::Tz;
use serde::Serialize;

use super::found::{Finder, LineRef};
use super::item::{Item, ItemStanding};
use super::matching::{Matching, RULES_VERSION, compare};
use super::our_side;
use super::period::PeriodSpan;
use super::proposal::BreakState;
use super::refusal::ReconcileRefusal;
use super::run_order::RunOrder;
use super::statement::{Statement, StatementLine, StatementState};
use super::tally::{SideTally, TallyView, views};
use crate::clock;
use crate::ids::{BreakId, EventKey, ItemName, PartnerId, ReconciliationId, StaffId, StatementId};
use crate::store::matches::{ByRun, MatchedLine};
use crate::store::reconciliations::{Reconciliation, RunState};
use crate::store::{Db, LedgerTx, StoreError, breaks, matches, reconciliations, statements};

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
    events: Vec<EventKey>,
}

/// An open run, which writes in small transactions.
struct Run<'a> {
    db: &'a mut Db,
    id: ReconciliationId,
    number: i64,
    order: &'a RunOrder,
}

const ROWS_AT_ONCE: i64 = 10_000;
/// Rows that are written in one transaction. Others write between them.
const WRITTEN_AT_ONCE: usize = 2_000;
/// So far around the month our events are looked at for what the partner counts otherwise.
const MARGIN: TimeDelta = TimeDelta::days(3);

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
    let Sides { theirs, ours, lines, events } = run.load(&current)?;
    let matching = compare(theirs, ours);
    run.write_matches(&all, &current, &matching, &Finder::new(&lines, &events))?;
    let (found, cleared) = run.write_breaks(&matching, &lines, &events)?;
    let mut codes = BTreeMap::new();
    for difference in &matching.differences {
        let count: &mut usize = codes.entry(difference.code.name()).or_default();
        *count = count.saturating_add(1);
    }
    let report = RunReport {
        rules_version: RULES_VERSION,
        parts_missing: parts_missing(&current),
        statements: current.iter().map(|it| used(it)).collect(),
        theirs: side(&matching.theirs),
        ours: side(&matching.ours),
        matched: matching.pairs.len(),
        breaks: codes,
        breaks_new: found,
        breaks_cleared: cleared,
    };
    let report = serde_json::to_string(&report)?;
    let at = clock::now();
    let id = run.id;
    if !run.db.write(|tx| reconciliations::finish(tx, id, &report, at))? {
        return Err(ReconcileRefusal::UnderWay);
    }
    Ok(Reconciliation { state: RunState::Done { at, report }, ..begun })
}

impl Run<'_> {
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
                    theirs.push(their_item(lines.len(), &self.order.partner, line, zone));
                    lines.push(LineRef {
                        statement: statement.id,
                        line: i64::try_from(line.number).unwrap_or(i64::MAX),
                        content: line.content(),
                    });
                }
            }
            self.still_mine()?;
        }
        let (ours, events) = self.load_ours()?;
        Ok(Sides { theirs, ours, lines, events })
    }

    fn load_ours(&mut self) -> Result<(Vec<Item>, Vec<EventKey>), ReconcileRefusal> {
        let month = self.order.period.span(self.order.zone);
        let around = PeriodSpan { from: month.from.minus(MARGIN), until: month.until.plus(MARGIN) };
        let (mut ours, mut events, mut after) = (Vec::new(), Vec::new(), None);
        loop {
            let (page, end) = our_side::next_page(self.db, &self.order.partner, around, after)?;
            if end.is_none() {
                return Ok((ours, events));
            }
            after = end;
            for row in page {
                let inside = month.has(row.event.at);
                let standing = if inside { ItemStanding::Good } else { ItemStanding::Outside };
                ours.push(Item {
                    place: events.len(),
                    kind: row.event.kind,
                    event: Some(row.event.key),
                    order: row.order.as_deref().map(order_name),
                    value: row.value,
                    at: row.event.at,
                    day: row.event.at.day_in(self.order.zone),
                    store: row.store.as_deref().map(store_name),
                    standing,
                });
                events.push(row.event.key);
            }
        }
    }

    /// Fails when this run was given up for another.
    fn still_mine(&mut self) -> Result<(), ReconcileRefusal> {
        self.write(|_tx| Ok(()))
    }

    fn write(
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
        finder: &Finder<'_>,
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

    /// Adds breaks that are new, and clears those that are no more. Returns how many of each.
    fn write_breaks(
        &mut self,
        matching: &Matching,
        lines: &[LineRef],
        events: &[EventKey],
    ) -> Result<(usize, usize), ReconcileRefusal> {
        let mut known = self.known_breaks()?;
        let finder = Finder::new(lines, events).counting();
        let (mut new, now) = (0_usize, clock::now());
        for part in matching.differences.chunks(WRITTEN_AT_ONCE) {
            let found = finder.breaks(self.db, part, self.order, now)?;
            let (mut added, mut reopened, mut moved) = (Vec::new(), Vec::new(), Vec::new());
            for record in found {
                match known.remove(&record.id) {
                    None => added.push(record),
                    Some(before) => {
                        if before.state == BreakState::Cleared {
                            reopened.push(record.id);
                        }
                        if before.facts != record.facts {
                            moved.push((record.id, record.facts));
                        }
                    }
                }
            }
            new = new.saturating_add(added.len()).saturating_add(reopened.len());
            self.write(|tx| {
                breaks::insert(tx, &added)?;
                breaks::set_state(tx, &reopened, BreakState::Open, now)?;
                moved.iter().try_for_each(|(id, facts)| breaks::set_facts(tx, *id, facts))
            })?;
        }
        let gone = known.into_iter().filter(|(_id, it)| may_clear(it.state));
        let mut gone: Vec<BreakId> = gone.map(|(id, _known)| id).collect();
        gone.sort_unstable();
        for part in gone.chunks(WRITTEN_AT_ONCE) {
            self.write(|tx| breaks::set_state(tx, part, BreakState::Cleared, now))?;
        }
        Ok((new, gone.len()))
    }

    fn known_breaks(&mut self) -> Result<HashMap<BreakId, breaks::KnownBreak>, ReconcileRefusal> {
        let (mut known, mut after) = (HashMap::new(), None);
        let (partner, period) = (&self.order.partner, self.order.period);
        loop {
            let page = breaks::of_period(self.db, partner, period, after, ROWS_AT_ONCE)?;
            let Some(last) = page.last() else { return Ok(known) };
            after = Some(last.id);
            known.extend(page.into_iter().map(|found| (found.id, found)));
        }
    }
}

/// What nobody has decided on may end by itself.
const fn may_clear(state: BreakState) -> bool {
    match state {
        BreakState::Open | BreakState::Proposed | BreakState::AwaitingPartner => true,
        BreakState::Accepted
        | BreakState::Adjusted
        | BreakState::WrittenOff
        | BreakState::Cleared => false,
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

fn order_name(order: &str) -> ItemName {
    ItemName::of_name(&["order", order])
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
