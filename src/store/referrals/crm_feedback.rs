//! The watermark up to which the changes of a CRM were read, and which of its messages were handled.

use aws_lc_rs::digest;
use chrono::{NaiveDateTime, TimeDelta};
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

/// Claims the next poll of a CRM and returns its watermark. `None`: another gateway polled after
/// `before`.
pub fn take_look(
    tx: &mut LedgerTx<'_>,
    crm: &str,
    now: Moment,
    before: Moment,
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

/// Stores the watermark of a CRM: all before it is done.
pub fn keep_watermark(tx: &mut LedgerTx<'_>, crm: &str, watermark: &str) -> Result<(), StoreError> {
    let id = hash(crm);
    diesel::update(crm_watermarks::table.find(id.as_slice()))
        .set(crm_watermarks::watermark.eq(watermark))
        .execute(tx.0)?;
    Ok(())
}

/// Whether the message with this id was handled.
pub fn is_done(db: &mut Db, message: &str) -> Result<bool, StoreError> {
    let id = hash(message);
    let found: Option<Vec<u8>> =
        crm_messages::table.find(id.as_slice()).select(crm_messages::id).first(db).optional()?;
    Ok(found.is_some())
}

/// A message stays known this much longer: another gateway's clock may be behind.
const CLOCKS_APART: TimeDelta = TimeDelta::minutes(10);

/// Records that a message was handled until `expires_at`, and deletes up to 1,000 expired records.
pub fn mark_done(
    tx: &mut LedgerTx<'_>,
    message: &str,
    now: Moment,
    expires_at: Moment,
) -> Result<(), StoreError> {
    let id = hash(message);
    let new = Message { id: &id, expires_at: expires_at.naive() };
    both!(tx.0, db => diesel::insert_into(crm_messages::table)
        .values(&new)
        .on_conflict_do_nothing()
        .execute(db))?;
    let over: Vec<Vec<u8>> = crm_messages::table
        .filter(crm_messages::expires_at.le(now.minus(CLOCKS_APART).naive()))
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
