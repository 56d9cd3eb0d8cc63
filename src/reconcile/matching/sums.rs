//! Rows of one side that together are one row of the other, of one kind, day and store. A sum is never a
//! match by itself: several rows may come to an amount by chance, so that people look.

use super::side::RowMinor;

/// How long is searched, and how often that was not enough.
pub(super) struct SumSearch {
    pub(super) rows_max: usize,
    pub(super) steps_left: u64,
    pub(super) given_up: u64,
}

/// Rows of the one side, and those of the other that come to them.
pub(super) struct FoundSum {
    pub(super) ones: Vec<usize>,
    pub(super) several: Vec<usize>,
    /// There is only this one.
    pub(super) is_only: bool,
}

impl SumSearch {
    /// Sums that share a row are one question, so that the order of the rows decides nothing.
    pub(super) fn find(&mut self, ones: &[RowMinor], several: &[RowMinor]) -> Vec<FoundSum> {
        let mut rows: Vec<RowMinor> = several.to_vec();
        rows.retain(|row| row.minor > 0);
        rows.sort_unstable();
        let mut sums: Vec<FoundSum> = Vec::new();
        for one in ones {
            let mut walk = Walk::new(&rows, self.rows_max, self.steps_left);
            walk.step(0, one.minor);
            self.steps_left = walk.steps_left;
            self.given_up = self.given_up.saturating_add(u64::from(walk.is_given_up));
            let is_only = walk.found.len() == 1 && !walk.is_given_up;
            if !walk.found.is_empty() {
                let ones = vec![one.row];
                add(&mut sums, FoundSum { ones, several: walk.found.concat(), is_only });
            }
        }
        sums
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
    rows: &'a [RowMinor],
    rows_max: usize,
    steps_left: u64,
    chosen: Vec<usize>,
    found: Vec<Vec<usize>>,
    is_given_up: bool,
}

impl<'a> Walk<'a> {
    fn new(rows: &'a [RowMinor], rows_max: usize, steps_left: u64) -> Self {
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
