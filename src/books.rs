//! A set of books: a database with its ledger, and all that works on it. The service keeps one; and
//! where the settings name a database for the sandbox, a second one, with the same tables, for the
//! partners on trial. No event, member or point is ever in both.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::crm::{Crm, CrmError};
use crate::customer::keys::{Keys, TokenKey};
use crate::database_url::DatabaseUrl;
use crate::due::{self, Due};
use crate::ledger::seal::{self, Sealer};
use crate::outbox::relay::{self, Relay, RelaySettings};
use crate::outbox::{CrmSender, Senders};
use crate::partner::Registry;
use crate::settings::Settings;
use crate::store::{self, Pool, StoreError};
use crate::writer::{self, Writer, WriterSettings, WriterThreads};

/// The way into a set of books; cheap to clone.
#[derive(Clone)]
pub struct Books {
    pub pool: Pool,
    pub writer: Writer,
    /// Signs their receipts and heads.
    pub key: TokenKey,
}

/// A set of books with its writer's threads.
pub struct OpenBooks {
    pub books: Books,
    threads: WriterThreads,
    leads_waiting: Arc<Notify>,
}

/// What works on a set of books by itself.
pub struct Chores {
    relay: Relay,
    due: Due,
    sealer: Sealer,
}

impl OpenBooks {
    /// Starts the writer on a database that is migrated.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn start(
        url: &DatabaseUrl,
        key: TokenKey,
        (settings, keys, registry): (&Settings, &Keys, &Arc<Registry>),
    ) -> Result<Self, StoreError> {
        let leads_waiting = Arc::new(Notify::new());
        let (writer, threads) = writer::start(WriterSettings {
            url: url.clone(),
            keys: keys.personal.clone(),
            time_zone: settings.time_zone,
            registry: Arc::clone(registry),
            writers: settings.writers,
            queue_max: settings.queue_max,
            group_max: settings.group_max,
            leads_waiting: Arc::clone(&leads_waiting),
        })?;
        let books = Books { pool: store::pool(url, settings.pool_max), writer, key };
        Ok(Self { books, threads, leads_waiting })
    }

    /// Starts what works on them by itself. Without a CRM leads wait in the outbox.
    #[must_use]
    pub fn start_chores(
        &self,
        crm: Option<Crm>,
        (settings, keys, registry): (&Settings, &Keys, &Arc<Registry>),
    ) -> Chores {
        let Books { pool, writer, key } = &self.books;
        let crm = crm.map(|crm| CrmSender {
            crm: Arc::new(crm),
            pool: pool.clone(),
            keys: keys.personal.clone(),
            registry: Arc::clone(registry),
        });
        let relay = RelaySettings {
            pool: pool.clone(),
            senders: Senders { crm },
            delivery: settings.delivery,
            lease: lead_lease(settings),
        };
        let every = Duration::from_secs(settings.due_seconds.max(1));
        Chores {
            relay: relay::start(relay, Arc::clone(&self.leads_waiting)),
            due: due::start(pool.clone(), writer.clone(), Arc::clone(registry), every),
            sealer: seal::start(pool.clone(), key.clone()),
        }
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

impl Chores {
    /// Lets what is under way end.
    pub async fn stop(self) {
        self.relay.stop().await;
        self.due.stop().await;
        self.sealer.stop().await;
    }
}

/// The bank's CRM, if the settings have one.
///
/// # Errors
/// [`CrmError`] when its settings cannot be used.
pub fn real_crm(settings: &Settings) -> Result<Option<Crm>, CrmError> {
    settings.crm.as_ref().map(|crm| Crm::new(crm, lead_lease(settings) / 3)).transpose()
}

fn lead_lease(settings: &Settings) -> Duration {
    Duration::from_secs(u64::from(settings.lead_lease_seconds.max(3)))
}
