//! The API's description is true: third-party tools read it, find an example for every operation
//! and every problem, and no answer that it does not foresee.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{Answer, TestApp, staff};

fn tool(name: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = root.join(".tools/venv/bin").join(name);
    assert!(program.is_file(), "make tools installs {}", program.display());
    let mut command = Command::new(program);
    command.current_dir(root.join("tests/tools")).stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn document(app: &TestApp) -> Value {
    let answer = Answer::of(reqwest::Client::new().get(app.url() + "/openapi.json")).await;
    assert_eq!(answer.status, 200);
    answer.body
}

/// One token for each caller, in a file that is there as a whole or not at all.
async fn write_tokens(app: &TestApp, folder: &Path) {
    let roles = [
        "adjust",
        "approve",
        "decide",
        "read",
        "operate",
        "privacy",
        "announce",
        "manage",
        "reconcile",
        "settle",
    ];
    for (name, token) in [
        ("partner", app.partner("sunny-travel").await.token),
        ("staff", staff(app, "staff-7", &roles).token),
        ("customer", app.trial.customer_token("person-1")),
    ] {
        let beside = folder.join("new");
        std::fs::write(&beside, token).unwrap();
        std::fs::rename(&beside, folder.join(name)).unwrap();
    }
}

on_both_stores! {
    async fn schemathesis_finds_no_violation(app) {
        let folder = tempfile::tempdir().unwrap();
        write_tokens(app, folder.path()).await;
        let running = tool("st")
            .args(["run", &format!("{}/openapi.json", app.url()), "--url", &app.url()])
            .args(["--phases", "examples,coverage,fuzzing", "--max-examples", "8"])
            .args(["--seed", "20261124", "--generation-deterministic"])
            // What a schema cannot say is refused although it fits: that paid is gross less discount.
            .args(["--exclude-checks", "positive_data_acceptance"])
            .args(["--suppress-health-check", "all", "--no-color", "--request-timeout", "20"])
            .env("SCHEMATHESIS_HOOKS", "schemathesis_hooks").env("PYTHONPATH", ".")
            .env("TOKENS", folder.path())
            .output();
        tokio::pin!(running);
        // Tokens are good for five minutes, and the run may take longer.
        let output = loop {
            tokio::select! {
                output = &mut running => break output.unwrap(),
                () = tokio::time::sleep(Duration::from_secs(120)) => write_tokens(app, folder.path()).await,
            }
        };
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        // Only where a client assertion is asked for, which it cannot sign, all was turned away.
        let turned_away =
            "401 Unauthorized (2 operations):\n  - POST /oauth/revoke\n  - POST /oauth/token\n";
        assert!(said.contains(turned_away), "{said}");
        // Nobody closes the month that they proposed to close, nor takes that back alone, and there is one member
        // of staff here.
        let own = ["close", "rejection"].map(|act| format!("  - POST /v1/settlements/{{partner}}/{{period}}/{act}"));
        let forbidden = said.lines().skip_while(|line| !line.starts_with("403 Forbidden (")).skip(1);
        let others: Vec<&str> = forbidden
            .take_while(|line| line.starts_with("  - "))
            .filter(|line| !own.iter().any(|it| it == line))
            .collect();
        assert!(others.is_empty(), "{others:?}\n{said}");
        app.leads_may_wait = true;
    }
}

#[tokio::test]
async fn every_example_fits_its_schema_and_every_body_has_one() {
    crate::harness::Trial::on(crate::harness::Store::Sqlite)
        .run(async |app: &mut TestApp| {
            let url = app.url() + "/openapi.json";
            let output = tool("python").args(["check_examples.py", &url]).output().await.unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let found: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!((&found["misfits"], &found["without"]), (&json!([]), &json!([])));
            assert!(found["held"].as_u64().unwrap() > 100, "{found}");
        })
        .await;
}

#[tokio::test]
async fn what_the_document_shows_as_a_payment_is_recorded_as_it_stands() {
    crate::harness::Trial::on(crate::harness::Store::Sqlite)
        .run(async |app: &mut TestApp| {
            let shop = app.partner("green-basket").await;
            let document = document(app).await;
            let body = |path: &str| {
                let content = &document["paths"][path]["post"]["requestBody"]["content"];
                content["application/json"]["examples"].clone()
            };
            let events = body("/v1/events");
            for shown in ["a-payment-with-an-agreed-discount", "a-refund-in-part"] {
                shop.record(&events[shown]["value"]).await;
            }
            let batch = body("/v1/events:batch")["two-payments"]["value"].clone();
            let answer = shop.post_batch(batch.as_array().unwrap()).await;
            assert_eq!(answer.body["outcomes"][0]["status"], 201, "{}", answer.text);
            assert_eq!(answer.body["outcomes"][1]["status"], 201, "{}", answer.text);
            let quote = shop
                .request(Method::POST, "/v1/quotes")
                .json(&body("/v1/quotes")["a-basket"]["value"]);
            assert_eq!(Answer::of(quote).await.status, 201);
            let agency = app.partner("sunny-travel").await;
            agency.record(&events["a-referral-with-consent"]["value"]).await;
            app.leads_may_wait = true;
        })
        .await;
}

#[tokio::test]
async fn the_reference_page_and_the_problem_types_come_from_the_binary() {
    crate::harness::Trial::on(crate::harness::Store::Sqlite)
        .run(async |app: &mut TestApp| {
            let get = |path: &str| reqwest::Client::new().get(app.url() + path);
            let page = Answer::of(get("/docs")).await;
            assert_eq!(page.status, 200);
            assert!(page.text.contains("swagger-ui"), "{}", page.text);
            // Nothing on it is fetched from elsewhere.
            assert!(
                !page.text.contains("http://") && !page.text.contains("https://"),
                "{}",
                page.text
            );
            assert_eq!(Answer::of(get("/docs/swagger-ui-bundle.js")).await.status, 200);
            let problem = Answer::of(get("/problems/refund-exceeds")).await;
            assert_eq!(problem.body["status"], 422);
            assert_eq!(Answer::of(get("/problems/none")).await.status, 404);
        })
        .await;
}

/// The page about the API names every operation: its method, and its path as the document has it. A
/// path that differs from the one before in its last word may stand there as `…/word`.
#[tokio::test]
async fn the_api_page_names_every_operation() {
    crate::harness::Trial::on(crate::harness::Store::Sqlite)
        .run(async |app: &mut TestApp| {
            let root = Path::new(env!("CARGO_MANIFEST_DIR"));
            let page = std::fs::read_to_string(root.join("docs/api.md")).unwrap();
            let calls: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
            let document = document(app).await;
            let mut missing = Vec::new();
            for (path, item) in document["paths"].as_object().unwrap() {
                let (parent, word) = path.rsplit_once('/').unwrap();
                for method in ["get", "head", "post", "put", "patch", "delete"] {
                    let verb = method.to_uppercase();
                    let names = |line: &&&str| {
                        let call = line.split(" | ").next().unwrap();
                        let whole = [format!("{path}`"), format!("{path}?")];
                        let is_path = whole.iter().any(|whole| call.contains(whole));
                        let is_last = call.contains(&format!("…/{word}`")) && call.contains(parent);
                        call.contains(&verb) && (is_path || is_last)
                    };
                    if item.get(method).is_some() && calls.iter().find(names).is_none() {
                        missing.push(format!("{verb} {path}"));
                    }
                }
            }
            assert!(missing.is_empty(), "docs/api.md does not name {missing:?}");
        })
        .await;
}
