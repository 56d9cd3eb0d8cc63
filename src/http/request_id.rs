//! Around every request: an id, the caller's own where it is sane, else a new one; it stands in the
//! response, in the log, and in a problem document. One line of log tells how each request went;
//! it names the route, never the URL or the body. And whatever error the framework answers by
//! itself becomes a problem document here.

use std::cell::{Cell, OnceCell};
use std::sync::Arc;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest};
use tracing::Instrument;

use super::idempotency::REPLAYED;
use super::limit::Allowance;
use super::problem::Problem;
use crate::partner::Partner;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The partner that a request turned out to be from, for the log, and what is left of its rate.
#[derive(Default)]
struct Speaker {
    partner: OnceCell<Arc<Partner>>,
    allowance: Cell<Option<Allowance>>,
}

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Middleware: gives each request its id and logs its outcome.
///
/// # Errors
/// None: an error of the handler is its response.
pub async fn log_requests(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let started = Instant::now();
    let id = request_id(request.headers());
    let id_text = id.to_str().unwrap_or_default();
    request.extensions_mut().insert(Speaker::default());
    // On wherever errors are, so that each is logged with the id.
    let span = tracing::error_span!("request", request_id = id_text);
    let response = next.call(request).instrument(span.clone()).await?;
    let mut response = span.in_scope(|| {
        let response = as_problem(response.map_into_boxed_body(), id_text);
        log(&response, started);
        response
    });
    response.headers_mut().insert(HEADER, id);
    tell_allowance(&mut response);
    Ok(response)
}

/// Notes for the log whose request it is.
pub fn note_partner(request: &HttpRequest, partner: &Arc<Partner>) {
    if let Some(speaker) = request.extensions().get::<Speaker>() {
        // Whoever was noted first stays.
        speaker.partner.get_or_init(|| Arc::clone(partner));
    }
}

/// Notes for the answer what is left of the partner's rate.
pub fn note_allowance(request: &HttpRequest, allowance: Allowance) {
    if let Some(speaker) = request.extensions().get::<Speaker>() {
        speaker.allowance.set(Some(allowance));
    }
}

/// Notes for the answer that nothing is left of the partner's rate.
pub fn note_nothing_left(request: &HttpRequest) {
    if let Some(speaker) = request.extensions().get::<Speaker>() {
        speaker.allowance.set(speaker.allowance.get().map(Allowance::exhausted));
    }
}

/// The partner that a request turned out to be from.
pub fn noted_partner(request: &HttpRequest) -> Option<Arc<Partner>> {
    request.extensions().get::<Speaker>()?.partner.get().cloned()
}

fn tell_allowance(response: &mut ServiceResponse<BoxBody>) {
    let speaker = response.request().extensions();
    let allowance = speaker.get::<Speaker>().and_then(|speaker| speaker.allowance.get());
    drop(speaker);
    let Some(allowance) = allowance else { return };
    for (name, text) in [(RATE_LIMIT_POLICY, allowance.policy()), (RATE_LIMIT, allowance.state())] {
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().insert(name, value);
        }
    }
}

fn request_id(headers: &HeaderMap) -> HeaderValue {
    let sane = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        (8..=64).contains(&bytes.len())
            && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    headers.get(&HEADER).filter(sane).cloned().unwrap_or_else(|| {
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        let text = uuid::Uuid::now_v7().hyphenated().encode_lower(&mut text);
        HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("none"))
    })
}

/// Gives a problem document the request's id, and a document to an error that has none.
fn as_problem(response: ServiceResponse<BoxBody>, id: &str) -> ServiceResponse<BoxBody> {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let inside = response.response();
    let own = inside.error().and_then(|error| error.as_error::<Problem>());
    let json = HeaderValue::from_static("application/json");
    let problem = match own {
        Some(problem) => problem.clone(),
        // What was answered before is given again as it was.
        None if inside.headers().contains_key(REPLAYED) => return response,
        // The token endpoint's errors have a form of their own (RFC 6749).
        None if inside.headers().get(header::CONTENT_TYPE) == Some(&json) => return response,
        None => Problem::of_status(status),
    };
    problem.log_cause();
    let allow = inside.headers().get(header::ALLOW).cloned();
    let mut answer = problem.response(Some(id));
    if let Some(allow) = allow {
        answer.headers_mut().insert(header::ALLOW, allow);
    }
    response.into_response(answer)
}

fn log(response: &ServiceResponse<BoxBody>, started: Instant) {
    if !tracing::enabled!(tracing::Level::INFO) {
        return;
    }
    let request = response.request();
    let route = request.match_pattern();
    let extensions = request.extensions();
    let partner = extensions.get::<Speaker>().and_then(|speaker| speaker.partner.get());
    tracing::info!(
        method = request.method().as_str(),
        route = route.as_deref().unwrap_or("(unknown)"),
        status = response.status().as_u16(),
        micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        partner = partner.map(|partner| partner.id.as_str()),
        "answered"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sane_id_is_kept_and_any_other_replaced() {
        let id = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, HeaderValue::from_static(value));
            request_id(&headers)
        };
        assert_eq!(id("order-77.retry_2"), "order-77.retry_2");
        for value in ["", "short", "with space", "quote\"quote"] {
            assert_eq!(id(value).len(), 36, "{value}");
        }
        let long = HeaderValue::from_str(&"a".repeat(65)).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, long);
        assert_eq!(request_id(&headers).len(), 36);
    }
}
