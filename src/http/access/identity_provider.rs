//! Tokens of customers and of staff: JWTs by the bank's identity providers, one for each. A partner's
//! token cannot pass for one: another key signed it, and its issuer is another.

use std::path::PathBuf;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use crate::clock::Moment;
use crate::jwt::{self, Audience, HeaderError, NumericDate, Untimely};
use crate::settings::TokenSettings;

/// An identity provider of the bank, as far as a token can be checked against it.
pub struct IdentityProvider {
    issuer: String,
    audience: String,
    keys: Vec<IssuerKey>,
}

struct IssuerKey {
    kid: Option<String>,
    /// Those it is for, where the set does not say which: an RSA key has two.
    algorithms: Vec<Algorithm>,
    decoding: DecodingKey,
}

/// Why the identity provider's keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityProviderError {
    #[error("setting {table}.jwks: cannot read {path}")]
    Unreadable { table: &'static str, path: PathBuf, source: std::io::Error },
    #[error("setting {table}.jwks: {path} is not a JWK set (RFC 7517): {what}")]
    Malformed { table: &'static str, path: PathBuf, what: String },
    #[error("setting {table}.jwks: {path} has no key for EdDSA, ES256, PS256 or RS256")]
    NoKey { table: &'static str, path: PathBuf },
}

/// Why a token does not tell whose it is.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum IssuedTokenError {
    #[error("The token cannot be taken: {0}.")]
    Header(#[from] HeaderError),
    #[error("The token is not signed with a key of the bank's identity provider.")]
    Signature,
    #[error("The token is not by the bank's identity provider, or not for this service.")]
    Foreign,
    #[error("The token cannot be taken: {0}.")]
    Untimely(#[from] Untimely),
    #[error("The token's sub does not name anybody.")]
    Subject,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    sub: String,
    exp: NumericDate,
    nbf: Option<NumericDate>,
    iat: Option<NumericDate>,
    /// Of whatever form: a customer's provider may have a use of its own for it.
    roles: Option<Value>,
    /// OpenID Connect Core, section 5.1: `YYYY-MM-DD`, or `0000-MM-DD` where the year is left out.
    birthdate: Option<Value>,
}

/// Whom an identity provider vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouched {
    pub subject: String,
    /// The claim `roles`, where it is an array of strings; nothing otherwise.
    pub roles: Vec<String>,
    /// Of the claim `birthdate` the month, 1 to 12: nothing else of it is kept.
    pub birth_month: Option<u32>,
}

/// Types of JWT that a person may come with: an ID token, an access token, none stated.
const TYPES: [&str; 3] = ["jwt", "at+jwt", ""];

/// OpenID Connect Core, section 2: sub has at most 255 ASCII characters.
const SUBJECT_BYTES_MAX: usize = 255;

impl IdentityProvider {
    /// Reads the identity provider's public keys; `table` is the name of its settings.
    pub fn load(
        settings: &TokenSettings,
        table: &'static str,
    ) -> Result<Self, IdentityProviderError> {
        let path = || settings.jwks.clone();
        let text = std::fs::read_to_string(&settings.jwks)
            .map_err(|source| IdentityProviderError::Unreadable { table, path: path(), source })?;
        let keys = read_keys(&text).map_err(|error| IdentityProviderError::Malformed {
            table,
            path: path(),
            what: error.to_string(),
        })?;
        if keys.is_empty() {
            return Err(IdentityProviderError::NoKey { table, path: path() });
        }
        let (issuer, audience) = (settings.issuer.clone(), settings.audience.clone());
        Ok(Self { issuer, audience, keys })
    }

    /// Whose token it is: the bank's subject id, and the roles that it states.
    pub fn read(&self, token: &str, now: Moment) -> Result<Vouched, IssuedTokenError> {
        let header = jwt::header(token, &TYPES)?;
        let key = self.find(header.kid.as_deref(), header.alg);
        let key = key.ok_or(IssuedTokenError::Signature)?;
        let claims: Claims =
            jwt::open(token, header.alg, &key.decoding).map_err(|error| match error {
                jwt::OpenError::Signature => IssuedTokenError::Signature,
                jwt::OpenError::Claims => IssuedTokenError::Foreign,
            })?;
        if claims.iss != self.issuer || !claims.aud.includes(&self.audience) {
            return Err(IssuedTokenError::Foreign);
        }
        jwt::in_force(claims.exp, claims.nbf, claims.iat, now)?;
        let sane = (1..=SUBJECT_BYTES_MAX).contains(&claims.sub.len())
            && !claims.sub.chars().any(char::is_control);
        if !sane {
            return Err(IssuedTokenError::Subject);
        }
        let roles = claims.roles.and_then(|roles| serde_json::from_value(roles).ok());
        let birthdate = claims.birthdate.as_ref().and_then(Value::as_str);
        let month = birthdate.and_then(|date| date.split('-').nth(1)?.parse().ok());
        let birth_month = month.filter(|month| (1..=12).contains(month));
        Ok(Vouched { subject: claims.sub, roles: roles.unwrap_or_default(), birth_month })
    }

    fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&IssuerKey> {
        let key = match (kid, self.keys.as_slice()) {
            (Some(_), keys) => keys.iter().find(|key| key.kid.as_deref() == kid),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        key.filter(|key| key.algorithms.contains(&algorithm))
    }
}

/// The keys of a set that may sign tokens; others, such as those for encryption, are passed over.
fn read_keys(text: &str) -> Result<Vec<IssuerKey>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    let set: Set = serde_json::from_str(text)?;
    Ok(set.keys.into_iter().filter_map(read_key).collect())
}

fn read_key(value: Value) -> Option<IssuerKey> {
    // A key of a kind that the library does not know is nothing to us either.
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    if jwk.common.public_key_use.as_ref().is_some_and(|of| *of != PublicKeyUse::Signature) {
        return None;
    }
    let fit: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            &[Algorithm::EdDSA]
        }
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            &[Algorithm::ES256]
        }
        AlgorithmParameters::RSA(_) => &[Algorithm::PS256, Algorithm::RS256],
        _ => return None,
    };
    let named = jwk.common.key_algorithm.map(|algorithm| algorithm.to_string());
    let algorithms: Vec<Algorithm> = jwt::ALGORITHMS
        .into_iter()
        .filter(|(algorithm, name)| {
            fit.contains(algorithm) && named.as_deref().is_none_or(|named| named == *name)
        })
        .map(|(algorithm, _name)| algorithm)
        .collect();
    let decoding = DecodingKey::from_jwk(&jwk).ok()?;
    (!algorithms.is_empty()).then_some(IssuerKey { kid: jwk.common.key_id, algorithms, decoding })
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::json;

    use super::*;

    struct Bank {
        der: Vec<u8>,
        x: String,
    }

    fn bank() -> Bank {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(der.as_ref()).unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        Bank { der: der.as_ref().to_vec(), x }
    }

    impl Bank {
        fn issuer(&self) -> IdentityProvider {
            let set = json!({ "keys": [
                { "kty": "OKP", "crv": "Ed25519", "kid": "b1", "alg": "EdDSA", "x": self.x },
                { "kty": "oct", "kid": "s1", "alg": "HS256", "k": "c2VjcmV0" },
                { "kty": "OKP", "crv": "Ed25519", "kid": "e1", "use": "enc", "x": self.x },
            ] });
            IdentityProvider {
                issuer: "https://login.bank.test".to_owned(),
                audience: "tallystick".to_owned(),
                keys: read_keys(&set.to_string()).unwrap(),
            }
        }

        fn token(&self, change: impl FnOnce(&mut Header, &mut Value)) -> String {
            let mut header = Header::new(Algorithm::EdDSA);
            header.kid = Some("b1".to_owned());
            let mut claims = json!({
                "iss": "https://login.bank.test", "aud": ["tallystick", "other"], "sub": "c-1",
                "exp": now().unix_seconds() + 300, "iat": now().unix_seconds(),
            });
            change(&mut header, &mut claims);
            let key = match header.alg {
                Algorithm::HS256 => EncodingKey::from_secret(self.x.as_bytes()),
                _ => EncodingKey::from_ed_der(&self.der),
            };
            jsonwebtoken::encode(&header, &claims, &key).unwrap()
        }
    }

    fn now() -> Moment {
        Moment::parse("2026-11-02T10:00:00Z").unwrap()
    }

    #[test]
    fn only_keys_for_signing_are_taken_from_a_set() {
        assert_eq!(bank().issuer().keys.len(), 1);
    }

    #[test]
    fn a_good_token_tells_the_subject_and_any_other_is_refused() {
        use IssuedTokenError::{Foreign, Header as BadHeader, Signature, Subject, Untimely};
        let bank = bank();
        let issuer = bank.issuer();
        let read = |change: fn(&mut Header, &mut Value)| {
            issuer.read(&bank.token(change), now()).map(|vouched| vouched.subject)
        };
        assert_eq!(read(|_, _| {}), Ok("c-1".to_owned()));
        assert_eq!(read(|header, _| header.kid = None), Ok("c-1".to_owned()));
        assert_eq!(read(|header, _| header.kid = Some("b2".into())), Err(Signature));
        assert_eq!(
            read(|header, _| header.alg = Algorithm::HS256),
            Err(BadHeader(HeaderError::Algorithm))
        );
        assert_eq!(
            read(|header, _| header.typ = Some("logout+jwt".into())),
            Err(BadHeader(HeaderError::Type))
        );
        assert_eq!(read(|_, claims| claims["iss"] = json!("https://gateway.test")), Err(Foreign));
        assert_eq!(read(|_, claims| claims["aud"] = json!("other")), Err(Foreign));
        assert_eq!(read(|_, claims| claims["exp"] = Value::Null), Err(Foreign));
        assert_eq!(read(|_, claims| claims["sub"] = json!("")), Err(Subject));
        assert_eq!(
            read(|_, claims| claims["exp"] = json!(now().unix_seconds() - 61)),
            Err(Untimely(jwt::Untimely::Expired))
        );
        assert_eq!(
            read(|_, claims| claims["nbf"] = json!(now().unix_seconds() + 61)),
            Err(Untimely(jwt::Untimely::NotYet))
        );
    }

    #[test]
    fn roles_are_an_array_of_strings_or_none() {
        let bank = bank();
        let roles = |roles: Value| {
            let token = bank.token(|_, claims| claims["roles"] = roles);
            bank.issuer().read(&token, now()).unwrap().roles
        };
        assert_eq!(roles(json!(["read", "approve"])), ["read", "approve"]);
        for odd in [Value::Null, json!("approve"), json!([1]), json!({ "approve": true })] {
            assert!(roles(odd).is_empty());
        }
    }

    #[test]
    fn a_token_by_another_key_or_with_no_signature_is_refused() {
        let issuer = bank().issuer();
        let foreign = bank().token(|_, _| {});
        assert_eq!(issuer.read(&foreign, now()), Err(IssuedTokenError::Signature));
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        let payload = foreign.split('.').nth(1).unwrap();
        let unsigned = format!("{header}.{payload}.");
        let refused = IssuedTokenError::Header(HeaderError::Algorithm);
        assert_eq!(issuer.read(&unsigned, now()), Err(refused));
    }
}
