//! Recording an erasure: a certificate, which names nobody.

use super::Author;
use super::certificate::{Certificate, Erased};
use crate::clock::Moment;
use crate::ids::ErasureId;
use crate::store::erasures::{self, ErasureRecord, NewErasure};
use crate::store::{LedgerTx, StoreError};

/// Who wants data erased, why, and when.
#[derive(Clone, Copy)]
pub struct ErasureOccasion<'a> {
    pub by: &'a Author,
    /// Without personal data.
    pub reason: &'a str,
    pub now: Moment,
}

/// What became of a request to erase.
pub enum ErasureOutcome {
    /// Data was erased by this request.
    Erased(ErasureRecord),
    /// Nothing was left: this is the newest certificate.
    NothingLeft(ErasureRecord),
}

/// Records what was erased; where nothing was left, the newest certificate stands.
pub fn certify(
    tx: &mut LedgerTx<'_>,
    erased: Erased,
    certificate: &Certificate,
    occasion: ErasureOccasion<'_>,
) -> Result<ErasureOutcome, StoreError> {
    if certificate.is_empty()
        && let Some(erasure) = erasures::of_subjects(tx.db(), &[erased])?.into_iter().next()
    {
        return Ok(ErasureOutcome::NothingLeft(erasure));
    }
    let id = record(tx, erased, certificate, occasion)?;
    let erasure = erasures::get(tx.db(), id)?.ok_or(StoreError::Corrupt("erasures"))?;
    Ok(ErasureOutcome::Erased(erasure))
}

/// Records what was erased.
pub fn record(
    tx: &mut LedgerTx<'_>,
    erased: Erased,
    certificate: &Certificate,
    occasion: ErasureOccasion<'_>,
) -> Result<ErasureId, StoreError> {
    let id = ErasureId::random();
    let ErasureOccasion { by, reason, now: erased_at } = occasion;
    erasures::insert(tx, &NewErasure { id, by, erased, reason, certificate, erased_at })?;
    Ok(id)
}

/// A number of rows.
#[must_use]
pub fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}
