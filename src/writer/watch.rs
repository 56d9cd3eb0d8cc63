//! The writer's traces and metrics: how long an event waited and how long it was recorded, in the
//! trace of its request, and how many events had which outcome.

use tracing::{Span, debug_span};

use super::{Answers, Outcome, Submission, WriteError};
use crate::telemetry::metrics::{EventOutcome, Metrics};
use crate::telemetry::traces::{self, LINKS_MAX};
use crate::trace_parent::TraceParent;

/// A job in the queue, as the trace of its request shows it.
pub struct InLine {
    request: Span,
    waiting: Span,
}

/// A job that is being recorded, in the trace of its request.
pub struct AtWork {
    span: Span,
    events: usize,
}

impl InLine {
    pub fn new(events: usize) -> Self {
        Self { request: Span::current(), waiting: debug_span!("wait", events) }
    }

    /// Ends the waiting.
    pub fn at_work(self, events: usize) -> AtWork {
        drop(self.waiting);
        AtWork { span: debug_span!(parent: &self.request, "record", events), events }
    }
}

/// The one span of a group's transaction. Its parent is the first of the group's events, and it has
/// links to all of them.
pub fn commit_span(group: &[AtWork], events: usize) -> Span {
    let span = debug_span!(parent: None, "commit", events);
    let places = group.iter().filter_map(|job| traces::place(&job.span));
    for (number, place) in places.take(LINKS_MAX).enumerate() {
        if number == 0 {
            traces::continue_own(&span, place);
        }
        traces::link(&span, place);
    }
    span
}

/// The place of each event of a group in a trace; nothing where traces are off.
pub fn places(group: &[AtWork]) -> Vec<Option<TraceParent>> {
    if !traces::are_wanted() {
        return Vec::new();
    }
    let place = |job: &AtWork| std::iter::repeat_n(traces::place(&job.span), job.events);
    group.iter().flat_map(place).collect()
}

pub fn count(metrics: &Metrics, group: &[Submission], answers: &Answers) {
    for (submission, answer) in group.iter().zip(answers) {
        metrics.event(submission.event.data.kind(), outcome(answer));
    }
}

const fn outcome(answer: &Result<Outcome, WriteError>) -> EventOutcome {
    match answer {
        Ok(Outcome { duplicate_of: Some(_), .. }) => EventOutcome::Duplicate,
        Ok(Outcome { replayed: true, .. }) => EventOutcome::Replayed,
        Ok(_) => EventOutcome::Recorded,
        Err(WriteError::Conflict | WriteError::ConflictingDuplicate(_)) => EventOutcome::Conflict,
        Err(
            WriteError::Refused(_)
            | WriteError::Correction(_)
            | WriteError::Move(_)
            | WriteError::Held(_)
            | WriteError::Break(_)
            | WriteError::OutOfRange,
        ) => EventOutcome::Refused,
        Err(
            WriteError::Busy
            | WriteError::Late
            | WriteError::Stopped
            | WriteError::BooksFull
            | WriteError::Store(_)
            | WriteError::Fault(_),
        ) => EventOutcome::Failed,
    }
}
