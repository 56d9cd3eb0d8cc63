//! The one place where an event becomes true. A caller hands in an event and waits. A thread with
//! a connection of its own takes all that is waiting, records it in one transaction, and answers
//! after the commit. An idle system commits at once; a busy one commits large groups.
//!
//! On PostgreSQL several threads take jobs from the queue, so that one decides while the database
//! works for another. To each other they are like several gateways on one database. SQLite has one
//! writer. The room stands outside `ledger` because it joins five rooms.
//!
//! Each act of the writer stands in a file of its own, with its way in on [`Writer`]. An act of
//! another room comes in by [`Writer::run`].

mod alarm;
pub mod announce;
mod answer_hold;
mod behave;
mod commissions;
mod confirm_referral;
mod correct;
mod draft;
mod due;
mod error;
mod exposure;
mod first_moves;
mod freeze;
mod group;
mod held_reward;
mod introduce;
mod load;
mod move_referral;
mod move_reward;
mod pay;
mod privacy;
mod queue;
mod quote;
mod record;
mod referral_draft;
mod release;
mod release_referral;
mod settle;
mod tell;
mod watch;
mod weigh_move;
mod work;
mod worker;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use crate::clock::Moment;
use crate::customer::PersonalKeys;
use crate::database_url::{DatabaseUrl, Kind};
use crate::event::Event;
use crate::ids::{CustomerId, EventId, PartnerId};
use crate::partner::{Partner, Registry};
use crate::program::Judging;
use crate::store::signatures::NewSignature;
use crate::store::{self, StoreError};
use crate::telemetry::metrics::Metrics;
pub use answer_hold::{AnswerOrder, Answered, Answerer};
pub use behave::{BehaviourLead, BehaviourOutcome};
pub use confirm_referral::{PersonConfirmed, PersonsWord};
pub use correct::{Corrected, CorrectionAsked, CorrectionOrder, CorrectionStep};
pub use error::{ConflictingDuplicate, RecordError, WriteError};
pub use freeze::{FreezeOrder, LiftOrder};
pub use move_referral::{MoveRefusal, ReferralMoved};
pub use pay::{PayoutPosting, PayoutStep, payout_postings};
pub use privacy::{Erasure, Withdrawal};
use queue::{Queue, Unqueued};
pub use quote::Quoted;
pub use release::{HeldOrder, HeldOutcome, HeldRefusal, HeldStep};
pub use settle::{BreakAdjustment, break_postings};
use watch::InLine;
pub use work::{Bank, Work};
use worker::{Job, Worker};

/// An event, and the partner that sent it.
#[derive(Clone, Debug)]
pub struct Submission {
    pub partner: Arc<Partner>,
    pub event: Event,
    /// The signed request that carried it.
    pub signed: Option<Arc<NewSignature>>,
    /// By what it is judged.
    pub judging: Judging,
}

/// The answer to an event that is recorded. When it is given, it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The receipt as JSON, the same bytes for every replay.
    pub receipt: String,
    /// Whether the event had been recorded before.
    pub replayed: bool,
    /// The event that came first, when this one says the same under another id.
    pub duplicate_of: Option<EventId>,
}

type Answers = Vec<Result<Outcome, WriteError>>;

/// A handle to the writer; cheap to clone.
#[derive(Clone)]
pub struct Writer(Arc<Door>);

/// The way into the queue. The queue closes when the last handle is dropped.
struct Door {
    queue: Arc<Queue<Job>>,
    /// Customers for whom what is due could not be recorded, and until when they are passed over.
    passed_over: Mutex<BTreeMap<CustomerId, Moment>>,
}

impl Door {
    fn passed_over(&self) -> MutexGuard<'_, BTreeMap<CustomerId, Moment>> {
        // The map is whole whatever panicked while it was locked.
        self.passed_over.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// The writer's threads. They record all that waits, and end when every [`Writer`] is dropped.
pub struct WriterThreads(Vec<JoinHandle<()>>);

/// What the writer works with.
pub struct WriterSettings {
    pub url: DatabaseUrl,
    pub keys: PersonalKeys,
    pub time_zone: chrono_tz::Tz,
    pub registry: Arc<Registry>,
    /// Connections that record at the same time, on PostgreSQL.
    pub writers: usize,
    /// Events of one partner that may wait before [`WriteError::Busy`].
    pub queue_max: usize,
    /// Events in one transaction. A single job may have more.
    pub group_max: usize,
    /// Notified after a commit that queued messages.
    pub leads_waiting: Arc<Notify>,
    pub metrics: Arc<Metrics>,
    /// Whether the bank has an address for alarms.
    pub has_alarm_address: bool,
}

/// How long a caller waits for the writer. A database that hangs answers nobody; what it was given may
/// still be recorded, and the caller may hand it in again.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Starts the writer.
///
/// # Errors
/// [`StoreError::Open`] when there is no database, or the system gives no thread.
pub fn start(settings: WriterSettings) -> Result<(Writer, WriterThreads), StoreError> {
    let queue = Arc::new(Queue::new(settings.queue_max));
    let writers = match settings.url.kind() {
        Kind::Postgres => settings.writers.max(1),
        Kind::Sqlite => 1,
    };
    let mut threads = Vec::with_capacity(writers);
    for _ in 0..writers {
        let worker = Worker {
            db: store::open(&settings.url)?,
            bank: Bank {
                keys: settings.keys.clone(),
                time_zone: settings.time_zone,
                registry: Arc::clone(&settings.registry),
                has_alarm_address: settings.has_alarm_address,
            },
            url: settings.url.clone(),
            group_max: settings.group_max,
            messages_waiting: Arc::clone(&settings.leads_waiting),
            metrics: Arc::clone(&settings.metrics),
            cut: None,
        };
        let queue = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || worker.run(&queue))
            .map_err(|_system| StoreError::Exhausted)?;
        threads.push(thread);
    }
    let door = Door { queue, passed_over: Mutex::default() };
    Ok((Writer(Arc::new(door)), WriterThreads(threads)))
}

impl Writer {
    /// Hands in one event and waits until it is durable or refused.
    pub async fn submit(&self, submission: Submission) -> Result<Outcome, WriteError> {
        let answers = self.submit_all(vec![submission]).await;
        answers.into_iter().next().unwrap_or(Err(WriteError::Stopped))
    }

    /// Hands in events to be recorded in their order. Each gets its own answer; a bad event does
    /// not fail its neighbours.
    pub async fn submit_all(&self, submissions: Vec<Submission>) -> Answers {
        let count = submissions.len();
        let (answer, answers) = oneshot::channel();
        let partner = submissions.first().map(|first| first.partner.id.clone());
        let job = Job::Events { submissions, answer, in_line: InLine::new(count) };
        if let Err(unqueued) = self.0.queue.push(partner, count, job) {
            return vec![Err(unqueued.into()); count];
        }
        match timeout(ANSWER_WITHIN, answers).await {
            Ok(Ok(answers)) => answers,
            Ok(Err(_dropped)) => vec![Err(WriteError::Stopped); count],
            Err(_late) => vec![Err(WriteError::Late); count],
        }
    }

    /// Runs an act in one transaction of the writer, and waits until it is durable or refused.
    /// Every write of the act commits, or none does: an error rolls all of them back.
    ///
    /// The act runs again when the database was lost or another gateway was first, so it must do
    /// nothing outside the transaction.
    ///
    /// # Errors
    /// What the act returned, [`WriteError::Busy`] when too much waits, or
    /// [`WriteError::Stopped`].
    pub async fn run<T: Send + 'static>(
        &self,
        act: impl FnMut(&mut Work<'_>) -> Result<T, RecordError> + Send + 'static,
    ) -> Result<T, WriteError> {
        self.run_in(None, Weight::One, act).await
    }

    /// Runs an act in the lane of a partner, or in the bank's own lane.
    async fn run_in<T: Send + 'static>(
        &self,
        lane: Option<PartnerId>,
        weight: Weight,
        act: impl FnMut(&mut Work<'_>) -> Result<T, RecordError> + Send + 'static,
    ) -> Result<T, WriteError> {
        let (answer, done) = oneshot::channel();
        let job = Job::Work(Box::new(move |worker| {
            // A caller that went away has its work done all the same, and may ask again.
            let _gone = answer.send(worker.run_act(act));
        }));
        let events = match weight {
            Weight::Chore => 0,
            Weight::One => 1,
        };
        self.0.queue.push(lane, events, job)?;
        match timeout(ANSWER_WITHIN, done).await {
            Ok(Ok(done)) => Ok(done?),
            Ok(Err(_dropped)) => Err(WriteError::Stopped),
            Err(_late) => Err(WriteError::Late),
        }
    }

    /// How many events wait.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.0.queue.depth()
    }
}

/// What a job counts for in its lane.
#[derive(Clone, Copy)]
enum Weight {
    /// A chore of the service itself: it never fills the lane.
    Chore,
    /// As much as one event.
    One,
}

impl WriterThreads {
    /// Waits until the writer has recorded what waits. Every [`Writer`] must be dropped first.
    pub fn join(self) {
        for thread in self.0 {
            if thread.join().is_err() {
                tracing::error!("a writer's thread had panicked");
            }
        }
    }
}

impl From<Unqueued> for WriteError {
    fn from(unqueued: Unqueued) -> Self {
        match unqueued {
            Unqueued::Full => Self::Busy,
            Unqueued::Closed => Self::Stopped,
        }
    }
}
