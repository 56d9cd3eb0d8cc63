//! Why a payment earned points, earned fewer, or earned none.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Serialize;

use super::LocalMoment;
use crate::ids::RuleId;
use crate::ledger::RuleVersion;
use crate::money::{Amount, Rounding};
use crate::partner::earning::Period;
use crate::partner::terms::Share;
use crate::program::facts::ConditionPart;

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum EarningReason {
    Earned {
        rule: RuleVersion,
        /// The part of the payment that the rule counts.
        paid: Amount,
        #[serde(flatten)]
        basis: EarningBasis,
        #[serde(skip_serializing_if = "Option::is_none")]
        multiplier: Option<Decimal>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        lines_multiplied: Vec<LinesMultiplied>,
        unrounded: Decimal,
        rounding: Rounding,
        points: Amount,
        partner_share: Share,
        #[serde(skip_serializing_if = "Option::is_none")]
        available_from: Option<NaiveDate>,
        /// When on that day they may be spent.
        #[serde(skip_serializing_if = "Option::is_none")]
        available_at: Option<LocalMoment>,
        /// The last day on which the points may be spent.
        #[serde(skip_serializing_if = "Option::is_none")]
        spend_by: Option<NaiveDate>,
        /// Whether the points had expired when the payment was recorded.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        expired: bool,
    },
    /// A rule in force gave nothing.
    NotEarned { rule: RuleVersion, because: NotEarned },
    /// A cap or a budget left less.
    Capped {
        rule: RuleVersion,
        by: LimitName,
        most: Amount,
        used: Amount,
        wanted: Amount,
        given: Amount,
    },
    TierReached {
        tier: RuleId,
        /// What customers call it.
        name: String,
        name_zh: String,
        held_until: LocalMoment,
    },
}

/// Lines that a multiplier with categories multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LinesMultiplied {
    pub by: Decimal,
    /// What was paid for them.
    pub paid: Amount,
}

/// How points come about before multiplier and rounding.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
pub enum EarningBasis {
    PerUnit { points_per_unit: Decimal },
    PerVisit { points_per_visit: Amount },
    Step { step_spend: Amount, step_points: Amount },
    Each { each_spend: Amount, each_points: Amount, times: i64 },
}

/// Why a rule gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NotEarned {
    /// The part of its condition that does not hold.
    Condition(ConditionPart),
    /// Its exception holds.
    Excepted,
    /// Another rule of its group is taken instead.
    Superseded,
}

/// The limit of a rule that left less than the rule would give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitName {
    Day,
    Month,
    Campaign,
    Budget,
}

impl EarningReason {
    pub(super) fn says(&self) -> String {
        match self {
            Self::Earned {
                paid,
                basis,
                multiplier,
                lines_multiplied,
                unrounded,
                rounding,
                points,
                available_at,
                spend_by,
                expired,
                ..
            } => {
                let exact = points.decimal() == *unrounded;
                let rounded = if exact {
                    String::new()
                } else {
                    format!(" (rounded {})", rounding.name().replace('_', " "))
                };
                let mut times = String::new();
                for LinesMultiplied { by, paid } in lines_multiplied {
                    times.push_str(&format!(", {paid} CNY of it times {by},"));
                }
                if let Some(by) = multiplier {
                    times.push_str(&format!(", times {by},"));
                }
                let basis = basis.says(*paid);
                let mut says =
                    format!("{points} points: {basis}{times} gives {unrounded}{rounded}.");
                if *expired {
                    says.push_str(" They had expired when the payment was recorded.");
                    return says;
                }
                if let Some(from) = available_at {
                    let from = from.minute();
                    says.push_str(&format!(" They can be spent from {from} on."));
                }
                if let Some(day) = spend_by {
                    says.push_str(&format!(" Spend them by {day}: what is left then expires."));
                }
                says
            }
            Self::NotEarned { rule, because } => because.says(rule),
            Self::Capped { rule, by, most, used, wanted, given } => format!(
                "{given} of the {wanted} points by {rule}: its limit ({by}) is {most}, of which \
                 {used} were used.",
                by = by.name()
            ),
            Self::TierReached { name, held_until, .. } => {
                let day = held_until.last_day();
                format!("The tier {name} is reached and held until {day} at least.")
            }
        }
    }

    pub(super) fn says_zh(&self) -> String {
        match self {
            Self::Earned {
                paid,
                basis,
                multiplier,
                lines_multiplied,
                unrounded,
                rounding,
                points,
                available_at,
                spend_by,
                expired,
                ..
            } => {
                let exact = points.decimal() == *unrounded;
                let rounded =
                    if exact { String::new() } else { format!("（{}）", rounding.name_zh()) };
                let mut times = String::new();
                for LinesMultiplied { by, paid } in lines_multiplied {
                    times.push_str(&format!("，其中{paid}元乘以{by}"));
                }
                if let Some(by) = multiplier {
                    times.push_str(&format!("，乘以{by}"));
                }
                let basis = basis.says_zh(*paid);
                let mut says =
                    format!("获得{points}积分：{basis}{times}，计{unrounded}{rounded}。");
                if *expired {
                    says.push_str("入账时已过有效期。");
                    return says;
                }
                if let Some(from) = available_at {
                    says.push_str(&format!("自{}起可用。", from.minute()));
                }
                if let Some(day) = spend_by {
                    says.push_str(&format!("请于{day}前（含当日）使用，逾期失效。"));
                }
                says
            }
            Self::NotEarned { rule, because } => because.says_zh(rule),
            Self::Capped { rule, by, most, used, wanted, given } => format!(
                "规则{rule}应得{wanted}积分，实得{given}：{by}{most}，已用{used}。",
                by = by.name_zh()
            ),
            Self::TierReached { name_zh, held_until, .. } => {
                format!("达到等级{name_zh}，至少保留至{}。", held_until.last_day())
            }
        }
    }
}

impl EarningBasis {
    fn says(self, paid: Amount) -> String {
        match self {
            Self::PerUnit { points_per_unit } => {
                format!("{paid} CNY paid at {points_per_unit} points per 1.00 CNY")
            }
            Self::PerVisit { points_per_visit } => format!("{points_per_visit} points a visit"),
            Self::Step { step_spend, step_points } => {
                format!("{paid} CNY paid reaches the step {step_spend} with {step_points} points")
            }
            Self::Each { each_spend, each_points, times } => format!(
                "{paid} CNY paid holds {each_spend} CNY {times} times at {each_points} points each"
            ),
        }
    }

    fn says_zh(self, paid: Amount) -> String {
        match self {
            Self::PerUnit { points_per_unit } => {
                format!("实付{paid}元，每1.00元{points_per_unit}积分")
            }
            Self::PerVisit { points_per_visit } => format!("每次到店{points_per_visit}积分"),
            Self::Step { step_spend, step_points } => {
                format!("实付{paid}元，达到满{step_spend}元档，{step_points}积分")
            }
            Self::Each { each_spend, each_points, times } => {
                format!("实付{paid}元，每满{each_spend}元得{each_points}积分，共{times}次")
            }
        }
    }
}

impl NotEarned {
    fn says(self, rule: &RuleVersion) -> String {
        match self {
            Self::Condition(part) => {
                format!("No points by {rule}: its condition on {} does not hold.", part.in_words())
            }
            Self::Excepted => format!("No points by {rule}: this payment is excepted."),
            Self::Superseded => {
                format!("No points by {rule}: another rule of its group is taken instead.")
            }
        }
    }

    fn says_zh(self, rule: &RuleVersion) -> String {
        match self {
            Self::Condition(part) => {
                format!("规则{rule}未得积分：不满足条件（{}）。", part.name_zh())
            }
            Self::Excepted => format!("规则{rule}未得积分：该笔支付属于除外情形。"),
            Self::Superseded => format!("规则{rule}未得积分：同组已采用另一规则。"),
        }
    }
}

impl LimitName {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
            Self::Campaign => "campaign",
            Self::Budget => "budget",
        }
    }
}

impl LimitName {
    pub(super) const fn name_zh(self) -> &'static str {
        match self {
            Self::Day => "每日上限",
            Self::Month => "每月上限",
            Self::Campaign => "活动期上限",
            Self::Budget => "活动总预算",
        }
    }
}

impl From<Period> for LimitName {
    fn from(period: Period) -> Self {
        match period {
            Period::Day => Self::Day,
            Period::Month => Self::Month,
            Period::Campaign => Self::Campaign,
        }
    }
}
