//! Why a posting is what it is, or why there is none: the numbers of the decision itself, and the
//! sentences that are made from them in English and in Chinese. Each family of reasons has a file
//! with both languages; a new reason compiles only with a sentence in each.
#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm))]

mod correction;
mod discount;
mod earning;
mod held;
mod local;
mod mark;
mod payout;
mod points;
mod reward;
mod settlement;
mod unusual;

pub use correction::CorrectionReason;
pub use discount::DiscountReason;
pub use earning::{EarningBasis, EarningReason, LimitName, LinesMultiplied, NotEarned};
pub use held::HeldReason;
pub use local::LocalMoment;
pub use mark::Mark;
pub use payout::PayoutReason;
pub use points::PointsReason;
pub use reward::{RewardReason, RewardSide};
pub use settlement::BreakAdjusted;
pub use unusual::UnusualSign;

use serde::Serialize;

/// One reason. Its fields are kept with the receipt beside the sentences, so that the arithmetic
/// can be done again.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum DecisionReason {
    Earning(EarningReason),
    Discount(DiscountReason),
    Points(PointsReason),
    Reward(RewardReason),
    Correction(CorrectionReason),
    Held(HeldReason),
    Break(BreakAdjusted),
    Payout(PayoutReason),
}

/// Reasons as a receipt carries them: their numbers, and what they say.
pub struct Explanation<'a>(pub &'a [DecisionReason]);

#[derive(Serialize)]
struct ReasonInWords<'a> {
    #[serde(flatten)]
    reason: &'a DecisionReason,
    says: String,
    says_zh: String,
}

impl Serialize for Explanation<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|reason| ReasonInWords {
            reason,
            says: reason.says(),
            says_zh: reason.says_zh(),
        }))
    }
}

impl DecisionReason {
    /// The reason in plain English.
    #[must_use]
    pub fn says(&self) -> String {
        match self {
            Self::Earning(reason) => reason.says(),
            Self::Discount(reason) => reason.says(),
            Self::Points(reason) => reason.says(),
            Self::Reward(reason) => reason.says(),
            Self::Correction(reason) => reason.says(),
            Self::Held(reason) => reason.says(),
            Self::Break(reason) => reason.says(),
            Self::Payout(reason) => reason.says(),
        }
    }

    /// The reason in plain Chinese.
    #[must_use]
    pub fn says_zh(&self) -> String {
        match self {
            Self::Earning(reason) => reason.says_zh(),
            Self::Discount(reason) => reason.says_zh(),
            Self::Points(reason) => reason.says_zh(),
            Self::Reward(reason) => reason.says_zh(),
            Self::Correction(reason) => reason.says_zh(),
            Self::Held(reason) => reason.says_zh(),
            Self::Break(reason) => reason.says_zh(),
            Self::Payout(reason) => reason.says_zh(),
        }
    }
}

impl From<EarningReason> for DecisionReason {
    fn from(reason: EarningReason) -> Self {
        Self::Earning(reason)
    }
}

impl From<DiscountReason> for DecisionReason {
    fn from(reason: DiscountReason) -> Self {
        Self::Discount(reason)
    }
}

impl From<PointsReason> for DecisionReason {
    fn from(reason: PointsReason) -> Self {
        Self::Points(reason)
    }
}

impl From<RewardReason> for DecisionReason {
    fn from(reason: RewardReason) -> Self {
        Self::Reward(reason)
    }
}

impl From<HeldReason> for DecisionReason {
    fn from(reason: HeldReason) -> Self {
        Self::Held(reason)
    }
}

impl From<CorrectionReason> for DecisionReason {
    fn from(reason: CorrectionReason) -> Self {
        Self::Correction(reason)
    }
}

impl From<BreakAdjusted> for DecisionReason {
    fn from(reason: BreakAdjusted) -> Self {
        Self::Break(reason)
    }
}

impl From<PayoutReason> for DecisionReason {
    fn from(reason: PayoutReason) -> Self {
        Self::Payout(reason)
    }
}
