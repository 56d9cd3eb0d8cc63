//! Which events would take a balance out of its range, and whose balance that is. It is asked only
//! after the database has refused a group, because it reads every balance that the group touches.

use std::collections::{BTreeSet, HashMap};

use super::{Draft, Drafts};
use crate::ids::{AccountId, EventKey};
use crate::ledger::Owner;
use crate::store::{LedgerTx, StoreError, accounts};
use crate::writer::WriteError;

impl Drafts<'_> {
    /// The events whose postings would take an account out of its range, each with its answer. They
    /// are found before the database refuses all of the group.
    pub fn beyond_range(
        &self,
        tx: &mut LedgerTx<'_>,
    ) -> Result<Vec<(EventKey, WriteError)>, StoreError> {
        let postings = self.list.iter().flat_map(|draft| draft.transaction.postings());
        let touched: BTreeSet<AccountId> = postings.map(|posting| posting.account_id).collect();
        let touched: Vec<AccountId> = touched.into_iter().collect();
        let mut balances = accounts::balances(tx.db(), &touched)?;
        let mut beyond = Vec::new();
        for draft in &self.list {
            match draft.balances_after(&balances) {
                Ok(after) => balances.extend(after),
                Err(error) => beyond.extend(draft.said.map(|(_submission, key)| (key, error))),
            }
        }
        Ok(beyond)
    }
}

impl Draft<'_> {
    /// The balances of the accounts that it touches, in smallest units, once it is recorded.
    fn balances_after(
        &self,
        before: &HashMap<AccountId, i64>,
    ) -> Result<HashMap<AccountId, i64>, WriteError> {
        let mut after: HashMap<AccountId, i128> = HashMap::new();
        for posting in self.transaction.postings() {
            let balance = before.get(&posting.account_id).copied().unwrap_or(0);
            let sum = after.entry(posting.account_id).or_insert_with(|| i128::from(balance));
            *sum = sum.saturating_add(i128::from(posting.amount.minor()));
        }
        let full = |id: &AccountId| {
            let mut postings = self.transaction.postings().iter();
            let posting = postings.find(|posting| posting.account_id == *id);
            posting.is_some_and(|posting| posting.account.owner == Owner::Bank)
        };
        let mut fits = HashMap::with_capacity(after.len());
        let mut refused = None;
        for (id, sum) in after {
            match i64::try_from(sum) {
                Ok(sum) => {
                    fits.insert(id, sum);
                }
                // An account of the bank is nobody's fault who sends an event.
                Err(_range) if full(&id) => return Err(WriteError::BooksFull),
                Err(_range) => refused = Some(WriteError::OutOfRange),
            }
        }
        refused.map_or(Ok(fits), Err)
    }
}
