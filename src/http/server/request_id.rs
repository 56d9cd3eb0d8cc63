//! Around every request: its metrics, its span in a trace, one line in the log, and its id. The id is
//! the caller's own where it is safe to log, else a new one; it stands in the response, in the log
//! and in a problem document. The log names the route, never the URL or the body. Errors that the
//! framework answers by itself become problem documents here, and so does a panic.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpResponse, ResponseError, web};
use futures_util::FutureExt;
use tracing::field::{Empty, display};
use tracing::{Instrument, Span};

use crate::http::Gateway;
use crate::http::problem::Problem;
use crate::http::server::method::method_sent;
use crate::http::server::noted::Noted;
use crate::http::server::paths::REPLAYED;
use crate::partner::Partner;
use crate::telemetry::metrics::{Answer, Metrics};
use crate::telemetry::traces;
use crate::trace_parent::TraceParent;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

const TRACE_PARENT: &str = "traceparent";

/// The answer where the work made no response of its own: it panicked, or a middleware refused.
#[derive(Debug)]
struct Unanswered {
    problem: Problem,
    id: HeaderValue,
}

/// Middleware: gives each request its id, counts it, and logs its outcome.
///
/// # Errors
/// An answer like any other, where the work came to none.
pub async fn log_requests(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let started = Instant::now();
    let id = request_id(request.headers());
    let id_text = id.to_str().unwrap_or_default();
    request.extensions_mut().insert(Noted::default());
    let metrics =
        request.app_data::<web::Data<Gateway>>().map(|gateway| Arc::clone(&gateway.metrics));
    let _in_flight = metrics.as_ref().map(|metrics| metrics.begin());
    let method = request.method().clone();
    let span = open_span(request.headers(), id_text);
    let work = AssertUnwindSafe(next.call(request).instrument(span.clone())).catch_unwind();
    let failed = match work.await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(problem_of(&error)),
        // The panic's own line of log says where.
        Err(_payload) => Err(Problem::internal("the work panicked")),
    };
    let response = match failed {
        Ok(response) => response,
        Err(problem) => {
            let status = problem.status().as_u16();
            span.in_scope(|| {
                problem.log_cause();
                log(method.as_str(), None, status, None, started);
            });
            if let Some(metrics) = &metrics {
                metrics.problem(problem.slug());
                let (route, partner_kind, took) = (None, None, started.elapsed());
                let method = method.as_str();
                metrics.answered(Answer { route, method, status, partner_kind, took });
            }
            close_span(&span, method.as_str(), None, status);
            return Err(Unanswered { problem, id }.into());
        }
    };
    let mut response = span.in_scope(|| {
        let (response, slug) = as_problem(response.map_into_boxed_body(), id_text);
        if let (Some(metrics), Some(slug)) = (&metrics, slug) {
            metrics.problem(slug);
        }
        response
    });
    conclude(&response, &span, metrics.as_deref(), started);
    response.headers_mut().insert(HEADER, id);
    tell_allowance(&mut response);
    tell_nonce(&mut response);
    Ok(response)
}

/// The span is on wherever errors are, so that each error is logged with the id.
fn open_span(headers: &HeaderMap, id: &str) -> Span {
    let span =
        tracing::error_span!("request", request_id = id, trace_id = Empty, otel.kind = Empty);
    if traces::are_wanted() {
        span.record("otel.kind", "server");
        let mut given = headers.get_all(TRACE_PARENT).filter_map(|value| value.to_str().ok());
        let callers = given.next().and_then(TraceParent::parse);
        if let (Some(callers), None) = (callers, given.next()) {
            traces::continue_callers(&span, callers);
        }
        if let Some(place) = traces::place(&span) {
            span.record("trace_id", display(format_args!("{:032x}", place.trace())));
        }
    }
    span
}

fn close_span(span: &Span, method: &str, route: Option<&str>, status: u16) {
    if traces::are_wanted() {
        let route = route.unwrap_or(UNKNOWN);
        traces::tell(span, "http.request.method", known_method(method).to_owned());
        traces::tell(span, "http.response.status_code", i64::from(status));
        traces::tell(span, "http.route", route.to_owned());
        traces::rename(span, format!("{} {route}", known_method(method)));
    }
}

/// Writes the outcome of a request to log, metrics and trace.
fn conclude(
    response: &ServiceResponse<BoxBody>,
    span: &Span,
    metrics: Option<&Metrics>,
    started: Instant,
) {
    let request = response.request();
    let (route, status) = (request.match_pattern(), response.status().as_u16());
    let extensions = request.extensions();
    let partner = extensions.get::<Noted>().and_then(|noted| noted.partner.get());
    let method = method_sent(request);
    let method = method.as_str();
    span.in_scope(|| log(method, route.as_deref(), status, partner, started));
    close_span(span, method, route.as_deref(), status);
    if let Some(metrics) = metrics {
        let partner_kind = partner.map(|partner| partner.kind.name());
        let took = started.elapsed();
        metrics.answered(Answer { route, method, status, partner_kind, took });
    }
}

fn tell_nonce(response: &mut ServiceResponse<BoxBody>) {
    let noted = response.request().extensions();
    let nonce = noted.get::<Noted>().and_then(|noted| noted.dpop_nonce.get().cloned());
    drop(noted);
    if let Some(nonce) = nonce {
        response.headers_mut().insert(DPOP_NONCE, nonce);
    }
}

fn tell_allowance(response: &mut ServiceResponse<BoxBody>) {
    let noted = response.request().extensions();
    let allowance = noted.get::<Noted>().and_then(|noted| noted.allowance.get());
    drop(noted);
    let Some(allowance) = allowance else { return };
    for (name, text) in [(RATE_LIMIT_POLICY, allowance.policy()), (RATE_LIMIT, allowance.state())] {
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().insert(name, value);
        }
    }
}

fn request_id(headers: &HeaderMap) -> HeaderValue {
    headers.get(&HEADER).filter(|value| is_sane(value.as_bytes())).cloned().unwrap_or_else(|| {
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        let text = uuid::Uuid::now_v7().hyphenated().encode_lower(&mut text);
        HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("none"))
    })
}

/// Whether a caller's id may stand in the log. It is short, and has no characters that quote. It has
/// no run of seven digits, which may be a phone number, unless it is a UUID.
fn is_sane(id: &[u8]) -> bool {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let numbered = || id.split(|b| !b.is_ascii_digit()).any(|digits| digits.len() >= DIGITS_MAX);
    (8..=64).contains(&id.len())
        && id.iter().all(plain)
        && (!numbered() || uuid::Uuid::try_parse_ascii(id).is_ok())
}

const DIGITS_MAX: usize = 7;

/// Puts the request's id into a problem document, and makes a document for an error that has none.
/// Returns the problem's slug as well.
fn as_problem(
    response: ServiceResponse<BoxBody>,
    id: &str,
) -> (ServiceResponse<BoxBody>, Option<&'static str>) {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return (response, None);
    }
    let inside = response.response();
    let own = inside.error().and_then(|error| error.as_error::<Problem>());
    let json = HeaderValue::from_static("application/json");
    let problem = match own {
        Some(problem) => problem.clone(),
        // A replayed answer stays as it was.
        None if inside.headers().contains_key(REPLAYED) => return (response, None),
        // The token endpoint's errors have a form of their own (RFC 6749).
        None if inside.headers().get(header::CONTENT_TYPE) == Some(&json) => {
            return (response, None);
        }
        // A page for people says itself what is wrong.
        None if is_page(inside.headers()) => return (response, None),
        None => Problem::of_status(status),
    };
    problem.log_cause();
    let allow = inside.headers().get(header::ALLOW).map(with_head);
    let mut answer = problem.response(Some(id));
    if let Some(allow) = allow {
        answer.headers_mut().insert(header::ALLOW, allow);
    }
    (response.into_response(answer), Some(problem.slug()))
}

/// HEAD is answered wherever GET is (RFC 9110, section 9.3.2), whatever the router knows.
fn with_head(allow: &HeaderValue) -> HeaderValue {
    let listed = allow.to_str().unwrap_or_default();
    let has = |method: &str| listed.split(',').any(|listed| listed.trim() == method);
    let whole = if has("GET") && !has("HEAD") {
        HeaderValue::from_str(&format!("{listed}, HEAD"))
    } else {
        Ok(allow.clone())
    };
    whole.unwrap_or_else(|_unfit| allow.clone())
}

fn is_page(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/html"))
}

/// The problem that an error is, or stands for.
fn problem_of(error: &actix_web::Error) -> Problem {
    let own = error.as_error::<Problem>().cloned();
    own.unwrap_or_else(|| Problem::of_status(error.as_response_error().status_code()))
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.problem.slug())
    }
}

impl ResponseError for Unanswered {
    fn status_code(&self) -> StatusCode {
        self.problem.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = self.problem.response(self.id.to_str().ok());
        response.headers_mut().insert(HEADER, self.id.clone());
        response
    }
}

/// The name in log and traces for a path that is none of ours.
const UNKNOWN: &str = "(unknown)";

/// A method that a caller made up may say anything, so it is not logged.
fn known_method(name: &str) -> &str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == name).unwrap_or("(unknown)")
}

fn log(
    method: &str,
    route: Option<&str>,
    status: u16,
    partner: Option<&Arc<Partner>>,
    started: Instant,
) {
    if !tracing::enabled!(tracing::Level::INFO) {
        return;
    }
    tracing::info!(
        method = known_method(method),
        route = route.unwrap_or(UNKNOWN),
        status,
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
        let uuid = "01934d5c-1234-7890-8123-019900001234";
        assert_eq!(id(uuid), uuid);
        for value in ["", "short", "with space", "quote\"quote", "13800138000", "order-1380013800"]
        {
            assert_eq!(id(value).len(), 36, "{value}");
        }
        let long = HeaderValue::from_str(&"a".repeat(65)).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, long);
        assert_eq!(request_id(&headers).len(), 36);
    }

    #[actix_web::test]
    async fn a_panic_is_answered_with_an_id() {
        let bad = async || -> HttpResponse { panic!("13800138000") };
        let app = actix_web::App::new()
            .wrap(actix_web::middleware::from_fn(log_requests))
            .route("/bad", web::get().to(bad));
        let app = actix_web::test::init_service(app).await;
        let request = actix_web::test::TestRequest::get().uri("/bad").to_request();
        let error = actix_web::test::try_call_service(&app, request).await.unwrap_err();
        let answer = error.error_response();
        assert_eq!(answer.status(), 500);
        let id = answer.headers().get(HEADER).unwrap().to_str().unwrap().to_owned();
        let body = actix_web::body::to_bytes(answer.into_body()).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (&body["type"], &body["request_id"]),
            (&"/problems/internal".into(), &id.into())
        );
    }
}
