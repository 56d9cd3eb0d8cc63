//! Idempotency keys: the kept answers to requests, and the leases of requests under way.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::customer::Sealed;
use crate::ids::{LeaseId, RequestKey};
use crate::store::schema::idempotency_keys;
use crate::store::{Db, LedgerTx, StoreError, types};

/// A request that is to be carried out once.
#[derive(Clone, Copy)]
pub struct Request {
    pub key: RequestKey,
    /// The hash of the caller's name.
    pub caller: RequestKey,
    /// The hash of the request's content.
    pub fingerprint: [u8; 32],
    /// The id of this attempt.
    pub lease: LeaseId,
    /// No other attempt takes over before `lease_until`; the key is kept until `expires_at`.
    pub lease_until: Moment,
    pub expires_at: Moment,
}

/// An answer as it is kept.
pub struct KeptAnswer {
    pub status: u16,
    pub content_type: Option<String>,
    pub sealed: Sealed,
}

/// The state of a key when a request comes with it.
pub enum Claim {
    /// The key is new: the request is carried out under the lease.
    Ours,
    /// Another attempt is under way.
    UnderWay,
    /// The key was used with other content.
    OtherContent,
    Answered(KeptAnswer),
}

#[derive(Insertable)]
#[diesel(table_name = idempotency_keys, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    fingerprint: &'a [u8],
    lease: &'a [u8],
    lease_until: chrono::NaiveDateTime,
    expires_at: chrono::NaiveDateTime,
    caller: &'a [u8],
}

#[derive(Queryable)]
struct Stored {
    fingerprint: Vec<u8>,
    lease: Vec<u8>,
    lease_until: chrono::NaiveDateTime,
    status: Option<i64>,
    content_type: Option<String>,
    key_id: Option<String>,
    answer: Option<Vec<u8>>,
    expires_at: chrono::NaiveDateTime,
}

/// Claims the key, or returns its state. One of several attempts at once gets it.
pub fn claim(tx: &mut LedgerTx<'_>, asked: &Request, now: Moment) -> Result<Claim, StoreError> {
    let row = Row {
        id: asked.key.bytes(),
        fingerprint: &asked.fingerprint,
        lease: asked.lease.bytes(),
        lease_until: asked.lease_until.naive(),
        expires_at: asked.expires_at.naive(),
        caller: asked.caller.bytes(),
    };
    let inserted = both!(tx.0, db => diesel::insert_into(idempotency_keys::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(db))?;
    if inserted == 1 {
        return Ok(Claim::Ours);
    }
    // It was deleted in the meantime: answered as if another attempt were under way.
    let Some(stored) = find(tx.0, asked.key)? else { return Ok(Claim::UnderWay) };
    let expired = types::moment(stored.expires_at) <= now;
    if !expired && stored.fingerprint != asked.fingerprint {
        return Ok(Claim::OtherContent);
    }
    if let (false, Some(status), Some(key_id), Some(bytes)) =
        (expired, stored.status, stored.key_id, stored.answer)
    {
        return Ok(Claim::Answered(KeptAnswer {
            status: u16::try_from(status)
                .map_err(|_range| StoreError::Corrupt("idempotency_keys.status"))?,
            content_type: stored.content_type,
            sealed: Sealed { key_id, bytes },
        }));
    }
    if !expired && types::moment(stored.lease_until) > now {
        return Ok(Claim::UnderWay);
    }
    let taken = diesel::update(
        idempotency_keys::table
            .find(asked.key.bytes().as_slice())
            .filter(idempotency_keys::lease.eq(&stored.lease)),
    )
    .set((
        idempotency_keys::fingerprint.eq(asked.fingerprint.as_slice()),
        idempotency_keys::lease.eq(asked.lease.bytes().as_slice()),
        idempotency_keys::lease_until.eq(asked.lease_until.naive()),
        idempotency_keys::status.eq(None::<i64>),
        idempotency_keys::content_type.eq(None::<String>),
        idempotency_keys::key_id.eq(None::<String>),
        idempotency_keys::answer.eq(None::<Vec<u8>>),
        idempotency_keys::expires_at.eq(asked.expires_at.naive()),
    ))
    .execute(tx.0)?;
    Ok(if taken == 1 { Claim::Ours } else { Claim::UnderWay })
}

fn find(db: &mut Db, key: RequestKey) -> Result<Option<Stored>, StoreError> {
    let stored = idempotency_keys::table
        .find(key.bytes().as_slice())
        .select((
            idempotency_keys::fingerprint,
            idempotency_keys::lease,
            idempotency_keys::lease_until,
            idempotency_keys::status,
            idempotency_keys::content_type,
            idempotency_keys::key_id,
            idempotency_keys::answer,
            idempotency_keys::expires_at,
        ))
        .first(db)
        .optional()?;
    Ok(stored)
}

/// Keeps the answer of the request, unless another attempt took over the lease.
pub fn keep(tx: &mut LedgerTx<'_>, asked: &Request, answer: &KeptAnswer) -> Result<(), StoreError> {
    diesel::update(
        idempotency_keys::table
            .find(asked.key.bytes().as_slice())
            .filter(idempotency_keys::lease.eq(asked.lease.bytes().as_slice())),
    )
    .set((
        idempotency_keys::status.eq(i64::from(answer.status)),
        idempotency_keys::content_type.eq(answer.content_type.as_deref()),
        idempotency_keys::key_id.eq(&answer.sealed.key_id),
        idempotency_keys::answer.eq(&answer.sealed.bytes),
    ))
    .execute(tx.0)?;
    Ok(())
}

/// Releases the key: the next request with it is carried out.
pub fn release(tx: &mut LedgerTx<'_>, asked: &Request) -> Result<(), StoreError> {
    let own = idempotency_keys::table
        .find(asked.key.bytes().as_slice())
        .filter(idempotency_keys::lease.eq(asked.lease.bytes().as_slice()));
    diesel::delete(own).execute(tx.0)?;
    Ok(())
}

/// Deletes up to `rows_max` expired keys; returns their number.
pub fn forget_expired(db: &mut Db, now: Moment, rows_max: i64) -> Result<usize, StoreError> {
    let ids: Vec<Vec<u8>> = idempotency_keys::table
        .filter(idempotency_keys::expires_at.le(now.naive()))
        .order(idempotency_keys::expires_at)
        .limit(rows_max)
        .select(idempotency_keys::id)
        .load(db)?;
    if ids.is_empty() {
        return Ok(0);
    }
    db.write(|tx| {
        // A key that was claimed again in the meantime stays.
        let expired = idempotency_keys::table
            .filter(idempotency_keys::id.eq_any(&ids))
            .filter(idempotency_keys::expires_at.le(now.naive()));
        Ok(diesel::delete(expired).execute(tx.0)?)
    })
}

/// Deletes the kept answers of a caller; requests under way go on. Returns their number.
pub fn forget_caller(tx: &mut LedgerTx<'_>, caller: RequestKey) -> Result<usize, StoreError> {
    let answered = idempotency_keys::table
        .filter(idempotency_keys::caller.eq(caller.bytes().as_slice()))
        .filter(idempotency_keys::answer.is_not_null());
    Ok(diesel::delete(answered).execute(tx.0)?)
}

/// Replaces an answer by the same one under another key. `false`: it changed in the meantime.
pub fn reseal(
    tx: &mut LedgerTx<'_>,
    key: RequestKey,
    was: &Sealed,
    sealed: &Sealed,
) -> Result<bool, StoreError> {
    let row = idempotency_keys::table
        .filter(idempotency_keys::id.eq(key.bytes().as_slice()))
        .filter(idempotency_keys::answer.eq(&was.bytes));
    let changed = diesel::update(row)
        .set((
            idempotency_keys::key_id.eq(&sealed.key_id),
            idempotency_keys::answer.eq(&sealed.bytes),
        ))
        .execute(tx.0)?;
    Ok(changed == 1)
}

/// The number of answers sealed with each key.
pub fn count_by_key(db: &mut Db) -> Result<Vec<(String, i64)>, StoreError> {
    let rows: Vec<(Option<String>, i64)> = idempotency_keys::table
        .filter(idempotency_keys::key_id.is_not_null())
        .group_by(idempotency_keys::key_id)
        .select((idempotency_keys::key_id, diesel::dsl::count_star()))
        .load(db)?;
    Ok(rows.into_iter().filter_map(|(id, count)| Some((id?, count))).collect())
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::database_url::DatabaseUrl;
    use crate::store::{migrate, open};

    #[test]
    fn a_lease_that_ran_out_is_taken_over_and_expired_keys_are_forgotten_in_batches() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("tally.db");
        let url = DatabaseUrl::parse(&format!("sqlite://{}", path.display())).unwrap();
        let mut db = open(&url).unwrap();
        migrate(&mut db).unwrap();
        let now = Moment::parse("2026-11-02T10:00:00.5Z").unwrap();
        let later = |seconds| now.plus(TimeDelta::seconds(seconds));
        let ask = |name: &str, content: u8| Request {
            key: RequestKey::of_name(&[name]),
            caller: RequestKey::of_name(&["somebody"]),
            fingerprint: [content; 32],
            lease: LeaseId::random(),
            lease_until: later(60),
            expires_at: later(3600),
        };
        let mut claim = |asked: &Request, at| db.write(|tx| claim(tx, asked, at)).unwrap();
        let (first, second) = (ask("a", 1), ask("a", 1));
        assert!(matches!(claim(&first, now), Claim::Ours));
        assert!(matches!(claim(&second, later(59)), Claim::UnderWay));
        assert!(matches!(claim(&ask("a", 2), now), Claim::OtherContent));
        assert!(matches!(claim(&second, later(60)), Claim::Ours));
        let answer = KeptAnswer {
            status: 201,
            content_type: None,
            sealed: Sealed { key_id: "k".to_owned(), bytes: vec![7] },
        };
        // Whoever was first has lost the lease: what it answers is not kept.
        db.write(|tx| keep(tx, &first, &answer)).unwrap();
        let mut claim = |asked: &Request, at| db.write(|tx| super::claim(tx, asked, at)).unwrap();
        assert!(matches!(claim(&ask("a", 1), later(59)), Claim::UnderWay));
        db.write(|tx| keep(tx, &second, &answer)).unwrap();
        let mut claim = |asked: &Request, at| db.write(|tx| super::claim(tx, asked, at)).unwrap();
        assert!(
            matches!(claim(&ask("a", 1), later(3599)), Claim::Answered(kept) if kept.status == 201)
        );
        assert!(matches!(claim(&ask("b", 1), now), Claim::Ours));
        assert_eq!(forget_expired(&mut db, later(3599), 9).unwrap(), 0);
        assert_eq!(forget_expired(&mut db, later(3600), 1).unwrap(), 1);
        assert_eq!(forget_expired(&mut db, later(3600), 9).unwrap(), 1);
    }
}
