//! Why a posting is what it is, or why there is none: the numbers of the decision itself, from
//! which the sentences are made, in English and in Chinese.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Serialize;

use super::author::By;
use crate::clock::Moment;
use crate::ids::{RuleId, TransactionId};
use crate::ledger::RuleVersion;
use crate::money::{Amount, Asset, Rounding};
use crate::partner::reward::Stage;
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
    /// The discount was given more often, or cost the bank more, than was agreed.
    DiscountSpent,
    /// An instalment fee was waived, and no waiver was named for it.
    WaiverUndeclared,
    /// The waiver that was named does not allow this.
    WaiverDiffers,
    /// The referral came without consent: recorded, never sent.
    ConsentMissing,
}

/// One reason. Its fields are kept with the receipt beside the sentences, so that the arithmetic
/// can be done again.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum DecisionReason {
    Earned {
        rule: RuleVersion,
        /// What was paid and counts.
        paid: Amount,
        #[serde(flatten)]
        how: EarningBasis,
        #[serde(skip_serializing_if = "Option::is_none")]
        multiplier: Option<Decimal>,
        unrounded: Decimal,
        rounding: Rounding,
        points: Amount,
        partner_share: Share,
        #[serde(skip_serializing_if = "Option::is_none")]
        available_from: Option<NaiveDate>,
        /// The last day on which they may be spent.
        #[serde(skip_serializing_if = "Option::is_none")]
        spend_by: Option<NaiveDate>,
    },
    /// A rule in force gave nothing.
    NotEarned {
        rule: RuleVersion,
        because: NotEarned,
    },
    /// A cap or a budget left less.
    Capped {
        rule: RuleVersion,
        by: &'static str,
        most: Amount,
        used: Amount,
        wanted: Amount,
        given: Amount,
    },
    TierReached {
        tier: RuleId,
        held_until: Moment,
    },
    /// The customer has had the discount as often, or the bank has paid as much, as was agreed.
    DiscountSpent {
        rule: RuleVersion,
        #[serde(rename = "discount")]
        given: Amount,
        by: &'static str,
    },
    Subsidised {
        rule: RuleVersion,
        #[serde(rename = "discount")]
        given: Amount,
        bank_share: Share,
        subsidy: Amount,
    },
    FeeWaived {
        rule: RuleVersion,
        periods: u32,
        fee: Amount,
        #[serde(rename = "waived")]
        given: Amount,
        by_bank: Amount,
        by_partner: Amount,
    },
    WaiverDiffers {
        rule: RuleVersion,
        #[serde(rename = "waived")]
        given: Amount,
        allowed: Amount,
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
        on: Stage,
        to: &'static str,
        asset: Asset,
        amount: Amount,
        #[serde(skip_serializing_if = "Option::is_none")]
        available_from: Option<NaiveDate>,
    },
    /// The budget of a reward left less of it, or nothing.
    BudgetSpent {
        rule: RuleVersion,
        to: &'static str,
        asset: Asset,
        most: Amount,
        used: Amount,
        wanted: Amount,
        given: Amount,
    },
    /// What a referral was rewarded with is taken back.
    RewardTakenBack {
        rule: RuleVersion,
        to: &'static str,
        asset: Asset,
        amount: Amount,
    },
    /// A commission may be paid.
    CommissionMatured {
        rule: RuleVersion,
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
    Condition(&'static str),
    /// Its exception holds.
    Excepted,
    /// Another rule of its group is taken instead.
    Superseded,
}

/// Reasons as a receipt carries them: their numbers, and what they say.
pub struct Explanation<'a>(pub &'a [DecisionReason]);

#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    reason: &'a DecisionReason,
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
            Self::DiscountSpent => "discount_spent",
            Self::WaiverUndeclared => "waiver_undeclared",
            Self::WaiverDiffers => "waiver_differs",
            Self::ConsentMissing => "consent_missing",
        }
    }

    /// Whether people have to decide on the payment: it claims what was not agreed. A discount that
    /// names no scheme claims nothing.
    #[must_use]
    pub const fn flags(self) -> bool {
        match self {
            Self::DiscountDiffers
            | Self::SchemeUnknown
            | Self::DiscountSpent
            | Self::WaiverUndeclared
            | Self::WaiverDiffers => true,
            Self::DiscountUndeclared | Self::ConsentMissing => false,
        }
    }
}

/// What was refunded by this refund alone.
pub(super) fn refunded_now(refunded: Amount, before: Amount) -> Amount {
    refunded.checked_sub(before).unwrap_or(refunded)
}

impl DecisionReason {
    /// What the points were multiplied by, if by anything.
    pub(super) const fn multiplier(&self) -> Option<Decimal> {
        match self {
            Self::Earned { multiplier, .. } => *multiplier,
            _ => None,
        }
    }
}
