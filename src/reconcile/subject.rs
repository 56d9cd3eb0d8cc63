//! What a row is about, whatever its other columns say: the event, where the row names one, else the
//! order with kind and amount. Breaks are found again by it, and so is what people decided.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use super::break_record::FactRow;
use super::item::{Currency, Item, ItemKind, ItemValue};
use crate::ids::{EventId, EventKey, ItemName, PartnerId, hex};
use crate::money::{Amount, Asset};

/// By what a row is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RowKey {
    Event(EventKey),
    /// The row names no event.
    Order(ItemName),
}

/// What makes a row of a break the same row in the next run. The time, the store and other columns of
/// a line are not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowIdentity {
    pub key: RowKey,
    pub kind: ItemKind,
    pub value: ItemValue,
}

/// What a row of a break is about, as a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubjectKey(ItemName);

impl SubjectKey {
    /// The key of what these words name.
    #[must_use]
    pub fn of_name(parts: &[&str]) -> Self {
        Self(ItemName::of_name(parts))
    }

    #[must_use]
    pub const fn bytes(&self) -> &[u8; 16] {
        self.0.bytes()
    }

    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(ItemName::from_bytes(bytes))
    }
}

/// The name of an order, as rows are compared by it.
#[must_use]
pub fn order_name(order: &str) -> ItemName {
    ItemName::of_name(&["order", order])
}

impl RowIdentity {
    #[must_use]
    pub fn of(item: &Item) -> Self {
        let order = || item.order.unwrap_or_else(|| order_name(""));
        let key = item.event.map_or_else(|| RowKey::Order(order()), RowKey::Event);
        Self { key, kind: item.kind, value: item.value }
    }

    /// The row as a break has listed it; `None` where it cannot be read.
    #[must_use]
    pub fn of_fact(partner: &PartnerId, fact: &FactRow) -> Option<Self> {
        let key = match &fact.event {
            Some(id) => RowKey::Event(EventKey::of(partner, &EventId::try_from(id.as_str()).ok()?)),
            None => RowKey::Order(order_name(fact.order.as_deref()?)),
        };
        let minor = Amount::parse(&fact.amount, Asset::CNY).ok()?.minor();
        let value = ItemValue { currency: Currency::by_code(&fact.currency)?, minor };
        Some(Self { key, kind: ItemKind::by_name(&fact.kind)?, value })
    }

    /// The row as it is part of a break's id.
    #[must_use]
    pub fn name(&self) -> String {
        let key = match self.key {
            RowKey::Event(key) => format!("event {}", hex(key.bytes())),
            RowKey::Order(order) => format!("order {}", hex(order.bytes())),
        };
        format!("{key} {} {}", self.kind.name(), self.value)
    }

    /// What is decided about the row is decided about this. An event is the same event with any kind
    /// and amount. An order may have several payments, so that kind and amount belong to it.
    #[must_use]
    pub fn subject(&self, partner: &PartnerId) -> SubjectKey {
        match self.key {
            RowKey::Event(key) => SubjectKey::of_name(&["event", &hex(key.bytes())]),
            RowKey::Order(order) => {
                let (order, value) = (hex(order.bytes()), self.value.to_string());
                SubjectKey::of_name(&["order", partner.as_str(), self.kind.name(), &value, &order])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(event: Option<&str>, amount: &str) -> FactRow {
        FactRow {
            statement: None,
            line: None,
            event: event.map(str::to_owned),
            order: Some("o-1".to_owned()),
            store: None,
            matched_in: None,
            kind: "payment".to_owned(),
            amount: amount.to_owned(),
            currency: "CNY".to_owned(),
            at: "2026-10-31T15:59:59Z".to_owned(),
        }
    }

    #[test]
    fn an_event_is_one_subject_and_an_order_with_each_amount() {
        let partner = PartnerId::try_from("green-basket").unwrap();
        let subject = |event, amount| {
            let row = RowIdentity::of_fact(&partner, &fact(event, amount)).unwrap();
            row.subject(&partner)
        };
        assert_eq!(subject(Some("p-1"), "1.00"), subject(Some("p-1"), "2.00"));
        assert_ne!(subject(Some("p-1"), "1.00"), subject(Some("p-2"), "1.00"));
        assert_eq!(subject(None, "1.00"), subject(None, "1.00"));
        assert_ne!(subject(None, "1.00"), subject(None, "2.00"));
        assert_ne!(subject(None, "1.00"), subject(Some("p-1"), "1.00"));
        let other = PartnerId::try_from("lotus-tea").unwrap();
        let row = RowIdentity::of_fact(&other, &fact(None, "1.00")).unwrap();
        assert_ne!(row.subject(&other), subject(None, "1.00"));
        assert_eq!(RowIdentity::of_fact(&partner, &fact(None, "much")), None);
    }
}
