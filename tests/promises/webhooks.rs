//! Webhooks (Standard Webhooks) tell partners what became of what they sent. Messages are signed, come
//! in order, are retried until the partner accepts them, and never go to an address inside the bank.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tallystick::clock;
use tallystick::store::outbox::{self, Destination};

use crate::harness::{
    Answer, PATIENCE, Partner, Store, TestApp, Trial, payment, referral, wait_until,
};

/// A partner's server, in Python, that checks signatures with the published library.
pub struct Receiver {
    process: Child,
    url: String,
}

impl Receiver {
    pub fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut process = Command::new(root.join(".tools/venv/bin/python"))
            .arg(root.join("tests/tools/webhook_receiver.py"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, url: format!("http://127.0.0.1:{}", line.trim()) }
    }

    pub async fn plan(&self, secrets: &[&str], answers: Value) {
        let plan = json!({ "secrets": secrets, "answers": answers });
        let request = reqwest::Client::new().post(format!("{}/plan", self.url)).json(&plan);
        assert_eq!(Answer::of(request).await.status, 200);
    }

    async fn received(&self) -> Vec<Value> {
        let request = reqwest::Client::new().get(format!("{}/received", self.url));
        Answer::of(request).await.body.as_array().unwrap().clone()
    }

    /// What has come once there are so many.
    pub async fn wait_for(&self, count: usize) -> Vec<Value> {
        let started = Instant::now();
        loop {
            let received = self.received().await;
            if received.len() >= count {
                return received;
            }
            assert!(started.elapsed() < PATIENCE, "{received:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

async fn lenient(store: Store) -> TestApp {
    let mut trial = Trial::on(store);
    trial.settings.webhooks.allow_http = true;
    trial.settings.webhooks.allow_private_addresses = true;
    let mut app = trial.start().await;
    app.leads_may_wait = true; // there is no CRM in these tests
    app
}

async fn make(partner: &Partner, url: &str, events: &[&str]) -> Answer {
    partner.send("/v1/webhook-endpoints", &json!({ "url": url, "events": events })).await
}

pub async fn made(partner: &Partner, receiver: &Receiver, events: &[&str]) -> (String, String) {
    let answer = make(partner, &format!("{}/hook", receiver.url), events).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let text = |name: &str| answer.body[name].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}

async fn refer(partner: &Partner, number: u8) -> Value {
    let mut event = referral(&format!("t-{number}"), "travel-loan", "9000.00", "old-town");
    event["data"]["contact"]["phone"] = json!(format!("+86199000012{number:02}"));
    partner.record(&event).await
}

/// As if everything that waits were due.
fn hurry(app: &TestApp, endpoint: &str) {
    let id = endpoint.try_into().unwrap();
    let mut db = app.trial.db();
    db.write(|tx| outbox::deliveries::hasten(tx, id, clock::now())).unwrap();
}

/// Another partner does not see an endpoint, let alone change it.
async fn nobody_elses(other: &Partner, id: &str, message: &str) {
    assert_eq!(other.get("/v1/webhook-endpoints").await.body["webhook_endpoints"], json!([]));
    assert_eq!(other.get("/v1/webhook-deliveries").await.body["webhook_deliveries"], json!([]));
    let of_it = format!("/v1/webhook-deliveries?endpoint={id}");
    assert_eq!(other.get(&of_it).await.told(), (404, "not-found"));
    for path in [
        format!("/v1/webhook-endpoints/{id}/test"),
        format!("/v1/webhook-endpoints/{id}/secret-rotation"),
        format!("/v1/webhook-deliveries/{message}/replay"),
    ] {
        assert_eq!(other.send(&path, &json!({})).await.told(), (404, "not-found"), "{path}");
    }
    let endpoint = format!("/v1/webhook-endpoints/{id}");
    let deleted = Answer::of(other.request(Method::DELETE, &endpoint)).await;
    assert_eq!(deleted.told(), (404, "not-found"));
}

async fn a_partner_is_told_once_of_what_it_asked_for_and_can_prove_who_said_it(store: Store) {
    let app = lenient(store).await;
    let receiver = Receiver::start();
    let travel = app.partner("sunny-travel").await;
    let (id, secret) = made(&travel, &receiver, &["referral.qualified"]).await;
    assert!(secret.starts_with("whsec_"));
    receiver.plan(&[&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], json!([])).await;
    let receipt = refer(&travel, 1).await;
    let got = &receiver.wait_for(1).await[0];
    assert_eq!((&got["verified"], &got["forged"]), (&json!([true, false]), &json!(false)));
    assert_eq!(got["body"]["type"], "referral.qualified");
    assert_eq!(
        got["body"]["data"],
        json!({
            "referral": receipt["referral"]["id"], "state": "qualified", "product": "travel-loan",
        })
    );
    assert_eq!(got["content_type"], "application/json");
    // Thin, and nobody's data.
    let text = got["body"].to_string();
    assert!(
        got["bytes"].as_u64().unwrap() < 1_000
            && !text.contains("+86")
            && !text.contains("Test Person"),
        "{text}"
    );
    let started = Instant::now();
    let delivery = loop {
        let page = travel.get("/v1/webhook-deliveries").await.body;
        let delivery = page["webhook_deliveries"][0].clone();
        if delivery["state"] == "delivered" {
            break delivery;
        }
        assert!(started.elapsed() < PATIENCE, "{page}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!((&delivery["id"], &delivery["endpoint"]), (&got["id"], &json!(id)));
    assert_eq!(
        (&delivery["type"], &delivery["attempts"]),
        (&json!("referral.qualified"), &json!(1))
    );
    assert_eq!(receiver.received().await.len(), 1);
    // The secret is shown once.
    let all = travel.get("/v1/webhook-endpoints").await.body;
    assert_eq!(all["webhook_endpoints"][0]["id"], json!(id));
    assert!(!all.to_string().contains("whsec_"));
    let endpoint = format!("/v1/webhook-endpoints/{id}");
    nobody_elses(&app.partner("oak-home").await, &id, got["id"].as_str().unwrap()).await;
    // Deleted, it is told nothing more.
    assert_eq!(Answer::of(travel.request(Method::DELETE, &endpoint)).await.status, 204);
    assert_eq!(Answer::of(travel.request(Method::DELETE, &endpoint)).await.status, 404);
    // Another endpoint is told of the second referral, and that one is all there is to tell.
    let (other, secret) = made(&travel, &receiver, &["referral.qualified"]).await;
    receiver.plan(&[&secret], json!([])).await;
    refer(&travel, 2).await;
    receiver.wait_for(2).await;
    wait_until(json!([["delivered", 1]]), async || {
        let page = travel.get(&format!("/v1/webhook-deliveries?endpoint={other}")).await.body;
        let all = page["webhook_deliveries"].as_array().unwrap().clone();
        all.iter().map(|it| json!([it["state"], it["attempts"]])).collect()
    })
    .await;
    assert_eq!(receiver.received().await.len(), 2);
    Box::pin(app.stop_and_prove()).await;
}

on_both_stores!(a_partner_is_told_once_of_what_it_asked_for_and_can_prove_who_said_it);

async fn what_an_endpoint_does_not_take_is_sent_again_in_order_under_the_same_id(store: Store) {
    let app = lenient(store).await;
    let receiver = Receiver::start();
    let travel = app.partner("sunny-travel").await;
    let (id, secret) = made(&travel, &receiver, &["referral.qualified"]).await;
    let elsewhere = json!({ "location": format!("{}/elsewhere", receiver.url) });
    receiver.plan(&[&secret], json!([[500, {}], [302, elsewhere]])).await;
    let receipts = [refer(&travel, 1).await, refer(&travel, 2).await, refer(&travel, 3).await];
    // The newest stands first. The two others wait behind the first that was sent.
    let waiting = format!("/v1/webhook-deliveries?endpoint={id}&state=waiting");
    let attempts = async || {
        let page = travel.get(&waiting).await.body;
        let page = page["webhook_deliveries"].as_array().unwrap();
        page.iter().map(|delivery| delivery["attempts"].clone()).collect::<Vec<_>>()
    };
    wait_until(vec![json!(0), json!(0), json!(1)], attempts).await;
    assert_eq!(receiver.received().await.len(), 1);
    let first = travel.get(&waiting).await.body["webhook_deliveries"][2].clone();
    assert_eq!(first["last_error"], "refused: answered 500");
    hurry(&app, &id);
    receiver.wait_for(2).await;
    wait_until(vec![json!(0), json!(0), json!(2)], attempts).await;
    hurry(&app, &id);
    let received = receiver.wait_for(5).await;
    let seen: Vec<(&Value, &Value)> =
        received.iter().map(|it| (&it["answered"], &it["body"]["data"]["referral"])).collect();
    let referrals = receipts.each_ref().map(|receipt| &receipt["referral"]["id"]);
    let (wrong, moved, fine) = (json!(500), json!(302), json!(200));
    assert_eq!(
        seen,
        [
            (&wrong, referrals[0]),
            (&moved, referrals[0]),
            (&fine, referrals[0]),
            (&fine, referrals[1]),
            (&fine, referrals[2]),
        ]
    );
    assert!(received.iter().all(|it| it["path"] == "/hook"), "a redirect was followed");
    assert!(
        received[..3]
            .iter()
            .all(|it| it["id"] == received[0]["id"] && it["verified"] == json!([true]))
    );
    Box::pin(app.stop_and_prove()).await;
}

on_both_stores!(what_an_endpoint_does_not_take_is_sent_again_in_order_under_the_same_id);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_is_gone_is_left_alone_until_a_test_comes_through_and_then_replayed() {
    let app = lenient(Store::Sqlite).await;
    let receiver = Receiver::start();
    let travel = app.partner("sunny-travel").await;
    let (id, secret) = made(&travel, &receiver, &["referral.qualified"]).await;
    receiver.plan(&[&secret], json!([[410, {}]])).await;
    refer(&travel, 1).await;
    let started = Instant::now();
    let dead = loop {
        let page = travel.get("/v1/webhook-deliveries?state=dead").await.body;
        if let Some(dead) = page["webhook_deliveries"].get(0) {
            break dead["id"].as_str().unwrap().to_owned();
        }
        assert!(started.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let state = async || {
        travel.get("/v1/webhook-endpoints").await.body["webhook_endpoints"][0]["state"].clone()
    };
    assert_eq!(state().await, "disabled");
    refer(&travel, 2).await;
    let test = format!("/v1/webhook-endpoints/{id}/test");
    receiver.plan(&[&secret], json!([[503, {}]])).await;
    let failed = travel.send(&test, &json!({})).await.body;
    assert_eq!((&failed["delivered"], &failed["status"]), (&json!(false), &json!(503)));
    assert_eq!(state().await, "disabled");
    let passed = travel.send(&test, &json!({})).await.body;
    assert_eq!((&passed["delivered"], &passed["status"]), (&json!(true), &json!(200)));
    assert_eq!(state().await, "enabled");
    let replay = format!("/v1/webhook-deliveries/{dead}/replay");
    assert_eq!(travel.send(&replay, &json!({})).await.status, 202);
    let received = receiver.wait_for(4).await;
    assert_eq!(received[3]["id"], json!(dead));
    assert_eq!(received[2]["body"]["type"], "endpoint.test");
    assert!(received.iter().all(|it| it["verified"] == json!([true])));
    wait_until(json!([]), async || {
        let waiting = travel.get("/v1/webhook-deliveries?state=waiting").await.body;
        waiting["webhook_deliveries"].clone()
    })
    .await;
    assert_eq!(travel.send(&replay, &json!({})).await.told(), (409, "not-a-dead-letter"));
    Box::pin(app.stop_and_prove()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_a_day_after_its_rotation_each_secret_signs() {
    let app = lenient(Store::Sqlite).await;
    let receiver = Receiver::start();
    let travel = app.partner("sunny-travel").await;
    let (id, first) = made(&travel, &receiver, &["referral.qualified"]).await;
    let rotation = format!("/v1/webhook-endpoints/{id}/secret-rotation");
    let rotated = travel.send(&rotation, &json!({})).await;
    assert_eq!(rotated.status, 201, "{rotated:?}");
    let second = rotated.body["secret"].as_str().unwrap();
    assert_ne!(first, second);
    receiver.plan(&[&first, second], json!([])).await;
    refer(&travel, 1).await;
    let got = &receiver.wait_for(1).await[0];
    assert_eq!(got["verified"], json!([true, true]));
    assert_eq!(got["signatures"].as_array().unwrap().len(), 2);
    // Rotated again within the day, all three sign: no rotation takes the day of another.
    assert_eq!(travel.send(&rotation, &json!({})).await.status, 201);
    refer(&travel, 2).await;
    let got = &receiver.wait_for(2).await[1];
    assert_eq!(got["verified"], json!([true, true]));
    assert_eq!(got["signatures"].as_array().unwrap().len(), 3);
    Box::pin(app.stop_and_prove()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_whose_discount_was_not_agreed_is_told_with_its_marks() {
    let app = lenient(Store::Sqlite).await;
    let receiver = Receiver::start();
    let shop = app.partner("green-basket").await;
    let (_id, secret) = made(&shop, &receiver, &["payment.flagged"]).await;
    receiver.plan(&[&secret], json!([])).await;
    shop.record(&payment("p-1", "m-1", "100.00", "0.00")).await;
    let mut odd = payment("p-2", "m-1", "100.00", "35.00");
    odd["data"]["scheme"] = json!("none-such");
    let receipt = shop.record(&odd).await;
    let got = &receiver.wait_for(1).await[0]["body"];
    assert_eq!(got["type"], "payment.flagged");
    assert_eq!(
        (&got["data"]["event"], &got["data"]["receipt"]),
        (&json!("p-2"), &receipt["receipt"])
    );
    assert_eq!(got["data"]["marks"], json!(["scheme_unknown"]));
    Box::pin(app.stop_and_prove()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_endpoint_must_be_is_said_field_by_field() {
    Trial::on(Store::Sqlite)
        .run(async |app: &mut TestApp| {
            let travel = app.partner("sunny-travel").await;
            for url in [
                "https://127.0.0.1/",
                "https://127.0.0.1./",
                "https://2130706433/",
                "https://0x7f.1/",
                "https://[::ffff:127.0.0.1]/",
                "https://[::1]/",
                "https://169.254.169.254/latest/meta-data/",
                "https://10.0.0.1/",
                "http://partner.example/",
                "https://user@partner.example/",
                "nonsense",
            ] {
                let answer = make(&travel, url, &["referral.qualified"]).await;
                assert_eq!(answer.told(), (422, "invalid"), "{url}");
                assert_eq!(answer.body["problems"][0]["pointer"], "/url", "{url}");
            }
            for events in [&[][..], &["settlement.closed"]] {
                let answer = make(&travel, "https://partner.example/", events).await;
                assert_eq!(answer.body["problems"][0]["pointer"], "/events");
            }
            // There is an end to them.
            for _ in 0..10 {
                let made = make(&travel, "https://partner.example/", &["referral.qualified"]).await;
                assert_eq!(made.status, 201);
            }
            let full = make(&travel, "https://partner.example/", &["referral.qualified"]).await;
            assert_eq!(full.told(), (409, "webhook-endpoints-full"));
            // Not every partner has the scope.
            let tea = app.partner("lotus-tea").await;
            assert_eq!(tea.get("/v1/webhook-endpoints").await.told(), (403, "insufficient-scope"));
        })
        .await;
}

/// The names resolve to what is inside the house, which only shows when they are called.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_leads_into_the_house_is_not_called() {
    let receiver = Receiver::start();
    let port = receiver.url.rsplit(':').next().unwrap().to_owned();
    let mut trial = Trial::on(Store::Sqlite);
    trial.settings.webhooks.allow_http = true;
    let mut app = trial.start().await;
    app.leads_may_wait = true; // nothing is delivered
    let travel = app.partner("sunny-travel").await;
    for host in ["localhost", "LOCALHOST", "localhost."] {
        let url = format!("http://{host}:{port}/hook");
        let answer = make(&travel, &url, &["referral.qualified"]).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let id = answer.body["id"].as_str().unwrap().to_owned();
        let tested = travel.send(&format!("/v1/webhook-endpoints/{id}/test"), &json!({})).await;
        assert_eq!(tested.body["delivered"], json!(false), "{host}");
        let error = tested.body["error"].as_str().unwrap();
        if host != "localhost." {
            assert_eq!(error, "its address is private or reserved", "{host}");
        }
    }
    refer(&travel, 1).await;
    let started = Instant::now();
    loop {
        let page = travel.get("/v1/webhook-deliveries").await.body;
        let error = page["webhook_deliveries"][2]["last_error"].as_str();
        if error == Some("forbidden_address: its address is private or reserved") {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "{page}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(receiver.received().await.is_empty());
    let lag = outbox::lag(&mut app.trial.db()).unwrap();
    let behind = lag.iter().filter(|it| matches!(it.destination, Destination::Webhook(_)));
    assert_eq!(behind.map(|it| it.waiting).sum::<i64>(), 3);
    Box::pin(app.stop_and_prove()).await;
}
