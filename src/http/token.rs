//! Access tokens (RFC 9068): made for a partner that has proved itself, and read back. What was
//! verified is remembered until it expires, because a signature costs more than all else that a
//! request does; the memory may be thrown away at any moment.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use aws_lc_rs::digest;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::customer::keys::TokenKey;
use crate::ids::PartnerId;
use crate::partner::scope::Scope;

/// How long an access token is good for.
pub const LIFE: TimeDelta = TimeDelta::minutes(5);

/// Verified tokens that are remembered at once.
const REMEMBERED_MAX: usize = 10_000;

/// What a good token says.
#[derive(Clone, Debug)]
pub struct Grant {
    pub partner: PartnerId,
    pub scopes: Vec<Scope>,
    expires_at: Moment,
}

/// Makes and reads access tokens.
pub struct Tokens {
    issuer: String,
    kid: String,
    signing: EncodingKey,
    verifying: DecodingKey,
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

const TYPE: &str = "at+jwt";

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
            jti: uuid::Uuid::new_v4().to_string(),
            scope: scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(" "),
        };
        encode(&header, &claims, &self.signing)
    }

    /// What a token grants at a moment; `None` when it is not one of ours or no longer good.
    #[must_use]
    pub fn read(&self, token: &str, now: Moment) -> Option<Arc<Grant>> {
        let mut name = [0; 32];
        name.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        let remembered = self.verified.read().ok().and_then(|known| known.get(&name).cloned());
        let grant = match remembered {
            Some(grant) => grant,
            None => self.verify(token, name, now)?,
        };
        (now < grant.expires_at).then_some(grant)
    }

    fn verify(&self, token: &str, name: [u8; 32], now: Moment) -> Option<Arc<Grant>> {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.issuer]);
        validation.validate_exp = false;
        let read = decode::<Claims>(token, &self.verifying, &validation).ok()?;
        if read.header.typ.as_deref() != Some(TYPE) || read.claims.sub != read.claims.client_id {
            return None;
        }
        let grant = Arc::new(Grant {
            partner: PartnerId::try_from(read.claims.sub).ok()?,
            scopes: read.claims.scope.split(' ').filter_map(Scope::by_name).collect(),
            expires_at: Moment::from_unix_seconds(read.claims.exp)?,
        });
        if let Ok(mut known) = self.verified.write() {
            if known.len() >= REMEMBERED_MAX {
                known.retain(|_name, grant| now < grant.expires_at);
            }
            if known.len() < REMEMBERED_MAX {
                known.insert(name, Arc::clone(&grant));
            }
        }
        Some(grant)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;
    use crate::clock;

    fn key() -> TokenKey {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(der.as_ref()).unwrap();
        TokenKey {
            kid: "k".to_owned(),
            private_der: der.as_ref().to_vec(),
            public_x: URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()),
        }
    }

    #[test]
    fn a_token_is_good_until_it_expires_and_only_with_its_own_issuer_and_key() {
        let partner = PartnerId::try_from("green-basket").unwrap();
        let now = clock::now();
        let key = key();
        let tokens = Tokens::new("https://gateway.test", &key).unwrap();
        let token = tokens.issue(&partner, &[Scope::EventsWrite], now).unwrap();
        let grant = tokens.read(&token, now).unwrap();
        assert_eq!((&grant.partner, &grant.scopes), (&partner, &vec![Scope::EventsWrite]));
        // Remembered or not, it ends when it ends.
        assert!(tokens.read(&token, now.plus(LIFE)).is_none());
        let elsewhere = Tokens::new("https://other.test", &key).unwrap();
        assert!(elsewhere.read(&token, now).is_none());
        let foreign = Tokens::new("https://gateway.test", &super::tests::key()).unwrap();
        assert!(foreign.read(&token, now).is_none());
        assert!(tokens.read("", now).is_none());
    }
}
