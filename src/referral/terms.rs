use serde::{Deserialize, Serialize};

use crate::partner::reward::{Reward, Stage};
use crate::partner::scheme::Product;

/// What was promised for a referral when it qualified: kept with it, so that a later change of the
/// manifest takes nothing from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Of the product's entry in the manifest.
    pub version: u32,
    pub rewards: Vec<Reward>,
}

impl Terms {
    #[must_use]
    pub fn of(product: &Product) -> Self {
        Self { version: product.version, rewards: product.rewards.clone() }
    }

    /// Whether something is given at that stage.
    #[must_use]
    pub fn has(&self, stage: Stage) -> bool {
        self.rewards.iter().any(|reward| reward.on == stage)
    }
}
