//! Methods that stand for others. HEAD is answered wherever GET is (RFC 9110, section 9.3.2), and an
//! upload's method may come in `X-HTTP-Method-Override` (tus 1.0.0), because some proxies know no
//! PATCH.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::HeaderName;
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest};

use crate::http::server::paths::{STATEMENT_UPLOADS_PATH, UPLOADS_PATH};

const OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

/// The method as it was sent, where the request is worked on as another.
struct MethodSent(Method);

/// Middleware: has HEAD worked on as GET, and uploads by the method that overrides. The server
/// itself leaves the body of an answer to HEAD out.
///
/// # Errors
/// Those of the handler.
pub async fn translate_methods<B: MessageBody>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    if let Some(method) = meant(&request) {
        let sent = std::mem::replace(&mut request.head_mut().method, method);
        request.extensions_mut().insert(MethodSent(sent));
    }
    next.call(request).await
}

/// The method as it was sent: what a proof of the request names.
pub fn method_sent(request: &HttpRequest) -> Method {
    let sent = request.extensions().get::<MethodSent>().map(|sent| sent.0.clone());
    sent.unwrap_or_else(|| request.method().clone())
}

fn meant(request: &ServiceRequest) -> Option<Method> {
    let path = request.path();
    let is_upload = is_below(path, UPLOADS_PATH) || is_below(path, STATEMENT_UPLOADS_PATH);
    if is_upload {
        // Whatever the method is (tus 1.0.0, `X-HTTP-Method-Override`).
        let named = request.headers().get(OVERRIDE)?;
        return Method::from_bytes(&named.as_bytes().trim_ascii().to_ascii_uppercase()).ok();
    }
    // An upload has a HEAD of its own (tus 1.0.0, core protocol).
    (request.method() == Method::HEAD).then_some(Method::GET)
}

fn is_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
