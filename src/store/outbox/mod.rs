//! The transactional outbox: messages to the CRM, to partners' webhooks, and to customers. Rows are
//! queued in the transaction that gives the reason for them (`insert`,
//! `lead_changed`, `consent_withdrawn`). The relay takes them by [`claims`], and people look at
//! [`dead`] letters.

pub mod claims;
pub mod dead;
pub mod deliveries;
mod message;

pub use message::{Channel, Destination, Kind, NewMessage, State};

use diesel::prelude::*;

use super::schema::{outbox, personal_data};
use super::{Db, LedgerTx, StoreError, types};
use crate::clock::Moment;
use crate::ids::{CustomerId, MessageId, NoticeId, OrderKey, ReferralId, TaskId};

/// How many rows are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    pub waiting: i64,
    pub delivered: i64,
    pub dead: i64,
    pub superseded: i64,
    pub cancelled: i64,
}

/// How far delivery to a destination is behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lag {
    pub destination: Destination,
    pub waiting: i64,
    pub dead: i64,
    /// When the oldest waiting message was queued.
    pub oldest: Option<Moment>,
}

#[derive(Insertable)]
#[diesel(table_name = outbox, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    channel: &'static str,
    destination: String,
    order_key: Option<&'a [u8]>,
    subject: &'a [u8],
    kind: &'static str,
    revision: i64,
    body: Option<&'a str>,
    state: &'static str,
    attempts: i64,
    failures: i64,
    next_attempt_at: chrono::NaiveDateTime,
    recorded_at: chrono::NaiveDateTime,
    traceparent: Option<String>,
}

/// Queues a notice behind the customer's earlier ones.
pub fn notice_due(
    tx: &mut LedgerTx<'_>,
    notice: NoticeId,
    customer: CustomerId,
    now: Moment,
) -> Result<(), StoreError> {
    let message = NewMessage {
        id: MessageId::random(),
        destination: Destination::Notice,
        kind: Kind::Notice,
        subject: *notice.bytes(),
        revision: 1,
        order: OrderKey::from_bytes(*customer.bytes()),
        body: None,
        trace: None,
    };
    insert(tx, &[message], now)
}

/// Queues messages in the transaction that is the reason for them. A message that makes older ones
/// pointless takes their place.
///
/// # Errors
/// [`StoreError`]; the database refuses a revision that there is already.
pub fn insert(tx: &mut LedgerTx<'_>, list: &[NewMessage], now: Moment) -> Result<(), StoreError> {
    for part in list.chunks(super::rows_max(14)) {
        let rows: Vec<Row<'_>> = part.iter().map(|new| Row::of(new, now)).collect();
        both!(tx.0, db => diesel::insert_into(outbox::table).values(&rows).execute(db))?;
    }
    for new in list.iter().filter(|new| new.revision > 1) {
        if new.destination.wants_the_latest_only() {
            supersede(tx, new, now)?;
        }
    }
    Ok(())
}

/// Queues a message unless there is one of its destination, subject and revision; whether it did. Where
/// two gateways do so at once, one queues it.
pub fn insert_once(
    tx: &mut LedgerTx<'_>,
    new: &NewMessage,
    now: Moment,
) -> Result<bool, StoreError> {
    let there: i64 = outbox::table
        .filter(outbox::destination.eq(new.destination.to_string()))
        .filter(outbox::subject.eq(new.subject.as_slice()))
        .filter(outbox::revision.eq(new.revision))
        .count()
        .get_result(tx.0)?;
    if there > 0 {
        return Ok(false);
    }
    let row = Row::of(new, now);
    let inserted = both!(tx.0, db => diesel::insert_into(outbox::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(db))?;
    Ok(inserted == 1)
}

/// Queues the next revision of a lead for the CRM. It is read from the referral when it goes out.
pub fn lead_changed(
    tx: &mut LedgerTx<'_>,
    referral: ReferralId,
    now: Moment,
) -> Result<(), StoreError> {
    let order = order_of(tx.0, referral)?;
    tell_crm(tx, Kind::Lead, referral, order, now)
}

/// Queues the next revision of a task for the CRM, behind the other messages about its person.
pub fn task_changed(
    tx: &mut LedgerTx<'_>,
    task: TaskId,
    referral: ReferralId,
    now: Moment,
) -> Result<(), StoreError> {
    let order = order_of(tx.0, referral)?;
    let revision = next_revision(tx.0, Destination::Crm, task.bytes())?;
    let message = NewMessage {
        kind: Kind::Task,
        subject: *task.bytes(),
        revision,
        ..NewMessage::lead(referral, order)
    };
    insert(tx, &[message], now)
}

/// The person of a lead does not agree any longer: what waits is cancelled, and a CRM that was told
/// of them, or may have been, is told of the withdrawal.
pub fn consent_withdrawn(
    tx: &mut LedgerTx<'_>,
    referral: ReferralId,
    now: Moment,
) -> Result<(), StoreError> {
    let order = order_of(tx.0, referral)?;
    if cancel(tx, Destination::Crm, referral.bytes(), now)? {
        tell_crm(tx, Kind::ConsentWithdrawn, referral, order, now)?;
    }
    Ok(())
}

/// Nothing more about a subject goes to a destination: what waits or is dead is cancelled, and an
/// attempt under way is the last. Whether the destination was told, or may have been.
pub fn cancel(
    tx: &mut LedgerTx<'_>,
    destination: Destination,
    subject: &[u8; 16],
    now: Moment,
) -> Result<bool, StoreError> {
    let destination = destination.to_string();
    let open = || {
        outbox::table
            .filter(outbox::destination.eq(&destination))
            .filter(outbox::subject.eq(subject.as_slice()))
            .filter(outbox::state.eq("waiting").or(outbox::state.eq("dead")))
    };
    let under_way = open().filter(outbox::lease_until.gt(now.naive()));
    diesel::update(under_way).set(outbox::cancelled_at.eq(now.naive())).execute(tx.0)?;
    let idle = open().filter(outbox::lease_until.is_null().or(outbox::lease_until.le(now.naive())));
    diesel::update(idle)
        .set((outbox::state.eq("cancelled"), outbox::order_key.eq(None::<Vec<u8>>)))
        .execute(tx.0)?;
    let tried: i64 = outbox::table
        .filter(outbox::destination.eq(&destination))
        .filter(outbox::subject.eq(subject.as_slice()))
        .filter(outbox::attempts.gt(0))
        .count()
        .get_result(tx.0)?;
    Ok(tried > 0)
}

/// The number of the next message about a subject to a destination.
pub fn next_revision(
    db: &mut Db,
    destination: Destination,
    subject: &[u8; 16],
) -> Result<i64, StoreError> {
    let last: Option<i64> = outbox::table
        .filter(outbox::destination.eq(destination.to_string()))
        .filter(outbox::subject.eq(subject.as_slice()))
        .select(diesel::dsl::max(outbox::revision))
        .get_result(db)?;
    Ok(last.unwrap_or_default().saturating_add(1))
}

fn tell_crm(
    tx: &mut LedgerTx<'_>,
    kind: Kind,
    referral: ReferralId,
    order: OrderKey,
    now: Moment,
) -> Result<(), StoreError> {
    let revision = next_revision(tx.0, Destination::Crm, referral.bytes())?;
    let lead = NewMessage::lead(referral, order);
    insert(tx, &[NewMessage { kind, revision, ..lead }], now)
}

/// The key of a referral's person: that of what waits already, or by their phone number, or, once
/// their data is erased, the referral's own.
fn order_of(db: &mut Db, referral: ReferralId) -> Result<OrderKey, StoreError> {
    let id = referral.bytes().as_slice();
    let waiting: Option<Option<Vec<u8>>> = outbox::table
        .filter(outbox::destination.eq(Destination::Crm.to_string()))
        .filter(outbox::subject.eq(id))
        .filter(outbox::order_key.is_not_null())
        .select(outbox::order_key)
        .first(db)
        .optional()?;
    if let Some(key) = waiting.flatten() {
        return Ok(OrderKey::from_bytes(types::bytes16(&key, "outbox.order_key")?));
    }
    let index: Option<Vec<u8>> = personal_data::table
        .filter(personal_data::id.eq(id))
        .select(personal_data::phone_index)
        .first(db)
        .optional()?;
    let index: Option<[u8; 32]> = index
        .map(|bytes| bytes.try_into())
        .transpose()
        .map_err(|_length| StoreError::Corrupt("personal_data.phone_index"))?;
    Ok(index.map_or_else(
        || OrderKey::from_bytes(*referral.bytes()),
        |index| OrderKey::of_person(&index),
    ))
}

/// Older messages about the same give way, but for one that is on its way.
fn supersede(tx: &mut LedgerTx<'_>, new: &NewMessage, now: Moment) -> Result<(), StoreError> {
    let older = outbox::table
        .filter(outbox::destination.eq(new.destination.to_string()))
        .filter(outbox::subject.eq(new.subject.as_slice()))
        .filter(outbox::revision.lt(new.revision))
        .filter(outbox::state.eq("waiting").or(outbox::state.eq("dead")))
        .filter(outbox::lease_until.is_null().or(outbox::lease_until.le(now.naive())));
    diesel::update(older)
        .set((outbox::state.eq("superseded"), outbox::order_key.eq(None::<Vec<u8>>)))
        .execute(tx.0)?;
    Ok(())
}

pub fn depth(db: &mut Db) -> Result<Depth, StoreError> {
    let rows: Vec<(String, i64)> = outbox::table
        .group_by(outbox::state)
        .select((outbox::state, diesel::dsl::count_star()))
        .load(db)?;
    let mut depth = Depth::default();
    for (state, count) in rows {
        match State::read(&state)? {
            State::Waiting => depth.waiting = count,
            State::Delivered => depth.delivered = count,
            State::Dead => depth.dead = count,
            State::Superseded => depth.superseded = count,
            State::Cancelled => depth.cancelled = count,
        }
    }
    Ok(depth)
}

/// How far each destination is behind that has something waiting or dead.
pub fn lag(db: &mut Db) -> Result<Vec<Lag>, StoreError> {
    let rows: Vec<(String, String, String, i64, Option<chrono::NaiveDateTime>)> = outbox::table
        .filter(outbox::state.eq("waiting").or(outbox::state.eq("dead")))
        .group_by((outbox::channel, outbox::destination, outbox::state))
        .select((
            outbox::channel,
            outbox::destination,
            outbox::state,
            diesel::dsl::count_star(),
            diesel::dsl::min(outbox::recorded_at),
        ))
        .load(db)?;
    let mut lags: Vec<Lag> = Vec::new();
    for (channel, name, state, count, oldest) in rows {
        let destination = Destination::read(&channel, &name)?;
        let known = lags.iter().position(|lag| lag.destination == destination);
        let mut lag = match known {
            Some(known) => lags.swap_remove(known),
            None => Lag { destination, waiting: 0, dead: 0, oldest: None },
        };
        if State::read(&state)? == State::Waiting {
            lag.waiting = count;
            lag.oldest = oldest.map(types::moment);
        } else {
            lag.dead = count;
        }
        lags.push(lag);
    }
    Ok(lags)
}

/// The CRM's ids of the leads it has, with our own.
pub fn crm_ids(db: &mut Db) -> Result<Vec<(ReferralId, String)>, StoreError> {
    let rows: Vec<(Vec<u8>, Option<String>)> = outbox::table
        .filter(outbox::channel.eq(Channel::Crm.name()))
        .filter(outbox::kind.eq(Kind::Lead.name()))
        .filter(outbox::state.eq("delivered"))
        .order((outbox::subject, outbox::revision))
        .select((outbox::subject, outbox::remote_id))
        .load(db)?;
    let mut ids: Vec<(ReferralId, String)> = rows
        .into_iter()
        .map(|(id, remote)| {
            let referral = ReferralId::from_uuid(types::uuid(&id, "outbox.subject")?);
            Ok((referral, remote.ok_or(StoreError::Corrupt("outbox.remote_id"))?))
        })
        .collect::<Result<_, StoreError>>()?;
    ids.dedup_by_key(|(referral, _remote)| *referral);
    Ok(ids)
}

fn message_id(bytes: &[u8]) -> Result<MessageId, StoreError> {
    Ok(MessageId::from_uuid(types::uuid(bytes, "outbox.id")?))
}

impl<'a> Row<'a> {
    fn of(new: &'a NewMessage, now: Moment) -> Self {
        Self {
            id: new.id.bytes(),
            channel: new.destination.channel().name(),
            destination: new.destination.to_string(),
            order_key: Some(new.order.bytes()),
            subject: &new.subject,
            kind: new.kind.name(),
            revision: new.revision,
            body: new.body.as_deref(),
            state: State::Waiting.name(),
            attempts: 0,
            failures: 0,
            next_attempt_at: now.naive(),
            recorded_at: now.naive(),
            traceparent: new.trace.map(|trace| trace.to_string()),
        }
    }
}
