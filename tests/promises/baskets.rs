//! Half a year of a supermarket's baskets goes through tiers, caps, a budget, thresholds and expiry. An
//! independent script works out the same from the file alone. The baskets are made up here; `make
//! baskets FILE=…` takes real ones.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use chrono::{TimeDelta, TimeZone, Utc};
use chrono_tz::Asia::Shanghai;
use serde_json::json;
use tallystick::event::parse_recorded;
use tallystick::ids::{CustomerId, MemberKey};
use tallystick::partner::Registry;
use tallystick::program::{CustomerStanding, Occasion, Standings, decide};
use tallystick::store::lots;
use tallystick::{clock, intake};

use crate::harness::{Store, Trial, payment};

/// Baskets of one year's first half, oldest first: few members, so that they reach every limit.
fn made_up(to: &Path) {
    let mut text = "payment_id,household,store,occurred_at,gross,discount,paid,lines\n".to_owned();
    let start = Utc.with_ymd_and_hms(2017, 1, 1, 0, 0, 0).unwrap();
    let mut state = 7_u64;
    let mut dice = |sides: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % sides
    };
    let mut minutes = 0;
    for number in 1..=3_000 {
        minutes += i64::try_from(dice(170)).unwrap();
        let at = (start + TimeDelta::minutes(minutes)).format("%Y-%m-%dT%H:%M:%SZ");
        let (member, discount) = (dice(40), dice(900));
        let paid = if dice(12) == 0 { 8_000 + dice(12_000) } else { 1 + dice(6_000) };
        let cents = |minor: u64| format!("{}.{:02}", minor / 100, minor % 100);
        let (gross, discount, paid) = (cents(paid + discount), cents(discount), cents(paid));
        writeln!(text, "{number},{member},7,{at},{gross},{discount},{paid},1").unwrap();
    }
    std::fs::write(to, text).unwrap();
}

fn with_rules(trial: &Trial) {
    let rules = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/promises/baskets");
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
    let partners = &trial.settings.partners;
    let programme = read(partners.join("programme.toml")) + &read(rules.join("programme.toml"));
    std::fs::write(partners.join("programme.toml"), programme).unwrap();
    let manifest = read(partners.join("green-basket/partner.toml"));
    let (before, rest) = manifest.split_once("[[earning]]").unwrap();
    let (_base, after) = rest.split_once("# Spend 200").unwrap();
    let manifest = format!("{before}{}\n# Spend 200{after}", read(rules.join("rules.toml")));
    std::fs::write(partners.join("green-basket/partner.toml"), manifest).unwrap();
}

async fn half_a_year_comes_to_what_is_reckoned_without_us(store: Store) {
    let trial = Trial::on(store);
    with_rules(&trial);
    let given = std::env::var_os("BASKETS").map(PathBuf::from);
    let baskets = given.unwrap_or_else(|| {
        let path = trial.folder.path().join("baskets.csv");
        made_up(&path);
        path
    });
    let imported = Command::new(env!("CARGO_BIN_EXE_tallystick"))
        .current_dir(trial.folder.path())
        .args(["import", "payments", baskets.to_str().unwrap(), "--partner", "green-basket"])
        .args(["--history", "--by", "a test", "--reason", "half a year of the bank's own"])
        .env("DATABASE_URL", trial.settings.database_url.reveal())
        .env("TALLYSTICK_PARTNERS", &trial.settings.partners)
        .env("TALLYSTICK_KEYS", &trial.settings.keys)
        .env("TALLYSTICK_LOG__LEVEL", "error")
        .output()
        .unwrap();
    assert!(imported.status.success(), "{imported:?}");
    // What expired long ago expires as soon as the service runs.
    let app = trial.start().await;
    while !lots::fallen_due(&mut app.trial.db(), None, clock::now(), 1).unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let checked = Command::new(root.join(".tools/venv/bin/python"))
        .arg(root.join("tests/tools/check_baskets.py"))
        .args([baskets.to_str().unwrap(), app.trial.settings.database_url.reveal()])
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    println!("{store:?}: {}", String::from_utf8_lossy(&checked.stdout).trim());
    let told: serde_json::Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(told["differ"], 0, "{told}");
    // The limits were met: what is left of the budget is nothing, and some points have expired.
    assert_eq!(told["budget_left"], "0.00", "{told}");
    assert_ne!(told["expired"], "0", "{told}");
    Box::pin(app.stop_and_prove()).await;
}

on_both_stores!(half_a_year_comes_to_what_is_reckoned_without_us);

/// The shipped limits are for thieves: no basket of honest customers is held by them.
#[test]
fn the_shipped_limits_hold_no_honest_basket() {
    let folder = tempfile::tempdir().unwrap();
    let given = std::env::var_os("BASKETS").map(PathBuf::from);
    let baskets = given.unwrap_or_else(|| {
        let path = folder.path().join("baskets.csv");
        made_up(&path);
        path
    });
    let shipped = Registry::load(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("partners"));
    let shop = shipped.unwrap().get(&"green-basket".parse().unwrap()).unwrap();
    let (mut standings, mut members) = (Standings::default(), HashSet::new());
    let (mut taken, mut held) = (0_usize, Vec::new());
    let file = std::fs::File::open(&baskets).unwrap();
    let (text, _packed) = intake::unpack(file).unwrap();
    for row in csv::Reader::from_reader(text).deserialize() {
        let row: HashMap<String, String> = row.unwrap();
        let mut event = payment(&row["payment_id"], &row["household"], &row["gross"], "0.00");
        event["time"] = json!(row["occurred_at"]);
        event["data"]["discount"] = json!(row["discount"]);
        event["data"]["paid"] = json!(row["paid"]);
        let event = parse_recorded(&shop.id, &event.to_string()).unwrap();
        let key = MemberKey::of(&shop.id, event.data.member().unwrap());
        let at = event.effective_at;
        if members.insert(key) {
            let id = CustomerId::random();
            let customer = CustomerStanding { id, enrolled_at: at, birth_month: None };
            standings.add_customer(key, customer);
        }
        // Recorded as it happened, as a till that is connected does.
        let occasion = Occasion::new(at, at, Shanghai);
        let decision = decide(&event, &shop, &mut standings, occasion).unwrap();
        taken += 1;
        held.extend(decision.held.map(|why| why.says()));
    }
    println!("{taken} baskets, {} held", held.len());
    assert!(taken > 1_000);
    assert_eq!(held, Vec::<String>::new());
}
