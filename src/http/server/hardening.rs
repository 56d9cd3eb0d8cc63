//! Headers on every answer that keep browsers and caches from misusing it (OWASP API8).
//! Cross-origin requests are not allowed anywhere: no answer says that they are.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue,
    REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::web;

use crate::http::Gateway;

/// For answers that are no pages: nothing may be loaded, framed or sent.
const NO_PAGE: &str = "default-src 'none'; frame-ancestors 'none'";
/// For pages without a policy of their own: they load from here only.
const PAGE: &str = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; \
                    object-src 'none'; base-uri 'none'; form-action 'self'; \
                    frame-ancestors 'none'";
const ONE_YEAR: &str = "max-age=31536000";

/// Middleware: adds each header that the answer does not set itself.
///
/// # Errors
/// None of its own.
pub async fn harden(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let secure = request
        .app_data::<web::Data<Gateway>>()
        .is_some_and(|gateway| gateway.issuer.starts_with("https://"));
    let mut response = next.call(request).await?.map_into_boxed_body();
    let headers = response.headers_mut();
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_page = content_type.is_some_and(|value| value.starts_with("text/html"));
    let cache = if headers.contains_key(ETAG) { "private, no-cache" } else { "no-store" };
    let defaults: [(HeaderName, &'static str); 4] = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_SECURITY_POLICY, if is_page { PAGE } else { NO_PAGE }),
        (CACHE_CONTROL, cache),
    ];
    for (name, value) in defaults {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if secure {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(ONE_YEAR));
    }
    Ok(response)
}
