//! What is sent to the CRM is there once and whole, whatever goes wrong on the way. Each answer of the
//! CRM says what can be done. The CRM is a real one; only the road to it is bad.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tallystick::cli::demo::tryton::{TrytonError, TrytonServer};
use tallystick::clock::Moment;
use tallystick::crm::{CrmError, CrmId, CrmStage, Lead, Tryton, Watermark, Withdrawal};
use tallystick::event::Contact;
use tallystick::ids::{ConsentId, PartnerId, ReferralId, RuleId};
use tallystick::money::{Amount, Asset};
use tallystick::referral::Placement;
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
        placement: Placement::default(),
        contact: Contact {
            name: "李雷 Test".to_owned(),
            phone: "+8619900005678".to_owned(),
            email: Some("li.lei@customer.invalid".to_owned()),
            document: None,
            address: None,
        },
        reasons: vec!["The amount is within 5000 to 200000.".to_owned()],
        campaign: None,
        customer_stage: None,
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
    let CrmSettings::Tryton { url, database, .. } = crm.settings() else {
        unreachable!("not a Tryton");
    };
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

#[tokio::test]
async fn a_later_revision_is_brought_up_and_an_older_one_never_wins() {
    let crm = &shared_crm().server;
    let client = direct(crm);
    let mut lead = lead();
    lead.revision = 2;
    let id = client.deliver(&lead).await.unwrap();
    let first = lead.clone();
    let note = |comment: &str| format!("{comment}\nCalled; likes tea.");
    let before = opportunities(crm, &lead).await[0]["comment"].as_str().unwrap().to_owned();
    let edit = json!([[id.to_string().parse::<i64>().unwrap()], { "comment": note(&before) }, {}]);
    ask_crm(crm, "model.sale.opportunity.write", edit).await;
    // A later one, with another phone.
    lead.revision = 5;
    lead.contact.phone = "+8619900009999".to_owned();
    lead.region = "new-town".to_owned();
    assert_eq!(client.deliver(&lead).await.as_ref(), Ok(&id));
    assert_once(crm, &lead, &id).await;
    let there = &opportunities(crm, &lead).await[0];
    let comment = there["comment"].as_str().unwrap();
    assert!(comment.contains("Region: new-town") && !comment.contains("old-town"), "{comment}");
    assert!(comment.ends_with("Called; likes tea."), "what staff wrote stays: {comment}");
    let phones = mechanisms(crm, there, "mobile").await;
    assert_eq!(phones, [("+8619900005678".to_owned(), false), ("+8619900009999".to_owned(), true)]);
    // The older one comes late, alone and among others.
    assert_eq!(client.deliver(&first).await.as_ref(), Ok(&id));
    let among = client.deliver_all(&[first, self::lead()]).await;
    assert_eq!(among[0].as_ref(), Ok(&id));
    assert_eq!(opportunities(crm, &lead).await[0]["comment"].as_str(), Some(comment));
    assert_eq!(mechanisms(crm, there, "mobile").await, phones);
}

/// Every way of that kind to an opportunity's party: value, and whether it is in use.
async fn mechanisms(crm: &TrytonServer, opportunity: &Value, kind: &str) -> Vec<(String, bool)> {
    let domain = json!([["party", "=", opportunity["party"]], ["type", "=", kind]]);
    let found = crm_records(crm, "party.contact_mechanism", domain, &["value", "active"]).await;
    // On SQLite Tryton tells of what is in use as 0 or 1.
    let used = |it: &Value| it["active"] == true || it["active"] == 1;
    let way = |it: &Value| (it["value"].as_str().unwrap().to_owned(), used(it));
    found.iter().map(way).collect()
}

/// Not at the same instant: on SQLite Tryton compares and writes in two steps.
#[tokio::test]
async fn an_older_writer_that_looked_before_the_newer_one_wrote_changes_nothing() {
    let crm = &shared_crm().server;
    let client = direct(crm);
    let (mut older, mut newer) = (lead(), lead());
    newer.id = older.id;
    let id = client.deliver(&older).await.unwrap();
    (older.revision, older.region) = (5, "older".to_owned());
    (newer.revision, newer.region) = (6, "newer".to_owned());
    let late = [("sale.opportunity.search_read", Fault::Slow(Duration::from_secs(5)))];
    let road = BadRoad::to(crm, &late);
    let slow = by(&road, crm);
    let (one, other) = tokio::join!(until_told(&slow, &older), async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        until_told(&client, &newer).await
    });
    assert_eq!((one, other), (id.clone(), id.clone()));
    let comment = opportunities(crm, &newer).await[0]["comment"].as_str().unwrap().to_owned();
    assert!(comment.contains("Region: newer"), "{comment}");
    assert_once(crm, &newer, &id).await;
}

/// As a relay would: again, until it is told.
async fn until_told(client: &Tryton, lead: &Lead) -> CrmId {
    loop {
        match client.deliver(lead).await {
            Ok(id) => return id,
            Err(CrmError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(CrmError::Ambiguous { look_after }) => tokio::time::sleep(look_after).await,
            Err(error) => unreachable!("{error}"),
        }
    }
}

#[tokio::test]
async fn many_go_with_one_request_and_one_that_is_refused_holds_up_none() {
    let crm = &shared_crm().server;
    let client = direct(crm);
    let mut leads: Vec<Lead> = (0..20).map(|_| lead()).collect();
    // Tryton has no such currency.
    leads[3].amount = Amount::parse("500.00", Asset::PTS).unwrap();
    // One is there already, one has its party only.
    let known = client.deliver(&leads[5]).await.unwrap();
    let road = BadRoad::to(crm, &[(CREATE_OPPORTUNITY, Fault::Instead(503, String::new()))]);
    assert!(by(&road, crm).deliver(&leads[9]).await.is_err());
    let outcomes = client.deliver_all(&leads).await;
    assert!(matches!(&outcomes[3], Err(CrmError::Refused(_))), "{:?}", outcomes[3]);
    assert_eq!(outcomes[5].as_ref(), Ok(&known));
    for (number, lead) in leads.iter().enumerate().filter(|(number, _)| *number != 3) {
        assert_once(crm, lead, outcomes[number].as_ref().unwrap()).await;
    }
    assert_eq!(client.deliver_all(&leads).await, outcomes, "the same again is the same");
    // An answer that is lost leaves all of them to be looked for, and none is there twice.
    let more: Vec<Lead> = (0..10).map(|_| lead()).collect();
    let lost = [(CREATE_PARTY, Fault::AnswerLost), (CREATE_OPPORTUNITY, Fault::AnswerLost)];
    let road = BadRoad::to(crm, &lost);
    let unlucky = by(&road, crm);
    for _each_answer_lost in 0..2 {
        for outcome in unlucky.deliver_all(&more).await {
            assert_eq!(outcome, Err(CrmError::Ambiguous { look_after: TIME_OUT }));
        }
    }
    assert!(road.all_happened());
    for (lead, outcome) in more.iter().zip(unlucky.deliver_all(&more).await) {
        assert_once(crm, lead, &outcome.unwrap()).await;
    }
}

#[tokio::test]
async fn a_withdrawal_closes_the_opportunity_and_the_ways_to_the_person() {
    let crm = &shared_crm().server;
    let client = direct(crm);
    let (mut lead, unknown) = (lead(), lead());
    let id = client.deliver(&lead).await.unwrap();
    let party = opportunities(crm, &lead).await[0]["party"].clone();
    let theirs = json!([[{ "party": party, "type": "phone", "value": "+861055550000" }], {}]);
    ask_crm(crm, "model.party.contact_mechanism.create", theirs).await;
    let at = Moment::parse("2026-11-20T09:00:00Z").unwrap();
    let withdrawal = Withdrawal { lead: lead.id, revision: 2, at };
    for _told_again in 0..2 {
        assert_eq!(client.withdraw(&withdrawal).await, Ok(Some(id.clone())));
        let there = &opportunities(crm, &lead).await[0];
        assert_eq!(there["state"], "cancelled");
        let comment = there["comment"].as_str().unwrap();
        assert!(comment.contains("Withdrawn 2026-11-20T09:00:00Z."), "{comment}");
        assert!(!comment.contains("88000.50") && !comment.contains("Region"), "{comment}");
        let ours = mechanisms(crm, there, "mobile").await;
        assert_eq!(ours, [("+8619900005678".to_owned(), false)]);
        let kept = mechanisms(crm, there, "phone").await;
        assert_eq!(kept, [("+861055550000".to_owned(), true)], "what staff have is theirs");
    }
    // A lead that comes late does not bring the person back; one that was never told is not made.
    assert_eq!(client.deliver(&lead).await.as_ref(), Ok(&id));
    let there = &opportunities(crm, &lead).await[0];
    assert_eq!(mechanisms(crm, there, "mobile").await, [("+8619900005678".to_owned(), false)]);
    let withdrawal = Withdrawal { lead: unknown.id, ..withdrawal };
    assert_eq!(client.withdraw(&withdrawal).await, Ok(None));
    assert_eq!(opportunities(crm, &unknown).await.len(), 0);
    lead.revision = 3;
    assert_eq!(client.deliver(&lead).await, Ok(id), "what staff have closed is theirs");
    assert_eq!(opportunities(crm, &lead).await[0]["state"], "cancelled");
}

#[tokio::test]
async fn a_withdrawal_of_what_is_closed_already_is_a_note_made_once() {
    let crm = &shared_crm().server;
    let client = direct(crm);
    let lead = lead();
    let id = client.deliver(&lead).await.unwrap();
    let number: i64 = id.to_string().parse().unwrap();
    ask_crm(crm, "model.sale.opportunity.lost", json!([[number], {}])).await;
    let at = Moment::parse("2026-11-20T09:00:00Z").unwrap();
    let withdrawal = Withdrawal { lead: lead.id, revision: 2, at };
    for _told_again in 0..2 {
        assert_eq!(client.withdraw(&withdrawal).await, Ok(Some(id.clone())));
    }
    let domain = json!([["resource", "=", format!("sale.opportunity,{number}")]]);
    let notes = crm_records(crm, "ir.note", domain, &["message"]).await;
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0]["message"].as_str().unwrap().contains("Withdrawn 2026-11-20T09:00:00Z."));
    let there = &opportunities(crm, &lead).await[0];
    assert_eq!(there["state"], "lost");
    let ours = mechanisms(crm, there, "mobile").await;
    assert_eq!(ours, [("+8619900005678".to_owned(), false)]);
}

#[tokio::test]
async fn a_lead_has_the_product_and_the_customer_manager_that_the_crm_knows() {
    let folder = tempfile::tempdir().unwrap();
    let crm = start_crm(folder.path());
    let made = async |model: &str, fields: Value| {
        ask_crm(&crm, &format!("model.{model}.create"), json!([[fields], {}])).await[0].clone()
    };
    let unit = crm_records(&crm, "product.uom", json!([["symbol", "=", "u"]]), &["id"]).await;
    let unit = &unit[0]["id"];
    let template = made(
        "product.template",
        json!({
            "name": "Travel loan", "type": "service", "salable": true, "default_uom": unit,
            "sale_uom": unit, "products": [["create", [{ "suffix_code": "travel-loan" }]]],
        }),
    )
    .await;
    let company = crm_records(&crm, "company.company", json!([]), &["id"]).await[0]["id"].clone();
    let person = made("party.party", json!({ "name": "Manager Wang", "code": "manager-7" })).await;
    let manager = made("company.employee", json!({ "party": person, "company": company })).await;
    let client = direct(&crm);
    let (mut lead, plain) = (lead(), lead());
    lead.placement.manager = RuleId::try_from("manager-7").ok();
    for lead in [&lead, &plain] {
        client.deliver(lead).await.unwrap();
    }
    let fields = ["employee", "lines"];
    let of = async |lead: &Lead| {
        let domain = json!([["reference", "=", lead.id.to_string()]]);
        crm_records(&crm, "sale.opportunity", domain, &fields).await[0].clone()
    };
    let there = of(&lead).await;
    assert_eq!(there["employee"], manager);
    let line = json!([["id", "in", there["lines"]]]);
    let lines = crm_records(&crm, "sale.opportunity.line", line, &["product.template"]).await;
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["product."]["template"], template);
    assert_ne!(of(&plain).await["employee"], manager, "it starts with our user's own");
}

#[tokio::test]
async fn what_has_become_of_leads_is_read_by_the_time_at_which_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let crm = start_crm(folder.path());
    let client = direct(&crm);
    let leads: Vec<Lead> = (0..6).map(|_| lead()).collect();
    let ids: Vec<i64> = client
        .deliver_all(&leads)
        .await
        .into_iter()
        .map(|id| id.unwrap().to_string().parse().unwrap())
        .collect();
    let start = client.changes(&Watermark::default()).await.unwrap();
    assert_eq!(start.list, [], "a lead that nobody has touched has come to no stage");
    let press = |button: &str, of: &[i64]| {
        let method = format!("model.sale.opportunity.{button}");
        let of = json!([of, {}]);
        let crm = &crm;
        async move { ask_crm(crm, &method, of).await }
    };
    press("opportunity", &ids[..3]).await;
    press("lost", &ids[2..4]).await;
    let read = client.changes(&start.watermark).await.unwrap();
    let mut seen: Vec<_> = read.list.iter().map(|it| (it.lead, it.stage)).collect();
    seen.sort_unstable();
    let mut expected = vec![
        (leads[0].id, CrmStage::Contacted),
        (leads[1].id, CrmStage::Contacted),
        (leads[2].id, CrmStage::Lost),
        (leads[3].id, CrmStage::Lost),
    ];
    expected.sort_unstable();
    assert_eq!(seen, expected);
    let after = client.changes(&read.watermark).await.unwrap();
    assert_eq!((after.list.len(), &after.watermark), (0, &read.watermark));
}
