use aws_lc_rs::{constant_time, hmac};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Attributes, Contact, EventData};

/// The key of all fingerprints. With a plain hash, anyone who holds the database could guess the
/// phone number in an event. The key is never rotated: with another key a replay would look like a
/// conflict.
#[derive(Clone)]
pub struct FingerprintKey(hmac::Key);

/// HMAC-SHA-256 of an event's content. Two events are the same if and only if their fingerprints
/// are.
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

    /// HMAC-SHA-256 of other data that may be personal.
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

/// Returns the content without personal data in one canonical form, and the fingerprint of the
/// whole content.
pub(super) fn of(
    attributes: &Attributes,
    event_data: &EventData,
    key: &FingerprintKey,
) -> (String, Fingerprint) {
    // Serialising our own types to a string fails only for non-string map keys: there are none.
    let data = serde_json::value::to_raw_value(event_data)
        .unwrap_or_else(|_never| RawValue::NULL.to_owned());
    let kept = Kept {
        kind: event_data.kind(),
        id: attributes.id.as_str(),
        source: &attributes.source,
        time: attributes.time.to_string(),
        data: &data,
    };
    let body = serde_json::to_string(&kept).unwrap_or_default();
    let mut context = hmac::Context::with_key(&key.0);
    // The source is left out: the same payment may come by the API and again in the daily file.
    update(&mut context, event_data.kind());
    update(&mut context, &kept.time);
    update(&mut context, data.get());
    if let EventData::Referral(referral) = event_data {
        let Contact { name, phone, email, document, address } = &referral.contact;
        update(&mut context, name);
        update(&mut context, phone);
        update(&mut context, email.as_deref().unwrap_or_default());
        // Later fields go in by name, and only if present: earlier events keep their fingerprint.
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

/// Adds a field with its length first, so that text cannot move from one field to the next.
fn update(context: &mut hmac::Context, field: impl AsRef<[u8]>) {
    let field = field.as_ref();
    context.update(&u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
    context.update(field);
}
