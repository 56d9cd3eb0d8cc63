//! What ids say beside naming: when a transaction was made, and which person is meant.

use chrono::TimeDelta;
use uuid::Uuid;

use super::{StaffId, TransactionId};
use crate::clock::Moment;
use crate::fold::fold;

/// How far the clocks of two gateways may be apart when they name transactions.
const CLOCKS_APART: TimeDelta = TimeDelta::days(2);

impl TransactionId {
    /// No transaction that was recorded at that time or later has an id before this one (RFC 9562,
    /// section 5.7), as long as the clock of its gateway is less than two days late.
    #[must_use]
    pub fn first_since(at: Moment) -> Self {
        let millis =
            u64::try_from(at.minus(CLOCKS_APART).unix_seconds()).unwrap_or(0).saturating_mul(1_000);
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
