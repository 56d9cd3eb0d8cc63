//! Checks that the database role of a gateway may do no more than its work needs. Somebody who has the
//! gateway's password can do what its role can.

use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Text};

use super::{Db, StoreError};

/// What the role of this connection may do in this database.
#[derive(QueryableByName)]
struct Role {
    #[diesel(sql_type = Text)]
    name: String,
    /// Another role was given a gateway's rights (`migrate --grant`): the owner of the tables does
    /// not serve.
    #[diesel(sql_type = Bool)]
    granted: bool,
    #[diesel(sql_type = Bool)]
    superuser: bool,
    #[diesel(sql_type = Bool)]
    owner: bool,
    #[diesel(sql_type = Bool)]
    temporary: bool,
    #[diesel(sql_type = Bool)]
    creates: bool,
    /// Tables of history that the role may change.
    #[diesel(sql_type = Array<Text>)]
    changes: Vec<String>,
}

const ROLE: &str = "
    SELECT current_user::TEXT AS name,
        EXISTS (
            SELECT 1 FROM aclexplode(c.relacl) a
            WHERE a.grantee <> c.relowner AND a.grantee <> 0 AND a.privilege_type = 'INSERT'
        ) AS granted,
        (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
        pg_has_role(current_user, c.relowner, 'MEMBER') AS owner,
        has_database_privilege(current_database(), 'TEMPORARY') AS temporary,
        has_schema_privilege(c.relnamespace, 'CREATE') AS creates,
        ARRAY(
            SELECT t.relname::TEXT FROM pg_class t
            WHERE t.relnamespace = c.relnamespace
                AND t.relname IN ('events', 'transactions', 'entries', 'blocks', 'seals', 'members')
                AND (has_table_privilege(t.oid, 'UPDATE') OR has_table_privilege(t.oid, 'DELETE')
                    OR has_table_privilege(t.oid, 'TRUNCATE') OR has_table_privilege(t.oid, 'TRIGGER'))
            ORDER BY t.relname
        ) AS changes
    FROM pg_class c WHERE c.oid = to_regclass('transactions')";

/// Refuses to serve as a role with which history could be changed.
///
/// A database where nobody was given a gateway's rights is served by the owner of its tables: a
/// trial, a demo or one machine. From the first `migrate --grant` on, only a restricted role serves.
///
/// # Errors
/// [`StoreError::Role`] with what the role may do, and the statement that takes it away.
pub fn check_role(db: &mut Db) -> Result<(), StoreError> {
    let Db::Postgres(connection) = db else { return Ok(()) };
    let role: Option<Role> = diesel::sql_query(ROLE).get_result(connection).optional()?;
    match role.as_ref().and_then(Role::fault) {
        Some(fault) => Err(StoreError::Role(fault)),
        None => Ok(()),
    }
}

impl Role {
    fn fault(&self) -> Option<String> {
        let name = &self.name;
        if !self.granted {
            return None;
        }
        if self.superuser {
            return Some(format!("{name} is a superuser: serve as the role that was granted"));
        }
        if self.owner {
            return Some(format!(
                "{name} owns the tables, or is a member of their owner: serve as the role that was \
                 granted"
            ));
        }
        if self.temporary {
            return Some(format!(
                "{name} may make temporary tables: as the database's owner, run REVOKE TEMPORARY ON \
                 DATABASE … FROM PUBLIC, {name}"
            ));
        }
        if self.creates {
            return Some(format!(
                "{name} may create objects in the schema of the tables: run REVOKE CREATE ON SCHEMA \
                 … FROM PUBLIC, {name}"
            ));
        }
        let table = self.changes.first()?;
        Some(format!("{name} may change {table}: run tallystick migrate --grant {name} again"))
    }
}
