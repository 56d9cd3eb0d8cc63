use std::collections::HashMap;

use super::decision::{Decision, Refusal};
use super::lot::Lots;
use crate::clock::Moment;
use crate::event::{Event, Payment, Said};
use crate::ids::{CustomerId, EventKey, LotId, MemberKey, MemberRef, PartnerId};
use crate::ledger::{Account, Posting};
use crate::money::Amount;

/// What the rules may know of the world, loaded for the events at hand.
#[derive(Clone, Debug, Default)]
pub struct Standings {
    customers: HashMap<MemberKey, CustomerStanding>,
    payments: HashMap<EventKey, PaymentStanding>,
    pub lots: Lots,
}

/// What a rule may know of a customer.
#[derive(Clone, Copy, Debug)]
pub struct CustomerStanding {
    pub id: CustomerId,
    /// When the bank first saw them.
    pub enrolled_at: Moment,
}

/// What a rule may know of the payment that a refund refers to.
#[derive(Clone, Debug)]
pub struct PaymentStanding {
    pub customer: CustomerId,
    pub effective_at: Moment,
    pub paid: Amount,
    /// What has been refunded by now.
    pub refunded: Amount,
    /// The lots it opened.
    pub lots: Vec<LotId>,
    /// What the payment put on each account.
    pub posted: Vec<(Account, Amount)>,
    /// What earlier refunds put on each account.
    pub taken_back: Vec<(Account, Amount)>,
}

impl Standings {
    pub fn add_customer(&mut self, member: MemberKey, customer: CustomerStanding) {
        self.customers.insert(member, customer);
    }

    pub fn add_payment(&mut self, payment: EventKey, standing: PaymentStanding) {
        self.payments.insert(payment, standing);
    }

    #[must_use]
    pub fn customer(&self, partner: &PartnerId, member: &MemberRef) -> Option<&CustomerStanding> {
        self.customers.get(&MemberKey::of(partner, member))
    }

    #[must_use]
    pub fn payment(&self, payment: EventKey) -> Option<&PaymentStanding> {
        self.payments.get(&payment)
    }

    /// Lets the standings follow an event that has been decided on.
    pub(super) fn follow(
        &mut self,
        key: EventKey,
        event: &Event,
        decision: &Decision,
    ) -> Result<(), Refusal> {
        self.lots.follow(decision)?;
        match &event.said {
            Said::Payment(payment) => self.paid(key, payment, event.effective_at, decision),
            Said::Refund(refund) => {
                let payment = decision.refers_to.and_then(|key| self.payments.get_mut(&key));
                if let Some(payment) = payment {
                    payment.refunded = payment.refunded.checked_add(refund.amount)?;
                    payment.taken_back.extend(decision.postings.iter().map(account_and_amount));
                }
            }
            Said::Referral(_) => {}
        }
        Ok(())
    }

    fn paid(
        &mut self,
        key: EventKey,
        payment: &Payment,
        effective_at: Moment,
        decision: &Decision,
    ) {
        let Some(customer) = decision.customer else { return };
        let standing = PaymentStanding {
            customer,
            effective_at,
            paid: payment.paid,
            refunded: Amount::zero(payment.currency),
            lots: decision.lots.iter().map(|lot| lot.id).collect(),
            posted: decision.postings.iter().map(account_and_amount).collect(),
            taken_back: Vec::new(),
        };
        self.payments.insert(key, standing);
    }
}

fn account_and_amount(posting: &Posting) -> (Account, Amount) {
    (posting.account.clone(), posting.amount)
}
