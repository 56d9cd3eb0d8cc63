//! A partner's rules as data: what a payment earns, which discounts are agreed and who bears
//! them, which products may be referred and what that is rewarded with. Each rule has an id, a
//! version and a term; a posting names the id and version it came from.

use chrono::{Datelike, Months, NaiveDate, TimeDelta};
use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::terms::{self, Share, Term};
use crate::clock::Moment;
use crate::ids::RuleId;
use crate::money::{Amount, Asset, Rounding};

/// All rules of one partner.
#[derive(Clone, Debug, Default)]
pub struct Scheme {
    pub earning: Vec<Earning>,
    pub discounts: Vec<Discount>,
    pub products: Vec<Product>,
}

/// Points for what was paid.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earning {
    pub id: RuleId,
    pub version: u32,
    from: NaiveDate,
    until: Option<NaiveDate>,
    /// Points for each 1.00 of the currency paid, unrounded.
    #[serde(deserialize_with = "terms::decimal")]
    pub points_per_unit: Decimal,
    pub rounding: Rounding,
    /// What the partner pays of the points; the bank pays the rest.
    pub partner_share: Share,
    /// Days after the payment until the points may be spent: goods returned, trips not yet taken.
    pending_days: Option<u32>,
    /// Whole months after the month of the payment, at whose end what was not spent expires.
    expires_months: Option<u32>,
}

/// Spend X, save Y (满减).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Discount {
    pub id: RuleId,
    pub version: u32,
    from: NaiveDate,
    until: Option<NaiveDate>,
    /// The step with the highest `spend` that the gross amount reaches is the one that counts.
    pub steps: Vec<Step>,
    /// What the bank pays of the discount; the partner bears the rest.
    pub bank_share: Share,
}

/// One step of a [`Discount`].
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    #[serde(deserialize_with = "terms::yuan")]
    pub spend: Amount,
    #[serde(deserialize_with = "terms::yuan")]
    pub save: Amount,
}

/// A product of the bank that the partner may refer people to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    pub id: RuleId,
    pub version: u32,
    pub name: String,
    from: NaiveDate,
    until: Option<NaiveDate>,
    pub qualify: Qualify,
    #[serde(default)]
    pub rewards: Vec<Reward>,
}

/// What a referral must be to become a lead. All that is stated must hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Qualify {
    #[serde(deserialize_with = "terms::yuan")]
    pub amount_min: Amount,
    #[serde(deserialize_with = "terms::yuan")]
    pub amount_max: Amount,
    /// Regions the bank serves for this product.
    pub regions: Vec<String>,
    /// Days since the customer was first seen; a referral without a member has 0.
    #[serde(default)]
    pub standing_days_min: u32,
}

/// What is given when a referral qualifies.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(tag = "to", rename_all = "snake_case", deny_unknown_fields)]
pub enum Reward {
    /// Points to the customer, at the bank's expense; none when the referral names no member.
    Customer {
        #[serde(deserialize_with = "points")]
        points: Amount,
    },
    /// Commission that the bank owes to the partner.
    Partner {
        #[serde(deserialize_with = "terms::yuan")]
        commission: Amount,
    },
}

fn points<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
    terms::positive(deserializer, Asset::PTS)
}

impl Earning {
    /// When points earned at that time may be spent; `None` is at once.
    #[must_use]
    pub fn matures_at(&self, earned_at: Moment) -> Option<Moment> {
        self.pending_days.map(|days| earned_at.plus(TimeDelta::days(i64::from(days))))
    }

    /// When points earned on that day expire; `None` is never.
    #[must_use]
    pub fn expires_at(&self, day: NaiveDate, zone: Tz) -> Option<Moment> {
        let months = Months::new(self.expires_months?.saturating_add(1));
        let first = day.with_day(1)?.checked_add_months(months)?;
        Some(Moment::start_of(first, zone))
    }

    #[must_use]
    pub const fn term(&self) -> Term {
        Term { from: self.from, until: self.until }
    }
}

impl Discount {
    #[must_use]
    pub const fn term(&self) -> Term {
        Term { from: self.from, until: self.until }
    }

    /// What this scheme takes off a gross amount: zero below the first step.
    #[must_use]
    pub fn allowed(&self, gross: Amount) -> Amount {
        self.steps
            .iter()
            .filter(|step| gross.minor() >= step.spend.minor())
            .max_by_key(|step| step.spend.minor())
            .map_or_else(|| Amount::zero(gross.asset()), |step| step.save)
    }
}

impl Product {
    #[must_use]
    pub const fn term(&self) -> Term {
        Term { from: self.from, until: self.until }
    }
}

impl Scheme {
    /// The earning rules in force on a day, in the manifest's order.
    pub fn earning_on(&self, day: NaiveDate) -> impl Iterator<Item = &Earning> {
        self.earning.iter().filter(move |rule| rule.term().covers(day))
    }

    /// The discount scheme of that id in force on a day.
    #[must_use]
    pub fn discount_on(&self, id: &RuleId, day: NaiveDate) -> Option<&Discount> {
        self.discounts.iter().find(|rule| rule.id == *id && rule.term().covers(day))
    }

    /// The product of that id in force on a day.
    #[must_use]
    pub fn product_on(&self, id: &RuleId, day: NaiveDate) -> Option<&Product> {
        self.products.iter().find(|rule| rule.id == *id && rule.term().covers(day))
    }
}
