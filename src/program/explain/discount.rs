//! What became of a discount that a shop gave, and of an instalment fee that it waived.

use serde::Serialize;

use super::LimitName;
use crate::ids::RuleId;
use crate::ledger::RuleVersion;
use crate::money::Amount;
use crate::partner::terms::Share;

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum DiscountReason {
    /// The customer has had the discount as often, or the bank has paid as much, as was agreed.
    DiscountSpent {
        rule: RuleVersion,
        #[serde(rename = "discount")]
        given: Amount,
        by: LimitName,
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
    /// An instalment fee was waived, and no waiver was named.
    WaiverUndeclared {
        #[serde(rename = "waived")]
        given: Amount,
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
}

impl DiscountReason {
    pub(super) fn says(&self) -> String {
        match self {
            Self::DiscountSpent { given, by, .. } => format!(
                "The {given} CNY discount is beyond what was agreed ({}): no subsidy until this \
                 is cleared.",
                by.name()
            ),
            Self::Subsidised { given, bank_share, subsidy, .. } => format!(
                "The bank bears {} of the {given} CNY discount: {subsidy} CNY are owed to the \
                 partner.",
                bank_share.percent()
            ),
            Self::FeeWaived { periods, fee, given, by_bank, by_partner, .. } => format!(
                "{given} of the {fee} CNY fee for {periods} instalments are waived: the bank bears \
                 {by_bank} CNY, the partner {by_partner} CNY."
            ),
            Self::WaiverUndeclared { given } => format!(
                "{given} CNY of the instalment fee were waived and no waiver is named: nothing is \
                 booked until this is cleared."
            ),
            Self::WaiverDiffers { given, allowed, .. } => format!(
                "The waiver allows {allowed} CNY of the instalment fee, not {given} CNY: nothing is \
                 booked until this is cleared."
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
        }
    }

    pub(super) fn says_zh(&self) -> String {
        match self {
            Self::DiscountSpent { given, by, .. } => {
                format!("优惠{given}元超出约定（{}）：核实之前不产生补贴。", by.name_zh())
            }
            Self::Subsidised { given, bank_share, subsidy, .. } => {
                format!("优惠{given}元，银行承担{}：应付合作方{subsidy}元。", bank_share.percent())
            }
            Self::FeeWaived { periods, fee, given, by_bank, by_partner, .. } => format!(
                "{periods}期分期手续费{fee}元，减免{given}元：银行承担{by_bank}元，合作方承担{by_partner}元。"
            ),
            Self::WaiverUndeclared { given } => {
                format!("减免手续费{given}元未注明活动：核实之前不入账。")
            }
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
        }
    }
}
