//! What a service does by itself, beside answering requests.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::Notify;

use super::books_chores::{Chores as BooksChores, World, real_crm};
use super::without_http::{AppError, Core};
use crate::crm::feedback::Feedback;
use crate::observations::{self, Observations, Recording};
use crate::partner::reload::Reloader;
use crate::reconcile::drop_folder::DropFolder;
use crate::secrets::key_source::KeySource;
use crate::secrets::key_watch::KeyWatch;
use crate::settings::{DropFolderSettings, Settings};
use crate::task::{self, Schedule, Task};

/// How long one page of the CRM's changes may take.
const FEEDBACK_TIME_OUT: Duration = Duration::from_secs(20);

/// The running chores of a service.
pub struct Chores {
    /// In the order in which they are stopped.
    tasks: Vec<Task>,
    partners_changed: Arc<Notify>,
}

impl Chores {
    /// Starts all of them.
    ///
    /// # Errors
    /// [`AppError`] if a chore cannot be started with these settings.
    pub fn start(
        settings: &Settings,
        core: &Core,
        observations: Arc<Observations>,
    ) -> Result<Self, AppError> {
        let partners_changed = Arc::new(Notify::new());
        let main = &core.main.books;
        let sandbox = core.sandbox.as_ref().map(|open| &open.books);
        let mut tasks = Vec::new();
        tasks.extend(feedback(settings, core)?);
        tasks.push(partners(settings, core, &partners_changed));
        tasks.extend(drop_folder(settings, core));
        tasks.extend(BooksChores { settings, core, books: main, world: World::Real }.start()?);
        if let Some(books) = sandbox {
            tasks.extend(BooksChores { settings, core, books, world: World::Sandbox }.start()?);
        }
        tasks.push(keys(settings, core));
        let pool = sandbox.unwrap_or(main).pool.clone();
        let every = observations::WRITE_EVERY;
        let schedule = Schedule::new("observations", every, core.metrics.pulse("observations"));
        let schedule = schedule.after_a_pause().with_a_last_round();
        tasks.push(task::every(schedule, Recording { observations, pool }));
        Ok(Self { tasks, partners_changed })
    }

    /// Notify it, and the partners' folder is read again at once.
    pub fn partners_changed(&self) -> Arc<Notify> {
        Arc::clone(&self.partners_changed)
    }

    /// Stops them one after the other; each ends what it has begun.
    pub async fn stop(self) {
        for task in self.tasks {
            task.stop().await;
        }
    }
}

/// Takes up changes of the partners' folder.
fn partners(settings: &Settings, core: &Core, changed: &Arc<Notify>) -> Task {
    let every = Duration::from_millis(settings.partners_millis.max(100));
    let schedule = Schedule::new("partners", every, core.metrics.pulse("partners"));
    let (registry, pool) = (Arc::clone(&core.registry), core.main.books.pool.clone());
    let reloader = Reloader::new(registry, pool, settings.time_zone);
    task::every(schedule.poked_by(Arc::clone(changed)), reloader)
}

/// Takes partners' statements from their folders, if the settings name one.
fn drop_folder(settings: &Settings, core: &Core) -> Option<Task> {
    let DropFolderSettings { folder, look_seconds, rest_seconds } = settings.drop_folder.clone()?;
    let folder = DropFolder {
        folder,
        rest: TimeDelta::seconds(i64::from(rest_seconds)),
        pool: core.main.books.pool.clone(),
        keys: core.keys.personal.clone(),
        registry: Arc::clone(&core.registry),
        trials_are_apart: settings.sandbox.is_some(),
        zone: settings.time_zone,
        bytes_max: u64::from(settings.upload_bytes_max),
        unpacked_bytes_max: settings.unpacked_bytes_max,
    };
    let every = Duration::from_secs(look_seconds.max(1));
    Some(task::every(
        Schedule::new("drop-folder", every, core.metrics.pulse("drop-folder")),
        folder,
    ))
}

/// Takes up new keys.
fn keys(settings: &Settings, core: &Core) -> Task {
    let every = Duration::from_secs(settings.keys_seconds.max(1));
    let schedule = Schedule::new("keys", every, core.metrics.pulse("keys")).after_a_pause();
    let watch = KeyWatch { source: KeySource::from(settings), keys: core.keys.clone() };
    task::every(schedule, watch)
}

/// Asks the CRM what has become of our leads, if the settings name a CRM.
fn feedback(settings: &Settings, core: &Core) -> Result<Option<Task>, AppError> {
    let Some(place) = settings.crm.as_ref().map(|crm| crm.place()) else { return Ok(None) };
    let Some(crm) = real_crm(settings, FEEDBACK_TIME_OUT)? else { return Ok(None) };
    let every = Duration::from_millis(settings.crm_poll_millis.max(100));
    let feedback = Feedback {
        pool: core.main.books.pool.clone(),
        writer: core.main.books.writer.clone(),
        crm,
        place,
        every,
    };
    let schedule = Schedule::new("feedback", every, core.metrics.pulse("feedback"));
    Ok(Some(task::every(schedule, feedback)))
}
