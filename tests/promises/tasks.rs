//! The next step of a lead is a customer manager's task with a due day. It is made once, the manager or
//! events close it, and the CRM shows it in its own way.

use std::time::Duration;

use serde_json::{Value, json};
use tallystick::clock;
use tallystick::crm::{Crm, CrmError, LeadTask, sample};
use tallystick::follow_up::task::TaskState;
use tallystick::ids::{ReferralId, RuleId, TaskId};
use tallystick::partner::follow_up::Calendar;
use tallystick::referral::ReferralStep as Step;
use tallystick::settings::{CrmSettings, CrmWebhookSettings, SalesforceSettings, Secret};

use crate::harness::{
    BadRoad, Fault, Partner, Simulator, Store, TestApp, Trial, crm_client, crm_records, referral,
    shared_crm, staff,
};

const SECRET: &str = "whsec_dGhpcyBpcyBhIHNlY3JldCBvZiB0ZXN0cyBvbmx5";
const TIME_OUT: Duration = Duration::from_secs(20);

/// A trial in which a lead that was contacted is followed up at once.
fn trial(store: Store) -> Trial {
    let trial = Trial::on(store);
    let path = trial.settings.partners.join("programme.toml");
    let programme = std::fs::read_to_string(&path).unwrap();
    let at_once = programme.replace("quiet_days = 7", "quiet_days = 0");
    assert_ne!(programme, at_once);
    std::fs::write(path, at_once).unwrap();
    trial
}

async fn refer(travel: &Partner, number: usize) -> Value {
    let mut event = referral(&format!("t-{number}"), "travel-loan", "9000.00", "old-town");
    event["data"]["contact"]["phone"] = json!(format!("+8619900{number:06}"));
    travel.record(&event).await["referral"].clone()
}

/// Waits until a referral has a task by a rule in a state.
async fn until_task(manager: &Partner, lead: &Value, (rule, state): (&str, &str)) -> Value {
    for tries in 0.. {
        let tasks = manager.get(&format!("/v1/tasks?state={state}&limit=100")).await.body;
        let list = tasks["tasks"].as_array().unwrap();
        let found = list.iter().find(|it| it["referral"] == lead["id"] && it["rule"] == rule);
        if let Some(found) = found {
            return found.clone();
        }
        assert!(tries < 600, "no {rule} is {state}: {tasks}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Value::Null
}

async fn close(by: &Partner, task: &Value, how: &str, note: &str) -> crate::harness::Answer {
    let path = format!("/v1/tasks/{}/{how}", task["task"].as_str().unwrap());
    by.send(&path, &json!({ "note": note })).await
}

async fn a_lead_is_a_task_until_somebody_calls_or_nobody_is_to(store: Store) {
    let mut app = trial(store).start().await;
    app.leads_may_wait = true; // there is no CRM in this test
    let travel = app.partner("sunny-travel").await;
    let manager = staff(&app, "mia", &["manage"]);
    let first = refer(&travel, 1).await;
    let task = until_task(&manager, &first, ("first-call", "open")).await;
    let today = clock::now().day_in(app.trial.settings.time_zone);
    assert_eq!(task["due_on"], json!(Calendar::default().after(today, 2).to_string()), "{task}");
    assert_eq!((&task["branch"], &task["cause"]), (&json!("harbour-branch"), &json!("qualified")));
    assert!(task["says"].as_str().unwrap().starts_with("Call about travel-loan. "), "{task}");
    let whose = task["manager"].as_str().unwrap();
    let mine = manager.get(&format!("/v1/tasks?manager={whose}")).await.body;
    assert_eq!(mine["tasks"], json!([task]));
    let others = manager.get("/v1/tasks?manager=valley-1").await.body;
    assert_eq!(others["tasks"], json!([]));
    let due = task["due_on"].as_str().unwrap();
    let before = manager.get(&format!("/v1/tasks?due_before={due}")).await.body;
    assert_eq!(before["tasks"], json!([]), "it is due on that day, not before");
    // Somebody has called: the task is done, and the next one is there.
    let id = first["id"].as_str().unwrap();
    app.advance(id, Step::Contact, "").await.unwrap();
    let done = until_task(&manager, &first, ("first-call", "done")).await;
    assert_eq!(done["closed"]["note"], "The referral is contacted.", "{done}");
    let next = until_task(&manager, &first, ("follow-up", "open")).await;
    // Closed by hand, with a note; the same person may say so again, and nobody otherwise.
    let closed = close(&manager, &next, "completion", "Wants an offer by Friday.").await;
    assert_eq!(
        (closed.status.as_u16(), &closed.body["state"]),
        (200, &json!("done")),
        "{closed:?}"
    );
    assert_eq!(closed.body["closed"]["note"], "Wants an offer by Friday.");
    assert_eq!(close(&manager, &next, "completion", "x").await.body, closed.body);
    let rob = staff(&app, "rob", &["manage"]);
    assert_eq!(close(&rob, &next, "completion", "x").await.told(), (409, "task-closed"));
    assert_eq!(close(&manager, &next, "cancellation", "x").await.told(), (409, "task-closed"));
    assert_eq!(close(&manager, &next, "completion", "").await.told(), (422, "invalid"));
    let one = manager.get(&format!("/v1/tasks/{}", next["task"].as_str().unwrap())).await;
    assert_eq!(one.body, closed.body);
    // Whoever withdraws is not called.
    let second = refer(&travel, 2).await;
    until_task(&manager, &second, ("first-call", "open")).await;
    let consent = second["consent"].as_str().unwrap();
    let withdrawal = format!("/v1/consents/{consent}/withdrawal");
    assert_eq!(travel.send(&withdrawal, &json!({})).await.status, 201);
    until_task(&manager, &second, ("first-call", "cancelled")).await;
    // Each cause makes one task, however often and by whom it is looked at.
    app.restart().await;
    let manager = staff(&app, "mia", &["manage"]);
    let third = refer(&app.partner("sunny-travel").await, 3).await;
    until_task(&manager, &third, ("first-call", "open")).await;
    let mut count = 0;
    for state in ["planned", "open", "done", "cancelled"] {
        let list = manager.get(&format!("/v1/tasks?state={state}")).await.body;
        count += list["tasks"].as_array().unwrap().len();
    }
    assert_eq!(count, 4);
    let reader = staff(&app, "ray", &["read"]);
    assert_eq!(reader.get("/v1/tasks").await.told(), (403, "role-missing"));
    assert_eq!(manager.get("/v1/tasks?state=late").await.told(), (400, "parameter"));
    assert_eq!(manager.get("/v1/tasks?due_before=soon").await.told(), (400, "parameter"));
    Box::pin(app.stop_and_prove()).await;
}

on_both_stores!(a_lead_is_a_task_until_somebody_calls_or_nobody_is_to);

on_both_stores! {
    async fn what_is_planned_for_a_week_of_silence_is_dropped_when_something_moves(app) {
        app.leads_may_wait = true; // there is no CRM in this test
        let manager = staff(app, "mia", &["manage"]);
        let lead = refer(&app.partner("sunny-travel").await, 1).await;
        let id = lead["id"].as_str().unwrap();
        app.advance(id, Step::Contact, "").await.unwrap();
        let planned = until_task(&manager, &lead, ("follow-up", "planned")).await;
        assert!(planned["opens_at"].as_str().unwrap() > planned["recorded_at"].as_str().unwrap());
        app.advance(id, Step::Lose, "").await.unwrap();
        let gone = until_task(&manager, &lead, ("follow-up", "cancelled")).await;
        assert_eq!(gone["closed"]["by_kind"], "program");
    }
}

async fn in_pages(app: &TestApp, manager: &Partner) {
    let (mut path, mut seen) = ("/v1/tasks?limit=1".to_owned(), Vec::new());
    loop {
        let page = manager.get(&path).await.body;
        seen.extend(page["tasks"].as_array().unwrap().iter().map(|it| it["task"].to_string()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/tasks?limit=1&cursor={next}");
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 3, "{}", app.url());
}

on_both_stores! {
    async fn tasks_come_in_pages(app) {
        app.leads_may_wait = true; // there is no CRM in this test
        let (travel, manager) = (app.partner("sunny-travel").await, staff(app, "mia", &["manage"]));
        for number in 0..3 {
            let lead = refer(&travel, number).await;
            until_task(&manager, &lead, ("first-call", "open")).await;
        }
        in_pages(app, &manager).await;
    }
}

/// The notes on a lead's opportunity.
async fn notes(lead: &str) -> Vec<String> {
    let crm = shared_crm();
    let domain = json!([["reference", "=", lead]]);
    let found = crm_records(&crm.server, "sale.opportunity", domain, &["id"]).await;
    let Some(opportunity) = found.first() else { return Vec::new() };
    let resource = format!("sale.opportunity,{}", opportunity["id"]);
    let domain = json!([["resource", "=", resource]]);
    let notes = crm_records(&crm.server, "ir.note", domain, &["message"]).await;
    notes.iter().map(|it| it["message"].as_str().unwrap().to_owned()).collect()
}

async fn until_note(lead: &str, text: &str) -> Vec<String> {
    for tries in 0.. {
        let notes = notes(lead).await;
        if notes.iter().any(|note| note.contains(text)) {
            return notes;
        }
        assert!(tries < 600, "no note says {text:?}: {notes:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Vec::new()
}

async fn a_task_is_a_note_on_the_opportunity_in_tryton(store: Store) {
    let crm = shared_crm();
    let mut trial = trial(store);
    trial.settings.crm = Some(crm.server.settings());
    let app = trial.start().await;
    let (travel, manager) = (app.partner("sunny-travel").await, staff(&app, "mia", &["manage"]));
    let lead = refer(&travel, 7).await;
    let id = lead["id"].as_str().unwrap();
    app.advance(id, Step::Contact, "").await.unwrap();
    let task = until_task(&manager, &lead, ("follow-up", "open")).await;
    let due = format!("Due {}. To do.", task["due_on"].as_str().unwrap());
    let there = until_note(id, &due).await;
    assert_eq!(there.len(), 1, "the first call is said by the lead itself: {there:?}");
    assert!(there[0].starts_with(task["says"].as_str().unwrap()), "{there:?}");
    assert!(there[0].contains(task["says_zh"].as_str().unwrap()), "{there:?}");
    assert_eq!(close(&manager, &task, "completion", "Sent an offer.").await.status, 200);
    let there = until_note(id, "Done.").await;
    // Tryton lets nobody change a note: that it is done is the next one.
    assert_eq!(there.len(), 2, "{there:?}");
    Box::pin(app.stop_and_prove()).await;
}

on_both_stores!(a_task_is_a_note_on_the_opportunity_in_tryton);

fn task(lead: ReferralId, revision: i64) -> LeadTask {
    LeadTask {
        id: TaskId::random(),
        revision,
        lead,
        rule: RuleId::try_from("follow-up").unwrap(),
        says: "Call again about travel-loan.".to_owned(),
        says_zh: "再次致电。".to_owned(),
        due_on: "2026-12-01".parse().unwrap(),
        state: TaskState::Open,
        branch: None,
        manager: Some(RuleId::try_from("harbour-1").unwrap()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tryton_has_a_task_once_whatever_is_lost_and_never_an_older_one() {
    let crm = shared_crm();
    let direct = crm_client(&crm.server.settings(), None, TIME_OUT);
    let mut lead = sample().unwrap();
    lead.id = ReferralId::random();
    let id = lead.id.to_string();
    let mut said = task(lead.id, 1);
    let without = direct.tell_task(&said).await.unwrap_err();
    assert!(matches!(without, CrmError::Refused(_)), "{without}");
    direct.deliver(&lead).await.unwrap();
    // The answer to making it is lost: it is looked for before it is made again.
    let road = BadRoad::to(&crm.server, &[("ir.note.create", Fault::AnswerLost)]);
    let by = crm_client(&crm.server.settings(), Some(road.url()), TIME_OUT);
    assert!(matches!(by.tell_task(&said).await, Err(CrmError::Ambiguous { .. })));
    let made = by.tell_task(&said).await.unwrap();
    assert!(road.all_happened());
    assert_eq!(notes(&id).await.len(), 1);
    (said.revision, said.state) = (3, TaskState::Done);
    let done = direct.tell_task(&said).await.unwrap();
    assert_ne!(done, made, "Tryton lets nobody change a note");
    (said.revision, said.state) = (2, TaskState::Open);
    assert_eq!(direct.tell_task(&said).await.unwrap(), done);
    let there = notes(&id).await;
    assert!(there.len() == 2 && there[1].contains("Due 2026-12-01. Done."), "{there:?}");
}

async fn records(simulator: &Simulator) -> Vec<Value> {
    simulator.order(json!({ "do": "records" })).await["tasks"].as_array().unwrap().clone()
}

#[tokio::test]
async fn salesforce_has_a_task_of_the_lead_and_then_of_its_contact() {
    let simulator = Simulator::start("salesforce_simulator.py", &[]);
    let settings = CrmSettings::Salesforce(SalesforceSettings {
        url: simulator.url.clone(),
        api_version: "v62.0".to_owned(),
        external_id: "Tallystick_Id__c".to_owned(),
        revision_field: "Tallystick_Revision__c".to_owned(),
        client_id: "tallystick".to_owned(),
        client_secret: Secret::new("sim-secret".to_owned()),
    });
    let crm = Crm::new(&settings, None, TIME_OUT).unwrap();
    let lead = sample().unwrap();
    let mut said = task(lead.id, 1);
    assert!(matches!(crm.tell_task(&said).await, Err(CrmError::Refused(_))), "there is no lead");
    let id = crm.deliver(&lead).await.unwrap();
    let made = crm.tell_task(&said).await.unwrap();
    assert_eq!(crm.tell_task(&said).await.unwrap(), made);
    let there = records(&simulator).await;
    assert_eq!(there.len(), 1, "{there:?}");
    assert_eq!(
        (&there[0]["WhoId"], &there[0]["ActivityDate"]),
        (&json!(id.0), &json!("2026-12-01"))
    );
    assert_eq!(
        (&there[0]["Subject"], &there[0]["Status"]),
        (&json!(said.says), &json!("Not Started"))
    );
    // The lead has become a contact: its task is the contact's.
    simulator.order(json!({ "do": "convert", "id": lead.id.to_string() })).await;
    (said.revision, said.state) = (3, TaskState::Done);
    assert_eq!(crm.tell_task(&said).await.unwrap(), made);
    (said.revision, said.state) = (2, TaskState::Open);
    assert_eq!(crm.tell_task(&said).await.unwrap(), made, "it has a later one");
    let there = records(&simulator).await;
    assert_eq!(there[0]["Status"], "Completed");
    assert!(there[0]["WhoId"].as_str().unwrap().starts_with("003"), "{there:?}");
}

#[tokio::test]
async fn the_signed_webhook_gets_a_task_as_a_message_of_its_own() {
    let receiver = Simulator::start("crm_receiver.py", &[SECRET]);
    let settings = CrmSettings::Webhook(CrmWebhookSettings {
        url: receiver.url.clone(),
        secret: Secret::new(SECRET.to_owned()),
        login: None,
    });
    let crm = Crm::new(&settings, None, TIME_OUT).unwrap();
    let mut said = task(ReferralId::random(), 2);
    crm.tell_task(&said).await.unwrap();
    said.revision = 1;
    crm.tell_task(&said).await.unwrap();
    let told = records(&receiver).await;
    let expected = json!({
        "task": said.id.to_string(), "lead": said.lead.to_string(), "revision": 2, "state": "open",
        "rule": "follow-up", "says": said.says, "says_zh": said.says_zh, "due_on": "2026-12-01",
        "manager": "harbour-1", "branch": null,
    });
    assert_eq!(told, [expected]);
    // The lead itself says of which campaign it is, and how far the customer has come.
    let mut lead = sample().unwrap();
    lead.id = said.lead;
    crm.deliver(&lead).await.unwrap();
    let there = receiver.leads().await;
    assert_eq!(there[0]["campaign"], "Summer journeys");
    assert_eq!(there[0]["customer_stage"], "considering");
    // A mapping that names no task tells of none.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mapping.toml");
    let plain = "kind = \"webhook\"\nversion = \"1\"\n[fields]\nphone = { from = \"phone\" }\n";
    std::fs::write(&path, plain).unwrap();
    let silent = Crm::new(&settings, Some(&path), TIME_OUT).unwrap();
    assert_eq!(silent.tell_task(&task(ReferralId::random(), 1)).await, Ok(None));
    assert_eq!(records(&receiver).await.len(), 1);
}
