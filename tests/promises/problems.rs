//! Bad input gets a clear error: what is wrong, where, and how to correct it. Nothing of it is kept.

use reqwest::Method;
use serde_json::json;

use crate::harness::{Answer, payment};

on_both_stores! {
    async fn every_field_that_is_wrong_is_named_at_once(app) {
        let shop = app.partner("green-basket").await;
        let mut event = payment("p 1", "m-1", "88.50", "0.00");
        event["data"]["order"] = json!("order 1 ");
        event["data"]["gross"] = json!(88.5);
        event["data"]["paid"] = json!("8.505");
        event["data"]["colour"] = json!("red");
        event["time"] = json!("yesterday");
        let answer = shop.post(&event).await;
        assert_eq!(answer.status, 422);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        insta::allow_duplicates! { insta::assert_json_snapshot!("every_field", answer.body, { ".request_id" => "[id]" }); }
    }
}

on_both_stores! {
    async fn what_the_framework_refuses_is_a_problem_document_too(app) {
        let shop = app.partner("green-basket").await;
        let big = "x".repeat(100_000);
        let requests = [
            (shop.request(Method::POST, "/v1/events").header("content-type", "application/json").body("{"), 400, "malformed"),
            (shop.request(Method::POST, "/v1/events").header("content-type", "application/json").body(big), 413, "too-large"),
            (shop.request(Method::GET, "/v1/nothing"), 404, "not-found"),
            (shop.request(Method::DELETE, "/v1/events"), 405, "method-not-allowed"),
            (shop.request(Method::POST, "/v1/events:batch").header("content-type", "application/json").body("{}"), 422, "invalid"),
        ];
        for (request, status, slug) in requests {
            let answer = Answer::of(request).await;
            let seen = (answer.status.as_u16(), answer.body["type"].as_str().unwrap_or_default());
            assert_eq!(seen, (status, format!("/problems/{slug}").as_str()), "{}", answer.text);
            assert_eq!(answer.headers["content-type"], "application/problem+json");
            assert!(answer.headers.contains_key("x-request-id"));
        }
    }
}

on_both_stores! {
    async fn one_bad_event_of_a_batch_does_not_fail_its_neighbours(app) {
        let shop = app.partner("green-basket").await;
        let answer = shop
            .post_batch(&[
                payment("p-1", "m-1", "10.00", "0.00"),
                json!({ "specversion": "1.0" }),
                json!(7),
                payment("p-2", "m-1", "20.00", "0.00"),
            ])
            .await;
        let statuses: Vec<i64> = answer.body["outcomes"]
            .as_array().unwrap().iter().map(|it| it["status"].as_i64().unwrap()).collect();
        assert_eq!(statuses, [201, 422, 422, 201]);
    }
}

on_both_stores! {
    async fn a_batch_beyond_its_size_is_refused_whole(app) {
        let shop = app.partner("green-basket").await;
        let events: Vec<_> = (0..1001)
            .map(|number| payment(&format!("p-{number}"), "m-1", "1.00", "0.00"))
            .collect();
        let answer = shop.post_batch(&events).await;
        assert_eq!((answer.status.as_u16(), &answer.body["type"]), (413, &json!("/problems/too-large")));
        let answer = shop.post_batch(&events[..1000]).await;
        assert_eq!(answer.body["outcomes"].as_array().unwrap().len(), 1000);
        assert!(answer.body["outcomes"].as_array().unwrap().iter().all(|it| it["status"] == 201));
    }
}

on_both_stores! {
    async fn a_time_in_the_future_is_refused(app) {
        let shop = app.partner("green-basket").await;
        let mut event = payment("p-1", "m-1", "88.50", "0.00");
        event["time"] = json!("2034-01-01T00:00:00Z");
        let (status, slug, body) = shop.refused(&event).await;
        assert_eq!((status, slug.as_str()), (422, "event-time"));
        assert_eq!(body["problems"][0]["pointer"], "/time");
    }
}

on_both_stores! {
    async fn a_sane_request_id_comes_back_and_another_is_replaced(app) {
        let shop = app.partner("green-basket").await;
        let ask = async |id: &str| {
            let request = shop.request(Method::GET, "/healthz").header("x-request-id", id);
            Answer::of(request).await.headers["x-request-id"].to_str().unwrap().to_owned()
        };
        assert_eq!(ask("till-7-0001").await, "till-7-0001");
        assert_ne!(ask("<script>").await, "<script>");
    }
}
