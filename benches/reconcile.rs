//! `make bench-reconcile`: a month of a partner from the upload of its statement to its breaks, by the
//! commands, on both stores, at a tenth of the size and at all of it; and a page of the worklist with
//! 100,000 open breaks. `LINES=…` is another size. One run, one machine: compare the numbers of a run with
//! each other.
#![expect(
    clippy::unwrap_used,
    clippy::float_arithmetic,
    clippy::as_conversions,
    reason = "a bench that cannot run stops, and rates are not money"
)]

use std::fmt::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use tallystick::database_url::DatabaseUrl;
use tallystick::ids::{EventId, EventKey, PartnerId};
use tallystick::reconcile::break_record::BreakFilter;
use tallystick::reconcile::proposal::BreakState;
use tallystick::store::{self, Db};

#[path = "../tests/promises/harness/postgres.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod postgres;

use postgres::{Cluster, Durability};

const PARTNER: &str = "green-basket";
const LINES: usize = 1_000_000;
const OPEN_BREAKS: usize = 100_000;
/// Each line with a number that this one divides differs: in the amount, or it is missing on one side.
const DIFFERS: usize = 10_000;
const ROWS_AT_ONCE: usize = 1_000;

struct Measured {
    import: Used,
    run: Used,
}

struct Used {
    took: Duration,
    peak_kib: u64,
}

fn main() {
    // `cargo test --benches` runs this too, with other arguments: there is nothing to test here.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let lines =
        std::env::var_os("LINES").map_or(LINES, |lines| lines.to_str().unwrap().parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(Durability::Disk);
    println!("from the upload to the breaks, by the commands, everything on this machine\n");
    println!(
        "{:<11} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "", "lines", "import s", "run s", "lines/s", "peak MiB"
    );
    for name in ["SQLite", "PostgreSQL"] {
        let mut all = Vec::new();
        for lines in [lines / 10, lines] {
            let url = match name {
                "SQLite" => {
                    format!("sqlite://{}", folder.path().join(format!("{lines}.db")).display())
                }
                _ => cluster.create_database(&format!("bench_{lines}"), None),
            };
            let Measured { import, run } = month(&url, folder.path(), lines);
            let seconds = (import.took + run.took).as_secs_f64();
            let peak = import.peak_kib.max(run.peak_kib) / 1024;
            println!(
                "{name:<11} {lines:>9} {:>9.1} {:>9.1} {:>9.0} {peak:>9}",
                import.took.as_secs_f64(),
                run.took.as_secs_f64(),
                lines as f64 / seconds,
            );
            all.push(seconds / lines as f64);
            if all.len() == 2 {
                worklist(&url, name);
            }
        }
        if let [tenth, whole] = all.as_slice() {
            println!("{name:<11} a line costs {:.2} times as much at the full size", whole / tenth);
        }
    }
}

/// A month's events, its statement, and what the commands need for them.
fn month(url: &str, folder: &Path, lines: usize) -> Measured {
    let mut db = store::open(&DatabaseUrl::parse(url).unwrap()).unwrap();
    store::migrate(&mut db).unwrap();
    fill(&mut db, lines);
    drop(db);
    let file = folder.join("statement.csv");
    std::fs::write(&file, statement(lines)).unwrap();
    let month = ["--partner", PARTNER, "--period", "2026-10", "--by", "ann"];
    let import = command(url, folder, &[&["import", file.to_str().unwrap()], &month[..]].concat());
    let run = command(url, folder, &[&["run"], &month[..]].concat());
    Measured { import, run }
}

fn command(url: &str, folder: &Path, args: &[&str]) -> Used {
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tallystick"))
        .arg("reconcile")
        .args(args)
        .env("DATABASE_URL", url)
        .env("TALLYSTICK_PARTNERS", concat!(env!("CARGO_MANIFEST_DIR"), "/partners"))
        .env("TALLYSTICK_KEYS", folder.join("tallystick.keys"))
        .env("TALLYSTICK_LOG__LEVEL", "warn")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut peak_kib = 0;
    loop {
        peak_kib = peak_kib.max(peak(&child));
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{args:?}: {status}");
            return Used { took: began.elapsed(), peak_kib };
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The most memory that a process has had so far, as Linux counts it.
fn peak(child: &Child) -> u64 {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}

fn minor(number: usize) -> usize {
    100 + number % 10_000
}

/// The moment of an event of the month, two seconds after the one before.
fn at(number: usize) -> String {
    let seconds = number * 2;
    let (day, rest) = (seconds / 86_400, seconds % 86_400);
    format!("2026-10-{:02} {:02}:{:02}:{:02}", day + 2, rest / 3_600, rest / 60 % 60, rest % 60)
}

fn statement(lines: usize) -> String {
    let mut text = String::from("event,order,occurred_at,type,amount,store,status\n");
    let (mut count, mut sum) = (0, 0);
    for number in 0..lines {
        let (mut id, mut minor) = (format!("p-{number}"), minor(number));
        match number % DIFFERS {
            1 => minor += 7,
            2 => id = format!("x-{number}"),
            3 => continue,
            _ => {}
        }
        let at = at(number).replace(' ', "T");
        writeln!(text, "{id},,{at}Z,SALE,{}.{:02},,", minor / 100, minor % 100).unwrap();
        (count, sum) = (count + 1, sum + minor);
    }
    writeln!(text, "TOTAL,{count},,,{}.{:02},,", sum / 100, sum % 100).unwrap();
    text
}

/// Events as the gateway keeps them, written in bulk.
fn fill(db: &mut Db, lines: usize) {
    let partner = PartnerId::try_from(PARTNER).unwrap();
    let is_sqlite = matches!(db, Db::Sqlite(_));
    batch(
        db,
        if is_sqlite {
            "PRAGMA foreign_keys = OFF"
        } else {
            "SET session_replication_role = replica"
        },
    );
    let hex = |bytes: &[u8]| {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        if is_sqlite { format!("X'{digits}'") } else { format!("'\\x{digits}'::BYTEA") }
    };
    let numbers: Vec<usize> = (0..lines).collect();
    for part in numbers.chunks(ROWS_AT_ONCE) {
        let mut text = String::from(
            "INSERT INTO events (id, partner_id, event_id, type, fingerprint, body, transaction_id, \
             asset, amount, effective_at, recorded_at) VALUES ",
        );
        for (place, number) in part.iter().enumerate() {
            let event = EventId::try_from(format!("p-{number}")).unwrap();
            let key = hex(EventKey::of(&partner, &event).bytes());
            let (print, at, minor) = (hex(&[7; 32]), at(*number), minor(*number));
            let comma = if place == 0 { "" } else { "," };
            write!(
                text,
                "{comma}({key},'{PARTNER}','{event}','payment.discounted',{print},\
                 '{{\"data\":{{\"order\":\"o-{number}\"}}}}',{key},'CNY',{minor},'{at}','{at}')"
            )
            .unwrap();
        }
        batch(db, &text);
    }
    if !is_sqlite {
        batch(db, "ANALYZE");
    }
}

/// A page of the worklist, at its beginning and behind 50,000 breaks.
fn worklist(url: &str, name: &str) {
    let mut db = store::open(&DatabaseUrl::parse(url).unwrap()).unwrap();
    let (id, series) = match &db {
        Db::Sqlite(_) => (
            "randomblob(16)",
            format!(
                "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {OPEN_BREAKS})"
            ),
        ),
        Db::Postgres(_) => (
            "decode(md5(n::TEXT), 'hex')",
            format!("WITH s AS (SELECT generate_series(1, {OPEN_BREAKS}) AS n)"),
        ),
    };
    let insert = format!(
        "INSERT INTO breaks (id, partner_id, period, code, kind, theirs_currency, theirs_minor, business_day, \
         facts, opened_at, due_on, state) {series} SELECT {id}, '{PARTNER}', '2026-09', 'MISSING_IN_GATEWAY', \
         'payment', 'CNY', 100, '2026-09-10', '{{\"theirs\":[],\"ours\":[]}}', '2026-10-01 00:00:00', \
         '2026-10-08', 'open' FROM s"
    );
    batch(&mut db, &insert);
    let filter = BreakFilter { state: BreakState::Open, partner: None, period: None, code: None };
    let mut slowest = Duration::ZERO;
    let mut after = None;
    for _ in 0..OPEN_BREAKS / 2 / 100 {
        let began = Instant::now();
        let page = store::breaks::page(&mut db, &filter, after, 100).unwrap();
        slowest = slowest.max(began.elapsed());
        after = page.last().map(|last| (last.opened_at, last.id));
    }
    println!(
        "{name:<11} the slowest of 500 pages of 100 breaks at {OPEN_BREAKS} open: {slowest:.1?}"
    );
}

fn batch(db: &mut Db, sql: &str) {
    match db {
        Db::Postgres(db) => db.batch_execute(sql).unwrap(),
        Db::Sqlite(db) => db.batch_execute(sql).unwrap(),
    }
}
