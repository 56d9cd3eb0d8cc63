//! Sums of many amounts. A balance fits into 64 bits; the sum of all entries of a month need not,
//! and a report must not fail for that.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::fmt;

use crate::money::{Amount, Asset};

/// A sum in the smallest unit of its asset.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Total {
    minor: i128,
    asset: Asset,
}

impl Total {
    #[must_use]
    pub const fn zero(asset: Asset) -> Self {
        Self { minor: 0, asset }
    }

    #[must_use]
    pub const fn from_minor(minor: i128, asset: Asset) -> Self {
        Self { minor, asset }
    }

    #[must_use]
    pub const fn minor(self) -> i128 {
        self.minor
    }

    /// The sum of both. 2^64 amounts of the largest size fit, so the end is never reached.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self { minor: self.minor.saturating_add(other.minor), asset: self.asset }
    }

    #[must_use]
    pub const fn negated(self) -> Self {
        Self { minor: self.minor.saturating_neg(), asset: self.asset }
    }

    /// The same as an amount; `None` beyond 64 bits.
    #[must_use]
    pub fn amount(self) -> Option<Amount> {
        Some(Amount::from_minor(i64::try_from(self.minor).ok()?, self.asset))
    }
}

impl From<Amount> for Total {
    fn from(amount: Amount) -> Self {
        Self { minor: i128::from(amount.minor()), asset: amount.asset() }
    }
}

/// The decimal with exactly the asset's number of decimals, as of an [`Amount`].
impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = usize::from(self.asset.scale());
        let digits =
            format!("{:0>width$}", self.minor.unsigned_abs(), width = scale.saturating_add(1));
        let (whole, part) = digits.split_at(digits.len().saturating_sub(scale));
        let sign = if self.minor < 0 { "-" } else { "" };
        let text = if part.is_empty() {
            format!("{sign}{whole}")
        } else {
            format!("{sign}{whole}.{part}")
        };
        f.pad(&text)
    }
}

impl fmt::Debug for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} {}", self.asset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_written_as_an_amount_and_goes_beyond_it() {
        for minor in [0, 1, -1, 99, 100, -12_345, i64::MAX, i64::MIN + 1] {
            let amount = Amount::from_minor(minor, Asset::CNY);
            assert_eq!(Total::from(amount).to_string(), amount.to_string());
            assert_eq!(Total::from(amount).amount(), Some(amount));
        }
        let large = Total::from(Amount::from_minor(i64::MAX, Asset::CNY));
        assert_eq!(large.plus(large).to_string(), "184467440737095516.14");
        assert_eq!(large.plus(large).negated().to_string(), "-184467440737095516.14");
        assert_eq!(large.plus(large).amount(), None);
        assert_eq!(format!("{:>8}", Total::from_minor(5, Asset::CNY)), "    0.05");
    }
}
