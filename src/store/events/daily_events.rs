//! The number of events of a partner on a business day, for partners with a quota.

use chrono::NaiveDate;
use diesel::prelude::*;

use crate::ids::PartnerId;
use crate::store::schema::daily_events;
use crate::store::{LedgerTx, StoreError};

/// Locks a partner's number of a day until the transaction ends, and reads it.
pub fn lock(tx: &mut LedgerTx<'_>, partner: &PartnerId, day: NaiveDate) -> Result<i64, StoreError> {
    add(tx, partner, day, 0)?;
    let row = daily_events::table.find((partner.as_str(), day.to_string()));
    Ok(row.select(daily_events::recorded).first(tx.0)?)
}

/// Adds to a partner's number of a day.
pub fn add(
    tx: &mut LedgerTx<'_>,
    partner: &PartnerId,
    day: NaiveDate,
    events: i64,
) -> Result<(), StoreError> {
    let row = (
        daily_events::partner_id.eq(partner.as_str()),
        daily_events::day.eq(day.to_string()),
        daily_events::recorded.eq(events),
    );
    both!(tx.0, db => diesel::insert_into(daily_events::table)
        .values(&row)
        .on_conflict((daily_events::partner_id, daily_events::day))
        .do_update()
        .set(daily_events::recorded.eq(daily_events::recorded + events))
        .execute(db))?;
    Ok(())
}
