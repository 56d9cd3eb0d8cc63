//! A thread of the writer: it takes jobs from the queue and runs each in a transaction of its own
//! connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use tokio::sync::{Notify, oneshot};

use super::error::RecordError;
use super::queue::Queue;
use super::watch::{self, AtWork, InLine};
use super::work::{Bank, Work};
use super::{Answers, Submission, WriteError};
use crate::clock::{self, Moment};
use crate::database_url::DatabaseUrl;
use crate::store::{self, Db, StoreError, settlements};
use crate::telemetry::metrics::Metrics;
use crate::trace_parent::TraceParent;

/// What waits in the queue.
pub enum Job {
    /// Events, to be recorded in their order and together with those of other jobs.
    Events { submissions: Vec<Submission>, answer: oneshot::Sender<Answers>, in_line: InLine },
    /// Any other act, which has a transaction of its own.
    Work(Box<dyn FnOnce(&mut Worker) + Send>),
}

pub struct Worker {
    pub db: Db,
    pub bank: Bank,
    pub url: DatabaseUrl,
    /// Events in one transaction.
    pub group_max: usize,
    /// Notified after a commit that queued messages.
    pub messages_waiting: Arc<Notify>,
    pub metrics: Arc<Metrics>,
    /// The latest cut of a settlement that this thread has met: what it records comes later.
    pub cut: Option<Moment>,
}

/// Tries of one transaction before its callers are told that the database cannot.
const TRIES_MAX: u32 = 8;

impl Worker {
    /// Works until the queue is closed and empty.
    pub fn run(mut self, queue: &Queue<Job>) {
        while let Some(jobs) = queue.take(self.group_max) {
            self.serve(jobs);
        }
    }

    fn serve(&mut self, jobs: Vec<Job>) {
        let (mut waiting, mut group, mut at_work) = (Vec::new(), Vec::new(), Vec::new());
        for job in jobs {
            match job {
                Job::Events { submissions, answer, in_line } => {
                    let submissions: Vec<Submission> = submissions
                        .into_iter()
                        .map(|submission| self.with_partner_of_now(submission))
                        .collect();
                    waiting.push((submissions.len(), answer));
                    at_work.push(in_line.at_work(submissions.len()));
                    group.extend(submissions);
                }
                Job::Work(work) => work(self),
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

    /// A partner may have been suspended, or its rules changed, since the event was handed in: it is
    /// decided on by the partner as it is now.
    fn with_partner_of_now(&self, mut submission: Submission) -> Submission {
        if let Some(partner) = self.bank.registry.get(&submission.partner.id) {
            submission.partner = partner;
        }
        submission
    }

    fn record_watched(&mut self, group: &[Submission], at_work: &[AtWork]) -> Answers {
        self.metrics.group(group.len());
        let traces = watch::places(at_work);
        let commit = watch::commit_span(at_work, group.len());
        let answers = commit.in_scope(|| self.record_group(group, &traces));
        watch::count(&self.metrics, group, &answers);
        answers
    }

    /// Records a group. When the database refuses the group as a whole, each event is tried by
    /// itself, so that one of them does not fail the others.
    fn record_group(&mut self, group: &[Submission], traces: &[Option<TraceParent>]) -> Answers {
        let mut recorded = self.run_act(|work| work.record(group, traces));
        if matches!(recorded, Err(RecordError::Store(StoreError::OutOfRange))) {
            tracing::error!(events = group.len(), "a balance would leave its range");
            recorded = self.run_act(|work| work.record_within_range(group, traces));
        }
        match recorded {
            Ok(answers) => answers,
            Err(error) if group.len() > 1 && !error.is_passing() => {
                tracing::warn!(%error, events = group.len(), "group refused: one by one");
                let mut answers = Vec::with_capacity(group.len());
                for (index, submission) in group.iter().enumerate() {
                    let trace = traces.get(index).map(std::slice::from_ref).unwrap_or_default();
                    let submission = std::slice::from_ref(submission);
                    let alone = self.run_act(|work| work.record(submission, trace));
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

    /// Runs an act in one transaction. It runs again after an error that may pass: whatever became
    /// of the commit, what was recorded is found and answered as a replay.
    pub fn run_act<T>(
        &mut self,
        mut act: impl FnMut(&mut Work<'_>) -> Result<T, RecordError>,
    ) -> Result<T, RecordError> {
        let mut tries = 0_u32;
        loop {
            let (bank, cut) = (&self.bank, self.cut);
            let begun = Instant::now();
            let done = self.db.write(|tx| {
                let tx = tx.same();
                let now = after(cut, clock::now());
                let mut work = Work { tx, now, bank, wakes_relay: false, person: None };
                let done = act(&mut work)?;
                Ok::<_, RecordError>((done, work.wakes_relay))
            });
            match done {
                Ok((done, wakes_relay)) => {
                    self.metrics.committed(begun.elapsed());
                    if wakes_relay {
                        self.messages_waiting.notify_one();
                    }
                    return Ok(done);
                }
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
        if matches!(error, RecordError::Store(StoreError::BeforeCut)) {
            match settlements::latest_cut(&mut self.db) {
                Ok(cut) => self.cut = cut,
                Err(error) => tracing::warn!(%error, "the cut of a settlement cannot be read"),
            }
            return;
        }
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

/// The time at which a transaction is recorded: now, and later than the cut of a settlement, which
/// another machine's clock may have made.
fn after(cut: Option<Moment>, now: Moment) -> Moment {
    cut.map_or(now, |cut| now.max(cut.plus(TimeDelta::microseconds(1))))
}
