//! Our token endpoint: partners get access tokens for client credentials with `private_key_jwt`
//! (RFC 6749, RFC 7523). A token is bound to a key (RFC 9449) or a certificate (RFC 8705) where the
//! client or its manifest asks for it.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use crate::clock;
use crate::http::Gateway;
use crate::http::access::access_token::{LIFE, NewToken, scope_text};
use crate::http::access::client_assertion::{
    Credentials, OauthError, authenticate, bad, unreadable, used_before,
};
use crate::http::access::dpop;
use crate::http::problem::Problem;
use crate::http::schemas::oauth::{TokenAnswer, TokenError, TokenForm};
use crate::http::server::tls::ClientCertificate;
use crate::partner::Partner;
use crate::partner::constraint::{Binding, SenderConstraint};
use crate::partner::dpop::Proof;
use crate::partner::scope::Scope;
use crate::partner::single_use::{self, Asked, UseOutcome};
use crate::store::Db;

/// The form of a token request. Unknown fields are ignored (RFC 6749, section 3.2); a field that
/// stands twice is refused.
#[derive(Deserialize)]
pub struct TokenRequest {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_assertion_type: Option<String>,
    client_assertion: Option<String>,
    scope: Option<String>,
}

/// An access token for a client assertion (RFC 6749, 7523); errors as RFC 6749, section 5.2. With a
/// proof in the header `DPoP` it is bound to the proof's key (RFC 9449).
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
    let form = form.map_err(unreadable)?;
    let now = clock::now();
    match form.grant_type.as_deref() {
        Some("client_credentials") => {}
        Some(_) => {
            let expected = "expected grant_type=client_credentials";
            return Err(bad("unsupported_grant_type", expected).into());
        }
        None => return Err(bad("invalid_request", "grant_type is missing").into()),
    }
    let credentials = Credentials {
        client_id: form.client_id.as_deref(),
        client_assertion_type: form.client_assertion_type.as_deref(),
        client_assertion: form.client_assertion.as_deref(),
    };
    let (partner, assertion) = authenticate(&request, &gateway, &credentials, now)?;
    let client_kid = assertion.kid.clone();
    let scopes = granted(&partner, form.scope.as_deref())?;
    let proof = dpop::read(&gateway, &request, None, now)
        .map_err(|refusal| bad(refusal.code(), refusal.to_string()))?;
    let binding = binding(&partner, &request, proof.as_ref())?;
    let (asked, owner) = (Asked::Token(proof), partner.id.clone());
    let used = move |db: &mut Db| single_use::use_up(&owner, db, &assertion, &asked, now);
    match gateway.main.ask(used).await.map_err(Problem::from)? {
        UseOutcome::First => {}
        UseOutcome::ProofUsed => {
            let replayed = dpop::Refusal::Replayed;
            return Err(bad(replayed.code(), replayed.to_string()).into());
        }
        UseOutcome::AssertionUsed => return Err(used_before().into()),
    }
    let (scopes, binding) = (scopes.as_slice(), &binding);
    let new = NewToken { partner: &partner.id, scopes, binding, client_kid: &client_kid };
    let token = gateway.tokens.issue(&new, now);
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(json!({
        "access_token": token.map_err(Problem::internal)?,
        "token_type": if matches!(binding, Binding::Key(_)) { "DPoP" } else { "Bearer" },
        "expires_in": LIFE.num_seconds(),
        "scope": scope_text(scopes),
    })))
}

/// The binding of the new token: what the manifest asks for, or the key of a proof that came.
fn binding(
    partner: &Partner,
    request: &HttpRequest,
    proof: Option<&Proof>,
) -> Result<Binding, OauthError> {
    let refused = |what: &str| Err(bad("invalid_request", what));
    match (partner.access.sender_constrained, proof) {
        (Some(SenderConstraint::Mtls), Some(_)) => {
            refused("this client's tokens are bound to its certificate: send no DPoP proof")
        }
        (Some(SenderConstraint::Mtls), None) => match ClientCertificate::of(request) {
            Some(certificate) => Ok(Binding::Certificate(certificate.thumbprint.clone())),
            None => refused("this client must connect with its TLS certificate (RFC 8705)"),
        },
        (_, Some(proof)) => Ok(Binding::Key(proof.thumbprint.clone())),
        (Some(SenderConstraint::Dpop), None) => {
            refused("this client must send a DPoP proof (RFC 9449)")
        }
        (None, None) => Ok(Binding::None),
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
