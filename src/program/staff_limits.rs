//! What staff post alone is summed by person, by customer and by day, so that many small corrections
//! are not a way around the limit of one. The sums are counters: exact, however many people and
//! gateways post at once.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use chrono::NaiveDate;

use super::counter::{Counted, CountedUnit, Counters};
use crate::ids::{CounterKey, CustomerId, StaffId};
use crate::money::{Amount, AmountError};
use crate::partner::staff::StaffLimits;

/// A sum of what was posted alone, and how much it may come to.
struct AloneSum {
    counter: CounterKey,
    most: Amount,
}

/// The sums that a correction belongs to.
pub struct AloneSums(Vec<AloneSum>);

impl AloneSums {
    /// Those of a person who corrects a customer's points on a day.
    #[must_use]
    pub fn of(
        limits: &StaffLimits,
        by: &StaffId,
        customer: Option<CustomerId>,
        day: NaiveDate,
    ) -> Self {
        let (date, month) = (day.to_string(), day.format("%Y-%m").to_string());
        let sum = |name: &[&str], most| AloneSum { counter: CounterKey::of_name(name), most };
        let mut sums = vec![
            sum(&["alone", "person", &by.person(), &date], limits.person_day_max),
            sum(&["alone", "all", &date], limits.day_max),
        ];
        if let Some(customer) = customer.map(|customer| customer.to_string()) {
            sums.push(sum(&["alone", "customer", &customer, &date], limits.customer_day_max));
            sums.push(sum(&["alone", "customer", &customer, &month], limits.customer_month_max));
        }
        Self(sums)
    }

    /// The counters, which must be locked before they are read.
    pub fn counters(&self) -> impl Iterator<Item = CounterKey> {
        self.0.iter().map(|sum| sum.counter)
    }

    /// Whether these points, given or taken, would go beyond one of the sums.
    pub fn would_exceed(&self, points: Amount, counters: &Counters) -> Result<bool, AmountError> {
        let more = magnitude(points)?;
        for AloneSum { counter, most } in &self.0 {
            let so_far = Amount::from_minor(counters.get(*counter), more.asset());
            let fits = so_far.checked_add(more).is_ok_and(|sum| sum.minor() <= most.minor());
            if !fits {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What posting these points alone adds to the sums.
    pub fn counted(&self, points: Amount) -> Result<Vec<Counted>, AmountError> {
        let (amount, unit) = (magnitude(points)?.minor(), CountedUnit::Points);
        Ok(self.counters().map(|counter| Counted { counter, unit, amount }).collect())
    }
}

/// Releases of held referrals by a person on a day.
#[must_use]
pub fn releases(by: &StaffId, day: NaiveDate) -> CounterKey {
    CounterKey::of_name(&["releases", &by.person(), &day.to_string()])
}

/// What payments and redemptions that a person released alone on a day are worth, in fen.
#[must_use]
pub fn released(by: &StaffId, day: NaiveDate) -> CounterKey {
    CounterKey::of_name(&["released", &by.person(), &day.to_string()])
}

fn magnitude(points: Amount) -> Result<Amount, AmountError> {
    if points.is_negative() { points.negate() } else { Ok(points) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Asset;

    #[test]
    fn small_corrections_sum_by_person_customer_and_day() {
        let limits = StaffLimits::default();
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let staff = |id: &str| id.parse::<StaffId>().unwrap();
        let customer = CustomerId::random();
        let points = |whole: i64| Amount::from_minor(whole * 100, Asset::PTS);
        let mut counters = Counters::default();
        let mut post = |by: &str, customer, date: &str, minor| {
            let sums = AloneSums::of(&limits, &staff(by), Some(customer), day(date));
            if sums.would_exceed(minor, &counters).unwrap() {
                return false;
            }
            for counted in sums.counted(minor).unwrap() {
                let before = counters.get(counted.counter);
                counters.add(counted.counter, before + counted.amount);
            }
            true
        };
        // What is taken counts as what is given.
        assert!(post("ann", customer, "2026-11-02", points(100)));
        assert!(post("ann", customer, "2026-11-02", points(-100)));
        assert!(!post("bob", customer, "2026-11-02", points(1)), "the customer's day is full");
        assert!(post("ann", CustomerId::random(), "2026-11-02", points(200)));
        assert!(post("ann", CustomerId::random(), "2026-11-02", points(100)));
        assert!(!post("ann", CustomerId::random(), "2026-11-02", points(1)), "so is the person's");
        assert!(post("ann", customer, "2026-11-03", points(200)), "a new day");
        assert!(post("ann", customer, "2026-11-04", points(100)));
        assert!(!post("ann", customer, "2026-11-05", points(1)), "the customer's month is full");
    }
}
