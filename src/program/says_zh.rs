//! What a reason says in Chinese.

use super::explain::{DecisionReason, EarningBasis, NotEarned, refunded_now};
use crate::ledger::RuleVersion;

impl DecisionReason {
    /// The reason in plain Chinese.
    #[must_use]
    pub fn says_zh(&self) -> String {
        match self {
            Self::Earned { .. } => self.earned_says_zh(),
            Self::NotEarned { rule, because } => not_earned(rule, *because),
            Self::Capped { rule, by, most, used, wanted, given } => {
                format!("规则{rule}应得{wanted}积分，实得{given}：上限（{by}）{most}，已用{used}。")
            }
            Self::TierReached { tier, held_until } => {
                format!("达到等级{tier}，至少保留至{held_until}。")
            }
            Self::DiscountSpent { given, by, .. } => {
                format!("优惠{given}元超出约定（{by}）：核实之前不产生补贴。")
            }
            Self::Subsidised { given, bank_share, subsidy, .. } => {
                format!("优惠{given}元，银行承担{bank_share}：应付合作方{subsidy}元。")
            }
            Self::FeeWaived { periods, fee, given, by_bank, by_partner, .. } => format!(
                "{periods}期分期手续费{fee}元，减免{given}元：银行承担{by_bank}元，合作方承担{by_partner}元。"
            ),
            Self::WaiverDiffers { given, allowed, .. } => {
                format!("允许减免手续费{allowed}元，而非{given}元：核实之前不入账。")
            }
            Self::DiscountUndeclared { given } => {
                format!("优惠{given}元未注明活动：由合作方自行承担，不产生补贴。")
            }
            Self::DiscountDiffers { given, allowed, .. } => {
                format!("活动允许优惠{allowed}元，而非{given}元：核实之前不产生补贴。")
            }
            Self::SchemeUnknown { scheme, given } => {
                format!("活动{scheme}当日未生效：优惠{given}元核实之前不产生补贴。")
            }
            Self::ClawedBack { paid, refunded_before, refunded, .. } => format!(
                "退款{}元；实付{paid}元中累计已退{refunded}元，按比例收回该笔支付所得。",
                refunded_now(*refunded, *refunded_before)
            ),
            Self::Owed { points } => {
                format!("应收回的积分中有{points}分已使用：记为应还积分，从下次所得积分中扣还。")
            }
            Self::DebtRecovered { owed, paid, left, .. } => {
                format!("{paid}积分用于偿还退款后的应还积分：原欠{owed}，尚欠{left}。")
            }
            Self::Held { points, times_out_at, .. } => {
                format!("{points}积分已冻结待兑换，至{times_out_at}。")
            }
            Self::Redeemed { points, price, value, .. } => {
                format!("兑换{points}积分，每分{price}元：应付合作方{value}元。")
            }
            Self::Released { points, .. } => format!("兑换未完成：{points}积分恢复可用。"),
            Self::Returned { points, value, .. } => {
                format!("退还已兑换的{points}积分，有效期不变；应付合作方减少{value}元。")
            }
            Self::Matured { points, .. } => format!("{points}积分即日起可用。"),
            Self::Expired { points, .. } => format!("{points}积分逾期未使用，已失效。"),
            Self::Adjusted { points, by, .. } => by.says_adjusted_zh(*points),
            Self::Reversed { transaction, by, .. } => by.says_reversed_zh(*transaction),
            _ => self.reward_says_zh(),
        }
    }

    fn earned_says_zh(&self) -> String {
        let Self::Earned { points, rounding, unrounded, available_from, spend_by, .. } = self
        else {
            return String::new();
        };
        let exact = points.decimal() == *unrounded;
        let rounded = if exact { String::new() } else { format!("（{}）", rounding.name_zh()) };
        let mut says = format!(
            "获得{points}积分：{}{}，计{unrounded}{rounded}。",
            self.how_says_zh(),
            self.multiplier().map_or(String::new(), |by| format!("，乘以{by}")),
        );
        if let Some(from) = available_from {
            says.push_str(&format!("自{from}起可用。"));
        }
        if let Some(day) = spend_by {
            says.push_str(&format!("请于{day}前（含当日）使用，逾期失效。"));
        }
        says
    }

    fn how_says_zh(&self) -> String {
        let Self::Earned { paid, how, .. } = self else { return String::new() };
        match how {
            EarningBasis::PerUnit { points_per_unit } => {
                format!("实付{paid}元，每1.00元{points_per_unit}积分")
            }
            EarningBasis::PerVisit { points_per_visit } => {
                format!("每次到店{points_per_visit}积分")
            }
            EarningBasis::Step { step_spend, step_points } => {
                format!("实付{paid}元，达到满{step_spend}元档，{step_points}积分")
            }
            EarningBasis::Each { each_spend, each_points, times } => {
                format!("实付{paid}元，每满{each_spend}元得{each_points}积分，共{times}次")
            }
        }
    }
}

fn not_earned(rule: &RuleVersion, because: NotEarned) -> String {
    match because {
        NotEarned::Condition(part) => format!("规则{rule}未得积分：不满足条件（{part}）。"),
        NotEarned::Excepted => format!("规则{rule}未得积分：该笔支付属于除外情形。"),
        NotEarned::Superseded => format!("规则{rule}未得积分：同组已采用另一规则。"),
    }
}
