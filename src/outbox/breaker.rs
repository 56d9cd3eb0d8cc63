//! A circuit breaker: a destination that fails again and again gets no messages for a while, then
//! one message to see whether it works again. Pure: the caller gives the time.

use chrono::TimeDelta;

use crate::clock::Moment;

/// This many failures in a row open the breaker, whichever messages they are.
const FAILURES_MAX: u32 = 5;
/// How long the breaker stays open at first; each probe that fails doubles it.
const OPEN_FIRST: TimeDelta = TimeDelta::seconds(2);
/// The longest time that it stays open.
const OPEN_MAX: TimeDelta = TimeDelta::seconds(60);

/// Whether messages go to a destination, and how many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breaker {
    /// Messages go; this many failed in a row.
    Closed { failures: u32 },
    /// No message goes until then; after that, one at a time until one is delivered.
    Open { until: Moment, wait: TimeDelta },
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Breaker {
    /// How many of `wanted` messages may be begun while `under_way` are being sent.
    #[must_use]
    pub fn room(&self, now: Moment, under_way: usize, wanted: usize) -> usize {
        match self {
            Self::Closed { .. } => wanted,
            Self::Open { until, .. } if now >= *until && under_way == 0 => wanted.min(1),
            Self::Open { .. } => 0,
        }
    }

    /// A delivery reached the destination.
    pub const fn succeeded(&mut self) {
        *self = Self::Closed { failures: 0 };
    }

    /// A delivery failed. `true` if that opened the breaker, or kept it open.
    pub fn failed(&mut self, now: Moment) -> bool {
        match *self {
            Self::Closed { failures } if failures.saturating_add(1) < FAILURES_MAX => {
                *self = Self::Closed { failures: failures.saturating_add(1) };
                false
            }
            Self::Closed { .. } => {
                *self = Self::Open { until: now.plus(OPEN_FIRST), wait: OPEN_FIRST };
                true
            }
            // This message was already being sent when the breaker opened: its failure is no news.
            Self::Open { until, .. } if now < until => false,
            Self::Open { wait, .. } => {
                let wait = wait.checked_mul(2).map_or(OPEN_MAX, |twice| twice.min(OPEN_MAX));
                *self = Self::Open { until: now.plus(wait), wait };
                true
            }
        }
    }

    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Moment {
        Moment::parse("2026-11-02T10:00:00Z").unwrap().plus(TimeDelta::seconds(seconds))
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 1..FAILURES_MAX {
            assert!(!breaker.failed(at(0)));
            assert_eq!(breaker.room(at(0), 3, 4), 4);
        }
        assert!(breaker.failed(at(0)));
        breaker
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_nobody_go() {
        let breaker = opened();
        assert_eq!((breaker.room(at(0), 0, 4), breaker.room(at(1), 0, 4)), (0, 0));
    }

    #[test]
    fn a_success_between_failures_keeps_it_closed() {
        let mut breaker = Breaker::default();
        for _ in 0..10 {
            for _ in 1..FAILURES_MAX {
                assert!(!breaker.failed(at(0)));
            }
            breaker.succeeded();
        }
        assert!(!breaker.is_open());
    }

    #[test]
    fn after_a_while_one_goes_to_see_and_if_it_comes_through_all_go() {
        let mut breaker = opened();
        assert_eq!(breaker.room(at(2), 0, 4), 1);
        assert_eq!(breaker.room(at(2), 1, 4), 0, "one is on its way");
        breaker.succeeded();
        assert_eq!(breaker.room(at(2), 0, 4), 4);
    }

    #[test]
    fn each_probe_that_fails_doubles_the_wait_to_a_minute_and_no_more() {
        let mut breaker = opened();
        let (mut now, mut waits) = (0, Vec::new());
        for _ in 0..7 {
            let wait = (0..).find(|wait| breaker.room(at(now + wait), 0, 1) == 1).unwrap();
            waits.push(wait);
            now += wait;
            assert!(breaker.failed(at(now)));
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn what_was_on_its_way_when_it_opened_does_not_lengthen_the_wait() {
        let mut breaker = opened();
        assert!(!breaker.failed(at(1)));
        assert_eq!(breaker.room(at(2), 0, 4), 1);
    }
}
