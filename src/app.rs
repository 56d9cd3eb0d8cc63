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

use crate::books::{self, Books, Chores, OpenBooks};
use crate::crm::Crm;
use crate::customer::keys::{Keys, KeysError};
use crate::database_url::DatabaseUrl;
use crate::http::token_issuer::{TokenIssuer, TokenIssuerError};
use crate::http::{self, Gateway, Parts};
use crate::observations::{self, Observations, Recording};
use crate::partner::registry::{Partners, RegistryError};
use crate::partner::reload::{self, Cause, ReloadError, Reloader};
use crate::partner::{Partner, Registry};
use crate::settings::{Settings, TokenSettings};
use crate::store::{self, Db, Pool, StoreError};

/// A running service.
pub struct App {
    address: SocketAddr,
    issuer: String,
    server: ServerHandle,
    serving: JoinHandle<std::io::Result<()>>,
    chores: Vec<Chores>,
    recording: Recording,
    reloader: Reloader,
    core: Core,
}

/// The service without HTTP: what the import of files needs.
pub struct Core {
    pub registry: Arc<Registry>,
    pub keys: Keys,
    main: OpenBooks,
    /// Of the partners on trial, where they have some of their own.
    sandbox: Option<OpenBooks>,
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
        let registry = Registry::load(&settings.partners)?;
        let registry = Arc::new(registry.with_separate_sandbox(settings.sandbox.is_some()));
        let mut db = migrated(&settings.database_url)?;
        let found = Partners::clone(&registry.now());
        reload::take_up(&mut db, &registry, found, settings.time_zone, Cause::Start)?;
        let (keys, made) = Keys::load_or_create(&settings.keys)?;
        if made {
            let path = settings.keys.display();
            tracing::warn!(%path, "new secrets made: back this file up and share it with no one");
        }
        let open = |db: &mut Db, url: &DatabaseUrl, key| {
            if store::personal::sealed_with_another_key(db, keys.personal.key_id())? {
                return Err(AppError::OtherKeys(settings.keys.display().to_string()));
            }
            Ok(OpenBooks::start(url, key, (settings, &keys, &registry))?)
        };
        let main = open(&mut db, &settings.database_url, keys.token.clone())?;
        let sandbox = match &settings.sandbox {
            None => None,
            Some(sandbox) => {
                let url = &sandbox.database_url;
                Some(open(&mut migrated(url)?, url, keys.token.of_sandbox()?)?)
            }
        };
        Ok(Self { registry, keys, main, sandbox })
    }

    /// The books that a partner's events go to, by its status now.
    #[must_use]
    pub fn books(&self, partner: &Partner) -> &Books {
        let own = self.sandbox.as_ref().filter(|_it| partner.status.is_trial());
        &own.unwrap_or(&self.main).books
    }

    /// All books: the main ones first.
    pub fn all_books(&self) -> impl Iterator<Item = &Books> {
        std::iter::once(&self.main).chain(&self.sandbox).map(|open| &open.books)
    }

    /// Starts what works on the books by itself. What the sandbox says of customers never leaves
    /// it: its CRM is a pretended one.
    fn start_chores(&self, settings: &Settings) -> Result<Vec<Chores>, AppError> {
        let shared = (settings, &self.keys, &self.registry);
        let crm = books::real_crm(settings).map_err(|error| AppError::Crm(error.to_string()))?;
        let mut chores = vec![self.main.start_chores(crm, shared)];
        chores.extend(self.sandbox.iter().map(|it| it.start_chores(Some(Crm::Pretended), shared)));
        Ok(chores)
    }

    /// Waits until the writers have recorded what waits.
    pub async fn stop(self) {
        self.main.stop().await;
        if let Some(sandbox) = self.sandbox {
            sandbox.stop().await;
        }
    }
}

fn migrated(url: &DatabaseUrl) -> Result<Db, StoreError> {
    let mut db = store::open(url)?;
    for name in store::migrate(&mut db)? {
        tracing::info!(migration = name, database = %url, "applied");
    }
    Ok(db)
}

/// Without the settings nobody's tokens are taken.
fn token_issuer(
    settings: Option<&TokenSettings>,
    table: &'static str,
) -> Result<Option<TokenIssuer>, TokenIssuerError> {
    settings.map(|settings| TokenIssuer::load(settings, table)).transpose()
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
        let observations = Arc::new(Observations::default());
        let gateway = web::Data::new(Gateway::new(Parts {
            registry: Arc::clone(&core.registry),
            keys: core.keys.clone(),
            main: core.main.books.clone(),
            sandbox: core.sandbox.as_ref().map(|open| open.books.clone()),
            issuer: issuer.trim_end_matches('/').to_owned(),
            time_zone: settings.time_zone,
            customer_issuer: token_issuer(settings.customer_tokens.as_ref(), "customer_tokens")?,
            staff_issuer: token_issuer(settings.staff_tokens.as_ref(), "staff_tokens")?,
            observations: Arc::clone(&observations),
        })?);
        let chores = core.start_chores(&settings)?;
        let server = HttpServer::new(move || {
            WebApp::new()
                .app_data(gateway.clone())
                .wrap(from_fn(http::watch_trials))
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
        let trial = core.sandbox.as_ref().unwrap_or(&core.main);
        let recording = observations::start(observations, trial.books.pool.clone());
        let every = Duration::from_millis(settings.partners_millis.max(100));
        let (registry, pool) = (Arc::clone(&core.registry), core.main.books.pool.clone());
        let reloader = reload::start(registry, pool, settings.time_zone, every);
        tracing::info!(%address, database = %settings.database_url, "serving");
        Ok(Self { address, issuer, server: handle, serving, chores, recording, reloader, core })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its own URL: the issuer of its tokens.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Connections to its main database.
    #[must_use]
    pub const fn pool(&self) -> &Pool {
        &self.core.main.books.pool
    }

    /// Events that wait for the writer.
    #[must_use]
    pub fn writer_depth(&self) -> usize {
        self.core.all_books().map(|books| books.writer.depth()).sum()
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
        for chores in self.chores {
            chores.stop().await;
        }
        self.reloader.stop().await;
        self.recording.stop().await;
        // The server's threads hold the gateway, and with it the writer, a moment longer.
        let drained = tokio::time::timeout(Duration::from_secs(30), self.core.stop()).await;
        if drained.is_err() {
            tracing::error!("the writer did not end in time");
        }
        tracing::info!("stopped");
    }
}
