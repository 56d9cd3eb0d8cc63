//! Counted observations of the software of partners on trial.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::PartnerId;
use crate::store::schema::observations;
use crate::store::{Db, LedgerTx, StoreError, types};

/// A sign of how a partner's software behaves, and how often it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// A problem's slug, or a sign of its own (`partner::sign`).
    pub sign: String,
    pub route: String,
    /// The hash of what is expected again; empty for what is only counted.
    pub subject: String,
    pub count: i64,
    pub first_seen_at: Moment,
    pub last_seen_at: Moment,
}

/// The most rows of one partner, so that routes and events of a stranger do not fill the database.
const ROWS_MAX: i64 = 500;

type Row = (String, String, String, i64, chrono::NaiveDateTime, chrono::NaiveDateTime);

/// Adds to a partner's observations. A row beyond the limit is dropped.
pub fn add(
    tx: &mut LedgerTx<'_>,
    partner: &PartnerId,
    seen: &[Observation],
) -> Result<(), StoreError> {
    let own = observations::partner_id.eq(partner.as_str());
    let mut rows: i64 = observations::table.filter(own).count().get_result(tx.0)?;
    for it in seen {
        let row = observations::table.find((partner.as_str(), &it.sign, &it.route, &it.subject));
        let updated = diesel::update(row)
            .set((
                observations::count.eq(observations::count + it.count),
                observations::last_seen_at.eq(it.last_seen_at.naive()),
            ))
            .execute(tx.0)?;
        if updated > 0 || rows >= ROWS_MAX {
            continue;
        }
        let row = (
            own,
            observations::sign.eq(&it.sign),
            observations::route.eq(&it.route),
            observations::subject.eq(&it.subject),
            observations::count.eq(it.count),
            observations::first_seen_at.eq(it.first_seen_at.naive()),
            observations::last_seen_at.eq(it.last_seen_at.naive()),
        );
        let inserted = both!(tx.0, db => diesel::insert_into(observations::table)
            .values(&row)
            .on_conflict_do_nothing()
            .execute(db))?;
        rows = rows.saturating_add(i64::try_from(inserted).unwrap_or(0));
    }
    Ok(())
}

/// Deletes an observation: what was expected came.
pub fn settle(
    tx: &mut LedgerTx<'_>,
    partner: &PartnerId,
    sign: &str,
    subjects: &[String],
) -> Result<(), StoreError> {
    for subject in subjects {
        let settled = observations::table
            .filter(observations::partner_id.eq(partner.as_str()))
            .filter(observations::sign.eq(sign))
            .filter(observations::subject.eq(subject));
        diesel::delete(settled).execute(tx.0)?;
    }
    Ok(())
}

/// A partner's observations since that time.
pub fn since(
    db: &mut Db,
    partner: &PartnerId,
    from: Moment,
) -> Result<Vec<Observation>, StoreError> {
    let rows: Vec<Row> = observations::table
        .filter(observations::partner_id.eq(partner.as_str()))
        .filter(observations::last_seen_at.ge(from.naive()))
        .order((observations::sign, observations::route, observations::subject))
        .select((
            observations::sign,
            observations::route,
            observations::subject,
            observations::count,
            observations::first_seen_at,
            observations::last_seen_at,
        ))
        .load(db)?;
    Ok(rows
        .into_iter()
        .map(|(sign, route, subject, count, first, last)| Observation {
            sign,
            route,
            subject,
            count,
            first_seen_at: types::moment(first),
            last_seen_at: types::moment(last),
        })
        .collect())
}
