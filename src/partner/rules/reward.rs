//! The rewards for a referral, as a manifest writes them: who gets how much, when, how long it stays
//! reserved, and from which budget.

use chrono::TimeDelta;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::terms;
use crate::clock::Moment;
use crate::money::{Amount, Asset};

/// One reward of a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RewardDocument", into = "RewardDocument")]
pub struct Reward {
    pub on: RewardStage,
    pub gift: Gift,
    /// Days until points may be spent, or a commission may be paid.
    pending_days: Option<u32>,
    /// The most that this reward may give to everybody together, in all versions.
    pub budget: Option<Amount>,
}

/// How far a referral must have come for a reward.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum RewardStage {
    #[default]
    Qualified,
    Converted,
    FirstRepayment,
}

/// What is given, and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gift {
    /// Points for the customer, at the bank's expense. A referral without a member brings none.
    Customer { points: Amount },
    /// Commission that the bank owes to the partner.
    Partner { commission: Amount },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Receiver {
    Customer,
    Partner,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RewardDocument {
    to: Receiver,
    #[serde(default)]
    on: RewardStage,
    #[serde(
        default,
        deserialize_with = "terms::optional_points",
        skip_serializing_if = "Option::is_none"
    )]
    points: Option<Amount>,
    #[serde(
        default,
        deserialize_with = "terms::optional_yuan",
        skip_serializing_if = "Option::is_none"
    )]
    commission: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_days: Option<u32>,
    #[serde(
        default,
        deserialize_with = "terms::optional_decimal",
        skip_serializing_if = "Option::is_none"
    )]
    budget: Option<Decimal>,
}

impl TryFrom<RewardDocument> for Reward {
    type Error = String;

    fn try_from(written: RewardDocument) -> Result<Self, String> {
        let gift = match (written.to, written.points, written.commission) {
            (Receiver::Customer, Some(points), None) => Gift::Customer { points },
            (Receiver::Partner, None, Some(commission)) => Gift::Partner { commission },
            (Receiver::Customer, ..) => return Err("rewards: a customer gets points".to_owned()),
            (Receiver::Partner, ..) => return Err("rewards: a partner gets commission".to_owned()),
        };
        let budget = written.budget.map(|budget| Amount::exact(budget, gift.amount().asset()));
        let budget = budget.transpose().map_err(|error| format!("rewards: budget: {error}"))?;
        if budget.is_some_and(|budget| budget.minor() <= 0) {
            return Err("rewards: budget: expected more than 0".to_owned());
        }
        Ok(Self { on: written.on, gift, pending_days: written.pending_days, budget })
    }
}

impl From<Reward> for RewardDocument {
    fn from(reward: Reward) -> Self {
        let (to, points, commission) = match reward.gift {
            Gift::Customer { points } => (Receiver::Customer, Some(points), None),
            Gift::Partner { commission } => (Receiver::Partner, None, Some(commission)),
        };
        Self {
            to,
            on: reward.on,
            points,
            commission,
            pending_days: reward.pending_days,
            budget: reward.budget.map(Amount::decimal),
        }
    }
}

impl Reward {
    /// Days until the reward is no longer reserved.
    #[must_use]
    pub const fn pending_days(&self) -> Option<u32> {
        self.pending_days
    }

    /// When a reward given at that time is no longer reserved; `None`: it is free at once.
    #[must_use]
    pub fn matures_at(&self, given_at: Moment) -> Option<Moment> {
        let days = self.pending_days.filter(|days| *days > 0)?;
        Some(given_at.plus(TimeDelta::days(i64::from(days))))
    }
}

impl Gift {
    #[must_use]
    pub const fn amount(self) -> Amount {
        match self {
            Self::Customer { points } => points,
            Self::Partner { commission } => commission,
        }
    }

    /// Who gets it.
    #[must_use]
    pub const fn receiver(self) -> &'static str {
        match self {
            Self::Customer { .. } => "customer",
            Self::Partner { .. } => "partner",
        }
    }

    #[must_use]
    pub const fn asset(self) -> Asset {
        self.amount().asset()
    }
}

impl RewardStage {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Qualified => "qualified",
            Self::Converted => "converted",
            Self::FirstRepayment => "first_repayment",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Reward, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_reward_is_the_same_after_it_was_kept_as_json() {
        for text in [
            "to = \"partner\"\ncommission = \"80.00\"",
            "to = \"customer\"\npoints = \"500.00\"\non = \"first_repayment\"",
            "to = \"partner\"\ncommission = \"80.00\"\non = \"converted\"\npending_days = 30\n\
             budget = \"1000.00\"",
        ] {
            let reward = read(text).unwrap();
            let kept = serde_json::to_string(&reward).unwrap();
            assert_eq!(serde_json::from_str::<Reward>(&kept).unwrap(), reward, "{kept}");
        }
        assert_eq!(
            read("to = \"partner\"\ncommission = \"80.00\"").unwrap().on,
            RewardStage::Qualified
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (text, why) in [
            ("to = \"partner\"\npoints = \"1.00\"", "a partner gets commission"),
            ("to = \"customer\"\ncommission = \"1.00\"", "a customer gets points"),
            ("to = \"customer\"", "a customer gets points"),
            ("to = \"partner\"\ncommission = \"1.00\"\nbudget = \"0.00\"", "more than 0"),
            ("to = \"partner\"\ncommission = \"1.00\"\non = \"sent\"", "unknown variant"),
        ] {
            assert!(read(text).unwrap_err().contains(why), "{text}");
        }
    }
}
