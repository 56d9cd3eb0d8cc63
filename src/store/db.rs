#![expect(
    clippy::disallowed_methods,
    reason = "the derived code names Connection::establish; nobody calls it: see store::open"
)]

use diesel::{PgConnection, SqliteConnection};

/// A connection to the store that the URL names.
#[derive(diesel::MultiConnection)]
pub enum Db {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}
