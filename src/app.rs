//! Settings become a running service: migrate, start the writer, the relay and the sealer, then HTTP; stop in
//! reverse. `serve`, the demo and the tests all start it here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App as WebApp, HttpServer, web};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::behaviour::{self, Behaviours, Search};
use crate::crm::feedback::{self, Feedback, FeedbackSettings};
use crate::crm::standard_webhook::SharedSecret;
use crate::crm::{Crm, Gathered};
use crate::customer::key_source::KeySource;
use crate::customer::key_watch::{self, KeyWatch};
use crate::customer::keys::{Keys, KeysError};
use crate::customer::reseal::{self, Resealer};
use crate::customer::retention::{self, Enforcement};
use crate::due::{self, Due};
use crate::http::tls::{self, TlsError};
use crate::http::token_issuer::{TokenIssuer, TokenIssuerError};
use crate::http::watch::{self, Watch};
use crate::http::{self, Gateway, Parts};
use crate::intake::job::{self, Intake, IntakeSettings};
use crate::ledger::seal::{self, Sealer};
use crate::notice::{self, NoticeSearch, Notices};
use crate::outbox::relay::{self, Relay, RelaySettings};
use crate::outbox::{CrmSender, NoticeSender, NoticeWay, Senders};
use crate::partner::Registry;
use crate::partner::registry::{Partners, RegistryError};
use crate::partner::reload::{self, Cause, ReloadError, Reloader};
use crate::settings::{NoticeSettings, Settings, TokenSettings};
use crate::store::{self, Pool, StoreError};
use crate::telemetry::metrics::Metrics;
use crate::webhook::WebhookSender;
use crate::writer::{self, Writer, WriterSettings, WriterThreads};

/// How long a request's head may take.
const HEAD_TIME_MAX: Duration = Duration::from_secs(5);

/// A running service.
pub struct App {
    address: SocketAddr,
    issuer: String,
    server: ServerHandle,
    serving: JoinHandle<std::io::Result<()>>,
    relay: Relay,
    feedback: Option<Feedback>,
    notices: Option<Notices>,
    due: Due,
    behaviours: Behaviours,
    sealer: Sealer,
    reloader: Reloader,
    privacy: Privacy,
    watch: Watch,
    intake: Intake,
    scraped: Option<Scraped>,
    core: Core,
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

/// The metrics on an address of their own.
struct Scraped {
    address: SocketAddr,
    server: ServerHandle,
}

/// The service without HTTP: what the import of files needs.
pub struct Core {
    pub registry: Arc<Registry>,
    pub keys: Keys,
    pub pool: Pool,
    pub writer: Writer,
    pub metrics: Arc<Metrics>,
    threads: WriterThreads,
    leads_waiting: Arc<Notify>,
}

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error("the partners cannot be read")]
    Partners(#[from] RegistryError),
    #[error("the partners' changes cannot be taken up")]
    Changes(#[from] ReloadError),
    #[error("the secrets cannot be read")]
    Keys(#[from] KeysError),
    #[error("the database cannot be used")]
    Store(#[from] StoreError),
    #[error(
        "the database holds personal data that the keys of {0} cannot open: they are not the keys \
         this database was written with"
    )]
    OtherKeys(String),
    #[error(transparent)]
    TokenIssuer(#[from] TokenIssuerError),
    #[error("there can be no HTTP client")]
    HttpClient(#[from] reqwest::Error),
    #[error("the settings notices cannot be used: {0}")]
    Notices(String),
    #[error("the CRM's settings cannot be used: {0}")]
    Crm(String),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: std::io::Error },
}

const NOTICE_TIME_OUT: Duration = Duration::from_secs(10);
/// How long one page of the CRM's changes may take.
const FEEDBACK_TIME_OUT: Duration = Duration::from_secs(20);

impl Core {
    /// Reads partners and keys, migrates the database, and starts the writer.
    ///
    /// # Errors
    /// [`AppError`] for whichever of them fails first.
    pub fn start(settings: &Settings) -> Result<Self, AppError> {
        let registry = Arc::new(Registry::load(&settings.partners)?);
        let mut db = store::open(&settings.database_url)?;
        for name in store::migrate(&mut db)? {
            tracing::info!(migration = name, "applied");
        }
        let found = Partners::clone(&registry.now());
        reload::take_up(&mut db, &registry, found, settings.time_zone, Cause::Start)?;
        let source = KeySource::from(settings);
        let (keys, made) = Keys::from_source(&source)?;
        if made {
            let path = settings.keys.display();
            tracing::warn!(%path, "new secrets made: back this file up and share it with no one");
        }
        let known = keys.personal.key_ids();
        if store::personal::sealed_with_a_key_beyond(&mut db, &known)?.is_some() {
            return Err(AppError::OtherKeys(source.to_string()));
        }
        let leads_waiting = Arc::new(Notify::new());
        let metrics = Arc::new(Metrics::default());
        let (writer, threads) = writer::start(WriterSettings {
            url: settings.database_url.clone(),
            keys: keys.personal.clone(),
            time_zone: settings.time_zone,
            registry: Arc::clone(&registry),
            writers: settings.writers,
            queue_max: settings.queue_max,
            group_max: settings.group_max,
            leads_waiting: Arc::clone(&leads_waiting),
            metrics: Arc::clone(&metrics),
        })?;
        let pool = store::pool(&settings.database_url, settings.pool_max);
        Ok(Self { registry, keys, pool, writer, metrics, threads, leads_waiting })
    }

    /// Waits until the writer has recorded what waits.
    pub async fn stop(self) {
        drop(self.writer);
        let joined = tokio::task::spawn_blocking(move || self.threads.join()).await;
        if joined.is_err() {
            tracing::error!("the writer could not be waited for");
        }
    }
}

/// Without the settings nobody's tokens are taken.
fn token_issuer(
    settings: Option<&TokenSettings>,
    table: &'static str,
) -> Result<Option<TokenIssuer>, TokenIssuerError> {
    settings.map(|settings| TokenIssuer::load(settings, table)).transpose()
}

/// A request to an endpoint takes at most a third of a lease, too.
fn webhook_sender(settings: &Settings, core: &Core) -> Result<WebhookSender, AppError> {
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

/// The metrics' own address, where the settings name one.
fn start_scraped(
    settings: &Settings,
    gateway: &web::Data<Gateway>,
) -> Result<Option<Scraped>, AppError> {
    let Some(address) = settings.metrics.listen else { return Ok(None) };
    let error = |source| AppError::Listen { address, source };
    let listener = std::net::TcpListener::bind(address).map_err(error)?;
    let address = listener.local_addr().map_err(error)?;
    let gateway = gateway.clone();
    let server = HttpServer::new(move || {
        WebApp::new()
            .app_data(gateway.clone())
            .wrap(from_fn(http::log_requests))
            .configure(http::scraped_routes)
    })
    .workers(1)
    .disable_signals()
    .listen(listener)
    .map_err(error)?
    .run();
    let handle = server.handle();
    tokio::spawn(server);
    tracing::info!(%address, "metrics");
    Ok(Some(Scraped { address, server: handle }))
}

impl App {
    /// Starts everything; when this returns, the address takes requests.
    ///
    /// # Errors
    /// [`AppError`]; what had been started is stopped again.
    pub async fn start(settings: Settings) -> Result<Self, AppError> {
        let core = Core::start(&settings)?;
        let listener = std::net::TcpListener::bind(settings.listen);
        let listen_error = |source| AppError::Listen { address: settings.listen, source };
        let listener = listener.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let scheme = if settings.tls.is_some() { "https" } else { "http" };
        let issuer = settings.issuer.clone().unwrap_or_else(|| format!("{scheme}://{address}"));
        let tls_config = settings.tls.as_ref().map(tls::server_config).transpose()?;
        let files_waiting = Arc::new(Notify::new());
        let gateway = web::Data::new(Gateway::new(Parts {
            registry: Arc::clone(&core.registry),
            keys: core.keys.clone(),
            pool: core.pool.clone(),
            writer: core.writer.clone(),
            issuer: issuer.trim_end_matches('/').to_owned(),
            time_zone: settings.time_zone,
            upload_bytes_max: i64::from(settings.upload_bytes_max),
            files_waiting: Arc::clone(&files_waiting),
            metrics: Arc::clone(&core.metrics),
            metrics_public: settings.metrics.public,
            customer_issuer: token_issuer(settings.customer_tokens.as_ref(), "customer_tokens")?,
            staff_issuer: token_issuer(settings.staff_tokens.as_ref(), "staff_tokens")?,
            client_certificates: settings
                .tls
                .as_ref()
                .is_some_and(|tls| tls.client_certificates.is_some()),
            body_patience: Duration::from_secs(settings.body_seconds),
            feedback_secret: http::feedback_secret(settings.crm_feedback.as_ref())
                .map_err(|expected| AppError::Crm(expected.to_owned()))?,
            webhooks: settings.webhooks,
            webhook: webhook_sender(&settings, &core)?,
            messages_waiting: Arc::clone(&core.leads_waiting),
        }));
        let watch = watch::start(gateway.clone()).await;
        let relay = start_relay(&settings, &core)?;
        let feedback = start_feedback(&settings, &core)?;
        let intake = start_intake(&settings, &core, files_waiting);
        let notices = start_notices(&settings, &core);
        let every = Duration::from_secs(settings.due_seconds.max(1));
        let pulse = core.metrics.pulse("due");
        let due = due::start(core.pool.clone(), core.writer.clone(), every, pulse);
        let scraped = start_scraped(&settings, &gateway)?;
        let search = Search {
            pool: core.pool.clone(),
            writer: core.writer.clone(),
            registry: Arc::clone(&core.registry),
            keys: core.keys.clone(),
            time_zone: settings.time_zone,
        };
        let behaviours = behaviour::start(search, every);
        let server = HttpServer::new(move || {
            WebApp::new()
                .app_data(gateway.clone())
                .wrap(from_fn(http::await_bodies))
                .wrap(from_fn(http::tag_resources))
                .wrap(from_fn(http::speak_version))
                .wrap(from_fn(http::log_requests))
                .wrap(from_fn(http::harden))
                .wrap(from_fn(http::speak_tus))
                .configure(http::routes)
        })
        .on_connect(tls::note_certificate)
        .client_request_timeout(HEAD_TIME_MAX)
        .workers(settings.workers.max(1))
        .shutdown_timeout(settings.shutdown_seconds)
        .disable_signals();
        let server = match tls_config {
            Some(config) => server.listen_rustls_0_23(listener, config),
            None => server.listen(listener),
        };
        let server = server.map_err(listen_error)?.run();
        let handle = server.handle();
        let serving = tokio::spawn(server);
        let pulse = core.metrics.pulse("sealer");
        let sealer = seal::start(core.pool.clone(), core.keys.token.clone(), pulse);
        let every = Duration::from_millis(settings.partners_millis.max(100));
        let (registry, pool) = (Arc::clone(&core.registry), core.pool.clone());
        let pulse = core.metrics.pulse("partners");
        let reloader = reload::start(registry, pool, settings.time_zone, every, pulse);
        let privacy = Privacy::start(&settings, &core);
        tracing::info!(%address, database = %settings.database_url, "serving");
        Ok(Self {
            address,
            issuer,
            server: handle,
            serving,
            relay,
            feedback,
            notices,
            due,
            behaviours,
            sealer,
            reloader,
            privacy,
            intake,
            watch,
            scraped,
            core,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its metrics are, if they have an address of their own.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.scraped.as_ref().map(|scraped| scraped.address)
    }

    /// Its own URL: the issuer of its tokens.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Connections to its database.
    #[must_use]
    pub const fn pool(&self) -> &Pool {
        &self.core.pool
    }

    /// Where everything that is to become true is handed in.
    #[must_use]
    pub const fn writer(&self) -> &Writer {
        &self.core.writer
    }

    /// Events that wait for the writer.
    #[must_use]
    pub fn writer_depth(&self) -> usize {
        self.core.writer.depth()
    }

    /// Notified, it reads the partners' folder again at once.
    #[must_use]
    pub fn partners_changed(&self) -> Arc<Notify> {
        self.reloader.poke()
    }

    /// Stops in reverse: no new requests, those in flight answered, the writer drained.
    pub async fn stop(self) {
        self.server.stop(true).await;
        match self.serving.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the HTTP server ended badly"),
            Err(error) => tracing::error!(%error, "the HTTP server was lost"),
        }
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
        self.watch.stop().await;
        self.due.stop().await;
        self.behaviours.stop().await;
        self.sealer.stop().await;
        // Last, so that whoever watches sees the rest of it end.
        if let Some(scraped) = self.scraped {
            scraped.server.stop(false).await;
        }
        // The server's threads hold the gateway, and with it the writer, a moment longer.
        let drained = tokio::time::timeout(Duration::from_secs(30), self.core.stop()).await;
        if drained.is_err() {
            tracing::error!("the writer did not end in time");
        }
        tracing::info!("stopped");
    }
}
