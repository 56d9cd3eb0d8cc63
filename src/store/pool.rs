use std::time::Duration;

use diesel::r2d2::{self, ManageConnection};

use super::{Db, StoreError, open, ping};
use crate::database_url::DatabaseUrl;

/// Connections for reading and for small writes beside the writer's.
#[derive(Clone)]
pub struct Pool(r2d2::Pool<Opener>);

struct Opener(DatabaseUrl);

impl ManageConnection for Opener {
    type Connection = Db;
    type Error = StoreError;

    fn connect(&self) -> Result<Db, StoreError> {
        open(&self.0)
    }

    fn is_valid(&self, db: &mut Db) -> Result<(), StoreError> {
        ping(db)
    }

    fn has_broken(&self, db: &mut Db) -> bool {
        use diesel::connection::{AnsiTransactionManager, TransactionManager};
        std::thread::panicking()
            || both!(db, connection => AnsiTransactionManager::is_broken_transaction_manager(connection))
    }
}

/// Makes a pool of at most `size` connections, opened when first needed.
#[must_use]
pub fn pool(url: &DatabaseUrl, size: u32) -> Pool {
    Pool(
        r2d2::Pool::builder()
            .max_size(size)
            .min_idle(Some(0))
            .connection_timeout(Duration::from_secs(5))
            .build_unchecked(Opener(url.clone())),
    )
}

impl Pool {
    /// Connections in use, and open ones that nobody uses.
    #[must_use]
    pub fn in_use_and_idle(&self) -> (u32, u32) {
        let state = self.0.state();
        (state.connections.saturating_sub(state.idle_connections), state.idle_connections)
    }

    /// Lends a connection to `work` and blocks the thread until it is done. Async code calls
    /// [`Self::ask`] instead.
    ///
    /// # Errors
    /// [`StoreError::Exhausted`] when no connection becomes free in 5 seconds, else what `work`
    /// returned.
    pub fn with<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&mut Db) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut lent = self.0.get().map_err(|_timed_out| StoreError::Exhausted)?;
        work(&mut lent)
    }

    /// Lends a connection to `work` on a thread that may block.
    ///
    /// # Errors
    /// [`StoreError::Exhausted`] when no connection becomes free in 5 seconds or the program is
    /// ending, else what `work` returned.
    pub async fn ask<T, E>(
        &self,
        work: impl FnOnce(&mut Db) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let pool = self.clone();
        let done = tokio::task::spawn_blocking(move || pool.with(work)).await;
        done.unwrap_or_else(|_cancelled| Err(StoreError::Exhausted.into()))
    }
}
