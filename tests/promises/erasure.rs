//! People see the personal data that is held about them. It is erased on request or when its period
//! is over, and the books stay proved. Every reading of it is on record.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tallystick::ids::ReferralId;
use tallystick::store::{Db, idempotency_keys, personal};

use crate::harness::{
    Answer, Partner, TestApp, customer, member, phone_of, referral, run_sql, staff,
};
use crate::signatures::{at_home, case, evidence, send};

fn id_of(outcome: &Value) -> ReferralId {
    ReferralId::from_uuid(outcome["id"].as_str().unwrap().parse().unwrap())
}

/// The referral of a customer, whom it makes known.
async fn referred(app: &TestApp, id: &str) -> (Partner, String, Value) {
    let person = customer(app, &format!("c-of-{id}"));
    let reference = member(&person, "sunny-travel").await;
    let mut event = referral(id, "travel-loan", "9000.00", "old-town");
    event["data"]["member"] = json!(reference);
    if id != "t-1" {
        event["data"]["contact"]["phone"] = json!("+8619900007777");
    }
    let receipt = app.partner("sunny-travel").await.record(&event).await;
    (person, reference, receipt["referral"].clone())
}

/// What is sealed of a referral's person, as the store's files have it.
fn sealed_bytes(app: &TestApp, id: ReferralId) -> Vec<u8> {
    use diesel::prelude::*;
    use diesel::sql_types::Binary;
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Binary)]
        sealed: Vec<u8>,
    }
    let hex: String = id.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let row: Row = match app.trial.db() {
        Db::Postgres(mut db) => {
            diesel::sql_query(format!("SELECT sealed FROM personal_data WHERE id = '\\x{hex}'"))
                .get_result(&mut db)
        }
        Db::Sqlite(mut db) => {
            diesel::sql_query(format!("SELECT sealed FROM personal_data WHERE id = x'{hex}'"))
                .get_result(&mut db)
        }
    }
    .unwrap();
    row.sealed
}

/// Whether these bytes stand in the files of an SQLite database, the log among them.
fn in_files(app: &TestApp, bytes: &[u8]) -> bool {
    let files = std::fs::read_dir(app.trial.folder.path()).unwrap().flatten();
    files.filter(|file| file.file_name().to_string_lossy().starts_with("test.db")).any(|file| {
        let content = std::fs::read(file.path()).unwrap();
        content.windows(bytes.len()).any(|window| window == bytes)
    })
}

async fn sealed_into_the_chain(travel: &Partner, event: &str) -> Answer {
    let path = format!("/v1/events/{event}/proof");
    for _ in 0..100 {
        let answer = travel.get(&path).await;
        if answer.status == 200 {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    travel.get(&path).await
}

on_both_stores! {
    async fn a_referral_s_person_is_erased_and_the_books_stay_proved(app) {
        app.leads_may_wait = true; // there is no CRM in this test
        let url = at_home(app).await;
        let travel = app.partner("sunny-travel").await;
        let jwk = app.trial.key("sunny-travel").private_jwk();
        let event = referral("t-1", "travel-loan", "9000.00", "old-town");
        let mut kept = referral("t-2", "travel-loan", "9000.00", "old-town");
        kept["data"]["contact"]["phone"] = json!("+8619900007777");
        let answers = send(app, &[case(&url, &travel.token, &jwk, "sunny-travel-1", &event)]);
        assert_eq!(answers[0]["status"], 201, "{answers:?}");
        let outcome = travel.get("/v1/events/t-1").await.body["referral"].clone();
        let other = travel.record(&kept).await["referral"].clone();
        assert!(evidence(app, "sunny-travel", "t-1").is_ok());
        let before = sealed_into_the_chain(&travel, "t-1").await;
        assert_eq!(before.status, 200, "{before:?}");
        assert_eq!(app.trial.findings(), []);
        let sealed = sealed_bytes(app, id_of(&outcome));
        let on_sqlite = matches!(app.trial.db(), Db::Sqlite(_));
        assert_eq!(in_files(app, &sealed), on_sqlite);

        let ann = staff(app, "ann", &["privacy"]);
        let asked = json!({ "referral": outcome["id"], "reason": "asked by letter" });
        let done = ann.send("/v1/erasures", &asked).await;
        assert_eq!(done.status, 201, "{done:?}");
        let erased = &done.body["erased"];
        assert_eq!((&erased["contacts"], &erased["signed_requests"], &erased["withdrawals"]),
            (&json!(1), &json!(1), &json!(1)));
        assert_eq!(erased["referrals"], json!([outcome["id"]]));
        assert_eq!((&done.body["by_whom"], &done.body["reason"]), (&json!("ann"), &json!("asked by letter")));
        let path = format!("/v1/erasures/{}", done.body["erasure"].as_str().unwrap());
        assert_eq!(ann.get(&path).await.body, done.body);
        let again = ann.send("/v1/erasures", &asked).await;
        assert_eq!((again.status.as_u16(), &again.body), (200, &done.body));

        assert!(!personal::is_kept(&mut app.trial.db(), id_of(&outcome)).unwrap());
        assert!(personal::is_kept(&mut app.trial.db(), id_of(&other)).unwrap());
        assert!(!in_files(app, &sealed), "the sealed bytes are still in the files");
        assert!(evidence(app, "sunny-travel", "t-1").unwrap_err().contains("erased"));
        // The ledger and its chain are as they were.
        assert_eq!(app.trial.findings(), []);
        let after = travel.get("/v1/events/t-1/proof").await;
        assert_eq!((after.status.as_u16(), &after.body["leaf"]), (200, &before.body["leaf"]));
        assert_eq!(travel.get("/v1/events/t-1").await.body["referral"], outcome);
    }
}

on_both_stores! {
    async fn a_customer_has_their_own_data_erased_and_keeps_their_points(app) {
        app.leads_may_wait = true; // there is no CRM in this test
        let (person, _reference, outcome) = referred(app, "t-1").await;
        let keyed = |path: &str| person.request(Method::POST, path).header("Idempotency-Key", "k-1");
        let code = Answer::of(keyed("/v1/customers/me/codes")).await;
        assert_eq!(code.status, 201);
        assert_eq!(idempotency_keys::count_by_key(&mut app.trial.db()).unwrap()[0].1, 1);
        let done = Answer::of(person.request(Method::POST, "/v1/customers/me/erasure")).await;
        assert_eq!(done.status, 201, "{done:?}");
        let erased = &done.body["erased"];
        assert_eq!((&erased["contacts"], &erased["answers"], &erased["withdrawals"]),
            (&json!(1), &json!(1), &json!(1)));
        assert_eq!((&done.body["by"], &done.body["by_whom"]), (&json!("customer"), &Value::Null));
        assert!(idempotency_keys::count_by_key(&mut app.trial.db()).unwrap().is_empty());
        let again = Answer::of(person.request(Method::POST, "/v1/customers/me/erasure")).await;
        assert_eq!((again.status.as_u16(), &again.body), (200, &done.body));
        let data = person.get("/v1/customers/me/data").await.body;
        assert_eq!(data["referrals"][0]["contact"], Value::Null);
        assert_eq!(data["referrals"][0]["state"], "withdrawn");
        assert_eq!(data["erasures"][0]["erasure"], done.body["erasure"]);
        assert_eq!(data["customer"]["available"], "500.00");
        assert!(!personal::is_kept(&mut app.trial.db(), id_of(&outcome)).unwrap());
        let stranger = customer(app, "c-9");
        let asked = Answer::of(stranger.request(Method::POST, "/v1/customers/me/erasure")).await;
        assert_eq!(asked.told(), (404, "not-found"));
    }
}

on_both_stores! {
    async fn only_staff_who_look_after_personal_data_erase_and_only_what_is_there(app) {
        let ann = staff(app, "ann", &["adjust", "approve", "read"]);
        let asked = json!({ "referral": ReferralId::random(), "reason": "asked by letter" });
        assert_eq!(ann.send("/v1/erasures", &asked).await.told(), (403, "role-missing"));
        for path in ["/v1/erasures", "/v1/readings"] {
            assert_eq!(ann.get(path).await.told(), (403, "role-missing"));
        }
        let bob = staff(app, "bob", &["privacy"]);
        assert_eq!(bob.send("/v1/erasures", &asked).await.told(), (404, "not-found"));
        let member = json!({ "customer": { "partner": "sunny-travel", "member": "m-9" }, "reason": "r" });
        assert_eq!(bob.send("/v1/erasures", &member).await.told(), (404, "not-found"));
        for wrong in [
            json!({ "reason": "r" }), json!({ "referral": ReferralId::random() }),
            json!({ "referral": ReferralId::random(), "customer": member["customer"], "reason": "r" }),
        ] {
            assert_eq!(bob.send("/v1/erasures", &wrong).await.told(), (422, "invalid"), "{wrong}");
        }
    }
}

on_both_stores! {
    async fn a_person_sees_all_that_is_held_and_who_read_it(app) {
        app.leads_may_wait = true; // there is no CRM in this test
        let (person, reference, outcome) = referred(app, "t-1").await;
        let data = person.get("/v1/customers/me/data").await;
        assert_eq!(data.headers["cache-control"], "no-store");
        let data = data.body;
        assert_eq!(data["referrals"][0]["contact"],
            json!({ "name": "Test Person", "phone": phone_of("t-1"), "email": "p@test.invalid" }));
        assert_eq!(data["referrals"][0]["referral"], outcome["id"]);
        assert_eq!(data["consents"][0]["consent"], outcome["consent"]);
        assert_eq!(data["customer"]["members"][0]["member"], json!(reference));
        assert_eq!(data["customer"]["entries"][0]["amount"], "500.00");
        // The reading itself is part of what is held.
        assert_eq!(data["readings"][0]["reader_kind"], "customer", "{data}");
        let bob = staff(app, "bob", &["privacy"]);
        let purpose = "to answer a letter";
        let by_member = json!({
            "customer": { "partner": "sunny-travel", "member": reference }, "purpose": purpose,
        });
        let by_phone = json!({ "phone": phone_of("t-1"), "purpose": purpose });
        for asked in [&by_member, &by_phone] {
            let found = bob.send("/v1/customers/data", asked).await;
            assert_eq!(found.status, 200, "{found:?}");
            assert_eq!(found.body["referrals"][0]["contact"]["phone"], phone_of("t-1"));
        }
        let ann = staff(app, "ann", &["adjust", "approve", "read"]);
        assert_eq!(ann.send("/v1/customers/data", &by_phone).await.told(), (403, "role-missing"));
        for (wrong, told) in [
            (json!({ "phone": phone_of("t-1") }), (422, "invalid")),
            (json!({ "phone": "19900001234", "purpose": purpose }), (422, "invalid")),
            (json!({ "phone": "+8619900009999", "purpose": purpose }), (404, "not-found")),
        ] {
            assert_eq!(bob.send("/v1/customers/data", &wrong).await.told(), told, "{wrong}");
        }
        // An answer with a person's data is kept for nobody.
        let request = bob.request(Method::POST, "/v1/customers/data").header("Idempotency-Key", "k-1");
        assert_eq!(Answer::of(request.json(&by_phone)).await.status, 200);
        assert!(idempotency_keys::count_by_key(&mut app.trial.db()).unwrap().is_empty());

        let all = bob.get("/v1/readings?limit=100").await.body;
        let of_referral: Vec<&Value> = all["readings"].as_array().unwrap().iter()
            .filter(|it| it["subject"] == outcome["id"]).collect();
        assert_eq!(of_referral.len(), 4, "{all}");
        assert_eq!((&of_referral[0]["reader"], &of_referral[0]["purpose"]), (&json!("bob"), &json!(purpose)));
        assert!(!all.to_string().contains(&phone_of("t-1")));
        let subject = format!("/v1/readings?limit=1&subject={}", outcome["id"].as_str().unwrap());
        let first = bob.get(&subject).await.body;
        let second = bob.get(&format!("{subject}&cursor={}", first["next"].as_str().unwrap())).await.body;
        assert_eq!(second["readings"][0], *of_referral[1]);
        // The person is told that staff read it, and what for; not which of them.
        let data = person.get("/v1/customers/me/data").await.body;
        let by_staff = data["readings"].as_array().unwrap().iter().find(|it| it["reader_kind"] == "staff");
        let by_staff = by_staff.unwrap();
        assert_eq!((&by_staff["purpose"], &by_staff["reader"]), (&json!(purpose), &Value::Null));
    }
}

on_both_stores! {
    async fn what_is_held_can_be_read_as_a_page_in_two_languages(app) {
        app.leads_may_wait = true; // there is no CRM in this test
        let (person, _reference, _outcome) = referred(app, "t-1").await;
        for (lang, title, points) in
            [("en", "What we hold about you", "points"), ("zh-CN", "我们持有的您的信息", "积分")]
        {
            let path = format!("/v1/customers/me/data?lang={lang}");
            let page = Answer::of(person.request(Method::GET, &path).header("Accept", "text/html")).await;
            assert_eq!(page.status, 200);
            assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
            let phone = phone_of("t-1");
            for shown in [title, points, "Test Person", &phone, "privacy@bank.example", "500.00"] {
                assert!(page.text.contains(shown), "{shown} in {}", page.text);
            }
            assert!(!page.text.contains("<script"), "{}", page.text);
        }
        assert_eq!(person.get("/v1/customers/me/data?lang=fr").await.told(), (400, "parameter"));
        // What somebody wrote is text on it, whatever it looks like.
        let mut event = referral("t-2", "travel-loan", "9000.00", "old-town");
        event["data"]["contact"]["name"] = json!("<b>Test & Person</b>");
        event["data"]["contact"]["phone"] = json!("+8619900008888");
        event["data"]["member"] = json!(member(&person, "sunny-travel").await);
        app.partner("sunny-travel").await.record(&event).await;
        let request = person.request(Method::GET, "/v1/customers/me/data");
        let page = Answer::of(request.header("Accept", "text/html")).await.text;
        assert!(page.contains("Test &#38; Person") && !page.contains("<b>Test"), "{page}");
    }
}

/// Waits until the gateway has erased by itself what has outlived its period.
async fn until_erased(app: &TestApp, reason: &str) -> Value {
    let bob = staff(app, "bob", &["privacy"]);
    for tries in 0.. {
        let list = bob.get("/v1/erasures").await.body;
        let found = list["erasures"]
            .as_array()
            .unwrap()
            .iter()
            .find(|it| it["reason"].as_str().unwrap().contains(reason))
            .cloned();
        if let Some(found) = found {
            return found;
        }
        assert!(tries < 1_800, "never erased: {reason}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Value::Null
}

on_both_stores! {
    async fn what_has_outlived_its_period_goes_by_itself_with_a_certificate(app) {
        app.leads_may_wait = true; // there is no CRM in this test
        let (_person, _reference, old) = referred(app, "t-1").await;
        let (_person, _reference, young) = referred(app, "t-2").await;
        let (hex, days) = (id_of(&old).bytes().iter().map(|b| format!("{b:02x}")).collect::<String>(), 181);
        let past = tallystick::clock::now().minus(chrono::TimeDelta::days(days)).naive();
        let literal = match app.trial.db() {
            Db::Postgres(_) => format!("'\\x{hex}'"),
            Db::Sqlite(_) => format!("x'{hex}'"),
        };
        run_sql(&app.trial, &format!(
            "UPDATE personal_data SET recorded_at = '{}' WHERE id = {literal}",
            past.format("%Y-%m-%d %H:%M:%S%.6f")
        )).unwrap();
        let certificate = until_erased(app, "leads beyond 180 days").await;
        assert_eq!(certificate["by"], "program");
        assert_eq!((&certificate["erased"]["contacts"], &certificate["erased"]["referrals"]),
            (&json!(1), &json!([old["id"]])));
        assert!(!personal::is_kept(&mut app.trial.db(), id_of(&old)).unwrap());
        assert!(personal::is_kept(&mut app.trial.db(), id_of(&young)).unwrap());
        // Where the proof of a consent is, once its own, longer period is over.
        let past = tallystick::clock::now().minus(chrono::TimeDelta::days(1826)).naive();
        run_sql(&app.trial, &format!(
            "UPDATE consents SET recorded_at = '{}'", past.format("%Y-%m-%d %H:%M:%S%.6f")
        )).unwrap();
        let certificate = until_erased(app, "consents beyond 1825 days").await;
        assert_eq!(certificate["erased"]["consents"], 2);
        let path = format!("/v1/consents/{}", young["consent"].as_str().unwrap());
        let receipt = app.partner("sunny-travel").await.get(&path).await.body;
        assert_eq!((&receipt["evidence"], &receipt["text_version"]), (&json!(""), &json!("2026-10")));
    }
}

on_both_stores! {
    async fn where_a_customer_agreed_to_be_contacted_goes_with_all_else(app) {
        let person = customer(app, "c-1");
        member(&person, "sunny-travel").await;
        let agreed = include_str!("../../src/http/openapi/examples/contact.json");
        let agreed: Value = serde_json::from_str(agreed).unwrap();
        assert_eq!(person.send("/v1/customers/me/contact", &agreed).await.status, 201);
        let done = Answer::of(person.request(Method::POST, "/v1/customers/me/erasure")).await;
        let erased = &done.body["erased"];
        assert_eq!((&erased["contacts"], &erased["withdrawals"]), (&json!(1), &json!(1)), "{done:?}");
        let again = Answer::of(person.request(Method::POST, "/v1/customers/me/contact/withdrawal")).await;
        assert_eq!(again.told(), (404, "not-found"));
    }
}
