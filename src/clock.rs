//! The only place that reads the clock. A moment is UTC, cut to microseconds, because PostgreSQL
//! keeps no more: a finer moment would change when it is read back, and fingerprints with it.

use std::fmt;

use chrono::{
    DateTime, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, SubsecRound, TimeDelta, TimeZone,
    Timelike, Utc,
};
use chrono_tz::Tz;
use serde::{Serialize, Serializer};

/// A point in time, UTC, microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Moment(DateTime<Utc>);

/// Now, by this machine's clock.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
#[must_use]
pub fn now() -> Moment {
    Moment::from(Utc::now())
}

impl Moment {
    /// The last moment that both stores and RFC 3339 can hold.
    pub const LAST: Self = match DateTime::from_timestamp(253_402_300_799, 999_999_000) {
        Some(last) => Self(last),
        None => Self(DateTime::UNIX_EPOCH),
    };

    /// Reads an RFC 3339 date-time with any offset. `None` if the text is not one, or lies outside
    /// the years 1970 to 9999, which both stores and RFC 3339 can hold.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let moment = DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc);
        let moment = without_leap_second(moment)?;
        (0..=253_402_300_799).contains(&moment.timestamp()).then(|| Self::from(moment))
    }

    /// From Unix seconds, as JWTs count (RFC 7519 `NumericDate`).
    #[must_use]
    pub fn from_unix_seconds(seconds: i64) -> Option<Self> {
        DateTime::from_timestamp(seconds, 0).map(Self)
    }

    #[must_use]
    pub const fn unix_micros(self) -> i64 {
        self.0.timestamp_micros()
    }

    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0.timestamp()
    }

    #[must_use]
    pub const fn utc(self) -> DateTime<Utc> {
        self.0
    }

    /// The last day on which something can be used that ends at this moment. A moment that is the
    /// start of a day belongs to the end of the day before.
    #[must_use]
    pub fn last_day_before(self, zone: Tz) -> NaiveDate {
        self.minus(TimeDelta::microseconds(1)).day_in(zone)
    }

    /// Date and time to the minute in a time zone, as people write it: `2026-11-27 05:54`.
    #[must_use]
    pub fn minute_in(self, zone: Tz) -> String {
        self.0.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string()
    }

    /// The business day of the moment.
    #[must_use]
    pub fn day_in(self, zone: Tz) -> NaiveDate {
        self.0.with_timezone(&zone).date_naive()
    }

    /// When a business day begins. If the clocks leap over midnight, it begins at the first moment
    /// after.
    #[must_use]
    pub fn start_of(day: NaiveDate, zone: Tz) -> Self {
        let midnight = day.and_time(NaiveTime::MIN);
        let begins = (0..4).find_map(|hours| {
            zone.from_local_datetime(&(midnight + TimeDelta::hours(hours))).earliest()
        });
        Self::from(begins.map_or_else(|| midnight.and_utc(), |at| at.with_timezone(&Utc)))
    }

    /// The moment as the stores keep it: UTC without an offset.
    #[must_use]
    pub const fn naive(self) -> NaiveDateTime {
        self.0.naive_utc()
    }

    #[must_use]
    pub fn from_naive(naive: NaiveDateTime) -> Self {
        Self::from(naive.and_utc())
    }

    /// The moment later by `by`; unchanged at the end of representable time.
    #[must_use]
    pub fn plus(self, delta: TimeDelta) -> Self {
        Self(self.0.checked_add_signed(delta).unwrap_or(self.0))
    }

    /// The moment earlier by `by`; unchanged at the start of representable time.
    #[must_use]
    pub fn minus(self, delta: TimeDelta) -> Self {
        Self(self.0.checked_sub_signed(delta).unwrap_or(self.0))
    }
}

/// A leap second (`23:59:60` in UTC, RFC 3339 section 5.7) as the last microsecond before it, so that
/// it stays in its day and is the same moment on every store. `None` for a 60th second elsewhere.
fn without_leap_second(time: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if time.timestamp_subsec_nanos() < 1_000_000_000 {
        return Some(time);
    }
    let is_leap = time.timestamp().rem_euclid(86_400) == 86_399;
    is_leap.then(|| time.with_nanosecond(999_999_000)).flatten()
}

impl From<DateTime<Utc>> for Moment {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.trunc_subsecs(6))
    }
}

/// RFC 3339 in UTC, with as many decimals as the microseconds need.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_cut_to_microseconds_and_turned_to_utc() {
        let moment = Moment::parse("2026-11-02T10:15:30.123456789+08:00").unwrap();
        assert_eq!(moment.to_string(), "2026-11-02T02:15:30.123456Z");
        assert_eq!(Moment::from_naive(moment.naive()), moment);
    }

    #[test]
    fn a_leap_second_is_the_end_of_its_day() {
        let leap = Moment::parse("2016-12-31T23:59:60Z").unwrap();
        assert_eq!(leap.to_string(), "2016-12-31T23:59:59.999999Z");
        assert_eq!(Moment::parse("2017-01-01T07:59:60.5+08:00"), Some(leap));
        assert_eq!(Moment::parse("2016-12-31T10:15:60Z"), None);
    }

    #[test]
    fn a_day_begins_at_midnight_of_its_zone_or_as_soon_as_there_is_an_hour() {
        let start = |day: &str, zone: Tz| Moment::start_of(day.parse().unwrap(), zone);
        let shanghai = start("2026-11-02", chrono_tz::Asia::Shanghai);
        assert_eq!(shanghai.to_string(), "2026-11-01T16:00:00Z");
        assert_eq!(shanghai.day_in(chrono_tz::Asia::Shanghai).to_string(), "2026-11-02");
        // In 2018 clocks in Sao Paulo went from midnight to one o'clock.
        let sao_paulo = start("2018-11-04", chrono_tz::America::Sao_Paulo);
        assert_eq!(sao_paulo.to_string(), "2018-11-04T03:00:00Z");
        assert_eq!(Moment::LAST.to_string(), "9999-12-31T23:59:59.999999Z");
    }

    #[test]
    fn what_is_not_a_date_time_is_refused() {
        for text in ["", "2026-11-02", "2026-11-02T10:15:30", "1969-12-31T23:59:59Z", "now"] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }
}
