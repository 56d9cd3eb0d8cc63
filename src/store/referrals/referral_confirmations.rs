//! Referrals that the person themself confirmed.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::ReferralId;
use crate::store::schema::{referral_confirmations, referral_rewards};
use crate::store::{Db, LedgerTx, StoreError, types};

/// Keeps that the person confirmed it. The referral must be locked.
pub fn insert(tx: &mut LedgerTx<'_>, referral: ReferralId, now: Moment) -> Result<(), StoreError> {
    let row = (
        referral_confirmations::referral_id.eq(referral.bytes().as_slice()),
        referral_confirmations::confirmed_at.eq(now.naive()),
    );
    both!(tx.0, db => diesel::insert_into(referral_confirmations::table).values(row).execute(db))?;
    Ok(())
}

/// When the person confirmed it, if they did.
pub fn of(db: &mut Db, referral: ReferralId) -> Result<Option<Moment>, StoreError> {
    let at: Option<chrono::NaiveDateTime> = referral_confirmations::table
        .find(referral.bytes().as_slice())
        .select(referral_confirmations::confirmed_at)
        .first(db)
        .optional()?;
    Ok(at.map(types::moment))
}

diesel::allow_tables_to_appear_in_same_query!(referral_confirmations, referral_rewards);
