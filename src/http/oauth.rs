//! OAuth 2.0 client credentials with `private_key_jwt` (RFC 6749, RFC 7523), the server's metadata
//! (RFC 8414) and its public key (RFC 7517).

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::json;

use super::Gateway;
use super::problem::Problem;
use super::token::LIFE;
use crate::clock::{self, Moment};
use crate::partner::Partner;
use crate::partner::assertion::{self, Assertion, Audiences};
use crate::partner::scope::Scope;
use crate::store::{StoreError, assertions};

/// The form of a token request. Fields of other grants are passed over (RFC 6749, section 3.2).
#[derive(Deserialize)]
pub struct TokenRequest {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_assertion_type: Option<String>,
    client_assertion: Option<String>,
    scope: Option<String>,
}

/// RFC 6749, section 5.2.
struct OauthError {
    status: StatusCode,
    error: &'static str,
    description: String,
}

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// `POST /oauth/token`.
pub async fn issue_token(
    gateway: web::Data<Gateway>,
    form: web::Form<TokenRequest>,
) -> Result<HttpResponse, Problem> {
    let now = clock::now();
    let (partner, assertion) = match authenticate(&gateway, &form, now) {
        Ok(proved) => proved,
        Err(error) => return Ok(error.response()),
    };
    let scopes = match granted(partner, form.scope.as_deref()) {
        Ok(scopes) => scopes,
        Err(error) => return Ok(error.response()),
    };
    let id = partner.id.clone();
    let unused = gateway
        .read(move |db| {
            db.write(|tx| {
                assertions::forget_expired(tx, now.minus(TimeDelta::minutes(5)))?;
                // Kept past its end by more than the skew that is allowed.
                let keep_until = assertion.expires_at.plus(TimeDelta::minutes(2));
                assertions::claim(tx, &id, &assertion.jti, keep_until)
            })
        })
        .await?;
    if !unused {
        return Ok(invalid_client("the assertion has been used before: make a new one").response());
    }
    let token = gateway
        .tokens
        .issue(&partner.id, &scopes, now)
        .map_err(|error| Problem::from(StoreError::Migration(error.to_string())))?;
    let names: Vec<&str> = scopes.iter().map(|scope| scope.name()).collect();
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(json!({
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": LIFE.num_seconds(),
        "scope": names.join(" "),
    })))
}

/// Who asks, proved by their assertion. An unknown client and a bad signature are answered alike.
fn authenticate<'a>(
    gateway: &'a Gateway,
    form: &TokenRequest,
    now: Moment,
) -> Result<(&'a Partner, Assertion), OauthError> {
    match form.grant_type.as_deref() {
        Some("client_credentials") => {}
        Some(_) => {
            return Err(bad("unsupported_grant_type", "expected grant_type=client_credentials"));
        }
        None => return Err(bad("invalid_request", "grant_type is missing")),
    }
    if form.client_assertion_type.as_deref() != Some(ASSERTION_TYPE) {
        let expected = format!("expected client_assertion_type={ASSERTION_TYPE}");
        return Err(bad("invalid_request", &expected));
    }
    let Some(token) = form.client_assertion.as_deref() else {
        return Err(bad("invalid_request", "client_assertion is missing"));
    };
    let claimed = assertion::claimed_issuer(token);
    if form.client_id.is_some()
        && form.client_id.as_deref() != claimed.as_ref().map(|id| id.as_str())
    {
        return Err(invalid_client("client_id is not the assertion's iss"));
    }
    let partner = claimed.as_ref().and_then(|id| gateway.registry.get(id));
    let Some(partner) = partner else {
        return Err(invalid_client(&assertion::AssertionError::Signature.to_string()));
    };
    let token_url = format!("{}/oauth/token", gateway.issuer);
    let audiences = Audiences { issuer: &gateway.issuer, token_url: &token_url };
    let proved = assertion::verify(token, partner, audiences, now)
        .map_err(|error| invalid_client(&error.to_string()))?;
    partner.listed_on(gateway.day(now)).map_err(|unlisted| OauthError {
        status: StatusCode::FORBIDDEN,
        error: "unauthorized_client",
        description: unlisted.to_string(),
    })?;
    Ok((partner, proved))
}

/// The scopes asked for, or all that the partner has.
fn granted(partner: &Partner, asked: Option<&str>) -> Result<Vec<Scope>, OauthError> {
    let Some(asked) = asked.filter(|asked| !asked.trim().is_empty()) else {
        return Ok(partner.access.scopes.clone());
    };
    asked
        .split_ascii_whitespace()
        .map(|name| {
            Scope::by_name(name)
                .filter(|scope| partner.access.scopes.contains(scope))
                .ok_or_else(|| bad("invalid_scope", "a scope asked for is not the client's"))
        })
        .collect()
}

/// `GET /.well-known/oauth-authorization-server`.
pub async fn get_metadata(gateway: web::Data<Gateway>) -> HttpResponse {
    let issuer = &gateway.issuer;
    HttpResponse::Ok().json(json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/oauth/token"),
        "jwks_uri": format!("{issuer}/oauth/jwks"),
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["EdDSA", "ES256", "PS256", "RS256"],
        "scopes_supported": Scope::ALL.map(Scope::name),
    }))
}

/// `GET /oauth/jwks`.
pub async fn get_jwks(gateway: web::Data<Gateway>) -> HttpResponse {
    let key = &gateway.keys.token;
    HttpResponse::Ok().json(json!({ "keys": [{
        "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
        "kid": key.kid, "x": key.public_x,
    }] }))
}

fn bad(error: &'static str, description: &str) -> OauthError {
    OauthError { status: StatusCode::BAD_REQUEST, error, description: description.to_owned() }
}

fn invalid_client(description: &str) -> OauthError {
    let description = description.to_owned();
    OauthError { status: StatusCode::UNAUTHORIZED, error: "invalid_client", description }
}

impl OauthError {
    fn response(&self) -> HttpResponse {
        HttpResponse::build(self.status)
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .json(json!({ "error": self.error, "error_description": self.description }))
    }
}
