//! When a message that was not delivered is tried again, and when it becomes a dead letter.

use aws_lc_rs::rand;
use chrono::TimeDelta;

use crate::clock::Moment;

/// A message is given up this long after its first failure.
const GIVEN_UP_AFTER: TimeDelta = TimeDelta::days(3);

/// The first and the longest wait, in milliseconds.
const FIRST: i64 = 500;
const LONGEST: i64 = 3_600_000;

/// When the next attempt is, and when the message is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// `None` if the time is over.
    pub again_at: Option<Moment>,
    pub give_up_at: Moment,
}

/// The waits after each failure that Standard Webhooks advises, in seconds: ten attempts over three
/// days.
const OF_WEBHOOKS: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// The next attempt of a message to a webhook, after `failures` failures before this one.
#[must_use]
pub fn next_of_webhook(failures: i64, wait_min: TimeDelta, now: Moment) -> Next {
    let wait = usize::try_from(failures).ok().and_then(|number| OF_WEBHOOKS.get(number));
    let again_at = wait.map(|seconds| now.plus(TimeDelta::seconds(*seconds).max(wait_min)));
    Next { again_at, give_up_at: again_at.unwrap_or(now) }
}

/// The next attempt after `failures` failures before this one, at least `wait_min` from now.
#[must_use]
pub fn next(failures: i64, give_up_at: Option<Moment>, wait_min: TimeDelta, now: Moment) -> Next {
    let give_up_at = give_up_at.unwrap_or_else(|| now.plus(GIVEN_UP_AFTER));
    let again_at = (now < give_up_at).then(|| now.plus(wait(failures).max(wait_min)));
    Next { again_at, give_up_at }
}

/// Exponential with full jitter, so that messages that failed together do not come back together;
/// up to an hour.
fn wait(failures: i64) -> TimeDelta {
    let doublings = u32::try_from(failures.clamp(0, 20)).unwrap_or(20);
    let ceiling = FIRST.saturating_mul(2_i64.saturating_pow(doublings)).min(LONGEST);
    let mut random = [0; 4];
    // Without randomness the whole wait is used.
    let part = rand::fill(&mut random).map_or(u32::MAX, |()| u32::from_be_bytes(random));
    let jittered = i128::from(ceiling).saturating_mul(i128::from(part)) >> 32;
    TimeDelta::milliseconds(i64::try_from(jittered).unwrap_or(ceiling).saturating_add(50))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_to_an_hour_and_no_further() {
        for failures in [0, 1, 5, 20, 1_000, i64::MAX] {
            assert!(wait(failures) <= TimeDelta::milliseconds(LONGEST + 50));
        }
        assert!(wait(0) <= TimeDelta::milliseconds(FIRST + 50));
        let longest = (0..50).map(|_| wait(30)).max().unwrap();
        assert!(longest > TimeDelta::minutes(20), "{longest}");
        // Full jitter: the attempt may come at any time up to the ceiling.
        let shortest = (0..50).map(|_| wait(30)).min().unwrap();
        assert!(shortest < TimeDelta::minutes(40), "{shortest}");
    }

    #[test]
    fn a_message_is_tried_for_three_days_from_its_first_failure_on() {
        let start = Moment::parse("2026-11-02T10:00:00Z").unwrap();
        let first = next(0, None, TimeDelta::zero(), start);
        assert_eq!(first.give_up_at, start.plus(TimeDelta::days(3)));
        let (mut now, mut failures, mut give_up_at) = (start, 0, None);
        loop {
            let after = next(failures, give_up_at, TimeDelta::zero(), now);
            give_up_at = Some(after.give_up_at);
            let Some(again_at) = after.again_at else { break };
            (now, failures) = (again_at, failures + 1);
        }
        assert!(now >= first.give_up_at && now < first.give_up_at.plus(TimeDelta::hours(2)));
        assert!(failures > 72, "{failures}");
    }

    #[test]
    fn a_webhook_is_tried_ten_times_over_three_days() {
        let start = Moment::parse("2026-11-02T10:00:00Z").unwrap();
        let (mut now, mut failures) = (start, 0);
        while let Some(again_at) = next_of_webhook(failures, TimeDelta::zero(), now).again_at {
            (now, failures) = (again_at, failures + 1);
        }
        assert_eq!(failures, 9);
        assert_eq!(now.utc() - start.utc(), TimeDelta::seconds(272_105));
        let told = next_of_webhook(0, TimeDelta::minutes(1), start);
        assert_eq!(told.again_at, Some(start.plus(TimeDelta::minutes(1))));
    }

    #[test]
    fn whoever_says_how_long_to_wait_is_heard() {
        let now = Moment::parse("2026-11-02T10:00:00Z").unwrap();
        let told = next(0, None, TimeDelta::seconds(90), now);
        assert_eq!(told.again_at, Some(now.plus(TimeDelta::seconds(90))));
    }
}
