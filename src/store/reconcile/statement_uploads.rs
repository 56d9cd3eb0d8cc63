//! Statements that come in parts: received, then taken in under a lease, so that two gateways do not
//! work on the same one.

use std::ops::Range;

use diesel::prelude::*;

use super::{period, text};
use crate::clock::Moment;
use crate::customer::Sealed;
use crate::ids::{LeaseId, PartnerId, StatementId, StatementUploadId};
use crate::reconcile::statement::StatementSender;
use crate::reconcile::statement_upload::{
    AnnouncedStatement, StatementUpload, UploadFailure, UploadState,
};
use crate::store::schema::{statement_upload_parts, statement_uploads};
use crate::store::{Db, LedgerTx, StoreError, types};

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = statement_uploads, treat_none_as_default_value = false)]
struct Row {
    id: Vec<u8>,
    partner_id: String,
    period: String,
    part: i64,
    file_name: Option<String>,
    charset: Option<String>,
    declared_sha256: Option<Vec<u8>>,
    sent_by_kind: String,
    sent_by: String,
    length: i64,
    received: i64,
    state: String,
    created_at: chrono::NaiveDateTime,
    expires_at: chrono::NaiveDateTime,
    ended_at: Option<chrono::NaiveDateTime>,
    statement_id: Option<Vec<u8>>,
    failure: Option<String>,
}

/// The holder of a lease, and its end.
#[derive(Clone, Copy)]
pub struct UploadClaim<'a> {
    pub lease: LeaseId,
    pub now: Moment,
    pub until: Moment,
    /// The partner whose turn was last: the others come first, by their ids.
    pub after: Option<&'a PartnerId>,
}

const RECEIVING: &str = "receiving";
const WAITING: &str = "waiting";
const RUNNING: &str = "running";

/// Begins to receive a file.
pub fn insert(tx: &mut LedgerTx<'_>, upload: &StatementUpload) -> Result<(), StoreError> {
    let row = Row::of(upload);
    both!(tx.0, db => diesel::insert_into(statement_uploads::table).values(&row).execute(db))?;
    Ok(())
}

/// The number of files of a partner that are being received, or wait to be taken in.
pub fn open(
    db: &mut Db,
    partner: &PartnerId,
    sent_by: &StatementSender,
    now: Moment,
) -> Result<i64, StoreError> {
    let (kind, _name) = sender(sent_by);
    let is_coming =
        statement_uploads::state.eq(RECEIVING).and(statement_uploads::expires_at.gt(now.naive()));
    let is_whole = statement_uploads::state.eq(WAITING).or(statement_uploads::state.eq(RUNNING));
    let open = statement_uploads::table
        .filter(statement_uploads::partner_id.eq(partner.as_str()))
        .filter(statement_uploads::sent_by_kind.eq(kind))
        .filter(is_coming.or(is_whole));
    Ok(open.count().get_result(db)?)
}

pub fn get(db: &mut Db, id: StatementUploadId) -> Result<Option<StatementUpload>, StoreError> {
    let row = statement_uploads::table.find(id.bytes().as_slice()).select(Row::as_select());
    row.first::<Row>(db).optional()?.map(Row::read).transpose()
}

/// Adds a part to the end of a file. `false`: the file no longer ends where the part begins, and nothing
/// is added. With its last part the file waits to be taken in.
pub fn append(
    tx: &mut LedgerTx<'_>,
    id: StatementUploadId,
    bytes: Range<i64>,
    sealed: &Sealed,
    now: Moment,
) -> Result<bool, StoreError> {
    let here = statement_uploads::table
        .filter(statement_uploads::id.eq(id.bytes().as_slice()))
        .filter(statement_uploads::state.eq(RECEIVING))
        .filter(statement_uploads::received.eq(bytes.start))
        .filter(statement_uploads::expires_at.gt(now.naive()))
        .filter(statement_uploads::length.ge(bytes.end));
    if diesel::update(here).set(statement_uploads::received.eq(bytes.end)).execute(tx.0)? == 0 {
        return Ok(false);
    }
    let part = (
        statement_upload_parts::upload_id.eq(id.bytes().as_slice()),
        statement_upload_parts::start.eq(bytes.start),
        statement_upload_parts::key_id.eq(&sealed.key_id),
        statement_upload_parts::sealed.eq(&sealed.bytes),
    );
    both!(tx.0, db => diesel::insert_into(statement_upload_parts::table)
        .values(part)
        .execute(db))?;
    let whole = statement_uploads::table
        .filter(statement_uploads::id.eq(id.bytes().as_slice()))
        .filter(statement_uploads::received.eq(statement_uploads::length));
    diesel::update(whole).set(statement_uploads::state.eq(WAITING)).execute(tx.0)?;
    Ok(true)
}

/// The part that begins at a place; `None` at the file's end.
pub fn read_part(
    db: &mut Db,
    id: StatementUploadId,
    start: i64,
) -> Result<Option<Sealed>, StoreError> {
    let found: Option<(String, Vec<u8>)> = statement_upload_parts::table
        .find((id.bytes().as_slice(), start))
        .select((statement_upload_parts::key_id, statement_upload_parts::sealed))
        .first(db)
        .optional()?;
    Ok(found.map(|(key_id, bytes)| Sealed { key_id, bytes }))
}

/// Deletes a file that is not whole. `false`: it is whole.
pub fn remove(tx: &mut LedgerTx<'_>, id: StatementUploadId) -> Result<bool, StoreError> {
    let row = statement_uploads::table
        .filter(statement_uploads::id.eq(id.bytes().as_slice()))
        .filter(statement_uploads::state.eq(RECEIVING));
    let removed = diesel::delete(row).execute(tx.0)?;
    if removed == 1 {
        delete_parts(tx, id.bytes())?;
    }
    Ok(removed == 1)
}

/// Claims the oldest whole file, that nobody is at work on, of the partner whose turn it is.
pub fn claim(
    tx: &mut LedgerTx<'_>,
    claim: &UploadClaim<'_>,
) -> Result<Option<StatementUpload>, StoreError> {
    let row = match claim.after {
        Some(last) => next_behind(tx, last.as_str(), claim.now)?,
        None => None,
    };
    let row = match row {
        Some(row) => Some(row),
        None => next_behind(tx, "", claim.now)?,
    };
    let Some(upload) = row.map(Row::read).transpose()? else { return Ok(None) };
    diesel::update(statement_uploads::table.find(upload.id.bytes().as_slice()))
        .set((
            statement_uploads::state.eq(RUNNING),
            statement_uploads::lease.eq(claim.lease.bytes().as_slice()),
            statement_uploads::lease_until.eq(claim.until.naive()),
        ))
        .execute(tx.0)?;
    Ok(Some(upload))
}

/// The oldest of the files that wait, of the first partner behind a name.
fn next_behind(tx: &mut LedgerTx<'_>, last: &str, now: Moment) -> Result<Option<Row>, StoreError> {
    // Typed once for each store, because a list is passed differently.
    macro_rules! open {
        () => {
            statement_uploads::table
                .filter(statement_uploads::state.eq_any([WAITING, RUNNING]))
                .filter(statement_uploads::partner_id.gt(last))
                .filter(
                    statement_uploads::lease_until
                        .is_null()
                        .or(statement_uploads::lease_until.le(now.naive())),
                )
                .order((statement_uploads::partner_id, statement_uploads::id))
                .select(Row::as_select())
        };
    }
    Ok(match &mut *tx.0 {
        Db::Postgres(db) => open!().for_update().skip_locked().first(db).optional()?,
        Db::Sqlite(db) => open!().first(db).optional()?,
    })
}

/// Gives a file back: any gateway may claim it from that moment on.
pub fn release(
    tx: &mut LedgerTx<'_>,
    id: StatementUploadId,
    lease: LeaseId,
    from: Moment,
) -> Result<(), StoreError> {
    let held = statement_uploads::table
        .filter(statement_uploads::id.eq(id.bytes().as_slice()))
        .filter(statement_uploads::lease.eq(lease.bytes().as_slice()));
    diesel::update(held)
        .set((
            statement_uploads::state.eq(WAITING),
            statement_uploads::lease_until.eq(from.naive()),
        ))
        .execute(tx.0)?;
    Ok(())
}

/// Ends a file, and deletes its bytes. A gateway whose lease had ended says the same as the next one.
pub fn close(
    tx: &mut LedgerTx<'_>,
    id: StatementUploadId,
    state: &UploadState,
    now: Moment,
) -> Result<(), StoreError> {
    let running = statement_uploads::table
        .filter(statement_uploads::id.eq(id.bytes().as_slice()))
        .filter(statement_uploads::ended_at.is_null());
    let Ended { statement, failure } = Ended::of(state)?;
    diesel::update(running)
        .set((
            statement_uploads::state.eq(state.name()),
            statement_uploads::statement_id.eq(statement),
            statement_uploads::failure.eq(failure),
            statement_uploads::ended_at.eq(now.naive()),
            statement_uploads::lease.eq(None::<Vec<u8>>),
            statement_uploads::lease_until.eq(None::<chrono::NaiveDateTime>),
        ))
        .execute(tx.0)?;
    delete_parts(tx, id.bytes())
}

/// Deletes files that were not whole in time.
pub fn forget_expired(
    tx: &mut LedgerTx<'_>,
    now: Moment,
    rows_max: i64,
) -> Result<usize, StoreError> {
    let ids: Vec<Vec<u8>> = statement_uploads::table
        .filter(statement_uploads::state.eq(RECEIVING))
        .filter(statement_uploads::expires_at.le(now.naive()))
        .order(statement_uploads::id)
        .limit(rows_max)
        .select(statement_uploads::id)
        .load(tx.0)?;
    for id in &ids {
        let row = statement_uploads::table
            .filter(statement_uploads::id.eq(id))
            .filter(statement_uploads::state.eq(RECEIVING));
        diesel::delete(row).execute(tx.0)?;
        delete_parts(tx, id)?;
    }
    Ok(ids.len())
}

/// Deletes what is kept of files that ended before a moment.
pub fn forget_ended(
    tx: &mut LedgerTx<'_>,
    before: Moment,
    rows_max: i64,
) -> Result<usize, StoreError> {
    let ids: Vec<Vec<u8>> = statement_uploads::table
        .filter(statement_uploads::ended_at.is_not_null())
        .filter(statement_uploads::ended_at.le(before.naive()))
        .order(statement_uploads::ended_at)
        .limit(rows_max)
        .select(statement_uploads::id)
        .load(tx.0)?;
    for id in &ids {
        diesel::delete(statement_uploads::table.find(id)).execute(tx.0)?;
    }
    Ok(ids.len())
}

/// In how many pieces a file has come until now.
pub fn pieces(db: &mut Db, id: StatementUploadId) -> Result<i64, StoreError> {
    let pieces = statement_upload_parts::table
        .filter(statement_upload_parts::upload_id.eq(id.bytes().as_slice()));
    Ok(pieces.count().get_result(db)?)
}

fn delete_parts(tx: &mut LedgerTx<'_>, id: &[u8]) -> Result<(), StoreError> {
    let parts = statement_upload_parts::table.filter(statement_upload_parts::upload_id.eq(id));
    diesel::delete(parts).execute(tx.0)?;
    Ok(())
}

/// What stands in a row about the end of a file.
#[derive(Default)]
struct Ended {
    statement: Option<Vec<u8>>,
    failure: Option<String>,
}

impl Ended {
    fn of(state: &UploadState) -> Result<Self, StoreError> {
        Ok(match state {
            UploadState::Receiving | UploadState::Waiting | UploadState::Running => Self::default(),
            UploadState::Done(id) => {
                Self { statement: Some(id.bytes().to_vec()), ..Self::default() }
            }
            UploadState::Failed(failure) => {
                let failure = serde_json::to_string(failure);
                let corrupt = |_error| StoreError::Corrupt("statement_uploads.failure");
                Self { failure: Some(failure.map_err(corrupt)?), ..Self::default() }
            }
        })
    }
}

/// How a sender is kept: its kind and its name.
fn sender(sent_by: &StatementSender) -> (&'static str, String) {
    match sent_by {
        StatementSender::Staff(id) => ("staff", id.to_string()),
        StatementSender::Partner(id) => ("partner", id.to_string()),
        StatementSender::DropFolder => ("folder", "folder".to_owned()),
    }
}

impl Row {
    fn of(upload: &StatementUpload) -> Self {
        let AnnouncedStatement { partner, period, part, length, file_name, charset, sha256 } =
            upload.announced.clone();
        let (kind, name) = sender(&upload.sent_by);
        Self {
            id: upload.id.bytes().to_vec(),
            partner_id: partner.to_string(),
            period: period.to_string(),
            part,
            file_name,
            charset,
            declared_sha256: sha256.map(|hash| hash.to_vec()),
            sent_by_kind: kind.to_owned(),
            sent_by: name,
            length,
            received: upload.received,
            state: upload.state.name().to_owned(),
            created_at: upload.created_at.naive(),
            expires_at: upload.expires_at.naive(),
            ended_at: upload.ended_at.map(Moment::naive),
            statement_id: None,
            failure: None,
        }
    }

    fn read(self) -> Result<StatementUpload, StoreError> {
        let corrupt = StoreError::Corrupt;
        let sha256 = self.declared_sha256.map(<[u8; 32]>::try_from).transpose();
        let statement = self.statement_id.map(|id| types::uuid(&id, "statement_uploads.statement"));
        let statement = statement.transpose()?.map(StatementId::from_uuid);
        let failure: Option<UploadFailure> = self
            .failure
            .map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|_bad| corrupt("statement_uploads.failure"))?;
        let state = match (self.state.as_str(), statement, failure) {
            (RECEIVING, None, None) => UploadState::Receiving,
            (WAITING, None, None) => UploadState::Waiting,
            (RUNNING, None, None) => UploadState::Running,
            ("done", Some(id), None) => UploadState::Done(id),
            ("failed", None, Some(failure)) => UploadState::Failed(failure),
            _ => return Err(corrupt("statement_uploads.state")),
        };
        let sent_by = match self.sent_by_kind.as_str() {
            "staff" => StatementSender::Staff(text(self.sent_by, "statement_uploads.sent_by")?),
            "partner" => StatementSender::Partner(types::partner(&self.sent_by)?),
            _ => return Err(corrupt("statement_uploads.sent_by_kind")),
        };
        Ok(StatementUpload {
            id: StatementUploadId::from_uuid(types::uuid(&self.id, "statement_uploads.id")?),
            announced: AnnouncedStatement {
                partner: types::partner(&self.partner_id)?,
                period: period(&self.period)?,
                part: self.part,
                length: self.length,
                file_name: self.file_name,
                charset: self.charset,
                sha256: sha256.map_err(|_length| corrupt("statement_uploads.declared_sha256"))?,
            },
            sent_by,
            received: self.received,
            state,
            created_at: types::moment(self.created_at),
            expires_at: types::moment(self.expires_at),
            ended_at: self.ended_at.map(types::moment),
        })
    }
}
