//! A shop without software takes part by a page and a printed code. Its payments are events like all
//! others, and a stranger without its PIN gets nowhere.

use std::process::Command;

use reqwest::redirect::Policy;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::{PIN, Store, TestApp, Trial, payment};

/// A browser without scripts: keeps cookies, follows nothing by itself.
struct Browser {
    url: String,
    http: reqwest::Client,
    cookie: String,
    language: &'static str,
}

struct Page {
    status: StatusCode,
    headers: reqwest::header::HeaderMap,
    text: String,
}

impl Browser {
    fn at(app: &TestApp) -> Self {
        let http = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
        Self { url: app.url(), http, cookie: String::new(), language: "en" }
    }

    async fn signed_in(app: &TestApp, shop: &str) -> Self {
        let mut browser = Self::at(app);
        let page = browser.sign_in(shop, PIN).await;
        assert_eq!(page.status, 303, "{}", page.text);
        browser
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        request.header("cookie", &self.cookie).header("accept-language", self.language)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Page {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Page { status, headers, text: response.text().await.unwrap() }
    }

    async fn get(&self, path: &str) -> Page {
        self.send(self.request(Method::GET, path)).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let request = self.request(Method::POST, path).header("origin", &self.url).form(fields);
        self.send(request).await
    }

    async fn sign_in(&mut self, shop: &str, pin: &str) -> Page {
        let page = self.post(&format!("/m/{shop}/session"), &[("pin", pin)]).await;
        if let Some(cookie) = page.headers.get("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            for attribute in ["HttpOnly", "SameSite=Strict", "Secure", &format!("Path=/m/{shop}")] {
                assert!(cookie.contains(attribute), "{cookie}");
            }
            self.cookie = cookie.split(';').next().unwrap().to_owned();
        }
        page
    }
}

impl Page {
    /// The value of a field, as a browser would send it back.
    fn value(&self, name: &str) -> String {
        let (_, rest) = self.text.split_once(&format!("name=\"{name}\" value=\"")).unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    fn goes_to(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.text);
        self.headers["location"].to_str().unwrap()
    }

    fn is_safe(&self) {
        let policy = self.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(self.headers["cache-control"], "no-store");
        assert!(self.text.len() < 60_000, "{} bytes", self.text.len());
        for foreign in ["<script", "http://", "https://", "onclick", "style="] {
            assert!(!self.text.contains(foreign), "{foreign}: {}", self.text);
        }
    }
}

on_both_stores! {
    async fn a_shop_signs_in_records_a_payment_once_and_gives_part_of_it_back(app) {
        let shop = Browser::signed_in(app, "corner-basket").await;
        let page = shop.get("/m/corner-basket").await;
        page.is_safe();
        let (token, id) = (page.value("token"), page.value("id"));
        // Typed with an input method for Chinese.
        let fields = [
            ("token", token.as_str()), ("id", &id), ("member", "m-1"), ("gross", " ￥２３０．００"),
            ("discount", "30"), ("order", ""),
        ];
        let (one, other) = tokio::join!(
            shop.post("/m/corner-basket/payments", &fields),
            shop.post("/m/corner-basket/payments", &fields),
        );
        assert_eq!(one.goes_to(), other.goes_to());
        let again = shop.post("/m/corner-basket/payments", &fields).await;
        assert_eq!(again.goes_to(), one.goes_to());
        let receipt = shop.get(one.goes_to()).await;
        receipt.is_safe();
        assert!(receipt.text.contains("200.00 <span>Points"), "{}", receipt.text);
        let order = receipt.text.split("<dd>f-").nth(1).unwrap().split('<').next().unwrap();
        let order = format!("f-{order}");
        // The page sent again with other content is no second payment, and no quiet first one.
        let mut changed = fields;
        changed[3] = ("gross", "240.00");
        let refused = shop.post("/m/corner-basket/payments", &changed).await;
        assert_eq!(refused.status, 422);
        assert!(refused.text.contains("sent before"), "{}", refused.text);
        // Back goes a half, once, by the order's number.
        let page = shop.get("/m/corner-basket/refunds").await;
        page.is_safe();
        let id = page.value("id");
        let fields = [("token", token.as_str()), ("id", &id), ("order", &order), ("amount", "100")];
        let refund = shop.post("/m/corner-basket/refunds", &fields).await;
        assert_eq!(refund.goes_to(), shop.post("/m/corner-basket/refunds", &fields).await.goes_to());
        let receipt = shop.get(refund.goes_to()).await;
        assert!(receipt.text.contains("-100.00 <span>Points"), "{}", receipt.text);
        let id = shop.get("/m/corner-basket/refunds").await.value("id");
        let more = [("token", token.as_str()), ("id", &id), ("order", &order), ("amount", "100.01")];
        let refused = shop.post("/m/corner-basket/refunds", &more).await;
        assert!(refused.text.contains("More than is left"), "{}", refused.text);
        let unknown = [("token", token.as_str()), ("id", &id), ("order", "no-such"), ("amount", "1")];
        let refused = shop.post("/m/corner-basket/refunds", &unknown).await;
        assert!(refused.text.contains("No payment of this form"), "{}", refused.text);
        // To the bank it is an event like any other.
        let event = one.goes_to().rsplit('/').next().unwrap();
        let api = app.partner("corner-basket").await;
        let receipt = api.get(&format!("/v1/events/{event}")).await;
        assert_eq!(receipt.body["marks"], json!([]), "{}", receipt.text);
        assert_eq!(receipt.body["type"], "payment.discounted");
    }
}

on_both_stores! {
    async fn what_is_wrong_is_said_beside_its_field_in_the_readers_language(app) {
        let mut shop = Browser::signed_in(app, "corner-basket").await;
        let page = shop.get("/m/corner-basket").await;
        let (token, id) = (page.value("token"), page.value("id"));
        let fields = [
            ("token", token.as_str()), ("id", &id), ("member", "two words"), ("gross", "ten"),
            ("discount", ""), ("order", "\"><b>"),
        ];
        let page = shop.post("/m/corner-basket/payments", &fields).await;
        assert_eq!(page.status, 422);
        page.is_safe();
        assert!(page.text.contains("id=\"member-error\"") && page.text.contains("id=\"gross-error\""));
        assert!(page.text.contains("An amount such as 12.50."));
        assert!(page.text.contains("two words") && !page.text.contains("<b>"), "{}", page.text);
        shop.language = "zh-CN,zh;q=0.9";
        let page = shop.post("/m/corner-basket/payments", &fields).await;
        assert!(page.text.contains("请输入金额，例如 12.50。") && page.text.contains("lang=\"zh-Hans\""));
        // A link goes before what the browser prefers, and is kept.
        let page = shop.get("/m/corner-basket?lang=en").await;
        assert!(page.text.contains("Member number"));
        assert!(page.headers["set-cookie"].to_str().unwrap().starts_with("lang=en; "));
        let page = shop.post("/m/corner-basket/payments", &[
            ("token", token.as_str()), ("id", &id), ("member", "m-1"), ("gross", "5"), ("discount", "6"),
        ]).await;
        assert!(page.text.contains("id=\"discount-error\""), "{}", page.text);
        // An order number stands for one payment.
        let pay = async |gross: &str| {
            let id = shop.get("/m/corner-basket").await.value("id");
            shop.post("/m/corner-basket/payments", &[
                ("token", token.as_str()), ("id", &id), ("member", "m-1"), ("gross", gross), ("order", "A-7"),
            ]).await
        };
        let first = pay("5").await;
        assert_eq!(pay("5").await.goes_to(), first.goes_to());
        let other = pay("6").await;
        assert!(other.text.contains("id=\"order-error\"") && other.text.contains("已登记"), "{}", other.text);
    }
}

on_both_stores! {
    async fn a_pin_cannot_be_guessed(app) {
        let mut shop = Browser::at(app);
        for _ in 0..5 {
            let page = shop.sign_in("corner-basket", "00000000").await;
            assert_eq!(page.status, 422);
            page.is_safe();
            assert!(page.headers.get("set-cookie").is_none());
        }
        // Not even the right one now, at whichever gateway.
        let page = shop.sign_in("corner-basket", PIN).await;
        assert_eq!(page.status, 429, "{}", page.text);
        let wait: u32 = page.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=61).contains(&wait), "{wait}");
        app.restart().await;
        shop.url = app.url();
        assert_eq!(shop.sign_in("corner-basket", PIN).await.status, 429);
        assert_eq!(shop.sign_in("other-corner", PIN).await.status, 303);
    }
}

on_both_stores! {
    async fn a_shop_without_the_api_uploads_its_file_by_the_page(app) {
        let shop = Browser::signed_in(app, "corner-basket").await;
        let token = shop.get("/m/corner-basket/files").await.value("token");
        let csv = "payment_id,household,store,occurred_at,gross,discount,paid\n\
                   1,m-1,330,2026-11-01T10:00:00Z,1.00,0.00,1.00\n2,m-1\n";
        let send = async |token: &str| {
            let body = format!(
                "--cut\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n{token}\r\n\
                 --cut\r\nContent-Disposition: form-data; name=\"day\"\r\n\r\n2026-11-23\r\n\
                 --cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"day.csv\"\r\n\
                 Content-Type: text/csv\r\n\r\n{csv}\r\n--cut--\r\n"
            );
            let request = shop.request(Method::POST, "/m/corner-basket/files").body(body);
            shop.send(request.header("content-type", "multipart/form-data; boundary=cut")).await
        };
        let sent = send(&token).await;
        let mut page = shop.get(sent.goes_to()).await;
        for _ in 0..200 {
            if page.text.contains("<dd>done</dd>") {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            page = shop.get(sent.goes_to()).await;
        }
        page.is_safe();
        assert!(page.text.contains("<dt>Recorded</dt><dd>1</dd>"), "{}", page.text);
        assert!(page.text.contains("<dt>Not taken</dt><dd>1</dd>"), "{}", page.text);
        assert_eq!(send("another").await.status, 422);
        let other = Browser::signed_in(app, "other-corner").await;
        let foreign = sent.goes_to().replace("corner-basket", "other-corner");
        assert_eq!(other.get(&foreign).await.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_shops_own_page_of_a_session_that_goes_on_records_anything() {
    Trial::on(Store::Sqlite)
        .run(async |app| {
            let shop = Browser::signed_in(app, "corner-basket").await;
            let page = shop.get("/m/corner-basket").await;
            let (token, id) = (page.value("token"), page.value("id"));
            let fields =
                [("token", token.as_str()), ("id", &id), ("member", "m-1"), ("gross", "5")];
            let path = "/m/corner-basket/payments";
            let foreign = shop.request(Method::POST, path).form(&fields);
            let foreign = shop.send(foreign.header("origin", "https://evil.test")).await;
            assert_eq!(foreign.status, 400);
            let foreign = shop.request(Method::POST, path).form(&fields);
            let foreign = shop.send(foreign.header("sec-fetch-site", "cross-site")).await;
            assert_eq!(foreign.status, 400);
            let mut without = fields;
            without[0] = ("token", "guessed");
            assert_eq!(shop.post(path, &without).await.status, 422);
            // Another shop's session, none, and one whose PIN was changed.
            let other = Browser::signed_in(app, "other-corner").await;
            let stolen = Browser {
                cookie: other.cookie.clone(),
                ..Browser::signed_in(app, "corner-basket").await
            };
            assert_eq!(stolen.post(path, &fields).await.status, 422);
            let nobody = Browser::at(app);
            assert_eq!(nobody.post(path, &fields).await.status, 422);
            assert!(nobody.get("/m/corner-basket").await.text.contains("name=\"pin\""));
            assert!(nobody.get("/m/corner-basket/refunds").await.text.contains("name=\"pin\""));
            let receipt = format!("/m/corner-basket/receipts/form:{id}");
            assert_eq!(shop.get(&receipt).await.status, 404);
            assert_eq!(shop.post(path, &fields).await.goes_to(), receipt);
            assert!(nobody.get(&receipt).await.text.contains("name=\"pin\""));
            // What came by the API is not shown by the page.
            let api = app.partner("corner-basket").await;
            api.record(&payment("p-1", "m-1", "10.00", "0.00")).await;
            assert_eq!(shop.get("/m/corner-basket/receipts/p-1").await.status, 404);
            let manifest = app.trial.settings.partners.join("corner-basket/partner.toml");
            let text = std::fs::read_to_string(&manifest).unwrap();
            let record = tallystick::partner::form::PinRecord::of(
                "87654321",
                [9; 16],
                100_000.try_into().unwrap(),
            );
            let (before, after) = text.split_once("pin = \"").unwrap();
            let (_old, after) = after.split_once('"').unwrap();
            let changed = format!("{before}pin = \"{}\"{after}", record.unwrap().as_text());
            std::fs::write(&manifest, changed).unwrap();
            app.partners_changed();
            for _ in 0..100 {
                if shop.get("/m/corner-basket").await.text.contains("name=\"pin\"") {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            assert!(shop.get("/m/corner-basket").await.text.contains("name=\"pin\""));
            // A shop without a form has none, nor one that must sign.
            for partner in ["green-basket", "no-such"] {
                assert_eq!(shop.get(&format!("/m/{partner}")).await.status, 404);
            }
        })
        .await;
}

fn command(trial: &Trial, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tallystick"))
        .current_dir(trial.folder.path())
        .args(arguments)
        .env("TALLYSTICK_PARTNERS", &trial.settings.partners)
        .env("TALLYSTICK_ISSUER", "https://bank.example/")
        .env("TALLYSTICK_LOG__LEVEL", "error")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bank_makes_a_pin_and_prints_a_poster() {
    let trial = Trial::on(Store::Sqlite);
    let (done, said) = command(&trial, &["partners", "poster", "lotus-tea"]);
    assert!(!done && said.contains("tallystick partners pin lotus-tea"), "{said}");
    let (done, said) = command(&trial, &["partners", "pin", "lotus-tea"]);
    assert!(done, "{said}");
    let (_, pin) = said.split_once("nobody else: ").unwrap();
    let (pin, rest) = pin.split_once('\n').unwrap();
    let (_, table) = rest.split_once("\n\n").unwrap();
    let manifest = trial.settings.partners.join("lotus-tea/partner.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, format!("{text}\n{table}")).unwrap();
    let (done, said) = command(&trial, &["partners", "poster", "lotus-tea"]);
    assert!(done && said.contains("https://bank.example/m/lotus-tea"), "{said}");
    let page = trial.folder.path().join("lotus-tea-poster.html");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("<svg") && page.contains("Lotus Tea House"));
    let pin = pin.to_owned();
    trial
        .run(async move |app| {
            let mut shop = Browser::at(app);
            assert_eq!(shop.sign_in("lotus-tea", &pin).await.status, 303);
            let page = shop.get("/m/lotus-tea/poster").await;
            assert_eq!(page.status, 200);
            assert!(page.text.contains("gateway.test/m/lotus-tea") && page.text.contains("<svg"));
            let style = shop.get("/assets/form.css").await;
            assert_eq!(style.headers["content-type"], "text/css; charset=utf-8");
            assert!(!style.text.contains("url("));
            // The tea shop has a single scheme and no daily file.
            assert_eq!(shop.get("/m/lotus-tea/files").await.status, 404);
        })
        .await;
}
