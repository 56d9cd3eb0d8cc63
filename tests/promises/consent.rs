//! No referral becomes a lead without consent, and nobody's data is kept or shown without need.

use serde_json::json;
use tallystick::store::{outbox, personal};

use crate::harness::{TestApp, phone_of, referral};

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
        assert!(personal::get(&mut app.trial.db(), id).unwrap().is_none());
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
    async fn a_qualified_referral_earns_its_rewards_at_once(app) {
        app.leads_may_wait = true; // there is no CRM in this test
        let travel = app.partner("sunny-travel").await;
        let mut event = referral("t-1", "travel-loan", "9000.00", "old-town");
        event["data"]["member"] = json!("traveller-1");
        let receipt = travel.record(&event).await;
        let posted: Vec<String> = receipt["postings"].as_array().unwrap().iter()
            .map(|it| format!("{} {}", it["account"].as_str().unwrap(), it["amount"].as_str().unwrap()))
            .collect();
        assert_eq!(posted, [
            "commission_payable 80.00", "referral_expense -80.00",
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
