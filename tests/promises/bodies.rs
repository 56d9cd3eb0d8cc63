//! What a body says is read as the standards write it, or refused with what was seen.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Partner, payment, referral, refund};

async fn post(partner: &Partner, path: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = partner.request(Method::POST, path);
    Answer::of(request.header("content-type", "application/json").body(body)).await
}

fn pointer(answer: &Answer) -> &str {
    answer.body["problems"][0]["pointer"].as_str().unwrap_or_default()
}

on_both_stores! {
    async fn a_name_that_appears_twice_is_refused_by_name_in_every_body(app) {
        let shop = app.partner("green-basket").await;
        let text = payment("p-1", "m-1", "900.00", "0.00").to_string();
        let twice = text.replacen("\"paid\"", "\"paid\":\"10.00\",\"paid\"", 1);
        let answer = post(&shop, "/v1/events", twice.clone()).await;
        assert_eq!((answer.status.as_u16(), pointer(&answer)), (422, "/data/paid"));
        let two_ids = text.replacen("\"id\"", "\"id\":\"p-0\",\"id\"", 1);
        assert_eq!(pointer(&post(&shop, "/v1/events", two_ids).await), "/id");
        // In a batch only the item itself is refused.
        let good = payment("p-9", "m-1", "1.00", "0.00");
        let surrogate = good.to_string().replace("\"m-1\"", "\"\\udc00\"");
        let batch = format!("[{twice},\n{good}, {surrogate}, 1e400, {{}}]");
        let batch = post(&shop, "/v1/events:batch", batch).await;
        let outcomes = batch.body["outcomes"].as_array().unwrap();
        let statuses: Vec<&Value> = outcomes.iter().map(|it| &it["status"]).collect();
        assert_eq!(statuses, [422, 201, 400, 400, 422], "{}", batch.text);
        assert_eq!(outcomes[0]["problem"]["problems"][0]["pointer"], "/data/paid");
        assert!(outcomes[2]["problem"]["detail"].as_str().unwrap().contains(": line 2, column "));
        let data = good["data"].to_string().replacen("\"paid\"", "\"paid\":\"1.00\",\"paid\"", 1);
        let mut binary = shop.request(Method::POST, "/v1/events").header("content-type", "application/json");
        for (name, value) in [("specversion", "1.0"), ("id", "p-8"), ("source", "/t"),
            ("type", "payment.discounted"), ("time", "2026-11-02T10:15:30Z")] {
            binary = binary.header(format!("ce-{name}"), value);
        }
        assert_eq!(pointer(&Answer::of(binary.body(data)).await), "/data/paid");
        let lines = shop.request(Method::POST, "/v1/events:stream");
        let lines = lines.header("content-type", "application/x-ndjson").body(format!("{twice}\n{text}\n"));
        let lines = Answer::of(lines).await.text;
        let statuses: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&statuses[0]["status"], &statuses[1]["status"]), (&json!(422), &json!(201)));
        let quote = r#"{"member":"m-1","currency":"CNY","gross":"1.00","gross":"2.00"}"#;
        assert_eq!(pointer(&post(&shop, "/v1/quotes", quote).await), "/gross");
        let clerk = crate::harness::staff(app, "clerk-1", &["adjust"]);
        let given = crate::harness::adjustment("a-1", "m-1", "1.00").to_string();
        let given = given.replacen("\"points\"", "\"points\":\"9.00\",\"points\"", 1);
        assert_eq!(pointer(&post(&clerk, "/v1/adjustments", given).await), "/points");
        // An attribute that comes in two headers is not decided by their order.
        let headers = [("ce-specversion", "1.0"), ("ce-id", "p-7"), ("ce-id", "p-8"),
            ("ce-source", "/t"), ("ce-type", "payment.discounted"), ("ce-time", "2026-11-02T10:15:30Z")];
        let mut request = shop.request(Method::POST, "/v1/events").header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let data = payment("p", "m-1", "1.00", "0.00")["data"].to_string();
        let answer = Answer::of(request.body(data)).await;
        assert_eq!((answer.status.as_u16(), pointer(&answer)), (422, "/id"), "{}", answer.text);
    }
}

on_both_stores! {
    async fn a_body_that_is_not_taken_is_told_why(app) {
        let shop = app.partner("green-basket").await;
        let good = payment("p-1", "m-1", "1.00", "0.00").to_string();
        let marked = format!("\u{feff}{good}");
        assert_eq!(post(&shop, "/v1/events", marked).await.status, 201);
        let cases = [
            (String::new(), "the body is empty"),
            (good.replace("\"m-1\"", "\"\\udc00\""), "an unpaired surrogate"),
            (good.replace("\"CNY\"", "1e400"), "out of range"),
            ("[".repeat(300), "nested too deeply"),
            (good.trim_end_matches('}').to_owned(), "ends too early"),
            (format!("{good}{good}"), "more than one value"),
        ];
        for (body, why) in cases {
            let answer = post(&shop, "/v1/events", body).await;
            assert_eq!(answer.status, 400, "{why}: {}", answer.text);
            assert!(answer.body["detail"].as_str().unwrap().contains(why), "{}", answer.text);
        }
        for (attribute, value) in [
            ("datacontenttype", json!("text/xml")),
            ("datacontenttype", json!("application/json; charset=gbk")),
            ("datacontenttype", json!(5)),
            ("ext", json!({ "x": 1 })),
            ("ext", json!([1])),
        ] {
            let mut event = payment("p-3", "m-1", "1.00", "0.00");
            event[attribute] = value;
            let refused = shop.refused(&event).await.2;
            assert_eq!(refused["problems"][0]["pointer"], format!("/{attribute}"), "{refused}");
        }
        for (attribute, value) in [
            ("datacontenttype", json!("application/json; charset=UTF-8")),
            ("ext", json!(true)),
        ] {
            let mut event = payment(&format!("p-{attribute}"), "m-1", "1.00", "0.00");
            event[attribute] = value;
            shop.record(&event).await;
        }
        let mut event = payment("p-2", "m-1", "1.00", "0.00");
        event["data_base64"] = json!("e30=");
        let (_status, _slug, body) = shop.refused(&event).await;
        assert!(body.to_string().contains("binary data is not taken here"), "{body}");
    }
}

on_both_stores! {
    async fn stores_orders_stages_and_lines_may_be_chinese(app) {
        let shop = app.partner("green-basket").await;
        let mut event = payment("p-1", "m-1", "10.00", "0.00");
        event["data"]["store"] = json!("解放路门店 3");
        event["data"]["order"] = json!("订单-１２");
        event["data"]["stage"] = json!("定金");
        event["data"]["lines"] = json!([{ "line": "第1行", "category": "茶", "paid": "10.00" }]);
        shop.record(&event).await;
        let mut back = refund("r-1", "p-1", "4.00");
        back["data"]["lines"] = json!([{ "line": "第1行", "amount": "4.00" }]);
        shop.record(&back).await;
        // The same order and stage under another id is the same payment.
        event["id"] = json!("p-2");
        assert_eq!(shop.post(&event).await.status, 200);
        for (field, value, says) in [
            ("store", json!("店".repeat(129)), "not a valid store: 1 to 128 characters"),
            ("order", json!(" o-1"), "not a valid order number"),
            ("stage", json!("\u{200b}"), "not a valid stage"),
            ("member", json!("m".repeat(300)), "not a valid member reference: 1 to 64"),
        ] {
            let mut wrong = payment("p-3", "m-1", "10.00", "0.00");
            wrong["data"][field] = value;
            let (status, _slug, body) = shop.refused(&wrong).await;
            assert_eq!(status, 422);
            assert!(body.to_string().contains(says), "{field}: {body}");
        }
        let mut long = payment("p-4", "m-1", "10.00", "0.00");
        for length in [129, 300] {
            long["id"] = json!("x".repeat(length));
            let (_status, _slug, body) = shop.refused(&long).await;
            assert!(body.to_string().contains("not a valid event id: 1 to 128"), "{body}");
        }
    }
}

on_both_stores! {
    async fn a_referral_of_nobody_is_refused(app) {
        app.leads_may_wait = true; // there is no CRM in this test
        let agency = app.partner("sunny-travel").await;
        let with = |field: &str, value: &str| {
            let mut event = referral("t-1", "travel-loan", "5000.00", "harbour");
            *event.pointer_mut(field).unwrap() = json!(value);
            event
        };
        let cases = [
            ("/data/contact/name", "\u{3000}\u{3000}"),
            ("/data/contact/name", "\u{200b}"),
            ("/data/contact/name", "\u{202e}gnaw"),
            ("/data/contact/name", "-"),
            ("/data/contact/name", "\u{3164}"),
            ("/data/contact/email", "@"),
            ("/data/contact/email", "a b@c"),
            ("/data/contact/email", "a@"),
            ("/data/contact/email", "@b.example"),
            ("/data/contact/email", "a@b..example"),
            ("/data/consent/evidence", " "),
            ("/data/consent/purpose", "\u{200b}"),
            ("/data/region", "\u{3000}"),
        ];
        for (field, value) in cases {
            let answer = agency.post(&with(field, value)).await;
            assert_eq!((answer.status.as_u16(), pointer(&answer)), (422, field), "{value:?}");
        }
        for name in ["王小明", "Ō"] {
            let answer = agency.post(&with("/data/contact/name", name)).await;
            assert!(answer.status == 201 || answer.status == 409, "{name}: {}", answer.text);
        }
    }
}

on_both_stores! {
    async fn binary_mode_is_percent_decoded(app) {
        let shop = app.partner("green-basket").await;
        let mut structured = payment("promo-50%-off-1", "m-1", "10.00", "0.00");
        structured["source"] = json!("/a \"b\" é");
        shop.record(&structured).await;
        let post = async |id: &str, time: &str| {
            let request = shop.request(Method::POST, "/v1/events")
                .header("content-type", "application/json")
                .header("ce-specversion", "1.0").header("ce-id", id)
                .header("ce-source", "/a%20%22b%22%20%C3%A9")
                .header("ce-type", "payment.discounted").header("ce-time", time);
            Answer::of(request.body(structured["data"].to_string())).await
        };
        let same = post("promo-50%25-off-1", "2026-11-02T10%3A15%3A30Z").await;
        assert_eq!(same.status, 200, "{}", same.text);
        let quoted = post("\"promo-50%25-off-1\"", "2026-11-02T10:15:30Z").await;
        assert_eq!(quoted.status, 200, "{}", quoted.text);
        for broken in ["50%", "50%zz", "%ff"] {
            let answer = post(broken, "2026-11-02T10:15:30Z").await;
            assert_eq!((answer.status.as_u16(), pointer(&answer)), (422, "/id"), "{broken}");
        }
    }
}
