use std::str::FromStr;

use chrono::{Datelike, NaiveDate, TimeDelta};
use chrono_tz::Tz;

use crate::clock::Moment;

/// Up to when entries count: what happened by one moment and was recorded by another. Both are
/// included. The ledger knows both times of everything, so a question about the past has two
/// answers: what we know today of that day, and what we knew on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cutoff {
    pub effective: Moment,
    pub recorded: Moment,
}

/// Which of its two times counts for an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// When it happened: what is known today of that moment, late news included.
    #[default]
    Effective,
    /// When it was recorded: what was known at that moment. Never changes afterwards.
    Recorded,
}

/// A text that is no moment, no day, or no name of a time.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidCutoff {
    #[error(
        "{0:?} is neither a moment (2026-11-01T00:00:00+08:00) nor a day (2026-11-01, to its end)"
    )]
    Moment(String),
    #[error("{0:?} is not a time that entries have: effective or recorded")]
    By(String),
}

impl Cutoff {
    /// Everything there is.
    pub const NONE: Self = Self { effective: Moment::LAST, recorded: Moment::LAST };

    #[must_use]
    pub const fn through(moment: Moment, by: By) -> Self {
        match by {
            By::Effective => Self { effective: moment, ..Self::NONE },
            By::Recorded => Self { recorded: moment, ..Self::NONE },
        }
    }

    /// Up to the last moment before this one.
    #[must_use]
    pub fn before(moment: Moment, by: By) -> Self {
        Self::through(moment.minus(TimeDelta::microseconds(1)), by)
    }

    /// Reads an RFC 3339 moment, or a day, which counts to its end in this time zone.
    pub fn parse(text: &str, by: By, zone: Tz) -> Result<Self, InvalidCutoff> {
        if let Some(moment) = Moment::parse(text) {
            return Ok(Self::through(moment, by));
        }
        text.parse::<NaiveDate>()
            .ok()
            .filter(|day| (1970..=9998).contains(&day.year()))
            .and_then(|day| day.succ_opt())
            .map(|next| Self::before(Moment::start_of(next, zone), by))
            .ok_or_else(|| InvalidCutoff::Moment(text.to_owned()))
    }
}

impl FromStr for By {
    type Err = InvalidCutoff;

    fn from_str(text: &str) -> Result<Self, InvalidCutoff> {
        match text {
            "effective" => Ok(Self::Effective),
            "recorded" => Ok(Self::Recorded),
            _ => Err(InvalidCutoff::By(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE: Tz = chrono_tz::Asia::Shanghai;

    #[test]
    fn a_day_counts_to_its_end_in_the_programmes_time_zone() {
        let day = Cutoff::parse("2026-11-01", By::Effective, ZONE).unwrap();
        assert_eq!(day.effective.to_string(), "2026-11-01T15:59:59.999999Z");
        assert_eq!(day.recorded, Moment::LAST);
        let moment = Cutoff::parse("2026-11-01T00:00:00+08:00", By::Recorded, ZONE).unwrap();
        assert_eq!(moment.recorded.to_string(), "2026-10-31T16:00:00Z");
        assert_eq!(moment.effective, Moment::LAST);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "yesterday", "2026-11", "2026-02-30", "1960-01-01", "20260-01-01"] {
            assert!(Cutoff::parse(text, By::Effective, ZONE).is_err(), "{text}");
        }
        assert!("booked".parse::<By>().is_err());
    }
}
