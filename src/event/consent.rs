use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use super::reader::FieldReader;
use crate::clock::Moment;
use crate::partner::consent_text::ConsentText;

/// What the person agreed to, and the proof of it (PIPL, articles 14 and 23). Fields left out are
/// taken from the registered text.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Consent)]
pub struct ConsentGiven {
    /// What the data may be used for, in the words of the text.
    #[schema(min_length = 1, max_length = 200)]
    pub purpose: String,
    #[schema(min_length = 1, max_length = 40)]
    pub text_version: String,
    /// The SHA-256 of the exact text that was shown.
    #[serde(serialize_with = "hex")]
    #[schema(value_type = String, pattern = "^[0-9a-fA-F]{64}$")]
    pub text_sha256: [u8; 32],
    /// Where it was shown: `till`, `tablet`, `app`, `paper`, …
    #[schema(min_length = 1, max_length = 40)]
    pub channel: String,
    /// The reference of the proof: a signature, a recording or a message.
    #[schema(min_length = 1, max_length = 200)]
    pub evidence: String,
    pub given_at: Moment,
    /// Who gets the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<Recipient>,
    /// How the recipient uses it, such as `telephone call`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub method: Option<String>,
    /// Which data: `name`, `phone`, `email`, `product`, `amount`, `region`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, min_items = 1, max_items = 20)]
    pub kinds: Option<Vec<String>>,
    /// The language of the text, such as `zh-CN` (RFC 5646).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 2, max_length = 35)]
    pub language: Option<String>,
    /// Whether the person agreed to passing the data to the bank by itself, not bundled with
    /// anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separate: Option<bool>,
    /// Who asked for the consent, by a staff or device number: never a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 64)]
    pub collector: Option<String>,
}

/// Who gets a person's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// Where a person reaches the recipient about their data.
    #[schema(min_length = 1, max_length = 200)]
    pub contact: String,
}

const KINDS_MAX: usize = 20;

impl ConsentGiven {
    /// Reads a consent, which must not be later than the event.
    pub fn read(mut consent: FieldReader<'_>, event_time: Option<Moment>) -> Option<Self> {
        let purpose = consent.text("purpose", 200).map(str::to_owned);
        let text_version = consent.text("text_version", 40).map(str::to_owned);
        let text_sha256 = consent.text("text_sha256", 64).map(from_hex);
        if text_sha256 == Some(None) {
            consent.fail("text_sha256", "expected 64 hexadecimal digits");
        }
        let channel = consent.text("channel", 40).map(str::to_owned);
        let evidence = consent.text("evidence", 200).map(str::to_owned);
        let given_at = read_given_at(&mut consent, event_time);
        let recipient = consent.object("recipient").map(read_recipient);
        let kinds = read_kinds(&mut consent);
        let method = consent.optional_text("method", 200).map(str::to_owned);
        let language = consent.optional_text("language", 35).map(str::to_owned);
        let separate = read_separate(&mut consent);
        let collector = consent.optional_text("collector", 64).map(str::to_owned);
        consent.finish();
        Some(Self {
            purpose: purpose?,
            text_version: text_version?,
            text_sha256: text_sha256??,
            channel: channel?,
            evidence: evidence?,
            given_at: given_at?,
            recipient: recipient.flatten(),
            method,
            kinds,
            language,
            separate,
            collector,
        })
    }

    /// Fills the fields left out from the registered text.
    #[must_use]
    pub fn completed_by(mut self, text: &ConsentText) -> Self {
        let recipient = Recipient { name: text.recipient.clone(), contact: text.contact.clone() };
        self.recipient.get_or_insert(recipient);
        self.method.get_or_insert_with(|| text.method.clone());
        self.kinds.get_or_insert_with(|| text.kinds.clone());
        self.language.get_or_insert_with(|| text.language.clone());
        self.separate.get_or_insert(true);
        self
    }

    /// The hash of the text, in hexadecimal digits.
    #[must_use]
    pub fn text_hash(&self) -> String {
        self.text_sha256.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn read_given_at(consent: &mut FieldReader<'_>, event_time: Option<Moment>) -> Option<Moment> {
    let given_at = consent.text("given_at", 40).map(Moment::parse);
    match (given_at, event_time) {
        (Some(None), _) => consent.fail("given_at", "expected an RFC 3339 date-time"),
        (Some(Some(given)), Some(event)) if given > event => {
            consent.fail("given_at", "must not be later than the event");
        }
        _ => {}
    }
    given_at?
}

fn read_recipient(mut recipient: FieldReader<'_>) -> Option<Recipient> {
    let name = recipient.text("name", 100).map(str::to_owned);
    let contact = recipient.text("contact", 200).map(str::to_owned);
    recipient.finish();
    Some(Recipient { name: name?, contact: contact? })
}

fn read_kinds(consent: &mut FieldReader<'_>) -> Option<Vec<String>> {
    let value = consent.optional("kinds")?;
    let word = |kind: &serde_json::Value| {
        let kind = kind.as_str()?;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        ((1..=40).contains(&kind.len()) && kind.bytes().all(plain)).then(|| kind.to_owned())
    };
    let kinds: Option<Vec<String>> =
        value.as_array().and_then(|kinds| kinds.iter().map(word).collect());
    let kinds = kinds.filter(|kinds| (1..=KINDS_MAX).contains(&kinds.len()));
    if kinds.is_none() {
        consent.fail("kinds", "expected 1 to 20 words, such as [\"name\", \"phone\"]");
    }
    kinds
}

fn read_separate(consent: &mut FieldReader<'_>) -> Option<bool> {
    let value = consent.optional("separate")?;
    let separate = value.as_bool();
    if separate.is_none() {
        consent.fail("separate", "expected true or false");
    }
    separate
}

/// Reads 64 hexadecimal digits as 32 bytes.
#[must_use]
pub(crate) fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u32> = text.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let bytes: Option<Vec<u8>> = digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from((high << 4) | low).ok(),
            _ => None,
        })
        .collect();
    bytes?.try_into().ok()
}

fn hex<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    let mut text = String::with_capacity(64);
    for byte in bytes {
        text.push_str(&format!("{byte:02x}"));
    }
    serializer.serialize_str(&text)
}
