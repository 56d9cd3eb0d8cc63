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

pub mod access;
mod columns;
pub mod customers;
mod db;
mod error;
pub mod events;
mod grants;
pub mod imports;
pub mod ledger;
mod migrate;
mod moment;
pub mod outbox;
pub mod partners;
mod pool;
pub mod referrals;
mod schema;
pub mod sealed;
mod tx;
mod types;

// Callers name a table by itself (`store::lots`); the folders are for whoever reads the store.
pub use access::{form_tries, idempotency_keys, revoked_tokens, single_use};
pub use columns::check_columns;
pub use customers::{
    announcements, consents, contacts, customer_stages, erasures, notices, personal, readings,
};
pub use db::Db;
pub use error::StoreError;
pub use events::{
    business_keys, codes, daily_events, duplicates, flagged_payments, quotes, signatures,
};
pub use grants::grant;
pub use ledger::{
    accounts, corrections, counters, history, holds, lines, lots, proof, reports, seals,
    transactions,
};
pub use migrate::{fresh_schema, migrate, pending};
pub use partners::{conformance, observations, test_clocks, webhook_endpoints};
pub use pool::{Pool, pool};
pub use referrals::{
    crm_feedback, follow_ups, referral_claims, referral_moves, referral_rewards, tasks,
};
pub use tx::LedgerTx;

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
                 PRAGMA recursive_triggers = ON; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY; \
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

/// Sees to it that what was deleted is gone from the store's files, as far as a gateway can: SQLite
/// overwrites what it deletes (`secure_delete`), and here gives up the log that still had it. Of
/// PostgreSQL this is its owner's to do (VACUUM).
pub fn scrub(db: &mut Db) -> Result<(), StoreError> {
    if let Db::Sqlite(connection) = db {
        // While others read, the log stays a little longer: the next scrub gives it up.
        connection.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?;
    }
    Ok(())
}

/// Asks the store for a sign of life.
///
/// # Errors
/// [`StoreError`] when it gives none.
pub fn ping(db: &mut Db) -> Result<(), StoreError> {
    both!(db, connection => connection.batch_execute("SELECT 1"))?;
    Ok(())
}
