//! Independent programs read the journal that we export, find nothing wrong with it, and come to
//! the same balance for every account.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rust_decimal::Decimal;
use serde_json::{Value, json};
use tallystick::ledger::cutoff::By;
use tallystick::ledger::export::account_name;
use tallystick::ledger::{Account, Cutoff, as_of};
use tallystick::money::Amount;
use tallystick::store::{accounts, reports};

use crate::as_of::{command, ledger, printed};
use crate::harness::{
    TestApp, cloud_event, code, customer, member, payment, referral, refund, staff,
};
use crate::settlement_statements::{busy_month, close_month};

/// Numbers that look random and are the same in every run (a linear congruential generator).
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What only partners and customers say, and no export may.
const FREE_TEXT: [&str; 4] = ["secret-order", "Test Person", "+86199", "p@test.invalid"];

/// Some hundred payments with and without a discount, refunds in parts, and referrals with rewards,
/// over many days, late and in any order; and points spent in part.
async fn a_long_history(app: &mut TestApp) {
    app.leads_may_wait = true; // no CRM here
    let mut dice = Dice(15);
    let mut payments = Vec::new();
    let mut refunds = Vec::new();
    let mut referrals = Vec::new();
    for number in 0..300_u64 {
        let day = 1 + dice.below(20);
        let at =
            |days: u64, hour: u64| json!(format!("2026-11-{:02}T{hour:02}:30:00.25Z", day + days));
        let id = format!("p-{number}");
        let member = format!("m-{}", dice.below(40));
        let gross = 20_000 + dice.below(20_000);
        let discount = if dice.below(2) == 0 { 3_000 } else { 0 };
        let money = |minor: u64| format!("{}.{:02}", minor / 100, minor % 100);
        let mut event = payment(&id, &member, &money(gross), &money(discount));
        event["time"] = at(0, dice.below(24));
        event["data"]["order"] = json!(format!("secret-order-{number}"));
        if discount > 0 {
            event["data"]["scheme"] = json!("spend-200-save-30");
        }
        payments.push(event);
        if dice.below(3) == 0 {
            let mut event = refund(&format!("r-{number}"), &id, &money(1 + dice.below(17_000)));
            event["time"] = at(1, dice.below(24));
            refunds.push(event);
        }
        if dice.below(5) == 0 {
            let mut event =
                referral(&format!("f-{number}"), "farm-loan", "9000.00", "north-valley");
            event["time"] = at(0, dice.below(24));
            event["data"]["consent"]["given_at"] = json!("2026-10-31T09:00:00Z");
            event["data"]["member"] = json!(format!("v-{}", dice.below(9)));
            event["data"]["contact"]["phone"] = json!(format!("+86199{number:08}"));
            referrals.push(event);
        }
    }
    let (shop, farm) = (app.partner("green-basket").await, app.partner("golden-field").await);
    for (partner, events) in [(&shop, payments), (&shop, refunds), (&farm, referrals)] {
        for part in events.chunks(100) {
            let answer = partner.post_batch(part).await;
            let outcomes = answer.body["outcomes"].as_array().unwrap();
            let refused = outcomes.iter().find(|outcome| outcome["status"] != 201);
            assert!(refused.is_none(), "{refused:?}");
        }
    }
    let person = customer(app, "c-1");
    let reference = member(&person, "green-basket").await;
    shop.record(&payment("p-spent", &reference, "100.00", "0.00")).await;
    let spend = |id: &str, kind: &str, data: Value| {
        cloud_event(id, &format!("redemption.{kind}"), "2026-11-04T10:00:00Z", data)
    };
    let code = code(&person).await;
    shop.record(&spend("h-1", "held", json!({ "code": code, "points": "40.00" }))).await;
    shop.record(&spend("c-1", "committed", json!({ "hold": "h-1", "points": "30.00" }))).await;
    shop.record(&spend("b-1", "returned", json!({ "hold": "h-1", "points": "10.00" }))).await;
}

/// Our own balances, without accounts that hold nothing.
fn ours(
    app: &TestApp,
    cutoff: Cutoff,
    name: fn(&Account) -> String,
) -> BTreeMap<(String, String), String> {
    let all = as_of::balances(&mut app.trial.db(), cutoff).unwrap();
    let held = all.into_iter().filter(|(_, balance)| !balance.is_zero());
    held.map(|(account, balance): (Account, Amount)| {
        ((name(&account), account.asset.code().to_owned()), balance.to_string())
    })
    .collect()
}

fn export(app: &TestApp, format: &str, more: &[&str]) -> PathBuf {
    let path = app.trial.folder.path().join(format!("export.{format}"));
    let to_file = ["export", "--format", format, "--out", path.to_str().unwrap()];
    printed(&app.trial, &[&to_file[..], more].concat());
    path
}

fn output_of(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> String {
    let output = Command::new(program.as_ref()).args(arguments).output();
    assert!(output.is_ok(), "make tools installs {}", program.as_ref().display());
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn in_venv(program: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/venv/bin").join(program)
}

/// hledger's own balances of all accounts.
fn hledger(journal: &Path) -> BTreeMap<(String, String), String> {
    let journal = journal.to_str().unwrap();
    // Strict: every account and commodity is declared, every transaction balances.
    output_of("hledger", &["-f", journal, "check", "--strict"]);
    let csv = output_of(
        "hledger",
        &["-f", journal, "balance", "--flat", "--no-total", "--layout=bare", "-O", "csv"],
    );
    let mut lines = csv::Reader::from_reader(csv.as_bytes());
    lines
        .records()
        .map(|line| {
            let line = line.unwrap();
            ((line[0].to_owned(), line[1].to_owned()), line[2].to_owned())
        })
        .collect()
}

/// The sums that another program's reader found, without accounts that hold nothing.
fn sums(read: &Value) -> BTreeMap<(String, String), String> {
    let mut found = BTreeMap::new();
    for (account, held) in read["sums"].as_object().unwrap() {
        for (asset, sum) in held.as_object().unwrap() {
            let sum = sum.as_str().unwrap();
            if sum.chars().any(|c| ('1'..='9').contains(&c)) {
                found.insert((account.clone(), asset.clone()), sum.to_owned());
            }
        }
    }
    found
}

fn read_by_others(format: &str, path: &Path) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/read_export.py");
    let arguments = [script.to_str().unwrap(), format, path.to_str().unwrap()];
    serde_json::from_str(&output_of(in_venv("python"), &arguments)).unwrap()
}

fn without_free_text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for free in FREE_TEXT {
        assert!(!text.contains(free), "{free:?} is exported");
    }
}

on_both_stores! {
    async fn hledger_comes_to_the_same_balances(app) {
        a_long_history(app).await;
        let journal = export(app, "hledger", &[]);
        assert_eq!(hledger(&journal), ours(app, Cutoff::NONE, account_name));
        without_free_text(&std::fs::read(&journal).unwrap());
        let zone = app.trial.settings.time_zone;
        let past = export(app, "hledger", &["--as-of", "2026-11-10"]);
        let cutoff = Cutoff::parse("2026-11-10", By::Effective, zone).unwrap();
        let then = hledger(&past);
        assert_eq!(then, ours(app, cutoff, account_name));
        assert_ne!(then, ours(app, Cutoff::NONE, account_name));
        // The same, as hledger itself looks back from the whole journal.
        let told = |journal: &Path, more: &[&str]| {
            let balance = ["-f", journal.to_str().unwrap(), "balance"];
            output_of("hledger", &[&balance[..], more].concat())
        };
        let past = told(&past, &[]);
        let whole = export(app, "hledger", &[]);
        assert_eq!(told(&whole, &["--end", "2026-11-11"]), past);
    }
}

on_both_stores! {
    async fn hledger_comes_to_the_same_sums_of_a_closed_month(app) {
        busy_month(app).await;
        close_month(app, "2026-10").await;
        let clerk = staff(app, "ann", &["reconcile"]);
        let closed = clerk.get("/v1/settlements/green-basket/2026-10").await.body;
        let mut lines: BTreeMap<(String, bool), Decimal> = BTreeMap::new();
        for line in closed["statement"]["lines"].as_array().unwrap() {
            let Some(account) = line["account"].as_str() else { continue };
            let sum = lines.entry((account.to_owned(), line["late"] == true)).or_default();
            *sum += line["amount"].as_str().unwrap().parse::<Decimal>().unwrap();
        }
        assert_eq!(lines.len(), 2, "one account, in the month and late: {lines:?}");
        let journal = export(app, "hledger", &["--account", "partner:green-basket"]);
        let sum_of = |account: &str, more: &[&str]| {
            let account = format!("partner:green-basket:{account}");
            let journal = ["-f", journal.to_str().unwrap(), "balance", &account];
            let layout = ["--flat", "--no-total", "--layout=bare", "-O", "csv"];
            let csv = output_of("hledger", &[&journal[..], &layout[..], more].concat());
            let mut rows = csv::Reader::from_reader(csv.as_bytes());
            rows.records().map(|row| row.unwrap()[2].parse::<Decimal>().unwrap()).sum::<Decimal>()
        };
        for ((account, is_late), sum) in &lines {
            // No month was closed before: what is late is all that happened before it.
            let month = if *is_late { &["--end=2026-10-01"][..] } else { &["--period=2026-10"][..] };
            assert_eq!(sum_of(account, month), *sum, "{account} {month:?}");
        }
    }
}

on_both_stores! {
    async fn beancount_comes_to_the_same_balances(app) {
        a_long_history(app).await;
        let journal = export(app, "beancount", &[]);
        output_of(in_venv("bean-check"), &[journal.to_str().unwrap()]);
        let read = read_by_others("beancount", &journal);
        assert_eq!(read["errors"], json!([]));
        let name = |account: &Account| {
            let mut at_start = true;
            let ours = account_name(account).replace('_', "-");
            let letters = ours.chars().map(|letter| {
                let start = std::mem::replace(&mut at_start, letter == ':');
                if start { letter.to_ascii_uppercase() } else { letter }
            });
            letters.collect::<String>()
        };
        assert_eq!(sums(&read), ours(app, Cutoff::NONE, name));
        without_free_text(&std::fs::read(&journal).unwrap());
    }
}

on_both_stores! {
    async fn tables_hold_every_entry_and_sum_to_the_same_balances(app) {
        a_long_history(app).await;
        let name = |account: &Account| {
            format!("{}/{}/{}", account.owner.kind(), account.owner.name(), account.code.name())
        };
        let balances = ours(app, Cutoff::NONE, name);
        let csv = std::fs::read(export(app, "csv", &[])).unwrap();
        without_free_text(&csv);
        let mut by_account: BTreeMap<(String, String), Decimal> = BTreeMap::new();
        let mut keys = BTreeSet::new();
        for line in csv::Reader::from_reader(csv.as_slice()).records() {
            let line = line.unwrap();
            assert!(keys.insert((line[0].to_owned(), line[1].to_owned())), "{line:?} twice");
            let account = format!("{}/{}/{}", &line[4], &line[5], &line[3]);
            *by_account.entry((account, line[6].to_owned())).or_default() += line[7].parse::<Decimal>().unwrap();
        }
        by_account.retain(|_, sum| !sum.is_zero());
        let found: BTreeMap<_, _> = by_account.into_iter().map(|(key, sum)| (key, sum.to_string())).collect();
        assert_eq!(found, balances);

        let parquet = export(app, "parquet", &[]);
        without_free_text(&std::fs::read(&parquet).unwrap());
        let read = read_by_others("parquet", &parquet);
        assert_eq!(sums(&read), balances);
        assert_eq!(read["rows"], json!(keys.len()));
        let schema = &read["schema"];
        assert_eq!(schema["recorded_at"], "timestamp[us, tz=UTC]");
        assert_eq!((&schema["amount_minor"], &schema["owner"]), (&json!("int64"), &json!("string")));
    }
}

on_both_stores! {
    async fn a_reader_that_leaves_early_is_no_failure(app) {
        a_long_history(app).await;
        for format in ["hledger", "csv", "parquet"] {
            let mut export = command(&app.trial, &["export", "--format", format]);
            let mut export = export.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            drop(export.stdout.take());
            let output = export.wait_with_output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{format}");
            assert!(output.status.success(), "{format}");
        }
    }
}

on_both_stores! {
    async fn pages_hold_everything_once_whatever_their_size(app) {
        a_long_history(app).await;
        let mut db = app.trial.db();
        let whole = reports::journal_page(&mut db, Cutoff::NONE, None, i64::MAX).unwrap();
        let (mut after, mut read) = (None, Vec::new());
        loop {
            let page = reports::journal_page(&mut db, Cutoff::NONE, after, 7).unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            read.extend(page.iter().map(|it| (it.id, it.entries.len())));
        }
        let whole: Vec<_> = whole.iter().map(|it| (it.id, it.entries.len())).collect();
        assert_eq!(read, whole);
        assert_eq!(reports::count(&mut db, Cutoff::NONE).unwrap(), i64::try_from(whole.len()).unwrap());
        let (mut after, mut read) = (None, BTreeSet::new());
        loop {
            let page = reports::accounts_page(&mut db, after, 7).unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.id());
            assert!(page.into_iter().all(|account| read.insert(account)));
        }
        let all = accounts::all(&mut db).unwrap();
        assert_eq!(read, all.into_iter().map(|(account, _)| account).collect());
    }
}

on_both_stores! {
    async fn an_account_is_picked_by_its_name_and_a_journal_still_balances(app) {
        let shop = app.partner("green-basket").await;
        shop.record(&payment("p-1", "m-1", "10.00", "0.00")).await;
        shop.record(&payment("p-2", "m-2", "10.00", "10.00")).await; // moves nothing
        app.partner("lotus-tea").await.record(&payment("p-1", "m-1", "18.00", "0.00")).await;
        let pick = |format: &str, pattern: &str| {
            printed(&app.trial, &["export", "--format", format, "--account", pattern])
        };
        let journal = pick("hledger", "partner:green-basket");
        assert_eq!(journal.matches(" * payment.discounted").count(), 1, "{journal}");
        let path = app.trial.folder.path().join("picked.journal");
        std::fs::write(&path, &journal).unwrap();
        assert_eq!(hledger(&path).len(), 3);
        assert_eq!(pick("csv", "customer:*:points_available").lines().count(), 3);
        assert_eq!(pick("csv", "customer:").lines().count(), 3);
        assert_eq!(pick("csv", "partner:nobody").lines().count(), 1);
        // A past before everything is an empty journal, and empty tables.
        for format in ["hledger", "beancount", "csv", "parquet"] {
            let before = ["export", "--format", format, "--as-of", "2000-01-01"];
            assert!(ledger(&app.trial, &before).status.success(), "{format}");
        }
        let refused = ledger(&app.trial, &["export", "--format", "xlsx"]);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(said.contains("hledger, beancount, csv or parquet"), "{said}");
        let nowhere = ledger(&app.trial, &["export", "--format", "csv", "--out", "/no/such/file"]);
        assert!(String::from_utf8(nowhere.stderr).unwrap().contains("cannot write /no/such/file"));
    }
}
