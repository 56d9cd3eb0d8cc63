//! What breaks, and what may be done about them, are called in both languages.

use crate::http::pages::words::Language;
use crate::reconcile::break_code::BreakCode;
use crate::reconcile::proposal::{BreakState, ProposalAction};

const fn pick(language: Language, english: &'static str, chinese: &'static str) -> &'static str {
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

pub const fn code_name(code: BreakCode, language: Language) -> &'static str {
    match code {
        BreakCode::MissingInGateway => pick(language, "Only theirs", "对方单边"),
        BreakCode::MissingAtPartner => pick(language, "Only ours", "我方单边"),
        BreakCode::AmountDiff => pick(language, "Amount differs", "金额不符"),
        BreakCode::CurrencyDiff => pick(language, "Currency differs", "币种不符"),
        BreakCode::Duplicate => pick(language, "Duplicate", "重复"),
        BreakCode::Cutoff => pick(language, "Cut-off", "日切差异"),
        BreakCode::StatusDiff => pick(language, "Status differs", "状态不符"),
        BreakCode::Candidate => pick(language, "Candidate", "疑似匹配"),
        BreakCode::Ambiguous => pick(language, "Ambiguous", "多重匹配"),
        BreakCode::OtherPeriod => pick(language, "Other month", "他月事件"),
        BreakCode::SettledTwice => pick(language, "Settled twice", "重复结算"),
        BreakCode::SettledGone => pick(language, "Adjusted, now gone", "已调账差异消失"),
    }
}

/// What would have to be so, that the rows matched by themselves at the next run.
pub const fn would_match(code: BreakCode, language: Language) -> &'static str {
    match code {
        BreakCode::MissingInGateway => pick(
            language,
            "the event reached us with the same id or order, or a new statement leaves the line out.",
            "我方收到相同事件编号或订单的事件，或新版对账单不再包含此行。",
        ),
        BreakCode::MissingAtPartner => pick(
            language,
            "the partner's next statement has a line with this event's id or order, or the event is refunded in full.",
            "合作方下一版对账单包含此事件编号或订单，或该事件已全额退款。",
        ),
        BreakCode::AmountDiff => pick(
            language,
            "both sides name the same amount: a new statement of the partner, or a refund or another payment in our books.",
            "双方金额一致：合作方提供新版对账单，或我方有相应退款或补记。",
        ),
        BreakCode::CurrencyDiff => {
            pick(language, "both sides name the same currency.", "双方币种一致。")
        }
        BreakCode::Duplicate => {
            pick(language, "the row stood on both sides equally often.", "双方记录笔数一致。")
        }
        BreakCode::Cutoff => pick(
            language,
            "both sides counted the row to the same month.",
            "双方将该笔记入同一月份。",
        ),
        BreakCode::StatusDiff => pick(
            language,
            "both sides said the same of what became of the order.",
            "双方对该订单的处理结果一致。",
        ),
        BreakCode::Candidate => pick(
            language,
            "the partner's line carried the event's id or order, or a person accepts that they are the same.",
            "合作方记录带有相同的事件编号或订单，或经人工确认为同一笔。",
        ),
        BreakCode::Ambiguous => {
            pick(language, "an id or order told the rows apart.", "有事件编号或订单可加以区分。")
        }
        BreakCode::OtherPeriod => pick(
            language,
            "the partner's statement named it in the month in which it happened.",
            "合作方在事件发生的月份列出该笔。",
        ),
        BreakCode::SettledTwice => pick(
            language,
            "the earlier adjustment is taken back, or a person accepts that both are right.",
            "撤回此前的调账，或经人工确认两者均无误。",
        ),
        BreakCode::SettledGone => pick(
            language,
            "the earlier adjustment is taken back, or a person accepts that it was right.",
            "撤回此前的调账，或经人工确认其无误。",
        ),
    }
}

pub const fn state_name(state: BreakState, language: Language) -> &'static str {
    match state {
        BreakState::Open => pick(language, "Open", "待处理"),
        BreakState::Proposed => pick(language, "Proposed", "待审批"),
        BreakState::AwaitingPartner => pick(language, "Partner asked", "待合作方答复"),
        BreakState::Accepted => pick(language, "Accepted", "已接受"),
        BreakState::Adjusted => pick(language, "Adjusted", "已调账"),
        BreakState::WrittenOff => pick(language, "Written off", "已核销"),
        BreakState::Cleared => pick(language, "No longer found", "已消除"),
    }
}

pub const fn action_name(action: ProposalAction, language: Language) -> &'static str {
    match action {
        ProposalAction::Accept => pick(language, "Accept", "接受"),
        ProposalAction::Adjust(_) => pick(language, "Adjust", "调账"),
        ProposalAction::WriteOff => pick(language, "Write off", "核销"),
        ProposalAction::AskPartner => pick(language, "Ask the partner", "询问合作方"),
    }
}

/// A state that was kept by name, such as that of an earlier decision.
pub fn state_by_name(name: &str, language: Language) -> String {
    let known = BreakState::by_name(name).map(|state| state_name(state, language));
    known.unwrap_or(name).to_owned()
}

pub fn code_by_name(name: &str, language: Language) -> String {
    let known = BreakCode::by_name(name).map(|code| code_name(code, language));
    known.unwrap_or(name).to_owned()
}
