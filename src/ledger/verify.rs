//! Proves the books: every balance from its entries, every transaction's sum, every event's
//! transaction, every lead's place in line. Reads only.

use crate::store::proof::{self, Counts, Finding};
use crate::store::{Db, StoreError};

/// What an examination of the books came to.
#[derive(Clone, Debug)]
pub struct Proof {
    pub counts: Counts,
    /// What does not add up; empty when the books are clean.
    pub findings: Vec<Finding>,
}

/// Examines the whole ledger at one moment in time.
///
/// # Errors
/// [`StoreError`].
pub fn verify(db: &mut Db) -> Result<Proof, StoreError> {
    db.snapshot(|db| Ok(Proof { counts: proof::counts(db)?, findings: proof::findings(db)? }))
}

impl Proof {
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}
