#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use chrono::{Datelike, Months, NaiveDate};

use super::counter::{self, Counters};
use super::decision::Occasion;
use crate::clock::Moment;
use crate::ids::{CustomerId, RuleId};
use crate::money::{Amount, AmountError, Asset};
use crate::partner::programme::Tiers;

/// The tier a customer has reached, and until when it is held at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierHeld {
    pub tier: RuleId,
    pub held_until: Moment,
}

/// The tier that counts for a payment: the one held, until its review and the grace after it; from
/// then on the one that the window's spend gives.
pub fn in_force<'a>(
    tiers: &'a Tiers,
    held: Option<&'a TierHeld>,
    customer: CustomerId,
    occasion: Occasion,
    counters: &Counters,
) -> Result<Option<&'a RuleId>, AmountError> {
    let grace = chrono::TimeDelta::days(i64::from(tiers.grace_days));
    if let Some(held) = held
        && occasion.effective_at < held.held_until.plus(grace)
    {
        return Ok(Some(&held.tier));
    }
    Ok(tiers.reached(window(tiers, customer, occasion.day, counters)?).map(|tier| &tier.id))
}

/// What a payment makes of the tier: reached anew, or held for longer. `None` leaves it.
pub fn after_payment(
    tiers: &Tiers,
    (customer, held): (CustomerId, Option<&TierHeld>),
    occasion: Occasion,
    counters: &Counters,
    paid: Amount,
) -> Result<Option<TierHeld>, AmountError> {
    let spent = window(tiers, customer, occasion.day, counters)?.checked_add(paid)?;
    let Some(reached) = tiers.reached(spent) else { return Ok(None) };
    let held_until = review(tiers, occasion.day)
        .map_or(occasion.effective_at, |day| Moment::start_of(day, occasion.zone));
    let new = TierHeld { tier: reached.id.clone(), held_until };
    let keeps = in_force(tiers, held, customer, occasion, counters)?;
    let lower = keeps.is_some_and(|kept| tiers.rank(kept) > tiers.rank(&new.tier));
    let longer = held.is_none_or(|held| held.tier != new.tier || held.held_until < new.held_until);
    Ok((!lower && longer).then_some(new))
}

/// What was paid in the window of whole months that ends with the month of the day.
pub fn window(
    tiers: &Tiers,
    customer: CustomerId,
    day: NaiveDate,
    counters: &Counters,
) -> Result<Amount, AmountError> {
    let months = counter::months(day, tiers.window_months);
    let mut spent = months
        .map(|month| Amount::from_minor(counters.get(counter::spend(customer, month)), Asset::CNY));
    spent.try_fold(Amount::zero(Asset::CNY), Amount::checked_add)
}

/// The first day on which a tier reached on that day is looked at again: a window later, at the
/// end of the month.
fn review(tiers: &Tiers, day: NaiveDate) -> Option<NaiveDate> {
    let first = day.with_day(1)?;
    first.checked_add_months(Months::new(tiers.window_months.checked_add(1)?))
}
