//! The database, and the only place that names diesel. Two stores, one code path: PostgreSQL, or
//! an embedded SQLite file. One file per aggregate; functions read as `events::insert(tx, …)`.
//! Whatever writes takes a [`LedgerTx`], so a write outside a transaction does not compile.

use diesel::connection::SimpleConnection;
use diesel::{PgConnection, SqliteConnection};

use crate::database_url::{DatabaseUrl, Kind};

/// Type-checks one diesel expression against each store: for what `MultiConnection` cannot say
/// (batch inserts, ON CONFLICT).
macro_rules! both {
    ($db:expr, $connection:ident => $expression:expr) => {
        match $db {
            $crate::store::Db::Postgres($connection) => $expression,
            $crate::store::Db::Sqlite($connection) => $expression,
        }
    };
}

/// The values of one field of many rows: an array parameter a column, so that a bulk insert on
/// PostgreSQL has few parameters, whatever the number of rows, and is parsed and planned once.
macro_rules! column {
    ($rows:expr, $field:ident) => {
        $rows.iter().map(|row| row.$field).collect::<Vec<_>>()
    };
}

pub mod accounts;
pub mod assertions;
pub mod books;
pub mod business_keys;
pub mod codes;
pub mod conformance;
pub mod consents;
pub mod corrections;
pub mod counters;
pub mod customers;
pub mod daily_events;
mod db;
pub mod duplicates;
mod error;
pub mod events;
pub mod flagged_payments;
mod grants;
pub mod history;
pub mod holds;
pub mod idempotency_keys;
pub mod lines;
pub mod lots;
mod migrate;
pub mod observations;
pub mod outbox;
pub mod partners;
pub mod personal;
mod pool;
pub mod proof;
pub mod quotes;
pub mod referral_moves;
pub mod referral_rewards;
pub mod referrals;
mod schema;
pub mod seals;
pub mod signatures;
pub mod test_clocks;
pub mod transactions;
mod trial_schema;
mod tx;
mod types;

pub use db::Db;
pub use error::StoreError;
pub use grants::grant;
pub use migrate::{fresh_schema, migrate, pending};
pub use pool::{Pool, pool};
pub use tx::LedgerTx;

/// Asks for no row of every table with all its columns: an error names what differs.
///
/// # Errors
/// [`StoreError::Refused`] when a table or a column is missing.
pub fn check_columns(db: &mut Db) -> Result<(), StoreError> {
    schema::check_columns(db)?;
    trial_schema::check_columns(db)
}

/// Opens a connection, set up so that both stores behave alike.
///
/// # Errors
/// [`StoreError::Open`] with the reason the store gave.
#[expect(clippy::disallowed_methods, reason = "this is the one place that opens connections")]
pub fn open(url: &DatabaseUrl) -> Result<Db, StoreError> {
    use diesel::Connection;
    let failed = |source| StoreError::Open { url: url.to_string(), source };
    match url.kind() {
        Kind::Postgres => {
            let mut connection = PgConnection::establish(url.reveal()).map_err(failed)?;
            // Every query here is a look-up by key. A plan that was made while a table was empty
            // must not scan it once it is full, whenever statistics were last gathered.
            connection.batch_execute(
                "SET TIME ZONE 'UTC'; SET lock_timeout = '10s'; SET enable_seqscan = off; \
                 SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off",
            )?;
            Ok(Db::Postgres(connection))
        }
        Kind::Sqlite => {
            let mut connection = SqliteConnection::establish(url.path()).map_err(failed)?;
            connection.batch_execute(
                "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; \
                 PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                 PRAGMA recursive_triggers = ON; PRAGMA temp_store = MEMORY; \
                 PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 16384",
            )?;
            Ok(Db::Sqlite(connection))
        }
    }
}

/// How many rows of so many columns go into one statement: SQLite takes 32,766 parameters in all.
const fn rows_max(columns: usize) -> usize {
    32_766_usize.div_euclid(columns)
}

/// Asks the store for a sign of life.
///
/// # Errors
/// [`StoreError`] when it gives none.
pub fn ping(db: &mut Db) -> Result<(), StoreError> {
    both!(db, connection => connection.batch_execute("SELECT 1"))?;
    Ok(())
}
