//! What has fallen due for customers, in one transaction: points that matured or expired, and holds
//! whose time is over.

use std::collections::{BTreeSet, HashMap};

use super::draft::{Draft, Drafts};
use super::error::{RecordError, WriteError};
use super::load::load_customer_lots;
use super::work::Work;
use super::{Weight, Writer};
use crate::ids::CustomerId;
use crate::program;
use crate::store::{customers, holds, lots, test_clocks};

impl Writer {
    /// Records what has fallen due for these customers; returns the number of transactions of the
    /// ledger.
    pub async fn record_due(&self, customers: Vec<CustomerId>) -> Result<usize, WriteError> {
        self.run_weighing(Weight::Chore, move |work| work.record_due(&customers)).await
    }
}

impl Work<'_> {
    /// Returns the number of transactions of the ledger; none when another gateway was first.
    fn record_due(&mut self, customers: &[CustomerId]) -> Result<usize, RecordError> {
        let (bank, now, tx) = (self.bank, self.now, &mut self.tx);
        let locked: BTreeSet<CustomerId> = customers.iter().copied().collect();
        let locked: Vec<CustomerId> = locked.into_iter().collect();
        customers::lock(tx, &locked)?;
        let mut standing = load_customer_lots(tx, &locked, &[])?;
        let clocks = test_clocks::load(tx.db(), now, |id| bank.registry.is_trial(id))?;
        let earned_at = match clocks.ahead().next() {
            None => HashMap::new(),
            Some(_ahead) => lots::partners(tx.db(), &locked)?,
        };
        let now_of = |lot| earned_at.get(&lot).map_or(now, |partner| clocks.now_of(partner));
        let holds = holds::timed_out_of(tx.db(), &locked, &clocks)?;
        let mut drafts = Drafts::default();
        for customer in locked {
            let own = holds.iter().filter(|(_key, hold)| hold.customer == customer);
            let own: Vec<_> = own.map(|(key, hold)| (*key, hold.clone())).collect();
            for fallen in program::fall_due(customer, &own, &mut standing, now_of)? {
                drafts.push(Draft::of_due(fallen, now)?);
            }
        }
        drafts.write(tx, now)?;
        Ok(drafts.len())
    }
}
