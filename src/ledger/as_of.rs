//! What the accounts held at a past moment: summed from the entries, never taken from the balances
//! that are kept beside them.

use super::{Account, Cutoff, Total};
use crate::money::Amount;
use crate::store::{Db, StoreError, reports};

/// The balance of an account as of the cut-off.
pub fn balance(db: &mut Db, account: &Account, cutoff: Cutoff) -> Result<Amount, StoreError> {
    let total = db.snapshot(|db| reports::balance(db, account, cutoff))?;
    total.amount().ok_or(StoreError::OutOfRange)
}

/// A trial balance as of the cut-off: every account with an entry by then, by code, owner and
/// asset.
pub fn balances(db: &mut Db, cutoff: Cutoff) -> Result<Vec<(Account, Amount)>, StoreError> {
    let amount = |(account, total): (Account, Total)| {
        Ok((account, total.amount().ok_or(StoreError::OutOfRange)?))
    };
    totals(db, cutoff)?.into_iter().map(amount).collect()
}

/// The same without a limit: by when things happened, an account may have passed through sums that
/// it never held.
pub fn totals(db: &mut Db, cutoff: Cutoff) -> Result<Vec<(Account, Total)>, StoreError> {
    db.snapshot(|db| reports::balances(db, cutoff))
}
