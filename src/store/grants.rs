//! The rights of the gateway's own role on PostgreSQL: all that its work needs, and none with which
//! history could be changed. Triggers prevent mistakes. Rights stop somebody who has the gateway's
//! password, because the owner of a trigger can drop it.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

use super::{Db, StoreError};

/// Every table, with what the gateway may do with it.
const RIGHTS: &[(&str, &str)] = &[
    // History: appended.
    ("events", "SELECT, INSERT"),
    ("transactions", "SELECT, INSERT"),
    ("entries", "SELECT, INSERT"),
    ("blocks", "SELECT, INSERT"),
    ("seals", "SELECT, INSERT"),
    ("members", "SELECT, INSERT"),
    ("partner_changes", "SELECT, INSERT"),
    ("accounts", "SELECT, INSERT, UPDATE (balance)"),
    ("business_keys", "SELECT, INSERT"),
    ("flagged_payments", "SELECT, INSERT"),
    ("released_events", "SELECT, INSERT"),
    ("history_imports", "SELECT, INSERT"),
    ("exposures", "SELECT, INSERT, UPDATE (amount), DELETE"),
    ("conduct", "SELECT, INSERT, UPDATE (tally), DELETE"),
    (
        "held_events",
        "SELECT, INSERT, UPDATE (state, decided_by, decided_because, decided_at, proposed_by, \
         proposed_because, proposed_at)",
    ),
    (
        "freezes",
        "SELECT, INSERT, UPDATE (lifted_by, lifted_because, lifted_at, \
         lifted_transaction_id)",
    ),
    ("duplicates", "SELECT, INSERT"),
    ("signatures", "SELECT, INSERT"),
    ("event_signatures", "SELECT, INSERT"),
    ("counted", "SELECT, INSERT"),
    ("lines", "SELECT, INSERT"),
    ("conformance_runs", "SELECT, INSERT"),
    ("test_clocks", "SELECT, INSERT, UPDATE (ahead_seconds, set_at)"),
    ("observations", "SELECT, INSERT, UPDATE (count, last_seen_at), DELETE"),
    ("daily_events", "SELECT, INSERT, UPDATE (recorded)"),
    ("counters", "SELECT, INSERT, UPDATE (value)"),
    ("lots", "SELECT, INSERT, UPDATE (pending, available, held, redeemed, expired, owed)"),
    (
        "holds",
        "SELECT, INSERT, UPDATE (state, committed, returned, value, price, returned_value, \
         confirmation, confirmation_id)",
    ),
    ("refund_charges", "SELECT, INSERT, UPDATE (charged, repaid, value)"),
    (
        "corrections",
        "SELECT, INSERT, UPDATE (state, transaction_id, approved_by, rejected_by, \
         rejected_because, closed_at)",
    ),
    // A row lock asks for the right to update some column.
    ("customers", "SELECT, INSERT, UPDATE (birth_month, tier, tier_held_until)"),
    ("write_probe", "SELECT, UPDATE (filler)"),
    ("consents", "SELECT, INSERT, UPDATE (withdrawn_at, evidence, collector)"),
    ("withdrawals", "SELECT, INSERT"),
    ("readings", "SELECT, INSERT"),
    ("erasures", "SELECT, INSERT"),
    (
        "referrals",
        "SELECT, INSERT, UPDATE (state, terms, score, why, next_step, branch_id, manager_id, \
         expires_at)",
    ),
    ("behaviour_evaluations", "SELECT, INSERT"),
    ("referral_moves", "SELECT, INSERT"),
    ("referral_rewards", "SELECT, INSERT, UPDATE (state)"),
    (
        "outbox",
        "SELECT, INSERT, UPDATE (state, order_key, attempts, failures, next_attempt_at, give_up_at, \
         lease_until, lease_holder, cancelled_at, last_error, remote_id, delivered_at)",
    ),
    ("attempts", "SELECT, INSERT"),
    (
        "webhook_endpoints",
        "SELECT, INSERT, UPDATE (secret_version, previous_until, signs_from, state, changed_at)",
    ),
    // What may go: erased persons, expired codes, assertions, proofs and revoked tokens.
    ("quotes", "SELECT, INSERT, UPDATE (state, kept_by), DELETE"),
    ("codes", "SELECT, INSERT, UPDATE (used, refusals), DELETE"),
    ("customer_contacts", "SELECT, INSERT, DELETE"),
    ("referral_confirmations", "SELECT, INSERT"),
    ("referral_claims", "SELECT, INSERT, UPDATE (referral_id, until), DELETE"),
    ("referral_sightings", "SELECT, INSERT, DELETE"),
    // Sealed again with another key.
    (
        "personal_data",
        "SELECT, INSERT, DELETE, UPDATE (key_id, sealed, phone_index, index_key_id, kept)",
    ),
    ("signed_contents", "SELECT, INSERT, DELETE"),
    (
        "idempotency_keys",
        "SELECT, INSERT, DELETE, UPDATE (fingerprint, lease, lease_until, status, content_type, \
         key_id, answer, expires_at, caller)",
    ),
    ("assertions", "SELECT, INSERT, DELETE"),
    ("revoked_tokens", "SELECT, INSERT, DELETE"),
    ("dpop_proofs", "SELECT, INSERT, DELETE"),
    ("console_sessions", "SELECT, INSERT, UPDATE (seen_at), DELETE"),
    ("hand_overs", "SELECT, INSERT, DELETE"),
    ("wallet_sessions", "SELECT, INSERT, UPDATE (seen_at), DELETE"),
    ("notices", "SELECT, INSERT"),
    ("notice_opt_outs", "SELECT, INSERT, DELETE"),
    ("announcements", "SELECT, INSERT, UPDATE (cancelled_by, cancelled_because, cancelled_at)"),
    ("announcement_notices", "SELECT, INSERT"),
    ("customer_stages", "SELECT, INSERT, UPDATE (stage, since, look_at)"),
    ("customer_stage_moves", "SELECT, INSERT"),
    ("follow_ups", "SELECT, INSERT, DELETE"),
    ("tasks", "SELECT, INSERT, UPDATE (state, closed_by_kind, closed_by, note, closed_at)"),
    ("crm_messages", "SELECT, INSERT, DELETE"),
    ("crm_watermarks", "SELECT, INSERT, UPDATE (watermark, looked_at)"),
    (
        "imports",
        "SELECT, INSERT, DELETE, UPDATE (received, state, sha256, charset, packed, duplicate_of, \
         lines, recorded, recorded_before, rejected, rejected_for_now, continued_by, failure, \
         lease, lease_until, received_at, ended_at)",
    ),
    ("import_parts", "SELECT, INSERT, DELETE, UPDATE (key_id, sealed)"),
    ("import_rejects", "SELECT, INSERT, DELETE, UPDATE (key_id, sealed)"),
    ("form_tries", "SELECT, INSERT, DELETE, UPDATE (failures, tried_at, locked_until)"),
    ("statements", "SELECT, INSERT, UPDATE (state)"),
    ("statement_lines", "SELECT, INSERT"),
    (
        "statement_uploads",
        "SELECT, INSERT, DELETE, UPDATE (received, state, lease, lease_until, ended_at, \
         statement_id, failure)",
    ),
    ("statement_upload_parts", "SELECT, INSERT, DELETE, UPDATE (key_id, sealed)"),
    ("statement_originals", "SELECT, INSERT, DELETE, UPDATE (key_id, sealed)"),
    ("original_fetches", "SELECT, INSERT"),
    ("reconciliations", "SELECT, INSERT, UPDATE (state, lease_until, ended_at, report)"),
    ("matches", "SELECT, INSERT, UPDATE (ended_by)"),
    ("separations", "SELECT, INSERT, UPDATE (state, decided_by, decided_because, decided_at, run)"),
    ("breaks", "SELECT, INSERT, UPDATE (state, facts, asked_at, closed_at)"),
    (
        "break_proposals",
        "SELECT, INSERT, UPDATE (state, decided_by, decided_because, decided_at, transaction_id)",
    ),
    ("break_subjects", "SELECT, INSERT"),
    ("break_notes", "SELECT, INSERT"),
    ("break_attachments", "SELECT, INSERT, DELETE, UPDATE (key_id, sealed)"),
    ("settlements", "SELECT, INSERT, UPDATE (state, decided_by, decided_at)"),
    ("payouts", "SELECT, INSERT, UPDATE (state)"),
    ("payout_moves", "SELECT, INSERT"),
    ("bank_files", "SELECT, INSERT"),
    ("bank_entries", "SELECT, INSERT"),
    ("bank_breaks", "SELECT, INSERT, UPDATE (state, closed_at)"),
    (
        "bank_break_proposals",
        "SELECT, INSERT, UPDATE (state, decided_by, decided_because, decided_at, transaction_id)",
    ),
    ("settlement_answers", "SELECT, INSERT"),
    ("__diesel_schema_migrations", "SELECT"),
    // Only the triggers' own, which work with their owner's rights: a row removed from here would be
    // a transaction that nobody proves.
    ("transactions_to_prove", ""),
];

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    name: String,
    /// Whether the role owns it, by itself or as a member of its owner, or as a superuser.
    #[diesel(sql_type = Bool)]
    owned: bool,
}

const TABLES: &str = "
    SELECT c.relname::TEXT AS name, pg_has_role(r.oid, c.relowner, 'MEMBER') AS owned
    FROM pg_class c CROSS JOIN pg_roles r
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
        AND r.rolname = $1
    ORDER BY c.relname";

/// Rights beside those on tables, and who the owner of the tables is.
#[derive(QueryableByName)]
struct Surroundings {
    #[diesel(sql_type = Text)]
    owner: String,
    #[diesel(sql_type = Bool)]
    owner_is_superuser: bool,
    #[diesel(sql_type = Bool)]
    temporary: bool,
}

const SURROUNDINGS: &str = "
    SELECT r.rolname::TEXT AS owner, r.rolsuper AS owner_is_superuser,
        has_database_privilege($1, current_database(), 'TEMPORARY') AS temporary
    FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
    WHERE c.oid = to_regclass('transactions')";

/// Gives a role these rights on this database's tables, and takes away all others; takes from
/// everybody the rights to make temporary tables and to create objects in the schema. Only the
/// tables' owner can, and never to itself. Returns what the operator should change.
///
/// # Errors
/// [`StoreError::Grant`] with what to do about it.
pub fn grant(db: &mut Db, role: &str) -> Result<Vec<String>, StoreError> {
    db.write(|tx| {
        let Db::Postgres(connection) = &mut *tx.0 else {
            let why = "SQLite has no roles: whoever may write its file may do anything";
            return Err(StoreError::Grant(why.to_owned()));
        };
        let tables: Vec<Table> =
            diesel::sql_query(TABLES).bind::<Text, _>(role).load(connection)?;
        check(role, &tables)?;
        connection.batch_execute(&statements(role))?;
        let around: Surroundings =
            diesel::sql_query(SURROUNDINGS).bind::<Text, _>(role).get_result(connection)?;
        if around.temporary {
            return Err(StoreError::Grant(format!(
                "{role} may make temporary tables, and only the database's owner can change that: \
                 run REVOKE TEMPORARY ON DATABASE … FROM PUBLIC, {role}"
            )));
        }
        let owner = &around.owner;
        let advice = around.owner_is_superuser.then(|| {
            format!(
                "{owner}, the owner of the tables, is a superuser: let a role own them that is none"
            )
        });
        Ok(advice.into_iter().collect())
    })
}

fn check(role: &str, tables: &[Table]) -> Result<(), StoreError> {
    let refused = |why: String| Err(StoreError::Grant(why));
    if tables.is_empty() {
        return refused(format!("there is no role {role}: make it with CREATE ROLE … LOGIN"));
    }
    if let Some(table) = tables.iter().find(|table| table.owned) {
        return refused(format!(
            "{role} owns the table {}, and an owner can do anything: grant to another role",
            table.name
        ));
    }
    let known = |name: &str| RIGHTS.iter().any(|(table, _rights)| *table == name);
    match tables.iter().find(|table| !known(&table.name)) {
        Some(table) => {
            let name = &table.name;
            refused(format!("src/store/grants.rs does not say who may do what with {name}"))
        }
        None => Ok(()),
    }
}

fn statements(role: &str) -> String {
    let role = format!("\"{}\"", role.replace('"', "\"\""));
    let mut text = String::new();
    for (table, rights) in RIGHTS {
        text.push_str(&format!("REVOKE ALL ON {table} FROM {role}; "));
        if !rights.is_empty() {
            text.push_str(&format!("GRANT {rights} ON {table} TO {role}; "));
        }
    }
    // Only the connection knows the names of its schema and its database. Without TEMPORARY nobody
    // can put a table of theirs before one of ours.
    text.push_str(&format!(
        "DO $$ BEGIN \
           EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC, %s', \
               current_database(), $role${role}$role$); \
           EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC, %s', \
               current_schema(), $role${role}$role$); \
           EXECUTE format('GRANT USAGE ON SCHEMA %I TO %s', current_schema(), $role${role}$role$); \
         END $$"
    ));
    text
}
