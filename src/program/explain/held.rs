//! Why an event is held until people decide, and what they decided.

use serde::Serialize;

use rust_decimal::Decimal;

use super::{LocalMoment, UnusualSign};
use crate::clock::Moment;
use crate::ids::{EventId, RuleId, StaffId};
use crate::money::{Amount, Asset};
use crate::partner::exposure::{ExposedParty, ExposureDay, ExposureMeasure, ExposurePeriod};
use crate::partner::referral_pattern::ReferralSign;

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum HeldReason {
    /// With the event a figure would go beyond its limit.
    BeyondExposure {
        limit: RuleId,
        of: ExposedParty,
        measure: ExposureMeasure,
        per: ExposurePeriod,
        by: ExposureDay,
        /// The figure with the event.
        figure: Amount,
        max: Amount,
    },
    /// The partner's payments, this one among them, are unlike those of honest tills.
    Unusual {
        /// The pattern.
        limit: RuleId,
        per: ExposurePeriod,
        #[serde(flatten)]
        sign: UnusualSign,
        measured: Decimal,
        at_most: Decimal,
    },
    /// The partner's referrals end unlike those of honest partners.
    UnusualReferrals {
        /// The pattern.
        limit: RuleId,
        counts: ReferralSign,
        /// The window.
        days: u32,
        count: i64,
        among: i64,
        measured: Decimal,
        at_most: Decimal,
    },
    /// The event happened longer ago than was agreed.
    HeldLate { days_late: i64, days_max: u32 },
    /// The bank has frozen the partner.
    HeldFrozen { since: LocalMoment },
    /// The points came from a partner that the bank has frozen since they were held.
    PointsFrozen,
    /// The price of redeemed points is held, and the customer has spent them.
    PriceHeld { value: Amount },
    /// Staff released it. The sentences do not name the person, because partners read them.
    ReleasedByStaff { event: EventId, by: StaffId, because: String },
    /// What was refunded of it while it was held is taken back.
    RefundedWhileHeld { event: EventId },
    /// What a frozen partner is owed is out of its reach.
    PayableFrozen { since: Moment },
    /// The freeze is lifted.
    PayableFreed,
}

impl HeldReason {
    /// The rule by which it is held, as lists and alarms name it.
    #[must_use]
    pub fn rule(&self) -> &str {
        match self {
            Self::BeyondExposure { limit, .. }
            | Self::Unusual { limit, .. }
            | Self::UnusualReferrals { limit, .. } => limit.as_str(),
            Self::HeldLate { .. } => "late",
            Self::HeldFrozen { .. } | Self::PointsFrozen => "frozen",
            Self::PriceHeld { .. } | Self::ReleasedByStaff { .. } => "decision",
            Self::RefundedWhileHeld { .. } => "refund",
            Self::PayableFrozen { .. } | Self::PayableFreed => "frozen",
        }
    }

    /// The figure and its limit, where it is held by one.
    #[must_use]
    pub fn figures(&self) -> Option<[String; 2]> {
        match self {
            Self::BeyondExposure { figure, max, .. } => Some([figure.to_string(), max.to_string()]),
            Self::Unusual { measured, at_most, .. }
            | Self::UnusualReferrals { measured, at_most, .. } => {
                Some([measured.to_string(), at_most.to_string()])
            }
            Self::HeldLate { .. }
            | Self::HeldFrozen { .. }
            | Self::PointsFrozen
            | Self::PriceHeld { .. }
            | Self::ReleasedByStaff { .. }
            | Self::RefundedWhileHeld { .. }
            | Self::PayableFrozen { .. }
            | Self::PayableFreed => None,
        }
    }

    /// The reason in plain English.
    #[must_use]
    pub fn says(&self) -> String {
        match self {
            Self::BeyondExposure { limit, of, measure, per, figure, max, .. } => format!(
                "Held until the bank decides: {} of {} in {} would come to {}, more than {} \
                 ({limit}).",
                measure.name(),
                of.name(),
                per.one(),
                in_unit(*figure),
                in_unit(*max),
            ),
            Self::Unusual { limit, per, sign, .. } => {
                format!("Held until the bank decides: {} ({limit}).", sign.says(*per))
            }
            Self::UnusualReferrals { limit, counts, days, count, among, .. } => {
                let what = referrals_say(*counts, *days, [*count, *among]);
                format!("Held until the bank decides: {what} ({limit}).")
            }
            Self::HeldLate { days_late, days_max } => format!(
                "Held until the bank decides: reported {days_late} days after it happened, and \
                 {days_max} were agreed."
            ),
            Self::HeldFrozen { since } => format!(
                "Held until the bank decides: the bank has frozen the partner since {}.",
                since.minute()
            ),
            Self::PointsFrozen => {
                "Held until the bank decides: the bank has to look at where these \
                                   points came from."
                    .to_owned()
            }
            Self::PriceHeld { value } => format!(
                "The customer's points are redeemed. The {value} CNY for them are not owed until \
                 the bank has decided."
            ),
            Self::ReleasedByStaff { because, .. } => {
                format!("Held before, and released by the bank: {because}")
            }
            Self::RefundedWhileHeld { .. } => {
                "What was refunded while the payment was held is taken back.".to_owned()
            }
            Self::PayableFrozen { since } => format!(
                "The bank has frozen the partner: what it is owed since {since} is not payable."
            ),
            Self::PayableFreed => {
                "The freeze is lifted: what was owed before is owed again.".to_owned()
            }
        }
    }

    /// The reason in plain Chinese.
    #[must_use]
    pub fn says_zh(&self) -> String {
        match self {
            Self::BeyondExposure { limit, of, measure, per, figure, max, .. } => format!(
                "搁置，待银行决定：{}{}{}将达到{}，超过上限{}（{limit}）。",
                of.name_zh(),
                per.name_zh(),
                measure.name_zh(),
                in_unit_zh(*figure),
                in_unit_zh(*max),
            ),
            Self::Unusual { limit, per, sign, .. } => {
                format!("搁置，待银行决定：{}（{limit}）。", sign.says_zh(*per))
            }
            Self::UnusualReferrals { limit, counts, days, count, among, .. } => {
                let what = referrals_say_zh(*counts, *days, [*count, *among]);
                format!("搁置，待银行决定：{what}（{limit}）。")
            }
            Self::HeldLate { days_late, days_max } => {
                format!("搁置，待银行决定：发生{days_late}天后才上报，约定为{days_max}天。")
            }
            Self::HeldFrozen { since } => {
                format!("搁置，待银行决定：银行自{}起冻结该合作方。", since.minute())
            }
            Self::PointsFrozen => "搁置，待银行决定：银行须核查这些积分的来源。".to_owned(),
            Self::PriceHeld { value } => {
                format!("客户的积分已兑换，兑换款{value}元待银行决定后才应付。")
            }
            Self::ReleasedByStaff { because, .. } => format!("此前搁置，现由银行放行：{because}"),
            Self::RefundedWhileHeld { .. } => "搁置期间退款的部分予以扣回。".to_owned(),
            Self::PayableFrozen { since } => {
                format!("银行已冻结该合作方：自{since}起的应付款暂不支付。")
            }
            Self::PayableFreed => "冻结已解除，原应付款恢复应付。".to_owned(),
        }
    }
}

/// A part of a sentence: how many of how many referrals.
fn referrals_say(counts: ReferralSign, days: u32, [count, among]: [i64; 2]) -> String {
    match counts {
        ReferralSign::BadLeads => format!(
            "{count} of the {among} referrals of the partner that the bank answered in the last \
             {days} days were bad leads"
        ),
        ReferralSign::Withdrawn => format!(
            "the partner itself withdrew {count} of its {among} referrals of the last {days} days"
        ),
    }
}

/// The same in Chinese.
fn referrals_say_zh(counts: ReferralSign, days: u32, [count, among]: [i64; 2]) -> String {
    match counts {
        ReferralSign::BadLeads => {
            format!("近{days}天银行已答复的该合作方{among}笔推荐中有{count}笔为无效线索")
        }
        ReferralSign::Withdrawn => {
            format!("近{days}天该合作方的{among}笔推荐中有{count}笔由其自行撤回")
        }
    }
}

fn in_unit(amount: Amount) -> String {
    match amount.asset() {
        Asset::PTS => format!("{amount} points"),
        other => format!("{amount} {other}"),
    }
}

fn in_unit_zh(amount: Amount) -> String {
    match amount.asset() {
        Asset::PTS => format!("{amount}分"),
        _ => format!("{amount}元"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clerk_reads_how_referrals_ended() {
        let of = |counts| HeldReason::UnusualReferrals {
            limit: "bad-leads".parse().unwrap(),
            counts,
            days: 30,
            count: 15,
            among: 25,
            measured: Decimal::new(6, 1),
            at_most: Decimal::new(5, 1),
        };
        let bad = of(ReferralSign::BadLeads);
        assert_eq!(
            bad.says(),
            "Held until the bank decides: 15 of the 25 referrals of the partner that the bank answered \
             in the last 30 days were bad leads (bad-leads)."
        );
        assert_eq!(
            bad.says_zh(),
            "搁置，待银行决定：近30天银行已答复的该合作方25笔推荐中有15笔为无效线索（bad-leads）。"
        );
        let withdrawn = of(ReferralSign::Withdrawn);
        assert!(withdrawn.says().contains("the partner itself withdrew 15 of its 25 referrals"));
        assert!(withdrawn.says_zh().contains("由其自行撤回"));
        assert_eq!(withdrawn.figures(), Some(["0.6".to_owned(), "0.5".to_owned()]));
    }

    #[test]
    fn a_clerk_reads_the_figure_and_the_limit() {
        let reason = HeldReason::BeyondExposure {
            limit: "customer-points-day".parse().unwrap(),
            of: ExposedParty::Customer,
            measure: ExposureMeasure::Points,
            per: ExposurePeriod::Day,
            by: ExposureDay::Recorded,
            figure: Amount::from_minor(300_100, Asset::PTS),
            max: Amount::from_minor(300_000, Asset::PTS),
        };
        assert_eq!(
            reason.says(),
            "Held until the bank decides: points issued of one customer in a day would come to \
             3001.00 points, more than 3000.00 points (customer-points-day)."
        );
        assert_eq!(
            reason.says_zh(),
            "搁置，待银行决定：单个客户每日发放积分将达到3001.00分，超过上限3000.00分（customer-points-day）。"
        );
        assert_eq!(reason.rule(), "customer-points-day");
    }
}
