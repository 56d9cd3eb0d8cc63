//! Sealed personal data: the only rows that may be deleted.

use diesel::prelude::*;

use super::schema::personal_data;
use super::{Db, LedgerTx, StoreError};
use crate::clock::Moment;
use crate::customer::Sealed;
use crate::ids::ReferralId;

/// A person's contact data, sealed for the referral it came with.
pub struct NewPersonal {
    pub id: ReferralId,
    pub sealed: Sealed,
    pub phone_index: [u8; 32],
    pub recorded_at: Moment,
}

#[derive(Insertable)]
#[diesel(table_name = personal_data, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    key_id: &'a str,
    sealed: &'a [u8],
    phone_index: &'a [u8],
    recorded_at: chrono::NaiveDateTime,
}

/// # Errors
/// [`StoreError`].
pub fn insert(tx: &mut LedgerTx<'_>, list: &[NewPersonal]) -> Result<(), StoreError> {
    for part in list.chunks(super::rows_max(5)) {
        let rows: Vec<Row<'_>> = part
            .iter()
            .map(|new| Row {
                id: new.id.bytes(),
                key_id: &new.sealed.key_id,
                sealed: &new.sealed.bytes,
                phone_index: &new.phone_index,
                recorded_at: new.recorded_at.naive(),
            })
            .collect();
        both!(tx.0, db => diesel::insert_into(personal_data::table).values(&rows).execute(db))?;
    }
    Ok(())
}

/// # Errors
/// [`StoreError`].
pub fn get(db: &mut Db, id: ReferralId) -> Result<Option<Sealed>, StoreError> {
    let stored: Option<(String, Vec<u8>)> = personal_data::table
        .filter(personal_data::id.eq(id.bytes().as_slice()))
        .select((personal_data::key_id, personal_data::sealed))
        .first(db)
        .optional()?;
    Ok(stored.map(|(key_id, bytes)| Sealed { key_id, bytes }))
}

/// Forgets the person of a referral.
///
/// # Errors
/// [`StoreError`].
pub fn delete(tx: &mut LedgerTx<'_>, id: ReferralId) -> Result<(), StoreError> {
    diesel::delete(personal_data::table.filter(personal_data::id.eq(id.bytes().as_slice())))
        .execute(tx.0)?;
    Ok(())
}

/// Whether there is data sealed with another key than this one, which the key file given could
/// then not open.
///
/// # Errors
/// [`StoreError`].
pub fn sealed_with_another_key(db: &mut Db, key_id: &str) -> Result<bool, StoreError> {
    let count: i64 =
        personal_data::table.filter(personal_data::key_id.ne(key_id)).count().get_result(db)?;
    Ok(count > 0)
}
