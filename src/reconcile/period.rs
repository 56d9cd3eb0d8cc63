#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::fmt;
use std::ops::RangeInclusive;

use chrono::{Datelike, Months, NaiveDate, TimeDelta};
use chrono_tz::Tz;
use serde::{Serialize, Serializer};

use crate::clock::Moment;

/// A calendar month, by its first day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Period(NaiveDate);

/// The moments of a period, in the programme's time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeriodSpan {
    pub from: Moment,
    /// The first moment that no longer belongs to it.
    pub until: Moment,
}

/// The text is no month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a month, such as \"2026-10\"")]
pub struct InvalidPeriod;

/// A month and the days around it are dates of four digits.
const YEARS: RangeInclusive<i32> = 2000..=9000;

impl Period {
    #[must_use]
    pub fn of(day: NaiveDate) -> Self {
        Self(day.with_day(1).unwrap_or(day))
    }

    /// The month after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX))
    }

    /// The month before it.
    #[must_use]
    pub fn before(self) -> Self {
        Self(self.0.checked_sub_months(Months::new(1)).unwrap_or(NaiveDate::MIN))
    }

    #[must_use]
    pub const fn first_day(self) -> NaiveDate {
        self.0
    }

    #[must_use]
    pub fn span(self, zone: Tz) -> PeriodSpan {
        let next = self.next().0;
        PeriodSpan { from: Moment::start_of(self.0, zone), until: Moment::start_of(next, zone) }
    }
}

/// So far around the month events and lines are looked at: the partner may count a day otherwise.
pub const MARGIN_DAYS: i64 = 3;

impl PeriodSpan {
    /// The same with the days around it.
    #[must_use]
    pub fn around(&self) -> Self {
        let margin = TimeDelta::days(MARGIN_DAYS);
        Self { from: self.from.minus(margin), until: self.until.plus(margin) }
    }

    #[must_use]
    pub fn has(&self, at: Moment) -> bool {
        self.from <= at && at < self.until
    }
}

impl TryFrom<&str> for Period {
    type Error = InvalidPeriod;

    fn try_from(text: &str) -> Result<Self, InvalidPeriod> {
        let plain = text.len() == 7 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let day: NaiveDate =
            format!("{text}-01").parse().map_err(|_bad: chrono::ParseError| InvalidPeriod)?;
        let known = plain && YEARS.contains(&day.year());
        known.then_some(Self(day)).ok_or(InvalidPeriod)
    }
}

impl std::str::FromStr for Period {
    type Err = InvalidPeriod;

    fn from_str(text: &str) -> Result<Self, InvalidPeriod> {
        Self::try_from(text)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.format("%Y-%m").fmt(f)
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_and_ends_at_midnight_of_its_zone() {
        let period = Period::try_from("2026-12").unwrap();
        let span = period.span(chrono_tz::Asia::Shanghai);
        assert_eq!(span.from.to_string(), "2026-11-30T16:00:00Z");
        assert_eq!(span.until.to_string(), "2026-12-31T16:00:00Z");
        assert!(span.has(span.from) && !span.has(span.until));
        assert_eq!(Period::of("2026-12-31".parse().unwrap()), period);
        assert_eq!(period.to_string(), "2026-12");
    }

    #[test]
    fn what_is_no_month_is_refused() {
        for text in [
            "",
            "2026",
            "2026-13",
            "2026-1",
            "26-10",
            "2026-10-01",
            "+026-10",
            "0001-01",
            "9999-12",
        ] {
            assert_eq!(Period::try_from(text), Err(InvalidPeriod), "{text}");
        }
    }
}
