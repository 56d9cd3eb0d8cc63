//! Other people's clients get in and are understood: Authlib for tokens, the CloudEvents SDK for
//! events, Authlib again for signed receipts, and a program of its own for proofs.

use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{Answer, Partner, TestApp, payment, python, referral};

fn write(app: &TestApp, name: &str, value: &Value) -> PathBuf {
    write_text(app, name, &value.to_string())
}

fn write_text(app: &TestApp, name: &str, text: &str) -> PathBuf {
    let path = app.trial.folder.path().join(name);
    std::fs::write(&path, text).unwrap();
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

/// Runs the JavaScript client; the JSON it printed.
async fn node(script: &str, arguments: &[&str]) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let node = root.join(".tools/venv/bin/node");
    assert!(node.is_file(), "make tools installs {}", node.display());
    let script = root.join("tests/tools").join(script);
    let output = Command::new(node).arg(script).args(arguments).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

on_both_stores! {
    async fn openid_client_discovers_binds_its_token_to_a_key_posts_and_revokes(app) {
        let url = at_home(app).await;
        let event = write(app, "event.json", &payment("p-1", "m-1", "88.50", "0.00"));
        let event = event.to_str().unwrap();
        for (partner, mode, token_type) in [
            ("green-basket", "bearer", "bearer"),
            ("green-basket", "dpop", "dpop"),
            ("dpop-basket", "dpop", "dpop"),
        ] {
            let key = write(app, "key.json", &app.trial.key(partner).private_jwk());
            let arguments = [url.as_str(), partner, key.to_str().unwrap(), event, mode];
            let told = node("openid_client.mjs", &arguments).await;
            assert_eq!(told["token_type"], token_type, "{told}");
            let first = if (partner, mode) == ("green-basket", "dpop") { 200 } else { 201 };
            assert_eq!(told["posted"]["status"], first, "{told}");
            assert_eq!(told["posted"]["body"]["postings"][0]["amount"], "88.50");
            assert_eq!(told["read"]["status"], 200, "{told}");
            assert_eq!(told["revoked"]["status"], 401, "{told}");
        }
        // A partner that must bind its tokens gets none that anybody could use.
        let key = write(app, "key.json", &app.trial.key("dpop-basket").private_jwk());
        let arguments = [url.as_str(), "dpop-basket", key.to_str().unwrap(), event, "bearer"];
        let told = node("openid_client.mjs", &arguments).await;
        assert_eq!(told["error"], "invalid_request", "{told}");
    }
}

on_both_stores! {
    async fn authlib_revokes_its_token(app) {
        let url = at_home(app).await;
        let key = write(app, "key.json", &app.trial.key("green-basket").private_jwk());
        let revoking = [&url, "green-basket", key.to_str().unwrap(), "events:read", "--revoke"];
        let told = python("authlib_client.py", &revoking).await;
        assert_eq!(told["revoked"], 200, "{told}");
        let token = told["access_token"].as_str().unwrap();
        let answer = Partner::with_token(&url, token).get("/v1/events/p-1").await;
        assert_eq!((answer.status.as_u16(), &answer.body["detail"]), (
            401,
            &json!("The token was revoked: get a new one at /oauth/token."),
        ));
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

/// The proof of an event, once it is sealed.
async fn proof(partner: &Partner, event: &str) -> Answer {
    for _ in 0..100 {
        let answer = partner.get(&format!("/v1/events/{event}/proof")).await;
        if answer.status != 409 {
            return answer;
        }
        assert_eq!(answer.body["type"], "/problems/not-sealed");
        assert!(answer.headers.contains_key("retry-after"));
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    partner.get(&format!("/v1/events/{event}/proof")).await
}

on_both_stores! {
    async fn a_proof_is_checked_offline(app) {
        let shop = app.partner("green-basket").await;
        let travel = app.partner("sunny-travel").await;
        let batch: Vec<Value> =
            (0..9).map(|it| payment(&format!("p-{it}"), "m-1", "88.50", "0.00")).collect();
        shop.post_batch(&batch).await;
        travel.record(&referral("t-1", "travel-loan", "9000.00", "old-town")).await;
        let jwks = write(app, "jwks.json", &shop.get("/.well-known/jwks.json").await.body);
        for (partner, event) in [(&shop, "p-0"), (&shop, "p-5"), (&shop, "p-8"), (&travel, "t-1")] {
            let answer = proof(partner, event).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            let receipt = partner.get(&format!("/v1/events/{event}/receipt")).await;
            let receipt_file = write_text(app, "receipt.json", &receipt.text);
            let check = async |proof: &Value| {
                let file = write(app, "proof.json", proof);
                let files = [&file, &jwks, &receipt_file].map(|file| file.to_str().unwrap());
                python("check_proof.py", &files).await
            };
            let proved = check(&answer.body).await;
            assert_eq!(proved["event"], event, "{proved}");
            assert_eq!(proved["receipt"], receipt.body["receipt"]);
            // A digit more on an amount, another place, another block: nothing is proved.
            let mut changed = answer.body.clone();
            let fields = changed["leaf"].as_array_mut().unwrap();
            fields.iter_mut().find(|field| field[0] == "amount" ).unwrap()[1] = json!("99999");
            assert_eq!(check(&changed).await["error"], "the leaf does not lead to the block's root");
            let mut changed = answer.body.clone();
            changed["block"]["total"] = json!(1);
            let error = check(&changed).await["error"].clone();
            assert_eq!(error, "the block's hash is not the hash of the block");
            let mut changed = answer.body.clone();
            let head = changed["head"].as_str().unwrap().replace(".eyJw", ".eyJx");
            changed["head"] = json!(head);
            assert_eq!(check(&changed).await["error"], "the head's signature does not fit");
        }
        // Nobody learns by a proof whom the bank knows a member as.
        let text = proof(&shop, "p-0").await.text;
        assert!(!text.contains("customer_id") && !text.contains("account_id"), "{text}");
        // Another's event is as unknown as none.
        assert_eq!(travel.get("/v1/events/p-0/proof").await.status, 404);
        assert_eq!(shop.get("/v1/events/none/proof").await.status, 404);
        assert_eq!(shop.get("/v1/events/none/receipt").await.status, 404);
        app.leads_may_wait = true;
    }
}

on_both_stores! {
    async fn authlib_verifies_a_signed_receipt_offline(app) {
        let shop = app.partner("green-basket").await;
        let receipt = shop.record(&payment("p-1", "m-1", "88.50", "0.00")).await;
        let plain = shop.get("/v1/events/p-1/receipt").await;
        assert_eq!((&plain.body, &plain.headers["content-type"]), (&receipt, &"application/json".parse().unwrap()));
        let request = shop.request(Method::GET, "/v1/events/p-1/receipt");
        let signed = Answer::of(request.header("Accept", "application/jose, */*;q=0.1")).await;
        assert_eq!(signed.headers["content-type"], "application/jose");
        let jwks = write(app, "jwks.json", &shop.get("/.well-known/jwks.json").await.body);
        let file = write_text(app, "receipt.jws", &signed.text);
        let files = [file.to_str().unwrap(), jwks.to_str().unwrap()];
        let opened = python("check_receipt.py", &files).await;
        assert_eq!((&opened["header"]["typ"], &opened["header"]["alg"]), (&json!("receipt+jws"), &json!("EdDSA")));
        assert_eq!(opened["receipt"], receipt);
        // Signed for another event, it is not a receipt.
        let (head, rest) = signed.text.split_once('.').unwrap();
        let forged = format!("{head}.{}", rest.replacen("eyJ", "eyK", 1));
        write_text(app, "receipt.jws", &forged);
        assert!(python("check_receipt.py", &files).await["error"].is_string());
        // Nor does it open a door.
        let thief = Partner::with_token(&app.url(), &signed.text);
        assert_eq!(thief.get("/v1/events/p-1").await.status, 401);
    }
}
