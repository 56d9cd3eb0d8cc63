//! The one-time codes that customers show at tills.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::{CodeKey, CustomerId, PartnerId};
use crate::money::{Amount, Asset};
use crate::program::CodeStanding;
use crate::store::schema::codes;
use crate::store::{Db, LedgerTx, StoreError, types};

#[derive(Insertable)]
#[diesel(table_name = codes, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    customer_id: &'a [u8],
    expires_at: chrono::NaiveDateTime,
    used: bool,
    points: i64,
    partner_id: Option<&'a str>,
    refusals: i64,
}

/// A code to be stored.
pub struct NewCode<'a> {
    pub key: CodeKey,
    pub customer: CustomerId,
    pub expires_at: Moment,
    /// The most points that it is good for.
    pub points: Amount,
    /// The only partner at which it is good.
    pub partner: Option<&'a PartnerId>,
}

/// Stores a new code. The customer must be locked.
pub fn insert(tx: &mut LedgerTx<'_>, new: &NewCode<'_>) -> Result<(), StoreError> {
    let row = Row {
        id: new.key.bytes(),
        customer_id: new.customer.bytes(),
        expires_at: new.expires_at.naive(),
        used: false,
        points: new.points.minor(),
        partner_id: new.partner.map(PartnerId::as_str),
        refusals: 0,
    };
    both!(tx.0, db => diesel::insert_into(codes::table).values(&row).execute(db))?;
    Ok(())
}

/// Deletes a customer's codes that ended before `now`. The customer must be locked.
pub fn sweep(tx: &mut LedgerTx<'_>, customer: CustomerId, now: Moment) -> Result<(), StoreError> {
    let own = codes::customer_id.eq(customer.bytes().as_slice());
    diesel::delete(codes::table.filter(own).filter(codes::expires_at.lt(now.naive())))
        .execute(tx.0)?;
    Ok(())
}

/// The number of a customer's codes that can still be used.
pub fn waiting(db: &mut Db, customer: CustomerId) -> Result<i64, StoreError> {
    let own = codes::customer_id.eq(customer.bytes().as_slice());
    Ok(codes::table.filter(own).filter(codes::used.eq(false)).count().get_result(db)?)
}

type Stored =
    (Vec<u8>, Vec<u8>, chrono::NaiveDateTime, bool, (Option<i64>, Option<String>, Option<i64>));

/// Reads codes; unknown ones are left out.
pub fn load(db: &mut Db, keys: &[CodeKey]) -> Result<HashMap<CodeKey, CodeStanding>, StoreError> {
    let ids: Vec<&[u8]> = keys.iter().map(|key| key.bytes().as_slice()).collect();
    let rows: Vec<Stored> = both!(db, db => codes::table
        .filter(codes::id.eq_any(&ids))
        .select((
            codes::id,
            codes::customer_id,
            codes::expires_at,
            codes::used,
            (codes::points, codes::partner_id, codes::refusals),
        ))
        .load(db))?;
    rows.into_iter()
        .map(|(id, customer, expires_at, used, (points, partner, refusals))| {
            let refusals = u32::try_from(refusals.unwrap_or(0));
            let standing = CodeStanding {
                customer: CustomerId::from_uuid(types::uuid(&customer, "codes.customer_id")?),
                expires_at: types::moment(expires_at),
                used,
                points: points.map(|minor| Amount::from_minor(minor, Asset::PTS)),
                partner: partner.map(|partner| types::partner(&partner)).transpose()?,
                refusals: refusals.map_err(|_range| StoreError::Corrupt("codes.refusals"))?,
            };
            Ok((CodeKey::from_bytes(types::bytes16(&id, "codes.id")?), standing))
        })
        .collect()
}

/// Records how many holds with a code were refused. Its customer must be locked.
pub fn set_refusals(tx: &mut LedgerTx<'_>, code: CodeKey, refusals: u32) -> Result<(), StoreError> {
    diesel::update(codes::table.find(code.bytes().as_slice()))
        .set(codes::refusals.eq(i64::from(refusals)))
        .execute(tx.0)?;
    Ok(())
}

/// Marks a code as used.
pub fn mark_used(tx: &mut LedgerTx<'_>, code: CodeKey) -> Result<(), StoreError> {
    diesel::update(codes::table.find(code.bytes().as_slice()))
        .set(codes::used.eq(true))
        .execute(tx.0)?;
    Ok(())
}
