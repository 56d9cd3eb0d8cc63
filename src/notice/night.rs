use std::time::Duration;

use chrono::{TimeDelta, Timelike};
use chrono_tz::Tz;

use crate::clock::Moment;

/// The hours between which no notice is sent.
const NIGHT: u32 = 21;
const MORNING: u32 = 8;

/// How long the night still lasts in a time zone; `None` by day.
#[must_use]
pub fn night_left(at: Moment, zone: Tz) -> Option<Duration> {
    let hour = at.utc().with_timezone(&zone).hour();
    if (MORNING..NIGHT).contains(&hour) {
        return None;
    }
    let today = at.day_in(zone);
    let day = if hour >= NIGHT { today.succ_opt().unwrap_or(today) } else { today };
    let morning = Moment::start_of(day, zone).plus(TimeDelta::hours(i64::from(MORNING)));
    Some((morning.utc() - at.utc()).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_night_is_from_nine_to_eight_where_the_customers_are() {
        let left = |text: &str| {
            night_left(Moment::parse(text).unwrap(), chrono_tz::Asia::Shanghai)
                .map(|left| left.as_secs())
        };
        assert_eq!(left("2026-11-02T20:59:59+08:00"), None);
        assert_eq!(left("2026-11-02T21:00:00+08:00"), Some(11 * 3600));
        assert_eq!(left("2026-11-03T00:30:00+08:00"), Some(7 * 3600 + 1800));
        assert_eq!(left("2026-11-03T07:59:00+08:00"), Some(60));
        assert_eq!(left("2026-11-03T08:00:00+08:00"), None);
    }
}
