//! Records by the key that sealed or indexed them. Each search goes by an index that begins with the
//! key, so it costs nothing when the key has nothing.

use diesel::prelude::*;
use uuid::Uuid;

use super::schema::{
    break_attachments, idempotency_keys, import_parts, import_rejects, personal_data,
    signed_contents, statement_originals, statement_upload_parts,
};
use super::{Db, LedgerTx, StoreError, types};
use crate::customer::Sealed;
use crate::customer::personal::FIRST_INDEX;
use crate::ids::{AttachmentId, ReferralId, RequestKey, SignatureId};

/// The place of a part of a file, or of a group of its rejected lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePlace {
    /// The id of the import, of the statement, or of its upload.
    pub file: Uuid,
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

// The tables of files are searched alike, and diesel has a type for each.
macro_rules! of_files {
    ($table:ident, $file:ident, $place:ident, $find:ident, $reseal:ident, $what:literal) => {
        #[doc = concat!($what, " that a key has sealed, after a place.")]
        pub fn $find(
            db: &mut Db,
            key: &str,
            after: Option<FilePlace>,
            rows_max: i64,
        ) -> Result<Vec<(FilePlace, Sealed)>, StoreError> {
            let (file, place) =
                after.map_or((Vec::new(), -1), |at| (at.file.as_bytes().to_vec(), at.place));
            let rows: Vec<(Vec<u8>, i64, Vec<u8>)> = $table::table
                .filter($table::key_id.eq(key))
                .filter(
                    $table::$file
                        .gt(file.clone())
                        .or($table::$file.eq(file).and($table::$place.gt(place))),
                )
                .order(($table::$file, $table::$place))
                .limit(rows_max)
                .select(($table::$file, $table::$place, $table::sealed))
                .load(db)?;
            rows.into_iter()
                .map(|(file, place, bytes)| {
                    let file = types::uuid(&file, concat!(stringify!($table), ".file"))?;
                    let at = FilePlace { file, place };
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
                .find((at.file.as_bytes().as_slice(), at.place))
                .filter($table::key_id.eq(was));
            let changed = diesel::update(row)
                .set(($table::key_id.eq(&sealed.key_id), $table::sealed.eq(&sealed.bytes)))
                .execute(tx.0)?;
            Ok(changed == 1)
        }
    };
}

of_files!(import_parts, import_id, start, file_parts, reseal_file_part, "Parts of uploaded files");
of_files!(
    import_rejects,
    import_id,
    after_lines,
    rejected_lines,
    reseal_rejected_lines,
    "Rejected lines"
);
of_files!(
    statement_originals,
    statement_id,
    start,
    statement_files,
    reseal_statement_file,
    "Parts of the files of statements"
);
of_files!(
    statement_upload_parts,
    upload_id,
    start,
    statement_uploads,
    reseal_statement_upload,
    "Parts of uploaded statements"
);

/// How many parts of uploaded files there are under each key.
pub fn file_parts_by_key(db: &mut Db) -> Result<Vec<(String, i64)>, StoreError> {
    Ok(import_parts::table
        .group_by(import_parts::key_id)
        .select((import_parts::key_id, diesel::dsl::count_star()))
        .load(db)?)
}

/// Attachments that a key has sealed, after an id.
pub fn attachments(
    db: &mut Db,
    key: &str,
    after: Option<AttachmentId>,
    rows_max: i64,
) -> Result<Vec<(AttachmentId, Sealed)>, StoreError> {
    let after = after.map_or(Vec::new(), |id| id.bytes().to_vec());
    let rows: Vec<(Vec<u8>, Vec<u8>)> = break_attachments::table
        .filter(break_attachments::key_id.eq(key))
        .filter(break_attachments::id.gt(after))
        .order(break_attachments::id)
        .limit(rows_max)
        .select((break_attachments::id, break_attachments::sealed))
        .load(db)?;
    rows.into_iter()
        .map(|(id, bytes)| {
            let id = AttachmentId::from_uuid(types::uuid(&id, "break_attachments.id")?);
            Ok((id, Sealed { key_id: key.to_owned(), bytes }))
        })
        .collect()
}

/// Puts a newly sealed attachment in the place of an older; `false` if it is gone.
pub fn reseal_attachment(
    tx: &mut LedgerTx<'_>,
    id: AttachmentId,
    was: &str,
    sealed: &Sealed,
) -> Result<bool, StoreError> {
    let row = break_attachments::table
        .find(id.bytes().as_slice())
        .filter(break_attachments::key_id.eq(was));
    let changed = diesel::update(row)
        .set((
            break_attachments::key_id.eq(&sealed.key_id),
            break_attachments::sealed.eq(&sealed.bytes),
        ))
        .execute(tx.0)?;
    Ok(changed == 1)
}

/// How many attachments there are under each key.
pub fn attachments_by_key(db: &mut Db) -> Result<Vec<(String, i64)>, StoreError> {
    Ok(break_attachments::table
        .group_by(break_attachments::key_id)
        .select((break_attachments::key_id, diesel::dsl::count_star()))
        .load(db)?)
}

/// How many parts of uploaded statements there are under each key.
pub fn statement_uploads_by_key(db: &mut Db) -> Result<Vec<(String, i64)>, StoreError> {
    Ok(statement_upload_parts::table
        .group_by(statement_upload_parts::key_id)
        .select((statement_upload_parts::key_id, diesel::dsl::count_star()))
        .load(db)?)
}

/// How many parts of the files of statements there are under each key.
pub fn statement_files_by_key(db: &mut Db) -> Result<Vec<(String, i64)>, StoreError> {
    Ok(statement_originals::table
        .group_by(statement_originals::key_id)
        .select((statement_originals::key_id, diesel::dsl::count_star()))
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
