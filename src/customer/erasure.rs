//! What is recorded of an erasure: a certificate, which names nobody.

use super::Author;
use super::certificate::{Certificate, Erased};
use crate::clock::Moment;
use crate::ids::ErasureId;
use crate::store::erasures::{self, ErasureRecord, NewErasure};
use crate::store::{LedgerTx, StoreError};

/// Who wants something erased, why, and when.
#[derive(Clone, Copy)]
pub struct Occasion<'a> {
    pub by: &'a Author,
    /// Without personal data.
    pub reason: &'a str,
    pub now: Moment,
}

/// An erasure, and whether there was anything left to erase.
pub struct Done {
    pub erasure: ErasureRecord,
    pub anew: bool,
}

/// Records what was erased; where nothing was left, the newest certificate stands.
pub fn certify(
    tx: &mut LedgerTx<'_>,
    erased: Erased,
    certificate: &Certificate,
    occasion: Occasion<'_>,
) -> Result<Done, StoreError> {
    if certificate.is_empty()
        && let Some(erasure) = erasures::of_subjects(tx.db(), &[erased])?.into_iter().next()
    {
        return Ok(Done { erasure, anew: false });
    }
    let id = record(tx, erased, certificate, occasion)?;
    let erasure = erasures::get(tx.db(), id)?.ok_or(StoreError::Corrupt("erasures"))?;
    Ok(Done { erasure, anew: true })
}

/// Records what was erased.
pub fn record(
    tx: &mut LedgerTx<'_>,
    erased: Erased,
    certificate: &Certificate,
    occasion: Occasion<'_>,
) -> Result<ErasureId, StoreError> {
    let id = ErasureId::random();
    let Occasion { by, reason, now: erased_at } = occasion;
    erasures::insert(tx, &NewErasure { id, by, erased, reason, certificate, erased_at })?;
    Ok(id)
}

/// A number of rows.
#[must_use]
pub fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}
