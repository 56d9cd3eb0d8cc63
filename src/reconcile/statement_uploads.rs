//! A statement that comes in parts: begun, received, given up. Each part is sealed before it is kept. A
//! file that is whole comes in by the act that all statements come in by, on whichever gateway.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::refusal::ReconcileRefusal;
use super::statement::{PARTS_MAX, Statement, StatementSender};
use super::statement_file::{FileFault, FileSource};
use super::statement_upload::{AnnouncedStatement, StatementUpload, UploadFailure, UploadState};
use super::statements::{self, HandedIn, Imported, StatementOrder, UNPACKED_BYTES_MAX};
use crate::books::Books;
use crate::clock;
use crate::customer::PersonalKeys;
use crate::ids::{LeaseId, PartKey, PartnerId, StatementUploadId, sha256};
use crate::intake::Charset;
use crate::partner::Registry;
use crate::store::statement_uploads::{self, UploadClaim};
use crate::store::{LedgerTx, Pool, StoreError};
use crate::task::{Chore, Round, Turn};

/// How long a file may take to become whole.
const EXPIRES_AFTER: TimeDelta = TimeDelta::hours(24);
/// Files of one partner that are not whole, or wait to be taken in: of its own, and of staff for it.
const OPEN_MAX: i64 = 20;
/// How soon a file that could not go on is tried again.
const AGAIN_AFTER: TimeDelta = TimeDelta::seconds(5);
/// How long an upload that has ended is remembered. The statement itself stays.
const KEPT_AFTER_END: TimeDelta = TimeDelta::days(30);
/// Uploads that are forgotten in one transaction.
const FORGOTTEN_MAX: i64 = 20;
/// Minimum size of a piece of a file, in bytes. A bounded number of pieces may be smaller.
const PIECE_BYTES_MIN: i64 = 64 * 1024;
/// Pieces of a file that may be smaller: the last one, and what comes when connections break.
const SMALL_PIECES_MAX: i64 = 200;

/// Where files are kept.
#[derive(Clone, Copy)]
pub struct StatementShelf<'a> {
    pub books: &'a Books,
    pub keys: &'a PersonalKeys,
    /// Maximum size of a file, in bytes.
    pub file_bytes_max: i64,
}

/// Why an upload does not go on.
#[derive(Debug, thiserror::Error)]
pub enum UploadRefusal {
    #[error("there is no such upload")]
    Unknown,
    #[error("a file must be whole within 24 hours")]
    Expired,
    #[error("the part is a number from 1 to 400")]
    Part,
    #[error("a file has at least one byte")]
    Empty,
    #[error("a file has at most {0} bytes")]
    FileTooLarge(i64),
    #[error("the file comes in too many small pieces: send 65536 bytes or more at once")]
    PieceTooSmall,
    #[error("that is more than the file was to have")]
    TooLarge,
    #[error("a partner has at most 20 uploads open")]
    TooMany,
    #[error("another request has gone on with the file")]
    Overtaken,
    #[error("the file is whole, and is taken in")]
    Whole,
    #[error(transparent)]
    Reconcile(#[from] ReconcileRefusal),
}

impl From<StoreError> for UploadRefusal {
    fn from(error: StoreError) -> Self {
        Self::Reconcile(error.into())
    }
}

/// The record that a part is sealed for, so that no part can stand in the place of another.
#[must_use]
pub fn part_key(id: StatementUploadId, start: i64) -> PartKey {
    PartKey::of_name(&["statement upload", &id.to_string(), &start.to_string()])
}

/// Begins an upload.
///
/// # Errors
/// [`UploadRefusal::Part`], [`UploadRefusal::Empty`], [`UploadRefusal::FileTooLarge`],
/// [`UploadRefusal::TooMany`].
pub async fn begin(
    who: &StatementSender,
    shelf: StatementShelf<'_>,
    announced: AnnouncedStatement,
) -> Result<StatementUpload, UploadRefusal> {
    if !(1..=PARTS_MAX).contains(&announced.part) {
        return Err(UploadRefusal::Part);
    }
    if announced.length > shelf.file_bytes_max {
        return Err(UploadRefusal::FileTooLarge(shelf.file_bytes_max));
    }
    if announced.length == 0 {
        return Err(UploadRefusal::Empty);
    }
    let now = clock::now();
    let upload = StatementUpload {
        id: StatementUploadId::random(),
        announced,
        sent_by: who.clone(),
        received: 0,
        state: UploadState::Receiving,
        created_at: now,
        expires_at: now.plus(EXPIRES_AFTER),
        ended_at: None,
    };
    let begun = move |tx: &mut LedgerTx<'_>| {
        if statement_uploads::open(tx.db(), &upload.announced.partner, &upload.sent_by, now)?
            >= OPEN_MAX
        {
            return Err(UploadRefusal::TooMany);
        }
        statement_uploads::insert(tx, &upload)?;
        Ok(upload)
    };
    shelf.books.write_or(begun).await
}

/// Finds an upload. A partner finds its own; staff find all of their books.
///
/// # Errors
/// [`UploadRefusal::Unknown`], [`UploadRefusal::Expired`].
pub async fn find(
    who: &StatementSender,
    books: &Books,
    id: StatementUploadId,
) -> Result<StatementUpload, UploadRefusal> {
    let found = books.ask(move |db| statement_uploads::get(db, id)).await?;
    let is_theirs = |found: &StatementUpload| match who {
        StatementSender::Partner(_) => found.sent_by == *who,
        StatementSender::Staff(_) | StatementSender::DropFolder => true,
    };
    let found = found.filter(is_theirs).ok_or(UploadRefusal::Unknown)?;
    if !found.is_whole() && found.expires_at <= clock::now() {
        return Err(UploadRefusal::Expired);
    }
    Ok(found)
}

/// Adds a part to the end of a file that the caller has begun.
///
/// # Errors
/// [`UploadRefusal::TooLarge`], [`UploadRefusal::PieceTooSmall`], [`UploadRefusal::Overtaken`].
pub async fn keep(
    upload: &mut StatementUpload,
    shelf: StatementShelf<'_>,
    part: Vec<u8>,
) -> Result<(), UploadRefusal> {
    if part.is_empty() {
        return Ok(());
    }
    let (id, start) = (upload.id, upload.received);
    let end = i64::try_from(part.len()).ok().and_then(|bytes| start.checked_add(bytes));
    let end = end.filter(|end| *end <= upload.announced.length).ok_or(UploadRefusal::TooLarge)?;
    let keys = shelf.keys.clone();
    let seal = move || keys.seal(part_key(id, start).bytes(), &part);
    let sealed = tokio::task::spawn_blocking(seal).await;
    let sealed = sealed.map_err(|_stopping| StoreError::Exhausted)?;
    let sealed = sealed.map_err(ReconcileRefusal::from)?;
    let now = clock::now();
    let is_small = end.saturating_sub(start) < PIECE_BYTES_MIN && end < upload.announced.length;
    let kept = move |tx: &mut LedgerTx<'_>| {
        if is_small && statement_uploads::pieces(tx.db(), id)? >= pieces_max(start) {
            return Err(UploadRefusal::PieceTooSmall);
        }
        if !statement_uploads::append(tx, id, start..end, &sealed, now)? {
            return Err(UploadRefusal::Overtaken);
        }
        Ok(())
    };
    shelf.books.write_or(kept).await?;
    upload.received = end;
    if end == upload.announced.length {
        shelf.books.statements_waiting.notify_one();
    }
    Ok(())
}

/// In how many pieces what has come of a file may have come, so that more of them may be small.
const fn pieces_max(received: i64) -> i64 {
    (received / PIECE_BYTES_MIN).saturating_add(SMALL_PIECES_MAX)
}

/// Gives an upload up, with all that was kept of it.
///
/// # Errors
/// [`UploadRefusal::Whole`].
pub async fn remove(upload: &StatementUpload, books: &Books) -> Result<(), UploadRefusal> {
    let id = upload.id;
    let removed = books.write(move |tx| statement_uploads::remove(tx, id)).await?;
    if removed { Ok(()) } else { Err(UploadRefusal::Whole) }
}

/// A whole file that this gateway has for itself.
struct ClaimedUpload {
    upload: StatementUpload,
    lease: LeaseId,
}

/// The chore that takes whole files in.
#[derive(Clone)]
pub struct StatementIntake {
    pub pool: Pool,
    pub keys: PersonalKeys,
    pub registry: Arc<Registry>,
    pub zone: Tz,
    /// How long a gateway has a file for itself.
    pub lease: Duration,
    /// Bytes of a file, unpacked.
    pub unpacked_bytes_max: u64,
    /// Whose file was taken last. The next one is another partner's, if one waits.
    pub last: Option<PartnerId>,
}

impl Chore for StatementIntake {
    type Error = ReconcileRefusal;

    async fn round(&mut self, _turn: Turn) -> Result<Round, ReconcileRefusal> {
        let intake = self.clone();
        let claimed = tokio::task::spawn_blocking(move || intake.claim_next()).await;
        let Some(claim) = claimed.unwrap_or(Err(StoreError::Exhausted))? else {
            return Ok(Round::Done);
        };
        self.last = Some(claim.upload.announced.partner.clone());
        let intake = self.clone();
        let done = tokio::task::spawn_blocking(move || intake.take_in(&claim)).await;
        done.unwrap_or(Err(StoreError::Exhausted))?;
        Ok(Round::More)
    }
}

impl StatementIntake {
    fn claim_next(&self) -> Result<Option<ClaimedUpload>, StoreError> {
        let (lease, now) = (LeaseId::random(), clock::now());
        let until = now.plus(TimeDelta::from_std(self.lease).unwrap_or(TimeDelta::minutes(1)));
        let claim = UploadClaim { lease, now, until, after: self.last.as_ref() };
        let claimed = self.pool.with(|db| {
            db.write(|tx| {
                statement_uploads::forget_expired(tx, now, FORGOTTEN_MAX)?;
                statement_uploads::forget_ended(tx, now.minus(KEPT_AFTER_END), FORGOTTEN_MAX)?;
                statement_uploads::claim(tx, &claim)
            })
        })?;
        Ok(claimed.map(|upload| ClaimedUpload { upload, lease }))
    }

    fn take_in(&self, claimed: &ClaimedUpload) -> Result<(), StoreError> {
        let ClaimedUpload { upload, lease } = claimed;
        let (id, partner) = (upload.id, &upload.announced.partner);
        let ended = match self.take(upload) {
            Ok(statement) => {
                tracing::info!(upload = %id, %partner, "a statement is taken in");
                UploadState::Done(statement.id)
            }
            // The reason may quote the file, which is not for the log.
            Err(refusal) => match failure(&refusal) {
                Some(failure) => {
                    tracing::warn!(upload = %id, %partner, "the file is no statement; the upload says why");
                    UploadState::Failed(failure)
                }
                None => {
                    let from = clock::now().plus(AGAIN_AFTER);
                    // The others go on meanwhile.
                    tracing::error!(upload = %id, %partner, error = %refusal, "a whole file waits");
                    return self.write(|tx| statement_uploads::release(tx, id, *lease, from));
                }
            },
        };
        self.write(|tx| statement_uploads::close(tx, id, &ended, clock::now()))
    }

    fn write(
        &self,
        change: impl FnOnce(&mut LedgerTx<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.pool.with(|db| db.write(change))
    }

    fn take(&self, upload: &StatementUpload) -> Result<Statement, ReconcileRefusal> {
        let AnnouncedStatement { partner, period, part, file_name, charset, .. } =
            &upload.announced;
        let known = self.registry.get(partner);
        let known = known.ok_or_else(|| ReconcileRefusal::PartnerUnknown(partner.clone()))?;
        let content = self.content(upload)?;
        if upload.announced.sha256.is_some_and(|declared| declared != sha256(&content)) {
            return Err(FileFault::NotDeclared.into());
        }
        let order = StatementOrder {
            partner: &known,
            period: *period,
            part: *part,
            file_name: file_name.clone(),
            source: FileSource::Bytes(Arc::new(content)),
            charset: charset.as_deref().and_then(Charset::by_name),
            zone: self.zone,
            bytes_max: self.unpacked_bytes_max.min(UNPACKED_BYTES_MAX),
        };
        let checked = statements::check(&order)?;
        let at = HandedIn { keys: &self.keys, now: clock::now() };
        let import = |db: &mut _| statements::import(&upload.sent_by, db, &order, &checked, &at);
        Ok(match self.pool.with(import)? {
            Imported::New(statement) | Imported::Before(statement) => statement,
        })
    }

    fn content(&self, upload: &StatementUpload) -> Result<Vec<u8>, ReconcileRefusal> {
        let (id, length) = (upload.id, upload.announced.length);
        let mut content = Vec::new();
        loop {
            let start = i64::try_from(content.len()).unwrap_or(i64::MAX);
            if start >= length {
                return Ok(content);
            }
            let found = self.pool.with(|db| statement_uploads::read_part(db, id, start))?;
            let sealed = found.ok_or(StoreError::Corrupt("statement_upload_parts"))?;
            content.extend(self.keys.open(part_key(id, start).bytes(), &sealed)?);
        }
    }
}

/// What is wrong with a file. `None`: nothing; it is tried again.
fn failure(refusal: &ReconcileRefusal) -> Option<UploadFailure> {
    let problems = match refusal {
        ReconcileRefusal::File(FileFault::Lines(problems)) => problems.clone(),
        ReconcileRefusal::File(_)
        | ReconcileRefusal::NotMapped(_)
        | ReconcileRefusal::PartnerUnknown(_)
        | ReconcileRefusal::VersionsMany(_)
        | ReconcileRefusal::Part
        | ReconcileRefusal::MonthUnknown(_) => Vec::new(),
        _ => return None,
    };
    Some(UploadFailure { detail: refusal.to_string(), problems })
}
