//! One entry of a settlement. A line of the statement is the sum of its entries, and the statement names
//! the hash of all of them.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use aws_lc_rs::digest::{Context, SHA256};

use super::settlement::When;
use crate::clock::Moment;
use crate::ids::TransactionId;
use crate::ledger::chain::Hash;
use crate::ledger::{AccountCode, TransactionKind};
use crate::money::Amount;

/// What one transaction put on one of a partner's accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettledEntry {
    pub account: AccountCode,
    pub kind: TransactionKind,
    pub when: When,
    pub transaction: TransactionId,
    /// Its place among the entries of the transaction.
    pub seq: i64,
    pub amount: Amount,
    pub effective_at: Moment,
    pub recorded_at: Moment,
}

/// The hash of a statement's entries, in their order: by account, transaction and place.
pub struct EntriesHash(Context);

impl Default for EntriesHash {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl EntriesHash {
    pub fn add(&mut self, entry: &SettledEntry) {
        let late = entry.when == When::Late;
        let (transaction, kind) = (entry.transaction.to_string(), entry.kind.name());
        self.add_texts([
            entry.account.name(),
            kind,
            if late { "late" } else { "" },
            &transaction,
            &entry.seq.to_string(),
            &entry.amount.to_string(),
            &entry.effective_at.to_string(),
            &entry.recorded_at.to_string(),
        ]);
    }

    /// The same from what a statement's file says: account, kind, `late` or nothing, receipt, place, amount,
    /// when it happened, and when it was recorded.
    pub fn add_texts(&mut self, fields: [&str; 8]) {
        self.0.update(fields.join("\t").as_bytes());
        self.0.update(b"\n");
    }

    #[must_use]
    pub fn finish(self) -> Hash {
        Hash::of(self.0)
    }
}
