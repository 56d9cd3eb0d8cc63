//! A request id for every request: the caller's own where it is sane, else a new one. It stands in
//! the answer and in the log line; the line names the route, never the URL or the body.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, ResponseError};

use super::problem::Problem;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Middleware: gives each request its id and logs its outcome.
///
/// # Errors
/// What the handler returned.
pub async fn log_requests(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let started = Instant::now();
    let id = request_id(&request);
    let mut response = next.call(request).await?.map_into_boxed_body();
    if is_of_the_framework(response.response()) {
        let problem = Problem::of_status(response.status());
        response = response.into_response(problem.error_response());
    }
    response.headers_mut().insert(HEADER, id.clone());
    let status = response.status().as_u16();
    let level_on = if status >= 500 {
        tracing::enabled!(tracing::Level::WARN)
    } else {
        tracing::enabled!(tracing::Level::INFO)
    };
    if level_on {
        let method = response.request().method().as_str();
        let route = response.request().match_pattern();
        let route = route.as_deref().unwrap_or("(unknown)");
        let request_id = id.to_str().unwrap_or_default();
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::info!(request_id, method, route, status, micros, "request");
    }
    Ok(response)
}

/// Whether it is an error that did not come from a handler: those are documents already.
fn is_of_the_framework(response: &HttpResponse) -> bool {
    let of_a_handler = |kind: &HeaderValue| {
        kind.as_bytes().starts_with(b"application/problem+json")
            || kind.as_bytes().starts_with(b"application/json")
    };
    let status = response.status();
    let kind = response.headers().get(CONTENT_TYPE);
    (status.is_client_error() || status.is_server_error()) && !kind.is_some_and(of_a_handler)
}

fn request_id(request: &ServiceRequest) -> HeaderValue {
    let sane = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        (8..=64).contains(&bytes.len())
            && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-' || *b == b'_')
    };
    request.headers().get(&HEADER).filter(sane).cloned().unwrap_or_else(|| {
        let id = uuid::Uuid::now_v7().to_string();
        HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("none"))
    })
}
