//! The conformance kit walks a key through the guide, names the faults of a partner's software, and
//! without its pass nobody becomes conformant.

use std::io::Write;
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tallystick::store::partners;

use crate::delivery::read_whole;
use crate::harness::{
    Answer, Partner, Store, TestApp, Trial, assertion, cloud_event, payment, refund, run_sql,
};
use crate::webhooks::{Receiver, made};

/// Runs the kit; whether all is in order, and its report.
fn kit(app: &TestApp, partner: &str, more: &[&str]) -> (bool, Value) {
    let settings = &app.trial.settings;
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallystick"));
    command
        .args(["partners", "conform", partner, "--url", &app.url(), "--json"])
        .args(more)
        .env("DATABASE_URL", settings.database_url.reveal())
        .env("TALLYSTICK_PARTNERS", &settings.partners)
        .env("TALLYSTICK_KEYS", &settings.keys)
        .env("TALLYSTICK_LOG__LEVEL", "error");
    if let Some(sandbox) = &settings.sandbox {
        command.env("TALLYSTICK_SANDBOX__DATABASE_URL", sandbox.database_url.reveal());
    }
    let output = tokio::task::block_in_place(|| command.output().unwrap());
    let report = serde_json::from_slice(&output.stdout);
    let report =
        report.unwrap_or_else(|_| unreachable!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.success(), report)
}

/// The partner's key in a file.
fn key_file(app: &TestApp, partner: &str) -> String {
    let path = app.trial.folder.path().join(format!("{partner}.jwk.json"));
    std::fs::write(&path, app.trial.key(partner).private_jwk().to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The rules with that verdict.
fn rules(report: &Value, verdict: &str) -> Vec<String> {
    let checks = report["checks"].as_array().unwrap().iter();
    let of_verdict = checks.filter(|check| check["verdict"] == verdict);
    of_verdict.map(|check| format!("{}: {}", check["rule"], check["seen"])).collect()
}

async fn observed() {
    // What is seen is written down every second.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
}

on_both_stores! {
    async fn every_rule_of_the_guide_is_kept_by_this_gateway(app) {
        for (partner, at_least) in
            [("green-basket", 40), ("sunny-travel", 30), ("trip-basket", 40), ("linked-basket", 40)]
        {
            let key = key_file(app, partner);
            let (in_order, report) = kit(app, partner, &["--key", &key]);
            assert!(in_order, "{partner}: {:#?}", rules(&report, "failed"));
            let passed = rules(&report, "passed");
            assert!(passed.len() >= at_least, "{partner}: {} {passed:#?}", passed.len());
        }
        // Once more: time does not go back, and no id is taken twice.
        let (in_order, report) = kit(app, "green-basket", &["--key", &key_file(app, "green-basket")]);
        assert!(in_order, "{:#?}", rules(&report, "failed"));
        // Another's key opens nothing.
        let (in_order, report) = kit(app, "green-basket", &["--key", &key_file(app, "lotus-tea")]);
        assert!(!in_order);
        assert!(rules(&report, "failed")[0].contains("the key and an assertion are accepted"), "{report}");
        app.leads_may_wait = true;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_that_must_sign_is_walked_with_signatures() {
    let trial = Trial::with_sandbox_on(Store::Sqlite);
    trial.edit("green-basket", "[access]", "[access]\nsigned_requests = true");
    trial
        .run(async |app| {
            let key = key_file(app, "green-basket");
            let (in_order, report) = kit(app, "green-basket", &["--key", &key]);
            assert!(in_order, "{:#?}", rules(&report, "failed"));
            let told = rules(&report, "passed").join("\n");
            assert!(told.contains("what is not signed is refused"), "{told}");
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_whose_tokens_are_bound_is_walked_with_proofs() {
    let trial = Trial::with_sandbox_on(Store::Sqlite);
    trial.edit("green-basket", "[access]", "[access]\nsender_constrained = \"dpop\"");
    trial
        .run(async |app| {
            let key = key_file(app, "green-basket");
            let (in_order, report) = kit(app, "green-basket", &["--key", &key]);
            assert!(in_order, "{:#?}", rules(&report, "failed"));
            let told = rules(&report, "passed").join("\n");
            for rule in ["worth nothing without a proof", "a proof that was shown is refused"] {
                assert!(told.contains(rule), "{told}");
            }
        })
        .await;
}

/// An endpoint that believes whoever comes.
fn credulous() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            if read_whole(&mut stream).is_ok() {
                let taken = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
                drop(stream.write_all(taken.as_bytes()));
            }
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_takes_what_we_have_not_signed_is_named() {
    let mut trial = Trial::with_sandbox_on(Store::Sqlite);
    trial.settings.webhooks.allow_http = true;
    trial.settings.webhooks.allow_private_addresses = true;
    trial
        .run(async |app| {
            let (partner, receiver) = (app.partner("sunny-travel").await, Receiver::start());
            let (_id, secret) = made(&partner, &receiver, &["referral.qualified"]).await;
            receiver.plan(&[&secret], json!({})).await;
            let key = key_file(app, "sunny-travel");
            let (in_order, report) = kit(app, "sunny-travel", &["--key", &key]);
            assert!(in_order, "{:#?}", rules(&report, "failed"));
            let told = rules(&report, "passed").join("\n");
            for rule in ["each endpoint takes a signed message", "refuses what is not signed"] {
                assert!(told.contains(rule), "{told}");
            }
            let endpoint = json!({ "url": credulous(), "events": ["referral.qualified"] });
            assert_eq!(partner.send("/v1/webhook-endpoints", &endpoint).await.status, 201);
            let (in_order, report) = kit(app, "sunny-travel", &["--key", &key]);
            assert!(!in_order);
            let failed = rules(&report, "failed");
            assert!(
                failed.len() == 1 && failed[0].contains("refuses what is not signed"),
                "{failed:?}"
            );
        })
        .await;
}

/// Faults that integrators' software has, each played as it would be.
struct Careless {
    shop: Partner,
    url: String,
    issuer: String,
}

impl Careless {
    async fn posts(&self, event: Value) -> Answer {
        self.shop.post(&event).await
    }

    fn with(mut event: Value, pointer: &str, value: Value) -> Value {
        *event.pointer_mut(pointer).unwrap() = value;
        event
    }

    async fn asks_a_token_for_each_request(&self, app: &TestApp) {
        for number in 0..8 {
            let shop = app.partner("green-basket").await;
            shop.post(&payment(&format!("t-{number}"), "m-1", "1.00", "0.00")).await;
        }
        // It would be hard to see among many more requests.
        for _ in 0..4 {
            app.partner("green-basket").await;
        }
    }

    async fn uses_an_assertion_twice(&self, app: &TestApp) {
        let assertion = assertion("green-basket", &self.issuer, app.trial.key("green-basket"));
        for status in [200, 401] {
            assert_eq!(Partner::ask_token(&self.url, &assertion, &[]).await.status, status);
        }
    }

    async fn writes_amounts_as_numbers(&self) {
        self.posts(Self::with(payment("n-1", "m-1", "8.50", "0.00"), "/data/gross", json!(8.5)))
            .await;
    }

    async fn invents_fields(&self) {
        let mut event = payment("f-1", "m-1", "8.50", "0.00");
        event["data"]["loyalty_card"] = json!("x");
        self.posts(event).await;
    }

    async fn has_a_clock_that_is_wrong(&self) {
        self.posts(Self::with(
            payment("c-1", "m-1", "8.50", "0.00"),
            "/time",
            json!("2033-01-01T00:00:00Z"),
        ))
        .await;
    }

    async fn numbers_events_anew(&self) {
        self.posts(payment("a-1", "m-1", "8.50", "0.00")).await;
        self.posts(payment("a-1", "m-1", "9.50", "0.00")).await;
    }

    async fn refunds_before_the_payment(&self) {
        self.posts(refund("r-1", "not-yet", "5.00")).await;
    }

    async fn refunds_too_much(&self) {
        self.posts(payment("o-1", "m-1", "8.50", "0.00")).await;
        self.posts(refund("o-2", "o-1", "9.00")).await;
    }

    /// After a time-out it makes a new event of the same order.
    async fn tries_again_under_a_new_id(&self) {
        let data = json!({
            "member": "m-1", "order": "order-7", "stage": "whole", "currency": "CNY",
            "gross": "8.50", "discount": "0.00", "paid": "8.50",
        });
        for id in ["d-1", "d-2"] {
            let event = cloud_event(id, "payment.discounted", "2026-11-02T10:15:30Z", data.clone());
            self.posts(event).await;
        }
    }

    async fn busy(&self, event: &Value) {
        let request = self.shop.request(Method::POST, "/v1/events").json(event);
        let answer = Answer::of(request.header("sandbox-problem", "busy")).await;
        assert_eq!(answer.status, 503);
    }

    async fn hammers_and_does_not_wait(&self) {
        let event = payment("h-1", "m-1", "8.50", "0.00");
        self.busy(&event).await;
        self.posts(event).await;
    }

    async fn forgets_what_could_not_be_taken(&self) {
        self.busy(&payment("lost-1", "m-1", "8.50", "0.00")).await;
    }

    async fn writes_json_by_hand(&self) {
        let request = self
            .shop
            .request(Method::POST, "/v1/events")
            .header("content-type", "application/json")
            .body("{\"id\": \"x\",");
        assert_eq!(Answer::of(request).await.status, 400);
    }

    async fn says_that_it_is_the_kit(&self) {
        let request = self
            .shop
            .request(Method::POST, "/v1/events")
            .header("user-agent", "tallystick-conform")
            .header("content-type", "application/json")
            .body("{\"id\": \"x\",");
        assert_eq!(Answer::of(request).await.status, 400);
    }
}

on_both_stores! {
    async fn each_fault_of_a_careless_client_is_named(app) {
        let issuer = app.trial.settings.issuer.clone().unwrap();
        let client = Careless { shop: app.partner("green-basket").await, url: app.url(), issuer };
        client.asks_a_token_for_each_request(app).await;
        client.uses_an_assertion_twice(app).await;
        client.writes_amounts_as_numbers().await;
        client.invents_fields().await;
        client.has_a_clock_that_is_wrong().await;
        client.numbers_events_anew().await;
        client.refunds_before_the_payment().await;
        client.refunds_too_much().await;
        client.tries_again_under_a_new_id().await;
        client.hammers_and_does_not_wait().await;
        client.forgets_what_could_not_be_taken().await;
        client.writes_json_by_hand().await;
        client.says_that_it_is_the_kit().await;
        observed().await;
        // It said so all day long.
        let many = "UPDATE observations SET count = 10000 WHERE sign = 'kit-requests'";
        run_sql(&app.trial, many).unwrap();
        let (in_order, report) = kit(app, "green-basket", &["--observe", "1", "--patience", "0"]);
        assert!(!in_order);
        let failed = rules(&report, "failed");
        for rule in [
            "keeps its token",
            "signs a new assertion for each token",
            "writes amounts as strings",
            "sends only fields that are known",
            "events are not in the future",
            "gives each event an id of its own",
            "sends a payment before its refunds",
            "refunds no more than was paid",
            "tries again under the same id",
            "waits as long as Retry-After says",
            "sends again what could not be taken",
            "sends JSON",
            "a User-Agent of its own",
        ] {
            let named: Vec<&String> = failed.iter().filter(|it| it.contains(rule)).collect();
            assert_eq!(named.len(), 1, "{rule}: {failed:#?}");
        }
        assert_eq!(failed.len(), 13, "{failed:#?}");
        assert!(rules(&report, "advised")[0].contains("names the stage of an order"), "{report}");
        // None of it is said of another partner, and the kit's own tricks are no faults.
        kit(app, "lotus-tea", &["--key", &key_file(app, "lotus-tea")]);
        observed().await;
        let (in_order, report) = kit(app, "lotus-tea", &["--observe", "1"]);
        assert!(in_order, "{report}");
        assert!(rules(&report, "not_tried").join("").contains("has been seen"), "{report}");
    }
}

on_both_stores! {
    sandboxed async fn without_a_pass_nobody_becomes_conformant(app) {
        let status = ("status = \"sandbox\"", "status = \"conformant\"");
        let last = |app: &TestApp| {
            let file = Some("green-basket/partner.toml");
            partners::history(&mut app.trial.db(), file).unwrap().pop().unwrap()
        };
        let changes = async |app: &TestApp, count: i64| {
            app.partners_changed();
            for _ in 0..200 {
                tokio::time::sleep(Duration::from_millis(20)).await;
                if last(app).number >= count {
                    break;
                }
            }
            last(app)
        };
        app.trial.edit("green-basket", status.0, status.1);
        let refused = changes(app, 2).await;
        assert!(refused.reasons.contains("tallystick partners conform green-basket --record"), "{refused:?}");
        // A careful client: one token, each event once, again when it is told to.
        let shop = app.partner("green-basket").await;
        let key = key_file(app, "green-basket");
        let pass = ["--key", &key, "--observe", "1", "--record"];
        let (in_order, _) = kit(app, "green-basket", &pass);
        assert!(in_order);
        // The kit alone is no pass: nobody has seen the partner's own software.
        let text = last(app).number;
        app.trial.edit("green-basket", "[members]", "# once more\n[members]");
        let refused = changes(app, text + 1).await;
        assert!(refused.reasons.contains("the last run of the conformance kit failed"), "{refused:?}");
        let mut event = payment("e-1", "m-1", "10.00", "0.00");
        event["data"]["stage"] = json!("whole");
        let request = shop.request(Method::POST, "/v1/events").json(&event);
        assert_eq!(Answer::of(request.header("sandbox-problem", "busy")).await.status, 503);
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        shop.record(&event).await;
        observed().await;
        let (in_order, report) = kit(app, "green-basket", &pass);
        assert!(in_order, "{:#?}", rules(&report, "failed"));
        assert_eq!(rules(&report, "advised"), Vec::<String>::new());
        app.trial.edit("green-basket", "# once more\n", "");
        let taken = changes(app, text + 2).await;
        assert_eq!((taken.reasons.as_str(), taken.status.unwrap().name()), ("", "conformant"));
    }
}
