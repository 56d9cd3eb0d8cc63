//! CSV: a line for each entry.

use super::form::{ExportError, Form, Out};
use crate::store::reports::JournalTransaction;

/// The columns of a table, in their order; Parquet has the amount in minor units and the scale.
const COLUMNS: [&str; 11] = [
    "transaction_id",
    "seq",
    "kind",
    "account",
    "owner_kind",
    "owner",
    "asset",
    "amount",
    "rule",
    "effective_at",
    "recorded_at",
];

pub struct Table {
    out: csv::Writer<Out>,
}

impl Table {
    pub fn begin(out: Out) -> Result<Self, ExportError> {
        let mut out = csv::Writer::from_writer(out);
        out.write_record(COLUMNS)?;
        Ok(Self { out })
    }
}

impl Form for Table {
    fn transaction(&mut self, transaction: &JournalTransaction) -> Result<(), ExportError> {
        let id = transaction.id.to_string();
        let effective_at = transaction.effective_at.to_string();
        let recorded_at = transaction.recorded_at.to_string();
        for entry in &transaction.entries {
            let account = &entry.account;
            self.out.write_record([
                id.as_str(),
                &entry.seq.to_string(),
                &transaction.kind,
                account.code.name(),
                account.owner.kind(),
                &account.owner.name(),
                account.asset.code(),
                &entry.amount.to_string(),
                &entry.rule,
                &effective_at,
                &recorded_at,
            ])?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), ExportError> {
        Ok(self.out.flush()?)
    }
}
