//! What the pages of decisions say: on what is held, and on entries of the bank.

use crate::http::pages::words::{Language, words};
use crate::reconcile::bank::code::{BankBreakAction, BankBreakCode, BankBreakState};

words! {
    DecisionWords {
        held: "Held payments and rewards", "搁置的支付与奖励";
        no_held: "Nothing is held.", "没有搁置事项。";
        no_held_says: "Payments, redemptions and rewards beyond a limit, or unlike what a partner usually reports, stand here until somebody decides.", "超过限额或异常的支付、兑换和奖励，在人工决定前显示在这里。";
        held_since: "Held since", "搁置时间";
        why: "Why", "原因";
        happened: "Happened at", "发生时间";
        needs_second: "a second person must release it", "须第二人放行";
        release: "Release", "放行";
        release_says: "Released, it brings what it would have brought, without limits, less what was refunded meanwhile. Beyond what one person may release in a day, a second person must release it too.", "放行后按原应得权益入账（扣除其间退款），不受限额约束；超过单人当日额度的，须第二人放行。";
        reject_says: "Rejected, it brings nothing, for good.", "拒绝后不产生任何权益，且不可恢复。";
        because: "Why you decide so", "决定理由";
        proposed_by: "Released by", "首位放行人";
        own_release: "You have released it. A second person must release it too.", "您已放行，须由第二人放行。";
        not_decider: "Somebody with the role decide decides on it.", "须由具有 decide 角色的人员决定。";
        decided: "Decided by", "决定人";
        story: "What became of it", "全过程";
        is_open: "Waits", "待决定";
        is_released: "Released", "已放行";
        is_rejected: "Rejected", "已拒绝";
        referrals: "Held referrals", "待审核推荐";
        referral: "Referral", "推荐";
        no_referrals: "No referral is on hold.", "没有待审核的推荐。";
        no_referrals_says: "Referrals that look unlike real ones stand here until somebody decides.", "疑似异常的推荐，在人工决定前显示在这里。";
        product: "Product", "产品";
        region: "Region", "地区";
        score: "Score", "评分";
        release_referral_says: "Released, it is a lead, and what it brings is given.", "放行后成为线索，并按规则给予奖励。";
        reject_referral_says: "Rejected, the partner is told only that, and the person's data is erased.", "拒绝后仅告知合作方结果，并删除个人信息。";
        held_wait: "Held payments and rewards to decide on", "待决定的搁置事项";
        referrals_wait: "Held referrals to decide on", "待审核的推荐";
        bank: "The bank's entries", "银行回单差错";
        no_bank: "Every entry of the bank fits its payment.", "银行回单均与付款相符。";
        no_bank_says: "What the bank booked and we did not order, or ordered otherwise, stands here.", "银行入账与付款指令不符的记录显示在这里。";
        in_state: "State", "状态";
        payout: "Payment order", "付款指令";
        entry: "What the bank says", "银行记录";
        direction: "Booked", "记账方向";
        debit: "out of our account", "付出";
        credit: "into our account", "收入";
        status: "a report on the order", "指令状态报告";
        reference: "The bank's reference", "银行参考号";
        end_to_end: "End-to-end id", "端到端编号";
        counter_account: "Other side's account", "对方账户";
        booked_on: "Booked on", "记账日";
        reason_code: "Reason code", "原因代码";
        opened: "Found", "发现时间";
        do_accept: "Accept: it is explained, and nothing follows", "接受：已说明，无需处理";
        do_confirm: "Confirm: it is the payment of that order after all", "确认：确为该指令的付款";
        do_charge: "Charge: the partner has the money, and it is taken off what is owed next", "扣回：款项在合作方，从下期应付中扣除";
        error_action: "Choose what is to be done.", "请选择处理方式。";
        preview_gone: "As things stand now, it cannot be posted.", "按当前状态无法入账。";
    }
}

const fn pick(language: Language, english: &'static str, chinese: &'static str) -> &'static str {
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

pub const fn bank_code_name(code: BankBreakCode, language: Language) -> &'static str {
    match code {
        BankBreakCode::NotOrdered => pick(language, "Not ordered", "非我方指令"),
        BankBreakCode::AmountDiff => pick(language, "Another amount", "金额不符"),
        BankBreakCode::AccountDiff => pick(language, "Another account", "账户不符"),
        BankBreakCode::PaidTwice => pick(language, "Paid twice", "重复付款"),
        BankBreakCode::Contradicts => pick(language, "Contradicts", "状态矛盾"),
        BankBreakCode::ReturnedEarly => pick(language, "Returned early", "提前退回"),
    }
}

pub const fn bank_state_name(state: BankBreakState, language: Language) -> &'static str {
    match state {
        BankBreakState::Open => pick(language, "Open", "待处理"),
        BankBreakState::Proposed => pick(language, "Proposed", "待审批"),
        BankBreakState::Accepted => pick(language, "Accepted", "已接受"),
        BankBreakState::Confirmed => pick(language, "Confirmed", "已确认"),
        BankBreakState::Charged => pick(language, "Charged", "已扣回"),
        BankBreakState::Cleared => pick(language, "Explained by the bank", "银行已说明"),
    }
}

pub const fn bank_action_name(action: BankBreakAction, language: Language) -> &'static str {
    match action {
        BankBreakAction::Accept => pick(language, "Accept", "接受"),
        BankBreakAction::Confirm => pick(language, "Confirm", "确认"),
        BankBreakAction::Charge => pick(language, "Charge", "扣回"),
    }
}
