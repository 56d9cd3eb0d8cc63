//! How a referral becomes a lead, and who looks after it, as manifests and the programme write it:
//! score, bands of amounts with their next step, branches with their customer managers.

use serde::Deserialize;

use super::terms;
use crate::ids::RuleId;
use crate::money::Amount;

/// A condition that makes a lead better. All that is stated must hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    pub points: i64,
    /// The reason as a sentence, for customer managers.
    pub why: String,
    #[serde(default, deserialize_with = "terms::optional_yuan")]
    pub amount_min: Option<Amount>,
    /// Days since the customer was first seen.
    pub standing_days_min: Option<u32>,
    pub regions: Option<Vec<String>>,
}

/// The next step for amounts up to a limit.
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
    /// Products that the branch's managers look after. None named: all.
    #[serde(default)]
    pub products: Vec<RuleId>,
    pub managers: Vec<Manager>,
}

/// A customer manager, by the CRM's id.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manager {
    pub id: RuleId,
    /// The most open leads that the manager can look after.
    pub capacity: u32,
}

impl Branch {
    /// Whether the branch looks after a product in a region.
    #[must_use]
    pub fn serves(&self, product: &RuleId, region: &str) -> bool {
        self.regions.iter().any(|served| served == region)
            && (self.products.is_empty() || self.products.contains(product))
    }
}
