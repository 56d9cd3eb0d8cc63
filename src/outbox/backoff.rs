use aws_lc_rs::rand;
use chrono::TimeDelta;

/// Attempts before a lead is given up for people to look at: about three days of them.
pub const ATTEMPTS_MAX: i64 = 90;

const FIRST: i64 = 500;
const LONGEST: i64 = 3_600_000;

/// How long to wait before the next attempt: exponential with full jitter, so that many leads that
/// failed together do not come back together. In milliseconds up to an hour.
#[must_use]
pub fn wait(attempts: i64) -> TimeDelta {
    let doublings = u32::try_from(attempts.clamp(0, 20)).unwrap_or(20);
    let ceiling = FIRST.saturating_mul(2_i64.saturating_pow(doublings)).min(LONGEST);
    let mut random = [0; 4];
    // Without randomness the whole wait is as good as any.
    let part = rand::fill(&mut random).map_or(u32::MAX, |()| u32::from_be_bytes(random));
    let jittered = i128::from(ceiling).saturating_mul(i128::from(part)) >> 32;
    TimeDelta::milliseconds(i64::try_from(jittered).unwrap_or(ceiling).saturating_add(50))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_to_an_hour_and_no_further() {
        for attempts in [0, 1, 5, 20, 1_000, i64::MAX] {
            assert!(wait(attempts) <= TimeDelta::milliseconds(LONGEST + 50));
        }
        assert!(wait(0) <= TimeDelta::milliseconds(FIRST + 50));
        let longest = (0..50).map(|_| wait(30)).max().unwrap();
        assert!(longest > TimeDelta::minutes(20), "{longest}");
    }
}
