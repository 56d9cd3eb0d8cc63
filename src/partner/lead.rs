//! What makes a lead of a referral, and whose it is, as manifests and the programme write it: score,
//! bands of amounts with their next step, branches with their customer managers.

use serde::Deserialize;

use super::terms;
use crate::ids::RuleId;
use crate::money::Amount;

/// A reason for which a lead is better. All that is stated must hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    pub points: i64,
    /// In words, for customer managers.
    pub why: String,
    #[serde(default, deserialize_with = "terms::optional_yuan")]
    pub amount_min: Option<Amount>,
    /// Days since the customer was first seen.
    pub standing_days_min: Option<u32>,
    pub regions: Option<Vec<String>>,
}

/// What to do next about amounts up to a limit.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    #[serde(deserialize_with = "terms::yuan")]
    pub up_to: Amount,
    pub next_step: String,
}

/// A branch of the bank, with the regions that it serves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Branch {
    pub id: RuleId,
    pub name: String,
    pub regions: Vec<String>,
    /// Products that its managers look after; all, where none are named.
    #[serde(default)]
    pub products: Vec<RuleId>,
    pub managers: Vec<Manager>,
}

/// A customer manager, by the id that the CRM knows them by.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manager {
    pub id: RuleId,
    /// Open leads that they can look after at once.
    pub capacity: u32,
}

impl Branch {
    /// Whether it looks after a product in a region.
    #[must_use]
    pub fn serves(&self, product: &RuleId, region: &str) -> bool {
        self.regions.iter().any(|served| served == region)
            && (self.products.is_empty() || self.products.contains(product))
    }
}
