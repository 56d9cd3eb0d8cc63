//! Our tokens are revoked before they expire (RFC 7009), and shown to staff (RFC 7662).

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use crate::clock;
use crate::http::Gateway;
use crate::http::access::access_token::{Confirmation, scope_text};
use crate::http::access::client_assertion::{
    Credentials, authenticate, bad, unreadable, used_before,
};
use crate::http::access::staff::{Read, Staff};
use crate::http::access::standing::partner_of;
use crate::http::problem::Problem;
use crate::http::schemas::oauth::{Introspection, IntrospectionForm, RevocationForm, TokenError};
use crate::partner::constraint::Binding;
use crate::partner::single_use::{self, Asked, RevokedToken, UseOutcome};
use crate::store::Db;

/// The form of RFC 7009, section 2.1. `token_type_hint` is ignored.
#[derive(Deserialize)]
pub struct RevocationRequest {
    token: Option<String>,
    client_id: Option<String>,
    client_assertion_type: Option<String>,
    client_assertion: Option<String>,
}

/// The form of RFC 7662, section 2.1.
#[derive(Deserialize)]
pub struct IntrospectionRequest {
    token: Option<String>,
}

/// Revokes one of the client's own access tokens: within seconds no gateway accepts it. For a token
/// that is no longer valid the answer is the same.
///
/// # Errors
/// As RFC 6749, section 5.2; a problem document where the service itself cannot.
#[utoipa::path(
    post, path = "/oauth/revoke", tag = "Authorization", security(()),
    request_body(content = RevocationForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "It is no token any more."),
        (status = 400, description = "The request is no good.", body = TokenError),
        (status = 401, description = "The client did not prove who it is.", body = TokenError),
        (status = 403, description = "The client is not on the bank's list.", body = TokenError),
    )
)]
pub async fn revoke_token(
    request: HttpRequest,
    gateway: web::Data<Gateway>,
    form: Result<web::Form<RevocationRequest>, actix_web::Error>,
) -> Result<HttpResponse, actix_web::Error> {
    let form = form.map_err(unreadable)?;
    let now = clock::now();
    let Some(token) = form.token.as_deref() else {
        return Err(bad("invalid_request", "token is missing").into());
    };
    let credentials = Credentials {
        client_id: form.client_id.as_deref(),
        client_assertion_type: form.client_assertion_type.as_deref(),
        client_assertion: form.client_assertion.as_deref(),
    };
    let (partner, assertion) = authenticate(&request, &gateway, &credentials, now)?;
    let grant = gateway.tokens.read_revoked(token, now).ok();
    if grant.as_ref().is_some_and(|grant| grant.partner != partner.id) {
        return Err(bad("invalid_grant", "the token was issued to another client").into());
    }
    let revoked = grant.as_ref();
    let revoked =
        revoked.map(|grant| RevokedToken { jti: grant.jti, expires_at: grant.expires_at });
    let (asked, owner) = (Asked::Revocation(revoked), partner.id.clone());
    let used = move |db: &mut Db| single_use::use_up(&owner, db, &assertion, &asked, now);
    match gateway.main.ask(used).await.map_err(Problem::from)? {
        UseOutcome::First => {}
        UseOutcome::AssertionUsed | UseOutcome::ProofUsed => return Err(used_before().into()),
    }
    if let Some(grant) = grant {
        gateway.tokens.revoked.add(grant.jti, grant.expires_at);
    }
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).finish())
}

/// The content of a partner's access token, while it is good. For any other token the answer says
/// only that it is not active.
///
/// # Errors
/// `invalid_request` without a token.
#[utoipa::path(
    post, path = "/oauth/introspect", tag = "Authorization", security(("staff" = ["read"])),
    request_body(content = IntrospectionForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "What the token says.", body = Introspection),
        (status = 400, description = "The request is no good.", body = TokenError),
    )
)]
pub async fn introspect_token(
    _staff: Staff<Read>,
    gateway: web::Data<Gateway>,
    form: Result<web::Form<IntrospectionRequest>, actix_web::Error>,
) -> Result<HttpResponse, actix_web::Error> {
    let form = form.map_err(unreadable)?;
    let now = clock::now();
    let Some(token) = form.token.as_deref() else {
        return Err(bad("invalid_request", "token is missing").into());
    };
    let good = gateway.tokens.read(token, now).ok().filter(|grant| {
        // As at any endpoint: the manifest is asked, whatever the token says.
        partner_of(grant, &gateway, now)
            .is_ok_and(|partner| partner.listed_on(gateway.day(now)).is_ok())
    });
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    let Some(grant) = good else { return Ok(response.json(json!({ "active": false }))) };
    let mut content = json!({
        "active": true,
        "scope": scope_text(&grant.scopes),
        "client_id": grant.partner,
        "sub": grant.partner,
        "aud": gateway.issuer,
        "iss": gateway.issuer,
        "jti": grant.jti,
        "iat": grant.issued_at.unix_seconds(),
        "exp": grant.expires_at.unix_seconds(),
        "token_type": if matches!(grant.binding, Binding::Key(_)) { "DPoP" } else { "Bearer" },
    });
    if let (Some(confirmation), Some(content)) =
        (Confirmation::of(&grant.binding), content.as_object_mut())
    {
        content.insert("cnf".to_owned(), json!(confirmation));
    }
    Ok(response.json(content))
}
