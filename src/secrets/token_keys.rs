//! The key pairs that sign access tokens, receipts and heads: one signs now, others did before, or
//! will. A change of keys needs no pause: a key is published before it signs, and what the key
//! before it signed stays valid.

use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde::de::DeserializeOwned;

use crate::clock::Moment;
use crate::jwt;

/// An Ed25519 key pair. The type in the header of a token says what the token is for.
#[derive(Clone)]
pub struct TokenKey {
    pub kid: String,
    /// When it begins to sign; `None` for the first key.
    pub from: Option<Moment>,
    /// From this time on, access tokens that it signed are refused.
    pub until: Option<Moment>,
    /// The public key's 32 bytes (RFC 8032), base64url as a JWK has it.
    pub public_x: String,
    signing: EncodingKey,
    verifying: DecodingKey,
}

/// All token keys, in the order in which they sign. Clones share one list, so a change reaches all
/// of them.
#[derive(Clone)]
pub struct TokenKeys(Arc<RwLock<Arc<Vec<TokenKey>>>>);

/// Why a list of keys cannot be used.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum TokenKeysError {
    #[error("it is not an Ed25519 key pair (PKCS #8, DER)")]
    Key,
    #[error("there is no first key (one without a time), or two keys begin at the same time")]
    Order,
    #[error("a key is listed twice")]
    Twice,
}

impl TokenKey {
    /// Reads a PKCS #8 document (RFC 5958), DER.
    pub fn new(
        private_der: &[u8],
        from: Option<Moment>,
        until: Option<Moment>,
    ) -> Result<Self, TokenKeysError> {
        let pair =
            Ed25519KeyPair::from_pkcs8(private_der).map_err(|_rejected| TokenKeysError::Key)?;
        let public_x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let kid = format!("ts-{}", public_x.chars().take(8).collect::<String>());
        let signing = EncodingKey::from_ed_der(private_der);
        let verifying =
            DecodingKey::from_ed_components(&public_x).map_err(|_rejected| TokenKeysError::Key)?;
        Ok(Self { kid, from, until, public_x, signing, verifying })
    }

    /// Derives the sandbox's key from such a document; its name says that it is the sandbox's.
    pub fn for_sandbox(
        private_der: &[u8],
        from: Option<Moment>,
        until: Option<Moment>,
    ) -> Result<Self, TokenKeysError> {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, private_der);
        let seed = hmac::sign(&secret, b"tallystick: the key of the sandbox");
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_ref());
        let pair = pair.map_err(|_rejected| TokenKeysError::Key)?;
        let der = pair.to_pkcs8v1().map_err(|_unspecified| TokenKeysError::Key)?;
        let key = Self::new(der.as_ref(), from, until)?;
        Ok(Self { kid: key.kid.replacen("ts-", "sandbox-", 1), ..key })
    }

    /// Signs a payload under a header of this type.
    pub fn sign(&self, typ: &str, payload: &[u8]) -> Result<String, jsonwebtoken::errors::Error> {
        let header = Header {
            typ: Some(typ.to_owned()),
            kid: Some(self.kid.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        jwt::sign(&header, payload, &self.signing)
    }

    /// The content of a token; `None` if this key has not signed it.
    #[must_use]
    pub fn open<T: DeserializeOwned>(&self, token: &str) -> Option<T> {
        jwt::open(token, Algorithm::EdDSA, &self.verifying).ok()
    }
}

impl TokenKeys {
    /// # Errors
    /// [`TokenKeysError`] if it is not clear at every time which key signs.
    pub fn new(mut keys: Vec<TokenKey>) -> Result<Self, TokenKeysError> {
        keys.sort_by_key(|key| key.from);
        let starts: Vec<Option<Moment>> = keys.iter().map(|key| key.from).collect();
        let rising = starts.windows(2).all(|pair| matches!(pair, [one, next] if one < next));
        if starts.first() != Some(&None) || !rising {
            return Err(TokenKeysError::Order);
        }
        let mut kids: Vec<&str> = keys.iter().map(|key| key.kid.as_str()).collect();
        kids.sort_unstable();
        kids.dedup();
        if kids.len() != keys.len() {
            return Err(TokenKeysError::Twice);
        }
        Ok(Self(Arc::new(RwLock::new(Arc::new(keys)))))
    }

    /// Takes over the other list, for all clones.
    pub fn replace_by(&self, other: &Self) {
        let keys = other.all();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// All keys, the oldest first.
    #[must_use]
    pub fn all(&self) -> Arc<Vec<TokenKey>> {
        // A list is always put in whole, so a poisoned lock holds a good one.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Signs a payload under a header of this type, with the key that signs now.
    pub fn sign(
        &self,
        typ: &str,
        payload: &[u8],
        now: Moment,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let keys = self.all();
        let begun = keys.iter().rev().find(|key| key.from.is_none_or(|from| from <= now));
        let unknown = jsonwebtoken::errors::ErrorKind::InvalidEddsaKey;
        begun.ok_or_else(|| unknown.into()).and_then(|key| key.sign(typ, payload))
    }

    /// The content of a token of this type; `None` if none of these keys has signed it.
    #[must_use]
    pub fn open<T: DeserializeOwned>(&self, typ: &str, token: &str) -> Option<T> {
        let (kid, keys) = (kid_of(typ, token)?, self.all());
        keys.iter().find(|key| key.kid == kid)?.open(token)
    }

    /// The same, with the key's name, if the key may still vouch for a token that lives `life`: until
    /// its own end, and no longer than `life` after the next key has begun.
    #[must_use]
    pub fn open_in_force<T: DeserializeOwned>(
        &self,
        typ: &str,
        token: &str,
        life: chrono::TimeDelta,
        now: Moment,
    ) -> Option<(String, T)> {
        let kid = kid_of(typ, token)?;
        if !self.in_force(&kid, life, now) {
            return None;
        }
        let content = self.all().iter().find(|key| key.kid == kid)?.open(token)?;
        Some((kid, content))
    }

    /// Whether a token that lives `life` and is signed by that key may be accepted now.
    #[must_use]
    pub fn in_force(&self, kid: &str, life: chrono::TimeDelta, now: Moment) -> bool {
        let keys = self.all();
        let mut from_there = keys.iter().skip_while(|key| key.kid != kid);
        let Some(key) = from_there.next() else { return false };
        let next = from_there.next().and_then(|next| next.from);
        // The clock of another gateway may be ahead of ours: it may sign with the next key already.
        key.from.is_none_or(|from| from <= now.plus(jwt::SKEW))
            && key.until.is_none_or(|until| now < until)
            && next.is_none_or(|next| now < next.plus(life).plus(jwt::SKEW))
    }
}

fn kid_of(typ: &str, token: &str) -> Option<String> {
    let header = jwt::header(token, &[typ]).ok()?;
    header.kid.filter(|_kid| header.alg == Algorithm::EdDSA)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use chrono::TimeDelta;

    use super::*;

    fn key(from: Option<Moment>, until: Option<Moment>) -> TokenKey {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        TokenKey::new(der.as_ref(), from, until).unwrap()
    }

    fn at(minutes: i64) -> Moment {
        Moment::parse("2026-11-02T10:00:00Z").unwrap().plus(TimeDelta::minutes(minutes))
    }

    const LIFE: TimeDelta = TimeDelta::minutes(5);

    #[test]
    fn the_next_key_signs_from_its_moment_on_and_what_the_last_one_signed_stays_good() {
        let keys = TokenKeys::new(vec![key(Some(at(60)), None), key(None, None)]).unwrap();
        let read =
            |token: &str, now| keys.open_in_force::<u8>("t", token, LIFE, now).map(|(kid, _)| kid);
        let kids: Vec<String> = keys.all().iter().map(|key| key.kid.clone()).collect();
        let (early, late) =
            (keys.sign("t", b"1", at(59)).unwrap(), keys.sign("t", b"1", at(60)).unwrap());
        assert_eq!(read(&early, at(59)).as_ref(), kids.first());
        assert_eq!(read(&early, at(65)).as_ref(), kids.first());
        assert_eq!(read(&early, at(66)), None);
        assert_eq!(read(&late, at(66)).as_ref(), kids.last());
        assert_eq!(read(&late, at(50)), None);
        // A receipt of years ago can be checked, and one of another kind is none.
        assert_eq!(keys.open::<u8>("t", &early), Some(1));
        assert_eq!(keys.open::<u8>("u", &early), None);
    }

    #[test]
    fn a_key_that_was_given_up_vouches_for_nothing_short_lived() {
        let keys = TokenKeys::new(vec![key(None, Some(at(1))), key(Some(at(1)), None)]).unwrap();
        let token = keys.sign("t", b"1", at(0)).unwrap();
        assert!(keys.open_in_force::<u8>("t", &token, LIFE, at(0)).is_some());
        assert!(keys.open_in_force::<u8>("t", &token, LIFE, at(1)).is_none());
    }

    #[test]
    fn clones_share_a_change_of_keys() {
        let keys = TokenKeys::new(vec![key(None, None)]).unwrap();
        let clone = keys.clone();
        let token = keys.sign("t", b"1", at(0)).unwrap();
        clone.replace_by(&TokenKeys::new(vec![key(None, None)]).unwrap());
        assert_eq!(keys.open::<u8>("t", &token), None);
    }

    #[test]
    fn it_is_clear_at_every_moment_which_key_signs() {
        let refused = |keys| TokenKeys::new(keys).err();
        assert_eq!(refused(vec![]), Some(TokenKeysError::Order));
        assert_eq!(refused(vec![key(Some(at(0)), None)]), Some(TokenKeysError::Order));
        assert_eq!(refused(vec![key(None, None), key(None, None)]), Some(TokenKeysError::Order));
        let one = key(None, None);
        let again = TokenKey { from: Some(at(0)), ..one.clone() };
        assert_eq!(refused(vec![one, again]), Some(TokenKeysError::Twice));
    }
}
