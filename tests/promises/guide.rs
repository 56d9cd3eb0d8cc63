//! What stands in the partner guide works as it stands there: its programs are taken from the page and
//! run, and its event is recorded.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Partner, Store, TestApp, Trial};

/// The fenced blocks of the guide in that language.
fn blocks(language: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = std::fs::read_to_string(root.join("docs/partner-guide.md")).unwrap();
    let fence = format!("```{language}\n");
    let begun = guide.split(&fence).skip(1);
    begun.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// Runs the block whose first line names that file, beside the packages that it asks for.
fn run(app: &TestApp, file: &str, arguments: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (language, program) = match file.rsplit('.').next() {
        Some("py") => ("python", "python"),
        _ => ("js", "node"),
    };
    let blocks = blocks(language);
    let block = blocks.iter().find(|block| block.lines().next().unwrap().contains(file)).unwrap();
    let folder = app.trial.folder.path();
    std::fs::write(folder.join(file), block).unwrap();
    let modules = folder.join("node_modules");
    if !modules.exists() {
        std::os::unix::fs::symlink(root.join(".tools/node/node_modules"), modules).unwrap();
    }
    let output = Command::new(root.join(".tools/venv/bin").join(program))
        .arg(folder.join(file))
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said.trim().to_owned()
}

/// A gateway whose issuer is its own address, as a partner that only has the URL needs it.
async fn with_its_own_address(test: impl AsyncFnOnce(&TestApp, &str, &str)) {
    let mut trial = Trial::on(Store::Sqlite);
    trial.settings.issuer = None;
    trial
        .run(async |app| {
            let key = app.trial.folder.path().join("green-basket.private.jwk.json");
            let jwk = app.trial.key("green-basket").private_jwk().to_string();
            std::fs::write(&key, jwk).unwrap();
            test(app, &app.url(), key.to_str().unwrap()).await;
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guides_assertions_are_taken_and_its_event_is_recorded() {
    with_its_own_address(async |app, url, key| {
        let event: Value = serde_json::from_str(&blocks("json")[0]).unwrap();
        let mut first = None;
        for file in ["assertion.py", "assertion.mjs"] {
            let assertion =
                tokio::task::block_in_place(|| run(app, file, &[url, "green-basket", key]));
            let answer = Partner::ask_token(url, &assertion, &[]).await;
            assert_eq!(answer.status, 200, "{file}: {answer:?}");
            let token = answer.body["access_token"].as_str().unwrap();
            let answer = Partner::with_token(url, token).post(&event).await;
            let again = first.replace(answer.text.clone());
            assert_eq!(answer.status, if again.is_none() { 201 } else { 200 }, "{answer:?}");
            assert!(again.is_none_or(|text| text == answer.text), "the same receipt comes back");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guides_program_with_a_bound_token_posts_an_event() {
    with_its_own_address(async |app, url, key| {
        let event = app.trial.folder.path().join("event.json");
        std::fs::write(&event, &blocks("json")[0]).unwrap();
        let event = event.to_str().unwrap();
        let said = tokio::task::block_in_place(|| {
            run(app, "dpop.mjs", &[url, "green-basket", key, event])
        });
        let (status, receipt) = said.split_once(' ').unwrap();
        let receipt: Value = serde_json::from_str(receipt).unwrap();
        assert_eq!((status, &receipt["event"]), ("201", &json!("my-first-payment")));
    })
    .await;
}
