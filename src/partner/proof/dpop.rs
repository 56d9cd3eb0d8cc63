//! A client proves with each request that it holds the key to which its token is bound (RFC 9449,
//! DPoP). The edge checks our nonce, and the store knows whether the same proof was used before.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use crate::clock::Moment;
use crate::jwt::{self, HeaderError, NumericDate, OpenError};

/// The algorithms of proofs, as headers name them.
pub const ALGORITHMS: [&str; 4] = ["EdDSA", "Ed25519", "ES256", "PS256"];

/// The greatest age of a proof on arrival.
pub const AGE_MAX: TimeDelta = TimeDelta::seconds(300);

const TYPE: &str = "dpop+jwt";
const BYTES_MAX: usize = 8 * 1024;
const JTI_CHARACTERS_MAX: usize = 256;

/// The request that a proof must be for.
#[derive(Clone, Copy, Debug)]
pub struct Proven<'a> {
    pub method: &'a str,
    /// Our own URL of the resource; its query does not count.
    pub uri: &'a str,
    /// The access token that comes with the proof; `None` in a request for a token.
    pub access_token: Option<&'a str>,
}

/// A verified proof. Its nonce, and whether it was used before, are not checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The key's thumbprint (RFC 7638, SHA-256).
    pub thumbprint: String,
    pub jti: String,
    pub nonce: Option<String>,
    /// From then on the proof is refused for its age, and the store may forget it.
    pub forget_at: Moment,
}

/// Why a proof is refused, in words for the partner's integrator.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum DpopError {
    #[error("DPoP: expected one proof")]
    NotOne,
    #[error("DPoP: {0}")]
    Header(#[from] HeaderError),
    #[error("DPoP: its header's alg must be one of EdDSA, ES256 and PS256")]
    Algorithm,
    #[error("DPoP: its header's jwk must be a public key for its alg")]
    Key,
    #[error("DPoP: its header's jwk holds a private key: replace the key, it is no longer secret")]
    PrivateKey,
    #[error("DPoP: its signature does not fit the key in its header")]
    Signature,
    #[error("DPoP: expected the claims jti, htm and htu as texts and iat as a number of seconds")]
    Claims,
    #[error("DPoP: jti must have 1 to {JTI_CHARACTERS_MAX} characters")]
    Jti,
    #[error("DPoP: htm is not the request's method")]
    Method,
    #[error("DPoP: htu is not the request's URL, as the issuer has it, without its query")]
    Uri,
    #[error("DPoP: iat lies more than {} s back", AGE_MAX.num_seconds())]
    TooOld,
    #[error("DPoP: iat lies in the future: check the clock")]
    FromFuture,
    #[error("DPoP: ath is not the hash of the access token that came with it")]
    OtherToken,
}

#[derive(Deserialize)]
struct ProofClaims {
    jti: String,
    htm: String,
    htu: String,
    iat: NumericDate,
    ath: Option<String>,
    nonce: Option<String>,
}

/// Verifies that the proof is for this request, is recent, and is signed by the key in it (RFC 9449,
/// section 4.3).
pub fn verify(proof: &str, request: Proven<'_>, now: Moment) -> Result<Proof, DpopError> {
    if proof.len() > BYTES_MAX {
        return Err(DpopError::Header(HeaderError::Malformed));
    }
    let header = jwt::header(proof, &[TYPE])?;
    let (jwk, key) = public_key(proof, header.alg)?;
    let claims: ProofClaims = jwt::open(proof, header.alg, &key).map_err(|error| match error {
        OpenError::Signature => DpopError::Signature,
        OpenError::Claims => DpopError::Claims,
    })?;
    if claims.jti.is_empty() || claims.jti.chars().count() > JTI_CHARACTERS_MAX {
        return Err(DpopError::Jti);
    }
    if claims.htm != request.method {
        return Err(DpopError::Method);
    }
    if normal(&claims.htu) != normal(request.uri) {
        return Err(DpopError::Uri);
    }
    if claims.iat.0.plus(AGE_MAX) <= now {
        return Err(DpopError::TooOld);
    }
    if claims.iat.0 > now.plus(jwt::SKEW) {
        return Err(DpopError::FromFuture);
    }
    if let Some(token) = request.access_token
        && claims.ath.as_deref() != Some(hash(token).as_str())
    {
        return Err(DpopError::OtherToken);
    }
    let thumbprint = jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_other| DpopError::Key)?;
    let forget_at = claims.iat.0.plus(AGE_MAX);
    Ok(Proof { thumbprint, jti: claims.jti, nonce: claims.nonce, forget_at })
}

/// `ath`: the hash of an access token.
fn hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()))
}

/// The key in the header, if it is a public key for that algorithm.
fn public_key(proof: &str, algorithm: Algorithm) -> Result<(Jwk, DecodingKey), DpopError> {
    let header = proof.split('.').next().unwrap_or_default();
    let header = URL_SAFE_NO_PAD.decode(header).map_err(|_bad| DpopError::Key)?;
    let mut header: Value = serde_json::from_slice(&header).map_err(|_bad| DpopError::Key)?;
    let jwk = header.get_mut("jwk").map(Value::take).unwrap_or_default();
    if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|name| jwk.get(name).is_some()) {
        return Err(DpopError::PrivateKey);
    }
    let jwk: Jwk = serde_json::from_value(jwk).map_err(|_bad| DpopError::Key)?;
    let fit = match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            Algorithm::EdDSA
        }
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            Algorithm::ES256
        }
        AlgorithmParameters::RSA(_) => Algorithm::PS256,
        _ => return Err(DpopError::Key),
    };
    if algorithm == Algorithm::RS256 {
        return Err(DpopError::Algorithm);
    }
    if fit != algorithm {
        return Err(DpopError::Key);
    }
    let key = DecodingKey::from_jwk(&jwk).map_err(|_bad| DpopError::Key)?;
    Ok((jwk, key))
}

/// A URL in the form in which two are compared (RFC 3986, section 6.2): without query and
/// fragment, scheme and host in lower case, without the scheme's own port.
fn normal(uri: &str) -> String {
    let end = uri.find(['?', '#']).unwrap_or(uri.len());
    let uri = uri.get(..end).unwrap_or_default();
    let Some((scheme, rest)) = uri.split_once("://") else { return uri.to_owned() };
    let (scheme, place) = (scheme.to_ascii_lowercase(), rest.find('/').unwrap_or(rest.len()));
    let (authority, path) = rest.split_at_checked(place).unwrap_or((rest, ""));
    let authority = authority.to_ascii_lowercase();
    let own_port = if scheme == "https" { ":443" } else { ":80" };
    let authority = authority.strip_suffix(own_port).unwrap_or(&authority);
    format!("{scheme}://{authority}{}", if path.is_empty() { "/" } else { path })
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::json;

    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    };

    const URI: &str = "https://gateway.test/v1/events/p-1";

    fn now() -> Moment {
        Moment::parse("2026-11-02T10:00:00Z").unwrap()
    }

    struct Client {
        algorithm: Algorithm,
        signing: EncodingKey,
        jwk: Value,
    }

    fn ed() -> Client {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(der.as_ref()).unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        Client {
            algorithm: Algorithm::EdDSA,
            signing: EncodingKey::from_ed_der(der.as_ref()),
            jwk: json!({ "kty": "OKP", "crv": "Ed25519", "x": x }),
        }
    }

    fn ec() -> Client {
        let curve = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let der = EcdsaKeyPair::generate_pkcs8(curve, &SystemRandom::new()).unwrap();
        let signing = EncodingKey::from_ec_der(der.as_ref());
        let jwk = Jwk::from_encoding_key(&signing, Algorithm::ES256).unwrap();
        Client { algorithm: Algorithm::ES256, signing, jwk: serde_json::to_value(jwk).unwrap() }
    }

    impl Client {
        fn proof(&self, change: impl FnOnce(&mut Value, &mut Value)) -> String {
            let alg = serde_json::to_value(self.algorithm).unwrap();
            let mut header = json!({ "typ": "dpop+jwt", "alg": alg, "jwk": self.jwk });
            let mut claims = json!({
                "jti": "j-1", "htm": "GET", "htu": URI, "iat": now().unix_seconds(),
                "ath": hash("token"), "nonce": "n-1",
            });
            change(&mut header, &mut claims);
            let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let message = format!("{}.{}", part(&header), part(&claims));
            let signature =
                jsonwebtoken::crypto::sign(message.as_bytes(), &self.signing, self.algorithm);
            format!("{message}.{}", signature.unwrap())
        }
    }

    fn read(proof: &str) -> Result<Proof, DpopError> {
        let request = Proven { method: "GET", uri: URI, access_token: Some("token") };
        verify(proof, request, now())
    }

    #[test]
    fn a_proof_by_each_kind_of_key_is_taken_and_names_its_key() {
        for client in [ed(), ec()] {
            let proof = read(&client.proof(|_, _| {})).unwrap();
            let jwk: Jwk = serde_json::from_value(client.jwk.clone()).unwrap();
            assert_eq!(proof.thumbprint, jwk.thumbprint(ThumbprintHash::SHA256).unwrap());
            assert_eq!((proof.jti.as_str(), proof.nonce.as_deref()), ("j-1", Some("n-1")));
            assert_eq!(proof.forget_at, now().plus(AGE_MAX));
        }
    }

    #[test]
    fn each_wrong_claim_is_refused() {
        let at = |seconds: i64| json!(now().unix_seconds() + seconds);
        for (claim, value, refused) in [
            ("jti", json!(""), DpopError::Jti),
            ("jti", json!("x".repeat(257)), DpopError::Jti),
            ("jti", Value::Null, DpopError::Claims),
            ("htm", json!("POST"), DpopError::Method),
            ("htm", json!("get"), DpopError::Method),
            ("htu", json!("https://gateway.test/v1/events"), DpopError::Uri),
            ("htu", json!("http://gateway.test/v1/events/p-1"), DpopError::Uri),
            ("htu", json!("https://gateway.test:8443/v1/events/p-1"), DpopError::Uri),
            ("htu", json!("https://other.test/v1/events/p-1"), DpopError::Uri),
            ("iat", at(-300), DpopError::TooOld),
            ("iat", at(61), DpopError::FromFuture),
            ("iat", json!("now"), DpopError::Claims),
            ("ath", json!(hash("another")), DpopError::OtherToken),
            ("ath", Value::Null, DpopError::OtherToken),
        ] {
            let proof = ed().proof(|_, claims| claims[claim] = value.clone());
            assert_eq!(read(&proof), Err(refused), "{claim}: {value}");
        }
    }

    #[test]
    fn the_url_is_compared_as_urls_are() {
        for htu in [
            "HTTPS://Gateway.Test/v1/events/p-1",
            "https://gateway.test:443/v1/events/p-1",
            "https://gateway.test/v1/events/p-1?limit=1#top",
        ] {
            let proof = ed().proof(|_, claims| claims["htu"] = json!(htu));
            assert!(read(&proof).is_ok(), "{htu}");
        }
        assert_eq!(normal("https://gateway.test"), "https://gateway.test/");
    }

    #[test]
    fn only_a_public_key_for_its_algorithm_may_stand_in_it() {
        let client = ed();
        let changed = |change: &dyn Fn(&mut Value)| read(&client.proof(|header, _| change(header)));
        assert_eq!(
            changed(&|header| header["jwk"]["d"] = json!("AAAA")),
            Err(DpopError::PrivateKey)
        );
        assert_eq!(changed(&|header| header["jwk"] = ec().jwk), Err(DpopError::Key));
        assert_eq!(changed(&|header| header["jwk"] = ed().jwk), Err(DpopError::Signature));
        assert_eq!(changed(&|header| header["jwk"] = Value::Null), Err(DpopError::Key));
        let octets = json!({ "kty": "oct", "k": "c2VjcmV0" });
        assert_eq!(changed(&|header| header["jwk"] = octets.clone()), Err(DpopError::PrivateKey));
        let unsigned = Err(DpopError::Header(HeaderError::Algorithm));
        for alg in ["none", "HS256"] {
            assert_eq!(changed(&|header| header["alg"] = json!(alg)), unsigned, "{alg}");
        }
        let other_type = Err(DpopError::Header(HeaderError::Type));
        for typ in ["JWT", "at+jwt", "client-authentication+jwt"] {
            assert_eq!(changed(&|header| header["typ"] = json!(typ)), other_type, "{typ}");
        }
        for text in ["", "a.b.c", "..", &"x".repeat(9_000)] {
            assert!(read(text).is_err(), "{text}");
        }
        // What another library signs under a type of its own is none.
        let header = Header { typ: None, ..Header::new(Algorithm::EdDSA) };
        let other = jsonwebtoken::encode(&header, &json!({}), &client.signing).unwrap();
        assert_eq!(read(&other), other_type);
    }
}
