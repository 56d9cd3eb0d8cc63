//! After a withdrawal or an erasure nothing of the person is left or sent, by whichever way it came
//! in: the whole database is searched for what went in.

use chrono::{Datelike, Months};
use diesel::prelude::*;
use diesel::sql_types::Text;
use serde_json::{Value, json};
use tallystick::clock;
use tallystick::store::Db;

use crate::harness::{Partner, TestApp, count, customer, member, payment, phone_of, wait_until};

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    column_name: String,
}

/// Every column of every table.
fn columns(app: &TestApp) -> Vec<Column> {
    match app.trial.db() {
        Db::Postgres(mut db) => diesel::sql_query(
            "SELECT table_name::TEXT, column_name::TEXT FROM information_schema.columns \
             WHERE table_schema = current_schema()",
        )
        .load(&mut db)
        .unwrap(),
        Db::Sqlite(mut db) => diesel::sql_query(
            "SELECT m.name AS table_name, c.name AS column_name \
             FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'",
        )
        .load(&mut db)
        .unwrap(),
    }
}

/// Where these values stand in the clear.
fn found(app: &TestApp, values: &[&str]) -> Vec<String> {
    let is_postgres = matches!(app.trial.db(), Db::Postgres(_));
    let mut places = Vec::new();
    for Column { table_name, column_name } in columns(app) {
        for value in values {
            let holds = if is_postgres {
                let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
                format!(
                    "position('{value}' IN \"{column_name}\"::TEXT) > 0 \
                     OR position('{hex}' IN \"{column_name}\"::TEXT) > 0"
                )
            } else {
                format!("instr(CAST(\"{column_name}\" AS TEXT), '{value}') > 0")
            };
            let sql = format!("SELECT COUNT(*) AS count FROM \"{table_name}\" WHERE {holds}");
            if count(&app.trial, &sql) > 0 {
                places.push(format!("{table_name}.{column_name}: {value}"));
            }
        }
    }
    places
}

fn rows(app: &TestApp, of: &str) -> i64 {
    count(&app.trial, &format!("SELECT COUNT(*) AS count FROM {of}"))
}

/// A customer who agreed to be contacted, and whose purchases have made a lead.
async fn lead_by_behaviour(app: &mut TestApp) -> Partner {
    app.leads_may_wait = true; // there is no CRM in this test
    let shop = app.partner("green-basket").await;
    let person = customer(app, "regular");
    let reference = member(&person, "green-basket").await;
    let today = clock::now().utc().date_naive().with_day(1).unwrap();
    for back in 1..=3 {
        let day = today.checked_sub_months(Months::new(back)).unwrap();
        let mut event = payment(&format!("p-{back}"), &reference, "400.00", "30.00");
        event["time"] = json!(format!("{day}T04:00:00Z"));
        shop.record(&event).await;
    }
    let agreed = person.send("/v1/customers/me/contact", &agreement()).await;
    assert_eq!(agreed.status, 201, "{agreed:?}");
    wait_until(1, async || rows(app, "referrals")).await;
    person
}

fn agreement() -> Value {
    json!({
        "contact": { "name": "Vergissmeinnicht", "phone": phone_of("regular") },
        "region": "harbour",
        "consent": {
            "purpose": "to be told of products that fit", "text_version": "2026-10",
            "text_sha256": "7d865e959b2466918c9863afca942d0fb89d7c9ac0c99bafc3749504ded97730",
            "channel": "app", "evidence": "login-1", "given_at": "2026-11-02T10:15:00Z",
        },
    })
}

fn nothing_is_left(app: &TestApp) {
    let phone = phone_of("regular");
    let digits = phone.trim_start_matches('+').to_owned();
    assert_eq!(found(app, &["Vergissmeinnicht", &phone, &digits]), Vec::<String>::new());
    assert_eq!((rows(app, "personal_data"), rows(app, "signed_contents")), (0, 0));
    assert_eq!(rows(app, "consents WHERE withdrawn_at IS NULL"), 0);
    assert_eq!(rows(app, "referrals WHERE state = 'withdrawn'"), 1);
    assert_eq!(tallystick::store::outbox::depth(&mut app.trial.db()).unwrap().waiting, 0);
}

on_both_stores! {
    async fn an_erasure_reaches_the_lead_that_behaviour_made(app) {
        let person = lead_by_behaviour(app).await;
        let shown = person.get("/v1/customers/me/data").await.body;
        assert!(shown.to_string().contains("Vergissmeinnicht"), "{shown}");
        let consents = person.get("/v1/customers/me/consents").await.body;
        assert!(consents.to_string().contains("to be told of products"), "{consents}");
        let erased = person.send("/v1/customers/me/erasure", &json!({})).await;
        assert_eq!(erased.status, 201, "{erased:?}");
        nothing_is_left(app);
    }
}

on_both_stores! {
    async fn a_withdrawal_leaves_no_copy_under_the_lead(app) {
        let person = lead_by_behaviour(app).await;
        let withdrawn = person.send("/v1/customers/me/contact/withdrawal", &json!({})).await;
        assert_eq!(withdrawn.status, 200, "{withdrawn:?}");
        nothing_is_left(app);
    }
}
