//! What a service does beside answering requests, each in a task of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::{AppError, Core};
use crate::behaviour::{self, Behaviours, Search};
use crate::crm::feedback::{self, Feedback, FeedbackSettings};
use crate::crm::standard_webhook::SharedSecret;
use crate::crm::{Crm, Gathered};
use crate::customer::key_source::KeySource;
use crate::customer::key_watch::{self, KeyWatch};
use crate::customer::reseal::{self, Resealer};
use crate::customer::retention::{self, Enforcement};
use crate::due::{self, Due};
use crate::intake::job::{self, Intake, IntakeSettings};
use crate::ledger::seal::{self, Sealer};
use crate::notice::{self, NoticeSearch, Notices};
use crate::outbox::relay::{self, Relay, RelaySettings};
use crate::outbox::{CrmSender, NoticeSender, NoticeWay, Senders};
use crate::partner::reload::{self, Reloader};
use crate::settings::{NoticeSettings, Settings};
use crate::webhook::WebhookSender;

/// How long one page of the CRM's changes may take.
const FEEDBACK_TIME_OUT: Duration = Duration::from_secs(20);
const NOTICE_TIME_OUT: Duration = Duration::from_secs(10);

/// The tasks of a service.
pub struct Chores {
    relay: Relay,
    feedback: Option<Feedback>,
    notices: Option<Notices>,
    due: Due,
    behaviours: Behaviours,
    sealer: Sealer,
    reloader: Reloader,
    intake: Intake,
    privacy: Privacy,
}

impl Chores {
    /// Starts all of them. `files_waiting` is told when a file has become whole.
    ///
    /// # Errors
    /// [`AppError`] where the settings of one cannot be used.
    pub fn start(
        settings: &Settings,
        core: &Core,
        files_waiting: Arc<Notify>,
    ) -> Result<Self, AppError> {
        let relay = start_relay(settings, core)?;
        let feedback = start_feedback(settings, core)?;
        let every = Duration::from_secs(settings.due_seconds.max(1));
        let looked = Duration::from_millis(settings.partners_millis.max(100));
        let (pool, registry, metrics) = (&core.pool, &core.registry, &core.metrics);
        let search = Search {
            pool: pool.clone(),
            writer: core.writer.clone(),
            registry: Arc::clone(registry),
            keys: core.keys.clone(),
            time_zone: settings.time_zone,
        };
        Ok(Self {
            relay,
            feedback,
            notices: start_notices(settings, core),
            due: due::start(pool.clone(), core.writer.clone(), every, metrics.pulse("due")),
            behaviours: behaviour::start(search, every),
            sealer: seal::start(pool.clone(), core.keys.token.clone(), metrics.pulse("sealer")),
            reloader: reload::start(
                Arc::clone(registry),
                pool.clone(),
                settings.time_zone,
                looked,
                metrics.pulse("partners"),
            ),
            intake: start_intake(settings, core, files_waiting),
            privacy: Privacy::start(settings, core),
        })
    }

    /// Notified, the partners' folder is read again at once.
    pub fn partners_changed(&self) -> Arc<Notify> {
        self.reloader.poke()
    }

    /// Lets what is under way end.
    pub async fn stop(self) {
        self.relay.stop().await;
        if let Some(feedback) = self.feedback {
            feedback.stop().await;
        }
        self.privacy.stop().await;
        self.intake.stop().await;
        if let Some(notices) = self.notices {
            notices.stop().await;
        }
        self.reloader.stop().await;
        self.due.stop().await;
        self.behaviours.stop().await;
        self.sealer.stop().await;
    }
}

/// What looks after personal data.
struct Privacy {
    watch: KeyWatch,
    resealer: Resealer,
    retention: Enforcement,
}

impl Privacy {
    fn start(settings: &Settings, core: &Core) -> Self {
        let (pool, keys) = (core.pool.clone(), core.keys.personal.clone());
        let every = Duration::from_secs(settings.keys_seconds.max(1));
        let due = Duration::from_secs(settings.due_seconds.max(1));
        Self {
            watch: key_watch::start(KeySource::from(settings), core.keys.clone(), every),
            resealer: reseal::start(pool.clone(), keys, due),
            retention: retention::start(pool, Arc::clone(&core.registry), due),
        }
    }

    async fn stop(self) {
        self.retention.stop().await;
        self.resealer.stop().await;
        self.watch.stop().await;
    }
}

/// A request to an endpoint takes at most a third of a lease, too.
pub(super) fn webhook_sender(settings: &Settings, core: &Core) -> Result<WebhookSender, AppError> {
    let longest = Duration::from_secs(u64::from(settings.lead_lease_seconds.max(3))) / 3;
    let (keys, pool) = (core.keys.webhook.clone(), core.pool.clone());
    Ok(WebhookSender::new(settings.webhooks, keys, pool, longest)?)
}

/// Leads go nowhere while there is no CRM: they wait in the outbox.
fn start_relay(settings: &Settings, core: &Core) -> Result<Relay, AppError> {
    let lease = Duration::from_secs(u64::from(settings.lead_lease_seconds.max(3)));
    let time_out = lease / 4;
    let crm = settings
        .crm
        .as_ref()
        .map(|crm| Crm::new(crm, settings.crm_mapping.as_deref(), time_out))
        .transpose();
    let crm = crm.map_err(|error| AppError::Crm(error.to_string()))?.map(|crm| CrmSender {
        crm: Gathered::start(Arc::new(crm), time_out),
        pool: core.pool.clone(),
        keys: core.keys.personal.clone(),
        registry: Arc::clone(&core.registry),
    });
    let webhook = webhook_sender(settings, core)?;
    let senders = Senders { crm, webhook, notice: notice_sender(settings, core)? };
    let pool = core.pool.clone();
    let relay = RelaySettings {
        pool,
        senders,
        delivery: settings.delivery,
        lease,
        metrics: Arc::clone(&core.metrics),
    };
    Ok(relay::start(relay, Arc::clone(&core.leads_waiting)))
}

fn notice_sender(settings: &Settings, core: &Core) -> Result<Option<NoticeSender>, AppError> {
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
    Ok(Some(NoticeSender { pool: core.pool.clone(), time_zone: settings.time_zone, way }))
}

fn start_notices(settings: &Settings, core: &Core) -> Option<Notices> {
    settings.notices.as_ref()?;
    Some(notice::start(NoticeSearch {
        pool: core.pool.clone(),
        time_zone: settings.time_zone,
        every: Duration::from_secs(settings.due_seconds.max(1)),
        poked: Arc::clone(&core.leads_waiting),
    }))
}

/// A CRM that is asked what has become of our leads.
fn start_feedback(settings: &Settings, core: &Core) -> Result<Option<Feedback>, AppError> {
    let Some(crm) = &settings.crm else { return Ok(None) };
    let feedback = FeedbackSettings {
        pool: core.pool.clone(),
        writer: core.writer.clone(),
        place: crm.place(),
        crm: Crm::new(crm, settings.crm_mapping.as_deref(), FEEDBACK_TIME_OUT)
            .map_err(|error| AppError::Crm(error.to_string()))?,
        every: Duration::from_millis(settings.crm_poll_millis.max(100)),
    };
    Ok(Some(feedback::start(feedback)))
}

/// Takes in files as they become whole.
fn start_intake(settings: &Settings, core: &Core, waiting: Arc<Notify>) -> Intake {
    let intake = IntakeSettings {
        pool: core.pool.clone(),
        keys: core.keys.personal.clone(),
        fingerprint: core.keys.fingerprint.clone(),
        registry: Arc::clone(&core.registry),
        writer: core.writer.clone(),
        lease: Duration::from_secs(u64::from(settings.import_lease_seconds.max(1))),
        bytes_max: settings.unpacked_bytes_max,
    };
    job::start(intake, waiting)
}
