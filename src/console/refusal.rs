//! A refusal as a page: people read words, not a problem document.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::Next;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::page::{self, Plain};
use super::sign_in::fresh_path;
use super::words::ConsoleWords;
use crate::http::pages::refusal;
use crate::http::problem::Problem;

#[derive(Template)]
#[template(path = "refusal.html", config = "src/http/askama.toml")]
struct Refusal {
    plain: Plain,
    title: &'static str,
    says: &'static str,
    /// Where the button leads, and what it says; empty for no button.
    href: String,
    label: &'static str,
}

/// Answers a problem with a page, unless the client asks for JSON.
pub async fn as_page(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let response = next.call(request).await?;
    refusal::as_page(response, |request, problem| {
        let plain = Plain::new(request);
        let (w, says) = (plain.w, says(problem, plain.w));
        let href = "/console/today".to_owned();
        let refusal = Refusal { plain, title: w.refused, says, href, label: w.back };
        page::show(request, problem.status(), &refusal)
    })
}

/// Asks the person to show once more who they are; the page is opened again after that.
pub fn stale(request: &HttpRequest, to: &str) -> Result<HttpResponse, Problem> {
    let plain = Plain::new(request);
    let w = plain.w;
    let (title, says, label) = (w.confirm_who, w.confirm_who_says, w.sign_in);
    let refusal = Refusal { plain, title, says, href: fresh_path(to), label };
    page::show(request, StatusCode::FORBIDDEN, &refusal)
}

fn says(problem: &Problem, w: &'static ConsoleWords) -> &'static str {
    match problem.slug() {
        "not-found" => w.no_page,
        "role-missing" => w.no_role,
        "bad-request" => w.foreign_form,
        "four-eyes" => w.four_eyes,
        "break-state" | "correction-closed" | "held-closed" | "task-closed"
        | "not-a-dead-letter" | "referral-state" | "freeze-state" => w.stands_elsewhere,
        "settlement-state" | "no-statement" => w.month_state,
        "adjustment-exceeds" | "write-off-exceeds" => w.exceeds,
        _ => w.not_now,
    }
}
