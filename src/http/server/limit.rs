//! How often a caller may call: a token bucket for each, in memory. A bucket is refilled by the
//! caller's rate, and holds two seconds of it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use crate::clock::Moment;

/// The buckets of all callers of one kind.
pub struct Limits<K>(Mutex<HashMap<K, Bucket>>);

struct Bucket {
    /// Millionths of a request that may be made now.
    micro_requests: i64,
    /// The same when the bucket is full.
    full: i64,
    at: Moment,
}

/// What a caller has left of its rate, as the `RateLimit` fields tell it
/// (draft-ietf-httpapi-ratelimit-headers-11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Requests in the window of [`BURST_SECONDS`].
    quota: i64,
    left: i64,
    /// Seconds until the whole quota is there again.
    full_in: i64,
}

impl Allowance {
    /// The same with nothing left.
    #[must_use]
    pub fn exhausted(self) -> Self {
        Self { left: 0, full_in: self.full_in.max(1), ..self }
    }

    /// `RateLimit-Policy`: what was agreed.
    #[must_use]
    pub fn policy(&self) -> String {
        format!("\"requests\";q={};w={BURST_SECONDS}", self.quota)
    }

    /// `RateLimit`: what is left of it.
    #[must_use]
    pub fn state(&self) -> String {
        format!("\"requests\";r={};t={}", self.left, self.full_in)
    }
}

impl Bucket {
    /// A full bucket says no more than none does. After the burst's time each one is full again.
    fn is_full_by(&self, now: Moment) -> bool {
        let elapsed = now.utc().signed_duration_since(self.at.utc());
        self.micro_requests >= self.full || elapsed.num_seconds() >= BURST_SECONDS
    }
}

/// One request, in its millionths.
const REQUEST: i64 = 1_000_000;

const BURST_SECONDS: i64 = 2;

/// Buckets beyond this number are cleared away as soon as they are full again.
const BUCKETS_MAX: usize = 10_000;

impl<K> Default for Limits<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq + Clone> Limits<K> {
    /// Takes one request out of a caller's bucket. Returns what is left.
    ///
    /// # Errors
    /// The same, when the bucket is empty. In a second there is a whole request again, because the
    /// rate is at least one.
    pub fn take(&self, caller: &K, per_second: u32, now: Moment) -> Result<Allowance, Allowance> {
        let rate = i64::from(per_second.max(1));
        let full = rate.saturating_mul(BURST_SECONDS).saturating_mul(REQUEST);
        // A poisoned lock only means that another request panicked: the counts are still counts.
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS_MAX && !buckets.contains_key(caller) {
            buckets.retain(|_caller, bucket| !bucket.is_full_by(now));
        }
        let fresh = Bucket { micro_requests: full, full, at: now };
        let bucket = buckets.entry(caller.clone()).or_insert(fresh);
        bucket.full = full;
        // A clock that is set back refills nothing, and does not refill the same time twice.
        let elapsed = now.utc().signed_duration_since(bucket.at.utc());
        let elapsed_micros = elapsed.num_microseconds().unwrap_or(i64::MAX).max(0);
        let refill = elapsed_micros.saturating_mul(rate);
        bucket.micro_requests = bucket.micro_requests.saturating_add(refill).min(full);
        bucket.at = bucket.at.max(now);
        let taken = bucket.micro_requests >= REQUEST;
        if taken {
            bucket.micro_requests = bucket.micro_requests.saturating_sub(REQUEST);
        }
        let missing = full.saturating_sub(bucket.micro_requests);
        let allowance = Allowance {
            quota: rate.saturating_mul(BURST_SECONDS),
            left: bucket.micro_requests.div_euclid(REQUEST),
            full_in: missing.div_euclid(rate.saturating_mul(REQUEST)).saturating_add(1),
        };
        if taken { Ok(allowance) } else { Err(allowance) }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::ids::PartnerId;

    #[test]
    fn a_partner_may_burst_for_two_seconds_and_then_go_at_its_rate() {
        let limits = Limits::default();
        let now = Moment::parse("2026-11-02T10:00:00Z").unwrap();
        let partner = PartnerId::try_from("green-basket").unwrap();
        for left in (0..20).rev() {
            let allowance = limits.take(&partner, 10, now).unwrap();
            assert_eq!((allowance.quota, allowance.left), (20, left));
        }
        let refused = limits.take(&partner, 10, now).unwrap_err();
        assert_eq!(refused.policy(), "\"requests\";q=20;w=2");
        assert_eq!(refused.state(), "\"requests\";r=0;t=3");
        let later = now.plus(TimeDelta::milliseconds(100));
        assert!(limits.take(&partner, 10, later).is_ok());
        assert!(limits.take(&partner, 10, later).is_err());
        let other = PartnerId::try_from("sunny-travel").unwrap();
        assert!(limits.take(&other, 10, later).is_ok());
    }

    #[test]
    fn the_buckets_of_callers_that_have_gone_are_cleared_away() {
        let limits = Limits::default();
        let now = Moment::parse("2026-11-02T10:00:00Z").unwrap();
        for caller in 0..BUCKETS_MAX {
            assert!(limits.take(&caller, 1, now).is_ok());
        }
        let later = now.plus(TimeDelta::seconds(BURST_SECONDS));
        assert!(limits.take(&BUCKETS_MAX, 1, later).is_ok());
        assert_eq!(limits.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn a_clock_set_back_and_forth_refills_nothing() {
        let limits = Limits::default();
        let now = Moment::parse("2026-11-02T10:00:00Z").unwrap();
        let partner = PartnerId::try_from("green-basket").unwrap();
        assert!(limits.take(&partner, 1, now).is_ok());
        assert!(limits.take(&partner, 1, now).is_ok());
        for moment in [now.minus(TimeDelta::hours(1)), now] {
            assert!(limits.take(&partner, 1, moment).is_err());
        }
        assert!(limits.take(&partner, 1, now.plus(TimeDelta::hours(1))).is_ok());
    }
}
