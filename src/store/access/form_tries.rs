//! Tries to sign in to partners' forms, by their source.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::PartnerId;
use crate::store::schema::form_tries;
use crate::store::{LedgerTx, StoreError, types};

/// The recent tries of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tries {
    pub failures: i64,
    pub tried_at: Moment,
    pub locked_until: Moment,
}

/// Locks the tries of a source until the transaction ends, and reads them.
pub fn lock(
    tx: &mut LedgerTx<'_>,
    partner: &PartnerId,
    source: &str,
    now: Moment,
) -> Result<Tries, StoreError> {
    let none = (
        form_tries::partner_id.eq(partner.as_str()),
        form_tries::source.eq(source),
        form_tries::failures.eq(0),
        form_tries::tried_at.eq(now.naive()),
        form_tries::locked_until.eq(now.naive()),
    );
    // An update that changes nothing locks the row all the same.
    both!(tx.0, db => diesel::insert_into(form_tries::table)
        .values(none)
        .on_conflict((form_tries::partner_id, form_tries::source))
        .do_update()
        .set(form_tries::failures.eq(form_tries::failures))
        .execute(db))?;
    let (failures, tried_at, locked_until) = form_tries::table
        .find((partner.as_str(), source))
        .select((form_tries::failures, form_tries::tried_at, form_tries::locked_until))
        .first::<(i64, chrono::NaiveDateTime, chrono::NaiveDateTime)>(tx.0)?;
    Ok(Tries {
        failures,
        tried_at: types::moment(tried_at),
        locked_until: types::moment(locked_until),
    })
}

/// Records the tries of a source, which must be locked by [`lock`].
pub fn put(
    tx: &mut LedgerTx<'_>,
    partner: &PartnerId,
    source: &str,
    tries: &Tries,
) -> Result<(), StoreError> {
    diesel::update(form_tries::table.find((partner.as_str(), source)))
        .set((
            form_tries::failures.eq(tries.failures),
            form_tries::tried_at.eq(tries.tried_at.naive()),
            form_tries::locked_until.eq(tries.locked_until.naive()),
        ))
        .execute(tx.0)?;
    Ok(())
}

/// Forgets the tries of a source.
pub fn forget(tx: &mut LedgerTx<'_>, partner: &PartnerId, source: &str) -> Result<(), StoreError> {
    diesel::delete(form_tries::table.find((partner.as_str(), source))).execute(tx.0)?;
    Ok(())
}

/// Forgets a partner's tries from before a moment.
pub fn sweep(tx: &mut LedgerTx<'_>, partner: &PartnerId, before: Moment) -> Result<(), StoreError> {
    let old = form_tries::table
        .filter(form_tries::partner_id.eq(partner.as_str()))
        .filter(form_tries::tried_at.lt(before.naive()));
    diesel::delete(old).execute(tx.0)?;
    Ok(())
}
