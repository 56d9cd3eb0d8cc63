//! What happens to points after they were earned: refunds, debts, redemptions, maturing, expiry.

use rust_decimal::Decimal;
use serde::Serialize;

use super::LocalMoment;
use crate::ids::{EventId, PartnerId};
use crate::ledger::RuleVersion;
use crate::money::Amount;

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum PointsReason {
    ClawedBack {
        rule: RuleVersion,
        paid: Amount,
        refunded_before: Amount,
        refunded: Amount,
    },
    /// Points that were to be taken back had been spent.
    Owed {
        points: Amount,
    },
    DebtRecovered {
        rule: RuleVersion,
        paid: Amount,
    },
    /// The partner of a refund bears the price of the points that are owed.
    Charged {
        rule: RuleVersion,
        points: Amount,
        price: Decimal,
        value: Amount,
    },
    /// What was charged for these points goes back to whoever bore it.
    ChargeGivenBack {
        rule: RuleVersion,
        points: Amount,
        value: Amount,
    },
    Held {
        rule: RuleVersion,
        points: Amount,
        times_out_at: LocalMoment,
    },
    Redeemed {
        rule: RuleVersion,
        points: Amount,
        price: Decimal,
        value: Amount,
    },
    /// The customer has to confirm the redemption, because of the number of points.
    AwaitsCustomer {
        points: Amount,
        above: Amount,
    },
    /// The customer confirmed the redemption, or declined it.
    Confirmed {
        points: Amount,
        partner: PartnerId,
        hold: EventId,
    },
    Declined {
        points: Amount,
        partner: PartnerId,
        hold: EventId,
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
}

impl PointsReason {
    pub(super) fn says(&self) -> String {
        match self {
            Self::ClawedBack { paid, refunded_before, refunded, .. } => format!(
                "{} CNY refunded; with this, {refunded} of the {paid} CNY paid have been, and that \
                 part of what the payment brought is taken back.",
                refunded_now(*refunded, *refunded_before)
            ),
            Self::Owed { points } => format!(
                "{points} of the points taken back had been spent: they are owed, and paid from \
                 the next points earned."
            ),
            // How much is owed in all may come of other partners: that is the customer's to know.
            Self::DebtRecovered { paid, .. } => {
                format!("{paid} points pay what was owed after a refund.")
            }
            Self::Charged { points, price, value, .. } => format!(
                "The partner bears the price of the {points} points that are owed, {price} CNY each: \
                 {value} CNY, until the customer has repaid them."
            ),
            Self::ChargeGivenBack { points, value, .. } => format!(
                "{points} points that had been charged for an earlier refund are repaid: {value} CNY \
                 go back to whoever was charged."
            ),
            Self::Held { points, times_out_at, .. } => {
                let until = times_out_at.minute();
                format!("{points} points are held for a redemption until {until}.")
            }
            Self::Redeemed { points, price, value, .. } => format!(
                "{points} points redeemed at {price} CNY each: {value} CNY are owed to the partner, \
                 rounded down over all redemptions of the customer there."
            ),
            Self::AwaitsCustomer { points, above } => format!(
                "More than {above} points are redeemed only once the customer has confirmed it: these \
                 {points} points wait for that."
            ),
            Self::Confirmed { points, .. } => {
                format!("The customer confirmed the redemption of {points} points.")
            }
            Self::Declined { points, .. } => {
                format!("The customer declined the redemption of {points} points.")
            }
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
        }
    }

    pub(super) fn says_zh(&self) -> String {
        match self {
            Self::ClawedBack { paid, refunded_before, refunded, .. } => format!(
                "退款{}元；实付{paid}元中累计已退{refunded}元，收回该笔支付相应所得。",
                refunded_now(*refunded, *refunded_before)
            ),
            Self::Owed { points } => {
                format!("应收回的积分中有{points}分已使用：记为应还积分，从下次所得积分中扣还。")
            }
            Self::DebtRecovered { paid, .. } => {
                format!("{paid}积分用于偿还退款后的应还积分。")
            }
            Self::Charged { points, price, value, .. } => {
                format!(
                    "应还的{points}积分按每分{price}元由合作方承担，计{value}元，待客户偿还后退回。"
                )
            }
            Self::ChargeGivenBack { points, value, .. } => {
                format!("此前退款计收的{points}积分已偿还：向原承担方退回{value}元。")
            }
            Self::Held { points, times_out_at, .. } => {
                format!("{points}积分已冻结待兑换，至{}。", times_out_at.minute())
            }
            Self::Redeemed { points, price, value, .. } => {
                format!(
                    "兑换{points}积分，每分{price}元：应付合作方{value}元（按该客户在此累计兑换向下取整）。"
                )
            }
            Self::AwaitsCustomer { points, above } => {
                format!("兑换超过{above}积分须经客户确认：这{points}积分待客户确认。")
            }
            Self::Confirmed { points, .. } => format!("客户已确认兑换{points}积分。"),
            Self::Declined { points, .. } => format!("客户已拒绝兑换{points}积分。"),
            Self::Released { points, .. } => format!("兑换未完成：{points}积分恢复可用。"),
            Self::Returned { points, value, .. } => {
                format!("退还已兑换的{points}积分，有效期不变；应付合作方减少{value}元。")
            }
            Self::Matured { points, .. } => format!("{points}积分即日起可用。"),
            Self::Expired { points, .. } => format!("{points}积分逾期未使用，已失效。"),
        }
    }
}

/// The part that this refund alone gave back.
fn refunded_now(refunded: Amount, before: Amount) -> Amount {
    refunded.checked_sub(before).unwrap_or(refunded)
}
