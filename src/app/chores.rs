//! What a service does beside answering requests, each in a task of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::books_chores::{BooksChores, World, real_crm};
use super::{AppError, Core};
use crate::crm::feedback::{self, Feedback, FeedbackSettings};
use crate::observations::{self, Observations, Recording};
use crate::partner::reload::{self, Reloader};
use crate::secrets::key_source::KeySource;
use crate::secrets::key_watch::{self, KeyWatch};
use crate::settings::Settings;

/// How long one page of the CRM's changes may take.
const FEEDBACK_TIME_OUT: Duration = Duration::from_secs(20);

/// The tasks of a service.
pub struct Chores {
    main: BooksChores,
    sandbox: Option<BooksChores>,
    feedback: Option<Feedback>,
    reloader: Reloader,
    keys: KeyWatch,
    recording: Recording,
}

impl Chores {
    /// Starts all of them.
    ///
    /// # Errors
    /// [`AppError`] where the settings of one cannot be used.
    pub fn start(
        settings: &Settings,
        core: &Core,
        observations: Arc<Observations>,
    ) -> Result<Self, AppError> {
        let looked = Duration::from_millis(settings.partners_millis.max(100));
        let keys_read = Duration::from_secs(settings.keys_seconds.max(1));
        let (main, registry) = (&core.main.books, &core.registry);
        let sandbox = core.sandbox.as_ref().map(|open| &open.books);
        let trial = sandbox.unwrap_or(main);
        let start = |books, world| BooksChores::start(settings, core, (books, world));
        Ok(Self {
            main: start(main, World::Real)?,
            sandbox: sandbox.map(|books| start(books, World::Sandbox)).transpose()?,
            feedback: start_feedback(settings, core)?,
            reloader: reload::start(
                Arc::clone(registry),
                main.pool.clone(),
                settings.time_zone,
                looked,
                core.metrics.pulse("partners"),
            ),
            keys: key_watch::start(KeySource::from(settings), core.keys.clone(), keys_read),
            recording: observations::start(observations, trial.pool.clone()),
        })
    }

    /// Notified, the partners' folder is read again at once.
    pub fn partners_changed(&self) -> Arc<Notify> {
        self.reloader.poke()
    }

    /// Lets what is under way end.
    pub async fn stop(self) {
        if let Some(feedback) = self.feedback {
            feedback.stop().await;
        }
        self.reloader.stop().await;
        self.main.stop().await;
        if let Some(sandbox) = self.sandbox {
            sandbox.stop().await;
        }
        self.keys.stop().await;
        self.recording.stop().await;
    }
}

/// A CRM that is asked what has become of our leads.
fn start_feedback(settings: &Settings, core: &Core) -> Result<Option<Feedback>, AppError> {
    let crm = settings.crm.as_ref().zip(real_crm(settings, FEEDBACK_TIME_OUT)?);
    let Some((told, crm)) = crm else { return Ok(None) };
    let feedback = FeedbackSettings {
        pool: core.main.books.pool.clone(),
        writer: core.main.books.writer.clone(),
        place: told.place(),
        crm,
        every: Duration::from_millis(settings.crm_poll_millis.max(100)),
    };
    Ok(Some(feedback::start(feedback)))
}
