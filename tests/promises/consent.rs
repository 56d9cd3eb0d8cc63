//! No referral becomes a lead without consent, and nobody's data is kept or shown without need.

use reqwest::Method;
use serde_json::{Value, json};
use tallystick::referral::Actor;
use tallystick::store::outbox::Destination;
use tallystick::store::outbox::claims::{self, Claim, Outcome};
use tallystick::store::{outbox, personal, referral_moves};

use crate::harness::{Answer, Partner, TestApp, customer, member, phone_of, referral, staff};

/// Every byte of the database's files, for looking for what must not be there.
fn sqlite_bytes(app: &TestApp) -> Vec<u8> {
    let files = std::fs::read_dir(app.trial.folder.path()).unwrap().flatten();
    files
        .filter(|file| file.file_name().to_string_lossy().starts_with("test.db"))
        .flat_map(|file| std::fs::read(file.path()).unwrap())
        .collect()
}

on_both_stores! {
    async fn a_referral_without_consent_is_recorded_and_never_sent_and_the_partner_is_told_why(app) {
        let travel = app.partner("sunny-travel").await;
        let mut event = referral("t-1", "travel-loan", "9000.00", "old-town");
        event["data"].as_object_mut().unwrap().remove("consent");
        let receipt = travel.record(&event).await;
        assert_eq!(receipt["marks"], json!(["consent_missing"]));
        assert_eq!(receipt["referral"]["state"], "needs_consent");
        let why = receipt["referral"]["reasons"][0].as_str().unwrap();
        assert!(why.contains("consent") && why.contains("nothing is sent"), "{why}");
        assert_eq!(receipt["postings"], json!([]));
        assert_eq!(outbox::depth(&mut app.trial.db()).unwrap(), outbox::Depth::default());
        // Nobody agreed to our keeping it, so it is not kept, sealed or not.
        let id = receipt["referral"]["id"].as_str().unwrap().parse().unwrap();
        let id = tallystick::ids::ReferralId::from_uuid(id);
        assert!(!personal::is_kept(&mut app.trial.db(), id).unwrap());
    }
}

on_both_stores! {
    async fn a_referral_outside_the_products_terms_is_rejected_with_each_reason(app) {
        let travel = app.partner("sunny-travel").await;
        let receipt = travel.record(&referral("t-1", "travel-loan", "100000.01", "the-moon")).await;
        assert_eq!(receipt["referral"]["state"], "rejected");
        assert_eq!(receipt["referral"]["reasons"], json!([
            "The amount is outside 3000.00 to 100000.00 CNY.",
            "The region is not one the bank serves for this product: lake-district, old-town, harbour.",
        ]));
        assert_eq!(receipt["postings"], json!([]));
    }
}

on_both_stores! {
    async fn a_qualified_referral_earns_its_rewards_at_once_and_its_commission_waits(app) {
        app.leads_may_wait = true; // there is no CRM in this test
        let travel = app.partner("sunny-travel").await;
        let mut event = referral("t-1", "travel-loan", "9000.00", "old-town");
        event["data"]["member"] = json!("traveller-1");
        let receipt = travel.record(&event).await;
        let posted: Vec<String> = receipt["postings"].as_array().unwrap().iter()
            .map(|it| format!("{} {}", it["account"].as_str().unwrap(), it["amount"].as_str().unwrap()))
            .collect();
        assert_eq!(posted, [
            "commission_pending 80.00", "referral_expense -80.00",
            "points_available 500.00", "points_referral -500.00",
        ]);
    }
}

on_both_stores! {
    async fn personal_data_is_nowhere_in_the_clear(app) {
        app.leads_may_wait = true; // there is no CRM in this test
        let travel = app.partner("sunny-travel").await;
        let event = referral("t-1", "travel-loan", "9000.00", "old-town");
        let receipt = travel.post(&event).await;
        let mut broken = event.clone();
        broken["id"] = json!("t-2");
        broken["data"]["contact"]["phone"] = json!("13800001234");
        let problem = travel.post(&broken).await;
        assert_eq!(problem.status, 422);
        let bytes = sqlite_bytes(app);
        for secret in ["Test Person", &phone_of("t-1"), "p@test.invalid", "13800001234"] {
            for text in [&receipt.text, &problem.text, &travel.get("/v1/events/t-1").await.text] {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} in the database's files");
        }
    }
}

/// Writes a move as somebody with the owner's password might.
fn referral_move(
    app: &TestApp,
    id: tallystick::ids::ReferralId,
    (seq, from, to): (i64, &str, &str),
) -> diesel::QueryResult<()> {
    use diesel::connection::SimpleConnection;
    let hex: String = id.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let row = |id: &str| {
        format!(
            "INSERT INTO referral_moves VALUES ({id}, {seq}, '{from}', '{to}', 'staff', 'x', '', \
             NULL, NULL, '2026-11-02 10:00:00')"
        )
    };
    match app.trial.db() {
        tallystick::store::Db::Postgres(mut db) => {
            db.batch_execute(&row(&format!("decode('{hex}', 'hex')")))
        }
        tallystick::store::Db::Sqlite(mut db) => db.batch_execute(&row(&format!("x'{hex}'"))),
    }
}

on_both_stores! {
    async fn the_database_itself_refuses_a_lead_without_consent(app) {
        let travel = app.partner("sunny-travel").await;
        let mut event = referral("t-1", "travel-loan", "9000.00", "old-town");
        event["data"].as_object_mut().unwrap().remove("consent");
        let receipt = travel.record(&event).await;
        let id = receipt["referral"]["id"].as_str().unwrap().parse().unwrap();
        let id = tallystick::ids::ReferralId::from_uuid(id);
        // Neither by a move that this program does not allow, nor by one that it would.
        for (from, to) in [("needs_consent", "sent"), ("received", "qualified")] {
            let forced = referral_move(app, id, (3, from, to));
            assert!(forced.is_err(), "{from} to {to}");
        }
    }
}

/// A customer whom the travel agency refers, with the consent of the referral.
pub async fn referred(app: &TestApp, id: &str) -> (Partner, Value) {
    let person = customer(app, &format!("c-of-{id}"));
    let reference = member(&person, "sunny-travel").await;
    let mut event = referral(id, "travel-loan", "9000.00", "old-town");
    event["data"]["member"] = json!(reference);
    event["data"]["contact"]["phone"] =
        json!(format!("+8619900{:06}", id.len() + usize::from(id.as_bytes()[2])));
    let receipt = app.partner("sunny-travel").await.record(&event).await;
    (person, receipt["referral"].clone())
}

async fn withdraw(who: &Partner, path: &str) -> Answer {
    who.send(path, &json!({ "reason": "asked at the counter" })).await
}

on_both_stores! {
    async fn a_consent_can_be_read_as_a_receipt_that_says_what_the_law_asks_for(app) {
        app.leads_may_wait = true; // there is no CRM in this test
        let (person, outcome) = referred(app, "t-1").await;
        let travel = app.partner("sunny-travel").await;
        let path = format!("/v1/consents/{}", outcome["consent"].as_str().unwrap());
        let receipt = travel.get(&path).await;
        assert_eq!(receipt.status, 200, "{receipt:?}");
        let told = &receipt.body;
        assert_eq!(told["recipient"], json!({ "name": "The Bank", "contact": "privacy@bank.example" }));
        assert_eq!(told["method"], "telephone call by a customer manager");
        assert_eq!(told["kinds"], json!(["name", "phone", "email", "product", "amount", "region"]));
        assert_eq!((&told["language"], &told["separate"]), (&json!("zh-CN"), &json!(true)));
        assert_eq!((&told["channel"], &told["evidence"]), (&json!("tablet"), &json!("signature-1")));
        assert_eq!(told["referral"], outcome["id"]);
        assert_eq!(person.get("/v1/customers/me/consents").await.body["consents"], json!([told]));
        assert_eq!(staff(app, "ann", &["privacy"]).get(&path).await.body["purpose"], told["purpose"]);
        // Nobody else's.
        assert_eq!(app.partner("oak-home").await.get(&path).await.told(), (404, "not-found"));
        assert_eq!(staff(app, "ann", &["read"]).get(&path).await.told(), (403, "role-missing"));
        let other = customer(app, "c-2");
        assert_eq!(other.get("/v1/customers/me/consents").await.body["consents"], json!([]));
        // What the event itself says stands in the receipt.
        let mut event = referral("t-2", "travel-loan", "9000.00", "old-town");
        event["data"]["consent"]["collector"] = json!("counter-3");
        event["data"]["consent"]["kinds"] = json!(["name", "phone", "email"]);
        event["data"]["consent"]["separate"] = json!(true);
        let id = travel.record(&event).await["referral"]["consent"].as_str().unwrap().to_owned();
        let told = travel.get(&format!("/v1/consents/{id}")).await.body;
        assert_eq!(told["collector"], "counter-3");
        assert_eq!(told["kinds"], json!(["name", "phone", "email"]));
    }
}

on_both_stores! {
    async fn a_consent_by_another_text_is_none_and_the_partner_is_told_why(app) {
        let travel = app.partner("sunny-travel").await;
        let recipient = json!({ "name": "Another Bank", "contact": "privacy@bank.example" });
        for (number, (field, value, why)) in [
            ("text_sha256", json!("ab".repeat(32)), "not one that the bank has registered"),
            ("text_version", json!("2026-09"), "not one that the bank has registered"),
            ("given_at", json!("2026-09-30T10:00:00Z"), "not in force on the day of consent"),
            ("separate", json!(false), "agreed to by itself"),
            ("recipient", recipient, "recipient is another"),
            ("method", json!("door to door"), "method is another"),
            ("kinds", json!(["name", "phone", "email", "income"]), "more than the text names"),
            ("kinds", json!(["name", "phone"]), "has email, and the consent does not name it"),
        ].into_iter().enumerate() {
            let mut event = referral(&format!("t-{number}"), "travel-loan", "9000.00", "old-town");
            event["data"]["consent"][field] = value;
            let receipt = travel.record(&event).await;
            let outcome = &receipt["referral"];
            assert_eq!(outcome["state"], "needs_consent", "{field}: {outcome}");
            assert!(outcome["reasons"][0].as_str().unwrap().contains(why), "{field}: {outcome}");
            assert_eq!((&receipt["marks"], &receipt["postings"]), (&json!(["consent_missing"]), &json!([])));
            let id = outcome["id"].as_str().unwrap().parse().unwrap();
            let id = tallystick::ids::ReferralId::from_uuid(id);
            assert!(!personal::is_kept(&mut app.trial.db(), id).unwrap());
        }
        for (field, value) in [
            ("kinds", json!("phone")), ("kinds", json!([])), ("kinds", json!(["Home Address"])),
            ("separate", json!("yes")), ("recipient", json!({ "name": "The Bank" })),
        ] {
            let mut event = referral("t-x", "travel-loan", "9000.00", "old-town");
            event["data"]["consent"][field] = value;
            let (status, slug, problem) = travel.refused(&event).await;
            assert_eq!((status, slug.as_str()), (422, "invalid"), "{problem}");
            let pointer = problem["problems"][0]["pointer"].as_str().unwrap();
            assert!(pointer.starts_with(&format!("/data/consent/{field}")), "{problem}");
        }
    }
}

on_both_stores! {
    async fn a_customer_withdraws_as_easily_as_they_agreed_and_keeps_what_was_earned(app) {
        app.leads_may_wait = true; // there is no CRM in this test
        let (person, outcome) = referred(app, "t-1").await;
        let balance = person.get("/v1/customers/me/points").await.body["balance"].clone();
        assert_eq!(balance, "500.00");
        let consent = outcome["consent"].as_str().unwrap();
        let path = format!("/v1/customers/me/consents/{consent}/withdrawal");
        let other = customer(app, "c-2");
        member(&other, "sunny-travel").await;
        assert_eq!(withdraw(&other, &path).await.told(), (404, "not-found"));
        let done = Answer::of(person.request(Method::POST, &path)).await;
        assert_eq!((done.status.as_u16(), &done.body["withdrawal"]["by"]), (201, &json!("customer")));
        // Again, and by somebody else: the first withdrawal stands.
        let again = Answer::of(person.request(Method::POST, &path)).await;
        assert_eq!((again.status.as_u16(), &again.body), (200, &done.body));
        let own = format!("/v1/consents/{consent}/withdrawal");
        let by_staff = withdraw(&staff(app, "ann", &["privacy"]), &own).await;
        assert_eq!((by_staff.status.as_u16(), &by_staff.body["withdrawal"]["by"]), (200, &json!("customer")));
        // Nothing is sent any more, and the referral says so.
        let depth = outbox::depth(&mut app.trial.db()).unwrap();
        assert_eq!((depth.waiting, depth.cancelled), (0, 1), "{depth:?}");
        let path = format!("/v1/referrals/{}", outcome["id"].as_str().unwrap());
        let travel = app.partner("sunny-travel").await;
        assert_eq!(travel.get(&path).await.body["state"], "withdrawn");
        assert_eq!(person.get("/v1/customers/me/points").await.body["balance"], balance);
    }
}

on_both_stores! {
    async fn a_partner_withdraws_its_own_and_staff_with_the_role_any(app) {
        app.leads_may_wait = true; // there is no CRM in this test
        let (_person, first) = referred(app, "t-1").await;
        let (_person, second) = referred(app, "t-2").await;
        let path = |it: &Value| format!("/v1/consents/{}/withdrawal", it["consent"].as_str().unwrap());
        let travel = app.partner("sunny-travel").await;
        assert_eq!(withdraw(&app.partner("oak-home").await, &path(&first)).await.told(), (404, "not-found"));
        let shop = app.partner("green-basket").await;
        assert_eq!(withdraw(&shop, &path(&first)).await.told(), (403, "insufficient-scope"));
        let done = withdraw(&travel, &path(&first)).await;
        assert_eq!((done.status.as_u16(), &done.body["withdrawal"]["by"]), (201, &json!("partner")));
        assert_eq!(withdraw(&travel, &path(&first)).await.status, 200);
        let reader = staff(app, "ann", &["read"]);
        assert_eq!(withdraw(&reader, &path(&second)).await.told(), (403, "role-missing"));
        let done = withdraw(&staff(app, "bob", &["privacy"]), &path(&second)).await;
        let note = &done.body["withdrawal"];
        assert_eq!((done.status.as_u16(), &note["by_whom"], &note["reason"]),
            (201, &json!("bob"), &json!("asked at the counter")));
        // A partner is not told which of the staff it was, or why.
        let told = travel.get(path(&second).trim_end_matches("/withdrawal")).await.body;
        let note = &told["withdrawal"];
        assert_eq!((&note["by"], &note["by_whom"], &note["reason"]), (&json!("staff"), &Value::Null, &Value::Null));
        // What was agreed to, and who withdrew, stays as it was recorded.
        for wrong in ["purpose = 'anything'", "evidence = 'another'", "withdrawn_at = NULL"] {
            let refused = crate::harness::run_sql(&app.trial, &format!("UPDATE consents SET {wrong}"));
            assert!(refused.unwrap_err().contains("stay as they were given"), "{wrong}");
        }
        let consent = uuid::Uuid::parse_str(second["consent"].as_str().unwrap()).unwrap();
        let sql = match app.trial.db() {
            tallystick::store::Db::Postgres(_) => format!("UPDATE withdrawals SET by_whom = 'cid' WHERE id = '\\x{}'", consent.simple()),
            tallystick::store::Db::Sqlite(_) => format!("UPDATE withdrawals SET by_whom = 'cid' WHERE id = x'{}'", consent.simple()),
        };
        let refused = crate::harness::run_sql(&app.trial, &sql).unwrap_err();
        assert!(refused.contains("append-only") || refused.contains("reverse, do not change"), "{refused}");
    }
}

on_both_stores! {
    async fn a_crm_that_was_told_of_the_person_is_told_of_the_withdrawal(app) {
        app.leads_may_wait = true; // there is no CRM in this test
        let (person, outcome) = referred(app, "t-1").await;
        let now = tallystick::clock::now();
        let done = app.trial.db().write(|tx| {
            let (destination, lease_until) = (Destination::Crm, now.plus(chrono::TimeDelta::minutes(1)));
            let claim = Claim { destination, holder: [7; 16], now, lease_until, rows_max: 1 };
            let claimed = claims::claim(tx, claim)?.remove(0);
            referral_moves::send(tx, claimed.referral(), &Actor::Program("relay"), now)?;
            claims::settle(tx, &claimed, &Outcome::Delivered { remote_id: Some("lead-1"), status: None }, now)
        });
        assert!(done.unwrap());
        let consent = outcome["consent"].as_str().unwrap();
        let path = format!("/v1/customers/me/consents/{consent}/withdrawal");
        assert_eq!(Answer::of(person.request(Method::POST, &path)).await.status, 201);
        assert_eq!(Answer::of(person.request(Method::POST, &path)).await.status, 200);
        let depth = outbox::depth(&mut app.trial.db()).unwrap();
        assert_eq!((depth.delivered, depth.waiting), (1, 1), "{depth:?}");
        let later = now.plus(chrono::TimeDelta::minutes(2));
        let claimed = app.trial.db().write(|tx| claims::claim(tx, Claim {
            destination: Destination::Crm, holder: [7; 16], now: later,
            lease_until: later.plus(chrono::TimeDelta::minutes(1)), rows_max: 9,
        })).unwrap();
        assert_eq!(claimed.len(), 1);
        assert_eq!((claimed[0].kind, claimed[0].referral().to_string()),
            (outbox::Kind::ConsentWithdrawn, outcome["id"].as_str().unwrap().to_owned()));
    }
}
