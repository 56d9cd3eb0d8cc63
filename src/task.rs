//! What a gateway does by itself, beside answering requests: each chore in a task of its own, round
//! after round, until it is stopped.

use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::telemetry::metrics::Pulse;

/// Work that is done in rounds. A round may be repeated without harm: after a crash, or by another
/// gateway at the same time.
pub trait Chore: Send + 'static {
    type Error: Display + Send;

    /// Does some of what waits.
    ///
    /// # Errors
    /// Why the round failed. It is logged and counted here, and the next round comes after the
    /// pause.
    fn round(&mut self, turn: Turn)
    -> impl Future<Output = Result<Round, Self::Error>> + Send + '_;
}

/// Why a round begins now, and whether the chore has been asked to stop.
#[derive(Clone, Debug)]
pub struct Turn {
    pub wake: Wake,
    pub stop: Stop,
}

/// What began a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The round is the first, or the round before it said that more waits.
    AtOnce,
    /// The pause is over.
    Pause,
    /// Somebody poked the chore.
    Poke,
    /// The chore is being stopped; this is its last round.
    Stop,
}

/// What a round came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// More waits: the next round begins at once.
    More,
    /// Nothing waits now: the next round begins after the pause.
    Done,
    /// Something waits and nothing of it could be recorded: the next round begins after the pause,
    /// because to try again at once would repeat this for ever.
    Stuck,
    /// The round failed and has logged why.
    Failed,
}

/// When the rounds of a chore begin.
pub struct Schedule {
    name: &'static str,
    period: Duration,
    pulse: Pulse,
    poke: Option<Arc<Notify>>,
    pauses_first: bool,
    ends_with_a_round: bool,
}

/// Says whether a task has been asked to stop.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

/// A running task. If it is dropped, the task ends by itself after its round.
pub struct Task {
    name: &'static str,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

/// Runs a chore: at once, and then each time its pause is over or it is poked, until it is stopped.
#[must_use]
pub fn every(schedule: Schedule, mut chore: impl Chore) -> Task {
    run(schedule.name, |mut stop| async move {
        let mut rounds = Rounds { schedule, stuck: false };
        let mut wake = Wake::AtOnce;
        if rounds.schedule.pauses_first {
            wake = rounds.schedule.pause(&mut stop).await;
        }
        while wake != Wake::Stop {
            let turn = Turn { wake, stop: stop.clone() };
            let goes_on = rounds.note(chore.round(turn).await);
            wake = match goes_on {
                _ if stop.is_requested() => Wake::Stop,
                true => {
                    // SQLite's lock goes to whoever asks next: others come between two rounds.
                    tokio::time::sleep(BREATH).await;
                    Wake::AtOnce
                }
                false => rounds.schedule.pause(&mut stop).await,
            };
        }
        if rounds.schedule.ends_with_a_round {
            let turn = Turn { wake, stop };
            rounds.note(chore.round(turn).await);
        }
    })
}

/// Runs work that has a loop of its own, and ends when [`Stop`] says so.
#[must_use]
pub fn run<F>(name: &'static str, work: impl FnOnce(Stop) -> F) -> Task
where
    F: Future<Output = ()> + Send + 'static,
{
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(work(Stop(stopped)));
    Task { name, stop, running }
}

impl Task {
    /// Lets the round under way end, then ends the task.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.running.await {
            tracing::error!(%error, task = self.name, "a task of the gateway had ended by a fault");
        }
    }
}

impl Stop {
    /// Whether the task is to end. It is also when nobody holds the [`Task`] any more.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Waits until the task is to end.
    pub async fn requested(&mut self) {
        // An error means that nobody holds the task any more.
        let _ended = self.0.wait_for(|stop| *stop).await.is_ok();
    }
}

impl Schedule {
    /// `name` is the label of the chore in logs and metrics.
    #[must_use]
    pub const fn new(name: &'static str, period: Duration, pulse: Pulse) -> Self {
        Self { name, period, pulse, poke: None, pauses_first: false, ends_with_a_round: false }
    }

    /// A round also begins when `poke` is notified.
    #[must_use]
    pub fn poked_by(self, poke: Arc<Notify>) -> Self {
        Self { poke: Some(poke), ..self }
    }

    /// The first round begins after a pause.
    #[must_use]
    pub fn after_a_pause(self) -> Self {
        Self { pauses_first: true, ..self }
    }

    /// When the chore is stopped, one more round writes down what there is.
    #[must_use]
    pub fn with_a_last_round(self) -> Self {
        Self { ends_with_a_round: true, ..self }
    }

    async fn pause(&self, stop: &mut Stop) -> Wake {
        let poked = async {
            match &self.poke {
                Some(poke) => poke.notified().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = tokio::time::sleep(self.period) => Wake::Pause,
            () = poked => Wake::Poke,
            () = stop.requested() => Wake::Stop,
        }
    }
}

/// The pause between two rounds of a chore that has more to do.
const BREATH: Duration = Duration::from_millis(5);

/// The rounds of one chore.
struct Rounds {
    schedule: Schedule,
    /// Whether the round before recorded nothing though something waited.
    stuck: bool,
}

impl Rounds {
    /// Counts and logs what a round came to. `true` when the next one begins at once.
    fn note(&mut self, round: Result<Round, impl Display>) -> bool {
        let Schedule { name, pulse, .. } = &self.schedule;
        let was_stuck = std::mem::replace(&mut self.stuck, matches!(round, Ok(Round::Stuck)));
        match round {
            Ok(Round::More | Round::Done) => pulse.beat(),
            // Another gateway may have recorded the same meanwhile: once is no fault.
            Ok(Round::Stuck) if !was_stuck => pulse.beat(),
            Ok(Round::Stuck) => {
                pulse.miss();
                tracing::warn!(task = name, "what waits cannot be recorded");
            }
            Ok(Round::Failed) => pulse.miss(),
            Err(ref error) => {
                pulse.miss();
                tracing::warn!(task = name, %error, "a round failed; the next one comes after a pause");
            }
        }
        matches!(round, Ok(Round::More))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::telemetry::metrics::Metrics;

    /// Answers each round with the next of a list, and then with the last.
    struct Scripted {
        answers: Vec<Result<Round, &'static str>>,
        rounds: Arc<AtomicUsize>,
        wakes: Arc<std::sync::Mutex<Vec<Wake>>>,
    }

    impl Chore for Scripted {
        type Error = &'static str;

        async fn round(&mut self, turn: Turn) -> Result<Round, &'static str> {
            tokio::task::yield_now().await;
            self.wakes.lock().unwrap().push(turn.wake);
            self.rounds.fetch_add(1, Ordering::SeqCst);
            if self.answers.len() > 1 { self.answers.remove(0) } else { self.answers[0] }
        }
    }

    struct Watched {
        task: Task,
        rounds: Arc<AtomicUsize>,
        wakes: Arc<std::sync::Mutex<Vec<Wake>>>,
    }

    fn watched(
        answers: Vec<Result<Round, &'static str>>,
        schedule: impl FnOnce(Schedule) -> Schedule,
    ) -> Watched {
        let (rounds, wakes) = (Arc::default(), Arc::default());
        let pulse = Metrics::default().pulse("scripted");
        let schedule = schedule(Schedule::new("scripted", Duration::from_secs(3600), pulse));
        let chore = Scripted { answers, rounds: Arc::clone(&rounds), wakes: Arc::clone(&wakes) };
        Watched { task: every(schedule, chore), rounds, wakes }
    }

    async fn until(rounds: &AtomicUsize, count: usize) {
        while rounds.load(Ordering::SeqCst) < count {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn more_goes_on_at_once_and_every_other_end_of_a_round_pauses() {
        for last in [Ok(Round::Done), Ok(Round::Stuck), Ok(Round::Failed), Err("no database")] {
            let watched = watched(vec![Ok(Round::More), Ok(Round::More), last], |it| it);
            until(&watched.rounds, 3).await;
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            assert_eq!(watched.rounds.load(Ordering::SeqCst), 3, "{last:?}");
            watched.task.stop().await;
            assert_eq!(*watched.wakes.lock().unwrap(), [Wake::AtOnce; 3]);
        }
    }

    #[tokio::test]
    async fn a_poke_ends_the_pause_and_a_stop_may_have_a_last_round() {
        let poke = Arc::new(Notify::new());
        let poked_by = Arc::clone(&poke);
        let schedule = |it: Schedule| it.poked_by(poked_by).after_a_pause().with_a_last_round();
        let watched = watched(vec![Ok(Round::Done)], schedule);
        poke.notify_one();
        until(&watched.rounds, 1).await;
        watched.task.stop().await;
        assert_eq!(*watched.wakes.lock().unwrap(), [Wake::Poke, Wake::Stop]);
    }

    #[tokio::test]
    async fn a_task_that_nobody_holds_ends() {
        let Watched { task, rounds, .. } = watched(vec![Ok(Round::More)], |it| it);
        until(&rounds, 2).await;
        let Task { running, stop, .. } = task;
        drop(stop);
        running.await.unwrap();
    }
}
