//! Forms and answers of the authorization server.

#![expect(dead_code, reason = "the document is made of their types; nothing reads their fields")]

use utoipa::ToSchema;

use crate::ids::PartnerId;

#[derive(ToSchema)]
pub struct TokenForm {
    #[schema(pattern = "^client_credentials$")]
    pub grant_type: String,
    #[schema(required = false)]
    pub client_id: Option<PartnerId>,
    pub client_assertion_type: String,
    pub client_assertion: String,
    /// Without it: all scopes of the client.
    #[schema(required = false)]
    pub scope: Option<String>,
}

/// RFC 7009, section 2.1.
#[derive(ToSchema)]
pub struct RevocationForm {
    pub token: String,
    #[schema(required = false)]
    pub client_id: Option<PartnerId>,
    pub client_assertion_type: String,
    pub client_assertion: String,
}

/// RFC 7662, section 2.1.
#[derive(ToSchema)]
pub struct IntrospectionForm {
    pub token: String,
}

/// RFC 7662, section 2.2. For a token that is not good, only `active`.
#[derive(ToSchema)]
pub struct Introspection {
    pub active: bool,
    #[schema(nullable = false)]
    pub scope: Option<String>,
    #[schema(nullable = false)]
    pub client_id: Option<PartnerId>,
    #[schema(nullable = false)]
    pub sub: Option<PartnerId>,
    #[schema(nullable = false)]
    pub aud: Option<String>,
    #[schema(nullable = false)]
    pub iss: Option<String>,
    #[schema(nullable = false)]
    pub jti: Option<String>,
    #[schema(nullable = false)]
    pub iat: Option<i64>,
    #[schema(nullable = false)]
    pub exp: Option<i64>,
    /// `Bearer` or `DPoP`.
    #[schema(nullable = false)]
    pub token_type: Option<String>,
    /// The binding (RFC 7800): `jkt` or `x5t#S256`.
    #[schema(nullable = false)]
    pub cnf: Option<std::collections::BTreeMap<String, String>>,
}

/// RFC 6749, section 5.1.
#[derive(ToSchema)]
pub struct TokenAnswer {
    pub access_token: String,
    /// `Bearer`, or `DPoP` where it is bound to a key.
    pub token_type: String,
    /// Seconds.
    pub expires_in: i64,
    pub scope: String,
}

/// RFC 6749, section 5.2.
#[derive(ToSchema)]
pub struct TokenError {
    pub error: String,
    pub error_description: String,
}
