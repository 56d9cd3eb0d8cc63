//! A request with an `Idempotency-Key` is done once: the same again gets the first one's answer.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use reqwest::Method;
use serde_json::{Value, json};
use tallystick::store::Db;

use crate::crash::Served;
use crate::harness::{
    Answer, Partner, Store, TestApp, Trial, adjustment, count, customer, payment, staff, wait_until,
};

async fn post(caller: &Partner, path: &str, key: &str, body: &Value) -> Answer {
    let request = caller.request(Method::POST, path).header("idempotency-key", key).json(body);
    Answer::of(request).await
}

fn basket(gross: &str) -> Value {
    json!({ "member": "m-1", "currency": "CNY", "gross": gross })
}

fn slug(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.body["type"].as_str().unwrap_or_default())
}

fn sql(app: &TestApp, sql: &str) {
    match app.trial.db() {
        Db::Postgres(mut db) => db.batch_execute(sql).unwrap(),
        Db::Sqlite(mut db) => db.batch_execute(sql).unwrap(),
    }
}

fn rows(app: &TestApp) -> i64 {
    count(&app.trial, "SELECT COUNT(*) AS count FROM idempotency_keys")
}

on_both_stores! {
    async fn the_same_request_again_gets_the_first_answer_to_the_byte(app) {
        let shop = app.partner("green-basket").await;
        let first = post(&shop, "/v1/quotes", "\"k-1\"", &basket("230.50")).await;
        assert_eq!(first.status, 201, "{first:?}");
        assert!(!first.headers.contains_key("idempotency-replayed"));
        app.restart().await;
        let shop = app.partner("green-basket").await;
        // Bare, as many clients send it, it is the same key.
        let again = post(&shop, "/v1/quotes", "k-1", &basket("230.50")).await;
        assert_eq!((again.status.as_u16(), &again.text), (201, &first.text));
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_eq!(again.headers["content-type"], first.headers["content-type"]);
        for other in [
            post(&shop, "/v1/quotes", "k-2", &basket("230.50")).await,
            post(&app.partner("blue-basket").await, "/v1/quotes", "k-1", &basket("230.50")).await,
            Answer::of(shop.request(Method::POST, "/v1/quotes").json(&basket("230.50"))).await,
        ] {
            assert_eq!(other.status, 201);
            assert_ne!(other.body["quote"], first.body["quote"]);
        }
    }
}

on_both_stores! {
    async fn a_key_that_is_another_requests_or_no_key_at_all_is_refused(app) {
        let shop = app.partner("green-basket").await;
        post(&shop, "/v1/quotes", "k-1", &basket("230.50")).await;
        let other = post(&shop, "/v1/quotes", "k-1", &basket("230.51")).await;
        assert_eq!(slug(&other), (422, "/problems/idempotency-mismatch"));
        assert_eq!(other.body["request_id"].as_str(), other.headers["x-request-id"].to_str().ok());
        let event = payment("p-1", "m-1", "10.00", "0.00");
        // Another route, another key.
        assert_eq!(post(&shop, "/v1/events", "k-1", &event).await.status, 201);
        for bad in ["\"\"", "two words", "\"unended"] {
            let refused = post(&shop, "/v1/events", bad, &event).await;
            assert_eq!(slug(&refused), (400, "/problems/idempotency-key"), "{bad}");
        }
        // Who may not ask is not told what was answered.
        let nobody = Partner::with_token(&app.url(), "x.y.z");
        assert_eq!(post(&nobody, "/v1/quotes", "k-1", &basket("230.50")).await.status, 401);
    }
}

on_both_stores! {
    async fn concurrent_twins_are_answered_once(app) {
        let shop = app.partner("green-basket").await;
        let posts = (0..20).map(|_| {
            let shop = shop.clone();
            tokio::spawn(async move { post(&shop, "/v1/quotes", "k-1", &basket("230.50")).await })
        });
        let (mut texts, mut first) = (std::collections::BTreeSet::new(), 0);
        for post in posts.collect::<Vec<_>>() {
            let answer = post.await.unwrap();
            assert_eq!(answer.status, 201, "{answer:?}");
            first += i32::from(!answer.headers.contains_key("idempotency-replayed"));
            texts.insert(answer.text);
        }
        assert_eq!((first, texts.len()), (1, 1), "{texts:?}");
    }
}

on_both_stores! {
    async fn customers_and_staff_have_keys_of_their_own_and_codes_are_not_kept_in_the_clear(app) {
        let person = customer(app, "c-1");
        let linked = post(&person, "/v1/customers/me/members/green-basket", "k", &json!({})).await;
        assert_eq!(linked.status, 200, "{linked:?}");
        let first = post(&person, "/v1/customers/me/codes", "k", &json!({})).await;
        let again = post(&person, "/v1/customers/me/codes", "k", &json!({})).await;
        assert_eq!((again.status.as_u16(), &again.text), (201, &first.text));
        let code = first.body["code"].as_str().unwrap();
        if let Ok(bytes) = std::fs::read(app.trial.folder.path().join("test.db-wal")) {
            assert!(!bytes.windows(16).any(|window| window == code.as_bytes()));
        }
        let shop = app.partner("green-basket").await;
        shop.record(&payment("p-1", "m-1", "88.50", "0.00")).await;
        let clerk = staff(app, "clerk", &["adjust"]);
        let body = adjustment("case-1", "m-1", "5.00");
        let first = post(&clerk, "/v1/adjustments", "k", &body).await;
        assert_eq!(first.status, 201, "{first:?}");
        let again = post(&clerk, "/v1/adjustments", "k", &body).await;
        // 201 as it was, where without a key the same step gets 200.
        assert_eq!((again.status.as_u16(), &again.text), (201, &first.text));
        // A key does not lend its owner's role to another.
        let reader = staff(app, "clerk", &["read"]);
        assert_eq!(slug(&post(&reader, "/v1/adjustments", "k", &body).await).0, 403);
    }
}

on_both_stores! {
    async fn a_refusal_is_kept_and_what_says_to_come_back_is_not(app) {
        let shop = app.partner("green-basket").await;
        let wrong = post(&shop, "/v1/quotes", "k-1", &basket("x")).await;
        let again = post(&shop, "/v1/quotes", "k-1", &basket("x")).await;
        assert_eq!(slug(&again), (422, "/problems/invalid"));
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_eq!(again.headers["content-type"], "application/problem+json");
        assert_eq!(again.body["problems"], wrong.body["problems"]);
        let slow = app.partner("slow-basket").await;
        let mut limited = 0;
        for _ in 0..20 {
            let answer = post(&slow, "/v1/quotes", "k-2", &basket("10.00")).await;
            match answer.status.as_u16() {
                429 => limited += 1,
                status => assert_eq!(status, 201),
            }
        }
        assert!(limited > 0);
        let fresh = (0..20).map(|number| format!("k-3-{number}"));
        let mut refused = None;
        for key in fresh {
            if post(&slow, "/v1/quotes", &key, &basket("10.00")).await.status == 429 {
                refused = Some(key);
                break;
            }
        }
        let key = refused.unwrap();
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let answer = post(&slow, "/v1/quotes", &key, &basket("10.00")).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        assert!(!answer.headers.contains_key("idempotency-replayed"));
    }
}

on_both_stores! {
    async fn a_twin_at_work_is_a_conflict_and_one_that_died_is_taken_over(app) {
        let shop = app.partner("green-basket").await;
        let event = payment("p-1", "m-1", "10.00", "0.00");
        let first = post(&shop, "/v1/events", "k-1", &event).await;
        assert_eq!(first.status, 201);
        // As if the gateway had been killed between the work and its record.
        sql(app, "UPDATE idempotency_keys SET status = NULL, answer = NULL, key_id = NULL");
        let under_way = post(&shop, "/v1/events", "k-1", &event).await;
        assert_eq!(slug(&under_way), (409, "/problems/idempotency-conflict"));
        assert_eq!(under_way.headers["retry-after"], "1");
        sql(app, "UPDATE idempotency_keys SET lease_until = '2026-01-01 00:00:00'");
        // Done again, which the event's id makes safe; its answer is then kept.
        let again = post(&shop, "/v1/events", "k-1", &event).await;
        assert_eq!((again.status.as_u16(), &again.text), (200, &first.text));
        let kept = post(&shop, "/v1/events", "k-1", &event).await;
        assert_eq!((kept.status.as_u16(), &kept.text), (200, &first.text));
        // Without a key there is no row, and once its day is over a row goes.
        assert_eq!(rows(app), 1);
        shop.record(&payment("p-2", "m-1", "10.00", "0.00")).await;
        assert_eq!(rows(app), 1);
        sql(app, "UPDATE idempotency_keys SET expires_at = '2026-01-01 00:00:00'");
        wait_until(0, async || rows(app)).await;
    }
}

on_both_stores! {
    async fn a_batch_with_a_key_may_be_as_large_as_one_without(app) {
        let shop = app.partner("green-basket").await;
        let batch: Vec<Value> =
            (0..600).map(|it| payment(&format!("p-{it}"), "m-1", "1.00", "0.00")).collect();
        let batch = Value::Array(batch);
        assert!(batch.to_string().len() > 64 * 1024);
        let first = post(&shop, "/v1/events:batch", "k-1", &batch).await;
        assert_eq!(first.status, 200);
        let again = post(&shop, "/v1/events:batch", "k-1", &batch).await;
        assert_eq!(again.text, first.text);
        assert_eq!(again.headers["idempotency-replayed"], "true");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twins_at_two_gateways_are_answered_once() {
    let trial = Trial::on(Store::Postgres);
    let gateways = [Served::start(&trial, &[]), Served::start(&trial, &[])];
    let left = gateways[0].partner(&trial, "green-basket").await;
    let right = gateways[1].partner(&trial, "green-basket").await;
    for round in 0..10 {
        let key = format!("k-{round}");
        let body = basket("230.50");
        let (one, other) = tokio::join!(
            post(&left, "/v1/quotes", &key, &body),
            post(&right, "/v1/quotes", &key, &body)
        );
        assert_eq!((one.status.as_u16(), &one.text), (201, &other.text));
    }
    for gateway in gateways {
        assert!(gateway.stop().success());
    }
}
