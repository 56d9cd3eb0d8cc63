//! One transaction of the writer, as an act sees it. An act of any room is a function on [`Work`]:
//! it reads and writes in the transaction, and all of it becomes durable or none.

use std::sync::Arc;

use chrono_tz::Tz;

use crate::clock::Moment;
use crate::customer::PersonalKeys;
use crate::ids::{CustomerId, PartnerId};
use crate::partner::Registry;
use crate::store::{LedgerTx, StoreError, customers, test_clocks};

/// An open transaction of the writer.
pub struct Work<'a> {
    pub tx: LedgerTx<'a>,
    /// The time at which this transaction is recorded.
    pub now: Moment,
    pub bank: &'a Bank,
    /// Whether the transaction queued messages that the relay should send soon.
    pub(super) wakes_relay: bool,
    /// The customer who is the person of the referral that the bank makes of their behaviour.
    pub(super) person: Option<CustomerId>,
}

/// What every act knows of the bank.
pub struct Bank {
    pub keys: PersonalKeys,
    pub time_zone: Tz,
    pub registry: Arc<Registry>,
    /// Whether alarms go to an address of the bank.
    pub has_alarm_address: bool,
}

impl Work<'_> {
    /// Wakes the relay after the commit, because this transaction queued messages.
    pub const fn wake_relay(&mut self) {
        self.wakes_relay = true;
    }

    /// Whether one of these customers is the member of staff or of their household, by the claims of
    /// their token. Nobody decides on such an account.
    pub(super) fn is_own(
        &mut self,
        own_subjects: &[String],
        touched: impl IntoIterator<Item = CustomerId>,
    ) -> Result<bool, StoreError> {
        let own = customers::by_subjects(self.tx.db(), own_subjects)?;
        Ok(touched.into_iter().any(|customer| own.contains(&customer)))
    }

    /// The time by a partner's clock. It differs from ours only for a partner on trial that has
    /// moved its test clock.
    pub(super) fn time_of(&mut self, partner: &PartnerId) -> Result<Moment, StoreError> {
        if !self.bank.registry.is_trial(partner) {
            return Ok(self.now);
        }
        let clocks = test_clocks::load(self.tx.db(), self.now, |id| id == partner)?;
        Ok(clocks.now_of(partner))
    }
}
