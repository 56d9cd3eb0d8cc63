//! Takes uploaded files in, on whichever gateway: under a lease, in bounded groups through the
//! writer, each of which is noted with how far the file is. Whoever takes over goes on there; what
//! was recorded and not yet noted is found as recorded before, because every line is an event with
//! an id.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::charset::Charset;
use super::lines::{IntakeError, Line, Lines};
use super::record::{is_ours, record};
use super::rejects::Rejects;
use super::scan::scan;
use super::stored_file::StoredFile;
pub use super::stored_file::part_key;
use super::unpack::unpack;
use crate::clock;
use crate::customer::PersonalKeys;
use crate::customer::personal::SealError;
use crate::event::FingerprintKey;
use crate::ids::{ImportId, LeaseId};
use crate::partner::Registry;
use crate::store::imports::{self, Claim, Import, Progress};
use crate::store::{Pool, StoreError};
use crate::task::{self, Stop, Task};
use crate::writer::{WriteError, Writer};

/// What the intake works with.
pub struct IntakeSettings {
    pub pool: Pool,
    pub keys: PersonalKeys,
    pub fingerprint: FingerprintKey,
    pub registry: Arc<Registry>,
    pub writer: Writer,
    /// How long a file that is taken in is nobody else's, unless more of it is done meanwhile.
    pub lease: Duration,
    /// Bytes of a file, unpacked.
    pub bytes_max: u64,
}

/// Files taken in at once by one gateway, each of another partner.
const AT_ONCE: usize = 4;
/// Lines in one hand-over to the writer, which serves partners in turn by such groups.
const LINES_AT_ONCE: usize = 200;
/// How often it looks without being poked: for what others left.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How soon a file is tried again that could not go on.
const AGAIN_AFTER: TimeDelta = TimeDelta::seconds(5);
/// How long lines that were not taken can be fetched.
const REJECTS_KEPT: TimeDelta = TimeDelta::days(30);
/// What is forgotten at once.
const FORGOTTEN_MAX: i64 = 100;

/// Why a file is not done.
#[derive(Debug, thiserror::Error)]
enum Undone {
    /// It never will be, with this file and this manifest.
    #[error("{0}")]
    Failed(String),
    /// Another gateway has it.
    #[error("the lease had ended")]
    Lost,
    /// This gateway is going down.
    #[error("the service is stopping")]
    Stopping,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Seal(#[from] SealError),
}

struct Worker {
    settings: IntakeSettings,
    lease: TimeDelta,
    stop: Stop,
}

type FileLines = Lines<Box<dyn Read + Send>>;

/// Starts it, until it is stopped. It is poked when a file has become whole.
#[must_use]
pub fn start(name: &'static str, settings: IntakeSettings, waiting: Arc<Notify>) -> Task {
    let lease = TimeDelta::from_std(settings.lease).unwrap_or(TimeDelta::minutes(1));
    task::run(name, |stop| {
        let worker = Arc::new(Worker { settings, lease, stop: stop.clone() });
        look(worker, waiting, stop)
    })
}

/// When it is stopped, it lets the groups under way end, and gives their files back.
async fn look(worker: Arc<Worker>, waiting: Arc<Notify>, mut stop: Stop) {
    let mut jobs = JoinSet::new();
    while !stop.is_requested() {
        while jobs.len() < AT_ONCE {
            match Arc::clone(&worker).claim().await {
                Ok(Some((import, lease))) => {
                    jobs.spawn(Arc::clone(&worker).run(import, lease));
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(%error, "files that wait cannot be read");
                    break;
                }
            }
        }
        if let Err(error) = Arc::clone(&worker).forget().await {
            tracing::warn!(%error, "old uploads are not forgotten");
        }
        tokio::select! {
            () = waiting.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            Some(ended) = jobs.join_next() => note(ended),
            () = stop.requested() => {}
        }
    }
    while let Some(ended) = jobs.join_next().await {
        note(ended);
    }
}

fn note(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "the intake of a file was lost; its lease will end");
    }
}

impl Worker {
    async fn claim(self: Arc<Self>) -> Result<Option<(Import, LeaseId)>, StoreError> {
        let lease = LeaseId::random();
        let claimed = self
            .store(move |worker| {
                let claim = worker.hold(lease);
                worker.settings.pool.with(|db| db.write(|tx| imports::claim(tx, &claim)))
            })
            .await?;
        Ok(claimed.map(|import| (import, lease)))
    }

    async fn forget(self: Arc<Self>) -> Result<usize, StoreError> {
        self.store(|worker| {
            let pool = &worker.settings.pool;
            pool.with(|db| imports::forget_expired(db, clock::now(), FORGOTTEN_MAX))
        })
        .await
    }

    async fn run(self: Arc<Self>, import: Import, lease: LeaseId) {
        let (id, partner) = (import.id, import.partner.clone());
        let done = Arc::clone(&self).take_in(import, lease).await;
        let ended = match done {
            Ok(()) => {
                tracing::info!(import = %id, %partner, "file taken in");
                self.close(id, lease, None).await
            }
            Err(Undone::Failed(why)) => {
                tracing::warn!(import = %id, %partner, why, "file not taken in");
                self.close(id, lease, Some(why)).await
            }
            Err(Undone::Lost) => {
                tracing::warn!(import = %id, "another gateway goes on with it");
                Ok(())
            }
            Err(Undone::Stopping) => self.release(id, lease, TimeDelta::zero()).await,
            Err(error) => {
                tracing::warn!(import = %id, %error, "file cannot go on now");
                self.release(id, lease, AGAIN_AFTER).await
            }
        };
        if let Err(error) = ended {
            tracing::warn!(import = %id, %error, "not noted; the lease will end");
        }
    }

    async fn take_in(self: Arc<Self>, import: Import, lease: LeaseId) -> Result<(), Undone> {
        let partner = self.settings.registry.get(&import.partner);
        let partner = partner
            .ok_or_else(|| Undone::Failed("the partner is not known any more".to_owned()))?;
        let charset = match &import.charset {
            Some(known) => Charset::by_name(known),
            None => Arc::clone(&self).look_through(import.clone(), lease).await?,
        };
        // Nothing to do: it came before.
        let Some(charset) = charset else { return Ok(()) };
        let mut lines = import.lines;
        let skipped = u64::try_from(lines.read).unwrap_or(0);
        let mut file = Arc::clone(&self)
            .store(move |worker| {
                let (reader, _packed) = unpack(worker.file(&import)).map_err(IntakeError::from)?;
                let key = worker.settings.fingerprint.clone();
                let bytes_max = worker.settings.bytes_max;
                let mut file = FileLines::open(reader, bytes_max, charset, partner, key)?;
                file.skip(skipped)?;
                Ok::<_, Undone>((file, import.id))
            })
            .await?;
        loop {
            if self.stop.is_requested() {
                return Err(Undone::Stopping);
            }
            let (lines_of, id) = file;
            let (lines_of, group) =
                Arc::clone(&self).store(move |_worker| read_group(lines_of)).await?;
            if group.is_empty() {
                return Ok(());
            }
            file = (lines_of, id);
            let rejects = self.record(group, &mut lines).await?;
            let noted = Arc::clone(&self)
                .store(move |worker| worker.note_progress(id, lease, lines, &rejects))
                .await?;
            if !noted {
                return Err(Undone::Lost);
            }
        }
    }

    /// Reads the whole file once, and notes what it is; `None` when it came before.
    async fn look_through(
        self: Arc<Self>,
        import: Import,
        lease: LeaseId,
    ) -> Result<Option<Charset>, Undone> {
        self.store(move |worker| {
            let declared = import.declared_charset.as_deref().and_then(Charset::by_name);
            let found = scan(worker.file(&import), worker.settings.bytes_max, declared)?;
            if import.declared_sha256.as_ref().is_some_and(|hash| *hash != found.sha256) {
                let why = "the file's SHA-256 is not the one that was declared";
                return Err(Undone::Failed(why.to_owned()));
            }
            let claim = worker.hold(lease);
            let pool = &worker.settings.pool;
            let first =
                pool.with(|db| db.write(|tx| imports::scanned(tx, &import, &found, &claim)))?;
            Ok(if first.is_some() { None } else { Charset::by_name(found.charset) })
        })
        .await
    }

    /// Hands a group to the writer and counts what became of it; what was not taken is returned.
    async fn record(
        &self,
        group: Vec<Line>,
        lines: &mut imports::Lines,
    ) -> Result<Rejects, Undone> {
        let good = group.iter().filter_map(|line| line.read.as_ref().ok());
        let mut answers = record(&self.settings.writer, good.cloned().collect()).await.into_iter();
        let mut rejects = Rejects::default();
        let one_more = |count: &mut i64| *count = count.saturating_add(1);
        let unwritten = |error: csv::Error| Undone::Failed(error.to_string());
        for line in &group {
            let answer = match &line.read {
                Ok(_submission) => Ok(answers.next().unwrap_or(Err(WriteError::Stopped))),
                Err(reason) => Err(reason),
            };
            match answer {
                Ok(Ok(outcome)) if outcome.replayed => one_more(&mut lines.recorded_before),
                Ok(Ok(_outcome)) => one_more(&mut lines.recorded),
                Ok(Err(error)) if is_ours(&error) => return Err(error.into()),
                Ok(Err(error)) => {
                    one_more(&mut lines.rejected);
                    rejects.add(line, &error.to_string()).map_err(unwritten)?;
                }
                Err(reason) => {
                    one_more(&mut lines.rejected);
                    rejects.add(line, reason).map_err(unwritten)?;
                }
            }
            one_more(&mut lines.read);
        }
        Ok(rejects)
    }

    fn note_progress(
        &self,
        id: ImportId,
        lease: LeaseId,
        lines: imports::Lines,
        rejects: &Rejects,
    ) -> Result<bool, Undone> {
        let key = part_key(id, "rejects", lines.read);
        let csv = rejects.csv();
        let sealed = (!csv.is_empty()).then(|| self.settings.keys.seal(key.bytes(), csv));
        let sealed = sealed.transpose()?;
        let expires_at = clock::now().plus(REJECTS_KEPT);
        let rejects = sealed.as_ref().map(|sealed| imports::Rejects { sealed, expires_at });
        let (done, claim) = (Progress { lines, rejects }, self.hold(lease));
        let pool = &self.settings.pool;
        Ok(pool.with(|db| db.write(|tx| imports::progress(tx, id, &done, &claim)))?)
    }

    async fn close(
        self: Arc<Self>,
        id: ImportId,
        lease: LeaseId,
        failure: Option<String>,
    ) -> Result<(), StoreError> {
        self.store(move |worker| {
            let claim = worker.hold(lease);
            let failure = failure.as_deref();
            let pool = &worker.settings.pool;
            pool.with(|db| db.write(|tx| imports::close(tx, id, failure, &claim)))?;
            Ok(())
        })
        .await
    }

    async fn release(
        self: Arc<Self>,
        id: ImportId,
        lease: LeaseId,
        after: TimeDelta,
    ) -> Result<(), StoreError> {
        self.store(move |worker| {
            let from = clock::now().plus(after);
            let pool = &worker.settings.pool;
            pool.with(|db| db.write(|tx| imports::release(tx, id, lease, from)))
        })
        .await
    }

    fn hold(&self, lease: LeaseId) -> Claim {
        let now = clock::now();
        Claim { lease, now, until: now.plus(self.lease) }
    }

    fn file(&self, import: &Import) -> StoredFile {
        let IntakeSettings { pool, keys, .. } = &self.settings;
        StoredFile::new(pool.clone(), keys.clone(), import.id, import.length)
    }

    async fn store<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        self: Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let done = tokio::task::spawn_blocking(move || work(&self)).await;
        done.unwrap_or_else(|_cancelled| Err(StoreError::Exhausted.into()))
    }
}

fn read_group(mut lines: FileLines) -> Result<(FileLines, Vec<Line>), Undone> {
    let mut group = Vec::with_capacity(LINES_AT_ONCE);
    while group.len() < LINES_AT_ONCE {
        match lines.next_line()? {
            Some(line) => group.push(line),
            None => break,
        }
    }
    Ok((lines, group))
}

impl From<IntakeError> for Undone {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Store(error) => Self::Store(error),
            other => Self::Failed(other.to_string()),
        }
    }
}
