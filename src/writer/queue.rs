//! The writer's queue, with a lane for each partner. Lanes are served in turn, one job at a time, so
//! that one partner's flood makes only that partner wait. Each lane holds a limited number of events:
//! a flood is turned away early instead of timing out late.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::ids::PartnerId;

/// Jobs by lane. `None` is the bank's own lane: staff, chores, and what falls due.
pub struct Queue<J> {
    state: Mutex<State<J>>,
    filled: Condvar,
    /// How many events one lane may hold.
    lane_max: usize,
}

struct State<J> {
    lanes: BTreeMap<Option<PartnerId>, Lane<J>>,
    /// Lanes with jobs, in the order in which they are served.
    turns: VecDeque<Option<PartnerId>>,
    closed: bool,
}

struct Lane<J> {
    jobs: VecDeque<(usize, J)>,
    events: usize,
}

/// Why a job is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unqueued {
    /// The lane is full.
    Full,
    /// The queue is closed.
    Closed,
}

impl<J> Queue<J> {
    pub const fn new(lane_max: usize) -> Self {
        let state = State { lanes: BTreeMap::new(), turns: VecDeque::new(), closed: false };
        Self { state: Mutex::new(state), filled: Condvar::new(), lane_max }
    }

    /// Puts a job at the end of its lane; `events` is its weight. An empty lane takes any job.
    ///
    /// # Errors
    /// [`Unqueued`]; the job is dropped.
    pub fn push(&self, partner: Option<PartnerId>, events: usize, job: J) -> Result<(), Unqueued> {
        let mut state = self.lock();
        if state.closed {
            return Err(Unqueued::Closed);
        }
        let lane = state.lanes.entry(partner.clone());
        let lane = lane.or_insert_with(|| Lane { jobs: VecDeque::new(), events: 0 });
        let after = lane.events.saturating_add(events);
        if !lane.jobs.is_empty() && after > self.lane_max {
            return Err(Unqueued::Full);
        }
        let was_empty = lane.jobs.is_empty();
        lane.events = after;
        lane.jobs.push_back((events, job));
        if was_empty {
            state.turns.push_back(partner);
        }
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Waits for a job, and takes what else waits, lane after lane, up to `events_max` events.
    /// `None` once the queue is closed and empty.
    pub fn take(&self, events_max: usize) -> Option<Vec<J>> {
        let mut state = self.lock();
        while state.turns.is_empty() {
            if state.closed {
                return None;
            }
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let (mut jobs, mut events) = (Vec::new(), 0_usize);
        while let Some((size, job)) = state.next() {
            jobs.push(job);
            events = events.saturating_add(size);
            if events >= events_max {
                break;
            }
        }
        let more = !state.turns.is_empty();
        drop(state);
        if more {
            self.filled.notify_one();
        }
        Some(jobs)
    }

    /// Takes no more jobs; those that wait are still served.
    pub fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    /// How many events wait.
    pub fn depth(&self) -> usize {
        self.lock().lanes.values().map(|lane| lane.events).sum()
    }

    fn lock(&self) -> MutexGuard<'_, State<J>> {
        // A thread that panicked while it held the lock left the lanes whole: no job is half in one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J> State<J> {
    /// The next job of the lane whose turn it is.
    fn next(&mut self) -> Option<(usize, J)> {
        let partner = self.turns.pop_front()?;
        let lane = self.lanes.get_mut(&partner)?;
        let (events, job) = lane.jobs.pop_front()?;
        lane.events = lane.events.saturating_sub(events);
        if lane.jobs.is_empty() {
            self.lanes.remove(&partner);
        } else {
            self.turns.push_back(partner);
        }
        Some((events, job))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partner(id: &str) -> Option<PartnerId> {
        Some(PartnerId::try_from(id).unwrap())
    }

    #[test]
    fn lanes_are_served_in_turn_and_each_in_its_order() {
        let queue = Queue::new(1_000);
        for job in ["a1", "a2", "a3", "a4"] {
            queue.push(partner("lane-a"), 1, job).unwrap();
        }
        queue.push(partner("lane-b"), 1, "b1").unwrap();
        queue.push(None, 0, "due").unwrap();
        assert_eq!(queue.depth(), 5);
        assert_eq!(queue.take(3).unwrap(), ["a1", "b1", "due", "a2"]);
        assert_eq!(queue.take(3).unwrap(), ["a3", "a4"]);
        assert_eq!(queue.depth(), 0);
    }

    #[test]
    fn a_full_lane_turns_its_own_partner_away_and_no_other() {
        let queue = Queue::new(10);
        queue.push(partner("lane-a"), 8, "a1").unwrap();
        assert_eq!(queue.push(partner("lane-a"), 3, "a2"), Err(Unqueued::Full));
        queue.push(partner("lane-a"), 2, "a3").unwrap();
        queue.push(partner("lane-b"), 10, "b1").unwrap();
        // An empty lane takes a batch that is longer than itself.
        queue.push(partner("lane-c"), 11, "c1").unwrap();
        assert_eq!(queue.take(100).unwrap(), ["a1", "b1", "c1", "a3"]);
        queue.push(partner("lane-a"), 8, "a4").unwrap();
    }

    #[test]
    fn what_waits_when_the_queue_closes_is_served_and_no_more_is_taken() {
        let queue = Queue::new(10);
        queue.push(partner("lane-a"), 1, "a1").unwrap();
        queue.close();
        assert_eq!(queue.push(partner("lane-a"), 1, "a2"), Err(Unqueued::Closed));
        assert_eq!(queue.take(1), Some(vec!["a1"]));
        assert_eq!(queue.take(1), None);
    }
}
