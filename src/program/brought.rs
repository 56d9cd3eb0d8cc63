//! What each line of a payment brought by each rule, and how much of it refunds should have taken
//! back by now.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::collections::{BTreeMap, HashMap};

use super::decision::Refusal;
use super::standing::PaymentStanding;
use crate::event::{Refund, RefundLine};
use crate::ids::{LineNumber, LotId};
use crate::ledger::{Account, AccountCode, Posting, RuleVersion};
use crate::money::{Amount, AmountError, Asset, split, split_by_amounts};

/// The points of a payment by one rule.
pub struct Brought<'a> {
    pub rule: &'a RuleVersion,
    /// The lot that the rule opened.
    pub lot: LotId,
    pub points: Amount,
    /// Who bore the cost, above zero: the partner before the bank.
    borne: Vec<(Account, Amount)>,
    /// What each line brought, in the order of the payment's lines; one share where it has none.
    lines: Vec<Amount>,
}

/// How much of a payment was refunded: by lines, and without naming any.
pub struct Refunded {
    by_line: Vec<Amount>,
    without_line: Amount,
}

/// The points of a payment by rule.
pub fn by_rule(payment: &PaymentStanding) -> Result<Vec<Brought<'_>>, AmountError> {
    let zero = Amount::zero(Asset::PTS);
    let mut rules: BTreeMap<&RuleVersion, Vec<&Posting>> = BTreeMap::new();
    for posting in payment.posted.iter().filter(|posting| posting.account.asset == Asset::PTS) {
        rules.entry(&posting.rule).or_default().push(posting);
    }
    let mut list = Vec::with_capacity(rules.len());
    for (rule, postings) in rules {
        let (mut points, mut lot) = (zero, None);
        let mut borne: BTreeMap<Account, Amount> = BTreeMap::new();
        for posting in postings {
            match posting.account.code {
                AccountCode::POINTS_FUNDING | AccountCode::POINTS_LIABILITY => {
                    let sum = borne.entry(posting.account.clone()).or_insert(zero);
                    *sum = sum.checked_sub(posting.amount)?;
                }
                _ => {
                    points = points.checked_add(posting.amount)?;
                    lot = lot.or(posting.lot);
                }
            }
        }
        // What a debt was paid with is no rule's: it adds up to nothing.
        if let Some(lot) = lot.filter(|_lot| !points.is_zero()) {
            let borne = borne.into_iter().collect();
            list.push(Brought { rule, lot, points, borne, lines: Vec::new() });
        }
    }
    let is_only = list.len() == 1;
    for brought in &mut list {
        brought.lines = brought.by_line(payment, is_only)?;
    }
    Ok(list)
}

/// Where each line stands among the lines of its payment.
pub fn places(payment: &PaymentStanding) -> HashMap<&LineNumber, usize> {
    payment.lines.iter().enumerate().map(|(place, part)| (&part.line, place)).collect()
}

impl Brought<'_> {
    /// What each line brought, as it was recorded with the payment; where that does not add up, in
    /// proportion to all that the lines brought, or else to what was paid for them.
    fn by_line(
        &self,
        payment: &PaymentStanding,
        is_only: bool,
    ) -> Result<Vec<Amount>, AmountError> {
        let lines = &payment.lines;
        let zero = Amount::zero(Asset::PTS);
        let adds_up = |shares: &[Amount]| {
            let sum = shares.iter().copied().try_fold(zero, Amount::checked_add);
            sum.as_ref() == Ok(&self.points)
        };
        let own = lines.iter().map(|line| match line.by_rule.get(self.rule) {
            Some(points) => *points,
            None if is_only => line.points,
            None => zero,
        });
        let own: Vec<Amount> = own.collect();
        if adds_up(&own) {
            return Ok(own);
        }
        let points: Vec<Amount> = lines.iter().map(|line| line.points).collect();
        let paid: Vec<Amount> = lines.iter().map(|line| line.amount).collect();
        for like in [points, paid] {
            if like.iter().any(|amount| !amount.is_zero()) {
                return split_by_amounts(self.points, &like);
            }
        }
        Ok(vec![self.points])
    }

    /// How many of the points should be taken back.
    pub fn due(
        &self,
        refunded: &Refunded,
        payment: &PaymentStanding,
    ) -> Result<Amount, AmountError> {
        let lines = 0..self.lines.len();
        let mut due = lines.map(|place| self.due_of_line(place, refunded, payment));
        due.try_fold(Amount::zero(Asset::PTS), |sum, due| sum.checked_add(due?))
    }

    /// How many of the points of one line should be taken back.
    pub fn due_of_line(
        &self,
        place: usize,
        refunded: &Refunded,
        payment: &PaymentStanding,
    ) -> Result<Amount, AmountError> {
        let zero = Amount::zero(Asset::PTS);
        let points = self.lines.get(place).copied().unwrap_or(zero);
        let weights = match payment.lines.get(place) {
            Some(line) => refunded.of_line(place, line.amount, payment.paid),
            None => refunded.of_whole(payment.paid),
        };
        let weights = weights.ok_or(AmountError::OutOfRange { asset: Asset::CNY })?;
        Ok(split(points, &weights)?.first().copied().unwrap_or(zero))
    }

    /// What those who bore the cost have back of these points.
    pub fn borne_part(&self, points: Amount) -> Result<Vec<(Account, Amount)>, AmountError> {
        let amounts: Vec<Amount> = self.borne.iter().map(|(_account, amount)| *amount).collect();
        let shares = split_by_amounts(points, &amounts)?;
        Ok(self.borne.iter().map(|(account, _amount)| account.clone()).zip(shares).collect())
    }
}

impl Refunded {
    /// What earlier refunds gave back.
    pub fn before(payment: &PaymentStanding) -> Result<Self, AmountError> {
        let places = places(payment);
        let zero = Amount::zero(payment.paid.asset());
        let mut refunded =
            Self { by_line: vec![zero; payment.lines.len()], without_line: payment.refunded };
        for part in &payment.lines_refunded {
            if let Some(place) = places.get(&part.line) {
                refunded.add(*place, part.amount.negate()?)?;
            }
        }
        Ok(refunded)
    }

    /// The same with another refund.
    ///
    /// # Errors
    /// [`Refusal::LineUnknown`], [`Refusal::LineExceeds`].
    pub fn with(&self, refund: &Refund, payment: &PaymentStanding) -> Result<Self, Refusal> {
        let places = places(payment);
        let without_line = self.without_line.checked_add(refund.amount)?;
        let mut after = Self { by_line: self.by_line.clone(), without_line };
        for RefundLine { line, amount } in &refund.lines {
            let place = places.get(line).copied();
            let whole = place.and_then(|place| payment.lines.get(place));
            let before = place.and_then(|place| self.by_line.get(place).copied());
            let (Some(place), Some(whole), Some(before)) = (place, whole, before) else {
                return Err(Refusal::LineUnknown { line: line.clone() });
            };
            let left = whole.amount.checked_sub(before)?;
            if left.minor() < amount.minor() {
                return Err(Refusal::LineExceeds { line: line.clone(), left });
            }
            after.add(place, *amount)?;
        }
        Ok(after)
    }

    /// Counts a part of what was refunded as that line's.
    fn add(&mut self, place: usize, amount: Amount) -> Result<(), AmountError> {
        if let Some(of_line) = self.by_line.get_mut(place) {
            *of_line = of_line.checked_add(amount)?;
            self.without_line = self.without_line.checked_sub(amount)?;
        }
        Ok(())
    }

    /// How much of a payment without lines is refunded, and how much is kept.
    fn of_whole(&self, paid: Amount) -> Option<[u64; 2]> {
        let refunded = self
            .by_line
            .iter()
            .try_fold(self.without_line.minor(), |sum, amount| sum.checked_add(amount.minor()))?;
        weights(i128::from(refunded), i128::from(paid.minor()))
    }

    /// How much of a line is refunded, and how much is kept, as two weights. What was refunded
    /// without naming a line is a part of each line, in proportion to what is left of the lines
    /// after the refunds that name them.
    fn of_line(&self, place: usize, amount: Amount, paid: Amount) -> Option<[u64; 2]> {
        let whole = i128::from(amount.minor());
        let by_line = i128::from(self.by_line.get(place)?.minor());
        let of_lines = self.by_line.iter().map(|amount| i128::from(amount.minor()));
        let of_lines = of_lines.fold(0_i128, i128::saturating_add);
        let without_line = i128::from(self.without_line.minor());
        let left_of_all = i128::from(paid.minor()).checked_sub(of_lines)?;
        if left_of_all == 0 || whole == 0 {
            let all = left_of_all == without_line;
            return if whole == 0 { weights(i128::from(all), 1) } else { weights(by_line, whole) };
        }
        let left = whole.checked_sub(by_line)?;
        let spread = without_line.checked_mul(left)?;
        let refunded = by_line.checked_mul(left_of_all)?.checked_add(spread)?;
        weights(refunded, whole.checked_mul(left_of_all)?)
    }
}

/// A part of a whole and the rest, as weights that fit 63 bits together: halved as often as needed.
fn weights(part: i128, whole: i128) -> Option<[u64; 2]> {
    let (mut part, mut whole) = (part, whole);
    let common = gcd(part, whole);
    if common > 1 {
        (part, whole) = (part.checked_div(common)?, whole.checked_div(common)?);
    }
    while whole > i128::from(i64::MAX) {
        (part, whole) = (part.checked_div(2)?, whole.checked_div(2)?);
    }
    let rest = whole.checked_sub(part)?;
    Some([u64::try_from(part).ok()?, u64::try_from(rest).ok()?])
}

fn gcd(one: i128, other: i128) -> i128 {
    let (mut one, mut other) = (one, other);
    while other != 0 {
        (one, other) = (other, one.checked_rem(other).unwrap_or(0));
    }
    one
}
