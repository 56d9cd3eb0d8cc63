//! On PostgreSQL the gateway works as a role that cannot change history, whatever it sends.

use std::process::Command;

use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use serde_json::json;
use tallystick::database_url::DatabaseUrl;
use tallystick::referral::Actor;
use tallystick::store::outbox::Destination;
use tallystick::store::outbox::claims::{self, Claim, Outcome};
use tallystick::store::{self, Db, referral_moves};

use crate::harness::{
    Cluster, Store, TestApp, Trial, adjustment, cloud_event, code, customer, member, payment,
    phone_of, referral, refund, staff, until,
};

const PASSWORD: &str = "only-for-this-run";

/// `tallystick migrate --grant ROLE`, by the tables' owner.
pub fn grant(trial: &Trial, role: &str) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tallystick"))
        .args(["migrate", "--grant", role])
        .env("DATABASE_URL", trial.settings.database_url.reveal())
        .env("TALLYSTICK_LOG__LEVEL", "error")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// Makes the role, and the trial's service is from now on to work as it.
pub fn work_as(trial: &mut Trial, role: &str) {
    let database = trial.database_name().to_owned();
    let make = format!("CREATE ROLE \"{role}\" LOGIN PASSWORD '{PASSWORD}'");
    Cluster::shared().psql(&database, &make);
    let (granted, said) = grant(trial, role);
    assert!(granted, "{said}");
    let url = trial.settings.database_url.reveal();
    let (_owner, place) = url.split_once('@').unwrap();
    let url = format!("postgres://{role}:{PASSWORD}@{place}");
    trial.settings.database_url = DatabaseUrl::parse(&url).unwrap();
}

fn refused(trial: &Trial, sql: &str) -> String {
    match trial.db() {
        Db::Postgres(mut db) => db.batch_execute(sql).unwrap_err().to_string(),
        Db::Sqlite(_) => "SQLite has no roles".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_serves_as_a_role_that_cannot_change_history() {
    let mut trial = Trial::on(Store::Postgres);
    work_as(&mut trial, "gateway_of_the_bank");
    let app = trial.start().await;
    let shop = app.partner("green-basket").await;
    let travel = app.partner("sunny-travel").await;
    for number in 0..3 {
        shop.record(&payment(&format!("p-{number}"), "m-1", "100.00", "0.00")).await;
    }
    shop.record(&refund("r-1", "p-1", "40.00")).await;
    travel.record(&referral("t-1", "travel-loan", "9000.00", "old-town")).await;
    let erased = travel.record(&referral("t-2", "travel-loan", "9000.00", "old-town")).await;
    let cid = staff(&app, "cid", &["privacy"]);
    let asked = json!({ "phone": phone_of("t-1"), "purpose": "a letter" });
    assert_eq!(cid.send("/v1/customers/data", &asked).await.status, 200);
    let asked = json!({ "referral": erased["referral"]["id"], "reason": "a letter" });
    assert_eq!(cid.send("/v1/erasures", &asked).await.status, 201);
    let person = customer(&app, "subject-1");
    let reference = member(&person, "green-basket").await;
    shop.record(&payment("p-3", &reference, "60.00", "0.00")).await;
    let data = json!({ "code": code(&person).await, "points": "30.00" });
    shop.record(&cloud_event("h-1", "redemption.held", "2026-11-04T10:00:00Z", data)).await;
    let data = json!({ "hold": "h-1", "points": "20.00" });
    shop.record(&cloud_event("c-1", "redemption.committed", "2026-11-04T10:00:00Z", data)).await;
    let data = json!({ "hold": "h-1", "points": "5.00" });
    shop.record(&cloud_event("b-1", "redemption.returned", "2026-11-04T10:00:00Z", data)).await;
    until(&person, "45.00", "0.00").await;
    let (ann, bob) = (staff(&app, "ann", &["adjust"]), staff(&app, "bob", &["approve"]));
    assert_eq!(ann.adjust(&adjustment("a-1", &reference, "250.00")).await.status, 202);
    assert_eq!(bob.approve("a-1").await.status, 201);
    until(&person, "295.00", "0.00").await;
    assert_eq!(person.get("/readyz").await.status, 200);
    customers_are_followed_up(&app).await;
    for _ in 0..100 {
        if shop.get("/v1/events/p-2/proof").await.status == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(shop.get("/v1/events/p-2/proof").await.status, 200);
    // What the relay does with a lead.
    let now = tallystick::clock::now();
    let done = app.trial.db().write(|tx| {
        let (destination, lease_until) = (Destination::Crm, now.plus(TimeDelta::minutes(1)));
        let claim = Claim { destination, holder: [7; 16], now, lease_until, rows_max: 1 };
        let claimed = claims::claim(tx, claim)?.remove(0);
        referral_moves::send(tx, claimed.referral(), &Actor::Program("relay"), now)?;
        let outcome = Outcome::Delivered { remote_id: Some("lead-1"), status: None };
        claims::settle(tx, &claimed, &outcome, now)
    });
    assert!(done.unwrap());
    history_cannot_be_changed(&app.trial);
    Box::pin(app.stop_and_prove()).await;
    Cluster::shared().psql("postgres", "DROP OWNED BY gateway_of_the_bank");
}

/// Notices, stages and tasks.
async fn customers_are_followed_up(app: &TestApp) {
    let core = staff(app, "core-banking", &["announce"]);
    let fee = json!({
        "id": "fee-1", "kind": "fee_due", "customer": "subject-1", "amount": "25.00",
        "currency": "CNY", "due_on": "9999-01-01",
    });
    assert_eq!(core.send("/v1/announcements", &fee).await.status, 201);
    let cancel = "/v1/announcements/fee-1/cancellation";
    assert_eq!(core.send(cancel, &json!({ "reason": "waived" })).await.status, 200);
    let manager = staff(app, "mia", &["manage"]);
    for tries in 0.. {
        let stages = manager.get("/v1/customer-stages").await.body;
        let tasks = manager.get("/v1/tasks").await.body;
        if let (Some(_), Some(task)) = (stages["customers"].get(0), tasks["tasks"].get(0)) {
            let path = format!("/v1/tasks/{}/completion", task["task"].as_str().unwrap());
            assert_eq!(manager.send(&path, &json!({ "note": "called" })).await.status, 200);
            break;
        }
        assert!(tries < 600, "{stages} {tasks}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// By whoever has the gateway's password.
fn history_cannot_be_changed(trial: &Trial) {
    for table in
        ["events", "transactions", "entries", "blocks", "seals", "accounts", "attempts", "readings"]
    {
        for sql in [
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table} CASCADE"),
            format!("ALTER TABLE {table} DISABLE TRIGGER ALL"),
            format!("DROP TABLE {table} CASCADE"),
        ] {
            let said = refused(trial, &sql);
            let denied = said.contains("permission denied") || said.contains("must be owner");
            assert!(denied, "{sql}: {said}");
        }
    }
    for sql in [
        "UPDATE events SET body = ''",
        "UPDATE transactions SET receipt = ''",
        "UPDATE entries SET amount = 1",
        "UPDATE blocks SET total = 1",
        "UPDATE seals SET block = 0",
        "UPDATE accounts SET owner = 'bank'",
        "UPDATE members SET customer_id = id",
        "UPDATE customers SET enrolled_at = now()",
        "UPDATE consents SET purpose = ''",
        "UPDATE withdrawals SET reason = ''",
        "UPDATE readings SET purpose = 'none'",
        "DELETE FROM erasures",
        "UPDATE referrals SET amount = 1",
        "CREATE TABLE mine (id BIGINT)",
        "SET session_replication_role = replica",
        "DELETE FROM __diesel_schema_migrations",
        "DELETE FROM transactions_to_prove",
        "UPDATE lots SET expires_at = NULL",
        "UPDATE holds SET points = 1",
        "UPDATE corrections SET reason = ''",
        "UPDATE referral_moves SET reason = ''",
        "DELETE FROM referral_moves",
        "UPDATE referral_rewards SET amount = 1",
        "UPDATE outbox SET subject = id",
        "UPDATE attempts SET outcome = 'again'",
        "UPDATE announcements SET amount = 1",
        "DELETE FROM announcement_notices",
        "UPDATE customer_stage_moves SET says = ''",
        "UPDATE tasks SET says = ''",
        "DELETE FROM tasks",
    ] {
        let said = refused(trial, sql);
        assert!(said.contains("permission denied"), "{sql}: {said}");
    }
    let trigger = refused(trial, "DROP TRIGGER entries_append_only ON entries");
    assert!(trigger.contains("must be owner"), "{trigger}");
}

#[test]
fn rights_are_given_only_where_they_mean_something() {
    let trial = Trial::on(Store::Postgres);
    let (granted, said) = grant(&trial, "nobody-here");
    assert!(!granted && said.contains("there is no role nobody-here"), "{said}");
    let (granted, said) = grant(&trial, "tallystick");
    assert!(!granted && said.contains("an owner can do anything"), "{said}");
    Cluster::shared().psql(trial.database_name(), "CREATE TABLE other (id BIGINT)");
    Cluster::shared().psql("postgres", "CREATE ROLE some_role");
    let (granted, said) = grant(&trial, "some_role");
    assert!(!granted && said.contains("who may do what with other"), "{said}");
    let trial = Trial::on(Store::Sqlite);
    let (granted, said) = grant(&trial, "some_role");
    assert!(!granted && said.contains("SQLite has no roles"), "{said}");
}

#[test]
fn every_right_is_for_a_table_and_every_table_has_its_rights() {
    let trial = Trial::on(Store::Postgres);
    Cluster::shared().psql("postgres", "CREATE ROLE \"quoted \"\" role\"");
    store::grant(&mut trial.db(), "quoted \" role").unwrap();
}
