use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{Db, StoreError, open};
use crate::database_url::DatabaseUrl;

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// Applies what is not yet applied and returns the names of what it applied, in order.
///
/// Several gateways may start at once: on PostgreSQL an advisory lock lets one at a time do it.
///
/// # Errors
/// [`StoreError::Migration`] naming the migration; those before it stay applied.
pub fn migrate(db: &mut Db) -> Result<Vec<String>, StoreError> {
    let versions = match db {
        Db::Postgres(connection) => {
            use diesel::RunQueryDsl;
            diesel::sql_query("SELECT pg_advisory_lock(7310294)").execute(connection)?;
            let done = run(connection, POSTGRES);
            diesel::sql_query("SELECT pg_advisory_unlock(7310294)").execute(connection)?;
            done
        }
        Db::Sqlite(connection) => run(connection, SQLITE),
    };
    versions.map_err(|error| StoreError::Migration(error.to_string()))
}

/// Empties (or makes) a schema of a PostgreSQL database, and gives the URL that works in it: a
/// place for trials beside whatever else the database holds.
///
/// # Errors
/// [`StoreError`].
pub fn fresh_schema(url: &DatabaseUrl, schema: &'static str) -> Result<DatabaseUrl, StoreError> {
    let mut db = open(url)?;
    let statements = format!(
        "SET client_min_messages = warning; DROP SCHEMA IF EXISTS {schema} CASCADE; \
         CREATE SCHEMA {schema}"
    );
    both!(&mut db, connection => connection.batch_execute(&statements))?;
    let joint = if url.reveal().contains('?') { '&' } else { '?' };
    let text = format!("{}{joint}options=-csearch_path%3D{schema}", url.reveal());
    DatabaseUrl::parse(&text).map_err(StoreError::Migration)
}

/// Names of migrations that this program has and the database lacks.
///
/// # Errors
/// [`StoreError::Migration`] when the database cannot be asked.
pub fn pending(db: &mut Db) -> Result<Vec<String>, StoreError> {
    let names = match db {
        Db::Postgres(connection) => {
            connection.pending_migrations(POSTGRES).map(|list| names(&list))
        }
        Db::Sqlite(connection) => connection.pending_migrations(SQLITE).map(|list| names(&list)),
    };
    names.map_err(|error| StoreError::Migration(error.to_string()))
}

fn run<DB: diesel::backend::Backend>(
    connection: &mut impl MigrationHarness<DB>,
    source: impl MigrationSource<DB>,
) -> diesel::migration::Result<Vec<String>> {
    let applied = connection.run_pending_migrations(source)?;
    Ok(applied.iter().map(ToString::to_string).collect())
}

fn names<DB: diesel::backend::Backend>(list: &[Box<dyn Migration<DB>>]) -> Vec<String> {
    list.iter().map(|migration| migration.name().to_string()).collect()
}
