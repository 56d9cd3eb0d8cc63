//! Staff sign in at the console by the bank's identity provider, and by nothing else: a token that is
//! wrong in any way, an answer of another sign-in, or one that was used, signs nobody in.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use tallystick::cli::partners::keygen::{Alg, KeyPair};
use tallystick::clock::Moment;
use tallystick::partner::Status;
use tallystick::settings::ConsoleSettings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::harness::{Browser, BrowserPage, Store, TestApp, Trial, count, run_sql};
use crate::reload::{edit, set_status};

const CLIENT: &str = "tallystick-console";

/// An identity provider that gives out whatever token it is told to.
#[derive(Clone)]
struct Provider {
    url: String,
    key: Arc<KeyPair>,
    /// The next token; none for a code that is not known.
    token: Arc<Mutex<Option<String>>>,
    asked: Arc<Mutex<String>>,
}

impl Provider {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let key = Arc::new(KeyPair::generate("p-1", Alg::EdDsa).unwrap());
        let provider = Self { url, key, token: Arc::default(), asked: Arc::default() };
        let serving = provider.clone();
        tokio::spawn(async move {
            while let Ok((mut connection, _peer)) = listener.accept().await {
                let mut head = vec![0; 8_192];
                let read = connection.read(&mut head).await.unwrap_or(0);
                let head = String::from_utf8_lossy(&head[..read]).into_owned();
                let (status, body) = serving.answer(&head);
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
                     connection: close\r\n\r\n{body}",
                    body.len()
                );
                let _gone = connection.write_all(answer.as_bytes()).await;
            }
        });
        provider
    }

    fn answer(&self, head: &str) -> (&'static str, String) {
        let path = head.split(' ').nth(1).unwrap_or_default();
        let body = match path {
            "/.well-known/openid-configuration" => json!({
                "issuer": self.url, "jwks_uri": format!("{}/keys", self.url),
                "authorization_endpoint": format!("{}/authorize", self.url),
                "token_endpoint": format!("{}/token", self.url),
            }),
            "/keys" => json!({ "keys": [self.key.public_jwk()] }),
            _ => {
                head.clone_into(&mut self.asked.lock().unwrap());
                // A code is good once.
                let Some(token) = self.token.lock().unwrap().take() else {
                    return ("400 Bad Request", json!({ "error": "invalid_grant" }).to_string());
                };
                json!({ "access_token": "access", "id_token": token, "token_type": "Bearer" })
            }
        };
        ("200 OK", body.to_string())
    }

    fn trial(&self, store: Store) -> Trial {
        let mut trial = Trial::on(store);
        let tokens = trial.settings.staff_tokens.as_mut().unwrap();
        tokens.issuer.clone_from(&self.url);
        tokens.jwks = std::path::PathBuf::new();
        let console = ConsoleSettings { local_provider: false, ..ConsoleSettings::local() };
        trial.settings.console = Some(console);
        trial
    }

    /// The claims of a good token for a sign-in.
    fn claims(&self, asked: &Url) -> Value {
        let nonce = parameter(asked, "nonce");
        json!({
            "iss": self.url, "aud": CLIENT, "sub": "s-1", "roles": ["reconcile"], "nonce": nonce,
            "auth_time": 0,
        })
    }
}

fn parameter(url: &Url, name: &str) -> String {
    let found = url.query_pairs().find(|(known, _value)| known == name);
    found.unwrap().1.into_owned()
}

/// Begins a sign-in: where the browser goes.
async fn begin(browser: &mut Browser) -> Url {
    let page = browser.get("/console/sign-in?to=/console/breaks").await;
    Url::parse(page.goes_to()).unwrap()
}

/// Comes back from the provider.
async fn come_back(browser: &mut Browser, asked: &Url, more: &str) -> BrowserPage {
    let state = parameter(asked, "state");
    browser.get(&format!("/console/callback?code=c-1&state={state}{more}")).await
}

fn change(claims: &Value, changes: &Value) -> Value {
    let mut claims = claims.clone();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

fn refuses(page: &BrowserPage, browser: &Browser, case: &str) {
    assert_eq!(page.status, 403, "{case}: {}", page.text);
    assert!(!browser.cookies.contains_key("__Host-console"), "{case}");
}

on_both_stores! {
    async fn whoever_the_provider_vouches_for_is_signed_in(store: Store) {
        let provider = Provider::start().await;
        let trial = provider.trial(store);
        trial
            .run(async |app| {
                let mut browser = Browser::at(app);
                let asked = begin(&mut browser).await;
                assert_eq!(asked.as_str().split('?').next().unwrap(), format!("{}/authorize", provider.url));
                for (name, value) in [
                    ("response_type", "code"), ("client_id", CLIENT), ("scope", "openid"),
                    ("code_challenge_method", "S256"),
                    ("redirect_uri", "https://gateway.test/console/callback"),
                ] {
                    assert_eq!(parameter(&asked, name), value);
                }
                let token = provider.key.sign(&provider.claims(&asked)).unwrap();
                *provider.token.lock().unwrap() = Some(token);
                let page = come_back(&mut browser, &asked, "").await;
                assert_eq!(page.goes_to(), "/console/breaks");
                let cookies: Vec<&str> =
                    page.headers.get_all("set-cookie").iter().map(|it| it.to_str().unwrap()).collect();
                let session = cookies.iter().find(|it| it.starts_with("__Host-console=")).unwrap();
                for attribute in ["Path=/;", "HttpOnly", "SameSite=Lax", "Secure"] {
                    assert!(session.contains(attribute), "{session}");
                }
                assert!(provider.asked.lock().unwrap().contains("code_verifier="));
                let page = browser.get("/console/breaks").await;
                assert_eq!(page.status, 200, "{}", page.text);
                let secret = browser.cookies["__Host-console"].clone();
                assert_eq!(count(&app.trial, "SELECT count(*) AS count FROM console_sessions"), 1);
                let kept = "SELECT count(*) AS count FROM console_sessions WHERE roles LIKE '%";
                assert_eq!(count(&app.trial, &format!("{kept}reconcile%'")), 1);
                assert_eq!(count(&app.trial, &format!("{kept}{secret}%'")), 0);
                // Who was signed in with which roles cannot be rewritten.
                let widened = run_sql(&app.trial, "UPDATE console_sessions SET roles = '[\"settle\"]'");
                assert!(widened.unwrap_err().contains("keeps its person and roles"));
            })
            .await;
    }
}

/// Whoever comes while it hangs is answered with it, and whoever comes after that at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_hangs_is_asked_once_and_holds_nobody_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let key = Arc::new(KeyPair::generate("p-1", Alg::EdDsa).unwrap());
    let provider = Provider { url, key, token: Arc::default(), asked: Arc::default() };
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((connection, _peer)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            open.push(connection);
        }
    });
    provider
        .trial(Store::Sqlite)
        .run(async |app| {
            let mut waiting = Vec::new();
            for _ in 0..6 {
                let mut browser = Browser::at(app);
                waiting.push(tokio::spawn(
                    async move { browser.get("/console/sign-in").await.status },
                ));
            }
            for one in waiting {
                assert_eq!(one.await.unwrap(), 503);
            }
            let page = Browser::at(app).get("/console/sign-in").await;
            assert_eq!(page.status, 503, "{}", page.text);
            page.has(&["cannot be reached now"]);
            assert_eq!(asked.load(Ordering::SeqCst), 1);
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_wrong_in_any_way_signs_nobody_in() {
    let provider = Provider::start().await;
    let foreign = KeyPair::generate("p-1", Alg::EdDsa).unwrap();
    let trial = provider.trial(Store::Sqlite);
    trial
        .run(async |app| {
            let later = tallystick::clock::now().unix_seconds() + 3_600;
            for (case, changes) in [
                ("another issuer", json!({ "iss": "https://evil.test" })),
                ("another audience", json!({ "aud": "tallystick" })),
                ("another party", json!({ "azp": "another" })),
                ("several audiences", json!({ "aud": [CLIENT, "another"] })),
                ("another nonce", json!({ "nonce": "n" })),
                ("no nonce", json!({ "nonce": null })),
                ("another access token", json!({ "at_hash": "77QmUPtjPfzWtF2AnpK9RQ" })),
                ("a hash that is none", json!({ "at_hash": 7 })),
                ("expired", json!({ "exp": 1_000 })),
                ("from the future", json!({ "iat": later })),
                ("signed in in the future", json!({ "auth_time": later })),
                ("nobody", json!({ "sub": "" })),
            ] {
                let mut browser = Browser::at(app);
                let asked = begin(&mut browser).await;
                let claims = change(&provider.claims(&asked), &changes);
                *provider.token.lock().unwrap() = Some(provider.key.sign(&claims).unwrap());
                refuses(&come_back(&mut browser, &asked, "").await, &browser, case);
            }
            let mut browser = Browser::at(app);
            let asked = begin(&mut browser).await;
            *provider.token.lock().unwrap() = Some(foreign.sign(&provider.claims(&asked)).unwrap());
            refuses(&come_back(&mut browser, &asked, "").await, &browser, "another key");
            assert_eq!(count(&app.trial, "SELECT count(*) AS count FROM console_sessions"), 0);
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_of_use_once_and_in_the_browser_that_asked() {
    let provider = Provider::start().await;
    let trial = provider.trial(Store::Sqlite);
    trial
        .run(async |app| {
            let good = |asked: &Url| {
                let token = provider.key.sign(&provider.claims(asked)).unwrap();
                *provider.token.lock().unwrap() = Some(token);
            };
            // The state of another browser, and no sign-in that was begun.
            let (mut victim, mut thief) = (Browser::at(app), Browser::at(app));
            let asked = begin(&mut victim).await;
            good(&asked);
            refuses(&come_back(&mut thief, &asked, "").await, &thief, "no sign-in was begun");
            begin(&mut thief).await;
            refuses(&come_back(&mut thief, &asked, "").await, &thief, "another's state");
            // RFC 9207: an answer that names another issuer.
            let mixed = "&iss=https%3A%2F%2Fevil.test";
            refuses(&come_back(&mut victim, &asked, mixed).await, &victim, "another issuer");
            // What the provider refuses.
            let asked = begin(&mut victim).await;
            let refused = "&error=access_denied";
            refuses(&come_back(&mut victim, &asked, refused).await, &victim, "refused");
            // The same answer twice.
            let asked = begin(&mut victim).await;
            good(&asked);
            let before = victim.clone();
            assert_eq!(come_back(&mut victim, &asked, "").await.status, 303);
            let page = come_back(&mut victim, &asked, "").await;
            assert_eq!(page.status, 403, "used before");
            // Even with the cookie of the sign-in kept: the provider takes a code once.
            let mut kept = before;
            let page = come_back(&mut kept, &asked, "").await;
            assert_eq!(page.status, 403, "{}", page.text);
            assert!(!kept.cookies.contains_key("__Host-console"));
        })
        .await;
}

on_both_stores! {
    async fn a_session_ends_by_time_by_its_person_and_by_a_new_one(store: Store) {
        let mut trial = Trial::with_console_on(store);
        let console = trial.settings.console.as_mut().unwrap();
        console.idle_seconds = 60;
        trial
            .run(async |app| {
                let mut browser = Browser::signed_in(app, "clerk").await;
                let mut phone = Browser::signed_in(app, "clerk").await;
                let mut other = Browser::signed_in(app, "settler").await;
                // Two of one's own are listed; another's cannot be ended.
                let page = browser.get("/console/sessions").await;
                assert_eq!(page.text.matches("/end\"").count(), 2, "{}", page.text);
                page.has(&["this browser"]);
                let (_, rest) = page.text.split_once("/console/sessions/").unwrap();
                let newest = format!("/console/sessions/{}/end", rest.split('/').next().unwrap());
                assert_eq!(other.act("/console/sessions", &newest, &[]).await.status, 404);
                assert_eq!(browser.act("/console/sessions", &newest, &[]).await.status, 303);
                phone.get("/console/today").await.has(&["Your session is over"]);
                // Signing in anew is a new session, and the one before is no more.
                let before = browser.clone();
                browser.sign_in("clerk", "/console/sign-in").await;
                let mut before = before;
                before.get("/console/today").await.has(&["Your session is over"]);
                // A person signs out.
                let page = browser.act("/console/today", "/console/sign-out", &[]).await;
                assert_eq!(page.goes_to(), "/console/signed-out");
                browser.get("/console/today").await.has(&["Sign in with your staff account"]);
                // Time without use.
                other.get("/console/today").await.has(&["Signed in as"]);
                age(app, 40);
                other.get("/console/today").await.has(&["Signed in as"]);
                age(app, 61);
                other.get("/console/today").await.has(&["Your session is over"]);
            })
            .await;
    }
}

/// Makes all sessions ones that were last used so long ago. A session that is there cannot be aged, so
/// each is written anew.
fn age(app: &TestApp, seconds: i64) {
    let seen = tallystick::clock::now().minus(TimeDelta::seconds(seconds));
    let began = seen.minus(TimeDelta::hours(1));
    let text = |at: Moment| at.utc().format("%Y-%m-%d %H:%M:%S%.6f").to_string();
    let (began, seen) = (text(began), text(seen));
    let sql = format!(
        "CREATE TABLE aged AS SELECT * FROM console_sessions; DELETE FROM console_sessions; \
         UPDATE aged SET began_at = '{began}', seen_at = '{seen}'; \
         INSERT INTO console_sessions SELECT * FROM aged; DROP TABLE aged"
    );
    run_sql(&app.trial, &sql).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_of_another_page_or_session_does_nothing() {
    Trial::with_console_on(Store::Sqlite)
        .run(async |app| {
            let mut browser = Browser::signed_in(app, "clerk").await;
            let mut other = Browser::signed_in(app, "clerk").await;
            let token = browser.get("/console/today").await.value("token");
            let foreign = other.get("/console/today").await.value("token");
            assert_ne!(token, foreign);
            for wrong in ["", "x", &foreign] {
                let page = browser.post("/console/sign-out", &[("token", wrong)]).await;
                assert_eq!(page.status, 400, "{}", page.text);
            }
            for (name, value) in [("origin", "https://evil.test"), ("sec-fetch-site", "cross-site")]
            {
                let request = browser.request(Method::POST, "/console/sign-out");
                let request = request.header(name, value).form(&[("token", &token)]);
                assert_eq!(browser.send(request).await.status, 400);
            }
            browser.get("/console/today").await.has(&["Signed in as"]);
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_provider_of_trials_serves_trials_alone() {
    // A partner beyond the sandbox.
    let mut trial = Trial::on(Store::Sqlite);
    trial.settings.issuer = None;
    trial.settings.console = Some(ConsoleSettings::local());
    let started = tallystick::app::App::start(trial.settings.clone()).await;
    let refused = started.err().unwrap().to_string();
    assert!(refused.contains("console.local_provider"), "{refused}");
    // Without its setting there is no such provider, and without a table no console.
    Trial::on(Store::Sqlite)
        .run(async |app| {
            let mut browser = Browser::at(app);
            for path in ["/local-provider/keys", "/console", "/console/sign-in", "/console/today"] {
                assert_eq!(browser.get(path).await.status, 404, "{path}");
            }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signed_in_without_a_password_is_out_once_a_partner_is_beyond_the_sandbox() {
    Trial::with_sandbox_on(Store::Sqlite)
        .with_console()
        .run(async |app| {
            let mut browser = Browser::signed_in(app, "settler").await;
            assert_eq!(browser.get("/console/today").await.status, 200);
            set_status(app, "green-basket", Status::Sandbox, Status::Conformant).await;
            edit(app, "green-basket", "[access]", "[access]\nevents_per_day = 1000").await;
            assert_eq!(browser.get("/console/today").await.status, 200);
            set_status(app, "green-basket", Status::Conformant, Status::Pilot).await;
            for path in ["/console/today", "/local-provider/keys"] {
                assert_eq!(browser.get(path).await.status, 404, "{path}");
            }
        })
        .await;
}
