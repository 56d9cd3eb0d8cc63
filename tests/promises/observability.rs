//! Operators see what a gateway does: metrics that Prometheus' own library reads, traces that go from a partner's
//! request to the CRM, and a request id on every answer. A collector that is away hurts nobody.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Method, redirect};
use serde_json::{Value, json};
use tallystick::settings::CrmSettings;
use tallystick::store::outbox;

use crate::crash::Served;
use crate::harness::{
    Answer, Partner, Store, TestApp, Trial, payment, referral, refund, staff, start_crm,
};

fn python() -> PathBuf {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/venv/bin/python");
    assert!(python.is_file(), "make tools installs {}", python.display());
    python
}

fn tool(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools").join(name)
}

/// A collector of traces by OpenTelemetry's own definitions, and a way to the CRM.
pub struct Collector {
    process: Child,
    pub url: String,
    kept: PathBuf,
}

impl Collector {
    pub fn start(folder: &Path, elsewhere: Option<&str>) -> Self {
        let kept = folder.join("spans.jsonl");
        let mut command = Command::new(python());
        command.arg(tool("otlp_receiver.py")).arg(&kept).args(elsewhere);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, url: format!("http://127.0.0.1:{}", line.trim()), kept }
    }

    pub fn endpoint(&self) -> String {
        format!("{}/v1/traces", self.url)
    }

    /// From now on it takes a minute to answer.
    fn be_slow(&self) {
        std::fs::write(format!("{}.slow", self.kept.display()), "").unwrap();
    }

    /// All that it was sent, as it kept it.
    pub fn text(&self) -> String {
        std::fs::read_to_string(&self.kept).unwrap_or_default()
    }

    fn spans(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// The samples of a gateway, as Prometheus reads them.
struct Samples(Vec<(String, BTreeMap<String, String>, f64)>);

impl Samples {
    fn read(url: &str) -> Self {
        let output = Command::new(python()).arg(tool("read_metrics.py")).arg(url).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        Self(serde_json::from_slice(&output.stdout).unwrap())
    }

    /// The sum of the samples of this name that have these labels.
    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let fits = |of: &BTreeMap<String, String>| {
            labels.iter().all(|(label, value)| of.get(*label).is_some_and(|it| it == value))
        };
        let name = format!("tallystick_{name}");
        let named: Vec<_> = self.0.iter().filter(|(it, ..)| *it == name).collect();
        assert!(!named.is_empty(), "there is no {name}");
        named.iter().filter(|(_, of, _)| fits(of)).map(|(.., value)| value).sum()
    }
}

async fn with_metrics(app: &mut TestApp) {
    app.trial.settings.metrics.listen = Some("127.0.0.1:0".parse().unwrap());
    app.restart().await;
}

on_both_stores! {
    async fn metrics_count_what_happens(app) {
        with_metrics(app).await;
        app.leads_may_wait = true;
        let (shop, travel) = (app.partner("green-basket").await, app.partner("sunny-travel").await);
        let first = payment("p-1", "m-1", "88.50", "0.00");
        shop.record(&first).await;
        assert_eq!(shop.post(&first).await.status, 200);
        assert_eq!(shop.post(&payment("p-1", "m-1", "99.00", "0.00")).await.status, 409);
        assert_eq!(shop.post(&refund("r-1", "none", "1.00")).await.status, 422);
        let batch = [payment("p-2", "m-1", "1.00", "0.00"), payment("p-3", "m-1", "2.00", "0.00"), json!({})];
        assert_eq!(shop.post_batch(&batch).await.status, 200);
        travel.record(&referral("t-1", "travel-loan", "9000.00", "old-town")).await;
        // What somebody made up is no label, however often.
        for number in 0..20 {
            let path = format!("/v1/events/1380013800{number}/nothing");
            assert_eq!(shop.get(&path).await.status, 404);
            let method = Method::from_bytes(format!("BREW{number}").as_bytes()).unwrap();
            let made_up = Answer::of(shop.request(method, "/v1/events")).await;
            assert_eq!(made_up.status, 405);
        }
        let samples = Samples::read(&app.metrics_url());
        let requests = |labels: &[(&str, &str)]| samples.sum("http_requests_total", labels);
        let single = ("route", "/v1/events");
        let shops = ("partner_kind", "supermarket");
        assert_eq!(requests(&[single, shops, ("method", "POST"), ("status", "2xx")]), 2.0);
        assert_eq!(requests(&[single, shops, ("status", "4xx")]), 2.0);
        assert_eq!(requests(&[single, ("partner_kind", "travel_agency")]), 1.0);
        assert_eq!(requests(&[single, ("method", "other"), ("status", "4xx")]), 20.0);
        assert_eq!(requests(&[("route", "none"), ("status", "4xx")]), 20.0);
        let latency = samples.sum("http_request_duration_seconds_count", &[single, shops]);
        assert_eq!(latency, 4.0);
        // The reading itself.
        assert_eq!(samples.sum("http_requests_in_flight", &[]), 1.0);
        let events = |outcome| {
            let labels = [("kind", "payment.discounted"), ("outcome", outcome)];
            samples.sum("events_total", &labels)
        };
        assert_eq!((events("recorded"), events("replayed"), events("conflict")), (3.0, 1.0, 1.0));
        assert_eq!(samples.sum("events_total", &[("kind", "payment.refunded"), ("outcome", "refused")]), 1.0);
        let problem = |slug| samples.sum("problems_total", &[("slug", slug)]);
        assert_eq!((problem("event-conflict"), problem("payment-unknown")), (1.0, 1.0));
        // The one in the batch that cannot be read.
        assert_eq!(problem("invalid"), 1.0);
        assert_eq!(samples.sum("outbox_messages", &[("destination", "crm"), ("state", "waiting")]), 1.0);
        assert!(samples.sum("outbox_oldest_timestamp_seconds", &[("destination", "crm")]) > 1e9);
        assert_eq!(samples.sum("writer_queue_events", &[]), 0.0);
        assert!(samples.sum("writer_commit_seconds_count", &[]) >= 5.0);
        assert!(samples.sum("writer_group_events_count", &[]) >= 5.0);
        assert_eq!(samples.sum("build_info", &[("version", env!("CARGO_PKG_VERSION"))]), 1.0);
        assert!(samples.sum("start_timestamp_seconds", &[]) > 1e9);
        for task in ["due", "sealer", "partners"] {
            assert!(samples.sum("task_last_success_timestamp_seconds", &[("task", task)]) >= 0.0);
        }
        // The metrics' own address has nothing else of the gateway.
        let other = app.metrics_url().replace("/metrics", "/v1/events");
        assert_eq!(Answer::of(reqwest::Client::new().get(other)).await.status, 404);
    }
}

on_both_stores! {
    async fn the_public_address_has_metrics_for_staff_and_only_where_the_settings_say_so(app) {
        let reader = staff(app, "staff-1", &["read"]);
        assert_eq!(reader.get("/metrics").await.told(), (404, "not-found"));
        app.trial.settings.metrics.public = true;
        app.restart().await;
        let staff = |roles: &[&str]| staff(app, "staff-1", roles);
        let answer = staff(&["read"]).get("/metrics").await;
        assert_eq!(answer.status, 200);
        assert!(answer.text.ends_with("# EOF\n"), "{}", answer.text);
        assert_eq!(staff(&["adjust"]).get("/metrics").await.told(), (403, "role-missing"));
        assert_eq!(app.partner("green-basket").await.get("/metrics").await.status, 401);
        let nobody = Answer::of(reqwest::Client::new().get(app.url() + "/metrics")).await;
        assert_eq!(nobody.status, 401);
    }
}

#[expect(clippy::too_many_lines, reason = "a list of what is asked, and how")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_has_a_request_id() {
    Trial::on(Store::Sqlite)
        .run(async |app: &mut TestApp| {
            let shop = app.partner("green-basket").await;
            let http =
                reqwest::Client::builder().redirect(redirect::Policy::none()).build().unwrap();
            let ask = |method: Method, path: &str| {
                http.request(method, app.url() + path).bearer_auth(&shop.token)
            };
            let post = |path: &str| ask(Method::POST, path);
            let large = "x".repeat(70_000);
            let requests = [
                (307, ask(Method::GET, "/docs")),
                (200, ask(Method::GET, "/docs/")),
                (404, ask(Method::GET, "/docs/none.js")),
                (200, ask(Method::GET, "/openapi.json")),
                (200, ask(Method::GET, "/problems/busy")),
                (404, ask(Method::GET, "/problems/none")),
                (200, ask(Method::HEAD, "/healthz")),
                (200, ask(Method::GET, "/.well-known/jwks.json")),
                (404, ask(Method::GET, "/none")),
                (404, ask(Method::GET, "/v1/events/%ff")),
                (405, ask(Method::PUT, "/v1/events")),
                (405, ask(Method::OPTIONS, "/v1/events")),
                (401, http.get(app.url() + "/v1/events/p-1")),
                (401, ask(Method::GET, "/v1/corrections?state=none")),
                (400, post("/v1/events").header("content-type", "application/json").body("{")),
                (422, post("/v1/events").header("content-type", "application/json").body("{}")),
                (
                    413,
                    post("/v1/events")
                        .header("content-type", "application/json")
                        .body(large.clone()),
                ),
                (
                    400,
                    post("/oauth/token")
                        .body(large.clone())
                        .header("content-type", "application/x-www-form-urlencoded"),
                ),
                (400, post("/oauth/token").body("x")),
                (400, post("/oauth/token").form(&[("grant_type", "none")])),
                (
                    400,
                    post("/v1/events")
                        .header("content-type", "application/json")
                        .body("{}")
                        .header("idempotency-key", "a b"),
                ),
                (
                    413,
                    post("/v1/events")
                        .header("content-type", "application/json")
                        .body(large)
                        .header("idempotency-key", "a-1"),
                ),
                (
                    400,
                    post("/v1/events")
                        .header("content-type", "application/json")
                        .body("{}")
                        .header("api-version", "none"),
                ),
                (
                    400,
                    post("/v1/events")
                        .header("content-type", "application/json")
                        .body("{}")
                        .header("signature", "none"),
                ),
            ];
            for (status, request) in requests {
                let (client, request) = request.build_split();
                let request = request.unwrap();
                let asked = format!("{} {}", request.method(), request.url());
                let answer = Answer::of(reqwest::RequestBuilder::from_parts(client, request)).await;
                assert_eq!(answer.status, status, "{asked}: {answer:?}");
                let id = answer.headers.get("x-request-id").expect(&asked).to_str().unwrap();
                assert_eq!(id.len(), 36, "{asked}");
                let problem = answer
                    .headers
                    .get("content-type")
                    .is_some_and(|it| it == "application/problem+json");
                if problem {
                    assert_eq!(answer.body["request_id"], id, "{asked}");
                }
            }
        })
        .await;
}

fn crm_environment(crm: &CrmSettings, url: &str) -> Vec<(&'static str, String)> {
    let CrmSettings::Tryton { database, user, password, .. } = crm.clone() else {
        unreachable!("not a Tryton");
    };
    vec![
        ("TALLYSTICK_CRM__KIND", "tryton".to_owned()),
        ("TALLYSTICK_CRM__URL", url.to_owned()),
        ("TALLYSTICK_CRM__DATABASE", database),
        ("TALLYSTICK_CRM__USER", user),
        ("TALLYSTICK_CRM__PASSWORD", password.reveal().to_owned()),
    ]
}

fn borrowed<'a>(pairs: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    pairs.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

async fn until_delivered(trial: &Trial) {
    let started = Instant::now();
    while outbox::depth(&mut trial.db()).unwrap().delivered == 0 {
        assert!(started.elapsed() < Duration::from_secs(90), "the lead is not delivered");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn a_trace_goes_from_the_request_to_the_crm(store: Store) {
    let trial = Trial::on(store);
    let crm = start_crm(trial.folder.path());
    let collector = Collector::start(trial.folder.path(), Some(&crm.url()));
    let mut environment = crm_environment(&crm.settings(), &collector.url);
    environment.push(("TALLYSTICK_TRACES__ENDPOINT", collector.endpoint()));
    environment.push(("TALLYSTICK_TRACES__SERVICE_NAME", "gateway-7".to_owned()));
    let served = Served::start(&trial, &borrowed(&environment));
    let travel = served.partner(&trial, "sunny-travel").await;
    let (trace, caller) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let event = referral("t-1", "travel-loan", "9000.00", "old-town");
    let request = travel.request(Method::POST, "/v1/events").json(&event);
    // Whether it is kept is not the caller's to say.
    let request = request.header("traceparent", format!("00-{trace}-{caller}-00"));
    assert_eq!(Answer::of(request).await.status, 201);
    until_delivered(&trial).await;
    assert!(served.stop().success());

    let all = collector.spans();
    let spans: Vec<&Value> = all.iter().filter(|span| span["trace"] == trace).collect();
    let one = |name: &str| {
        let named: Vec<_> = spans.iter().filter(|span| span["name"] == name).collect();
        assert_eq!(named.len(), 1, "{name}: {all:#?}");
        *named[0]
    };
    let parent_of = |name: &str| one(name)["parent"].as_str().unwrap().to_owned();
    let id_of = |name: &str| one(name)["id"].as_str().unwrap().to_owned();
    let server = "POST /v1/events";
    assert_eq!(parent_of(server), caller);
    assert_eq!((&one(server)["kind"], &one(server)["service"]), (&json!(2), &json!("gateway-7")));
    assert_eq!(one(server)["attributes"]["http.response.status_code"], 201);
    for inside in ["parse", "wait", "record"] {
        assert_eq!(parent_of(inside), id_of(server), "{inside}");
    }
    assert_eq!(parent_of("commit"), id_of("record"));
    assert_eq!(one("commit")["links"], json!([[trace, id_of("record")]]));
    assert_eq!(parent_of("deliver"), id_of("record"));
    let calls: Vec<_> = spans.iter().filter(|span| span["name"] == "crm").collect();
    assert!(calls.len() >= 3, "{all:#?}");
    for call in calls {
        assert_eq!((&call["parent"], &call["kind"]), (&json!(id_of("deliver")), &json!(3)));
        // The CRM was told the place of this very span.
        let told = format!("00-{trace}-{}-01", call["id"].as_str().unwrap());
        assert!(all.iter().any(|it| it["traceparent"] == told.as_str()), "{told}: {all:#?}");
    }
    assert_eq!(trial.findings(), []);
}

on_both_stores!(a_trace_goes_from_the_request_to_the_crm);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_nth_trace_is_kept_and_no_other() {
    let trial = Trial::on(Store::Sqlite);
    let collector = Collector::start(trial.folder.path(), None);
    let settings = [
        ("TALLYSTICK_TRACES__ENDPOINT", collector.endpoint()),
        ("TALLYSTICK_TRACES__SAMPLE_ONE_IN", "5".to_owned()),
    ];
    let served = Served::start(&trial, &borrowed(&settings));
    let shop = served.partner(&trial, "green-basket").await;
    for number in 0..24 {
        shop.record(&payment(&format!("p-{number}"), "m-1", "1.00", "0.00")).await;
    }
    assert!(served.stop().success());
    let spans = collector.spans();
    let count = |name: &str| spans.iter().filter(|span| span["name"] == name).count();
    // Every fifth of 25 requests: one for the token, and 24 payments.
    assert_eq!(count("POST /oauth/token") + count("POST /v1/events"), 5, "{spans:#?}");
    assert_eq!(count("commit"), count("record"));
}

/// Bytes that a process holds in memory.
fn resident(served: &Served) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", served.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

async fn post_many(shop: &Partner, round: usize, count: usize) {
    let tasks = (0..8).map(|task| {
        let shop = shop.clone();
        tokio::spawn(async move {
            for number in 0..count / 8 {
                let id = format!("p-{round}-{task}-{number}");
                shop.record(&payment(&id, "m-1", "1.00", "0.00")).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_does_not_answer_stops_nothing() {
    for away in [false, true] {
        let trial = Trial::on(Store::Sqlite);
        let collector = Collector::start(trial.folder.path(), None);
        collector.be_slow();
        let endpoint =
            if away { "http://127.0.0.1:9/v1/traces".to_owned() } else { collector.endpoint() };
        let settings = [("TALLYSTICK_TRACES__ENDPOINT", endpoint)];
        let served = Served::start(&trial, &borrowed(&settings));
        let shop = served.partner(&trial, "green-basket").await;
        // More spans than may wait, so that what comes later finds the queue full.
        post_many(&shop, 0, 2_000).await;
        let before = resident(&served);
        post_many(&shop, 1, 2_000).await;
        let grown = resident(&served).saturating_sub(before);
        assert!(grown < 32 << 20, "grew by {grown} bytes");
        let stopping = Instant::now();
        assert!(served.stop().success());
        assert!(stopping.elapsed() < Duration::from_secs(30), "{:?}", stopping.elapsed());
    }
}
