//! A database that is late, full, or no longer writable: nothing is lost, and the answer says that it
//! passes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use tallystick::database_url::DatabaseUrl;
use tallystick::store::{self, Db};

use crate::harness::{Cluster, Partner, Store, Trial, payment, wait_until};

/// Ends all connections to a trial's database but the asking one, as a failover does.
fn cut_off(trial: &Trial, setting: &str) {
    let name = trial.database_name();
    Cluster::shared().psql("postgres", &format!("ALTER DATABASE {name} {setting}"));
    Cluster::shared().psql(
        "postgres",
        &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_became_read_only_is_a_passing_failure() {
    let app = Trial::on(Store::Postgres).start().await;
    let shop = app.partner("green-basket").await;
    shop.record(&payment("p-1", "m-1", "10.00", "0.00")).await;
    assert_eq!(shop.get("/readyz").await.status, 200);
    cut_off(&app.trial, "SET default_transaction_read_only = on");
    let answer = shop.post(&payment("p-2", "m-1", "20.00", "0.00")).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
    wait_until(503, async || shop.get("/readyz").await.status.as_u16()).await;
    cut_off(&app.trial, "RESET default_transaction_read_only");
    wait_until(200, async || shop.get("/readyz").await.status.as_u16()).await;
    wait_until(201, async || {
        let status = shop.post(&payment("p-2", "m-1", "20.00", "0.00")).await.status.as_u16();
        if status == 200 { 201 } else { status }
    })
    .await;
    Box::pin(app.stop_and_prove()).await;
}

/// A trial whose connections to its database go by that port.
fn by_road(mut trial: Trial, port: u16) -> Trial {
    let url = trial.settings.database_url.reveal().to_owned();
    let (login, place) = url.split_once('@').unwrap();
    let (_server, database) = place.split_once('/').unwrap();
    let road = format!("{login}@127.0.0.1:{port}/{database}");
    trial.settings.database_url = DatabaseUrl::parse(&road).unwrap();
    trial
}

/// Passes bytes on, but for while the road is blocked: then nothing comes, and nothing is refused.
fn pass_on(mut from: TcpStream, mut to: TcpStream, blocked: &AtomicBool) {
    let mut bytes = [0; 8192];
    loop {
        let read = from.read(&mut bytes).unwrap_or(0);
        while blocked.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(20));
        }
        if read == 0 || to.write_all(bytes.get(..read).unwrap_or_default()).is_err() {
            drop(to.shutdown(std::net::Shutdown::Both));
            return;
        }
    }
}

/// Passes connections on to the shared cluster, from a moment on.
fn road_that_opens(after: Duration, blocked: Arc<AtomicBool>) -> u16 {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let cluster = Cluster::shared().url("postgres");
    let (_login, place) = cluster.split_once('@').unwrap();
    let server = place.split_once('/').unwrap().0.to_owned();
    std::thread::spawn(move || {
        std::thread::sleep(after);
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        for from in listener.incoming().flatten() {
            let Ok(to) = TcpStream::connect(&server) else { return };
            for (reader, writer) in
                [(from.try_clone().unwrap(), to.try_clone().unwrap()), (to, from)]
            {
                let blocked = Arc::clone(&blocked);
                std::thread::spawn(move || pass_on(reader, writer, &blocked));
            }
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_starts_before_its_database_waits_for_it() {
    let trial = Trial::on(Store::Postgres);
    let port = road_that_opens(Duration::from_secs(3), Arc::default());
    let trial = by_road(trial, port);
    assert!(store::open(&trial.settings.database_url).is_err(), "nobody listens yet");
    let app = trial.start().await;
    app.partner("green-basket").await.record(&payment("p-1", "m-1", "10.00", "0.00")).await;
    Box::pin(app.stop_and_prove()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_hangs_is_given_up_in_bounded_time() {
    let blocked = Arc::new(AtomicBool::new(false));
    let port = road_that_opens(Duration::ZERO, Arc::clone(&blocked));
    let app = by_road(Trial::on(Store::Postgres), port).start().await;
    let shop = app.partner("green-basket").await;
    shop.record(&payment("p-1", "m-1", "10.00", "0.00")).await;
    blocked.store(true, Ordering::SeqCst);
    let asked = Instant::now();
    let answer = shop.post(&payment("p-2", "m-1", "20.00", "0.00")).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(asked.elapsed() < Duration::from_secs(75), "{:?}", asked.elapsed());
    assert_eq!(shop.get("/healthz").await.status, 200);
    blocked.store(false, Ordering::SeqCst);
    wait_until(true, async || {
        let again = shop.post(&payment("p-2", "m-1", "20.00", "0.00")).await;
        [200, 201].contains(&again.status.as_u16())
    })
    .await;
    Box::pin(app.stop_and_prove()).await;
}

/// `lock_timeout` is ten seconds; the first gateway's migration takes longer.
#[test]
fn a_second_gateway_waits_for_a_long_migration() {
    let cluster = Cluster::shared();
    let url = DatabaseUrl::parse(&cluster.create_database("migrated_by_two", None)).unwrap();
    let Db::Postgres(mut first) = store::open(&url).unwrap() else { return };
    first.batch_execute("SELECT pg_advisory_lock(7310294)").unwrap();
    let second = std::thread::spawn(move || {
        let mut db = store::open(&url).unwrap();
        store::migrate(&mut db).map(|applied| applied.len())
    });
    let held = Instant::now();
    while held.elapsed() < Duration::from_secs(11) {
        assert!(!second.is_finished(), "it did not wait");
        std::thread::sleep(Duration::from_millis(100));
    }
    first.batch_execute("SELECT pg_advisory_unlock(7310294)").unwrap();
    assert!(second.join().unwrap().unwrap() > 0);
    drop(first);
    cluster.drop_database("migrated_by_two");
}

/// The program itself, which can write no file beyond some megabytes: as on a full disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_a_passing_failure_and_not_ready() {
    let trial = Trial::on(Store::Sqlite);
    let program = env!("CARGO_BIN_EXE_tallystick");
    // Blocks of 512 bytes. Without its signal a write beyond the limit fails.
    let limited =
        format!("trap '' XFSZ; ulimit -f 8192; exec {program} serve --listen 127.0.0.1:0");
    let mut process = Command::new("sh")
        .args(["-c", &limited])
        .env("DATABASE_URL", trial.settings.database_url.reveal())
        .env("TALLYSTICK_PARTNERS", &trial.settings.partners)
        .env("TALLYSTICK_KEYS", &trial.settings.keys)
        .env("TALLYSTICK_ISSUER", trial.settings.issuer.as_ref().unwrap())
        .env("TALLYSTICK_LOG__LEVEL", "error")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening on ").unwrap();
    let issuer = trial.settings.issuer.as_ref().unwrap();
    let shop = Partner::log_in(url, issuer, "green-basket", trial.key("green-basket")).await;
    let mut recorded = 0_usize;
    let refused = loop {
        let answer = shop.post(&payment(&format!("p-{recorded}"), "m-1", "1.00", "0.00")).await;
        if answer.status != 201 {
            break answer;
        }
        recorded += 1;
        assert!(recorded < 20_000, "the limit was never reached");
    };
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.headers.contains_key("retry-after"), "{refused:?}");
    // At once, though the probe's few bytes may still fit.
    assert_eq!(shop.get("/readyz").await.status, 503);
    process.kill().unwrap();
    process.wait().unwrap();
    // All that was acknowledged is there, and it goes on once there is room.
    let app = trial.start().await;
    let shop = app.partner("green-basket").await;
    for number in [0, recorded.saturating_sub(1)] {
        let again = shop.post(&payment(&format!("p-{number}"), "m-1", "1.00", "0.00")).await;
        assert_eq!(again.status, 200, "{again:?}");
    }
    shop.record(&payment(&format!("p-{recorded}"), "m-1", "1.00", "0.00")).await;
    Box::pin(app.stop_and_prove()).await;
}
