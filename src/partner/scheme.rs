//! A partner's rules as data: what a payment earns, which discounts are agreed and who bears
//! them, which products may be referred and what that is rewarded with. Each rule has an id, a
//! version and a term; a posting names the id and version it came from.

use chrono::NaiveDate;
use serde::Deserialize;

use super::attribution::Attribution;
use super::condition::Condition;
use super::earning::{Earning, Mode, Period, Stacking};
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

/// A discount agreed on: spend X, save Y (满减), or a percentage with a ceiling.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Discount {
    pub id: RuleId,
    pub version: u32,
    from: NaiveDate,
    until: Option<NaiveDate>,
    /// The step with the highest `spend` that the gross amount reaches is the one that counts.
    #[serde(default)]
    pub steps: Vec<Step>,
    pub percentage: Option<Percentage>,
    /// What the bank pays of the discount; the partner bears the rest.
    pub bank_share: Share,
    /// How often one customer may have it in a time.
    #[serde(default)]
    pub limits: Vec<Limit>,
    /// What the bank pays at most for all customers together, in all versions.
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
    /// For how many instalments.
    pub periods: Vec<u32>,
    /// How much of the fee is waived, rounded down, up to a ceiling.
    pub share: Share,
    #[serde(deserialize_with = "terms::yuan")]
    pub max: Amount,
    /// What the bank bears of it; the partner owes the rest.
    pub bank_share: Share,
}

/// So much of each 100, rounded down, up to a ceiling.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Percentage {
    pub share: Share,
    #[serde(deserialize_with = "terms::yuan")]
    pub max: Amount,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    pub per: Period,
    pub times: u32,
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
    /// As the CRM's people call the campaign that the offer belongs to.
    pub campaign: Option<String>,
    from: NaiveDate,
    until: Option<NaiveDate>,
    pub qualify: Qualify,
    #[serde(default)]
    pub rewards: Vec<Reward>,
    /// Whose referral a person is; whoever's, where it is not stated.
    pub attribution: Option<Attribution>,
    /// What makes a lead better.
    #[serde(default)]
    pub score: Vec<Score>,
    /// What to do next, by amount: the first band that reaches it counts.
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

    /// What this scheme takes off a gross amount: zero below the first step, and what the ceiling
    /// leaves of a percentage.
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

    /// What is waived of a fee: zero for other numbers of instalments.
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

    /// How the rules of a group go together; they add up where the manifest does not say.
    #[must_use]
    pub fn stacking(&self, group: &RuleId) -> Mode {
        let stacking = self.stacking.iter().find(|stacking| stacking.group == *group);
        stacking.map_or(Mode::Sum, |stacking| stacking.mode)
    }

    /// Whether some rule asks how often a customer has been here.
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
