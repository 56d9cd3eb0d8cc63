use std::time::Duration;

use crate::writer::{Outcome, Submission, WriteError, Writer};

/// How often what waits for room is tried again, and how long it waits in between.
const TRIES_MAX: u32 = 10;
const PAUSE: Duration = Duration::from_millis(200);

/// Hands events in, in their order, and waits until each is durable or refused. Where more waits
/// than may, it waits too, for two seconds.
pub async fn record(
    writer: &Writer,
    submissions: Vec<Submission>,
) -> Vec<Result<Outcome, WriteError>> {
    let mut tries = 0_u32;
    loop {
        let answers = writer.submit_all(submissions.clone()).await;
        // A group that is turned away is so as a whole; of one that was recorded in part the rest
        // is answered as a replay.
        let is_busy = answers.iter().any(|answer| matches!(answer, Err(WriteError::Busy)));
        if !is_busy || tries >= TRIES_MAX {
            return answers;
        }
        tries = tries.saturating_add(1);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether it is for us to come back, and no fault of the event.
#[must_use]
pub const fn is_ours(error: &WriteError) -> bool {
    matches!(error, WriteError::Store(_) | WriteError::Stopped | WriteError::Busy)
}
