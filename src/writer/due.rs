//! What has fallen due for customers: points that matured or expired, and holds whose time is over.
//! One transaction takes a bounded number of lots; the next round goes on where it ended.

use std::collections::{BTreeSet, HashMap};

use chrono::TimeDelta;

use super::draft::{Draft, Drafts};
use super::error::{RecordError, WriteError};
use super::load::load_charges;
use super::work::Work;
use super::{Weight, Writer};
use crate::clock::{self, Moment};
use crate::ids::{CustomerId, EventKey};
use crate::program::{self, HoldStanding, Lots};
use crate::store::{customers, holds, lots, test_clocks};

/// Lots that mature, and lots that expire, in one transaction.
const LOTS_MAX: i64 = 1_000;

/// For how long a customer is passed over for whom nothing can be recorded.
const PASSED_OVER: TimeDelta = TimeDelta::minutes(10);

impl Writer {
    /// Records what has fallen due for these customers; returns the number of transactions of the
    /// ledger. A customer for whom that fails is passed over for a while, and the others are not
    /// kept waiting.
    ///
    /// # Errors
    /// [`WriteError`] when nothing can be recorded for anybody now.
    pub async fn record_due(&self, customers: Vec<CustomerId>) -> Result<usize, WriteError> {
        let all = customers.clone();
        let together = self.run_in(None, Weight::Chore, move |work| work.record_due(&all)).await;
        match together {
            Err(error) if !error.is_passing() => {
                tracing::warn!(%error, customers = customers.len(), "due: one by one");
            }
            recorded_or_passing => return recorded_or_passing,
        }
        let mut recorded = 0_usize;
        for customer in customers {
            let alone = self.run_in(None, Weight::Chore, move |work| work.record_due(&[customer]));
            match alone.await {
                Ok(transactions) => recorded = recorded.saturating_add(transactions),
                Err(error) if error.is_passing() => return Err(error),
                Err(error) => {
                    tracing::error!(%error, %customer, "what is due for a customer is passed over");
                    self.pass_over(customer, clock::now().plus(PASSED_OVER));
                }
            }
        }
        Ok(recorded)
    }

    /// Customers for whom nothing could be recorded a short while ago.
    #[must_use]
    pub fn passed_over(&self, now: Moment) -> BTreeSet<CustomerId> {
        let mut passed_over = self.0.passed_over();
        passed_over.retain(|_customer, until| *until > now);
        passed_over.keys().copied().collect()
    }

    fn pass_over(&self, customer: CustomerId, until: Moment) {
        self.0.passed_over().insert(customer, until);
    }
}

impl Work<'_> {
    /// Returns the number of transactions of the ledger; none when another gateway was first.
    fn record_due(&mut self, customers: &[CustomerId]) -> Result<usize, RecordError> {
        let (bank, now, tx) = (self.bank, self.now, &mut self.tx);
        let locked: BTreeSet<CustomerId> = customers.iter().copied().collect();
        let locked: Vec<CustomerId> = locked.into_iter().collect();
        customers::lock(tx, &locked)?;
        let clocks = test_clocks::load(tx.db(), now, |id| bank.registry.is_trial(id))?;
        let has_test_clocks = clocks.ahead().next().is_some();
        // By a test clock lots may be due that are not due by another: then all are read.
        let lots_max = if has_test_clocks { i64::MAX } else { LOTS_MAX };
        let due = lots::due_of(tx.db(), &locked, clocks.latest(), lots_max)?;
        let until = due.until;
        let mut standing = Lots::default();
        due.lots.into_iter().for_each(|lot| standing.add(lot));
        let earned_at = match has_test_clocks {
            false => HashMap::new(),
            true => lots::partners(tx.db(), &locked)?,
        };
        let now_of = |lot| {
            let now = earned_at.get(&lot).map_or(now, |partner| clocks.now_of(partner));
            now.min(until)
        };
        let mut over: Vec<(EventKey, HoldStanding)> =
            holds::timed_out_of(tx.db(), &locked, &clocks)?.into_iter().collect();
        over.retain(|(_key, hold)| hold.times_out_at <= until);
        let held: Vec<_> = over.iter().flat_map(|(_key, hold)| hold.lots()).collect();
        lots::by_id(tx.db(), &held)?.into_iter().for_each(|lot| standing.add(lot));
        let owing = lots::owed(tx.db(), &locked)?;
        let owing_customers: Vec<CustomerId> =
            owing.iter().map(|(customer, _owed)| *customer).collect();
        lots::owing(tx.db(), &owing_customers)?.into_iter().for_each(|lot| standing.add(lot));
        for (customer, owed) in owing {
            standing.add_owed(customer, owed);
        }
        load_charges(tx, &owing_customers, &mut standing)?;
        let mut drafts = Drafts::default();
        for customer in locked {
            let own = over.iter().filter(|(_key, hold)| hold.customer == customer);
            let own: Vec<_> = own.map(|(key, hold)| (*key, hold.clone())).collect();
            for fallen in program::fall_due(customer, &own, &mut standing, now_of)? {
                drafts.push(Draft::of_due(fallen, now)?);
            }
        }
        drafts.write(tx, now)?;
        Ok(drafts.len())
    }
}
