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

use crate::crm::Crm;
use crate::customer::keys::{Keys, KeysError};
use crate::due::{self, Due};
use crate::http::token_issuer::{TokenIssuer, TokenIssuerError};
use crate::http::{self, Gateway, Parts};
use crate::ledger::seal::{self, Sealer};
use crate::outbox::relay::{self, Relay, RelaySettings};
use crate::outbox::{CrmSender, Senders};
use crate::partner::Registry;
use crate::partner::registry::{Partners, RegistryError};
use crate::partner::reload::{self, Cause, ReloadError, Reloader};
use crate::settings::{Settings, TokenSettings};
use crate::store::{self, Pool, StoreError};
use crate::telemetry::metrics::Metrics;
use crate::writer::{self, Writer, WriterSettings, WriterThreads};

/// A running service.
pub struct App {
    address: SocketAddr,
    issuer: String,
    server: ServerHandle,
    serving: JoinHandle<std::io::Result<()>>,
    relay: Relay,
    due: Due,
    sealer: Sealer,
    reloader: Reloader,
    scraped: Option<Scraped>,
    core: Core,
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
        "the database holds personal data that the key file {0} cannot open: it is not the key \
         file this database was written with"
    )]
    OtherKeys(String),
    #[error(transparent)]
    TokenIssuer(#[from] TokenIssuerError),
    #[error("the CRM's settings cannot be used: {0}")]
    Crm(String),
    #[error("the key that signs tokens cannot be used")]
    TokenKey(#[from] jsonwebtoken::errors::Error),
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: std::io::Error },
}

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
        let (keys, made) = Keys::load_or_create(&settings.keys)?;
        if made {
            let path = settings.keys.display();
            tracing::warn!(%path, "new secrets made: back this file up and share it with no one");
        }
        if store::personal::sealed_with_another_key(&mut db, keys.personal.key_id())? {
            return Err(AppError::OtherKeys(settings.keys.display().to_string()));
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

/// Leads go nowhere while there is no CRM: they wait in the outbox.
fn start_relay(settings: &Settings, core: &Core) -> Result<Relay, AppError> {
    let lease = Duration::from_secs(u64::from(settings.lead_lease_seconds.max(3)));
    let crm = settings.crm.as_ref().map(|crm| Crm::new(crm, lease / 3)).transpose();
    let crm = crm.map_err(|error| AppError::Crm(error.to_string()))?.map(|crm| CrmSender {
        crm: Arc::new(crm),
        pool: core.pool.clone(),
        keys: core.keys.personal.clone(),
        registry: Arc::clone(&core.registry),
    });
    let (pool, senders) = (core.pool.clone(), Senders { crm });
    let relay = RelaySettings {
        pool,
        senders,
        delivery: settings.delivery,
        lease,
        metrics: Arc::clone(&core.metrics),
    };
    Ok(relay::start(relay, Arc::clone(&core.leads_waiting)))
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
        let issuer = settings.issuer.clone().unwrap_or_else(|| format!("http://{address}"));
        let gateway = web::Data::new(Gateway::new(Parts {
            registry: Arc::clone(&core.registry),
            keys: core.keys.clone(),
            pool: core.pool.clone(),
            writer: core.writer.clone(),
            issuer: issuer.trim_end_matches('/').to_owned(),
            time_zone: settings.time_zone,
            metrics: Arc::clone(&core.metrics),
            metrics_public: settings.metrics.public,
            customer_issuer: token_issuer(settings.customer_tokens.as_ref(), "customer_tokens")?,
            staff_issuer: token_issuer(settings.staff_tokens.as_ref(), "staff_tokens")?,
        })?);
        let relay = start_relay(&settings, &core)?;
        let every = Duration::from_secs(settings.due_seconds.max(1));
        let pulse = core.metrics.pulse("due");
        let due = due::start(core.pool.clone(), core.writer.clone(), every, pulse);
        let scraped = start_scraped(&settings, &gateway)?;
        let server = HttpServer::new(move || {
            WebApp::new()
                .app_data(gateway.clone())
                .wrap(from_fn(http::tag_resources))
                .wrap(from_fn(http::speak_version))
                .wrap(from_fn(http::log_requests))
                .configure(http::routes)
        })
        .workers(settings.workers.max(1))
        .shutdown_timeout(settings.shutdown_seconds)
        .disable_signals()
        .listen(listener)
        .map_err(listen_error)?
        .run();
        let handle = server.handle();
        let serving = tokio::spawn(server);
        let pulse = core.metrics.pulse("sealer");
        let sealer = seal::start(core.pool.clone(), core.keys.token.clone(), pulse);
        let every = Duration::from_millis(settings.partners_millis.max(100));
        let (registry, pool) = (Arc::clone(&core.registry), core.pool.clone());
        let pulse = core.metrics.pulse("partners");
        let reloader = reload::start(registry, pool, settings.time_zone, every, pulse);
        tracing::info!(%address, database = %settings.database_url, "serving");
        let server = handle;
        Ok(Self { address, issuer, server, serving, relay, due, sealer, reloader, scraped, core })
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
        self.reloader.stop().await;
        self.due.stop().await;
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
