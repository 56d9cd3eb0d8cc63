//! The rows of one side, and where each of them has ended.

use std::rc::Rc;

use crate::reconcile::item::{Item, ItemStanding, ItemValue};
use crate::reconcile::tally::{RowEnd, SideTally};

/// The rows of one side, in the order of what they say.
pub(super) struct Side<'a> {
    pub(super) items: Rc<[&'a Item]>,
    pub(super) ends: Vec<RowEnd>,
}

/// Rows by their number in that order.
pub(super) type Rows<'a> = &'a [usize];

/// What a row comes to, in hundredths.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RowMinor {
    pub(super) minor: i64,
    pub(super) row: usize,
}

impl<'a> Side<'a> {
    pub(super) fn new(items: &'a [Item]) -> Self {
        let mut items: Vec<&Item> = items.iter().collect();
        items.sort_unstable_by_key(|it| {
            (it.kind, it.event, it.order, it.value, it.at, it.store, it.standing, it.place)
        });
        let ends = vec![RowEnd::Free; items.len()];
        Self { items: items.into(), ends }
    }

    pub(super) fn free(&self, standing: ItemStanding) -> impl Iterator<Item = (usize, &'a Item)> {
        let rows = self.items.iter().zip(&self.ends).enumerate();
        rows.filter(move |(_row, (item, end))| item.standing == standing && **end == RowEnd::Free)
            .map(|(row, (item, _end))| (row, *item))
    }

    /// Free rows that have a key, in the order of the key. Keys of a million rows are made again when they
    /// are compared, and not kept.
    pub(super) fn keyed<K: Ord>(
        &self,
        standing: ItemStanding,
        key: impl Fn(&Item) -> Option<K>,
    ) -> Vec<usize> {
        let free = self.free(standing).filter(|(_row, item)| key(item).is_some());
        let mut rows: Vec<usize> = free.map(|(row, _item)| row).collect();
        rows.sort_unstable_by_key(|row| (self.get(*row).and_then(&key), *row));
        rows
    }

    pub(super) fn get(&self, row: usize) -> Option<&'a Item> {
        self.items.get(row).copied()
    }

    pub(super) fn place(&self, row: usize) -> usize {
        self.get(row).map_or(usize::MAX, |item| item.place)
    }

    pub(super) fn end(&mut self, row: usize, end: RowEnd) {
        if let Some(now) = self.ends.get_mut(row) {
            *now = end;
        }
    }

    pub(super) fn tally(&self) -> SideTally {
        let mut tally = SideTally::default();
        self.items.iter().zip(&self.ends).for_each(|(item, end)| tally.count(item, *end));
        tally
    }

    /// What rows come to; `None` where they are counted in more than one currency.
    pub(super) fn sum(&self, rows: Rows<'_>) -> Option<ItemValue> {
        let mut values = rows.iter().filter_map(|row| self.get(*row)).map(|item| item.value);
        let first = values.next()?;
        values.try_fold(first, |sum, value| {
            let minor = sum.minor.checked_add(value.minor)?;
            (value.currency == sum.currency).then_some(ItemValue { minor, ..sum })
        })
    }

    pub(super) fn minors(&self, rows: Rows<'_>) -> Vec<RowMinor> {
        let minor = |row: &usize| Some(RowMinor { minor: self.get(*row)?.value.minor, row: *row });
        rows.iter().filter_map(minor).collect()
    }

    /// Whether rows say the same in all that is compared.
    pub(super) fn are_twins(&self, rows: Rows<'_>) -> bool {
        let mut said = rows.iter().filter_map(|row| self.get(*row));
        let first = said.next();
        said.all(|item| first.is_some_and(|first| says_same(first, item)))
    }
}

pub(super) fn says_same(one: &Item, other: &Item) -> bool {
    Item { place: 0, ..*one } == Item { place: 0, ..*other }
}
