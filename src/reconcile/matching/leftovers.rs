//! What is left when every rule has been tried, by name.

use std::collections::{HashMap, HashSet};

use super::side::{Side, says_same};
use crate::ids::{EventKey, ItemName};
use crate::reconcile::break_code::BreakCode;
use crate::reconcile::item::{Item, ItemKind, ItemStanding, ItemValue};
use crate::reconcile::tally::RowEnd;

/// A row that nothing fits, and what that is called.
pub(super) struct Left {
    pub(super) row: usize,
    pub(super) code: BreakCode,
    pub(super) twin: Option<usize>,
}

/// What makes a row the same as another of its side.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Likeness {
    Event(ItemKind, EventKey),
    Order(ItemKind, ItemName, ItemValue),
}

impl Likeness {
    fn of(item: &Item) -> impl Iterator<Item = Self> {
        let event = item.event.map(|event| Self::Event(item.kind, event));
        let order = item.order.map(|order| Self::Order(item.kind, order, item.value));
        event.into_iter().chain(order)
    }
}

/// Names each free row of a side: a duplicate of a row that found its place, or of one that says
/// exactly the same; a refund of which the other side knows the payment; or missing.
pub(super) fn named(side: &Side<'_>, missing: BreakCode, known: &HashSet<ItemName>) -> Vec<Left> {
    let free: Vec<usize> = side.free(ItemStanding::Good).map(|(row, _item)| row).collect();
    let asked = free.iter().filter_map(|row| side.get(*row)).flat_map(Likeness::of);
    let mut placed: HashMap<Likeness, Option<usize>> = asked.map(|like| (like, None)).collect();
    if !placed.is_empty() {
        let ended = side.items.iter().zip(&side.ends);
        for (item, _end) in ended.filter(|(_item, end)| **end != RowEnd::Free) {
            for like in Likeness::of(item) {
                if let Some(first) = placed.get_mut(&like) {
                    first.get_or_insert(item.place);
                }
            }
        }
    }
    let mut before: Option<&Item> = None;
    let mut left = Vec::with_capacity(free.len());
    for row in free {
        let Some(item) = side.get(row) else { continue };
        let repeats = before.filter(|before| is_repeated(before, item)).map(|it| it.place);
        let twin =
            Likeness::of(item).find_map(|like| placed.get(&like).copied().flatten()).or(repeats);
        before = Some(item);
        let is_refund_of_known =
            item.kind == ItemKind::Refund && item.order.is_some_and(|order| known.contains(&order));
        let code = match twin {
            Some(_) => BreakCode::Duplicate,
            None if is_refund_of_known => BreakCode::StatusDiff,
            None => missing,
        };
        left.push(Left { row, code, twin });
    }
    left
}

/// Whether a row repeats the one before it: the same event id, or word for word.
fn is_repeated(before: &Item, item: &Item) -> bool {
    let same_event = item.event.is_some() && before.event == item.event && before.kind == item.kind;
    same_event || says_same(before, item)
}
