//! Settings become a running service: migrate, start the writer, the relay and the sealer, then HTTP; stop in
//! reverse. `serve`, the demo and the tests all start it here.

mod chores;
mod serving;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web;
use chores::Chores;
use serving::{Scraped, serve, start_scraped};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::customer::key_source::KeySource;
use crate::customer::keys::{Keys, KeysError};
use crate::http::tls::{self, TlsError};
use crate::http::token_issuer::{TokenIssuer, TokenIssuerError};
use crate::http::watch::{self, Watch};
use crate::http::{self, Gateway, Parts};
use crate::partner::Registry;
use crate::partner::registry::{Partners, RegistryError};
use crate::partner::reload::{self, Cause, ReloadError};
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
    chores: Chores,
    watch: Watch,
    scraped: Option<Scraped>,
    core: Core,
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

/// What the gateway is made of.
fn parts(
    settings: &Settings,
    core: &Core,
    (issuer, files_waiting): (&str, &Arc<Notify>),
) -> Result<Parts, AppError> {
    Ok(Parts {
        registry: Arc::clone(&core.registry),
        keys: core.keys.clone(),
        pool: core.pool.clone(),
        writer: core.writer.clone(),
        issuer: issuer.trim_end_matches('/').to_owned(),
        time_zone: settings.time_zone,
        upload_bytes_max: i64::from(settings.upload_bytes_max),
        files_waiting: Arc::clone(files_waiting),
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
        webhook: chores::webhook_sender(settings, core)?,
        messages_waiting: Arc::clone(&core.leads_waiting),
    })
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
        let parts = parts(&settings, &core, (&issuer, &files_waiting))?;
        let gateway = web::Data::new(Gateway::new(parts));
        let watch = watch::start(gateway.clone()).await;
        let chores = Chores::start(&settings, &core, files_waiting)?;
        let scraped = start_scraped(&settings, &gateway)?;
        let server = serve(gateway, listener, tls_config, &settings).map_err(listen_error)?;
        let handle = server.handle();
        let serving = tokio::spawn(server);
        tracing::info!(%address, database = %settings.database_url, "serving");
        let server = handle;
        Ok(Self { address, issuer, server, serving, chores, watch, scraped, core })
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
        self.chores.partners_changed()
    }

    /// Stops in reverse: no new requests, those in flight answered, the writer drained.
    pub async fn stop(self) {
        self.server.stop(true).await;
        match self.serving.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the HTTP server ended badly"),
            Err(error) => tracing::error!(%error, "the HTTP server was lost"),
        }
        self.chores.stop().await;
        self.watch.stop().await;
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
