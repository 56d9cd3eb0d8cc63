//! Turns places of rows back into lines and events, and what differs into breaks.

use std::collections::{BTreeMap, HashMap};

use chrono::{NaiveDate, TimeDelta};

use super::break_code::BreakSums;
use super::break_record::{Break, BreakFacts, FactRow};
use super::item::{Item, ItemKind, ItemValue};
use super::matching::{Difference, Pair};
use super::our_side::{self, OurRow};
use super::period::Period;
use super::proposal::BreakState;
use super::refusal::ReconcileRefusal;
use super::run_order::RunOrder;
use super::statement::StatementLine;
use super::subject::{RowIdentity, SubjectKey};
use crate::clock::Moment;
use crate::ids::{BreakId, EventKey, StatementId};
use crate::store::matches::MatchedLine;
use crate::store::{Db, StoreError, matches, statements};

/// Where a line stands.
pub struct LineRef {
    pub statement: StatementId,
    pub line: i64,
}

/// The rows of a run by their places.
#[derive(Clone, Copy)]
pub struct Finder<'a> {
    pub order: &'a RunOrder,
    pub theirs: &'a [Item],
    pub ours: &'a [Item],
    /// Where the rows of their side stand.
    pub lines: &'a [LineRef],
}

/// What differs, as it may become a break.
pub struct FoundBreak {
    /// Its id says what differs; its facts are not written yet.
    pub record: Break,
    pub facts: BreakFacts,
    pub subjects: Vec<SubjectKey>,
}

/// So many rows of each side are listed with a break.
const LISTED_MAX: usize = 20;

type Lines = HashMap<(StatementId, i64), StatementLine>;

impl Finder<'_> {
    /// The matches of these pairs.
    pub fn matched(&self, pairs: &[Pair]) -> impl Iterator<Item = MatchedLine> {
        pairs.iter().filter_map(|pair| {
            let line = self.lines.get(pair.theirs)?;
            let event = pair.ours.and_then(|place| self.event(place));
            let rule = pair.rule.name();
            Some(MatchedLine { statement: line.statement, line: line.line, event, rule })
        })
    }

    /// What a pair is about.
    pub fn subjects_of(&self, pair: &Pair) -> Vec<SubjectKey> {
        let ours = pair.ours.and_then(|place| self.ours.get(place));
        let rows = self.theirs.get(pair.theirs).into_iter().chain(ours);
        self.subjects(rows.map(RowIdentity::of))
    }

    fn event(&self, place: usize) -> Option<EventKey> {
        self.ours.get(place)?.event
    }

    fn subjects(&self, rows: impl Iterator<Item = RowIdentity>) -> Vec<SubjectKey> {
        let mut subjects: Vec<SubjectKey> =
            rows.map(|row| row.subject(&self.order.partner)).collect();
        subjects.sort_unstable();
        subjects.dedup();
        subjects
    }

    /// The breaks of these differences.
    pub fn breaks(
        &self,
        db: &mut Db,
        differences: &[Difference],
        now: Moment,
    ) -> Result<Vec<FoundBreak>, ReconcileRefusal> {
        let lines = self.their_rows(db, differences)?;
        let keys: Vec<EventKey> = differences
            .iter()
            .flat_map(|it| it.ours.iter().chain(self.our_twin(it)))
            .filter_map(|place| self.event(*place))
            .collect();
        let ours = our_side::of_keys(db, &keys)?;
        let matched = matches::periods(db, &keys)?;
        let rows = Rows { lines: &lines, ours: &ours, matched: &matched };
        differences.iter().map(|it| self.break_of(it, &rows, now)).collect()
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
        now: Moment,
    ) -> Result<FoundBreak, ReconcileRefusal> {
        let order = self.order;
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
            ..BreakFacts::default()
        };
        let record = Break {
            id: self.name_of(difference),
            partner: order.partner.clone(),
            period: order.period,
            code: difference.code,
            kind: first.kind,
            sums: BreakSums { theirs: theirs.sum, ours: ours.sum },
            business_day: day(first.at),
            facts: String::new(),
            opened_at: now,
            due_on: due(day(now), difference.code.due_days()),
            state: BreakState::Open,
            asked_at: None,
            closed_at: None,
        };
        let (theirs, ours) = (self.their_identities(difference), self.our_identities(difference));
        Ok(FoundBreak { record, facts, subjects: self.subjects(theirs.chain(ours)) })
    }

    fn their_identities<'d>(
        &'d self,
        of: &'d Difference,
    ) -> impl Iterator<Item = RowIdentity> + 'd {
        of.theirs.iter().filter_map(|place| self.theirs.get(*place)).map(RowIdentity::of)
    }

    fn our_identities<'d>(&'d self, of: &'d Difference) -> impl Iterator<Item = RowIdentity> + 'd {
        of.ours.iter().filter_map(|place| self.ours.get(*place)).map(RowIdentity::of)
    }

    /// The hash of what differs: not of where the lines stand, nor of their harmless columns, which a
    /// newer version changes.
    fn name_of(&self, difference: &Difference) -> BreakId {
        let names = |rows: &mut dyn Iterator<Item = RowIdentity>| {
            let mut names: Vec<String> = rows.map(|row| row.name()).collect();
            names.sort_unstable();
            names.join(", ")
        };
        let theirs = names(&mut self.their_identities(difference));
        let ours = names(&mut self.our_identities(difference));
        let (partner, period) = (self.order.partner.as_str(), self.order.period.to_string());
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
            let event = self.event(*place).ok_or(ReconcileRefusal::Gone)?;
            let row = rows.ours.get(&event).ok_or(ReconcileRefusal::Gone)?;
            let first = FirstRow { kind: row.event.kind, at: row.event.at };
            let matched = rows.matched.get(&event).copied();
            let elsewhere = matched.filter(|period| *period != self.order.period);
            side.add(row.value, first, || row.fact(elsewhere));
        }
        Ok(side)
    }
}

struct Rows<'a> {
    lines: &'a Lines,
    ours: &'a HashMap<EventKey, OurRow>,
    /// The months in whose statements events have a line.
    matched: &'a HashMap<EventKey, Period>,
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
        matched_in: None,
        kind: line.kind.name().to_owned(),
        amount: line.value.decimal(),
        currency: line.value.currency.to_string(),
        at: line.at.to_string(),
    }
}

/// The day by which somebody should have decided.
pub fn due(today: NaiveDate, days: i64) -> NaiveDate {
    today.checked_add_signed(TimeDelta::days(days)).unwrap_or(today)
}
