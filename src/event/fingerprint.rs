use aws_lc_rs::{constant_time, hmac};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Attributes, Contact, Said};

/// The key of all fingerprints. Keyed, because a plain hash of an event with a phone number in it
/// would let anyone who holds the database guess the number. It is never rotated: a fingerprint
/// made with another key would turn a replay into a conflict.
#[derive(Clone)]
pub struct FingerprintKey(hmac::Key);

/// HMAC-SHA-256 of an event's content: two events are the same if and only if theirs are.
#[derive(Clone, Copy, Debug)]
pub struct Fingerprint([u8; 32]);

#[derive(Serialize)]
struct Kept<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    source: &'a str,
    time: String,
    data: &'a RawValue,
}

impl FingerprintKey {
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// HMAC-SHA-256 of anything else that may hold personal data.
    #[must_use]
    pub fn of_parts(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            update(&mut context, part);
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.sign().as_ref());
        bytes
    }
}

impl Fingerprint {
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Compares in constant time.
    #[must_use]
    pub fn matches(&self, stored: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(&self.0, stored).is_ok()
    }
}

/// The content without personal data in one canonical form, and the fingerprint of all of it.
pub(super) fn of(
    attributes: &Attributes,
    said: &Said,
    key: &FingerprintKey,
) -> (String, Fingerprint) {
    // Serialising our own types to a string fails only for non-string map keys: there are none.
    let data =
        serde_json::value::to_raw_value(said).unwrap_or_else(|_never| RawValue::NULL.to_owned());
    let kept = Kept {
        kind: said.kind(),
        id: attributes.id.as_str(),
        source: &attributes.source,
        time: attributes.time.to_string(),
        data: &data,
    };
    let body = serde_json::to_string(&kept).unwrap_or_default();
    let mut context = hmac::Context::with_key(&key.0);
    // Not the source: the same payment may come by the API and again in the day's file.
    update(&mut context, said.kind());
    update(&mut context, &kept.time);
    update(&mut context, data.get());
    if let Said::Referral(referral) = said {
        let Contact { name, phone, email, document, address } = &referral.contact;
        update(&mut context, name);
        update(&mut context, phone);
        update(&mut context, email.as_deref().unwrap_or_default());
        // Named, and only where they are: what was said without them keeps its fingerprint.
        for (name, text) in [("document", document), ("address", address)] {
            if let Some(text) = text {
                update(&mut context, name);
                update(&mut context, text);
            }
        }
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.sign().as_ref());
    (body, Fingerprint(bytes))
}

/// Length-prefixed, so that text cannot move from one field to the next.
fn update(context: &mut hmac::Context, field: impl AsRef<[u8]>) {
    let field = field.as_ref();
    context.update(&u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
    context.update(field);
}
