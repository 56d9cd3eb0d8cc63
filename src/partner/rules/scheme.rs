//! A partner's rules as data: what a payment earns, which discounts are agreed and who bears them,
//! which products may be referred and how that is rewarded. Each rule has an id, a version and a
//! term; a posting names the id and version of its rule.

use chrono::NaiveDate;
use serde::Deserialize;

use super::attribution::Attribution;
use super::condition::Condition;
use super::earning::{Earning, Period, Stacking, StackingMode};
use super::lead::{Band, Score};
use super::reward::Reward;
use super::terms::{self, Share, Term};
use crate::ids::RuleId;
use crate::money::Amount;

/// All rules of one partner.
#[derive(Clone, Debug, Default)]
pub struct Scheme {
    pub earning: Vec<Earning>,
    pub stacking: Vec<Stacking>,
    pub discounts: Vec<Discount>,
    pub fee_waivers: Vec<FeeWaiver>,
    pub products: Vec<Product>,
}

/// An agreed discount: spend X, save Y (满减), or a percentage with a ceiling.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Discount {
    pub id: RuleId,
    pub version: u32,
    from: NaiveDate,
    until: Option<NaiveDate>,
    /// The highest step that the gross amount reaches counts.
    #[serde(default)]
    pub steps: Vec<DiscountStep>,
    pub percentage: Option<Percentage>,
    /// What the bank pays of the discount; the partner bears the rest.
    pub bank_share: Share,
    /// How often one customer may have the discount in a period.
    #[serde(default)]
    pub limits: Vec<DiscountLimit>,
    /// The most that the bank pays for all customers together, in all versions.
    #[serde(default, deserialize_with = "terms::optional_yuan")]
    pub budget: Option<Amount>,
}

/// The fee of paying by instalments is waived, in whole or in part.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeeWaiver {
    pub id: RuleId,
    pub version: u32,
    from: NaiveDate,
    until: Option<NaiveDate>,
    /// The numbers of instalments that the waiver applies to.
    pub periods: Vec<u32>,
    /// The waived part of the fee, rounded down, up to a ceiling.
    pub share: Share,
    #[serde(deserialize_with = "terms::yuan")]
    pub max: Amount,
    /// The bank's part of the waived fee; the partner owes the rest.
    pub bank_share: Share,
}

/// A share of the gross amount, rounded down, up to a ceiling.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Percentage {
    pub share: Share,
    #[serde(deserialize_with = "terms::yuan")]
    pub max: Amount,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiscountLimit {
    pub per: Period,
    pub times: u32,
}

/// One step of a [`Discount`].
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiscountStep {
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
    /// The CRM's name of the campaign that the offer belongs to.
    pub campaign: Option<String>,
    from: NaiveDate,
    until: Option<NaiveDate>,
    pub qualify: Qualify,
    #[serde(default)]
    pub rewards: Vec<Reward>,
    /// Whose referral a person is. Without it every referral is taken.
    pub attribution: Option<Attribution>,
    /// What makes a lead better.
    #[serde(default)]
    pub score: Vec<Score>,
    /// What to do next, by amount: the first band that reaches the amount counts.
    #[serde(default)]
    pub bands: Vec<Band>,
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
    /// Points of the score.
    #[serde(default)]
    pub score_min: i64,
}

impl Discount {
    #[must_use]
    pub const fn term(&self) -> Term {
        Term { from: self.from, until: self.until }
    }

    /// The discount on a gross amount: zero below the first step; a percentage up to its ceiling.
    #[must_use]
    pub fn allowed(&self, gross: Amount) -> Amount {
        if let Some(percentage) = self.percentage {
            let part = percentage.share.part_rounded_down(gross);
            return part.min(percentage.max);
        }
        self.steps
            .iter()
            .filter(|step| gross.minor() >= step.spend.minor())
            .max_by_key(|step| step.spend.minor())
            .map_or_else(|| Amount::zero(gross.asset()), |step| step.save)
    }
}

impl FeeWaiver {
    #[must_use]
    pub const fn term(&self) -> Term {
        Term { from: self.from, until: self.until }
    }

    /// The waived part of a fee: zero for other numbers of instalments.
    #[must_use]
    pub fn allowed(&self, periods: u32, fee: Amount) -> Amount {
        if self.periods.contains(&periods) {
            self.share.part_rounded_down(fee).min(self.max)
        } else {
            Amount::zero(fee.asset())
        }
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

    /// How the rules of a group combine. They add up if the manifest does not say.
    #[must_use]
    pub fn stacking(&self, group: &RuleId) -> StackingMode {
        let stacking = self.stacking.iter().find(|stacking| stacking.group == *group);
        stacking.map_or(StackingMode::Sum, |stacking| stacking.mode)
    }

    /// Whether a rule depends on the number of a customer's visits.
    #[must_use]
    pub fn asks_for_visits(&self) -> bool {
        self.earning.iter().flat_map(Earning::conditions).any(Condition::asks_for_visits)
    }

    /// The discount scheme of that id in force on a day.
    #[must_use]
    pub fn discount_on(&self, id: &RuleId, day: NaiveDate) -> Option<&Discount> {
        self.discounts.iter().find(|rule| rule.id == *id && rule.term().covers(day))
    }

    /// The waiver of that id in force on a day.
    #[must_use]
    pub fn fee_waiver_on(&self, id: &RuleId, day: NaiveDate) -> Option<&FeeWaiver> {
        self.fee_waivers.iter().find(|rule| rule.id == *id && rule.term().covers(day))
    }

    /// The name of the product of that id, in its newest version.
    #[must_use]
    pub fn product_named(&self, id: &str) -> Option<&str> {
        let named = self.products.iter().filter(|product| product.id.as_str() == id);
        named.max_by_key(|product| product.version).map(|product| product.name.as_str())
    }

    /// The product of that id in force on a day.
    #[must_use]
    pub fn product_on(&self, id: &RuleId, day: NaiveDate) -> Option<&Product> {
        self.products.iter().find(|rule| rule.id == *id && rule.term().covers(day))
    }
}
