//! Sessions of staff at the console. A browser keeps a secret, and the database its hash. A session ends
//! after a time without use, at the latest after its longest time, and whenever its person ends it.

use chrono::TimeDelta;

use crate::clock::Moment;
use crate::ids::{SessionId, StaffId, sha256};
use crate::store::console_sessions::{self, KeptSession};
use crate::store::{Db, StoreError};

/// How long sessions last.
#[derive(Clone, Copy, Debug)]
pub struct SessionTimes {
    /// Without use.
    pub idle: TimeDelta,
    pub longest: TimeDelta,
}

/// A person for whom the identity provider vouched just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    pub staff: StaffId,
    /// What the customers' provider calls the same person and their household.
    pub own_subjects: Vec<String>,
    pub roles: Vec<String>,
    pub authenticated_at: Moment,
}

/// A session that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub who: SignedIn,
    pub began_at: Moment,
    pub seen_at: Moment,
    pub ends_at: Moment,
}

/// Sessions that one person has at once. The oldest end for a new one.
const SESSIONS_MAX: usize = 10;
/// Use is noted this often, so that not every page writes.
const NOTED_EVERY: TimeDelta = TimeDelta::seconds(30);
/// Ended sessions that a new one clears away.
const FORGOTTEN_AT_ONCE: i64 = 100;

/// Begins a session for the browser that keeps this secret. `before` is the secret of the session that
/// the browser had: it ends.
///
/// # Errors
/// The store's.
pub fn begin(
    who: SignedIn,
    db: &mut Db,
    secrets: &Secrets<'_>,
    times: SessionTimes,
    now: Moment,
) -> Result<Session, StoreError> {
    let before = match secrets.before {
        Some(secret) => console_sessions::by_secret(db, &sha256(secret.as_bytes()))?,
        None => None,
    };
    let kept = KeptSession {
        id: SessionId::random(),
        secret_hash: sha256(secrets.new.as_bytes()),
        staff: who.staff,
        own_subjects: who.own_subjects,
        roles: who.roles,
        authenticated_at: who.authenticated_at,
        began_at: now,
        seen_at: now,
        ends_at: now.plus(times.longest),
    };
    let rows_max = i64::try_from(SESSIONS_MAX).unwrap_or(i64::MAX).saturating_mul(2);
    let others = console_sessions::of_staff(db, &kept.staff, rows_max)?;
    db.write(|tx| {
        console_sessions::forget_ended(tx, now, FORGOTTEN_AT_ONCE)?;
        for old in before.iter().chain(others.iter().skip(SESSIONS_MAX.saturating_sub(1))) {
            console_sessions::delete(tx, &old.staff, old.id)?;
        }
        console_sessions::insert(tx, &kept)
    })?;
    Ok(Session::of(kept))
}

/// The secrets of a browser: the new one, and that of the session before.
pub struct Secrets<'a> {
    pub new: &'a str,
    pub before: Option<&'a str>,
}

/// The session of the browser that has this secret, if it is in force. Its use is noted.
///
/// # Errors
/// The store's.
pub fn find(
    secret: &str,
    db: &mut Db,
    times: SessionTimes,
    now: Moment,
) -> Result<Option<Session>, StoreError> {
    let found = console_sessions::by_secret(db, &sha256(secret.as_bytes()))?;
    let Some(mut kept) = found.filter(|kept| is_in_force(kept, times, now)) else {
        return Ok(None);
    };
    if kept.seen_at.plus(NOTED_EVERY) <= now {
        db.write(|tx| console_sessions::set_seen(tx, kept.id, now))?;
        kept.seen_at = now;
    }
    Ok(Some(Session::of(kept)))
}

/// The person's own sessions that are in force, the newest first.
///
/// # Errors
/// The store's.
pub fn list(
    who: &StaffId,
    db: &mut Db,
    times: SessionTimes,
    now: Moment,
) -> Result<Vec<Session>, StoreError> {
    let rows_max = i64::try_from(SESSIONS_MAX).unwrap_or(i64::MAX);
    let found = console_sessions::of_staff(db, who, rows_max)?;
    let good = found.into_iter().filter(|kept| is_in_force(kept, times, now));
    Ok(good.map(Session::of).collect())
}

/// Ends a session of the person's own. `false`: there is no such session.
///
/// # Errors
/// The store's.
pub fn end(who: &StaffId, db: &mut Db, id: SessionId) -> Result<bool, StoreError> {
    db.write(|tx| console_sessions::delete(tx, who, id))
}

fn is_in_force(kept: &KeptSession, times: SessionTimes, now: Moment) -> bool {
    now < kept.ends_at && now < kept.seen_at.plus(times.idle)
}

impl Session {
    fn of(kept: KeptSession) -> Self {
        Self {
            id: kept.id,
            who: SignedIn {
                staff: kept.staff,
                own_subjects: kept.own_subjects,
                roles: kept.roles,
                authenticated_at: kept.authenticated_at,
            },
            began_at: kept.began_at,
            seen_at: kept.seen_at,
            ends_at: kept.ends_at,
        }
    }
}
