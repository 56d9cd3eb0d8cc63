//! A qualified referral is in the bank's CRM, a real one, once: never twice, never lost.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tallystick::cli::demo::tryton::TrytonServer;
use tallystick::crm::{CrmError, Tryton};
use tallystick::settings::{CrmSettings, Secret};
use tallystick::store::outbox;

use crate::crash::Served;
use crate::harness::{
    Partner, Store, Trial, crm_client, crm_records, phone_of, referral, start_crm,
};

fn client(crm: &TrytonServer) -> Tryton {
    crm_client(&crm.settings(), None, Duration::from_secs(20))
}

/// A trial with a CRM, and leases short enough for a test.
fn trial(store: Store) -> (Trial, TrytonServer) {
    let mut trial = Trial::on(store);
    let crm = start_crm(trial.folder.path());
    trial.settings.crm = Some(crm.settings());
    trial.settings.lead_lease_seconds = 6;
    (trial, crm)
}

/// The CRM's settings as the environment of a process.
fn environment(crm: &TrytonServer) -> Vec<(&'static str, String)> {
    let CrmSettings::Tryton { url, database, user, password } = crm.settings() else {
        unreachable!("not a Tryton");
    };
    vec![
        ("TALLYSTICK_CRM__KIND", "tryton".to_owned()),
        ("TALLYSTICK_CRM__URL", url),
        ("TALLYSTICK_CRM__DATABASE", database),
        ("TALLYSTICK_CRM__USER", user),
        ("TALLYSTICK_CRM__PASSWORD", password.reveal().to_owned()),
        ("TALLYSTICK_LEAD_LEASE_SECONDS", "6".to_owned()),
    ]
}

async fn refer(partner: &Partner, count: usize) -> BTreeSet<String> {
    let events: Vec<Value> = (0..count)
        .map(|number| referral(&format!("t-{number}"), "travel-loan", "9000.00", "old-town"))
        .collect();
    let answer = partner.post_batch(&events).await;
    let outcomes = answer.body["outcomes"].as_array().unwrap();
    outcomes.iter().map(|it| it["receipt"]["referral"]["id"].as_str().unwrap().to_owned()).collect()
}

/// Waits until every lead is delivered, as our own outbox says.
async fn wait_until_delivered(trial: &Trial, count: i64) {
    let started = Instant::now();
    loop {
        let depth = outbox::depth(&mut trial.db()).unwrap();
        assert_eq!(depth.dead, 0, "{depth:?}");
        if depth.delivered == count {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(90), "{depth:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The CRM has these leads, each once, and no other.
async fn assert_each_once(crm: &TrytonServer, leads: &BTreeSet<String>) {
    let found = client(crm).references().await.unwrap();
    let references: BTreeSet<String> =
        found.iter().map(|(reference, _)| reference.clone()).collect();
    assert_eq!(found.len(), references.len(), "a lead is there twice");
    assert_eq!(&references, leads);
}

async fn a_lead_has_all_that_a_customer_manager_needs(store: Store) {
    let (trial, crm) = trial(store);
    let app = trial.start().await;
    let travel = app.partner("sunny-travel").await;
    let leads = refer(&travel, 1).await;
    wait_until_delivered(&app.trial, 1).await;
    assert_each_once(&crm, &leads).await;
    let id = leads.first().unwrap();
    assert_eq!(travel.get(&format!("/v1/referrals/{id}")).await.body["state"], "sent");
    let opportunity = read(
        &crm,
        "sale.opportunity",
        json!([["reference", "=", id]]),
        &["amount", "description", "comment", "party.name", "state"],
    )
    .await;
    assert_eq!(opportunity["amount"]["decimal"], "9000.00");
    assert_eq!(opportunity["description"], "Sunny Road Travel: travel-loan");
    assert_eq!(opportunity["state"], "lead");
    assert_eq!(opportunity["party."]["name"], "Test Person");
    let comment = opportunity["comment"].as_str().unwrap();
    assert!(comment.contains("to be called about this product; text 2026-10"), "{comment}");
    let phone = json!([["value", "=", phone_of("t-0")]]);
    let mechanism = read(&crm, "party.contact_mechanism", phone, &["type", "party.code"]).await;
    assert_eq!(mechanism["party."]["code"], format!("TS-{id}"));
    Box::pin(app.stop_and_prove()).await;
}

on_both_stores!(a_lead_has_all_that_a_customer_manager_needs);

async fn killed_gateways_lose_no_lead_and_send_none_twice(store: Store) {
    let (trial, crm) = trial(store);
    let environment = environment(&crm);
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let served = Served::start(&trial, &environment);
    let travel = served.partner(&trial, "sunny-travel").await;
    let leads = refer(&travel, 30).await;
    assert_eq!(leads.len(), 30);
    // Killed in the middle of delivering, twice, at moments that differ.
    let moment = || 100 + u64::from(uuid::Uuid::new_v4().as_bytes()[0]);
    tokio::time::sleep(Duration::from_millis(moment())).await;
    served.kill();
    let served = Served::start(&trial, &environment);
    tokio::time::sleep(Duration::from_millis(moment())).await;
    served.kill();
    // Two gateways share what is left.
    let gateways = [Served::start(&trial, &environment), Served::start(&trial, &environment)];
    wait_until_delivered(&trial, 30).await;
    for gateway in gateways {
        assert!(gateway.stop().success());
    }
    assert_each_once(&crm, &leads).await;
    assert_eq!(trial.findings(), []);
}

on_both_stores!(killed_gateways_lose_no_lead_and_send_none_twice);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crm_that_was_down_gets_its_leads_when_it_is_back() {
    let (trial, mut crm) = trial(Store::Sqlite);
    crm.kill();
    let app = trial.start().await;
    let travel = app.partner("sunny-travel").await;
    let leads = refer(&travel, 5).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let id = leads.first().unwrap();
    assert_eq!(travel.get(&format!("/v1/referrals/{id}")).await.body["state"], "qualified");
    crm.restart().unwrap();
    wait_until_delivered(&app.trial, 5).await;
    crm.kill();
    crm.restart().unwrap();
    assert_each_once(&crm, &leads).await;
    Box::pin(app.stop_and_prove()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_crm_answers_says_what_can_be_done() {
    let folder = tempfile::tempdir().unwrap();
    let mut crm = start_crm(folder.path());
    let CrmSettings::Tryton { url, database, user, .. } = crm.settings() else {
        unreachable!("not a Tryton");
    };
    let password = Secret::new("wrong".to_owned());
    let settings = CrmSettings::Tryton { url, database, user, password };
    let stranger = crm_client(&settings, None, Duration::from_secs(20));
    assert_eq!(stranger.find("x").await, Err(CrmError::Credentials));
    let known = client(&crm);
    assert_eq!(known.find("x").await, Ok(None));
    crm.kill();
    assert!(matches!(known.find("x").await, Err(CrmError::Unavailable(_))));
    crm.restart().unwrap();
    assert_eq!(known.find("x").await, Ok(None));
}

/// The first record that fits.
async fn read(crm: &TrytonServer, model: &str, domain: Value, fields: &[&str]) -> Value {
    crm_records(crm, model, domain, fields).await[0].clone()
}
