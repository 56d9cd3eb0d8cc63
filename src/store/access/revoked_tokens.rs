//! Access tokens that their partner revoked before they expired (RFC 7009).

use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use uuid::Uuid;

use crate::clock::Moment;
use crate::ids::PartnerId;
use crate::store::schema::revoked_tokens;
use crate::store::{Db, LedgerTx, StoreError};

#[derive(Insertable)]
#[diesel(table_name = revoked_tokens, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    partner_id: &'a str,
    expires_at: NaiveDateTime,
}

/// A token is accepted for a moment after its expiry, and no clock is this far behind another.
const CLOCKS_APART: TimeDelta = TimeDelta::minutes(10);

/// Revokes a token; a second time changes nothing.
pub fn insert(
    tx: &mut LedgerTx<'_>,
    partner: &PartnerId,
    jti: Uuid,
    expires_at: Moment,
) -> Result<(), StoreError> {
    let row =
        Row { id: jti.as_bytes(), partner_id: partner.as_str(), expires_at: expires_at.naive() };
    both!(tx.0, db => diesel::insert_into(revoked_tokens::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(db))?;
    Ok(())
}

/// All revoked tokens that some gateway may still accept, each with its expiry.
pub fn in_force(db: &mut Db, now: Moment) -> Result<Vec<(Uuid, Moment)>, StoreError> {
    let rows: Vec<(Vec<u8>, NaiveDateTime)> = revoked_tokens::table
        .filter(revoked_tokens::expires_at.gt(now.minus(CLOCKS_APART).naive()))
        .select((revoked_tokens::id, revoked_tokens::expires_at))
        .load(db)?;
    let row = |(id, expires_at): (Vec<u8>, NaiveDateTime)| {
        let id = Uuid::from_slice(&id).map_err(|_length| StoreError::Corrupt("revoked_tokens.id"));
        Ok((id?, Moment::from_naive(expires_at)))
    };
    rows.into_iter().map(row).collect()
}

/// Deletes those that expired by `past`: every gateway refuses them for that.
pub fn forget_expired(tx: &mut LedgerTx<'_>, past: Moment) -> Result<usize, StoreError> {
    let expired = revoked_tokens::table.filter(revoked_tokens::expires_at.le(past.naive()));
    Ok(diesel::delete(expired).execute(tx.0)?)
}
