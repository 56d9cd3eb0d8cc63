//! Moves of referrals that nobody has followed up yet: recorded with the move, and gone when its
//! tasks are made or closed.

use diesel::prelude::*;

use crate::ids::ReferralId;
use crate::store::schema::follow_ups;
use crate::store::{Db, LedgerTx, StoreError, types};

/// Notes that referrals have moved, each by the move of that number.
pub fn note(tx: &mut LedgerTx<'_>, moves: &[(ReferralId, i64)]) -> Result<(), StoreError> {
    for part in moves.chunks(crate::store::rows_max(2)) {
        let rows: Vec<_> = part
            .iter()
            .map(|(referral, seq)| {
                let id = follow_ups::referral_id.eq(referral.bytes().as_slice());
                (id, follow_ups::seq.eq(*seq))
            })
            .collect();
        both!(tx.0, db => diesel::insert_into(follow_ups::table).values(&rows).execute(db))?;
    }
    Ok(())
}

/// Up to `max` moves that wait for their follow-up; the moves of one referral are in order.
pub fn some(db: &mut Db, max: i64) -> Result<Vec<(ReferralId, i64)>, StoreError> {
    let rows: Vec<(Vec<u8>, i64)> =
        follow_ups::table.order((follow_ups::referral_id, follow_ups::seq)).limit(max).load(db)?;
    rows.into_iter()
        .map(|(id, seq)| {
            let id = types::uuid(&id, "follow_ups.referral_id")?;
            Ok((ReferralId::from_uuid(id), seq))
        })
        .collect()
}

/// Takes a move for its follow-up. `false`: another gateway was first.
pub fn take(tx: &mut LedgerTx<'_>, referral: ReferralId, seq: i64) -> Result<bool, StoreError> {
    let own = follow_ups::table.find((referral.bytes().as_slice(), seq));
    Ok(diesel::delete(own).execute(tx.0)? == 1)
}
