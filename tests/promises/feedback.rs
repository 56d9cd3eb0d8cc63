//! What becomes of a lead in the CRM moves the referral and releases what was promised for it,
//! whether the gateway asks or is told; and the partner learns no more than that.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tallystick::cli::demo::tryton::TrytonServer;
use tallystick::settings::{CrmFeedbackSettings, Secret};

use crate::harness::{
    Answer, Partner, Store, TestApp, Trial, ask_crm, crm_records, customer, member, python,
    referral, start_crm, until,
};

const SECRET: &str = "whsec_dGhpcyBpcyBhIHNlY3JldCBvZiB0ZXN0cyBvbmx5";

/// A trial in which the agency's customer is rewarded when the product is had.
fn trial(store: Store) -> Trial {
    let mut trial = Trial::on(store);
    let path = trial.settings.partners.join("sunny-travel/partner.toml");
    let manifest = std::fs::read_to_string(&path).unwrap();
    let from = "to = \"customer\"\npoints = \"500.00\"";
    assert!(manifest.contains(from), "{manifest}");
    let to = "to = \"customer\"\non = \"converted\"\npoints = \"500.00\"";
    std::fs::write(&path, manifest.replace(from, to)).unwrap();
    trial.settings.crm_feedback =
        Some(CrmFeedbackSettings { secret: Secret::new(SECRET.to_owned()) });
    trial.settings.crm_poll_millis = 300;
    trial
}

/// A referral of a person of its own, by its receipt's id.
async fn refer(travel: &Partner, number: usize, member: Option<&str>) -> String {
    let mut event = referral(&format!("t-{number}"), "travel-loan", "9000.00", "old-town");
    event["data"]["contact"]["phone"] = json!(format!("+8619900{number:06}"));
    if let Some(member) = member {
        event["data"]["member"] = json!(member);
    }
    travel.record(&event).await["referral"]["id"].as_str().unwrap().to_owned()
}

async fn until_state(travel: &Partner, id: &str, state: &str) -> String {
    for tries in 0.. {
        let answer = travel.get(&format!("/v1/referrals/{id}")).await;
        if answer.body["state"] == state {
            return answer.text;
        }
        assert!(tries < 1_800, "never came to {state}: {answer:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    String::new()
}

/// The opportunity of a lead, once it is there.
async fn opportunity(crm: &TrytonServer, id: &str) -> i64 {
    for _ in 0..300 {
        let domain = json!([["reference", "=", id]]);
        if let Some(found) = crm_records(crm, "sale.opportunity", domain, &["id"]).await.first() {
            return found["id"].as_i64().unwrap();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    unreachable!("the lead never came");
}

/// A state to which only a sale in Tryton would bring it, set by Tryton's own console.
fn set_state(trial: &Trial, opportunity: i64, state: &str) {
    let folder = trial.folder.path().join("crm");
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/venv");
    let mut console = Command::new(venv.join("bin/trytond-console"))
        .arg("-c")
        .arg(folder.join("trytond.conf"))
        .args(["-d", "crm"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let orders = format!(
        "Opportunity = pool.get('sale.opportunity')\n\
         Opportunity.write([Opportunity({opportunity})], {{'state': '{state}'}})\n\
         transaction.commit()\n\
         print('DONE')\n"
    );
    console.stdin.take().unwrap().write_all(orders.as_bytes()).unwrap();
    let said = console.wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&said.stdout).contains("DONE"));
}

async fn the_crms_stages_move_referrals_and_release_rewards(store: Store) {
    let mut trial = trial(store);
    let crm = start_crm(trial.folder.path());
    trial.settings.crm = Some(crm.settings());
    let app = trial.start().await;
    let travel = app.partner("sunny-travel").await;
    let person = customer(&app, "subject-1");
    let reference = member(&person, "sunny-travel").await;
    let id = refer(&travel, 1, Some(&reference)).await;
    let lost = refer(&travel, 2, None).await;
    let (there, other) = (opportunity(&crm, &id).await, opportunity(&crm, &lost).await);
    until_state(&travel, &id, "sent").await;
    ask_crm(&crm, "model.sale.opportunity.opportunity", json!([[there], {}])).await;
    until_state(&travel, &id, "contacted").await;
    until(&person, "0.00", "0.00").await;
    // What happens while no gateway is there is read by the next one.
    let reason = "income too low for this customer";
    let trial = Box::pin(app.stop()).await;
    set_state(&trial, there, "won");
    ask_crm(&crm, "model.sale.opportunity.lost", json!([[other], {}])).await;
    let declined = json!([[other], { "lost_reason": reason }, {}]);
    ask_crm(&crm, "model.sale.opportunity.write", declined).await;
    let app = trial.start().await;
    let travel = app.partner("sunny-travel").await;
    let person = customer(&app, "subject-1");
    until(&person, "500.00", "0.00").await;
    // Why the bank declined is nowhere in what the partner reads.
    let told = until_state(&travel, &lost, "lost").await;
    assert!(!told.contains("income"), "{told}");
    // Given up after all: what was given is taken back, once.
    set_state(&app.trial, there, "lost");
    until_state(&travel, &id, "clawed_back").await;
    until(&person, "0.00", "0.00").await;
    Box::pin(app.stop_and_prove()).await;
}

on_both_stores!(the_crms_stages_move_referrals_and_release_rewards);

fn message(lead: &str, stage: &str) -> Value {
    json!({
        "type": "lead.stage", "timestamp": "2026-11-24T08:09:10Z",
        "data": { "lead": lead, "stage": stage },
    })
}

/// Signed by a third party's library, so long ago.
async fn tell(app: &TestApp, id: &str, body: &Value, seconds_ago: i64) -> Answer {
    let (body, ago) = (body.to_string(), seconds_ago.to_string());
    let headers = python("sign_webhook.py", &[SECRET, id, &body, &ago]).await;
    post(app, &headers, body).await
}

async fn post(app: &TestApp, headers: &Value, body: String) -> Answer {
    let mut request = reqwest::Client::new().post(app.url() + "/v1/crm/feedback").body(body);
    request = request.header("content-type", "application/json");
    for (name, value) in headers.as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    Answer::of(request).await
}

async fn a_message_of_the_crm_moves_a_referral_once(store: Store) {
    let mut app = trial(store).start().await;
    app.leads_may_wait = true;
    let travel = app.partner("sunny-travel").await;
    let person = customer(&app, "subject-1");
    let reference = member(&person, "sunny-travel").await;
    let id = refer(&travel, 1, Some(&reference)).await;
    let contacted = tell(&app, "m-1", &message(&id, "contacted"), 0).await;
    assert_eq!(contacted.status, 200, "{contacted:?}");
    assert_eq!(contacted.body, json!({ "lead": id, "state": "contacted", "moved": true }));
    // Told again, late, or in another order: nothing moves, and nothing is refused.
    let again = tell(&app, "m-1", &message(&id, "contacted"), 5).await;
    assert_eq!(again.body["moved"], false);
    let converted = tell(&app, "m-2", &message(&id, "converted"), 0).await;
    assert_eq!(converted.body["moved"], true);
    until(&person, "500.00", "0.00").await;
    for (message_id, stage) in [("m-3", "converted"), ("m-4", "contacted")] {
        let late = tell(&app, message_id, &message(&id, stage), 0).await;
        assert_eq!((late.status.as_u16(), &late.body["moved"]), (200, &json!(false)), "{late:?}");
    }
    until(&person, "500.00", "0.00").await;
    // An id that is done is done, whatever it says now.
    let reused = tell(&app, "m-2", &message(&id, "cancelled"), 0).await;
    assert_eq!(reused.body["moved"], false);
    let cancelled = tell(&app, "m-5", &message(&id, "cancelled"), 0).await;
    assert_eq!(cancelled.body["state"], "clawed_back");
    until(&person, "0.00", "0.00").await;
    // A CRM that skips a stage has gone through it.
    let second = refer(&travel, 2, None).await;
    let repaid = tell(&app, "m-6", &message(&second, "first_repayment"), 0).await;
    assert_eq!((&repaid.body["state"], &repaid.body["moved"]), (&json!("rewarded"), &json!(true)));
    Box::pin(app.stop_and_prove()).await;
}

on_both_stores!(a_message_of_the_crm_moves_a_referral_once);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_but_the_crm_moves_a_referral() {
    let mut app = trial(Store::Sqlite).start().await;
    app.leads_may_wait = true;
    let travel = app.partner("sunny-travel").await;
    let id = refer(&travel, 1, None).await;
    let lost = message(&id, "lost");
    let refused = |answer: &Answer, status: u16, slug: &str| {
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.body["type"], format!("/problems/{slug}"));
    };
    refused(&tell(&app, "m-1", &lost, 400).await, 403, "signature-invalid");
    refused(&tell(&app, "m-1", &lost, -400).await, 403, "signature-invalid");
    let signed = python("sign_webhook.py", &[SECRET, "m-1", &lost.to_string()]).await;
    let other = message(&id, "converted").to_string();
    refused(&post(&app, &signed, other).await, 403, "signature-invalid");
    let mut renamed = signed.clone();
    renamed["webhook-id"] = json!("m-2");
    refused(&post(&app, &renamed, lost.to_string()).await, 403, "signature-invalid");
    refused(&post(&app, &json!({}), lost.to_string()).await, 400, "signature-malformed");
    // It is the CRM, and what it says cannot be taken.
    let unknown = message("01a20994-5b1c-7d3e-8f00-2b6c1d9e4a77", "lost");
    refused(&tell(&app, "m-3", &unknown, 0).await, 404, "not-found");
    refused(&tell(&app, "m-4", &message(&id, "declined"), 0).await, 422, "invalid");
    let mut with_reason = lost.clone();
    with_reason["data"]["reason"] = json!("income too low");
    let answer = tell(&app, "m-5", &with_reason, 0).await;
    refused(&answer, 422, "invalid");
    assert!(!answer.text.contains("income"), "{answer:?}");
    until_state(&travel, &id, "qualified").await;
    // Where no secret is agreed nobody is listened to.
    app.trial.settings.crm_feedback = None;
    app.restart().await;
    refused(&tell(&app, "m-6", &lost, 0).await, 404, "not-found");
    Box::pin(app.stop_and_prove()).await;
}
