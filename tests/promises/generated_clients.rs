//! Whole clients can be generated from the API's description by other people's generators, and the
//! linters of such documents find nothing.

use std::path::{Path, PathBuf};

use reqwest::Method;
use tokio::process::Command;

use crate::harness::{Answer, Store, TestApp, Trial};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A program of `.tools/node`, run in a folder of its own.
fn node(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(root().join(".tools/venv/bin/node"));
    command.arg(root().join(".tools/node/node_modules/.bin").join(program));
    command.current_dir(folder).kill_on_drop(true);
    command
}

async fn said(mut command: Command) -> String {
    let output = command.output().await.unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

/// The document in a folder of its own, as a file.
async fn document(app: &TestApp) -> (tempfile::TempDir, PathBuf) {
    let answer = Answer::of(reqwest::Client::new().get(app.url() + "/openapi.json")).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("openapi.json");
    std::fs::write(&path, answer.text).unwrap();
    (folder, path)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn generators_make_whole_clients() {
    Trial::on(Store::Sqlite)
        .run(async |app: &mut TestApp| {
            let (folder, path) = document(app).await;
            let mut python = Command::new(root().join(".tools/venv/bin/openapi-python-client"));
            python.current_dir(folder.path()).kill_on_drop(true);
            python.args(["generate", "--meta", "none", "--fail-on-warning", "--path"]).arg(&path);
            python.arg("--output-path").arg(folder.path().join("bank_client"));
            python.arg("--config").arg(root().join("tests/tools/openapi_python_client.yaml"));
            said(python).await;
            // The client is not only written: it can be imported, and makes an event.
            let mut using = Command::new(root().join(".tools/venv/bin/python"));
            using.current_dir(folder.path()).args([
                "-c",
                "from bank_client.api.events import post_event, post_event_batch\n\
                 from bank_client.models import PaymentDiscounted, RedemptionReturned, Reason\n\
                 assert hasattr(Reason, 'from_dict') and post_event and post_event_batch\n",
            ]);
            said(using).await;
            let mut types = node("openapi-typescript", folder.path());
            types.arg(&path).args(["-o", "openapi.ts"]);
            said(types).await;
            let written = std::fs::read_to_string(folder.path().join("openapi.ts")).unwrap();
            assert!(written.contains("PaymentDiscounted") && !written.contains("unknown[]"));
            let settings = folder.path().join("tsconfig.json");
            std::fs::copy(root().join("tests/tools/typescript.json"), settings).unwrap();
            let mut compiler = node("tsc", folder.path());
            compiler.args(["-p", "tsconfig.json"]);
            said(compiler).await;
            let mut hey_api = node("openapi-ts", folder.path());
            hey_api.arg("-i").arg(&path).args(["-o", "hey"]);
            said(hey_api).await;
            let written = std::fs::read_to_string(folder.path().join("hey/types.gen.ts")).unwrap();
            assert!(written.contains("PaymentDiscounted"));
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn linters_find_nothing() {
    Trial::on(Store::Sqlite)
        .run(async |app: &mut TestApp| {
            let (folder, path) = document(app).await;
            let mut redocly = node("redocly", folder.path());
            redocly.env("REDOCLY_TELEMETRY", "off").env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
            redocly.arg("lint").arg(&path);
            let told = said(redocly).await;
            assert!(!told.contains("warning"), "{told}");
            let mut spectral = node("spectral", folder.path());
            spectral.arg("lint").arg(&path).args(["--fail-severity", "hint", "-r"]);
            spectral.arg(root().join("tests/tools/spectral.yaml"));
            said(spectral).await;
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_is_packed_for_whoever_takes_it_so() {
    Trial::on(Store::Sqlite)
        .run(async |app: &mut TestApp| {
            let ask = |coding: &str| {
                let request =
                    reqwest::Client::new().request(Method::GET, app.url() + "/openapi.json");
                request.header("accept-encoding", coding)
            };
            let plain = ask("gzip;q=0, identity").send().await.unwrap();
            assert!(!plain.headers().contains_key("content-encoding"));
            let plain = plain.bytes().await.unwrap();
            let packed = ask("br, gzip;q=0.5").send().await.unwrap();
            assert_eq!(packed.headers()["content-encoding"], "gzip");
            let packed = packed.bytes().await.unwrap();
            assert!(packed.len() * 4 < plain.len());
            let mut text = String::new();
            let mut unpack = flate2::read::GzDecoder::new(packed.as_ref());
            std::io::Read::read_to_string(&mut unpack, &mut text).unwrap();
            assert_eq!(text.as_bytes(), plain);
        })
        .await;
}
