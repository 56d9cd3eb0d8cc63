//! What people agreed to: for what purpose, which text, when, how shown, withdrawn when.

use diesel::prelude::*;

use super::schema::consents;
use super::{Db, LedgerTx, StoreError, types};
use crate::clock::Moment;
use crate::event::ConsentGiven;
use crate::ids::{ConsentId, PartnerId};

/// A consent to be recorded.
pub struct NewConsent<'a> {
    pub id: ConsentId,
    pub partner: &'a PartnerId,
    pub given: &'a ConsentGiven,
    pub recorded_at: Moment,
}

/// A consent as it stands.
pub struct ConsentRecord {
    pub id: ConsentId,
    pub purpose: String,
    pub text_version: String,
    pub given_at: Moment,
    pub recorded_at: Moment,
    pub withdrawn_at: Option<Moment>,
}

#[derive(Insertable)]
#[diesel(table_name = consents, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    partner_id: &'a str,
    purpose: &'a str,
    text_version: &'a str,
    text_sha256: &'a [u8],
    channel: &'a str,
    evidence: &'a str,
    given_at: chrono::NaiveDateTime,
    recorded_at: chrono::NaiveDateTime,
    withdrawn_at: Option<chrono::NaiveDateTime>,
}

type Stored =
    (String, String, chrono::NaiveDateTime, chrono::NaiveDateTime, Option<chrono::NaiveDateTime>);

/// # Errors
/// [`StoreError`].
pub fn insert(tx: &mut LedgerTx<'_>, list: &[NewConsent<'_>]) -> Result<(), StoreError> {
    for part in list.chunks(super::rows_max(10)) {
        let rows: Vec<Row<'_>> = part
            .iter()
            .map(|consent| Row {
                id: consent.id.bytes(),
                partner_id: consent.partner.as_str(),
                purpose: &consent.given.purpose,
                text_version: &consent.given.text_version,
                text_sha256: &consent.given.text_sha256,
                channel: &consent.given.channel,
                evidence: &consent.given.evidence,
                given_at: consent.given.given_at.naive(),
                recorded_at: consent.recorded_at.naive(),
                withdrawn_at: None,
            })
            .collect();
        both!(tx.0, db => diesel::insert_into(consents::table).values(&rows).execute(db))?;
    }
    Ok(())
}

/// # Errors
/// [`StoreError`].
pub fn get(db: &mut Db, id: ConsentId) -> Result<Option<ConsentRecord>, StoreError> {
    let stored: Option<Stored> = consents::table
        .filter(consents::id.eq(id.bytes().as_slice()))
        .select((
            consents::purpose,
            consents::text_version,
            consents::given_at,
            consents::recorded_at,
            consents::withdrawn_at,
        ))
        .first(db)
        .optional()?;
    Ok(stored.map(|(purpose, text_version, given_at, recorded_at, withdrawn_at)| ConsentRecord {
        id,
        purpose,
        text_version,
        given_at: types::moment(given_at),
        recorded_at: types::moment(recorded_at),
        withdrawn_at: withdrawn_at.map(types::moment),
    }))
}
