//! Which customers are signed in at the wallet, and who is on the way there from the bank's app. Secrets
//! are kept as their hashes only.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::clock::Moment;
use crate::store::schema::{hand_overs, wallet_sessions};
use crate::store::{Db, LedgerTx, StoreError, types};

/// The hash of a secret.
pub type SecretHash = [u8; 32];

/// A session as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptWalletSession {
    pub secret_hash: SecretHash,
    pub subject: String,
    pub began_at: Moment,
    pub seen_at: Moment,
    pub ends_at: Moment,
}

/// Keeps a new hand-over.
pub fn insert_hand_over(
    tx: &mut LedgerTx<'_>,
    hash: &SecretHash,
    subject: &str,
    ends_at: Moment,
) -> Result<(), StoreError> {
    let row = (
        hand_overs::secret_hash.eq(hash.as_slice()),
        hand_overs::subject.eq(subject),
        hand_overs::ends_at.eq(ends_at.naive()),
    );
    both!(tx.0, db => diesel::insert_into(hand_overs::table).values(row).execute(db))?;
    Ok(())
}

/// How many hand-overs of a customer can still be used.
pub fn hand_overs_of(tx: &mut LedgerTx<'_>, subject: &str, now: Moment) -> Result<i64, StoreError> {
    let own = hand_overs::table
        .filter(hand_overs::subject.eq(subject))
        .filter(hand_overs::ends_at.gt(now.naive()));
    Ok(own.count().get_result(tx.0)?)
}

/// Uses a hand-over up. `None`: the hand-over is unknown, used or over.
pub fn take_hand_over(
    tx: &mut LedgerTx<'_>,
    hash: &SecretHash,
    now: Moment,
) -> Result<Option<String>, StoreError> {
    let found: Option<(String, NaiveDateTime)> = hand_overs::table
        .find(hash.as_slice())
        .select((hand_overs::subject, hand_overs::ends_at))
        .first(tx.0)
        .optional()?;
    let Some((subject, ends_at)) = found else { return Ok(None) };
    // Two browsers may come at once: the one that deletes the row has the hand-over.
    let taken = diesel::delete(hand_overs::table.find(hash.as_slice())).execute(tx.0)?;
    let is_good = taken == 1 && now < types::moment(ends_at);
    Ok(is_good.then_some(subject))
}

/// Keeps a new session.
pub fn insert(tx: &mut LedgerTx<'_>, session: &KeptWalletSession) -> Result<(), StoreError> {
    let row = (
        wallet_sessions::secret_hash.eq(session.secret_hash.as_slice()),
        wallet_sessions::subject.eq(&session.subject),
        wallet_sessions::began_at.eq(session.began_at.naive()),
        wallet_sessions::seen_at.eq(session.seen_at.naive()),
        wallet_sessions::ends_at.eq(session.ends_at.naive()),
    );
    both!(tx.0, db => diesel::insert_into(wallet_sessions::table).values(row).execute(db))?;
    Ok(())
}

type Row = (Vec<u8>, String, NaiveDateTime, NaiveDateTime, NaiveDateTime);

/// The session whose secret has that hash, whether it has ended or not.
pub fn by_secret(db: &mut Db, hash: &SecretHash) -> Result<Option<KeptWalletSession>, StoreError> {
    let row: Option<Row> = wallet_sessions::table.find(hash.as_slice()).first(db).optional()?;
    row.map(read).transpose()
}

/// The newest sessions of a customer.
pub fn of_subject(
    db: &mut Db,
    subject: &str,
    rows_max: i64,
) -> Result<Vec<KeptWalletSession>, StoreError> {
    let rows: Vec<Row> = wallet_sessions::table
        .filter(wallet_sessions::subject.eq(subject))
        .order(wallet_sessions::began_at.desc())
        .limit(rows_max)
        .load(db)?;
    rows.into_iter().map(read).collect()
}

/// Notes that a session was used.
pub fn set_seen(tx: &mut LedgerTx<'_>, hash: &SecretHash, now: Moment) -> Result<(), StoreError> {
    let older = wallet_sessions::table
        .find(hash.as_slice())
        .filter(wallet_sessions::seen_at.lt(now.naive()));
    diesel::update(older).set(wallet_sessions::seen_at.eq(now.naive())).execute(tx.0)?;
    Ok(())
}

/// Ends a session.
pub fn delete(tx: &mut LedgerTx<'_>, hash: &SecretHash) -> Result<(), StoreError> {
    diesel::delete(wallet_sessions::table.find(hash.as_slice())).execute(tx.0)?;
    Ok(())
}

/// Ends all sessions of a customer, and what leads to new ones.
pub fn delete_of_subject(tx: &mut LedgerTx<'_>, subject: &str) -> Result<(), StoreError> {
    let sessions = wallet_sessions::table.filter(wallet_sessions::subject.eq(subject));
    diesel::delete(sessions).execute(tx.0)?;
    delete_hand_overs(tx, subject)
}

/// Ends the hand-overs of a customer.
pub fn delete_hand_overs(tx: &mut LedgerTx<'_>, subject: &str) -> Result<(), StoreError> {
    let hand_overs = hand_overs::table.filter(hand_overs::subject.eq(subject));
    diesel::delete(hand_overs).execute(tx.0)?;
    Ok(())
}

/// Deletes up to `rows_max` sessions, and as many hand-overs, whose time was over by `past`.
pub fn forget_ended(tx: &mut LedgerTx<'_>, past: Moment, rows_max: i64) -> Result<(), StoreError> {
    let sessions: Vec<Vec<u8>> = wallet_sessions::table
        .filter(wallet_sessions::ends_at.le(past.naive()))
        .order(wallet_sessions::ends_at)
        .limit(rows_max)
        .select(wallet_sessions::secret_hash)
        .load(tx.0)?;
    let ended = wallet_sessions::table.filter(wallet_sessions::secret_hash.eq_any(sessions));
    diesel::delete(ended).execute(tx.0)?;
    let over: Vec<Vec<u8>> = hand_overs::table
        .filter(hand_overs::ends_at.le(past.naive()))
        .order(hand_overs::ends_at)
        .limit(rows_max)
        .select(hand_overs::secret_hash)
        .load(tx.0)?;
    diesel::delete(hand_overs::table.filter(hand_overs::secret_hash.eq_any(over))).execute(tx.0)?;
    Ok(())
}

fn read(row: Row) -> Result<KeptWalletSession, StoreError> {
    let (hash, subject, began_at, seen_at, ends_at) = row;
    let secret_hash = SecretHash::try_from(hash.as_slice());
    Ok(KeptWalletSession {
        secret_hash: secret_hash
            .map_err(|_length| StoreError::Corrupt("wallet_sessions.secret_hash"))?,
        subject,
        began_at: types::moment(began_at),
        seen_at: types::moment(seen_at),
        ends_at: types::moment(ends_at),
    })
}
