//! Turns places of rows back into lines and events, and what differs into breaks.

use std::collections::{BTreeMap, HashMap};

use chrono::{NaiveDate, TimeDelta};

use super::break_code::BreakSums;
use super::break_record::{Break, BreakFacts, FactRow};
use super::item::{ItemKind, ItemValue};
use super::matching::{Difference, Pair};
use super::our_side::{self, OurRow};
use super::proposal::BreakState;
use super::refusal::ReconcileRefusal;
use super::run_order::RunOrder;
use super::statement::StatementLine;
use crate::clock::Moment;
use crate::ids::{BreakId, EventKey, ItemName, StatementId, hex};
use crate::store::matches::MatchedLine;
use crate::store::{Db, StoreError, statements};

/// Where a line stands, and the hash of what it says.
pub struct LineRef {
    pub statement: StatementId,
    pub line: i64,
    pub content: ItemName,
}

/// The rows of a run by their places.
pub struct Finder<'a> {
    lines: &'a [LineRef],
    events: &'a [EventKey],
    /// How many lines before a line say the same.
    repeats: Vec<u32>,
}

/// So many rows of each side are listed with a break.
const LISTED_MAX: usize = 20;

type Lines = HashMap<(StatementId, i64), StatementLine>;

impl<'a> Finder<'a> {
    pub const fn new(lines: &'a [LineRef], events: &'a [EventKey]) -> Self {
        Self { lines, events, repeats: Vec::new() }
    }

    /// Counts lines that say the same, so that each of them has an id of its own.
    pub fn counting(mut self) -> Self {
        let mut places: Vec<usize> = (0..self.lines.len()).collect();
        places.sort_by_key(|place| self.lines.get(*place).map(|line| line.content));
        self.repeats = vec![0; self.lines.len()];
        let (mut before, mut count) = (None, 0_u32);
        for place in places {
            let content = self.lines.get(place).map(|line| line.content);
            count = if content == before { count.saturating_add(1) } else { 0 };
            before = content;
            if let Some(repeat) = self.repeats.get_mut(place) {
                *repeat = count;
            }
        }
        self
    }

    /// The matches of these pairs.
    pub fn matched(&self, pairs: &[Pair]) -> impl Iterator<Item = MatchedLine> {
        pairs.iter().filter_map(|pair| {
            let line = self.lines.get(pair.theirs)?;
            let event = pair.ours.and_then(|place| self.events.get(place).copied());
            let rule = pair.rule.name();
            Some(MatchedLine { statement: line.statement, line: line.line, event, rule })
        })
    }

    /// The breaks of these differences.
    pub fn breaks(
        &self,
        db: &mut Db,
        differences: &[Difference],
        order: &RunOrder,
        now: Moment,
    ) -> Result<Vec<Break>, ReconcileRefusal> {
        let lines = self.their_rows(db, differences)?;
        let keys: Vec<EventKey> = differences
            .iter()
            .flat_map(|it| it.ours.iter().chain(self.our_twin(it)))
            .filter_map(|place| self.events.get(*place).copied())
            .collect();
        let ours = our_side::of_keys(db, &keys)?;
        let build = |it| self.break_of(it, &Rows { lines: &lines, ours: &ours }, order, now);
        differences.iter().map(build).collect()
    }

    fn their_twin<'d>(&self, difference: &'d Difference) -> Option<&'d usize> {
        difference.twin.as_ref().filter(|_twin| !difference.theirs.is_empty())
    }

    fn our_twin<'d>(&self, difference: &'d Difference) -> Option<&'d usize> {
        difference.twin.as_ref().filter(|_twin| difference.theirs.is_empty())
    }

    fn their_rows(&self, db: &mut Db, differences: &[Difference]) -> Result<Lines, StoreError> {
        let mut wanted: BTreeMap<StatementId, Vec<i64>> = BTreeMap::new();
        for difference in differences {
            for place in difference.theirs.iter().chain(self.their_twin(difference)) {
                let Some(line) = self.lines.get(*place) else { continue };
                wanted.entry(line.statement).or_default().push(line.line);
            }
        }
        let mut found = Lines::new();
        for (statement, numbers) in wanted {
            for part in numbers.chunks(10_000) {
                for line in statements::lines_of(db, statement, part)? {
                    let number = i64::try_from(line.number).unwrap_or(i64::MAX);
                    found.insert((statement, number), line);
                }
            }
        }
        Ok(found)
    }

    fn break_of(
        &self,
        difference: &Difference,
        rows: &Rows<'_>,
        order: &RunOrder,
        now: Moment,
    ) -> Result<Break, ReconcileRefusal> {
        let theirs = self.their_side(&difference.theirs, rows)?;
        let ours = self.our_side(&difference.ours, rows)?;
        let twin = match (self.their_twin(difference), self.our_twin(difference)) {
            (Some(place), _) => self.their_side(&[*place], rows)?.facts.pop(),
            (None, Some(place)) => self.our_side(&[*place], rows)?.facts.pop(),
            (None, None) => None,
        };
        let first = theirs.first.into_iter().chain(ours.first).min_by_key(|first| first.at);
        let first = first.ok_or(ReconcileRefusal::Gone)?;
        let day = |at: Moment| at.day_in(order.zone);
        let facts = BreakFacts {
            more: theirs.more.saturating_add(ours.more),
            theirs: theirs.facts,
            ours: ours.facts,
            twin,
        };
        Ok(Break {
            id: self.id_of(difference, order),
            partner: order.partner.clone(),
            period: order.period,
            code: difference.code,
            kind: first.kind,
            sums: BreakSums { theirs: theirs.sum, ours: ours.sum },
            business_day: day(first.at),
            facts: serde_json::to_string(&facts)?,
            opened_at: now,
            due_on: due(day(now), difference.code.due_days()),
            state: BreakState::Open,
            asked_at: None,
            closed_at: None,
        })
    }

    /// The hash of what differs: not of where the lines stand, which a newer version changes.
    fn id_of(&self, difference: &Difference, order: &RunOrder) -> BreakId {
        let line = |place: &usize| {
            let content = self.lines.get(*place).map(|line| hex(line.content.bytes()));
            let repeat = self.repeats.get(*place).copied().unwrap_or(0);
            format!("{}#{repeat}", content.unwrap_or_default())
        };
        let event = |place: &usize| self.events.get(*place).map(|key| hex(key.bytes()));
        let mut theirs: Vec<String> = difference.theirs.iter().map(line).collect();
        let mut ours: Vec<String> = difference.ours.iter().filter_map(event).collect();
        theirs.sort_unstable();
        ours.sort_unstable();
        let (partner, period) = (order.partner.as_str(), order.period.to_string());
        let (theirs, ours) = (theirs.join(" "), ours.join(" "));
        BreakId::of_name(&[partner, &period, difference.code.name(), &theirs, &ours])
    }

    fn their_side(&self, places: &[usize], rows: &Rows<'_>) -> Result<SideOf, ReconcileRefusal> {
        let mut side = SideOf::default();
        for place in places {
            let at = self.lines.get(*place).ok_or(ReconcileRefusal::Gone)?;
            let line = rows.lines.get(&(at.statement, at.line)).ok_or(ReconcileRefusal::Gone)?;
            let first = FirstRow { kind: line.kind, at: line.at };
            side.add(line.value, first, || their_fact(at.statement, line));
        }
        Ok(side)
    }

    fn our_side(&self, places: &[usize], rows: &Rows<'_>) -> Result<SideOf, ReconcileRefusal> {
        let mut side = SideOf::default();
        for place in places {
            let key = self.events.get(*place).ok_or(ReconcileRefusal::Gone)?;
            let row = rows.ours.get(key).ok_or(ReconcileRefusal::Gone)?;
            let first = FirstRow { kind: row.event.kind, at: row.event.at };
            side.add(row.value, first, || row.fact());
        }
        Ok(side)
    }
}

struct Rows<'a> {
    lines: &'a Lines,
    ours: &'a HashMap<EventKey, OurRow>,
}

#[derive(Clone, Copy)]
struct FirstRow {
    kind: ItemKind,
    at: Moment,
}

/// The rows of one side of a break.
#[derive(Default)]
struct SideOf {
    sum: Option<ItemValue>,
    first: Option<FirstRow>,
    facts: Vec<FactRow>,
    more: u64,
}

impl SideOf {
    fn add(&mut self, value: ItemValue, row: FirstRow, fact: impl FnOnce() -> FactRow) {
        let sum = self.sum.unwrap_or(ItemValue { minor: 0, ..value });
        self.sum = Some(ItemValue { minor: sum.minor.saturating_add(value.minor), ..sum });
        self.first = match self.first {
            Some(first) if first.at <= row.at => Some(first),
            Some(_) | None => Some(row),
        };
        if self.facts.len() < LISTED_MAX {
            self.facts.push(fact());
        } else {
            self.more = self.more.saturating_add(1);
        }
    }
}

fn their_fact(statement: StatementId, line: &StatementLine) -> FactRow {
    FactRow {
        statement: Some(statement.to_string()),
        line: Some(line.number),
        event: line.event.as_ref().map(ToString::to_string),
        order: line.order.as_ref().map(ToString::to_string),
        store: line.store.as_ref().map(ToString::to_string),
        kind: line.kind.name().to_owned(),
        amount: line.value.decimal(),
        currency: line.value.currency.to_string(),
        at: line.at.to_string(),
    }
}

fn due(today: NaiveDate, days: i64) -> NaiveDate {
    today.checked_add_signed(TimeDelta::days(days)).unwrap_or(today)
}
