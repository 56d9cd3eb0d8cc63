//! HTTP and CloudEvents as the standards write them: content types, modes and encodings of events,
//! quality values, HEAD, and the method override of tus.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::harness::{Answer, Partner, TestApp, payment};
use crate::signatures::{at_home, case, check, evidence, send};

fn typed(shop: &Partner, path: &str, kind: Option<&str>, body: &Value) -> RequestBuilder {
    let request = shop.request(Method::POST, path).body(body.to_string());
    match kind {
        Some(kind) => request.header("content-type", kind),
        None => request,
    }
}

/// The same event in binary mode: attributes as they are given, in `ce-` headers.
fn binary(shop: &Partner, event: &Value, id: &str, time: &str) -> RequestBuilder {
    let text = |name: &str| event[name].as_str().unwrap().to_owned();
    shop.request(Method::POST, "/v1/events")
        .header("ce-specversion", "1.0")
        .header("ce-id", id)
        .header("ce-source", text("source"))
        .header("ce-type", text("type"))
        .header("ce-time", time)
        .json(&event["data"])
}

on_both_stores! {
    async fn a_body_of_another_type_or_charset_is_refused(app) {
        let shop = app.partner("green-basket").await;
        let event = payment("p-1", "m-1", "10.00", "0.00");
        let batch = json!([event]);
        let basket = json!({ "member": "m-1", "currency": "CNY", "gross": "10.00" });
        let wrong = [
            Some("text/plain"), Some("image/png"), Some("application/xml"),
            Some("application/x-www-form-urlencoded"), Some("application/json; charset=gbk"),
            Some("application/json;charset=\"UTF-16\""), None,
        ];
        for kind in wrong {
            for (path, body) in
                [("/v1/events", &event), ("/v1/events:batch", &batch), ("/v1/quotes", &basket)]
            {
                let answer = Answer::of(typed(&shop, path, kind, body)).await;
                assert_eq!(answer.told(), (415, "media-type"), "{path} {kind:?}");
            }
        }
        // Each lane points to the other.
        let kind = Some("application/cloudevents-batch+json");
        let answer = Answer::of(typed(&shop, "/v1/events", kind, &batch)).await;
        assert_eq!(answer.told(), (415, "media-type"));
        assert!(answer.body["detail"].as_str().unwrap().contains("/v1/events:batch"));
        let kind = Some("application/cloudevents+json");
        let answer = Answer::of(typed(&shop, "/v1/events:batch", kind, &event)).await;
        assert!(answer.body["detail"].as_str().unwrap().contains("/v1/events."), "{answer:?}");
        for (path, kind, body, status) in [
            ("/v1/events", "application/json", &event, 201),
            ("/v1/events", "Application/JSON; Charset=utf-8", &event, 200),
            ("/v1/events", "application/cloudevents+json; charset=\"UTF-8\"", &event, 200),
            ("/v1/events:batch", "application/cloudevents-batch+json", &batch, 200),
            ("/v1/events:batch", "application/json", &batch, 200),
            ("/v1/quotes", "application/json; charset=utf-8", &basket, 201),
        ] {
            let answer = Answer::of(typed(&shop, path, Some(kind), body)).await;
            assert_eq!(answer.status, status, "{path} {kind}: {answer:?}");
        }
    }
}

on_both_stores! {
    async fn binary_mode_is_decoded_so_that_an_event_is_one_in_whichever_mode(app) {
        let shop = app.partner("green-basket").await;
        let time = "2026-11-02T10:15:30Z";
        let event = payment("promo-50%-off-1", "m-1", "10.00", "0.00");
        let first = shop.record(&event).await;
        for (id, time) in [
            ("promo-50%25-off-1", time),
            ("promo%2D50%25-off-1", "2026-11-02T10%3A15%3a30Z"),
            ("\"promo-50%25-off-1\"", time),
        ] {
            let answer = Answer::of(binary(&shop, &event, id, time)).await;
            assert_eq!((answer.status.as_u16(), &answer.body), (200, &first), "{id}");
        }
        for id in ["promo-50%-off-1", "a%4", "%ff", "\"open"] {
            let answer = Answer::of(binary(&shop, &event, id, time)).await;
            assert_eq!(answer.told(), (422, "invalid"), "{id}");
            assert_eq!(answer.body["problems"][0]["pointer"], "/id", "{id}");
        }
        // A header that stands twice says nothing.
        let twice = binary(&shop, &event, "p-2", time).header("ce-id", "p-3");
        assert_eq!(Answer::of(twice).await.told(), (422, "invalid"));
        // The content type goes first: this one is structured, whatever the headers say.
        let mixed = binary(&shop, &event, "p-4", time).body(event.to_string());
        let mut mixed = mixed.build().unwrap();
        let kind = "application/cloudevents+json".parse().unwrap();
        mixed.headers_mut().insert("content-type", kind);
        let answer = reqwest::Client::new().execute(mixed).await.unwrap();
        assert_eq!(answer.status(), 200);
        let xml = binary(&shop, &event, "p-5", time).build().unwrap();
        let mut xml = xml;
        xml.headers_mut().insert("content-type", "text/xml".parse().unwrap());
        assert_eq!(reqwest::Client::new().execute(xml).await.unwrap().status(), 415);
    }
}

fn signed_in_binary(app: &TestApp, url: &str, shop: &Partner, covered: &[&str]) -> Value {
    let key = app.trial.key("green-basket").private_jwk();
    let event = payment("b-1", "m-1", "10.00", "0.00");
    let mut case = case(url, &shop.token, &key, "green-basket-1", &event["data"]);
    case["headers"] = json!({
        "ce-specversion": "1.0", "ce-id": "b-1", "ce-source": "/test",
        "ce-type": "payment.discounted", "ce-time": "2026-11-02T10:15:30Z",
    });
    let mut all = vec!["@method", "@target-uri", "content-digest"];
    all.extend(covered);
    case["covered"] = json!(all);
    case
}

on_both_stores! {
    async fn a_signature_in_binary_mode_covers_every_attribute_and_the_content_type(app) {
        let url = at_home(app).await;
        let shop = app.partner("green-basket").await;
        let attributes =
            ["ce-specversion", "ce-id", "ce-source", "ce-type", "ce-time", "content-type"];
        let whole = signed_in_binary(app, &url, &shop, &attributes);
        let mut forged = whole.clone();
        forged["change"] = json!({ "ce-id": "forged" });
        let mut added = whole.clone();
        added["change"] = json!({ "ce-subject": "more" });
        let bare = signed_in_binary(app, &url, &shop, &[]);
        let mut cases = vec![whole, forged, added, bare];
        for left_out in attributes {
            let covered: Vec<&str> =
                attributes.into_iter().filter(|name| *name != left_out).collect();
            cases.push(signed_in_binary(app, &url, &shop, &covered));
        }
        let answers = send(app, &cases);
        assert_eq!(answers[0]["status"], 201, "{}", answers[0]);
        assert_eq!(answers[1]["status"], 403, "{}", answers[1]);
        for answer in &answers[2..] {
            assert_eq!(answer["status"], 400, "{answer}");
            assert_eq!(answer["body"]["type"], "/problems/signature-malformed");
        }
        // The evidence holds what the event is, and proves it offline.
        let kept = evidence(app, "green-basket", "b-1").unwrap();
        assert_eq!(kept["request"]["headers"]["ce-id"], "b-1");
        let proved = check(app, &kept);
        assert_eq!(proved["event"], "b-1", "{proved}");
        // Headers that are added to a signed event in structured mode change its meaning too.
        let key = app.trial.key("green-basket").private_jwk();
        let event = payment("s-1", "m-1", "10.00", "0.00");
        let mut case = case(&url, &shop.token, &key, "green-basket-1", &event);
        case["change"] = json!({ "ce-specversion": "1.0", "ce-id": "other" });
        assert_eq!(send(app, &[case])[0]["status"], 400);
    }
}

on_both_stores! {
    async fn head_is_answered_wherever_get_is(app) {
        let shop = app.partner("green-basket").await;
        shop.record(&payment("p-1", "m-1", "10.00", "0.00")).await;
        for path in [
            "/openapi.json", "/docs/", "/v1/events/p-1", "/v1/imports", "/v1/events/none",
            "/problems/busy", "/.well-known/jwks.json", "/healthz", "/readyz",
        ] {
            let got = shop.get(path).await;
            let head = Answer::of(shop.request(Method::HEAD, path)).await;
            assert_eq!(head.status, got.status, "{path}");
            assert_eq!(head.text, "", "{path}");
            for name in ["content-type", "etag"] {
                assert_eq!(head.headers.get(name), got.headers.get(name), "{path} {name}");
            }
        }
        let posted = Answer::of(shop.request(Method::HEAD, "/v1/events")).await;
        assert_eq!(posted.status, 405);
        let put = Answer::of(shop.request(Method::PUT, "/v1/events/p-1")).await;
        let allowed = put.headers["allow"].to_str().unwrap();
        assert!(allowed.contains("GET") && allowed.contains("HEAD"), "{allowed}");
    }
}

on_both_stores! {
    async fn a_receipt_is_signed_only_for_whoever_wants_it_so(app) {
        let shop = app.partner("green-basket").await;
        shop.record(&payment("p-1", "m-1", "10.00", "0.00")).await;
        for (accept, kind) in [
            ("application/jose", "application/jose"),
            ("application/jose;q=0.5, application/json;q=0.4", "application/jose"),
            ("application/jose;q=0, application/json", "application/json"),
            ("application/jose;q=0.1, application/json;q=0.9", "application/json"),
            ("application/*", "application/json"),
            ("*/*", "application/json"),
        ] {
            let request = shop.request(Method::GET, "/v1/events/p-1/receipt");
            let answer = Answer::of(request.header("accept", accept)).await;
            assert_eq!(answer.headers["content-type"], kind, "{accept}");
        }
    }
}

on_both_stores! {
    async fn an_upload_may_override_its_method_and_names_each_key_once(app) {
        use base64::Engine;
        use base64::engine::general_purpose::STANDARD;

        let shop = app.partner("green-basket").await;
        let tus = |method: Method, path: &str| {
            shop.request(method, path).header("tus-resumable", "1.0.0")
        };
        let day = format!("business_date {}", STANDARD.encode("2026-11-24"));
        let twice = tus(Method::POST, "/v1/uploads").header("upload-length", "3")
            .header("upload-metadata", format!("{day},{day}"));
        assert_eq!(Answer::of(twice).await.told(), (400, "parameter"));
        let begun = tus(Method::POST, "/v1/uploads").header("upload-length", "3")
            .header("upload-metadata", &day);
        let begun = Answer::of(begun).await;
        assert_eq!(begun.status, 201, "{begun:?}");
        let url = begun.headers["location"].to_str().unwrap().to_owned();
        let part = tus(Method::POST, &url).header("x-http-method-override", "PATCH")
            .header("upload-offset", "0").header("content-type", "application/offset+octet-stream")
            .body("abc");
        let part = Answer::of(part).await;
        assert_eq!((part.status.as_u16(), &part.headers["upload-offset"]), (204, &"3".parse().unwrap()));
        // Whatever the method is that the proxy let through.
        let progress = tus(Method::PUT, &url).header("x-http-method-override", "HEAD");
        assert_eq!(Answer::of(progress).await.headers["upload-offset"], "3");
        let other = tus(Method::POST, "/v1/uploads").header("upload-length", "3")
            .header("upload-metadata", &day);
        let other = Answer::of(other).await.headers["location"].to_str().unwrap().to_owned();
        let given_up = tus(Method::PATCH, &other).header("x-http-method-override", "DELETE");
        assert_eq!(Answer::of(given_up).await.status, 204);
        // Elsewhere the header says nothing.
        let event = payment("p-1", "m-1", "10.00", "0.00");
        let request = shop.request(Method::POST, "/v1/events").json(&event);
        assert_eq!(Answer::of(request.header("x-http-method-override", "DELETE")).await.status, 201);
    }
}
