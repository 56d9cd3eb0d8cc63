//! What both sides are reduced to before they are compared.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::fmt;

use chrono::NaiveDate;

use crate::clock::Moment;
use crate::ids::{EventKey, ItemName};
use crate::money::{Amount, Asset};

/// What happened. The direction of the money follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ItemKind {
    Payment,
    Refund,
    /// Points that were spent.
    Redemption,
    /// Spent points that went back to the customer.
    Return,
}

/// A currency by its three capital letters (ISO 4217), or `PTS`. A statement may name one that we do
/// not keep.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

/// How much, in hundredths of its currency; never below zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemValue {
    pub currency: Currency,
    pub minor: i64,
}

/// How a row counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ItemStanding {
    /// It stands, in this period.
    Good,
    /// The partner itself says that it came to nothing.
    Void,
    /// Ours, and of the days around the period: it is there to be found, and does not count.
    Outside,
    /// Ours, of any other time: a line names its id. It does not count.
    Elsewhere,
    /// An event of ours that brought nothing: staff have reversed or rejected the event, or hold it. A line
    /// names the event's id. The event does not count.
    Reversed,
}

/// A line of a statement, or an event of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Where the caller finds the row again. Where rows say the same, the lower place comes first.
    pub place: usize,
    pub kind: ItemKind,
    pub event: Option<EventKey>,
    pub order: Option<ItemName>,
    pub value: ItemValue,
    pub at: Moment,
    /// The business day of `at`.
    pub day: NaiveDate,
    pub store: Option<ItemName>,
    pub standing: ItemStanding,
}

impl ItemKind {
    pub const ALL: [Self; 4] = [Self::Payment, Self::Refund, Self::Redemption, Self::Return];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Refund => "refund",
            Self::Redemption => "redemption",
            Self::Return => "return",
        }
    }

    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What such a row is counted in.
    #[must_use]
    pub const fn asset(self) -> Asset {
        match self {
            Self::Payment | Self::Refund => Asset::CNY,
            Self::Redemption | Self::Return => Asset::PTS,
        }
    }
}

impl Currency {
    #[must_use]
    pub fn by_code(code: &str) -> Option<Self> {
        let letters = <[u8; 3]>::try_from(code.as_bytes()).ok()?;
        letters.iter().all(u8::is_ascii_uppercase).then_some(Self(letters))
    }

    #[must_use]
    pub fn of(asset: Asset) -> Self {
        Self::by_code(asset.code()).unwrap_or(Self(*b"ZZZ"))
    }

    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl ItemValue {
    /// The decimal without its currency.
    #[must_use]
    pub fn decimal(&self) -> String {
        Amount::from_minor(self.minor, Asset::CNY).to_string()
    }
}

/// Such as `12.50 CNY`.
impl fmt::Display for ItemValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.currency)
    }
}
