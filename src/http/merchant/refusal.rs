//! A refusal as a page: whoever opens a shop's address reads words, not a problem document.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, web};
use askama::Template;

use super::page::{Frame, show};
use super::words::ShopWords;
use crate::http::Gateway;
use crate::http::pages::refusal;
use crate::http::pages::words::Language;
use crate::http::problem::Problem;
use crate::ids::PartnerId;

#[derive(Template)]
#[template(path = "merchant/refusal.html", config = "src/http/askama.toml")]
struct Refusal {
    frame: Frame,
    says: &'static str,
}

/// Answers a problem with a page, unless the client asks for JSON.
pub async fn as_page(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let response = next.call(request).await?;
    refusal::as_page(response, |request, problem| {
        let frame = frame(request);
        let says = says(problem, frame.w);
        show(request, problem.status(), &Refusal { frame, says })
    })
}

fn says(problem: &Problem, words: &'static ShopWords) -> &'static str {
    match problem.slug() {
        "partner-not-listed" => words.closed,
        "not-found" => words.no_page,
        "bad-request" => words.foreign_form,
        "too-large" => words.too_large,
        _ => words.not_now,
    }
}

/// The frame of a page without a session; the shop's name where there is such a shop.
fn frame(request: &HttpRequest) -> Frame {
    let language = Language::of(request);
    let gateway = request.app_data::<web::Data<Gateway>>();
    let id = PartnerId::try_from(request.match_info().get("partner").unwrap_or_default()).ok();
    let partner = gateway.zip(id).and_then(|(gateway, id)| gateway.registry.get(&id));
    let shop = partner.filter(|partner| partner.form.is_some());
    Frame {
        w: ShopWords::of(language),
        language,
        shop: shop.map_or_else(String::new, |partner| partner.name.clone()),
        base: String::new(),
        token: String::new(),
        has_file: false,
    }
}
