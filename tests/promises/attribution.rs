//! A person is one partner's referral for a product at a time: the first partner's. Keyed hashes of
//! phone and document tell who a person is, also when two partners race. Referrals that look wrong wait
//! for staff.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tallystick::clock;
use tallystick::referral::ReferralStep as Step;
use tallystick::secrets::keys::Keys;
use tallystick::store::personal;

use crate::crash::Served;
use crate::harness::{Partner, Store, TestApp, Trial, customer, member, phone_of, referral, staff};

/// The person of `whose` referred anew.
fn same_person(id: &str, whose: &str, product: &str) -> Value {
    let mut event = referral(id, product, "20000.00", "old-town");
    event["data"]["contact"]["phone"] = json!(phone_of(whose));
    event
}

async fn state(partner: &Partner, event: &Value) -> (String, String) {
    let receipt = partner.record(event).await;
    let told = &receipt["referral"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&told["state"]), text(&told["reasons"][0]))
}

fn id_of(receipt: &Value) -> String {
    receipt["referral"]["id"].as_str().unwrap().to_owned()
}

const DUPLICATE: &str = "The person is introduced for this product already.";

on_both_stores! {
    async fn whoever_comes_first_has_the_person_for_the_product(app) {
        app.leads_may_wait = true; // there is no CRM in this test
        let (sunny, moon) = (app.partner("sunny-travel").await, app.partner("moon-travel").await);
        let first = sunny.record(&same_person("t-1", "p", "travel-loan")).await;
        assert_eq!(first["referral"]["state"], "qualified");
        let other = sunny.record(&same_person("t-2", "q", "travel-loan")).await;
        assert_eq!(other["referral"]["state"], "qualified");
        for (partner, whose) in [(&moon, "p"), (&sunny, "q")] {
            let again = partner.record(&same_person("t-3", whose, "travel-loan")).await;
            assert_eq!(again["referral"]["state"], "duplicate");
            assert_eq!(again["referral"]["reasons"], json!([DUPLICATE]));
            assert_eq!(again["postings"], json!([]));
            // The bank has no use for the data a second time.
            let id = tallystick::ids::ReferralId::try_from(id_of(&again).as_str()).unwrap();
            assert!(!personal::is_kept(&mut app.trial.db(), id).unwrap());
        }
        // Another product is another matter.
        let home = app.partner("oak-home").await;
        assert_eq!(state(&home, &same_person("q-1", "q", "quick-loan")).await.0, "qualified");
        // Once the first has come to nothing, the person is free.
        app.advance(&id_of(&first), Step::Lose, "").await.unwrap();
        assert_eq!(state(&moon, &same_person("t-4", "p", "travel-loan")).await.0, "qualified");
    }
}

on_both_stores! {
    async fn the_same_document_is_the_same_person_whatever_the_phone(app) {
        app.leads_may_wait = true;
        let travel = app.partner("sunny-travel").await;
        let with = |id: &str, document: &str| {
            let mut event = referral(id, "travel-loan", "9000.00", "old-town");
            event["data"]["contact"]["document"] = json!(document);
            event
        };
        assert_eq!(state(&travel, &with("t-1", "1101 0119-9003 07X")).await.0, "qualified");
        let again = state(&travel, &with("t-2", "11010119900307x")).await;
        assert_eq!(again, ("duplicate".to_owned(), DUPLICATE.to_owned()));
        assert_eq!(state(&travel, &with("t-3", "11010119900308X")).await.0, "qualified");
        let (status, slug, problem) = travel.refused(&with("t-4", "- - -")).await;
        assert_eq!((status, slug.as_str()), (422, "invalid"));
        assert_eq!(problem["problems"][0]["pointer"], "/data/contact/document");
    }
}

on_both_stores! {
    async fn in_one_batch_too_only_the_first_is_taken(app) {
        app.leads_may_wait = true;
        let travel = app.partner("sunny-travel").await;
        let events = [1, 2, 3].map(|it| same_person(&format!("t-{it}"), "p", "travel-loan"));
        let answer = travel.post_batch(&events).await;
        let states: Vec<&str> = answer.body["outcomes"].as_array().unwrap().iter()
            .map(|it| it["receipt"]["referral"]["state"].as_str().unwrap())
            .collect();
        assert_eq!(states, ["qualified", "duplicate", "duplicate"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_partners_that_race_on_two_gateways_exactly_one_has_the_person() {
    let trial = Trial::on(Store::Postgres);
    let gateways = [Served::start(&trial, &[]), Served::start(&trial, &[])];
    let sunny = gateways[0].partner(&trial, "sunny-travel").await;
    let moon = gateways[1].partner(&trial, "moon-travel").await;
    let mut tasks = Vec::new();
    for person in 0..20 {
        for partner in [&sunny, &moon] {
            for attempt in 0..2 {
                let whose = format!("p-{person}");
                let event = same_person(&format!("{whose}-{attempt}"), &whose, "travel-loan");
                let partner = partner.clone();
                tasks.push(tokio::spawn(async move { (person, partner.post(&event).await) }));
            }
        }
    }
    let mut won = [0; 20];
    for task in tasks {
        let (person, answer) = task.await.unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
        match answer.body["referral"]["state"].as_str() {
            Some("qualified") => won[person] += 1,
            Some("duplicate" | "on_hold") => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(won, [1; 20]);
    for gateway in gateways {
        assert!(gateway.stop().success());
    }
    assert_eq!(trial.findings(), []);
}

async fn own_staff_cannot_be_referred(store: Store) {
    let trial = Trial::on(store);
    let (keys, _made) = Keys::load_or_create(&trial.settings.keys).unwrap();
    let index: String = keys
        .personal
        .blind_index("phone", &phone_of("p"))
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect();
    let manifest = trial.settings.partners.join("sunny-travel/partner.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, format!("{text}\n[staff]\nphones = [\"{index}\"]\n")).unwrap();
    let mut app = trial.start().await;
    app.leads_may_wait = true;
    let (sunny, moon) = (app.partner("sunny-travel").await, app.partner("moon-travel").await);
    let (state_, why) = state(&sunny, &same_person("t-1", "p", "travel-loan")).await;
    assert_eq!(state_, "rejected");
    assert_eq!(why, "Whoever works for the partner cannot be referred by it.");
    // To another partner they are a person like any other.
    assert_eq!(state(&moon, &same_person("t-2", "p", "travel-loan")).await.0, "qualified");
    Box::pin(app.stop_and_prove()).await;
}

on_both_stores!(own_staff_cannot_be_referred);

async fn a_product_for_new_customers_turns_the_banks_own_away_without_saying_so(store: Store) {
    let trial = Trial::on(store);
    let manifest = trial.settings.partners.join("moon-travel/partner.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let changed = text.replace("existing_customers = \"take\"", "existing_customers = \"reject\"");
    assert_ne!(text, changed);
    std::fs::write(&manifest, changed).unwrap();
    let mut app = trial.start().await;
    app.leads_may_wait = true;
    let (sunny, moon) = (app.partner("sunny-travel").await, app.partner("moon-travel").await);
    let person = customer(&app, "subject-1");
    let mut event = referral("t-1", "travel-loan", "9000.00", "old-town");
    event["data"]["member"] = json!(member(&person, "moon-travel").await);
    let (of_member, why) = state(&moon, &event).await;
    assert_eq!((of_member.as_str(), why.as_str()), ("rejected", "not_proceeding"));
    // A stranger to the bank is taken; once they have a product, they are strangers no more.
    let first = sunny.record(&same_person("t-2", "p", "travel-loan")).await;
    app.advance(&id_of(&first), Step::Convert, "").await.unwrap();
    let (again, why) = state(&moon, &same_person("t-3", "p", "travel-loan")).await;
    assert_eq!((again.as_str(), why.as_str()), ("rejected", "not_proceeding"));
    assert_eq!(state(&moon, &same_person("t-4", "other", "travel-loan")).await.0, "qualified");
    Box::pin(app.stop_and_prove()).await;
}

on_both_stores!(a_product_for_new_customers_turns_the_banks_own_away_without_saying_so);

/// One phone in one referral too many: the fourth within a day.
async fn held(app: &TestApp) -> (Partner, Partner, String) {
    let (home, travel) = (app.partner("oak-home").await, app.partner("sunny-travel").await);
    for product in ["quick-loan", "renovation-instalment", "green-loan"] {
        let event = same_person(product, "p", product);
        assert_eq!(state(&home, &event).await.0, "qualified", "{product}");
    }
    let mut event = same_person("t-1", "p", "travel-loan");
    event["data"]["member"] = json!("traveller-1");
    let receipt = travel.record(&event).await;
    assert_eq!(receipt["referral"]["state"], "on_hold");
    assert_eq!(receipt["referral"]["reasons"], json!(["The bank has to look at it first."]));
    assert_eq!(receipt["postings"], json!([]));
    (home, travel, id_of(&receipt))
}

on_both_stores! {
    async fn a_pattern_waits_for_people_who_let_it_go_on(app) {
        app.leads_may_wait = true;
        let (_home, travel, id) = held(app).await;
        let (ann, bob) = (staff(app, "ann", &["decide"]), staff(app, "bob", &["decide"]));
        let listed = ann.get("/v1/held-referrals").await.body;
        assert_eq!(listed["referrals"][0]["referral"], id.as_str());
        assert_eq!(listed["referrals"][0]["finding"], "pattern one-phone");
        assert_eq!(listed["referrals"][0]["partner"], "sunny-travel");
        let (release, rejection) =
            (format!("/v1/referrals/{id}/release"), format!("/v1/referrals/{id}/rejection"));
        let reason = json!({ "reason": "a family with one telephone" });
        assert_eq!(travel.send(&release, &reason).await.status, 401);
        let reader = staff(app, "cid", &["read", "approve"]);
        assert_eq!(reader.send(&release, &reason).await.told(), (403, "role-missing"));
        assert_eq!(ann.send(&release, &json!({})).await.told(), (422, "invalid"));
        let done = ann.send(&release, &reason).await;
        assert_eq!((done.status.as_u16(), &done.body["state"]), (200, &json!("qualified")), "{done:?}");
        assert!(done.body["transaction"].is_string(), "{done:?}");
        // Once; and nobody undoes it.
        let again = ann.send(&release, &reason).await;
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_eq!(bob.send(&release, &reason).await.told(), (409, "referral-state"));
        assert_eq!(bob.send(&rejection, &reason).await.told(), (409, "referral-state"));
        let told = travel.get(&format!("/v1/referrals/{id}")).await.body;
        assert_eq!(told["history"][2]["by"], "staff");
        assert_eq!(told["commissions"][0]["amount"], "80.00");
        assert!(!told.to_string().contains("family") && !told.to_string().contains("ann"), "{told}");
        assert_eq!(ann.get("/v1/held-referrals").await.body["referrals"], json!([]));
    }
}

on_both_stores! {
    async fn a_pattern_that_people_turn_down_frees_the_person_and_tells_nothing(app) {
        app.leads_may_wait = true;
        let (_home, travel, id) = held(app).await;
        let ann = staff(app, "ann", &["decide"]);
        let reason = json!({ "reason": "a ring of straw men" });
        let done = ann.send(&format!("/v1/referrals/{id}/rejection"), &reason).await;
        assert_eq!((done.status.as_u16(), &done.body["state"]), (200, &json!("rejected")), "{done:?}");
        let told = travel.get(&format!("/v1/referrals/{id}")).await.body;
        assert_eq!(told["history"][2]["reason"], "not_proceeding");
        assert!(!told.to_string().contains("straw"), "{told}");
        let key = tallystick::ids::ReferralId::try_from(id.as_str()).unwrap();
        assert!(!personal::is_kept(&mut app.trial.db(), key).unwrap());
        let unknown = "/v1/referrals/01a20994-7d00-7000-8000-00000000003b/release";
        assert_eq!(ann.send(unknown, &reason).await.told(), (404, "not-found"));
    }
}

on_both_stores! {
    async fn a_hold_never_ends_by_itself_however_old(app) {
        app.leads_may_wait = true;
        let (_home, travel, id) = held(app).await;
        let ten_years = clock::now().plus(TimeDelta::days(3_653));
        // The three others, of which nothing came, have expired long since.
        assert_eq!(app.let_fall_due(ten_years).await, 3);
        assert_eq!(app.let_fall_due(ten_years).await, 0);
        let told = travel.get(&format!("/v1/referrals/{id}")).await.body;
        assert_eq!(told["state"], "on_hold");
        // And the person is still this referral's.
        let again = state(&travel, &same_person("t-2", "p", "travel-loan")).await;
        assert_eq!(again.0, "duplicate");
    }
}
