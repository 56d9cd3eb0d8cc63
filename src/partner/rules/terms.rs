//! Amounts, shares and dates as a manifest writes them. They are read into exact values here, so that
//! an error names file, line and key.

use std::fmt;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::money::{Amount, AmountError, Asset, split};

/// A part of a whole between 0 and 1, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(u32);

/// One whole, in millionths.
const WHOLE: u32 = 1_000_000;

impl Share {
    /// Splits an amount into this share and the rest; the two add up exactly.
    ///
    /// # Errors
    /// None that a caller can meet: the weights add up to a million.
    pub fn of(self, total: Amount) -> Result<(Amount, Amount), AmountError> {
        let weights = [u64::from(self.0), u64::from(WHOLE.saturating_sub(self.0))];
        match split(total, &weights)?.as_slice() {
            [share, rest] => Ok((*share, *rest)),
            _ => Err(AmountError::OutOfRange { asset: total.asset() }),
        }
    }
}

impl Share {
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    #[must_use]
    pub const fn is_all(self) -> bool {
        self.0 >= WHOLE
    }

    /// This share of an amount, rounded down to the smallest unit.
    #[must_use]
    pub fn part_rounded_down(self, amount: Amount) -> Amount {
        let millionths = i128::from(amount.minor()).checked_mul(i128::from(self.0));
        let part = millionths.and_then(|product| product.checked_div(i128::from(WHOLE)));
        let minor = part.and_then(|part| i64::try_from(part).ok()).unwrap_or(0);
        Amount::from_minor(minor, amount.asset())
    }
}

impl Share {
    /// For people, such as `60%`.
    #[must_use]
    pub fn percent(self) -> String {
        format!("{}%", Decimal::new(i64::from(self.0), 4).normalize())
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Decimal::new(i64::from(self.0), 6).normalize().fmt(f)
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let share = decimal(deserializer)?;
        let millionths = share.checked_mul(Decimal::from(WHOLE)).filter(Decimal::is_integer);
        millionths
            .and_then(|millionths| millionths.to_u32())
            .filter(|millionths| *millionths <= WHOLE)
            .map(Self)
            .ok_or_else(|| {
                D::Error::custom("expected a share from \"0\" to \"1\", up to 6 decimals")
            })
    }
}

/// The days on which a rule is in force, in the programme's time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    pub from: NaiveDate,
    /// The last day; `None`: open-ended.
    pub until: Option<NaiveDate>,
}

impl Term {
    #[must_use]
    pub fn covers(self, day: NaiveDate) -> bool {
        self.from <= day && self.until.is_none_or(|until| day <= until)
    }

    /// Whether a day lies in both terms.
    #[must_use]
    pub fn meets(self, other: Self) -> bool {
        self.until.is_none_or(|until| other.from <= until)
            && other.until.is_none_or(|until| self.from <= until)
    }
}

/// A decimal, written as a string so that it never becomes a float.
pub fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    let text = String::deserialize(deserializer)
        .map_err(|_other| D::Error::custom("expected a decimal in quotes, such as \"0.50\""))?;
    Decimal::from_str_exact(&text)
        .map_err(|_bad| D::Error::custom(format!("{text:?} is not a decimal number")))
}

/// An amount in yuan, above zero.
pub fn yuan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
    positive(deserializer, Asset::CNY)
}

/// An optional amount in yuan, above zero.
pub fn optional_yuan<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Amount>, D::Error> {
    yuan(deserializer).map(Some)
}

/// Points, above zero.
pub fn points<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
    positive(deserializer, Asset::PTS)
}

/// Optional points, above zero.
pub fn optional_points<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Amount>, D::Error> {
    points(deserializer).map(Some)
}

/// A decimal that may be left out.
pub fn optional_decimal<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Decimal>, D::Error> {
    decimal(deserializer).map(Some)
}

/// Points, not below zero.
pub fn points_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
    let amount = Amount::exact(decimal(deserializer)?, Asset::PTS).map_err(D::Error::custom)?;
    if amount.is_negative() { Err(D::Error::custom("expected 0 or more")) } else { Ok(amount) }
}

/// An amount of that asset, above zero.
pub fn positive<'de, D: Deserializer<'de>>(
    deserializer: D,
    asset: Asset,
) -> Result<Amount, D::Error> {
    let amount = Amount::exact(decimal(deserializer)?, asset).map_err(D::Error::custom)?;
    if amount.minor() > 0 { Ok(amount) } else { Err(D::Error::custom("expected more than 0")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_term_covers_its_first_and_last_day() {
        let term = Term { from: day("2026-01-01"), until: Some(day("2026-01-31")) };
        for (text, covered) in [
            ("2025-12-31", false),
            ("2026-01-01", true),
            ("2026-01-31", true),
            ("2026-02-01", false),
        ] {
            assert_eq!(term.covers(day(text)), covered, "{text}");
        }
    }

    #[test]
    fn terms_that_touch_on_a_day_meet() {
        let first = Term { from: day("2026-01-01"), until: Some(day("2026-01-31")) };
        let second = Term { from: day("2026-01-31"), until: None };
        let third = Term { from: day("2026-02-01"), until: None };
        assert!(first.meets(second) && second.meets(first));
        assert!(!first.meets(third) && !third.meets(first));
    }
}
