//! Rows that people keep apart: they have said that the two do not belong together.

use std::collections::{HashMap, HashSet};

use super::side::{Rows, Side};

/// A line and an event that do not belong together, by their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApartPair {
    pub theirs: usize,
    pub ours: usize,
}

/// The rows of ours that each row of theirs is kept apart from.
pub(super) struct Apart(HashMap<usize, HashSet<usize>>);

/// What is left of the rows of one key.
pub(super) enum Meeting {
    /// Nobody keeps any of them apart.
    All,
    /// No row may meet another one.
    Nothing,
    /// Those of each side that may meet some row of the other.
    Some {
        theirs: Vec<usize>,
        ours: Vec<usize>,
        /// Whether each of them may meet each other.
        is_free: bool,
    },
}

impl Apart {
    pub(super) fn new(pairs: &[ApartPair], theirs: &Side<'_>, ours: &Side<'_>) -> Self {
        let mut apart: HashMap<usize, HashSet<usize>> = HashMap::new();
        if pairs.is_empty() {
            return Self(apart);
        }
        let theirs = rows_of(theirs, pairs.iter().map(|pair| pair.theirs).collect());
        let ours = rows_of(ours, pairs.iter().map(|pair| pair.ours).collect());
        for pair in pairs {
            if let (Some(their), Some(our)) = (theirs.get(&pair.theirs), ours.get(&pair.ours)) {
                apart.entry(*their).or_default().insert(*our);
            }
        }
        Self(apart)
    }

    pub(super) fn meeting(&self, theirs: Rows<'_>, ours: Rows<'_>) -> Meeting {
        let keeps = |their: &usize, our: &usize| {
            self.0.get(their).is_some_and(|of_their| of_their.contains(our))
        };
        let any = |their: &usize| ours.iter().any(|our| keeps(their, our));
        if self.0.is_empty() || !theirs.iter().any(any) {
            return Meeting::All;
        }
        let may = |their: &&usize| !ours.iter().all(|our| keeps(their, our));
        let theirs: Vec<usize> = theirs.iter().filter(may).copied().collect();
        let may = |our: &&usize| !theirs.iter().all(|their| keeps(their, our));
        let ours: Vec<usize> = ours.iter().filter(may).copied().collect();
        if theirs.is_empty() || ours.is_empty() {
            return Meeting::Nothing;
        }
        let is_free = !theirs.iter().any(|their| ours.iter().any(|our| keeps(their, our)));
        Meeting::Some { theirs, ours, is_free }
    }
}

/// The rows that stand at these places.
fn rows_of(side: &Side<'_>, places: HashSet<usize>) -> HashMap<usize, usize> {
    let rows = side.items.iter().enumerate();
    let wanted = rows.filter(|(_row, item)| places.contains(&item.place));
    wanted.map(|(row, item)| (item.place, row)).collect()
}
