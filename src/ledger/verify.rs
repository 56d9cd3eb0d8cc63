//! Proves the books: every balance from its entries, every transaction's sum, every event's
//! transaction, every lead's message, every seal. Reads only.

use super::seal::check::{Outside, Sealed, check};
use crate::store::proof::{self, Counts, Finding};
use crate::store::{Db, StoreError};

/// What an examination of the books came to.
#[derive(Clone, Debug)]
pub struct Proof {
    pub counts: Counts,
    pub sealed: Sealed,
    /// What does not add up; empty when the books are clean.
    pub findings: Vec<Finding>,
}

/// Examines the whole ledger at one moment in time.
pub fn verify(db: &mut Db) -> Result<Proof, StoreError> {
    verify_against(db, Outside::default())
}

/// The same, compared with what is known outside of the database as well.
pub fn verify_against(db: &mut Db, outside: Outside<'_>) -> Result<Proof, StoreError> {
    db.snapshot(|db| {
        let counts = proof::counts(db)?;
        let mut findings = proof::findings(db)?;
        let (sealed, unlike) = check(db, outside, counts.events)?;
        findings.extend(unlike);
        Ok(Proof { counts, sealed, findings })
    })
}

impl Proof {
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}
