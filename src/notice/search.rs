//! The chore that queues notices, as many days ahead as the programme says, each once. No notice is
//! queued at night.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use tokio::sync::Notify;

use super::night_left;
use crate::clock::{self, Moment};
use crate::ids::CustomerId;
use crate::money::{Amount, Asset};
use crate::partner::Registry;
use crate::partner::notice::{NoticeKind, POINTS_EXPIRING, is_told_at_once};
use crate::store::announcements::DueSpan;
use crate::store::lots::Expiring;
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
        if is_told_at_once(&kind.kind) {
            // The writer queues it, with the redemption.
            continue;
        }
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
    let mut list = Vec::new();
    for (days, next) in kind.ahead() {
        let span = LastDays::of(days, next, now, search.time_zone);
        let found = search.pool.with(|db| lots::expiring(db, span.after, span.until))?;
        let sums = by_last_day(found, search.time_zone)?;
        list.extend(sums.into_iter().map(|((customer, last_day), points)| NewNotice {
            customer,
            kind: POINTS_EXPIRING,
            object: last_day.to_string(),
            days: i64::from(days),
            points,
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

/// The moments at which points expire whose last usable day is that many days ahead, in the
/// programme's time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LastDays {
    after: Moment,
    until: Moment,
}

impl LastDays {
    /// Up to `days` ahead, and further than the `next` notice covers.
    fn of(days: u32, next: Option<u32>, now: Moment, zone: Tz) -> Self {
        let today = now.day_in(zone);
        // Points with this last day expire when the day after it starts.
        let end_of = |ahead: u32| {
            let after = Days::new(u64::from(ahead).saturating_add(1));
            Moment::start_of(today.checked_add_days(after).unwrap_or(today), zone)
        };
        Self { after: next.map_or(now, end_of), until: end_of(days) }
    }
}

/// Points by customer and last usable day. The bank cannot reach a customer whose subject it does
/// not know, so they are left out.
fn by_last_day(
    found: Vec<Expiring>,
    zone: Tz,
) -> Result<BTreeMap<(CustomerId, NaiveDate), Amount>, StoreError> {
    let mut sums: BTreeMap<(CustomerId, NaiveDate), Amount> = BTreeMap::new();
    for lots in found.into_iter().filter(|lots| lots.subject.is_some()) {
        let last_day = lots.expires_at.last_day_before(zone);
        let sum = sums.entry((lots.customer, last_day)).or_insert(Amount::zero(Asset::PTS));
        *sum = sum.checked_add(lots.points).map_err(|_range| StoreError::OutOfRange)?;
    }
    Ok(sums)
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

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Shanghai;

    use super::*;

    fn at(text: &str) -> Moment {
        Moment::parse(text).unwrap()
    }

    #[test]
    fn the_days_ahead_are_counted_to_the_last_usable_day() {
        let now = at("2026-11-23T10:00:00+08:00");
        let first = LastDays::of(30, Some(7), now, Shanghai);
        let last = LastDays::of(7, None, now, Shanghai);
        // Seven days after the 23rd is the 30th, whose points expire when December starts.
        assert_eq!(last, LastDays { after: now, until: at("2026-12-01T00:00:00+08:00") });
        assert_eq!(first.after, last.until);
    }

    #[test]
    fn a_notice_names_the_last_day_and_all_points_of_it() {
        let customer = CustomerId::random();
        let lots = |moment: &str, points| Expiring {
            customer,
            subject: Some("person-1".to_owned()),
            expires_at: at(moment),
            points: Amount::from_minor(points, Asset::PTS),
        };
        let found = vec![
            lots("2026-11-30T20:00:00+08:00", 100),
            lots("2026-12-01T00:00:00+08:00", 200),
            lots("2026-12-01T00:00:01+08:00", 400),
        ];
        let sums: Vec<_> = by_last_day(found, Shanghai)
            .unwrap()
            .into_iter()
            .map(|((_customer, day), points)| (day.to_string(), points.minor()))
            .collect();
        assert_eq!(sums, [("2026-11-30".to_owned(), 300), ("2026-12-01".to_owned(), 400)]);
    }
}
