//! The chores of one set of books. What the sandbox's books say of customers never leaves them:
//! their CRM is a pretended one, and they send no notices.

use std::sync::Arc;
use std::time::Duration;

use super::without_http::{AppError, Core};
use crate::behaviour::Search;
use crate::books::{Books, lease};
use crate::crm::{Crm, Gathered};
use crate::customer::retention::Enforcement;
use crate::due::Due;
use crate::follow_up::chore::{FollowUp, FollowUpSettings};
use crate::intake::job::{self, IntakeSettings};
use crate::ledger::seal::{self, Sealer};
use crate::notice::NoticeSearch;
use crate::outbox::relay::{self, RelaySettings};
use crate::outbox::{CrmSender, NoticeSender, NoticeWay, Senders, SignedPost, Unusable};
use crate::reconcile::statement_uploads::StatementIntake;
use crate::secrets::reseal::Resealer;
use crate::settings::{AlarmSettings, NoticeSettings, Settings};
use crate::task::{self, Schedule, Task};

/// Whether what stands in the books is real.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum World {
    Real,
    Sandbox,
}

/// The books whose chores are started, and what the chores work with.
pub struct Chores<'a> {
    pub settings: &'a Settings,
    pub core: &'a Core,
    pub books: &'a Books,
    pub world: World,
}

/// Names of chores are labels of metrics and of log lines.
impl World {
    const fn name(self, real: &'static str, sandbox: &'static str) -> &'static str {
        match self {
            Self::Real => real,
            Self::Sandbox => sandbox,
        }
    }
}

impl Chores<'_> {
    /// Starts all of them, and returns them in the order in which they are to be stopped.
    ///
    /// # Errors
    /// [`AppError`] if a chore cannot be started with these settings.
    pub fn start(&self) -> Result<Vec<Task>, AppError> {
        let mut tasks = vec![self.relay()?, self.retention(), self.reseal(), self.intake()];
        if self.world == World::Real && self.settings.notices.is_some() {
            tasks.push(self.notices());
        }
        tasks.extend([self.statements(), self.due(), self.follow_up()]);
        tasks.extend([self.behaviours(), self.seal()]);
        Ok(tasks)
    }

    /// The schedule of a chore that looks as often as `due_seconds` says.
    fn schedule(&self, real: &'static str, sandbox: &'static str) -> Schedule {
        let name = self.world.name(real, sandbox);
        let every = Duration::from_secs(self.settings.due_seconds.max(1));
        Schedule::new(name, every, self.core.metrics.pulse(name))
    }

    fn due(&self) -> Task {
        let due = Due {
            pool: self.books.pool.clone(),
            writer: self.books.writer.clone(),
            registry: Arc::clone(&self.core.registry),
        };
        task::every(self.schedule("due", "due of the sandbox"), due)
    }

    fn behaviours(&self) -> Task {
        let search = Search {
            pool: self.books.pool.clone(),
            writer: self.books.writer.clone(),
            registry: Arc::clone(&self.core.registry),
            keys: self.core.keys.clone(),
            time_zone: self.settings.time_zone,
        };
        task::every(self.schedule("behaviours", "behaviours of the sandbox"), search)
    }

    fn follow_up(&self) -> Task {
        let follow_up = FollowUp::new(FollowUpSettings {
            pool: self.books.pool.clone(),
            registry: Arc::clone(&self.core.registry),
            time_zone: self.settings.time_zone,
            poked: Arc::clone(&self.books.messages_waiting),
        });
        task::every(self.schedule("follow-up", "follow-up of the sandbox"), follow_up)
    }

    fn notices(&self) -> Task {
        let search = NoticeSearch {
            pool: self.books.pool.clone(),
            registry: Arc::clone(&self.core.registry),
            time_zone: self.settings.time_zone,
            poked: Arc::clone(&self.books.messages_waiting),
        };
        task::every(self.schedule("notices", "notices of the sandbox"), search)
    }

    fn retention(&self) -> Task {
        let (pool, registry) = (self.books.pool.clone(), Arc::clone(&self.core.registry));
        let schedule = self.schedule("retention", "retention of the sandbox");
        task::every(schedule, Enforcement { pool, registry })
    }

    fn reseal(&self) -> Task {
        let resealer = Resealer::new(self.books.pool.clone(), self.core.keys.personal.clone());
        task::every(self.schedule("resealer", "resealer of the sandbox"), resealer)
    }

    fn seal(&self) -> Task {
        let name = self.world.name("sealer", "sealer of the sandbox");
        let schedule = Schedule::new(name, seal::LOOK_EVERY, self.core.metrics.pulse(name));
        task::every(schedule, Sealer::new(self.books.pool.clone(), self.books.keys.clone()))
    }

    /// Takes in files as they become whole.
    fn intake(&self) -> Task {
        let settings = self.settings;
        let intake = IntakeSettings {
            pool: self.books.pool.clone(),
            keys: self.core.keys.personal.clone(),
            fingerprint: self.core.keys.fingerprint.clone(),
            registry: Arc::clone(&self.core.registry),
            writer: self.books.writer.clone(),
            lease: Duration::from_secs(u64::from(settings.import_lease_seconds.max(1))),
            bytes_max: settings.unpacked_bytes_max,
            in_sandbox: self.world == World::Sandbox,
        };
        let name = self.world.name("intake", "intake of the sandbox");
        job::start(name, intake, Arc::clone(&self.books.files_waiting))
    }

    /// Takes in statements as they become whole.
    fn statements(&self) -> Task {
        let settings = self.settings;
        let intake = StatementIntake {
            pool: self.books.pool.clone(),
            keys: self.core.keys.personal.clone(),
            registry: Arc::clone(&self.core.registry),
            zone: settings.time_zone,
            lease: Duration::from_secs(u64::from(settings.import_lease_seconds.max(1))),
            unpacked_bytes_max: settings.unpacked_bytes_max,
            last: None,
        };
        let schedule = self.schedule("statements", "statements of the sandbox");
        task::every(schedule.poked_by(Arc::clone(&self.books.statements_waiting)), intake)
    }

    /// Without a CRM leads are not sent: they wait in the outbox.
    fn relay(&self) -> Result<Task, AppError> {
        let Self { settings, core, books, world } = self;
        let time_out = lease(settings) / 4;
        let (crm, notice, bank) = match world {
            World::Real => {
                (real_crm(settings, time_out)?, self.notice_sender()?, bank_address(settings)?)
            }
            World::Sandbox => (Some(Crm::Pretended), None, None),
        };
        let crm = crm.map(|crm| CrmSender {
            crm: Gathered::start(Arc::new(crm), time_out),
            pool: books.pool.clone(),
            keys: core.keys.personal.clone(),
            registry: Arc::clone(&core.registry),
            time_zone: settings.time_zone,
        });
        let relay = RelaySettings {
            pool: books.pool.clone(),
            senders: Senders { crm, webhook: books.webhook.clone(), notice, bank },
            delivery: settings.delivery,
            lease: lease(settings),
            metrics: Arc::clone(&core.metrics),
        };
        let name = world.name("relay", "relay of the sandbox");
        Ok(relay::start(name, relay, Arc::clone(&books.messages_waiting)))
    }

    fn notice_sender(&self) -> Result<Option<NoticeSender>, AppError> {
        let Some(notices) = &self.settings.notices else { return Ok(None) };
        let way = match notices {
            NoticeSettings::Log => NoticeWay::Log,
            NoticeSettings::Webhook { url, secret } => {
                let unusable = |error: Unusable| AppError::Notices(error.to_string());
                NoticeWay::Webhook(Box::new(SignedPost::new(url, secret).map_err(unusable)?))
            }
        };
        let (pool, registry) = (self.books.pool.clone(), Arc::clone(&self.core.registry));
        Ok(Some(NoticeSender { pool, registry, time_zone: self.settings.time_zone, way }))
    }
}

/// The bank's address for alarms, if the settings name one.
fn bank_address(settings: &Settings) -> Result<Option<SignedPost>, AppError> {
    let Some(AlarmSettings { url, secret }) = &settings.alarms else { return Ok(None) };
    let address = SignedPost::new(url, secret);
    address.map(Some).map_err(|error| AppError::Alarms(error.to_string()))
}

/// A client of the CRM, if the settings name one.
pub(super) fn real_crm(settings: &Settings, time_out: Duration) -> Result<Option<Crm>, AppError> {
    let Some(crm) = &settings.crm else { return Ok(None) };
    let crm = Crm::new(crm, settings.crm_mapping.as_deref(), time_out);
    crm.map(Some).map_err(|error| AppError::Crm(error.to_string()))
}
