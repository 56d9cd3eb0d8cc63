use std::sync::Arc;
use std::time::Duration;

use crate::event::Event;
use crate::partner::Partner;
use crate::partner::Unlisted;
use crate::partner::lifecycle::Status;
use crate::program::{Judging, Refusal};
use crate::writer::{Outcome, Submission, WriteError, Writer};

/// How often a group is tried again when too many events wait for the writer, and the pause between.
const TRIES_MAX: u32 = 10;
const PAUSE: Duration = Duration::from_millis(200);

/// Hands events in, in their order, and waits until each is durable or refused. If too many events
/// wait for the writer, this waits too, for two seconds.
pub async fn record(
    writer: &Writer,
    submissions: Vec<Submission>,
) -> Vec<Result<Outcome, WriteError>> {
    let mut tries = 0_u32;
    loop {
        let answers = writer.submit_all(submissions.clone()).await;
        // A group is turned away as a whole. If a part of it was recorded, that part is answered as
        // a replay the next time.
        let is_busy =
            answers.iter().any(|answer| matches!(answer, Err(WriteError::Busy | WriteError::Late)));
        if !is_busy || tries >= TRIES_MAX {
            return answers;
        }
        tries = tries.saturating_add(1);
        tokio::time::sleep(PAUSE).await;
    }
}

/// The events as their partner hands them in: judged by the partner as it is listed now.
pub fn submissions<'a>(
    partner: &Arc<Partner>,
    events: impl Iterator<Item = &'a Event>,
    judging: Judging,
) -> Vec<Submission> {
    let one = |event: &Event| Submission {
        partner: Arc::clone(partner),
        event: event.clone(),
        signed: None,
        judging,
    };
    events.map(one).collect()
}

/// Whether the error is ours and not the event's: the same event is to be handed in again later.
#[must_use]
pub const fn is_ours(error: &WriteError) -> bool {
    matches!(
        error,
        WriteError::Store(_)
            | WriteError::Stopped
            | WriteError::Busy
            | WriteError::Late
            | WriteError::BooksFull
    )
}

/// Whether the reason may pass without a change of the event: then the same file brings the line
/// again.
#[must_use]
pub const fn may_pass(error: &WriteError) -> bool {
    match error {
        WriteError::Refused(refusal) => refusal_may_pass(refusal),
        _ => is_ours(error),
    }
}

const fn refusal_may_pass(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::DayFull { .. } | Refusal::Future { .. } | Refusal::MemberUnknown => true,
        Refusal::Unlisted(unlisted) => match unlisted {
            Unlisted::Suspended | Unlisted::NotYet { .. } => true,
            Unlisted::Leaving(status) => matches!(status, Status::Frozen),
            Unlisted::Stage(status) => matches!(status, Status::Applied | Status::Listed),
            Unlisted::NoLonger { .. } => false,
        },
        _ => false,
    }
}
