//! A line of the log has each field once, and no stranger can write an error into it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::crash::Served;
use crate::harness::{Store, Trial};

/// Names that the JSON log uses itself.
const RESERVED: [&str; 6] = ["message", "level", "target", "timestamp", "span", "spans"];

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let all = entries.flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] });
    all.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// The arguments of a call that begins after its opening parenthesis.
fn arguments(text: &str) -> Vec<String> {
    let (mut depth, mut in_text, mut before) = (0, false, ' ');
    let mut found = vec![String::new()];
    for character in text.chars() {
        match character {
            '"' if before != '\\' => in_text = !in_text,
            '(' | '[' | '{' if !in_text => depth += 1,
            ')' | ']' | '}' if !in_text => depth -= 1,
            ',' if !in_text && depth == 0 => {
                found.push(String::new());
                before = character;
                continue;
            }
            _ => {}
        }
        if depth < 0 {
            break;
        }
        found.last_mut().unwrap().push(character);
        before = character;
    }
    found.iter().map(|argument| argument.trim().to_owned()).collect()
}

/// The field that an argument of a logging macro names; none of a text.
fn field(argument: &str) -> Option<String> {
    let name = argument.split('=').next().unwrap().trim();
    let name = name.trim_start_matches(['%', '?']);
    let is_name =
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
    is_name.then(|| name.rsplit('.').next().unwrap().to_owned())
}

#[test]
fn a_line_has_each_field_once() {
    let mut found = Vec::new();
    let mut calls = 0;
    for path in rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = std::fs::read_to_string(&path).unwrap();
        for name in ["trace!(", "debug!(", "info!(", "warn!(", "error!("] {
            for call in text.split(&format!("tracing::{name}")).skip(1) {
                calls += 1;
                let fields: Vec<String> =
                    arguments(call).iter().filter_map(|argument| field(argument)).collect();
                let mut once = fields.clone();
                once.sort_unstable();
                once.dedup();
                let reserved = fields.iter().any(|field| RESERVED.contains(&field.as_str()));
                if reserved || once.len() != fields.len() {
                    found.push(format!("{}: {fields:?}", path.display()));
                }
            }
        }
    }
    assert!(calls > 50, "{calls}");
    assert_eq!(found, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_http_write_no_error_into_the_log() {
    let trial = Trial::on(Store::Sqlite);
    let log = trial.folder.path().join("log");
    let file = std::fs::File::create(&log).unwrap();
    let more = [("TALLYSTICK_LOG__LEVEL", "info")];
    let served = Served::start_logging(&trial, &more, Stdio::from(file));
    let address = served.url.trim_start_matches("http://").to_owned();
    for bytes in [
        &b"GET / HTTP/1.1\r\nhost: x\r\nx-\xff: \x00\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
    ] {
        let mut connection = TcpStream::connect(&address).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        connection.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        // An answer or an end: either comes after the line would have been written.
        let _reset = connection.read_to_end(&mut answer);
    }
    assert!(served.stop().success());
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.contains("serving"), "{text}");
    assert!(!text.contains("ERROR") && !text.contains("actix_http"), "{text}");
}
