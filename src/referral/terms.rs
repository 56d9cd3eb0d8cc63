use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::partner::reward::{Reward, RewardStage};
use crate::partner::scheme::Product;

/// What was promised for a referral when it qualified: kept with it, so that a later change of the
/// manifest takes nothing from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The version of the product's entry in the manifest.
    pub version: u32,
    pub rewards: Vec<Reward>,
    /// Days for which the person is this referral's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_days: Option<u32>,
}

impl Terms {
    #[must_use]
    pub fn of(product: &Product) -> Self {
        let window_days = product.attribution.as_ref().map(|it| it.window_days);
        Self { version: product.version, rewards: product.rewards.clone(), window_days }
    }

    /// Nothing was promised.
    #[must_use]
    pub const fn none() -> Self {
        Self { version: 0, rewards: Vec::new(), window_days: None }
    }

    /// When a referral that goes on at that time expires if nothing comes of it; `None` is never.
    #[must_use]
    pub fn expires_at(&self, now: Moment) -> Option<Moment> {
        self.window_days.map(|days| now.plus(TimeDelta::days(i64::from(days))))
    }

    /// Whether something is given at that stage.
    #[must_use]
    pub fn has(&self, stage: RewardStage) -> bool {
        self.rewards.iter().any(|reward| reward.on == stage)
    }
}
