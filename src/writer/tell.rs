//! Customers are told of each redemption of their points, in the transaction that redeems them, and of
//! each that waits for them.

use super::draft::Drafts;
use super::work::Bank;
use crate::clock::Moment;
use crate::partner::notice::{POINTS_REDEEMED, REDEMPTION_TO_CONFIRM};
use crate::store::notices::Redemption;
use crate::store::{LedgerTx, StoreError, notices};

/// Queues the notices of the redemptions that were just written, and of those that their customers have
/// to confirm; returns their number. No message goes out about what partners on trial try out.
pub fn of_redemptions(
    tx: &mut LedgerTx<'_>,
    drafts: &Drafts<'_>,
    bank: &Bank,
    now: Moment,
) -> Result<usize, StoreError> {
    let day = now.day_in(bank.time_zone);
    let mut queued = 0_usize;
    let done = drafts.redemptions().map(|it| (POINTS_REDEEMED, it));
    let asked = drafts.asked().map(|it| (REDEMPTION_TO_CONFIRM, it));
    for (kind, it) in done.chain(asked) {
        if bank.registry.is_trial(it.partner) {
            continue;
        }
        let (customer, transaction, points) = (it.customer, it.transaction, it.points);
        let redemption =
            Redemption { kind, customer, partner: it.partner, transaction, points, day };
        queued = queued.saturating_add(usize::from(notices::redeemed(tx, &redemption, now)?));
    }
    Ok(queued)
}
