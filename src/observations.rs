//! What the software of partners on trial does, counted in memory and written down every so often:
//! a request waits for none of it. What cannot be written is lost: it is a help, not a record.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::Moment;
use crate::ids::{EventKey, PartnerId};
use crate::store::observations::{self, Observation};
use crate::store::{Pool, StoreError};

/// What has been seen and is not written down yet.
#[derive(Default)]
pub struct Observations(Mutex<Tally>);

#[derive(Default)]
struct Tally {
    counts: HashMap<Key, Observation>,
    /// From when until when events, or all of a partner, were told to wait.
    waits: HashMap<Waiting, (Moment, Moment)>,
}

type Key = (PartnerId, &'static str, String, String);

/// Who was told to come back later: an event, or the partner as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Waiting {
    Event(EventKey),
    Partner(PartnerId),
}

/// A running writing-down.
pub struct Recording {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What is kept in memory of either kind: a flood is not counted to the last.
const KEPT_MAX: usize = 10_000;
const WRITE_EVERY: Duration = Duration::from_secs(1);

impl Observations {
    /// Counts a sign.
    pub fn count(
        &self,
        partner: &PartnerId,
        sign: &'static str,
        (route, subject): (&str, &str),
        now: Moment,
    ) {
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

    /// Notes that it is not to come back between these moments.
    pub fn told_to_wait(&self, waiting: Waiting, (from, until): (Moment, Moment)) {
        let mut tally = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tally.waits.len() >= KEPT_MAX {
            tally.waits.retain(|_who, (_from, until)| *until > from);
        }
        if tally.waits.len() < KEPT_MAX {
            tally.waits.insert(waiting, (from, until));
        }
    }

    /// Whether it came before its time.
    #[must_use]
    pub fn is_early(&self, waiting: &Waiting, at: Moment) -> bool {
        let mut tally = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What came before it was told to wait is still on its way.
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
            // In one order everywhere, so that two gateways never wait for each other in a circle.
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

/// Writes down what is seen, until it is stopped.
#[must_use]
pub fn start(observations: Arc<Observations>, pool: Pool) -> Recording {
    let (stop, mut stopped) = watch::channel(false);
    let task = tokio::spawn(async move {
        let mut last = false;
        while !last {
            tokio::select! {
                () = tokio::time::sleep(WRITE_EVERY) => {}
                _ = stopped.changed() => last = true,
            }
            let (seen, pool) = (Arc::clone(&observations), pool.clone());
            let written = tokio::task::spawn_blocking(move || seen.write(&pool)).await;
            match written {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "observations are lost"),
                Err(error) => tracing::error!(%error, "observations are lost"),
            }
        }
    });
    Recording { stop, task }
}

impl Recording {
    /// Writes down what there is, then ends.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the writing-down of observations was lost");
        }
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
        seen.count(&partner, "tokens", ("/oauth/token", ""), now);
        seen.count(&partner, "tokens", ("/oauth/token", ""), now);
        let taken = seen.take().remove(&partner).unwrap();
        assert_eq!((taken.len(), taken[0].count), (1, 2));
        assert!(seen.take().is_empty());
        let waiting = Waiting::Partner(partner);
        let second = TimeDelta::seconds(1);
        seen.told_to_wait(waiting.clone(), (now, now.plus(second)));
        assert!(!seen.is_early(&waiting, now.minus(second)));
        assert!(seen.is_early(&waiting, now));
        assert!(!seen.is_early(&waiting, now));
        seen.told_to_wait(waiting.clone(), (now, now.plus(second)));
        assert!(!seen.is_early(&waiting, now.plus(second)));
    }
}
