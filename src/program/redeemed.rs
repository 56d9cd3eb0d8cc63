//! What the bank owes a partner for redeemed points: the price of all that one customer redeemed
//! there at that price so far, rounded down, less what is owed already. The rest of one redemption
//! counts with the next, so that parts never bring more than the whole, and never less in the end.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use rust_decimal::Decimal;

use crate::ids::{CounterKey, CustomerId, PartnerId};
use crate::money::{Amount, AmountError, Asset, Rounding};

/// What one customer redeems at one partner at one price.
pub struct RedeemedSum {
    counter: CounterKey,
    price: Decimal,
}

impl RedeemedSum {
    #[must_use]
    pub fn of(partner: &PartnerId, customer: CustomerId, price: Decimal) -> Self {
        let text = price.normalize().to_string();
        let name = ["redeemed", partner.as_str(), &customer.to_string(), &text];
        Self { counter: CounterKey::of_name(&name), price }
    }

    /// The counter of the points redeemed so far, less those given back.
    #[must_use]
    pub const fn counter(&self) -> CounterKey {
        self.counter
    }

    /// What more points come to, or fewer where they are below zero, after those before.
    pub fn value_of(&self, points: Amount, before: Amount) -> Result<Amount, AmountError> {
        let after = worth(before.checked_add(points)?, self.price, Rounding::Down)?;
        after.checked_sub(worth(before, self.price, Rounding::Down)?)
    }
}

/// The worth of points at a price.
pub fn worth(points: Amount, price: Decimal, rounding: Rounding) -> Result<Amount, AmountError> {
    let out_of_range = AmountError::OutOfRange { asset: Asset::CNY };
    let exact = points.decimal().checked_mul(price).ok_or(out_of_range)?;
    Amount::round(exact, Asset::CNY, rounding)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_never_bring_more_than_the_whole_and_what_is_undone_brings_nothing(
            parts in prop::collection::vec(1_i64..500, 1..30),
            price in 0_i64..3_000,
        ) {
            let price = Decimal::new(price, 5);
            let partner = "green-basket".parse().unwrap();
            let sum = RedeemedSum::of(&partner, CustomerId::random(), price);
            let (mut so_far, mut value) = (0, 0);
            let mut take = |minor: i64| {
                let points = Amount::from_minor(minor, Asset::PTS);
                let before = Amount::from_minor(so_far, Asset::PTS);
                value += sum.value_of(points, before).unwrap().minor();
                so_far += minor;
                let whole = Amount::from_minor(so_far, Asset::PTS);
                let whole = worth(whole, price, Rounding::Down).unwrap().minor();
                (value, whole)
            };
            for part in &parts {
                let (value, whole) = take(*part);
                prop_assert_eq!(value, whole);
            }
            for part in &parts {
                take(-*part);
            }
            prop_assert_eq!(value, 0);
        }
    }
}
