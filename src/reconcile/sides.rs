//! Both sides of a month as they are compared: the lines of its statement, and our events. A month may have a
//! million rows on each side, so a row is kept once.

use std::collections::{HashMap, HashSet};

use chrono_tz::Tz;

use super::found::{Finder, LineRef};
use super::item::{Item, ItemStanding};
use super::matching::ApartPair;
use super::our_side::{self, OurRow};
use super::refusal::ReconcileRefusal;
use super::run_order::RunOrder;
use super::statement::{Statement, StatementLine};
use super::subject::order_name;
use crate::ids::{EventKey, ItemName, PartnerId};
use crate::store::{Db, separations, statements};

const ROWS_AT_ONCE: i64 = 10_000;

/// Both sides, each row at its place.
pub(super) struct Sides {
    pub(super) theirs: Vec<Item>,
    pub(super) ours: Vec<Item>,
    /// Where the rows of their side stand.
    lines: Vec<LineRef>,
    /// What people keep apart.
    pub(super) apart: Vec<ApartPair>,
}

impl Sides {
    pub(super) fn finder<'a>(&'a self, order: &'a RunOrder) -> Finder<'a> {
        Finder { order, theirs: &self.theirs, ours: &self.ours, lines: &self.lines }
    }
}

/// What is called between two pages; its error ends the loading.
pub(super) type BetweenPages<'a> = &'a mut dyn FnMut(&mut Db) -> Result<(), ReconcileRefusal>;

pub(super) fn load(
    db: &mut Db,
    order: &RunOrder,
    current: &[Statement],
    between: BetweenPages<'_>,
) -> Result<Sides, ReconcileRefusal> {
    let kept_apart = separations::kept_apart(db, &order.partner, order.period)?;
    let (mut theirs, mut lines, mut told) = (Vec::new(), Vec::new(), Vec::new());
    for statement in current {
        let mut after = 0;
        loop {
            let page = statements::lines_after(db, statement.id, after, ROWS_AT_ONCE)?;
            let Some(last) = page.last() else { break };
            after = last.number;
            for line in &page {
                if !kept_apart.is_empty() {
                    let content = line.content();
                    let of_line = kept_apart.iter().filter(|it| it.content == content);
                    told.extend(of_line.map(|it| (lines.len(), it.event)));
                }
                theirs.push(their_item(lines.len(), &order.partner, line, order.zone));
                let line = i64::try_from(line.number).unwrap_or(i64::MAX);
                lines.push(LineRef { statement: statement.id, line });
            }
        }
        between(db)?;
    }
    let mut ours = load_ours(db, order)?;
    add_known_elsewhere(db, order, &theirs, &mut ours)?;
    let apart = places(&told, &ours);
    Ok(Sides { theirs, ours, lines, apart })
}

/// The events that lines are kept apart from, by their places.
fn places(told: &[(usize, EventKey)], ours: &[Item]) -> Vec<ApartPair> {
    let wanted: HashSet<EventKey> = told.iter().map(|(_line, event)| *event).collect();
    let events = ours.iter().filter_map(|it| Some((it.event?, it.place)));
    let place: HashMap<EventKey, usize> =
        events.filter(|(event, _place)| wanted.contains(event)).collect();
    let pair = |(theirs, event): &(usize, EventKey)| {
        place.get(event).map(|ours| ApartPair { theirs: *theirs, ours: *ours })
    };
    told.iter().filter_map(pair).collect()
}

/// Our events of the month and of the days around it.
fn load_ours(db: &mut Db, order: &RunOrder) -> Result<Vec<Item>, ReconcileRefusal> {
    let month = order.period.span(order.zone);
    let (mut ours, mut after) = (Vec::new(), None);
    loop {
        let (page, end) = our_side::next_page(db, &order.partner, month.around(), after)?;
        if end.is_none() {
            return Ok(ours);
        }
        after = end;
        for row in page {
            let inside = month.has(row.event.at);
            let standing = if inside { ItemStanding::Good } else { ItemStanding::Outside };
            ours.push(our_item(ours.len(), &row, standing, order.zone));
        }
    }
}

/// Events that lines name by id and that are not among those of the month: an id is one event for ever,
/// whatever its day.
fn add_known_elsewhere(
    db: &mut Db,
    order: &RunOrder,
    theirs: &[Item],
    ours: &mut Vec<Item>,
) -> Result<(), ReconcileRefusal> {
    let mut known: Vec<EventKey> = ours.iter().filter_map(|it| it.event).collect();
    known.sort_unstable();
    let named = theirs.iter().filter_map(|it| it.event);
    let mut unknown: Vec<EventKey> =
        named.filter(|event| known.binary_search(event).is_err()).collect();
    drop(known);
    unknown.sort_unstable();
    unknown.dedup();
    for found in our_side::elsewhere(db, &unknown)? {
        let standing = match found.is_reversed {
            true => ItemStanding::Reversed,
            false => ItemStanding::Elsewhere,
        };
        ours.push(our_item(ours.len(), &found.row, standing, order.zone));
    }
    Ok(())
}

fn their_item(place: usize, partner: &PartnerId, line: &StatementLine, zone: Tz) -> Item {
    Item {
        place,
        kind: line.kind,
        event: line.event.as_ref().map(|id| EventKey::of(partner, id)),
        order: line.order.as_ref().map(|order| order_name(order.as_str())),
        value: line.value,
        at: line.at,
        day: line.at.day_in(zone),
        store: line.store.as_ref().map(|store| store_name(store.as_str())),
        standing: if line.is_void { ItemStanding::Void } else { ItemStanding::Good },
    }
}

/// The event at its place among ours.
fn our_item(place: usize, row: &OurRow, standing: ItemStanding, zone: Tz) -> Item {
    Item {
        place,
        kind: row.event.kind,
        event: Some(row.event.key),
        order: row.order.as_deref().map(order_name),
        value: row.value,
        at: row.event.at,
        day: row.event.at.day_in(zone),
        store: row.store.as_deref().map(store_name),
        standing,
    }
}

fn store_name(store: &str) -> ItemName {
    ItemName::of_name(&["store", store])
}
