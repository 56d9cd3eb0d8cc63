//! A refusal as a page: people read words, not a problem document.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use askama::Template;

use super::frame::{self, Plain};
use super::words::WalletWords;
use crate::http::pages::refusal;
use crate::http::problem::Problem;

#[derive(Template)]
#[template(path = "wallet_refusal.html", config = "src/http/askama.toml")]
struct Refusal {
    plain: Plain,
    says: &'static str,
}

/// Answers a problem with a page, unless the client asks for JSON.
pub async fn as_page(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let response = next.call(request).await?;
    refusal::as_page(response, |request, problem| {
        let plain = Plain::at(request, "/wallet");
        let says = says(problem, plain.w);
        frame::show(request, problem.status(), &Refusal { plain, says })
    })
}

fn says(problem: &Problem, w: &'static WalletWords) -> &'static str {
    match problem.slug() {
        "not-found" => w.no_page,
        "bad-request" => w.foreign_form,
        "rate-limited" => w.too_often,
        "hold-closed" => w.answered_before,
        "redemption-not-agreed" => w.not_there,
        "notice-required" => w.notice_required,
        _ => w.not_now,
    }
}
