use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::books::{Books, BooksError, OpenBooks, Place, Shared};
use crate::database_url::DatabaseUrl;
use crate::http::server::tls::TlsError;
use crate::http::{Gateway, GatewayError};
use crate::observations::Observations;
use crate::partner::registry::{Partners, RegistryError};
use crate::partner::reload::{self, Cause, ReloadError};
use crate::partner::{Partner, Registry};
use crate::secrets::key_source::KeySource;
use crate::secrets::keys::{Keys, KeysError};
use crate::settings::{SandboxSettings, Settings};
use crate::store::{self, Db, StoreError};
use crate::telemetry::metrics::Metrics;

/// The service without HTTP, as commands such as `import` need it.
pub struct Core {
    pub registry: Arc<Registry>,
    pub keys: Keys,
    pub metrics: Arc<Metrics>,
    pub(super) main: OpenBooks,
    /// The books of partners on trial, if they have books of their own.
    pub(super) sandbox: Option<OpenBooks>,
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
    #[error(transparent)]
    Books(#[from] BooksError),
    #[error(
        "the database holds personal data that the keys of {0} cannot open: they are not the keys \
         this database was written with"
    )]
    OtherKeys(String),
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    #[error("the settings notices cannot be used: {0}")]
    Notices(String),
    #[error("the settings alarms cannot be used: {0}")]
    Alarms(String),
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
        let registry = Registry::load(&settings.partners)?;
        let registry = Arc::new(registry.with_separate_sandbox(settings.sandbox.is_some()));
        let patience = Duration::from_secs(settings.database_wait_seconds);
        let mut db = migrated(&settings.database_url, patience)?;
        let found = Partners::clone(&registry.now());
        reload::take_up(&mut db, &registry, found, settings.time_zone, Cause::Start)?;
        let source = KeySource::from(settings);
        let (keys, made) = Keys::from_source(&source)?;
        if made {
            let path = settings.keys.display();
            tracing::warn!(%path, "new secrets made: back this file up and share it with no one");
        }
        let metrics = Arc::new(Metrics::default());
        let known = keys.personal.key_ids();
        let shared = Shared { settings, keys: &keys, registry: &registry, metrics: &metrics };
        let open = |db: &mut Db, place: &Place<'_>| {
            if store::personal::sealed_with_a_key_beyond(db, &known)?.is_some() {
                return Err(AppError::OtherKeys(source.to_string()));
            }
            Ok(OpenBooks::start(place, &shared)?)
        };
        let main = Place {
            url: &settings.database_url,
            keys: &keys.token,
            has_alarm_address: settings.alarms.is_some(),
        };
        let main = open(&mut db, &main)?;
        let sandbox = match &settings.sandbox {
            None => None,
            Some(SandboxSettings { database_url: url }) => {
                let place = Place { url, keys: &keys.sandbox, has_alarm_address: false };
                Some(open(&mut migrated(url, patience)?, &place)?)
            }
        };
        Ok(Self { registry, keys, metrics, main, sandbox })
    }

    /// The books that a partner's events go to, by its status now.
    #[must_use]
    pub fn books(&self, partner: &Partner) -> &Books {
        let own = self.sandbox.as_ref().filter(|_it| partner.status.is_trial());
        &own.unwrap_or(&self.main).books
    }

    /// The HTTP face of it, served as `issuer`.
    pub(super) fn gateway(
        &self,
        settings: &Settings,
        issuer: &str,
        observations: Arc<Observations>,
    ) -> Result<Gateway, GatewayError> {
        let Self { registry, keys, metrics, main, sandbox } = self;
        let shared = Shared { settings, keys, registry, metrics };
        let sandbox = sandbox.as_ref().map(|open| open.books.clone());
        Gateway::new(issuer, &shared, main.books.clone(), sandbox, observations)
    }

    /// All books: the main ones first.
    pub fn all_books(&self) -> impl Iterator<Item = &Books> {
        std::iter::once(&self.main).chain(&self.sandbox).map(|open| &open.books)
    }

    /// Waits until the writers have recorded what waits.
    pub async fn stop(self) {
        self.main.stop().await;
        if let Some(sandbox) = self.sandbox {
            sandbox.stop().await;
        }
    }
}

/// Opens and migrates a database. A database that does not answer yet is waited for: after a restart of
/// the whole machine the gateway may be up first.
fn migrated(url: &DatabaseUrl, patience: Duration) -> Result<Db, StoreError> {
    let begun = Instant::now();
    let mut pause = PAUSE_FIRST;
    loop {
        let error = match migrate(url) {
            Err(error) if may_come(&error) && begun.elapsed() < patience => error,
            done => return done,
        };
        tracing::warn!(%error, database = %url, "the database does not answer yet; waiting for it");
        std::thread::sleep(pause);
        pause = pause.saturating_mul(2).min(PAUSE_MAX);
    }
}

const PAUSE_FIRST: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Whether waiting can help. What the database refuses by name (a password, a missing database) stays
/// refused; every other failure to connect may pass.
fn may_come(error: &StoreError) -> bool {
    match error {
        StoreError::Open { source, .. } => {
            let said = source.to_string();
            !["authentication", "does not exist", "pg_hba", "unable to open database file"]
                .into_iter()
                .any(|refused| said.contains(refused))
        }
        StoreError::Busy(_) | StoreError::Lost(_) => true,
        _ => false,
    }
}

fn migrate(url: &DatabaseUrl) -> Result<Db, StoreError> {
    let mut db = store::open(url)?;
    for name in store::migrate(&mut db)? {
        tracing::info!(migration = name, database = %url, "applied");
    }
    store::check_role(&mut db)?;
    Ok(db)
}
