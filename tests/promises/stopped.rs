//! Who is stopped is stopped, on every lane: a stream that is open and a file on its way end when the
//! token is revoked, the scope or the key is taken away, or the partner leaves the sandbox.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Answer, Partner, Store, TestApp, Trial, assertion, payment};

/// A stream that stays open, on a connection of its own.
struct Stream {
    out: TcpStream,
    answers: BufReader<TcpStream>,
}

impl Stream {
    fn open(partner: &Partner) -> Self {
        let mut out = TcpStream::connect(partner.url.trim_start_matches("http://")).unwrap();
        out.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
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

    fn send(&mut self, event: &Value) {
        let line = format!("{event}\n");
        // The other side may have ended the stream already.
        let _gone = write!(self.out, "{:x}\r\n{line}\r\n", line.len());
    }

    /// The next outcome; none at the end.
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

/// An open stream that has recorded an event.
async fn open(shop: &Partner) -> Stream {
    let shop = shop.clone();
    tokio::task::spawn_blocking(move || {
        let mut stream = Stream::open(&shop);
        stream.send(&payment("p-1", "m-1", "10.00", "0.00"));
        assert_eq!(stream.answer().unwrap()["status"], 201);
        stream
    })
    .await
    .unwrap()
}

/// The stream says why it ends, by itself, and ends.
async fn ends_with(mut stream: Stream, status: u16, slug: &str) {
    let last = tokio::task::spawn_blocking(move || {
        let last = stream.answer().unwrap();
        assert_eq!(stream.answer(), None);
        last
    });
    let last = last.await.unwrap();
    let told = (&last["status"], &last["problem"]["type"]);
    assert_eq!(told, (&json!(status), &json!(format!("/problems/{slug}"))), "{last}");
}

async fn revoke(app: &TestApp, shop: &Partner) {
    let issuer = app.trial.settings.issuer.clone().unwrap();
    let form = [
        ("token", shop.token.clone()),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned(),
        ),
        ("client_assertion", assertion("green-basket", &issuer, app.trial.key("green-basket"))),
    ];
    let request = reqwest::Client::new().post(app.url() + "/oauth/revoke").form(&form);
    assert_eq!(Answer::of(request).await.status, 200);
}

on_both_stores! {
    async fn a_stream_ends_when_its_token_is_revoked(app) {
        let shop = app.partner("green-basket").await;
        let stream = open(&shop).await;
        revoke(app, &shop).await;
        ends_with(stream, 401, "unauthorized").await;
    }
}

on_both_stores! {
    async fn a_stream_ends_when_the_scope_is_taken_away(app) {
        let shop = app.partner("green-basket").await;
        let stream = open(&shop).await;
        app.trial.edit("green-basket", "\"events:write\", ", "");
        app.partners_changed();
        ends_with(stream, 403, "insufficient-scope").await;
    }
}

on_both_stores! {
    async fn a_key_that_is_taken_away_takes_its_tokens_with_it(app) {
        let shop = app.partner("green-basket").await;
        let stream = open(&shop).await;
        app.trial.edit("green-basket", "kid = \"green-basket-1\"", "kid = \"green-basket-2\"");
        app.partners_changed();
        ends_with(stream, 401, "unauthorized").await;
        let answer = shop.post(&payment("p-2", "m-1", "10.00", "0.00")).await;
        assert_eq!(answer.told(), (401, "unauthorized"), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_by_its_age() {
    let mut trial = Trial::on(Store::Sqlite);
    trial.settings.stream_seconds = 1;
    trial
        .run(async |app| {
            let shop = app.partner("green-basket").await;
            let stream = open(&shop).await;
            ends_with(stream, 408, "timeout").await;
        })
        .await;
}

on_both_stores! {
    async fn a_part_of_a_file_is_not_kept_once_the_scope_is_gone(app) {
        use base64::Engine;
        use base64::engine::general_purpose::STANDARD;
        use reqwest::Method;

        let shop = app.partner("green-basket").await;
        let metadata = format!("business_date {}", STANDARD.encode("2026-11-24"));
        let begun = shop.request(Method::POST, "/v1/uploads").header("tus-resumable", "1.0.0")
            .header("upload-length", "600000").header("upload-metadata", metadata);
        let begun = Answer::of(begun).await;
        assert_eq!(begun.status, 201, "{begun:?}");
        let url = begun.headers["location"].to_str().unwrap().to_owned();
        let mut out = TcpStream::connect(shop.url.trim_start_matches("http://")).unwrap();
        out.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        write!(
            out,
            "PATCH {url} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ntus-resumable: 1.0.0\r\n\
             content-type: application/offset+octet-stream\r\nupload-offset: 0\r\n\
             content-length: 600000\r\n\r\n",
            shop.token
        )
        .unwrap();
        out.write_all(&[b'x'; 300_000]).unwrap();
        let kept = async || {
            let head = shop.request(Method::HEAD, &url).header("tus-resumable", "1.0.0");
            Answer::of(head).await.headers["upload-offset"].to_str().unwrap().to_owned()
        };
        while kept().await == "0" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        app.trial.edit("green-basket", "\"files:write\", ", "");
        app.partners_changed();
        loop {
            let asked = shop.request(Method::HEAD, &url).header("tus-resumable", "1.0.0");
            if Answer::of(asked).await.status == 403 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // The other side may have ended the request already.
        let _gone = out.write_all(&[b'y'; 300_000]);
        let answer = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(out).read_line(&mut line).unwrap();
            line
        });
        assert_eq!(answer.await.unwrap(), "HTTP/1.1 403 Forbidden\r\n");
    }
}
