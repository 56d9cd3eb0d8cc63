//! What ids say beside naming: when a transaction was made, and which person is meant.

use uuid::Uuid;

use super::{StaffId, TransactionId};
use crate::clock::Moment;
use crate::fold::fold;

impl TransactionId {
    /// The first id that a transaction of that time may have (RFC 9562, section 5.7).
    #[must_use]
    pub fn first_of(at: Moment) -> Self {
        let millis = u64::try_from(at.unix_seconds()).unwrap_or(0).saturating_mul(1_000);
        let mut bytes = [0; 16];
        let from = millis.to_be_bytes();
        bytes.iter_mut().zip(from.iter().skip(2)).for_each(|(to, from)| *to = *from);
        Self(Uuid::from_bytes(bytes))
    }
}

impl StaffId {
    /// The id in one form: what looks the same is one person.
    #[must_use]
    pub fn person(&self) -> String {
        fold(self.as_str())
    }

    #[must_use]
    pub fn is_same_person(&self, other: &Self) -> bool {
        self.person() == other.person()
    }
}
