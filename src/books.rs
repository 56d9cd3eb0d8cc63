//! A set of books: a database with its ledger, and the writer on it. The service keeps one.
//! If the settings name a database for the sandbox, it keeps a second set with the same tables, for
//! partners on trial. No event, member or point is ever in both.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::database_url::DatabaseUrl;
use crate::partner::Registry;
use crate::secrets::keys::{Keys, TokenKeys};
use crate::settings::Settings;
use crate::store::{self, Db, LedgerTx, Pool, StoreError};
use crate::telemetry::metrics::Metrics;
use crate::webhook::WebhookSender;
use crate::writer::{self, Writer, WriterSettings, WriterThreads};

/// The way into a set of books; cheap to clone.
#[derive(Clone)]
pub struct Books {
    pub pool: Pool,
    pub writer: Writer,
    /// The keys that sign the receipts and heads of these books.
    pub keys: TokenKeys,
    /// Sends to the webhook endpoints of these books.
    pub webhook: WebhookSender,
    /// Notified when a message was queued.
    pub messages_waiting: Arc<Notify>,
    /// Notified when a file has been uploaded completely.
    pub files_waiting: Arc<Notify>,
    /// Notified when a statement has been uploaded completely.
    pub statements_waiting: Arc<Notify>,
}

impl Books {
    /// Runs a read of the database off the async threads.
    ///
    /// # Errors
    /// The store's. [`StoreError::Exhausted`] also means that the service is stopping.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask_or(question).await
    }

    /// The same, for a question with errors of its own.
    pub async fn ask_or<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        &self,
        question: impl FnOnce(&mut Db) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        self.pool.ask(question).await
    }

    /// Runs one transaction off the async threads: all of its changes are kept, or none.
    ///
    /// # Errors
    /// As [`Books::ask`].
    pub async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut LedgerTx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write_or(change).await
    }

    /// The same, for a change with errors of its own.
    pub async fn write_or<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        &self,
        change: impl FnOnce(&mut LedgerTx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        self.ask_or(move |db| db.write(change)).await
    }
}

/// A set of books with its writer's threads.
pub struct OpenBooks {
    pub books: Books,
    threads: WriterThreads,
}

/// Where a set of books is kept, and the keys that sign for it.
pub struct Place<'a> {
    pub url: &'a DatabaseUrl,
    pub keys: &'a TokenKeys,
    /// Whether alarms go to the bank's own address.
    pub has_alarm_address: bool,
}

/// What all books share.
pub struct Shared<'a> {
    pub settings: &'a Settings,
    pub keys: &'a Keys,
    pub registry: &'a Arc<Registry>,
    pub metrics: &'a Arc<Metrics>,
}

/// Why books cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum BooksError {
    #[error("the database cannot be used")]
    Store(#[from] StoreError),
    #[error("there can be no HTTP client")]
    HttpClient(#[from] reqwest::Error),
}

impl OpenBooks {
    /// Starts the writer on a database that is migrated.
    pub fn start(place: &Place<'_>, shared: &Shared<'_>) -> Result<Self, BooksError> {
        let Shared { settings, keys, registry, metrics } = shared;
        let pool = store::pool(place.url, settings.pool_max);
        // A request to an endpoint takes at most a third of a lease.
        let (webhook_keys, longest) = (keys.webhook.clone(), lease(settings) / 3);
        let webhook = WebhookSender::new(settings.webhooks, webhook_keys, pool.clone(), longest)?;
        let messages_waiting = Arc::new(Notify::new());
        let (writer, threads) = writer::start(WriterSettings {
            url: place.url.clone(),
            keys: keys.personal.clone(),
            time_zone: settings.time_zone,
            registry: Arc::clone(registry),
            writers: settings.writers,
            queue_max: settings.queue_max,
            group_max: settings.group_max,
            leads_waiting: Arc::clone(&messages_waiting),
            metrics: Arc::clone(metrics),
            has_alarm_address: place.has_alarm_address,
        })?;
        let books = Books {
            pool,
            writer,
            keys: place.keys.clone(),
            webhook,
            messages_waiting,
            files_waiting: Arc::new(Notify::new()),
            statements_waiting: Arc::new(Notify::new()),
        };
        Ok(Self { books, threads })
    }

    /// Waits until the writer has recorded what waits.
    pub async fn stop(self) {
        drop(self.books);
        let joined = tokio::task::spawn_blocking(move || self.threads.join()).await;
        if joined.is_err() {
            tracing::error!("the writer could not be waited for");
        }
    }
}

/// For how long a message that goes out is its sender's.
#[must_use]
pub fn lease(settings: &Settings) -> Duration {
    Duration::from_secs(u64::from(settings.lead_lease_seconds.max(3)))
}
