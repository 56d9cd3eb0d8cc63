//! What the story of an event or referral says, and what is called how in it.

use crate::http::pages::words::{Language, words};
use crate::referral::ReferralState;

words! {
    StoryWords {
        find: "Find", "查找";
        find_says: "What became of a payment, a redemption or a referral.", "支付、兑换或推荐的全过程。";
        asked: "Order, event, referral or receipt", "订单号、事件、推荐或回执编号";
        asked_hint: "The whole number, as the partner or the page says it.", "请填写完整编号。";
        person: "A customer or a person who was referred", "客户或被推荐人";
        person_says: "That you looked, for whom and why stays on record, and the person can read it.", "查询人、对象和用途将留痕，本人可以查看。";
        member: "Member number", "会员号";
        member_hint: "As the chosen partner says it.", "所选合作方的会员号。";
        phone: "or phone number", "或手机号";
        phone_hint: "With country code, such as +8613800000000.", "含国家代码，如 +8613800000000。";
        purpose: "What you need it for", "查询用途";
        purpose_hint: "1 to 200 characters, without names or numbers, such as: the customer asks about missing points.", "1 至 200 字，勿填写姓名或号码，如：客户咨询积分未到账。";
        error_asked: "Type an order, event, referral or receipt.", "请填写订单号、事件、推荐或回执编号。";
        error_person: "Give a member number of the partner, or a phone number with its country code, and not both.", "请填写合作方会员号或含国家代码的手机号，二者择一。";
        error_purpose: "Say what you need it for, in 1 to 200 characters.", "请填写 1 至 200 字的查询用途。";
        found: "What was found", "查询结果";
        nothing: "Nothing of that number is recorded.", "没有此编号的记录。";
        nothing_says: "Check each digit. An event that was refused or is still on its way is not recorded.", "请核对编号。被拒收或尚未到达的事件没有记录。";
        story: "Story", "全过程";
        happened_at: "Happened at", "发生时间";
        referral: "Referral", "推荐";
        came: "The partner sent it", "合作方发来";
        content: "The content, without personal data", "内容（不含个人信息）";
        not_signed: "The request was not signed: the partner's access token vouches for it.", "请求未签名，以合作方访问令牌为准。";
        signed: "The request is signed", "请求已签名";
        key: "Key", "密钥";
        thumbprint: "Key's thumbprint (RFC 7638)", "密钥指纹（RFC 7638）";
        signed_at: "Signed at", "签名时间";
        posted: "Booked", "入账";
        brought_nothing: "It posted nothing.", "未产生账务。";
        rule: "Rule", "规则";
        more_entries: "More entries are not shown.", "其余分录未显示。";
        lots: "Where the points are now", "积分现状";
        pending: "Pending", "待生效";
        available: "Available", "可用";
        on_hold: "On hold", "冻结";
        redeemed: "Redeemed", "已兑换";
        expired: "Expired", "已过期";
        owed: "Owed", "欠分";
        matures: "Matures", "生效";
        expires: "Expires", "到期";
        sealed: "Sealed in the chain", "已封印入链";
        seal_agrees: "What is recorded now is what was sealed.", "现有记录与封印时一致。";
        seal_differs: "What is recorded now is not what was sealed. Tell the operators.", "现有记录与封印时不一致，请通知运维。";
        block: "Block", "区块";
        held: "Held: it brings nothing until staff decide", "搁置：待人工决定，暂不产生权益";
        figure: "Figure with it", "计入后数值";
        limit: "Limit", "限额";
        release_proposed: "One person has released it; another must too", "一人已放行，须由另一人复核";
        released: "Released", "已放行";
        hold_rejected: "Rejected", "已拒绝";
        by: "By", "经办";
        followed: "Another event refers to it", "后续事件";
        corrected: "A correction was proposed", "提出积分更正";
        differed: "The partner's statement differs", "对账差错";
        told: "Message", "消息";
        to: "To", "发往";
        attempts: "Attempts", "尝试次数";
        error: "Error", "错误";
        delivered: "Delivered", "送达时间";
        moved: "The referral", "推荐状态";
        finding: "What only staff read", "仅供员工";
        read: "Personal data was read", "查看个人信息";
        receipt: "Receipt", "回执";
        bank: "Bank", "银行";
        customer: "Customer", "客户";
        program: "the program", "系统";
        marked: "Marked", "标记";
        crm: "CRM", "CRM";
        notice: "Customer notice", "客户通知";
        alarm: "The bank's alarm address", "银行告警地址";
        endpoint: "Partner's webhook", "合作方 Webhook";
        is_waiting: "waits", "待发送";
        is_delivered: "delivered", "已送达";
        is_dead: "given up", "已放弃";
        is_superseded: "replaced by a newer one", "已被新消息替代";
        is_cancelled: "cancelled", "已取消";
    }
}

const fn pick(language: Language, english: &'static str, chinese: &'static str) -> &'static str {
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

/// A type of event, of transaction or of message; as it is kept where we have no word for it.
pub fn kind_name(kind: &str, language: Language) -> String {
    let (english, chinese) = match kind {
        "payment.discounted" => ("Payment", "支付"),
        "payment.refunded" => ("Refund", "退款"),
        "referral.created" | "referral" => ("Referral", "推荐"),
        "redemption.held" => ("Redemption held", "兑换冻结"),
        "redemption.committed" => ("Redemption", "兑换"),
        "redemption.cancelled" => ("Redemption cancelled", "兑换取消"),
        "redemption.returned" => ("Redemption returned", "兑换退回"),
        "points.matured" => ("Points matured", "积分生效"),
        "points.expired" => ("Points expired", "积分过期"),
        "redemption.timed_out" => ("Hold timed out", "冻结超时"),
        "referral.rewarded" => ("Referral rewarded", "推荐奖励"),
        "referral.clawed_back" => ("Reward taken back", "奖励追回"),
        "commission.matured" => ("Commission matured", "佣金生效"),
        "adjustment" => ("Adjustment", "调整"),
        "reversal" => ("Reversal", "冲正"),
        "event.released" => ("Held event released", "搁置事件放行"),
        "reward.converted" => ("Reward for a conversion", "转化奖励"),
        "reward.first_repayment" => ("Reward for a first repayment", "首次还款奖励"),
        "lead" => ("Lead", "线索"),
        "task" => ("Task", "任务"),
        "consent_withdrawn" => ("Consent withdrawn", "同意已撤回"),
        "referral.qualified" => ("Referral qualified", "推荐合格"),
        "referral.converted" => ("Referral converted", "推荐转化"),
        "payment.flagged" => ("Payment flagged", "支付存疑"),
        "event.held" => ("Event held", "事件搁置"),
        "event.rejected" => ("Event rejected", "事件拒绝"),
        "settlement.ready" => ("Statement ready", "结算单就绪"),
        "settlement.break.asked" => ("Question about a break", "差错询问"),
        "settlement.break.closed" => ("Break decided", "差错已处理"),
        "redemption.confirmed" => ("Redemption confirmed", "兑换已确认"),
        "redemption.declined" => ("Redemption declined", "兑换被拒"),
        "alarm.began" => ("Alarm", "告警"),
        "partner.frozen" => ("Partner frozen", "合作方冻结"),
        "partner.unfrozen" => ("Freeze lifted", "冻结解除"),
        "notice" => ("Notice", "通知"),
        other => return other.to_owned(),
    };
    pick(language, english, chinese).to_owned()
}

pub const fn referral_state(state: ReferralState, language: Language) -> &'static str {
    match state {
        ReferralState::Received => pick(language, "Received", "已收到"),
        ReferralState::NeedsConsent => pick(language, "Without consent", "缺少同意"),
        ReferralState::Duplicate => pick(language, "Duplicate", "重复推荐"),
        ReferralState::Rejected => pick(language, "Rejected", "已拒绝"),
        ReferralState::OnHold => pick(language, "On hold", "待人工审核"),
        ReferralState::Qualified => pick(language, "Qualified", "合格线索"),
        ReferralState::Sent => pick(language, "Sent to the CRM", "已发往 CRM"),
        ReferralState::Contacted => pick(language, "Contacted", "已联系"),
        ReferralState::Converted => pick(language, "Converted", "已转化"),
        ReferralState::Lost => pick(language, "Lost", "未成交"),
        ReferralState::Expired => pick(language, "Expired", "已失效"),
        ReferralState::Rewarded => pick(language, "Rewarded", "已奖励"),
        ReferralState::ClawedBack => pick(language, "Taken back", "已追回"),
        ReferralState::Withdrawn => pick(language, "Consent withdrawn", "同意已撤回"),
    }
}

/// A receipt's mark in words; as it is kept where we have no words for it.
pub fn mark_name(mark: &str, language: Language) -> String {
    let (english, chinese) = match mark {
        "discount_undeclared" => ("a discount without a scheme", "优惠未申报方案"),
        "discount_differs" => ("the discount is not what the scheme allows", "优惠与方案不符"),
        "scheme_unknown" => ("the scheme was not in force", "方案未生效"),
        "discount_spent" => ("the discount is used up", "优惠额度已用完"),
        "waiver_undeclared" => ("a waiver without a name", "免息未申报"),
        "waiver_differs" => ("the waiver is not what was agreed", "免息与约定不符"),
        "consent_missing" => ("without consent", "缺少同意"),
        "awaits_customer" => ("waits for the customer", "待客户确认"),
        "held" => ("held", "已搁置"),
        other => return other.to_owned(),
    };
    pick(language, english, chinese).to_owned()
}
