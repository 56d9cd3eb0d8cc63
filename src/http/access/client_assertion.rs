//! How a partner proves itself at our token and revocation endpoints: `private_key_jwt` (RFC 6749,
//! RFC 7523). Errors have the form of RFC 6749, section 5.2.

use std::sync::Arc;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde_json::json;

use crate::clock::Moment;
use crate::http::Gateway;
use crate::http::server::noted::note_partner;
use crate::http::server::paths::TOKEN_PATH;
use crate::ids::PartnerId;
use crate::partner::Partner;
use crate::partner::assertion::{self, Assertion, AssertionError, Recipient};

/// The fields of a form that identify the client.
pub struct Credentials<'a> {
    pub client_id: Option<&'a str>,
    pub client_assertion_type: Option<&'a str>,
    pub client_assertion: Option<&'a str>,
}

/// An error in the form of RFC 6749, section 5.2.
#[derive(Debug, thiserror::Error)]
#[error("{error}: {description}")]
pub struct OauthError {
    status: StatusCode,
    error: &'static str,
    description: String,
}

/// Identifies the client by its assertion, which `use_up` must still use up. The client is on the
/// bank's list now, and within its rate.
///
/// # Errors
/// `invalid_client`, `unauthorized_client`; a problem where the rate is exceeded.
pub fn authenticate(
    request: &HttpRequest,
    gateway: &Gateway,
    credentials: &Credentials<'_>,
    now: Moment,
) -> Result<(Arc<Partner>, Assertion), actix_web::Error> {
    let (partner, assertion) = prove(gateway, credentials, now)?;
    note_partner(request, &partner);
    partner.listed_on(gateway.day(now)).map_err(|unlisted| OauthError {
        status: StatusCode::FORBIDDEN,
        error: "unauthorized_client",
        description: unlisted.to_string(),
    })?;
    gateway.limit(request, &partner, now)?;
    Ok((partner, assertion))
}

fn prove(
    gateway: &Gateway,
    credentials: &Credentials<'_>,
    now: Moment,
) -> Result<(Arc<Partner>, Assertion), OauthError> {
    if credentials.client_assertion_type != Some(assertion::TYPE) {
        let expected = format!("expected client_assertion_type={}", assertion::TYPE);
        return Err(invalid_client(expected));
    }
    let Some(token) = credentials.client_assertion else {
        return Err(invalid_client("client_assertion is missing"));
    };
    let client = assertion::claimed_client(token);
    let named = credentials.client_id;
    if named.is_some() && named != client.as_ref().map(PartnerId::as_str) {
        return Err(invalid_client("client_id is not the assertion's iss"));
    }
    let partner = client.as_ref().and_then(|id| gateway.registry.get(id));
    let token_url = format!("{}{TOKEN_PATH}", gateway.issuer);
    let recipient = Recipient { issuer: &gateway.issuer, token_url: &token_url };
    let proved = assertion::verify(token, partner.as_deref(), recipient, now, gateway.day(now));
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

/// The answer to an assertion that was used before.
pub fn used_before() -> OauthError {
    invalid_client("client_assertion: one with this jti was used before; sign a new one")
}

pub fn bad(error: &'static str, description: impl Into<String>) -> OauthError {
    OauthError { status: StatusCode::BAD_REQUEST, error, description: description.into() }
}

/// The answer to a body that is no form, or has a field twice.
pub fn unreadable(_error: actix_web::Error) -> OauthError {
    bad("invalid_request", "expected application/x-www-form-urlencoded, each field once")
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
