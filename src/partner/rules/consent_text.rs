//! The bank's registered texts by which people agree to have their data passed to the bank. A referral
//! must name a text that was in force when the person agreed.

use chrono::NaiveDate;
use serde::Deserialize;
use serde::de::Error as _;

/// A registered text, in one language.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentText {
    pub version: String,
    /// Such as `zh-CN` (RFC 5646).
    pub language: String,
    /// The SHA-256 of the exact text: 64 hexadecimal digits.
    #[serde(deserialize_with = "sha256")]
    pub sha256: [u8; 32],
    /// The bank, by its name.
    pub recipient: String,
    /// Where a person reaches the bank about their data.
    pub contact: String,
    pub purpose: String,
    /// How the data is used, such as `telephone call`.
    pub method: String,
    /// Which data, such as `name` and `phone`.
    pub kinds: Vec<String>,
    /// First and last day on which people may agree to it.
    pub from: Option<NaiveDate>,
    pub until: Option<NaiveDate>,
}

impl ConsentText {
    #[must_use]
    pub fn in_force_on(&self, day: NaiveDate) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day <= until)
    }

    /// The name of an empty field, if there is one.
    #[must_use]
    pub fn lacks(&self) -> Option<&'static str> {
        let fields = [
            ("version", &self.version),
            ("language", &self.language),
            ("recipient", &self.recipient),
            ("contact", &self.contact),
            ("purpose", &self.purpose),
            ("method", &self.method),
        ];
        let empty = fields.into_iter().find(|(_name, text)| text.trim().is_empty());
        empty.map(|(name, _text)| name).or(self.kinds.is_empty().then_some("kinds"))
    }
}

fn sha256<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
    let text = String::deserialize(deserializer)?;
    let digit = |digit: u8| u8::try_from(char::from(digit).to_digit(16)?).ok();
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some((digit(*high)? << 4) | digit(*low)?),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| D::Error::custom("expected 64 hexadecimal digits"))
}
