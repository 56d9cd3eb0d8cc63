//! The lane of one destination in one gateway: how many messages are under way, how fast they may
//! follow each other, and whether the breaker is open.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use super::Failure;
use super::breaker::Breaker;
use super::failure::Blame;
use crate::clock::Moment;
use crate::settings::DeliverySettings;

/// The lane of one destination.
#[derive(Default)]
pub struct Lane {
    breaker: Breaker,
    /// The destination asked us to wait until then.
    paused_until: Option<Moment>,
    /// The second in which messages were last begun, and how many were.
    second: i64,
    begun: usize,
    /// Held by each delivery under way, so that a lost delivery no longer counts.
    under_way: Arc<()>,
}

impl Lane {
    /// How many messages may begin now.
    #[must_use]
    pub fn room(&self, now: Moment, settings: DeliverySettings) -> usize {
        if self.paused_until.is_some_and(|until| now < until) {
            return 0;
        }
        let under_way = self.under_way();
        let begun = if self.second == now.unix_seconds() { self.begun } else { 0 };
        let free = settings.at_once.saturating_sub(under_way);
        let wanted = free.min(settings.per_second.saturating_sub(begun));
        self.breaker.room(now, under_way, wanted)
    }

    /// Counts a message that begins. The caller holds the returned value until the message has ended.
    pub fn begin(&mut self, now: Moment) -> Arc<()> {
        let second = now.unix_seconds();
        self.begun = if self.second == second { self.begun.saturating_add(1) } else { 1 };
        self.second = second;
        Arc::clone(&self.under_way)
    }

    /// Notes how a delivery ended. `true` if the destination gets no messages for a while.
    pub fn ended(&mut self, failure: Option<&Failure>, now: Moment) -> bool {
        match failure.map(|failure| (failure.blame, failure.wait_min)) {
            None | Some((Blame::Message, _)) => {
                self.breaker.succeeded();
                false
            }
            Some((Blame::Pace, wait)) => {
                self.breaker.succeeded();
                let wait = wait.unwrap_or(PAUSE).min(PAUSE_MAX);
                let until = now.plus(TimeDelta::from_std(wait).unwrap_or_default());
                self.paused_until = self.paused_until.max(Some(until));
                true
            }
            Some((Blame::Destination, _)) => self.breaker.failed(now),
            Some((Blame::Ourselves, _)) => false,
        }
    }

    fn under_way(&self) -> usize {
        Arc::strong_count(&self.under_way).saturating_sub(1)
    }
}

/// The wait if a destination does not say how long.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest wait, whatever the destination says: as long as any backoff.
const PAUSE_MAX: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: DeliverySettings = DeliverySettings { at_once: 4, per_second: 6 };

    fn at(millis: i64) -> Moment {
        Moment::parse("2026-11-02T10:00:00Z").unwrap().plus(TimeDelta::milliseconds(millis))
    }

    #[test]
    fn only_so_many_are_under_way_and_only_so_many_begin_in_a_second() {
        let mut lane = Lane::default();
        let held: Vec<Arc<()>> = (0..4).map(|_| lane.begin(at(0))).collect();
        assert_eq!(lane.room(at(100), SETTINGS), 0);
        drop(held);
        assert_eq!(lane.room(at(200), SETTINGS), 2);
        assert_eq!(lane.room(at(1000), SETTINGS), 4);
    }

    #[test]
    fn a_destination_that_asks_to_wait_is_left_alone_as_long() {
        let mut lane = Lane::default();
        let asked = Failure::from(crate::crm::CrmError::RateLimited {
            retry_after: Some(Duration::from_secs(30)),
        });
        assert!(lane.ended(Some(&asked), at(0)));
        assert_eq!(lane.room(at(29_999), SETTINGS), 0);
        assert_eq!(lane.room(at(30_000), SETTINGS), 4);
    }

    #[test]
    fn a_message_that_is_refused_says_that_the_destination_is_well() {
        let mut lane = Lane::default();
        let gone = Failure::from(crate::crm::CrmError::Unavailable("no connection".to_owned()));
        let refused = Failure::from(crate::crm::CrmError::Refused("no such currency".to_owned()));
        for _ in 0..4 {
            assert!(!lane.ended(Some(&gone), at(0)));
        }
        lane.ended(Some(&refused), at(0));
        assert!(!lane.ended(Some(&gone), at(0)));
        assert_eq!(lane.room(at(0), SETTINGS), 4);
    }
}
