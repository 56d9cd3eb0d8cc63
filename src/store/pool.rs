use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::r2d2::{self, ManageConnection};
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::Bool;
use diesel::{QueryableByName, RunQueryDsl};

use super::{Db, StoreError, open, ping, probe};
use crate::database_url::DatabaseUrl;

/// Connections for reading and for small writes beside the writer's.
#[derive(Clone)]
pub struct Pool {
    connections: r2d2::Pool<Opener>,
    /// When the last successful probe ended.
    probed: Arc<Mutex<Option<Instant>>>,
}

struct Opener(DatabaseUrl);

/// The longest wait for the answer to one question. The thread that asked stays with its connection
/// until the connection ends, so a database that hangs holds no more threads than the pool has
/// connections.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A stranger who asks for the readiness again and again causes no more writes than this.
const PROBE_EVERY: Duration = Duration::from_secs(1);

impl ManageConnection for Opener {
    type Connection = Db;
    type Error = StoreError;

    fn connect(&self) -> Result<Db, StoreError> {
        let mut db = open(&self.0)?;
        if let Db::Postgres(connection) = &mut db {
            // No question of a gateway takes long. PostgreSQL ends what nobody waits for any more.
            connection.batch_execute("SET statement_timeout = '30s'")?;
        }
        Ok(db)
    }

    /// Each time before a connection is lent.
    fn is_valid(&self, db: &mut Db) -> Result<(), StoreError> {
        match db {
            Db::Postgres(connection) => {
                let says: Writable = diesel::sql_query(WRITABLE).get_result(connection)?;
                if says.writable { Ok(()) } else { Err(StoreError::Lost(standby())) }
            }
            Db::Sqlite(_) => ping(db),
        }
    }

    fn has_broken(&self, db: &mut Db) -> bool {
        use diesel::connection::{AnsiTransactionManager, TransactionManager};
        std::thread::panicking()
            || both!(db, connection => AnsiTransactionManager::is_broken_transaction_manager(connection))
    }
}

/// After a failover the old server may answer still, as a standby: the connection is given up.
const WRITABLE: &str = "
    SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' AS writable";

#[derive(QueryableByName)]
struct Writable {
    #[diesel(sql_type = Bool)]
    writable: bool,
}

fn standby() -> Error {
    let message = "the server takes no changes: it is a standby, or read-only".to_owned();
    Error::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, Box::new(message))
}

/// Makes a pool of at most `size` connections, opened when first needed.
#[must_use]
pub fn pool(url: &DatabaseUrl, size: u32) -> Pool {
    let connections = r2d2::Pool::builder()
        .max_size(size)
        .min_idle(Some(0))
        .connection_timeout(Duration::from_secs(5))
        .build_unchecked(Opener(url.clone()));
    Pool { connections, probed: Arc::default() }
}

impl Pool {
    /// Connections in use, and open ones that nobody uses.
    #[must_use]
    pub fn in_use_and_idle(&self) -> (u32, u32) {
        let state = self.connections.state();
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
        let mut lent = self.connections.get().map_err(|_timed_out| StoreError::Exhausted)?;
        work(&mut lent)
    }

    /// Writes a little, at most once a second, to learn whether the store takes changes.
    ///
    /// # Errors
    /// As [`probe`] and [`Self::ask`].
    pub async fn probe(&self) -> Result<(), StoreError> {
        let last = *self.probed.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|at| at.elapsed() < PROBE_EVERY) {
            return Ok(());
        }
        self.ask(probe).await?;
        *self.probed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        Ok(())
    }

    /// Lends a connection to `work` on a thread that may block.
    ///
    /// # Errors
    /// [`StoreError::Exhausted`] when no connection becomes free in 5 seconds, no answer comes in
    /// 30, or the program is ending; else what `work` returned.
    pub async fn ask<T, E>(
        &self,
        work: impl FnOnce(&mut Db) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let pool = self.clone();
        let asked = tokio::task::spawn_blocking(move || pool.with(work));
        match tokio::time::timeout(ANSWER_WITHIN, asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(StoreError::Exhausted.into()),
        }
    }
}
