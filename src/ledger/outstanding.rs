//! The points that customers hold, by how old they are and when they expire: by lots, summed from
//! the entries that name them. What customers owe is in no lot and not in here.

use chrono::{Months, NaiveDate};
use chrono_tz::Tz;

use super::{Cutoff, Total};
use crate::clock::Moment;
use crate::ids::PartnerId;
use crate::store::{Db, StoreError, reports};

/// Where one span of months ends and the next begins, counted from the day of the report.
pub const MONTHS: [u32; 4] = [3, 6, 12, 24];

/// The spans' names, and `never` for what does not expire.
const SPANS: [&str; 6] = ["0-3", "3-6", "6-12", "12-24", "24+", "never"];

/// Points in the lots of one partner, of one age and with one time to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outstanding {
    pub partner: PartnerId,
    /// Months since they were earned, such as 3-6.
    pub age: &'static str,
    /// Months until they expire; what is past its time and not yet recorded as expired is in the
    /// first span.
    pub expires: &'static str,
    pub points: Total,
}

/// Points in lots up to the cut-off. Ages and times to go are counted from this day.
pub fn outstanding(
    db: &mut Db,
    cutoff: Cutoff,
    day: NaiveDate,
    zone: Tz,
) -> Result<Vec<Outstanding>, StoreError> {
    let begins =
        |day: Option<NaiveDate>| day.map_or(Moment::LAST, |day| Moment::start_of(day, zone));
    let earned = MONTHS.map(|months| begins(day.checked_sub_months(Months::new(months))));
    let expiring = MONTHS.map(|months| begins(day.checked_add_months(Months::new(months))));
    let sums = db.snapshot(|db| reports::lots_by_span(db, cutoff, &earned, &expiring))?;
    Ok(sums
        .into_iter()
        .map(|sum| Outstanding {
            partner: sum.partner,
            age: span(sum.age),
            expires: span(sum.expires),
            points: sum.points,
        })
        .collect())
}

fn span(number: usize) -> &'static str {
    SPANS.get(number).copied().unwrap_or("never")
}
