//! The database, and the only place that names diesel. Two stores, one code path: PostgreSQL, or
//! an embedded SQLite file. One file per aggregate; functions read as `events::insert(tx, …)`.
//! Functions that write take a [`LedgerTx`], so a write outside a transaction does not compile.

use diesel::connection::SimpleConnection;
use diesel::{ExpressionMethods, PgConnection, QueryDsl, RunQueryDsl, SqliteConnection};

use crate::database_url::{DatabaseUrl, Kind};

/// Compiles one diesel expression for each store, where `MultiConnection` cannot express it (batch
/// inserts, ON CONFLICT).
macro_rules! both {
    ($db:expr, $connection:ident => $expression:expr) => {
        match $db {
            $crate::store::Db::Postgres($connection) => $expression,
            $crate::store::Db::Sqlite($connection) => $expression,
        }
    };
}

/// The values of one field of many rows. With one array parameter for each column a bulk insert on
/// PostgreSQL has few parameters and is planned once.
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
mod messages;
mod migrate;
mod moment;
pub mod outbox;
pub mod partners;
mod pool;
pub mod reconcile;
pub mod referrals;
mod role;
mod schema;
pub mod sealed;
mod tx;
mod types;

// Callers name a table by itself (`store::lots`). The folders group the tables for readers.
pub use access::{
    console_sessions, form_tries, idempotency_keys, revoked_tokens, single_use, wallet_sessions,
};
pub use columns::check_columns;
pub use customers::{
    announcements, consents, contacts, customer_stages, erasures, notices, personal, readings,
};
pub use db::Db;
pub use error::{StoreError, was_full_within};
pub use events::{
    business_keys, codes, daily_events, duplicates, event_search, flagged_payments, held_events,
    quotes, signatures, waiting_events,
};
pub use grants::grant;
pub use imports::history_imports;
pub use ledger::{
    accounts, approval_pairs, conduct, corrections, counters, exposures, frozen_lots, history,
    holds, lines, lots, one_transaction, past_figures, proof, refund_charges, reports, seals,
    transactions,
};
pub use migrate::{fresh_schema, migrate, pending};
pub use partners::{conformance, freezes, observations, test_clocks, webhook_endpoints};
pub use pool::{Pool, pool};
pub use reconcile::{
    bank_breaks, bank_files, break_attachments, break_subjects, break_talk, breaks, matches,
    our_events, payouts, reconciliations, separations, settled_entries, settlement_answers,
    settlements, statement_originals, statement_uploads, statements,
};
pub use referrals::{
    crm_feedback, follow_ups, referral_claims, referral_confirmations, referral_moves,
    referral_rewards, tasks,
};
pub use role::check_role;
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
            let mut connection = PgConnection::establish(&with_time_limits(url)).map_err(failed)?;
            // Every query here is a look-up by key. A plan that was made while a table was empty
            // must not scan it once it is full, whenever statistics were last gathered.
            connection.batch_execute(
                "SET TIME ZONE 'UTC'; SET lock_timeout = '10s'; SET enable_seqscan = off; \
                 SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off",
            )?;
            // Only a superuser may choose the language of messages, or a role that was given the
            // right (PostgreSQL 15). Without it `messages` knows the other languages.
            if connection.batch_execute("SET lc_messages = 'C'").is_err() {
                tracing::trace!("the server chooses the language of its messages");
            }
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

/// The URL with limits for libpq, unless it names them: 10 seconds to connect, and some 30 until a
/// server that no longer answers on the network is given up.
fn with_time_limits(url: &DatabaseUrl) -> String {
    let mut text = url.reveal().to_owned();
    for (name, value) in [
        ("connect_timeout", "10"),
        ("tcp_user_timeout", "30000"),
        ("keepalives_idle", "15"),
        ("keepalives_interval", "5"),
        ("keepalives_count", "3"),
    ] {
        if !text.contains(&format!("{name}=")) {
            let joint = if text.contains('?') { '&' } else { '?' };
            text.push_str(&format!("{joint}{name}={value}"));
        }
    }
    text
}

/// Writes a little and makes it durable, to learn whether the store still takes changes.
///
/// # Errors
/// [`StoreError::Full`] or [`StoreError::Lost`] when it does not.
pub fn probe(db: &mut Db) -> Result<(), StoreError> {
    let filler = rand_bytes();
    let written = db.write(|tx| {
        let row = schema::write_probe::table.find(1_i64);
        let filler = schema::write_probe::filler.eq(filler.as_slice());
        Ok::<_, StoreError>(diesel::update(row).set(filler).execute(tx.0)?)
    });
    match written {
        // Somebody else writes at this moment, so the store does take changes.
        Ok(_) | Err(StoreError::Busy(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Half a page that cannot be compressed.
fn rand_bytes() -> Vec<u8> {
    let ids = std::iter::repeat_with(uuid::Uuid::new_v4).take(128);
    ids.flat_map(uuid::Uuid::into_bytes).collect()
}

/// The most rows with this number of columns in one statement: SQLite takes 32,766 parameters.
const fn rows_max(columns: usize) -> usize {
    32_766_usize.div_euclid(columns)
}

/// Removes deleted rows from the store's files, as far as a gateway can. SQLite overwrites what it
/// deletes (`secure_delete`), and here truncates the log that still had it. On PostgreSQL the owner
/// runs VACUUM.
pub fn scrub(db: &mut Db) -> Result<(), StoreError> {
    if let Db::Sqlite(connection) = db {
        // While others read, the log stays a little longer: the next scrub gives it up.
        connection.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?;
    }
    Ok(())
}

/// Runs a trivial statement, to learn whether the connection works.
pub fn ping(db: &mut Db) -> Result<(), StoreError> {
    both!(db, connection => connection.batch_execute("SELECT 1"))?;
    Ok(())
}
