//! Rows of one side that together are one row of the other, of one kind, day and store. A sum is never a
//! match by itself: several rows may come to an amount by chance, so that people look.

use super::{Rows, Table};
use crate::reconcile::break_code::BreakCode;

/// How long is searched, and how often that was not enough.
pub(super) struct SumSearch {
    pub(super) rows_max: usize,
    pub(super) steps_left: u64,
    pub(super) given_up: u64,
}

/// On which side several rows are summed.
#[derive(Clone, Copy)]
enum Several {
    Theirs,
    Ours,
}

/// A row that may be part of a sum.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct SumRow {
    minor: i64,
    row: usize,
}

/// Rows of the one side, and those of the other that come to them.
struct FoundSum {
    ones: Vec<usize>,
    several: Vec<usize>,
    /// There is only this one.
    is_only: bool,
}

impl Table {
    pub(super) fn sum_ours(&mut self, theirs: Rows<'_>, ours: Rows<'_>) {
        self.sum_up(theirs, ours, Several::Ours);
    }

    pub(super) fn sum_theirs(&mut self, theirs: Rows<'_>, ours: Rows<'_>) {
        self.sum_up(ours, theirs, Several::Theirs);
    }

    /// Sums that share a row are one question, so that the order of the rows decides nothing.
    fn sum_up(&mut self, ones: Rows<'_>, several: Rows<'_>, on: Several) {
        let (one_side, side) = match on {
            Several::Ours => (&self.theirs, &self.ours),
            Several::Theirs => (&self.ours, &self.theirs),
        };
        let minor = |row: &usize| side.get(*row).map(|item| item.value.minor);
        let mut rows: Vec<SumRow> = several
            .iter()
            .filter_map(|row| Some(SumRow { minor: minor(row)?, row: *row }))
            .filter(|row| row.minor > 0)
            .collect();
        rows.sort_unstable();
        let mut sums: Vec<FoundSum> = Vec::new();
        for one in ones {
            let Some(target) = one_side.get(*one).map(|item| item.value.minor) else { continue };
            let mut walk = Walk::new(&rows, self.sums.rows_max, self.sums.steps_left);
            walk.step(0, target);
            self.sums.steps_left = walk.steps_left;
            self.sums.given_up = self.sums.given_up.saturating_add(u64::from(walk.is_given_up));
            let is_only = walk.found.len() == 1 && !walk.is_given_up;
            if !walk.found.is_empty() {
                add(
                    &mut sums,
                    FoundSum { ones: vec![*one], several: walk.found.concat(), is_only },
                );
            }
        }
        for FoundSum { ones, several, is_only } in sums {
            let code = if is_only { BreakCode::Candidate } else { BreakCode::Ambiguous };
            match on {
                Several::Ours => self.differ_by(code, &ones, &several),
                Several::Theirs => self.differ_by(code, &several, &ones),
            }
        }
    }
}

fn add(sums: &mut Vec<FoundSum>, mut new: FoundSum) {
    let (shared, mut apart): (Vec<FoundSum>, Vec<FoundSum>) = std::mem::take(sums)
        .into_iter()
        .partition(|old| old.several.iter().any(|row| new.several.contains(row)));
    for old in shared {
        new.ones.extend(old.ones);
        new.several.extend(old.several);
        new.is_only = false;
    }
    new.several.sort_unstable();
    new.several.dedup();
    apart.push(new);
    *sums = apart;
}

/// Looks for rows, from the smallest, that come to an amount; the second way to do it ends the search.
struct Walk<'a> {
    rows: &'a [SumRow],
    rows_max: usize,
    steps_left: u64,
    chosen: Vec<usize>,
    found: Vec<Vec<usize>>,
    is_given_up: bool,
}

impl<'a> Walk<'a> {
    fn new(rows: &'a [SumRow], rows_max: usize, steps_left: u64) -> Self {
        let (chosen, found) = (Vec::new(), Vec::new());
        Self { rows, rows_max, steps_left, chosen, found, is_given_up: false }
    }

    fn step(&mut self, from: usize, left: i64) {
        let rows = self.rows;
        for (place, row) in rows.iter().enumerate().skip(from) {
            if self.found.len() > 1 || row.minor > left {
                return;
            }
            let Some(steps_left) = self.steps_left.checked_sub(1) else {
                self.is_given_up = true;
                return;
            };
            self.steps_left = steps_left;
            self.chosen.push(row.row);
            if row.minor == left && self.chosen.len() > 1 {
                self.found.push(self.chosen.clone());
            } else if row.minor < left && self.chosen.len() < self.rows_max {
                self.step(place.saturating_add(1), left.saturating_sub(row.minor));
            }
            self.chosen.pop();
        }
    }
}
