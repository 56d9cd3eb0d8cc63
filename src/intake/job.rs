//! Takes uploaded files in, on any gateway: under a lease, in bounded groups through the writer. After
//! each group the progress of the file is noted, and another gateway would go on from there. Lines that
//! were recorded and not noted are answered as recorded before, because every line is an event with an
//! id.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::error::IntakeError;
use super::stored_file::StoredFile;
pub use super::stored_file::part_key;
use crate::clock;
use crate::customer::PersonalKeys;
use crate::customer::personal::SealError;
use crate::event::FingerprintKey;
use crate::ids::{ImportId, LeaseId};
use crate::partner::Registry;
use crate::store::imports::{self, Claim, Import};
use crate::store::{Pool, StoreError};
use crate::task::{self, Stop, Task};
use crate::writer::{WriteError, Writer};

/// The parts that the intake needs.
pub struct IntakeSettings {
    pub pool: Pool,
    pub keys: PersonalKeys,
    pub fingerprint: FingerprintKey,
    pub registry: Arc<Registry>,
    pub writer: Writer,
    /// How long a gateway holds a file without progress before another one may take over.
    pub lease: Duration,
    /// Bytes of a file, unpacked.
    pub bytes_max: u64,
    /// Whether the files go to the sandbox's own books.
    pub in_sandbox: bool,
}

/// Files taken in at once by one gateway, each of another partner.
const AT_ONCE: usize = 4;
/// How often the intake looks without a poke: for files that another gateway left.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How soon a file that could not go on is tried again.
const AGAIN_AFTER: TimeDelta = TimeDelta::seconds(5);
/// Uploads and reject pages that are forgotten in one transaction.
const FORGOTTEN_MAX: i64 = 100;

/// Why a file is not taken in, or not yet.
#[derive(Debug, thiserror::Error)]
pub(super) enum Undone {
    /// It cannot be, with this file and this manifest.
    #[error("{0}")]
    Failed(String),
    /// Another gateway has the file.
    #[error("the lease had ended")]
    Lost,
    /// This gateway is going down.
    #[error("the service is stopping")]
    Stopping,
    /// The file waits until the partner is listed again.
    #[error("the partner is suspended")]
    Suspended,
    /// The file is opened again, by the manifest as it is now.
    #[error("the manifest maps other columns than before")]
    Remapped,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Seal(#[from] SealError),
}

pub(super) struct Worker {
    pub(super) settings: IntakeSettings,
    lease: TimeDelta,
    pub(super) stop: Stop,
}

/// Starts the intake. `waiting` is notified when a file is whole.
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
                // The reason may quote the header of the file, which is not for the log.
                tracing::warn!(import = %id, %partner, "file not taken in; the import says why");
                self.close(id, lease, Some(why)).await
            }
            Err(Undone::Lost) => {
                tracing::warn!(import = %id, "another gateway goes on with it");
                Ok(())
            }
            Err(Undone::Stopping | Undone::Remapped) => {
                self.release(id, lease, TimeDelta::zero()).await
            }
            Err(Undone::Suspended) => {
                tracing::info!(import = %id, %partner, "file waits: the partner is suspended");
                self.release(id, lease, AGAIN_AFTER).await
            }
            Err(error) => {
                tracing::warn!(import = %id, %error, "file cannot go on now");
                self.release(id, lease, AGAIN_AFTER).await
            }
        };
        if let Err(error) = ended {
            tracing::warn!(import = %id, %error, "not noted; the lease will end");
        }
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

    pub(super) fn hold(&self, lease: LeaseId) -> Claim {
        let now = clock::now();
        Claim { lease, now, until: now.plus(self.lease) }
    }

    pub(super) fn file(&self, import: &Import) -> StoredFile {
        let IntakeSettings { pool, keys, .. } = &self.settings;
        StoredFile::new(pool.clone(), keys.clone(), import.id, import.length)
    }

    pub(super) async fn store<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        self: Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let done = tokio::task::spawn_blocking(move || work(&self)).await;
        done.unwrap_or_else(|_cancelled| Err(StoreError::Exhausted.into()))
    }
}

impl From<IntakeError> for Undone {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Store(error) => Self::Store(error),
            other => Self::Failed(other.to_string()),
        }
    }
}
