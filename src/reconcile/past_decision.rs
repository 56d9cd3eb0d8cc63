//! What people decided before about the same rows, and what it leaves to be adjusted.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::collections::{BTreeMap, HashMap};

use super::break_code::{BreakCode, BreakSums};
use super::break_record::FactDecision;
use super::item::ItemValue;
use super::period::Period;
use super::proposal::{BreakState, ProposalRefusal};
use super::subject::SubjectKey;
use crate::clock::Moment;
use crate::ids::BreakId;
use crate::money::{Amount, Asset};

/// A break that people have decided on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastDecision {
    pub id: BreakId,
    pub period: Period,
    pub code: BreakCode,
    pub state: BreakState,
    pub sums: BreakSums,
    pub decided_at: Moment,
    /// What its adjustment posted, if it did.
    pub posted: Option<Amount>,
}

/// Decisions by what they are about.
#[derive(Clone, Debug, Default)]
pub struct PastDecisions(HashMap<SubjectKey, Vec<PastDecision>>);

impl PastDecision {
    /// The difference that it has dealt with, in hundredths.
    fn covered(&self) -> u64 {
        if self.code.is_of_adjustment() { 0 } else { difference(self.sums) }
    }

    fn posted_minor(&self) -> i64 {
        self.posted.map_or(0, Amount::minor)
    }

    /// As the page of a break names it.
    #[must_use]
    pub fn fact(&self) -> FactDecision {
        FactDecision {
            break_id: self.id.to_string(),
            period: self.period.to_string(),
            code: self.code.name().to_owned(),
            state: self.state.name().to_owned(),
            posted: self.posted.map(|amount| amount.to_string()),
            decided_at: self.decided_at.to_string(),
        }
    }
}

/// What both sides are apart. Where they are counted in two currencies, each side counts whole.
fn difference(sums: BreakSums) -> u64 {
    let minor = |value: Option<ItemValue>| value.map_or(0, |it| it.minor);
    match (sums.theirs, sums.ours) {
        (Some(theirs), Some(ours)) if theirs.currency != ours.currency => {
            theirs.minor.unsigned_abs().max(ours.minor.unsigned_abs())
        }
        (theirs, ours) => minor(theirs).abs_diff(minor(ours)),
    }
}

impl PastDecisions {
    pub fn add(&mut self, subject: SubjectKey, decision: PastDecision) {
        self.0.entry(subject).or_default().push(decision);
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The decisions about any of these, the earliest first, each once.
    #[must_use]
    pub fn about(&self, subjects: &[SubjectKey]) -> Vec<&PastDecision> {
        let mut found: Vec<&PastDecision> =
            subjects.iter().filter_map(|subject| self.0.get(subject)).flatten().collect();
        found.sort_unstable_by_key(|it| (it.decided_at, it.id));
        found.dedup_by_key(|it| it.id);
        found
    }

    /// The id of a difference. It is that of its name, until people adjusted for it and later for
    /// something else about the same rows: found once more, the difference is a break of its own.
    #[must_use]
    pub fn id_of(&self, name: BreakId, subjects: &[SubjectKey]) -> BreakId {
        let (mut id, mut is_adjusted) = (name, false);
        for decision in self.about(subjects).into_iter().filter(|it| it.posted.is_some()) {
            if is_adjusted && decision.id != id {
                id = id.after(decision.id);
                is_adjusted = false;
            }
            is_adjusted |= decision.id == id;
        }
        id
    }

    /// Whether another break about the same rows has posted.
    #[must_use]
    pub fn has_posted_beside(&self, id: BreakId) -> bool {
        self.0.values().flatten().any(|it| it.posted.is_some() && it.id != id)
    }

    /// Whether an adjustment of that break stays within what is left. A decision has dealt with the
    /// difference that it was about, whatever it posted. What was posted may be taken back.
    ///
    /// # Errors
    /// [`ProposalRefusal::AdjustedBefore`].
    pub fn within_left(
        &self,
        id: BreakId,
        sums: BreakSums,
        amount: Amount,
    ) -> Result<(), ProposalRefusal> {
        let subjects: Vec<SubjectKey> = self.0.keys().copied().collect();
        let before = self.about(&subjects).into_iter();
        let before: Vec<&PastDecision> =
            before.filter(|it| it.posted.is_some() && it.id != id).collect();
        if before.is_empty() {
            return Ok(());
        }
        let minors = before.iter().map(|it| i128::from(it.posted_minor()));
        let posted: i128 = minors.fold(0, i128::saturating_add);
        let left = i128::from(difference(sums).saturating_sub(self.covered(id)));
        let least = posted.max(0).saturating_add(left).saturating_neg();
        let most = posted.min(0).saturating_neg().saturating_add(left);
        if (least..=most).contains(&i128::from(amount.minor())) {
            return Ok(());
        }
        let sum = |minor: i128| {
            let bound = if minor < 0 { i64::MIN } else { i64::MAX };
            Amount::from_minor(i64::try_from(minor).unwrap_or(bound), Asset::CNY)
        };
        Err(ProposalRefusal::AdjustedBefore { least: sum(least), most: sum(most) })
    }

    /// The differences that the last adjustment about each subject has dealt with.
    fn covered(&self, id: BreakId) -> u64 {
        let mut last: BTreeMap<BreakId, u64> = BTreeMap::new();
        for decisions in self.0.values() {
            let posting = decisions.iter().filter(|it| it.posted.is_some() && it.id != id);
            if let Some(newest) = posting.max_by_key(|it| (it.decided_at, it.id)) {
                last.insert(newest.id, newest.covered());
            }
        }
        last.into_values().fold(0, u64::saturating_add)
    }
}

/// What decisions have posted in all, in hundredths.
#[must_use]
pub fn posted<'a>(decisions: impl Iterator<Item = &'a PastDecision>) -> i64 {
    decisions.map(PastDecision::posted_minor).fold(0, i64::saturating_add)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::reconcile::item::Currency;

    const P1: [&str; 1] = ["p-1"];

    fn cny(minor: i64) -> Option<ItemValue> {
        Some(ItemValue { currency: Currency::of(Asset::CNY), minor })
    }

    fn subject(name: &str) -> SubjectKey {
        SubjectKey::of_name(&[name])
    }

    fn id(name: &str) -> BreakId {
        BreakId::of_name(&[name])
    }

    /// Decided on a day of October.
    fn adjusted(name: &str, day: i64, sums: BreakSums, posted: i64) -> PastDecision {
        let first = Moment::parse("2026-10-01T00:00:00Z").unwrap();
        PastDecision {
            id: id(name),
            period: Period::try_from("2026-10").unwrap(),
            code: BreakCode::AmountDiff,
            state: BreakState::Adjusted,
            sums,
            decided_at: first.plus(TimeDelta::days(day)),
            posted: Some(Amount::from_minor(posted, Asset::CNY)),
        }
    }

    fn past(list: &[(&[&str], PastDecision)]) -> PastDecisions {
        let mut past = PastDecisions::default();
        for (subjects, decision) in list {
            for name in *subjects {
                past.add(subject(name), decision.clone());
            }
        }
        past
    }

    fn apart(theirs: i64, ours: i64) -> BreakSums {
        BreakSums { theirs: cny(theirs), ours: cny(ours) }
    }

    fn left(past: &PastDecisions, sums: BreakSums, minor: i64) -> bool {
        past.within_left(id("now"), sums, Amount::from_minor(minor, Asset::CNY)).is_ok()
    }

    #[test]
    fn a_difference_is_adjusted_once_and_what_was_posted_may_be_taken_back() {
        let none = PastDecisions::default();
        assert!(left(&none, apart(400, 360), 1_000_000));
        let once = past(&[(&P1, adjusted("a", 1, apart(400, 360), 40))]);
        assert!(!left(&once, apart(400, 360), 1) && left(&once, apart(400, 360), -40));
        assert!(!left(&once, apart(400, 360), -41));
        // The partner says more than it said before.
        assert!(left(&once, apart(450, 360), 50) && !left(&once, apart(450, 360), 51));
        // Twice in a row: the second dealt with the first's difference too.
        let second = (&P1[..], adjusted("b", 2, apart(450, 360), 50));
        let twice = past(&[(&P1, adjusted("a", 1, apart(400, 360), 40)), second]);
        assert!(left(&twice, apart(470, 360), 20) && !left(&twice, apart(470, 360), 21));
        assert!(left(&twice, apart(360, 360), -90) && !left(&twice, apart(360, 360), -91));
        // Its own decision does not count.
        let own = once.within_left(id("a"), apart(400, 360), Amount::from_minor(9, Asset::CNY));
        assert_eq!(own, Ok(()));
    }

    #[test]
    fn what_was_taken_back_may_be_adjusted_again() {
        let back = PastDecision {
            code: BreakCode::SettledTwice,
            ..adjusted("back", 2, apart(360, 360), -42)
        };
        let past = past(&[(&P1, adjusted("a", 1, apart(360, 0), 42)), (&P1, back)]);
        assert_eq!(posted(past.about(&[subject("p-1")]).into_iter()), 0);
        assert!(left(&past, apart(360, 0), 42));
        // Found once more it is another break, until that is adjusted.
        let subjects = [subject("p-1")];
        let again = past.id_of(id("a"), &subjects);
        assert_ne!(again, id("a"));
        assert_eq!(past.id_of(id("back"), &subjects), id("back"));
        let mut later = past;
        let third = PastDecision { id: again, ..adjusted("a", 3, apart(360, 0), 42) };
        later.add(subject("p-1"), third);
        assert_eq!(later.id_of(id("a"), &subjects), again);
    }

    #[test]
    fn rows_that_were_settled_one_by_one_are_settled_together() {
        let past = past(&[
            (&P1, adjusted("a", 1, apart(100, 0), 10)),
            (&["p-2"], adjusted("b", 2, apart(50, 0), 5)),
        ]);
        assert!(!left(&past, apart(150, 0), 1));
        assert!(left(&past, apart(160, 0), 10));
    }

    #[test]
    fn a_decision_of_another_break_leaves_the_id_alone() {
        let past = past(&[(&P1, adjusted("other", 1, apart(100, 0), 10))]);
        assert_eq!(past.id_of(id("a"), &[subject("p-1")]), id("a"));
    }
}
