//! `make bench`: durable events per second over HTTP, single and in batches, on both stores, beside
//! a bare bulk insert of the same rows and `pgbench`'s standard transaction on the same PostgreSQL.
//! One run, one machine: compare the numbers of a run with each other, not with another run's.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::float_arithmetic,
    clippy::as_conversions,
    reason = "a bench that cannot run stops, and rates are not money"
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use serde_json::{Value, json};
use tallystick::cli::partners::keygen::{Alg, KeyPair};
use tallystick::database_url::DatabaseUrl;
use tallystick::store::{self, Db, proof};

#[path = "../tests/promises/harness/postgres.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod postgres;

use postgres::{Cluster, Durability};

const PARTNER: &str = "green-basket";
const ISSUER: &str = "https://gateway.bench";
const CONNECTIONS: usize = 256;
/// A partner with batches sends a few at once.
const BATCH_CONNECTIONS: usize = 32;
const SECONDS: u64 = 10;
const BATCH: usize = 200;

fn main() {
    // `cargo test --benches` runs this too, with other arguments: there is nothing to test here.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let key = partners(&folder.path().join("partners"));
    let cluster = Cluster::start(Durability::Disk);
    let sqlite = format!("sqlite://{}", folder.path().join("bench.db").display());
    println!("{SECONDS} s a line, {CONNECTIONS} connections, everything on this machine\n");
    println!("{:<44} {:>10} {:>10}", "durable events per second", "SQLite", "PostgreSQL");
    let postgres = cluster.create_database("bench", None);
    let rates: Vec<[f64; 3]> =
        [&sqlite, &postgres].iter().map(|url| measure(url, folder.path(), &key)).collect();
    let names = [
        "over HTTP, one event a request",
        "over HTTP, 200 events a request",
        "bare bulk insert of the same rows",
    ];
    for (line, name) in names.iter().enumerate() {
        println!("{name:<44} {:>10.0} {:>10.0}", rates[0][line], rates[1][line]);
    }
    let transactions = pgbench(&cluster);
    println!("{:<44} {:>10} {transactions:>10.0}", "pgbench, its standard transaction", "");
    println!("\nratios                                           SQLite PostgreSQL");
    for (name, above, below) in
        [("single request to bare insert", 0, 2), ("batch to bare insert", 1, 2)]
    {
        let ratio = |store: usize| rates[store][above] / rates[store][below];
        println!("{name:<44} {:>10.2} {:>10.2}", ratio(0), ratio(1));
    }
    println!("{:<44} {:>10} {:>10.1}", "single request to pgbench", "", rates[1][0] / transactions);
}

/// Rates of one store: single, batch, bare.
fn measure(url: &str, folder: &Path, key: &KeyPair) -> [f64; 3] {
    let mut served = serve(url, folder);
    let token = token(&served.1, key);
    let mut db = store::open(&DatabaseUrl::parse(url).unwrap()).unwrap();
    let single = wrk(&served.1, &token, 1, &mut db);
    let batch = wrk(&served.1, &token, BATCH, &mut db);
    served.0.kill().unwrap();
    served.0.wait().unwrap();
    [single, batch, bare(&mut db, folder)]
}

fn wrk(url: &str, token: &str, batch: usize, db: &mut Db) -> f64 {
    let connections = if batch == 1 { CONNECTIONS } else { BATCH_CONNECTIONS };
    let before = proof::counts(db).unwrap().events;
    let started = Instant::now();
    let output = Command::new("wrk")
        .args(["-t1", &format!("-c{connections}"), &format!("-d{SECONDS}s"), "--timeout", "30s"])
        .args(["-s", concat!(env!("CARGO_MANIFEST_DIR"), "/benches/wrk.lua"), url, "--"])
        .args([token, &batch.to_string(), &format!("b{batch}")])
        .output()
        .unwrap();
    let seconds = started.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(!said.contains("Non-2xx"), "{said}");
    // What the database holds, not what the client counted.
    let events = proof::counts(db).unwrap().events - before;
    events as f64 / seconds
}

/// The same rows into tables with the same keys and without foreign keys or triggers.
fn bare(db: &mut Db, folder: &Path) -> f64 {
    let copy = |schema: &str| {
        ["accounts", "events", "transactions", "entries"]
            .map(|table| format!("INSERT INTO {schema}.{table} SELECT * FROM {table};"))
            .concat()
    };
    let events = proof::counts(db).unwrap().events as f64;
    match db {
        Db::Postgres(db) => {
            let like = ["accounts", "events", "transactions", "entries"]
                .map(|table| format!("CREATE TABLE bare.{table} (LIKE {table} INCLUDING ALL);"));
            db.batch_execute(&format!("CREATE SCHEMA bare; {}", like.concat())).unwrap();
            let started = Instant::now();
            db.batch_execute(&format!("BEGIN; {} COMMIT;", copy("bare"))).unwrap();
            events / started.elapsed().as_secs_f64()
        }
        Db::Sqlite(db) => {
            let path = folder.join("bare.db");
            let mut other =
                store::open(&DatabaseUrl::parse(&format!("sqlite://{}", path.display())).unwrap())
                    .unwrap();
            store::migrate(&mut other).unwrap();
            drop(other);
            let triggers = "events_no_update events_no_delete transactions_no_update \
                transactions_no_delete entries_no_update entries_no_delete accounts_only_balance \
                accounts_no_delete transactions_no_replace transactions_balance entries_fit";
            let drops: String = triggers
                .split_whitespace()
                .map(|trigger| format!("DROP TRIGGER bare.{trigger};"))
                .collect();
            let attach = format!("PRAGMA foreign_keys = OFF; ATTACH '{}' AS bare;", path.display());
            db.batch_execute(&format!("{attach} PRAGMA bare.synchronous = FULL; {drops}")).unwrap();
            let started = Instant::now();
            db.batch_execute(&format!("BEGIN; {} COMMIT;", copy("bare"))).unwrap();
            events / started.elapsed().as_secs_f64()
        }
    }
}

fn pgbench(cluster: &Cluster) -> f64 {
    cluster.create_database("pgbench", None);
    let run = |arguments: &[&str]| {
        let output = cluster.client("pgbench", "pgbench").args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["-i", "-q", "-s", "20"]);
    let clients = CONNECTIONS.to_string();
    let said = run(&["-c", &clients, "-j", "2", "-T", &SECONDS.to_string()]);
    let line = said.lines().find(|line| line.starts_with("tps = ")).unwrap();
    line.split_whitespace().nth(2).unwrap().parse().unwrap()
}

/// The supermarket with a key of this run.
fn partners(to: &Path) -> KeyPair {
    let key = KeyPair::generate("bench-1", Alg::EdDsa).unwrap();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/partners/green-basket/partner.toml");
    let manifest = std::fs::read_to_string(shipped).unwrap() + &key.manifest_block();
    std::fs::create_dir_all(to.join(PARTNER)).unwrap();
    std::fs::write(to.join(PARTNER).join("partner.toml"), manifest).unwrap();
    std::fs::write(to.join("programme.toml"), programme()).unwrap();
    key
}

/// The shipped programme with ceilings that no run meets: a bench measures events that come in, and not
/// how fast they are held. The limits and patterns are still read, counted and compared.
fn programme() -> String {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/partners/programme.toml");
    let text = std::fs::read_to_string(shipped).unwrap();
    let (before, limits) = text.split_once("# What a partner may cost").unwrap();
    // One fen below the end of the range, which would be no limit at all.
    let raised = limits.lines().map(|line| match line.split_once(" = ") {
        Some((name @ ("max" | "ceiling"), _)) => format!("{name} = \"92233720368547758.06\"\n"),
        _ => format!("{line}\n"),
    });
    let late = "late_days_max = 7\nlate_days_ceiling = 60";
    assert!(before.contains(late));
    let before = before.replace(late, "late_days_max = 3660\nlate_days_ceiling = 3660");
    format!("{before}# What a partner may cost{}", raised.collect::<String>())
}

/// The real program, in a process of its own.
fn serve(url: &str, folder: &Path) -> (Child, String) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_tallystick"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env("DATABASE_URL", url)
        .env("TALLYSTICK_PARTNERS", folder.join("partners"))
        .env("TALLYSTICK_KEYS", folder.join("tallystick.keys"))
        .env("TALLYSTICK_ISSUER", ISSUER)
        .env("TALLYSTICK_LOG__LEVEL", "warn")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (process, line.trim().strip_prefix("listening on ").unwrap().to_owned())
}

fn token(url: &str, key: &KeyPair) -> String {
    let claims = json!({
        "iss": PARTNER, "sub": PARTNER, "aud": ISSUER, "jti": uuid::Uuid::new_v4().to_string(),
    });
    let form = [
        ("grant_type", "client_credentials".to_owned()),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned(),
        ),
        ("client_assertion", key.sign(&claims).unwrap()),
    ];
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
        let request = client.post(format!("{url}/oauth/token")).form(&form);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    })
}
