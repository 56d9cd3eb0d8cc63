//! Requests that partners signed, kept in the transaction of the events that they brought. What was
//! signed is sealed, in a table from which it can be erased.

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::schema::{event_signatures, signatures, signed_contents};
use super::{Db, LedgerTx, StoreError, types};
use crate::clock::Moment;
use crate::customer::Sealed;
use crate::ids::{EventKey, PartnerId, SignatureId};

/// A signed request to be kept.
#[derive(Clone, Debug)]
pub struct NewSignature {
    pub id: SignatureId,
    pub partner: PartnerId,
    pub kid: String,
    pub algorithm: &'static str,
    pub thumbprint: String,
    pub jwk: String,
    pub created_at: Moment,
    pub content: Sealed,
}

/// A signed request as it is kept.
pub struct Signature {
    pub id: SignatureId,
    pub kid: String,
    pub algorithm: String,
    pub thumbprint: String,
    pub jwk: String,
    pub created_at: Moment,
    pub recorded_at: Moment,
    /// None once it is erased.
    pub content: Option<Sealed>,
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

/// Appends the requests that brought these new events, each once.
///
/// # Errors
/// [`StoreError`].
pub fn insert(
    tx: &mut LedgerTx<'_>,
    list: &[(EventKey, &NewSignature)],
    recorded_at: Moment,
) -> Result<(), StoreError> {
    let requests: BTreeMap<SignatureId, &NewSignature> =
        list.iter().map(|(_key, new)| (new.id, *new)).collect();
    for new in requests.values() {
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
        let content = ContentRow {
            id: new.id.bytes(),
            key_id: &new.content.key_id,
            sealed: &new.content.bytes,
        };
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
        .map(|(key, new)| EventRow { event_id: key.bytes(), signature_id: new.id.bytes() })
        .collect();
    for part in rows.chunks(super::rows_max(2)) {
        both!(tx.0, db => diesel::insert_into(event_signatures::table).values(part).execute(db))?;
    }
    Ok(())
}

/// The signed request that brought an event, if it was signed.
///
/// # Errors
/// [`StoreError`].
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
    let content: Option<(String, Vec<u8>)> = signed_contents::table
        .find(&id)
        .select((signed_contents::key_id, signed_contents::sealed))
        .first(db)
        .optional()?;
    Ok(Some(Signature {
        id: SignatureId::from_uuid(types::uuid(&id, "signatures.id")?),
        kid,
        algorithm,
        thumbprint,
        jwk,
        created_at: types::moment(created_at),
        recorded_at: types::moment(recorded_at),
        content: content.map(|(key_id, bytes)| Sealed { key_id, bytes }),
    }))
}
