//! Every role against every door of the console, from the one table that the console itself asks.

use reqwest::Method;
use serde_json::json;
use tallystick::console::{DOORS, DoorMethod, DoorRoles};
use tallystick::http::access::staff::Role;

use crate::harness::{Browser, Store, TestApp, Trial, run_sql};

/// Ids of nothing, for paths with one.
fn filled(path: &str) -> String {
    path.replace("{break}", "00000000000000000000000000000000")
        .replace("{session}", "00000000-0000-0000-0000-000000000000")
        .replace("{correction}", "none")
        .replace("{partner}", "green-basket")
        .replace("{period}", "2020-01")
        .replace("{format}", "pdf")
        .replace("{entry}", "00000000000000000000000000000000")
        .replace("{attachment}", "00000000-0000-0000-0000-000000000000")
        .replace("{account}", "nothing")
        .replace("{owner}", "bank")
        .replace("{task}", "00000000-0000-0000-0000-000000000000")
        .replace("{message}", "00000000-0000-0000-0000-000000000000")
        .replace("{held}", "00000000-0000-0000-0000-000000000000")
        .replace("{event}", "00000000-0000-0000-0000-000000000000")
        .replace("{referral}", "00000000-0000-0000-0000-000000000000")
}

/// Gives a browser a session of those roles, as the identity provider would.
async fn with_roles(app: &TestApp, roles: &[&str]) -> Browser {
    let browser = Browser::signed_in(app, "reader").await;
    let roles = json!(roles);
    let sql = format!(
        "CREATE TABLE other AS SELECT * FROM console_sessions WHERE roles LIKE '%read%'; \
         DELETE FROM console_sessions WHERE roles LIKE '%read%'; \
         UPDATE other SET roles = '{roles}'; \
         INSERT INTO console_sessions SELECT * FROM other; DROP TABLE other"
    );
    run_sql(&app.trial, &sql).unwrap();
    browser
}

fn request(browser: &Browser, door: &tallystick::console::Door) -> reqwest::RequestBuilder {
    let path = filled(door.path);
    match door.method {
        DoorMethod::Get => browser.request(Method::GET, &path),
        DoorMethod::Post => browser.request(Method::POST, &path).header("origin", &browser.url),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_role_opens_its_own_doors_and_no_other() {
    Trial::with_console_on(Store::Sqlite)
        .run(async |app| {
            for role in Role::ALL {
                let mut browser = with_roles(app, &[role.name()]).await;
                for door in DOORS {
                    let case = format!("{} {:?} {}", role.name(), door.method, door.path);
                    // Ends the session itself.
                    if door.path == "/console/sign-out" {
                        continue;
                    }
                    let request = request(&browser, door);
                    let page = browser.send(request).await;
                    let may = match door.roles {
                        DoorRoles::All => true,
                        DoorRoles::Of(roles) => roles.contains(&role),
                    };
                    if !may {
                        assert_eq!(page.status, 403, "{case}: {}", page.text);
                        page.has(&["This page is for other roles than yours."]);
                    } else if door.method == DoorMethod::Post {
                        // A form without the session's token does nothing.
                        assert_eq!(page.status, 400, "{case}: {}", page.text);
                    } else {
                        assert!([200, 303, 404].contains(&page.status.as_u16()), "{case}");
                    }
                }
            }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_comes_in_without_a_session_of_ours() {
    Trial::with_console_on(Store::Sqlite)
        .run(async |app| {
            for secret in ["", "x", &"A".repeat(43)] {
                let mut browser = Browser::at(app);
                if !secret.is_empty() {
                    browser.cookies.insert("console".to_owned(), secret.to_owned());
                }
                for door in DOORS {
                    let request = request(&browser, door);
                    let page = browser.send(request).await;
                    let expected = if door.method == DoorMethod::Get { 200 } else { 403 };
                    assert_eq!(page.status, expected, "{} {}", door.path, page.text);
                    page.has(&["/console/sign-in?to="]);
                    page.lacks(&["Signed in as"]);
                }
            }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_may_see_of_the_console_runs_nothing_and_loads_nothing_from_elsewhere() {
    Trial::with_console_on(Store::Sqlite)
        .run(async |app| {
            let mut browser = with_roles(app, &["reconcile", "settle", "read", "approve"]).await;
            for door in DOORS.iter().filter(|door| door.method == DoorMethod::Get) {
                let page = browser.get(&filled(door.path)).await;
                if page.status == 303 {
                    continue;
                }
                let policy = page.headers["content-security-policy"].to_str().unwrap();
                assert!(policy.starts_with("default-src 'none'; style-src 'self'"), "{policy}");
                assert!(!policy.contains("unsafe"), "{policy}");
                assert_eq!(page.headers["cache-control"], "no-store");
                page.lacks(&["<script", " style=", " onclick", "javascript:", "src=\"http"]);
            }
        })
        .await;
}

/// A cookie that nobody of ours gave is told by itself, without a look at what is kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_known_by_the_cookie_that_we_gave_and_by_no_other() {
    Trial::with_console_on(Store::Sqlite)
        .run(async |app| {
            let (mut one, two) =
                (Browser::signed_in(app, "reader").await, Browser::signed_in(app, "clerk").await);
            one.get("/console/today").await.has(&["Signed in as"]);
            let parts = |browser: &Browser| {
                let cookie = browser.cookies["console"].clone();
                cookie.split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap()
            };
            let ((secret, seal), (_other, other_seal)) = (parts(&one), parts(&two));
            for cookie in [secret.clone(), format!("{secret}."), format!("{secret}.{other_seal}")] {
                one.cookies.insert("console".to_owned(), cookie);
                one.get("/console/today").await.lacks(&["Signed in as"]);
            }
            one.cookies.insert("console".to_owned(), format!("{secret}.{seal}"));
            one.get("/console/today").await.has(&["Signed in as"]);
        })
        .await;
}
