use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::Answer;

/// A server of `tests/tools` in a process of its own, which ends when this is dropped.
pub struct Simulator {
    process: Child,
    pub url: String,
}

impl Simulator {
    pub fn start(script: &str, arguments: &[&str]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut process = Command::new(root.join(".tools/venv/bin/python"))
            .arg(root.join("tests/tools").join(script))
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, url: line.trim().to_owned() }
    }

    /// Gives the simulator an order that no client can give, such as to fail.
    pub async fn order(&self, order: Value) -> Value {
        let request = reqwest::Client::new().post(format!("{}/_sim", self.url)).json(&order);
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    pub async fn fails(&self, with: Value) {
        self.order(json!({ "do": "fail", "with": with })).await;
    }

    pub async fn leads(&self) -> Vec<Value> {
        self.order(json!({ "do": "records" })).await["leads"].as_array().unwrap().clone()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // Both fail only when the process has ended already.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// Runs one of the Python clients, and returns the JSON that it printed.
pub async fn python(script: &str, arguments: &[&str]) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join(".tools/venv/bin/python");
    assert!(python.is_file(), "make tools installs {}", python.display());
    let script = root.join("tests/tools").join(script);
    let output =
        tokio::process::Command::new(python).arg(script).args(arguments).output().await.unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.stdout.is_empty(), "{error}");
    serde_json::from_slice(&output.stdout).unwrap()
}
