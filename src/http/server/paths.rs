//! Paths, header names and limits of bodies that several handlers name, and what a route is made
//! with. Nothing here knows a handler.

use actix_web::http::header::HeaderName;
use actix_web::{HttpResponse, Resource, Route, web};

use crate::http::problem::Problem;

/// Where partners get tokens (RFC 6749), below the issuer.
pub const TOKEN_PATH: &str = "/oauth/token";
/// Where partners give tokens up (RFC 7009).
pub const REVOCATION_PATH: &str = "/oauth/revoke";
/// Where staff look at a partner's token (RFC 7662).
pub const INTROSPECTION_PATH: &str = "/oauth/introspect";
/// The public keys of our own tokens and receipts (RFC 7517).
pub const JWKS_PATH: &str = "/.well-known/jwks.json";
/// The public keys of receipts of the sandbox.
pub const SANDBOX_JWKS_PATH: &str = "/.well-known/sandbox-jwks.json";
/// Metadata of the authorization server (RFC 8414).
pub const SERVER_PATH: &str = "/.well-known/oauth-authorization-server";
/// Metadata of the protected resource (RFC 9728).
pub const RESOURCE_PATH: &str = "/.well-known/oauth-protected-resource";
/// The API's description.
pub const OPENAPI_PATH: &str = "/openapi.json";
/// Where uploads of files begin (tus 1.0.0).
pub const UPLOADS_PATH: &str = "/v1/uploads";
/// Where uploads of statements begin (tus 1.0.0).
pub const STATEMENT_UPLOADS_PATH: &str = "/v1/statement-uploads";

/// Stands on every answer that was given before.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Maximum size of a single event's body, in bytes.
pub const EVENT_BYTES_MAX: usize = 64 * 1024;
/// Maximum size of a batch's body, in bytes.
pub const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Maximum size of a statement, as it comes, in bytes. Larger ones come by the command.
pub const STATEMENT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Maximum size of a form's body, in bytes.
pub const FORM_BYTES_MAX: usize = 16 * 1024;
/// Maximum number of events in one batch.
pub const BATCH_MAX: usize = 1_000;

/// A resource with one method. Any other method is answered with 405 and the list of those that
/// the resource has.
pub fn at(path: &str, route: Route) -> Resource {
    web::resource(path).route(route)
}

/// The answer of a path that is none of ours.
///
/// # Errors
/// Always: not found.
pub async fn unknown() -> Result<HttpResponse, Problem> {
    Err(Problem::not_found())
}
