//! The chore that queues notices, as many days ahead as the programme says, each once. No notice is
//! queued at night.

use std::sync::Arc;

use chrono::{Days, TimeDelta};
use chrono_tz::Tz;
use tokio::sync::Notify;

use super::night_left;
use crate::clock::{self, Moment};
use crate::partner::Registry;
use crate::partner::notice::{NoticeKind, POINTS_EXPIRING};
use crate::store::announcements::DueSpan;
use crate::store::notices::NewNotice;
use crate::store::{Pool, StoreError, announcements, lots, notices};
use crate::task::{Chore, Round, Turn};

/// The search for notices that are due.
#[derive(Clone)]
pub struct NoticeSearch {
    pub pool: Pool,
    pub registry: Arc<Registry>,
    pub time_zone: Tz,
    /// Wakes the relay after notices were queued.
    pub poked: Arc<Notify>,
}

/// Notices queued in one transaction.
const GROUP: i64 = 200;

impl Chore for NoticeSearch {
    type Error = StoreError;

    async fn round(&mut self, _turn: Turn) -> Result<Round, StoreError> {
        let at = clock::now();
        if night_left(at, self.time_zone).is_some() {
            return Ok(Round::Done);
        }
        let search = self.clone();
        let done = tokio::task::spawn_blocking(move || round(&search, at)).await;
        let count = done.unwrap_or(Err(StoreError::Exhausted))?;
        if count > 0 {
            tracing::info!(count, "notices are queued");
            self.poked.notify_one();
        }
        Ok(Round::Done)
    }
}

fn round(search: &NoticeSearch, now: Moment) -> Result<usize, StoreError> {
    let programme = search.registry.programme();
    let mut count = 0_usize;
    for kind in &programme.notice {
        count = count.saturating_add(if kind.kind == POINTS_EXPIRING {
            queue_for_points(search, kind, now)?
        } else {
            queue_for_announcements(search, kind, now)?
        });
    }
    Ok(count)
}

/// Queues notices of points that expire.
fn queue_for_points(
    search: &NoticeSearch,
    kind: &NoticeKind,
    now: Moment,
) -> Result<usize, StoreError> {
    let ahead = |days: u32| now.plus(TimeDelta::days(i64::from(days)));
    let mut list = Vec::new();
    for (days, next) in kind.ahead() {
        let from = ahead(next.unwrap_or(0));
        let found = search.pool.with(|db| lots::expiring(db, from, ahead(days)))?;
        // The bank cannot reach a customer whose subject it does not know.
        let reachable = found.into_iter().filter(|lots| lots.subject.is_some());
        list.extend(reachable.map(|lots| NewNotice {
            customer: lots.customer,
            kind: POINTS_EXPIRING,
            object: lots.expires_at.day_in(search.time_zone).to_string(),
            days: i64::from(days),
            points: lots.points,
        }));
    }
    let mut count = 0_usize;
    for group in list.chunks(usize::try_from(GROUP).unwrap_or(1)) {
        let queued = search.pool.with(|db| {
            db.write(|tx| {
                let mut queued = 0_usize;
                for new in group {
                    queued = queued.saturating_add(usize::from(notices::announce(tx, new, now)?));
                }
                Ok::<_, StoreError>(queued)
            })
        })?;
        count = count.saturating_add(queued);
    }
    Ok(count)
}

/// Queues notices of what the bank's systems announced, until the end of the day on which it falls
/// due.
fn queue_for_announcements(
    search: &NoticeSearch,
    kind: &NoticeKind,
    now: Moment,
) -> Result<usize, StoreError> {
    let today = now.day_in(search.time_zone);
    let day = |ahead: u32| today.checked_add_days(Days::new(ahead.into())).unwrap_or(today);
    let mut count = 0_usize;
    for (days, next) in kind.ahead() {
        let after = next.map_or_else(|| today.pred_opt().unwrap_or(today), day);
        loop {
            let span = DueSpan { after, by: day(days), days };
            let due = |db: &mut _| announcements::due(db, kind, &span, GROUP);
            let found = search.pool.with(due)?;
            if found.is_empty() {
                break;
            }
            let queued = search.pool.with(|db| {
                db.write(|tx| {
                    let mut queued = 0_usize;
                    for id in &found {
                        let new = announcements::announce(tx, id, days, now)?;
                        queued = queued.saturating_add(usize::from(new));
                    }
                    Ok::<_, StoreError>(queued)
                })
            })?;
            count = count.saturating_add(queued);
        }
    }
    Ok(count)
}
