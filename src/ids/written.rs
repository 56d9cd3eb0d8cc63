//! Name ids that people and callers write: 32 lower-case hexadecimal digits.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{BankEntryId, BreakId, hex};

macro_rules! written_id {
    ($($name:ident),+) => {$(
        impl $name {
            /// Reads the id from its 32 hexadecimal digits.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let plain = text.len() == 32
                    && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
                let number = u128::from_str_radix(text, 16).ok()?;
                plain.then(|| Self::from_bytes(number.to_be_bytes()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(self.bytes()))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )+};
}

written_id!(BankEntryId, BreakId);
