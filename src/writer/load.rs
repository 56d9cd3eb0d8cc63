//! What events need before they are decided on, read once for a whole group: the customers behind
//! their members, and what stands of those, under their locks.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono_tz::Tz;

use super::error::RecordError;
use super::work::Bank;
use super::{Submission, exposure, introduce};
use crate::event::EventData;
use crate::ids::{
    CodeKey, CounterKey, CustomerId, EventKey, LotId, MemberKey, MemberRef, PartnerId,
};
use crate::money::Amount;
use crate::partner::manifest::Enrolment as EnrolmentRule;
use crate::partner::test_clock::TestClocks;
use crate::program::{CustomerStanding, HoldStanding, Lots, NeededCounters, Standings};
use crate::store::customers::Enrolment;
use crate::store::{
    LedgerTx, StoreError, codes, counters, customers, daily_events, freezes, frozen_lots, holds,
    lots, quotes, refund_charges, transactions,
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

/// The customers whose points the named events move.
#[derive(Default)]
struct Moving {
    all: BTreeSet<CustomerId>,
    /// Those whose lots are gone through: points are taken, or held.
    spending: BTreeSet<CustomerId>,
    /// Those of whom a hold is closed.
    closing: BTreeSet<CustomerId>,
}

impl Named {
    fn by(submissions: &[&Submission]) -> Self {
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

    fn customers(&self, tx: &mut LedgerTx<'_>) -> Result<Moving, StoreError> {
        let mut moving = Moving::default();
        if !self.refunded.is_empty() {
            moving.spending.extend(transactions::payers(tx, &self.refunded)?);
        }
        if !self.shown.is_empty() {
            let shown = codes::load(tx.db(), &self.shown)?.into_values();
            moving.spending.extend(shown.map(|code| code.customer));
        }
        if !self.held.is_empty() {
            moving.closing.extend(holds::customers(tx.db(), &self.held)?);
        }
        moving.all = moving.spending.union(&moving.closing).copied().collect();
        Ok(moving)
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
            let freezes = freezes::in_force(tx.db(), None)?;
            for (key, hold) in holds::load(tx.db(), &self.held)? {
                let lots: Vec<LotId> = hold.lots().collect();
                if frozen_lots::are_frozen(tx.db(), &lots, &freezes)? {
                    standings.add_frozen_hold(key);
                }
                standings.add_hold(key, hold);
            }
        }
        let mut opened = Vec::new();
        if !self.refunded.is_empty() {
            for (key, standing) in transactions::payments(tx, &self.refunded)? {
                opened.extend(standing.lots());
                standings.add_payment(key, standing);
            }
        }
        Ok(opened)
    }
}

/// Loads all that new events need. Counts of partners with a daily cap are locked first, then
/// customers, then what customers share, each in the order of their ids: what is read after that
/// stays so until the commit.
pub fn for_events(
    tx: &mut LedgerTx<'_>,
    submissions: &[&Submission],
    bank: &Bank,
    clocks: &TestClocks,
) -> Result<Loaded, RecordError> {
    let capped = lock_caps(tx, submissions, clocks, bank.time_zone)?;
    let freezes = exposure::freezes_of(tx, submissions)?;
    let mut loaded = load(tx, submissions, bank, clocks)?;
    introduce::load(tx, submissions, bank, clocks.now(), &mut loaded.standings)?;
    for (partner, recorded) in &capped {
        loaded.standings.add_recorded_today(partner, *recorded);
    }
    for freeze in freezes {
        loaded.standings.add_frozen(freeze.partner, freeze.since);
    }
    exposure::load(tx, submissions, bank, clocks, &mut loaded.standings)?;
    Ok(loaded)
}

/// Loads what stands for a payment that is only asked about. It does not count for a daily cap.
pub fn for_quote(
    tx: &mut LedgerTx<'_>,
    submission: &Submission,
    bank: &Bank,
    clocks: &TestClocks,
) -> Result<Standings, RecordError> {
    Ok(load(tx, &[submission], bank, clocks)?.standings)
}

fn load(
    tx: &mut LedgerTx<'_>,
    submissions: &[&Submission],
    bank: &Bank,
    clocks: &TestClocks,
) -> Result<Loaded, RecordError> {
    let mut loaded = Loaded { standings: Standings::default(), enrolments: HashMap::new() };
    let mut locked = load_members(tx, submissions, clocks, &mut loaded)?;
    let named = Named::by(submissions);
    let moving = named.customers(tx)?;
    locked.extend(&moving.all);
    let locked: Vec<CustomerId> = locked.into_iter().collect();
    customers::lock(tx, &locked)?;
    let standings = &mut loaded.standings;
    let mut single = named.load(tx, standings)?;
    load_counters(tx, submissions, bank.time_zone, standings)?;
    let owing: BTreeMap<CustomerId, Amount> = lots::owed(tx.db(), &locked)?.into_iter().collect();
    // An ordinary payment needs no lot of its customer. A debt asks for the few lots that it waits
    // for, and the end of a hold asks for the hold's lots: all lots only if it may collect a debt.
    let mut whole = moving.spending;
    whole.extend(moving.closing.iter().filter(|customer| owing.contains_key(*customer)));
    single.extend(standings.holds().flat_map(HoldStanding::lots));
    for (customer, owed) in &owing {
        standings.lots.add_owed(*customer, *owed);
    }
    let charged: BTreeSet<CustomerId> = owing.keys().chain(&whole).copied().collect();
    load_charges(tx, &charged.into_iter().collect::<Vec<_>>(), &mut standings.lots)?;
    let waiting: Vec<CustomerId> =
        owing.into_keys().filter(|customer| !whole.contains(customer)).collect();
    let whole: Vec<CustomerId> = whole.into_iter().collect();
    load_lots(tx, &whole, &single, &mut standings.lots)?;
    if !waiting.is_empty() {
        let found = lots::owing(tx.db(), &waiting)?;
        found.into_iter().for_each(|lot| standings.lots.add(lot));
    }
    Ok(loaded)
}

/// The counts of the partners with a cap that new events are from, locked in the order of their
/// ids.
fn lock_caps(
    tx: &mut LedgerTx<'_>,
    submissions: &[&Submission],
    clocks: &TestClocks,
    zone: Tz,
) -> Result<BTreeMap<PartnerId, i64>, StoreError> {
    let partners = submissions.iter().map(|submission| &submission.partner);
    let capped = partners.filter(|partner| partner.access.events_per_day.is_some());
    let ids: BTreeSet<&PartnerId> = capped.map(|partner| &partner.id).collect();
    let count = |id: &PartnerId| {
        let today = clocks.now_of(id).day_in(zone);
        Ok((id.clone(), daily_events::lock(tx, id, today)?))
    };
    ids.into_iter().map(count).collect()
}

/// What the rules of these payments count, and what the refunds' payments added to it; and the
/// tiers of the customers who pay. Counters that customers share are locked first.
fn load_counters(
    tx: &mut LedgerTx<'_>,
    submissions: &[&Submission],
    zone: Tz,
    standings: &mut Standings,
) -> Result<(), StoreError> {
    let mut needed = NeededCounters::default();
    let mut quoted = Vec::new();
    for submission in submissions {
        let day = submission.event.effective_at.day_in(zone);
        let partner = &submission.partner;
        if let EventData::Payment(payment) = &submission.event.data
            && let Some(customer) = standings.customer(&partner.id, &payment.member)
        {
            needed.by_payment(partner, customer.id, day);
            quoted.extend(payment.quote);
        }
        if let (EventData::Refund(refund), Some(tiers)) =
            (&submission.event.data, &partner.programme.tiers)
            && let Some(payment) = standings.payment(EventKey::of(&partner.id, &refund.payment))
        {
            needed.by_refund(tiers, payment.customer, day);
        }
        let held = submission.event.data.hold().map(|id| EventKey::of(&partner.id, id));
        if let Some(hold) = held.and_then(|key| standings.hold(key)) {
            needed.own.extend(hold.counters(partner));
        }
        if let EventData::Referral(referral) = &submission.event.data {
            needed.by_referral(partner, referral, day);
        }
    }
    for counted in standings.payments().flat_map(|payment| &payment.counted) {
        // A refund cannot tell whether others share the counter: it holds it in any case.
        needed.shared.insert(counted.counter);
    }
    if !quoted.is_empty() {
        let found = quotes::load(tx.db(), &quoted)?;
        let promised = found.values().flat_map(|quote| &quote.promised);
        needed.shared.extend(promised.map(|counted| counted.counter));
    }
    counters::lock(tx, needed.shared.iter().copied())?;
    let keys: Vec<CounterKey> = needed.own.union(&needed.shared).copied().collect();
    if !keys.is_empty() {
        let found = counters::load(tx.db(), &keys)?;
        found.into_iter().for_each(|(key, value)| standings.counters.add(key, value));
    }
    if !quoted.is_empty() {
        // Again, under the locks of what they count: another gateway may have ended one.
        let found = quotes::load(tx.db(), &quoted)?;
        found.into_iter().for_each(|(id, quote)| standings.add_quote(id, quote));
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
    load_charges(tx, customers, &mut standing)?;
    Ok(standing)
}

/// What partners were charged for these customers, who must be locked.
pub fn load_charges(
    tx: &mut LedgerTx<'_>,
    customers: &[CustomerId],
    loaded: &mut Lots,
) -> Result<(), StoreError> {
    if customers.is_empty() {
        return Ok(());
    }
    let found = refund_charges::of_customers(tx.db(), customers)?;
    found.into_iter().for_each(|of| loaded.add_charge(of.customer, of.charge));
    Ok(())
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
        let freezes = freezes::in_force(tx.db(), None)?;
        frozen_lots::frozen(tx.db(), customers, &freezes)?
            .into_iter()
            .for_each(|id| loaded.freeze(id));
    }
    if !others.is_empty() {
        lots::by_id(tx.db(), others)?.into_iter().for_each(|lot| loaded.add(lot));
    }
    Ok(())
}

/// Finds the customers behind members and opens new ones where the partner's members enrol
/// themselves. Returns those that were there already.
fn load_members(
    tx: &mut LedgerTx<'_>,
    submissions: &[&Submission],
    clocks: &TestClocks,
    loaded: &mut Loaded,
) -> Result<BTreeSet<CustomerId>, RecordError> {
    let mut named: Vec<(MemberKey, &Submission, &MemberRef)> = Vec::new();
    for submission in submissions {
        if let Some(member) = submission.event.data.member() {
            named.push((MemberKey::of(&submission.partner.id, member), submission, member));
        }
    }
    let keys: BTreeSet<MemberKey> = named.iter().map(|(key, ..)| *key).collect();
    let known = customers::of_members(tx, &keys.into_iter().collect::<Vec<_>>())?;
    named.retain(|(key, submission, _member)| {
        !known.contains_key(key) && submission.partner.enrolment == EnrolmentRule::FirstEvent
    });
    let unknown: BTreeSet<MemberKey> = named.iter().map(|(key, ..)| *key).collect();
    // A quote that was made before the member's first event counts for the customer already.
    let promised = match unknown.is_empty() {
        true => HashMap::new(),
        false => quotes::customers(tx.db(), &unknown.into_iter().collect::<Vec<_>>())?,
    };
    for (key, submission, member) in named {
        if loaded.enrolments.contains_key(&key) {
            continue;
        }
        let enrolled_at = clocks.now_of(&submission.partner.id);
        let id = promised.get(&key).copied().unwrap_or_else(CustomerId::random);
        let customer = CustomerStanding { id, enrolled_at, birth_month: None };
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
