//! Standard Webhooks 1.0.0: `webhook-id`, `webhook-timestamp` and `webhook-signature` over
//! `id.timestamp.body`, with a shared secret (`whsec_…`, scheme `v1`: HMAC-SHA-256).

use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::clock::Moment;
use crate::settings::Secret;

pub const ID: &str = "webhook-id";
pub const TIMESTAMP: &str = "webhook-timestamp";
pub const SIGNATURE: &str = "webhook-signature";

/// The sender's clock may differ from ours by this many seconds, either way.
pub const WINDOW_SECONDS: i64 = 300;
/// An id has at most this many characters.
pub const ID_MAX: usize = 200;
/// At most this many signatures of one message are checked: a sender gives two while it changes its
/// secret.
const SIGNATURES_MAX: usize = 5;
/// The standard asks for secrets of 24 to 64 bytes.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret that both sides know.
pub struct SharedSecret(hmac::Key);

/// Why a message is refused. The reason is for our log, not for the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unbelieved {
    #[error("the id is missing or longer than 200 characters")]
    Id,
    #[error("the timestamp is missing or more than five minutes from now")]
    Timestamp,
    #[error("no signature of it is ours")]
    Signature,
}

/// The headers of a message, as they came.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    pub id: &'a str,
    pub timestamp: &'a str,
    pub signature: &'a str,
}

impl SharedSecret {
    /// Reads `whsec_` and base64 of 24 to 64 bytes.
    #[must_use]
    pub fn read(secret: &Secret) -> Option<Self> {
        let bytes = STANDARD.decode(secret.reveal().strip_prefix("whsec_")?).ok()?;
        SECRET_BYTES.contains(&bytes.len()).then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The value of `webhook-signature` for a message sent at that time.
    #[must_use]
    pub fn sign(&self, id: &str, at: Moment, body: &[u8]) -> String {
        format!("v1,{}", STANDARD.encode(self.tag(id, &at.unix_seconds().to_string(), body)))
    }

    pub fn verify(
        &self,
        headers: &Headers<'_>,
        body: &[u8],
        now: Moment,
    ) -> Result<(), Unbelieved> {
        let plain = headers.id.bytes().all(|byte| byte.is_ascii_graphic());
        if headers.id.is_empty() || headers.id.len() > ID_MAX || !plain {
            return Err(Unbelieved::Id);
        }
        let sent: i64 = headers.timestamp.parse().map_err(|_text| Unbelieved::Timestamp)?;
        if now.unix_seconds().abs_diff(sent) > WINDOW_SECONDS.unsigned_abs() {
            return Err(Unbelieved::Timestamp);
        }
        let tag = self.tag(headers.id, headers.timestamp, body);
        let ours = headers.signature.split(' ').take(SIGNATURES_MAX).any(|signature| {
            let given = signature.strip_prefix("v1,").and_then(|text| STANDARD.decode(text).ok());
            given.is_some_and(|given| {
                constant_time::verify_slices_are_equal(&given, tag.as_ref()).is_ok()
            })
        });
        if ours { Ok(()) } else { Err(Unbelieved::Signature) }
    }

    fn tag(&self, id: &str, timestamp: &str, body: &[u8]) -> hmac::Tag {
        let mut signing = hmac::Context::with_key(&self.0);
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            signing.update(part);
        }
        signing.sign()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification (standard-webhooks, spec: "Signature scheme").
    #[test]
    fn the_example_of_the_specification_is_signed_and_believed() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let secret = SharedSecret::read(&secret).unwrap();
        let at = Moment::from_unix_seconds(1_614_265_330).unwrap();
        let body = br#"{"test": 2432232314}"#;
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let signature = secret.sign(id, at, body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let both = format!("v1,AAAA v1a,x {signature}");
        let headers = Headers { id, timestamp: "1614265330", signature: &both };
        assert_eq!(secret.verify(&headers, body, at), Ok(()));
        let later = Moment::from_unix_seconds(1_614_265_330 + 301).unwrap();
        assert_eq!(secret.verify(&headers, body, later), Err(Unbelieved::Timestamp));
        assert_eq!(secret.verify(&headers, b"{}", at), Err(Unbelieved::Signature));
        let no_id = Headers { id: "", ..headers };
        assert_eq!(secret.verify(&no_id, body, at), Err(Unbelieved::Id));
        assert!(SharedSecret::read(&Secret::new("whsec_c2hvcnQ=".to_owned())).is_none());
    }
}
