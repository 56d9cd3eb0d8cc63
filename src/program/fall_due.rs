#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::collections::BTreeSet;

use super::decision::{Decision, Refusal};
use super::explain::PointsReason;
use super::hold::{self, HoldStanding, HoldState};
use super::lot::{self, Lot, Lots};
use crate::clock::Moment;
use crate::ids::{CustomerId, EventKey, LotId};
use crate::ledger::{Account, AccountCode, Posting, RuleVersion, TransactionKind};
use crate::money::{Amount, Asset};

/// What fell due for a customer at one moment.
#[derive(Clone, Debug)]
pub struct FallenDue {
    pub kind: TransactionKind,
    pub effective_at: Moment,
    pub decision: Decision,
}

/// A hold's time is over: its points are free again, of which what has expired meanwhile falls
/// due next.
pub fn time_out(
    key: EventKey,
    standing: &HoldStanding,
    lots: &mut Lots,
) -> Result<FallenDue, Refusal> {
    let mut decision = hold::release(standing, HoldState::TimedOut, lots)?;
    decision.refers_to = Some(key);
    lots.follow(&decision)?;
    Ok(FallenDue { kind: TransactionKind::TimedOut, effective_at: standing.times_out_at, decision })
}

/// All that has fallen due for a customer by now, in the order in which it did: maturing, expiry.
/// What time it is may differ from lot to lot. The lots follow, so asking again gives nothing.
pub fn fall_due(
    customer: CustomerId,
    lots: &mut Lots,
    now: impl Fn(LotId) -> Moment,
) -> Result<Vec<FallenDue>, Refusal> {
    let mut fallen = Vec::new();
    while let Some((effective_at, kind)) = next_due(customer, lots, &now) {
        let mut decision = Decision { customer: Some(customer), ..Decision::default() };
        let ready =
            |lot: &&Lot| due_of(lot).contains(&(effective_at, kind)) && effective_at <= now(lot.id);
        let due: Vec<Lot> = lots.of(customer).into_iter().filter(ready).cloned().collect();
        for lot in &due {
            if kind == TransactionKind::Matured {
                mature(lot, lots, &mut decision)?;
            } else {
                expire(lot, &mut decision)?;
            }
        }
        lots.follow(&decision)?;
        fallen.push(FallenDue { kind, effective_at, decision });
    }
    Ok(fallen)
}

/// Which of the customer's dates that are past comes first. What matures and expires at once
/// matures first, whatever the order of the kinds.
fn next_due(
    customer: CustomerId,
    lots: &Lots,
    now: impl Fn(LotId) -> Moment,
) -> Option<(Moment, TransactionKind)> {
    let dates: BTreeSet<(Moment, bool, TransactionKind)> = lots
        .of(customer)
        .into_iter()
        .flat_map(|lot| {
            let now = now(lot.id);
            due_of(lot).into_iter().filter(move |(at, _kind)| *at <= now)
        })
        .map(|(at, kind)| (at, kind == TransactionKind::Expired, kind))
        .collect();
    dates.first().map(|(at, _expired, kind)| (*at, *kind))
}

/// The dates at which something of a lot falls due.
fn due_of(lot: &Lot) -> Vec<(Moment, TransactionKind)> {
    let maturing = lot.matures_at.filter(|_| lot.parts.pending.minor() > 0);
    // What is pending past its expiry matures first, and expires then.
    let expiring = lot.expires_at.filter(|_| lot.parts.available.minor() > 0);
    let maturing = maturing.map(|at| (at, TransactionKind::Matured));
    let expiring = expiring.map(|at| (at, TransactionKind::Expired));
    maturing.into_iter().chain(expiring).collect()
}

fn mature(due: &Lot, lots: &Lots, decision: &mut Decision) -> Result<(), Refusal> {
    let rule = RuleVersion::built_in("lot:maturing@1");
    let points = due.parts.pending;
    let mut post = |code, amount: Amount| {
        let account = Account::customer(code, due.customer, Asset::PTS);
        decision.postings.push(Posting::new(account, amount, &rule).of_lot(due.id));
    };
    post(AccountCode::POINTS_PENDING, points.negate()?);
    post(AccountCode::POINTS_AVAILABLE, points);
    decision.explain(PointsReason::Matured { rule, points });
    lot::recover(due.id, due.customer, points, lots, decision)
}

fn expire(due: &Lot, decision: &mut Decision) -> Result<(), Refusal> {
    let rule = RuleVersion::built_in("lot:expiry@1");
    let points = due.parts.available;
    let from = Account::customer(AccountCode::POINTS_AVAILABLE, due.customer, Asset::PTS);
    let to = Account::bank(AccountCode::POINTS_BREAKAGE, Asset::PTS);
    decision.postings.push(Posting::new(from, points.negate()?, &rule).of_lot(due.id));
    decision.postings.push(Posting::new(to, points, &rule).of_lot(due.id));
    decision.explain(PointsReason::Expired { rule, points });
    Ok(())
}
