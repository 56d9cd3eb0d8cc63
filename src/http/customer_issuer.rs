//! Customer tokens: JWTs by the bank's identity provider.

use std::path::PathBuf;

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

use crate::clock::Moment;
use crate::settings::CustomerTokens;

/// The bank's identity provider, as far as a token can be checked against it.
pub struct CustomerIssuer {
    issuer: String,
    audience: String,
    keys: Vec<(String, Algorithm, DecodingKey)>,
}

/// Why the identity provider's keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CustomerIssuerError {
    #[error("setting customer_tokens.jwks: cannot read {path}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("setting customer_tokens.jwks: {path} is not a JWK set: {what}")]
    Malformed { path: PathBuf, what: String },
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: i64,
    nbf: Option<i64>,
}

const ALLOWED: [Algorithm; 4] =
    [Algorithm::EdDSA, Algorithm::ES256, Algorithm::PS256, Algorithm::RS256];

impl CustomerIssuer {
    /// Reads the identity provider's public keys.
    ///
    /// # Errors
    /// [`CustomerIssuerError`].
    pub fn load(settings: &CustomerTokens) -> Result<Self, CustomerIssuerError> {
        let path = settings.jwks.clone();
        let text = std::fs::read_to_string(&path)
            .map_err(|source| CustomerIssuerError::Unreadable { path: path.clone(), source })?;
        let malformed = |what: String| CustomerIssuerError::Malformed { path: path.clone(), what };
        let set: JwkSet =
            serde_json::from_str(&text).map_err(|error| malformed(error.to_string()))?;
        let keys = set.keys.iter().map(read_key).collect::<Result<_, _>>().map_err(malformed)?;
        let (issuer, audience) = (settings.issuer.clone(), settings.audience.clone());
        Ok(Self { issuer, audience, keys })
    }

    /// Whose token it is; `None` when it is not a good one of this issuer for us.
    #[must_use]
    pub fn subject(&self, token: &str, now: Moment) -> Option<String> {
        let header = decode_header(token).ok()?;
        let kid = header.kid?;
        let (_kid, algorithm, key) = self.keys.iter().find(|(known, ..)| *known == kid)?;
        if header.alg != *algorithm {
            return None;
        }
        let mut validation = Validation::new(*algorithm);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_exp = false;
        let claims = decode::<Claims>(token, key, &validation).ok()?.claims;
        let seconds = now.unix_seconds();
        let good = seconds < claims.exp && claims.nbf.is_none_or(|nbf| nbf <= seconds);
        (good && !claims.sub.is_empty() && claims.sub.len() <= 256).then_some(claims.sub)
    }
}

fn read_key(jwk: &Jwk) -> Result<(String, Algorithm, DecodingKey), String> {
    let kid = jwk.common.key_id.clone().ok_or("a key has no kid")?;
    let algorithm = jwk
        .common
        .key_algorithm
        .and_then(|named| named.to_string().parse::<Algorithm>().ok())
        .filter(|algorithm| ALLOWED.contains(algorithm))
        .ok_or_else(|| format!("key {kid}: expected alg EdDSA, ES256, PS256 or RS256"))?;
    let key = DecodingKey::from_jwk(jwk).map_err(|error| format!("key {kid}: {error}"))?;
    Ok((kid, algorithm, key))
}
