//! The version of the API that a request asks for, and what is deprecated. The path carries
//! the major version (`/v1`); `Api-Version` a date, which names the newest changes that the caller
//! knows. What breaks a caller comes only under a new date, and each date is served for at least 12
//! months after the next one.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, LINK};
use actix_web::middleware::Next;

use crate::http::problem::Problem;

/// Every version that is served, oldest first. The last one is what a caller without the header
/// gets.
pub const VERSIONS: [&str; 1] = ["2026-11-01"];

const VERSION: HeaderName = HeaderName::from_static("api-version");
const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// A route on its way out.
struct Deprecated {
    path: &'static str,
    /// RFC 9745: a structured date, Unix seconds.
    since: &'static str,
    /// RFC 8594: an HTTP date.
    sunset: &'static str,
    successor: &'static str,
}

const DEPRECATED: [Deprecated; 1] = [Deprecated {
    path: "/oauth/jwks",
    since: "@1793491200",
    sunset: "Mon, 01 Nov 2027 00:00:00 GMT",
    successor: "/.well-known/jwks.json",
}];

/// Middleware: refuses a version that is not served, names the one that answers, and says what is
/// deprecated.
///
/// # Errors
/// None of its own.
pub async fn speak_version(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let version = match spoken(request.headers()) {
        Ok(version) => version,
        Err(problem) => return Ok(ServiceResponse::from_err(problem, request.into_parts().0)),
    };
    let mut response = next.call(request).await?.map_into_boxed_body();
    let pattern = response.request().match_pattern();
    let going = DEPRECATED.iter().find(|route| Some(route.path) == pattern.as_deref());
    let headers = response.headers_mut();
    headers.insert(VERSION, HeaderValue::from_static(version));
    if let Some(route) = going {
        headers.insert(DEPRECATION, HeaderValue::from_static(route.since));
        headers.insert(SUNSET, HeaderValue::from_static(route.sunset));
        let link = format!("<{}>; rel=\"successor-version\"", route.successor);
        if let Ok(link) = HeaderValue::from_str(&link) {
            headers.append(LINK, link);
        }
    }
    Ok(response)
}

/// The version that a request asks for, or the newest.
fn spoken(headers: &HeaderMap) -> Result<&'static str, Problem> {
    let [.., newest] = VERSIONS;
    let Some(asked) = headers.get(VERSION) else { return Ok(newest) };
    let served = VERSIONS.into_iter().find(|version| asked.as_bytes() == version.as_bytes());
    served.ok_or_else(|| Problem::version_unknown(&VERSIONS))
}
