//! The wallet: a customer comes from the bank's app by a link that is good once, sees what they have and
//! why, and shows a code at a till. Nobody else sees any of it.

use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};
use tallystick::clock;
use tallystick::customer::wallet_sessions::{
    self, HAND_OVER_FOR, SessionUse, WalletSecrets, WalletTimes,
};
use tallystick::settings::WalletSettings;

use crate::confirmations::asking;
use crate::consent::referred;
use crate::harness::{
    Answer, Browser, Partner, Store, TestApp, Trial, cloud_event, customer, member, payment,
    refund, until,
};

fn with_wallet(store: Store) -> Trial {
    let mut trial = Trial::on(store);
    trial.settings.issuer = None;
    trial.settings.wallet = Some(WalletSettings::default());
    trial
}

/// A link of the bank's app, as a path.
async fn link(app: &TestApp, person: &Partner) -> String {
    let asked = person.request(Method::POST, "/v1/customers/me/hand-overs");
    let answer = Answer::of(asked).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let url = answer.body["url"].as_str().unwrap();
    url.strip_prefix(&app.url()).unwrap().to_owned()
}

fn secret_of(link: &str) -> String {
    link.rsplit('/').next().unwrap().to_owned()
}

/// A browser in which the customer is signed in.
async fn signed_in(app: &TestApp, person: &Partner) -> Browser {
    let mut browser = Browser::at(app);
    let link = link(app, person).await;
    let secret = browser.get(&link).await.value("secret");
    let page = browser.post("/wallet/enter", &[("secret", &secret)]).await;
    assert_eq!(page.goes_to(), "/wallet");
    browser
}

async fn with_points(app: &TestApp, subject: &str, amount: &str) -> Partner {
    let person = customer(app, subject);
    let reference = member(&person, "green-basket").await;
    let shop = app.partner("green-basket").await;
    shop.record(&payment(&format!("p-{subject}"), &reference, amount, "0.00")).await;
    person
}

/// What the page shows as the balance.
fn balance(page: &str) -> &str {
    let (_before, rest) = page.split_once("class=\"balance\"><b>").unwrap();
    rest.split('<').next().unwrap()
}

/// The points of each line, as hundredths.
fn lines(page: &str) -> Vec<i64> {
    let shown = page.split("<span class=\"points").skip(1);
    let figures = shown.map(|rest| rest.split_once('>').unwrap().1.split('<').next().unwrap());
    figures
        .map(|text| text.replace('\u{2212}', "-").replace(['+', ',', '.'], "").parse().unwrap())
        .collect()
}

on_both_stores! {
    async fn a_link_opens_the_wallet_once_and_looking_at_it_uses_nothing_up(store: Store) {
        with_wallet(store).run(async |app| {
            let person = with_points(app, "c-1", "124.50").await;
            let link = link(app, &person).await;
            let mut browser = Browser::at(app);
            // Programs that look at links beforehand open it as often as they like.
            for method in [Method::GET, Method::HEAD, Method::GET] {
                let request = browser.request(method, &link);
                assert!(browser.send(request).await.status.is_success());
            }
            assert!(browser.cookies.is_empty());
            let page = browser.get(&link).await;
            assert_eq!(page.headers["referrer-policy"], "same-origin");
            let secret = page.value("secret");
            let foreign = browser.request(Method::POST, "/wallet/enter");
            let foreign = foreign.header("origin", "https://evil.example").form(&[("secret", &secret)]);
            assert_eq!(browser.send(foreign).await.status, 400);
            let mut thief = Browser::at(app);
            assert_eq!(browser.post("/wallet/enter", &[("secret", &secret)]).await.goes_to(), "/wallet");
            for again in [&mut thief, &mut browser] {
                let page = again.post("/wallet/enter", &[("secret", &secret)]).await;
                assert_eq!(page.status, 403);
                page.has(&["This link is over"]);
            }
            browser.get("/wallet").await.has(&["124.50", "My points"]);
            assert!(thief.cookies.is_empty());
            // Neither the secret of the link nor that of the session is kept.
            let mut db = app.trial.db();
            let times = WalletTimes::of(WalletSettings::default());
            let found = wallet_sessions::find(&secret, &mut db, times, SessionUse::Noted, clock::now());
            assert_eq!(found.unwrap(), None);
        }).await;
    }
}

on_both_stores! {
    async fn a_link_that_waited_too_long_opens_nothing(store: Store) {
        with_wallet(store).run(async |app| {
            let person = with_points(app, "c-1", "1.00").await;
            let sealed = secret_of(&link(app, &person).await);
            let secret = sealed.split('.').next().unwrap();
            let secrets = WalletSecrets { hand_over: secret, new: "new", before: None };
            let later = clock::now().plus(HAND_OVER_FOR);
            let begun = wallet_sessions::begin(&secrets, &mut app.trial.db(), WalletTimes::of(WalletSettings::default()), later);
            assert_eq!(begun.unwrap(), None);
            // Five wait at most.
            for _link in 0..5 {
                link(app, &person).await;
            }
            let answer = Answer::of(person.request(Method::POST, "/v1/customers/me/hand-overs")).await;
            assert_eq!(answer.status, 429, "{answer:?}");
        }).await;
    }
}

on_both_stores! {
    async fn without_a_session_nothing_of_a_customer_is_seen(store: Store) {
        with_wallet(store).run(async |app| {
            let person = with_points(app, "c-1", "124.50").await;
            let mut browser = signed_in(app, &person).await;
            let stolen = browser.clone();
            let paths = ["/wallet", "/wallet/history", "/wallet/spend"];
            for path in paths {
                let page = browser.get(path).await;
                assert_eq!((page.status.as_u16(), &page.headers["cache-control"]), (200, &"no-store".parse().unwrap()));
                let page = Browser::at(app).get(path).await;
                assert_eq!(page.status, 403, "{path}");
                page.lacks(&["124.50", "Green Basket"]);
            }
            let waiting = secret_of(&link(app, &person).await);
            let page = browser.act("/wallet", "/wallet/sign-out", &[]).await;
            let late = Browser::at(app).post("/wallet/enter", &[("secret", &waiting)]).await;
            assert_eq!(late.status, 403);
            assert_eq!(page.goes_to(), "/wallet/signed-out");
            assert!(page.headers["clear-site-data"].to_str().unwrap().contains("cache"));
            browser.get("/wallet/signed-out").await.lacks(&["124.50"]);
            for path in paths {
                assert_eq!(stolen.clone().get(path).await.status, 403, "{path}");
            }
            // On the same device another customer sees their own points and nothing else.
            let other = with_points(app, "c-2", "7.00").await;
            let secret = secret_of(&link(app, &other).await);
            assert_eq!(browser.post("/wallet/enter", &[("secret", &secret)]).await.goes_to(), "/wallet");
            let page = browser.get("/wallet").await;
            assert_eq!(balance(&page.text), "7.00");
            page.lacks(&["124.50"]);
        }).await;
    }
}

on_both_stores! {
    async fn strangers_hold_up_nobody_who_is_signed_in_or_comes_by_a_good_link(store: Store) {
        with_wallet(store).run(async |app| {
            let person = with_points(app, "c-1", "124.50").await;
            let mut browser = signed_in(app, &person).await;
            let mut stranger = Browser::at(app);
            stranger.cookies.insert("wallet".to_owned(), "made-up.seal".to_owned());
            let mut refused = 0;
            for _try in 0..200 {
                refused += u32::from(stranger.get("/wallet").await.status == 429);
                refused += u32::from(stranger.get("/wallet/enter/made-up").await.status == 429);
            }
            assert!(refused > 100, "{refused}");
            for _page in 0..20 {
                assert_eq!(browser.get("/wallet").await.status, 200);
            }
            signed_in(app, &person).await.get("/wallet").await.has(&["124.50"]);
        }).await;
    }
}

on_both_stores! {
    async fn a_form_of_another_session_does_nothing(store: Store) {
        with_wallet(store).run(async |app| {
            let one = with_points(app, "c-1", "124.50").await;
            let two = with_points(app, "c-2", "7.00").await;
            let (mut one, mut two) = (signed_in(app, &one).await, signed_in(app, &two).await);
            let token = one.get("/wallet/spend").await.value("token");
            for token in ["", "x", &token] {
                let page = two.post("/wallet/codes", &[("points", "1.00"), ("place", ""), ("token", token)]).await;
                assert_eq!(page.status, 400, "{token}");
                page.lacks(&["class=\"digits\""]);
            }
        }).await;
    }
}

on_both_stores! {
    async fn every_figure_of_the_history_adds_up_to_the_balance(store: Store) {
        with_wallet(store).run(async |app| {
            let person = customer(app, "c-1");
            let reference = member(&person, "green-basket").await;
            let shop = app.partner("green-basket").await;
            for number in 1..=25 {
                let event = payment(&format!("p-{number}"), &reference, &format!("{number}.37"), "0.00");
                shop.record(&event).await;
            }
            let mut browser = signed_in(app, &person).await;
            let shown = balance(&browser.get("/wallet").await.text).to_owned();
            let told = person.get("/v1/customers/me/points").await.body["balance"].clone();
            assert_eq!(json!(shown.replace(',', "")), told);
            let (mut path, mut all) = ("/wallet/history".to_owned(), Vec::new());
            loop {
                let page = browser.get(&path).await.text;
                all.extend(lines(&page));
                let Some((_before, rest)) = page.split_once("class=\"button second\" href=\"/wallet/history?cursor=") else { break };
                path = format!("/wallet/history?cursor={}", rest.split('"').next().unwrap());
            }
            assert_eq!(all.len(), 25);
            let sum = shown.replace([',', '.'], "").parse::<i64>().unwrap();
            assert_eq!(all.iter().sum::<i64>(), sum);
            assert_eq!(browser.get("/wallet/history?cursor=x").await.status, 404);
            // Each sort by itself is as many as all.
            shop.record(&refund("r-1", "p-3", "3.37")).await;
            let (mut first, mut second) = (browser.clone(), browser.clone());
            let earned = first.get("/wallet/history?only=earned").await.text;
            assert_eq!(lines(&earned).len(), 20);
            assert!(earned.contains("/wallet/history?only=earned&#38;cursor="), "{earned}");
            assert_eq!(lines(&second.get("/wallet/history?only=given_back").await.text), [-337]);
            for none in ["spent", "expired"] {
                browser.get(&format!("/wallet/history?only={none}")).await.has(&["No such change yet"]);
            }
            let told = person.get("/v1/customers/me/points?only=given_back").await.body;
            assert_eq!(told["entries"].as_array().unwrap().len(), 1, "{told}");
            assert_eq!(person.get("/v1/customers/me/points?only=all").await.status, 400);
        }).await;
    }
}

on_both_stores! {
    async fn a_code_is_shown_once_and_its_page_says_what_became_of_it(store: Store) {
        with_wallet(store).run(async |app| {
            let person = with_points(app, "c-1", "100.00").await;
            let other = with_points(app, "c-2", "100.00").await;
            let (mut browser, mut stranger) = (signed_in(app, &person).await, signed_in(app, &other).await);
            for wrong in ["", "0", "-1", "1.234", "many", "92233720368547758.07"] {
                let page = browser.act("/wallet/spend", "/wallet/codes", &[("points", wrong), ("place", "")]).await;
                assert_eq!(page.status, 422, "{wrong}");
                page.has(&["such as 500 or 12.50"]);
            }
            // Full-width digits of an input method are digits.
            let wish = [("points", "３０．５"), ("place", "green-basket")];
            let page = browser.act("/wallet/spend", "/wallet/codes", &wish).await;
            assert_eq!(page.status, 200);
            page.has(&["Good for up to 30.50 points", "Green Basket", "<svg class=\"qr\""]);
            let policy = page.headers["content-security-policy"].to_str().unwrap();
            assert!(policy.contains("frame-src 'self'") && !policy.contains("script"), "{policy}");
            let digits = page.text.split_once("class=\"digits\">").unwrap().1.split('<').next().unwrap().replace(' ', "");
            assert_eq!(digits.len(), 16);
            let state = page.text.split_once("<iframe").unwrap().1.split_once("src=\"").unwrap().1;
            let state = state.split('"').next().unwrap().to_owned();
            assert!(!state.contains(&digits));
            let waits = browser.get(&state).await;
            waits.has(&["Waiting for the till"]);
            assert_eq!(waits.headers["refresh"], "3");
            stranger.get(&state).await.has(&["Over. Make another code."]);
            let shop = app.partner("green-basket").await;
            let hold = cloud_event("h-1", "redemption.held", "2026-11-04T10:00:00Z", json!({ "code": digits, "points": "30.50" }));
            shop.record(&hold).await;
            let used = browser.get(&state).await;
            used.has(&["Used."]);
            assert!(!used.headers.contains_key("refresh"));
            until(&person, "69.50", "0.00").await;
            browser.get("/wallet").await.has(&["30.50 points are set aside"]);
            // No other page shows the code.
            for path in ["/wallet", "/wallet/history", "/wallet/spend"] {
                browser.get(path).await.lacks(&[&digits]);
            }
        }).await;
    }
}

on_both_stores! {
    async fn a_redemption_above_the_limit_is_confirmed_in_the_wallet(store: Store) {
        asking(with_wallet(store)).run(async |app| {
            let person = with_points(app, "c-1", "900.00").await;
            let mut browser = signed_in(app, &person).await;
            let page = browser.act("/wallet/spend", "/wallet/codes", &[("points", "600"), ("place", "")]).await;
            let digits = page.text.split_once("class=\"digits\">").unwrap().1.split('<').next().unwrap().replace(' ', "");
            let shop = app.partner("green-basket").await;
            let at = "2026-11-04T10:00:00Z";
            shop.record(&cloud_event("h-1", "redemption.held", at, json!({ "code": digits, "points": "600.00" }))).await;
            let commit = cloud_event("k-1", "redemption.committed", at, json!({ "hold": "h-1" }));
            assert_eq!(shop.refused(&commit).await.1, "awaits-customer");
            let page = browser.get("/wallet").await;
            page.has(&["Green Basket Supermarket wants to take 600.00 points"]);
            let action = page.text.split_once("action=\"/wallet/redemptions/").unwrap().1.split('"').next().unwrap();
            let action = format!("/wallet/redemptions/{action}");
            let second = signed_in(app, &person).await;
            assert_eq!(browser.act("/wallet", &action, &[]).await.goes_to(), "/wallet");
            // Whoever says no too late is told so.
            let no = action.replace("confirmation", "rejection");
            let late = second.clone().act("/wallet/spend", &no, &[]).await;
            assert_eq!(late.status, 409, "{}", late.text);
            late.has(&["Your answer came too late"]);
            shop.record(&commit).await;
            until(&person, "300.00", "0.00").await;
            browser.get("/wallet").await.lacks(&["wants to take"]);
        }).await;
    }
}

on_both_stores! {
    async fn consents_are_withdrawn_and_notices_turned_off_in_the_wallet(store: Store) {
        with_wallet(store).run(async |app| {
            app.leads_may_wait = true; // there is no CRM in this test
            let (person, _outcome) = referred(app, "t-1").await;
            let mut browser = signed_in(app, &person).await;
            let mut stranger = signed_in(app, &with_points(app, "c-2", "7.00").await).await;
            let page = browser.get("/wallet/papers").await;
            page.has(&["Sunny Road Travel", "Withdraw my consent", "Points that end soon"]);
            page.lacks(&["Test Person", "+86"]);
            let action = page.text.split_once("action=\"/wallet/consents/").unwrap().1.split('"').next().unwrap();
            let action = format!("/wallet/consents/{action}");
            assert_eq!(stranger.act("/wallet/papers", &action, &[]).await.status, 404);
            assert_eq!(browser.act("/wallet/papers", &action, &[]).await.goes_to(), "/wallet/papers");
            let page = browser.get("/wallet/papers").await;
            page.has(&["Withdrawn"]);
            page.lacks(&["Withdraw my consent"]);
            let told = person.get("/v1/customers/me/consents").await.body;
            assert!(told["consents"][0]["withdrawal"].is_object(), "{told}");
            let off = "/wallet/notices/points_expiring/opt-out";
            assert_eq!(browser.act("/wallet/papers", off, &[]).await.goes_to(), "/wallet/papers");
            browser.get("/wallet/papers").await.has(&["You do not get it", "points_expiring/opt-in"]);
            assert_eq!(browser.act("/wallet/papers", "/wallet/notices/none/opt-out", &[]).await.status, 404);
        }).await;
    }
}

on_both_stores! {
    async fn an_erasure_ends_the_sessions_of_its_customer(store: Store) {
        with_wallet(store).run(async |app| {
            let person = with_points(app, "c-1", "5.00").await;
            let mut browser = signed_in(app, &person).await;
            let waiting = secret_of(&link(app, &person).await);
            let asked = person.request(Method::POST, "/v1/customers/me/erasure").json(&json!({ "reason": "asked for" }));
            assert!(Answer::of(asked).await.status.is_success());
            assert_eq!(browser.get("/wallet").await.status, 403);
            assert_eq!(browser.post("/wallet/enter", &[("secret", &waiting)]).await.status, 403);
        }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_speak_both_languages_and_have_an_elder_mode() {
    with_wallet(Store::Sqlite)
        .run(async |app| {
            let person = with_points(app, "c-1", "1234.50").await;
            let mut browser = signed_in(app, &person).await;
            browser.get("/wallet").await.has(&["1,234.50", "¥12.34", "Lately", "lang=\"en\""]);
            browser.get("/wallet?lang=zh").await.has(&["我的积分", "价值", "lang=\"zh-Hans\""]);
            browser.get("/wallet").await.has(&["最近变动"]);
            let elder = browser.get("/wallet?look=elder&lang=en").await;
            elder.has(&["class=\"elder\"", "Standard type", "1,234.50"]);
            // One number a screen.
            elder.lacks(&["Lately"]);
            browser.get("/wallet/history").await.has(&["class=\"elder\"", "Green Basket"]);
            browser.get("/wallet?look=standard").await.lacks(&["class=\"elder\""]);
            for path in ["/wallet", "/wallet/history", "/wallet/spend"] {
                let page = browser.get(path).await;
                assert!(page.text.len() < 60_000, "{path}: {}", page.text.len());
                page.lacks(&["<script", "style=\"", "c-1"]);
            }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_settings_there_is_no_wallet() {
    Trial::on(Store::Sqlite)
        .run(async |app| {
            let person = customer(app, "c-1");
            let answer: Answer =
                Answer::of(person.request(Method::POST, "/v1/customers/me/hand-overs")).await;
            assert_eq!(answer.status, 404, "{answer:?}");
            for path in ["/wallet", "/wallet/enter/x", "/wallet/signed-out"] {
                assert_eq!(Browser::at(app).get(path).await.status, 404, "{path}");
            }
        })
        .await;
}

/// Chromium (`make tools`) as customers would use it, a checker of accessibility and a reader of QR codes by
/// other makers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "`make screenshots` says where pictures are kept")]
async fn a_browser_walks_through_the_wallet_and_a_till_reads_its_codes() {
    with_wallet(Store::Sqlite)
        .run(async |app| {
            with_points(app, "c-1", "1387.72").await;
            let (url, token) = (app.url(), app.trial.customer_token("c-1"));
            let folder = std::env::var("CONSOLE_PICTURES").ok();
            let walked = tokio::task::spawn_blocking(move || {
                let root = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"));
                let mut command = Command::new("timeout");
                command.args(["--kill-after=10", "800"]).arg(root.join(".tools/venv/bin/node"));
                command.arg(root.join("tests/tools/wallet_walk.mjs")).args([&url, &token]);
                command.arg(root.join(".tools/node")).args(folder).output().unwrap()
            });
            let walked = walked.await.unwrap();
            let said = String::from_utf8_lossy(&walked.stderr);
            assert!(walked.status.success(), "{said}");
            let found: Value = serde_json::from_slice(&walked.stdout).unwrap();
            for refused in ["violations", "errors", "elsewhere", "misread"] {
                assert_eq!(found[refused], json!([]), "{refused}: {found:#}");
            }
            assert_eq!((&found["pages"], &found["codes"]), (&json!(35), &json!(5)), "{found}");
            assert!(found["heaviest"].as_u64().unwrap() < 60_000, "{found}");
        })
        .await;
}
