//! Our own metadata for clients: the endpoints and what they accept (RFC 8414, RFC 9728), and the
//! public keys of our tokens and receipts (RFC 7517).

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use crate::http::Gateway;
use crate::http::server::paths::{INTROSPECTION_PATH, JWKS_PATH, REVOCATION_PATH, TOKEN_PATH};
use crate::jwt;
use crate::partner::dpop;
use crate::partner::scope::Scope;
use crate::secrets::token_keys::TokenKeys;

/// How long clients may cache metadata. A new key is published well before it signs.
const KEPT_FOR: &str = "public, max-age=300";

/// Metadata of the authorization server (RFC 8414): its endpoints and algorithms.
#[utoipa::path(
    get, path = "/.well-known/oauth-authorization-server", tag = "Authorization", security(()),
    responses((status = 200, description = "The metadata.", body = serde_json::Value))
)]
pub async fn get_metadata(gateway: web::Data<Gateway>) -> HttpResponse {
    let issuer = &gateway.issuer;
    let mut algorithms = jwt::ALGORITHMS.map(|(_algorithm, name)| name).to_vec();
    algorithms.push("Ed25519");
    let mut metadata = json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}{TOKEN_PATH}"),
        "revocation_endpoint": format!("{issuer}{REVOCATION_PATH}"),
        "introspection_endpoint": format!("{issuer}{INTROSPECTION_PATH}"),
        "jwks_uri": format!("{issuer}{JWKS_PATH}"),
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint_auth_methods_supported": ["private_key_jwt"],
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "dpop_signing_alg_values_supported": dpop::ALGORITHMS,
        "scopes_supported": Scope::ALL.map(Scope::name),
        "protected_resources": [issuer],
        "service_documentation": format!("{issuer}/docs/"),
    });
    bind_to_certificates(&gateway, &mut metadata);
    if let (true, Some(metadata)) = (gateway.client_certificates, metadata.as_object_mut()) {
        // One address takes both: a certificate is asked for, and may be left out.
        let aliases = json!({
            "token_endpoint": format!("{issuer}{TOKEN_PATH}"),
            "revocation_endpoint": format!("{issuer}{REVOCATION_PATH}"),
        });
        metadata.insert("mtls_endpoint_aliases".to_owned(), aliases);
    }
    answer(&metadata)
}

/// Metadata of the protected resource (RFC 9728): which authorization server protects it.
#[utoipa::path(
    get, path = "/.well-known/oauth-protected-resource", tag = "Authorization", security(()),
    responses((status = 200, description = "The metadata.", body = serde_json::Value))
)]
pub async fn get_resource_metadata(gateway: web::Data<Gateway>) -> HttpResponse {
    let issuer = &gateway.issuer;
    let mut metadata = json!({
        "resource": issuer,
        "resource_name": "Tallystick",
        "authorization_servers": [issuer],
        "jwks_uri": format!("{issuer}{JWKS_PATH}"),
        "scopes_supported": Scope::ALL.map(Scope::name),
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": dpop::ALGORITHMS,
        "dpop_bound_access_tokens_required": false,
        "resource_documentation": format!("{issuer}/docs/"),
    });
    bind_to_certificates(&gateway, &mut metadata);
    answer(&metadata)
}

/// The keys that sign access tokens, receipts and heads (RFC 7517): the one that does now, those
/// that did, and the one that will.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "Authorization", security(()),
    responses((status = 200, description = "The public keys.", body = serde_json::Value))
)]
pub async fn get_jwks(gateway: web::Data<Gateway>) -> HttpResponse {
    answer(&key_set(&gateway.keys.token))
}

/// The keys that sign receipts and heads of the sandbox, in a set of their own: none of them proves
/// anything of real books.
#[utoipa::path(
    get, path = "/.well-known/sandbox-jwks.json", tag = "Authorization", security(()),
    responses((status = 200, description = "The public keys.", body = serde_json::Value))
)]
pub async fn get_sandbox_jwks(gateway: web::Data<Gateway>) -> HttpResponse {
    let keys = gateway.sandbox.as_ref().map(|_apart| key_set(&gateway.keys.sandbox));
    answer(&keys.unwrap_or_else(|| json!({ "keys": [] })))
}

fn key_set(keys: &TokenKeys) -> Value {
    let keys: Vec<Value> = keys
        .all()
        .iter()
        .rev()
        .map(|key| {
            json!({
                "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
                "kid": key.kid, "x": key.public_x,
            })
        })
        .collect();
    json!({ "keys": keys })
}

/// RFC 8705, section 3.3.
fn bind_to_certificates(gateway: &Gateway, metadata: &mut Value) {
    if let Some(metadata) = metadata.as_object_mut() {
        let name = "tls_client_certificate_bound_access_tokens".to_owned();
        metadata.insert(name, json!(gateway.client_certificates));
    }
}

fn answer(document: &Value) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, KEPT_FOR)).json(document)
}
