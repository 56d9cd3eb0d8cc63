//! Partners' statements, what matches in them, and what differs.

pub mod bank_breaks;
pub mod bank_files;
pub mod break_attachments;
pub mod break_subjects;
pub mod break_talk;
pub mod breaks;
pub mod matches;
pub mod our_events;
pub mod payouts;
pub mod reconciliations;
pub mod separations;
pub mod settled_entries;
pub mod settlement_answers;
pub mod settlements;
pub mod statement_originals;
pub mod statement_uploads;
pub mod statements;

use super::StoreError;
use crate::reconcile::item::{Currency, ItemKind, ItemValue};
use crate::reconcile::period::Period;

fn period(text: &str) -> Result<Period, StoreError> {
    Period::try_from(text).map_err(|_invalid| StoreError::Corrupt("period"))
}

fn kind(name: &str) -> Result<ItemKind, StoreError> {
    ItemKind::by_name(name).ok_or(StoreError::Corrupt("kind"))
}

fn value(currency: &str, minor: i64) -> Result<ItemValue, StoreError> {
    let currency = Currency::by_code(currency).ok_or(StoreError::Corrupt("currency"))?;
    Ok(ItemValue { currency, minor })
}

fn text<T: TryFrom<String>>(text: String, column: &'static str) -> Result<T, StoreError> {
    T::try_from(text).map_err(|_invalid| StoreError::Corrupt(column))
}
