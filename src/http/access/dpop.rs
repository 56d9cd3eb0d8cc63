//! DPoP at our endpoints (RFC 9449): the proof on a request, our nonce in it, and the rule that no
//! proof is accepted twice. Nonces are made of the time and of a key that all gateways share, so
//! that no gateway has to keep them.

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, HeaderValue};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;

use crate::clock::Moment;
use crate::event::FingerprintKey;
use crate::http::Gateway;
use crate::http::problem::Problem;
use crate::http::server::method::method_sent;
use crate::http::server::noted::note_nonce;
use crate::jwt::SKEW;
use crate::partner::dpop::{DpopError, Proof, Proven, verify};
use crate::partner::single_use::{self, UseOutcome};

const PROOF: HeaderName = HeaderName::from_static("dpop");

/// How long a nonce is good for after the minute in which it was made.
const NONCE_LIFE: TimeDelta = TimeDelta::minutes(5);

const MINUTE: i64 = 60;

/// Why a proof is not taken.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Refusal {
    #[error(transparent)]
    Invalid(#[from] DpopError),
    #[error("DPoP: make the proof again with the nonce of the header DPoP-Nonce")]
    Nonce,
    #[error("DPoP: this proof was shown before: make one for each request")]
    Replayed,
}

impl Refusal {
    #[must_use]
    pub const fn missing() -> Self {
        Self::Invalid(DpopError::NotOne)
    }

    /// The error code (RFC 9449, sections 5, 7.1 and 8).
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Nonce => "use_dpop_nonce",
            Self::Invalid(_) | Self::Replayed => "invalid_dpop_proof",
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::bad_proof(refusal.code(), &refusal)
    }
}

/// Verifies the proof on a request. `use_up` checks that it was not used before. `None`: no proof
/// was sent.
pub fn read(
    gateway: &Gateway,
    request: &HttpRequest,
    access_token: Option<&str>,
    now: Moment,
) -> Result<Option<Proof>, Refusal> {
    let mut lines = request.headers().get_all(&PROOF);
    let Some(line) = lines.next() else { return Ok(None) };
    let text = line.to_str().ok().filter(|_only| lines.next().is_none());
    let uri = format!("{}{}", gateway.issuer, request.path());
    let method = method_sent(request);
    let proven = Proven { method: method.as_str(), uri: &uri, access_token };
    let proof = verify(text.ok_or(DpopError::NotOne)?, proven, now)?;
    let newest = nonce(&gateway.keys.fingerprint, minute_of(now));
    if proof.nonce.as_deref() != Some(newest.as_str()) {
        // A caller with an older nonce gets the next one in time.
        if let Ok(value) = HeaderValue::from_str(&newest) {
            note_nonce(request, value);
        }
    }
    let given = proof.nonce.as_deref().unwrap_or_default();
    if !is_good(&gateway.keys.fingerprint, given, now) {
        return Err(Refusal::Nonce);
    }
    Ok(Some(proof))
}

/// Remembers a proof on all gateways for as long as somebody could show it again.
///
/// # Errors
/// Unauthorized, when the proof was shown before.
pub async fn use_up(gateway: &Gateway, proof: Proof) -> Result<(), Problem> {
    match gateway.main.ask(move |db| single_use::use_up_proof(&proof, db)).await? {
        UseOutcome::First => Ok(()),
        UseOutcome::AssertionUsed | UseOutcome::ProofUsed => Err(Refusal::Replayed.into()),
    }
}

fn minute_of(now: Moment) -> i64 {
    now.unix_seconds().div_euclid(MINUTE)
}

fn nonce(key: &FingerprintKey, minute: i64) -> String {
    let minute = minute.to_be_bytes();
    let code = key.of_parts(&[b"dpop nonce", &minute]);
    let mut bytes = minute.to_vec();
    bytes.extend(code.iter().take(16));
    URL_SAFE_NO_PAD.encode(bytes)
}

fn is_good(key: &FingerprintKey, given: &str, now: Moment) -> bool {
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(given) else { return false };
    let Some((minute, _code)) = bytes.split_first_chunk::<8>() else { return false };
    let minute = i64::from_be_bytes(*minute);
    let ours = nonce(key, minute);
    let genuine = verify_slices_are_equal(ours.as_bytes(), given.as_bytes()).is_ok();
    let made = minute.checked_mul(MINUTE).and_then(Moment::from_unix_seconds);
    genuine
        && made.is_some_and(|made| {
            made <= now.plus(SKEW) && now < made.plus(TimeDelta::seconds(MINUTE)).plus(NONCE_LIFE)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_good_for_five_minutes_and_only_with_our_key() {
        let (key, other) = (FingerprintKey::new(b"one"), FingerprintKey::new(b"two"));
        let now = Moment::parse("2026-11-02T10:00:00Z").unwrap();
        let given = nonce(&key, minute_of(now));
        let good = |seconds| is_good(&key, &given, now.plus(TimeDelta::seconds(seconds)));
        assert!(good(0) && good(359) && good(-60));
        assert!(!good(360) && !good(-61));
        assert!(!is_good(&other, &given, now));
        for text in ["", "AAAA", "not base64!", given.get(1..).unwrap()] {
            assert!(!is_good(&key, text, now), "{text}");
        }
    }
}
