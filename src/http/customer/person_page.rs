//! What is held about a person, as a page to read and to print. It works without JavaScript and
//! fetches nothing.

use askama::Template;

use crate::customer::person_data::PersonData;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    Chinese,
}

/// The page's own words.
struct Words {
    lang: &'static str,
    title: &'static str,
    as_of: &'static str,
    points: &'static str,
    available: &'static str,
    pending: &'static str,
    held: &'static str,
    owed: &'static str,
    enrolled: &'static str,
    birth_month: &'static str,
    tier: &'static str,
    members: &'static str,
    stages: &'static str,
    announcements: &'static str,
    entries: &'static str,
    referrals: &'static str,
    contact: &'static str,
    no_contact: &'static str,
    consents: &'static str,
    recipient: &'static str,
    purpose: &'static str,
    method: &'static str,
    kinds: &'static str,
    text: &'static str,
    given: &'static str,
    withdrawn: &'static str,
    readings: &'static str,
    erasures: &'static str,
    none: &'static str,
}

#[derive(Template)]
#[template(path = "person_data.html", config = "src/http/askama.toml")]
struct Page<'a> {
    words: &'static Words,
    data: &'a PersonData,
    chinese: bool,
}

/// The page.
///
/// # Errors
/// askama's, when there is no memory for it.
pub fn page(data: &PersonData, language: Language) -> Result<String, askama::Error> {
    let chinese = language == Language::Chinese;
    Page { words: if chinese { &CHINESE } else { &ENGLISH }, data, chinese }.render()
}

const ENGLISH: Words = Words {
    lang: "en",
    title: "What we hold about you",
    as_of: "As of",
    points: "Points",
    available: "Available",
    pending: "Pending",
    held: "Held",
    owed: "Owed",
    enrolled: "Customer since",
    birth_month: "Month of birth",
    tier: "Tier",
    members: "What partners call you",
    stages: "How far you have come with us, as we reckon it",
    announcements: "Fees and instalments that we tell you of",
    entries: "What moved your points",
    referrals: "Referrals",
    contact: "Contact",
    no_contact: "not kept, or erased",
    consents: "What you agreed to",
    recipient: "Recipient",
    purpose: "Purpose",
    method: "Method",
    kinds: "Kinds of data",
    text: "Text",
    given: "Given",
    withdrawn: "Withdrawn",
    readings: "Who read your data, and what for",
    erasures: "What was erased",
    none: "Nothing.",
};

const CHINESE: Words = Words {
    lang: "zh-CN",
    title: "我们持有的您的信息",
    as_of: "截至",
    points: "积分",
    available: "可用",
    pending: "待生效",
    held: "冻结",
    owed: "应还",
    enrolled: "入会时间",
    birth_month: "出生月份",
    tier: "等级",
    members: "各合作方的会员号",
    stages: "我们评估的客户阶段",
    announcements: "费用与还款提醒",
    entries: "积分变动",
    referrals: "推荐",
    contact: "联系方式",
    no_contact: "未保存或已删除",
    consents: "您的授权同意",
    recipient: "接收方",
    purpose: "目的",
    method: "方式",
    kinds: "信息种类",
    text: "文本",
    given: "同意时间",
    withdrawn: "撤回时间",
    readings: "谁读取过您的信息、为何读取",
    erasures: "已删除的信息",
    none: "无。",
};
