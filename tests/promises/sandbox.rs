//! A partner on trial plays with the real API in books of its own: with time that it moves, members
//! and codes without the bank's app, and problems for the asking.

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use tallystick::app::App;
use tallystick::ledger::verify::verify;
use tallystick::store::conformance::{self, Run};
use tallystick::store::{events, imports, outbox, partners, webhook_endpoints};

use crate::harness::{
    Answer, Partner, Store, TestApp, Trial, cloud_event, customer, payment, referral,
};
use crate::uploads::{DAY, ended, file, upload};
use crate::webhooks::{Receiver, made};

async fn clock(partner: &Partner, ahead_seconds: i64) -> Answer {
    let body = json!({ "ahead_seconds": ahead_seconds });
    Answer::of(partner.request(Method::PUT, "/v1/sandbox/clock").json(&body)).await
}

async fn member(partner: &Partner) -> String {
    let answer = Answer::of(partner.request(Method::POST, "/v1/sandbox/members")).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body["member"].as_str().unwrap().to_owned()
}

async fn code(partner: &Partner, member: &str) -> Answer {
    let request = partner.request(Method::POST, "/v1/sandbox/codes");
    Answer::of(request.json(&json!({ "member": member }))).await
}

fn at(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

fn slug(answer: &Answer) -> (u16, &str) {
    let kind = answer.body["type"].as_str().unwrap_or_default();
    (answer.status.as_u16(), kind.trim_start_matches("/problems/"))
}

/// Points that were put on a customer's account by a receipt.
fn posted(receipt: &Value, code: &str) -> String {
    let lines = receipt["postings"].as_array().unwrap().iter();
    lines.filter(|line| line["account"] == code).map(|it| it["amount"].as_str().unwrap()).collect()
}

fn pass(app: &TestApp, partner: &str) {
    let (partner, recorded_at) = (&partner.try_into().unwrap(), tallystick::clock::now());
    let run = Run { partner, recorded_at, passed: true, report: "{}" };
    app.trial.db().write(|tx| conformance::insert(tx, &run)).unwrap();
}

/// Gives a partner a status while the service runs, and waits until it holds.
async fn becomes(app: &TestApp, partner: &str, from: &str, to: &str) {
    app.trial.edit(partner, &format!("status = \"{from}\""), &format!("status = \"{to}\""));
    app.partners_changed();
    let file = format!("{partner}/partner.toml");
    for _ in 0..3_000 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let last = partners::history(&mut app.trial.db(), Some(&file)).unwrap().pop().unwrap();
        if last.status.is_some_and(|status| status.name() == to) {
            assert_eq!(last.reasons, "");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            return;
        }
    }
    unreachable!("{partner} never became {to}");
}

/// A partner that has left the sandbox.
async fn promoted(app: &TestApp, partner: &str) {
    pass(app, partner);
    app.trial.edit(partner, "[access]", "[access]\nevents_per_day = 1000");
    becomes(app, partner, "sandbox", "conformant").await;
    becomes(app, partner, "conformant", "pilot").await;
}

/// Whether a signed receipt says that it is of the sandbox.
async fn says_sandbox(partner: &Partner, event: &str) -> bool {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let request = partner.request(Method::GET, &format!("/v1/events/{event}/receipt"));
    let answer = Answer::of(request.header("accept", "application/jose")).await;
    let payload = URL_SAFE_NO_PAD.decode(answer.text.split('.').nth(1).unwrap()).unwrap();
    let receipt: Value = serde_json::from_slice(&payload).unwrap();
    receipt["sandbox"] == true
}

/// The key that signed a receipt.
async fn signed_by(partner: &Partner, event: &str) -> String {
    let request = partner.request(Method::GET, &format!("/v1/events/{event}/receipt"));
    let answer = Answer::of(request.header("accept", "application/jose")).await;
    let header = jsonwebtoken::decode_header(&answer.text).unwrap();
    header.kid.unwrap()
}

on_both_stores! {
    sandboxed async fn what_was_played_is_not_in_the_real_books(app) {
        let shop = app.partner("green-basket").await;
        let played = shop.record(&payment("e-1", "m-1", "100.00", "0.00")).await;
        assert!(!events::any(&mut app.trial.db()).unwrap());
        assert!(events::any(&mut app.trial.sandbox_db()).unwrap());
        assert!(signed_by(&shop, "e-1").await.starts_with("sandbox-"));
        assert!(says_sandbox(&shop, "e-1").await);
        let key = "\"k-1\"";
        let quote = || {
            let basket = json!({ "member": "m-1", "currency": "CNY", "gross": "10.00" });
            shop.request(Method::POST, "/v1/quotes").header("idempotency-key", key).json(&basket)
        };
        let first = Answer::of(quote()).await;
        assert_eq!(first.status, 201);
        promoted(app, "green-basket").await;
        // Neither events nor members nor keys of requests are known to the real books.
        assert_eq!(shop.get("/v1/events/e-1").await.status, 404);
        let real = shop.record(&payment("e-1", "m-1", "50.00", "0.00")).await;
        assert_ne!(real["receipt"], played["receipt"]);
        assert!(signed_by(&shop, "e-1").await.starts_with("ts-"));
        assert!(!says_sandbox(&shop, "e-1").await);
        assert_ne!(Answer::of(quote()).await.body["quote"], first.body["quote"]);
        let own = reqwest::Client::new().get(app.url() + "/.well-known/sandbox-jwks.json");
        let own = Answer::of(own).await.body["keys"].clone();
        assert!(own[0]["kid"].as_str().unwrap().starts_with("sandbox-"), "{own}");
        let keys = Answer::of(reqwest::Client::new().get(app.url() + "/.well-known/jwks.json")).await;
        let kids = keys.body["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone());
        assert!(kids.into_iter().all(|kid| kid != own[0]["kid"]), "{keys:?}");
        assert_eq!(keys.body["keys"].as_array().unwrap().len(), 1);
        // What only the sandbox can do is over.
        assert_eq!(slug(&clock(&shop, 60).await), (403, "sandbox-only"));
        assert_eq!(slug(&code(&shop, "m-1").await), (403, "sandbox-only"));
    }
}

on_both_stores! {
    sandboxed async fn a_lead_of_the_sandbox_reaches_no_crm_and_no_customer_its_partner(app) {
        let travel = app.partner("sunny-travel").await;
        let receipt = travel.record(&referral("l-1", "travel-loan", "9000.00", "old-town")).await;
        let path = format!("/v1/referrals/{}", receipt["referral"]["id"].as_str().unwrap());
        for tries in 0.. {
            let state = travel.get(&path).await.body["state"].clone();
            if state == "sent" {
                break;
            }
            assert!(tries < 1_200, "it stays {state}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let person = customer(app, "c-1");
        let path = "/v1/customers/me/members/sunny-travel";
        assert_eq!(Answer::of(person.request(Method::POST, path)).await.status, 404);
        assert_eq!(person.get("/readyz").await.status, 200);
    }
}

/// Tells of a lead what the bank's CRM would.
async fn tell(partner: &Partner, referral: &str, stage: &str) -> Answer {
    let path = format!("/v1/sandbox/referrals/{referral}/stage");
    partner.send(&path, &json!({ "stage": stage })).await
}

on_both_stores! {
    sandboxed async fn what_the_crm_would_tell_moves_a_referral_and_the_clock_lets_it_mature_or_expire(app) {
        let home = app.partner("oak-home").await;
        let mut ids = Vec::new();
        for number in 0..2 {
            let mut event = referral(&format!("g-{number}"), "green-loan", "20000.00", "new-town");
            event["data"]["member"] = json!(member(&home).await);
            event["data"]["contact"]["phone"] = json!(format!("+861990000120{number}"));
            let receipt = home.record(&event).await;
            ids.push(receipt["referral"]["id"].as_str().unwrap().to_owned());
        }
        let referral = async |id: &str| home.get(&format!("/v1/referrals/{id}")).await.body;
        assert_eq!(slug(&tell(&home, &ids[0], "promised").await), (422, "invalid"));
        let told = tell(&home, &ids[0], "converted").await;
        assert_eq!((told.status.as_u16(), &told.body["moved"]), (200, &json!(true)), "{told:?}");
        let pending = referral(&ids[0]).await;
        assert_eq!(pending["state"], "converted");
        assert_eq!(pending["commissions"][0]["state"], "pending");
        // Another partner knows nothing of it.
        let other = app.partner("sunny-travel").await;
        assert_eq!(tell(&other, &ids[1], "contacted").await.status, 404);
        assert_eq!(clock(&home, 31 * 86_400).await.status, 200);
        assert_eq!(referral(&ids[0]).await["commissions"][0]["state"], "given");
        assert_ne!(referral(&ids[1]).await["state"], "expired");
        // A reservation that begins now begins by the partner's clock.
        tell(&home, &ids[1], "converted").await;
        assert_eq!(referral(&ids[1]).await["commissions"][0]["state"], "pending");
        assert_eq!(clock(&home, 62 * 86_400).await.status, 200);
        assert_eq!(referral(&ids[1]).await["commissions"][0]["state"], "given");
        // What nobody has done anything about expires by that clock too, and not before.
        let late = referral_of(&home, "g-2").await;
        assert_ne!(referral(&late).await["state"], "expired");
        assert_eq!(clock(&home, 500 * 86_400).await.status, 200);
        assert_eq!(referral(&late).await["state"], "expired");
    }
}

async fn referral_of(home: &Partner, id: &str) -> String {
    let event = referral(id, "green-loan", "20000.00", "new-town");
    let receipt = home.record(&event).await;
    receipt["referral"]["id"].as_str().unwrap().to_owned()
}

/// Every other way in for a partner leads to the books of its status too: nothing of it is seen in
/// the real ones.
async fn all_lanes_lead_to_the_sandbox(store: Store) {
    let mut trial = Trial::with_sandbox_on(store);
    trial.settings.webhooks.allow_http = true;
    trial.settings.webhooks.allow_private_addresses = true;
    let app = trial.start().await;
    let (shop, travel) = (app.partner("green-basket").await, app.partner("sunny-travel").await);
    let receiver = Receiver::start();
    let (endpoint, secret) = made(&travel, &receiver, &["referral.qualified"]).await;
    receiver.plan(&[&secret], json!({})).await;
    // A referral, told by webhook, and its consent withdrawn.
    let receipt = travel.record(&referral("l-1", "travel-loan", "9000.00", "old-town")).await;
    assert_eq!(receiver.wait_for(1).await.len(), 1);
    let listed = travel.get("/v1/referrals").await.body["referrals"].clone();
    assert_eq!(listed[0]["referral"], receipt["referral"]["id"]);
    let consent = receipt["referral"]["consent"].as_str().unwrap();
    let withdrawn = travel.send(&format!("/v1/consents/{consent}/withdrawal"), &json!({})).await;
    assert_eq!(withdrawn.status, 201, "{withdrawn:?}");
    let delivered = travel.get(&format!("/v1/webhook-deliveries?endpoint={endpoint}")).await;
    assert_eq!(delivered.body["webhook_deliveries"][0]["state"], "delivered");
    // A stream and a file.
    let line = payment("s-1", "m-1", "30.00", "0.00").to_string() + "\n";
    let stream = shop.request(Method::POST, "/v1/events:stream");
    let stream = stream.header("content-type", "application/x-ndjson").body(line);
    assert!(Answer::of(stream).await.text.contains("\"status\":201"));
    let import = upload(&shop, file(3).as_bytes(), &DAY).await;
    assert_eq!(ended(&shop, &import).await["lines"]["recorded"], 3);
    assert_eq!(shop.get("/v1/imports").await.body["imports"].as_array().unwrap().len(), 1);
    let (mut real, mut played) = (app.trial.db(), app.trial.sandbox_db());
    // The pretended CRM hears of the withdrawal.
    for tries in 0.. {
        assert!(tries < 1_200, "a message stays");
        if outbox::depth(&mut played).unwrap().waiting == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    // The real books know nothing of all that, and the sandbox's are whole.
    assert_eq!(verify(&mut real).unwrap().counts.events, 0);
    assert_eq!(verify(&mut played).unwrap().counts.events, 5);
    let travel = "sunny-travel".try_into().unwrap();
    assert!(webhook_endpoints::of_partner(&mut real, &travel).unwrap().is_empty());
    assert!(outbox::lag(&mut real).unwrap().is_empty());
    let shop = "green-basket".try_into().unwrap();
    assert!(imports::page(&mut real, &shop, None, 9).unwrap().is_empty());
    Box::pin(app.stop_and_prove()).await;
}

on_both_stores!(all_lanes_lead_to_the_sandbox);

async fn refused_start(trial: &Trial) -> String {
    match Box::pin(App::start(trial.settings.clone())).await {
        Ok(app) => {
            app.stop().await;
            unreachable!("it started")
        }
        Err(error) => {
            std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partners_on_trial_and_real_ones_do_not_share_books() {
    let trial = Trial::on(Store::Sqlite);
    trial.edit("green-basket", "status = \"sandbox\"", "status = \"full\"");
    let why = refused_start(&trial).await;
    assert!(why.contains("green-basket is full") && why.contains("sandbox.database_url"), "{why}");
    trial.edit("green-basket", "status = \"full\"", "status = \"sandbox\"");
    let app = trial.start().await;
    let shop = app.partner("green-basket").await;
    shop.record(&payment("e-1", "m-1", "100.00", "0.00")).await;
    // Nor while it runs: the old partners keep running.
    pass(&app, "green-basket");
    becomes(&app, "green-basket", "sandbox", "conformant").await;
    app.trial.edit("green-basket", "[access]", "[access]\nevents_per_day = 1000");
    app.trial.edit("green-basket", "status = \"conformant\"", "status = \"pilot\"");
    app.partners_changed();
    let refused =
        || partners::history(&mut app.trial.db(), Some("(folder)")).unwrap().pop().unwrap().reasons;
    for _ in 0..200 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        if refused().contains("is pilot") {
            break;
        }
    }
    let why = refused();
    assert!(why.contains("green-basket is pilot: they never share books"), "{why}");
    shop.record(&payment("e-2", "m-1", "100.00", "0.00")).await;
    // A database that was a sandbox does not become the real books either.
    let mut trial = Box::pin(app.stop()).await;
    let apart = trial.folder.path().join("apart.db");
    let url = format!("sqlite://{}", apart.display());
    let database_url = tallystick::database_url::DatabaseUrl::parse(&url).unwrap();
    trial.settings.sandbox = Some(tallystick::settings::SandboxSettings { database_url });
    let why = refused_start(&trial).await;
    assert!(why.contains("holds events of partners on trial"), "{why}");
}

on_both_stores! {
    async fn a_clock_that_is_moved_lets_holds_time_out_and_points_mature_and_expire(app) {
        let shop = app.partner("brief-basket").await;
        let (now, day) = (tallystick::clock::now().utc(), 86_400);
        let person = member(&shop).await;
        let at_now = |id: &str, amount: &str, now: DateTime<Utc>| {
            let mut event = payment(id, &person, amount, "0.00");
            event["time"] = json!(at(now));
            event
        };
        let receipt = shop.record(&at_now("p-1", "100.00", now)).await;
        let before = shop.get("/v1/sandbox/clock").await;
        assert_eq!((before.status.as_u16(), &before.body["ahead_seconds"]), (200, &json!(0)));
        // A hold is free again as soon as its time is over by the partner's clock.
        let shown = code(&shop, &person).await;
        let hold = json!({ "code": shown.body["code"], "points": "30.00" });
        shop.record(&cloud_event("h-1", "redemption.held", &at(now), hold)).await;
        let moved = clock(&shop, 3_600).await;
        assert_eq!((moved.status.as_u16(), &moved.body["ahead_seconds"]), (200, &json!(3_600)));
        let commit = cloud_event("c-1", "redemption.committed", &at(now), json!({ "hold": "h-1" }));
        assert_eq!(shop.refused(&commit).await.1, "hold-closed");
        // The same again changes nothing, and it never goes back.
        assert_eq!(clock(&shop, 3_600).await.status, 200);
        assert_eq!(slug(&clock(&shop, 3_599).await), (422, "invalid"));
        assert_eq!(slug(&clock(&shop, 316_224_001).await), (422, "invalid"));
        // An event of that time is not in the future; the ledger's own time is the real one.
        let later = now + TimeDelta::seconds(3_500);
        let receipt_later = shop.record(&at_now("p-2", "1.00", later)).await;
        let recorded: DateTime<Utc> = receipt_later["recorded_at"].as_str().unwrap().parse().unwrap();
        assert!((recorded - tallystick::clock::now().utc()).num_seconds().abs() < 60, "{receipt_later}");
        assert!(posted(&receipt, "points_available").contains("100.00"));
        // After two years what was earned has expired, and cannot be spent.
        assert_eq!(clock(&shop, 730 * day).await.status, 200);
        let shown = code(&shop, &person).await.body["code"].clone();
        let then = at(now + TimeDelta::days(729));
        let hold = cloud_event("h-2", "redemption.held", &then, json!({ "code": shown, "points": "1.00" }));
        assert_eq!(shop.refused(&hold).await.1, "points-insufficient");
        // The clock is kept, and is nobody else's.
        app.restart().await;
        let shop = app.partner("brief-basket").await;
        assert_eq!(shop.get("/v1/sandbox/clock").await.body["ahead_seconds"], 730 * day);
        let other = app.partner("green-basket").await;
        let mut early = payment("p-1", "m-1", "10.00", "0.00");
        early["time"] = json!(then);
        assert_eq!(other.refused(&early).await.1, "event-time");
    }
}

on_both_stores! {
    async fn what_is_pending_matures_before_the_call_answers(app) {
        let shop = app.partner("trip-basket").await;
        let person = member(&shop).await;
        let now = tallystick::clock::now().utc();
        let mut paid = payment("p-1", &person, "100.00", "0.00");
        paid["time"] = json!(at(now));
        assert_eq!(posted(&shop.record(&paid).await, "points_pending"), "100.00");
        let hold = async |id: &str, now: DateTime<Utc>| {
            let shown = code(&shop, &person).await.body["code"].clone();
            let data = json!({ "code": shown, "points": "100.00" });
            shop.post(&cloud_event(id, "redemption.held", &at(now), data)).await
        };
        assert_eq!(slug(&hold("h-1", now).await), (422, "points-insufficient"));
        assert_eq!(clock(&shop, 31 * 86_400).await.status, 200);
        assert_eq!(hold("h-2", now + TimeDelta::days(31)).await.status, 201);
        // A quote goes by the same clock: half an hour later it is no longer good.
        let basket = json!({ "member": person, "currency": "CNY", "gross": "215.50", "scheme": "spend-200-save-30" });
        let quote = Answer::of(shop.request(Method::POST, "/v1/quotes").json(&basket)).await;
        assert_eq!(quote.status, 201, "{quote:?}");
        let expires: DateTime<Utc> = quote.body["expires_at"].as_str().unwrap().parse().unwrap();
        let minutes = (expires - now - TimeDelta::days(31)).num_minutes();
        assert!((29..=31).contains(&minutes), "{minutes}");
    }
}

on_both_stores! {
    async fn members_and_codes_need_no_app_of_the_bank(app) {
        let shop = app.partner("linked-basket").await;
        // The bank links members here; the sandbox has one at once.
        assert_eq!(shop.refused(&payment("p-0", "m-1", "10.00", "0.00")).await.1, "member-unknown");
        let person = member(&shop).await;
        shop.record(&payment("p-1", &person, "50.00", "0.00")).await;
        let shown = code(&shop, &person).await;
        assert_eq!(shown.status, 201);
        assert_eq!(shown.body["code"].as_str().unwrap().len(), 16);
        // Only for one's own.
        assert_eq!(slug(&code(&shop, "m-1").await), (422, "member-unknown"));
        let other = app.partner("green-basket").await;
        assert_eq!(slug(&code(&other, &person).await), (422, "member-unknown"));
        let nonsense = shop.request(Method::POST, "/v1/sandbox/codes").json(&json!({ "name": 1 }));
        assert_eq!(slug(&Answer::of(nonsense).await), (422, "invalid"));
    }
}

on_both_stores! {
    async fn every_problem_is_there_for_the_asking_and_nothing_is_recorded(app) {
        let shop = app.partner("green-basket").await;
        let event = payment("p-1", "m-1", "100.00", "0.00");
        let kinds = shop.get("/openapi.json").await.text;
        let kinds: std::collections::BTreeSet<&str> = kinds
            .split("\"/problems/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert!(kinds.len() > 40, "{kinds:?}");
        for kind in kinds {
            let told = shop.get(&format!("/problems/{kind}")).await.body;
            let request = shop.request(Method::POST, "/v1/events").json(&event);
            let request = request.header("sandbox-problem", kind).header("idempotency-key", "k-1");
            let answer = Answer::of(request).await;
            assert_eq!(slug(&answer), (u16::try_from(told["status"].as_u64().unwrap()).unwrap(), kind));
            assert_eq!(answer.body["title"], told["title"]);
            assert!(answer.body["request_id"].is_string() && answer.headers.contains_key("ratelimit"));
            if [429, 503].contains(&answer.status.as_u16()) {
                let wait = answer.headers["retry-after"].to_str().unwrap();
                assert!(wait.parse::<u64>().unwrap() > 0);
            }
        }
        let limited = shop.request(Method::GET, "/v1/events/p-1").header("sandbox-problem", "rate-limited");
        let limited = Answer::of(limited).await;
        assert!(limited.headers["ratelimit"].to_str().unwrap().contains("r=0"), "{limited:?}");
        // One event of a batch is asked for as well, by its id.
        let mut asked = event.clone();
        asked["id"] = json!("problem-hold-closed");
        let answer = shop.post_batch(&[asked.clone(), payment("p-2", "m-1", "1.00", "0.00")]).await;
        assert_eq!(answer.body["outcomes"][0]["problem"]["type"], "/problems/hold-closed");
        assert_eq!(answer.body["outcomes"][1]["status"], 201);
        assert_eq!(slug(&shop.post(&asked).await), (409, "hold-closed"));
        let wrong = shop.request(Method::GET, "/v1/events/p-2").header("sandbox-problem", "bad-luck");
        assert_eq!(slug(&Answer::of(wrong).await), (400, "parameter"));
        // Nothing of all that is kept, nor under the request's key.
        let request = shop.request(Method::POST, "/v1/events").json(&event);
        assert_eq!(Answer::of(request.header("idempotency-key", "k-1")).await.status, 201);
    }
}

on_both_stores! {
    sandboxed async fn to_a_real_partner_magic_values_are_like_any_other(app) {
        promoted(app, "green-basket").await;
        let shop = app.partner("green-basket").await;
        let event = payment("problem-busy", "m-1", "100.00", "0.00");
        let request = shop.request(Method::POST, "/v1/events").json(&event);
        let answer = Answer::of(request.header("sandbox-problem", "internal")).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        assert_eq!(shop.get("/v1/events/problem-busy").await.status, 200);
    }
}

/// What `tallystick` says to these arguments.
fn command(app: &TestApp, arguments: &[&str]) -> (bool, String) {
    let settings = &app.trial.settings;
    let sandbox = settings.sandbox.as_ref().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tallystick"));
    command
        .args(arguments)
        .env("DATABASE_URL", settings.database_url.reveal())
        .env("TALLYSTICK_SANDBOX__DATABASE_URL", sandbox.database_url.reveal())
        .env("TALLYSTICK_PARTNERS", &settings.partners)
        .env("TALLYSTICK_KEYS", &settings.keys)
        .env("TALLYSTICK_LOG__LEVEL", "error");
    let output = tokio::task::block_in_place(|| command.output().unwrap());
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

on_both_stores! {
    sandboxed async fn operators_look_at_either_books_and_a_file_goes_where_its_partner_is(app) {
        let shop = app.partner("green-basket").await;
        shop.record(&payment("e-1", "m-1", "100.00", "0.00")).await;
        let file = app.trial.folder.path().join("day.csv");
        let lines = "payment_id,household,store,occurred_at,gross,discount,paid\n\
                     f-1,m-1,s-1,2026-11-02T10:15:30Z,20.00,0.00,20.00\n";
        std::fs::write(&file, lines).unwrap();
        let file = file.to_str().unwrap();
        let (taken, said) = command(app, &["import", "payments", file, "--partner", "green-basket"]);
        assert!(taken && said.starts_with("1 recorded"), "{said}");
        assert_eq!(shop.get("/v1/events/f-1").await.status, 200);
        let (clean, said) = command(app, &["ledger", "--sandbox", "verify"]);
        assert!(clean && said.contains("examined 2 events"), "{said}");
        let (clean, said) = command(app, &["ledger", "verify"]);
        assert!(clean && said.contains("examined 0 events"), "{said}");
        let (migrated, said) = command(app, &["migrate"]);
        assert!(migrated && said.matches("up to date").count() == 2, "{said}");
    }
}
