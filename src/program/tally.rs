//! Counts of a partner's payments in one period: small, and the same for ten payments and ten million.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::money::Amount;

/// How many sums in a thousand begin with each digit, from 1 on, where sums grow by themselves.
const BENFORD: [i64; 9] = [301, 176, 125, 97, 79, 67, 58, 51, 46];
/// Sums that are a multiple of this are round, in fen.
const ROUND_FEN: i64 = 5_000;

/// What is counted in a period. A count that a later release adds is 0 in what an earlier one wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    pub payments: i64,
    /// Those of them that were held.
    held: i64,
    /// Those that were reported within an hour of their happening.
    pub live: i64,
    live_held: i64,
    pub round: i64,
    /// A bit for each second of a minute that a payment named.
    seconds: u64,
    /// By first digit, from 1 on.
    digits: [i64; 9],
    /// Live payments whose member's number is one above that of the live payment before.
    pub in_sequence: i64,
    /// The hash of the member whose number comes next.
    next_member: String,
    /// Payments of which the bank bore a part.
    pub at_cost: i64,
    /// Those of them for members whom no customer has linked.
    pub unlinked: i64,
    /// Points redeemed, in hundredths.
    pub redeemed: i64,
    /// Those of them that were earned at the partner.
    pub redeemed_own: i64,
    /// New referrals that are leads, or are held.
    pub referred: i64,
    /// Leads to whose person the bank talked.
    pub met: i64,
    /// Leads that did not go on before anybody talked to the person, and referrals that staff rejected.
    pub bad: i64,
    /// Leads that the partner itself withdrew.
    pub withdrawn: i64,
}

/// What is counted of a partner's referrals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferralFact {
    Referred,
    Met,
    Bad,
    Withdrawn,
}

/// What is looked at in a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentSigns {
    pub is_live: bool,
    pub is_round: bool,
    /// Below 60.
    pub second: u32,
    /// The sum's; `None` for 0.00.
    pub digit: Option<i64>,
    /// The member, and the one whose number comes next, by their hashes.
    pub member: String,
    pub next_member: Option<String>,
    pub cost: Cost,
}

/// Whether the bank bears a part of a payment, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    None,
    OfLinked,
    OfUnlinked,
}

impl Tally {
    pub fn pay(&mut self, signs: &PaymentSigns, is_held: bool) {
        let add = |count: &mut i64, counts: bool| *count = count.saturating_add(counts.into());
        add(&mut self.payments, true);
        add(&mut self.held, is_held);
        add(&mut self.live, signs.is_live);
        add(&mut self.live_held, signs.is_live && is_held);
        add(&mut self.round, signs.is_round);
        self.seconds |= bit(signs.second);
        let place = signs.digit.and_then(place_of);
        if let Some(count) = place.and_then(|place| self.digits.get_mut(place)) {
            add(count, true);
        }
        if signs.is_live {
            add(&mut self.in_sequence, signs.member == self.next_member);
            self.next_member = signs.next_member.clone().unwrap_or_default();
        }
        add(&mut self.at_cost, signs.cost != Cost::None);
        add(&mut self.unlinked, signs.cost == Cost::OfUnlinked);
    }

    pub const fn redeem(&mut self, points: i64, own: i64) {
        self.redeemed = self.redeemed.saturating_add(points);
        self.redeemed_own = self.redeemed_own.saturating_add(own);
    }

    pub const fn note(&mut self, fact: ReferralFact) {
        let count = match fact {
            ReferralFact::Referred => &mut self.referred,
            ReferralFact::Met => &mut self.met,
            ReferralFact::Bad => &mut self.bad,
            ReferralFact::Withdrawn => &mut self.withdrawn,
        };
        *count = count.saturating_add(1);
    }

    /// Payments that were not held: a thief's own flood is no past.
    pub const fn taken(&self) -> i64 {
        self.payments.saturating_sub(self.held)
    }

    pub const fn live_taken(&self) -> i64 {
        self.live.saturating_sub(self.live_held)
    }

    /// Whether a payment named that second before.
    pub fn names(&self, second: u32) -> bool {
        self.seconds & bit(second) != 0
    }

    pub fn seconds_named(&self) -> i64 {
        self.seconds.count_ones().into()
    }

    /// Payments with a first digit.
    pub fn with_digit(&self) -> i64 {
        self.digits.into_iter().fold(0, i64::saturating_add)
    }

    /// The digit that stands first most often, beside what is to be expected, and how often it does.
    pub fn fullest_digit(&self) -> (i64, i64) {
        let all = self.with_digit();
        let beyond = |(count, expected): (i64, i64)| {
            count.saturating_mul(1_000).saturating_sub(all.saturating_mul(expected))
        };
        let counts = (1_i64..).zip(self.digits.into_iter().zip(BENFORD));
        let fullest = counts.max_by_key(|(_digit, pair)| beyond(*pair));
        fullest.map_or((1, 0), |(digit, (count, _expected))| (digit, count))
    }

    /// The mean distance of the digits' shares from those to be expected: 0 where they are the same.
    pub fn from_benford(&self) -> Decimal {
        let all = self.with_digit();
        let apart = self.digits.into_iter().zip(BENFORD).map(|(count, expected)| {
            let counted = i128::from(count).saturating_mul(1_000);
            counted.saturating_sub(i128::from(all).saturating_mul(expected.into())).saturating_abs()
        });
        let apart = apart.fold(0_i128, i128::saturating_add);
        let whole = Decimal::from(all).checked_mul(Decimal::from(9_000));
        let apart = Decimal::try_from_i128_with_scale(apart, 0).unwrap_or(Decimal::MAX);
        whole.and_then(|whole| apart.checked_div(whole)).unwrap_or_default()
    }
}

fn bit(second: u32) -> u64 {
    1_u64.checked_shl(second.min(59)).unwrap_or(0)
}

fn place_of(digit: i64) -> Option<usize> {
    usize::try_from(digit.saturating_sub(1)).ok()
}

/// The first digit of a sum that is not 0.
pub fn first_digit(sum: Amount) -> Option<i64> {
    let mut left = sum.minor().saturating_abs();
    while left >= 10 {
        left = left.div_euclid(10);
    }
    (left > 0).then_some(left)
}

pub fn is_round(sum: Amount) -> bool {
    sum.minor() != 0 && sum.minor().rem_euclid(ROUND_FEN) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Asset;

    fn signs(sum: i64, member: &str, next: &str) -> PaymentSigns {
        let sum = Amount::from_minor(sum, Asset::CNY);
        PaymentSigns {
            is_live: true,
            is_round: is_round(sum),
            second: 7,
            digit: first_digit(sum),
            member: member.to_owned(),
            next_member: Some(next.to_owned()),
            cost: Cost::None,
        }
    }

    #[test]
    fn a_payment_is_counted_by_what_it_shows() {
        let mut tally = Tally::default();
        tally.pay(&signs(5_000, "m-1", "m-2"), false);
        tally.pay(&signs(90_000, "m-2", "m-3"), true);
        tally.pay(&signs(0, "m-9", "m-10"), false);
        assert_eq!((tally.payments, tally.round, tally.in_sequence), (3, 2, 1));
        assert_eq!((tally.taken(), tally.live_taken(), tally.seconds_named()), (2, 2, 1));
        assert!(tally.names(7) && !tally.names(8));
        assert_eq!((tally.with_digit(), tally.fullest_digit()), (2, (9, 1)));
        let text = serde_json::to_string(&tally).unwrap();
        assert_eq!(serde_json::from_str::<Tally>(&text).unwrap(), tally);
        assert_eq!(serde_json::from_str::<Tally>("{}").unwrap(), Tally::default());
    }

    #[test]
    fn sums_that_grow_by_themselves_are_near_and_invented_ones_are_far() {
        let mut grown = Tally::default();
        let mut sum = 100.0_f64;
        for _ in 0..2_000 {
            sum = if sum > 900_000.0 { sum / 9_000.0 } else { sum * 1.007_3 };
            #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "a test")]
            grown.pay(&signs(sum as i64, "", ""), false);
        }
        assert!(grown.from_benford() < Decimal::new(2, 2), "{}", grown.from_benford());
        let mut invented = Tally::default();
        (0..200).for_each(|n| invented.pay(&signs(90_000 + n, "", ""), false));
        assert!(invented.from_benford() > Decimal::new(2, 1), "{}", invented.from_benford());
        assert_eq!(Tally::default().from_benford(), Decimal::ZERO);
    }
}
