//! Amounts, days and times as people read them.

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;

use crate::clock::Moment;
use crate::http::pages::words::Language;
use crate::money::Amount;
use crate::reconcile::item::ItemValue;

/// How figures are written for one reader.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    pub language: Language,
    pub zone: Tz,
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A decimal in groups of three, with a true minus: `−12,345.00`.
pub fn grouped(decimal: &str) -> String {
    let (sign, digits) = match decimal.strip_prefix('-') {
        Some(digits) => ("\u{2212}", digits),
        None => ("", decimal),
    };
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
    let mut text = String::from(sign);
    for (place, digit) in whole.chars().enumerate() {
        let left = whole.len().saturating_sub(place);
        if place > 0 && left.is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if !rest.is_empty() {
        text.push('.');
        text.push_str(rest);
    }
    text
}

impl Figures {
    pub fn amount(self, amount: &Amount) -> String {
        grouped(&amount.to_string())
    }

    /// With its sign, also above zero.
    pub fn signed(self, amount: &Amount) -> String {
        let text = self.amount(amount);
        if amount.minor() > 0 { format!("+{text}") } else { text }
    }

    /// The amount of a side; a dash where the side has none.
    pub fn value(self, value: &Option<ItemValue>) -> String {
        value.map_or_else(|| "–".to_owned(), |value| grouped(&value.decimal()))
    }

    /// `3 Dec 2026`, `2026年12月3日`.
    pub fn day(self, day: &NaiveDate) -> String {
        let (year, month, number) = (day.year(), day.month0(), day.day());
        if self.language.is_chinese() {
            return format!("{year}年{}月{number}日", day.month());
        }
        let place = usize::try_from(month).unwrap_or(0);
        format!("{number} {} {year}", MONTHS.get(place).copied().unwrap_or_default())
    }

    /// The day and the minute, in the programme's time zone.
    pub fn time(self, at: &Moment) -> String {
        let local = at.utc().with_timezone(&self.zone);
        format!("{} {}", self.day(&local.date_naive()), local.format("%H:%M"))
    }

    /// A month: `October 2026` is written `Oct 2026`.
    pub fn month(self, first: NaiveDate) -> String {
        if self.language.is_chinese() {
            return format!("{}年{}月", first.year(), first.month());
        }
        let place = usize::try_from(first.month0()).unwrap_or(0);
        format!("{} {}", MONTHS.get(place).copied().unwrap_or_default(), first.year())
    }

    /// Whole days between two moments: `today`, `4 days`.
    pub fn age(self, since: &Moment, now: &Moment) -> String {
        let days = now.utc().signed_duration_since(since.utc()).num_days();
        match (days, self.language.is_chinese()) {
            (..=0, false) => "today".to_owned(),
            (..=0, true) => "今天".to_owned(),
            (1, false) => "1 day".to_owned(),
            (days, false) => format!("{days} days"),
            (days, true) => format!("{days} 天"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_grouped_and_a_minus_is_one() {
        for (decimal, text) in [
            ("0.00", "0.00"),
            ("123.40", "123.40"),
            ("1234.50", "1,234.50"),
            ("-12345678.00", "\u{2212}12,345,678.00"),
            ("1000", "1,000"),
        ] {
            assert_eq!(grouped(decimal), text);
        }
    }

    #[test]
    fn days_are_written_as_each_language_writes_them() {
        let day = NaiveDate::from_ymd_opt(2026, 12, 3).unwrap();
        let zone = chrono_tz::Asia::Shanghai;
        let english = Figures { language: Language::English, zone };
        let chinese = Figures { language: Language::Chinese, zone };
        assert_eq!(english.day(&day), "3 Dec 2026");
        assert_eq!(chinese.day(&day), "2026年12月3日");
        let late = Moment::parse("2026-12-02T16:05:00Z").unwrap();
        assert_eq!(english.time(&late), "3 Dec 2026 00:05");
    }
}
