//! Many leads into a real CRM, with everything going wrong: at the end CRM and gateway agree on
//! every lead, none is there twice and none is missing.
//!
//! `make test` sends a thousand on a road that is merely bad, and some on one where gateways and
//! CRM are killed too; `make chaos LEADS=10000` is that for hours. SEED repeats a run's faults, not
//! its timing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tallystick::cli::demo::tryton::TrytonServer;
use tallystick::settings::CrmSettings;
use tallystick::store::outbox;

use crate::crash::Served;
use crate::harness::{
    ChaosRoad, Partner, Store, Trial, ask_crm, crm_client, referral, start_crm, wait_until,
};

/// Events in one request.
const BATCH: usize = 200;

fn leads_of(env: &str, otherwise: usize) -> usize {
    let text = std::env::var_os(env).unwrap_or_default();
    text.to_str().unwrap().parse().unwrap_or(otherwise)
}

fn seed() -> u64 {
    leads_of("CHAOS_SEED", 20_261_124).try_into().unwrap()
}

/// A referral of a person of its own.
fn event(number: usize) -> Value {
    let region = ["lake-district", "old-town", "harbour"][number % 3];
    let mut event = referral(&format!("t-{number}"), "travel-loan", "9000.00", region);
    event["data"]["contact"]["phone"] = json!(format!("+86199{number:08}"));
    event["data"]["contact"]["name"] = json!(format!("Person {number}"));
    event
}

/// The CRM's settings as the environment of a process, by the road.
fn environment(crm: &TrytonServer, road: &ChaosRoad) -> Vec<(&'static str, String)> {
    let CrmSettings::Tryton { database, user, password, .. } = crm.settings() else {
        unreachable!("not a Tryton");
    };
    vec![
        ("TALLYSTICK_CRM__KIND", "tryton".to_owned()),
        ("TALLYSTICK_CRM__URL", road.url()),
        ("TALLYSTICK_CRM__DATABASE", database),
        ("TALLYSTICK_CRM__USER", user),
        ("TALLYSTICK_CRM__PASSWORD", password.reveal().to_owned()),
        ("TALLYSTICK_LEAD_LEASE_SECONDS", "24".to_owned()),
        ("TALLYSTICK_DELIVERY__AT_ONCE", "100".to_owned()),
        ("TALLYSTICK_DELIVERY__PER_SECOND", "1000".to_owned()),
        ("TALLYSTICK_CRM_POLL_MILLIS", "2000".to_owned()),
    ]
}

/// Posts them until each has its receipt, whatever becomes of the gateway meanwhile; a gateway's
/// answers to the same events are the same. The referrals' ids, of those that came through.
async fn refer(partner: &Partner, numbers: std::ops::Range<usize>) -> Option<BTreeSet<String>> {
    let events: Vec<Value> = numbers.map(event).collect();
    let request = partner.request(reqwest::Method::POST, "/v1/events:batch").json(&events);
    let answer = request.send().await.ok()?.json::<Value>().await.ok()?;
    let outcomes = answer["outcomes"].as_array()?;
    outcomes
        .iter()
        .map(|it| {
            let referral = &it["receipt"]["referral"];
            assert_eq!(referral["state"], "qualified", "{it}");
            referral["id"].as_str().map(str::to_owned)
        })
        .collect()
}

/// What the CRM has: how often each reference and each party's code, by asking it page by page.
async fn counts(crm: &TrytonServer, model: &str, field: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let mut last = 0;
    loop {
        let domain = json!([["id", ">", last], [field, "!=", null]]);
        let fields = ["id", field];
        let params = json!([domain, 0, 1000, [["id", "ASC"]], fields, { "active_test": false }]);
        let page = ask_crm(crm, &format!("model.{model}.search_read"), params).await;
        for row in page.as_array().unwrap() {
            last = row["id"].as_i64().unwrap();
            *counts.entry(row[field].as_str().unwrap().to_owned()).or_default() += 1;
        }
        if page.as_array().unwrap().len() < 1000 {
            return counts;
        }
    }
}

/// Proves that gateway and CRM agree on every lead, and returns how many there are.
async fn prove(trial: &Trial, crm: &TrytonServer, leads: &BTreeSet<String>) -> usize {
    let there = counts(crm, "sale.opportunity", "reference").await;
    let twice: Vec<_> = there.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "leads that are there twice: {twice:?}");
    let known: BTreeSet<String> = there.into_keys().collect();
    let missing: Vec<_> = leads.difference(&known).collect();
    assert!(missing.is_empty(), "leads that are missing: {missing:?}");
    assert_eq!(&known, leads, "leads that nobody sent");
    let parties = counts(crm, "party.party", "code").await;
    for lead in leads {
        assert_eq!(parties.get(&format!("TS-{lead}")), Some(&1), "the party of {lead}");
    }
    let theirs: BTreeMap<String, String> =
        crm_client(&crm.settings(), None, Duration::from_secs(60))
            .references()
            .await
            .unwrap()
            .into_iter()
            .map(|(lead, id)| (lead, id.to_string()))
            .collect();
    let ours: BTreeMap<String, String> = outbox::crm_ids(&mut trial.db())
        .unwrap()
        .into_iter()
        .map(|(lead, id)| (lead.to_string(), id))
        .collect();
    assert_eq!(ours, theirs, "the ids that the gateway keeps are the CRM's");
    assert_eq!(trial.findings(), []);
    known.len()
}

async fn wait_until_delivered(trial: &Trial, count: usize, time_max: Duration) {
    let started = Instant::now();
    loop {
        let depth = outbox::depth(&mut trial.db()).unwrap();
        assert_eq!(depth.dead, 0, "{depth:?}");
        if usize::try_from(depth.delivered).unwrap() == count {
            return;
        }
        assert!(started.elapsed() < time_max, "{depth:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_leads_by_a_bad_road_are_in_the_crm_each_once() {
    let mut trial = Trial::on(Store::Sqlite);
    let mut crm = start_crm(trial.folder.path());
    let road = ChaosRoad::to(&crm.url(), seed(), 2);
    let CrmSettings::Tryton { database, user, password, .. } = crm.settings() else {
        unreachable!("not a Tryton");
    };
    trial.settings.crm = Some(CrmSettings::Tryton { url: road.url(), database, user, password });
    trial.settings.lead_lease_seconds = 40;
    trial.settings.delivery.at_once = 100;
    trial.settings.delivery.per_second = 1000;
    let started = Instant::now();
    let count = leads_of("THOUSAND_LEADS", 1_000);
    let app = trial.start().await;
    let travel = app.partner("sunny-travel").await;
    let mut leads = BTreeSet::new();
    for from in (0..count).step_by(BATCH) {
        leads.extend(refer(&travel, from..(from + BATCH).min(count)).await.unwrap());
    }
    assert_eq!(leads.len(), count);
    let posted = started.elapsed();
    // In the middle of it all.
    let delivered = async || outbox::depth(&mut app.trial.db()).unwrap().delivered;
    wait_until(true, async || delivered().await > i64::try_from(count / 10).unwrap()).await;
    crm.kill();
    crm.restart().unwrap();
    wait_until_delivered(&app.trial, count, Duration::from_secs(300)).await;
    let took = started.elapsed();
    let known = prove(&app.trial, &crm, &leads).await;
    println!(
        "{known} leads in {:.1} s (posted in {:.1} s), the CRM killed once, {:?}: none twice, none \
         missing",
        took.as_secs_f64(),
        posted.as_secs_f64(),
        road.happened()
    );
    Box::pin(app.stop_and_prove()).await;
}

/// Kills this and that until it is told to stop; how often each.
struct Killer {
    gateways: Vec<Served>,
    gateways_killed: usize,
    crm_killed: usize,
}

impl Killer {
    /// Kills one gateway and starts another in its place.
    fn kill_a_gateway(&mut self, trial: &Trial, environment: &[(&str, &str)]) {
        self.gateways.remove(0).kill();
        self.gateways.push(Served::start(trial, environment));
        self.gateways_killed += 1;
    }

    fn kill_the_crm(&mut self, crm: &mut TrytonServer) {
        crm.kill();
        // Some requests find nobody there.
        std::thread::sleep(Duration::from_millis(500));
        crm.restart().unwrap();
        self.crm_killed += 1;
    }
}

async fn everything_goes_wrong(store: Store, count: usize) {
    let trial = Trial::on(store);
    let mut crm = start_crm(trial.folder.path());
    let road = ChaosRoad::to(&crm.url(), seed(), 10);
    let environment = environment(&crm, &road);
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let started = Instant::now();
    let gateways = vec![Served::start(&trial, &environment), Served::start(&trial, &environment)];
    let mut killer = Killer { gateways, gateways_killed: 0, crm_killed: 0 };
    let mut leads = BTreeSet::new();
    let mut from = 0;
    let mut round = 0_usize;
    // As long as there is something to refer or to tell, something is killed every few seconds.
    loop {
        if from < count {
            let to = (from + BATCH).min(count);
            let travel = killer.gateways[1].partner(&trial, "sunny-travel").await;
            if let Some(posted) = refer(&travel, from..to).await {
                leads.extend(posted);
                from = to;
            }
        }
        let delivered = outbox::depth(&mut trial.db()).unwrap().delivered;
        let left = count - usize::try_from(delivered).unwrap();
        if from == count && left <= count / 10 {
            break;
        }
        let random = u64::from(uuid::Uuid::new_v4().as_bytes()[0]);
        tokio::time::sleep(Duration::from_millis(2_000 + random * 20)).await;
        round += 1;
        if round.is_multiple_of(3) {
            killer.kill_the_crm(&mut crm);
        } else {
            killer.kill_a_gateway(&trial, &environment);
        }
        println!("{:>5.0} s: {delivered} of {count} delivered", started.elapsed().as_secs_f64());
    }
    // The rest on a road that is still bad, with nobody killed any more. One that has failed often
    // waits up to an hour for its next turn.
    let patience = if count > 1_000 { 2 * 3_600 } else { 600 };
    wait_until_delivered(&trial, count, Duration::from_secs(patience)).await;
    let took = started.elapsed();
    for gateway in killer.gateways {
        assert!(gateway.stop().success());
    }
    assert_eq!(leads.len(), count);
    let known = prove(&trial, &crm, &leads).await;
    println!(
        "{store:?}: {known} leads in {:.0} s, gateways killed {} times, the CRM {} times, on the \
         road {:?}: none twice, none missing",
        took.as_secs_f64(),
        killer.gateways_killed,
        killer.crm_killed,
        road.happened()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_no_lead_is_there_twice_and_none_is_missing() {
    // PostgreSQL, because the gateways share its database and both die.
    let count = leads_of("CHAOS_LEADS", 60);
    Box::pin(everything_goes_wrong(Store::Postgres, count)).await;
}
