//! Sign-ins to partners' forms that were not good.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::PartnerId;
use crate::store::schema::form_attempts;
use crate::store::{LedgerTx, StoreError, types};

/// What is known of the tries of late.
#[derive(Clone, Copy, Debug)]
pub struct Attempts {
    pub failures: i64,
    pub tried_at: Moment,
    pub locked_until: Moment,
}

/// Holds a partner's tries until the transaction ends, and reads them.
pub fn lock(
    tx: &mut LedgerTx<'_>,
    partner: &PartnerId,
    now: Moment,
) -> Result<Attempts, StoreError> {
    let none = (
        form_attempts::partner_id.eq(partner.as_str()),
        form_attempts::failures.eq(0),
        form_attempts::tried_at.eq(now.naive()),
        form_attempts::locked_until.eq(now.naive()),
    );
    // What changes nothing holds the row all the same.
    both!(tx.0, db => diesel::insert_into(form_attempts::table)
        .values(none)
        .on_conflict(form_attempts::partner_id)
        .do_update()
        .set(form_attempts::failures.eq(form_attempts::failures))
        .execute(db))?;
    let (failures, tried_at, locked_until) = form_attempts::table
        .find(partner.as_str())
        .select((form_attempts::failures, form_attempts::tried_at, form_attempts::locked_until))
        .first::<(i64, chrono::NaiveDateTime, chrono::NaiveDateTime)>(tx.0)?;
    Ok(Attempts {
        failures,
        tried_at: types::moment(tried_at),
        locked_until: types::moment(locked_until),
    })
}

/// Notes what is known now. They must be held by [`lock`].
pub fn put(
    tx: &mut LedgerTx<'_>,
    partner: &PartnerId,
    attempts: &Attempts,
) -> Result<(), StoreError> {
    diesel::update(form_attempts::table.find(partner.as_str()))
        .set((
            form_attempts::failures.eq(attempts.failures),
            form_attempts::tried_at.eq(attempts.tried_at.naive()),
            form_attempts::locked_until.eq(attempts.locked_until.naive()),
        ))
        .execute(tx.0)?;
    Ok(())
}

/// A good try forgets those before.
pub fn forget(tx: &mut LedgerTx<'_>, partner: &PartnerId) -> Result<(), StoreError> {
    diesel::delete(form_attempts::table.find(partner.as_str())).execute(tx.0)?;
    Ok(())
}
