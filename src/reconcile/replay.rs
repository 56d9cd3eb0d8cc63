//! What other rules of matching would have made of a month: nothing is kept. Rules are changed after they
//! were replayed over past months.

use std::collections::{BTreeMap, BTreeSet};

use super::found::Finder;
use super::matching::{Matching, compare};
use super::refusal::ReconcileRefusal;
use super::run_order::RunOrder;
use super::sides;
use crate::ids::{EventKey, StatementId};
use crate::partner::matching::MatchingRules;
use crate::store::{Db, statements};

/// A month by the rules that hold and by others.
#[derive(Debug)]
pub struct Replay {
    pub now: ReplaySide,
    pub then: ReplaySide,
    /// Lines of whose match the rules say different things, by statement and line.
    pub differing: Vec<DifferingLine>,
}

/// What rules make of a month.
#[derive(Debug, PartialEq, Eq)]
pub struct ReplaySide {
    pub matched: usize,
    pub breaks: BTreeMap<&'static str, usize>,
    /// In hundredths of CNY.
    pub tolerated: u64,
    pub sums_given_up: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub struct DifferingLine {
    pub statement: StatementId,
    pub line: i64,
    pub now: Option<RuleMatch>,
    pub then: Option<RuleMatch>,
}

/// With which event a line matches, and by which rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleMatch {
    pub event: Option<EventKey>,
    pub rule: &'static str,
}

/// The rules that hold now, and those that may hold then.
pub struct RulesCompared<'a> {
    pub now: &'a MatchingRules,
    pub then: &'a MatchingRules,
}

/// Compares the month of a partner by both rules.
///
/// # Errors
/// [`ReconcileRefusal::NoStatement`].
pub fn replay(
    db: &mut Db,
    order: &RunOrder,
    rules: &RulesCompared<'_>,
) -> Result<Replay, ReconcileRefusal> {
    let RunOrder { partner, period, .. } = order;
    let current = statements::newest(db, partner, *period)?;
    if current.is_empty() {
        return Err(ReconcileRefusal::NoStatement { partner: partner.clone(), period: *period });
    }
    let sides = sides::load(db, order, &current, &mut |_db| Ok(()))?;
    let finder = sides.finder(order);
    let now = compare(rules.now, &sides.theirs, &sides.ours, &sides.apart);
    let then = compare(rules.then, &sides.theirs, &sides.ours, &sides.apart);
    let (was, will) = (by_line(&now, finder), by_line(&then, finder));
    let lines: BTreeSet<(StatementId, i64)> = was.keys().chain(will.keys()).copied().collect();
    let differing = lines.into_iter().filter_map(|key| {
        let (now, then) = (was.get(&key).copied(), will.get(&key).copied());
        let (statement, line) = key;
        (now != then).then_some(DifferingLine { statement, line, now, then })
    });
    Ok(Replay { differing: differing.collect(), now: side(&now), then: side(&then) })
}

fn by_line(matching: &Matching, finder: Finder<'_>) -> BTreeMap<(StatementId, i64), RuleMatch> {
    let matched = finder.matched(&matching.pairs);
    matched
        .map(|it| ((it.statement, it.line), RuleMatch { event: it.event, rule: it.rule }))
        .collect()
}

fn side(matching: &Matching) -> ReplaySide {
    let mut breaks = BTreeMap::new();
    for difference in &matching.differences {
        let count: &mut usize = breaks.entry(difference.code.name()).or_default();
        *count = count.saturating_add(1);
    }
    ReplaySide {
        matched: matching.pairs.len(),
        breaks,
        tolerated: matching.tolerated,
        sums_given_up: matching.sums_given_up,
    }
}
