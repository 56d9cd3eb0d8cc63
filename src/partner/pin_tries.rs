//! How often the PIN of a shop's form may be tried. A device that was signed in before is counted by itself. Unknown
//! devices are counted by the network that they call from, and all of them together by the day, so
//! that guessing from many networks is no use. A stranger's tries never lock a known device out.

use chrono::TimeDelta;

use crate::clock::Moment;
use crate::ids::PartnerId;
use crate::store::form_tries::{self, Tries};
use crate::store::{Db, StoreError};

/// Tries before a source is locked.
const FREE: i64 = 5;
/// How long the first lock lasts; each further try doubles it.
const LOCKED_FOR: TimeDelta = TimeDelta::minutes(1);
const LOCKED_FOR_MAX: TimeDelta = TimeDelta::hours(1);
/// Tries are forgotten after this time without another one.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::hours(24);
/// Tries of all unknown devices in a day.
const STRANGERS_MAX: i64 = 200;
/// The source that all unknown devices share.
const STRANGERS: &str = "strangers";

/// Where a try comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrySource {
    /// A device that was signed in before, by its id.
    Device(String),
    /// An unknown device, by a keyed hash of its network.
    Network(String),
}

/// Whether a try may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryOutcome {
    /// It is counted: the PIN may be checked.
    Counted,
    /// No try is taken for this number of seconds.
    Locked { seconds: i64 },
}

impl TrySource {
    fn name(&self) -> String {
        match self {
            Self::Device(id) => format!("device {id}"),
            Self::Network(hash) => format!("network {hash}"),
        }
    }
}

/// Counts a try before the PIN is checked.
pub fn count(
    source: &TrySource,
    db: &mut Db,
    partner: &PartnerId,
    now: Moment,
) -> Result<TryOutcome, StoreError> {
    db.write(|tx| {
        form_tries::sweep(tx, partner, now.minus(FORGOTTEN_AFTER))?;
        // One order everywhere, so that two tries never wait for each other.
        let strangers = match source {
            TrySource::Device(_) => None,
            TrySource::Network(_) => {
                let before = form_tries::lock(tx, partner, STRANGERS, now)?;
                match one_of_the_day(before, now) {
                    Counting::Counted(tries) => Some(tries),
                    Counting::Locked { seconds } => return Ok(TryOutcome::Locked { seconds }),
                }
            }
        };
        let name = source.name();
        match another(form_tries::lock(tx, partner, &name, now)?, now) {
            Counting::Counted(tries) => form_tries::put(tx, partner, &name, &tries)?,
            Counting::Locked { seconds } => return Ok(TryOutcome::Locked { seconds }),
        }
        if let Some(tries) = strangers {
            form_tries::put(tx, partner, STRANGERS, &tries)?;
        }
        Ok(TryOutcome::Counted)
    })
}

/// Forgets the tries of a source, because its PIN was right.
pub fn forget(
    source: &TrySource,
    db: &mut Db,
    partner: &PartnerId,
    now: Moment,
) -> Result<(), StoreError> {
    db.write(|tx| {
        if let TrySource::Network(_) = source {
            let tries = form_tries::lock(tx, partner, STRANGERS, now)?;
            let failures = tries.failures.saturating_sub(1).max(0);
            form_tries::put(tx, partner, STRANGERS, &Tries { failures, ..tries })?;
        }
        form_tries::forget(tx, partner, &source.name())
    })
}

enum Counting {
    Counted(Tries),
    Locked { seconds: i64 },
}

/// Another try of one source.
fn another(before: Tries, now: Moment) -> Counting {
    if let Some(seconds) = seconds_until(before.locked_until, now) {
        return Counting::Locked { seconds };
    }
    let is_old = before.tried_at.plus(FORGOTTEN_AFTER) <= now;
    let failures = if is_old { 1 } else { before.failures.saturating_add(1) };
    let locked_for = match u32::try_from(failures.saturating_sub(FREE)) {
        Ok(beyond) => {
            let factor = 2_i32.checked_pow(beyond).unwrap_or(i32::MAX);
            LOCKED_FOR.checked_mul(factor).unwrap_or(LOCKED_FOR_MAX).min(LOCKED_FOR_MAX)
        }
        Err(_free) => TimeDelta::zero(),
    };
    Counting::Counted(Tries { failures, tried_at: now, locked_until: now.plus(locked_for) })
}

/// Another try of an unknown device. `tried_at` is when the day began.
fn one_of_the_day(before: Tries, now: Moment) -> Counting {
    let end = before.tried_at.plus(FORGOTTEN_AFTER);
    let Some(seconds) = seconds_until(end, now) else {
        return Counting::Counted(Tries { failures: 1, tried_at: now, locked_until: now });
    };
    if before.failures >= STRANGERS_MAX {
        return Counting::Locked { seconds };
    }
    Counting::Counted(Tries { failures: before.failures.saturating_add(1), ..before })
}

fn seconds_until(end: Moment, now: Moment) -> Option<i64> {
    let left = end.utc().signed_duration_since(now.utc());
    (left > TimeDelta::zero()).then(|| left.num_seconds().saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(now: Moment) -> Tries {
        Tries { failures: 0, tried_at: now, locked_until: now }
    }

    fn counted(counting: Counting) -> Tries {
        match counting {
            Counting::Counted(tries) => tries,
            Counting::Locked { seconds } => panic!("locked for {seconds} s"),
        }
    }

    #[test]
    fn after_five_tries_each_costs_twice_as_long_up_to_an_hour() {
        let mut now = Moment::parse("2026-11-24T10:00:00Z").unwrap();
        let mut tries = none(now);
        let mut waits = Vec::new();
        for _ in 0..12 {
            tries = counted(another(tries, now));
            match another(tries, now) {
                Counting::Counted(_free) => waits.push(0),
                Counting::Locked { seconds } => waits.push(seconds - 1),
            }
            now = tries.locked_until;
        }
        assert_eq!(waits, [0, 0, 0, 0, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
        let next_day = counted(another(tries, now.plus(TimeDelta::hours(24))));
        assert_eq!((next_day.failures, next_day.locked_until), (1, next_day.tried_at));
    }

    #[test]
    fn unknown_devices_have_a_number_of_tries_a_day() {
        let now = Moment::parse("2026-11-24T10:00:00Z").unwrap();
        let mut tries = none(now);
        for _ in 0..STRANGERS_MAX {
            tries = counted(one_of_the_day(tries, now));
        }
        let later = now.plus(TimeDelta::hours(23));
        assert!(matches!(one_of_the_day(tries, later), Counting::Locked { seconds: 3_601 }));
        assert_eq!(counted(one_of_the_day(tries, now.plus(TimeDelta::hours(24)))).failures, 1);
    }
}
