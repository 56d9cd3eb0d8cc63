//! Counts what the software of partners on trial does, in memory, and writes the counts down from
//! time to time, so that no request waits. What cannot be written is lost: the counts help
//! people, and are not a record.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Moment;
use crate::ids::{EventKey, PartnerId};
use crate::store::observations::{self, Observation};
use crate::store::{Pool, StoreError};
use crate::task::{Chore, Round, Turn};

/// The counts that are not written down yet.
#[derive(Default)]
pub struct Observations(Mutex<Tally>);

#[derive(Default)]
struct Tally {
    counts: HashMap<Key, Observation>,
    /// The times between which an event, or all requests of a partner, were asked to wait.
    waits: HashMap<Waiting, (Moment, Moment)>,
}

type Key = (PartnerId, &'static str, String, String);

/// Who was asked to come back later: an event, or the partner as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Waiting {
    Event(EventKey),
    Partner(PartnerId),
}

/// The chore that writes observations down.
pub struct Recording {
    pub observations: Arc<Observations>,
    pub pool: Pool,
}

/// At most this many entries of each kind are kept in memory: a flood is not counted to the last.
const KEPT_MAX: usize = 10_000;
pub const WRITE_EVERY: Duration = Duration::from_secs(1);

/// Where a sign was seen, and what it is about (empty where that is clear from the route).
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub route: &'a str,
    pub subject: &'a str,
}

impl Observations {
    /// Counts one sign.
    pub fn count(&self, partner: &PartnerId, sign: &'static str, seen_at: Place<'_>, now: Moment) {
        let Place { route, subject } = seen_at;
        let mut tally = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (partner.clone(), sign, route.to_owned(), subject.to_owned());
        if tally.counts.len() >= KEPT_MAX && !tally.counts.contains_key(&key) {
            return;
        }
        let fresh = || Observation {
            sign: sign.to_owned(),
            route: route.to_owned(),
            subject: subject.to_owned(),
            count: 0,
            first_seen_at: now,
            last_seen_at: now,
        };
        let seen = tally.counts.entry(key).or_insert_with(fresh);
        seen.count = seen.count.saturating_add(1);
        seen.last_seen_at = now;
    }

    /// Notes that a request was asked not to come back before `until`.
    pub fn note_wait(&self, waiting: Waiting, from: Moment, until: Moment) {
        let mut tally = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tally.waits.len() >= KEPT_MAX {
            tally.waits.retain(|_who, (_from, until)| *until > from);
        }
        if tally.waits.len() < KEPT_MAX {
            tally.waits.insert(waiting, (from, until));
        }
    }

    /// Whether a request came earlier than it was asked to. Each such request is reported once.
    #[must_use]
    pub fn is_early(&self, waiting: &Waiting, at: Moment) -> bool {
        let mut tally = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A request from before the answer was already on its way.
        if tally.waits.get(waiting).is_none_or(|(from, _until)| at < *from) {
            return false;
        }
        // Told once: whoever came too early is told anew.
        tally.waits.remove(waiting).is_some_and(|(_from, until)| at < until)
    }

    fn take(&self) -> HashMap<PartnerId, Vec<Observation>> {
        let mut tally = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken: HashMap<PartnerId, Vec<Observation>> = HashMap::new();
        for ((partner, ..), seen) in tally.counts.drain() {
            taken.entry(partner).or_default().push(seen);
        }
        taken
    }

    fn write(&self, pool: &Pool) -> Result<(), StoreError> {
        for (partner, mut seen) in self.take() {
            // All gateways write in one order, so that two of them never wait for each other.
            seen.sort_by(|one, other| {
                (&one.sign, &one.route, &one.subject).cmp(&(
                    &other.sign,
                    &other.route,
                    &other.subject,
                ))
            });
            pool.with(|db| db.write(|tx| observations::add(tx, &partner, &seen)))?;
        }
        Ok(())
    }
}

impl Chore for Recording {
    type Error = StoreError;

    /// What cannot be written is lost.
    async fn round(&mut self, _turn: Turn) -> Result<Round, StoreError> {
        let (seen, pool) = (Arc::clone(&self.observations), self.pool.clone());
        let written = tokio::task::spawn_blocking(move || seen.write(&pool)).await;
        written.unwrap_or(Err(StoreError::Exhausted))?;
        Ok(Round::Done)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn signs_are_counted_and_whoever_comes_too_early_is_told_once() {
        let seen = Observations::default();
        let now = Moment::parse("2026-11-02T10:00:00Z").unwrap();
        let partner = PartnerId::try_from("green-basket").unwrap();
        let token_route = Place { route: "/oauth/token", subject: "" };
        seen.count(&partner, "tokens", token_route, now);
        seen.count(&partner, "tokens", token_route, now);
        let taken = seen.take().remove(&partner).unwrap();
        assert_eq!((taken.len(), taken[0].count), (1, 2));
        assert!(seen.take().is_empty());
        let waiting = Waiting::Partner(partner);
        let second = TimeDelta::seconds(1);
        seen.note_wait(waiting.clone(), now, now.plus(second));
        assert!(!seen.is_early(&waiting, now.minus(second)));
        assert!(seen.is_early(&waiting, now));
        assert!(!seen.is_early(&waiting, now));
        seen.note_wait(waiting.clone(), now, now.plus(second));
        assert!(!seen.is_early(&waiting, now.plus(second)));
    }
}
