//! Dead letters: messages that were given up. Staff read them and replay them.

use diesel::prelude::*;

use super::{Channel, Destination, State, message_id};
use crate::clock::Moment;
use crate::ids::MessageId;
use crate::store::schema::{attempts, outbox};
use crate::store::{Db, LedgerTx, StoreError, types};

/// A message as people see it.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: MessageId,
    pub position: i64,
    pub destination: Destination,
    pub kind: String,
    /// The id of a referral or of an event; random for a message about neither.
    pub subject: uuid::Uuid,
    pub revision: i64,
    pub state: State,
    pub attempts: i64,
    pub last_error: Option<String>,
    pub remote_id: Option<String>,
    pub recorded_at: Moment,
    pub next_attempt_at: Moment,
    pub delivered_at: Option<Moment>,
}

/// An attempt that ended.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub number: i64,
    pub started_at: Moment,
    pub ended_at: Moment,
    pub outcome: String,
    pub status: Option<i64>,
    pub class: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = outbox)]
pub(super) struct Stored {
    id: Vec<u8>,
    pub(super) position: i64,
    channel: String,
    destination: String,
    kind: String,
    subject: Vec<u8>,
    revision: i64,
    state: String,
    attempts: i64,
    last_error: Option<String>,
    remote_id: Option<String>,
    recorded_at: chrono::NaiveDateTime,
    next_attempt_at: chrono::NaiveDateTime,
    delivered_at: Option<chrono::NaiveDateTime>,
}

/// What was given up, the oldest first, after that position.
pub fn page(
    db: &mut Db,
    channel: Option<Channel>,
    after: i64,
    rows_max: i64,
) -> Result<Vec<Message>, StoreError> {
    let rows: Vec<Stored> = match channel {
        Some(channel) => outbox::table
            .filter(outbox::state.eq("dead"))
            .filter(outbox::channel.eq(channel.name()))
            .filter(outbox::position.gt(after))
            .order(outbox::position)
            .limit(rows_max)
            .select(Stored::as_select())
            .load(db)?,
        None => outbox::table
            .filter(outbox::state.eq("dead"))
            .filter(outbox::position.gt(after))
            .order(outbox::position)
            .limit(rows_max)
            .select(Stored::as_select())
            .load(db)?,
    };
    rows.into_iter().map(Stored::read).collect()
}

/// One message, in whatever state.
pub fn get(db: &mut Db, id: MessageId) -> Result<Option<Message>, StoreError> {
    let stored: Option<Stored> = outbox::table
        .filter(outbox::id.eq(id.bytes().as_slice()))
        .select(Stored::as_select())
        .first(db)
        .optional()?;
    stored.map(Stored::read).transpose()
}

/// Its delivery log.
pub fn attempts(db: &mut Db, id: MessageId) -> Result<Vec<Attempt>, StoreError> {
    type Row =
        (i64, chrono::NaiveDateTime, chrono::NaiveDateTime, String, Option<i64>, Option<String>);
    let rows: Vec<Row> = attempts::table
        .filter(attempts::message_id.eq(id.bytes().as_slice()))
        .order(attempts::number)
        .select((
            attempts::number,
            attempts::started_at,
            attempts::ended_at,
            attempts::outcome,
            attempts::status,
            attempts::class,
        ))
        .load(db)?;
    let read = |(number, started_at, ended_at, outcome, status, class): Row| Attempt {
        number,
        started_at: types::moment(started_at),
        ended_at: types::moment(ended_at),
        outcome,
        status,
        class,
    };
    Ok(rows.into_iter().map(read).collect())
}

/// Queues a dead letter again, as if it had never failed. `false` when it is
/// not dead (any more).
pub fn replay(tx: &mut LedgerTx<'_>, id: MessageId, now: Moment) -> Result<bool, StoreError> {
    let dead =
        outbox::table.filter(outbox::id.eq(id.bytes().as_slice())).filter(outbox::state.eq("dead"));
    let changed = diesel::update(dead)
        .set((
            outbox::state.eq(State::Waiting.name()),
            outbox::failures.eq(0),
            outbox::next_attempt_at.eq(now.naive()),
            outbox::give_up_at.eq(None::<chrono::NaiveDateTime>),
        ))
        .execute(tx.0)?;
    Ok(changed == 1)
}

impl Stored {
    pub(super) fn read(self) -> Result<Message, StoreError> {
        Ok(Message {
            id: message_id(&self.id)?,
            position: self.position,
            destination: Destination::read(&self.channel, &self.destination)?,
            kind: self.kind,
            subject: types::uuid(&self.subject, "outbox.subject")?,
            revision: self.revision,
            state: State::read(&self.state)?,
            attempts: self.attempts,
            last_error: self.last_error,
            remote_id: self.remote_id,
            recorded_at: types::moment(self.recorded_at),
            next_attempt_at: types::moment(self.next_attempt_at),
            delivered_at: self.delivered_at.map(types::moment),
        })
    }
}
