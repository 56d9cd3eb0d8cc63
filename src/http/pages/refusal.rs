//! A refusal as a page: people read words, not a problem document.

use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};

use super::accept::prefers_json;
use crate::http::problem::Problem;

/// Answers a problem with the page that `draw` makes of the problem, unless the client asks for JSON.
///
/// # Errors
/// Those of `draw`.
pub fn as_page(
    response: ServiceResponse<BoxBody>,
    draw: impl FnOnce(&HttpRequest, &Problem) -> Result<HttpResponse, Problem>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
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
    let mut page = draw(&request, &problem)?;
    if let Some(seconds) = answer.headers().get(header::RETRY_AFTER) {
        page.headers_mut().insert(header::RETRY_AFTER, seconds.clone());
    }
    Ok(ServiceResponse::new(request, page))
}
