//! Access tokens (RFC 9068) that we issue to partners: made for a partner that has proved itself, and
//! read back. A verified token is remembered until it expires, because a signature costs more than
//! all else that a request does. The memory may be thrown away at any moment. Whether a token was
//! revoked or its key given up is asked each time.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Moment;
use crate::http::access::revoked_tokens::{Revoked, Standing};
use crate::ids::{PartnerId, sha256};
use crate::partner::constraint::Binding;
use crate::partner::scope::Scope;
use crate::secrets::token_keys::TokenKeys;

/// How long an access token is good for.
pub const LIFE: TimeDelta = TimeDelta::minutes(5);

/// Verified tokens that are remembered at once.
const REMEMBERED_MAX: usize = 4_096;

/// A longer text is no token of ours.
const BYTES_MAX: usize = 4_096;

const TYPE: &str = "at+jwt";

/// The content of a good token. Whether the partner still has what it says is asked elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub partner: PartnerId,
    pub scopes: Vec<Scope>,
    /// The key or certificate that the token is bound to.
    pub binding: Binding,
    pub jti: Uuid,
    pub issued_at: Moment,
    pub expires_at: Moment,
    /// The partner's key that signed the assertion for which the token was given.
    pub client_kid: Option<String>,
    kid: String,
}

/// What a new token is to say.
pub struct NewToken<'a> {
    pub partner: &'a PartnerId,
    pub scopes: &'a [Scope],
    pub binding: &'a Binding,
    pub client_kid: &'a str,
}

/// Why a token grants nothing.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum TokenError {
    #[error("The token is not one of ours: get one at /oauth/token.")]
    Foreign,
    #[error("The token has expired: get a new one at /oauth/token.")]
    Expired,
    #[error("The token was revoked: get a new one at /oauth/token.")]
    Revoked,
    #[error(
        "The key by which you got the token is no longer yours: get a new one at /oauth/token."
    )]
    KeyGone,
    /// Nothing can be said of any token.
    #[error("Whether tokens were revoked cannot be told now.")]
    Unsure,
}

/// Makes and reads access tokens.
pub struct Tokens {
    issuer: String,
    keys: TokenKeys,
    pub revoked: Revoked,
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
    jti: Uuid,
    scope: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cnf: Option<Confirmation>,
    /// A claim of our own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_kid: Option<String>,
}

/// RFC 7800; a member that is not known here makes the token another's.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Confirmation {
    /// RFC 9449, section 6.1.
    #[serde(rename = "jkt")]
    Key(String),
    /// RFC 8705, section 3.1.
    #[serde(rename = "x5t#S256")]
    Certificate(String),
}

impl Confirmation {
    #[must_use]
    pub fn of(binding: &Binding) -> Option<Self> {
        match binding {
            Binding::None => None,
            Binding::Key(thumbprint) => Some(Self::Key(thumbprint.clone())),
            Binding::Certificate(thumbprint) => Some(Self::Certificate(thumbprint.clone())),
        }
    }
}

impl From<Option<Confirmation>> for Binding {
    fn from(confirmation: Option<Confirmation>) -> Self {
        match confirmation {
            None => Self::None,
            Some(Confirmation::Key(thumbprint)) => Self::Key(thumbprint),
            Some(Confirmation::Certificate(thumbprint)) => Self::Certificate(thumbprint),
        }
    }
}

impl Tokens {
    #[must_use]
    pub fn new(issuer: &str, keys: TokenKeys) -> Self {
        let (revoked, verified) = (Revoked::default(), RwLock::default());
        Self { issuer: issuer.to_owned(), keys, revoked, verified }
    }

    /// Signs a new token.
    ///
    /// # Errors
    /// jsonwebtoken's, when signing fails.
    pub fn issue(
        &self,
        new: &NewToken<'_>,
        now: Moment,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let NewToken { partner, scopes, binding, client_kid } = new;
        let claims = Claims {
            iss: self.issuer.clone(),
            sub: partner.to_string(),
            client_id: partner.to_string(),
            aud: self.issuer.clone(),
            exp: now.plus(LIFE).unix_seconds(),
            iat: now.unix_seconds(),
            jti: Uuid::now_v7(),
            scope: scope_text(scopes),
            cnf: Confirmation::of(binding),
            client_kid: Some((*client_kid).to_owned()),
        };
        self.keys.sign(TYPE, &serde_json::to_vec(&claims)?, now)
    }

    /// Verifies a token, and that it was not revoked.
    pub fn read(&self, token: &str, now: Moment) -> Result<Arc<Grant>, TokenError> {
        let grant = self.read_revoked(token, now)?;
        match self.revoked.standing(&grant.jti, now) {
            Standing::Good => Ok(grant),
            Standing::Revoked => Err(TokenError::Revoked),
            Standing::Unsure => Err(TokenError::Unsure),
        }
    }

    /// Verifies a token, whether it was revoked or not.
    pub fn read_revoked(&self, token: &str, now: Moment) -> Result<Arc<Grant>, TokenError> {
        if token.len() > BYTES_MAX {
            return Err(TokenError::Foreign);
        }
        let name = sha256(token.as_bytes());
        let grant = match self.recall(&name) {
            Some(grant) => grant,
            None => {
                let grant = Arc::new(self.verify(token, now)?);
                self.remember(name, &grant, now);
                grant
            }
        };
        if !self.keys.in_force(&grant.kid, LIFE, now) {
            return Err(TokenError::Foreign);
        }
        if now < grant.expires_at { Ok(grant) } else { Err(TokenError::Expired) }
    }

    /// Whether a token that was good still stands: it was not revoked, and its key not given up.
    /// Its expiry is not looked at.
    pub fn still_stands(&self, grant: &Grant, now: Moment) -> Result<(), TokenError> {
        if !self.keys.in_force(&grant.kid, LIFE, now) {
            return Err(TokenError::Foreign);
        }
        match self.revoked.standing(&grant.jti, now) {
            Standing::Good => Ok(()),
            Standing::Revoked => Err(TokenError::Revoked),
            Standing::Unsure => Err(TokenError::Unsure),
        }
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

    fn verify(&self, token: &str, now: Moment) -> Result<Grant, TokenError> {
        let (kid, claims): (String, Claims) =
            self.keys.open_in_force(TYPE, token, LIFE, now).ok_or(TokenError::Foreign)?;
        let ours = claims.iss == self.issuer
            && claims.aud == self.issuer
            && claims.sub == claims.client_id;
        let issued_at = Moment::from_unix_seconds(claims.iat);
        let expires_at = Moment::from_unix_seconds(claims.exp);
        match (PartnerId::try_from(claims.sub), issued_at, expires_at) {
            (Ok(partner), Some(issued_at), Some(expires_at)) if ours => Ok(Grant {
                partner,
                scopes: claims.scope.split(' ').filter_map(Scope::by_name).collect(),
                binding: claims.cnf.into(),
                jti: claims.jti,
                issued_at,
                expires_at,
                client_kid: claims.client_kid,
                kid,
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
    use aws_lc_rs::signature::Ed25519KeyPair;
    use serde_json::json;

    use crate::secrets::token_keys::TokenKey;

    use super::*;

    fn keys() -> TokenKeys {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        TokenKeys::new(vec![TokenKey::new(der.as_ref(), None, None).unwrap()]).unwrap()
    }

    fn tokens(issuer: &str, keys: &TokenKeys) -> Tokens {
        let tokens = Tokens::new(issuer, keys.clone());
        tokens.revoked.learn([], now());
        tokens
    }

    fn issue(tokens: &Tokens) -> String {
        let (scopes, binding) = (&[Scope::EventsWrite], &Binding::None);
        let new = NewToken { partner: &partner(), scopes, binding, client_kid: "k-1" };
        tokens.issue(&new, now()).unwrap()
    }

    fn now() -> Moment {
        Moment::parse("2026-11-02T10:00:00Z").unwrap()
    }

    fn partner() -> PartnerId {
        PartnerId::try_from("green-basket").unwrap()
    }

    #[test]
    fn a_token_is_good_until_it_expires_remembered_or_not() {
        let tokens = tokens("https://gateway.test", &keys());
        let token = issue(&tokens);
        for _first_then_remembered in 0..2 {
            let grant = tokens.read(&token, now()).unwrap();
            assert_eq!(grant.partner, partner());
            assert_eq!(grant.scopes, [Scope::EventsWrite]);
        }
        let last = now().plus(LIFE).minus(TimeDelta::microseconds(1));
        assert_eq!(tokens.read(&token, last), Err(TokenError::Unsure));
        tokens.revoked.learn([], last);
        assert!(tokens.read(&token, last).is_ok());
        assert_eq!(tokens.read(&token, now().plus(LIFE)), Err(TokenError::Expired));
    }

    #[test]
    fn a_token_of_another_issuer_or_key_is_foreign() {
        let key = keys();
        let tokens = self::tokens("https://gateway.test", &key);
        let token = issue(&tokens);
        let elsewhere = self::tokens("https://other.test", &key);
        let other_key = self::tokens("https://gateway.test", &keys());
        assert_eq!(elsewhere.read(&token, now()), Err(TokenError::Foreign));
        assert_eq!(other_key.read(&token, now()), Err(TokenError::Foreign));
        for text in ["", "a.b.c", &token.to_uppercase(), &"x".repeat(5_000)] {
            assert_eq!(tokens.read(text, now()), Err(TokenError::Foreign), "{text}");
        }
    }

    #[test]
    fn what_our_key_signed_for_another_use_is_no_access_token() {
        let key = keys();
        let tokens = tokens("https://gateway.test", &key);
        let claims = json!({
            "iss": "https://gateway.test", "aud": "https://gateway.test", "sub": "green-basket",
            "client_id": "green-basket", "exp": now().plus(LIFE).unix_seconds(), "iat": 0,
            "jti": Uuid::nil(), "scope": "events:write",
        });
        let sign = |typ: &str, claims: &serde_json::Value| {
            key.sign(typ, claims.to_string().as_bytes(), now()).unwrap()
        };
        assert!(tokens.read(&sign("at+jwt", &claims), now()).is_ok());
        for typ in ["JWT", "receipt+jws", "head+jws", "dpop+jwt"] {
            let read = tokens.read(&sign(typ, &claims), now());
            assert_eq!(read, Err(TokenError::Foreign), "{typ}");
        }
        // Bound to what is not known here, it is not taken for one that is bound to nothing.
        let mut bound = claims.clone();
        bound["cnf"] = json!({ "jwe": "…" });
        assert_eq!(tokens.read(&sign("at+jwt", &bound), now()), Err(TokenError::Foreign));
    }

    #[test]
    fn a_revoked_token_is_refused_although_it_is_remembered() {
        let tokens = tokens("https://gateway.test", &keys());
        let token = issue(&tokens);
        let grant = tokens.read(&token, now()).unwrap();
        tokens.revoked.learn([(grant.jti, grant.expires_at)], now());
        assert_eq!(tokens.read(&token, now()), Err(TokenError::Revoked));
        assert!(tokens.read_revoked(&token, now()).is_ok());
    }

    #[test]
    fn a_token_by_a_key_that_was_given_up_is_refused_although_it_is_remembered() {
        let key = keys();
        let tokens = tokens("https://gateway.test", &key);
        let token = issue(&tokens);
        assert!(tokens.read(&token, now()).is_ok());
        key.replace_by(&keys());
        assert_eq!(tokens.read(&token, now()), Err(TokenError::Foreign));
    }

    #[test]
    fn the_memory_is_bounded_and_forgets_what_has_expired_first() {
        let tokens = tokens("https://gateway.test", &keys());
        let grant = |expires_at| {
            let (scopes, binding, kid) = (Vec::new(), Binding::None, String::new());
            let (jti, issued_at) = (Uuid::nil(), now());
            let (partner, client_kid) = (partner(), None);
            Arc::new(Grant {
                partner,
                scopes,
                binding,
                jti,
                issued_at,
                expires_at,
                client_kid,
                kid,
            })
        };
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
