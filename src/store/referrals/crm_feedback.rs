//! How far the CRM's changes have been read, and which of its messages are done.

use aws_lc_rs::digest;
use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::clock::Moment;
use crate::store::schema::{crm_messages, crm_watermarks};
use crate::store::{Db, LedgerTx, StoreError};

#[derive(Insertable)]
#[diesel(table_name = crm_watermarks, treat_none_as_default_value = false)]
struct Mark<'a> {
    id: &'a [u8],
    watermark: &'a str,
    looked_at: NaiveDateTime,
}

#[derive(Insertable)]
#[diesel(table_name = crm_messages, treat_none_as_default_value = false)]
struct Message<'a> {
    id: &'a [u8],
    expires_at: NaiveDateTime,
}

/// Takes the next look at a CRM, unless another gateway has looked since `before`; how far it has
/// been read.
pub fn take_look(
    tx: &mut LedgerTx<'_>,
    crm: &str,
    (now, before): (Moment, Moment),
) -> Result<Option<String>, StoreError> {
    let id = hash(crm);
    let new = Mark { id: &id, watermark: "", looked_at: now.naive() };
    let inserted = both!(tx.0, db => diesel::insert_into(crm_watermarks::table)
        .values(&new)
        .on_conflict_do_nothing()
        .execute(db))?;
    if inserted == 1 {
        return Ok(Some(String::new()));
    }
    let due = crm_watermarks::table
        .find(id.as_slice())
        .filter(crm_watermarks::looked_at.le(before.naive()));
    let taken = diesel::update(due).set(crm_watermarks::looked_at.eq(now.naive())).execute(tx.0)?;
    if taken == 0 {
        return Ok(None);
    }
    let kept =
        crm_watermarks::table.find(id.as_slice()).select(crm_watermarks::watermark).first(tx.0)?;
    Ok(Some(kept))
}

/// Keeps how far a CRM has been read: what is before it is done.
pub fn keep_watermark(tx: &mut LedgerTx<'_>, crm: &str, watermark: &str) -> Result<(), StoreError> {
    let id = hash(crm);
    diesel::update(crm_watermarks::table.find(id.as_slice()))
        .set(crm_watermarks::watermark.eq(watermark))
        .execute(tx.0)?;
    Ok(())
}

/// Whether a message of this id is done.
pub fn is_done(db: &mut Db, message: &str) -> Result<bool, StoreError> {
    let id = hash(message);
    let found: Option<Vec<u8>> =
        crm_messages::table.find(id.as_slice()).select(crm_messages::id).first(db).optional()?;
    Ok(found.is_some())
}

/// Remembers that a message is done, and forgets up to a thousand whose time is over.
pub fn mark_done(
    tx: &mut LedgerTx<'_>,
    message: &str,
    (now, expires_at): (Moment, Moment),
) -> Result<(), StoreError> {
    let id = hash(message);
    let new = Message { id: &id, expires_at: expires_at.naive() };
    both!(tx.0, db => diesel::insert_into(crm_messages::table)
        .values(&new)
        .on_conflict_do_nothing()
        .execute(db))?;
    let over: Vec<Vec<u8>> = crm_messages::table
        .filter(crm_messages::expires_at.le(now.naive()))
        .order(crm_messages::expires_at)
        .limit(1_000)
        .select(crm_messages::id)
        .load(tx.0)?;
    if !over.is_empty() {
        diesel::delete(crm_messages::table.filter(crm_messages::id.eq_any(&over))).execute(tx.0)?;
    }
    Ok(())
}

fn hash(text: &str) -> [u8; 16] {
    let mut id = [0; 16];
    let whole = digest::digest(&digest::SHA256, text.as_bytes());
    for (to, from) in id.iter_mut().zip(whole.as_ref()) {
        *to = *from;
    }
    id
}
