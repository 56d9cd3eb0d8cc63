//! What works on a set of books by itself. What the sandbox's say of customers never leaves them:
//! their CRM is a pretended one, and they send no notices.

use std::sync::Arc;
use std::time::Duration;

use super::{AppError, Core};
use crate::behaviour::{self, Behaviours, Search};
use crate::books::{Books, lease};
use crate::crm::standard_webhook::SharedSecret;
use crate::crm::{Crm, Gathered};
use crate::customer::retention::{self, Enforcement};
use crate::due::{self, Due};
use crate::follow_up::chore::{self, FollowUp, FollowUpSettings};
use crate::intake::job::{self, Intake, IntakeSettings};
use crate::ledger::seal::{self, Sealer};
use crate::notice::{self, NoticeSearch, Notices};
use crate::outbox::relay::{self, Relay, RelaySettings};
use crate::outbox::{CrmSender, NoticeSender, NoticeWay, Senders};
use crate::secrets::reseal::{self, Resealer};
use crate::settings::{NoticeSettings, Settings};

const NOTICE_TIME_OUT: Duration = Duration::from_secs(10);

/// Whether what stands in the books is real.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum World {
    Real,
    Sandbox,
}

/// The tasks of a set of books.
pub struct BooksChores {
    relay: Relay,
    notices: Option<Notices>,
    due: Due,
    behaviours: Behaviours,
    follow_up: FollowUp,
    sealer: Sealer,
    intake: Intake,
    resealer: Resealer,
    retention: Enforcement,
}

impl BooksChores {
    /// Starts all of them.
    ///
    /// # Errors
    /// [`AppError`] where the settings of one cannot be used.
    pub fn start(
        settings: &Settings,
        core: &Core,
        (books, world): (&Books, World),
    ) -> Result<Self, AppError> {
        let every = Duration::from_secs(settings.due_seconds.max(1));
        let (pool, writer, registry) = (&books.pool, &books.writer, &core.registry);
        let (due, sealer) = match world {
            World::Real => ("due", "sealer"),
            World::Sandbox => ("due of the sandbox", "sealer of the sandbox"),
        };
        let (due, sealer) = (core.metrics.pulse(due), core.metrics.pulse(sealer));
        let search = Search {
            pool: pool.clone(),
            writer: writer.clone(),
            registry: Arc::clone(registry),
            keys: core.keys.clone(),
            time_zone: settings.time_zone,
        };
        Ok(Self {
            relay: start_relay(settings, core, (books, world))?,
            notices: (world == World::Real).then(|| start_notices(settings, core, books)).flatten(),
            due: due::start(pool.clone(), writer.clone(), Arc::clone(registry), (every, due)),
            behaviours: behaviour::start(search, every),
            follow_up: start_follow_up(settings, core, books),
            sealer: seal::start(pool.clone(), books.keys.clone(), sealer),
            intake: start_intake(settings, core, books),
            resealer: reseal::start(pool.clone(), core.keys.personal.clone(), every),
            retention: retention::start(pool.clone(), Arc::clone(registry), every),
        })
    }

    /// Lets what is under way end.
    pub async fn stop(self) {
        self.relay.stop().await;
        self.retention.stop().await;
        self.resealer.stop().await;
        self.intake.stop().await;
        if let Some(notices) = self.notices {
            notices.stop().await;
        }
        self.due.stop().await;
        self.follow_up.stop().await;
        self.behaviours.stop().await;
        self.sealer.stop().await;
    }
}

/// Leads go nowhere while there is no CRM: they wait in the outbox.
fn start_relay(
    settings: &Settings,
    core: &Core,
    (books, world): (&Books, World),
) -> Result<Relay, AppError> {
    let time_out = lease(settings) / 4;
    let (crm, notice) = match world {
        World::Real => (real_crm(settings, time_out)?, notice_sender(settings, core, books)?),
        World::Sandbox => (Some(Crm::Pretended), None),
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
        senders: Senders { crm, webhook: books.webhook.clone(), notice },
        delivery: settings.delivery,
        lease: lease(settings),
        metrics: Arc::clone(&core.metrics),
    };
    Ok(relay::start(relay, Arc::clone(&books.messages_waiting)))
}

/// A client of the CRM, where the settings have one.
pub(super) fn real_crm(settings: &Settings, time_out: Duration) -> Result<Option<Crm>, AppError> {
    let crm = settings.crm.as_ref();
    let crm = crm.map(|crm| Crm::new(crm, settings.crm_mapping.as_deref(), time_out)).transpose();
    crm.map_err(|error| AppError::Crm(error.to_string()))
}

fn notice_sender(
    settings: &Settings,
    core: &Core,
    books: &Books,
) -> Result<Option<NoticeSender>, AppError> {
    let Some(notices) = &settings.notices else { return Ok(None) };
    let way = match notices {
        NoticeSettings::Log => NoticeWay::Log,
        NoticeSettings::Webhook { url, secret } => {
            let unusable = |what: &str| AppError::Notices(what.to_owned());
            let secret = SharedSecret::read(secret)
                .ok_or_else(|| unusable("secret: expected whsec_ and base64 of 24 to 64 bytes"))?;
            let http = reqwest::Client::builder()
                .timeout(NOTICE_TIME_OUT)
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .map_err(|_error| unusable("no HTTP client"))?;
            NoticeWay::Webhook { url: url.clone(), secret: Box::new(secret), http }
        }
    };
    let (pool, registry) = (books.pool.clone(), Arc::clone(&core.registry));
    Ok(Some(NoticeSender { pool, registry, time_zone: settings.time_zone, way }))
}

fn start_notices(settings: &Settings, core: &Core, books: &Books) -> Option<Notices> {
    settings.notices.as_ref()?;
    Some(notice::start(NoticeSearch {
        pool: books.pool.clone(),
        registry: Arc::clone(&core.registry),
        time_zone: settings.time_zone,
        every: Duration::from_secs(settings.due_seconds.max(1)),
        poked: Arc::clone(&books.messages_waiting),
    }))
}

fn start_follow_up(settings: &Settings, core: &Core, books: &Books) -> FollowUp {
    chore::start(FollowUpSettings {
        pool: books.pool.clone(),
        registry: Arc::clone(&core.registry),
        time_zone: settings.time_zone,
        every: Duration::from_secs(settings.due_seconds.max(1)),
        poked: Arc::clone(&books.messages_waiting),
    })
}

/// Takes in files as they become whole.
fn start_intake(settings: &Settings, core: &Core, books: &Books) -> Intake {
    let intake = IntakeSettings {
        pool: books.pool.clone(),
        keys: core.keys.personal.clone(),
        fingerprint: core.keys.fingerprint.clone(),
        registry: Arc::clone(&core.registry),
        writer: books.writer.clone(),
        lease: Duration::from_secs(u64::from(settings.import_lease_seconds.max(1))),
        bytes_max: settings.unpacked_bytes_max,
    };
    job::start(intake, Arc::clone(&books.files_waiting))
}
