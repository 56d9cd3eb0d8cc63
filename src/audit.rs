//! What is on record about who read personal data, for whoever answers for it. Only reads.

use uuid::Uuid;

use crate::ids::ReadingId;
use crate::store::readings::{self, ReadingRecord};
use crate::store::{Db, StoreError};

/// Readings of one customer, referral or signature, or of all: the newest first, before the last one of the
/// page before.
///
/// # Errors
/// The store's.
pub fn readings(
    db: &mut Db,
    subject: Option<Uuid>,
    before: Option<ReadingId>,
    rows_max: i64,
) -> Result<Vec<ReadingRecord>, StoreError> {
    readings::page(db, subject, before, rows_max)
}
