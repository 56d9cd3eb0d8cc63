//! The test clocks of partners on trial.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::PartnerId;
use crate::partner::test_clock::TestClocks;
use crate::store::schema::test_clocks;
use crate::store::{Db, LedgerTx, StoreError};

/// Reads the clocks of the partners for which `is_trial` holds. The clock of a partner that has left
/// its trial does not count any more.
pub fn load(
    db: &mut Db,
    now: Moment,
    is_trial: impl Fn(&PartnerId) -> bool,
) -> Result<TestClocks, StoreError> {
    let rows: Vec<(String, i64)> = test_clocks::table
        .filter(test_clocks::ahead_seconds.gt(0))
        .select((test_clocks::partner_id, test_clocks::ahead_seconds))
        .load(db)?;
    let mut ahead = BTreeMap::new();
    for (partner, seconds) in rows {
        let partner = PartnerId::try_from(partner)
            .map_err(|_invalid| StoreError::Corrupt("test_clocks.partner_id"))?;
        if is_trial(&partner) {
            ahead.insert(partner, TimeDelta::seconds(seconds));
        }
    }
    Ok(TestClocks::new(now, ahead))
}

/// The number of seconds by which a partner's clock is ahead.
pub fn ahead_seconds(db: &mut Db, partner: &PartnerId) -> Result<i64, StoreError> {
    let row = test_clocks::table.find(partner.as_str());
    let ahead: Option<i64> = row.select(test_clocks::ahead_seconds).first(db).optional()?;
    Ok(ahead.unwrap_or(0))
}

/// Moves a partner's clock ahead, never back. Returns the seconds by which it is ahead then.
pub fn advance(
    tx: &mut LedgerTx<'_>,
    partner: &PartnerId,
    seconds: i64,
    now: Moment,
) -> Result<i64, StoreError> {
    let row = (
        test_clocks::partner_id.eq(partner.as_str()),
        test_clocks::ahead_seconds.eq(seconds),
        test_clocks::set_at.eq(now.naive()),
    );
    both!(tx.0, db => diesel::insert_into(test_clocks::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(db))?;
    let behind =
        test_clocks::table.find(partner.as_str()).filter(test_clocks::ahead_seconds.lt(seconds));
    diesel::update(behind)
        .set((test_clocks::ahead_seconds.eq(seconds), test_clocks::set_at.eq(now.naive())))
        .execute(tx.0)?;
    ahead_seconds(tx.0, partner)
}
