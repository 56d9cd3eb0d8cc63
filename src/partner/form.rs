//! The form of a shop without software. The manifest keeps a hash of the PIN, never the PIN itself.

use std::num::NonZeroU32;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::pbkdf2;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::Deserialize;

use super::rules::terms;
use crate::ids::StoreName;
use crate::money::Amount;

/// The form at `/m/{partner}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Form {
    pub pin: PinRecord,
    /// The store that the form's payments name.
    pub store: Option<StoreName>,
    /// The most that one payment typed in may be.
    #[serde(default, deserialize_with = "terms::optional_yuan")]
    pub amount_max: Option<Amount>,
}

/// `pbkdf2-sha256$ITERATIONS$SALT$HASH`, salt and hash in base64 without padding.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PinRecord {
    iterations: NonZeroU32,
    salt: Vec<u8>,
    hash: Vec<u8>,
    text: String,
}

/// Why a PIN, or the record of one, is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PinError {
    #[error("expected pbkdf2-sha256$ITERATIONS$SALT$HASH, as `tallystick partners pin` prints it")]
    Form,
    #[error("expected {ITERATIONS_MIN} to {ITERATIONS_MAX} iterations")]
    Iterations,
    #[error("expected {PIN_DIGITS_MIN} to 12 digits")]
    Digits,
}

/// The fewest digits of a PIN. People would not type many more; failed guesses are limited too.
pub const PIN_DIGITS_MIN: usize = 8;
const PIN_DIGITS_MAX: usize = 12;
/// OWASP's advice of 2023 for PBKDF2 with HMAC-SHA-256.
pub const ITERATIONS: NonZeroU32 = match NonZeroU32::new(600_000) {
    Some(iterations) => iterations,
    None => NonZeroU32::MIN,
};
const ITERATIONS_MIN: u32 = 100_000;
const ITERATIONS_MAX: u32 = 2_000_000;
const SALT_BYTES_MIN: usize = 16;
const HASH_BYTES: usize = 32;
const SCHEME: &str = "pbkdf2-sha256";

impl PinRecord {
    /// Makes the record of a PIN. It is slow on purpose.
    pub fn of(pin: &str, salt: [u8; 16], iterations: NonZeroU32) -> Result<Self, PinError> {
        let is_pin = (PIN_DIGITS_MIN..=PIN_DIGITS_MAX).contains(&pin.len())
            && pin.bytes().all(|byte| byte.is_ascii_digit());
        if !is_pin {
            return Err(PinError::Digits);
        }
        let mut hash = [0; HASH_BYTES];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, &salt, pin.as_bytes(), &mut hash);
        let encode = |bytes: &[u8]| STANDARD_NO_PAD.encode(bytes);
        Self::try_from(format!("{SCHEME}${iterations}${}${}", encode(&salt), encode(&hash)))
    }

    /// Whether a PIN is the one of this record. It is slow on purpose, and equally slow for each PIN.
    #[must_use]
    pub fn is_of(&self, pin: &str) -> bool {
        let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
        // Compares in constant time.
        pbkdf2::verify(algorithm, self.iterations, &self.salt, pin.as_bytes(), &self.hash).is_ok()
    }

    /// Identifies this record without revealing it.
    #[must_use]
    pub fn tag(&self) -> String {
        let hash = digest(&SHA256, self.text.as_bytes());
        STANDARD_NO_PAD.encode(hash.as_ref().get(..12).unwrap_or_default())
    }

    /// The record as the manifest writes it.
    #[must_use]
    pub fn as_text(&self) -> &str {
        &self.text
    }
}

impl TryFrom<String> for PinRecord {
    type Error = PinError;

    fn try_from(text: String) -> Result<Self, PinError> {
        let fields: Vec<&str> = text.split('$').collect();
        let [SCHEME, iterations, salt, hash] = fields.as_slice() else {
            return Err(PinError::Form);
        };
        let iterations: NonZeroU32 = iterations.parse().map_err(|_bad| PinError::Form)?;
        if !(ITERATIONS_MIN..=ITERATIONS_MAX).contains(&iterations.get()) {
            return Err(PinError::Iterations);
        }
        let decode = |text: &str| STANDARD_NO_PAD.decode(text).map_err(|_bad| PinError::Form);
        let (salt, hash) = (decode(salt)?, decode(hash)?);
        if salt.len() < SALT_BYTES_MIN || hash.len() != HASH_BYTES {
            return Err(PinError::Form);
        }
        Ok(Self { iterations, salt, hash, text })
    }
}

impl std::fmt::Debug for PinRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[pin]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEWEST: NonZeroU32 = NonZeroU32::new(ITERATIONS_MIN).unwrap();

    #[test]
    fn a_record_knows_its_pin_and_does_not_tell_it() {
        let record = PinRecord::of("20261124", [7; 16], FEWEST).unwrap();
        assert!(record.is_of("20261124") && !record.is_of("20261125") && !record.is_of(""));
        let again = PinRecord::try_from(record.as_text().to_owned()).unwrap();
        assert_eq!((&again, again.tag()), (&record, record.tag()));
        assert_eq!(format!("{record:?}"), "[pin]");
        let other = PinRecord::of("20261124", [8; 16], FEWEST).unwrap();
        assert_ne!(record.tag(), other.tag());
    }

    #[test]
    fn what_is_no_pin_or_too_weak_is_refused() {
        for pin in ["", "1234567", "1234567a", "1234567890123", "１２３４５６７８"] {
            assert_eq!(PinRecord::of(pin, [7; 16], FEWEST), Err(PinError::Digits), "{pin}");
        }
        let record = PinRecord::of("20261124", [7; 16], FEWEST).unwrap();
        let with = |from: &str, to: &str| PinRecord::try_from(record.as_text().replace(from, to));
        assert_eq!(with("$100000$", "$99999$"), Err(PinError::Iterations));
        assert_eq!(with("pbkdf2-sha256", "md5"), Err(PinError::Form));
        assert_eq!(with("BwcHBwcHBwcHBwcHBwcHBw", "BwcH"), Err(PinError::Form));
    }
}
