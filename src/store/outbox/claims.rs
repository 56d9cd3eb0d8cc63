//! Messages in the hands of a relay. A row is claimed under a lease, so that two relays never send
//! the same one, and a gateway that dies loses it when the lease ends.

use diesel::dsl::{exists, not};
use diesel::prelude::*;

use super::{Destination, Kind, State, message_id};
use crate::clock::Moment;
use crate::ids::{MessageId, ReferralId};
use crate::store::schema::{attempts, outbox};
use crate::store::{Db, LedgerTx, StoreError, types};
use crate::trace_parent::TraceParent;

/// Who claims, for whom, and how much.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    pub destination: Destination,
    pub holder: [u8; 16],
    pub now: Moment,
    pub lease_until: Moment,
    pub rows_max: i64,
}

/// A message that its holder has to deliver before the lease ends.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub id: MessageId,
    pub destination: Destination,
    pub kind: Kind,
    pub subject: [u8; 16],
    pub revision: i64,
    pub body: Option<String>,
    /// The number of this attempt, from 1 on.
    pub attempt: i64,
    /// Failed attempts since the message was queued or replayed.
    pub failures: i64,
    /// An earlier attempt may have arrived: ask before sending what is not idempotent.
    pub uncertain: bool,
    /// When it is given up; set by its first failure.
    pub give_up_at: Option<Moment>,
    pub recorded_at: Moment,
    /// Where in a trace it came about.
    pub trace: Option<TraceParent>,
    holder: [u8; 16],
    started_at: Moment,
}

/// What became of an attempt.
pub enum Outcome<'a> {
    Delivered { remote_id: Option<&'a str>, status: Option<u16> },
    Failed(Failed<'a>),
}

/// An attempt that did not deliver.
pub struct Failed<'a> {
    /// When to try again; `None` when it is given up, for people to look at.
    pub again_at: Option<Moment>,
    pub give_up_at: Option<Moment>,
    /// What is counted and logged: a name out of few.
    pub class: &'static str,
    pub status: Option<u16>,
    /// What people read. No personal data.
    pub error: &'a str,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = outbox)]
struct Stored {
    id: Vec<u8>,
    kind: String,
    subject: Vec<u8>,
    revision: i64,
    body: Option<String>,
    attempts: i64,
    failures: i64,
    give_up_at: Option<chrono::NaiveDateTime>,
    lease_holder: Option<Vec<u8>>,
    last_error: Option<String>,
    recorded_at: chrono::NaiveDateTime,
    traceparent: Option<String>,
}

#[derive(Insertable)]
#[diesel(table_name = attempts, treat_none_as_default_value = false)]
struct Attempt<'a> {
    message_id: &'a [u8],
    number: i64,
    started_at: chrono::NaiveDateTime,
    ended_at: chrono::NaiveDateTime,
    outcome: &'static str,
    status: Option<i64>,
    class: Option<&'static str>,
}

/// Destinations that have something waiting.
pub fn destinations(db: &mut Db) -> Result<Vec<Destination>, StoreError> {
    let rows: Vec<(String, String)> = outbox::table
        .filter(outbox::state.eq("waiting"))
        .select((outbox::channel, outbox::destination))
        .distinct()
        .load(db)?;
    rows.iter().map(|(channel, name)| Destination::read(channel, name)).collect()
}

/// Claims messages that are due and that nobody holds, the longest due first, and of one order key
/// only the first. What a newer revision has made pointless is passed over, for good.
pub fn claim(tx: &mut LedgerTx<'_>, claim: Claim) -> Result<Vec<Claimed>, StoreError> {
    end_cancelled(tx, claim)?;
    let due = if claim.destination.is_in_one_order() {
        first_if_due(tx, claim)?
    } else {
        due(tx, claim)?
    };
    let due = if claim.destination.wants_the_latest_only() {
        without_superseded(tx, claim, due)?
    } else {
        due
    };
    let ids: Vec<&[u8]> = due.iter().map(|stored| stored.id.as_slice()).collect();
    both!(tx.0, db => diesel::update(outbox::table.filter(outbox::id.eq_any(&ids)))
        .set((
            outbox::attempts.eq(outbox::attempts + 1),
            outbox::lease_until.eq(claim.lease_until.naive()),
            outbox::lease_holder.eq(claim.holder.as_slice()),
        ))
        .execute(db))?;
    due.into_iter().map(|stored| stored.read(claim)).collect()
}

/// Those that no other of their key stands before.
fn due(tx: &mut LedgerTx<'_>, claim: Claim) -> Result<Vec<Stored>, StoreError> {
    let now = claim.now.naive();
    let others = diesel::alias!(outbox as others);
    let of_the_key = others
        .filter(others.field(outbox::state).eq("waiting"))
        .filter(others.field(outbox::destination).eq(outbox::destination))
        .filter(others.field(outbox::order_key).eq(outbox::order_key))
        .filter(others.field(outbox::id).ne(outbox::id));
    let before = of_the_key.filter(
        others
            .field(outbox::position)
            .lt(outbox::position)
            .or(others.field(outbox::lease_until).gt(now)),
    );
    let due = outbox::table
        .filter(outbox::state.eq("waiting"))
        .filter(outbox::destination.eq(claim.destination.to_string()))
        .filter(outbox::next_attempt_at.le(now))
        .filter(outbox::lease_until.is_null().or(outbox::lease_until.le(now)))
        .filter(not(exists(before)))
        .order((outbox::next_attempt_at, outbox::position))
        .limit(claim.rows_max);
    Ok(match &mut *tx.0 {
        Db::Postgres(db) => due.select(Stored::as_select()).for_update().skip_locked().load(db)?,
        Db::Sqlite(db) => due.select(Stored::as_select()).load(db)?,
    })
}

/// The first of all that wait for the destination, if it is due.
fn first_if_due(tx: &mut LedgerTx<'_>, claim: Claim) -> Result<Vec<Stored>, StoreError> {
    let now = claim.now.naive();
    let first: Option<Vec<u8>> = outbox::table
        .filter(outbox::state.eq("waiting"))
        .filter(outbox::destination.eq(claim.destination.to_string()))
        .order(outbox::position)
        .select(outbox::id)
        .first(tx.0)
        .optional()?;
    let Some(first) = first else { return Ok(Vec::new()) };
    let due = outbox::table
        .filter(outbox::id.eq(first))
        .filter(outbox::state.eq("waiting"))
        .filter(outbox::next_attempt_at.le(now))
        .filter(outbox::lease_until.is_null().or(outbox::lease_until.le(now)));
    Ok(match &mut *tx.0 {
        Db::Postgres(db) => due.select(Stored::as_select()).for_update().skip_locked().load(db)?,
        Db::Sqlite(db) => due.select(Stored::as_select()).load(db)?,
    })
}

fn without_superseded(
    tx: &mut LedgerTx<'_>,
    claim: Claim,
    due: Vec<Stored>,
) -> Result<Vec<Stored>, StoreError> {
    let ids: Vec<&[u8]> = due.iter().map(|stored| stored.id.as_slice()).collect();
    let newer = diesel::alias!(outbox as newer);
    let old: Vec<Vec<u8>> = both!(tx.0, db => outbox::table
        .filter(outbox::id.eq_any(&ids))
        .filter(exists(
            newer
                .filter(newer.field(outbox::destination).eq(claim.destination.to_string()))
                .filter(newer.field(outbox::subject).eq(outbox::subject))
                .filter(newer.field(outbox::revision).gt(outbox::revision))
                .filter(newer.field(outbox::state).eq_any(["waiting", "delivered"])),
        ))
        .select(outbox::id)
        .load(db))?;
    if old.is_empty() {
        return Ok(due);
    }
    both!(tx.0, db => diesel::update(outbox::table.filter(outbox::id.eq_any(&old)))
        .set((outbox::state.eq("superseded"), outbox::order_key.eq(None::<Vec<u8>>)))
        .execute(db))?;
    Ok(due.into_iter().filter(|stored| !old.contains(&stored.id)).collect())
}

/// What was cancelled while a relay held it that has died since.
fn end_cancelled(tx: &mut LedgerTx<'_>, claim: Claim) -> Result<(), StoreError> {
    let ended = outbox::table
        .filter(outbox::state.eq("waiting"))
        .filter(outbox::destination.eq(claim.destination.to_string()))
        .filter(outbox::cancelled_at.is_not_null())
        .filter(outbox::lease_until.is_null().or(outbox::lease_until.le(claim.now.naive())));
    diesel::update(ended)
        .set((outbox::state.eq("cancelled"), outbox::order_key.eq(None::<Vec<u8>>)))
        .execute(tx.0)?;
    Ok(())
}

/// Records what became of an attempt. `false` when the lease is no longer the holder's: then
/// nothing is changed.
pub fn settle(
    tx: &mut LedgerTx<'_>,
    claimed: &Claimed,
    outcome: &Outcome<'_>,
    now: Moment,
) -> Result<bool, StoreError> {
    let ours = match outcome {
        Outcome::Delivered { remote_id, .. } => delivered(tx, claimed, *remote_id, now)?,
        Outcome::Failed(failed) => fail(tx, claimed, failed)?,
    };
    if !ours {
        return Ok(false);
    }
    let (name, status, class) = match outcome {
        Outcome::Delivered { status, .. } => ("delivered", *status, None),
        Outcome::Failed(it) if it.again_at.is_some() => ("again", it.status, Some(it.class)),
        Outcome::Failed(it) => ("dead", it.status, Some(it.class)),
    };
    let row = Attempt {
        message_id: claimed.id.bytes(),
        number: claimed.attempt,
        started_at: claimed.started_at.naive(),
        ended_at: now.naive(),
        outcome: name,
        status: status.map(i64::from),
        class,
    };
    diesel::insert_into(attempts::table).values(&row).execute(tx.0)?;
    Ok(true)
}

fn delivered(
    tx: &mut LedgerTx<'_>,
    claimed: &Claimed,
    remote_id: Option<&str>,
    now: Moment,
) -> Result<bool, StoreError> {
    let changed = diesel::update(
        outbox::table
            .filter(outbox::id.eq(claimed.id.bytes().as_slice()))
            .filter(outbox::state.eq("waiting"))
            .filter(outbox::lease_holder.eq(claimed.holder.as_slice()))
            .filter(outbox::attempts.eq(claimed.attempt)),
    )
    .set((
        outbox::state.eq(State::Delivered.name()),
        outbox::order_key.eq(None::<Vec<u8>>),
        outbox::remote_id.eq(remote_id),
        outbox::delivered_at.eq(now.naive()),
        outbox::lease_until.eq(None::<chrono::NaiveDateTime>),
        outbox::lease_holder.eq(None::<Vec<u8>>),
        outbox::last_error.eq(None::<String>),
    ))
    .execute(tx.0)?;
    Ok(changed == 1)
}

fn fail(tx: &mut LedgerTx<'_>, claimed: &Claimed, failed: &Failed<'_>) -> Result<bool, StoreError> {
    let state = if failed.again_at.is_some() { State::Waiting } else { State::Dead };
    let row = outbox::table
        .filter(outbox::id.eq(claimed.id.bytes().as_slice()))
        .filter(outbox::state.eq("waiting"))
        .filter(outbox::lease_holder.eq(claimed.holder.as_slice()))
        .filter(outbox::attempts.eq(claimed.attempt));
    let changed = diesel::update(row)
        .set((
            outbox::state.eq(state.name()),
            outbox::failures.eq(claimed.failures.saturating_add(1)),
            failed.again_at.map(|at| outbox::next_attempt_at.eq(at.naive())),
            outbox::give_up_at.eq(failed.give_up_at.map(Moment::naive)),
            outbox::last_error.eq(format!("{}: {}", failed.class, failed.error)),
            outbox::lease_until.eq(None::<chrono::NaiveDateTime>),
            outbox::lease_holder.eq(None::<Vec<u8>>),
        ))
        .execute(tx.0)?;
    let cancelled = outbox::table
        .filter(outbox::id.eq(claimed.id.bytes().as_slice()))
        .filter(outbox::state.eq(state.name()))
        .filter(outbox::cancelled_at.is_not_null())
        .filter(outbox::lease_until.is_null());
    diesel::update(cancelled)
        .set((outbox::state.eq("cancelled"), outbox::order_key.eq(None::<Vec<u8>>)))
        .execute(tx.0)?;
    Ok(changed == 1)
}

impl Claimed {
    /// The referral that it is about, where it is about one.
    #[must_use]
    pub const fn referral(&self) -> ReferralId {
        ReferralId::from_uuid(uuid::Uuid::from_bytes(self.subject))
    }
}

impl Stored {
    fn read(self, claim: Claim) -> Result<Claimed, StoreError> {
        // Whoever held it before never said what became of it; or it was an answer that was lost.
        let lost = self.lease_holder.is_some();
        let unanswered = self.last_error.is_some_and(|text| text.starts_with("ambiguous"));
        Ok(Claimed {
            id: message_id(&self.id)?,
            destination: claim.destination,
            kind: Kind::by_name(&self.kind).ok_or(StoreError::Corrupt("outbox.kind"))?,
            subject: types::bytes16(&self.subject, "outbox.subject")?,
            revision: self.revision,
            body: self.body,
            attempt: self.attempts.saturating_add(1),
            failures: self.failures,
            uncertain: lost || unanswered,
            give_up_at: self.give_up_at.map(types::moment),
            recorded_at: types::moment(self.recorded_at),
            trace: self.traceparent.as_deref().and_then(TraceParent::parse),
            holder: claim.holder,
            started_at: claim.now,
        })
    }
}
