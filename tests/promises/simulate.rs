//! What other rules would have given, worked out from recorded history. The history stays as it is.

use std::collections::BTreeMap;
use std::process::Command;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tallystick::clock;

use crate::harness::{
    Cluster, Store, Trial, cloud_event, code, customer, member, payment, referral, refund, until,
};

/// What the command prints: the difference, and the sum by the rules as they are, by line.
fn simulate(trial: &Trial, url: &str, changed: (&str, &str), days: &[&str]) -> Lines {
    let folder = trial.settings.partners.join("green-basket/partner.toml");
    let rules = std::fs::read_to_string(folder).unwrap();
    assert!(rules.contains(changed.0));
    let path = trial.folder.path().join("changed.toml");
    std::fs::write(&path, rules.replace(changed.0, changed.1)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tallystick"))
        .args(["program", "simulate", "--partner", "green-basket", "--csv", "--rules"])
        .arg(path)
        .args(days)
        .env("DATABASE_URL", url)
        .env("TALLYSTICK_PARTNERS", &trial.settings.partners)
        .env("TALLYSTICK_LOG__LEVEL", "error")
        .output()
        .unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{said}");
    let lines = said.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let name = format!("{} {}", fields[0], fields[1]);
        (name, (fields[2].to_owned(), fields[4].to_owned()))
    });
    Lines(lines.collect())
}

struct Lines(BTreeMap<String, (String, String)>);

impl Lines {
    fn now(&self, name: &str) -> &str {
        &self.0[name].0
    }

    fn difference(&self, name: &str) -> &str {
        &self.0[name].1
    }
}

/// Payments, refunds, a redemption, a hold that timed out, points that wait and points that
/// expired, and a referral.
async fn with_history(trial: Trial) -> Trial {
    let mut app = trial.start().await;
    let person = customer(&app, "c-1");
    let shop = app.partner("green-basket").await;
    let reference = member(&person, "green-basket").await;
    let mut first = payment("p-0", &reference, "100.00", "0.00");
    first["data"]["stage"] = json!("paid");
    shop.record(&first).await;
    // It comes again under another id, by which its refund calls it.
    first["id"] = json!("p-0-anew");
    assert_eq!(shop.post(&first).await.body["duplicate_of"], "p-0");
    shop.record(&payment("p-1", &reference, "60.00", "0.00")).await;
    shop.record(&payment("p-2", "m-2", "30.00", "1.00")).await;
    let mut scheme = payment("p-3", "m-2", "200.00", "30.00");
    scheme["data"]["scheme"] = json!("spend-200-save-30");
    shop.record(&scheme).await;
    shop.record(&refund("r-1", "p-0-anew", "25.00")).await;
    shop.record(&spend("h-1", "held", json!({ "code": code(&person).await, "points": "90.00" })))
        .await;
    shop.record(&spend("c-1", "committed", json!({ "hold": "h-1", "points": "80.00" }))).await;
    // What was spent already is owed, and is paid when some of it comes back.
    shop.record(&late(refund("r-2", "p-1", "60.00"), TimeDelta::zero())).await;
    shop.record(&spend("b-1", "returned", json!({ "hold": "h-1", "points": "30.00" }))).await;
    shop.record(&spend("h-2", "held", json!({ "code": code(&person).await, "points": "5.00" })))
        .await;
    for (place, days) in [("brief-basket", 800), ("trip-basket", 2)] {
        let there = app.partner(place).await;
        let reference = member(&person, place).await;
        let event = payment("p-0", &reference, "10.00", "0.00");
        there.record(&late(event, TimeDelta::days(days))).await;
    }
    let travel = app.partner("sunny-travel").await;
    travel.record(&referral("t-1", "travel-loan", "9000.00", "old-town")).await;
    app.restart().await;
    let person = customer(&app, "c-1");
    let points = until(&person, "25.00", "10.00").await;
    assert_eq!(points["owed"], "0.00");
    Box::pin(app.stop()).await
}

fn spend(id: &str, kind: &str, data: Value) -> Value {
    cloud_event(id, &format!("redemption.{kind}"), "2026-11-04T10:00:00Z", data)
}

fn late(mut event: Value, ago: TimeDelta) -> Value {
    event["time"] = json!(clock::now().minus(ago).to_string());
    event
}

async fn told_from_history_which_stays_as_it_is(store: Store) {
    let trial = Box::pin(with_history(Trial::on(store))).await;
    let (url, before) = (reading_only(&trial, store), rows(&trial, store));
    // The same rules: nothing differs, and nothing is recorded otherwise.
    let same = simulate(&trial, &url, ("\"down\"", "\"down\""), &[]);
    for (name, (_, difference)) in &same.0 {
        let counts = ["events examined", "customers unchanged"].contains(&name.as_str());
        assert!(counts || difference == "0", "{name}: {difference}");
    }
    assert_eq!(same.now("points earning:base@1"), "359");
    assert_eq!(same.now("points refund:proportional@1"), "-85");
    assert_eq!(same.now("payable-cny subsidy_payable"), "18");
    assert_eq!(same.now("payable-cny redemption_payable"), "0.5");
    assert_eq!(same.now("mark discount_undeclared"), "1");
    assert_eq!(same.difference("events examined"), "10");
    // Twice the points.
    let rate = ("points_per_unit = \"1\"", "points_per_unit = \"2\"");
    let twice = simulate(&trial, &url, rate, &[]);
    assert_eq!(twice.difference("points all"), "274");
    assert_eq!(twice.now("points all"), "274");
    assert_eq!(twice.difference("points-by partner"), "109.6");
    assert_eq!(twice.difference("cost-cny bank"), "1.3152");
    assert_eq!(twice.difference("payable-cny subsidy_payable"), "0");
    assert_eq!(twice.difference("customers winners"), "2");
    assert_eq!(twice.difference("customers-sum winners"), "274");
    assert_eq!(twice.difference("customers-largest winners"), "199");
    assert_eq!(twice.difference("events changed"), "0");
    // Not one of these days: the payments were made on the second of November.
    let later = simulate(&trial, &url, rate, &["--from", "2026-11-03"]);
    assert_eq!(later.difference("points all"), "0");
    let day = ["--from", "2026-11-02", "--to", "2026-11-02"];
    assert_eq!(simulate(&trial, &url, rate, &day).difference("points all"), "359");
    // Half of them: the hold would not have been covered, and what followed it fails with it.
    let less =
        simulate(&trial, &url, ("points_per_unit = \"1\"", "points_per_unit = \"0.5\""), &[]);
    assert_eq!(less.difference("points all"), "-137");
    assert_eq!(less.difference("customers losers"), "2");
    assert_eq!(less.difference("events refused"), "3");
    assert_eq!(less.difference("payable-cny redemption_payable"), "-0.5");
    assert_eq!(rows(&trial, store), before);
    assert_eq!(trial.findings(), []);
}

/// The database for somebody who may look and do nothing else; SQLite knows no such person.
fn reading_only(trial: &Trial, store: Store) -> String {
    let url = trial.settings.database_url.reveal();
    if store == Store::Sqlite {
        return url.to_owned();
    }
    Cluster::shared().psql("postgres", "CREATE ROLE onlooker LOGIN PASSWORD 'only-for-this-run'");
    let grant = "GRANT SELECT ON ALL TABLES IN SCHEMA public TO onlooker";
    Cluster::shared().psql(trial.database_name(), grant);
    let (_owner, place) = url.split_once('@').unwrap();
    format!("postgres://onlooker:only-for-this-run@{place}")
}

/// All there is in the database: the bytes of its file, or every row.
fn rows(trial: &Trial, store: Store) -> Vec<u8> {
    if store == Store::Sqlite {
        return std::fs::read(trial.folder.path().join("test.db")).unwrap();
    }
    let database = trial.database_name();
    let tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1";
    let mut all = String::new();
    for table in Cluster::shared().psql(database, tables).lines() {
        let rows = format!("SELECT t::text FROM \"{table}\" t ORDER BY 1");
        all.push_str(&Cluster::shared().psql(database, &rows));
    }
    all.into_bytes()
}

on_both_stores!(told_from_history_which_stays_as_it_is);
