//! What stands against limits of exposure and patterns of payments, read under its locks: the figures and
//! counts that events add to, the partners that are frozen, and redemptions whose price is held.

use std::collections::BTreeSet;

use super::Submission;
use super::error::RecordError;
use super::work::Bank;
use crate::event::EventData;
use crate::ids::{CodeKey, CustomerId, EventKey, PartnerId};
use crate::partner::test_clock::TestClocks;
use crate::program::{Judging, NeededConduct, NeededExposures, Occasion, Standings};
use crate::store::freezes::Freeze;
use crate::store::{LedgerTx, StoreError, conduct, customers, exposures, freezes, held_events};

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
    let mut counted = NeededConduct::default();
    let (mut redeemed, mut payers) = (Vec::new(), BTreeSet::new());
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
        let customer = customer_of(submission, standings);
        needed.by_event(partner, customer, occasion);
        match &event.data {
            EventData::Payment(_) | EventData::Commit(_) => counted.by_event(partner, occasion),
            EventData::Referral(_) => counted.by_referral(partner, occasion),
            EventData::Refund(_)
            | EventData::Hold(_)
            | EventData::Cancel(_)
            | EventData::Return(_) => {}
        }
        if let EventData::Payment(payment) = &event.data
            && (payment.scheme.is_some() || payment.instalment.is_some())
        {
            payers.extend(customer);
        }
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
    if !counted.present.is_empty() {
        for (key, tally) in conduct::lock_and_load(tx, &counted.present, &counted.past)? {
            standings.conduct.add(key, tally);
        }
    }
    if !payers.is_empty() {
        let payers: Vec<CustomerId> = payers.into_iter().collect();
        let linked = customers::of_bank(tx.db(), &payers)?;
        for payer in payers {
            standings.conduct.add_linked(payer, linked.contains(&payer));
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
