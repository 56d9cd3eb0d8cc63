//! Why a payout posts what it does: what the bank said, or what two persons decided.

use serde::Serialize;

use crate::ids::StaffId;
use crate::money::Amount;

/// What became of a payout.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum PayoutReason {
    PayoutPaid {
        rule: &'static str,
        amount: Amount,
        statement_no: String,
    },
    PayoutRejected {
        rule: &'static str,
        amount: Amount,
        statement_no: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<String>,
    },
    PayoutReturned {
        rule: &'static str,
        amount: Amount,
        statement_no: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<String>,
    },
    PayoutCharged {
        rule: &'static str,
        amount: Amount,
        statement_no: String,
        because: String,
        proposed_by: StaffId,
        approved_by: StaffId,
    },
}

impl PayoutReason {
    pub const PAID: &'static str = "payout:paid@1";
    pub const REJECTED: &'static str = "payout:rejected@1";
    pub const RETURNED: &'static str = "payout:returned@1";
    pub const CHARGED: &'static str = "payout:charged@1";

    pub(super) fn says(&self) -> String {
        match self {
            Self::PayoutPaid { amount, statement_no, .. } => {
                format!("The bank paid {amount} CNY for the settlement {statement_no}")
            }
            Self::PayoutRejected { amount, statement_no, code, .. } => format!(
                "The bank refused to pay {amount} CNY for the settlement {statement_no}{}: it is owed anew",
                in_brackets(code)
            ),
            Self::PayoutReturned { amount, statement_no, code, .. } => format!(
                "{amount} CNY for the settlement {statement_no} came back{}: it is owed anew",
                in_brackets(code)
            ),
            Self::PayoutCharged { amount, statement_no, because, .. } => format!(
                "The bank paid {amount} CNY beyond the settlement {statement_no}; the partner is \
                 charged: {because}"
            ),
        }
    }

    pub(super) fn says_zh(&self) -> String {
        match self {
            Self::PayoutPaid { amount, statement_no, .. } => {
                format!("银行已支付结算单{statement_no}的款项{amount}元")
            }
            Self::PayoutRejected { amount, statement_no, code, .. } => {
                let code = in_brackets(code);
                format!("银行拒绝支付结算单{statement_no}的款项{amount}元{code}，仍应付合作方")
            }
            Self::PayoutReturned { amount, statement_no, code, .. } => {
                let code = in_brackets(code);
                format!("结算单{statement_no}的款项{amount}元被退回{code}，仍应付合作方")
            }
            Self::PayoutCharged { amount, statement_no, because, .. } => {
                format!("银行在结算单{statement_no}之外多付{amount}元，向合作方扣回：{because}")
            }
        }
    }
}

fn in_brackets(code: &Option<String>) -> String {
    code.as_ref().map_or_else(String::new, |code| format!(" ({code})"))
}
