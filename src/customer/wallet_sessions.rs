//! Sessions of customers at the wallet. The bank's app, where the customer is signed in, asks for a
//! hand-over: a secret that is good once, for a minute. The browser that brings it has a session, which
//! ends after a time without use, at the latest after its longest time, and whenever the customer ends it.

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;

use super::refusal::CustomerRefusal;
use crate::clock::Moment;
use crate::ids::sha256;
use crate::settings::WalletSettings;
use crate::store::wallet_sessions::{self, KeptWalletSession};
use crate::store::{Db, StoreError};

/// How long sessions at the wallet last.
#[derive(Clone, Copy, Debug)]
pub struct WalletTimes {
    /// Without use.
    pub idle: TimeDelta,
    pub longest: TimeDelta,
}

impl WalletTimes {
    #[must_use]
    pub fn of(settings: WalletSettings) -> Self {
        let seconds = |number: u32| TimeDelta::seconds(i64::from(number));
        Self { idle: seconds(settings.idle_seconds), longest: seconds(settings.session_seconds) }
    }
}

/// A customer who is signed in at the wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletSession {
    /// What the bank's identity provider calls the customer.
    pub subject: String,
    pub ends_at: Moment,
}

/// The secret of a link into the wallet.
#[derive(Clone, Debug)]
pub struct HandOver {
    pub secret: String,
    pub ends_at: Moment,
}

/// The secrets of a browser.
pub struct WalletSecrets<'a> {
    /// The secret of the hand-over that the browser brings.
    pub hand_over: &'a str,
    pub new: &'a str,
    /// The secret of the browser's session before, which ends.
    pub before: Option<&'a str>,
}

/// How long a hand-over is good for.
pub const HAND_OVER_FOR: TimeDelta = TimeDelta::seconds(60);
/// Hand-overs of one customer that wait at once.
const WAITING_MAX: i64 = 5;
/// Sessions that one customer has at once. The oldest end for a new one.
const SESSIONS_MAX: usize = 5;
/// Use is noted this often, so that not every page writes.
const NOTED_EVERY: TimeDelta = TimeDelta::seconds(30);
/// Sessions and hand-overs that have ended, and that a new hand-over deletes.
const FORGOTTEN_AT_ONCE: i64 = 100;

/// A hand-over for the customer of a subject.
///
/// # Errors
/// [`CustomerRefusal::TooManyHandOvers`] when five wait to be used.
pub fn hand_over(who: &str, db: &mut Db, now: Moment) -> Result<HandOver, CustomerRefusal> {
    let mut bytes = [0_u8; 32];
    rand::fill(&mut bytes).map_err(|_unspecified| CustomerRefusal::NoRandomness)?;
    let (secret, ends_at) = (URL_SAFE_NO_PAD.encode(bytes), now.plus(HAND_OVER_FOR));
    db.write(|tx| {
        wallet_sessions::forget_ended(tx, now, FORGOTTEN_AT_ONCE)?;
        if wallet_sessions::hand_overs_of(tx, who, now)? >= WAITING_MAX {
            return Err(CustomerRefusal::TooManyHandOvers { wait: HAND_OVER_FOR });
        }
        wallet_sessions::insert_hand_over(tx, &sha256(secret.as_bytes()), who, ends_at)?;
        Ok(())
    })?;
    Ok(HandOver { secret, ends_at })
}

/// Begins a session for the browser that brings a hand-over. `None`: the hand-over is used, over or
/// unknown.
///
/// # Errors
/// The store's.
pub fn begin(
    secrets: &WalletSecrets<'_>,
    db: &mut Db,
    times: WalletTimes,
    now: Moment,
) -> Result<Option<WalletSession>, StoreError> {
    let hash = |secret: &str| sha256(secret.as_bytes());
    db.write(|tx| {
        let taken = wallet_sessions::take_hand_over(tx, &hash(secrets.hand_over), now)?;
        let Some(subject) = taken else { return Ok(None) };
        if let Some(before) = secrets.before {
            wallet_sessions::delete(tx, &hash(before))?;
        }
        let rows_max = i64::try_from(SESSIONS_MAX).unwrap_or(i64::MAX).saturating_mul(2);
        let others = wallet_sessions::of_subject(tx.db(), &subject, rows_max)?;
        for old in others.iter().skip(SESSIONS_MAX.saturating_sub(1)) {
            wallet_sessions::delete(tx, &old.secret_hash)?;
        }
        let kept = KeptWalletSession {
            secret_hash: hash(secrets.new),
            subject,
            began_at: now,
            seen_at: now,
            ends_at: now.plus(times.longest),
        };
        wallet_sessions::insert(tx, &kept)?;
        Ok(Some(WalletSession { subject: kept.subject, ends_at: kept.ends_at }))
    })
}

/// Whether to find a session is a use of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionUse {
    Noted,
    Unnoted,
}

/// The session of the browser that has this secret, if it is in force.
///
/// # Errors
/// The store's.
pub fn find(
    secret: &str,
    db: &mut Db,
    times: WalletTimes,
    found_for: SessionUse,
    now: Moment,
) -> Result<Option<WalletSession>, StoreError> {
    let found = wallet_sessions::by_secret(db, &sha256(secret.as_bytes()))?;
    let in_force =
        |kept: &KeptWalletSession| now < kept.ends_at && now < kept.seen_at.plus(times.idle);
    let Some(kept) = found.filter(in_force) else { return Ok(None) };
    if found_for == SessionUse::Noted && kept.seen_at.plus(NOTED_EVERY) <= now {
        db.write(|tx| wallet_sessions::set_seen(tx, &kept.secret_hash, now))?;
    }
    Ok(Some(WalletSession { subject: kept.subject, ends_at: kept.ends_at }))
}

/// Ends the session of the browser that has this secret, and the customer's hand-overs that wait.
///
/// # Errors
/// The store's.
pub fn end(who: &WalletSession, secret: &str, db: &mut Db) -> Result<(), StoreError> {
    db.write(|tx| {
        wallet_sessions::delete_hand_overs(tx, &who.subject)?;
        wallet_sessions::delete(tx, &sha256(secret.as_bytes()))
    })
}
