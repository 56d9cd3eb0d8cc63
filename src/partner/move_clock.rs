//! A partner on trial moves its clock ahead, so that what takes months can be seen in a minute.

use std::sync::Arc;

use super::Registry;
use crate::books::Books;
use crate::clock::Moment;
use crate::due::{self, DueError};
use crate::ids::PartnerId;
use crate::store::test_clocks;
use crate::task::Round;

/// Rounds of what falls due when a clock is moved: 200 customers each. What is left is done as it
/// is done by itself, within the minute.
const ROUNDS_MAX: usize = 500;

/// What became of a clock. The number is the seconds by which it is ahead of the gateway's now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockOutcome {
    /// What falls due by it has happened.
    Ahead(i64),
    /// It was further ahead than was asked for, and does not go back.
    FurtherAhead(i64),
}

/// Moves a partner's clock ahead, never back.
///
/// # Errors
/// [`DueError`], where the database or the writer cannot.
pub async fn advance(
    partner: &PartnerId,
    books: &Books,
    registry: &Arc<Registry>,
    ahead_seconds: i64,
    now: Moment,
) -> Result<ClockOutcome, DueError> {
    let id = partner.clone();
    let ahead = books.write(move |tx| test_clocks::advance(tx, &id, ahead_seconds, now)).await?;
    if ahead > ahead_seconds {
        return Ok(ClockOutcome::FurtherAhead(ahead));
    }
    for _round in 0..ROUNDS_MAX {
        let progress = due::round(&books.pool, &books.writer, registry).await?;
        if progress.round() != Round::More {
            break;
        }
    }
    Ok(ClockOutcome::Ahead(ahead))
}
