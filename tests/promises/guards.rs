//! The database's own guards hold against whoever has the gateway's password, and what somebody with
//! more rights than that changes is found.

use diesel::connection::SimpleConnection;
use tallystick::app::{AppError, Core};
use tallystick::clock;
use tallystick::ids::{CustomerId, TransactionId};
use tallystick::ledger::{
    Account, AccountCode, Posting, RuleVersion, Transaction, TransactionKind,
};
use tallystick::money::{Amount, Asset};
use tallystick::store::transactions::NewTransaction;
use tallystick::store::{self, Db, StoreError, accounts, transactions};

use crate::harness::{Cluster, Store, TestApp, Trial, count, customer, member, payment, run_sql};
use crate::role::work_as;

/// What the database says to statements on one connection, one after the other; empty for what it
/// takes.
fn answers(db: &mut Db, statements: &[&str]) -> Vec<String> {
    let Db::Postgres(connection) = db else { return Vec::new() };
    let answer = |sql: &&str| match connection.batch_execute(sql) {
        Ok(()) => String::new(),
        Err(error) => error.to_string(),
    };
    statements.iter().map(answer).collect()
}

const ACCOUNT: &str = "INSERT INTO accounts VALUES \
    (decode(lpad('1', 32, '0'), 'hex'), 'points_liability', 'bank', 'bank', 'PTS', 0)";

/// A transaction of one entry, which does not balance.
fn unbalanced(entry_count: i64) -> [String; 2] {
    [
        format!(
            "INSERT INTO transactions VALUES (decode(lpad('a', 32, '0'), 'hex'), 'adjustment', \
             {entry_count}, '{{}}', now(), now())"
        ),
        "INSERT INTO entries VALUES (decode(lpad('a', 32, '0'), 'hex'), 0, \
         decode(lpad('1', 32, '0'), 'hex'), NULL, 'PTS', 99, 'r@1', now(), now())"
            .to_owned(),
    ]
}

#[test]
fn the_gateways_role_cannot_go_around_the_guards() {
    let mut trial = Trial::on(Store::Postgres);
    let owner = trial.settings.database_url.clone();
    work_as(&mut trial, "gateway_that_attacks");
    let mut db = trial.db();
    for sql in [
        "CREATE TEMP TABLE transactions_to_prove (id BIGINT, transaction_ids BYTEA[])",
        "CREATE TABLE pg_temp.entries (id BIGINT)",
        "CREATE FUNCTION pg_temp.now() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "CREATE FUNCTION mine() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "CREATE SCHEMA mine",
        "UPDATE customers SET bank_subject = 'mine'",
        "UPDATE members SET customer_id = id",
        "DELETE FROM members",
        "ALTER ROLE gateway_that_attacks SUPERUSER",
        "COPY (SELECT 1) TO PROGRAM 'true'",
    ] {
        let said = answers(&mut db, &[sql]).remove(0);
        assert!(said.contains("permission denied") || said.contains("must be"), "{sql}: {said}");
    }
    assert_eq!(answers(&mut db, &[ACCOUNT]), [""]);
    // A transaction of no entries is proved at once; entries that follow are refused.
    let [transaction, entry] = unbalanced(0);
    let said = answers(&mut db, &["BEGIN", "SET CONSTRAINTS ALL IMMEDIATE", &transaction, &entry]);
    assert!(said[3].contains("a closed one takes no more"), "{said:?}");
    let said = answers(&mut db, &["ROLLBACK", "BEGIN", &transaction, &entry]);
    assert!(said[3].contains("a closed one takes no more"), "{said:?}");
    // With a right to temporary tables that was given by mistake, one that looks like ours changes
    // nothing.
    Cluster::shared().psql(
        trial.database_name(),
        &format!("GRANT TEMPORARY ON DATABASE {} TO PUBLIC", trial.database_name()),
    );
    let [transaction, entry] = unbalanced(1);
    let said = answers(
        &mut db,
        &[
            "ROLLBACK",
            "CREATE TEMP TABLE transactions_to_prove (id BIGINT, transaction_ids BYTEA[])",
            "CREATE TEMP TABLE transactions (LIKE public.transactions)",
            "CREATE TEMP TABLE entries (LIKE public.entries)",
            "CREATE TEMP TABLE accounts (LIKE public.accounts)",
            "BEGIN",
            &transaction.replace("INTO ", "INTO public."),
            &entry.replace("INTO ", "INTO public."),
            "COMMIT",
        ],
    );
    assert!(said[8].contains("does not sum to zero"), "{said:?}");
    let trigger = "CREATE TRIGGER t AFTER INSERT ON pg_temp.entries REFERENCING NEW TABLE AS added \
                   FOR EACH STATEMENT EXECUTE FUNCTION public.transactions_note()";
    let said = answers(&mut db, &["ROLLBACK", trigger]);
    assert!(said[1].contains("permission denied for function"), "{said:?}");
    // As such a role the gateway does not start, and as the owner it does not either.
    let refused = |what: &str| match Core::start(&trial.settings) {
        Err(AppError::Store(StoreError::Role(why))) => assert!(why.contains(what), "{why}"),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it started although: {what}"),
    };
    refused("may make temporary tables");
    assert_eq!(count(&trial, "SELECT count(*) AS count FROM transactions"), 0);
    drop(db);
    trial.settings.database_url = owner;
    let Err(AppError::Store(StoreError::Role(why))) = Core::start(&trial.settings) else {
        panic!("it started as the owner of the tables")
    };
    assert!(why.contains("is a superuser"), "{why}");
    Cluster::shared().psql("postgres", "DROP OWNED BY gateway_that_attacks");
}

/// A function that does not say where it looks would look at temporary tables first.
#[test]
fn every_function_names_the_schema_where_it_looks() {
    let trial = Trial::on(Store::Postgres);
    let careless = "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace \
        AND NOT COALESCE(proconfig::TEXT LIKE '%pg_catalog, %, pg_temp%', FALSE)";
    assert_eq!(Cluster::shared().psql(trial.database_name(), careless), "");
}

#[test]
fn where_no_role_was_granted_the_owner_serves() {
    let trial = Trial::on(Store::Postgres);
    store::check_role(&mut trial.db()).unwrap();
    let trial = Trial::on(Store::Sqlite);
    store::check_role(&mut trial.db()).unwrap();
}

/// Switches off what stands against a change of a table, as its owner can, and makes it.
fn behind_our_back(app: &TestApp, trigger: &str, table: &str, change: &str) {
    match app.trial.db() {
        Db::Postgres(mut db) => {
            let sql = format!(
                "ALTER TABLE {table} DISABLE TRIGGER USER; {change}; \
                 ALTER TABLE {table} ENABLE TRIGGER USER"
            );
            db.batch_execute(&sql).unwrap();
        }
        Db::Sqlite(mut db) => {
            db.batch_execute(&format!("DROP TRIGGER {trigger}; {change}")).unwrap();
        }
    }
}

on_both_stores! {
    async fn a_member_stays_its_customers(app) {
        let shop = app.partner("green-basket").await;
        shop.record(&payment("p-1", "m-1", "100.00", "0.00")).await;
        shop.record(&payment("p-2", "m-2", "100.00", "0.00")).await;
        let swap = "UPDATE members SET customer_id = (SELECT customer_id FROM members \
                    WHERE member_ref = 'm-2') WHERE member_ref = 'm-1'";
        let back = swap.to_owned();
        for sql in [swap, "DELETE FROM members"] {
            let said = run_sql(&app.trial, sql).unwrap_err();
            assert!(said.contains("append-only"), "{sql}: {said}");
        }
        let was: Vec<u8> = {
            use tallystick::ids::{MemberKey, MemberRef, PartnerId};
            let key = MemberKey::of(
                &PartnerId::try_from("green-basket").unwrap(),
                &MemberRef::try_from("m-1").unwrap(),
            );
            let found = store::customers::of_member_keys(&mut app.trial.db(), &[key]).unwrap();
            found[&key].bytes().to_vec()
        };
        behind_our_back(app, "members_no_update", "members", &back);
        let proof = tallystick::ledger::verify::verify(&mut app.trial.db()).unwrap();
        let found: Vec<(&str, &str)> =
            proof.findings.iter().map(|it| (it.what.as_str(), it.place.as_str())).collect();
        assert_eq!(found, [("member", "green-basket/p-1")]);
        // As it was, so that the books are proved at the end.
        let hex: String = was.iter().map(|byte| format!("{byte:02x}")).collect();
        let literal = match app.trial.db() {
            Db::Postgres(_) => format!("'\\x{hex}'"),
            Db::Sqlite(_) => format!("x'{hex}'"),
        };
        let restore = format!("UPDATE members SET customer_id = {literal} WHERE member_ref = 'm-1'");
        match app.trial.db() {
            Db::Postgres(_) => behind_our_back(app, "", "members", &restore),
            Db::Sqlite(_) => run_sql(&app.trial, &restore).unwrap(),
        }
    }
}

on_both_stores! {
    async fn a_customer_stays_the_same_person(app) {
        let person = customer(app, "subject-1");
        member(&person, "green-basket").await;
        for sql in [
            "UPDATE customers SET bank_subject = 'subject-2'",
            "UPDATE customers SET bank_subject = NULL",
            "UPDATE customers SET enrolled_at = '2020-01-01 00:00:00'",
            "DELETE FROM members; DELETE FROM customers",
            "DELETE FROM customers",
        ] {
            let said = run_sql(&app.trial, sql).unwrap_err();
            assert!(said.contains("append-only") || said.contains("violates"), "{sql}: {said}");
        }
        run_sql(&app.trial, "UPDATE customers SET birth_month = 5").unwrap();
    }
}

/// Writes a transaction as somebody who may write to the database.
pub fn forge(app: &TestApp, kind: TransactionKind, customer: CustomerId, minor: i64) {
    let rule = RuleVersion::built_in("forged@1");
    let posting =
        |account, minor| Posting::new(account, Amount::from_minor(minor, Asset::PTS), &rule);
    let postings = vec![
        posting(Account::customer(AccountCode::POINTS_OWED, customer, Asset::PTS), minor),
        posting(Account::bank(AccountCode::POINTS_LIABILITY, Asset::PTS), -minor),
    ];
    let transaction = Transaction::new(TransactionId::random(), postings).unwrap();
    let new = NewTransaction {
        transaction: &transaction,
        kind,
        receipt: "{}",
        effective_at: clock::now(),
        recorded_at: clock::now(),
    };
    let written = app.trial.db().write(|tx| {
        transactions::insert(tx, &[new])?;
        accounts::apply(tx, transaction.postings().iter())
    });
    written.unwrap();
}

async fn forged_kinds_are_found(store: Store) {
    for kind in TransactionKind::ALL {
        let app = Trial::on(store).start().await;
        let shop = app.partner("green-basket").await;
        shop.record(&payment("p-1", "m-1", "100.00", "0.00")).await;
        let accounts = accounts::all(&mut app.trial.db()).unwrap();
        let person = accounts.iter().find_map(|(account, _)| account.customer_id()).unwrap();
        forge(&app, kind, person, 1_000_000);
        let proof = tallystick::ledger::verify::verify(&mut app.trial.db()).unwrap();
        assert!(!proof.is_clean(), "a forged transaction of the kind {kind} is not found");
        drop(Box::pin(app.stop()).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_transaction_of_any_kind_is_found_sqlite() {
    Box::pin(forged_kinds_are_found(Store::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_transaction_of_any_kind_is_found_postgres() {
    Box::pin(forged_kinds_are_found(Store::Postgres)).await;
}
