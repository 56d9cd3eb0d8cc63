//! Customers and staff have rates, and a caller that is refused leaves nothing behind.

use reqwest::Method;
use serde_json::json;

use crate::harness::{Answer, Partner, Store, TestApp, Trial, customer, payment, staff};

/// Asks until it is told to wait; whether that came within so many requests.
async fn told_to_wait(caller: &Partner, path: &str, within: usize) -> Option<Answer> {
    for _ in 0..within {
        let answer = caller.get(path).await;
        if answer.status == 429 {
            return Some(answer);
        }
        assert!(answer.status.is_success() || answer.status == 404, "{answer:?}");
    }
    None
}

async fn people_are_told_to_wait(app: &mut TestApp) {
    let person = customer(app, "c-1");
    let limited = told_to_wait(&person, "/v1/customers/me/data", 200).await.unwrap();
    assert_eq!(limited.told(), (429, "rate-limited"));
    assert_eq!(limited.headers["retry-after"], "1");
    assert_eq!(limited.headers["ratelimit-policy"], "\"requests\";q=4;w=2");
    // Another person has a rate of their own.
    assert_eq!(customer(app, "c-2").get("/v1/customers/me/points").await.status, 200);
    let clerk = staff(app, "s-1", &["read"]);
    assert!(told_to_wait(&clerk, "/v1/corrections", 200).await.is_some());
    assert_eq!(staff(app, "s-2", &["read"]).get("/v1/corrections").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_and_a_member_of_staff_above_their_rate_are_told_to_wait() {
    for store in [Store::Sqlite, Store::Postgres] {
        let mut trial = Trial::on(store);
        trial.settings.customer_requests_per_second = 2;
        trial.settings.staff_requests_per_second = 2;
        trial.run(people_are_told_to_wait).await;
    }
}

/// Rows of idempotency keys, whatever state they are in.
fn keys_kept(app: &TestApp) -> i64 {
    use diesel_rows::count;
    count(&mut app.trial.db(), "idempotency_keys")
}

mod diesel_rows {
    use tallystick::store::Db;

    pub fn count(db: &mut Db, table: &str) -> i64 {
        use diesel::RunQueryDsl;
        #[derive(diesel::QueryableByName)]
        struct Rows {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            rows: i64,
        }
        let query = diesel::sql_query(format!("SELECT count(*) AS rows FROM {table}"));
        let found: Rows = match db {
            Db::Postgres(db) => query.get_result(db).unwrap(),
            Db::Sqlite(db) => query.get_result(db).unwrap(),
        };
        found.rows
    }
}

on_both_stores! {
    async fn a_refused_caller_with_an_idempotency_key_writes_nothing(app) {
        let slow = app.partner("slow-basket").await;
        let mut refused = 0;
        let mut taken = 0;
        for number in 0..40 {
            let event = payment(&format!("p-{number}"), "m-1", "1.00", "0.00");
            let request = slow.request(Method::POST, "/v1/events").json(&event);
            let answer = Answer::of(request.header("idempotency-key", format!("k-{number}"))).await;
            match answer.status.as_u16() {
                429 => refused += 1,
                201 => taken += 1,
                other => unreachable!("{other}: {answer:?}"),
            }
        }
        assert!(refused > 0);
        assert_eq!(keys_kept(app), taken);
        // Neither does a token without the scope, or no token.
        let clerk = staff(app, "s-1", &["read"]);
        let adjustment = json!({ "id": "a-1" });
        let request = clerk.request(Method::POST, "/v1/adjustments").json(&adjustment);
        assert_eq!(Answer::of(request.header("idempotency-key", "k-x")).await.status, 403);
        let nobody = Partner::with_token(&app.url(), "none");
        let request = nobody.request(Method::POST, "/v1/events").json(&adjustment);
        assert_eq!(Answer::of(request.header("idempotency-key", "k-y")).await.status, 401);
        assert_eq!(keys_kept(app), taken);
    }
}
