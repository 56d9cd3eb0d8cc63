//! The one place where an event becomes true. Whoever has an event hands it in and waits; a thread
//! with a connection of its own takes what is waiting, records it in one transaction, and answers
//! after the commit. It waits for nobody: an idle system commits at once, a busy one in large
//! groups. On PostgreSQL several threads take turns at the queue, so that one decides while the
//! database works for another: they are to each other as gateways on one database are. SQLite has
//! one writer. Stands outside `ledger` because it joins five rooms.

mod advance;
mod announce;
mod correct;
mod draft;
mod first_moves;
mod group;
mod introduce;
mod load;
mod privacy;
mod queue;
mod record;
mod referral_draft;
mod watch;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use crate::clock::{self, Moment};
use crate::customer::PersonalKeys;
use crate::customer::erasure::ErasureOutcome;
use crate::database_url::{DatabaseUrl, Kind};
use crate::event::{Difference, Event};
use crate::ids::{CustomerId, EventId, ReferralId};
use crate::partner::test_clock::TestClocks;
use crate::partner::{Partner, Registry};
use crate::program::{CorrectionRefusal, Occasion, Refusal, Standings};
use crate::referral::Move;
use crate::store::signatures::NewSignature;
use crate::store::{self, Db, LedgerTx, StoreError};
use crate::telemetry::metrics::Metrics;
use crate::trace_parent::TraceParent;
pub use advance::{MoveRefusal, Moved};
pub use correct::{Asked, Corrected, Order, Step};
pub use privacy::{Erasure, Withdrawal};
use queue::{Queue, Unqueued};
use record::{RecordError, Recorder};
use watch::{AtWork, InLine};

/// An event and the partner that said it.
#[derive(Clone, Debug)]
pub struct Submission {
    pub partner: Arc<Partner>,
    pub event: Event,
    /// The signed request that it came with.
    pub signed: Option<Arc<NewSignature>>,
}

/// What a partner is answered: durable when it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The receipt as JSON, the same bytes for every replay.
    pub receipt: String,
    /// Whether the event had been recorded before.
    pub replayed: bool,
    /// The event that came first, where this one says the same under another id.
    pub duplicate_of: Option<EventId>,
}

/// An event under a business key that is taken by other content.
#[derive(Clone, Debug)]
pub struct ConflictingDuplicate {
    /// The event that came first.
    pub of: EventId,
    pub differences: Vec<Difference>,
}

/// Why an event is not recorded.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WriteError {
    /// The rules do not take it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A correction is not taken, or does not go on.
    #[error(transparent)]
    Correction(#[from] CorrectionRefusal),
    /// A referral is not moved.
    #[error(transparent)]
    Move(#[from] MoveRefusal),
    /// The id is taken by an event with other content.
    #[error("an event of this id is recorded with other content")]
    Conflict,
    /// Its order has an event of that type and stage already, with other content.
    #[error("the order has an event of this type and stage, {}, with other content", .0.of)]
    ConflictingDuplicate(Box<ConflictingDuplicate>),
    /// More is waiting than is allowed to wait: come back later.
    #[error("too many events are waiting to be recorded")]
    Busy,
    /// The writer has stopped: this process is going down.
    #[error("the service is stopping")]
    Stopped,
    /// A posting would leave the range of its asset.
    #[error("a balance would leave the range of its asset")]
    OutOfRange,
    /// The database cannot be reached or refuses; it may pass.
    #[error("the database cannot record it now")]
    Store(#[source] Arc<StoreError>),
    /// A fault of ours, such as a rule whose postings do not balance.
    #[error("the event cannot be recorded: {0}")]
    Fault(String),
}

type Answers = Vec<Result<Outcome, WriteError>>;

enum Job {
    /// Events to be recorded in their order.
    Events { submissions: Vec<Submission>, answer: oneshot::Sender<Answers>, in_line: InLine },
    /// Customers for whom something has fallen due.
    Due { customers: Vec<CustomerId>, answer: oneshot::Sender<Result<usize, WriteError>> },
    /// A step of a correction by staff.
    Correct { order: Box<Order>, answer: oneshot::Sender<Result<Corrected, WriteError>> },
    /// A move of a referral.
    Move { order: Box<Move>, answer: oneshot::Sender<Result<Moved, WriteError>> },
    /// A consent that is withdrawn.
    Withdraw { order: Box<Withdrawal>, answer: oneshot::Sender<Result<bool, WriteError>> },
    /// Personal data that is erased.
    Erase {
        order: Box<Erasure>,
        answer: oneshot::Sender<Result<Option<ErasureOutcome>, WriteError>>,
    },
    /// Referrals with commissions whose reservation is over.
    Mature { due: (Vec<ReferralId>, Moment), answer: oneshot::Sender<Result<usize, WriteError>> },
}

/// A handle to the writer; cheap to clone.
#[derive(Clone)]
pub struct Writer(Arc<Door>);

/// The way into the queue, which closes when nobody holds it any more.
struct Door(Arc<Queue<Job>>);

impl Drop for Door {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The writer's threads. They end, after recording all that waits, when every [`Writer`] is gone.
pub struct WriterThreads(Vec<JoinHandle<()>>);

/// What the writer works with.
pub struct WriterSettings {
    pub url: DatabaseUrl,
    pub keys: PersonalKeys,
    pub time_zone: chrono_tz::Tz,
    pub registry: Arc<Registry>,
    /// Connections that record at once, on PostgreSQL.
    pub writers: usize,
    /// Events of one partner that may wait before [`WriteError::Busy`].
    pub queue_max: usize,
    /// Events in one transaction, unless one job alone has more.
    pub group_max: usize,
    /// Told after a commit that put leads in line.
    pub leads_waiting: Arc<Notify>,
    pub metrics: Arc<Metrics>,
}

/// What stands for a payment that is only asked about.
pub fn quote_standings(
    tx: &mut LedgerTx<'_>,
    submission: &Submission,
    occasion: Occasion,
) -> Result<Standings, WriteError> {
    let asked = std::iter::once(submission);
    let clocks = TestClocks::real(occasion.recorded_at);
    Ok(load::load(tx, asked, occasion.zone, &clocks)?.standings)
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::from(RecordError::Store(error))
    }
}

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
            recorder: Recorder {
                keys: settings.keys.clone(),
                time_zone: settings.time_zone,
                registry: Arc::clone(&settings.registry),
            },
            url: settings.url.clone(),
            group_max: settings.group_max,
            leads_waiting: Arc::clone(&settings.leads_waiting),
            metrics: Arc::clone(&settings.metrics),
        };
        let queue = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || worker.run(&queue))
            .map_err(|_system| StoreError::Exhausted)?;
        threads.push(thread);
    }
    Ok((Writer(Arc::new(Door(queue))), WriterThreads(threads)))
}

impl Writer {
    /// Hands in one event and waits until it is durable or refused.
    pub async fn submit(&self, submission: Submission) -> Result<Outcome, WriteError> {
        let answers = self.submit_all(vec![submission]).await;
        answers.into_iter().next().unwrap_or(Err(WriteError::Stopped))
    }

    /// Hands in events to be recorded in their order; each gets its own answer, and a bad one does
    /// not fail its neighbours.
    pub async fn submit_all(&self, submissions: Vec<Submission>) -> Answers {
        let count = submissions.len();
        let (answer, answers) = oneshot::channel();
        let partner = submissions.first().map(|first| first.partner.id.clone());
        let job = Job::Events { submissions, answer, in_line: InLine::new(count) };
        if let Err(unqueued) = self.0.0.push(partner, count, job) {
            return vec![Err(unqueued.into()); count];
        }
        answers.await.unwrap_or_else(|_dropped| vec![Err(WriteError::Stopped); count])
    }

    /// Records what has fallen due for these customers; returns the number of transactions.
    pub async fn record_due(&self, customers: Vec<CustomerId>) -> Result<usize, WriteError> {
        let (answer, recorded) = oneshot::channel();
        self.0.0.push(None, 0, Job::Due { customers, answer })?;
        recorded.await.unwrap_or(Err(WriteError::Stopped))
    }

    /// Takes a step of a correction, and waits until it is durable or refused.
    pub async fn correct(&self, order: Order) -> Result<Corrected, WriteError> {
        let (answer, corrected) = oneshot::channel();
        let job = Job::Correct { order: Box::new(order), answer };
        self.0.0.push(None, 1, job)?;
        corrected.await.unwrap_or(Err(WriteError::Stopped))
    }

    /// Moves a referral, and waits until that is durable or refused.
    ///
    /// # Errors
    /// [`WriteError`]; [`WriteError::Move`] where the referral is unknown or stands elsewhere.
    pub async fn advance(&self, order: Move) -> Result<Moved, WriteError> {
        let (answer, moved) = oneshot::channel();
        let job = Job::Move { order: Box::new(order), answer };
        self.0.0.push(None, 1, job)?;
        moved.await.unwrap_or(Err(WriteError::Stopped))
    }

    /// Records which commissions may be paid at that time; returns the number of transactions.
    pub async fn mature(&self, due: Vec<ReferralId>, at: Moment) -> Result<usize, WriteError> {
        let (answer, matured) = oneshot::channel();
        self.0.0.push(None, 0, Job::Mature { due: (due, at), answer })?;
        matured.await.unwrap_or(Err(WriteError::Stopped))
    }

    /// How many events wait.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.0.0.depth()
    }
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

struct Worker {
    db: Db,
    recorder: Recorder,
    url: DatabaseUrl,
    group_max: usize,
    leads_waiting: Arc<Notify>,
    metrics: Arc<Metrics>,
}

/// Tries of one group before its callers are told that the database cannot.
const TRIES_MAX: u32 = 8;

impl Worker {
    fn run(mut self, queue: &Queue<Job>) {
        while let Some(jobs) = queue.take(self.group_max) {
            self.work(jobs);
        }
    }

    fn work(&mut self, jobs: Vec<Job>) {
        let (mut waiting, mut group, mut at_work) = (Vec::new(), Vec::new(), Vec::new());
        for job in jobs {
            match job {
                Job::Events { submissions, answer, in_line } => {
                    waiting.push((submissions.len(), answer));
                    at_work.push(in_line.at_work(submissions.len()));
                    group.extend(submissions);
                }
                // A caller that went away has its work done all the same, and asks again.
                Job::Due { customers, answer } => {
                    let _gone = answer.send(self.record_due(&customers));
                }
                Job::Correct { order, answer } => {
                    let _gone = answer.send(self.correct(&order));
                }
                Job::Withdraw { order, answer } => {
                    let done = self.try_write(|it, tx| it.withdraw(tx, &order, clock::now()));
                    let _gone = answer.send(done.map_err(WriteError::from));
                }
                Job::Erase { order, answer } => {
                    let done = self.try_write(|it, tx| it.erase(tx, &order, clock::now()));
                    let _gone = answer.send(done.map_err(WriteError::from));
                }
                Job::Move { order, answer } => {
                    let _gone = answer.send(self.advance(&order));
                }
                Job::Mature { due: (due, at), answer } => {
                    let _gone = answer.send(self.mature(&due, at));
                }
            }
        }
        if group.is_empty() {
            return;
        }
        let answers = self.record_watched(&group, &at_work);
        drop(at_work);
        let mut answers = answers.into_iter();
        for (count, answer) in waiting {
            let _gone = answer.send(answers.by_ref().take(count).collect());
        }
    }

    fn record_due(&mut self, customers: &[CustomerId]) -> Result<usize, WriteError> {
        let done = self.try_write(|recorder, tx| recorder.record_due(tx, customers, clock::now()));
        Ok(done?)
    }

    fn correct(&mut self, order: &Order) -> Result<Corrected, WriteError> {
        let done = self.try_write(|recorder, tx| recorder.correct(tx, order, clock::now()));
        Ok(done?)
    }

    fn advance(&mut self, order: &Move) -> Result<Moved, WriteError> {
        let moved = self.try_write(|recorder, tx| recorder.advance(tx, order, clock::now()))?;
        if !moved.replayed {
            self.leads_waiting.notify_one();
        }
        Ok(moved)
    }

    fn mature(&mut self, due: &[ReferralId], at: Moment) -> Result<usize, WriteError> {
        let done =
            self.try_write(|recorder, tx| recorder.mature_commissions(tx, due, (at, clock::now())));
        Ok(done?)
    }

    fn record_watched(&mut self, group: &[Submission], at_work: &[AtWork]) -> Answers {
        self.metrics.group(group.len());
        let traces = watch::places(at_work);
        let commit = watch::commit_span(at_work, group.len());
        let answers = commit.in_scope(|| self.record_group(group, &traces));
        watch::count(&self.metrics, group, &answers);
        answers
    }

    /// Records a group; where the database refuses it as a whole, each event by itself, so that
    /// one of them does not fail the others.
    fn record_group(&mut self, group: &[Submission], traces: &[Option<TraceParent>]) -> Answers {
        match self.try_group(group, traces) {
            Ok(answers) => answers,
            Err(error) if group.len() > 1 && !error.is_passing() => {
                tracing::warn!(%error, events = group.len(), "group refused: one by one");
                let mut answers = Vec::with_capacity(group.len());
                for (index, submission) in group.iter().enumerate() {
                    let trace = traces.get(index).map(std::slice::from_ref).unwrap_or_default();
                    let alone = self.try_group(std::slice::from_ref(submission), trace);
                    answers.extend(alone.unwrap_or_else(|error| vec![Err(error.into())]));
                }
                answers
            }
            Err(error) => {
                let error = WriteError::from(error);
                vec![Err(error); group.len()]
            }
        }
    }

    fn try_group(
        &mut self,
        group: &[Submission],
        traces: &[Option<TraceParent>],
    ) -> Result<Answers, RecordError> {
        let recorded =
            self.try_write(|recorder, tx| recorder.record(tx, (group, traces), clock::now()))?;
        if recorded.leads > 0 {
            self.leads_waiting.notify_one();
        }
        Ok(recorded.answers)
    }

    fn try_write<T>(
        &mut self,
        mut work: impl FnMut(&Recorder, &mut LedgerTx<'_>) -> Result<T, RecordError>,
    ) -> Result<T, RecordError> {
        let mut tries = 0_u32;
        loop {
            let recorder = &self.recorder;
            let begun = Instant::now();
            match self.db.write(|tx| work(recorder, tx)) {
                Ok(done) => {
                    self.metrics.committed(begun.elapsed());
                    return Ok(done);
                }
                // Running it again is safe whatever became of the commit: what was recorded is
                // found and answered as a replay.
                Err(error) if error.is_passing() && tries < TRIES_MAX => {
                    tries = tries.saturating_add(1);
                    self.metrics.retried();
                    tracing::warn!(%error, tries, "not recorded: trying again");
                    self.recover(&error, tries);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn recover(&mut self, error: &RecordError, tries: u32) {
        if !matches!(error, RecordError::Raced) {
            std::thread::sleep(Duration::from_millis(5_u64 << tries.min(8)));
        }
        if matches!(error, RecordError::Store(StoreError::Lost(_) | StoreError::Open { .. })) {
            match store::open(&self.url) {
                Ok(db) => self.db = db,
                Err(error) => tracing::warn!(%error, "the database is not back yet"),
            }
        }
    }
}

impl From<RecordError> for WriteError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Store(StoreError::OutOfRange) => Self::OutOfRange,
            RecordError::Store(error) => Self::Store(Arc::new(error)),
            RecordError::Raced => Self::Busy,
            RecordError::Unbalanced(error) => Self::Fault(error.to_string()),
            RecordError::Due(refusal) => Self::Refused(refusal),
            RecordError::Correction(refusal) => Self::Correction(refusal),
            RecordError::Move(refusal) => Self::Move(refusal),
            RecordError::Seal(error) => Self::Fault(error.to_string()),
            RecordError::Receipt(error) => Self::Fault(error.to_string()),
        }
    }
}
