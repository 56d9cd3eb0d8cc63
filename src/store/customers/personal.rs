//! Sealed contact data of persons, in rows that may be deleted. Each reading of it is recorded in the
//! same transaction.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::customer::personal::{FIRST_INDEX, PhoneIndex};
use crate::customer::{DataSubject, Reading, Sealed};
use crate::ids::ReferralId;
use crate::store::schema::personal_data;
use crate::store::{Db, LedgerTx, StoreError, readings, types};

/// A person's contact data, sealed for the referral it came with.
pub struct NewPersonal {
    pub id: ReferralId,
    pub sealed: Sealed,
    pub phone_index: PhoneIndex,
    pub recorded_at: Moment,
}

/// The same data, sealed and indexed with the current keys.
pub struct Resealed {
    pub id: ReferralId,
    /// The key that sealed it before. Another key in the row means that another gateway was first.
    pub was: String,
    pub sealed: Sealed,
    pub phone_index: PhoneIndex,
}

#[derive(Insertable)]
#[diesel(table_name = personal_data, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    key_id: &'a str,
    sealed: &'a [u8],
    phone_index: &'a [u8],
    recorded_at: chrono::NaiveDateTime,
    index_key_id: Option<&'a str>,
}

pub fn insert(tx: &mut LedgerTx<'_>, list: &[NewPersonal]) -> Result<(), StoreError> {
    for part in list.chunks(crate::store::rows_max(6)) {
        let rows: Vec<Row<'_>> = part
            .iter()
            .map(|new| Row {
                id: new.id.bytes(),
                key_id: &new.sealed.key_id,
                sealed: &new.sealed.bytes,
                phone_index: &new.phone_index.hash,
                recorded_at: new.recorded_at.naive(),
                index_key_id: Some(&new.phone_index.key_id),
            })
            .collect();
        both!(tx.0, db => diesel::insert_into(personal_data::table).values(&rows).execute(db))?;
    }
    Ok(())
}

/// Reads the contact data of a referral's person, and records the reading.
pub fn read(
    tx: &mut LedgerTx<'_>,
    id: ReferralId,
    reading: &Reading,
    now: Moment,
) -> Result<Option<Sealed>, StoreError> {
    let stored: Option<(String, Vec<u8>)> = personal_data::table
        .filter(personal_data::id.eq(id.bytes().as_slice()))
        .select((personal_data::key_id, personal_data::sealed))
        .first(tx.0)
        .optional()?;
    let Some((key_id, bytes)) = stored else { return Ok(None) };
    readings::insert(tx, reading, &[DataSubject::Referral(id)], now)?;
    Ok(Some(Sealed { key_id, bytes }))
}

/// Whether a referral's person has a phone number with one of these indexes.
pub fn has_phone(db: &mut Db, id: ReferralId, indexes: &[[u8; 32]]) -> Result<bool, StoreError> {
    let indexes: Vec<&[u8]> = indexes.iter().map(<[u8; 32]>::as_slice).collect();
    let count: i64 = both!(db, db => personal_data::table
        .filter(personal_data::id.eq(id.bytes().as_slice()))
        .filter(personal_data::phone_index.eq_any(&indexes))
        .count()
        .get_result(db))?;
    Ok(count > 0)
}

/// Whether contact data of a referral's person is stored.
pub fn is_kept(db: &mut Db, id: ReferralId) -> Result<bool, StoreError> {
    let count: i64 = personal_data::table
        .filter(personal_data::id.eq(id.bytes().as_slice()))
        .count()
        .get_result(db)?;
    Ok(count > 0)
}

/// Referrals with a phone number that has one of these indexes, oldest first.
pub fn by_phone(
    db: &mut Db,
    indexes: &[[u8; 32]],
    rows_max: i64,
) -> Result<Vec<ReferralId>, StoreError> {
    let indexes: Vec<&[u8]> = indexes.iter().map(<[u8; 32]>::as_slice).collect();
    let ids: Vec<Vec<u8>> = both!(db, db => personal_data::table
        .filter(personal_data::phone_index.eq_any(&indexes))
        .order(personal_data::id)
        .limit(rows_max)
        .select(personal_data::id)
        .load(db))?;
    referral_ids(&ids)
}

/// Deletes the contact data of these referrals' persons; returns the number of persons.
pub fn delete(tx: &mut LedgerTx<'_>, ids: &[ReferralId]) -> Result<usize, StoreError> {
    let ids: Vec<&[u8]> = ids.iter().map(|id| id.bytes().as_slice()).collect();
    Ok(both!(tx.0, db => {
        diesel::delete(personal_data::table.filter(personal_data::id.eq_any(&ids))).execute(db)
    })?)
}

/// Replaces a record by the same one under the current keys. `false`: it is gone or was replaced.
pub fn reseal(tx: &mut LedgerTx<'_>, record: &Resealed) -> Result<bool, StoreError> {
    let row = personal_data::table
        .filter(personal_data::id.eq(record.id.bytes().as_slice()))
        .filter(personal_data::key_id.eq(&record.was));
    let changed = diesel::update(row)
        .set((
            personal_data::key_id.eq(&record.sealed.key_id),
            personal_data::sealed.eq(&record.sealed.bytes),
            personal_data::phone_index.eq(record.phone_index.hash.as_slice()),
            personal_data::index_key_id.eq(&record.phone_index.key_id),
        ))
        .execute(tx.0)?;
    Ok(changed == 1)
}

/// The number of records under each sealing key and each index key.
pub fn count_by_key(db: &mut Db) -> Result<[Vec<(String, i64)>; 2], StoreError> {
    let sealed: Vec<(String, i64)> = personal_data::table
        .group_by(personal_data::key_id)
        .select((personal_data::key_id, diesel::dsl::count_star()))
        .load(db)?;
    let indexed: Vec<(Option<String>, i64)> = personal_data::table
        .group_by(personal_data::index_key_id)
        .select((personal_data::index_key_id, diesel::dsl::count_star()))
        .load(db)?;
    let named =
        |(id, count): (Option<String>, i64)| (id.unwrap_or_else(|| FIRST_INDEX.to_owned()), count);
    Ok([sealed, indexed.into_iter().map(named).collect()])
}

/// A key that sealed some data and is not among these. Reads one row for each key.
pub fn sealed_with_a_key_beyond(
    db: &mut Db,
    known: &[String],
) -> Result<Option<String>, StoreError> {
    let mut last = String::new();
    loop {
        let next: Option<String> = personal_data::table
            .filter(personal_data::key_id.gt(&last))
            .order(personal_data::key_id)
            .select(personal_data::key_id)
            .first(db)
            .optional()?;
        match next {
            Some(id) if known.contains(&id) => last = id,
            other => return Ok(other),
        }
    }
}

/// Up to `rows_max` referrals that did not convert and whose contact data was recorded before a
/// moment, oldest first.
pub fn outlived(db: &mut Db, before: Moment, rows_max: i64) -> Result<Vec<ReferralId>, StoreError> {
    let ids: Vec<Vec<u8>> = personal_data::table
        // Word by word as in the partial index, which a parameter instead of the 0 would not match.
        .filter(diesel::dsl::sql::<diesel::sql_types::Bool>("personal_data.kept = 0"))
        .filter(personal_data::recorded_at.lt(before.naive()))
        .order((personal_data::recorded_at, personal_data::id))
        .limit(rows_max)
        .select(personal_data::id)
        .load(db)?;
    referral_ids(&ids)
}

fn referral_ids(ids: &[Vec<u8>]) -> Result<Vec<ReferralId>, StoreError> {
    ids.iter().map(|id| Ok(ReferralId::from_uuid(types::uuid(id, "personal_data.id")?))).collect()
}
