//! What a reversal posts: the exact opposite of a transaction of which nothing else came.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::collections::BTreeMap;

use super::correction::{CorrectionRefusal, Irreversible};
use super::counter::Counted;
use super::decision::Decision;
use super::lot::{self, Lots, Parts};
use crate::clock::Moment;
use crate::ids::{CustomerId, LotId, TransactionId};
use crate::ledger::{AccountCode, Posting, RuleVersion, TransactionKind};
use crate::money::{AmountError, Asset};

pub(super) const RULE: &str = "reversal:exact@1";

/// A transaction that is to be reversed, as it was recorded.
#[derive(Clone, Debug)]
pub struct OriginalTransaction {
    pub id: TransactionId,
    pub kind: TransactionKind,
    pub postings: Vec<Posting>,
    /// Whether part of what was paid has been refunded.
    pub refunded: bool,
    /// What its event added to counters.
    pub counted: Vec<Counted>,
}

impl OriginalTransaction {
    /// Whose points it moved, if anybody's.
    #[must_use]
    pub fn customer(&self) -> Option<CustomerId> {
        self.postings.iter().find_map(|posting| posting.account.customer_id())
    }

    /// The lots whose points it moved.
    #[must_use]
    pub fn lots(&self) -> Vec<LotId> {
        self.postings.iter().filter_map(|posting| posting.lot).collect()
    }
}

/// Undoes a transaction whose points are all still where it put them. What has gone on from there
/// is a refund's to follow, or an adjustment's to make good.
///
/// # Errors
/// [`CorrectionRefusal::NotReversible`] with why, and what to do instead.
pub fn reverse(
    original: &OriginalTransaction,
    lots: &Lots,
    now: Moment,
) -> Result<Decision, CorrectionRefusal> {
    check(original, lots, now)?;
    let rule = RuleVersion::built_in(RULE);
    let mut decision = Decision { customer: original.customer(), ..Decision::default() };
    for posting in &original.postings {
        let opposite = Posting::new(posting.account.clone(), posting.amount.negate()?, &rule);
        decision.postings.push(Posting { lot: posting.lot, ..opposite });
    }
    for Counted { counter, unit, amount } in &original.counted {
        let out_of_range = AmountError::OutOfRange { asset: Asset::PTS };
        let amount = amount.checked_neg().ok_or(out_of_range)?;
        decision.counted.push(Counted { counter: *counter, unit: *unit, amount });
    }
    Ok(decision)
}

fn check(
    original: &OriginalTransaction,
    lots: &Lots,
    now: Moment,
) -> Result<(), CorrectionRefusal> {
    let refused = |why| Err(CorrectionRefusal::NotReversible(why));
    match original.kind {
        TransactionKind::Payment | TransactionKind::Referral | TransactionKind::Adjustment => {}
        TransactionKind::Refund
        | TransactionKind::Hold
        | TransactionKind::Commit
        | TransactionKind::Cancel
        | TransactionKind::Return
        | TransactionKind::Matured
        | TransactionKind::TimedOut
        | TransactionKind::Expired
        | TransactionKind::Rewarded
        | TransactionKind::ClawedBack
        | TransactionKind::CommissionMatured
        | TransactionKind::Reversal
        | TransactionKind::Released
        | TransactionKind::Frozen
        | TransactionKind::Thawed
        | TransactionKind::Confirmed
        | TransactionKind::Declined
        | TransactionKind::BreakAdjusted
        | TransactionKind::PayoutPaid
        | TransactionKind::PayoutRejected
        | TransactionKind::PayoutReturned
        | TransactionKind::PayoutCharged => return refused(Irreversible::Kind(original.kind)),
    }
    if original.postings.is_empty() {
        return refused(Irreversible::Empty);
    }
    if original.refunded {
        return refused(Irreversible::Refunded);
    }
    if original.postings.iter().any(|posting| posting.account.code == AccountCode::POINTS_OWED) {
        return refused(Irreversible::PaidDebt);
    }
    for (id, put) in by_lot(original)? {
        let Some(lot) = lots.get(id) else { return refused(Irreversible::Moved) };
        if put.available.is_negative() {
            // What is given back may pay no debt on the way: that would not be the opposite.
            if !lots.owed(lot.customer).is_zero() {
                return refused(Irreversible::Owes);
            }
            // Expired points that are given back would expire at once: nothing would be undone.
            if !lot::spendable(lot, now) {
                return refused(Irreversible::Expired);
            }
        } else if lot.parts != put {
            return refused(Irreversible::Moved);
        }
    }
    Ok(())
}

/// What the transaction did to each lot.
fn by_lot(original: &OriginalTransaction) -> Result<BTreeMap<LotId, Parts>, CorrectionRefusal> {
    let mut lots: BTreeMap<LotId, Parts> = BTreeMap::new();
    for posting in &original.postings {
        if let Some(lot) = posting.lot {
            let parts = lots.entry(lot).or_insert(Parts::NONE);
            parts.follow(posting.account.code, posting.amount)?;
        }
    }
    Ok(lots)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::Account;
    use crate::money::Amount;
    use crate::program::{Lot, LotStand};

    fn points(minor: i64) -> Amount {
        Amount::from_minor(minor, Asset::PTS)
    }

    /// A payment that brought these points to one lot, and the lot as it is now.
    fn paid(minor: i64, parts: Parts) -> (OriginalTransaction, Lots) {
        let (customer, lot) = (CustomerId::random(), LotId::random());
        let rule = RuleVersion::built_in("earning:base@1");
        let own = Account::customer(AccountCode::POINTS_AVAILABLE, customer, Asset::PTS);
        let bank = Account::bank(AccountCode::POINTS_LIABILITY, Asset::PTS);
        let postings = vec![
            Posting::new(own, points(minor), &rule).of_lot(lot),
            Posting::new(bank, points(-minor), &rule),
        ];
        let id = TransactionId::random();
        let mut lots = Lots::default();
        let (matures_at, expires_at, reported) = (None, None, None);
        let stand = LotStand::Free;
        lots.add(Lot { id: lot, customer, matures_at, expires_at, reported, parts, stand });
        (
            OriginalTransaction {
                id,
                kind: TransactionKind::Payment,
                postings,
                refunded: false,
                counted: Vec::new(),
            },
            lots,
        )
    }

    proptest! {
        #[test]
        fn it_leaves_nothing_or_is_refused(
            minor in 1_i64..1_000,
            moved in prop::collection::vec(0_i64..3, 5),
        ) {
            let moved: Vec<i64> = moved.into_iter().map(|part| (part - 1).max(0)).collect();
            let parts = Parts {
                pending: points(moved[0]),
                available: points(minor - moved[1]),
                held: points(moved[2]),
                redeemed: points(moved[3]),
                expired: points(moved[4]),
                ..Parts::NONE
            };
            let (original, mut lots) = paid(minor, parts);
            let now = crate::clock::now();
            let done = reverse(&original, &lots, now);
            if moved.iter().any(|part| *part != 0) {
                let why = CorrectionRefusal::NotReversible(Irreversible::Moved);
                prop_assert_eq!(done.unwrap_err(), why);
            } else {
                lots.follow(&done.unwrap(), now).unwrap();
                let lot = lots.get(original.lots()[0]).unwrap();
                prop_assert_eq!(lot.parts, Parts::NONE);
            }
        }
    }

    #[test]
    fn what_it_cannot_undo_exactly_it_says_so_of() {
        let there = Parts { available: points(100), ..Parts::NONE };
        let why = |change: fn(&mut OriginalTransaction, &mut Lots)| {
            let (mut original, mut lots) = paid(100, there);
            change(&mut original, &mut lots);
            match reverse(&original, &lots, crate::clock::now()) {
                Err(CorrectionRefusal::NotReversible(why)) => why,
                other => panic!("{other:?}"),
            }
        };
        let kind = why(|original, _| original.kind = TransactionKind::Refund);
        assert_eq!(kind, Irreversible::Kind(TransactionKind::Refund));
        assert_eq!(why(|original, _| original.postings.clear()), Irreversible::Empty);
        assert_eq!(why(|original, _| original.refunded = true), Irreversible::Refunded);
        let indebted = why(|original, _| {
            let customer = original.customer().unwrap();
            let owed = Account::customer(AccountCode::POINTS_OWED, customer, Asset::PTS);
            let rule = RuleVersion::built_in("debt:recovery@1");
            original.postings.push(Posting::new(owed, points(5), &rule));
        });
        assert_eq!(indebted, Irreversible::PaidDebt);
        let owing = why(|original, lots| {
            for posting in &mut original.postings {
                posting.amount = posting.amount.negate().unwrap();
            }
            lots.add_owed(original.customer().unwrap(), points(1));
        });
        assert_eq!(owing, Irreversible::Owes);
    }
}
