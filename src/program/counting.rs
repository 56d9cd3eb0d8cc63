//! The part of a payment that counts for a rule, with what multiplies it: line by line, where the
//! payment has lines.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::earn::Purchase;
use super::explain::LinesMultiplied;
use super::facts::{self, CountingCategories};
use crate::money::{Amount, AmountError, Asset};
use crate::partner::earning::Earning;

pub struct Counting {
    /// What was paid and counts.
    pub paid: Amount,
    /// What all of it is multiplied by.
    pub multiplier: Decimal,
    /// Each line of the payment: what counts of it, and what it is multiplied by beside.
    lines: Vec<CountingLine>,
}

struct CountingLine {
    paid: Amount,
    multiplier: Decimal,
}

impl Counting {
    /// A multiplier that names categories multiplies the lines of those categories only; any other
    /// multiplies all.
    pub fn of(rule: &Earning, purchase: &Purchase<'_>) -> Result<Self, AmountError> {
        let payment = purchase.payment;
        let none = Amount::zero(payment.currency);
        let categories = CountingCategories::of(&rule.when, &rule.except, &purchase.facts);
        let lines = payment.lines.iter().map(|line| CountingLine {
            paid: if categories.counts(line) { line.paid } else { none },
            multiplier: Decimal::ONE,
        });
        let mut counting = Self {
            paid: categories.paid(payment)?,
            multiplier: Decimal::ONE,
            lines: lines.collect(),
        };
        for more in &rule.multiply {
            if facts::holds(&more.when, &purchase.facts).is_err() {
                continue;
            }
            if more.when.categories.is_none() {
                counting.multiplier = times(counting.multiplier, more.by)?;
                continue;
            }
            let no_exception = Default::default();
            let multiplied = CountingCategories::of(&more.when, &no_exception, &purchase.facts);
            for (line, counted) in payment.lines.iter().zip(&mut counting.lines) {
                if multiplied.counts(line) {
                    counted.multiplier = times(counted.multiplier, more.by)?;
                }
            }
        }
        Ok(counting)
    }

    /// Points before multiplying, multiplied.
    pub fn multiplied(&self, plain: Decimal) -> Result<Decimal, AmountError> {
        let plain = times(plain, self.multiplier)?;
        let all = self.paid.decimal();
        if all.is_zero() || self.lines.iter().all(|line| line.multiplier == Decimal::ONE) {
            return Ok(plain);
        }
        let mut weighted = Decimal::ZERO;
        for line in &self.lines {
            let of_line = times(line.paid.decimal(), line.multiplier)?;
            weighted = weighted.checked_add(of_line).ok_or_else(out_of_range)?;
        }
        times(plain, weighted)?.checked_div(all).ok_or_else(out_of_range)
    }

    /// The lines that are multiplied by themselves, for the explanation.
    pub fn lines_multiplied(&self) -> Vec<LinesMultiplied> {
        let multiplied = self.lines.iter().filter(|line| !line.paid.is_zero());
        let multiplied = multiplied.filter(|line| line.multiplier != Decimal::ONE);
        let mut list: Vec<LinesMultiplied> = Vec::new();
        for line in multiplied {
            let by = line.multiplier.normalize();
            match list.iter_mut().find(|known| known.by == by) {
                Some(known) => known.paid = known.paid.checked_add(line.paid).unwrap_or(known.paid),
                None => list.push(LinesMultiplied { by, paid: line.paid }),
            }
        }
        list
    }

    /// In which proportion the lines bring the points: by what counts of them, multiplied; where
    /// nothing was paid for any that counts, by nothing.
    pub fn weights(&self) -> Vec<u64> {
        let exact = self
            .lines
            .iter()
            .map(|line| Decimal::from(line.paid.minor()).checked_mul(line.multiplier.normalize()));
        let exact: Option<Vec<Decimal>> = exact.collect();
        let plain = || self.lines.iter().map(|line| line.paid.minor().unsigned_abs()).collect();
        let Some(exact) = exact else { return plain() };
        let scale = exact.iter().map(|weight| weight.normalize().scale()).max().unwrap_or(0);
        let factor = 10_u64.checked_pow(scale).map(Decimal::from);
        let whole = exact.iter().map(|weight| weight.checked_mul(factor?)?.to_u64());
        let whole: Option<Vec<u64>> = whole.collect();
        let fits = |weights: &Vec<u64>| {
            let sum = weights.iter().try_fold(0_u64, |sum, weight| sum.checked_add(*weight));
            sum.is_some_and(|sum| i64::try_from(sum).is_ok())
        };
        whole.filter(fits).unwrap_or_else(plain)
    }
}

fn times(one: Decimal, other: Decimal) -> Result<Decimal, AmountError> {
    one.checked_mul(other).ok_or_else(out_of_range)
}

const fn out_of_range() -> AmountError {
    AmountError::OutOfRange { asset: Asset::PTS }
}
