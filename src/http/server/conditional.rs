//! Conditional reads (RFC 9110, section 13): every resource that is answered whole has an `ETag`,
//! and a caller that has the same version gets 304 and no body.

use actix_web::body::{BoxBody, MessageBody, to_bytes};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Only what stands below this path has entity tags; documents and pages have none.
const RESOURCES: &str = "/v1/";

/// Middleware: adds an entity tag, and answers 304 to a caller that has the same version.
///
/// # Errors
/// None of its own.
pub async fn tag_resources(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let is_read = request.method() == Method::GET && request.path().starts_with(RESOURCES);
    let known = is_read.then(|| known_tags(request.headers()));
    let response = next.call(request).await?.map_into_boxed_body();
    let Some(known) = known.filter(|_| response.status() == StatusCode::OK) else {
        return Ok(response);
    };
    // Only what is whole in memory already; what is streamed is not gathered for this.
    if !matches!(response.response().body().size(), actix_web::body::BodySize::Sized(_)) {
        return Ok(response);
    }
    let (request, response) = response.into_parts();
    let (mut response, body) = response.into_parts();
    let body = to_bytes(body).await.unwrap_or_default();
    let tag = tag(&body);
    if let Ok(value) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, value);
    }
    if known.iter().any(|known| *known == tag || known == "*") {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(ServiceResponse::new(request, response.set_body(BoxBody::new(()))));
    }
    Ok(ServiceResponse::new(request, response.set_body(BoxBody::new(body))))
}

/// A strong tag: the same bytes have the same one, on every gateway.
fn tag(body: &[u8]) -> String {
    let hash = digest(&SHA256, body);
    let short = hash.as_ref().get(..16).unwrap_or_default();
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(short))
}

/// The tags that the caller has; the comparison is the weak one (RFC 9110, section 13.1.2).
fn known_tags(headers: &HeaderMap) -> Vec<String> {
    let lists = headers.get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    let tags = lists.flat_map(|list| list.split(','));
    tags.map(|tag| tag.trim().trim_start_matches("W/").to_owned()).collect()
}
