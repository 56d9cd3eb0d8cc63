//! Our events of a time, as they are held against a statement.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::clock::Moment;
use crate::event::{Commit, Payment, Refund, Return};
use crate::ids::{EventId, EventKey, PartnerId};
use crate::reconcile::item::ItemKind;
use crate::reconcile::period::PeriodSpan;
use crate::store::schema::{events, holds};
use crate::store::{Db, StoreError, types};

/// An event that moved money or points.
pub struct OurEvent {
    pub key: EventKey,
    pub id: EventId,
    pub kind: ItemKind,
    pub minor: i64,
    pub at: Moment,
    /// The content that was kept, as JSON.
    pub body: String,
    pub refers_to: Option<EventKey>,
}

const KINDS: [(&str, ItemKind); 4] = [
    (Payment::TYPE, ItemKind::Payment),
    (Refund::TYPE, ItemKind::Refund),
    (Commit::TYPE, ItemKind::Redemption),
    (Return::TYPE, ItemKind::Return),
];

type Row = (Vec<u8>, String, String, i64, chrono::NaiveDateTime, String, Option<Vec<u8>>);

/// A partner's events of a time by when they happened, after the last one of the page before.
pub fn page(
    db: &mut Db,
    partner: &PartnerId,
    span: PeriodSpan,
    after: Option<(Moment, EventKey)>,
    rows_max: i64,
) -> Result<Vec<OurEvent>, StoreError> {
    let from = after.map_or(span.from, |it| it.0).naive();
    let key = after.map_or(Vec::new(), |it| it.1.bytes().to_vec());
    let later = events::effective_at.gt(from).or(events::id.gt(key));
    let rows: Vec<Row> = both!(db, db => events::table
        .filter(events::partner_id.eq(partner.as_str()))
        .filter(events::effective_at.ge(from))
        .filter(events::effective_at.lt(span.until.naive()))
        .filter(later)
        .filter(events::kind.eq_any(KINDS.map(|(name, _kind)| name)))
        .order((events::effective_at, events::id))
        .limit(rows_max)
        .select((
            events::id,
            events::event_id,
            events::kind,
            events::amount,
            events::effective_at,
            events::body,
            events::refers_to,
        ))
        .load(db))?;
    rows.into_iter().map(read).collect()
}

/// These events, as far as they moved money or points.
pub fn of_keys(db: &mut Db, keys: &[EventKey]) -> Result<Vec<OurEvent>, StoreError> {
    let mut found = Vec::with_capacity(keys.len());
    for part in keys.chunks(crate::store::rows_max(1) - KINDS.len()) {
        let ids: Vec<&[u8]> = part.iter().map(|key| key.bytes().as_slice()).collect();
        let rows: Vec<Row> = both!(db, db => events::table
            .filter(events::id.eq_any(&ids))
            .filter(events::kind.eq_any(KINDS.map(|(name, _kind)| name)))
            .select((
                events::id,
                events::event_id,
                events::kind,
                events::amount,
                events::effective_at,
                events::body,
                events::refers_to,
            ))
            .load(db))?;
        for row in rows {
            found.push(read(row)?);
        }
    }
    Ok(found)
}

/// The kept content of these events.
pub fn bodies(db: &mut Db, keys: &[EventKey]) -> Result<HashMap<EventKey, String>, StoreError> {
    let mut found = HashMap::with_capacity(keys.len());
    for part in keys.chunks(crate::store::rows_max(1)) {
        let ids: Vec<&[u8]> = part.iter().map(|key| key.bytes().as_slice()).collect();
        let rows: Vec<(Vec<u8>, String)> = both!(db, db => events::table
            .filter(events::id.eq_any(&ids))
            .select((events::id, events::body))
            .load(db))?;
        for (id, body) in rows {
            found.insert(EventKey::from_bytes(types::bytes16(&id, "events.id")?), body);
        }
    }
    Ok(found)
}

/// How many points were redeemed of these holds, in hundredths.
pub fn redeemed(db: &mut Db, keys: &[EventKey]) -> Result<HashMap<EventKey, i64>, StoreError> {
    let mut found = HashMap::with_capacity(keys.len());
    for part in keys.chunks(crate::store::rows_max(1)) {
        let ids: Vec<&[u8]> = part.iter().map(|key| key.bytes().as_slice()).collect();
        let rows: Vec<(Vec<u8>, i64)> = both!(db, db => holds::table
            .filter(holds::id.eq_any(&ids))
            .select((holds::id, holds::committed))
            .load(db))?;
        for (id, committed) in rows {
            found.insert(EventKey::from_bytes(types::bytes16(&id, "holds.id")?), committed);
        }
    }
    Ok(found)
}

fn read(row: Row) -> Result<OurEvent, StoreError> {
    let (key, id, kind, minor, at, body, refers_to) = row;
    let known = KINDS.iter().find(|(name, _kind)| *name == kind);
    let event_key = |bytes: &[u8]| types::bytes16(bytes, "events.id").map(EventKey::from_bytes);
    Ok(OurEvent {
        key: event_key(&key)?,
        id: EventId::try_from(id).map_err(|_invalid| StoreError::Corrupt("events.event_id"))?,
        kind: known.map(|(_name, kind)| *kind).ok_or(StoreError::Corrupt("events.type"))?,
        minor,
        at: types::moment(at),
        body,
        refers_to: refers_to.as_deref().map(event_key).transpose()?,
    })
}
