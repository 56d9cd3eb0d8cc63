//! Takes up changes below `partners/` while requests go on: all of them, or none. Each change, taken
//! up or refused, is recorded with its whole text. Every gateway on a database reads its own copy of
//! the folder; it does not matter which one is first.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::kind::PartnerKind;
use super::registry::{Partners, Registry, RegistryError, manifests, partner_of};
use super::revision::rewritten;
use super::rules::programme::Programme;
use crate::clock::{self, Moment};
use crate::ids::PartnerId;
use crate::partner::{Partner, Status};
use crate::store::partners::{self, Change};
use crate::store::{Db, Pool, StoreError, conformance, events};
use crate::task::{Chore, Round, Turn, Wake};

/// Why the folder is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Start,
    File,
    Signal,
}

/// Why a change is not taken up. The partners stay as they were.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    #[error(transparent)]
    Unreadable(#[from] RegistryError),
    #[error("{}", .0.join("; "))]
    Refused(Vec<String>),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The watch over the folder: looks for changed files at each round, and reads the folder at once
/// when it is poked.
pub struct Reloader {
    registry: Arc<Registry>,
    pool: Pool,
    zone: Tz,
    /// The files at the last look.
    seen: Looks,
    /// The files when they were last read.
    taken: Looks,
}

/// The name under which faults of the folder as a whole are recorded.
const FOLDER: &str = "(folder)";

impl Cause {
    const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::File => "file",
            Self::Signal => "signal",
        }
    }
}

impl Reloader {
    /// The first look counts as a change, so that nothing since the start is missed.
    #[must_use]
    pub const fn new(registry: Arc<Registry>, pool: Pool, zone: Tz) -> Self {
        Self { registry, pool, zone, seen: Looks::new(), taken: Looks::new() }
    }
}

impl Chore for Reloader {
    type Error = Infallible;

    async fn round(&mut self, turn: Turn) -> Result<Round, Infallible> {
        let found = look(&self.registry).await;
        if turn.wake == Wake::AtOnce {
            self.seen = found;
            return Ok(Round::Done);
        }
        // A file that is still being written looks different at the next look.
        let settled = found == self.seen;
        self.seen = found;
        let cause = if turn.wake == Wake::Poke { Cause::Signal } else { Cause::File };
        if cause == Cause::File && (!settled || self.seen == self.taken) {
            return Ok(Round::Done);
        }
        self.taken.clone_from(&self.seen);
        // What is refused is refused until a file changes; the watch itself goes on.
        let in_force = run(&self.registry, &self.pool, self.zone, cause).await;
        Ok(if in_force { Round::Done } else { Round::Failed })
    }
}

/// Path, time of change and length of each file.
type Looks = Vec<(PathBuf, Option<SystemTime>, u64)>;

async fn look(registry: &Arc<Registry>) -> Looks {
    let registry = Arc::clone(registry);
    tokio::task::spawn_blocking(move || looks_of(registry.folder())).await.unwrap_or_default()
}

fn looks_of(folder: &Path) -> Looks {
    let mut files = manifests(folder).unwrap_or_default();
    files.push(folder.join(Programme::FILE));
    let looks = files.into_iter().filter_map(|path| {
        let data = path.metadata().ok()?;
        Some((path, data.modified().ok(), data.len()))
    });
    looks.collect()
}

/// Reads the folder, and returns whether the result is in force.
async fn run(registry: &Arc<Registry>, pool: &Pool, zone: Tz, cause: Cause) -> bool {
    let (registry, pool) = (Arc::clone(registry), pool.clone());
    let work = move || pool.with(|db| reload(db, &registry, zone, cause));
    let done = tokio::task::spawn_blocking(work).await;
    match &done {
        Ok(Ok(0)) => tracing::info!("the partners are as they were"),
        Ok(Ok(changes)) => tracing::info!(changes, "the partners' changes are in force"),
        Ok(Err(error)) => tracing::error!(%error, "the partners stay as they were"),
        Err(error) => tracing::error!(%error, "a reading of the partners was lost"),
    }
    matches!(done, Ok(Ok(_)))
}

/// Reads the folder, and takes up the changes. Returns the number of changed files.
///
/// # Errors
/// [`ReloadError`]: the registry is as before.
pub fn reload(
    db: &mut Db,
    registry: &Registry,
    zone: Tz,
    cause: Cause,
) -> Result<usize, ReloadError> {
    match Partners::read(registry.folder()) {
        Ok(found) => take_up(db, registry, found, zone, cause),
        Err(error) => {
            record_unreadable(db, registry.folder(), &error, cause)?;
            Err(error.into())
        }
    }
}

/// Takes up the partners that were read.
///
/// # Errors
/// [`ReloadError::Refused`] with all reasons.
pub fn take_up(
    db: &mut Db,
    registry: &Registry,
    found: Partners,
    zone: Tz,
    cause: Cause,
) -> Result<usize, ReloadError> {
    let now = clock::now();
    let compared = db.write(|tx| {
        let known = partners::latest(tx.db())?;
        let mut changes = Vec::new();
        let mut against = Vec::new();
        if let Some(why) = against_mixture(tx.db(), registry, &found, &known)? {
            changes.push(folder_change(&known, why.clone(), cause, now));
            against.push(why);
        }
        let files = found.texts().keys().chain(known.keys());
        let files: std::collections::BTreeSet<&String> = files.collect();
        for file in files.into_iter().filter(|file| *file != FOLDER) {
            let (before, last) = match known.get(file) {
                Some((before, last)) => (before.as_ref(), Some(last)),
                None => (None, None),
            };
            let after = found.texts().get(file);
            if before.and_then(|before| before.content.as_ref()) == after {
                continue;
            }
            let change = Change {
                file: file.clone(),
                number: last.map_or(1, |last| last.number.saturating_add(1)),
                recorded_at: now,
                cause: cause.name().to_owned(),
                status: found.of_file(file).map(|partner| partner.status),
                content: after.cloned(),
                reasons: against_change(tx.db(), file, before, &found, now.day_in(zone))?
                    .join("; "),
            };
            if !change.reasons.is_empty() {
                against.push(format!("{file}: {}", change.reasons));
            }
            let told = last.is_some_and(|last| {
                last.content == change.content && last.reasons == change.reasons
            });
            changes.push((change, told));
        }
        let refused = !against.is_empty();
        // When the folder is refused, only the reasons are stored, and each reason once.
        changes.retain(|(change, told)| !refused || (!change.reasons.is_empty() && !told));
        let changes: Vec<Change> = changes.into_iter().map(|(change, _told)| change).collect();
        partners::insert(tx, &changes)?;
        Ok::<_, StoreError>((changes.len(), against))
    })?;
    let (changed, against) = compared;
    if !against.is_empty() {
        return Err(ReloadError::Refused(against));
    }
    registry.replace(found);
    Ok(changed)
}

/// The reasons against a change of a file.
fn against_change(
    db: &mut Db,
    file: &str,
    before: Option<&Change>,
    found: &Partners,
    today: chrono::NaiveDate,
) -> Result<Vec<String>, StoreError> {
    let (Some(id), Some(before)) = (partner_of(file), before) else { return Ok(Vec::new()) };
    let (Some(was), Some(text)) = (before.status, before.content.as_deref()) else {
        return Ok(against_return(db, file, found.get(&id).map(|partner| partner.status))?
            .into_iter()
            .collect());
    };
    let Some(after) = found.get(&id) else {
        let gone = was == Status::Closed || was.is_trial();
        let why = format!("the partner is {was}: only one that is closed may be taken away");
        return Ok(if gone { Vec::new() } else { vec![why] });
    };
    let mut against = Vec::new();
    let suspended_from = match was {
        Status::Suspended => partners::last_status_but(db, file, Status::Suspended)?,
        _ => None,
    };
    if !after.status.may_follow(was, suspended_from) {
        against.push(does_not_follow(after.status, was, &was.next_after(suspended_from)));
    } else if after.status != was {
        against.extend(unsettled(db, &id, after.status)?);
        // Nobody logs in as the bank itself, so the kit cannot walk for it.
        let logs_in = after.kind != PartnerKind::Bank;
        if logs_in && (was, after.status) == (Status::Sandbox, Status::Conformant) {
            against.extend(unproven(db, &id)?);
        }
    }
    // A rule that this version refuses must be rewritten.
    let was_in_order = Partner::parse(text, file, id.as_str(), found.programme()).is_ok();
    if !was.is_trial() && was_in_order {
        let now = found.texts().get(file).map_or("", String::as_str);
        against.extend(rewritten(text, now, today));
    }
    Ok(against)
}

fn does_not_follow(status: Status, was: Status, next: &[Status]) -> String {
    let next: Vec<&str> = next.iter().map(|status| status.name()).collect();
    let next = if next.is_empty() { "nothing".to_owned() } else { next.join(", ") };
    format!("{status} does not follow {was}: expected {next}")
}

/// The reason against a partner that comes back after its folder was taken away: it goes on from
/// where it was, or begins from the beginning.
fn against_return(
    db: &mut Db,
    file: &str,
    status: Option<Status>,
) -> Result<Option<String>, StoreError> {
    let was = partners::last_status_but(db, file, Status::Suspended)?;
    let (Some(status), Some(was)) = (status, was) else { return Ok(None) };
    let first = [Status::Applied, Status::Listed];
    if status == was || first.contains(&status) || (was.is_trial() && status == Status::Sandbox) {
        return Ok(None);
    }
    let next = [&first[..], &[was]].concat();
    Ok(Some(does_not_follow(status, was, &next)))
}

/// What is not settled yet, though it must be before a partner moves to a status.
fn unsettled(db: &mut Db, id: &PartnerId, to: Status) -> Result<Option<String>, StoreError> {
    Ok(match to {
        Status::Drained => match partners::holds_open(db, id)? {
            0 => None,
            open => Some(format!("{open} of its holds are open: they end, or time out, first")),
        },
        Status::Settled => match partners::accounts_open(db, id)? {
            0 => None,
            open => Some(format!("{open} accounts between it and the bank are not at zero")),
        },
        _ => None,
    })
}

/// How long a passed run of the conformance kit counts.
const PASS_DAYS: i64 = 90;

/// The reason why a partner is not conformant, if there is one.
fn unproven(db: &mut Db, id: &PartnerId) -> Result<Option<String>, StoreError> {
    let from = clock::now().minus(TimeDelta::days(PASS_DAYS));
    let run = match conformance::last_since(db, id, from)? {
        Some(true) => return Ok(None),
        Some(false) => "the last run of the conformance kit failed".to_owned(),
        None => format!("the conformance kit has not passed in the last {PASS_DAYS} days"),
    };
    Ok(Some(format!("{run}: tallystick partners conform {id} --record")))
}

type Known = BTreeMap<String, (Option<Change>, Change)>;

/// The reason why these partners cannot share the books, if there is one: trial and real events
/// never meet in one ledger.
fn against_mixture(
    db: &mut Db,
    registry: &Registry,
    found: &Partners,
    known: &Known,
) -> Result<Option<String>, StoreError> {
    let on_trial = |status: Status| matches!(status, Status::Sandbox | Status::Conformant);
    let first = |is: &dyn Fn(Status) -> bool| found.iter().find(|partner| is(partner.status));
    let (trial, real) = (first(&on_trial), first(&Status::is_real));
    let ever_real = partners::ever_real(db)?;
    if let Some(trial) = trial.filter(|_it| !registry.has_separate_sandbox()) {
        let real = match real {
            Some(real) => format!("{} is {}", real.id, real.status),
            None if ever_real => "its database holds events of real partners".to_owned(),
            None => return Ok(None),
        };
        return Ok(Some(format!(
            "{} is on trial ({}), and {real}: they never share books. Set sandbox.database_url \
             to a database for the partners on trial",
            trial.id, trial.status
        )));
    }
    let taken = known.values().filter_map(|(taken, _last)| taken.as_ref()?.status);
    let was_sandbox = !ever_real && taken.into_iter().any(on_trial);
    let Some(real) = real.filter(|_it| was_sandbox) else { return Ok(None) };
    Ok(events::any(db)?.then(|| {
        format!(
            "{} is {}, and the database holds events of partners on trial: give the real books \
             another database (database_url), and this one to sandbox.database_url",
            real.id, real.status
        )
    }))
}

/// The record that the folder as a whole is refused, and whether it is recorded already.
fn folder_change(known: &Known, reasons: String, cause: Cause, now: Moment) -> (Change, bool) {
    let last = known.get(FOLDER).map(|(_taken, last)| last);
    let told = last.is_some_and(|last| last.reasons == reasons);
    let number = last.map_or(1, |last| last.number.saturating_add(1));
    let (file, cause) = (FOLDER.to_owned(), cause.name().to_owned());
    let (status, content) = (None, None);
    (Change { file, number, recorded_at: now, cause, status, content, reasons }, told)
}

fn record_unreadable(
    db: &mut Db,
    folder: &Path,
    error: &RegistryError,
    cause: Cause,
) -> Result<(), StoreError> {
    let now: Moment = clock::now();
    let mut reasons = error.to_string();
    if let RegistryError::Unreadable { source, .. } = error {
        reasons = format!("{reasons}: {source}");
    }
    let reasons = reasons.replace(&format!("{}/", folder.display()), "");
    db.write(|tx| {
        let known = partners::latest(tx.db())?;
        let (change, told) = folder_change(&known, reasons, cause, now);
        if told { Ok(()) } else { partners::insert(tx, &[change]) }
    })
}
