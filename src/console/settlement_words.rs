//! What the steps of a month are called in both languages.

use crate::http::pages::words::Language;
use crate::reconcile::bank::state::PayoutState;
use crate::reconcile::month_board::CloseState;

const fn pick(language: Language, english: &'static str, chinese: &'static str) -> &'static str {
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

pub const fn close_name(state: Option<&CloseState>, language: Language) -> &'static str {
    match state {
        None => pick(language, "Open", "未关账"),
        Some(CloseState::Proposed) => pick(language, "Close proposed", "待关账审批"),
        Some(CloseState::Closed { .. }) => pick(language, "Closed", "已关账"),
        Some(CloseState::Rejected { .. }) => pick(language, "Close rejected", "关账被驳回"),
    }
}

pub const fn payout_name(state: PayoutState, language: Language) -> &'static str {
    match state {
        PayoutState::Ordered => pick(language, "Ordered", "已出付款指令"),
        PayoutState::Accepted => pick(language, "Taken by the bank", "银行已受理"),
        PayoutState::Rejected => pick(language, "Refused by the bank", "银行已拒绝"),
        PayoutState::Paid => pick(language, "Paid", "已付款"),
        PayoutState::Returned => pick(language, "Came back", "已退回"),
    }
}
