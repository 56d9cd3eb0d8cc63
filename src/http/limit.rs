//! How often a partner may call: a token bucket each, in memory, refilled by the rate that the
//! manifest states and holding two seconds of it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::clock::Moment;
use crate::ids::PartnerId;

/// All partners' buckets.
#[derive(Default)]
pub struct Limits(Mutex<HashMap<PartnerId, Bucket>>);

struct Bucket {
    /// Millionths of a request that may be made now.
    micro_requests: i64,
    at: Moment,
}

/// One request, in its millionths.
const REQUEST: i64 = 1_000_000;

const BURST_SECONDS: i64 = 2;

impl Limits {
    /// Takes one request out of a partner's bucket.
    ///
    /// # Errors
    /// The seconds to wait, at least 1, when it is empty.
    pub fn take(&self, partner: &PartnerId, per_second: u32, now: Moment) -> Result<(), u64> {
        let rate = i64::from(per_second.max(1));
        let full = rate.saturating_mul(BURST_SECONDS).saturating_mul(REQUEST);
        // A poisoned lock only means that another request panicked: the counts are still counts.
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Bucket { micro_requests: full, at: now };
        let bucket = buckets.entry(partner.clone()).or_insert(fresh);
        // A clock that is set back refills nothing, and does not refill the same time twice.
        let elapsed = now.utc().signed_duration_since(bucket.at.utc());
        let elapsed_micros = elapsed.num_microseconds().unwrap_or(i64::MAX).max(0);
        let refill = elapsed_micros.saturating_mul(rate);
        bucket.micro_requests = bucket.micro_requests.saturating_add(refill).min(full);
        bucket.at = bucket.at.max(now);
        if bucket.micro_requests < REQUEST {
            // The rate is at least one a second, so a whole request is there in a second.
            return Err(1);
        }
        bucket.micro_requests = bucket.micro_requests.saturating_sub(REQUEST);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_partner_may_burst_for_two_seconds_and_then_go_at_its_rate() {
        let limits = Limits::default();
        let now = Moment::parse("2026-11-02T10:00:00Z").unwrap();
        let partner = PartnerId::try_from("green-basket").unwrap();
        for _ in 0..20 {
            assert_eq!(limits.take(&partner, 10, now), Ok(()));
        }
        assert_eq!(limits.take(&partner, 10, now), Err(1));
        let later = now.plus(TimeDelta::milliseconds(100));
        assert_eq!(limits.take(&partner, 10, later), Ok(()));
        assert_eq!(limits.take(&partner, 10, later), Err(1));
        let other = PartnerId::try_from("sunny-travel").unwrap();
        assert_eq!(limits.take(&other, 10, later), Ok(()));
    }

    #[test]
    fn a_clock_set_back_and_forth_refills_nothing() {
        let limits = Limits::default();
        let now = Moment::parse("2026-11-02T10:00:00Z").unwrap();
        let partner = PartnerId::try_from("green-basket").unwrap();
        assert_eq!(limits.take(&partner, 1, now), Ok(()));
        assert_eq!(limits.take(&partner, 1, now), Ok(()));
        for moment in [now.minus(TimeDelta::hours(1)), now] {
            assert_eq!(limits.take(&partner, 1, moment), Err(1));
        }
        assert_eq!(limits.take(&partner, 1, now.plus(TimeDelta::hours(1))), Ok(()));
    }
}
