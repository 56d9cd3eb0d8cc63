//! A stream of events is as good as single events, whatever its length. Each line is answered when it
//! is durable, memory is bounded, and a stream may be sent again without harm.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tallystick::store::proof;

use crate::harness::{Answer, Partner, Store, Trial, payment, refund};

fn ndjson(events: &[Value]) -> String {
    events.iter().map(|event| format!("{event}\n")).collect()
}

async fn stream(partner: &Partner, body: impl Into<reqwest::Body>) -> Answer {
    let request = partner.request(Method::POST, "/v1/events:stream");
    Answer::of(request.header("content-type", "application/x-ndjson").body(body)).await
}

fn outcomes(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn statuses(text: &str) -> Vec<(u64, u64)> {
    let number = |value: &Value| value.as_u64().unwrap();
    outcomes(text).iter().map(|it| (number(&it["line"]), number(&it["status"]))).collect()
}

/// A stream over a connection of its own, on which both sides can be held up.
struct Raw {
    out: TcpStream,
    answers: BufReader<TcpStream>,
}

impl Raw {
    fn open(partner: &Partner) -> Self {
        let mut out = TcpStream::connect(partner.url.trim_start_matches("http://")).unwrap();
        write!(
            out,
            "POST /v1/events:stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
             content-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n",
            partner.token
        )
        .unwrap();
        let answers = BufReader::new(out.try_clone().unwrap());
        Self { out, answers }
    }

    fn send(out: &mut TcpStream, text: &str) -> std::io::Result<()> {
        write!(out, "{:x}\r\n{text}\r\n", text.len())
    }

    /// The next line of the answer's body.
    fn answer(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            if self.answers.read_line(&mut line).unwrap() == 0 || line == "0\r\n" {
                return None;
            }
            if line.starts_with('{') {
                return Some(serde_json::from_str(&line).unwrap());
            }
        }
    }
}

on_both_stores! {
    async fn each_line_has_its_own_outcome_in_order_and_a_bad_one_fails_no_other(app) {
        let shop = app.partner("green-basket").await;
        let first = payment("p-1", "m-1", "100.00", "0.00");
        let body = format!(
            "{first}\n\n{{\"half\":\n{}\r\n{}\n[]\n{first}\n{}",
            refund("r-1", "p-1", "40.00"),
            refund("r-2", "p-1", "70.00"),
            payment("p-2", "m-2", "10.00", "0.00"),
        );
        let answer = stream(&shop, body.clone()).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers["content-type"], "application/x-ndjson");
        let expected =
            [(1, 201), (3, 400), (4, 201), (5, 422), (6, 422), (7, 200), (8, 201)];
        assert_eq!(statuses(&answer.text), expected);
        let told = outcomes(&answer.text);
        assert_eq!(told[0]["receipt"], told[5]["receipt"]);
        assert_eq!(told[0]["receipt"], shop.get("/v1/events/p-1").await.body);
        assert_eq!(told[3]["problem"]["type"], "/problems/refund-exceeds");
        // Sent again, it adds nothing.
        let again = stream(&shop, body).await;
        let expected =
            [(1, 200), (3, 400), (4, 200), (5, 422), (6, 422), (7, 200), (8, 200)];
        assert_eq!(statuses(&again.text), expected);
        let minimal = shop.request(Method::POST, "/v1/events:stream")
            .header("content-type", "application/x-ndjson")
            .header("prefer", "return=minimal").body(format!("{first}\n"));
        let minimal = Answer::of(minimal).await;
        assert_eq!(minimal.text, "{\"line\":1,\"status\":200}\n");
        assert_eq!(minimal.headers["preference-applied"], "return=minimal");
        assert_eq!(stream(&shop, "").await.text, "");
    }
}

on_both_stores! {
    async fn a_stream_that_broke_off_is_simply_sent_again(app) {
        let shop = app.partner("green-basket").await;
        let events: Vec<Value> = (0..600)
            .map(|n| payment(&format!("p-{n}"), &format!("m-{}", n % 7), "10.00", "0.00"))
            .collect();
        let whole = ndjson(&events);
        let half: String = whole.chars().take(whole.len() / 2 + 11).collect();
        assert!(!half.ends_with('\n'));
        let partner = shop.clone();
        tokio::task::spawn_blocking(move || {
            let mut raw = Raw::open(&partner);
            Raw::send(&mut raw.out, &half).unwrap();
            assert_eq!(raw.answer().unwrap()["status"], 201);
        }).await.unwrap();
        let answer = stream(&shop, whole).await;
        let told = statuses(&answer.text);
        assert_eq!(told.len(), 600);
        assert_eq!(told.iter().filter(|(_line, status)| *status == 200 || *status == 201).count(), 600);
        assert!(told.iter().any(|(_line, status)| *status == 200));
        let mut db = app.trial.db();
        assert_eq!(proof::counts(&mut db).unwrap().events, 600);
    }
}

on_both_stores! {
    async fn an_answer_comes_while_the_stream_is_still_open(app) {
        let shop = app.partner("green-basket").await;
        tokio::task::spawn_blocking(move || {
            let mut raw = Raw::open(&shop);
            for n in 0..5 {
                let event = payment(&format!("p-{n}"), "m-1", "10.00", "0.00");
                Raw::send(&mut raw.out, &format!("{event}\n")).unwrap();
                let answer = raw.answer().unwrap();
                assert_eq!((&answer["line"], &answer["status"]), (&json!(n + 1), &json!(201)));
            }
            raw.out.write_all(b"0\r\n\r\n").unwrap();
            assert!(raw.answer().is_none());
        }).await.unwrap();
    }
}

/// Lines of the long stream.
const LINES: usize = 50_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_does_not_read_holds_the_writer_up_and_nothing_piles_up() {
    Trial::on(Store::Sqlite)
        .run(async |app| {
            let shop = app.partner("green-basket").await;
            let sent = Arc::new(AtomicUsize::new(0));
            let mut raw = Raw::open(&shop);
            let (mut out, counted) = (raw.out.try_clone().unwrap(), Arc::clone(&sent));
            let sending = std::thread::spawn(move || {
                for n in 0..LINES / 50 {
                    // Mostly what is answered without being recorded anew: the length is the matter.
                    let lines: Vec<Value> = (0..50)
                        .map(|i| {
                            payment(&format!("p-{}", (n * 50 + i) % 2_000), "m-1", "10.00", "0.00")
                        })
                        .collect();
                    Raw::send(&mut out, &ndjson(&lines)).unwrap();
                    counted.fetch_add(50, Ordering::Relaxed);
                }
                out.write_all(b"0\r\n\r\n").unwrap();
            });
            let mut before = usize::MAX;
            while before != sent.load(Ordering::Relaxed) {
                assert!(app.writer_depth() <= 400, "{} events wait", app.writer_depth());
                before = sent.load(Ordering::Relaxed);
                tokio::time::sleep(Duration::from_secs(3)).await;
            }
            assert!(before < LINES, "all {LINES} lines were taken though nobody read an answer");
            assert_eq!(app.writer_depth(), 0);
            let lines = tokio::task::spawn_blocking(move || {
                let mut lines = 0_u64;
                while let Some(answer) = raw.answer() {
                    lines += 1;
                    assert_eq!(answer["line"], lines);
                    assert!(matches!(answer["status"].as_u64(), Some(200 | 201)), "{answer}");
                    if lines < 20 {
                        std::thread::sleep(Duration::from_millis(20));
                    }
                }
                lines
            })
            .await
            .unwrap();
            sending.join().unwrap();
            assert_eq!(lines, u64::try_from(LINES).unwrap());
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_keeps_to_the_partners_rate_and_to_what_a_day_may_bring() {
    let trial = Trial::on(Store::Sqlite);
    let manifest = trial.settings.partners.join("blue-basket/partner.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace("[access]", "[access]\nevents_per_day = 3")).unwrap();
    trial
        .run(async |app| {
            let slow = app.partner("slow-basket").await;
            let started = Instant::now();
            // As much as eight batches, where two seconds hold four requests.
            let answer = stream(&slow, "{}\n".repeat(8_000)).await;
            assert_eq!(answer.text.lines().count(), 8_000);
            let took = started.elapsed();
            assert!(took > Duration::from_millis(1_500), "took only {took:?}");
            let capped = app.partner("blue-basket").await;
            let events: Vec<Value> =
                (0..5).map(|n| payment(&format!("p-{n}"), "m-1", "10.00", "0.00")).collect();
            let answer = stream(&capped, ndjson(&events)).await;
            let expected = [(1, 201), (2, 201), (3, 201), (4, 429), (5, 429)];
            assert_eq!(statuses(&answer.text), expected);
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_stream_is_refused_before_anything_is_read() {
    Trial::on(Store::Sqlite)
        .run(async |app| {
            let shop = app.partner("green-basket").await;
            let event = format!("{}\n", payment("p-1", "m-1", "10.00", "0.00"));
            let json = shop.request(Method::POST, "/v1/events:stream").body(event.clone());
            let answer = Answer::of(json.header("content-type", "application/json")).await;
            assert_eq!(answer.told(), (415, "media-type"));
            let signed = shop
                .request(Method::POST, "/v1/events:stream")
                .header("content-type", "application/x-ndjson")
                .header("signature-input", "sig=();created=1");
            assert_eq!(Answer::of(signed).await.told(), (400, "signature-malformed"));
            let strict = app.partner("signed-basket").await;
            let answer = stream(&strict, event).await;
            assert_eq!(answer.told(), (403, "signature-required"));
            assert!(answer.body["detail"].as_str().unwrap().contains("signed batches"));
            let nobody = Partner::with_token(&app.url(), "no.good.token");
            assert_eq!(stream(&nobody, "").await.status, 401);
            assert_eq!(shop.get("/v1/events/p-1").await.status, 404);
        })
        .await;
}
