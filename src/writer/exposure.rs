//! What stands against limits of exposure, read under its locks: the figures that events add to, the
//! partners that are frozen, and redemptions whose price is held.

use std::collections::BTreeSet;

use super::Submission;
use super::error::RecordError;
use super::work::Bank;
use crate::event::EventData;
use crate::ids::{CodeKey, CustomerId, EventKey, PartnerId};
use crate::partner::test_clock::TestClocks;
use crate::program::{Judging, NeededExposures, Occasion, Standings};
use crate::store::freezes::Freeze;
use crate::store::{LedgerTx, StoreError, exposures, freezes, held_events};

/// The freezes of the partners that new events are from. Until the transaction ends, none of them can be
/// frozen: an event is recorded before a freeze, or is held by it.
pub fn freezes_of(
    tx: &mut LedgerTx<'_>,
    submissions: &[&Submission],
) -> Result<Vec<Freeze>, StoreError> {
    let partners: BTreeSet<&PartnerId> =
        submissions.iter().map(|submission| &submission.partner.id).collect();
    freezes::share(tx, &partners)
}

/// Loads the figures that new events add to, and holds those that customers share. It comes after all
/// other locks.
pub fn load(
    tx: &mut LedgerTx<'_>,
    submissions: &[&Submission],
    bank: &Bank,
    clocks: &TestClocks,
    standings: &mut Standings,
) -> Result<(), RecordError> {
    let mut needed = NeededExposures::default();
    let mut redeemed = Vec::new();
    for submission in submissions {
        let Submission { partner, event, .. } = submission;
        if let Some(hold) = event.data.hold() {
            redeemed.push(EventKey::of(&partner.id, hold));
        }
        if submission.judging != Judging::InForce || !is_weighed(&event.data) {
            continue;
        }
        let now = clocks.now_of(&partner.id);
        let occasion = Occasion::new(event.effective_at, now, bank.time_zone);
        needed.by_event(partner, customer_of(submission, standings), occasion);
    }
    if !redeemed.is_empty() {
        for hold in held_events::withheld(tx.db(), &redeemed)? {
            standings.add_withheld(hold);
        }
    }
    if !needed.0.is_empty() {
        for (key, figure) in exposures::lock_and_load(tx, &needed.0)? {
            standings.exposures.add(key, figure);
        }
    }
    Ok(())
}

/// Whether an event may cost the bank anything, or opens a hold that the same group may redeem.
const fn is_weighed(said: &EventData) -> bool {
    match said {
        EventData::Payment(_)
        | EventData::Referral(_)
        | EventData::Hold(_)
        | EventData::Commit(_) => true,
        EventData::Refund(_) | EventData::Cancel(_) | EventData::Return(_) => false,
    }
}

fn customer_of(submission: &Submission, standings: &Standings) -> Option<CustomerId> {
    let Submission { partner, event, .. } = submission;
    if let Some(member) = event.data.member() {
        return standings.customer(&partner.id, member).map(|customer| customer.id);
    }
    if let EventData::Hold(hold) = &event.data {
        return standings.code(CodeKey::of(&hold.code)).map(|code| code.customer);
    }
    let hold = event.data.hold().map(|hold| EventKey::of(&partner.id, hold))?;
    standings.hold(hold).map(|hold| hold.customer)
}
