//! The same program gives the same truth on both stores, and the database refuses bad states
//! whoever asks.

use tallystick::database_url::DatabaseUrl;
use tallystick::store::{self, Db};

use crate::harness::{Store, TestApp, Trial, payment};

/// Runs a statement as somebody with the database's own password would.
fn try_sql(app: &TestApp, sql: &str) -> Result<(), String> {
    match app.trial.db() {
        Db::Postgres(mut db) => run(&mut db, sql),
        Db::Sqlite(mut db) => run(&mut db, sql),
    }
}

fn run(db: &mut impl diesel::connection::SimpleConnection, sql: &str) -> Result<(), String> {
    db.batch_execute(sql).map_err(|error| error.to_string())
}

on_both_stores! {
    async fn history_cannot_be_changed_or_removed(app) {
        app.partner("green-basket").await.record(&payment("p-1", "m-1", "10.00", "0.00")).await;
        for table in ["events", "transactions", "entries", "partner_changes"] {
            for sql in [
                format!("UPDATE {table} SET recorded_at = '2026-01-01 00:00:00'"),
                format!("DELETE FROM {table}"),
            ] {
                let refused = try_sql(app, &sql).unwrap_err();
                assert!(refused.contains("append-only"), "{sql}: {refused}");
            }
        }
        let moved = try_sql(app, "UPDATE accounts SET owner = 'bank'").unwrap_err();
        assert!(moved.contains("only in their balance"), "{moved}");
        assert!(try_sql(app, "DELETE FROM accounts").unwrap_err().contains("append-only"));
    }
}

#[tokio::test]
async fn postgres_refuses_to_truncate_history() {
    let app = crate::harness::Trial::on(crate::harness::Store::Postgres).start().await;
    for table in ["events", "transactions", "entries", "accounts", "partner_changes"] {
        let refused = try_sql(&app, &format!("TRUNCATE {table} CASCADE")).unwrap_err();
        assert!(refused.contains("append-only"), "{table}: {refused}");
    }
    Box::pin(app.stop_and_prove()).await;
}

/// A transaction that says so many entries and has two of these amounts, without its end; each
/// store's statements in the order in which it can prove them.
fn two_entries(app: &TestApp, first: i64, second: i64, says: i64) -> Vec<String> {
    let postgres = matches!(app.trial.db(), Db::Postgres(_));
    let bytes = |digit: &str| match postgres {
        true => format!("'\\x{}'", digit.repeat(32)),
        false => format!("x'{}'", digit.repeat(32)),
    };
    let (account, id) = (bytes("a"), bytes("b"));
    let at = "'2026-11-02 10:00:00'";
    let entry = |seq: i64, amount: i64| {
        format!(
            "INSERT INTO entries VALUES \
             ({id}, {seq}, {account}, NULL, 'CNY', {amount}, 'x', {at}, {at});"
        )
    };
    let account = format!(
        "INSERT INTO accounts VALUES ({account}, 'subsidy_expense', 'bank', 'bank', 'CNY', 0);"
    );
    let transaction =
        format!("INSERT INTO transactions VALUES ({id}, 'x', {says}, '{{}}', {at}, {at});");
    let mut statements = vec![entry(0, first), entry(1, second), account];
    statements.insert(if postgres { 0 } else { 2 }, transaction);
    statements.insert(0, "BEGIN;".to_owned());
    statements
}

on_both_stores! {
    async fn the_database_refuses_a_transaction_that_does_not_balance(app) {
        let try_all = |statements: Vec<String>, end: &str| try_sql(app, &(statements.concat() + end));
        let refused = try_all(two_entries(app, 5, -4, 2), "COMMIT").unwrap_err();
        assert!(refused.contains("does not sum to zero"), "{refused}");
        let refused = try_all(two_entries(app, 5, -5, 3), "COMMIT").unwrap_err();
        assert!(refused.contains("not as many entries"), "{refused}");
        for missing in ["INSERT INTO transactions", "INSERT INTO accounts"] {
            let mut statements = two_entries(app, 5, -5, 2);
            statements.retain(|statement| !statement.starts_with(missing));
            let refused = try_all(statements, "COMMIT").unwrap_err().to_lowercase();
            let named = ["foreign key", "needs an open transaction", "needs an account"];
            assert!(named.iter().any(|reason| refused.contains(reason)), "{missing}: {refused}");
        }
        try_all(two_entries(app, 5, -5, 2), "ROLLBACK").unwrap();
    }
}

on_both_stores! {
    async fn a_closed_transaction_takes_no_more_entries(app) {
        app.partner("green-basket").await.record(&payment("p-1", "m-1", "10.00", "0.00")).await;
        let late = "INSERT INTO entries SELECT transaction_id, seq + 9, account_id, lot_id, asset, \
            amount, rule, effective_at, recorded_at FROM entries";
        let refused = try_sql(app, late).unwrap_err();
        assert!(refused.contains("takes no more"), "{refused}");
    }
}

on_both_stores! {
    async fn a_balance_changed_behind_our_back_is_found_and_named(app) {
        app.partner("green-basket").await.record(&payment("p-1", "m-1", "10.00", "0.00")).await;
        let change = |by: i64| {
            format!("UPDATE accounts SET balance = balance + {by} WHERE code = 'points_available'")
        };
        try_sql(app, &change(1)).unwrap();
        let findings = app.trial.findings();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].what, "balance");
        assert!(findings[0].place.ends_with("points_available/PTS"), "{findings:?}");
        assert_eq!(findings[0].detail, "kept 1001, entries sum to 1000");
        try_sql(app, &change(-1)).unwrap();
    }
}

on_both_stores! {
    async fn sums_beyond_two_to_the_53_are_proved_in_integers(store: Store) {
        Trial::vast_on(store).run(async |app| {
            let shop = app.partner("green-basket").await;
            shop.record(&payment("p-1", "m-1", "90071992547409.92", "0.00")).await;
            shop.record(&payment("p-2", "m-1", "0.01", "0.00")).await;
            // The books are proved when the test ends; a float would have lost the last point.
            assert_eq!(app.trial.findings(), []);
        })
        .await;
    }
}

on_both_stores! {
    async fn every_table_has_the_columns_that_the_program_knows(app) {
        let mut db = app.trial.db();
        store::check_columns(&mut db).unwrap();
        assert_eq!(store::pending(&mut db).unwrap(), Vec::<String>::new());
    }
}

#[test]
fn a_database_that_cannot_be_opened_says_which_and_why_without_the_password() {
    let url = DatabaseUrl::parse("postgres://clerk:hunter2@127.0.0.1:1/none").unwrap();
    let Err(error) = store::open(&url) else { panic!("it opened") };
    let said = format!("{error}: {:?}", std::error::Error::source(&error).unwrap().to_string());
    assert!(said.contains("clerk@127.0.0.1:1/none") && said.contains("refused"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

/// Looking for what does not add up must not take the square of what there is.
#[tokio::test]
async fn large_books_are_proved_on_postgres_in_seconds() {
    let trial = Trial::on(Store::Postgres);
    let mut db = trial.db();
    let Db::Postgres(connection) = &mut db else { unreachable!() };
    let numbers = "generate_series(1, 15000) AS n";
    let id = "decode(lpad(to_hex(n), 32, '0'), 'hex')";
    let moments = "TIMESTAMP '2026-11-02', TIMESTAMP '2026-11-02'";
    run(
        connection,
        &format!(
            "SET session_replication_role = replica; \
             INSERT INTO transactions SELECT {id}, 'test', 2, '{{}}', {moments} FROM {numbers}; \
             INSERT INTO entries SELECT {id}, seq, {id}, NULL, 'PTS', seq * 2 - 1, 'r@1', {moments} \
             FROM {numbers}, generate_series(0, 1) AS seq; \
             INSERT INTO accounts SELECT {id}, 'points_liability', 'bank', n::TEXT, 'PTS', 0 \
             FROM {numbers}; \
             SET session_replication_role = origin; SET statement_timeout = '4s'"
        ),
    )
    .unwrap();
    let found = db.snapshot(store::proof::findings).unwrap();
    assert!(found.iter().all(|finding| finding.what == "account"), "{:?}", found.first());
}
