//! Certificates of erasure: what was erased, when, why, and how many records.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::customer::Author;
use crate::customer::certificate::{Certificate, Erased};
use crate::ids::ErasureId;
use crate::store::schema::erasures;
use crate::store::{Db, LedgerTx, StoreError, types};

/// An erasure to be recorded.
pub struct NewErasure<'a> {
    pub id: ErasureId,
    pub by: &'a Author,
    pub erased: Erased,
    pub reason: &'a str,
    pub certificate: &'a Certificate,
    pub erased_at: Moment,
}

/// A stored erasure.
pub struct ErasureRecord {
    pub id: ErasureId,
    /// `customer`, `staff` or `program`.
    pub by_kind: String,
    pub by_whom: String,
    /// `customer`, `referral` or `period`.
    pub subject_kind: String,
    pub subject: Option<uuid::Uuid>,
    pub reason: String,
    pub certificate: Certificate,
    pub erased_at: Moment,
}

#[derive(Insertable)]
#[diesel(table_name = erasures, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    by_kind: &'static str,
    by_whom: String,
    subject_kind: &'static str,
    subject_id: Option<&'a [u8]>,
    reason: &'a str,
    certificate: String,
    erased_at: chrono::NaiveDateTime,
}

type Stored =
    (Vec<u8>, String, String, String, Option<Vec<u8>>, String, String, chrono::NaiveDateTime);

pub fn insert(tx: &mut LedgerTx<'_>, new: &NewErasure<'_>) -> Result<(), StoreError> {
    let certificate = serde_json::to_string(new.certificate);
    let row = Row {
        id: new.id.bytes(),
        by_kind: new.by.kind(),
        by_whom: new.by.name(),
        subject_kind: new.erased.kind(),
        subject_id: new.erased.bytes(),
        reason: new.reason,
        certificate: certificate.map_err(|_memory| StoreError::Corrupt("erasures.certificate"))?,
        erased_at: new.erased_at.naive(),
    };
    both!(tx.0, db => diesel::insert_into(erasures::table).values(&row).execute(db))?;
    Ok(())
}

pub fn get(db: &mut Db, id: ErasureId) -> Result<Option<ErasureRecord>, StoreError> {
    let row: Option<Stored> = erasures::table
        .find(id.bytes().as_slice())
        .select(erasures::all_columns)
        .first(db)
        .optional()?;
    row.map(read).transpose()
}

/// Erasures, newest first, before the last one of the page before.
pub fn page(
    db: &mut Db,
    before: Option<ErasureId>,
    rows_max: i64,
) -> Result<Vec<ErasureRecord>, StoreError> {
    let before = before.map_or_else(|| vec![u8::MAX; 16], |id| id.bytes().to_vec());
    let rows: Vec<Stored> = erasures::table
        .filter(erasures::id.lt(&before))
        .order(erasures::id.desc())
        .limit(rows_max)
        .select(erasures::all_columns)
        .load(db)?;
    rows.into_iter().map(read).collect()
}

/// The erasures of a customer or of referrals, newest first.
pub fn of_subjects(db: &mut Db, subjects: &[Erased]) -> Result<Vec<ErasureRecord>, StoreError> {
    let ids: Vec<&[u8]> = subjects.iter().filter_map(Erased::bytes).collect();
    let rows: Vec<Stored> = both!(db, db => erasures::table
        .filter(erasures::subject_id.eq_any(&ids))
        .order(erasures::id.desc())
        .select(erasures::all_columns)
        .load(db))?;
    rows.into_iter().map(read).collect()
}

fn read(row: Stored) -> Result<ErasureRecord, StoreError> {
    let (id, by_kind, by_whom, subject_kind, subject, reason, certificate, erased_at) = row;
    let subject =
        subject.as_deref().map(|id| types::uuid(id, "erasures.subject_id")).transpose()?;
    Ok(ErasureRecord {
        id: ErasureId::from_uuid(types::uuid(&id, "erasures.id")?),
        by_kind,
        by_whom,
        subject_kind,
        subject,
        reason,
        certificate: serde_json::from_str(&certificate)
            .map_err(|_other| StoreError::Corrupt("erasures.certificate"))?,
        erased_at: types::moment(erased_at),
    })
}
