//! What a referral is rewarded with, and what is taken back.

use chrono::NaiveDate;
use serde::Serialize;

use super::LocalMoment;
use crate::ledger::RuleVersion;
use crate::money::{Amount, Asset};
use crate::partner::reward::{Gift, RewardStage};

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum RewardReason {
    Rewarded {
        rule: RuleVersion,
        on: RewardStage,
        to: RewardSide,
        asset: Asset,
        amount: Amount,
        #[serde(skip_serializing_if = "Option::is_none")]
        available_from: Option<NaiveDate>,
        /// When on that day.
        #[serde(skip_serializing_if = "Option::is_none")]
        available_at: Option<LocalMoment>,
    },
    /// The budget of a reward left less of the reward, or nothing.
    BudgetSpent {
        rule: RuleVersion,
        to: RewardSide,
        asset: Asset,
        most: Amount,
        used: Amount,
        wanted: Amount,
        given: Amount,
    },
    /// The reward of a referral is taken back.
    RewardTakenBack { rule: RuleVersion, to: RewardSide, asset: Asset, amount: Amount },
    /// A commission for a lead waits until a customer manager has talked to the person.
    AwaitsContact { rule: RuleVersion, amount: Amount },
    /// A commission may be paid.
    CommissionMatured { rule: RuleVersion, amount: Amount },
    /// The referral came without consent: there is nothing to reward.
    ConsentMissing,
}

/// Who is rewarded for a referral.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RewardSide {
    Customer,
    Partner,
}

impl RewardReason {
    pub(super) fn says(&self) -> String {
        match self {
            Self::Rewarded { on, to, asset, amount, available_at, .. } => {
                let what = match on {
                    RewardStage::Qualified => "a qualified referral",
                    RewardStage::Converted => "a referral that converted",
                    RewardStage::FirstRepayment => "a referral whose first instalment is paid",
                };
                let mut says =
                    format!("Reward for {what}: {amount} {} to the {}.", unit(*asset), to.name());
                if let Some(at) = available_at {
                    let at = at.minute();
                    says.push_str(&match to {
                        RewardSide::Partner => format!(" It can be paid from {at} on."),
                        RewardSide::Customer => format!(" They can be spent from {at} on."),
                    });
                }
                says
            }
            Self::BudgetSpent { to, asset, most, used, wanted, given, .. } => format!(
                "{given} of the {wanted} {} to the {}: the reward's budget is {most}, of \
                 which {used} were used.",
                unit(*asset),
                to.name()
            ),
            Self::RewardTakenBack { to, asset, amount, .. } => format!(
                "The product was cancelled: the {}'s reward of {amount} {} is taken back.",
                to.name(),
                unit(*asset)
            ),
            Self::AwaitsContact { amount, .. } => format!(
                "The {amount} CNY can be paid once a customer manager has talked to the person; if \
                 the referral ends before, they are taken back."
            ),
            Self::CommissionMatured { amount, .. } => {
                format!("The commission of {amount} CNY can be paid from now on.")
            }
            Self::ConsentMissing => "The person's consent is missing or does not hold: nothing is \
                                     sent, and the contact data is not kept."
                .to_owned(),
        }
    }

    pub(super) fn says_zh(&self) -> String {
        match self {
            Self::Rewarded { on, to, asset, amount, available_at, .. } => {
                let what = match on {
                    RewardStage::Qualified => "推荐合格奖励",
                    RewardStage::Converted => "推荐成交奖励",
                    RewardStage::FirstRepayment => "推荐客户首次还款奖励",
                };
                let mut says =
                    format!("{what}：{amount}{}，给予{}。", unit_zh(*asset), to.name_zh());
                if let Some(at) = available_at {
                    let at = at.minute();
                    says.push_str(&match to {
                        RewardSide::Partner => format!("自{at}起可支付。"),
                        RewardSide::Customer => format!("自{at}起可用。"),
                    });
                }
                says
            }
            Self::BudgetSpent { to, asset, most, used, wanted, given, .. } => format!(
                "应给予{}{wanted}{}，实给{given}：奖励预算{most}，已用{used}。",
                to.name_zh(),
                unit_zh(*asset)
            ),
            Self::RewardTakenBack { to, asset, amount, .. } => {
                format!("产品已取消：收回{}奖励{amount}{}。", to.name_zh(), unit_zh(*asset))
            }
            Self::AwaitsContact { amount, .. } => {
                format!(
                    "{amount}元待客户经理与本人取得联系后方可支付；在此之前推荐终止的，予以收回。"
                )
            }
            Self::CommissionMatured { amount, .. } => format!("佣金{amount}元即日起可支付。"),
            Self::ConsentMissing => "缺少有效的授权同意：不发送，不保留联系方式。".to_owned(),
        }
    }
}

/// What an amount is counted in, for people.
fn unit(asset: Asset) -> &'static str {
    if asset == Asset::PTS { "points" } else { asset.code() }
}

fn unit_zh(asset: Asset) -> &'static str {
    if asset == Asset::PTS { "积分" } else { "元" }
}

impl RewardSide {
    const fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Partner => "partner",
        }
    }

    const fn name_zh(self) -> &'static str {
        match self {
            Self::Customer => "客户",
            Self::Partner => "合作方",
        }
    }
}

impl From<Gift> for RewardSide {
    fn from(gift: Gift) -> Self {
        match gift {
            Gift::Customer { .. } => Self::Customer,
            Gift::Partner { .. } => Self::Partner,
        }
    }
}
