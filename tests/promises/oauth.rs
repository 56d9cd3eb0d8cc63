//! Tokens as the standards define them: described by metadata, bound to a key where that is wanted,
//! revoked within seconds, signed by keys that change without a pause.

use std::process::Command;
use std::time::Duration;

use chrono::{Days, TimeDelta};
use reqwest::Method;
use serde_json::{Value, json};
use tallystick::app::App;
use tallystick::cli::partners::keygen::{Alg, KeyPair};
use tallystick::clock;
use tallystick::secrets::key_rotation::rotate_token;
use tallystick::secrets::key_source::KeySource;

use crate::harness::{Answer, DpopClient, Partner, TestApp, assertion, payment, staff, wait_until};

fn issuer(app: &TestApp) -> String {
    app.trial.settings.issuer.clone().unwrap()
}

async fn get(app: &TestApp, path: &str) -> Answer {
    Answer::of(reqwest::Client::new().get(app.url() + path)).await
}

/// Gives up a token as a partner does.
async fn revoke(app: &TestApp, partner: &str, token: &str) -> Answer {
    let assertion = assertion(partner, &issuer(app), app.trial.key(partner));
    let form = [
        ("token", token),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", &assertion),
    ];
    let request = reqwest::Client::new().post(app.url() + "/oauth/revoke").form(&form);
    Answer::of(request).await
}

async fn introspect(app: &TestApp, asking: &str, token: &str) -> Answer {
    let request = reqwest::Client::new().post(app.url() + "/oauth/introspect");
    Answer::of(request.bearer_auth(asking).form(&[("token", token)])).await
}

fn error(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.body["error"].as_str().unwrap_or_default())
}

/// The lines of `WWW-Authenticate`.
fn challenges(answer: &Answer) -> Vec<String> {
    let lines = answer.headers.get_all("www-authenticate").iter();
    lines.map(|line| line.to_str().unwrap().to_owned()).collect()
}

/// Changes a partner's manifest, and starts the service on it.
async fn edit(app: &mut TestApp, partner: &str, change: impl FnOnce(String) -> String) {
    let path = app.trial.settings.partners.join(partner).join("partner.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, change(text)).unwrap();
    app.restart().await;
}

on_both_stores! {
    async fn metadata_says_where_to_go_and_a_refusal_says_where_the_metadata_is(app) {
        let issuer = issuer(app);
        let server = get(app, "/.well-known/oauth-authorization-server").await.body;
        assert_eq!(server["issuer"], issuer);
        for endpoint in ["token_endpoint", "revocation_endpoint", "introspection_endpoint"] {
            let path = server[endpoint].as_str().unwrap().replace(&issuer, "");
            let answer = Answer::of(reqwest::Client::new().post(app.url() + &path)).await;
            assert!([400, 401].contains(&answer.status.as_u16()), "{endpoint}: {answer:?}");
        }
        let path = server["jwks_uri"].as_str().unwrap().replace(&issuer, "");
        assert_eq!(get(app, &path).await.body["keys"].as_array().unwrap().len(), 1);
        let refused = get(app, "/v1/events/p-1").await;
        let metadata = format!("{issuer}/.well-known/oauth-protected-resource");
        let [bearer, dpop] = &challenges(&refused)[..] else { unreachable!("{refused:?}") };
        assert_eq!(*bearer, format!("Bearer realm=\"tallystick\", resource_metadata=\"{metadata}\""));
        assert!(dpop.starts_with("DPoP realm=\"tallystick\", algs=\""), "{dpop}");
        let resource = get(app, &metadata.replace(&issuer, "")).await.body;
        assert_eq!(resource["resource"], issuer);
        assert_eq!(resource["authorization_servers"], json!([issuer]));
        assert_eq!(resource["scopes_supported"], server["scopes_supported"]);
        let missing = app.partner("green-basket").await;
        let missing = missing.get("/v1/referrals/01a20983-8fb2-701e-8500-271b9da18260").await;
        let [line] = &challenges(&missing)[..] else { unreachable!("{missing:?}") };
        assert!(line.contains("error=\"insufficient_scope\", scope=\"referrals:read\""), "{line}");
        // The bank's identity provider is in charge of customers' and staff's tokens; we are not.
        let customer = get(app, "/v1/customers/me/points").await;
        assert_eq!(challenges(&customer), ["Bearer realm=\"tallystick\""]);
    }
}

on_both_stores! {
    async fn a_partners_keys_come_and_go_by_their_days(app) {
        let issuer = issuer(app);
        let today = clock::now().day_in(app.trial.settings.time_zone);
        let (yesterday, tomorrow) = (today - Days::new(1), today + Days::new(1));
        let next = KeyPair::generate("green-basket-2", Alg::Es256).unwrap();
        let future = KeyPair::generate("green-basket-3", Alg::EdDsa).unwrap();
        let url = |app: &TestApp| app.url();
        let asked = async |app: &TestApp, key: &KeyPair| {
            let assertion = assertion("green-basket", &issuer, key);
            Partner::ask_token(&url(app), &assertion, &[]).await.status.as_u16()
        };
        edit(app, "green-basket", |text| {
            text + &next.manifest_block() + &future.manifest_block()
                + &format!("from = \"{tomorrow}\"\n")
        }).await;
        assert_eq!(asked(app, app.trial.key("green-basket")).await, 200);
        assert_eq!((asked(app, &next).await, asked(app, &future).await), (200, 401));
        edit(app, "green-basket", |text| {
            text.replace("kid = \"green-basket-1\"", &format!("kid = \"green-basket-1\"\nuntil = \"{yesterday}\""))
        }).await;
        assert_eq!((asked(app, app.trial.key("green-basket")).await, asked(app, &next).await), (401, 200));
        let output = Command::new(env!("CARGO_BIN_EXE_tallystick"))
            .args(["partners", "check"])
            .env("TALLYSTICK_PARTNERS", &app.trial.settings.partners)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{said}");
        assert!(said.contains(&format!("key green-basket-1 was good until {yesterday}")), "{said}");
        assert!(said.contains(&format!("key green-basket-3 is good from {tomorrow} on")), "{said}");
    }
}

#[test]
fn keys_that_make_no_sense_are_refused_with_the_reason() {
    let trial = crate::harness::Trial::on(crate::harness::Store::Sqlite);
    let path = trial.settings.partners.join("green-basket/partner.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let check = |text: String| {
        std::fs::write(&path, text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_tallystick"))
            .args(["partners", "check"])
            .env("TALLYSTICK_PARTNERS", &trial.settings.partners)
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let twice = KeyPair::generate("green-basket-1", Alg::EdDsa).unwrap().manifest_block();
    let block = trial.key("green-basket").manifest_block();
    let same = block.replace("green-basket-1", "green-basket-9");
    let backwards = block.clone() + "from = \"2026-02-01\"\nuntil = \"2026-01-01\"\n";
    for (text, said) in [
        (text.clone() + &twice, "two keys have the kid green-basket-1"),
        (text.clone() + &same, "green-basket-1 and green-basket-9 are the same key"),
        (text.replace(&block, &backwards), "key green-basket-1: until lies before from"),
    ] {
        let (in_order, found) = check(text);
        assert!(!in_order && found.contains(said), "{found}");
    }
    let over = text.replace(&block, &(block.clone() + "until = \"2026-01-01\"\n"));
    let (in_order, found) = check(over);
    assert!(in_order && found.contains("no key of it is good today"), "{found}");
}

on_both_stores! {
    async fn a_token_that_is_given_up_is_refused_by_every_gateway_within_seconds(app) {
        let other = App::start(app.trial.settings.clone()).await.unwrap();
        let shop = app.partner("green-basket").await;
        let there = Partner::with_token(&format!("http://{}", other.address()), &shop.token);
        let kept = app.partner("green-basket").await;
        assert_eq!(there.get("/v1/events/p-1").await.status, 404);
        // Neither by another partner, nor without proof of who asks.
        assert_eq!(error(&revoke(app, "blue-basket", &shop.token).await), (400, "invalid_grant"));
        let form = [("token", shop.token.as_str())];
        let nobody = reqwest::Client::new().post(app.url() + "/oauth/revoke").form(&form);
        assert_eq!(error(&Answer::of(nobody).await), (401, "invalid_client"));
        assert_eq!(shop.get("/v1/events/p-1").await.status, 404);
        let done = revoke(app, "green-basket", &shop.token).await;
        assert_eq!((done.status.as_u16(), done.text.as_str()), (200, ""));
        let refused = shop.get("/v1/events/p-1").await;
        assert_eq!(refused.status, 401);
        assert!(challenges(&refused)[0].contains("error=\"invalid_token\""), "{refused:?}");
        // The other gateway hears of it by itself.
        wait_until(401, async || there.get("/v1/events/p-1").await.status.as_u16()).await;
        other.stop().await;
        app.restart().await;
        let again = Partner::with_token(&app.url(), &shop.token);
        assert_eq!(again.get("/v1/events/p-1").await.status, 401);
        // A second time, and of what is no token: as good as done. Others' tokens stay.
        assert_eq!(revoke(app, "green-basket", &shop.token).await.status, 200);
        assert_eq!(revoke(app, "green-basket", "no token").await.status, 200);
        let kept = Partner::with_token(&app.url(), &kept.token);
        assert_eq!(kept.get("/v1/events/p-1").await.status, 404);
    }
}

on_both_stores! {
    async fn operators_learn_of_a_good_token_what_it_says_and_of_any_other_nothing(app) {
        let reader = app.trial.staff_token("ann", &["read"]);
        let shop = app.partner("green-basket").await;
        let told = introspect(app, &reader, &shop.token).await.body;
        assert_eq!((&told["active"], &told["client_id"]), (&json!(true), &json!("green-basket")));
        assert_eq!(told["scope"], "events:write events:read files:write webhooks:manage settlements:read settlements:answer statements:write");
        assert_eq!((&told["iss"], &told["token_type"]), (&json!(issuer(app)), &json!("Bearer")));
        let bound = DpopClient::new(app).token(app, "dpop-basket").await;
        let told = introspect(app, &reader, &bound).await.body;
        assert_eq!(told["token_type"], "DPoP");
        assert_eq!(told["cnf"]["jkt"].as_str().unwrap().len(), 43);
        revoke(app, "green-basket", &shop.token).await;
        let nothing = json!({ "active": false });
        let customer = app.trial.customer_token("person-1");
        for token in [shop.token.as_str(), "no token", &reader, &customer] {
            assert_eq!(introspect(app, &reader, token).await.body, nothing);
        }
        let other = app.trial.staff_token("bob", &["adjust", "approve"]);
        assert_eq!(introspect(app, &other, &bound).await.status, 403);
        for asking in [&bound, &customer, &app.partner("blue-basket").await.token] {
            assert_eq!(introspect(app, asking, &bound).await.status, 401);
        }
        let reader = staff(app, "ann", &["read"]);
        let without = reader.request(Method::POST, "/oauth/introspect").form(&[("x", "y")]);
        assert_eq!(error(&Answer::of(without).await), (400, "invalid_request"));
    }
}

on_both_stores! {
    async fn the_keys_of_tokens_change_without_a_pause(app) {
        let kid = |token: &str| jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
        let old = app.partner("green-basket").await;
        old.record(&payment("p-0", "m-1", "10.00", "0.00")).await;
        let from = clock::now().plus(TimeDelta::seconds(4));
        let next = rotate_token(&KeySource::File(app.trial.settings.keys.clone()), from, false).unwrap().id;
        let mut number = 0;
        let mut published = false;
        loop {
            number += 1;
            // Who has a token of the old key goes on with it, and whoever asks gets one.
            old.record(&payment(&format!("p-{number}"), "m-1", "10.00", "0.00")).await;
            let fresh = app.partner("green-basket").await;
            fresh.record(&payment(&format!("q-{number}"), "m-1", "10.00", "0.00")).await;
            let keys = get(app, "/.well-known/jwks.json").await.body["keys"].clone();
            published |= keys.as_array().unwrap().iter().any(|key| key["kid"] == next.as_str());
            if kid(&fresh.token) == next {
                break;
            }
            assert_eq!(kid(&fresh.token), kid(&old.token));
            assert!(clock::now() < from.plus(TimeDelta::seconds(10)), "the key was not taken up");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        assert!(published, "signed with a key that nobody could know");
        let receipt = old.request(Method::GET, "/v1/events/p-0/receipt");
        let receipt = Answer::of(receipt.header("accept", "application/jose")).await.text;
        assert_eq!(kid(&receipt), next);
        // The old key's tokens are worth nothing once it is given up.
        let output = Command::new(env!("CARGO_BIN_EXE_tallystick"))
            .args(["token-keys", "rotate", "--give-up"])
            .env("TALLYSTICK_KEYS", &app.trial.settings.keys)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && said.matches("given up").count() == 2, "{said}");
        wait_until(401, async || old.get("/v1/events/p-1").await.status.as_u16()).await;
        assert_eq!(app.partner("green-basket").await.get("/v1/events/p-1").await.status, 200);
        let keys = get(app, "/.well-known/jwks.json").await.body["keys"].clone();
        assert_eq!(keys.as_array().unwrap().len(), 3);
        // All is sealed, so that the end of the test proves it.
        let shop = app.partner("green-basket").await;
        wait_until(200, async || shop.get("/v1/events/p-1/proof").await.status.as_u16()).await;
    }
}

on_both_stores! {
    async fn a_partner_that_must_bind_its_tokens_gets_no_other(app) {
        let key = app.trial.key("dpop-basket");
        let plain = assertion("dpop-basket", &issuer(app), key);
        let answer = Partner::ask_token(&app.url(), &plain, &[]).await;
        assert_eq!(error(&answer), (400, "invalid_request"), "{answer:?}");
        let client = DpopClient::new(app);
        let first = client.ask_token(app, "dpop-basket").await;
        assert_eq!(error(&first), (400, "use_dpop_nonce"));
        assert!(first.headers.contains_key("dpop-nonce"));
        let token = client.token(app, "dpop-basket").await;
        let event = payment("p-1", "m-1", "10.00", "0.00");
        assert_eq!(client.post("/v1/events", &token, &event).await.status, 201);
        assert_eq!(client.get("/v1/events/p-1?x=1", &token).await.status, 200);
        // A token from before the manifest asked for more.
        let before = app.partner("green-basket").await.token;
        edit(app, "green-basket", |text| {
            text.replace("[access]", "[access]\nsender_constrained = \"dpop\"")
        }).await;
        let late = Partner::with_token(&app.url(), &before).get("/v1/events/p-1").await;
        assert_eq!(late.status, 401, "{late:?}");
    }
}

on_both_stores! {
    async fn a_bound_token_is_worth_nothing_without_its_key(app) {
        let client = DpopClient::new(app);
        let token = client.token(app, "green-basket").await;
        let (method, path) = (Method::GET, "/v1/events/p-1");
        assert_eq!(client.get(path, &token).await.status, 404);
        let told = |answer: &Answer| {
            let [line] = &challenges(answer)[..] else { unreachable!("{answer:?}") };
            assert!(line.starts_with("DPoP "), "{line}");
            let code = line.split("error=\"").nth(1).unwrap().split('"').next().unwrap();
            (answer.status.as_u16(), code.to_owned())
        };
        let invalid = |code: &str| (401, code.to_owned());
        // Stolen, it comes as a bearer's.
        let stolen = Partner::with_token(&app.url(), &token).get(path).await;
        assert_eq!(stolen.status, 401);
        assert!(challenges(&stolen)[0].contains("error=\"invalid_token\""), "{stolen:?}");
        // With a proof by another key; for another token, request or time; shown twice.
        let thief = DpopClient::new(app);
        thief.ask_token(app, "green-basket").await;
        assert_eq!(told(&thief.get(path, &token).await), invalid("invalid_token"));
        let good = || client.claims(&method, path, Some(&token));
        let send = async |claims: &Value| {
            let proof = client.sign(claims);
            Answer::of(client.request(Method::GET, path, &token, &proof)).await
        };
        let now = clock::now().unix_seconds();
        for (claim, value) in [
            ("htm", json!("POST")),
            ("htu", json!(format!("{}/v1/events/p-2", issuer(app)))),
            ("htu", json!(app.url() + path)),
            ("iat", json!(now - 301)),
            ("iat", json!(now + 90)),
            ("ath", json!("fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo")),
            ("ath", Value::Null),
        ] {
            let mut claims = good();
            claims[claim] = value;
            assert_eq!(told(&send(&claims).await), invalid("invalid_dpop_proof"), "{claims}");
        }
        for nonce in [Value::Null, json!("AAAAAAG0bLoBAgMEBQYHCAkKCwwNDg8Q")] {
            let mut claims = good();
            claims["nonce"] = nonce;
            let refused = send(&claims).await;
            assert_eq!(told(&refused), invalid("use_dpop_nonce"));
            assert!(refused.headers.contains_key("dpop-nonce"));
        }
        let claims = good();
        assert_eq!(send(&claims).await.status, 404);
        assert_eq!(told(&send(&claims).await), invalid("invalid_dpop_proof"));
        let two = client.request(Method::GET, path, &token, &client.sign(&good()));
        let two = Answer::of(two.header("dpop", client.sign(&good()))).await;
        assert_eq!(told(&two), invalid("invalid_dpop_proof"));
        let none = reqwest::Client::new().get(app.url() + path);
        let none = Answer::of(none.header("authorization", format!("DPoP {token}"))).await;
        assert_eq!(told(&none), invalid("invalid_dpop_proof"));
        // Nor is an unbound token made a bound one by a proof.
        let unbound = app.partner("green-basket").await.token;
        assert_eq!(told(&client.get(path, &unbound).await), invalid("invalid_token"));
    }
}

on_both_stores! {
    async fn a_proof_is_taken_once_whatever_restarts_and_whichever_gateway(app) {
        let client = DpopClient::new(app);
        let token = client.token(app, "dpop-basket").await;
        let proof = client.sign(&client.claims(&Method::GET, "/v1/events/p-1", Some(&token)));
        let there = App::start(app.trial.settings.clone()).await.unwrap();
        let sent = async |url: String| {
            let request = reqwest::Client::new().get(url + "/v1/events/p-1");
            let request = request.header("authorization", format!("DPoP {token}"));
            Answer::of(request.header("dpop", &proof)).await.status.as_u16()
        };
        assert_eq!(sent(app.url()).await, 404);
        assert_eq!(sent(format!("http://{}", there.address())).await, 401);
        there.stop().await;
        app.restart().await;
        assert_eq!(sent(app.url()).await, 401);
        // The same proof, asked for twice at once, is taken once.
        let fresh = client.sign(&client.claims(&Method::GET, "/v1/events/p-1", Some(&token)));
        let url = app.url();
        let twin = async || {
            let request = reqwest::Client::new().get(format!("{url}/v1/events/p-1"));
            let request = request.header("authorization", format!("DPoP {token}"));
            Answer::of(request.header("dpop", &fresh)).await.status.as_u16()
        };
        let mut both = futures_util::future::join_all([twin(), twin()]).await;
        both.sort_unstable();
        assert_eq!(both, [401, 404]);
    }
}
