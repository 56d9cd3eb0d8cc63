//! Nothing grows with history: on large tables no query of a serving gateway reads a whole one, and
//! none passes over many rows to find a few. PostgreSQL itself says how each statement was run.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tallystick::clock;
use tallystick::store::{Db, consents, idempotency_keys, personal, signatures, single_use};

use crate::harness::{
    Cluster, Store, TestApp, Trial, adjustment, cloud_event, code, customer, member, payment,
    referral, refund, run_sql, staff, until,
};

/// Rows of each kind that stand in the tables before the gateway's work is watched.
const ROWS: usize = 20_000;

/// No statement may pass over this many rows that it does not want.
const PASSED_OVER_MAX: f64 = 1_000.0;

/// Tables that stay small however long the history: a few rows for each partner or rule. A scan of
/// one is no fault.
const SMALL: [&str; 8] = [
    "test_clocks",
    "webhook_endpoints",
    "crm_watermarks",
    "form_attempts",
    "partner_changes",
    "write_probe",
    "__diesel_schema_migrations",
    "transactions_to_prove",
];

/// Statements that may read much, with the reason.
const ALLOWED: [(&str, &str); 1] = [(
    "LEFT OUTER JOIN \"seals\"",
    "after a start the sealer looks at all transactions once, ten thousand at a time",
)];

/// History, written without triggers. Every hundredth row is what the chores look for, so that they
/// have some work and much that is not theirs.
#[expect(clippy::too_many_lines, reason = "a statement for each table that grows")]
fn fill(trial: &Trial) {
    let id = "decode(md5(n::TEXT), 'hex')";
    let hash = "decode(md5(n::TEXT) || md5(n::TEXT), 'hex')";
    let moment = "TIMESTAMP '2026-11-02' - n * INTERVAL '1 second'";
    let rows = format!("FROM generate_series(1, {ROWS}) AS n");
    let later = "TIMESTAMP '9000-01-01'";
    let statements = [
        format!(
            "INSERT INTO customers (id, bank_subject, enrolled_at) SELECT {id}, 's-' || n, {moment} {rows}"
        ),
        format!(
            "INSERT INTO members SELECT {id}, 'green-basket', 'old-' || n, {id}, {moment} {rows}"
        ),
        format!(
            "INSERT INTO transactions SELECT {id}, 'payment.discounted', 2, '{{}}', {moment}, {moment} {rows}"
        ),
        format!(
            "INSERT INTO entries SELECT {id}, seq, {id}, {id}, 'PTS', seq * 2 - 1, 'r@1', {moment}, {moment} \
             FROM generate_series(1, {ROWS}) AS n, generate_series(0, 1) AS seq"
        ),
        format!(
            "INSERT INTO accounts SELECT {id}, 'points_available', 'customer', n::TEXT, 'PTS', 1 {rows}"
        ),
        format!(
            "INSERT INTO events SELECT {id}, 'green-basket', 'old-' || n, 'payment.discounted', {hash}, \
             '{{}}', {id}, {id}, NULL, 'CNY', 100, {moment}, {moment} {rows}"
        ),
        format!(
            "INSERT INTO lots SELECT {id}, {id}, 'green-basket', 'r@1', {id}, 1, 0, '0.01', NULL, {later}, \
             {moment}, {moment}, 0, 1, 0, 0, 0, 0 {rows}"
        ),
        format!("INSERT INTO seals SELECT {id}, 1000000 + n / 1000, n % 1000, {hash} {rows}"),
        format!("INSERT INTO counters SELECT {id}, 1 {rows}"),
        format!("INSERT INTO counted SELECT {id}, {id}, 1 {rows}"),
        format!("INSERT INTO lines SELECT {id}, 'l-1', 1, 1 {rows}"),
        format!("INSERT INTO business_keys SELECT {id}, {id} {rows}"),
        format!(
            "INSERT INTO outbox (id, channel, destination, subject, kind, revision, state, attempts, failures, \
             next_attempt_at, recorded_at, delivered_at) SELECT {id}, 'crm', 'crm', {id}, 'lead', 1, \
             'delivered', 1, 0, {moment}, {moment}, {moment} {rows}"
        ),
        format!(
            "INSERT INTO attempts SELECT {id}, 1, {moment}, {moment}, 'delivered', 200, NULL {rows}"
        ),
        format!(
            "INSERT INTO signatures SELECT {id}, 'green-basket', 'k', 'ed25519', 't', '{{}}', {moment}, {moment} {rows}"
        ),
        format!("INSERT INTO event_signatures SELECT {id}, {id} {rows}"),
        format!(
            "INSERT INTO consents (id, partner_id, purpose, text_version, text_sha256, channel, evidence, \
             given_at, recorded_at) SELECT {id}, 'sunny-travel', 'p', '1', {hash}, 'desk', '', \
             {moment} - INTERVAL '10 years', {moment} - INTERVAL '10 years' {rows}"
        ),
        format!(
            "INSERT INTO referrals (id, event_id, partner_id, product, asset, amount, region, state, reasons, \
             consent_id, effective_at, recorded_at) SELECT {id}, {id}, 'sunny-travel', 'travel-loan', 'CNY', 1, \
             'old-town', 'converted', '[]', {id}, {moment}, {moment} {rows}"
        ),
        format!(
            "INSERT INTO referral_moves SELECT {id}, 1, NULL, 'received', 'partner', 'x', 'r', NULL, {id}, \
             {moment} {rows}"
        ),
        format!(
            "INSERT INTO referral_rewards SELECT {id}, 0, 'partner', 'r@1', 1, NULL, NULL, NULL, {id}, NULL, \
             'given' {rows}"
        ),
        format!(
            "INSERT INTO personal_data (id, key_id, sealed, phone_index, recorded_at, kept) SELECT {id}, \
             (SELECT key_id FROM personal_data LIMIT 1), ''::BYTEA, {hash}, \
             {moment} - INTERVAL '10 years', 1 {rows}"
        ),
        format!(
            "INSERT INTO idempotency_keys (id, fingerprint, lease, lease_until, expires_at) \
             SELECT {id}, {hash}, {id}, {later}, {later} {rows}"
        ),
        format!(
            "INSERT INTO readings SELECT {id}, 'staff', 'x', 'p', 'customer', {id}, {moment} {rows}"
        ),
        format!(
            "INSERT INTO holds SELECT {id}, {id}, 'green-basket', 1, {later}, {moment}, 'committed', 1, 0, 1 {rows}"
        ),
        format!("INSERT INTO assertions SELECT {hash}, 'green-basket', {later} {rows}"),
        format!("INSERT INTO dpop_proofs SELECT {hash}, {later} {rows}"),
        format!("INSERT INTO flagged_payments SELECT {id}, 'other-partner', {moment} {rows}"),
        format!("INSERT INTO customer_stages SELECT {id}, 'using', {moment}, {later} {rows}"),
    ];
    let mut text = "SET session_replication_role = replica; SET statement_timeout = 0; ".to_owned();
    for statement in statements {
        text.push_str(&statement);
        text.push_str(" ON CONFLICT DO NOTHING; ");
    }
    text.push_str("SET session_replication_role = origin; ANALYZE");
    run_sql(trial, &text).unwrap();
}

/// One of everything that partners, customers and staff do, each under ids of its own.
async fn work(app: &TestApp, round: &str) {
    let shop = app.partner("green-basket").await;
    let travel = app.partner("sunny-travel").await;
    let id = |name: &str| format!("{name}-{round}");
    shop.record(&payment(&id("p"), &id("m"), "100.00", "0.00")).await;
    shop.record(&refund(&id("r"), &id("p"), "40.00")).await;
    let lead = travel.record(&referral(&id("t"), "travel-loan", "9000.00", "old-town")).await;
    // Another person, of whom nothing is erased.
    travel.record(&referral(&id("s"), "travel-loan", "9000.00", "old-town")).await;
    let person = customer(app, &id("subject"));
    let reference = member(&person, "green-basket").await;
    shop.record(&payment(&id("q"), &reference, "60.00", "0.00")).await;
    let time = "2026-11-04T10:00:00Z";
    let data = json!({ "code": code(&person).await, "points": "30.00" });
    shop.record(&cloud_event(&id("h"), "redemption.held", time, data)).await;
    let data = json!({ "hold": id("h"), "points": "20.00" });
    shop.record(&cloud_event(&id("c"), "redemption.committed", time, data)).await;
    until(&person, "40.00", "0.00").await;
    let ann = staff(app, "ann", &["adjust", "approve", "privacy", "manage", "referrals"]);
    ann.adjust(&adjustment(&id("a"), &reference, "2.00")).await;
    for path in [
        "/v1/customers/me/points",
        "/v1/customers/me/consents",
        "/v1/customers/me/notices",
        "/v1/customers/me/data",
    ] {
        person.get(path).await;
    }
    for path in [
        format!("/v1/referrals/{}", lead["referral"]["id"].as_str().unwrap()),
        "/v1/referrals".to_owned(),
        format!("/v1/consents/{}", lead["referral"]["consent"].as_str().unwrap()),
        "/v1/webhook-endpoints".to_owned(),
        "/v1/webhook-deliveries".to_owned(),
        "/v1/imports".to_owned(),
    ] {
        travel.get(&path).await;
    }
    for path in [
        "/v1/corrections",
        "/v1/held-referrals",
        "/v1/tasks",
        "/v1/customer-stages",
        "/v1/dead-letters",
        "/v1/erasures",
        "/v1/readings",
        "/v1/flagged-payments",
    ] {
        ann.get(path).await;
    }
    let asked = json!({ "phone": crate::harness::phone_of(&id("t")), "purpose": "a letter" });
    ann.send("/v1/customers/data", &asked).await;
    let asked = json!({ "referral": lead["referral"]["id"], "reason": "a letter" });
    ann.send("/v1/erasures", &asked).await;
}

/// The plans that the server wrote to its log since a place in it.
fn plans(from: usize) -> Vec<Value> {
    let log = Cluster::shared()
        .psql("postgres", "SELECT pg_read_file(current_setting('data_directory') || '/../log')");
    let mut found = Vec::new();
    for part in log.get(from..).unwrap_or_default().split("  plan:\n").skip(1) {
        let lines = part.lines().take_while(|line| line.starts_with(['\t', ' ', '{', '}']));
        let text: String = lines.collect();
        if let Ok(plan) = serde_json::from_str(&text) {
            found.push(plan);
        }
    }
    found
}

fn log_length() -> usize {
    let log = Cluster::shared()
        .psql("postgres", "SELECT pg_read_file(current_setting('data_directory') || '/../log')");
    log.len()
}

/// What is wrong with a node of a plan, and with those below it.
#[expect(clippy::float_arithmetic, reason = "PostgreSQL counts rows in JSON numbers")]
fn faults(node: &Value, found: &mut Vec<String>) {
    let kind = node["Node Type"].as_str().unwrap_or_default();
    let table = node["Relation Name"].as_str().unwrap_or_default();
    let number = |name: &str| node[name].as_f64().unwrap_or_default();
    let passed = number("Rows Removed by Filter") + number("Rows Removed by Index Recheck");
    if kind == "Seq Scan" && !SMALL.contains(&table) {
        found.push(format!("reads all of {table}"));
    } else if passed > PASSED_OVER_MAX {
        found.push(format!("passes over {passed} rows of {table}"));
    } else if number("Actual Rows") > PASSED_OVER_MAX {
        found.push(format!("{kind} reads {} rows of {table}", number("Actual Rows")));
    }
    for below in node["Plans"].as_array().into_iter().flatten() {
        faults(below, found);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_query_of_a_gateway_reads_a_table_that_grows() {
    let trial = Trial::on(Store::Postgres);
    let name = trial.database_name().to_owned();
    for setting in [
        "session_preload_libraries = 'auto_explain'",
        "auto_explain.log_min_duration = 0",
        "auto_explain.log_analyze = on",
        "auto_explain.log_timing = off",
        "auto_explain.log_nested_statements = on",
        "auto_explain.log_format = 'json'",
    ] {
        Cluster::shared().psql("postgres", &format!("ALTER DATABASE {name} SET {setting}"));
    }
    let mut app = trial.start().await;
    work(&app, "before").await;
    fill(&app.trial);
    // Connections that the gateway opened before plan anew.
    app.restart().await;
    let from = log_length();
    work(&app, "after").await;
    // The chores of one second and the sealer have looked at least once more.
    work(&app, "once-more").await;
    let plans = plans(from);
    assert!(plans.len() > 200, "{} plans", plans.len());
    let mut found: Vec<String> = Vec::new();
    for plan in &plans {
        let mut of_plan = Vec::new();
        faults(&plan["Plan"], &mut of_plan);
        let query = plan["Query Text"].as_str().unwrap_or_default();
        if ALLOWED.iter().any(|(text, _reason)| query.contains(text)) {
            continue;
        }
        found.extend(of_plan.into_iter().map(|fault| format!("{fault}: {query}")));
    }
    found.sort_unstable();
    found.dedup();
    assert!(found.is_empty(), "{} of {}:\n{}", found.len(), plans.len(), found.join("\n"));
    drop(Box::pin(app.stop()).await);
}

/// Runs a chore and says how long it took.
fn timed(trial: &Trial, what: &str, chore: impl FnOnce(&mut Db)) {
    let mut db = trial.db();
    let begun = Instant::now();
    chore(&mut db);
    let took = begun.elapsed();
    assert!(took < CHORE_MAX, "{what} took {took:?} though it had nothing to do");
}

/// A chore that finds nothing to do reads next to nothing; one that read all of a table of this size
/// would take longer, also on a machine that does much else.
const CHORE_MAX: Duration = Duration::from_millis(100);

#[test]
fn chores_on_sqlite_do_not_grow_with_history() {
    let trial = Trial::on(Store::Sqlite);
    let rows = "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 400000) \
                INSERT INTO";
    let old = "'2001-01-01 00:00:00'";
    let later = "'9000-01-01 00:00:00'";
    let hash = "zeroblob(32)";
    let id = "CAST(printf('%016d', n) AS BLOB)";
    let statements = [
        format!(
            "{rows} signatures SELECT {id}, 'p', 'k', 'a', 't', '{{}}', {old}, {old} FROM numbers"
        ),
        format!(
            "{rows} signed_contents SELECT CAST('z' || printf('%015d', n) AS BLOB), 'k1', x'00' FROM numbers"
        ),
        format!(
            "{rows} consents (id, partner_id, purpose, text_version, text_sha256, channel, evidence, given_at, \
             recorded_at) SELECT {id}, 'p', 'p', '1', {hash}, 'c', '', {old}, {old} FROM numbers"
        ),
        format!(
            "{rows} personal_data (id, key_id, sealed, phone_index, recorded_at, kept) \
             SELECT {id}, 'k1', x'00', {hash}, {old}, 1 FROM numbers"
        ),
        format!(
            "{rows} idempotency_keys (id, fingerprint, lease, lease_until, expires_at) \
             SELECT {id}, {hash}, {id}, {later}, {later} FROM numbers"
        ),
        format!("{rows} dpop_proofs SELECT CAST(printf('%032d', n) AS BLOB), {later} FROM numbers"),
    ];
    let text = format!("PRAGMA foreign_keys = OFF; BEGIN; {}; COMMIT", statements.join("; "));
    run_sql(&trial, &text).unwrap();
    let now = clock::now();
    let before = now.minus(chrono::TimeDelta::days(1));
    let page = 200;
    timed(&trial, "erasing signed requests", |db| {
        assert_eq!(db.write(|tx| signatures::erase_before(tx, before, page)).unwrap(), 0);
    });
    timed(&trial, "clearing evidence of consents", |db| {
        assert_eq!(db.write(|tx| consents::forget_evidence(tx, before, page)).unwrap(), 0);
    });
    timed(&trial, "looking for contact data beyond its period", |db| {
        assert_eq!(personal::outlived(db, before, page).unwrap(), []);
    });
    timed(&trial, "forgetting answers", |db| {
        assert_eq!(idempotency_keys::forget_expired(db, now, page).unwrap(), 0);
    });
    timed(&trial, "forgetting proofs", |db| {
        assert_eq!(db.write(|tx| single_use::forget_proofs(tx, now, page)).unwrap(), 0);
    });
}
