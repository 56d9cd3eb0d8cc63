use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::sql_types::{Bool, Text};
use diesel::{PgConnection, QueryableByName, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{Db, StoreError, open};
use crate::database_url::DatabaseUrl;

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// Applies the missing migrations and returns their names, in order.
///
/// Several gateways may start at once: on PostgreSQL an advisory lock lets one at a time migrate. A
/// role that may not change the schema succeeds when nothing is missing.
///
/// # Errors
/// [`StoreError::Migration`] naming the migration; those before it stay applied.
pub fn migrate(db: &mut Db) -> Result<Vec<String>, StoreError> {
    let versions = match db {
        Db::Postgres(connection) => {
            if lacking(connection)?.is_empty() {
                return Ok(Vec::new());
            }
            wait_for_turn(connection)?;
            let done = run(connection, POSTGRES);
            diesel::sql_query("SELECT pg_advisory_unlock(7310294)").execute(connection)?;
            done
        }
        Db::Sqlite(connection) => run(connection, SQLITE),
    };
    versions.map_err(|error| StoreError::Migration(error.to_string()))
}

#[derive(QueryableByName)]
struct Turn {
    #[diesel(sql_type = Bool)]
    ours: bool,
}

/// Waits until no other gateway migrates, however long that takes. It asks again and again, because
/// a wait for the lock itself ends with an error after `lock_timeout`. The lock of a gateway that
/// dies is free at once.
fn wait_for_turn(connection: &mut PgConnection) -> Result<(), StoreError> {
    for asked in 0_u64.. {
        let turn: Turn = diesel::sql_query("SELECT pg_try_advisory_lock(7310294) AS ours")
            .get_result(connection)?;
        if turn.ours {
            break;
        }
        if asked.is_multiple_of(120) {
            tracing::info!("another gateway migrates the database: waiting");
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    Ok(())
}

/// Creates an empty schema in a PostgreSQL database and returns the URL that uses it. An existing schema
/// of that name is dropped.
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
    match db {
        Db::Postgres(connection) => lacking(connection),
        Db::Sqlite(connection) => {
            let list = connection.pending_migrations(SQLITE);
            let list = list.map_err(|error| StoreError::Migration(error.to_string()))?;
            Ok(list.iter().map(|migration| migration.name().to_string()).collect())
        }
    }
}

#[derive(QueryableByName)]
struct Exists {
    #[diesel(sql_type = Bool)]
    there: bool,
}

#[derive(QueryableByName)]
struct Applied {
    #[diesel(sql_type = Text)]
    version: String,
}

/// The same on PostgreSQL. Diesel's own function first creates its table, which a role without rights
/// to the schema may not.
fn lacking(connection: &mut PgConnection) -> Result<Vec<String>, StoreError> {
    let table = "SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL AS there";
    let table: Exists = diesel::sql_query(table).get_result(connection)?;
    let mut applied: Vec<Applied> = Vec::new();
    if table.there {
        let query = "SELECT version::TEXT AS version FROM __diesel_schema_migrations";
        applied = diesel::sql_query(query).load(connection)?;
    }
    let ours: Vec<Box<dyn Migration<diesel::pg::Pg>>> =
        POSTGRES.migrations().map_err(|error| StoreError::Migration(error.to_string()))?;
    let lacks = |version: &str| !applied.iter().any(|row| row.version == version);
    let lacking = ours.iter().filter(|migration| lacks(&migration.name().version().to_string()));
    Ok(lacking.map(|migration| migration.name().to_string()).collect())
}

fn run<DB: diesel::backend::Backend>(
    connection: &mut impl MigrationHarness<DB>,
    source: impl MigrationSource<DB>,
) -> diesel::migration::Result<Vec<String>> {
    let applied = connection.run_pending_migrations(source)?;
    Ok(applied.iter().map(ToString::to_string).collect())
}
