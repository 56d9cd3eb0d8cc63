//! What the reasons of referral rewards say, in English and in Chinese.

use super::explain::DecisionReason;
use crate::partner::reward::Stage;

impl DecisionReason {
    pub(super) fn reward_says(&self) -> String {
        match self {
            Self::Rewarded { on, to, asset, amount, available_from, .. } => {
                let what = match on {
                    Stage::Qualified => "a qualified referral",
                    Stage::Converted => "a referral that converted",
                    Stage::FirstRepayment => "a referral whose first instalment is paid",
                };
                let mut says = format!("Reward for {what}: {amount} {asset} to the {to}.");
                if let Some(day) = available_from {
                    says.push_str(&match *to {
                        "partner" => format!(" It can be paid from {day} on."),
                        _ => format!(" They can be spent from {day} on."),
                    });
                }
                says
            }
            Self::BudgetSpent { to, asset, most, used, wanted, given, .. } => format!(
                "{given} of the {wanted} {asset} to the {to}: the reward's budget is {most}, of \
                 which {used} were used."
            ),
            Self::RewardTakenBack { to, asset, amount, .. } => format!(
                "The product was cancelled: the {to}'s reward of {amount} {asset} is taken back."
            ),
            Self::CommissionMatured { amount, .. } => {
                format!("The commission of {amount} CNY can be paid from now on.")
            }
            _ => String::new(),
        }
    }

    pub(super) fn reward_says_zh(&self) -> String {
        let receiver = |to: &str| if to == "partner" { "合作方" } else { "客户" };
        match self {
            Self::Rewarded { on, to, asset, amount, available_from, .. } => {
                let what = match on {
                    Stage::Qualified => "推荐合格奖励",
                    Stage::Converted => "推荐成交奖励",
                    Stage::FirstRepayment => "推荐客户首次还款奖励",
                };
                let mut says = format!("{what}：{amount} {asset}，给予{}。", receiver(to));
                if let Some(day) = available_from {
                    says.push_str(&match *to {
                        "partner" => format!("自{day}起可支付。"),
                        _ => format!("自{day}起可用。"),
                    });
                }
                says
            }
            Self::BudgetSpent { to, asset, most, used, wanted, given, .. } => format!(
                "应给予{}{wanted} {asset}，实给{given}：奖励预算{most}，已用{used}。",
                receiver(to)
            ),
            Self::RewardTakenBack { to, asset, amount, .. } => {
                format!("产品已取消：收回{}奖励{amount} {asset}。", receiver(to))
            }
            Self::CommissionMatured { amount, .. } => format!("佣金{amount}元即日起可支付。"),
            _ => String::new(),
        }
    }
}
