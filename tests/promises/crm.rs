//! What is told to the CRM is there once and whole, whatever goes wrong on the way; and what the
//! CRM answers says what can be done. The CRM is a real one: only the road to it is bad.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tallystick::cli::demo::tryton::{TrytonError, TrytonServer};
use tallystick::clock::Moment;
use tallystick::crm::{CrmError, CrmId, Lead, Tryton};
use tallystick::event::Contact;
use tallystick::ids::{ConsentId, PartnerId, ReferralId};
use tallystick::money::{Amount, Asset};
use tallystick::settings::{CrmSettings, Secret};

use crate::harness::{BadRoad, Fault, ask_crm, crm_client, crm_records, shared_crm, start_crm};

const TIME_OUT: Duration = Duration::from_secs(20);
const CREATE_PARTY: &str = "party.party.create";
const CREATE_OPPORTUNITY: &str = "sale.opportunity.create";

fn lead() -> Lead {
    Lead {
        id: ReferralId::random(),
        revision: 1,
        partner: PartnerId::try_from("sunny-travel").unwrap(),
        partner_name: "Sunny Road Travel".to_owned(),
        product: "travel-loan".to_owned(),
        amount: Amount::parse("88000.50", Asset::CNY).unwrap(),
        region: "old-town".to_owned(),
        contact: Contact {
            name: "李雷 Test".to_owned(),
            phone: "+8619900005678".to_owned(),
            email: Some("li.lei@customer.invalid".to_owned()),
            document: None,
            address: None,
        },
        reasons: vec!["The amount is within 5000 to 200000.".to_owned()],
        placement: tallystick::referral::Placement::default(),
        consent: ConsentId::random(),
        consent_purpose: "to be called about this product".to_owned(),
        consent_text_version: "2026-10".to_owned(),
        consent_given_at: Moment::parse("2026-11-02T09:00:00Z").unwrap(),
        created_at: Moment::parse("2026-11-02T09:05:00Z").unwrap(),
    }
}

fn direct(crm: &TrytonServer) -> Tryton {
    crm_client(&crm.settings(), None, TIME_OUT)
}

fn by(road: &BadRoad, crm: &TrytonServer) -> Tryton {
    crm_client(&crm.settings(), Some(road.url()), TIME_OUT)
}

async fn opportunities(crm: &TrytonServer, lead: &Lead) -> Vec<Value> {
    let fields =
        ["party", "reference", "description", "amount", "currency.code", "comment", "state"];
    let domain = json!([["reference", "=", lead.id.to_string()]]);
    crm_records(crm, "sale.opportunity", domain, &fields).await
}

async fn parties(crm: &TrytonServer, lead: &Lead) -> Vec<Value> {
    let domain = json!([["code", "=", format!("TS-{}", lead.id)]]);
    crm_records(crm, "party.party", domain, &["name"]).await
}

async fn assert_once(crm: &TrytonServer, lead: &Lead, id: &CrmId) {
    let opportunities = opportunities(crm, lead).await;
    let parties = parties(crm, lead).await;
    assert_eq!((opportunities.len(), parties.len()), (1, 1));
    assert_eq!(opportunities[0]["id"].to_string(), id.to_string());
    assert_eq!(opportunities[0]["party"], parties[0]["id"]);
}

#[tokio::test]
async fn a_lead_told_again_is_the_first_one_with_all_its_fields() {
    let crm = &shared_crm().server;
    let lead = lead();
    let client = direct(crm);
    let id = client.deliver(&lead).await.unwrap();
    assert_eq!(client.deliver(&lead).await.as_ref(), Ok(&id));
    assert_eq!(direct(crm).deliver(&lead).await.as_ref(), Ok(&id));
    assert_eq!(client.find(&lead.id.to_string()).await, Ok(Some(id.clone())));
    assert!(client.references().await.unwrap().contains(&(lead.id.to_string(), id.clone())));
    assert_once(crm, &lead, &id).await;

    let there = &opportunities(crm, &lead).await[0];
    assert_eq!(there["amount"]["decimal"], "88000.50");
    assert_eq!(there["currency."]["code"], "CNY");
    assert_eq!(there["description"], "Sunny Road Travel: travel-loan");
    assert_eq!(there["state"], "lead");
    let comment = there["comment"].as_str().unwrap();
    let told = [
        "Sunny Road Travel (sunny-travel)",
        "2026-11-02T09:05:00",
        "Region: old-town",
        "The amount is within 5000 to 200000.",
        &lead.consent.to_string(),
        "to be called about this product; text 2026-10, given 2026-11-02T09:00:00",
    ];
    for text in told {
        assert!(comment.contains(text), "no {text:?} in {comment:?}");
    }
    assert_eq!(parties(crm, &lead).await[0]["name"], "李雷 Test");
    let domain = json!([["party", "=", there["party"]]]);
    let ways = crm_records(crm, "party.contact_mechanism", domain, &["type", "value"]).await;
    let way = |kind: &str| ways.iter().find(|way| way["type"] == kind).unwrap()["value"].clone();
    assert_eq!(way("mobile"), "+8619900005678");
    assert_eq!(way("email"), "li.lei@customer.invalid");
}

#[tokio::test]
async fn a_party_left_without_its_opportunity_is_used() {
    let crm = &shared_crm().server;
    let lead = lead();
    let road = BadRoad::to(crm, &[(CREATE_OPPORTUNITY, Fault::Instead(503, String::new()))]);
    let client = by(&road, crm);
    let broken_off = client.deliver(&lead).await;
    assert_eq!(broken_off, Err(CrmError::Ambiguous { look_after: TIME_OUT }));
    assert_eq!((parties(crm, &lead).await.len(), opportunities(crm, &lead).await.len()), (1, 0));
    let id = client.deliver(&lead).await.unwrap();
    assert_once(crm, &lead, &id).await;
}

#[tokio::test]
async fn what_was_made_without_an_answer_is_found() {
    let crm = &shared_crm().server;
    let lead = lead();
    let lost = [(CREATE_PARTY, Fault::AnswerLost), (CREATE_OPPORTUNITY, Fault::AnswerLost)];
    let road = BadRoad::to(crm, &lost);
    let client = by(&road, crm);
    for _each_answer_lost in 0..2 {
        let outcome = client.deliver(&lead).await;
        assert_eq!(outcome, Err(CrmError::Ambiguous { look_after: TIME_OUT }));
        assert_eq!(outcome.unwrap_err().retry_after(), Some(TIME_OUT));
    }
    assert!(road.all_happened());
    let id = client.deliver(&lead).await.unwrap();
    assert_once(crm, &lead, &id).await;
}

#[tokio::test]
async fn a_party_made_meanwhile_is_used() {
    let crm = &shared_crm().server;
    let lead = lead();
    let road = BadRoad::to(crm, &[(CREATE_OPPORTUNITY, Fault::Instead(503, String::new()))]);
    assert!(by(&road, crm).deliver(&lead).await.is_err());
    // The look-up comes before the other's party, the creation after it.
    let nothing = json!({ "id": 1, "result": [] }).to_string();
    let road = BadRoad::to(crm, &[("party.party.search_read", Fault::Instead(200, nothing))]);
    let id = by(&road, crm).deliver(&lead).await.unwrap();
    assert!(road.all_happened());
    assert_once(crm, &lead, &id).await;
}

#[tokio::test]
async fn a_party_that_staff_merged_leads_to_the_one_it_became() {
    let crm = &shared_crm().server;
    let lead = lead();
    let road = BadRoad::to(crm, &[(CREATE_OPPORTUNITY, Fault::Instead(503, String::new()))]);
    assert!(by(&road, crm).deliver(&lead).await.is_err());
    let ours = parties(crm, &lead).await[0]["id"].clone();
    let known = json!([[{ "name": lead.contact.name, "code": format!("K-{}", lead.id) }], {}]);
    let known = ask_crm(crm, "model.party.party.create", known).await[0].clone();
    let merging = ask_crm(crm, "wizard.party.replace.create", json!([{}])).await[0].clone();
    let which = json!({ "ask": { "source": ours, "destination": known } });
    let of = json!({ "active_model": "party.party", "active_id": ours, "active_ids": [ours] });
    let merge = json!([merging, which, "replace", of]);
    ask_crm(crm, "wizard.party.replace.execute", merge).await;
    let id = direct(crm).deliver(&lead).await.unwrap();
    let there = opportunities(crm, &lead).await;
    assert_eq!((there.len(), there[0]["id"].to_string()), (1, id.to_string()));
    assert_eq!(there[0]["party"], known);
}

#[tokio::test]
async fn a_session_that_ended_is_renewed() {
    let crm = &shared_crm().server;
    let road = BadRoad::to(crm, &[("opportunity.search_read", Fault::Instead(401, String::new()))]);
    assert_eq!(by(&road, crm).find("x").await, Ok(None));
    assert!(road.all_happened());
}

#[tokio::test]
async fn a_slow_crm_does_not_hold_a_lead_longer_than_its_lease() {
    let crm = &shared_crm().server;
    let lead = lead();
    let time_out = Duration::from_secs(3);
    // No single answer is late, yet all of them together are.
    let road = BadRoad::to(crm, &[("search_read", Fault::Slow(Duration::from_millis(2100)))]);
    let client = crm_client(&crm.settings(), Some(road.url()), time_out);
    let started = Instant::now();
    let outcome = client.deliver(&lead).await;
    assert_eq!(outcome, Err(CrmError::Ambiguous { look_after: time_out }));
    assert!(started.elapsed() < time_out * 3, "{:?}", started.elapsed());
}

#[tokio::test]
async fn each_answer_says_what_can_be_done() {
    let crm = &shared_crm().server;
    let answer = |status, body: &str| {
        BadRoad::to(crm, &[("opportunity.search_read", Fault::Instead(status, body.to_owned()))])
    };
    let error = |kind: &str| json!({ "id": 1, "error": [kind, ["Test Person +861990000"]] });
    let long = json!({ "id": 1, "result": "x".repeat(2 << 20) }).to_string();
    let unavailable = |why: &str| Err(CrmError::Unavailable(why.to_owned()));
    let at = "UserError at model.sale.opportunity.search_read".to_owned();
    let cases = [
        (answer(429, ""), Err(CrmError::RateLimited { retry_after: None })),
        (answer(403, ""), Err(CrmError::Credentials)),
        (answer(503, ""), unavailable("503")),
        (answer(302, ""), unavailable("status 302")),
        (answer(200, "not JSON"), unavailable("half an answer, or one too long")),
        (answer(200, &long), unavailable("half an answer, or one too long")),
        (answer(200, &error("UserError").to_string()), Err(CrmError::Refused(at))),
        (answer(200, &error("LoginException").to_string()), Err(CrmError::Credentials)),
        (
            answer(200, &error("ValueError").to_string()),
            unavailable("an internal error of the CRM"),
        ),
    ];
    for (road, expected) in cases {
        let client = by(&road, crm);
        // A refused session is tried once more with a new one, which is let in.
        let expected = if expected == Err(CrmError::Credentials) { Ok(None) } else { expected };
        assert_eq!(client.find("x").await, expected);
    }
    assert!(!format!("{:?}", lead()).contains("+86"));
}

#[tokio::test]
async fn a_stranger_is_told_so_and_then_to_wait() {
    let crm = &shared_crm().server;
    let CrmSettings::Tryton { url, database, .. } = crm.settings();
    let settings = CrmSettings::Tryton {
        url,
        database,
        user: "stranger".to_owned(),
        password: Secret::new("wrong".to_owned()),
    };
    let stranger = crm_client(&settings, None, TIME_OUT);
    assert_eq!(stranger.deliver(&lead()).await, Err(CrmError::Credentials));
    let mut outcome = Ok(None);
    for _attempt in 0..10 {
        outcome = stranger.find("x").await;
    }
    assert_eq!(outcome, Err(CrmError::RateLimited { retry_after: None }));
}

#[tokio::test]
async fn a_crm_whose_port_was_taken_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut crm = start_crm(folder.path());
    crm.kill();
    let client = direct(&crm);
    assert_eq!(client.find("x").await, Err(CrmError::Unavailable("no connection".to_owned())));
    let port = crm.url().rsplit(':').next().unwrap().parse().unwrap();
    let other = TcpListener::bind(("127.0.0.1", port)).unwrap();
    assert!(matches!(crm.restart(), Err(TrytonError::Ended { log }) if log.contains("in use")));
    drop(other);
    crm.restart().unwrap();
    assert_eq!(client.find("x").await, Ok(None));
}
