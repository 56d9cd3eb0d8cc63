//! What customers are told before it happens: points that expire, and what the bank's systems
//! announce, as many days ahead as the programme says, each once. Nobody is told at night.

use std::sync::Arc;
use std::time::Duration;

use chrono::{Days, TimeDelta, Timelike};
use chrono_tz::Tz;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::clock::{self, Moment};
use crate::partner::Registry;
use crate::partner::notice::{NoticeKind, POINTS_EXPIRING};
use crate::store::notices::NewNotice;
use crate::store::{Pool, StoreError, announcements, lots, notices};

/// A running search for what is to be told.
pub struct Notices {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What the search works with.
pub struct NoticeSearch {
    pub pool: Pool,
    pub registry: Arc<Registry>,
    pub time_zone: Tz,
    pub every: Duration,
    /// Told when something was put in line.
    pub poked: Arc<Notify>,
}

/// Notices put in line in one transaction.
const GROUP: i64 = 200;
/// From this hour on nobody is told, until that one.
const NIGHT: u32 = 21;
const MORNING: u32 = 8;

/// Starts a search that ends when it is stopped.
#[must_use]
pub fn start(search: NoticeSearch) -> Notices {
    let (stop, mut stopped) = watch::channel(false);
    let every = search.every;
    let search = Arc::new(search);
    let task = tokio::spawn(async move {
        while !*stopped.borrow() {
            let at = clock::now();
            if night_left(at, search.time_zone).is_none() {
                let working = Arc::clone(&search);
                let done = tokio::task::spawn_blocking(move || round(&working, at)).await;
                match done.unwrap_or(Err(StoreError::Exhausted)) {
                    Ok(0) => {}
                    Ok(count) => {
                        tracing::info!(count, "notices put in line");
                        search.poked.notify_one();
                    }
                    Err(error) => tracing::warn!(%error, "notices are not put in line"),
                }
            }
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                _ = stopped.changed() => {}
            }
        }
    });
    Notices { stop, task }
}

impl Notices {
    /// Lets the round under way end, then ends.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the search for notices was lost");
        }
    }
}

/// How long the night still is, when it is night there.
#[must_use]
pub fn night_left(at: Moment, zone: Tz) -> Option<Duration> {
    let hour = at.utc().with_timezone(&zone).hour();
    if (MORNING..NIGHT).contains(&hour) {
        return None;
    }
    let today = at.day_in(zone);
    let day = if hour >= NIGHT { today.succ_opt().unwrap_or(today) } else { today };
    let morning = Moment::start_of(day, zone).plus(TimeDelta::hours(i64::from(MORNING)));
    Some((morning.utc() - at.utc()).to_std().unwrap_or_default())
}

fn round(search: &NoticeSearch, now: Moment) -> Result<usize, StoreError> {
    let programme = search.registry.programme();
    let mut count = 0_usize;
    for kind in &programme.notice {
        count = count.saturating_add(if kind.kind == POINTS_EXPIRING {
            tell_of_points(search, kind, now)?
        } else {
            tell_of_announcements(search, kind, now)?
        });
    }
    Ok(count)
}

/// Points that expire.
fn tell_of_points(
    search: &NoticeSearch,
    kind: &NoticeKind,
    now: Moment,
) -> Result<usize, StoreError> {
    let ahead = |days: u32| now.plus(TimeDelta::days(i64::from(days)));
    let mut list = Vec::new();
    for (days, next) in kind.ahead() {
        let from = ahead(next.unwrap_or(0));
        let found = search.pool.with(|db| lots::expiring(db, from, ahead(days)))?;
        // Whom the bank does not know by name it cannot reach.
        list.extend(found.into_iter().filter(|it| it.subject.is_some()).map(|it| NewNotice {
            customer: it.customer,
            kind: POINTS_EXPIRING,
            object: it.expires_at.day_in(search.time_zone).to_string(),
            days: i64::from(days),
            points: it.points,
        }));
    }
    let mut count = 0_usize;
    for group in list.chunks(usize::try_from(GROUP).unwrap_or(1)) {
        let told = search.pool.with(|db| {
            db.write(|tx| {
                let mut told = 0_usize;
                for new in group {
                    told = told.saturating_add(usize::from(notices::announce(tx, new, now)?));
                }
                Ok::<_, StoreError>(told)
            })
        })?;
        count = count.saturating_add(told);
    }
    Ok(count)
}

/// What the bank's systems announced, until the end of the day on which it falls due.
fn tell_of_announcements(
    search: &NoticeSearch,
    kind: &NoticeKind,
    now: Moment,
) -> Result<usize, StoreError> {
    let today = now.day_in(search.time_zone);
    let day = |ahead: u32| today.checked_add_days(Days::new(ahead.into())).unwrap_or(today);
    let named = (kind.kind.as_str(), kind.required);
    let mut count = 0_usize;
    for (days, next) in kind.ahead() {
        let after = next.map_or_else(|| today.pred_opt().unwrap_or(today), day);
        loop {
            let span = (after, day(days));
            let due = |db: &mut _| announcements::due(db, named, days, span, GROUP);
            let found = search.pool.with(due)?;
            if found.is_empty() {
                break;
            }
            let told = search.pool.with(|db| {
                db.write(|tx| {
                    let mut told = 0_usize;
                    for id in &found {
                        let new = announcements::announce(tx, id, days, now)?;
                        told = told.saturating_add(usize::from(new));
                    }
                    Ok::<_, StoreError>(told)
                })
            })?;
            count = count.saturating_add(told);
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_night_is_from_nine_to_eight_where_the_customers_are() {
        let left = |text: &str| {
            night_left(Moment::parse(text).unwrap(), chrono_tz::Asia::Shanghai)
                .map(|left| left.as_secs())
        };
        assert_eq!(left("2026-11-02T20:59:59+08:00"), None);
        assert_eq!(left("2026-11-02T21:00:00+08:00"), Some(11 * 3600));
        assert_eq!(left("2026-11-03T00:30:00+08:00"), Some(7 * 3600 + 1800));
        assert_eq!(left("2026-11-03T07:59:00+08:00"), Some(60));
        assert_eq!(left("2026-11-03T08:00:00+08:00"), None);
    }
}
