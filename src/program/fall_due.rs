#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::collections::{BTreeMap, BTreeSet};

use super::decision::{Decision, Refusal};
use super::explain::PointsReason;
use super::hold::{self, HoldStanding, HoldState};
use super::lot::{Debt, Lot, Lots};
use crate::clock::Moment;
use crate::ids::{CustomerId, EventKey, LotId};
use crate::ledger::{Account, AccountCode, Posting, RuleVersion, TransactionKind};
use crate::money::{Amount, AmountError, Asset};

/// What fell due for a customer at one moment.
#[derive(Clone, Debug)]
pub struct FallenDue {
    pub kind: TransactionKind,
    pub effective_at: Moment,
    pub decision: Decision,
}

/// What falls due at one moment, in the order in which it is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum DueKind {
    Maturing,
    TimeOut(EventKey),
    Expiry,
}

/// The dates of a customer that are past, earliest first. At one moment: what matures, then the
/// holds that time out by their keys, then what expires; lots by their ids. So one history gives
/// the same lots, however often and however late it is looked at.
#[derive(Default)]
struct Schedule(BTreeMap<(Moment, DueKind), BTreeSet<LotId>>);

/// All that has fallen due for a customer by now, in the order in which it fell due. `holds` are
/// the customer's holds whose time is over. The present moment may differ from lot to lot. The
/// lots follow, so asking again gives nothing.
pub fn fall_due(
    customer: CustomerId,
    holds: &[(EventKey, HoldStanding)],
    lots: &mut Lots,
    now: impl Fn(LotId) -> Moment,
) -> Result<Vec<FallenDue>, Refusal> {
    let mut schedule = Schedule::default();
    for (key, hold) in holds {
        schedule.0.insert((hold.times_out_at, DueKind::TimeOut(*key)), BTreeSet::new());
    }
    for lot in lots.by_id(customer) {
        schedule.add(lot, now(lot.id));
    }
    let mut debt = lots.debt(customer)?;
    let mut fallen = Vec::new();
    while let Some(((effective_at, kind), due)) = schedule.0.pop_first() {
        let due = due.iter().filter_map(|id| lots.get(*id));
        let (kind, decision) = match kind {
            DueKind::Maturing => (TransactionKind::Matured, mature(customer, due, &mut debt)?),
            DueKind::Expiry => (TransactionKind::Expired, expire(customer, due)?),
            DueKind::TimeOut(key) => {
                let Some((_key, hold)) = holds.iter().find(|(other, _hold)| *other == key) else {
                    continue;
                };
                let over = HoldState::TimedOut;
                let released = hold::release(hold, over, effective_at, lots, &mut debt)?;
                (TransactionKind::TimedOut, Decision { refers_to: Some(key), ..released })
            }
        };
        lots.follow(&decision, effective_at)?;
        let available = |posting: &&Posting| posting.account.code == AccountCode::POINTS_AVAILABLE;
        let touched = decision.postings.iter().filter(available);
        for lot in touched.filter_map(|posting| lots.get(posting.lot?)) {
            schedule.add(lot, now(lot.id));
        }
        fallen.push(FallenDue { kind, effective_at, decision });
    }
    Ok(fallen)
}

impl Schedule {
    /// Adds the next date of a lot, if it is past.
    fn add(&mut self, lot: &Lot, now: Moment) {
        if let Some((at, kind)) = next_date(lot).filter(|(at, _kind)| *at <= now) {
            self.0.entry((at, kind)).or_default().insert(lot.id);
        }
    }
}

/// What falls due next of a lot. Pending points that would mature when they have expired already
/// are never available: they expire as they are.
fn next_date(lot: &Lot) -> Option<(Moment, DueKind)> {
    if lot.parts.pending.minor() > 0
        && let Some(matures_at) = lot.matures_at
    {
        let expired = lot.expires_at.filter(|expires_at| *expires_at <= matures_at);
        return Some(match expired {
            Some(expires_at) => (expires_at, DueKind::Expiry),
            None => (matures_at, DueKind::Maturing),
        });
    }
    let expires_at = lot.expires_at.filter(|_at| lot.parts.available.minor() > 0)?;
    Some((expires_at, DueKind::Expiry))
}

fn mature<'l>(
    customer: CustomerId,
    due: impl Iterator<Item = &'l Lot>,
    debt: &mut Debt,
) -> Result<Decision, AmountError> {
    let rule = RuleVersion::built_in("lot:maturing@1");
    let mut decision = Decision { customer: Some(customer), ..Decision::default() };
    let mut matured = Amount::zero(Asset::PTS);
    for lot in due {
        let points = lot.parts.pending;
        let account = |code| Account::customer(code, customer, Asset::PTS);
        let from = account(AccountCode::POINTS_PENDING);
        let to = account(AccountCode::POINTS_AVAILABLE);
        decision.postings.push(Posting::new(from, points.negate()?, &rule).of_lot(lot.id));
        decision.postings.push(Posting::new(to, points, &rule).of_lot(lot.id));
        debt.recover(lot.id, points, &mut decision)?;
        matured = matured.checked_add(points)?;
    }
    decision.explain(PointsReason::Matured { rule, points: matured });
    debt.settle(&mut decision)?;
    Ok(decision)
}

fn expire<'l>(
    customer: CustomerId,
    due: impl Iterator<Item = &'l Lot>,
) -> Result<Decision, AmountError> {
    let rule = RuleVersion::built_in("lot:expiry@1");
    let mut decision = Decision { customer: Some(customer), ..Decision::default() };
    let mut expired = Amount::zero(Asset::PTS);
    let breakage = Account::bank(AccountCode::POINTS_BREAKAGE, Asset::PTS);
    for lot in due {
        let pending = (AccountCode::POINTS_PENDING, lot.parts.pending);
        let available = (AccountCode::POINTS_AVAILABLE, lot.parts.available);
        for (code, points) in [pending, available] {
            if points.is_zero() {
                continue;
            }
            let from = Account::customer(code, customer, Asset::PTS);
            let taken = Posting::new(from, points.negate()?, &rule).of_lot(lot.id);
            decision.postings.push(taken);
            decision.postings.push(Posting::new(breakage.clone(), points, &rule).of_lot(lot.id));
            expired = expired.checked_add(points)?;
        }
    }
    decision.explain(PointsReason::Expired { rule, points: expired });
    Ok(decision)
}
