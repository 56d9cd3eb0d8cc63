//! What a group's events need to know before they are decided on: who is behind their members, and
//! what stands of those, under their locks.

use std::collections::{BTreeSet, HashMap};

use chrono_tz::Tz;

use super::Submission;
use super::error::RecordError;
use crate::event::EventData;
use crate::ids::{CodeKey, CounterKey, CustomerId, EventKey, LotId, MemberKey};
use crate::partner::manifest::Enrolment as EnrolmentRule;
use crate::partner::test_clock::TestClocks;
use crate::program::{CustomerStanding, Lots, NeededCounters, Standings};
use crate::store::customers::Enrolment;
use crate::store::{
    LedgerTx, StoreError, codes, counters, customers, holds, lots, quotes, transactions,
};

/// What is loaded for a group before its events are decided on.
pub struct Loaded {
    pub standings: Standings,
    /// Customers opened for members seen for the first time.
    pub enrolments: HashMap<MemberKey, Enrolment>,
}

/// What the new events of a group refer to.
#[derive(Default)]
struct Named {
    /// Payments of which something is refunded.
    refunded: Vec<EventKey>,
    /// Codes that customers showed.
    shown: Vec<CodeKey>,
    /// Holds that are closed, or redemptions of which something is returned.
    held: Vec<EventKey>,
}

impl Named {
    fn by<'a>(submissions: impl Iterator<Item = &'a Submission>) -> Self {
        let mut named = Self::default();
        for Submission { partner, event, .. } in submissions {
            match &event.data {
                EventData::Refund(refund) => {
                    named.refunded.push(EventKey::of(&partner.id, &refund.payment));
                }
                EventData::Hold(hold) => named.shown.push(CodeKey::of(&hold.code)),
                said => named.held.extend(said.hold().map(|id| EventKey::of(&partner.id, id))),
            }
        }
        named
    }

    /// The customers whose points these move.
    fn customers(&self, tx: &mut LedgerTx<'_>) -> Result<BTreeSet<CustomerId>, StoreError> {
        let mut found = BTreeSet::new();
        if !self.refunded.is_empty() {
            found.extend(transactions::payers(tx, &self.refunded)?);
        }
        if !self.shown.is_empty() {
            found.extend(codes::load(tx.db(), &self.shown)?.into_values().map(|it| it.customer));
        }
        if !self.held.is_empty() {
            found.extend(holds::customers(tx.db(), &self.held)?);
        }
        Ok(found)
    }

    /// What stands of all this. The customers must be locked. Returns the payments' lots.
    fn load(
        &self,
        tx: &mut LedgerTx<'_>,
        standings: &mut Standings,
    ) -> Result<Vec<LotId>, StoreError> {
        if !self.shown.is_empty() {
            let found = codes::load(tx.db(), &self.shown)?;
            found.into_iter().for_each(|(key, code)| standings.add_code(key, code));
        }
        if !self.held.is_empty() {
            let found = holds::load(tx.db(), &self.held)?;
            found.into_iter().for_each(|(key, hold)| standings.add_hold(key, hold));
        }
        let mut opened = Vec::new();
        if !self.refunded.is_empty() {
            for (key, standing) in transactions::payments(tx, &self.refunded)? {
                opened.extend(standing.lots.iter().copied());
                standings.add_payment(key, standing);
            }
        }
        Ok(opened)
    }
}

/// Loads what the new events need. Customers are locked first, then what they share, each in the
/// order of their ids: what is read after that stays so until the commit.
pub fn load<'a>(
    tx: &mut LedgerTx<'_>,
    submissions: impl Iterator<Item = &'a Submission> + Clone,
    zone: Tz,
    clocks: &TestClocks,
) -> Result<Loaded, RecordError> {
    let mut loaded = Loaded { standings: Standings::default(), enrolments: HashMap::new() };
    let mut held = load_members(tx, submissions.clone(), clocks, &mut loaded)?;
    let named = Named::by(submissions.clone());
    let mut spenders = named.customers(tx)?;
    held.extend(&spenders);
    let held: Vec<CustomerId> = held.into_iter().collect();
    customers::lock(tx, &held)?;
    let standings = &mut loaded.standings;
    let opened = named.load(tx, standings)?;
    load_counters(tx, submissions, zone, standings)?;
    for (customer, owed) in lots::owed(tx.db(), &held)? {
        standings.lots.add_owed(customer, owed);
        spenders.insert(customer);
    }
    let spenders: Vec<CustomerId> = spenders.into_iter().collect();
    load_lots(tx, &spenders, &opened, &mut standings.lots)?;
    Ok(loaded)
}

/// What the rules of these payments count, and what the refunds' payments added to it; and the
/// tiers of the customers who pay. Counters that customers share are locked first.
fn load_counters<'a>(
    tx: &mut LedgerTx<'_>,
    submissions: impl Iterator<Item = &'a Submission>,
    zone: Tz,
    standings: &mut Standings,
) -> Result<(), StoreError> {
    let (mut needed, mut in_tiers) = (NeededCounters::default(), Vec::new());
    let mut quoted = Vec::new();
    for submission in submissions {
        let day = submission.event.effective_at.day_in(zone);
        let partner = &submission.partner;
        if let EventData::Payment(payment) = &submission.event.data
            && let Some(customer) = standings.customer(&partner.id, &payment.member)
        {
            needed.by_payment(partner, customer.id, day);
            quoted.extend(payment.quote);
            in_tiers.extend(partner.programme.tiers.as_ref().map(|_| customer.id));
        }
        if let EventData::Referral(referral) = &submission.event.data {
            needed.by_referral(partner, referral, day);
        }
    }
    for counted in standings.payments().flat_map(|payment| &payment.counted) {
        // A refund cannot tell whether others share the counter: it holds it in any case.
        needed.shared.insert(counted.counter);
    }
    counters::lock(tx, needed.shared.iter().copied())?;
    let keys: Vec<CounterKey> = needed.own.union(&needed.shared).copied().collect();
    if !keys.is_empty() {
        let found = counters::load(tx.db(), &keys)?;
        found.into_iter().for_each(|(key, value)| standings.counters.add(key, value));
    }
    if !quoted.is_empty() {
        let found = quotes::load(tx.db(), &quoted)?;
        found.into_iter().for_each(|(id, quote)| standings.add_quote(id, quote));
    }
    if !in_tiers.is_empty() {
        let found = customers::tiers(tx.db(), &in_tiers)?;
        found.into_iter().for_each(|(customer, tier)| standings.add_tier(customer, tier));
    }
    Ok(())
}

/// The lots and debts of these customers, who must be locked, and those other lots by their ids.
pub fn load_customer_lots(
    tx: &mut LedgerTx<'_>,
    customers: &[CustomerId],
    others: &[LotId],
) -> Result<Lots, StoreError> {
    let mut standing = Lots::default();
    load_lots(tx, customers, others, &mut standing)?;
    for (customer, owed) in lots::owed(tx.db(), customers)? {
        standing.add_owed(customer, owed);
    }
    Ok(standing)
}

/// All lots in which these customers have points, and those others by their ids.
fn load_lots(
    tx: &mut LedgerTx<'_>,
    customers: &[CustomerId],
    others: &[LotId],
    loaded: &mut Lots,
) -> Result<(), StoreError> {
    if !customers.is_empty() {
        lots::of_customers(tx.db(), customers)?.into_iter().for_each(|lot| loaded.add(lot));
    }
    if !others.is_empty() {
        lots::by_id(tx.db(), others)?.into_iter().for_each(|lot| loaded.add(lot));
    }
    Ok(())
}

/// Finds the customers behind members and opens new ones where the partner's members enrol
/// themselves. Returns those that were there already.
fn load_members<'a>(
    tx: &mut LedgerTx<'_>,
    submissions: impl Iterator<Item = &'a Submission> + Clone,
    clocks: &TestClocks,
    loaded: &mut Loaded,
) -> Result<BTreeSet<CustomerId>, RecordError> {
    let named = submissions.filter_map(|it| it.event.data.member().map(|member| (it, member)));
    let keys: BTreeSet<MemberKey> =
        named.clone().map(|(it, member)| MemberKey::of(&it.partner.id, member)).collect();
    let known = customers::of_members(tx, &keys.into_iter().collect::<Vec<_>>())?;
    for (submission, member) in named {
        let key = MemberKey::of(&submission.partner.id, member);
        let enrols = submission.partner.enrolment == EnrolmentRule::FirstEvent;
        if known.contains_key(&key) || loaded.enrolments.contains_key(&key) || !enrols {
            continue;
        }
        let enrolled_at = clocks.now_of(&submission.partner.id);
        let customer =
            CustomerStanding { id: CustomerId::random(), enrolled_at, birth_month: None };
        loaded.standings.add_customer(key, customer);
        let partner = submission.partner.id.clone();
        loaded.enrolments.insert(key, Enrolment { partner, member: member.clone(), customer });
    }
    let held = known.values().map(|customer| customer.id).collect();
    for (key, customer) in known {
        loaded.standings.add_customer(key, customer);
    }
    Ok(held)
}
