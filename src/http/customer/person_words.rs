//! What the person's page says, in both languages.

use crate::customer::reading::{TO_ANSWER, TO_RESEAL, TO_TELL_CRM};
use crate::follow_up::CustomerStage;
use crate::http::pages::words::words;
use crate::referral::ReferralState;

words! {
    /// All that the person's page says in one language.
    PersonWords {
        tag: "en", "zh-Hans";
        title: "What we hold about you", "我们持有的您的信息";
        as_of: "As of", "截至";
        points: "Your points", "您的积分";
        available: "Available", "可用";
        pending: "Not yet available", "待生效";
        held: "Set aside for redemptions", "兑换冻结";
        owed: "Owed after refunds", "退款后应还";
        enrolled: "Customer since", "入会时间";
        birth_month: "Month of birth", "出生月份";
        tier: "Tier", "等级";
        members: "Your member numbers at partners", "您在各合作方的会员号";
        since: "since", "自";
        stages: "Your stage as a customer", "您的客户阶段";
        announcements: "Fees and instalments", "费用与分期还款";
        cancelled: "cancelled", "已取消";
        entries: "Changes of your points", "积分变动";
        referrals: "Referrals", "推荐";
        to_confirm: "Is it true? Who introduced you to the bank", "是否属实：谁将您推荐给银行";
        confirm: "Yes, I know of it", "是，我知情";
        confirmed: "You confirmed it", "您已确认";
        contact: "Contact data", "联系方式";
        no_contact: "not kept, or erased", "未保存或已删除";
        rejects: "Lines of partners' files that could not be recorded", "合作方文件中未能登记的记录";
        consents: "What you agreed to", "您的授权同意";
        recipient: "Recipient", "接收方";
        purpose: "Purpose", "目的";
        method: "Method", "方式";
        kinds: "Kinds of data", "信息种类";
        text: "Text", "文本";
        version: "version", "版本";
        fingerprint: "fingerprint (SHA-256)", "摘要（SHA-256）";
        given: "Given", "同意时间";
        withdrawn: "Withdrawn", "撤回时间";
        readings: "Who read your data, and why", "谁读取过您的信息、为何读取";
        erasures: "What was erased", "已删除的信息";
        none: "Nothing.", "无。";
        yuan: "CNY", "元";
        you: "you", "您本人";
        staff: "staff of the bank", "银行员工";
        service: "this service", "本系统";
        partner: "the partner", "合作方";
        stage_aware: "Takes part", "已参与";
        stage_considering: "Talking about a product", "洽谈产品中";
        stage_using: "Active customer", "活跃客户";
        stage_at_risk: "Less active than before", "活跃度下降";
        state_open: "being looked at", "处理中";
        state_needs_consent: "your consent is missing", "缺少您的同意";
        state_ended: "does not proceed", "未继续办理";
        state_passed_on: "passed on to the bank", "已转交银行";
        state_contacted: "the bank has talked to you", "银行已与您联系";
        state_converted: "you have the product", "已办理产品";
        state_cancelled: "the product was cancelled", "产品已取消";
        state_withdrawn: "you withdrew your consent", "您已撤回同意";
        fee_due: "Fee", "费用";
        instalment_due: "Instalment", "分期还款";
        points_expiring: "Points that expire", "积分到期";
        to_answer: "to answer you", "答复您本人的查询";
        to_tell_crm: "to tell the bank's customer managers about your referral", "将您的推荐转交客户经理";
        to_reseal: "to seal it with a newer key", "更换加密密钥";
        kind_name: "name", "姓名";
        kind_phone: "phone", "电话";
        kind_email: "e-mail", "电子邮箱";
        kind_document: "identity document", "证件号码";
        kind_address: "address", "地址";
        kind_product: "product", "产品";
        kind_amount: "amount", "金额";
        kind_region: "region", "地区";
        erased_contacts: "contact data", "联系方式";
        erased_requests: "signed requests", "签名请求";
        records: "records", "条";
    }
}

impl PersonWords {
    pub const fn stage(&self, stage: CustomerStage) -> &'static str {
        match stage {
            CustomerStage::Aware => self.stage_aware,
            CustomerStage::Considering => self.stage_considering,
            CustomerStage::Using => self.stage_using,
            CustomerStage::AtRisk => self.stage_at_risk,
        }
    }

    /// How a referral stands, as far as it is the person's own. Whose the person is for the bank, and
    /// what the bank found, is not.
    pub const fn state(&self, state: ReferralState) -> &'static str {
        match state {
            ReferralState::Received | ReferralState::OnHold => self.state_open,
            ReferralState::NeedsConsent => self.state_needs_consent,
            ReferralState::Duplicate
            | ReferralState::Rejected
            | ReferralState::Lost
            | ReferralState::Expired => self.state_ended,
            ReferralState::Qualified | ReferralState::Sent => self.state_passed_on,
            ReferralState::Contacted => self.state_contacted,
            ReferralState::Converted | ReferralState::Rewarded => self.state_converted,
            ReferralState::ClawedBack => self.state_cancelled,
            ReferralState::Withdrawn => self.state_withdrawn,
        }
    }

    /// Who did something: `customer`, `partner`, `staff` or `program`.
    pub fn author(&self, kind: &str) -> &'static str {
        match kind {
            "customer" => self.you,
            "partner" => self.partner,
            "staff" => self.staff,
            _ => self.service,
        }
    }

    /// A purpose of this program in the page's language; staff's own words stay as they are.
    pub fn purpose_of<'a>(&self, purpose: &'a str) -> &'a str
    where
        Self: 'static,
    {
        match purpose {
            TO_ANSWER => self.to_answer,
            TO_TELL_CRM => self.to_tell_crm,
            TO_RESEAL => self.to_reseal,
            other => other,
        }
    }

    /// A kind of notice; one that only the programme knows is shown by its own name.
    pub fn notice(&self, kind: &str) -> String {
        match kind {
            "fee_due" => self.fee_due.to_owned(),
            "instalment_due" => self.instalment_due.to_owned(),
            "points_expiring" => self.points_expiring.to_owned(),
            other => other.replace('_', " "),
        }
    }

    /// A kind of data that a consent covers.
    pub fn data_kind(&self, kind: &str) -> String {
        match kind {
            "name" => self.kind_name.to_owned(),
            "phone" => self.kind_phone.to_owned(),
            "email" => self.kind_email.to_owned(),
            "document" => self.kind_document.to_owned(),
            "address" => self.kind_address.to_owned(),
            "product" => self.kind_product.to_owned(),
            "amount" => self.kind_amount.to_owned(),
            "region" => self.kind_region.to_owned(),
            other => other.replace('_', " "),
        }
    }
}
