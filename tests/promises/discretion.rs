//! Personal data is in no log, metric, trace or error, whatever is sent and however much is logged; nor in the
//! database but sealed. It is looked for in every form in which programs write text.

use std::fs::File;
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use reqwest::header::HeaderValue;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::crash::Served;
use crate::harness::{Answer, Partner, Store, Trial, assertion, payment, referral};
use crate::observability::Collector;

/// What a referral gives of a person, with their consent.
const GIVEN: [&str; 3] =
    ["Perpetua Quillfeather", "+8619912345678", "perpetua.quill@person.invalid"];
/// What somebody puts where it does not belong.
const STRAY: [&str; 5] = [
    "Zebedee Featherstone",
    "19887654321",
    "zeb.feather@person.invalid",
    "11010519491231002X",
    "欧阳长风",
];

/// A text as it is found in logs, URLs, hex dumps and base64 of anything around it.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let bytes = text.as_bytes();
    let hex = |upper: bool, prefix: &str| -> String {
        let digit =
            |b: &u8| if upper { format!("{prefix}{b:02X}") } else { format!("{prefix}{b:02x}") };
        bytes.iter().map(digit).collect()
    };
    let escaped: String = text
        .chars()
        .map(|it| if it.is_ascii() { it.to_string() } else { format!("\\u{:04x}", u32::from(it)) })
        .collect();
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"*-._".contains(b);
    let form = |b: &u8| if plain(b) { char::from(*b).to_string() } else { format!("%{b:02X}") };
    let form = bytes.iter().map(form).collect::<String>().replace("%20", "+");
    let listed = format!("{bytes:?}");
    let mut forms = vec![
        text.to_owned(),
        escaped,
        form.clone(),
        form.replace('+', "%20"),
        form.to_lowercase(),
        hex(false, ""),
        hex(true, ""),
        hex(false, "\\x"),
        hex(true, "%"),
        listed.trim_matches(['[', ']']).to_owned(),
    ];
    // In base64 it looks another way at each of three places; its ends depend on the neighbours.
    for before in 0..3_usize {
        let padded = [vec![0; before], bytes.to_vec()].concat();
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let text = engine.encode(&padded);
            let start = [0, 2, 3][before];
            let end = padded.len() / 3 * 4;
            forms.push(text.get(start..end).unwrap().to_owned());
        }
    }
    let mut forms: Vec<Vec<u8>> = forms.into_iter().map(String::into_bytes).collect();
    if let (encoded, _, false) = encoding_rs::GB18030.encode(text) {
        forms.push(encoded.into_owned());
    }
    forms
}

/// Where one of the texts stands, with what is around it.
fn found(texts: &[&str], place: &str, content: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for text in texts {
        for form in forms(text) {
            if let Some(at) = content.windows(form.len()).position(|part| part == form) {
                let around =
                    &content[at.saturating_sub(160)..content.len().min(at + form.len() + 80)];
                found.push(format!("{text:?} in {place}: …{}…", String::from_utf8_lossy(around)));
                break;
            }
        }
    }
    found
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Requests as somebody would send them who puts everything everywhere.
fn everywhere(url: &str, stray: &str, partner: &Partner) -> Vec<RequestBuilder> {
    let mut requests = in_urls(url, stray, partner);
    requests.extend(in_headers(url, stray, partner));
    requests.extend(in_bodies(url, stray, partner));
    requests
}

const PATHS: [&str; 13] = [
    "/v1/events/{}",
    "/v1/events/{}/receipt",
    "/v1/events/{}/proof",
    "/v1/referrals/{}",
    "/{}",
    "/v1/customers/me/members/{}",
    "/v1/corrections/{}",
    "/v1/corrections?state={}&cursor={}",
    "/v1/corrections?{}=1",
    "/problems/{}",
    "/docs/{}",
    "/openapi.json?{}",
    "/metrics?{}",
];

fn in_urls(url: &str, stray: &str, partner: &Partner) -> Vec<RequestBuilder> {
    let (http, mut requests) = (reqwest::Client::new(), Vec::new());
    for place in PATHS {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let url = format!("{url}{}", place.replace("{}", &percent(stray)));
            requests.push(http.request(method.clone(), &url).bearer_auth(&partner.token));
            requests.push(http.request(method, url));
        }
    }
    requests
}

const HEADERS: [&str; 26] = [
    "authorization",
    "x-request-id",
    "traceparent",
    "tracestate",
    "idempotency-key",
    "api-version",
    "content-type",
    "accept",
    "if-none-match",
    "user-agent",
    "cookie",
    "referer",
    "origin",
    "signature",
    "signature-input",
    "content-digest",
    "ce-id",
    "ce-specversion",
    "ce-type",
    "ce-source",
    "ce-time",
    "x-forwarded-for",
    "expect",
    "accept-encoding",
    "dpop",
    "upgrade",
];

fn in_headers(url: &str, stray: &str, partner: &Partner) -> Vec<RequestBuilder> {
    let (http, mut requests) = (reqwest::Client::new(), Vec::new());
    let value = |text: &str| HeaderValue::from_bytes(text.as_bytes()).unwrap();
    for name in HEADERS {
        for route in ["/v1/events", "/oauth/token", "/v1/adjustments"] {
            let request = http.post(format!("{url}{route}")).body("{}");
            let request = match name {
                "authorization" => request,
                _ => request.bearer_auth(&partner.token),
            };
            requests.push(request.header(name, value(stray)));
        }
        let bearer = value(&format!("Bearer {stray}"));
        requests.push(http.get(format!("{url}/v1/events/p-1")).header(name, bearer));
    }
    requests
}

fn in_bodies(url: &str, stray: &str, partner: &Partner) -> Vec<RequestBuilder> {
    let (http, mut requests) = (reqwest::Client::new(), Vec::new());
    let (path, form) = (percent(stray), "application/x-www-form-urlencoded");
    let members =
        ["grant_type", "client_assertion_type", "client_assertion", "scope", "client_id", &path];
    for member in members {
        let body = format!("grant_type=client_credentials&{member}={path}");
        let request = http.post(format!("{url}/oauth/token")).header("content-type", form);
        requests.push(request.body(body));
    }
    let routes = [
        "/v1/events",
        "/v1/events:batch",
        "/v1/quotes",
        "/v1/adjustments",
        "/v1/customers/me/codes",
    ];
    for body in bodies(stray) {
        for route in routes {
            let request = http.post(format!("{url}{route}")).bearer_auth(&partner.token);
            requests.push(request.header("content-type", "application/json").body(body.clone()));
        }
    }
    requests
}

/// Bodies that are refused, with the text as a value and as a name at each place.
fn bodies(stray: &str) -> Vec<Vec<u8>> {
    let mut bodies: Vec<Vec<u8>> = vec![
        stray.into(),
        format!("{{\"{stray}").into(),
        format!("\"{stray}\"").into(),
        format!("{{\"specversion\":\"1.0\",\"id\":\"{stray}\",\"id\":\"{stray}\"}}").into(),
    ];
    let events = [
        payment("p-9", "m-1", "1.00", "0.00"),
        referral("t-9", "travel-loan", "9000.00", "old-town"),
    ];
    for event in events {
        // Refused for certain, by what is at another place than the one that is looked at.
        let spoilt = |change: &dyn Fn(&mut Value)| {
            let mut event = event.clone();
            event["data"]["currency"] = json!("XXX");
            change(&mut event);
            [event.to_string().into_bytes(), json!([event]).to_string().into_bytes()]
        };
        let names: Vec<String> = event.as_object().unwrap().keys().cloned().collect();
        for name in names {
            bodies.extend(spoilt(&|event| event[&name] = json!(stray)));
            bodies.extend(spoilt(&|event| event[&name] = json!({ stray: [stray] })));
        }
        let names: Vec<String> = event["data"].as_object().unwrap().keys().cloned().collect();
        for name in names {
            bodies.extend(spoilt(&|event| event["data"][&name] = json!(stray)));
            bodies.extend(spoilt(&|event| event["data"][&name] = json!([{ "name": stray }])));
        }
        for part in ["contact", "consent"] {
            let Some(members) = event["data"][part].as_object() else { continue };
            for name in members.keys() {
                bodies.extend(spoilt(&|event| event["data"][part][name] = json!(stray)));
            }
        }
        bodies.extend(spoilt(&|event| event[stray] = json!(stray)));
        bodies.extend(spoilt(&|event| event["data"][stray] = json!(stray)));
    }
    bodies
}

/// Sends bytes that no HTTP client would, and gives what came back.
async fn raw(url: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
    let mut answer = Vec::new();
    let _hung_up = stream.write_all(bytes).await;
    let reading = stream.read_to_end(&mut answer);
    let _cut_off = tokio::time::timeout(Duration::from_millis(300), reading).await;
    answer
}

fn not_http(stray: &str) -> Vec<Vec<u8>> {
    let long = stray.repeat(20_000);
    vec![
        format!("{stray}\r\n\r\n").into(),
        format!("GET /{stray} HTTP/1.1\r\nHost: {stray}\r\n\r\n").into(),
        format!("{} / HTTP/1.1\r\nHost: x\r\n\r\n", stray.replace(' ', "")).into(),
        format!("GET / HTTP/9.9 {stray}\r\n\r\n").into(),
        format!("GET / HTTP/1.1\r\n{stray}\r\n\r\n").into(),
        format!("GET / HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n").into(),
        format!("POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: {stray}\r\n\r\n{stray}").into(),
        format!("POST /v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz;{stray}\r\n").into(),
        format!("POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{{\"{stray}").into(),
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{stray}").into(),
    ]
}

async fn ask_for_tokens(url: &str, trial: &Trial, stray: &str) -> Vec<String> {
    let (issuer, key) = (trial.settings.issuer.as_ref().unwrap(), trial.key("green-basket"));
    let mut answers = Vec::new();
    for claims in [
        json!({ "iss": stray, "sub": stray, "aud": issuer, "jti": stray }),
        json!({ "iss": "green-basket", "sub": stray, "aud": stray, "jti": stray }),
        json!({ "iss": "green-basket", "sub": "green-basket", "aud": issuer, "jti": { stray: stray }, "exp": stray }),
    ] {
        let signed = key.sign(&claims).unwrap();
        answers.push(Partner::ask_token(url, &signed, &[]).await.text);
        let head =
            URL_SAFE_NO_PAD.encode(json!({ "alg": stray, "kid": stray, "typ": stray }).to_string());
        let forged = format!("{head}.{}", signed.split_once('.').unwrap().1);
        answers.push(Partner::ask_token(url, &forged, &[]).await.text);
        let person = Partner::with_token(url, &forged);
        answers.push(person.get("/v1/customers/me/points").await.text);
        let person = trial.sign_customer(&json!({ "iss": stray, "aud": stray, "sub": stray }));
        answers.push(Partner::with_token(url, &person).get("/v1/customers/me/points").await.text);
    }
    let good = assertion("green-basket", issuer, key);
    answers.push(Partner::ask_token(url, &good, &[("scope", stray)]).await.text);
    answers
}

/// All that a database holds, as bytes.
fn database(trial: &Trial, store: Store) -> Vec<u8> {
    if store == Store::Postgres {
        let url = trial.settings.database_url.reveal();
        let psql = "SELECT format('COPY %I TO STDOUT;', relname) FROM pg_class \
                    WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace";
        let run = |query: &str| {
            let output = Command::new("psql").args([url, "-qAtc", query]).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            output.stdout
        };
        let copies = String::from_utf8(run(psql)).unwrap();
        return copies.lines().flat_map(run).collect();
    }
    let files = std::fs::read_dir(trial.folder.path()).unwrap().map(|it| it.unwrap().path());
    let files = files.filter(|it| it.file_name().unwrap().to_str().unwrap().starts_with("test.db"));
    files.flat_map(|file| std::fs::read(file).unwrap()).collect()
}

fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// What was sent to a gateway that logs all it can, and what can be seen of it.
async fn seen(store: Store, given: Value) -> Vec<String> {
    let trial = Trial::on(store);
    let collector = Collector::start(trial.folder.path(), None);
    let (log, metrics) = (trial.folder.path().join("log"), free_address());
    let endpoint = collector.endpoint();
    let settings = [
        ("TALLYSTICK_LOG__LEVEL", "trace"),
        ("TALLYSTICK_LOG__FORMAT", "json"),
        ("TALLYSTICK_METRICS__LISTEN", &metrics),
        ("TALLYSTICK_TRACES__ENDPOINT", &endpoint),
    ];
    let served = Served::start_logging(&trial, &settings, File::create(&log).unwrap().into());
    let travel = served.partner(&trial, "sunny-travel").await;
    let shop = served.partner(&trial, "green-basket").await;
    travel.record(&given).await;
    assert_eq!(travel.post(&given).await.status, 200);
    // Other content under the id, and another person under the order's key.
    let mut other = given.clone();
    other["data"]["contact"]["phone"] = json!(format!("+86{}", STRAY[1]));
    assert_eq!(travel.post(&other).await.status, 409);
    let mut seen = Vec::new();
    let mut answers = 0;
    for stray in STRAY {
        let partner = if stray.is_ascii() { &shop } else { &travel };
        for request in everywhere(&served.url, stray, partner) {
            // Some of it is not sent: reqwest keeps to HTTP where we do not.
            let Ok(response) = request.send().await else { continue };
            let status = response.status();
            let asked = format!("{} to {}", response.status(), response.url().path());
            let headers = format!("{:?}", response.headers());
            let text = response.text().await.unwrap();
            answers += 1;
            assert!(status.as_u16() != 500, "{asked}: {text}");
            if status.is_client_error() || status.is_server_error() {
                seen.extend(found(&[stray], &asked, text.as_bytes()));
                seen.extend(found(&[stray], &asked, headers.as_bytes()));
            }
        }
        for text in ask_for_tokens(&served.url, &trial, stray).await {
            seen.extend(found(&[stray], "an answer about a token", text.as_bytes()));
        }
        for bytes in not_http(stray) {
            let answer = raw(&served.url, &bytes).await;
            seen.extend(found(&[stray], "an answer to what is no HTTP", &answer));
        }
    }
    assert!(answers > 1_000, "only {answers} answers");
    let scraped = Answer::of(reqwest::Client::new().get(format!("http://{metrics}/metrics"))).await;
    assert!(served.stop().success());
    let texts = [GIVEN.as_slice(), &STRAY].concat();
    let log = std::fs::read(&log).unwrap();
    let lines = log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let lines: Vec<Value> = lines.map(|it| serde_json::from_slice(it).unwrap()).collect();
    assert!(lines.iter().filter(|it| it["message"] == "answered").count() >= answers);
    for answered in lines.iter().filter(|it| it["message"] == "answered") {
        assert!(answered["span"]["request_id"].is_string(), "{answered}");
    }
    seen.extend(found(&texts, "the log", &log));
    seen.extend(found(&texts, "the metrics", scraped.text.as_bytes()));
    let spans = collector.text();
    assert!(spans.lines().count() > 500);
    seen.extend(found(&texts, "the traces", spans.as_bytes()));
    seen.extend(found(&texts, "the database", &database(&trial, store)));
    seen
}

fn person() -> Value {
    let mut given = referral("t-1", "travel-loan", "9000.00", "old-town");
    let [name, phone, email] = GIVEN;
    given["data"]["contact"] = json!({ "name": name, "phone": phone, "email": email });
    given
}

async fn personal_data_is_seen_nowhere(store: Store) {
    let seen = Box::pin(seen(store, person())).await;
    assert!(seen.is_empty(), "{}", seen.join("\n"));
}

on_both_stores!(personal_data_is_seen_nowhere);

#[test]
fn what_is_looked_for_is_found_in_every_form() {
    let text = "欧阳 19887654321";
    let hidden = [
        format!("x{text}y"),
        URL_SAFE_NO_PAD.encode(format!("{{\"a\":\"{text}\"}}")),
        STANDARD_NO_PAD.encode(format!("{{\"ab\":\"{text}\"}}")),
        STANDARD_NO_PAD.encode(format!("{{\"abc\":\"{text}\"}}")),
        percent(text),
        text.bytes().map(|b| format!("{b:02x}")).collect(),
        format!("{:?}", text.as_bytes()),
        json!(text).to_string(),
    ];
    for content in hidden {
        assert_eq!(found(&[text], "here", content.as_bytes()).len(), 1, "{content}");
    }
    assert!(found(&[text], "here", b"nothing of it").is_empty());
}
