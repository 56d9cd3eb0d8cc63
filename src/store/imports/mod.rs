//! Partners' files: received in parts, then taken in under a lease. So two gateways never take in
//! the same file. If a gateway dies, another one takes the file when the lease ends.

mod contents;
pub mod history_imports;
mod work;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::{Db, LedgerTx, StoreError, types};
use crate::clock::Moment;
use crate::ids::{ImportId, PartnerId};

use super::schema::{import_parts, imports};

pub use contents::{
    HEADER_PLACE, RejectGroup, RejectPlace, append, has_rejects, read_part, rejects_after,
    rejects_of_partner, replace_rejects,
};
pub use work::{
    Claim, Progress, Rejects, Scan, claim, close, forget_expired, progress, release, scanned,
};

/// The state of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The file is not complete yet.
    Receiving,
    Waiting,
    Running,
    Done,
    Failed,
}

/// A file that a partner announced.
pub struct NewImport<'a> {
    pub id: ImportId,
    pub partner: &'a PartnerId,
    pub business_date: NaiveDate,
    pub file_name: Option<&'a str>,
    pub charset: Option<&'static str>,
    pub sha256: Option<[u8; 32]>,
    /// Bytes in the whole file.
    pub length: i64,
    pub created_at: Moment,
    pub expires_at: Moment,
}

/// The numbers of lines by their result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    pub read: i64,
    pub recorded: i64,
    pub recorded_before: i64,
    pub rejected: i64,
    /// Those of the rejected lines whose reason may pass, such as a quota of the day: the same file
    /// may bring them again.
    pub rejected_for_now: i64,
}

/// A stored import.
#[derive(Clone, Debug)]
pub struct Import {
    pub id: ImportId,
    pub partner: PartnerId,
    pub business_date: NaiveDate,
    pub file_name: Option<String>,
    pub declared_charset: Option<String>,
    pub declared_sha256: Option<Vec<u8>>,
    pub length: i64,
    pub received: i64,
    pub state: State,
    pub created_at: Moment,
    pub expires_at: Moment,
    /// The result; none until the whole file was read.
    pub sha256: Option<Vec<u8>>,
    pub charset: Option<String>,
    pub packed: Option<bool>,
    pub duplicate_of: Option<ImportId>,
    pub lines: Lines,
    pub failure: Option<String>,
    pub ended_at: Option<Moment>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = imports)]
struct Row {
    id: Vec<u8>,
    partner_id: String,
    business_date: String,
    file_name: Option<String>,
    declared_charset: Option<String>,
    declared_sha256: Option<Vec<u8>>,
    length: i64,
    received: i64,
    state: String,
    created_at: chrono::NaiveDateTime,
    expires_at: chrono::NaiveDateTime,
    sha256: Option<Vec<u8>>,
    charset: Option<String>,
    packed: Option<bool>,
    duplicate_of: Option<Vec<u8>>,
    lines: i64,
    recorded: i64,
    recorded_before: i64,
    rejected: i64,
    rejected_for_now: i64,
    failure: Option<String>,
    ended_at: Option<chrono::NaiveDateTime>,
}

impl State {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    fn by_name(name: &str) -> Option<Self> {
        let all = [Self::Receiving, Self::Waiting, Self::Running, Self::Done, Self::Failed];
        all.into_iter().find(|state| state.name() == name)
    }
}

/// Begins to receive a file; an empty one is complete at once.
pub fn create(tx: &mut LedgerTx<'_>, new: &NewImport<'_>) -> Result<(), StoreError> {
    let state = if new.length == 0 { State::Waiting } else { State::Receiving };
    let row = (
        imports::id.eq(new.id.bytes().as_slice()),
        imports::partner_id.eq(new.partner.as_str()),
        imports::business_date.eq(new.business_date.to_string()),
        imports::file_name.eq(new.file_name),
        imports::declared_charset.eq(new.charset),
        imports::declared_sha256.eq(new.sha256.as_ref().map(<[u8; 32]>::as_slice)),
        imports::length.eq(new.length),
        imports::received.eq(0),
        imports::state.eq(state.name()),
        imports::created_at.eq(new.created_at.naive()),
        imports::expires_at.eq(new.expires_at.naive()),
        (
            imports::lines.eq(0),
            imports::recorded.eq(0),
            imports::recorded_before.eq(0),
            imports::rejected.eq(0),
            imports::rejected_for_now.eq(0),
        ),
    );
    both!(tx.0, db => diesel::insert_into(imports::table).values(row).execute(db))?;
    Ok(())
}

/// The number of a partner's files that are being received.
pub fn receiving(db: &mut Db, partner: &PartnerId, now: Moment) -> Result<i64, StoreError> {
    let open = imports::table
        .filter(imports::partner_id.eq(partner.as_str()))
        .filter(imports::state.eq(State::Receiving.name()))
        .filter(imports::expires_at.gt(now.naive()));
    Ok(open.count().get_result(db)?)
}

/// Reads an import of that partner.
pub fn get(db: &mut Db, partner: &PartnerId, id: ImportId) -> Result<Option<Import>, StoreError> {
    let row: Option<Row> = imports::table
        .find(id.bytes().as_slice())
        .filter(imports::partner_id.eq(partner.as_str()))
        .select(Row::as_select())
        .first(db)
        .optional()?;
    row.map(Row::read).transpose()
}

/// A partner's complete files, newest first, before the last one of the page before.
pub fn page(
    db: &mut Db,
    partner: &PartnerId,
    before: Option<ImportId>,
    rows_max: i64,
) -> Result<Vec<Import>, StoreError> {
    let before = before.map_or([0xff; 16], |id| *id.bytes());
    let rows: Vec<Row> = imports::table
        .filter(imports::partner_id.eq(partner.as_str()))
        .filter(imports::state.ne(State::Receiving.name()))
        .filter(imports::id.lt(before.as_slice()))
        .order(imports::id.desc())
        .limit(rows_max)
        .select(Row::as_select())
        .load(db)?;
    rows.into_iter().map(Row::read).collect()
}

/// Deletes a file that is not complete. `false`: it is complete.
pub fn remove(tx: &mut LedgerTx<'_>, id: ImportId) -> Result<bool, StoreError> {
    let row = imports::table
        .filter(imports::id.eq(id.bytes().as_slice()))
        .filter(imports::state.eq(State::Receiving.name()));
    let removed = diesel::delete(row).execute(tx.0)?;
    if removed == 1 {
        delete_parts(tx, id)?;
    }
    Ok(removed == 1)
}

/// Deletes the content of a file that was imported or given up.
fn delete_parts(tx: &mut LedgerTx<'_>, id: ImportId) -> Result<(), StoreError> {
    let parts = import_parts::table.filter(import_parts::import_id.eq(id.bytes().as_slice()));
    diesel::delete(parts).execute(tx.0)?;
    Ok(())
}

impl Row {
    fn read(self) -> Result<Import, StoreError> {
        let id = |bytes: &[u8]| {
            Ok::<_, StoreError>(ImportId::from_uuid(types::uuid(bytes, "imports.id")?))
        };
        let day = self.business_date.parse();
        Ok(Import {
            id: id(&self.id)?,
            partner: types::partner(&self.partner_id)?,
            business_date: day.map_err(|_bad| StoreError::Corrupt("imports.business_date"))?,
            file_name: self.file_name,
            declared_charset: self.declared_charset,
            declared_sha256: self.declared_sha256,
            length: self.length,
            received: self.received,
            state: State::by_name(&self.state).ok_or(StoreError::Corrupt("imports.state"))?,
            created_at: types::moment(self.created_at),
            expires_at: types::moment(self.expires_at),
            sha256: self.sha256,
            charset: self.charset,
            packed: self.packed,
            duplicate_of: self.duplicate_of.as_deref().map(id).transpose()?,
            lines: Lines {
                read: self.lines,
                recorded: self.recorded,
                recorded_before: self.recorded_before,
                rejected: self.rejected,
                rejected_for_now: self.rejected_for_now,
            },
            failure: self.failure,
            ended_at: self.ended_at.map(types::moment),
        })
    }
}
