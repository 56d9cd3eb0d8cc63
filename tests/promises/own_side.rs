//! Customers read their own side, in words and in the time of the programme. A shop's page is not
//! locked by strangers, and says in words that it is closed.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{
    Answer, PIN, TestApp, cloud_event, code, customer, member, payment, until, wait_until,
};

fn redemption(id: &str, kind: &str, data: Value) -> Value {
    cloud_event(id, kind, "2026-11-04T10:00:00Z", data)
}

on_both_stores! {
    async fn a_redemption_is_one_line_and_says_nothing_of_the_partners_terms(app) {
        let shop = app.partner("green-basket").await;
        let person = customer(app, "c-1");
        let reference = member(&person, "green-basket").await;
        shop.record(&payment("p-1", &reference, "60.00", "0.00")).await;
        shop.record(&payment("p-2", &reference, "50.00", "0.00")).await;
        // It takes points of both payments.
        let held = json!({ "code": code(&person).await, "points": "100.00" });
        shop.record(&redemption("h-1", "redemption.held", held)).await;
        let points = until(&person, "10.00", "0.00").await;
        assert_eq!(points["held"], "100.00");
        let entries = points["entries"].as_array().unwrap();
        assert_eq!(entries.len(), 3, "{points}");
        assert_eq!((&entries[0]["kind"], &entries[0]["amount"]), (&json!("redemption.held"), &json!("-100.00")));
        let until_when = entries[0]["explanation"][0].as_str().unwrap();
        assert!(!until_when.contains('Z'), "{until_when}");
        let commit = json!({ "hold": "h-1", "points": "80.00" });
        shop.record(&redemption("c-1", "redemption.committed", commit)).await;
        let points = until(&person, "30.00", "0.00").await;
        assert_eq!(points["held"], "0.00");
        let entries = points["entries"].as_array().unwrap();
        assert_eq!(entries.len(), 3, "{points}");
        let line = &entries[0];
        assert_eq!((&line["kind"], &line["amount"]), (&json!("redemption.committed"), &json!("-80.00")));
        assert_eq!(line["explanation"], json!(["80.00 points are redeemed."]));
        assert_eq!((&line["partner"], line["partner_name"].is_string()), (&json!("green-basket"), true));
        // Page by page it is still one line.
        let mut seen = Vec::new();
        let mut path = "/v1/customers/me/points?limit=1".to_owned();
        loop {
            let page = person.get(&path).await.body;
            seen.extend(page["entries"].as_array().unwrap().iter().map(|it| it["amount"].to_string()));
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/v1/customers/me/points?limit=1&cursor={next}");
        }
        assert_eq!(seen, ["\"-80.00\"", "\"50.00\"", "\"60.00\""]);
        let data = person.get("/v1/customers/me/data").await.text;
        for terms in ["owed to the partner", "\u{5e94}\u{4ed8}\u{5408}\u{4f5c}\u{65b9}", "subsidy"] {
            assert!(!points.to_string().contains(terms) && !data.contains(terms), "{terms}");
        }
    }
}

on_both_stores! {
    async fn a_movement_of_many_lots_is_one_line_and_its_receipt_is_read_once(app) {
        const LOTS: usize = 300;
        let shop = app.partner("green-basket").await;
        let person = customer(app, "c-1");
        let reference = member(&person, "green-basket").await;
        let payments = (0..LOTS).map(|n| payment(&format!("p-{n}"), &reference, "1.00", "0.00"));
        shop.post_batch(&payments.collect::<Vec<_>>()).await;
        let held = json!({ "code": code(&person).await, "points": "300.00" });
        shop.record(&redemption("h-1", "redemption.held", held)).await;
        shop.record(&redemption("c-1", "redemption.cancelled", json!({ "hold": "h-1" }))).await;
        let points = until(&person, "300.00", "0.00").await;
        // The receipt sums what moved on each account: it does not grow with the lots.
        let receipt = shop.get("/v1/events/c-1").await;
        assert_eq!(receipt.body["postings"].as_array().unwrap().len(), 2, "{}", receipt.text);
        let entries = points["entries"].as_array().unwrap();
        let told = |at: usize| (entries[at]["kind"].clone(), entries[at]["amount"].clone());
        assert_eq!(told(0), (json!("redemption.cancelled"), json!("300.00")));
        assert_eq!(told(1), (json!("redemption.held"), json!("-300.00")));
        assert_eq!(told(2), (json!("payment.discounted"), json!("1.00")));
        let data = person.get("/v1/customers/me/data").await.body;
        assert_eq!(data["customer"]["entries"].as_array().unwrap().len(), LOTS + 2);
    }
}

on_both_stores! {
    async fn what_expires_names_its_last_day(app) {
        let shop = app.partner("green-basket").await;
        let person = customer(app, "c-1");
        let reference = member(&person, "green-basket").await;
        shop.record(&payment("p-1", &reference, "60.00", "0.00")).await;
        let points = person.get("/v1/customers/me/points").await.body;
        for coming in points["expiring"].as_array().unwrap() {
            let at = coming["at"].as_str().unwrap();
            // The end of a day in Shanghai is 16:00 of that day in UTC.
            assert!(at.ends_with("T16:00:00Z"), "{at}");
            assert_eq!(coming["spend_by"].as_str(), at.get(..10), "{coming}");
        }
    }
}

on_both_stores! {
    async fn the_persons_page_has_local_times_names_and_signs(app) {
        let shop = app.partner("green-basket").await;
        let person = customer(app, "c-1");
        let reference = member(&person, "green-basket").await;
        shop.record(&payment("p-1", &reference, "60.00", "0.00")).await;
        for language in ["en", "zh-CN"] {
            let path = format!("/v1/customers/me/data?lang={language}");
            let page = Answer::of(person.request(Method::GET, &path).header("Accept", "text/html")).await;
            assert_eq!(page.status, 200);
            assert!(page.text.contains("+60.00"), "{}", page.text);
            // 2026-11-02T10:15:30Z in Shanghai.
            assert!(page.text.contains("2026-11-02 18:15"), "{}", page.text);
            assert!(!page.text.contains("green-basket"), "{}", page.text);
            for code_word in ["Z</", ".000000", "instalment_due", "to answer the person themselves"] {
                assert!(!page.text.contains(code_word), "{code_word}: {}", page.text);
            }
        }
    }
}

/// Tries a PIN at a shop's page, as a browser that keeps this cookie.
async fn sign_in(app: &TestApp, shop: &str, pin: &str, cookie: &str) -> reqwest::Response {
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
    let request = http.unwrap().post(format!("{}/m/{shop}/session", app.url()));
    request.header("cookie", cookie).form(&[("pin", pin)]).send().await.unwrap()
}

/// Opens a shop's page with a header.
async fn open(app: &TestApp, shop: &str, name: &str, value: &str) -> reqwest::Response {
    let request = reqwest::Client::new().get(format!("{}/m/{shop}", app.url()));
    request.header(name, value).send().await.unwrap()
}

/// The cookie that an answer sets.
fn cookie_of(answer: &reqwest::Response) -> String {
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

on_both_stores! {
    async fn a_stranger_cannot_lock_a_device_of_the_shop_out(app) {
        let first = sign_in(app, "corner-basket", PIN, "").await;
        assert_eq!(first.status(), 303);
        let cookie = cookie_of(&first);
        for _ in 0..5 {
            assert_eq!(sign_in(app, "corner-basket", "00000000", "").await.status(), 422);
        }
        assert_eq!(sign_in(app, "corner-basket", PIN, "").await.status(), 429);
        // The device that was signed in before is let in, also at another gateway.
        app.restart().await;
        assert_eq!(sign_in(app, "corner-basket", PIN, "").await.status(), 429);
        let again = sign_in(app, "corner-basket", PIN, &cookie).await;
        assert_eq!(again.status(), 303);
        let cookie = cookie_of(&again);
        // It cannot guess either, and locks nobody but itself.
        for _ in 0..5 {
            assert_eq!(sign_in(app, "corner-basket", "00000000", &cookie).await.status(), 422);
        }
        assert_eq!(sign_in(app, "corner-basket", PIN, &cookie).await.status(), 429);
        // The cookie of another shop says nothing here.
        let other = cookie_of(&sign_in(app, "other-corner", PIN, "").await);
        assert_eq!(sign_in(app, "corner-basket", PIN, &other).await.status(), 429);
    }
}

on_both_stores! {
    async fn a_shop_that_is_suspended_says_so_on_a_page(app) {
        let manifest = app.trial.settings.partners.join("corner-basket/partner.toml");
        let text = std::fs::read_to_string(&manifest).unwrap();
        let suspended: Vec<&str> = text
            .lines()
            .map(|line| if line.starts_with("status = ") { "status = \"suspended\"" } else { line })
            .collect();
        std::fs::write(&manifest, suspended.join("\n")).unwrap();
        app.restart().await;
        for (language, says) in [
            ("en", "This page is closed at the moment. Please ask the bank."),
            ("zh-CN", "\u{672c}\u{9875}\u{9762}\u{6682}\u{505c}\u{4f7f}\u{7528}"),
        ] {
            let answer = open(app, "corner-basket", "accept-language", language).await;
            assert_eq!(answer.status(), 403);
            assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
            let page = answer.text().await.unwrap();
            assert!(page.contains(says) && !page.contains("suspended"), "{page}");
        }
        let json = open(app, "corner-basket", "accept", "application/json").await;
        assert_eq!(json.headers()["content-type"], "application/problem+json");
    }
}

on_both_stores! {
    async fn a_session_ends_with_the_key_that_vouches_for_it(app) {
        let cookie = cookie_of(&sign_in(app, "corner-basket", PIN, "").await);
        let is_asked = async || {
            let page = open(app, "corner-basket", "cookie", &cookie).await.text().await.unwrap();
            page.contains("name=\"pin\"")
        };
        assert!(!is_asked().await);
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_tallystick"))
            .args(["token-keys", "rotate", "--give-up"])
            .env("TALLYSTICK_KEYS", &app.trial.settings.keys)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        wait_until(true, is_asked).await;
    }
}
