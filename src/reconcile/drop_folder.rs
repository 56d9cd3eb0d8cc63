//! A folder in which partners' statements are laid down as files, each in the folder of its partner. A
//! file that nobody writes to any more comes in by the act that all statements come in by. It is then
//! moved aside: to `taken`, or with what is wrong to `refused`. A round that is repeated, after a crash or
//! by another gateway, finds the same file to be the same statement.

use std::fs::{self, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use super::held_folder::{HeldFolder, gone_is_none, open_to_read};
use super::period::Period;
use super::refusal::ReconcileRefusal;
use super::statement::{LineProblem, StatementSender};
use super::statement_file::{FileFault, FileSource};
use super::statements::{self, HandedIn, StatementOrder, UNPACKED_BYTES_MAX};
use crate::clock::{self, Moment};
use crate::customer::PersonalKeys;
use crate::ids::{hex, sha256};
use crate::partner::{Partner, Registry};
use crate::store::{Pool, StoreError};
use crate::task::{Chore, Round, Turn};

/// The folder, and what files of it are read by.
#[derive(Clone)]
pub struct DropFolder {
    pub folder: PathBuf,
    /// How long nobody must have written to a file before it is taken.
    pub rest: TimeDelta,
    pub pool: Pool,
    pub keys: PersonalKeys,
    pub registry: Arc<Registry>,
    /// Whether the books of partners on trial are the sandbox's. Their files stay where they are.
    pub trials_are_apart: bool,
    pub zone: Tz,
    /// Bytes of a file as it comes, and unpacked.
    pub bytes_max: u64,
    pub unpacked_bytes_max: u64,
}

/// Why a file stays where it is, for now.
#[derive(Debug, thiserror::Error)]
pub enum DropFolderError {
    /// Without the name of the file, which others chose.
    #[error("the drop folder cannot be used: {0}")]
    Folder(#[from] io::Error),
    #[error("{0} is no folder")]
    NoFolder(&'static str),
    #[error(transparent)]
    Refused(#[from] ReconcileRefusal),
    #[error("the work was stopped")]
    Stopped,
}

/// What is wrong with a file, as a problem document (RFC 9457) beside the file.
#[derive(Serialize)]
struct ProblemBeside {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<LineProblem>,
}

/// A file that lies in a partner's folder, and has come to rest.
struct Found {
    file: fs::Metadata,
    /// `None`: the file is too large.
    content: Option<Vec<u8>>,
}

/// Where a partner's files are moved to.
struct Aside {
    taken: HeldFolder,
    refused: HeldFolder,
}

/// The month and the part that a file's name says.
#[derive(Debug, PartialEq, Eq)]
struct Named {
    period: Period,
    part: i64,
}

/// What came of a file.
enum Outcome {
    Taken,
    Refused(ProblemBeside),
}

const TAKEN: &str = "taken";
const REFUSED: &str = "refused";
const LOCK: &str = ".tallystick.lock";
/// How the names of files end that clients are still sending.
const UNFINISHED: [&str; 6] = [".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp"];
/// Files of one partner that one round looks at.
const FILES_MAX: usize = 1_000;
/// The longest name that a file keeps when it is moved aside, in bytes.
const NAME_BYTES_MAX: usize = 150;

impl Chore for DropFolder {
    type Error = DropFolderError;

    async fn round(&mut self, _turn: Turn) -> Result<Round, DropFolderError> {
        let folder = self.clone();
        let looked = tokio::task::spawn_blocking(move || folder.look()).await;
        looked.unwrap_or(Err(DropFolderError::Stopped))
    }
}

impl DropFolder {
    /// Takes one file of each partner.
    fn look(&self) -> Result<Round, DropFolderError> {
        let mut open = OpenOptions::new();
        let lock = open.write(true).create(true).truncate(false).open(self.folder.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => {}
            // Another gateway is at work. The lock ends with its holder, whatever happens.
            Err(TryLockError::WouldBlock) => return Ok(Round::Done),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let (mut has_taken, mut has_failed) = (false, false);
        for partner in self.registry.now().iter() {
            if self.trials_are_apart && partner.status.is_trial() {
                continue;
            }
            // A partner's folder that cannot be used holds up nobody else's.
            match self.take_first(partner) {
                Ok(taken) => has_taken |= taken,
                Err(error) => {
                    has_failed = true;
                    tracing::error!(partner = %partner.id, %error, "a drop folder cannot be used");
                }
            }
        }
        Ok(match (has_taken, has_failed) {
            (true, _) => Round::More,
            (false, true) => Round::Failed,
            (false, false) => Round::Done,
        })
    }

    /// Takes the first file of a partner that has come to rest.
    fn take_first(&self, partner: &Partner) -> Result<bool, DropFolderError> {
        let held = HeldFolder::open(&self.folder.join(partner.id.as_str()))?;
        let Some(folder) = held else { return Ok(false) };
        let found = files(&folder)?;
        if found.is_empty() {
            return Ok(false);
        }
        // Where a file could not be moved aside, none is read.
        let aside = Aside { taken: within(&folder, TAKEN)?, refused: within(&folder, REFUSED)? };
        let mut failure = None;
        for path in found {
            match self.take(partner, &aside, &path) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(false), Err)
    }

    /// Takes a file, and moves it aside; `false` when it waits.
    fn take(&self, partner: &Partner, aside: &Aside, path: &Path) -> Result<bool, DropFolderError> {
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(Found { file, content }) = self.read(path)? else { return Ok(false) };
        let (mark, outcome) = match content {
            None => {
                let most = format!("A file has at most {} bytes.", self.bytes_max);
                let what = format!("{} bytes, written at {}", file.len(), file.mtime());
                (mark(what.as_bytes()), Outcome::Refused(ProblemBeside::of(most)))
            }
            Some(content) => (mark(&content), self.import(partner, name, content)?),
        };
        let kept_name = name.filter(|name| name.len() <= NAME_BYTES_MAX).unwrap_or("file");
        let kept_name = format!("{mark}-{kept_name}");
        let partner = &partner.id;
        Ok(match outcome {
            Outcome::Taken => {
                tracing::info!(%partner, file = mark, "a statement is taken from the drop folder");
                aside.taken.take_over(&file, path, &kept_name)?
            }
            Outcome::Refused(problem) => {
                let text = serde_json::to_vec_pretty(&problem).map_err(io::Error::other)?;
                aside.refused.lay_down(&format!("{kept_name}.problem.json"), &text)?;
                tracing::warn!(%partner, file = mark, "a file of the drop folder is no statement");
                aside.refused.take_over(&file, path, &kept_name)?
            }
        })
    }

    /// Reads a file that has come to rest. `None`: somebody may still be writing to it, or it is gone.
    fn read(&self, path: &Path) -> io::Result<Option<Found>> {
        // What a link points to is nobody's statement: links are not followed.
        let Some(seen) = gone_is_none(fs::symlink_metadata(path))? else { return Ok(None) };
        let rests = |file: &fs::Metadata| {
            let written = file.modified().map(DateTime::<Utc>::from);
            written.is_ok_and(|at| Moment::from(at).plus(self.rest) <= clock::now())
        };
        if !seen.is_file() || !rests(&seen) {
            return Ok(None);
        }
        let Some(opened) = gone_is_none(open_to_read(path))? else { return Ok(None) };
        let file = opened.metadata()?;
        if !is_same(&seen, &file) {
            return Ok(None);
        }
        if file.len() > self.bytes_max {
            return Ok(Some(Found { file, content: None }));
        }
        let mut content = Vec::new();
        let most = self.bytes_max.saturating_add(1);
        (&opened).take(most).read_to_end(&mut content)?;
        let is_whole = u64::try_from(content.len()) == Ok(file.len());
        if !is_whole || !is_same(&file, &opened.metadata()?) {
            return Ok(None);
        }
        Ok(Some(Found { file, content: Some(content) }))
    }

    fn import(
        &self,
        partner: &Partner,
        name: Option<&str>,
        content: Vec<u8>,
    ) -> Result<Outcome, DropFolderError> {
        let Some(named) = name.and_then(Named::read) else {
            let expected = "A file is named by its month, and by its part where there are several: \
                            2026-10.csv, 2026-10.2.csv.gz";
            return Ok(Outcome::Refused(ProblemBeside::of(expected.to_owned())));
        };
        let order = StatementOrder {
            partner,
            period: named.period,
            part: named.part,
            file_name: name.filter(|name| !name.chars().any(char::is_control)).map(str::to_owned),
            source: FileSource::Bytes(Arc::new(content)),
            charset: None,
            zone: self.zone,
            bytes_max: self.unpacked_bytes_max.min(UNPACKED_BYTES_MAX),
        };
        let imported = statements::check(&order).and_then(|checked| {
            let at = HandedIn { keys: &self.keys, now: clock::now() };
            self.pool.with(|db| {
                statements::import(&StatementSender::DropFolder, db, &order, &checked, &at)
            })
        });
        match imported {
            Ok(_statement) => Ok(Outcome::Taken),
            Err(ReconcileRefusal::File(FileFault::Lines(problems))) => {
                let detail = FileFault::Lines(problems.clone()).to_string();
                Ok(Outcome::Refused(ProblemBeside { problems, ..ProblemBeside::of(detail) }))
            }
            Err(
                refusal @ (ReconcileRefusal::File(_)
                | ReconcileRefusal::NotMapped(_)
                | ReconcileRefusal::VersionsMany(_)
                | ReconcileRefusal::Part
                | ReconcileRefusal::MonthUnknown(_)),
            ) => Ok(Outcome::Refused(ProblemBeside::of(refusal.to_string()))),
            Err(other) => Err(other.into()),
        }
    }
}

impl ProblemBeside {
    const fn of(detail: String) -> Self {
        Self {
            kind: "/problems/statement-refused",
            title: "Unprocessable content: the file is no statement",
            detail,
            problems: Vec::new(),
        }
    }
}

impl Named {
    /// The name begins with the month; a number between the first two points is the part.
    fn read(name: &str) -> Option<Self> {
        let (month, rest) = name.split_at_checked(7)?;
        let period = Period::try_from(month).ok()?;
        let part = match rest.strip_prefix('.') {
            Some(rest) => rest.split('.').next().unwrap_or_default(),
            None if rest.is_empty() => "",
            None => return None,
        };
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        Some(Self { period, part: if is_number { part.parse().ok()? } else { 1 } })
    }
}

impl From<StoreError> for DropFolderError {
    fn from(error: StoreError) -> Self {
        Self::Refused(error.into())
    }
}

/// What may be statements in a partner's folder, in order.
fn files(folder: &HeldFolder) -> io::Result<Vec<PathBuf>> {
    let is_candidate = |path: &PathBuf| {
        let name = path.to_string_lossy().to_lowercase();
        let is_ours = name == TAKEN || name == REFUSED;
        !is_ours && !name.starts_with('.') && !UNFINISHED.iter().any(|end| name.ends_with(end))
    };
    let names = folder.names()?.filter(is_candidate).take(FILES_MAX);
    let mut found: Vec<PathBuf> = names.map(|name| folder.path(name)).collect();
    found.sort();
    Ok(found)
}

fn within(folder: &HeldFolder, name: &'static str) -> Result<HeldFolder, DropFolderError> {
    folder.within(name)?.ok_or(DropFolderError::NoFolder(name))
}

/// A prefix that tells a moved file apart from other files of the same name.
fn mark(content: &[u8]) -> String {
    hex(&sha256(content)).chars().take(12).collect()
}

/// Whether nobody has put another file in its place, or written to it.
fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    let of = |file: &fs::Metadata| {
        (file.dev(), file.ino(), file.len(), file.mtime(), file.mtime_nsec(), file.ctime_nsec())
    };
    other.is_file() && of(one) == of(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_the_month_and_the_part() {
        let read = |name: &str| Named::read(name).map(|it| (it.period.to_string(), it.part));
        let of = |part| Some(("2026-10".to_owned(), part));
        for (name, expected) in [
            ("2026-10.csv", of(1)),
            ("2026-10", of(1)),
            ("2026-10.2.csv.gz", of(2)),
            ("2026-10.xlsx", of(1)),
            ("2026-10.400.zip", of(400)),
            ("2026-10.99999999999999999999.csv", None),
            ("2026-13.csv", None),
            ("2026-1.csv", None),
            ("2026-10-31.csv", None),
            ("../../2026-10.csv", None),
            ("日报2026-10.csv", None),
            ("", None),
        ] {
            assert_eq!(read(name), expected, "{name}");
        }
    }
}
