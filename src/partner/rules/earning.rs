//! What a payment earns, as a manifest writes it.

use chrono::{Datelike, Months, NaiveDate, TimeDelta};
use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::condition::Condition;
use super::terms::{self, Share, Term};
use crate::clock::Moment;
use crate::ids::RuleId;
use crate::money::{Amount, Asset, Rounding};

/// Points for a payment: how they are calculated, when the rule applies, and its limits.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "EarningDocument")]
pub struct Earning {
    pub id: RuleId,
    pub version: u32,
    term: Term,
    pub basis: Basis,
    pub rounding: Rounding,
    /// What the partner pays of the points; the bank pays the rest.
    pub partner_share: Share,
    /// Days after the payment until the points may be spent: goods may come back, trips may be
    /// cancelled.
    pending_days: Option<u32>,
    /// Points expire at the end of this many whole months after the month of the payment.
    expires_months: Option<u32>,
    pub when: Condition,
    pub except: Condition,
    /// Multiplied with each other, before rounding.
    pub multiply: Vec<Multiplier>,
    /// The most that one customer may get by this rule in a period.
    pub caps: Vec<Cap>,
    /// The most that all customers together may get by this rule, in all versions.
    pub budget: Option<Amount>,
    /// Rules of one group are stacked as the manifest says; without a group they add up.
    pub group: Option<RuleId>,
}

/// How points are calculated from the amount that counts.
#[derive(Clone, Debug)]
pub enum Basis {
    /// Points for each 1.00 of the currency.
    PerUnit(Decimal),
    /// Points for the payment as such.
    PerVisit(Amount),
    /// The points of the highest step reached.
    Steps(Vec<PointStep>),
    /// Points for each time that the step's amount is spent in full.
    Each(PointStep),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointStep {
    #[serde(deserialize_with = "terms::yuan")]
    pub spend: Amount,
    #[serde(deserialize_with = "terms::points")]
    pub points: Amount,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Multiplier {
    #[serde(deserialize_with = "terms::decimal")]
    pub by: Decimal,
    #[serde(default)]
    pub when: Condition,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cap {
    pub per: Period,
    #[serde(deserialize_with = "terms::points")]
    pub points: Amount,
}

/// The period in which a cap counts, by business days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    Day,
    Month,
    /// As long as the rule is in force, in all its versions.
    Campaign,
}

/// How the rules of one group combine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stacking {
    pub group: RuleId,
    pub mode: StackingMode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StackingMode {
    /// Only the rule that gives most; the first in the manifest, if several give the same.
    BestOf,
    /// All of them.
    Sum,
    /// Only the first in the manifest that gives anything.
    Priority,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EarningDocument {
    id: RuleId,
    version: u32,
    from: NaiveDate,
    until: Option<NaiveDate>,
    #[serde(default, deserialize_with = "terms::optional_decimal")]
    points_per_unit: Option<Decimal>,
    #[serde(default, deserialize_with = "terms::optional_points")]
    points_per_visit: Option<Amount>,
    steps: Option<Vec<PointStep>>,
    each: Option<PointStep>,
    rounding: Rounding,
    partner_share: Share,
    pending_days: Option<u32>,
    expires_months: Option<u32>,
    #[serde(default)]
    when: Condition,
    #[serde(default)]
    except: Condition,
    #[serde(default)]
    multiply: Vec<Multiplier>,
    #[serde(default)]
    caps: Vec<Cap>,
    #[serde(default, deserialize_with = "terms::optional_points")]
    budget: Option<Amount>,
    group: Option<RuleId>,
}

impl TryFrom<EarningDocument> for Earning {
    type Error = String;

    fn try_from(written: EarningDocument) -> Result<Self, String> {
        let id = &written.id;
        let bases = [
            written.points_per_unit.map(Basis::PerUnit),
            written.points_per_visit.map(Basis::PerVisit),
            written.steps.map(Basis::Steps),
            written.each.map(Basis::Each),
        ];
        let mut bases = bases.into_iter().flatten();
        let (Some(basis), None) = (bases.next(), bases.next()) else {
            return Err(format!(
                "earning {id}: expected one of points_per_unit, points_per_visit, steps, each"
            ));
        };
        if matches!(&basis, Basis::PerUnit(rate) if rate.is_sign_negative()) {
            return Err(format!("earning {id}: points_per_unit is below 0"));
        }
        if let Basis::Steps(steps) = &basis {
            let rises = |pair: &[PointStep]| matches!(pair, [low, high] if low.spend.minor() < high.spend.minor());
            if steps.is_empty() || !steps.windows(2).all(rises) {
                return Err(format!("earning {id}: steps must rise in spend"));
            }
        }
        if written.multiply.iter().any(|multiplier| multiplier.by.is_sign_negative()) {
            return Err(format!("earning {id}: multiply: by is below 0"));
        }
        Ok(Self {
            id: written.id,
            version: written.version,
            term: Term { from: written.from, until: written.until },
            basis,
            rounding: written.rounding,
            partner_share: written.partner_share,
            pending_days: written.pending_days,
            expires_months: written.expires_months,
            when: written.when,
            except: written.except,
            multiply: written.multiply,
            caps: written.caps,
            budget: written.budget,
            group: written.group,
        })
    }
}

impl Earning {
    /// When points earned at that time may be spent; `None`: at once.
    #[must_use]
    pub fn matures_at(&self, earned_at: Moment) -> Option<Moment> {
        self.pending_days.map(|days| earned_at.plus(TimeDelta::days(i64::from(days))))
    }

    /// When points earned on that day expire; `None`: never.
    #[must_use]
    pub fn expires_at(&self, day: NaiveDate, zone: Tz) -> Option<Moment> {
        let months = Months::new(self.expires_months?.saturating_add(1));
        let first = day.with_day(1)?.checked_add_months(months)?;
        Some(Moment::start_of(first, zone))
    }

    /// Days until the points may be spent.
    #[must_use]
    pub const fn pending_days(&self) -> Option<u32> {
        self.pending_days
    }

    /// Whole months after the month of the payment.
    #[must_use]
    pub const fn expires_months(&self) -> Option<u32> {
        self.expires_months
    }

    #[must_use]
    pub const fn term(&self) -> Term {
        self.term
    }

    /// The conditions of the rule and of its multipliers.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        [&self.when, &self.except]
            .into_iter()
            .chain(self.multiply.iter().map(|multiplier| &multiplier.when))
    }
}

impl PointStep {
    /// How many times an amount holds `spend` in full.
    #[must_use]
    pub const fn times(&self, amount: Amount) -> i64 {
        match amount.minor().checked_div_euclid(self.spend.minor()) {
            Some(times) => times,
            None => 0,
        }
    }
}

impl Period {
    /// The name of the period that a day lies in.
    #[must_use]
    pub fn of(self, day: NaiveDate) -> String {
        match self {
            Self::Day => day.to_string(),
            Self::Month => day.format("%Y-%m").to_string(),
            Self::Campaign => "campaign".to_owned(),
        }
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
            Self::Campaign => "campaign",
        }
    }
}

/// The zero that a sum of points starts from.
pub const NO_POINTS: Amount = Amount::zero(Asset::PTS);
