//! What the programme owes its customers in points, month by month: opening, what moved it and why,
//! closing. All of it comes from entries on customers' accounts, and a movement of a sort that is
//! not known here shows as other instead of being left out, so every line adds up.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, Months, NaiveDate};
use chrono_tz::Tz;

use super::cutoff::By;
use super::{Cutoff, Total, TransactionKind};
use crate::clock::Moment;
use crate::ids::PartnerId;
use crate::money::Asset;
use crate::store::reports::{self, CustomerPoints};
use crate::store::{Db, StoreError};

/// A calendar month in the programme's time zone, by one of the times that entries have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Month {
    before: Cutoff,
    through: Cutoff,
}

/// Why what customers are owed moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Movement {
    Issued,
    Redeemed,
    Expired,
    /// Taken back with a refund, whether from points or as a debt, or a transaction reversed.
    Reversed,
    /// Put right by the bank.
    ReEstimated,
    Other,
}

/// What moved in the lots that a partner's events brought; without a partner, what is in no lot,
/// such as what customers owe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub partner: Option<PartnerId>,
    pub opening: Total,
    movements: BTreeMap<Movement, Total>,
    pub closing: Total,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum LiabilityError {
    #[error("{0:?} is not a month, such as 2026-11")]
    Month(String),
    #[error("the books cannot be read")]
    Store(#[from] StoreError),
}

/// Rolls what customers are owed forward over the month, by partner.
pub fn roll_forward(db: &mut Db, month: Month) -> Result<Vec<Line>, LiabilityError> {
    let (opening, closing) = db.snapshot(|db| {
        Ok::<_, StoreError>((
            reports::customer_points(db, month.before)?,
            reports::customer_points(db, month.through)?,
        ))
    })?;
    let partners: BTreeSet<_> = closing.iter().map(|sum| sum.partner.as_ref()).collect();
    Ok(partners.into_iter().map(|partner| Line::new(partner, &opening, &closing)).collect())
}

impl Month {
    /// Reads a month such as 2026-11.
    pub fn parse(text: &str, by: By, zone: Tz) -> Result<Self, LiabilityError> {
        let days = || {
            let first = NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok()?;
            let next = first.checked_add_months(Months::new(1))?;
            // Written in no other way, and within the years that the stores agree on.
            let is_plain = first.format("%Y-%m").to_string() == text;
            (is_plain && (1970..=9998).contains(&first.year())).then_some((first, next))
        };
        let (first, next) = days().ok_or_else(|| LiabilityError::Month(text.to_owned()))?;
        let (start, end) = (Moment::start_of(first, zone), Moment::start_of(next, zone));
        Ok(Self { before: Cutoff::before(start, by), through: Cutoff::before(end, by) })
    }
}

impl Movement {
    pub const ALL: [Self; 6] = [
        Self::Issued,
        Self::Redeemed,
        Self::Expired,
        Self::Reversed,
        Self::ReEstimated,
        Self::Other,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Redeemed => "redeemed",
            Self::Expired => "expired",
            Self::Reversed => "reversed",
            Self::ReEstimated => "re_estimated",
            Self::Other => "other",
        }
    }

    /// What a transaction of this kind does to what customers are owed. One that only moves points
    /// from one of a customer's accounts to another, as when they mature, comes to zero.
    fn of_kind(name: &str) -> Self {
        if name == reports::DEBT {
            return Self::Reversed;
        }
        match TransactionKind::by_name(name) {
            Some(
                TransactionKind::Payment | TransactionKind::Referral | TransactionKind::Released,
            ) => Self::Issued,
            Some(TransactionKind::Expired) => Self::Expired,
            Some(TransactionKind::Refund | TransactionKind::Reversal) => Self::Reversed,
            Some(TransactionKind::Adjustment) => Self::ReEstimated,
            Some(
                TransactionKind::Hold
                | TransactionKind::Commit
                | TransactionKind::Cancel
                | TransactionKind::Return
                | TransactionKind::TimedOut
                | TransactionKind::Confirmed
                | TransactionKind::Declined,
            ) => Self::Redeemed,
            Some(
                TransactionKind::Matured
                | TransactionKind::Rewarded
                | TransactionKind::ClawedBack
                | TransactionKind::CommissionMatured
                | TransactionKind::Frozen
                | TransactionKind::Thawed
                | TransactionKind::BreakAdjusted
                | TransactionKind::PayoutPaid
                | TransactionKind::PayoutRejected
                | TransactionKind::PayoutReturned
                | TransactionKind::PayoutCharged,
            )
            | None => Self::Other,
        }
    }
}

impl Line {
    fn new(
        partner: Option<&PartnerId>,
        opening: &[CustomerPoints],
        closing: &[CustomerPoints],
    ) -> Self {
        let zero = Total::zero(Asset::PTS);
        let mut line = Self {
            partner: partner.cloned(),
            opening: zero,
            movements: BTreeMap::new(),
            closing: zero,
        };
        for sum in closing.iter().filter(|sum| sum.partner.as_ref() == partner) {
            line.closing = line.closing.plus(sum.points);
            line.add(&sum.kind, sum.points);
        }
        for sum in opening.iter().filter(|sum| sum.partner.as_ref() == partner) {
            line.opening = line.opening.plus(sum.points);
            line.add(&sum.kind, sum.points.negated());
        }
        line
    }

    fn add(&mut self, kind: &str, points: Total) {
        let zero = Total::zero(Asset::PTS);
        let moved = self.movements.entry(Movement::of_kind(kind)).or_insert(zero);
        *moved = moved.plus(points);
    }

    #[must_use]
    pub fn moved(&self, movement: Movement) -> Total {
        self.movements.get(&movement).copied().unwrap_or(Total::zero(Asset::PTS))
    }

    /// Opening, every movement, closing: the columns of the report.
    pub fn amounts(&self) -> impl Iterator<Item = Total> {
        let moved = Movement::ALL.into_iter().map(|movement| self.moved(movement));
        std::iter::once(self.opening).chain(moved).chain(std::iter::once(self.closing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE: Tz = chrono_tz::Asia::Shanghai;

    #[test]
    fn a_month_is_the_programmes_own() {
        let month = Month::parse("2026-12", By::Recorded, ZONE).unwrap();
        assert_eq!(month.before.recorded.to_string(), "2026-11-30T15:59:59.999999Z");
        assert_eq!(month.through.recorded.to_string(), "2026-12-31T15:59:59.999999Z");
        for text in ["", "2026", "2026-13", "2026-1", "2026-11-01", "1969-12", "10000-01"] {
            assert!(Month::parse(text, By::Effective, ZONE).is_err(), "{text}");
        }
    }

    #[test]
    fn every_line_adds_up_whatever_moved_it() {
        let points = |kind: &str, minor| CustomerPoints {
            partner: None,
            kind: kind.to_owned(),
            points: Total::from_minor(minor, Asset::PTS),
        };
        let opening = [points("payment.discounted", 500), points("points.expired", -20)];
        let closing = [
            points("payment.discounted", 900),
            points("points.expired", -50),
            points("points.matured", 0),
            points("redemption.committed", -300),
            points("redemption.returned", 100),
            points("payment.refunded", -7),
            points("adjustment", 5),
            points("something.new", 1),
        ];
        let line = Line::new(None, &opening, &closing);
        let found: Vec<i128> = line.amounts().map(Total::minor).collect();
        assert_eq!(found, [480, 400, -200, -30, -7, 5, 1, 649]);
    }
}
