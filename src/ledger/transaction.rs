#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::collections::BTreeMap;

use super::Posting;
use crate::ids::TransactionId;
use crate::money::{Amount, AmountError, Asset};

/// Postings that sum to zero in each asset. The only constructor refuses any other.
#[derive(Clone, Debug)]
pub struct Transaction {
    id: TransactionId,
    postings: Vec<Posting>,
}

/// The postings do not sum to zero: a fault in a rule, never in an event.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unbalanced {
    #[error("postings in {asset} sum to {sum}, not to zero")]
    Sum { asset: Asset, sum: Amount },
    #[error(transparent)]
    Amount(#[from] AmountError),
}

impl Transaction {
    /// Closes postings into a transaction. Postings of zero are left out: they say nothing.
    pub fn new(id: TransactionId, postings: Vec<Posting>) -> Result<Self, Unbalanced> {
        let mut sums: BTreeMap<Asset, Amount> = BTreeMap::new();
        for posting in &postings {
            let asset = posting.account.asset;
            let sum = sums.entry(asset).or_insert(Amount::zero(asset));
            *sum = sum.checked_add(posting.amount)?;
        }
        match sums.into_iter().find(|(_asset, sum)| !sum.is_zero()) {
            Some((asset, sum)) => Err(Unbalanced::Sum { asset, sum }),
            None => {
                let kept = postings.into_iter().filter(|posting| !posting.amount.is_zero());
                Ok(Self { id, postings: kept.collect() })
            }
        }
    }

    #[must_use]
    pub const fn id(&self) -> TransactionId {
        self.id
    }

    #[must_use]
    pub const fn id_bytes(&self) -> &[u8; 16] {
        self.id.bytes()
    }

    #[must_use]
    pub fn postings(&self) -> &[Posting] {
        &self.postings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::posting::RuleVersion;
    use crate::ledger::{Account, AccountCode};

    fn posting(minor: i64, asset: Asset) -> Posting {
        let account = Account::bank(AccountCode::SUBSIDY_EXPENSE, asset);
        Posting::new(account, Amount::from_minor(minor, asset), &RuleVersion::built_in("test"))
    }

    #[test]
    fn what_does_not_sum_to_zero_in_each_asset_is_refused() {
        let id = TransactionId::random();
        let balanced = vec![posting(5, Asset::PTS), posting(-5, Asset::PTS)];
        assert!(Transaction::new(id, balanced).is_ok());
        let across = vec![posting(5, Asset::PTS), posting(-5, Asset::CNY)];
        assert!(matches!(Transaction::new(id, across), Err(Unbalanced::Sum { .. })));
        let wraps = vec![posting(i64::MAX, Asset::PTS), posting(i64::MAX, Asset::PTS)];
        assert!(matches!(Transaction::new(id, wraps), Err(Unbalanced::Amount(_))));
    }

    #[test]
    fn postings_of_zero_are_left_out() {
        let transaction =
            Transaction::new(TransactionId::random(), vec![posting(0, Asset::CNY)]).unwrap();
        assert!(transaction.postings().is_empty());
    }
}
