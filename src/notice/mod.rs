//! What customers are told before it happens: points that expire, 30, 7 and 1 days ahead, each once.
//! Nobody is told at night.

use std::sync::Arc;
use std::time::Duration;

use chrono::{TimeDelta, Timelike};
use chrono_tz::Tz;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::clock::{self, Moment};
use crate::store::notices::{NewNotice, POINTS_EXPIRING};
use crate::store::{Pool, StoreError, lots, notices};

/// A running search for what is to be told.
pub struct Notices {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What the search works with.
pub struct NoticeSearch {
    pub pool: Pool,
    pub time_zone: Tz,
    pub every: Duration,
    /// Told when something was put in line.
    pub poked: Arc<Notify>,
}

/// How many days ahead, each with the days at which the next one takes over.
const AHEAD: [(i64, i64); 3] = [(1, 0), (7, 1), (30, 7)];
/// Notices put in line in one transaction.
const GROUP: usize = 200;
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
    let ahead = |days: i64| now.plus(TimeDelta::days(days));
    let mut list = Vec::new();
    for (days, next) in AHEAD {
        let found = search.pool.with(|db| lots::expiring(db, ahead(next), ahead(days)))?;
        // Whom the bank does not know by name it cannot reach.
        list.extend(found.into_iter().filter(|it| it.subject.is_some()).map(|it| NewNotice {
            customer: it.customer,
            kind: POINTS_EXPIRING,
            object: it.expires_at.day_in(search.time_zone).to_string(),
            days,
            points: it.points,
        }));
    }
    let mut count = 0_usize;
    for group in list.chunks(GROUP) {
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
