use std::fmt;

use chrono::NaiveDate;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// A public key with which a partner signs its assertions (RFC 7517), for exactly one algorithm.
#[derive(Clone)]
pub struct PartnerKey {
    pub kid: String,
    pub algorithm: Algorithm,
    pub decoding: DecodingKey,
    /// The public key as it was registered.
    pub jwk: Jwk,
    /// The first day on which the key is good. `None`: since ever.
    pub from: Option<NaiveDate>,
    /// The last day on which the key is good. `None`: for ever.
    pub until: Option<NaiveDate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyDocument {
    kid: String,
    alg: Alg,
    jwk: serde_json::Map<String, serde_json::Value>,
    from: Option<NaiveDate>,
    until: Option<NaiveDate>,
}

/// The accepted algorithms (RFC 7518, RFC 8037). None of them is symmetric.
#[derive(Clone, Copy, Deserialize)]
enum Alg {
    #[serde(rename = "EdDSA")]
    EdDsa,
    ES256,
    PS256,
    RS256,
}

impl From<Alg> for Algorithm {
    fn from(alg: Alg) -> Self {
        match alg {
            Alg::EdDsa => Self::EdDSA,
            Alg::ES256 => Self::ES256,
            Alg::PS256 => Self::PS256,
            Alg::RS256 => Self::RS256,
        }
    }
}

impl Alg {
    /// The key type and, where there is one, the curve that the algorithm needs.
    const fn needs(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::EdDsa => ("OKP", Some("Ed25519")),
            Self::ES256 => ("EC", Some("P-256")),
            Self::PS256 | Self::RS256 => ("RSA", None),
        }
    }
}

impl<'de> Deserialize<'de> for PartnerKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let KeyDocument { kid, alg, jwk, from, until } = KeyDocument::deserialize(deserializer)?;
        if from.zip(until).is_some_and(|(from, until)| until < from) {
            return Err(D::Error::custom(format!("key {kid}: until lies before from")));
        }
        let member = |name: &str| jwk.get(name).and_then(serde_json::Value::as_str);
        if ["d", "p", "q", "k"].into_iter().any(|name| jwk.contains_key(name)) {
            return Err(D::Error::custom(
                "jwk holds a private key: replace the key pair, it is no longer secret",
            ));
        }
        let (kty, crv) = alg.needs();
        if member("kty") != Some(kty) || (crv.is_some() && member("crv") != crv) {
            let curve = crv.map(|crv| format!(" on {crv}")).unwrap_or_default();
            return Err(D::Error::custom(format!("jwk: this alg needs a key of kty {kty}{curve}")));
        }
        let jwk: Jwk = serde_json::from_value(jwk.into())
            .map_err(|error| D::Error::custom(format!("jwk: {error}")))?;
        let decoding = DecodingKey::from_jwk(&jwk)
            .map_err(|error| D::Error::custom(format!("jwk: {error}")))?;
        Ok(Self { kid, algorithm: alg.into(), decoding, jwk, from, until })
    }
}

impl PartnerKey {
    /// Whether the key is good on a day.
    #[must_use]
    pub fn in_force(&self, day: NaiveDate) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day <= until)
    }
}

/// The keys that are good on a day.
pub fn in_force(keys: &[PartnerKey], day: NaiveDate) -> impl Iterator<Item = &PartnerKey> {
    keys.iter().filter(move |key| key.in_force(day))
}

/// Checks that no two keys of a partner share a name, and that no key appears twice.
///
/// # Errors
/// The fault, as a sentence.
pub fn tell_apart(keys: &[PartnerKey]) -> Result<(), String> {
    for (position, key) in keys.iter().enumerate() {
        for earlier in keys.iter().take(position) {
            if key.kid == earlier.kid {
                return Err(format!("two keys have the kid {}", key.kid));
            }
            let thumbprint = |key: &PartnerKey| key.jwk.thumbprint(ThumbprintHash::SHA256).ok();
            if thumbprint(key) == thumbprint(earlier) {
                return Err(format!("{} and {} are the same key", earlier.kid, key.kid));
            }
        }
    }
    Ok(())
}

impl fmt::Debug for PartnerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartnerKey({}, {:?})", self.kid, self.algorithm)
    }
}
