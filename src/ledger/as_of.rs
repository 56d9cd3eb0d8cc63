//! What the accounts held at a past moment: summed from the entries, never taken from the balances
//! that are kept beside them.

use super::{Account, Cutoff};
use crate::money::Amount;
use crate::store::{Db, StoreError, reports};

/// The balance of an account as of the cut-off.
pub fn balance(db: &mut Db, account: &Account, cutoff: Cutoff) -> Result<Amount, StoreError> {
    db.snapshot(|db| reports::balance(db, account, cutoff))
}

/// A trial balance as of the cut-off: every account with an entry by then, by code, owner and
/// asset.
pub fn balances(db: &mut Db, cutoff: Cutoff) -> Result<Vec<(Account, Amount)>, StoreError> {
    db.snapshot(|db| reports::balances(db, cutoff))
}
