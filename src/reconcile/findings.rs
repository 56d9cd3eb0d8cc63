//! What a run finds is written down: breaks that are new, that are found again, and that are no more;
//! and what became of rows for which people have adjusted.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::break_code::BreakCode;
use super::break_record::{Break, BreakFacts};
use super::breaks::tell_cleared;
use super::found::{Finder, FoundBreak, due};
use super::matching::{Difference, Matching, Pair};
use super::past_decision::{PastDecision, PastDecisions, posted};
use super::proposal::BreakState;
use super::refusal::ReconcileRefusal;
use super::run::{ROWS_AT_ONCE, Run, WRITTEN_AT_ONCE};
use super::subject::{RowIdentity, SubjectKey};
use crate::clock::{self, Moment};
use crate::ids::{BreakId, hex};
use crate::store::break_subjects::{self, SubjectOf};
use crate::store::breaks::{self, KnownBreak};

/// What was written.
#[derive(Default)]
pub(super) struct Written {
    /// Breaks by code.
    pub codes: BTreeMap<&'static str, usize>,
    /// New ones, and those that are open again.
    pub new: usize,
    pub cleared: usize,
    /// Breaks that people have decided on and that are not found as they were.
    pub decided_gone: usize,
}

/// What a run knows while it writes.
struct Findings {
    now: Moment,
    /// Breaks of the month that are not found yet.
    known: HashMap<BreakId, KnownBreak>,
    found: HashSet<BreakId>,
    /// Decisions whose rows were seen, in a difference or in a match.
    met: HashSet<BreakId>,
    /// How many differences say the same.
    times: HashMap<BreakId, u32>,
    written: Written,
}

/// So many decisions about the same rows are listed with a break.
const DECISIONS_LISTED_MAX: usize = 20;
/// Pairs whose decisions are looked up at once.
const PAIRS_AT_ONCE: usize = 10_000;

impl Run<'_> {
    /// Adds breaks that are new, and clears those that are no more.
    pub(super) fn write_breaks(
        &mut self,
        matching: &Matching,
        finder: Finder<'_>,
    ) -> Result<Written, ReconcileRefusal> {
        let mut findings = Findings {
            now: clock::now(),
            known: self.known_breaks()?,
            found: HashSet::new(),
            met: HashSet::new(),
            times: HashMap::new(),
            written: Written::default(),
        };
        self.keep_subjects_of_decided(&findings)?;
        self.keep_differences(&mut findings, &matching.differences, finder)?;
        if breaks::has_adjusted(self.db, &self.order.partner)? {
            let twice = self.settled_twice(&mut findings, &matching.pairs, finder)?;
            self.keep_differences(&mut findings, &twice, finder)?;
            let gone = self.settled_gone(&findings)?;
            self.keep(&mut findings, gone)?;
        }
        self.end(&mut findings)?;
        Ok(findings.written)
    }

    fn known_breaks(&mut self) -> Result<HashMap<BreakId, KnownBreak>, ReconcileRefusal> {
        let (mut known, mut after) = (HashMap::new(), None);
        let (partner, period) = (&self.order.partner, self.order.period);
        loop {
            let page = breaks::of_period(self.db, partner, period, after, ROWS_AT_ONCE)?;
            let Some(last) = page.last() else { return Ok(known) };
            after = Some(last.id);
            known.extend(page.into_iter().map(|found| (found.id, found)));
        }
    }

    /// Decisions of an earlier version of the program have rows, and nothing that they are about.
    fn keep_subjects_of_decided(&mut self, findings: &Findings) -> Result<(), ReconcileRefusal> {
        let decided = || findings.known.values().filter(|it| it.state.is_decided());
        let ids: Vec<BreakId> = decided().map(|known| known.id).collect();
        let (kept, mut missing) = (break_subjects::kept(self.db, &ids)?, Vec::new());
        for known in decided() {
            if !kept.contains(&known.id) {
                let facts: BreakFacts = serde_json::from_str(&known.facts)?;
                let rows = facts.theirs.iter().chain(&facts.ours);
                let partner = &self.order.partner;
                let identities = rows.filter_map(|row| RowIdentity::of_fact(partner, row));
                missing.extend(
                    identities
                        .map(|row| SubjectOf { break_id: known.id, subject: row.subject(partner) }),
                );
            }
        }
        for part in missing.chunks(WRITTEN_AT_ONCE) {
            self.write(|tx| break_subjects::insert(tx, part))?;
        }
        Ok(())
    }

    fn keep_differences(
        &mut self,
        findings: &mut Findings,
        differences: &[Difference],
        finder: Finder<'_>,
    ) -> Result<(), ReconcileRefusal> {
        for part in differences.chunks(WRITTEN_AT_ONCE) {
            let found = finder.breaks(self.db, part, findings.now)?;
            self.keep(findings, found)?;
        }
        Ok(())
    }

    /// Adds those of these that are new, and opens those again that were cleared.
    fn keep(
        &mut self,
        findings: &mut Findings,
        found: Vec<FoundBreak>,
    ) -> Result<(), ReconcileRefusal> {
        let asked: Vec<SubjectKey> = found.iter().flat_map(|it| it.subjects.clone()).collect();
        let past = break_subjects::decided(self.db, &asked)?;
        let (mut added, mut subjects) = (Vec::new(), Vec::new());
        let (mut reopened, mut moved) = (Vec::new(), Vec::new());
        for it in found {
            let about = it.subjects.clone();
            let record = findings.identified(it, &past)?;
            match findings.known.remove(&record.id) {
                None => {
                    let break_id = record.id;
                    subjects.extend(about.iter().map(|key| SubjectOf { break_id, subject: *key }));
                    added.push(record);
                }
                Some(before) => {
                    if before.state == BreakState::Cleared {
                        reopened.push(record.id);
                    }
                    if before.facts != record.facts {
                        moved.push(record);
                    }
                }
            }
        }
        let touched: Vec<BreakId> =
            moved.iter().map(|it| it.id).chain(reopened.iter().copied()).collect();
        let mut again = 0;
        self.write(|tx| {
            breaks::hold(tx, &touched)?;
            breaks::insert(tx, &added)?;
            break_subjects::insert(tx, &subjects)?;
            again = breaks::reopen(tx, &reopened)?;
            moved.iter().try_for_each(|it| breaks::set_facts(tx, it.id, &it.facts))
        })?;
        let new = &mut findings.written.new;
        *new = new.saturating_add(added.len()).saturating_add(again);
        Ok(())
    }

    /// Pairs about which people adjusted a difference that is no more: the event came, or the line was
    /// mended, and what was posted still stands.
    fn settled_twice(
        &mut self,
        findings: &mut Findings,
        pairs: &[Pair],
        finder: Finder<'_>,
    ) -> Result<Vec<Difference>, ReconcileRefusal> {
        let mut twice = Vec::new();
        for part in pairs.chunks(PAIRS_AT_ONCE) {
            let asked: Vec<SubjectKey> =
                part.iter().flat_map(|pair| finder.subjects_of(pair)).collect();
            let past = break_subjects::decided(self.db, &asked)?;
            if past.is_empty() {
                continue;
            }
            for pair in part {
                let before = past.about(&finder.subjects_of(pair));
                findings.met.extend(before.iter().map(|it| it.id));
                let ended = before.into_iter().filter(|it| !findings.found.contains(&it.id));
                if posted(ended) != 0 {
                    let (code, twin) = (BreakCode::SettledTwice, None);
                    let (theirs, ours) = (vec![pair.theirs], pair.ours.into_iter().collect());
                    twice.push(Difference { code, theirs, ours, twin });
                }
            }
        }
        Ok(twice)
    }

    /// Adjustments of this month whose rows neither side has any more.
    fn settled_gone(&mut self, findings: &Findings) -> Result<Vec<FoundBreak>, ReconcileRefusal> {
        let is_unseen =
            |it: &&KnownBreak| it.state == BreakState::Adjusted && !findings.met.contains(&it.id);
        let mut unseen: Vec<BreakId> =
            findings.known.values().filter(is_unseen).map(|it| it.id).collect();
        unseen.sort_unstable();
        let mut gone = Vec::new();
        for id in unseen {
            let subjects = break_subjects::of_break(self.db, id)?;
            let past = break_subjects::decided(self.db, &subjects)?;
            let about = past.about(&subjects);
            let last = about.iter().rfind(|it| it.posted.is_some() && !it.code.is_of_adjustment());
            let is_last = last.is_some_and(|last| last.id == id);
            if !is_last || posted(about.into_iter()) == 0 {
                continue;
            }
            let settled = breaks::get(self.db, id)?.ok_or(ReconcileRefusal::Gone)?;
            gone.push(self.gone(settled, subjects, findings.now)?);
        }
        Ok(gone)
    }

    /// The break that an adjusted one makes when its rows are no more, with the rows as they stood.
    fn gone(
        &self,
        settled: Break,
        subjects: Vec<SubjectKey>,
        now: Moment,
    ) -> Result<FoundBreak, ReconcileRefusal> {
        let code = BreakCode::SettledGone;
        let facts = BreakFacts {
            decided: Vec::new(),
            gone: false,
            ..serde_json::from_str(&settled.facts)?
        };
        let record = Break {
            id: BreakId::of_name(&[code.name(), &hex(settled.id.bytes())]),
            code,
            facts: String::new(),
            opened_at: now,
            due_on: due(now.day_in(self.order.zone), code.due_days()),
            state: BreakState::Open,
            asked_at: None,
            closed_at: None,
            ..settled
        };
        Ok(FoundBreak { record, facts, subjects })
    }

    /// What is no longer found: cleared, or marked, if people have decided on it.
    fn end(&mut self, findings: &mut Findings) -> Result<(), ReconcileRefusal> {
        let now = findings.now;
        let (mut gone, mut decided) = (Vec::new(), Vec::new());
        for (id, known) in findings.known.drain() {
            match known.state {
                BreakState::Open | BreakState::Proposed | BreakState::AwaitingPartner => {
                    gone.push(id);
                }
                BreakState::Accepted | BreakState::Adjusted | BreakState::WrittenOff => {
                    decided.push(known);
                }
                BreakState::Cleared => {}
            }
        }
        gone.sort_unstable();
        findings.written.decided_gone = decided.len();
        for part in gone.chunks(WRITTEN_AT_ONCE) {
            let (mut cleared, order) = (0, self.order);
            self.write(|tx| {
                breaks::hold(tx, part)?;
                cleared = breaks::clear(tx, part, now)?;
                tell_cleared(tx, order, part, now)
            })?;
            findings.written.cleared = findings.written.cleared.saturating_add(cleared);
        }
        for part in decided.chunks(WRITTEN_AT_ONCE) {
            self.mark_gone(part)?;
        }
        Ok(())
    }

    fn mark_gone(&mut self, decided: &[KnownBreak]) -> Result<(), ReconcileRefusal> {
        let mut marked = Vec::new();
        for known in decided {
            let facts: BreakFacts = serde_json::from_str(&known.facts)?;
            if !facts.gone {
                let facts = serde_json::to_string(&BreakFacts { gone: true, ..facts })?;
                marked.push((known.id, facts));
            }
        }
        let ids: Vec<BreakId> = marked.iter().map(|(id, _facts)| *id).collect();
        self.write(|tx| {
            breaks::hold(tx, &ids)?;
            marked.iter().try_for_each(|(id, facts)| breaks::set_facts(tx, *id, facts))
        })
    }
}

impl Findings {
    /// The break under the id by which it is known, with the decisions about its rows.
    fn identified(
        &mut self,
        found: FoundBreak,
        past: &PastDecisions,
    ) -> Result<Break, ReconcileRefusal> {
        let FoundBreak { mut record, mut facts, subjects } = found;
        let times = self.times.entry(record.id).or_default();
        let name = match *times {
            0 => record.id,
            nth => BreakId::of_name(&[&hex(record.id.bytes()), &nth.to_string()]),
        };
        *times = times.saturating_add(1);
        let about = past.about(&subjects);
        record.id = past.id_of(name, &subjects);
        self.met.extend(about.iter().map(|it| it.id));
        self.found.insert(record.id);
        let others = about.into_iter().filter(|it| it.id != record.id);
        facts.decided = others.take(DECISIONS_LISTED_MAX).map(PastDecision::fact).collect();
        record.facts = serde_json::to_string(&facts)?;
        let count = self.written.codes.entry(record.code.name()).or_default();
        *count = count.saturating_add(1);
        Ok(record)
    }
}
