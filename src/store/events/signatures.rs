//! Signed requests of partners, stored in the transaction of their events. The signed content is
//! sealed, in a table from which it can be erased.

use std::collections::BTreeMap;

use diesel::prelude::*;

use crate::clock::Moment;
use crate::customer::{DataSubject, Reading, Sealed};
use crate::ids::{EventKey, PartnerId, SignatureId};
use crate::store::schema::{event_signatures, signatures, signed_contents};
use crate::store::{Db, LedgerTx, StoreError, readings, types};

/// A signed request to be stored.
#[derive(Clone, Debug)]
pub struct NewSignature {
    pub id: SignatureId,
    pub partner: PartnerId,
    pub kid: String,
    pub algorithm: &'static str,
    pub thumbprint: String,
    pub jwk: String,
    pub created_at: Moment,
    /// What was signed, with the body.
    pub content: Sealed,
    /// The same without the body: the signature base, which holds the body's digest.
    pub without_body: Sealed,
    /// How many events the request carried, well-formed or not.
    pub events: usize,
}

/// An event, and the signed request that carried it.
pub struct SignedEvent<'a> {
    pub event: EventKey,
    pub signature: &'a NewSignature,
    /// Whether the body is kept, too.
    pub whole: bool,
}

/// A stored signed request, without its content.
pub struct Signature {
    pub id: SignatureId,
    pub kid: String,
    pub algorithm: String,
    pub thumbprint: String,
    pub jwk: String,
    pub created_at: Moment,
    pub recorded_at: Moment,
}

#[derive(Insertable)]
#[diesel(table_name = signatures, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    partner_id: &'a str,
    kid: &'a str,
    algorithm: &'a str,
    thumbprint: &'a str,
    jwk: &'a str,
    created_at: chrono::NaiveDateTime,
    recorded_at: chrono::NaiveDateTime,
}

#[derive(Insertable)]
#[diesel(table_name = signed_contents, treat_none_as_default_value = false)]
struct ContentRow<'a> {
    id: &'a [u8],
    key_id: &'a str,
    sealed: &'a [u8],
}

#[derive(Insertable)]
#[diesel(table_name = event_signatures, treat_none_as_default_value = false)]
struct EventRow<'a> {
    event_id: &'a [u8],
    signature_id: &'a [u8],
}

/// Appends the signed requests of new events, each once.
pub fn insert(
    tx: &mut LedgerTx<'_>,
    list: &[SignedEvent<'_>],
    recorded_at: Moment,
) -> Result<(), StoreError> {
    let requests: BTreeMap<SignatureId, &SignedEvent<'_>> =
        list.iter().map(|signed| (signed.signature.id, signed)).collect();
    for SignedEvent { signature: new, whole, .. } in requests.into_values() {
        let content = if *whole { &new.content } else { &new.without_body };
        let row = Row {
            id: new.id.bytes(),
            partner_id: new.partner.as_str(),
            kid: &new.kid,
            algorithm: new.algorithm,
            thumbprint: &new.thumbprint,
            jwk: &new.jwk,
            created_at: new.created_at.naive(),
            recorded_at: recorded_at.naive(),
        };
        let content =
            ContentRow { id: new.id.bytes(), key_id: &content.key_id, sealed: &content.bytes };
        // A batch whose events had to be recorded one by one is there already.
        both!(tx.0, db => diesel::insert_into(signatures::table)
            .values(&row)
            .on_conflict_do_nothing()
            .execute(db))?;
        both!(tx.0, db => diesel::insert_into(signed_contents::table)
            .values(&content)
            .on_conflict_do_nothing()
            .execute(db))?;
    }
    let rows: Vec<EventRow<'_>> = list
        .iter()
        .map(|signed| EventRow {
            event_id: signed.event.bytes(),
            signature_id: signed.signature.id.bytes(),
        })
        .collect();
    for part in rows.chunks(crate::store::rows_max(2)) {
        both!(tx.0, db => diesel::insert_into(event_signatures::table).values(part).execute(db))?;
    }
    Ok(())
}

/// The signed request that brought an event, if it was signed.
pub fn of_event(db: &mut Db, key: EventKey) -> Result<Option<Signature>, StoreError> {
    type Found =
        (Vec<u8>, String, String, String, String, chrono::NaiveDateTime, chrono::NaiveDateTime);
    let found: Option<Found> = event_signatures::table
        .inner_join(signatures::table)
        .filter(event_signatures::event_id.eq(key.bytes().as_slice()))
        .select((
            signatures::id,
            signatures::kid,
            signatures::algorithm,
            signatures::thumbprint,
            signatures::jwk,
            signatures::created_at,
            signatures::recorded_at,
        ))
        .first(db)
        .optional()?;
    let Some((id, kid, algorithm, thumbprint, jwk, created_at, recorded_at)) = found else {
        return Ok(None);
    };
    Ok(Some(Signature {
        id: SignatureId::from_uuid(types::uuid(&id, "signatures.id")?),
        kid,
        algorithm,
        thumbprint,
        jwk,
        created_at: types::moment(created_at),
        recorded_at: types::moment(recorded_at),
    }))
}

/// Reads the signed content and records the reading. `None`: it was erased.
pub fn read_content(
    tx: &mut LedgerTx<'_>,
    id: SignatureId,
    reading: &Reading,
    now: Moment,
) -> Result<Option<Sealed>, StoreError> {
    let content: Option<(String, Vec<u8>)> = signed_contents::table
        .find(id.bytes().as_slice())
        .select((signed_contents::key_id, signed_contents::sealed))
        .first(tx.0)
        .optional()?;
    let Some((key_id, bytes)) = content else { return Ok(None) };
    readings::insert(tx, reading, &[DataSubject::Signature(id)], now)?;
    Ok(Some(Sealed { key_id, bytes }))
}

/// Replaces content that an older key sealed: by a new row, because rows of this table never change.
/// `false`: the old row is gone.
pub fn reseal(
    tx: &mut LedgerTx<'_>,
    id: SignatureId,
    was: &str,
    sealed: &Sealed,
) -> Result<bool, StoreError> {
    let old = signed_contents::table
        .filter(signed_contents::id.eq(id.bytes().as_slice()))
        .filter(signed_contents::key_id.eq(was));
    if diesel::delete(old).execute(tx.0)? == 0 {
        return Ok(false);
    }
    let row = ContentRow { id: id.bytes(), key_id: &sealed.key_id, sealed: &sealed.bytes };
    both!(tx.0, db => diesel::insert_into(signed_contents::table).values(&row).execute(db))?;
    Ok(true)
}

/// The signed requests of these events.
pub fn of_events(db: &mut Db, events: &[EventKey]) -> Result<Vec<SignatureId>, StoreError> {
    let events: Vec<&[u8]> = events.iter().map(|key| key.bytes().as_slice()).collect();
    let ids: Vec<Vec<u8>> = both!(db, db => event_signatures::table
        .filter(event_signatures::event_id.eq_any(&events))
        .select(event_signatures::signature_id)
        .load(db))?;
    ids.iter().map(|id| Ok(SignatureId::from_uuid(types::uuid(id, "signature_id")?))).collect()
}

/// Erases the signed content of these events; returns the number of requests.
pub fn erase(tx: &mut LedgerTx<'_>, events: &[EventKey]) -> Result<usize, StoreError> {
    let events: Vec<&[u8]> = events.iter().map(|key| key.bytes().as_slice()).collect();
    Ok(both!(tx.0, db => {
        let ids: Vec<Vec<u8>> = event_signatures::table
            .filter(event_signatures::event_id.eq_any(&events))
            .select(event_signatures::signature_id)
            .load(db)?;
        diesel::delete(signed_contents::table.filter(signed_contents::id.eq_any(&ids))).execute(db)
    })?)
}

/// The smallest id that can have been made at a moment: ids begin with the milliseconds of their
/// making (RFC 9562, section 5.7). What was erased has left `signed_contents`, so a search there by
/// id never passes what is done, as a search by age in `signatures` would.
fn oldest_id_after(moment: Moment) -> [u8; 16] {
    let mut id = [0; 16];
    let milliseconds = moment.utc().timestamp_millis().to_be_bytes();
    for (to, from) in id.iter_mut().zip(milliseconds.iter().skip(2)) {
        *to = *from;
    }
    id
}

/// Erases up to `rows_max` contents whose requests were recorded before a moment.
pub fn erase_before(
    tx: &mut LedgerTx<'_>,
    before: Moment,
    rows_max: i64,
) -> Result<usize, StoreError> {
    Ok(both!(tx.0, db => {
        let ids: Vec<Vec<u8>> = signed_contents::table
            .inner_join(signatures::table.on(signatures::id.eq(signed_contents::id)))
            .filter(signed_contents::id.lt(oldest_id_after(before).as_slice()))
            .filter(signatures::recorded_at.lt(before.naive()))
            .order(signed_contents::id)
            .limit(rows_max)
            .select(signed_contents::id)
            .load(db)?;
        diesel::delete(signed_contents::table.filter(signed_contents::id.eq_any(&ids))).execute(db)
    })?)
}

/// The number of contents sealed with each key.
pub fn count_by_key(db: &mut Db) -> Result<Vec<(String, i64)>, StoreError> {
    Ok(signed_contents::table
        .group_by(signed_contents::key_id)
        .select((signed_contents::key_id, diesel::dsl::count_star()))
        .load(db)?)
}
