//! The same by commands: a month from its file to the decision, and a file that goes on after a kill.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use encoding_rs::GB18030;
use serde_json::Value;
use tallystick::clock;
use tallystick::ids::{PartnerId, StatementId};
use tallystick::partner::Registry;
use tallystick::reconcile::period::Period;
use tallystick::reconcile::statement::{Statement, StatementState};
use tallystick::reconcile::statement_file::{FileReading, FileSource, NextLine};
use tallystick::store::statements;

use crate::harness::{Store, Trial, count, run_sql};

pub fn reconcile(trial: &Trial, args: &[&str]) -> Output {
    begun(trial, args).output().unwrap()
}

/// The command, to be run.
pub fn begun(trial: &Trial, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallystick"));
    command
        .current_dir(trial.folder.path())
        .arg("reconcile")
        .args(args)
        .env("DATABASE_URL", trial.settings.database_url.reveal())
        .env("TALLYSTICK_PARTNERS", &trial.settings.partners)
        .env("TALLYSTICK_KEYS", &trial.settings.keys)
        .env("TALLYSTICK_LOG__LEVEL", "error");
    command
}

pub fn said(output: &Output) -> String {
    String::from_utf8([output.stdout.clone(), output.stderr.clone()].concat()).unwrap()
}

pub const MONTH: [&str; 4] = ["--partner", "green-basket", "--period", "2026-10"];
const FILE: &str = "event,order,occurred_at,type,amount,store,status\n\
    x-1,o-1,2026-10-30 09:15:00,SALE,185.50,朝阳门店,\n\
    x-2,o-2,2026-10-30 23:59:59,SALE,0.50,茶馆,\n\
    TOTAL,2,,,186.00,,\n";

fn import(trial: &Trial, file: &Path) -> Output {
    let file = file.to_str().unwrap();
    reconcile(trial, &[&["import", file, "--by", "ann"], &MONTH[..]].concat())
}

fn a_month_goes_from_its_file_to_the_decision(store: Store) {
    let trial = Trial::on(store);
    let path = trial.folder.path().join("october.csv.gz");
    let packed = std::fs::File::create(&path).unwrap();
    let mut packer = flate2::write::GzEncoder::new(packed, flate2::Compression::default());
    packer.write_all(&GB18030.encode(FILE).0).unwrap();
    packer.finish().unwrap();
    let first = said(&import(&trial, &path));
    assert!(first.starts_with("kept: 2 lines, part 1 version 1, statement "), "{first}");
    let second = said(&import(&trial, &path));
    assert!(second.starts_with("the same file came before: 2 lines"), "{second}");
    let run = said(&reconcile(&trial, &[&["run", "--by", "ann"], &MONTH[..]].concat()));
    let report: Value = serde_json::from_str(&run).unwrap();
    assert_eq!(report["breaks"]["MISSING_IN_GATEWAY"], 2, "{run}");
    let listed = said(&reconcile(&trial, &[&["breaks"], &MONTH[..]].concat()));
    let small = listed.lines().find(|line| line.contains("0.50 CNY")).unwrap();
    assert!(small.contains("MISSING_IN_GATEWAY,payment,0.50 CNY,,2026-10-30"), "{small}");
    let id = small.split(',').next().unwrap();
    let proposal = ["propose", id, "--action", "write_off", "--reason", "small", "--by", "ann"];
    assert_eq!(said(&reconcile(&trial, &proposal)), format!("{id} is proposed\n"));
    let alone = reconcile(&trial, &["approve", id, "--proposal", "1", "--by", "ann"]);
    assert!(!alone.status.success() && said(&alone).contains("neither approves it"), "{alone:?}");
    let done = said(&reconcile(&trial, &["approve", id, "--proposal", "1", "--by", "ben"]));
    assert_eq!(done, format!("{id} is written_off\n"));
    let wrong = trial.folder.path().join("wrong.csv");
    std::fs::write(&wrong, FILE.replace("186.00", "186.01")).unwrap();
    let refused = import(&trial, &wrong);
    assert!(!refused.status.success() && said(&refused).contains("line 4: says another sum"));
    assert_eq!(trial.findings(), []);
}

on_both_stores!(sync a_month_goes_from_its_file_to_the_decision);

fn a_file_whose_import_was_killed_goes_on_where_it_was(store: Store) {
    let trial = Trial::on(store);
    let path = trial.folder.path().join("october.csv");
    std::fs::write(&path, FILE).unwrap();
    let registry = Registry::load(&trial.settings.partners).unwrap();
    let partner = registry.get(&PartnerId::try_from("green-basket").unwrap()).unwrap();
    let source = FileSource::Bytes(Arc::new(FILE.as_bytes().to_vec()));
    let map = partner.statement.as_ref().unwrap();
    let zone = trial.settings.time_zone;
    let period = Period::try_from("2026-10").unwrap();
    let reading = FileReading { map, charset: None, zone, period, bytes_max: 1_000_000 };
    let checked = source.check(reading).unwrap();
    let killed = Statement {
        id: StatementId::random(),
        partner: partner.id.clone(),
        period: Period::try_from("2026-10").unwrap(),
        part: 1,
        version: 1,
        sha256: checked.sha256,
        file_name: None,
        charset: "utf-8".to_owned(),
        packed: false,
        state: StatementState::Loading,
        lines: 2,
        imported_by: "ann".to_owned(),
        imported_at: clock::now(),
    };
    let next = source.lines(reading).unwrap().next_line().unwrap();
    let first = if let NextLine::Line(line) = next { Some(line) } else { None };
    let first = first.unwrap();
    let mut db = trial.db();
    db.write(|tx| {
        assert!(statements::insert(tx, &killed)?);
        statements::insert_lines(tx, killed.id, &[first])
    })
    .unwrap();
    // What is not whole is compared with nothing.
    let none = reconcile(&trial, &[&["run", "--by", "ann"], &MONTH[..]].concat());
    assert!(said(&none).contains("no statement of green-basket for 2026-10"), "{none:?}");
    let again = said(&import(&trial, &path));
    assert!(again.contains(&killed.id.to_string()), "{again}");
    assert_eq!(count(&trial, "SELECT count(*) AS count FROM statement_lines"), 2);
    assert_eq!(count(&trial, "SELECT count(*) AS count FROM statements WHERE state = 'ready'"), 1);
}

on_both_stores!(sync a_file_whose_import_was_killed_goes_on_where_it_was);

fn many_breaks_are_decided_on_by_command(store: Store) {
    let trial = Trial::on(store);
    let path = trial.folder.path().join("october.csv");
    std::fs::write(&path, FILE).unwrap();
    assert!(import(&trial, &path).status.success());
    assert!(reconcile(&trial, &[&["run", "--by", "ann"], &MONTH[..]].concat()).status.success());
    let listed = said(&reconcile(&trial, &[&["breaks"], &MONTH[..]].concat()));
    let ids: Vec<&str> =
        listed.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(ids.len(), 2, "{listed}");
    let note = trial.folder.path().join("note.txt");
    std::fs::write(&note, "the till's paper").unwrap();
    let attached =
        said(&reconcile(&trial, &["attach", ids[0], note.to_str().unwrap(), "--by", "ann"]));
    assert!(attached.contains(&format!("is attached to {}", ids[0])), "{attached}");
    let propose = |total: &str| {
        let act = ["breaks", "propose", ids[0], ids[1], "--action", "accept", "--reason", "known"];
        let typed = ["--count", "2", "--total", total, "--by", "ann"];
        reconcile(&trial, &[&act[..], &typed[..]].concat())
    };
    let other = propose("CNY=186.01");
    assert!(!other.status.success() && said(&other).contains("do not add up"), "{other:?}");
    assert_eq!(said(&propose("CNY=186.00")).matches(" is proposed").count(), 2);
    let looked_at: Vec<String> = ids.iter().map(|id| format!("{id}=1")).collect();
    let approve = |by: &str| {
        let act = ["breaks", "approve", &looked_at[0], &looked_at[1], "--count", "2"];
        reconcile(&trial, &[&act[..], &["--total", "CNY=186.00", "--by", by]].concat())
    };
    let alone = approve("ann");
    assert!(!alone.status.success() && said(&alone).contains("neither approves it"), "{alone:?}");
    assert_eq!(said(&approve("ben")).matches(" is accepted").count(), 2);
}

on_both_stores!(sync many_breaks_are_decided_on_by_command);

fn a_comparison_that_is_killed_is_made_by_the_next(store: Store) {
    const LINES: usize = 10_000;
    let trial = Trial::on(store);
    let mut file = String::from("event,order,occurred_at,type,amount,store,status\n");
    for number in 0..LINES {
        file.push_str(&format!("x-{number},,2026-10-30 09:15:00,SALE,1.00,,\n"));
    }
    file.push_str(&format!("TOTAL,{LINES},,,{LINES}.00,,\n"));
    let path = trial.folder.path().join("october.csv");
    std::fs::write(&path, file).unwrap();
    assert!(import(&trial, &path).status.success());
    let run = [&["run", "--by", "ann"], &MONTH[..]].concat();
    let mut killed = begun(&trial, &run).stdout(Stdio::null()).spawn().unwrap();
    let breaks = "SELECT COUNT(*) AS count FROM breaks";
    while count(&trial, breaks) == 0 {
        assert!(killed.try_wait().unwrap().is_none(), "it ended before it was killed");
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    let half = count(&trial, breaks);
    assert!(half < i64::try_from(LINES).unwrap(), "{half}");
    // For two minutes it may still be at work; then the month is free.
    let refused = reconcile(&trial, &run);
    assert!(!refused.status.success(), "{}", said(&refused));
    let past =
        "UPDATE reconciliations SET lease_until = '2026-01-01 00:00:00' WHERE state = 'running'";
    run_sql(&trial, past).unwrap();
    let done = said(&reconcile(&trial, &run));
    let report: Value = serde_json::from_str(&done).unwrap();
    assert_eq!(report["breaks"]["MISSING_IN_GATEWAY"], LINES, "{done}");
    assert_eq!(count(&trial, breaks), i64::try_from(LINES).unwrap());
}

on_both_stores!(sync a_comparison_that_is_killed_is_made_by_the_next);
