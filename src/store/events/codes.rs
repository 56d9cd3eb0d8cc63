//! The one-time codes that customers show at tills.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::{CodeKey, CustomerId};
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
}

/// Stores a new code. The customer must be locked.
pub fn insert(
    tx: &mut LedgerTx<'_>,
    code: CodeKey,
    customer: CustomerId,
    expires_at: Moment,
) -> Result<(), StoreError> {
    let row = Row {
        id: code.bytes(),
        customer_id: customer.bytes(),
        expires_at: expires_at.naive(),
        used: false,
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

/// Reads codes; unknown ones are left out.
pub fn load(db: &mut Db, keys: &[CodeKey]) -> Result<HashMap<CodeKey, CodeStanding>, StoreError> {
    let ids: Vec<&[u8]> = keys.iter().map(|key| key.bytes().as_slice()).collect();
    let rows: Vec<(Vec<u8>, Vec<u8>, chrono::NaiveDateTime, bool)> = both!(db, db => codes::table
        .filter(codes::id.eq_any(&ids))
        .select((codes::id, codes::customer_id, codes::expires_at, codes::used))
        .load(db))?;
    rows.into_iter()
        .map(|(id, customer, expires_at, used)| {
            let key = CodeKey::from_bytes(types::bytes16(&id, "codes.id")?);
            let customer = CustomerId::from_uuid(types::uuid(&customer, "codes.customer_id")?);
            Ok((key, CodeStanding { customer, expires_at: types::moment(expires_at), used }))
        })
        .collect()
}

/// Marks a code as used.
pub fn mark_used(tx: &mut LedgerTx<'_>, code: CodeKey) -> Result<(), StoreError> {
    diesel::update(codes::table.find(code.bytes().as_slice()))
        .set(codes::used.eq(true))
        .execute(tx.0)?;
    Ok(())
}
