//! How many rows of each side there are, and what they come to: all, matched, and in breaks.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::collections::BTreeMap;

use serde::Serialize;

use super::item::{Currency, Item, ItemKind, ItemStanding};

/// Rows of one kind and currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TallyLine {
    pub rows: u64,
    /// In hundredths. It holds the sum of any number of rows.
    pub minor: i128,
}

/// Rows by kind and currency.
pub type TallyLines = BTreeMap<(ItemKind, Currency), TallyLine>;

/// The rows of one side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SideTally {
    pub all: TallyLines,
    pub matched: TallyLines,
    pub broken: TallyLines,
}

/// Where a row ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowEnd {
    Free,
    Matched,
    Broken,
}

/// One line of a tally, as it is kept and shown.
#[derive(Debug, Serialize)]
pub struct TallyView {
    pub kind: &'static str,
    pub currency: String,
    pub rows: u64,
    /// A decimal.
    pub sum: String,
}

impl SideTally {
    /// Counts a row. A row of ours does not count outside the period, nor when it is reversed.
    pub fn count(&mut self, item: &Item, end: RowEnd) {
        match item.standing {
            ItemStanding::Good | ItemStanding::Void => {}
            ItemStanding::Outside | ItemStanding::Elsewhere | ItemStanding::Reversed => return,
        }
        add(&mut self.all, item);
        match end {
            RowEnd::Free => {}
            RowEnd::Matched => add(&mut self.matched, item),
            RowEnd::Broken => add(&mut self.broken, item),
        }
    }

    /// Whether each row ended in a match or in a break, in number and in sum.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.all.iter().all(|(key, all)| {
            let of = |lines: &TallyLines| lines.get(key).copied().unwrap_or_default();
            let (matched, broken) = (of(&self.matched), of(&self.broken));
            matched.rows.checked_add(broken.rows) == Some(all.rows)
                && matched.minor.checked_add(broken.minor) == Some(all.minor)
        })
    }
}

fn add(lines: &mut TallyLines, item: &Item) {
    let line = lines.entry((item.kind, item.value.currency)).or_default();
    line.rows = line.rows.saturating_add(1);
    line.minor = line.minor.saturating_add(i128::from(item.value.minor));
}

/// The lines as they are shown.
#[must_use]
pub fn views(lines: &TallyLines) -> Vec<TallyView> {
    let view = |((kind, currency), line): (&(ItemKind, Currency), &TallyLine)| TallyView {
        kind: kind.name(),
        currency: currency.to_string(),
        rows: line.rows,
        sum: decimal(line.minor),
    };
    lines.iter().map(view).collect()
}

fn decimal(minor: i128) -> String {
    let (whole, rest) =
        (minor.unsigned_abs().div_euclid(100), minor.unsigned_abs().rem_euclid(100));
    let sign = if minor < 0 { "-" } else { "" };
    format!("{sign}{whole}.{rest:02}")
}
