//! What somebody types who decides on many breaks at once: how many they are, and what they come to. A list
//! that has become another one since the look does not add up.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::collections::BTreeMap;

use super::break_code::BreakSums;
use super::item::{Currency, ItemValue};
use super::proposal::ProposalRefusal;

/// Breaks that are decided on together.
pub const BULK_MAX: usize = 100;

/// How many breaks there are, and what their sides are apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BulkTotal {
    pub count: usize,
    /// Hundredths by currency, each break's without its sign: breaks do not make up for each other. A
    /// currency in which nothing is apart does not stand here.
    apart: BTreeMap<Currency, u128>,
    /// What is adjusted, in hundredths of CNY, with its sign.
    adjusted: i128,
}

impl BulkTotal {
    /// What somebody typed. The same currency twice is its sum.
    #[must_use]
    pub fn typed(count: usize, sums: &[ItemValue], adjusted: i64) -> Self {
        let mut total = Self { count, adjusted: i128::from(adjusted), ..Self::default() };
        for sum in sums {
            total.put(*sum);
        }
        total
    }

    /// Adds a break and what is adjusted of it.
    pub fn add(&mut self, sums: BreakSums, adjusted: i64) {
        self.count = self.count.saturating_add(1);
        self.adjusted = self.adjusted.saturating_add(i128::from(adjusted));
        match (sums.theirs, sums.ours) {
            (Some(theirs), Some(ours)) if theirs.currency == ours.currency => {
                let apart = theirs.minor.abs_diff(ours.minor);
                let minor = i64::try_from(apart).unwrap_or(i64::MAX);
                self.put(ItemValue { currency: ours.currency, minor });
            }
            (theirs, ours) => theirs.into_iter().chain(ours).for_each(|side| self.put(side)),
        }
    }

    /// What the breaks are apart, by currency; nothing for a currency in which nothing is.
    pub fn apart(&self) -> impl Iterator<Item = ItemValue> {
        self.apart.iter().map(|(currency, minor)| ItemValue {
            currency: *currency,
            minor: i64::try_from(*minor).unwrap_or(i64::MAX),
        })
    }

    fn put(&mut self, value: ItemValue) {
        if value.minor != 0 {
            let sum = self.apart.entry(value.currency).or_default();
            *sum = sum.saturating_add(u128::from(value.minor.unsigned_abs()));
        }
    }

    /// # Errors
    /// [`ProposalRefusal::OtherTotal`], where `typed` is another total.
    pub fn check(&self, typed: &Self) -> Result<(), ProposalRefusal> {
        if self == typed { Ok(()) } else { Err(ProposalRefusal::OtherTotal) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_add_up_by_currency_and_do_not_make_up_for_each_other() {
        let value =
            |code: &str, minor| ItemValue { currency: Currency::by_code(code).unwrap(), minor };
        let mut total = BulkTotal::default();
        let sums = |theirs, ours| BreakSums { theirs, ours };
        total.add(sums(Some(value("CNY", 150)), Some(value("CNY", 100))), 50);
        total.add(sums(Some(value("CNY", 100)), Some(value("CNY", 150))), -50);
        total.add(sums(None, Some(value("CNY", 7))), 0);
        total.add(sums(Some(value("USD", 3)), Some(value("CNY", 1))), 0);
        total.add(sums(Some(value("PTS", 4)), Some(value("PTS", 4))), 0);
        let typed = |count, cny, usd, adjusted| {
            BulkTotal::typed(count, &[value("CNY", cny), value("USD", usd)], adjusted)
        };
        assert_eq!(total.check(&typed(5, 108, 3, 0)), Ok(()));
        for other in
            [typed(4, 108, 3, 0), typed(5, 107, 3, 0), typed(5, 108, 0, 0), typed(5, 108, 3, 1)]
        {
            assert_eq!(total.check(&other), Err(ProposalRefusal::OtherTotal));
        }
    }
}
