//! The file of a statement as it came. Its bytes are sealed in parts, and staff may fetch them.

use std::io::Read;

use aws_lc_rs::digest::{Context, SHA256};

use super::refusal::ReconcileRefusal;
use super::statement::StatementState;
use super::statement_file::{FileFault, FileSource};
use crate::clock::Moment;
use crate::customer::{PersonalKeys, Sealed};
use crate::ids::{PartKey, StaffId, StatementId};
use crate::intake::IntakeError;
use crate::store::statement_originals::{self, OriginalPart};
use crate::store::{Db, LedgerTx, StoreError, statements};

/// Maximum size of what is sealed and kept together, in bytes.
const PART_BYTES: u64 = 256 * 1024;
/// Parts that are kept in one transaction.
const PARTS_AT_ONCE: usize = 8;

/// A file that is to be kept as it came.
pub(super) struct Original<'a> {
    pub id: StatementId,
    pub source: &'a FileSource,
    /// The hash of the file whose lines were checked.
    pub sha256: &'a [u8; 32],
    pub now: Moment,
}

/// The record that a part is sealed for, so that no part can stand in the place of another.
#[must_use]
pub fn part_key(id: StatementId, start: i64) -> PartKey {
    PartKey::of_name(&["statement", &id.to_string(), &start.to_string()])
}

/// Keeps the file of a statement that is being loaded.
///
/// # Errors
/// [`FileFault::Changed`], where the file is another one than was checked.
pub(super) fn keep(
    db: &mut Db,
    keys: &PersonalKeys,
    original: &Original<'_>,
) -> Result<(), ReconcileRefusal> {
    let mut file = original.source.open().map_err(IntakeError::from)?;
    let mut hash = Context::new(&SHA256);
    let (mut start, mut parts) = (0_i64, Vec::with_capacity(PARTS_AT_ONCE));
    loop {
        let mut part = Vec::new();
        file.by_ref().take(PART_BYTES).read_to_end(&mut part).map_err(IntakeError::from)?;
        hash.update(&part);
        if !part.is_empty() {
            let sealed = keys.seal(part_key(original.id, start).bytes(), &part)?;
            parts.push(OriginalPart { start, sealed });
        }
        if part.is_empty() || parts.len() >= PARTS_AT_ONCE {
            if !db.write(|tx| keep_parts(tx, original, &parts))? {
                return Ok(());
            }
            parts.clear();
        }
        if part.is_empty() {
            break;
        }
        start = start.saturating_add(i64::try_from(part.len()).unwrap_or(i64::MAX));
    }
    if hash.finish().as_ref() == original.sha256 {
        return Ok(());
    }
    Err(FileFault::Changed.into())
}

/// `false`: another gateway has ended the same file.
fn keep_parts(
    tx: &mut LedgerTx<'_>,
    original: &Original<'_>,
    parts: &[OriginalPart],
) -> Result<bool, StoreError> {
    let now = statements::get(tx.db(), original.id)?;
    let is_loading = now.is_some_and(|it| it.state == StatementState::Loading);
    if is_loading {
        statement_originals::insert(tx, original.id, parts, original.now)?;
    }
    Ok(is_loading)
}

/// The first part of a file, for a person: it is kept who fetches the file, before anything of it is opened.
/// `None`: the file is not kept (any more).
///
/// # Errors
/// Those of the store and of the keys.
pub fn first_part(
    who: &StaffId,
    db: &mut Db,
    keys: &PersonalKeys,
    id: StatementId,
    now: Moment,
) -> Result<Option<Vec<u8>>, ReconcileRefusal> {
    let is_kept = db.write(|tx| {
        let is_kept = statement_originals::read_part(tx.db(), id, 0)?.is_some();
        if is_kept {
            statement_originals::insert_fetch(tx, id, who, now)?;
        }
        Ok::<_, StoreError>(is_kept)
    })?;
    if is_kept { part(db, keys, id, 0) } else { Ok(None) }
}

/// The part of a file that begins at a place. `None`: the file has ended, or is not kept (any more).
///
/// # Errors
/// Those of the store and of the keys.
pub fn part(
    db: &mut Db,
    keys: &PersonalKeys,
    id: StatementId,
    start: i64,
) -> Result<Option<Vec<u8>>, ReconcileRefusal> {
    let open = |sealed: Sealed| keys.open(part_key(id, start).bytes(), &sealed);
    Ok(statement_originals::read_part(db, id, start)?.map(open).transpose()?)
}
