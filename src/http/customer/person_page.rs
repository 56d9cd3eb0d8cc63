//! All that is held about a person, as a page to read and to print. It works without JavaScript and
//! fetches nothing.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use crate::customer::person_data::PersonData;
use crate::http::pages::frame::{PageStyle, show};
use crate::http::pages::words::{Language, words};
use crate::http::problem::Problem;

words! {
    /// What the page itself says in one language.
    PersonWords {
        title: "What we hold about you", "我们持有的您的信息";
        as_of: "As of", "截至";
        points: "Points", "积分";
        available: "Available", "可用";
        pending: "Pending", "待生效";
        held: "Held", "冻结";
        owed: "Owed", "应还";
        enrolled: "Customer since", "入会时间";
        birth_month: "Month of birth", "出生月份";
        tier: "Tier", "等级";
        members: "What partners call you", "各合作方的会员号";
        stages: "How far you have come with us, as we reckon it", "我们评估的客户阶段";
        announcements: "Fees and instalments that we tell you of", "费用与还款提醒";
        entries: "What moved your points", "积分变动";
        referrals: "Referrals", "推荐";
        contact: "Contact", "联系方式";
        no_contact: "not kept, or erased", "未保存或已删除";
        consents: "What you agreed to", "您的授权同意";
        recipient: "Recipient", "接收方";
        purpose: "Purpose", "目的";
        method: "Method", "方式";
        kinds: "Kinds of data", "信息种类";
        text: "Text", "文本";
        given: "Given", "同意时间";
        withdrawn: "Withdrawn", "撤回时间";
        readings: "Who read your data, and what for", "谁读取过您的信息、为何读取";
        erasures: "What was erased", "已删除的信息";
        none: "Nothing.", "无。";
    }
}

#[derive(Template)]
#[template(path = "person_data.html", config = "src/http/askama.toml")]
struct Page<'a> {
    words: &'static PersonWords,
    data: &'a PersonData,
    chinese: bool,
    style: &'static str,
}

const STYLE: &str = include_str!("person_page.css");

/// Answers with the page.
///
/// # Errors
/// `internal`, when the page cannot be rendered.
pub fn page(data: &PersonData, language: Language) -> Result<HttpResponse, Problem> {
    let words = PersonWords::of(language);
    let page = Page { words, data, chinese: language.is_chinese(), style: STYLE };
    show(StatusCode::OK, &page, PageStyle::Inside(STYLE))
}
