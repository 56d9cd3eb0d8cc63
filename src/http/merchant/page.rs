//! A page as it is answered: whole, small, and with nothing on it from elsewhere.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::Shop;
use super::session::{Session, keep_language};
use super::words::Words;
use crate::http::problem::Problem;

/// Nothing is run, and nothing fetched but our own style.
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// What all pages have.
pub struct Frame {
    pub w: &'static Words,
    pub shop: String,
    /// The path below which the shop's pages are.
    pub base: String,
    /// Of the session's forms; empty where nobody is signed in.
    pub token: String,
    /// Whether the shop has a daily file.
    pub has_file: bool,
}

impl Frame {
    pub fn new(request: &HttpRequest, shop: &Shop, session: Option<&Session>) -> Self {
        Self {
            w: Words::of(request),
            shop: shop.partner.name.clone(),
            base: shop.path(""),
            token: session.map_or_else(String::new, |session| session.token.clone()),
            has_file: shop.partner.payments_file.is_some(),
        }
    }
}

/// Answers with a page.
pub fn show(
    request: &HttpRequest,
    status: StatusCode,
    page: &impl Template,
) -> Result<HttpResponse, Problem> {
    let text = page.render().map_err(|error| Problem::internal(error.to_string()))?;
    let mut response = HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "same-origin"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::VARY, "Accept-Language, Cookie"))
        .body(text);
    keep_language(request, &mut response);
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
