//! Client assertions: a partner proves who it is by a JWT that it signs with its own key
//! (`private_key_jwt`: RFC 7521, RFC 7523 and its revision rfc7523bis).

use chrono::TimeDelta;
use jsonwebtoken::{Validation, decode, decode_header};
use serde::Deserialize;

use super::Partner;
use super::key::PartnerKey;
use crate::clock::Moment;
use crate::ids::PartnerId;

/// An assertion that proved true. Whether its `jti` was seen before is the store's to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    pub jti: String,
    pub expires_at: Moment,
}

/// Whom an assertion may be addressed to.
#[derive(Clone, Copy, Debug)]
pub struct Audiences<'a> {
    pub issuer: &'a str,
    /// Taken only from partners whose manifest says so.
    pub token_url: &'a str,
}

/// What is wrong with an assertion, in words that help the one who made it and nobody else.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum AssertionError {
    #[error("the assertion is not a JWT")]
    NotAJwt,
    #[error("the assertion's kid names no key of the client, or there is no kid and several keys")]
    UnknownKey,
    #[error("the assertion's alg is not the one registered with its key")]
    OtherAlgorithm,
    #[error("the assertion's signature is not by the registered key")]
    Signature,
    #[error("iss and sub must both be the client id")]
    OtherSubject,
    #[error("aud must be this server's issuer, and only that")]
    OtherAudience,
    #[error("exp has passed")]
    Expired,
    #[error("exp is more than an hour ahead")]
    TooLong,
    #[error("nbf or iat lies in the future")]
    NotYet,
    #[error("jti is missing, empty or longer than 256 characters")]
    NoJti,
}

#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<Audience>,
    exp: Option<NumericDate>,
    nbf: Option<NumericDate>,
    iat: Option<NumericDate>,
    jti: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Seconds since 1970, which RFC 7519 lets have a fraction; that is cut off.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum NumericDate {
    Whole(i64),
    Fraction(f64),
}

const SKEW: TimeDelta = TimeDelta::seconds(60);
const LIFE_MAX: TimeDelta = TimeDelta::hours(1);
const JTI_MAX: usize = 256;

/// Whom an assertion says it is from, before anything of it is proved: only to find the key.
#[must_use]
pub fn claimed_issuer(token: &str) -> Option<PartnerId> {
    let claims = jsonwebtoken::dangerous::insecure_decode::<Claims>(token).ok()?.claims;
    PartnerId::try_from(claims.iss?).ok()
}

/// Proves an assertion against a partner's keys at a moment.
///
/// # Errors
/// [`AssertionError`].
pub fn verify(
    token: &str,
    partner: &Partner,
    audiences: Audiences<'_>,
    now: Moment,
) -> Result<Assertion, AssertionError> {
    let header = decode_header(token).map_err(|_bad| AssertionError::NotAJwt)?;
    let key = find_key(&partner.access.keys, header.kid.as_deref())?;
    if header.alg != key.algorithm {
        return Err(AssertionError::OtherAlgorithm);
    }
    let mut validation = Validation::new(key.algorithm);
    // Times and audience are checked below, against the moment given and with plain words.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let claims = decode::<Claims>(token, &key.decoding, &validation)
        .map_err(|_bad| AssertionError::Signature)?
        .claims;
    let id = Some(partner.id.as_str());
    if claims.iss.as_deref() != id || claims.sub.as_deref() != id {
        return Err(AssertionError::OtherSubject);
    }
    if !claims.aud.as_ref().is_some_and(|aud| aud.is_for(partner, audiences)) {
        return Err(AssertionError::OtherAudience);
    }
    let expires_at = check_times(&claims, now)?;
    let jti = claims.jti.filter(|jti| !jti.is_empty() && jti.len() <= JTI_MAX);
    Ok(Assertion { jti: jti.ok_or(AssertionError::NoJti)?, expires_at })
}

fn find_key<'a>(
    keys: &'a [PartnerKey],
    kid: Option<&str>,
) -> Result<&'a PartnerKey, AssertionError> {
    match (kid, keys) {
        (Some(kid), keys) => keys.iter().find(|key| key.kid == kid),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
    .ok_or(AssertionError::UnknownKey)
}

fn check_times(claims: &Claims, now: Moment) -> Result<Moment, AssertionError> {
    let expires_at = claims.exp.and_then(NumericDate::moment).ok_or(AssertionError::Expired)?;
    if expires_at.plus(SKEW) <= now {
        return Err(AssertionError::Expired);
    }
    if expires_at > now.plus(LIFE_MAX).plus(SKEW) {
        return Err(AssertionError::TooLong);
    }
    for claim in [claims.nbf, claims.iat].into_iter().flatten() {
        let moment = claim.moment().ok_or(AssertionError::NotYet)?;
        if moment > now.plus(SKEW) {
            return Err(AssertionError::NotYet);
        }
    }
    Ok(expires_at)
}

impl Audience {
    fn is_for(&self, partner: &Partner, audiences: Audiences<'_>) -> bool {
        let only = match self {
            Self::One(one) => one,
            Self::Many(many) => match many.as_slice() {
                [one] => one,
                _ => return false,
            },
        };
        only == audiences.issuer
            || (partner.access.token_url_as_audience && only == audiences.token_url)
    }
}

impl NumericDate {
    fn moment(self) -> Option<Moment> {
        match self {
            Self::Whole(seconds) => Moment::from_unix_seconds(seconds),
            // Through text, because a float has no exact conversion to whole seconds.
            Self::Fraction(seconds) => {
                Moment::from_unix_seconds(format!("{:.0}", seconds.floor()).parse().ok()?)
            }
        }
    }
}
