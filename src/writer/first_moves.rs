//! The first two moves of a new referral: it was received, and the rules decided on it.

use crate::clock::Moment;
use crate::ids::TransactionId;
use crate::referral::{Actor, Advance};
use crate::store::referral_moves::{NewMove, Received};
use crate::store::referrals::ReferralRecord;
use crate::store::{LedgerTx, StoreError, referral_moves};

/// The number of the move that the rules make. The move before it says that it was received.
pub const FIRST_MOVE: i64 = 2;

/// What the rules made of a new referral.
pub struct FirstMove {
    pub advance: Advance,
    pub reason: String,
    pub finding: Option<String>,
    pub transaction: Option<TransactionId>,
}

/// Records that referrals were received, and what the rules made of them.
pub fn write_first_moves<'r>(
    tx: &mut LedgerTx<'_>,
    records: impl Iterator<Item = &'r ReferralRecord> + Clone,
    first: &[FirstMove],
    now: Moment,
) -> Result<(), StoreError> {
    let received: Vec<Received<'_>> = records
        .clone()
        .map(|record| Received { referral: record.id, partner: &record.partner })
        .collect();
    referral_moves::receive(tx, &received, now)?;
    let by = Actor::Program("rules");
    let moves: Vec<NewMove<'_>> = records
        .zip(first)
        .map(|(record, first)| NewMove {
            referral: record.id,
            seq: FIRST_MOVE,
            advance: first.advance,
            by: &by,
            reason: &first.reason,
            finding: first.finding.as_deref(),
            transaction: first.transaction,
        })
        .collect();
    referral_moves::record(tx, &moves, now)
}
