//! The condition of a rule, as a manifest writes it. All that is stated must hold; a list holds if
//! one of its items holds.

use std::fmt;

use chrono::{NaiveTime, Weekday};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::expression::Expression;
use crate::ids::{RuleId, StoreName};

/// What must hold for a rule to apply (`when`), or must not (`except`).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Tiers of the programme.
    pub tiers: Option<Vec<RuleId>>,
    #[serde(default, deserialize_with = "weekdays")]
    pub weekdays: Option<Vec<Weekday>>,
    /// Hours of the day in the programme's time zone, such as `18:00-22:00`, without the end.
    pub hours: Option<Vec<Hours>>,
    pub stores: Option<Vec<StoreName>>,
    /// Only lines of these categories count. A payment without lines has none.
    pub categories: Option<Vec<String>>,
    /// The customer's first payment at this partner.
    pub first_purchase: Option<bool>,
    /// In the month of the customer's birthday, where the bank knows it.
    pub birthday_month: Option<bool>,
    /// A condition in the Common Expression Language, for what the other fields cannot say.
    pub cel: Option<Expression>,
}

/// A span of the day, without its end.
#[derive(Clone, Copy, Debug)]
pub struct Hours {
    from: NaiveTime,
    until: NaiveTime,
}

impl Condition {
    #[must_use]
    pub const fn says_nothing(&self) -> bool {
        self.tiers.is_none()
            && self.weekdays.is_none()
            && self.hours.is_none()
            && self.stores.is_none()
            && self.categories.is_none()
            && self.first_purchase.is_none()
            && self.birthday_month.is_none()
            && self.cel.is_none()
    }

    /// Whether the condition depends on the number of the customer's visits.
    #[must_use]
    pub fn asks_for_visits(&self) -> bool {
        self.first_purchase.is_some() || self.cel.is_some()
    }
}

impl Hours {
    /// Whether no time lies in the span.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.from == self.until
    }

    /// Whether a time lies in the span. A span that ends before it begins goes over midnight.
    #[must_use]
    pub fn cover(self, time: NaiveTime) -> bool {
        if self.from <= self.until {
            self.from <= time && time < self.until
        } else {
            self.from <= time || time < self.until
        }
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from.format("%H:%M"), self.until.format("%H:%M"))
    }
}

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = |text: &str| NaiveTime::parse_from_str(text, "%H:%M").ok();
        text.split_once('-')
            .and_then(|(from, until)| Some(Self { from: time(from)?, until: time(until)? }))
            .ok_or_else(|| D::Error::custom("expected hours such as \"18:00-22:00\""))
    }
}

fn weekdays<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Weekday>>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    let days: Result<Vec<Weekday>, _> = names.iter().map(|name| name.parse()).collect();
    let expected = "expected days such as \"sat\" or \"sunday\"";
    days.map(Some).map_err(|_unknown| D::Error::custom(expected))
}
