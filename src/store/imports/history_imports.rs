//! Files of the bank's own history: who had them judged by their dates, and why.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::{ImportId, PartnerId};
use crate::store::schema::history_imports;
use crate::store::{LedgerTx, StoreError};

/// An operator's act.
#[derive(Clone, Debug)]
pub struct HistoryImport {
    pub id: ImportId,
    pub partner: PartnerId,
    pub file: String,
    pub sha256: [u8; 32],
    pub by: String,
    pub because: String,
}

pub fn insert(
    tx: &mut LedgerTx<'_>,
    import: &HistoryImport,
    now: Moment,
) -> Result<(), StoreError> {
    let row = (
        history_imports::id.eq(import.id.bytes().as_slice()),
        history_imports::partner_id.eq(import.partner.as_str()),
        history_imports::file.eq(&import.file),
        history_imports::sha256.eq(import.sha256.as_slice()),
        history_imports::by_whom.eq(&import.by),
        history_imports::because.eq(&import.because),
        history_imports::begun_at.eq(now.naive()),
    );
    both!(tx.0, db => diesel::insert_into(history_imports::table).values(row).execute(db))?;
    Ok(())
}
