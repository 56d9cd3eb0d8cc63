//! Records by the key that sealed or indexed them. Each search goes by an index that begins with the
//! key, so it costs nothing when the key has nothing.

use diesel::prelude::*;

use super::schema::{
    idempotency_keys, import_parts, import_rejects, personal_data, signed_contents,
};
use super::{Db, LedgerTx, StoreError, types};
use crate::customer::Sealed;
use crate::customer::personal::FIRST_INDEX;
use crate::ids::{ImportId, ReferralId, RequestKey, SignatureId};

/// The place of a part of a file, or of a group of its rejected lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePlace {
    pub import: ImportId,
    pub place: i64,
}

/// Contacts that a key has sealed, after an id.
pub fn contacts(
    db: &mut Db,
    key: &str,
    after: Option<ReferralId>,
    rows_max: i64,
) -> Result<Vec<ReferralId>, StoreError> {
    let after = after.map_or(Vec::new(), |id| id.bytes().to_vec());
    let ids: Vec<Vec<u8>> = personal_data::table
        .filter(personal_data::key_id.eq(key))
        .filter(personal_data::id.gt(after))
        .order(personal_data::id)
        .limit(rows_max)
        .select(personal_data::id)
        .load(db)?;
    ids.iter().map(|id| referral(id)).collect()
}

/// Contacts whose phone number a key has indexed, after an id.
pub fn indexed_contacts(
    db: &mut Db,
    index_key: &str,
    after: Option<ReferralId>,
    rows_max: i64,
) -> Result<Vec<ReferralId>, StoreError> {
    let after = after.map_or(Vec::new(), |id| id.bytes().to_vec());
    let page = personal_data::table
        .filter(personal_data::id.gt(after))
        .order(personal_data::id)
        .limit(rows_max)
        .select(personal_data::id);
    let named = page.clone().filter(personal_data::index_key_id.eq(index_key));
    let mut ids: Vec<Vec<u8>> = named.load(db)?;
    // A row without the id of its index key has the first one.
    if index_key == FIRST_INDEX && ids.is_empty() {
        ids = page.filter(personal_data::index_key_id.is_null()).load(db)?;
    }
    ids.iter().map(|id| referral(id)).collect()
}

/// Contents of signed requests that a key has sealed, after an id.
pub fn signed_requests(
    db: &mut Db,
    key: &str,
    after: Option<SignatureId>,
    rows_max: i64,
) -> Result<Vec<SignatureId>, StoreError> {
    let after = after.map_or(Vec::new(), |id| id.bytes().to_vec());
    let ids: Vec<Vec<u8>> = signed_contents::table
        .filter(signed_contents::key_id.eq(key))
        .filter(signed_contents::id.gt(after))
        .order(signed_contents::id)
        .limit(rows_max)
        .select(signed_contents::id)
        .load(db)?;
    let signature =
        |id: &Vec<u8>| Ok(SignatureId::from_uuid(types::uuid(id, "signed_contents.id")?));
    ids.iter().map(signature).collect()
}

/// Kept answers that a key has sealed, after an id.
pub fn answers(
    db: &mut Db,
    key: &str,
    after: Option<RequestKey>,
    rows_max: i64,
) -> Result<Vec<(RequestKey, Sealed)>, StoreError> {
    let after = after.map_or(Vec::new(), |key| key.bytes().to_vec());
    let rows: Vec<(Vec<u8>, Option<Vec<u8>>)> = idempotency_keys::table
        .filter(idempotency_keys::key_id.eq(key))
        .filter(idempotency_keys::id.gt(after))
        .order(idempotency_keys::id)
        .limit(rows_max)
        .select((idempotency_keys::id, idempotency_keys::answer))
        .load(db)?;
    rows.into_iter()
        .map(|(id, bytes)| {
            let id = RequestKey::from_bytes(types::bytes16(&id, "idempotency_keys.id")?);
            let bytes = bytes.ok_or(StoreError::Corrupt("idempotency_keys.answer"))?;
            Ok((id, Sealed { key_id: key.to_owned(), bytes }))
        })
        .collect()
}

// Both tables of files are searched alike, and diesel has a type for each.
macro_rules! of_files {
    ($table:ident, $place:ident, $find:ident, $reseal:ident, $what:literal) => {
        #[doc = concat!($what, " that a key has sealed, after a place.")]
        pub fn $find(
            db: &mut Db,
            key: &str,
            after: Option<FilePlace>,
            rows_max: i64,
        ) -> Result<Vec<(FilePlace, Sealed)>, StoreError> {
            let (import, place) =
                after.map_or((Vec::new(), 0), |at| (at.import.bytes().to_vec(), at.place));
            let rows: Vec<(Vec<u8>, i64, Vec<u8>)> = $table::table
                .filter($table::key_id.eq(key))
                .filter(
                    $table::import_id
                        .gt(import.clone())
                        .or($table::import_id.eq(import).and($table::$place.gt(place))),
                )
                .order(($table::import_id, $table::$place))
                .limit(rows_max)
                .select(($table::import_id, $table::$place, $table::sealed))
                .load(db)?;
            rows.into_iter()
                .map(|(import, place, bytes)| {
                    let import = types::uuid(&import, concat!(stringify!($table), ".import_id"))?;
                    let at = FilePlace { import: ImportId::from_uuid(import), place };
                    Ok((at, Sealed { key_id: key.to_owned(), bytes }))
                })
                .collect()
        }

        #[doc = concat!($what, ": puts a newly sealed one in its place; `false` if it is gone.")]
        pub fn $reseal(
            tx: &mut LedgerTx<'_>,
            at: FilePlace,
            was: &str,
            sealed: &Sealed,
        ) -> Result<bool, StoreError> {
            let row = $table::table
                .find((at.import.bytes().as_slice(), at.place))
                .filter($table::key_id.eq(was));
            let changed = diesel::update(row)
                .set(($table::key_id.eq(&sealed.key_id), $table::sealed.eq(&sealed.bytes)))
                .execute(tx.0)?;
            Ok(changed == 1)
        }
    };
}

of_files!(import_parts, start, file_parts, reseal_file_part, "Parts of uploaded files");
of_files!(import_rejects, after_lines, rejected_lines, reseal_rejected_lines, "Rejected lines");

/// How many parts of uploaded files there are under each key.
pub fn file_parts_by_key(db: &mut Db) -> Result<Vec<(String, i64)>, StoreError> {
    Ok(import_parts::table
        .group_by(import_parts::key_id)
        .select((import_parts::key_id, diesel::dsl::count_star()))
        .load(db)?)
}

/// How many groups of rejected lines there are under each key.
pub fn rejected_lines_by_key(db: &mut Db) -> Result<Vec<(String, i64)>, StoreError> {
    Ok(import_rejects::table
        .group_by(import_rejects::key_id)
        .select((import_rejects::key_id, diesel::dsl::count_star()))
        .load(db)?)
}

fn referral(id: &[u8]) -> Result<ReferralId, StoreError> {
    Ok(ReferralId::from_uuid(types::uuid(id, "personal_data.id")?))
}
