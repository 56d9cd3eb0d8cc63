//! Customers are told of each redemption of their points, in the transaction that redeems them.

use super::draft::Drafts;
use super::work::Bank;
use crate::clock::Moment;
use crate::store::notices::Redemption;
use crate::store::{LedgerTx, StoreError, notices};

/// Queues the notices of the redemptions that were just written; returns their number. What partners
/// on trial try out is told to nobody.
pub fn of_redemptions(
    tx: &mut LedgerTx<'_>,
    drafts: &Drafts<'_>,
    bank: &Bank,
    now: Moment,
) -> Result<usize, StoreError> {
    let day = now.day_in(bank.time_zone);
    let mut queued = 0_usize;
    for it in drafts.redemptions() {
        if bank.registry.is_trial(it.partner) {
            continue;
        }
        let (customer, transaction, points) = (it.customer, it.transaction, it.points);
        let redemption = Redemption { customer, partner: it.partner, transaction, points, day };
        queued = queued.saturating_add(usize::from(notices::redeemed(tx, &redemption, now)?));
    }
    Ok(queued)
}
