//! Client assertions that have been used, so that none is taken twice.

use aws_lc_rs::digest;
use diesel::prelude::*;

use super::schema::assertions;
use super::{LedgerTx, StoreError};
use crate::clock::Moment;
use crate::ids::PartnerId;

#[derive(Insertable)]
#[diesel(table_name = assertions, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    partner_id: &'a str,
    expires_at: chrono::NaiveDateTime,
}

/// Marks an assertion as used; `false` when it had been used before.
///
/// # Errors
/// [`StoreError`].
pub fn claim(
    tx: &mut LedgerTx<'_>,
    partner: &PartnerId,
    jti: &str,
    expires_at: Moment,
) -> Result<bool, StoreError> {
    // A partner's id contains no NUL, so no two pairs make one text.
    let name = format!("{partner}\0{jti}");
    let id = digest::digest(&digest::SHA256, name.as_bytes());
    let row = Row { id: id.as_ref(), partner_id: partner.as_str(), expires_at: expires_at.naive() };
    let new = both!(tx.0, db => diesel::insert_into(assertions::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(db))?;
    Ok(new == 1)
}

/// Forgets assertions that have expired by themselves: they are refused for that already.
///
/// # Errors
/// [`StoreError`].
pub fn forget_expired(tx: &mut LedgerTx<'_>, before: Moment) -> Result<usize, StoreError> {
    let old = assertions::table.filter(assertions::expires_at.lt(before.naive()));
    Ok(diesel::delete(old).execute(tx.0)?)
}
