#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::collections::{BTreeSet, HashMap};

use chrono::{Datelike, Months, NaiveDate};

use super::decision::Decision;
use crate::event::Referral;
use crate::ids::{CounterKey, CustomerId, PartnerId, RuleId};
use crate::money::{AmountError, Asset};
use crate::partner::Partner;
use crate::partner::earning::Period;
use crate::partner::lead::Branch;
use crate::partner::reward::RewardStage;

/// What caps, budgets and tiers count: visits, points by rule, spend by month. A counter is the sum
/// of what events have added to it, as a balance is of entries; a refund takes away what its part
/// of the payment had added.
#[derive(Clone, Debug, Default)]
pub struct Counters(HashMap<CounterKey, i64>);

/// One event's part in a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    pub counter: CounterKey,
    /// Visits, or smallest units of points or money.
    pub amount: i64,
}

impl Counters {
    pub fn add(&mut self, counter: CounterKey, value: i64) {
        self.0.insert(counter, value);
    }

    #[must_use]
    pub fn get(&self, counter: CounterKey) -> i64 {
        self.0.get(&counter).copied().unwrap_or(0)
    }

    /// Lets the counters follow a decision.
    pub fn follow(&mut self, decision: &Decision) -> Result<(), AmountError> {
        for counted in decision.counted.iter().chain(&decision.assigned) {
            let value = self.0.entry(counted.counter).or_insert(0);
            let out_of_range = AmountError::OutOfRange { asset: Asset::PTS };
            *value = value.checked_add(counted.amount).ok_or(out_of_range)?;
        }
        Ok(())
    }
}

/// Payments of a customer at a partner.
#[must_use]
pub fn visits(partner: &PartnerId, customer: CustomerId) -> CounterKey {
    CounterKey::of_name(&["visits", partner.as_str(), &customer.to_string()])
}

/// Points of a customer by a rule in a period.
#[must_use]
pub fn cap(
    partner: &PartnerId,
    rule: &RuleId,
    customer: CustomerId,
    (period, day): (Period, NaiveDate),
) -> CounterKey {
    let (period, name) = (period.of(day), customer.to_string());
    CounterKey::of_name(&["cap", partner.as_str(), rule.as_str(), &name, &period])
}

/// Points of all customers by a rule.
#[must_use]
pub fn budget(partner: &PartnerId, rule: &RuleId) -> CounterKey {
    CounterKey::of_name(&["budget", partner.as_str(), rule.as_str()])
}

/// What is given by a reward of a referred product, to everybody together.
#[must_use]
pub fn reward_budget(
    partner: &PartnerId,
    product: &RuleId,
    (receiver, stage): (&str, &str),
) -> CounterKey {
    CounterKey::of_name(&["reward", partner.as_str(), product.as_str(), receiver, stage])
}

/// Open leads of a customer manager.
#[must_use]
pub fn open_leads(manager: &RuleId) -> CounterKey {
    CounterKey::of_name(&["open leads", manager.as_str()])
}

/// The open leads of whoever may look after a product in a region: all of them share those.
pub fn loads(
    branches: &[Branch],
    product: &RuleId,
    region: &str,
) -> impl Iterator<Item = CounterKey> {
    let branch = branches.iter().find(|branch| branch.serves(product, region));
    let managers = branch.into_iter().flat_map(|branch| &branch.managers);
    managers.map(|manager| open_leads(&manager.id))
}

/// What a customer paid in a month, at all partners.
#[must_use]
pub fn spend(customer: CustomerId, month: NaiveDate) -> CounterKey {
    let month = month.format("%Y-%m").to_string();
    CounterKey::of_name(&["spend", &customer.to_string(), &month])
}

/// The months of a window that ends with the month of a day.
pub fn months(day: NaiveDate, window: u32) -> impl Iterator<Item = NaiveDate> {
    let last = day.with_day(1).unwrap_or(day);
    (0..window).filter_map(move |back| last.checked_sub_months(Months::new(back)))
}

/// The counters that a payment's rules ask for.
#[derive(Clone, Debug, Default)]
pub struct NeededCounters {
    /// Of the customer alone: the customer's lock holds them.
    pub own: BTreeSet<CounterKey>,
    /// Of all customers: they must be locked themselves.
    pub shared: BTreeSet<CounterKey>,
}

impl NeededCounters {
    /// Adds what a referral for a product of that partner asks for on that day.
    pub fn by_referral(&mut self, partner: &Partner, referral: &Referral, day: NaiveDate) {
        let Some(product) = partner.scheme.product_on(&referral.product, day) else { return };
        let due = product.rewards.iter().filter(|reward| reward.on == RewardStage::Qualified);
        self.shared.extend(due.filter(|reward| reward.budget.is_some()).map(|reward| {
            let name = (reward.gift.receiver(), reward.on.name());
            reward_budget(&partner.id, &product.id, name)
        }));
        self.shared.extend(loads(&partner.programme.branch, &product.id, &referral.region));
    }

    /// Adds what a payment of that customer at that partner on that day asks for.
    pub fn by_payment(&mut self, partner: &Partner, customer: CustomerId, day: NaiveDate) {
        let (id, scheme) = (&partner.id, &partner.scheme);
        for rule in scheme.earning_on(day) {
            let caps = rule.caps.iter();
            self.own.extend(caps.map(|it| cap(id, &rule.id, customer, (it.per, day))));
            self.shared.extend(rule.budget.map(|_| budget(id, &rule.id)));
        }
        for rule in scheme.discounts.iter().filter(|rule| rule.term().covers(day)) {
            let limits = rule.limits.iter();
            self.own.extend(limits.map(|it| cap(id, &rule.id, customer, (it.per, day))));
            self.shared.extend(rule.budget.map(|_| budget(id, &rule.id)));
        }
        if scheme.asks_for_visits() {
            self.own.insert(visits(id, customer));
        }
        if let Some(tiers) = &partner.programme.tiers {
            self.own.extend(months(day, tiers.window_months).map(|month| spend(customer, month)));
        }
    }
}
