//! Why a posting is what it is, or why there is none: the numbers of the decision itself, from
//! which the sentences are made, in English and in Chinese.

use rust_decimal::Decimal;
use serde::Serialize;

use super::author::By;
use crate::clock::Moment;
use crate::ids::{RuleId, TransactionId};
use crate::ledger::RuleVersion;
use crate::money::{Amount, Rounding};
use crate::partner::terms::Share;

/// What a reader of a receipt should know although the event was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// There was a discount, and no scheme was named for it.
    DiscountUndeclared,
    /// The scheme that was named does not allow this discount.
    DiscountDiffers,
    /// The scheme that was named was not in force.
    SchemeUnknown,
    /// The referral came without consent: recorded, never sent.
    ConsentMissing,
}

/// One reason. Its fields are kept with the receipt beside the sentences, so that the arithmetic
/// can be done again.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    Earned {
        rule: RuleVersion,
        paid: Amount,
        points_per_unit: Decimal,
        unrounded: Decimal,
        rounding: Rounding,
        points: Amount,
        partner_share: Share,
        #[serde(skip_serializing_if = "Option::is_none")]
        available_from: Option<Moment>,
        #[serde(skip_serializing_if = "Option::is_none")]
        expires_at: Option<Moment>,
    },
    Subsidised {
        rule: RuleVersion,
        #[serde(rename = "discount")]
        given: Amount,
        bank_share: Share,
        subsidy: Amount,
    },
    DiscountUndeclared {
        #[serde(rename = "discount")]
        given: Amount,
    },
    DiscountDiffers {
        rule: RuleVersion,
        #[serde(rename = "discount")]
        given: Amount,
        allowed: Amount,
    },
    SchemeUnknown {
        scheme: RuleId,
        #[serde(rename = "discount")]
        given: Amount,
    },
    ClawedBack {
        rule: RuleVersion,
        paid: Amount,
        refunded_before: Amount,
        refunded: Amount,
    },
    /// What was taken back had been spent.
    Owed {
        points: Amount,
    },
    DebtRecovered {
        rule: RuleVersion,
        owed: Amount,
        paid: Amount,
        left: Amount,
    },
    Held {
        rule: RuleVersion,
        points: Amount,
        times_out_at: Moment,
    },
    Redeemed {
        rule: RuleVersion,
        points: Amount,
        price: Decimal,
        value: Amount,
    },
    /// A hold came to nothing.
    Released {
        rule: RuleVersion,
        points: Amount,
    },
    Returned {
        rule: RuleVersion,
        points: Amount,
        value: Amount,
    },
    Matured {
        rule: RuleVersion,
        points: Amount,
    },
    Expired {
        rule: RuleVersion,
        points: Amount,
    },
    Rewarded {
        rule: RuleVersion,
        to: &'static str,
        asset: crate::money::Asset,
        amount: Amount,
    },
    /// Staff gave points, or took them.
    Adjusted {
        rule: RuleVersion,
        points: Amount,
        #[serde(flatten)]
        by: By,
    },
    /// Staff reversed a transaction.
    Reversed {
        rule: RuleVersion,
        transaction: TransactionId,
        #[serde(flatten)]
        by: By,
    },
}

/// Reasons as a receipt carries them: their numbers, and what they say.
pub struct Explanation<'a>(pub &'a [Reason]);

#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    reason: &'a Reason,
    says: String,
    says_zh: String,
}

impl Serialize for Explanation<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|reason| Told {
            reason,
            says: reason.says(),
            says_zh: reason.says_zh(),
        }))
    }
}

impl Mark {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DiscountUndeclared => "discount_undeclared",
            Self::DiscountDiffers => "discount_differs",
            Self::SchemeUnknown => "scheme_unknown",
            Self::ConsentMissing => "consent_missing",
        }
    }
}

/// What was refunded by this refund alone.
fn refunded_now(refunded: Amount, before: Amount) -> Amount {
    refunded.checked_sub(before).unwrap_or(refunded)
}

impl Reason {
    /// The reason in plain English.
    #[must_use]
    pub fn says(&self) -> String {
        match self {
            Self::Earned { paid, points_per_unit, unrounded, points, rounding, .. } => {
                let exact = points.decimal() == *unrounded;
                let rounded =
                    if exact { String::new() } else { format!(" (rounded {})", rounding.name()) };
                let mut says = format!(
                    "{points} points: {paid} CNY paid at {points_per_unit} points per 1.00 CNY \
                     gives {unrounded}{rounded}."
                );
                if let Self::Earned { available_from: Some(from), .. } = self {
                    says.push_str(&format!(" They can be spent from {from} on."));
                }
                if let Self::Earned { expires_at: Some(at), .. } = self {
                    says.push_str(&format!(" What is not spent expires at {at}."));
                }
                says
            }
            Self::Subsidised { given, bank_share, subsidy, .. } => format!(
                "The bank bears {bank_share} of the {given} CNY discount: {subsidy} CNY are owed \
                 to the partner."
            ),
            Self::DiscountUndeclared { given } => format!(
                "The {given} CNY discount names no scheme: it is the partner's own and brings no \
                 subsidy."
            ),
            Self::DiscountDiffers { given, allowed, .. } => format!(
                "The scheme allows a discount of {allowed} CNY, not {given} CNY: no subsidy until \
                 this is cleared."
            ),
            Self::SchemeUnknown { scheme, given } => format!(
                "The scheme {scheme} was not in force: no subsidy for the {given} CNY discount \
                 until this is cleared."
            ),
            Self::ClawedBack { paid, refunded_before, refunded, .. } => format!(
                "{} CNY refunded; with this, {refunded} of the {paid} CNY paid have been, and that \
                 part of what the payment brought is taken back.",
                refunded_now(*refunded, *refunded_before)
            ),
            Self::Owed { points } => format!(
                "{points} of the points taken back had been spent: they are owed, and paid from \
                 the next points earned."
            ),
            Self::DebtRecovered { owed, paid, left, .. } => format!(
                "{paid} points pay what was owed after a refund: {owed} were owed, {left} are left."
            ),
            Self::Held { points, times_out_at, .. } => {
                format!("{points} points are held for a redemption until {times_out_at}.")
            }
            Self::Redeemed { points, price, value, .. } => format!(
                "{points} points redeemed at {price} CNY each: {value} CNY are owed to the partner."
            ),
            Self::Released { points, .. } => {
                format!("The redemption came to nothing: {points} points can be spent again.")
            }
            Self::Returned { points, value, .. } => format!(
                "{points} redeemed points given back with the expiry they had; the partner is owed \
                 {value} CNY less."
            ),
            Self::Matured { points, .. } => format!("{points} points can be spent from now on."),
            Self::Expired { points, .. } => {
                format!("{points} points expired: they were not spent in time.")
            }
            Self::Rewarded { to, amount, asset, .. } => {
                format!("Reward for a qualified referral: {amount} {asset} to the {to}.")
            }
            Self::Adjusted { points, by, .. } => by.says_adjusted(*points),
            Self::Reversed { transaction, by, .. } => by.says_reversed(*transaction),
        }
    }

    /// The reason in plain Chinese.
    #[must_use]
    pub fn says_zh(&self) -> String {
        match self {
            Self::Earned { paid, points_per_unit, unrounded, points, rounding, .. } => {
                let exact = points.decimal() == *unrounded;
                let rounded =
                    if exact { String::new() } else { format!("（{}）", rounding.name_zh()) };
                let mut says = format!(
                    "获得{points}积分：实付{paid}元，每1.00元{points_per_unit}积分，\
                     计{unrounded}{rounded}。"
                );
                if let Self::Earned { available_from: Some(from), .. } = self {
                    says.push_str(&format!("自{from}起可用。"));
                }
                if let Self::Earned { expires_at: Some(at), .. } = self {
                    says.push_str(&format!("未使用部分于{at}失效。"));
                }
                says
            }
            Self::Subsidised { given, bank_share, subsidy, .. } => {
                format!("优惠{given}元，银行承担{bank_share}：应付合作方{subsidy}元。")
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
            Self::Rewarded { to, amount, asset, .. } => {
                let to = if *to == "partner" { "合作方" } else { "客户" };
                format!("推荐合格奖励：{amount} {asset}，给予{to}。")
            }
            Self::Adjusted { points, by, .. } => by.says_adjusted_zh(*points),
            Self::Reversed { transaction, by, .. } => by.says_reversed_zh(*transaction),
        }
    }
}
