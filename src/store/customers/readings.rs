//! Every reading of personal data: appended before the data is opened, in the same transaction.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::customer::{DataSubject, Reading};
use crate::ids::ReadingId;
use crate::store::schema::readings;
use crate::store::{Db, LedgerTx, StoreError, types};

/// A stored reading.
pub struct ReadingRecord {
    pub id: ReadingId,
    /// `customer`, `staff` or `program`.
    pub reader_kind: String,
    pub reader: String,
    pub purpose: String,
    /// `customer`, `referral` or `signature`.
    pub subject_kind: String,
    pub subject: uuid::Uuid,
    pub read_at: Moment,
}

#[derive(Insertable)]
#[diesel(table_name = readings, treat_none_as_default_value = false)]
struct Row {
    id: Vec<u8>,
    reader_kind: &'static str,
    reader: String,
    purpose: String,
    subject_kind: &'static str,
    subject_id: Vec<u8>,
    read_at: chrono::NaiveDateTime,
}

type Stored = (Vec<u8>, String, String, String, String, Vec<u8>, chrono::NaiveDateTime);

/// Appends a reading of each subject.
pub fn insert(
    tx: &mut LedgerTx<'_>,
    reading: &Reading,
    subjects: &[DataSubject],
    now: Moment,
) -> Result<(), StoreError> {
    for part in subjects.chunks(crate::store::rows_max(7)) {
        let rows: Vec<Row> = part
            .iter()
            .map(|subject| Row {
                id: ReadingId::random().bytes().to_vec(),
                reader_kind: reading.reader.kind(),
                reader: reading.reader.name(),
                purpose: reading.purpose.clone(),
                subject_kind: subject.kind(),
                subject_id: subject.bytes().to_vec(),
                read_at: now.naive(),
            })
            .collect();
        both!(tx.0, db => diesel::insert_into(readings::table).values(&rows).execute(db))?;
    }
    Ok(())
}

/// Readings of one subject or of all, newest first, before the last one of the page before.
pub fn page(
    db: &mut Db,
    subject: Option<uuid::Uuid>,
    before: Option<ReadingId>,
    rows_max: i64,
) -> Result<Vec<ReadingRecord>, StoreError> {
    // No id is greater: the first byte of a UUID of version 7 is years away from its end.
    let before = before.map_or_else(|| vec![u8::MAX; 16], |id| id.bytes().to_vec());
    let page = readings::table
        .filter(readings::id.lt(&before))
        .order(readings::id.desc())
        .limit(rows_max)
        .select(readings::all_columns);
    let rows: Vec<Stored> = match subject {
        Some(subject) => {
            page.filter(readings::subject_id.eq(subject.as_bytes().as_slice())).load(db)?
        }
        None => page.load(db)?,
    };
    rows.into_iter().map(read).collect()
}

/// Readings of any of these subjects, newest first.
pub fn of_subjects(
    db: &mut Db,
    subjects: &[DataSubject],
    rows_max: i64,
) -> Result<Vec<ReadingRecord>, StoreError> {
    let ids: Vec<&[u8]> = subjects.iter().map(|subject| subject.bytes().as_slice()).collect();
    let rows: Vec<Stored> = both!(db, db => readings::table
        .filter(readings::subject_id.eq_any(&ids))
        .order(readings::id.desc())
        .limit(rows_max)
        .select(readings::all_columns)
        .load(db))?;
    rows.into_iter().map(read).collect()
}

fn read(row: Stored) -> Result<ReadingRecord, StoreError> {
    let (id, reader_kind, reader, purpose, subject_kind, subject, read_at) = row;
    Ok(ReadingRecord {
        id: ReadingId::from_uuid(types::uuid(&id, "readings.id")?),
        reader_kind,
        reader,
        purpose,
        subject_kind,
        subject: types::uuid(&subject, "readings.subject_id")?,
        read_at: types::moment(read_at),
    })
}
