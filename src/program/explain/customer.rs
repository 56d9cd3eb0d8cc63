//! What a customer reads of a receipt: their own side, in words without codes. What the bank and a
//! partner have agreed on (commission, subsidies, prices, who bears what) is none of it. Receipts
//! are kept as JSON, so those of earlier releases are read like new ones.

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::Value;

use super::LocalMoment;
use crate::clock::Moment;

/// A reason for the customer, in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerSentence {
    pub says: String,
    pub says_zh: String,
}

/// The reasons of a receipt that a customer reads, by their code. All others are between the bank
/// and a partner.
#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
enum CustomerReason {
    Earned(Earned),
    Capped {
        wanted: String,
        given: String,
    },
    TierReached {
        tier: String,
        held_until: String,
    },
    FeeWaived {
        periods: u32,
        fee: String,
        waived: String,
    },
    ClawedBack {
        paid: String,
        refunded: String,
    },
    Owed {
        points: String,
    },
    DebtRecovered {
        owed: String,
        paid: String,
        left: String,
    },
    Held {
        points: String,
        times_out_at: String,
    },
    Redeemed {
        points: String,
    },
    Released {
        points: String,
    },
    Returned {
        points: String,
    },
    Matured {
        points: String,
    },
    Expired {
        points: String,
    },
    Rewarded {
        on: String,
        asset: String,
        amount: String,
        available_from: Option<NaiveDate>,
    },
    RewardTakenBack {
        asset: String,
        amount: String,
    },
    Adjusted {
        points: String,
        because: String,
    },
    Reversed {
        because: String,
    },
    #[serde(other)]
    BetweenBankAndPartner,
}

#[derive(Deserialize)]
struct Earned {
    paid: String,
    points: String,
    available_from: Option<NaiveDate>,
    available_at: Option<String>,
    spend_by: Option<NaiveDate>,
    #[serde(default)]
    expired: bool,
}

/// What a reason of a receipt says to the customer; `None` where it is not the customer's business.
#[must_use]
pub fn sentence(reason: &Value, zone: Tz) -> Option<CustomerSentence> {
    let reason = CustomerReason::deserialize(reason).ok()?;
    let (says, says_zh) = reason.says(zone)?;
    Some(CustomerSentence { says, says_zh })
}

impl CustomerReason {
    fn says(&self, zone: Tz) -> Option<(String, String)> {
        Some(match self {
            Self::Earned(earned) => return earned.says(zone),
            Self::Capped { wanted, given } => (
                format!("{given} of these {wanted} points: the limit of the offer is reached."),
                format!("其中实得{given}积分（应得{wanted}）：已达活动上限。"),
            ),
            Self::TierReached { tier, held_until } => {
                let day = local(held_until, zone)?.last_day();
                (
                    format!("The tier {tier} is reached and held until {day} at least."),
                    format!("达到等级{tier}，至少保留至{day}。"),
                )
            }
            Self::FeeWaived { periods, fee, waived } => (
                format!("{waived} of the {fee} CNY fee for {periods} instalments are waived."),
                format!("{periods}期分期手续费{fee}元，减免{waived}元。"),
            ),
            Self::ClawedBack { paid, refunded } => (
                format!(
                    "{refunded} of the {paid} CNY paid are refunded: the points for them are taken \
                     back."
                ),
                format!("实付{paid}元中已退{refunded}元，收回相应积分。"),
            ),
            Self::Rewarded { .. } | Self::RewardTakenBack { .. } => return self.reward_says(),
            Self::Adjusted { points, because } => {
                let (done, done_zh) =
                    if points.starts_with('-') { ("taken", "调减") } else { ("given", "调增") };
                let points = points.trim_start_matches('-');
                (
                    format!("{points} points {done} by the bank: {because}"),
                    format!("银行{done_zh}{points}积分：{because}"),
                )
            }
            Self::Reversed { because } => {
                (format!("Taken back in full: {because}"), format!("已全额冲正：{because}"))
            }
            Self::Owed { .. }
            | Self::DebtRecovered { .. }
            | Self::Held { .. }
            | Self::Redeemed { .. }
            | Self::Released { .. }
            | Self::Returned { .. }
            | Self::Matured { .. }
            | Self::Expired { .. } => return self.points_say(zone),
            Self::BetweenBankAndPartner => return None,
        })
    }

    fn points_say(&self, zone: Tz) -> Option<(String, String)> {
        Some(match self {
            Self::Owed { points } => (
                format!(
                    "{points} of the points taken back had been spent: they are owed, and paid \
                     from the next points earned."
                ),
                format!("应收回的积分中有{points}分已使用：记为应还积分，从下次所得积分中扣还。"),
            ),
            Self::DebtRecovered { owed, paid, left } => (
                format!(
                    "{paid} points pay what was owed after a refund: {owed} were owed, {left} are \
                     left."
                ),
                format!("{paid}积分用于偿还退款后的应还积分：原欠{owed}，尚欠{left}。"),
            ),
            Self::Held { points, times_out_at } => {
                let until = local(times_out_at, zone)?.minute();
                (
                    format!("{points} points are held for a redemption until {until}."),
                    format!("{points}积分已冻结待兑换，至{until}。"),
                )
            }
            Self::Redeemed { points } => {
                (format!("{points} points redeemed."), format!("兑换{points}积分。"))
            }
            Self::Released { points } => (
                format!("The redemption came to nothing: {points} points can be spent again."),
                format!("兑换未完成：{points}积分恢复可用。"),
            ),
            Self::Returned { points } => (
                format!("{points} redeemed points given back with the expiry they had."),
                format!("退还已兑换的{points}积分，有效期不变。"),
            ),
            Self::Matured { points } => (
                format!("{points} points can be spent from now on."),
                format!("{points}积分即日起可用。"),
            ),
            Self::Expired { points } => (
                format!("{points} points expired: they were not spent in time."),
                format!("{points}积分逾期未使用，已失效。"),
            ),
            Self::Earned(_)
            | Self::Capped { .. }
            | Self::TierReached { .. }
            | Self::FeeWaived { .. }
            | Self::ClawedBack { .. }
            | Self::Rewarded { .. }
            | Self::RewardTakenBack { .. }
            | Self::Adjusted { .. }
            | Self::Reversed { .. }
            | Self::BetweenBankAndPartner => return None,
        })
    }

    /// Rewards in points are the customer's; those in money are a partner's commission.
    fn reward_says(&self) -> Option<(String, String)> {
        match self {
            Self::Rewarded { on, asset, amount, available_from } if asset == "PTS" => {
                let (what, what_zh) = match on.as_str() {
                    "converted" => ("a referral that converted", "推荐成交奖励"),
                    "first_repayment" => {
                        ("a referral whose first instalment is paid", "推荐客户首次还款奖励")
                    }
                    _ => ("a qualified referral", "推荐合格奖励"),
                };
                let mut says = format!("Reward for {what}: {amount} points.");
                let mut says_zh = format!("{what_zh}：{amount}积分。");
                if let Some(day) = available_from {
                    says.push_str(&format!(" They can be spent from {day} on."));
                    says_zh.push_str(&format!("自{day}起可用。"));
                }
                Some((says, says_zh))
            }
            Self::RewardTakenBack { asset, amount } if asset == "PTS" => Some((
                format!("The product was cancelled: the reward of {amount} points is taken back."),
                format!("产品已取消：收回奖励{amount}积分。"),
            )),
            _ => None,
        }
    }
}

impl Earned {
    fn says(&self, zone: Tz) -> Option<(String, String)> {
        let Self { paid, points, .. } = self;
        let mut says = format!("{points} points for {paid} CNY paid.");
        let mut says_zh = format!("实付{paid}元，获得{points}积分。");
        if self.expired {
            says.push_str(" They had expired when the payment was recorded.");
            says_zh.push_str("入账时已过有效期。");
            return Some((says, says_zh));
        }
        let from = match (&self.available_at, self.available_from) {
            (Some(at), _) => Some(local(at, zone)?.minute()),
            (None, day) => day.map(|day| day.to_string()),
        };
        if let Some(from) = from {
            says.push_str(&format!(" They can be spent from {from} on."));
            says_zh.push_str(&format!("自{from}起可用。"));
        }
        if let Some(day) = self.spend_by {
            says.push_str(&format!(" Spend them by {day}: what is left then expires."));
            says_zh.push_str(&format!("请于{day}前（含当日）使用，逾期失效。"));
        }
        Some((says, says_zh))
    }
}

fn local(moment: &str, zone: Tz) -> Option<LocalMoment> {
    Moment::parse(moment).map(|at| LocalMoment::new(at, zone))
}
