//! Our events of a month as they are compared: with the order and the store that their content names,
//! and the points that were redeemed in the end.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::break_record::FactRow;
use super::item::{Currency, ItemKind, ItemValue};
use super::period::{Period, PeriodSpan};
use crate::clock::Moment;
use crate::ids::{EventKey, PartnerId};
use crate::store::our_events::OurEvent;
use crate::store::{Db, StoreError, corrections, held_events, our_events};

/// An event with all that is compared.
pub struct OurRow {
    pub event: OurEvent,
    pub value: ItemValue,
    pub order: Option<String>,
    pub store: Option<String>,
}

/// What we need of an event's content.
#[derive(Default, Deserialize)]
struct Content {
    #[serde(default)]
    data: ContentData,
}

#[derive(Default, Deserialize)]
struct ContentData {
    order: Option<String>,
    store: Option<String>,
}

/// Where a page of our events ended.
pub type PageEnd = Option<(Moment, EventKey)>;

const ROWS_AT_ONCE: i64 = 10_000;
const KEYS_AT_ONCE: usize = 10_000;

/// The next events of a time, and where the page after them begins; `None` at the end. Events that
/// came to nothing, or not yet, are left out.
pub fn next_page(
    db: &mut Db,
    partner: &PartnerId,
    span: PeriodSpan,
    after: PageEnd,
) -> Result<(Vec<OurRow>, PageEnd), StoreError> {
    next_rows(db, partner, span, after, ROWS_AT_ONCE)
}

/// The same, with a bound on the events that are looked at.
pub fn next_rows(
    db: &mut Db,
    partner: &PartnerId,
    span: PeriodSpan,
    after: PageEnd,
    rows_max: i64,
) -> Result<(Vec<OurRow>, PageEnd), StoreError> {
    let found = our_events::page(db, partner, span, after, rows_max)?;
    let end = found.last().map(|last| (last.at, last.key));
    let keys: Vec<EventKey> = found.iter().map(|event| event.key).collect();
    let fallen = fallen(db, &keys)?;
    let standing = found.into_iter().filter(|event| !fallen.contains(&event.key)).collect();
    Ok((detailed(db, standing)?, end))
}

/// Those of these events that came to nothing, or not yet: staff have reversed or rejected them, or they
/// are held.
fn fallen(db: &mut Db, keys: &[EventKey]) -> Result<HashSet<EventKey>, StoreError> {
    let mut fallen: HashSet<EventKey> = corrections::reversed(db, keys)?.into_iter().collect();
    fallen.extend(held_events::unreleased(db, keys)?);
    Ok(fallen)
}

/// Events of ours that lines name by id and that are not of the month's time, or came to nothing.
pub struct KnownElsewhere {
    pub row: OurRow,
    pub is_reversed: bool,
}

/// These events as they are compared with a month that is not theirs, by key.
pub fn elsewhere(db: &mut Db, keys: &[EventKey]) -> Result<Vec<KnownElsewhere>, StoreError> {
    let mut found = Vec::new();
    for part in keys.chunks(KEYS_AT_ONCE) {
        let events = our_events::of_keys(db, part)?;
        let keys: Vec<EventKey> = events.iter().map(|event| event.key).collect();
        let fallen = fallen(db, &keys)?;
        let known = detailed(db, events)?.into_iter().map(|row| {
            let is_reversed = fallen.contains(&row.event.key);
            KnownElsewhere { row, is_reversed }
        });
        found.extend(known);
    }
    Ok(found)
}

/// These events, by key.
pub fn of_keys(db: &mut Db, keys: &[EventKey]) -> Result<HashMap<EventKey, OurRow>, StoreError> {
    let found = our_events::of_keys(db, keys)?;
    let rows = detailed(db, found)?;
    Ok(rows.into_iter().map(|row| (row.event.key, row)).collect())
}

fn detailed(db: &mut Db, found: Vec<OurEvent>) -> Result<Vec<OurRow>, StoreError> {
    let contents: Vec<ContentData> = found.iter().map(|event| read(&event.body)).collect();
    let of_kind = |kind: ItemKind| {
        let of_kind = found.iter().filter(move |event| event.kind == kind);
        of_kind.filter_map(|event| event.refers_to).collect::<Vec<EventKey>>()
    };
    let payments = our_events::bodies(db, &of_kind(ItemKind::Refund))?;
    let holds = our_events::redeemed(db, &of_kind(ItemKind::Redemption))?;
    let rows = found.into_iter().zip(contents).map(|(event, content)| {
        // A refund that names no order is one of its payment's.
        let payment = event.refers_to.and_then(|key| payments.get(&key)).map(|body| read(body));
        let payment = payment.unwrap_or_default();
        let redeemed = event.refers_to.and_then(|key| holds.get(&key).copied());
        let minor = match event.kind {
            ItemKind::Redemption => redeemed.unwrap_or(event.minor),
            ItemKind::Payment | ItemKind::Refund | ItemKind::Return => event.minor,
        };
        let value = ItemValue { currency: Currency::of(event.kind.asset()), minor };
        let (order, store) = (content.order.or(payment.order), content.store.or(payment.store));
        OurRow { event, value, order, store }
    });
    Ok(rows.collect())
}

fn read(body: &str) -> ContentData {
    serde_json::from_str::<Content>(body).unwrap_or_default().data
}

impl OurRow {
    /// The event as a break shows it.
    pub fn fact(&self, matched_in: Option<Period>) -> FactRow {
        FactRow {
            statement: None,
            line: None,
            event: Some(self.event.id.to_string()),
            order: self.order.clone(),
            store: self.store.clone(),
            matched_in: matched_in.map(|period| period.to_string()),
            kind: self.event.kind.name().to_owned(),
            amount: self.value.decimal(),
            currency: self.value.currency.to_string(),
            at: self.event.at.to_string(),
        }
    }
}
