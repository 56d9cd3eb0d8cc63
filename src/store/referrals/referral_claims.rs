//! Which referral a person belongs to for a product, and how often a person was seen. Persons stand
//! here as keyed hashes only.

use std::collections::HashSet;

use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::{ClaimKey, ReferralId, SightingKey};
use crate::referral::ReferralState;
use crate::store::schema::{personal_data, referral_claims, referral_sightings, referrals};
use crate::store::{Db, LedgerTx, StoreError, types};

/// A person to be claimed for a referral.
#[derive(Clone, Copy, Debug)]
pub struct NewClaim {
    pub key: ClaimKey,
    pub referral: ReferralId,
    /// `None`: without an end.
    pub until: Option<Moment>,
}

/// Which of these are some referral's at that time.
pub fn live(db: &mut Db, keys: &[ClaimKey], now: Moment) -> Result<Vec<ClaimKey>, StoreError> {
    let ids: Vec<&[u8]> = keys.iter().map(|key| key.bytes().as_slice()).collect();
    let stands = referral_claims::until.is_null().or(referral_claims::until.gt(now.naive()));
    let rows: Vec<Vec<u8>> = both!(db, db => referral_claims::table
        .filter(referral_claims::id.eq_any(&ids))
        .filter(stands)
        .select(referral_claims::id)
        .load(db))?;
    let key = |id: &Vec<u8>| types::bytes16(id, "referral_claims.id").map(ClaimKey::from_bytes);
    rows.iter().map(key).collect()
}

/// Claims people; what was another's until now is taken over. `false` when another gateway was
/// first with one of them: then the transaction must be rolled back, and whoever looks again sees
/// whose it is.
pub fn claim(tx: &mut LedgerTx<'_>, list: &[NewClaim], now: Moment) -> Result<bool, StoreError> {
    let mut list = list.to_vec();
    // In one order everywhere, so that two writers never wait for each other in a circle.
    list.sort_unstable_by_key(|claim| *claim.key.bytes());
    for claim in &list {
        let own = (
            referral_claims::referral_id.eq(claim.referral.bytes().as_slice()),
            referral_claims::until.eq(claim.until.map(Moment::naive)),
        );
        let over = referral_claims::table
            .filter(referral_claims::id.eq(claim.key.bytes().as_slice()))
            .filter(referral_claims::until.le(now.naive()));
        if diesel::update(over).set(own).execute(tx.0)? > 0 {
            continue;
        }
        let row = (referral_claims::id.eq(claim.key.bytes().as_slice()), own);
        let taken = both!(tx.0, db => diesel::insert_into(referral_claims::table)
            .values(&row)
            .on_conflict_do_nothing()
            .execute(db))?;
        if taken == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What a referral has claimed by keys of an older index is claimed by these too, as long.
pub fn claim_anew(
    tx: &mut LedgerTx<'_>,
    referral: ReferralId,
    keys: &[ClaimKey],
) -> Result<(), StoreError> {
    let own = referral_claims::referral_id.eq(referral.bytes().as_slice());
    let until: Option<Option<chrono::NaiveDateTime>> =
        referral_claims::table.filter(own).select(referral_claims::until).first(tx.0).optional()?;
    let Some(until) = until else { return Ok(()) };
    for key in keys {
        let id = referral_claims::id.eq(key.bytes().as_slice());
        let row = (id, own, referral_claims::until.eq(until));
        both!(tx.0, db => diesel::insert_into(referral_claims::table)
            .values(&row)
            .on_conflict_do_nothing()
            .execute(db))?;
    }
    Ok(())
}

/// What a referral has claimed stays so until then.
pub fn keep_until(
    tx: &mut LedgerTx<'_>,
    referral: ReferralId,
    until: Option<Moment>,
) -> Result<(), StoreError> {
    let own = referral_claims::referral_id.eq(referral.bytes().as_slice());
    diesel::update(referral_claims::table.filter(own))
        .set(referral_claims::until.eq(until.map(Moment::naive)))
        .execute(tx.0)?;
    Ok(())
}

/// Gives up what a referral has claimed.
pub fn free(tx: &mut LedgerTx<'_>, referral: ReferralId) -> Result<(), StoreError> {
    let own = referral_claims::referral_id.eq(referral.bytes().as_slice());
    diesel::delete(referral_claims::table.filter(own)).execute(tx.0)?;
    Ok(())
}

/// Notes under what a referral was seen.
pub fn note_sightings(
    tx: &mut LedgerTx<'_>,
    referral: ReferralId,
    keys: &[SightingKey],
    now: Moment,
) -> Result<(), StoreError> {
    let rows: Vec<_> = keys
        .iter()
        .map(|key| {
            (
                referral_sightings::id.eq(key.bytes().as_slice()),
                referral_sightings::referral_id.eq(referral.bytes().as_slice()),
                referral_sightings::seen_at.eq(now.naive()),
            )
        })
        .collect();
    both!(tx.0, db => diesel::insert_into(referral_sightings::table).values(&rows).execute(db))?;
    Ok(())
}

/// Forgets under what these referrals were seen: their persons are erased.
pub fn forget_seen(tx: &mut LedgerTx<'_>, list: &[ReferralId]) -> Result<(), StoreError> {
    for referral in list {
        let seen = referral_sightings::referral_id.eq(referral.bytes().as_slice());
        diesel::delete(referral_sightings::table.filter(seen)).execute(tx.0)?;
    }
    Ok(())
}

/// How often something was seen after that time.
pub fn seen_since(db: &mut Db, key: SightingKey, since: Moment) -> Result<i64, StoreError> {
    Ok(referral_sightings::table
        .filter(referral_sightings::id.eq(key.bytes().as_slice()))
        .filter(referral_sightings::seen_at.gt(since.naive()))
        .count()
        .get_result(db)?)
}

/// Forgets some of what was seen before that time.
pub fn forget_sightings(db: &mut Db, before: Moment, max: i64) -> Result<usize, StoreError> {
    let rows: Vec<(Vec<u8>, Vec<u8>)> = referral_sightings::table
        .filter(referral_sightings::seen_at.lt(before.naive()))
        .order(referral_sightings::seen_at)
        .limit(max)
        .select((referral_sightings::id, referral_sightings::referral_id))
        .load(db)?;
    for (id, referral) in &rows {
        let key = (id.as_slice(), referral.as_slice());
        diesel::delete(referral_sightings::table.find(key)).execute(db)?;
    }
    Ok(rows.len())
}

/// Which of these phones, by their keyed hashes, are of people who have a product of the bank by
/// some referral.
pub fn converted(db: &mut Db, phones: &[[u8; 32]]) -> Result<HashSet<[u8; 32]>, StoreError> {
    let phones: Vec<&[u8]> = phones.iter().map(<[u8; 32]>::as_slice).collect();
    let has = [ReferralState::Converted, ReferralState::Rewarded].map(ReferralState::name);
    let rows: Vec<Vec<u8>> = both!(db, db => personal_data::table
        .inner_join(referrals::table.on(referrals::id.eq(personal_data::id)))
        .filter(personal_data::phone_index.eq_any(&phones))
        .filter(referrals::state.eq_any(has))
        .select(personal_data::phone_index)
        .load(db))?;
    rows.into_iter()
        .map(|index| {
            let index: Result<[u8; 32], _> = index.as_slice().try_into();
            index.map_err(|_length| StoreError::Corrupt("personal_data.phone_index"))
        })
        .collect()
}
