//! Other people's clients get in and are understood: Authlib for tokens, the CloudEvents SDK for
//! events.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{TestApp, payment};

/// Runs one of the Python clients; the JSON it printed.
async fn python(script: &str, arguments: &[&str]) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join(".tools/venv/bin/python");
    assert!(python.is_file(), "make tools installs {}", python.display());
    let script = root.join("tests/tools").join(script);
    let output = Command::new(python).arg(script).args(arguments).output().await.unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.stdout.is_empty(), "{error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn write(app: &TestApp, name: &str, value: &Value) -> PathBuf {
    let path = app.trial.folder.path().join(name);
    std::fs::write(&path, value.to_string()).unwrap();
    path
}

/// The service under its own address as issuer, which a client finds by discovery.
async fn at_home(app: &mut TestApp) -> String {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    app.trial.settings.listen = format!("127.0.0.1:{port}").parse().unwrap();
    app.trial.settings.issuer = None;
    app.restart().await;
    app.url()
}

on_both_stores! {
    async fn authlib_gets_a_token_and_posts_an_event(app) {
        let url = at_home(app).await;
        let key = write(app, "key.json", &app.trial.key("green-basket").private_jwk());
        let key = key.to_str().unwrap();
        let event = write(app, "event.json", &payment("p-1", "m-1", "88.50", "0.00"));
        let event = event.to_str().unwrap();
        let token = python("authlib_client.py", &[&url, "green-basket", key, "events:write"]).await;
        assert_eq!((&token["token_type"], &token["scope"]), (&json!("Bearer"), &json!("events:write")));
        let posting = [&url, "green-basket", key, "events:write", "--event", event];
        let answer = python("authlib_client.py", &posting).await;
        assert_eq!(answer["status"], 201, "{answer}");
        assert_eq!(answer["body"]["postings"][0]["amount"], "88.50");
        // Its own audience is the token endpoint: for partners that are allowed to.
        let own = [&url, "green-basket", key, "events:write", "--endpoint-audience"];
        assert_eq!(python("authlib_client.py", &own).await["error"], "invalid_client");
        let key = write(app, "key-2.json", &app.trial.key("token-url-basket").private_jwk());
        let key = key.to_str().unwrap();
        let own = [&url, "token-url-basket", key, "events:write", "--endpoint-audience"];
        assert_eq!(python("authlib_client.py", &own).await["token_type"], "Bearer");
    }
}

on_both_stores! {
    async fn the_cloudevents_sdk_is_understood_in_every_mode(app) {
        let token = app.partner("green-basket").await.token;
        let event = write(app, "event.json", &payment("p-1", "m-1", "88.50", "0.00"));
        let arguments = [app.url(), token, event.to_str().unwrap().to_owned()];
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let answers = python("cloudevents_client.py", &arguments).await;
        assert_eq!(answers["structured"]["status"], 201, "{answers}");
        // The same event in the other modes is the same event.
        assert_eq!(answers["binary"]["status"], 200, "{answers}");
        assert_eq!(answers["structured"]["body"], answers["binary"]["body"]);
        assert_eq!(answers["batch"]["status"], 200, "{answers}");
        assert_eq!(answers["batch"]["body"]["outcomes"][0]["status"], 200);
    }
}
