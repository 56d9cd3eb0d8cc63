//! A refusal as a page: people read words, not a problem document.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::Next;
use askama::Template;

use super::frame::{self, Plain};
use super::words::WalletWords;
use crate::http::pages::accept::prefers_json;
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
    let error = response.response().error();
    let Some(problem) = error.and_then(|error| error.as_error::<Problem>()).cloned() else {
        return Ok(response);
    };
    if prefers_json(response.request()) {
        return Ok(response);
    }
    // The problem is logged here, because the page does not carry the problem any more.
    problem.log_cause();
    let (request, answer) = response.into_parts();
    let plain = Plain::at(&request, "/wallet");
    let says = says(&problem, plain.w);
    let mut page = frame::show(&request, problem.status(), &Refusal { plain, says })?;
    if let Some(seconds) = answer.headers().get(header::RETRY_AFTER) {
        page.headers_mut().insert(header::RETRY_AFTER, seconds.clone());
    }
    Ok(ServiceResponse::new(request, page))
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
