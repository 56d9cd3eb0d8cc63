//! Which tier a customer is in. Tiers are counted from what was paid in each month, never kept: what
//! is refunded or reversed counts as if it had never been paid, also for tiers reached by it.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use chrono::{Datelike, Months, NaiveDate};

use super::counter::{self, Counted, Counters};
use super::decision::Occasion;
use crate::clock::Moment;
use crate::ids::{CounterKey, CustomerId, RuleId};
use crate::money::{Amount, AmountError, Asset};
use crate::partner::programme::{Tier, Tiers};

/// The tier a customer is in, and until when it is held at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierHeld {
    pub tier: RuleId,
    pub held_until: Moment,
}

/// What a decision makes of a customer's tier, where it changes something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TierChange {
    Held(TierHeld),
    NoTier,
}

/// A tier that the spend of a month's window reached.
struct Reached<'a> {
    tier: &'a Tier,
    rank: usize,
    /// The first day on which the tier is reviewed: a window later, at the end of the month.
    review: NaiveDate,
}

/// The tier that counts for a payment: the highest that is still held, or that the present
/// window's spend gives.
pub fn in_force<'a>(
    tiers: &'a Tiers,
    customer: CustomerId,
    occasion: Occasion,
    counters: &Counters,
) -> Result<Option<&'a RuleId>, AmountError> {
    let spent = |key| counters.get(key);
    Ok(standing(tiers, customer, occasion, spent)?.map(|reached| &reached.tier.id))
}

/// What a decision makes of the tier by what it adds to counters, or takes from them. `None`: the
/// tier, and how long it is held, stay as they are.
pub fn change(
    tiers: &Tiers,
    customer: CustomerId,
    occasion: Occasion,
    counters: &Counters,
    counted: &[Counted],
) -> Result<Option<TierChange>, AmountError> {
    let after = |key| {
        let own = counted.iter().filter(|counted| counted.counter == key);
        own.fold(counters.get(key), |sum, counted| sum.saturating_add(counted.amount))
    };
    let held = |reached: Option<Reached<'_>>| match reached {
        Some(Reached { tier, review, .. }) => {
            let held_until = Moment::start_of(review, occasion.zone);
            TierChange::Held(TierHeld { tier: tier.id.clone(), held_until })
        }
        None => TierChange::NoTier,
    };
    let before = held(standing(tiers, customer, occasion, |key| counters.get(key))?);
    let after = held(standing(tiers, customer, occasion, after)?);
    Ok((before != after).then_some(after))
}

/// The counters that the tier of a customer on a day is worked out from.
pub fn needed(
    tiers: &Tiers,
    customer: CustomerId,
    day: NaiveDate,
) -> impl Iterator<Item = CounterKey> {
    let months = months_held(tiers).saturating_add(tiers.window_months);
    counter::months(day, months).map(move |month| counter::spend(customer, month))
}

/// How many months back a tier may have been reached that still counts.
fn months_held(tiers: &Tiers) -> u32 {
    let grace = tiers.grace_days.div_euclid(28).saturating_add(1);
    tiers.window_months.saturating_add(grace).saturating_add(1)
}

/// The highest tier that counts, and of equals the one held for longest.
fn standing(
    tiers: &Tiers,
    customer: CustomerId,
    occasion: Occasion,
    spent: impl Fn(CounterKey) -> i64,
) -> Result<Option<Reached<'_>>, AmountError> {
    let spent: Vec<Amount> = needed(tiers, customer, occasion.day)
        .map(|month| Amount::from_minor(spent(month), Asset::CNY))
        .collect();
    let window = usize::try_from(tiers.window_months).unwrap_or(usize::MAX);
    let grace = chrono::TimeDelta::days(i64::from(tiers.grace_days));
    let mut best: Option<Reached<'_>> = None;
    let months = counter::months(occasion.day, months_held(tiers));
    for (back, month) in months.enumerate() {
        // A tier is reached by paying: in a month without payments none is.
        let paid = spent.get(back).is_some_and(|paid| !paid.is_zero());
        let is_present = back == 0;
        let Some(next) = next_month(month) else { continue };
        let review = if paid { review(tiers, month) } else { Some(next) };
        let Some(review) = review.filter(|_day| paid || is_present) else { continue };
        let held_until = Moment::start_of(review, occasion.zone);
        if !is_present && occasion.effective_at >= held_until.plus(grace) {
            continue;
        }
        let in_window = spent.iter().skip(back).take(window).copied();
        let mut in_window = in_window.into_iter();
        let sum = in_window.try_fold(Amount::zero(Asset::CNY), Amount::checked_add)?;
        let Some(tier) = tiers.reached(sum) else { continue };
        let rank = tiers.rank(&tier.id).unwrap_or(0);
        if best.as_ref().is_none_or(|best| (rank, review) > (best.rank, best.review)) {
            best = Some(Reached { tier, rank, review });
        }
    }
    Ok(best)
}

/// The first day on which a tier reached in a month is reviewed: a window later, at the end of the
/// month.
fn review(tiers: &Tiers, month: NaiveDate) -> Option<NaiveDate> {
    let first = month.with_day(1)?;
    first.checked_add_months(Months::new(tiers.window_months.checked_add(1)?))
}

fn next_month(month: NaiveDate) -> Option<NaiveDate> {
    month.with_day(1)?.checked_add_months(Months::new(1))
}
