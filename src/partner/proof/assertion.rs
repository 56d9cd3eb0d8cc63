//! A partner proves who it is by a JWT that it signs itself (RFC 7523, `private_key_jwt`). The store
//! knows whether the same JWT was used before.

use chrono::{NaiveDate, TimeDelta};
use serde::Deserialize;

use super::key::{PartnerKey, in_force};
use crate::clock::Moment;
use crate::ids::PartnerId;
use crate::jwt::{self, Audience, HeaderError, NumericDate, OpenError, Untimely};
use crate::partner::Partner;

/// The `client_assertion_type` of such a JWT.
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How far in the future an assertion may expire. Some clients use an hour by default.
pub const LIFETIME_MAX: TimeDelta = TimeDelta::seconds(3600);

const JTI_CHARACTERS_MAX: usize = 256;

/// Types of JWT that may be a client assertion: those of rfc7523bis, the general one, and none.
const TYPES: [&str; 3] = ["client-authentication+jwt", "jwt", ""];

/// The names that an assertion may have as its audience.
#[derive(Clone, Copy, Debug)]
pub struct Recipient<'a> {
    pub issuer: &'a str,
    /// The token endpoint's URL: a fit audience only for partners whose manifest says so.
    pub token_url: &'a str,
}

/// A verified assertion: its identity, so that it is not taken twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// The partner's key that signed it.
    pub kid: String,
    pub jti: String,
    /// From then on the assertion is refused for its age, and the store may forget it.
    pub forget_at: Moment,
}

/// Why an assertion is refused, in words for the partner's integrator.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum AssertionError {
    #[error("client_assertion: {0}")]
    Header(#[from] HeaderError),
    /// The exact reason is for our log only: a stranger must not learn which clients exist.
    #[error(
        "client_assertion: the client is not known, or no key registered for it made the \
         signature; check iss, kid, alg and the key"
    )]
    Unproven(Unproven),
    #[error(
        "client_assertion: exp, nbf and iat must be numbers of seconds, iss, sub and jti texts, \
         aud a text or a list of texts"
    )]
    Claims,
    #[error("client_assertion: the claim {0} is missing")]
    Missing(&'static str),
    #[error("client_assertion: iss and sub must both be the client id")]
    Subject,
    #[error("client_assertion: aud must be {issuer} and nothing else")]
    Audience { issuer: String },
    #[error("client_assertion: {0}")]
    Untimely(#[from] Untimely),
    #[error("client_assertion: exp lies more than {} s in the future", LIFETIME_MAX.num_seconds())]
    TooLong,
    #[error("client_assertion: jti must have 1 to {JTI_CHARACTERS_MAX} characters")]
    Jti,
}

/// Why a signature is refused, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unproven {
    UnknownClient,
    UnknownKey,
    /// The key is for another algorithm.
    OtherAlgorithm,
    Signature,
}

#[derive(Deserialize)]
struct AssertionClaims {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<Audience>,
    exp: Option<NumericDate>,
    nbf: Option<NumericDate>,
    iat: Option<NumericDate>,
    jti: Option<String>,
}

/// The client that an assertion names. Nothing is verified yet.
#[must_use]
pub fn claimed_client(assertion: &str) -> Option<PartnerId> {
    #[derive(Deserialize)]
    struct Issuer {
        iss: PartnerId,
    }
    jwt::unverified(assertion).map(|claims: Issuer| claims.iss)
}

/// Verifies that `partner` signed the assertion, for us and for now, with a key that is good on
/// that day. `None` is an unknown client; it gets the same answer as a wrong signature.
pub fn verify(
    assertion: &str,
    partner: Option<&Partner>,
    recipient: Recipient<'_>,
    now: Moment,
    day: NaiveDate,
) -> Result<Assertion, AssertionError> {
    let header = jwt::header(assertion, &TYPES)?;
    let unproven = AssertionError::Unproven;
    let partner = partner.ok_or(unproven(Unproven::UnknownClient))?;
    let key = find(&partner.access.keys, header.kid.as_deref(), day);
    let key = key.ok_or(unproven(Unproven::UnknownKey))?;
    if header.alg != key.algorithm {
        return Err(unproven(Unproven::OtherAlgorithm));
    }
    let claims: AssertionClaims =
        jwt::open(assertion, key.algorithm, &key.decoding).map_err(|error| match error {
            OpenError::Signature => unproven(Unproven::Signature),
            OpenError::Claims => AssertionError::Claims,
        })?;
    check(claims, partner, &key.kid, recipient, now)
}

/// The key with that id, if it is good on that day. Without an id: the only good key.
fn find<'a>(keys: &'a [PartnerKey], kid: Option<&str>, day: NaiveDate) -> Option<&'a PartnerKey> {
    let mut good = in_force(keys, day);
    match kid {
        Some(kid) => good.find(|key| key.kid == kid),
        None => good.next().filter(|_first| good.next().is_none()),
    }
}

fn check(
    claims: AssertionClaims,
    partner: &Partner,
    kid: &str,
    recipient: Recipient<'_>,
    now: Moment,
) -> Result<Assertion, AssertionError> {
    let missing = AssertionError::Missing;
    let iss = claims.iss.ok_or(missing("iss"))?;
    let sub = claims.sub.ok_or(missing("sub"))?;
    let aud = claims.aud.ok_or(missing("aud"))?;
    let exp = claims.exp.ok_or(missing("exp"))?;
    let jti = claims.jti.ok_or(missing("jti"))?;
    if iss != partner.id.as_str() || sub != partner.id.as_str() {
        return Err(AssertionError::Subject);
    }
    let for_us = aud.is_only(recipient.issuer)
        || (partner.access.token_url_as_audience && aud.is_only(recipient.token_url));
    if !for_us {
        return Err(AssertionError::Audience { issuer: recipient.issuer.to_owned() });
    }
    jwt::in_force(exp, claims.nbf, claims.iat, now)?;
    if exp.0 > now.plus(LIFETIME_MAX).plus(jwt::SKEW) {
        return Err(AssertionError::TooLong);
    }
    if jti.is_empty() || jti.chars().count() > JTI_CHARACTERS_MAX {
        return Err(AssertionError::Jti);
    }
    Ok(Assertion { kid: kid.to_owned(), jti, forget_at: exp.0.plus(jwt::SKEW) })
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    };
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::jwk::Jwk;
    use jsonwebtoken::{Algorithm, EncodingKey, Header};
    use serde_json::{Value, json};

    use super::*;

    const RECIPIENT: Recipient<'static> =
        Recipient { issuer: "https://gateway.test", token_url: "https://gateway.test/oauth/token" };

    fn now() -> Moment {
        Moment::parse("2026-11-02T10:00:00Z").unwrap()
    }

    fn day() -> NaiveDate {
        now().utc().date_naive()
    }

    fn signing_key(algorithm: Algorithm) -> EncodingKey {
        let random = SystemRandom::new();
        match algorithm {
            Algorithm::EdDSA => {
                let der = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
                EncodingKey::from_ed_der(der.as_ref())
            }
            Algorithm::ES256 => {
                let curve = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let der = EcdsaKeyPair::generate_pkcs8(curve, &random).unwrap();
                EncodingKey::from_ec_der(der.as_ref())
            }
            _ => {
                let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
                let pkcs8: Pkcs8V1Der<'_> = pair.as_der().unwrap();
                // The library wants the PKCS #1 key, which follows a header of 26 bytes.
                EncodingKey::from_rsa_der(&pkcs8.as_ref()[26..])
            }
        }
    }

    fn public_jwk(algorithm: Algorithm, key: &EncodingKey) -> Value {
        if algorithm == Algorithm::EdDSA {
            let pair = Ed25519KeyPair::from_pkcs8(key.as_bytes()).unwrap();
            let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
            return json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
        }
        serde_json::to_value(Jwk::from_encoding_key(key, algorithm).unwrap()).unwrap()
    }

    /// A partner with that line in its manifest's `[access]` and those keys.
    fn partner(line: &str, keys: &[(&str, Algorithm, &EncodingKey)]) -> Partner {
        let key = |(kid, algorithm, key): &(&str, Algorithm, &EncodingKey)| {
            let jwk = public_jwk(*algorithm, key);
            let members = jwk.as_object().unwrap().iter();
            let jwk: Vec<String> =
                members.map(|(name, value)| format!("{name} = {value}")).collect();
            let jwk = jwk.join(", ");
            format!("{{ kid = \"{kid}\", alg = \"{algorithm:?}\", jwk = {{ {jwk} }} }}")
        };
        let keys: Vec<String> = keys.iter().map(key).collect();
        let text = format!(
            "id = \"green-basket\"\nname = \"Green Basket\"\nkind = \"supermarket\"\n\
             status = \"sandbox\"\nlisted = {{ from = \"2026-01-01\" }}\n[access]\n\
             scopes = [\"events:write\"]\nrequests_per_second = 10\n{line}\nkeys = [{}]\n",
            keys.join(", ")
        );
        Partner::parse(&text, "partner.toml", "green-basket", &Default::default()).unwrap()
    }

    fn header(algorithm: Algorithm) -> Header {
        Header { kid: Some("k1".to_owned()), ..Header::new(algorithm) }
    }

    fn claims() -> Value {
        json!({
            "iss": "green-basket", "sub": "green-basket", "aud": "https://gateway.test",
            "exp": now().unix_seconds() + 60, "iat": now().unix_seconds(), "jti": "a-1",
        })
    }

    fn sign(header: &Header, claims: &Value, key: &EncodingKey) -> String {
        jsonwebtoken::encode(header, claims, key).unwrap()
    }

    #[test]
    fn each_algorithm_proves_its_partner() {
        use Algorithm::{ES256, EdDSA, PS256, RS256};
        for algorithm in [EdDSA, ES256, PS256, RS256] {
            let key = signing_key(algorithm);
            let partner = partner("", &[("k1", algorithm, &key)]);
            let token = sign(&header(algorithm), &claims(), &key);
            assert_eq!(claimed_client(&token), Some(partner.id.clone()));
            let assertion = verify(&token, Some(&partner), RECIPIENT, now(), day()).unwrap();
            let forget_at = now().plus(TimeDelta::seconds(120));
            let expected = Assertion { kid: "k1".to_owned(), jti: "a-1".to_owned(), forget_at };
            assert_eq!(assertion, expected);
        }
    }

    #[test]
    fn each_wrong_claim_is_refused_and_named() {
        use AssertionError::{Claims, Jti, Missing, Subject, TooLong, Untimely};
        let key = signing_key(Algorithm::EdDSA);
        let partner = partner("", &[("k1", Algorithm::EdDSA, &key)]);
        let other_audience = || AssertionError::Audience { issuer: RECIPIENT.issuer.to_owned() };
        let at = |seconds: i64| json!(now().unix_seconds() + seconds);
        let two = json!(["https://gateway.test", "https://gateway.test/oauth/token"]);
        for (claim, value, refused) in [
            ("iss", json!("sunny-travel"), Subject),
            ("sub", json!("sunny-travel"), Subject),
            ("sub", Value::Null, Missing("sub")),
            ("aud", json!("https://other.test"), other_audience()),
            ("aud", json!("https://gateway.test/"), other_audience()),
            ("aud", json!(RECIPIENT.token_url), other_audience()),
            ("aud", two, other_audience()),
            ("aud", json!([]), other_audience()),
            ("aud", Value::Null, Missing("aud")),
            ("exp", Value::Null, Missing("exp")),
            ("exp", json!("soon"), Claims),
            ("exp", at(-60), Untimely(jwt::Untimely::Expired)),
            ("exp", at(3661), TooLong),
            ("nbf", at(61), Untimely(jwt::Untimely::NotYet)),
            ("iat", at(61), Untimely(jwt::Untimely::FromFuture)),
            ("jti", Value::Null, Missing("jti")),
            ("jti", json!(""), Jti),
            ("jti", json!("x".repeat(257)), Jti),
            ("jti", json!(7), Claims),
        ] {
            let mut changed = claims();
            changed[claim] = value.clone();
            let token = sign(&header(Algorithm::EdDSA), &changed, &key);
            let verified = verify(&token, Some(&partner), RECIPIENT, now(), day());
            assert_eq!(verified, Err(refused), "{claim}: {value}");
        }
    }

    #[test]
    fn an_hour_of_life_and_a_list_of_one_audience_are_taken() {
        let key = signing_key(Algorithm::EdDSA);
        let partner = partner("", &[("k1", Algorithm::EdDSA, &key)]);
        let mut claims = claims();
        claims["exp"] = json!(now().unix_seconds() + 3600);
        claims["aud"] = json!(["https://gateway.test"]);
        let token = sign(&header(Algorithm::EdDSA), &claims, &key);
        assert!(verify(&token, Some(&partner), RECIPIENT, now(), day()).is_ok());
    }

    #[test]
    fn the_token_url_is_an_audience_only_where_the_manifest_says_so() {
        let key = signing_key(Algorithm::EdDSA);
        let partner = partner("token_url_as_audience = true", &[("k1", Algorithm::EdDSA, &key)]);
        for audience in [RECIPIENT.token_url, RECIPIENT.issuer] {
            let mut claims = claims();
            claims["aud"] = json!(audience);
            let token = sign(&header(Algorithm::EdDSA), &claims, &key);
            assert!(verify(&token, Some(&partner), RECIPIENT, now(), day()).is_ok(), "{audience}");
        }
    }

    #[test]
    fn a_stranger_learns_nothing_of_which_clients_and_keys_there_are() {
        let (key, foreign) = (signing_key(Algorithm::EdDSA), signing_key(Algorithm::EdDSA));
        let partner = partner("", &[("k1", Algorithm::EdDSA, &key)]);
        let token = |header: &Header, key| sign(header, &claims(), key);
        let other_kid = Header { kid: Some("k2".to_owned()), ..header(Algorithm::EdDSA) };
        let ec = signing_key(Algorithm::ES256);
        let cases = [
            (None, token(&header(Algorithm::EdDSA), &key), Unproven::UnknownClient),
            (Some(&partner), token(&other_kid, &key), Unproven::UnknownKey),
            (Some(&partner), token(&header(Algorithm::ES256), &ec), Unproven::OtherAlgorithm),
            (Some(&partner), token(&header(Algorithm::EdDSA), &foreign), Unproven::Signature),
        ];
        let mut texts = Vec::new();
        for (partner, token, why) in cases {
            let error = verify(&token, partner, RECIPIENT, now(), day()).unwrap_err();
            assert_eq!(error, AssertionError::Unproven(why));
            texts.push(error.to_string());
        }
        texts.dedup();
        assert_eq!(texts.len(), 1);
    }

    #[test]
    fn no_signature_and_a_symmetric_one_with_the_public_key_are_refused() {
        let key = signing_key(Algorithm::EdDSA);
        let partner = partner("", &[("k1", Algorithm::EdDSA, &key)]);
        let refused = Err(AssertionError::Header(HeaderError::Algorithm));
        let good = sign(&header(Algorithm::EdDSA), &claims(), &key);
        let (message, _signature) = good.rsplit_once('.').unwrap();
        let (_header, payload) = message.split_once('.').unwrap();
        for alg in ["none", "None", "HS256"] {
            let header = json!({ "alg": alg, "typ": "JWT", "kid": "k1" }).to_string();
            let token = format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(header));
            assert_eq!(verify(&token, Some(&partner), RECIPIENT, now(), day()), refused, "{alg}");
        }
        let pair = Ed25519KeyPair::from_pkcs8(key.as_bytes()).unwrap();
        let confused = EncodingKey::from_secret(pair.public_key().as_ref());
        let token = sign(&header(Algorithm::HS256), &claims(), &confused);
        assert_eq!(verify(&token, Some(&partner), RECIPIENT, now(), day()), refused);
        let cut = format!("{message}.");
        let unproven = Err(AssertionError::Unproven(Unproven::Signature));
        assert_eq!(verify(&cut, Some(&partner), RECIPIENT, now(), day()), unproven);
    }

    #[test]
    fn a_jwt_of_another_type_or_with_unknown_extensions_is_refused() {
        let key = signing_key(Algorithm::EdDSA);
        let partner = partner("", &[("k1", Algorithm::EdDSA, &key)]);
        let read = |change: fn(&mut Header)| {
            let mut header = header(Algorithm::EdDSA);
            change(&mut header);
            verify(&sign(&header, &claims(), &key), Some(&partner), RECIPIENT, now(), day())
        };
        assert!(read(|header| header.typ = None).is_ok());
        assert!(read(|header| header.typ = Some("client-authentication+jwt".into())).is_ok());
        assert!(read(|header| header.typ = Some("application/JWT".into())).is_ok());
        for typ in ["at+jwt", "dpop+jwt"] {
            let mut header = header(Algorithm::EdDSA);
            header.typ = Some(typ.to_owned());
            let token = sign(&header, &claims(), &key);
            let refused = Err(AssertionError::Header(HeaderError::Type));
            assert_eq!(verify(&token, Some(&partner), RECIPIENT, now(), day()), refused, "{typ}");
        }
        let refused = Err(AssertionError::Header(HeaderError::Critical));
        assert_eq!(read(|header| header.crit = Some(vec!["b64".into()])), refused);
        for text in ["", "a.b", "a.b.c", "....", "e30.e30.e30"] {
            assert!(verify(text, Some(&partner), RECIPIENT, now(), day()).is_err(), "{text}");
            assert_eq!(claimed_client(text), None, "{text}");
        }
    }

    #[test]
    fn a_kid_may_be_left_out_only_where_there_is_one_key() {
        let (first, second) = (signing_key(Algorithm::EdDSA), signing_key(Algorithm::EdDSA));
        let no_kid = Header::new(Algorithm::EdDSA);
        let token = sign(&no_kid, &claims(), &first);
        let one = partner("", &[("k1", Algorithm::EdDSA, &first)]);
        assert!(verify(&token, Some(&one), RECIPIENT, now(), day()).is_ok());
        let keys = [("k1", Algorithm::EdDSA, &first), ("k2", Algorithm::EdDSA, &second)];
        let two = partner("", &keys);
        let refused = Err(AssertionError::Unproven(Unproven::UnknownKey));
        assert_eq!(verify(&token, Some(&two), RECIPIENT, now(), day()), refused);
        // Both keys of a change of keys are good.
        for (kid, _algorithm, key) in keys {
            let header = Header { kid: Some(kid.to_owned()), ..no_kid.clone() };
            let token = sign(&header, &claims(), key);
            assert!(verify(&token, Some(&two), RECIPIENT, now(), day()).is_ok(), "{kid}");
        }
    }

    #[test]
    fn a_key_is_good_from_its_first_day_to_its_last() {
        let (old, new) = (signing_key(Algorithm::EdDSA), signing_key(Algorithm::EdDSA));
        let mut partner =
            partner("", &[("k1", Algorithm::EdDSA, &old), ("k2", Algorithm::EdDSA, &new)]);
        partner.access.keys[0].until = Some(day());
        partner.access.keys[1].from = day().succ_opt();
        let verified = |kid: Option<&str>, key, day| {
            let header = Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::EdDSA) };
            verify(&sign(&header, &claims(), key), Some(&partner), RECIPIENT, now(), day)
        };
        let (before, after) = (day(), day().succ_opt().unwrap());
        let refused = Err(AssertionError::Unproven(Unproven::UnknownKey));
        assert!(verified(Some("k1"), &old, before).is_ok());
        assert_eq!(verified(Some("k1"), &old, after), refused);
        assert_eq!(verified(Some("k2"), &new, before), refused);
        assert!(verified(Some("k2"), &new, after).is_ok());
        // Each day has only one that is good, so it need not be named.
        assert!(verified(None, &old, before).is_ok());
        assert!(verified(None, &new, after).is_ok());
    }
}
