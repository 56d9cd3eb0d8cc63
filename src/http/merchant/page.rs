//! What all of a shop's pages have.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::session::Session;
use super::shop::Shop;
use super::words::ShopWords;
use crate::http::pages::frame::{self, PageStyle};
use crate::http::pages::words::{Language, keep_language};
use crate::http::problem::Problem;

/// All shops' pages stand below this path.
const PATH: &str = "/m/";

pub struct Frame {
    pub w: &'static ShopWords,
    pub language: Language,
    pub shop: String,
    /// The path below which the shop's pages are.
    pub base: String,
    /// The token of the session's forms; empty where nobody is signed in.
    pub token: String,
    /// Whether the shop has a daily file.
    pub has_file: bool,
}

impl Frame {
    pub fn new(request: &HttpRequest, shop: &Shop, session: Option<&Session>) -> Self {
        let language = Language::of(request);
        Self {
            w: ShopWords::of(language),
            language,
            shop: shop.partner.name.clone(),
            base: shop.path(""),
            token: session.map_or_else(String::new, |session| session.token.clone()),
            has_file: shop.partner.payments_file.is_some(),
        }
    }
}

/// The words of a request's language.
pub fn words(request: &HttpRequest) -> &'static ShopWords {
    ShopWords::of(Language::of(request))
}

/// Answers with a page of the shop.
pub fn show(
    request: &HttpRequest,
    status: StatusCode,
    page: &impl Template,
) -> Result<HttpResponse, Problem> {
    let mut response = frame::show(status, page, PageStyle::Linked)?;
    keep_language(request, PATH, &mut response);
    Ok(response)
}

/// `GET /assets/form.css`.
pub async fn get_style() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "public, max-age=3600"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(include_str!("form.css"))
}
