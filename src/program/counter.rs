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
use crate::partner::programme::Tiers;
use crate::partner::reward::{Reward, RewardStage};

/// What caps, budgets and tiers count: visits, points by rule, spend by month. A counter is the sum
/// of what events have added, as a balance is the sum of entries. A refund takes away what its part
/// of the payment had added.
#[derive(Clone, Debug, Default)]
pub struct Counters(HashMap<CounterKey, i64>);

/// One event's part in a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    pub counter: CounterKey,
    pub unit: CountedUnit,
    /// In the unit: hundredths of points, fen, or times.
    pub amount: i64,
}

/// What a counter counts: a refund takes each back in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedUnit {
    /// Points by a rule. A refund takes back those that it takes from the rule.
    Points,
    /// Money. A refund takes back its part of the payment.
    Money,
    /// Visits, uses of a discount, open leads. One stays one until all of the payment is refunded.
    Times,
}

impl CountedUnit {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Points => "points",
            Self::Money => "money",
            Self::Times => "times",
        }
    }

    /// The unit of that name; `None` when there is none.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Points, Self::Money, Self::Times].into_iter().find(|unit| unit.name() == name)
    }
}

impl Counted {
    /// Once more, or once less where it is below zero.
    #[must_use]
    pub const fn times(counter: CounterKey, amount: i64) -> Self {
        Self { counter, unit: CountedUnit::Times, amount }
    }

    /// The same, taken away again.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self { amount: 0_i64.saturating_sub(self.amount), ..self }
    }
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
        let released = decision.quote.iter().flat_map(|kept| &kept.released);
        for counted in decision.counted.iter().chain(&decision.assigned).chain(released) {
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

/// What a rule gave a customer in a period: points by an earning rule, uses of a discount. No earning rule
/// has the id of a discount, where both count.
#[must_use]
pub fn cap(
    partner: &PartnerId,
    rule: &RuleId,
    customer: CustomerId,
    period: Period,
    day: NaiveDate,
) -> CounterKey {
    let (period, name) = (period.of(day), customer.to_string());
    CounterKey::of_name(&["cap", partner.as_str(), rule.as_str(), &name, &period])
}

/// What a rule gave all customers.
#[must_use]
pub fn budget(partner: &PartnerId, rule: &RuleId) -> CounterKey {
    CounterKey::of_name(&["budget", partner.as_str(), rule.as_str()])
}

/// What a reward of a referred product gives to all receivers together.
#[must_use]
pub fn reward_budget(partner: &PartnerId, product: &RuleId, reward: &Reward) -> CounterKey {
    let (receiver, stage) = (reward.gift.receiver(), reward.on.name());
    CounterKey::of_name(&["reward", partner.as_str(), product.as_str(), receiver, stage])
}

/// Open leads of a customer manager.
#[must_use]
pub fn open_leads(manager: &RuleId) -> CounterKey {
    CounterKey::of_name(&["open leads", manager.as_str()])
}

/// The open leads of each customer manager who may look after a product in a region.
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
    /// Counters of one customer: the customer's lock holds them.
    pub own: BTreeSet<CounterKey>,
    /// Counters that customers share: they must be locked themselves.
    pub shared: BTreeSet<CounterKey>,
}

impl NeededCounters {
    /// Adds what a referral for a product of that partner asks for on that day.
    pub fn by_referral(&mut self, partner: &Partner, referral: &Referral, day: NaiveDate) {
        let Some(product) = partner.scheme.product_on(&referral.product, day) else { return };
        let due = product.rewards.iter().filter(|reward| reward.on == RewardStage::Qualified);
        let with_budget = due.filter(|reward| reward.budget.is_some());
        let budgets = with_budget.map(|reward| reward_budget(&partner.id, &product.id, reward));
        self.shared.extend(budgets);
        self.shared.extend(loads(&partner.programme.branch, &product.id, &referral.region));
        self.shared.extend(super::referral_shares::needed(partner, referral));
    }

    /// Adds what a payment of that customer at that partner on that day asks for.
    pub fn by_payment(&mut self, partner: &Partner, customer: CustomerId, day: NaiveDate) {
        let (id, scheme) = (&partner.id, &partner.scheme);
        for rule in scheme.earning_on(day) {
            let caps = rule.caps.iter();
            self.own.extend(caps.map(|limit| cap(id, &rule.id, customer, limit.per, day)));
            self.shared.extend(rule.budget.map(|_| budget(id, &rule.id)));
        }
        for rule in scheme.discounts.iter().filter(|rule| rule.term().covers(day)) {
            let limits = rule.limits.iter();
            self.own.extend(limits.map(|limit| cap(id, &rule.id, customer, limit.per, day)));
            self.shared.extend(rule.budget.map(|_| budget(id, &rule.id)));
        }
        if scheme.asks_for_visits() {
            self.own.insert(visits(id, customer));
        }
        if let Some(tiers) = &partner.programme.tiers {
            self.own.extend(super::tier::needed(tiers, customer, day));
        }
    }

    /// Adds what the tier of a customer is worked out from, whose payment is refunded or reversed.
    pub fn by_refund(&mut self, tiers: &Tiers, customer: CustomerId, day: NaiveDate) {
        self.own.extend(super::tier::needed(tiers, customer, day));
    }
}
