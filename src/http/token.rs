//! Access tokens (RFC 9068): made for a partner that has proved itself, and read back. What was
//! verified is remembered until it expires, because a signature costs more than all else that a
//! request does; the memory may be thrown away at any moment.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::digest;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::customer::keys::TokenKey;
use crate::ids::PartnerId;
use crate::jwt;
use crate::partner::scope::Scope;

/// How long an access token is good for.
pub const LIFE: TimeDelta = TimeDelta::minutes(5);

/// Verified tokens that are remembered at once.
const REMEMBERED_MAX: usize = 4_096;

/// A longer text is no token of ours.
const BYTES_MAX: usize = 4_096;

const TYPE: &str = "at+jwt";

/// What a good token says. Whether the partner still has all that is for the caller to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub partner: PartnerId,
    pub scopes: Vec<Scope>,
    expires_at: Moment,
}

/// Why a token grants nothing.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum TokenError {
    #[error("The token is not one of ours: get one at /oauth/token.")]
    Foreign,
    #[error("The token has expired: get a new one at /oauth/token.")]
    Expired,
}

/// Makes and reads access tokens.
pub struct Tokens {
    issuer: String,
    kid: String,
    signing: EncodingKey,
    verifying: DecodingKey,
    /// By SHA-256 of the token.
    verified: RwLock<HashMap<[u8; 32], Arc<Grant>>>,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    client_id: String,
    aud: String,
    exp: i64,
    iat: i64,
    jti: String,
    scope: String,
}

impl Tokens {
    /// # Errors
    /// jsonwebtoken's, when the key is not an Ed25519 key.
    pub fn new(issuer: &str, key: &TokenKey) -> Result<Self, jsonwebtoken::errors::Error> {
        Ok(Self {
            issuer: issuer.to_owned(),
            kid: key.kid.clone(),
            signing: EncodingKey::from_ed_der(&key.private_der),
            verifying: DecodingKey::from_ed_components(&key.public_x)?,
            verified: RwLock::default(),
        })
    }

    /// # Errors
    /// jsonwebtoken's, when signing fails.
    pub fn issue(
        &self,
        partner: &PartnerId,
        scopes: &[Scope],
        now: Moment,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let header = Header {
            typ: Some(TYPE.to_owned()),
            kid: Some(self.kid.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        let claims = Claims {
            iss: self.issuer.clone(),
            sub: partner.to_string(),
            client_id: partner.to_string(),
            aud: self.issuer.clone(),
            exp: now.plus(LIFE).unix_seconds(),
            iat: now.unix_seconds(),
            jti: uuid::Uuid::now_v7().to_string(),
            scope: scope_text(scopes),
        };
        jsonwebtoken::encode(&header, &claims, &self.signing)
    }

    /// What a token grants at a moment.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn read(&self, token: &str, now: Moment) -> Result<Arc<Grant>, TokenError> {
        if token.len() > BYTES_MAX {
            return Err(TokenError::Foreign);
        }
        let mut name = [0; 32];
        name.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        let grant = match self.recall(&name) {
            Some(grant) => grant,
            None => {
                let grant = Arc::new(self.verify(token)?);
                self.remember(name, &grant, now);
                grant
            }
        };
        if now < grant.expires_at { Ok(grant) } else { Err(TokenError::Expired) }
    }

    fn recall(&self, name: &[u8; 32]) -> Option<Arc<Grant>> {
        // Poisoned or not: whatever is in there was verified.
        let verified = self.verified.read().unwrap_or_else(PoisonError::into_inner);
        verified.get(name).cloned()
    }

    fn remember(&self, name: [u8; 32], grant: &Arc<Grant>, now: Moment) {
        if grant.expires_at <= now {
            return;
        }
        let mut verified = self.verified.write().unwrap_or_else(PoisonError::into_inner);
        if verified.len() >= REMEMBERED_MAX {
            verified.retain(|_name, grant| now < grant.expires_at);
        }
        if verified.len() >= REMEMBERED_MAX {
            verified.clear();
        }
        verified.insert(name, Arc::clone(grant));
    }

    fn verify(&self, token: &str) -> Result<Grant, TokenError> {
        let header = jwt::header(token, &[TYPE]).map_err(|_bad| TokenError::Foreign)?;
        if header.kid.as_deref() != Some(&self.kid) || header.alg != Algorithm::EdDSA {
            return Err(TokenError::Foreign);
        }
        let claims: Claims = jwt::open(token, Algorithm::EdDSA, &self.verifying)
            .map_err(|_bad| TokenError::Foreign)?;
        let ours = claims.iss == self.issuer
            && claims.aud == self.issuer
            && claims.sub == claims.client_id;
        let expires_at = Moment::from_unix_seconds(claims.exp);
        match (PartnerId::try_from(claims.sub), expires_at) {
            (Ok(partner), Some(expires_at)) if ours => Ok(Grant {
                partner,
                scopes: claims.scope.split(' ').filter_map(Scope::by_name).collect(),
                expires_at,
            }),
            _ => Err(TokenError::Foreign),
        }
    }
}

/// Scopes as a token and its response write them (RFC 6749, section 3.3).
#[must_use]
pub fn scope_text(scopes: &[Scope]) -> String {
    scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;

    fn key() -> TokenKey {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(der.as_ref()).unwrap();
        TokenKey {
            kid: "k".to_owned(),
            private_der: der.as_ref().to_vec(),
            public_x: URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()),
        }
    }

    fn now() -> Moment {
        Moment::parse("2026-11-02T10:00:00Z").unwrap()
    }

    fn partner() -> PartnerId {
        PartnerId::try_from("green-basket").unwrap()
    }

    #[test]
    fn a_token_is_good_until_it_expires_remembered_or_not() {
        let tokens = Tokens::new("https://gateway.test", &key()).unwrap();
        let token = tokens.issue(&partner(), &[Scope::EventsWrite], now()).unwrap();
        for _first_then_remembered in 0..2 {
            let grant = tokens.read(&token, now()).unwrap();
            assert_eq!(grant.partner, partner());
            assert_eq!(grant.scopes, [Scope::EventsWrite]);
        }
        let last = now().plus(LIFE).minus(TimeDelta::microseconds(1));
        assert!(tokens.read(&token, last).is_ok());
        assert_eq!(tokens.read(&token, now().plus(LIFE)), Err(TokenError::Expired));
    }

    #[test]
    fn a_token_of_another_issuer_or_key_is_foreign() {
        let key = key();
        let tokens = Tokens::new("https://gateway.test", &key).unwrap();
        let token = tokens.issue(&partner(), &[Scope::EventsWrite], now()).unwrap();
        let elsewhere = Tokens::new("https://other.test", &key).unwrap();
        let other_key = Tokens::new("https://gateway.test", &super::tests::key()).unwrap();
        assert_eq!(elsewhere.read(&token, now()), Err(TokenError::Foreign));
        assert_eq!(other_key.read(&token, now()), Err(TokenError::Foreign));
        for text in ["", "a.b.c", &token.to_uppercase(), &"x".repeat(5_000)] {
            assert_eq!(tokens.read(text, now()), Err(TokenError::Foreign), "{text}");
        }
    }

    #[test]
    fn what_our_key_signed_for_another_use_is_no_access_token() {
        let key = key();
        let tokens = Tokens::new("https://gateway.test", &key).unwrap();
        let claims = json!({
            "iss": "https://gateway.test", "aud": "https://gateway.test", "sub": "green-basket",
            "client_id": "green-basket", "exp": now().plus(LIFE).unix_seconds(), "iat": 0,
            "jti": "1", "scope": "events:write",
        });
        let sign = |typ: &str, kid: &str| {
            let header = Header {
                typ: Some(typ.to_owned()),
                kid: Some(kid.to_owned()),
                ..Header::new(Algorithm::EdDSA)
            };
            let signing = EncodingKey::from_ed_der(&key.private_der);
            jsonwebtoken::encode(&header, &claims, &signing).unwrap()
        };
        assert!(tokens.read(&sign("at+jwt", "k"), now()).is_ok());
        assert_eq!(tokens.read(&sign("JWT", "k"), now()), Err(TokenError::Foreign));
        assert_eq!(tokens.read(&sign("at+jwt", "k2"), now()), Err(TokenError::Foreign));
    }

    #[test]
    fn the_memory_is_bounded_and_forgets_what_has_expired_first() {
        let tokens = Tokens::new("https://gateway.test", &key()).unwrap();
        let grant =
            |expires_at| Arc::new(Grant { partner: partner(), scopes: Vec::new(), expires_at });
        for number in 0..REMEMBERED_MAX {
            let mut name = [0; 32];
            name.iter_mut().zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
            let until = now().plus(TimeDelta::seconds(1 + i64::from(number % 2 == 0)));
            tokens.remember(name, &grant(until), now());
        }
        let later = now().plus(TimeDelta::seconds(1));
        tokens.remember([9; 32], &grant(now().plus(LIFE)), later);
        assert_eq!(tokens.verified.read().unwrap().len(), REMEMBERED_MAX / 2 + 1);
    }
}
