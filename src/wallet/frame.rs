//! What all pages of the wallet have: the language, elder mode, the style.

use std::sync::OnceLock;

use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::visit::Visit;
use super::words::WalletWords;
use crate::http::Gateway;
use crate::http::pages::cookie::{Cookie, SameSite, read_cookie};
use crate::http::pages::figures::Figures;
use crate::http::pages::frame::{self as kit, Framing, PageStyle};
use crate::http::pages::words::{Language, keep_language};
use crate::http::problem::Problem;
use crate::ids::{hex, sha256};

/// All pages of the wallet stand below this path.
const PATH: &str = "/wallet";
const STYLE: &str = include_str!("wallet.css");
/// The cookie that keeps elder mode.
const LOOK: &str = "look";
const YEAR_SECONDS: i64 = 365 * 24 * 3_600;

/// What a page without a session has.
pub struct Plain {
    pub w: &'static WalletWords,
    pub language: Language,
    /// Elder mode: larger, and one number a screen.
    pub elder: bool,
    pub style: &'static str,
    /// The same page in the other language, and in the other look.
    pub other_language: String,
    pub other_look: String,
}

/// What a page of a customer who is signed in has.
pub struct Frame {
    pub plain: Plain,
    pub w: &'static WalletWords,
    pub figures: Figures,
    /// The token of the session's forms.
    pub token: String,
}

impl Plain {
    pub fn new(request: &HttpRequest) -> Self {
        // A form's answer stands at a path that takes forms only.
        let path = if request.method() == Method::GET { request.path() } else { PATH };
        Self::at(request, path)
    }

    /// The same, where the links for language and look lead to that path.
    pub fn at(request: &HttpRequest, path: &str) -> Self {
        let language = Language::of(request);
        let elder = is_elder(request);
        let kept = kept_query(request);
        let with = |pair: &str| match kept.is_empty() {
            true => format!("{path}?{pair}"),
            false => format!("{path}?{kept}&{pair}"),
        };
        Self {
            w: WalletWords::of(language),
            language,
            elder,
            style: style_path(),
            other_language: with(if language.is_chinese() { "lang=en" } else { "lang=zh" }),
            other_look: with(if elder { "look=standard" } else { "look=elder" }),
        }
    }
}

impl Frame {
    pub fn new(request: &HttpRequest, gateway: &Gateway, visit: &Visit) -> Self {
        let plain = Plain::new(request);
        Self {
            w: plain.w,
            figures: Figures { language: plain.language, zone: gateway.time_zone },
            token: visit.token.clone(),
            plain,
        }
    }

    /// One of two texts, by the language.
    pub fn say(&self, english: String, chinese: String) -> String {
        if self.plain.language.is_chinese() { chinese } else { english }
    }
}

/// The query of a page without what chooses language and look.
fn kept_query(request: &HttpRequest) -> String {
    if request.method() != Method::GET {
        return String::new();
    }
    let pairs = request.query_string().split('&');
    let kept = pairs.filter(|pair| !pair.is_empty());
    let kept = kept.filter(|pair| !pair.starts_with("lang=") && !pair.starts_with("look="));
    kept.collect::<Vec<_>>().join("&")
}

/// The look that a link on the page chose.
fn chosen_look(request: &HttpRequest) -> Option<bool> {
    let pairs = request.query_string().split('&');
    match pairs.filter_map(|pair| pair.strip_prefix("look=")).next()? {
        "elder" => Some(true),
        "standard" => Some(false),
        _ => None,
    }
}

fn is_elder(request: &HttpRequest) -> bool {
    let kept = || read_cookie(request, LOOK) == Some("elder");
    chosen_look(request).unwrap_or_else(kept)
}

/// Answers with a page.
pub fn show(
    request: &HttpRequest,
    status: StatusCode,
    page: &impl Template,
) -> Result<HttpResponse, Problem> {
    show_framed(request, status, page, Framing::Alone)
}

/// Answers with a page that has a frame, or stands in one.
pub fn show_framed(
    request: &HttpRequest,
    status: StatusCode,
    page: &impl Template,
    framing: Framing,
) -> Result<HttpResponse, Problem> {
    let mut response = kit::show_framed(status, page, PageStyle::Linked, framing)?;
    keep_language(request, PATH, &mut response);
    if let Some(elder) = chosen_look(request) {
        let cookie = Cookie {
            name: LOOK,
            value: if elder { "elder" } else { "standard" },
            path: PATH,
            seconds: YEAR_SECONDS,
            secure: false,
            same_site: SameSite::Strict,
        };
        if let Ok(header) = cookie.header() {
            response.headers_mut().append(header::SET_COOKIE, header);
        }
    }
    Ok(response)
}

/// `GET /assets/wallet.css`. Its address changes with its text.
pub async fn get_style() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(STYLE)
}

fn style_path() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let digits: String = hex(&sha256(STYLE.as_bytes())).chars().take(12).collect();
        format!("/assets/wallet.css?v={digits}")
    })
}
