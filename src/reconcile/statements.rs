//! A partner's statement comes in. Its controls hold before any line is kept. The same file again is
//! the same statement; another file for the same part is a new version beside the old.

use chrono::Days;
use chrono_tz::Tz;

use super::period::Period;
use super::refusal::ReconcileRefusal;
use super::statement::{PARTS_MAX, Statement, StatementLine, StatementSender, StatementState};
use super::statement_file::{CheckedFile, FileFault, FileReading, FileSource, NextLine};
use super::statement_original::{self, Original};
use crate::clock::{self, Moment};
use crate::customer::PersonalKeys;
use crate::ids::{PartnerId, StatementId};
use crate::intake::Charset;
use crate::partner::Partner;
use crate::store::statements::PartOf;
use crate::store::{Db, LedgerTx, StoreError, statements};

/// A file, and what it is said to be.
pub struct StatementOrder<'a> {
    pub partner: &'a Partner,
    pub period: Period,
    /// Counted from 1, where a month comes in several files.
    pub part: i64,
    pub file_name: Option<String>,
    pub source: FileSource,
    pub charset: Option<Charset>,
    pub zone: Tz,
    /// Bytes of the file, unpacked.
    pub bytes_max: u64,
}

/// When a file comes in, and the keys by which its bytes are sealed.
pub struct HandedIn<'a> {
    pub keys: &'a PersonalKeys,
    pub now: Moment,
}

/// What became of a file.
pub enum Imported {
    New(Statement),
    /// The same file had come for the same part.
    Before(Statement),
}

impl<'a> StatementOrder<'a> {
    fn reading(&self) -> Result<FileReading<'a>, ReconcileRefusal> {
        let map = self.partner.statement.as_ref();
        let map = map.ok_or_else(|| ReconcileRefusal::NotMapped(self.partner.id.clone()))?;
        let Self { charset, zone, period, bytes_max, .. } = *self;
        Ok(FileReading { map, charset, zone, period, bytes_max })
    }
}

/// Maximum bytes, once it is unpacked, of a file that does not come by command.
pub const UNPACKED_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Other files for the same part that may come in at the same time.
const OTHERS_MAX: usize = 50;
/// Lines that are kept in one transaction. Others write between them.
const LINES_AT_ONCE: usize = 2_000;

/// A partner's statements, newest first, before the last one of the page before.
///
/// # Errors
/// The store's.
pub fn list(
    db: &mut Db,
    partner: &PartnerId,
    before: Option<(Moment, StatementId)>,
    rows_max: i64,
) -> Result<Vec<Statement>, ReconcileRefusal> {
    Ok(statements::page(db, partner, before, rows_max)?)
}

/// Reads a file and holds it against its controls. It needs no database, and may take long.
///
/// # Errors
/// [`ReconcileRefusal::File`] with the lines; [`ReconcileRefusal::MonthUnknown`].
pub fn check(order: &StatementOrder<'_>) -> Result<CheckedFile, ReconcileRefusal> {
    if !(1..=PARTS_MAX).contains(&order.part) {
        return Err(ReconcileRefusal::Part);
    }
    // The month may have begun already for partners east of us: one day more is allowed.
    let tomorrow = clock::now().utc().date_naive().checked_add_days(Days::new(1));
    let last = order.partner.listed.until.map(Period::of);
    let is_listed = order.period >= Period::of(order.partner.listed.from)
        && last.is_none_or(|last| order.period <= last);
    if !is_listed || tomorrow.is_some_and(|tomorrow| order.period > Period::of(tomorrow)) {
        return Err(ReconcileRefusal::MonthUnknown(order.period));
    }
    Ok(order.source.check(order.reading()?)?)
}

/// Takes a checked file in. After a failure in the middle the same file goes on where it was.
///
/// # Errors
/// [`ReconcileRefusal::File`] where the file has changed since; nothing more is kept then.
/// [`ReconcileRefusal::VersionsMany`].
pub fn import(
    who: &StatementSender,
    db: &mut Db,
    order: &StatementOrder<'_>,
    checked: &CheckedFile,
    at: &HandedIn<'_>,
) -> Result<Imported, ReconcileRefusal> {
    let lines = i64::try_from(checked.lines).unwrap_or(i64::MAX);
    let new = Statement {
        id: StatementId::random(),
        partner: order.partner.id.clone(),
        period: order.period,
        part: order.part,
        version: 1,
        sha256: checked.sha256,
        file_name: order.file_name.clone(),
        charset: checked.charset.name().to_owned(),
        packed: checked.packed,
        state: StatementState::Loading,
        lines,
        imported_by: who.name(),
        imported_at: at.now,
    };
    let mut statement = db.write(|tx| find_or_keep(who, tx, &new))?;
    if statement.state == StatementState::Ready {
        return Ok(Imported::Before(statement));
    }
    let (source, sha256) = (&order.source, &checked.sha256);
    let original = Original { id: statement.id, source, sha256, now: at.now };
    statement_original::keep(db, at.keys, &original)?;
    let reading = FileReading { charset: Some(checked.charset), ..order.reading()? };
    load(db, statement.id, &checked.text, reading)?;
    db.write(|tx| statements::set_ready(tx, statement.id))?;
    statement.state = StatementState::Ready;
    Ok(Imported::New(statement))
}

fn find_or_keep(
    who: &StatementSender,
    tx: &mut LedgerTx<'_>,
    new: &Statement,
) -> Result<Statement, ReconcileRefusal> {
    let of = PartOf { partner: &new.partner, period: new.period, part: new.part };
    if let Some(before) = statements::same_file(tx.db(), of, &new.sha256)? {
        return Ok(before);
    }
    // Others may be first, with this file or with other ones.
    for _other in 0..OTHERS_MAX {
        let version = statements::next_version(tx.db(), of)?;
        if version > who.versions_max() {
            return Err(ReconcileRefusal::VersionsMany(who.versions_max()));
        }
        let statement = Statement { version, ..new.clone() };
        if statements::insert(tx, &statement)? {
            return Ok(statement);
        }
        if let Some(before) = statements::same_file(tx.db(), of, &new.sha256)? {
            return Ok(before);
        }
    }
    Err(StoreError::Exhausted.into())
}

fn load(
    db: &mut Db,
    id: StatementId,
    source: &FileSource,
    reading: FileReading<'_>,
) -> Result<(), ReconcileRefusal> {
    let kept = statements::last_line(db, id)?.unwrap_or(0);
    let mut lines = source.lines(reading)?;
    let mut group: Vec<StatementLine> = Vec::with_capacity(LINES_AT_ONCE);
    loop {
        let is_end = match lines.next_line()? {
            NextLine::Line(line) if line.number > kept => {
                group.push(line);
                false
            }
            NextLine::Line(_) | NextLine::Passed => false,
            // The file was whole a moment ago.
            NextLine::Problem(problem) => return Err(FileFault::Lines(vec![problem]).into()),
            NextLine::End => true,
        };
        if is_end || group.len() >= LINES_AT_ONCE {
            let is_loading = db.write(|tx| keep(tx, id, &group))?;
            group.clear();
            if is_end || !is_loading {
                return Ok(());
            }
        }
    }
}

/// `false`: another gateway has ended the same file.
fn keep(
    tx: &mut LedgerTx<'_>,
    id: StatementId,
    lines: &[StatementLine],
) -> Result<bool, StoreError> {
    let now = statements::get(tx.db(), id)?;
    let is_loading = now.is_some_and(|it| it.state == StatementState::Loading);
    if is_loading {
        statements::insert_lines(tx, id, lines)?;
    }
    Ok(is_loading)
}
