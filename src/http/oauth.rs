//! Partners get their tokens here: client credentials with `private_key_jwt` (RFC 6749, 7523), and
//! what they need to know for it (RFC 8414).

use std::sync::Arc;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use serde::Deserialize;
use serde_json::json;

use super::Gateway;
use super::openapi::bodies::{TokenAnswer, TokenError, TokenForm};
use super::problem::Problem;
use super::request_id::note_partner;
use super::token::{LIFE, scope_text};
use crate::clock::{self, Moment};
use crate::ids::PartnerId;
use crate::jwt;
use crate::partner::Partner;
use crate::partner::assertion::{self, Assertion, AssertionError, Recipient};
use crate::partner::scope::Scope;
use crate::store::assertions;

/// The form of a token request. Fields that it does not know are passed over (RFC 6749, section
/// 3.2); one that stands twice is refused.
#[derive(Deserialize)]
pub struct TokenRequest {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_assertion_type: Option<String>,
    client_assertion: Option<String>,
    scope: Option<String>,
}

/// RFC 6749, section 5.2.
#[derive(Debug, thiserror::Error)]
#[error("{error}: {description}")]
struct OauthError {
    status: StatusCode,
    error: &'static str,
    description: String,
}

/// Where the endpoints are, below the issuer.
pub const TOKEN_PATH: &str = "/oauth/token";
pub const JWKS_PATH: &str = "/oauth/jwks";
pub const METADATA_PATH: &str = "/.well-known/oauth-authorization-server";

/// Expired assertions that a token request clears away.
const FORGOTTEN_MAX: i64 = 100;

/// An access token for a client assertion (RFC 6749, 7523); errors as RFC 6749, section 5.2.
///
/// # Errors
/// As RFC 6749 has them; a problem document where the service itself cannot.
#[utoipa::path(
    post, path = "/oauth/token", tag = "Authorization", security(()),
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Good for 5 minutes.", body = TokenAnswer),
        (status = 400, description = "The request or its scope is no good.", body = TokenError),
        (status = 401, description = "The client did not prove who it is.", body = TokenError),
        (status = 403, description = "The client is not on the bank's list.", body = TokenError),
    )
)]
pub async fn issue_token(
    request: HttpRequest,
    gateway: web::Data<Gateway>,
    form: Result<web::Form<TokenRequest>, actix_web::Error>,
) -> Result<HttpResponse, actix_web::Error> {
    let form = form.map_err(|_unreadable| {
        bad("invalid_request", "expected application/x-www-form-urlencoded, each field once")
    })?;
    let now = clock::now();
    let (partner, assertion) = prove(&gateway, &form, now)?;
    note_partner(&request, &partner);
    partner.listed_on(gateway.day(now)).map_err(|unlisted| OauthError {
        status: StatusCode::FORBIDDEN,
        error: "unauthorized_client",
        description: unlisted.to_string(),
    })?;
    gateway.limit(&request, &partner, now)?;
    let scopes = granted(&partner, form.scope.as_deref())?;
    let client = partner.id.clone();
    let first = gateway
        .main
        .read(move |db| {
            db.write(|tx| {
                assertions::forget_expired(tx, now, FORGOTTEN_MAX)?;
                assertions::claim(tx, &client, &assertion.jti, assertion.forget_at)
            })
        })
        .await?;
    if !first {
        let description = "client_assertion: one with this jti was used before; sign a new one";
        return Err(invalid_client(description).into());
    }
    let token = gateway.tokens.issue(&partner.id, &scopes, now).map_err(Problem::internal)?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(json!({
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": LIFE.num_seconds(),
        "scope": scope_text(&scopes),
    })))
}

/// Who asks, proved by their assertion.
fn prove(
    gateway: &Gateway,
    form: &TokenRequest,
    now: Moment,
) -> Result<(Arc<Partner>, Assertion), OauthError> {
    match form.grant_type.as_deref() {
        Some("client_credentials") => {}
        Some(_) => {
            return Err(bad("unsupported_grant_type", "expected grant_type=client_credentials"));
        }
        None => return Err(bad("invalid_request", "grant_type is missing")),
    }
    if form.client_assertion_type.as_deref() != Some(assertion::TYPE) {
        let expected = format!("expected client_assertion_type={}", assertion::TYPE);
        return Err(invalid_client(expected));
    }
    let Some(token) = form.client_assertion.as_deref() else {
        return Err(invalid_client("client_assertion is missing"));
    };
    let client = assertion::claimed_client(token);
    let named = form.client_id.as_deref();
    if named.is_some() && named != client.as_ref().map(PartnerId::as_str) {
        return Err(invalid_client("client_id is not the assertion's iss"));
    }
    let partner = client.as_ref().and_then(|id| gateway.registry.get(id));
    let token_url = format!("{}{TOKEN_PATH}", gateway.issuer);
    let recipient = Recipient { issuer: &gateway.issuer, token_url: &token_url };
    let proved = assertion::verify(token, partner.as_deref(), recipient, now);
    match (proved, partner) {
        (Ok(assertion), Some(partner)) => Ok((partner, assertion)),
        (Err(error), _) => {
            if let AssertionError::Unproven(why) = &error {
                let client = client.as_ref().map(PartnerId::as_str);
                tracing::info!(client, ?why, "assertion refused");
            }
            Err(invalid_client(error.to_string()))
        }
        (Ok(_), None) => Err(invalid_client("the client is not known")),
    }
}

/// The scopes asked for, or all that the partner has.
fn granted(partner: &Partner, asked: Option<&str>) -> Result<Vec<Scope>, OauthError> {
    let mut scopes = Vec::new();
    for name in asked.unwrap_or_default().split_ascii_whitespace() {
        let scope = Scope::by_name(name).filter(|scope| partner.access.scopes.contains(scope));
        let scope = scope.ok_or_else(|| {
            let theirs = scope_text(&partner.access.scopes);
            bad("invalid_scope", format!("a scope asked for is not among the client's: {theirs}"))
        })?;
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    if scopes.is_empty() {
        scopes.clone_from(&partner.access.scopes);
    }
    if scopes.is_empty() {
        return Err(bad("invalid_scope", "the client has no scopes"));
    }
    Ok(scopes)
}

/// Where the authorization server is, and what it knows (RFC 8414).
#[utoipa::path(
    get, path = "/.well-known/oauth-authorization-server", tag = "Authorization", security(()),
    responses((status = 200, description = "The metadata.", body = serde_json::Value))
)]
pub async fn get_metadata(gateway: web::Data<Gateway>) -> HttpResponse {
    let issuer = &gateway.issuer;
    HttpResponse::Ok().json(json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}{TOKEN_PATH}"),
        "jwks_uri": format!("{issuer}{JWKS_PATH}"),
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported":
            jwt::ALGORITHMS.map(|(_algorithm, name)| name),
        "scopes_supported": Scope::ALL.map(Scope::name),
    }))
}

/// The keys that sign access tokens, receipts and heads (RFC 7517).
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "Authorization", security(()),
    responses((status = 200, description = "The public keys.", body = serde_json::Value))
)]
pub async fn get_jwks(gateway: web::Data<Gateway>) -> HttpResponse {
    let sandbox = gateway.sandbox.as_ref().map(|books| &books.key);
    let keys = std::iter::once(&gateway.keys.token).chain(sandbox).map(|key| {
        json!({
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
            "kid": key.kid, "x": key.public_x,
        })
    });
    HttpResponse::Ok().json(json!({ "keys": keys.collect::<Vec<_>>() }))
}

fn bad(error: &'static str, description: impl Into<String>) -> OauthError {
    OauthError { status: StatusCode::BAD_REQUEST, error, description: description.into() }
}

/// The client did not prove who it is (RFC 7521, section 4.2.1).
fn invalid_client(description: impl Into<String>) -> OauthError {
    let description = description.into();
    OauthError { status: StatusCode::UNAUTHORIZED, error: "invalid_client", description }
}

impl ResponseError for OauthError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status)
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .json(json!({ "error": self.error, "error_description": self.description }))
    }
}
