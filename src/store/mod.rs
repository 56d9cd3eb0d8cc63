//! The database, and the only place that names diesel. Two stores, one code path: PostgreSQL, or
//! an embedded SQLite file. One file per aggregate; functions read as `events::insert(tx, …)`.
//! Whatever writes takes a [`LedgerTx`], so a write outside a transaction does not compile.

use diesel::connection::SimpleConnection;
use diesel::{PgConnection, SqliteConnection};

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

pub mod accounts;
pub mod assertions;
pub mod consents;
pub mod customers;
mod error;
pub mod events;
mod migrate;
pub mod outbox;
pub mod personal;
mod pool;
pub mod proof;
pub mod referrals;
mod schema;
pub mod transactions;
mod tx;
mod types;

pub use error::StoreError;
pub use migrate::{migrate, pending};
pub use pool::{Pool, pool};
pub use tx::LedgerTx;

/// A connection to whichever store the URL names.
#[derive(diesel::MultiConnection)]
pub enum Db {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

/// Which of the two stores a URL names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Postgres,
    Sqlite,
}

/// Where the database is: `postgres://…`, or `sqlite://PATH` for a file.
#[derive(Clone)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// # Errors
    /// What is wrong, in words, when the scheme is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let known = ["postgres://", "postgresql://", "sqlite://"];
        let named = known.iter().find_map(|scheme| text.strip_prefix(scheme));
        match named {
            Some(rest) if !rest.is_empty() => Ok(Self(text.to_owned())),
            _ => Err("expected postgres://USER@HOST/DATABASE or sqlite://PATH".to_owned()),
        }
    }

    #[must_use]
    pub fn kind(&self) -> Kind {
        if self.0.starts_with("sqlite://") {
            Kind::Sqlite
        } else {
            Kind::Postgres
        }
    }

    fn path(&self) -> &str {
        self.0.strip_prefix("sqlite://").unwrap_or(&self.0)
    }
}

/// The URL without its password.
impl std::fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some((scheme, rest)) = self.0.split_once("://") else {
            return f.write_str("?");
        };
        let Some((login, host)) = rest.rsplit_once('@') else {
            return f.write_str(&self.0);
        };
        let user = login
            .split_once(':')
            .map_or(login, |(user, _password)| user);
        // libpq also takes a password as a parameter behind the '?'.
        let host = host
            .split_once('?')
            .map_or(host, |(host, _parameters)| host);
        write!(f, "{scheme}://{user}@{host}")
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// Opens a connection, set up so that both stores behave alike.
///
/// # Errors
/// [`StoreError::Open`] with the reason the store gave.
#[allow(
    clippy::disallowed_methods,
    reason = "this is the one place that opens connections"
)]
pub fn open(url: &DatabaseUrl) -> Result<Db, StoreError> {
    use diesel::Connection;
    let failed = |source| StoreError::Open {
        url: url.to_string(),
        source,
    };
    match url.kind() {
        Kind::Postgres => {
            let mut connection = PgConnection::establish(&url.0).map_err(failed)?;
            connection.batch_execute("SET TIME ZONE 'UTC'; SET lock_timeout = '10s'")?;
            Ok(Db::Postgres(connection))
        }
        Kind::Sqlite => {
            let mut connection = SqliteConnection::establish(url.path()).map_err(failed)?;
            connection.batch_execute(
                "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; \
                 PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                 PRAGMA recursive_triggers = ON; PRAGMA cache_size = -65536",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        let url = DatabaseUrl::parse("postgres://clerk:hunter2@db.example:5432/tally").unwrap();
        assert_eq!(url.to_string(), "postgres://clerk@db.example:5432/tally");
        assert_eq!(format!("{url:?}"), "postgres://clerk@db.example:5432/tally");
    }

    #[test]
    fn a_url_of_another_database_is_refused() {
        assert!(DatabaseUrl::parse("mysql://x/y").is_err());
        assert!(DatabaseUrl::parse("sqlite://").is_err());
    }
}
