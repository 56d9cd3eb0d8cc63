//! ID tokens: what an identity provider says at the end of a sign-in (OpenID Connect Core 1.0, section
//! 3.1.3.7). A token for another client, another sign-in or another access token is refused.

use aws_lc_rs::constant_time;
use aws_lc_rs::digest::{SHA256, SHA512, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::identity_provider::{IdentityProvider, IssuedTokenError, Vouched};
use crate::clock::Moment;
use crate::jwt::{NumericDate, SKEW};

/// What an ID token must fit.
pub struct IdTokenNeeds<'a> {
    pub client_id: &'a str,
    pub nonce: &'a str,
    /// The access token that came with it.
    pub access_token: Option<&'a str>,
}

/// Whom the identity provider vouches for, and when the person showed who they are.
pub struct OpenedIdToken {
    pub vouched: Vouched,
    /// `auth_time`; `None` where the provider does not say.
    pub authenticated_at: Option<Moment>,
}

/// Why an ID token is refused.
#[derive(Debug, thiserror::Error)]
pub enum IdTokenError {
    #[error(transparent)]
    Token(#[from] IssuedTokenError),
    #[error("the ID token is for another client (azp)")]
    OtherClient,
    #[error("the ID token is of another sign-in (nonce)")]
    OtherSignIn,
    #[error("the ID token is of another access token (at_hash)")]
    OtherAccessToken,
    #[error("the ID token's auth_time is no time, or lies in the future")]
    AuthTime,
}

/// Verifies an ID token.
///
/// # Errors
/// [`IdTokenError`] with the first claim that does not fit.
pub async fn open(
    provider: &IdentityProvider,
    token: &str,
    needs: &IdTokenNeeds<'_>,
    now: Moment,
) -> Result<OpenedIdToken, IdTokenError> {
    let claims = provider.open(token, now).await?;
    let text = |name: &str| claims.others.get(name).and_then(Value::as_str);
    // `open` has found the client among the audiences.
    let is_ours = match claims.others.get("azp") {
        Some(party) => party.as_str() == Some(needs.client_id),
        None => claims.aud.is_only(needs.client_id),
    };
    if !is_ours {
        return Err(IdTokenError::OtherClient);
    }
    if !text("nonce").is_some_and(|nonce| is_same(nonce, needs.nonce)) {
        return Err(IdTokenError::OtherSignIn);
    }
    if claims.others.contains_key("at_hash") {
        let fits = text("at_hash").zip(needs.access_token);
        if !fits.is_some_and(|(hash, access)| is_hash_of(hash, access)) {
            return Err(IdTokenError::OtherAccessToken);
        }
    }
    let authenticated_at = match claims.others.get("auth_time") {
        None => None,
        Some(time) => {
            let NumericDate(time) =
                serde_json::from_value(time.clone()).map_err(|_bad| IdTokenError::AuthTime)?;
            if time > now.plus(SKEW) {
                return Err(IdTokenError::AuthTime);
            }
            Some(time)
        }
    };
    let vouched = provider.vouch(claims)?;
    Ok(OpenedIdToken { vouched, authenticated_at })
}

/// Whether `at_hash` is the left half of the access token's hash: SHA-256, or SHA-512 where the
/// provider signs by EdDSA (OpenID Connect Core 1.0, section 3.1.3.6).
fn is_hash_of(hash: &str, access_token: &str) -> bool {
    [&SHA256, &SHA512].into_iter().any(|algorithm| {
        let whole = digest(algorithm, access_token.as_bytes());
        let half = whole.as_ref().len().div_euclid(2);
        let half = whole.as_ref().get(..half).unwrap_or_default();
        is_same(hash, &URL_SAFE_NO_PAD.encode(half))
    })
}

pub fn is_same(one: &str, other: &str) -> bool {
    constant_time::verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_an_access_token_is_its_left_half() {
        // OpenID Connect Core 1.0, appendix A.3.
        let access = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert!(is_hash_of("77QmUPtjPfzWtF2AnpK9RQ", access));
        assert!(!is_hash_of("77QmUPtjPfzWtF2AnpK9RQ", "another"));
        assert!(!is_hash_of("", access));
    }
}
