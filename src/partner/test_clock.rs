//! Clocks of partners on trial. A partner may move its clock ahead, to see holds time out and points
//! mature and expire.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::clock::Moment;
use crate::ids::PartnerId;

/// The time for each partner.
#[derive(Clone, Debug)]
pub struct TestClocks {
    now: Moment,
    ahead: BTreeMap<PartnerId, TimeDelta>,
}

/// How far a clock may be ahead of ours, in seconds: ten years of 366 days each.
pub const AHEAD_SECONDS_MAX: i64 = 10 * 366 * 86_400;

impl TestClocks {
    /// The same time for all.
    #[must_use]
    pub const fn real(now: Moment) -> Self {
        Self { now, ahead: BTreeMap::new() }
    }

    #[must_use]
    pub const fn new(now: Moment, ahead: BTreeMap<PartnerId, TimeDelta>) -> Self {
        Self { now, ahead }
    }

    /// The time by our own clock.
    #[must_use]
    pub const fn now(&self) -> Moment {
        self.now
    }

    /// The time by a partner's clock.
    #[must_use]
    pub fn now_of(&self, partner: &PartnerId) -> Moment {
        self.ahead.get(partner).map_or(self.now, |ahead| self.now.plus(*ahead))
    }

    /// The time by the clock that is furthest ahead.
    #[must_use]
    pub fn latest(&self) -> Moment {
        self.ahead.values().max().map_or(self.now, |ahead| self.now.plus(*ahead))
    }

    /// The partners whose clocks are ahead, with their time.
    pub fn ahead(&self) -> impl Iterator<Item = (&PartnerId, Moment)> {
        self.ahead.iter().map(|(partner, ahead)| (partner, self.now.plus(*ahead)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_ahead_for_its_partner_only() {
        let now = Moment::parse("2026-11-02T10:00:00Z").unwrap();
        let basket = PartnerId::try_from("green-basket").unwrap();
        let travel = PartnerId::try_from("sunny-travel").unwrap();
        let day = TimeDelta::days(1);
        let clocks = TestClocks::new(now, BTreeMap::from([(basket.clone(), day)]));
        assert_eq!(clocks.now_of(&basket), now.plus(day));
        assert_eq!(clocks.now_of(&travel), now);
        assert_eq!((clocks.now(), clocks.latest()), (now, now.plus(day)));
        assert_eq!(TestClocks::real(now).latest(), now);
    }
}
