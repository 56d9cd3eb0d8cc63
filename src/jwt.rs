//! What the kinds of JSON Web Token that we read have in common (RFC 7519): a partner's client
//! assertion, our own access token, a customer's token from the bank. A key is used with its one
//! algorithm only, and no clock is read here.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};

use crate::clock::Moment;

/// Another machine's clock may differ from ours by this much.
pub const SKEW: TimeDelta = TimeDelta::seconds(60);

/// What expired by this time has expired by every gateway's clock. A gateway with a slow clock must
/// not accept again what one with a fast clock has forgotten.
#[must_use]
pub fn past_everywhere(now: Moment) -> Moment {
    now.minus(SKEW).minus(SKEW)
}

/// The accepted algorithms, as headers name them. None of them is symmetric.
pub const ALGORITHMS: [(Algorithm, &str); 4] = [
    (Algorithm::EdDSA, "EdDSA"),
    (Algorithm::ES256, "ES256"),
    (Algorithm::PS256, "PS256"),
    (Algorithm::RS256, "RS256"),
];

/// Why the header of a token is refused, before a key is looked for.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum HeaderError {
    #[error("it is not a signed JWT in compact form")]
    Malformed,
    #[error("its header's alg is not one of EdDSA, ES256, PS256 and RS256")]
    Algorithm,
    #[error("its header's typ is that of another kind of token")]
    Type,
    #[error("its header's crit names extensions that are not known here")]
    Critical,
}

/// Why the claims of a token cannot be read.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum OpenError {
    #[error("its signature does not fit the key")]
    Signature,
    #[error("a claim is missing or of the wrong type")]
    Claims,
}

/// Why a token is not in force now.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Untimely {
    #[error("it has expired (exp)")]
    Expired,
    #[error("it is not in force yet (nbf)")]
    NotYet,
    #[error("it was issued in the future (iat): check the clock that issued it")]
    FromFuture,
}

/// A time as JWTs write it: seconds since 1970; a fraction is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NumericDate(pub Moment);

/// The receivers that a token is meant for: one name or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Reads the header and checks that the algorithm is accepted and that the type is one of `types`
/// (lower case). A token without a type passes only if `types` has `""`.
pub fn header(token: &str, types: &[&str]) -> Result<Header, HeaderError> {
    let encoded = token.split('.').next().unwrap_or_default();
    let header = read_header(encoded)?;
    if !ALGORITHMS.iter().any(|(algorithm, _name)| *algorithm == header.alg) {
        return Err(HeaderError::Algorithm);
    }
    if header.crit.is_some() {
        return Err(HeaderError::Critical);
    }
    // RFC 7515, section 4.1.9: a media type in any letter case, with or without its prefix.
    let media_type = header.typ.as_deref().unwrap_or_default().to_ascii_lowercase();
    let named = media_type.strip_prefix("application/").unwrap_or(&media_type);
    if types.contains(&named) { Ok(header) } else { Err(HeaderError::Type) }
}

/// Checks the signature with that key and that one algorithm, and reads the claims. The caller
/// checks the claims, times included.
pub fn open<T: DeserializeOwned>(
    token: &str,
    algorithm: Algorithm,
    key: &DecodingKey,
) -> Result<T, OpenError> {
    let (message, signature) = token.rsplit_once('.').ok_or(OpenError::Signature)?;
    let (encoded, payload) = message.split_once('.').ok_or(OpenError::Signature)?;
    let header = read_header(encoded).map_err(|_bad| OpenError::Signature)?;
    let fits = header.alg == algorithm
        && matches!(
            jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, algorithm),
            Ok(true)
        );
    if !fits {
        return Err(OpenError::Signature);
    }
    read_part(payload).ok_or(OpenError::Claims)
}

/// Reads the claims of a token without checking its signature.
#[must_use]
pub fn unverified<T: DeserializeOwned>(token: &str) -> Option<T> {
    read_part(token.split('.').nth(1)?)
}

fn read_part<T: DeserializeOwned>(encoded: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()
}

fn read_header(encoded: &str) -> Result<Header, HeaderError> {
    let mut header: serde_json::Map<String, serde_json::Value> =
        read_part(encoded).ok_or(HeaderError::Malformed)?;
    // RFC 9864: the name of the one kind of EdDSA that is accepted here.
    if header.get("alg").is_some_and(|alg| alg == "Ed25519") {
        header.insert("alg".to_owned(), "EdDSA".into());
    }
    // An algorithm that the library does not know, such as "none", is an error of its type.
    serde_json::from_value(header.into()).map_err(|_unknown| HeaderError::Algorithm)
}

/// Signs bytes as they are (RFC 7515, compact form); the header names algorithm and type.
///
/// # Errors
/// jsonwebtoken's error, if the key cannot sign.
pub fn sign(
    header: &Header,
    payload: &[u8],
    key: &EncodingKey,
) -> Result<String, jsonwebtoken::errors::Error> {
    let header_json = serde_json::to_vec(header)?;
    let mut text = URL_SAFE_NO_PAD.encode(header_json);
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut text);
    let signature = jsonwebtoken::crypto::sign(text.as_bytes(), key, header.alg)?;
    text.push('.');
    text.push_str(&signature);
    Ok(text)
}

/// Whether a token is in force, with [`SKEW`] allowed on every side.
pub fn in_force(
    expires: NumericDate,
    not_before: Option<NumericDate>,
    issued: Option<NumericDate>,
    now: Moment,
) -> Result<(), Untimely> {
    let latest = now.plus(SKEW);
    if expires.0.plus(SKEW) <= now {
        Err(Untimely::Expired)
    } else if not_before.is_some_and(|from| from.0 > latest) {
        Err(Untimely::NotYet)
    } else if issued.is_some_and(|at| at.0 > latest) {
        Err(Untimely::FromFuture)
    } else {
        Ok(())
    }
}

impl Audience {
    /// Whether the token is meant for that name and no other.
    #[must_use]
    pub fn is_only(&self, name: &str) -> bool {
        match self {
            Self::One(one) => one == name,
            Self::Several(several) => matches!(several.as_slice(), [one] if one == name),
        }
    }

    /// Whether the token is meant for that name, perhaps among others.
    #[must_use]
    pub fn includes(&self, name: &str) -> bool {
        match self {
            Self::One(one) => one == name,
            Self::Several(several) => several.iter().any(|one| one == name),
        }
    }
}

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        let seconds = number.as_i64().or_else(|| {
            let text = number.to_string();
            text.split_once('.').and_then(|(whole, _fraction)| whole.parse().ok())
        });
        seconds
            .filter(|seconds| *seconds >= 0)
            .and_then(Moment::from_unix_seconds)
            .map(Self)
            .ok_or_else(|| D::Error::custom("expected seconds since 1970"))
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(one) => f.write_str(one),
            Self::Several(several) => f.write_str(&several.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(json: &str) -> Option<i64> {
        let date: Option<NumericDate> = serde_json::from_str(json).ok();
        date.map(|date| date.0.unix_seconds())
    }

    #[test]
    fn a_numeric_date_is_seconds_and_may_have_a_fraction() {
        assert_eq!(date("1767225600"), Some(1_767_225_600));
        assert_eq!(date("1767225600.75"), Some(1_767_225_600));
        for json in ["-1", "1e300", "\"1767225600\"", "true", "18446744073709551615"] {
            assert_eq!(date(json), None, "{json}");
        }
    }

    #[test]
    fn an_audience_of_several_is_not_only_one_of_them() {
        let read = |json: &str| serde_json::from_str::<Audience>(json).unwrap();
        assert!(read("\"a\"").is_only("a"));
        assert!(read("[\"a\"]").is_only("a"));
        assert!(!read("[\"a\",\"b\"]").is_only("a"));
        assert!(read("[\"a\",\"b\"]").includes("a"));
        assert!(!read("[]").includes("a"));
    }

    #[test]
    fn a_minute_of_skew_is_allowed_and_no_more() {
        let now = Moment::from_unix_seconds(1_767_225_600).unwrap();
        let at = |seconds| NumericDate(now.plus(TimeDelta::seconds(seconds)));
        assert_eq!(in_force(at(-59), Some(at(60)), Some(at(60)), now), Ok(()));
        assert_eq!(in_force(at(-60), None, None, now), Err(Untimely::Expired));
        assert_eq!(in_force(at(1), Some(at(61)), None, now), Err(Untimely::NotYet));
        assert_eq!(in_force(at(1), None, Some(at(61)), now), Err(Untimely::FromFuture));
    }
}
