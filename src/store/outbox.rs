//! What is still to be told to the CRM. A row is claimed under a lease, so that two relays never
//! send the same one, and whoever dies holding it loses it when the lease ends.

use diesel::prelude::*;

use super::schema::outbox;
use super::{Db, LedgerTx, StoreError, types};
use crate::clock::Moment;
use crate::ids::ReferralId;

/// A lead that its holder has to deliver before the lease ends.
#[derive(Clone, Copy, Debug)]
pub struct Claimed {
    pub referral: ReferralId,
    /// Attempts before this one.
    pub attempts: i64,
}

/// What became of an attempt that did not deliver.
pub enum Failed<'a> {
    /// To be tried again from then on.
    Again { at: Moment, error: &'a str },
    /// Given up, for people to look at.
    Dead { error: &'a str },
}

/// How many rows are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    pub waiting: i64,
    pub delivered: i64,
    pub dead: i64,
}

#[derive(Insertable)]
#[diesel(table_name = outbox, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    referral_id: &'a [u8],
    state: &'static str,
    attempts: i64,
    next_attempt_at: chrono::NaiveDateTime,
    lease_until: Option<chrono::NaiveDateTime>,
    lease_holder: Option<&'a [u8]>,
    last_error: Option<&'a str>,
    crm_id: Option<&'a str>,
    recorded_at: chrono::NaiveDateTime,
    delivered_at: Option<chrono::NaiveDateTime>,
}

/// Puts leads in line, in the transaction in which their referrals qualified.
///
/// # Errors
/// [`StoreError`].
pub fn insert(tx: &mut LedgerTx<'_>, list: &[ReferralId], now: Moment) -> Result<(), StoreError> {
    for part in list.chunks(super::rows_max(11)) {
        let rows: Vec<Row<'_>> = part
            .iter()
            .map(|referral| Row {
                id: referral.bytes(),
                referral_id: referral.bytes(),
                state: "waiting",
                attempts: 0,
                next_attempt_at: now.naive(),
                lease_until: None,
                lease_holder: None,
                last_error: None,
                crm_id: None,
                recorded_at: now.naive(),
                delivered_at: None,
            })
            .collect();
        both!(tx.0, db => diesel::insert_into(outbox::table).values(&rows).execute(db))?;
    }
    Ok(())
}

/// Claims up to `rows_max` leads that are due and that nobody holds, oldest first.
///
/// # Errors
/// [`StoreError`].
pub fn claim(
    tx: &mut LedgerTx<'_>,
    holder: &[u8; 16],
    now: Moment,
    lease_until: Moment,
    rows_max: i64,
) -> Result<Vec<Claimed>, StoreError> {
    let due = outbox::table
        .filter(outbox::state.eq("waiting"))
        .filter(outbox::next_attempt_at.le(now.naive()))
        .filter(outbox::lease_until.is_null().or(outbox::lease_until.le(now.naive())))
        .order((outbox::next_attempt_at, outbox::id))
        .limit(rows_max)
        .select((outbox::id, outbox::attempts));
    let rows: Vec<(Vec<u8>, i64)> = match &mut *tx.0 {
        Db::Postgres(db) => due.for_update().skip_locked().load(db)?,
        Db::Sqlite(db) => due.load(db)?,
    };
    let ids: Vec<&[u8]> = rows.iter().map(|(id, _attempts)| id.as_slice()).collect();
    both!(tx.0, db => diesel::update(outbox::table.filter(outbox::id.eq_any(&ids)))
        .set((
            outbox::lease_until.eq(lease_until.naive()),
            outbox::lease_holder.eq(holder.as_slice()),
        ))
        .execute(db))?;
    rows.iter()
        .map(|(id, attempts)| {
            let referral = ReferralId::from_uuid(types::uuid(id, "outbox.id")?);
            Ok(Claimed { referral, attempts: *attempts })
        })
        .collect()
}

/// Records a delivery. `false` when the lease is no longer the holder's: then nothing is changed.
///
/// # Errors
/// [`StoreError`].
pub fn delivered(
    tx: &mut LedgerTx<'_>,
    claimed: Claimed,
    holder: &[u8; 16],
    crm_id: &str,
    now: Moment,
) -> Result<bool, StoreError> {
    let changed = diesel::update(
        outbox::table
            .filter(outbox::id.eq(claimed.referral.bytes().as_slice()))
            .filter(outbox::lease_holder.eq(holder.as_slice())),
    )
    .set((
        outbox::state.eq("delivered"),
        outbox::attempts.eq(claimed.attempts.saturating_add(1)),
        outbox::crm_id.eq(crm_id),
        outbox::delivered_at.eq(now.naive()),
        outbox::lease_until.eq(None::<chrono::NaiveDateTime>),
        outbox::lease_holder.eq(None::<Vec<u8>>),
        outbox::last_error.eq(None::<String>),
    ))
    .execute(tx.0)?;
    Ok(changed == 1)
}

/// Records an attempt that did not deliver. `false` when the lease is no longer the holder's.
///
/// # Errors
/// [`StoreError`].
pub fn failed(
    tx: &mut LedgerTx<'_>,
    claimed: Claimed,
    holder: &[u8; 16],
    outcome: &Failed<'_>,
) -> Result<bool, StoreError> {
    let (state, error, at) = match outcome {
        Failed::Again { at, error } => ("waiting", *error, Some(at.naive())),
        Failed::Dead { error } => ("dead", *error, None),
    };
    let row = outbox::table
        .filter(outbox::id.eq(claimed.referral.bytes().as_slice()))
        .filter(outbox::lease_holder.eq(holder.as_slice()));
    let changed = diesel::update(row)
        .set((
            outbox::state.eq(state),
            outbox::attempts.eq(claimed.attempts.saturating_add(1)),
            at.map(|at| outbox::next_attempt_at.eq(at)),
            outbox::last_error.eq(error),
            outbox::lease_until.eq(None::<chrono::NaiveDateTime>),
            outbox::lease_holder.eq(None::<Vec<u8>>),
        ))
        .execute(tx.0)?;
    Ok(changed == 1)
}

/// # Errors
/// [`StoreError`].
pub fn depth(db: &mut Db) -> Result<Depth, StoreError> {
    let rows: Vec<(String, i64)> = outbox::table
        .group_by(outbox::state)
        .select((outbox::state, diesel::dsl::count_star()))
        .load(db)?;
    let mut depth = Depth::default();
    for (state, count) in rows {
        match state.as_str() {
            "waiting" => depth.waiting = count,
            "delivered" => depth.delivered = count,
            "dead" => depth.dead = count,
            _ => return Err(StoreError::Corrupt("outbox.state")),
        }
    }
    Ok(depth)
}

/// The CRM's ids of the leads it has, with our own.
///
/// # Errors
/// [`StoreError`].
pub fn crm_ids(db: &mut Db) -> Result<Vec<(ReferralId, String)>, StoreError> {
    let rows: Vec<(Vec<u8>, Option<String>)> = outbox::table
        .filter(outbox::state.eq("delivered"))
        .order(outbox::id)
        .select((outbox::id, outbox::crm_id))
        .load(db)?;
    rows.into_iter()
        .map(|(id, crm_id)| {
            let referral = ReferralId::from_uuid(types::uuid(&id, "outbox.id")?);
            Ok((referral, crm_id.ok_or(StoreError::Corrupt("outbox.crm_id"))?))
        })
        .collect()
}
