//! Every CRM gets the same: each lead once in effect, never an older revision over a newer one, and
//! nothing after a consent is withdrawn. Salesforce is a simulator that somebody else's client has
//! tried; somebody else's library receives the signed webhook.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tallystick::clock;
use tallystick::crm::{Crm, CrmError, CrmStage, Lead, Watermark, Withdrawal, sample};
use tallystick::ids::ReferralId;
use tallystick::settings::{
    CrmSettings, CrmWebhookSettings, LoginSettings, SalesforceSettings, Secret,
};

use crate::harness::{Partner, Simulator, Store, TestApp, Trial, phone_of, python, referral};

const TIME_OUT: Duration = Duration::from_secs(2);
const SECRET: &str = "whsec_dGhpcyBpcyBhIHNlY3JldCBvZiB0ZXN0cyBvbmx5";

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn lead(revision: i64) -> Lead {
    let mut lead = sample().unwrap();
    (lead.id, lead.revision) = (ReferralId::random(), revision);
    lead.contact.email = Some("li.lei@customer.invalid".to_owned());
    lead
}

fn client(settings: &CrmSettings) -> Crm {
    Crm::new(settings, None, TIME_OUT).unwrap()
}

fn salesforce(simulator: &Simulator) -> CrmSettings {
    CrmSettings::Salesforce(SalesforceSettings {
        url: simulator.url.clone(),
        api_version: "v62.0".to_owned(),
        external_id: "Tallystick_Id__c".to_owned(),
        revision_field: "Tallystick_Revision__c".to_owned(),
        client_id: "tallystick".to_owned(),
        client_secret: secret("sim-secret"),
    })
}

fn webhook(receiver: &Simulator, login: Option<LoginSettings>) -> CrmSettings {
    CrmSettings::Webhook(CrmWebhookSettings {
        url: receiver.url.clone(),
        secret: secret(SECRET),
        login,
    })
}

async fn of(simulator: &Simulator, field: &str, lead: &Lead) -> Vec<Value> {
    let id = json!(lead.id.to_string());
    simulator.leads().await.into_iter().filter(|there| there[field] == id).collect()
}

async fn in_salesforce(simulator: &Simulator, lead: &Lead) -> Value {
    let found = of(simulator, "Tallystick_Id__c", lead).await;
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

#[tokio::test]
async fn a_third_partys_client_finds_the_simulated_salesforce_as_it_knows_it() {
    let simulator = Simulator::start("salesforce_simulator.py", &[]);
    let seen = python("salesforce_client.py", &[&simulator.url]).await;
    let malformed = |code: &str| json!(["SalesforceMalformedRequest", 400, code]);
    let expected = [
        ("wrong secret", json!("invalid_client")),
        ("created", json!(201)),
        ("updated", json!(200)),
        ("read", json!("a@customer.invalid")),
        ("query", json!(["sf-1"])),
        ("older revision", malformed("FIELD_CUSTOM_VALIDATION_EXCEPTION")),
        ("id in body", malformed("INVALID_FIELD")),
        ("required", malformed("REQUIRED_FIELD_MISSING")),
        ("unknown field", malformed("INVALID_FIELD")),
        ("not there", json!(["SalesforceResourceNotFound", 404, "NOT_FOUND"])),
        ("bad query", malformed("MALFORMED_QUERY")),
        ("task", json!([201, 200])),
        ("task of nobody", malformed("INVALID_CROSS_REFERENCE_KEY")),
        ("older task", malformed("FIELD_CUSTOM_VALIDATION_EXCEPTION")),
        ("duplicate", malformed("DUPLICATES_DETECTED")),
        ("limit", json!(["SalesforceRefusedRequest", 403, "REQUEST_LIMIT_EXCEEDED"])),
        ("two of them", json!(["SalesforceMoreThanOneRecord", 300, "list"])),
        ("converted", malformed("CANNOT_UPDATE_CONVERTED_LEAD")),
        ("usage", json!(15000)),
        ("expired", json!(["SalesforceExpiredSession", 401, "INVALID_SESSION_ID"])),
    ];
    for (what, expected) in expected {
        assert_eq!(seen[what], expected, "{what}");
    }
    let collection = [
        json!({ "success": true, "created": false }),
        json!({ "success": true, "created": true }),
        json!({ "success": false, "created": null }),
    ];
    assert_eq!(seen["collection"], json!(collection));
}

#[tokio::test]
async fn salesforce_has_a_lead_once_and_never_an_older_one() {
    let simulator = Simulator::start("salesforce_simulator.py", &[]);
    let crm = client(&salesforce(&simulator));
    let mut lead = lead(2);
    let id = crm.deliver(&lead).await.unwrap();
    assert_eq!(crm.deliver(&lead).await.as_ref(), Ok(&id));
    let there = in_salesforce(&simulator, &lead).await;
    assert_eq!(there["LastName"], "李*");
    assert_eq!(there["Tallystick_Revision__c"], 2);
    assert!(there["Description"].as_str().unwrap().contains("travel-loan, 88000.50 CNY"));
    (lead.revision, lead.region) = (1, "an older region".to_owned());
    assert_eq!(crm.deliver(&lead).await.as_ref(), Ok(&id), "it has a later one");
    (lead.revision, lead.region) = (3, "a newer region".to_owned());
    assert_eq!(crm.deliver(&lead).await.as_ref(), Ok(&id));
    let there = in_salesforce(&simulator, &lead).await;
    assert!(there["Description"].as_str().unwrap().contains("a newer region"));
    // A token that has ended is renewed; an answer that is lost or cut is asked for again.
    simulator.order(json!({ "do": "expire" })).await;
    assert_eq!(crm.deliver(&lead).await.as_ref(), Ok(&id));
    for fault in ["cut", "slow", "503", "lock"] {
        simulator.fails(json!(fault)).await;
        assert!(matches!(crm.deliver(&lead).await, Err(CrmError::Unavailable(_))), "{fault}");
        assert_eq!(crm.deliver(&lead).await.as_ref(), Ok(&id));
    }
    in_salesforce(&simulator, &lead).await;
}

#[tokio::test]
async fn what_salesforce_answers_says_what_can_be_done() {
    let simulator = Simulator::start("salesforce_simulator.py", &[]);
    let crm = client(&salesforce(&simulator));
    simulator.fails(json!("limit")).await;
    let limited = crm.deliver(&lead(1)).await;
    assert_eq!(limited, Err(CrmError::RateLimited { retry_after: Some(Duration::from_secs(300)) }));
    simulator.fails(json!("duplicate")).await;
    let refused = |why: &str| Err(CrmError::Refused(why.to_owned()));
    assert_eq!(crm.deliver(&lead(1)).await, refused("DUPLICATES_DETECTED"));
    let mut wrong = lead(1);
    wrong.contact.email = Some("no address".to_owned());
    assert_eq!(crm.deliver(&wrong).await, refused("INVALID_EMAIL_ADDRESS: Email"));
    let lead = lead(1);
    crm.deliver(&lead).await.unwrap();
    simulator.order(json!({ "do": "copy", "id": lead.id.to_string() })).await;
    assert_eq!(crm.deliver(&lead).await, refused("several records have our id"));
    let CrmSettings::Salesforce(mut stranger) = salesforce(&simulator) else {
        unreachable!("not a Salesforce");
    };
    stranger.client_secret = secret("wrong");
    let stranger = client(&CrmSettings::Salesforce(stranger));
    assert_eq!(stranger.deliver(&lead).await, Err(CrmError::Credentials));
}

#[tokio::test]
async fn a_collection_goes_to_salesforce_without_the_one_that_it_refuses() {
    let simulator = Simulator::start("salesforce_simulator.py", &[]);
    let crm = client(&salesforce(&simulator));
    let mut leads: Vec<Lead> = (0..300).map(|_| lead(1)).collect();
    leads[7].contact.name = "x".repeat(81);
    let outcomes = crm.deliver_all(&leads).await;
    assert_eq!(outcomes.len(), 300);
    let refused = CrmError::Refused("STRING_TOO_LONG: Company".to_owned());
    let named = CrmError::Refused("STRING_TOO_LONG: LastName".to_owned());
    for (number, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Err(error) => assert!(number == 7 && (*error == refused || *error == named), "{error}"),
            Ok(_) => assert_ne!(number, 7),
        }
    }
    assert_eq!(simulator.leads().await.len(), 299);
    assert_eq!(crm.deliver_all(&leads).await, outcomes, "the same again is the same");
    assert_eq!(simulator.leads().await.len(), 299);
}

#[tokio::test]
async fn a_withdrawal_reaches_salesforce_even_when_the_lead_was_converted() {
    let simulator = Simulator::start("salesforce_simulator.py", &[]);
    let crm = client(&salesforce(&simulator));
    let withdrawal =
        |lead: &Lead, revision| Withdrawal { lead: lead.id, revision, at: clock::now() };
    let (open, converted, unknown) = (lead(1), lead(1), lead(1));
    let open_id = crm.deliver(&open).await.unwrap();
    crm.deliver(&converted).await.unwrap();
    simulator.order(json!({ "do": "convert", "id": converted.id.to_string() })).await;
    assert_eq!(crm.withdraw(&withdrawal(&open, 2)).await, Ok(Some(open_id)));
    let there = in_salesforce(&simulator, &open).await;
    assert_eq!((&there["DoNotCall"], &there["MobilePhone"]), (&json!(true), &Value::Null));
    assert_eq!(there["Status"], "Closed - Not Converted");
    // An older lead that comes late does not bring the person back.
    crm.deliver(&open).await.unwrap();
    assert_eq!(in_salesforce(&simulator, &open).await["MobilePhone"], Value::Null);
    assert!(crm.withdraw(&withdrawal(&converted, 2)).await.unwrap().is_some());
    let contacts = simulator.order(json!({ "do": "records" })).await["contacts"].clone();
    assert_eq!(contacts[0]["DoNotCall"], true);
    assert_eq!(crm.withdraw(&withdrawal(&unknown, 2)).await, Ok(None));
    assert!(of(&simulator, "Tallystick_Id__c", &unknown).await.is_empty());
}

#[tokio::test]
async fn salesforces_stages_are_read_page_by_page_and_none_is_skipped() {
    let simulator = Simulator::start("salesforce_simulator.py", &[]);
    let crm = client(&salesforce(&simulator));
    let leads: Vec<Lead> = (0..250).map(|_| lead(1)).collect();
    for outcome in crm.deliver_all(&leads).await {
        outcome.unwrap();
    }
    let working = json!({ "Status": "Working - Contacted" });
    for lead in &leads {
        let order = json!({ "do": "set", "id": lead.id.to_string(), "fields": working });
        simulator.order(order).await;
    }
    let mut watermark = Watermark::default();
    let mut contacted = std::collections::BTreeSet::new();
    loop {
        let changes = crm.changes(&watermark).await.unwrap().unwrap();
        contacted.extend(changes.list.iter().map(|change| {
            assert_eq!(change.stage, CrmStage::Contacted);
            change.lead
        }));
        watermark = changes.watermark;
        if !changes.more {
            break;
        }
    }
    assert_eq!(contacted, leads.iter().map(|lead| lead.id).collect());
    assert!(crm.changes(&watermark).await.unwrap().unwrap().list.is_empty());
    let back = crm.set_back(&watermark, TimeDelta::minutes(1));
    assert!(!crm.changes(&back).await.unwrap().unwrap().list.is_empty());
}

#[tokio::test]
async fn the_signed_webhook_is_believed_by_a_third_partys_library() {
    let receiver = Simulator::start("crm_receiver.py", &[SECRET]);
    let crm = client(&webhook(&receiver, None));
    let mut lead = lead(2);
    let id = crm.deliver(&lead).await.unwrap();
    assert_eq!(id.to_string(), "R-1");
    assert_eq!(crm.deliver(&lead).await.as_ref(), Ok(&id));
    let there = of(&receiver, "lead", &lead).await;
    assert_eq!(there[0]["amount"], "88000.50");
    assert_eq!((&there[0]["state"], &there[0]["revision"]), (&json!("live"), &json!(2)));
    let ids = receiver.order(json!({ "do": "records" })).await["ids"].clone();
    assert_eq!(ids[0], ids[1], "a repetition has the same id");
    lead.revision = 1;
    assert_eq!(crm.deliver(&lead).await.as_ref(), Ok(&id), "it has a later one");
    let withdrawal = Withdrawal { lead: lead.id, revision: 3, at: clock::now() };
    assert_eq!(crm.withdraw(&withdrawal).await, Ok(Some(id)));
    let there = of(&receiver, "lead", &lead).await;
    assert_eq!((there.len(), &there[0]["state"]), (1, &json!("withdrawn")));
    assert!(there[0].get("phone").is_none());
    lead.region = "nowhere".to_owned();
    lead.revision = 4;
    assert_eq!(crm.deliver(&lead).await, Err(CrmError::Refused("status 422".to_owned())));
    let wait = Some(Duration::from_secs(2));
    for status in [429, 503] {
        receiver.fails(json!(status)).await;
        assert_eq!(crm.deliver(&lead).await, Err(CrmError::RateLimited { retry_after: wait }));
    }
    let other =
        Simulator::start("crm_receiver.py", &["whsec_YW5vdGhlciBzZWNyZXQgdGhhbiBvdXJzIGlz"]);
    let outcome = client(&webhook(&other, None)).deliver(&lead).await;
    assert_eq!(outcome, Err(CrmError::Credentials));
}

#[tokio::test]
async fn a_receiver_may_ask_for_a_key_a_password_or_a_token_that_is_renewed() {
    let key = LoginSettings::ApiKey { header: "x-api-key".to_owned(), key: secret("receiver-key") };
    let basic =
        LoginSettings::Basic { user: "receiver".to_owned(), password: secret("receiver-pass") };
    for (mode, login) in [("key", key), ("basic", basic)] {
        let receiver = Simulator::start("crm_receiver.py", &[SECRET, mode]);
        let unknown = client(&webhook(&receiver, None)).deliver(&lead(1)).await;
        assert_eq!(unknown, Err(CrmError::Credentials));
        client(&webhook(&receiver, Some(login))).deliver(&lead(1)).await.unwrap();
    }
    let receiver = Simulator::start("crm_receiver.py", &[SECRET, "oauth"]);
    let token = |client_secret: &str| LoginSettings::ClientCredentials {
        token_url: format!("{}/token", receiver.url),
        client_id: "tallystick".to_owned(),
        client_secret: secret(client_secret),
        scope: None,
    };
    let crm = client(&webhook(&receiver, Some(token("receiver-secret"))));
    for _each_token_ends_after_one_use in 0..3 {
        crm.deliver(&lead(1)).await.unwrap();
    }
    assert_eq!(receiver.leads().await.len(), 3);
    let wrong = client(&webhook(&receiver, Some(token("wrong"))));
    assert_eq!(wrong.deliver(&lead(1)).await, Err(CrmError::Credentials));
}

#[tokio::test]
async fn a_banks_own_mapping_is_used_and_a_wrong_one_stops_the_start() {
    let receiver = Simulator::start("crm_receiver.py", &[SECRET]);
    let settings = webhook(&receiver, None);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mapping.toml");
    let mapping = |fields: &str| {
        let head = "kind = \"webhook\"\nversion = \"bank-7\"\n[fields]\n";
        std::fs::write(&path, format!("{head}{fields}")).unwrap();
        Crm::new(&settings, Some(&path), TIME_OUT)
    };
    let crm = mapping(
        "Kunde = { from = \"name\" }\nArt = { from = \"product\", enum = { travel-loan = \"R\" } }\n",
    );
    let lead = lead(1);
    crm.unwrap().deliver(&lead).await.unwrap();
    let there = of(&receiver, "lead", &lead).await;
    let expected = json!({
        "lead": lead.id.to_string(), "revision": 1, "state": "live", "id": "R-1",
        "Kunde": "李*", "Art": "R",
    });
    assert_eq!(there, [expected]);
    let error = mapping("Kunde = { from = \"nmae\" }\n").err().unwrap().to_string();
    assert!(error.contains("\"Kunde\"") && error.contains("\"nmae\""), "{error}");
    assert!(mapping("revision = { from = \"name\" }\n").is_err());
}

/// The gateway itself, pointed at a CRM, has its lead there and hears what becomes of it.
async fn through_the_gateway(store: Store, crm: CrmSettings) -> (TestApp, Partner, String) {
    let mut trial = Trial::on(store);
    trial.settings.crm = Some(crm);
    trial.settings.crm_poll_millis = 200;
    let app = trial.start().await;
    let travel = app.partner("sunny-travel").await;
    let receipt = travel.record(&referral("t-1", "travel-loan", "9000.00", "old-town")).await;
    let id = receipt["referral"]["id"].as_str().unwrap().to_owned();
    until_state(&travel, &id, "sent").await;
    (app, travel, id)
}

async fn until_state(travel: &Partner, id: &str, state: &str) {
    for _ in 0..200 {
        if travel.get(&format!("/v1/referrals/{id}")).await.body["state"] == state {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    unreachable!("{id} never came to {state}");
}

async fn the_gateway_tells_salesforce_and_hears_back(store: Store) {
    let simulator = Simulator::start("salesforce_simulator.py", &[]);
    let (app, travel, id) = Box::pin(through_the_gateway(store, salesforce(&simulator))).await;
    let there = simulator.leads().await;
    assert_eq!((there.len(), &there[0]["Tallystick_Id__c"]), (1, &json!(id)));
    assert_eq!(there[0]["MobilePhone"], phone_of("t-1"));
    let working = json!({ "Status": "Working - Contacted" });
    simulator.order(json!({ "do": "set", "id": id, "fields": working })).await;
    until_state(&travel, &id, "contacted").await;
    simulator.order(json!({ "do": "convert", "id": id })).await;
    // With the product had, all that was promised is given.
    until_state(&travel, &id, "rewarded").await;
    Box::pin(app.stop_and_prove()).await;
}

on_both_stores!(the_gateway_tells_salesforce_and_hears_back);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_tells_a_receiver_of_the_banks_own() {
    let receiver = Simulator::start("crm_receiver.py", &[SECRET]);
    let (app, _travel, id) =
        Box::pin(through_the_gateway(Store::Sqlite, webhook(&receiver, None))).await;
    let there = receiver.leads().await;
    assert_eq!((there.len(), &there[0]["lead"]), (1, &json!(id)));
    assert_eq!(there[0]["revision"], 1);
    Box::pin(app.stop_and_prove()).await;
}

#[test]
fn a_preview_shows_what_the_crm_would_be_told_of_nobody() {
    let preview = |mapping: Option<&str>| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tallystick"));
        command
            .args(["crm", "preview"])
            .env("TALLYSTICK_CRM__KIND", "salesforce")
            .env("TALLYSTICK_CRM__URL", "https://bank.my.salesforce.invalid")
            .env("TALLYSTICK_CRM__CLIENT_ID", "tallystick")
            .env("TALLYSTICK_CRM__CLIENT_SECRET", "a secret of nobody");
        if let Some(mapping) = mapping {
            let path = folder.path().join("mapping.toml");
            std::fs::write(&path, mapping).unwrap();
            command.arg("--mapping").arg(path);
        }
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    };
    let (fine, said) = preview(None);
    assert!(fine, "{said}");
    for shown in ["\"LastName\": \"李*\"", "+86*******5678", "\"DoNotCall\": true"] {
        assert!(said.contains(shown), "no {shown} in {said}");
    }
    let bad = "kind = \"salesforce\"\nversion = \"1\"\n[fields]\nLastName = { from = \"name\" }\n";
    let (fine, said) = preview(Some(bad));
    assert!(!fine && said.contains("\"Company\" is missing"), "{said}");
    assert!(!said.contains("a secret of nobody"));
}
