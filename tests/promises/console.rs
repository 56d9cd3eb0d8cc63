//! What the staff's console shows and does: the same acts as the API, in words for people, without
//! script.

use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{
    Browser, BrowserPage, Store, TestApp, Trial, adjustment, payment, referral, run_sql, staff,
};
use crate::reconcile::{STATEMENTS, clerk, compare, hand_in, line, one_difference, statement};

fn page_of(id: &str) -> String {
    format!("/console/breaks/{id}")
}

on_both_stores! {
    async fn a_break_is_proposed_by_one_person_and_approved_by_another(store: Store) {
        Trial::with_console_on(store)
            .run(async |app| {
                let id = one_difference(app).await;
                let (mut ann, mut ben) =
                    (Browser::signed_in(app, "clerk").await, Browser::signed_in(app, "settler").await);
                // What waits stands on the first page, and leads to the break.
                let today = ann.get("/console/today").await;
                today.has(&["Breaks to look into", "0.50", &format!("href=\"{}\"", page_of(&id))]);
                ben.get("/console/today").await.has(&["Nothing waits for you."]);
                let list = ann.get("/console/breaks?code=AMOUNT_DIFF&partner=green-basket&period=2026-11").await;
                list.has(&["Amount differs", "100.50", "100.00", "+0.50", "Take all filters off"]);
                ann.get("/console/breaks?code=CUTOFF").await.has(&["No break fits these filters."]);
                let page = ann.get(&page_of(&id)).await;
                page.has(&[
                    "Why it did not match", "It would match if", "class=\"differs\">100.50",
                    "The partner&#39;s statement says 100.50 CNY, our books say 100.00 CNY.",
                ]);
                // What is wrong is said at its field, and what was typed stays.
                let proposals = format!("{}/proposals", page_of(&id));
                let wrong = [("action", "adjust"), ("amount", "much"), ("reason", "the <b>till</b>")];
                let page = ann.act(&page_of(&id), &proposals, &wrong).await;
                assert_eq!(page.status, 422, "{}", page.text);
                page.has(&["id=\"amount-error\"", "value=\"much\"", "the &#60;b&#62;till", "href=\"#amount\""]);
                let above = [("action", "adjust"), ("amount", "6.00"), ("reason", "r")];
                let page = ann.act(&page_of(&id), &proposals, &above).await;
                assert_eq!(page.status, 422, "{}", page.text);
                page.has(&["the two sides are 0.50 apart"]);
                let good = [("action", "adjust"), ("amount", "￥０．５０"), ("reason", "the till's paper")];
                assert_eq!(ann.act(&page_of(&id), &proposals, &good).await.goes_to(), page_of(&id));
                ann.get(&page_of(&id)).await.has(&["You proposed this.", "What approving posts", "+0.50"]);
                // The other person reads the postings, and decides on that proposal alone.
                ben.get("/console/today").await.has(&["Proposals to decide on"]);
                ben.get("/console/approvals").await.has(&["the till&#39;s paper", "Adjust", "+0.50"]);
                let approval = format!("{}/approval", page_of(&id));
                let page = ben.act(&page_of(&id), &approval, &[("number", "7")]).await;
                assert_eq!(page.status, 409, "{}", page.text);
                page.has(&["it stands elsewhere now"]);
                let page = ben.act(&page_of(&id), &approval, &[("number", "1")]).await;
                assert_eq!(page.goes_to(), page_of(&id));
                let done = ben.get(&page_of(&id)).await;
                done.has(&["Adjusted", "Approved by settler"]);
                done.lacks(&["/approval\""]);
                let found = clerk(app).get(&format!("/v1/breaks/{id}")).await.body;
                assert_eq!((&found["state"], &found["proposals"][0]["decided_by"]), (&json!("adjusted"), &json!("settler")));
                // A second approval finds that somebody was first.
                let again = ben.act("/console/today", &approval, &[("number", "1")]).await;
                assert_eq!(again.status, 409, "{}", again.text);
            })
            .await;
    }
}

on_both_stores! {
    async fn nobody_approves_their_own_and_a_note_stays_with_the_staff(store: Store) {
        Trial::with_console_on(store)
            .run(async |app| {
                let id = one_difference(app).await;
                // Proposed by the API as the same person who then opens the console.
                let same = staff(app, "settler", &["reconcile"]);
                let body = json!({ "action": "accept", "reason": "known" });
                assert_eq!(same.send(&format!("/v1/breaks/{id}/proposals"), &body).await.status, 201);
                let (mut ann, mut ben) =
                    (Browser::signed_in(app, "clerk").await, Browser::signed_in(app, "settler").await);
                ben.get("/console/today").await.has(&["Nothing waits for you."]);
                let page = ben.get(&page_of(&id)).await;
                page.has(&["You proposed this.", "Approving posts nothing."]);
                page.lacks(&["/approval\"", "/notes\""]);
                for (rest, fields) in [
                    ("approval", &[("number", "1")][..]),
                    ("rejection", &[("number", "1"), ("reason", "no")][..]),
                ] {
                    let page = ben.act(&page_of(&id), &format!("{}/{rest}", page_of(&id)), fields).await;
                    assert_eq!(page.status, 403, "{}", page.text);
                    page.has(&["another person does"]);
                }
                let notes = format!("{}/notes", page_of(&id));
                assert_eq!(ann.act(&page_of(&id), &notes, &[("note", " ")]).await.status, 422);
                let note = [("note", "asked\r\nthe shop")];
                assert_eq!(ann.act(&page_of(&id), &notes, &note).await.status, 303);
                ann.get(&page_of(&id)).await.has(&["<p>asked the shop</p>"]);
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_approves_has_shown_lately_who_they_are() {
    let mut trial = Trial::with_console_on(Store::Sqlite);
    trial.settings.console.as_mut().unwrap().fresh_seconds = 8;
    trial
        .run(async |app| {
            let id = one_difference(app).await;
            let mut ann = Browser::signed_in(app, "clerk").await;
            let propose = [("action", "accept"), ("reason", "known")];
            ann.act(&page_of(&id), &format!("{}/proposals", page_of(&id)), &propose).await;
            let mut ben = Browser::signed_in(app, "settler").await;
            let stale = async |browser: &mut Browser| {
                browser.get(&page_of(&id)).await.text.contains("Confirm who you are")
            };
            while !stale(&mut ben).await {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            let approval = format!("{}/approval", page_of(&id));
            let page = ben.act("/console/today", &approval, &[("number", "1")]).await;
            assert_eq!(page.status, 403, "{}", page.text);
            page.has(&["Confirm who you are", "fresh=1"]);
            // Signing in once more leads back to the page, in a new session.
            let before = ben.cookies["console"].clone();
            let path = format!("/console/sign-in?to={}&fresh=1", page_of(&id));
            let provider = ben.get(&path).await.goes_to().to_owned();
            assert!(
                provider.contains("prompt=login") && provider.contains("max_age=0"),
                "{provider}"
            );
            let callback = ben.choose("settler", &provider).await;
            assert_eq!(ben.get(&callback).await.goes_to(), page_of(&id));
            assert_ne!(ben.cookies["console"], before);
            let page = ben.act(&page_of(&id), &approval, &[("number", "1")]).await;
            assert_eq!(page.goes_to(), page_of(&id));
        })
        .await;
}

on_both_stores! {
    async fn a_correction_beyond_the_limit_is_decided_on_in_the_console(store: Store) {
        Trial::with_console_on(store)
            .run(async |app| {
                let shop = app.partner("green-basket").await;
                shop.record(&payment("p-1", "m-1", "10.00", "0.00")).await;
                for id in ["c-1", "c-2"] {
                    let (chen, order) =
                        (staff(app, "chen", &["adjust"]), adjustment(id, "m-1", "5000.00"));
                    assert_eq!(chen.adjust(&order).await.status, 202);
                }
                let mut dana = Browser::signed_in(app, "approver").await;
                dana.get("/console/today").await.has(&["Corrections to decide on"]);
                let list = "/console/approvals/corrections";
                dana.get(list).await.has(&["+5,000.00", "told so by telephone", "c-1", "c-2"]);
                let one = format!("{list}/c-1");
                dana.get(&one).await.has(&["m-1", "Waits for approval", "+5,000.00"]);
                let page = dana.act(&one, &format!("{one}/approval"), &[]).await;
                assert_eq!(page.goes_to(), one);
                dana.get(&one).await.has(&["Posted"]);
                let other = format!("{list}/c-2");
                assert_eq!(dana.act(&other, &format!("{other}/rejection"), &[]).await.status, 422);
                let because = [("reason", "no such call")];
                assert_eq!(dana.act(&other, &format!("{other}/rejection"), &because).await.status, 303);
                let mut eva = Browser::signed_in(app, "reader").await;
                let page = eva.get(&other).await;
                page.has(&["Rejected"]);
                page.lacks(&["/approval\""]);
                // Decided already: somebody was first.
                let page = dana.act("/console/today", &format!("{other}/approval"), &[]).await;
                assert_eq!(page.status, 409, "{}", page.text);
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_speak_chinese_and_a_partners_text_is_text() {
    Trial::with_console_on(Store::Sqlite)
        .run(async |app| {
            let clerk = clerk(app);
            let hostile = "<img src=x onerror=alert(1)>";
            let file = statement(&[&line("never-sent", hostile, "SALE", "7.00")]);
            hand_in(&clerk, STATEMENTS, &file).await;
            compare(&clerk).await;
            let mut ann = Browser::signed_in(app, "clerk").await;
            let list = ann.get("/console/breaks").await;
            list.lacks(&["<img"]);
            list.has(&["onerror", "Only theirs"]);
            ann.language = "zh-CN";
            let list = ann.get("/console/breaks").await;
            list.has(&["<html lang=\"zh-Hans\">", "对方单边", "差错", "处理期限"]);
            let (_, rest) = list.text.split_once("href=\"/console/breaks/").unwrap();
            let id = rest.split('"').next().unwrap();
            let page = ann.get(&page_of(id)).await;
            page.has(&["未匹配原因", "满足下列条件即可匹配", "合作方对账单", "我方账簿"]);
            page.lacks(&["<img", "Propose"]);
            // A link keeps the language that it chose.
            ann.language = "en";
            ann.get("/console/today?lang=zh").await.has(&["今日"]);
            ann.get("/console/today").await.has(&["今日"]);
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_worklist_goes_on_page_by_page() {
    Trial::with_console_on(Store::Sqlite)
        .run(async |app: &mut TestApp| {
            let clerk = clerk(app);
            let lines: Vec<String> = (0..120)
                .map(|number| line(&format!("e-{number}"), &format!("o-{number}"), "SALE", "7.00"))
                .collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            hand_in(&clerk, STATEMENTS, &statement(&lines)).await;
            compare(&clerk).await;
            let mut ann = Browser::signed_in(app, "clerk").await;
            ann.get("/console/today").await.has(&[">99+<", "693.00"]);
            let (mut path, mut seen) = ("/console/breaks?state=open".to_owned(), 0);
            loop {
                let page = ann.get(&path).await;
                seen += page.text.matches("href=\"/console/breaks/").count();
                let Some((before, _)) = page.text.split_once("\">Next page") else { break };
                path = before.rsplit('"').next().unwrap().replace("&#38;", "&");
            }
            assert_eq!(seen, 120);
        })
        .await;
}

/// Chromium (`make tools`) as two people would use it, and a checker of accessibility by another maker.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "`make screenshots` says where pictures are kept")]
async fn a_browser_walks_through_the_console_and_everybody_can_use_it() {
    Trial::with_console_on(Store::Sqlite)
        .run(async |app| {
            let id = one_difference(app).await;
            let file = statement(&[
                &line("p-1", "", "SALE", "100.50"),
                &line("never-sent", "order-of-the-partner", "SALE", "7.00"),
            ]);
            hand_in(&clerk(app), STATEMENTS, &file).await;
            compare(&clerk(app)).await;
            staff(app, "ann", &["adjust"]).adjust(&adjustment("c-1", "m-1", "5000.00")).await;
            // A payment that is held, and a lead that was given up.
            let fay = staff(app, "fay", &["decide"]);
            let (freeze, reason) =
                ("/v1/partners/green-basket/freeze", json!({ "reason": "a stolen till" }));
            assert_eq!(fay.send(freeze, &reason).await.status, 200);
            let shop = app.partner("green-basket").await;
            shop.record(&payment("p-held", "m-1", "40.00", "0.00")).await;
            assert_eq!(fay.send(&format!("{freeze}/end"), &reason).await.status, 200);
            app.leads_may_wait = true;
            let travel = app.partner("sunny-travel").await;
            travel.record(&referral("l-1", "travel-loan", "9000.00", "harbour")).await;
            let dead = "UPDATE outbox SET state = 'dead', last_error = 'refused: no such branch'";
            run_sql(&app.trial, dead).unwrap();
            let (url, folder) = (app.url(), std::env::var("CONSOLE_PICTURES").ok());
            let walked = tokio::task::spawn_blocking(move || {
                let root = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"));
                // Nobody waits for a browser for ever.
                let mut command = Command::new("timeout");
                command
                    .args(["--kill-after=10", "800"])
                    .arg(root.join(".tools/venv/bin/node"))
                    .arg(root.join("tests/tools/console_walk.mjs"))
                    .args([&url, &id])
                    .arg(root.join(".tools/node"))
                    .args(folder);
                command.output().unwrap()
            });
            let walked = walked.await.unwrap();
            let said = String::from_utf8_lossy(&walked.stderr);
            assert!(walked.status.success(), "{said}");
            let found: Value = serde_json::from_slice(&walked.stdout).unwrap();
            assert_eq!(found["state"], "accepted");
            for refused in ["violations", "errors", "elsewhere"] {
                assert_eq!(found[refused], json!([]), "{refused}: {found:#}");
            }
            assert!(found["pages"].as_u64().unwrap() > 30, "{found}");
        })
        .await;
}

on_both_stores! {
    async fn a_month_goes_from_its_file_to_its_close_in_the_console(store: Store) {
        Trial::with_console_on(store)
            .run(async |app| {
                let shop = app.partner("green-basket").await;
                shop.record(&payment("p-1", "m-1", "100.00", "0.00")).await;
                let (mut ann, mut ben) =
                    (Browser::signed_in(app, "clerk").await, Browser::signed_in(app, "settler").await);
                let month = "/console/settlement/green-basket/2026-11";
                ann.get("/console/settlement").await.has(&["Green Basket", "Open"]);
                ann.get(month).await.has(&["The partner&#39;s statement has come", "open"]);
                // A file is looked at first, and nothing of it is kept.
                let file = statement(&[&line("p-1", "", "SALE", "100.50")]);
                let page = hand_in_by_form(&mut ann, "check", &file).await;
                assert_eq!(page.status, 200, "{}", page.text);
                page.has(&["The file&#39;s controls hold", "Nothing was kept", "s.csv"]);
                ann.get("/console/files").await.has(&["No statement has come."]);
                let broken = hand_in_by_form(&mut ann, "keep", &file.replace("TOTAL,1", "TOTAL,2")).await;
                assert_eq!(broken.status, 422, "{}", broken.text);
                broken.has(&["href=\"#file\""]);
                let page = hand_in_by_form(&mut ann, "keep", &file).await;
                assert_eq!(page.goes_to(), month);
                assert_eq!(ann.act(month, &format!("{month}/comparison"), &[]).await.goes_to(), month);
                ann.get(month).await.has(&["s.csv", "0 / 1 lines agree", "Amount differs (Open): 1", "1 undecided"]);
                ben.get(month).await.lacks(&["/comparison\"", "/proposal\""]);
                // A month that is not over is not closed, whoever asks.
                let later = "/console/settlement/green-basket/2999-01";
                let page = ann.act(month, &format!("{later}/proposal"), &[]).await;
                assert_eq!(page.status, 409, "{}", page.text);
            })
            .await;
    }
}

on_both_stores! {
    async fn a_month_is_closed_and_paid_by_two_persons_in_the_console(store: Store) {
        let mut trial = Trial::with_console_on(store);
        trial.settings.console.as_mut().unwrap().fresh_seconds = 600;
        trial
            .run(async |app| {
                let (mut ann, mut ben) =
                    (Browser::signed_in(app, "clerk").await, Browser::signed_in(app, "settler").await);
                let month = "/console/settlement/green-basket/2026-01";
                let page = ann.act(month, &format!("{month}/proposal"), &[]).await;
                assert_eq!(page.goes_to(), month);
                ann.get(month).await.has(&["You proposed the close.", "green-basket-2026-01-1"]);
                ben.get("/console/today").await.has(&["Months to close"]);
                // Whoever proposed it does not close it, by whichever way.
                let same = staff(app, "clerk", &["settle"]);
                let shown = ben.get(month).await.value("sha256");
                let asked = json!({ "sha256": shown });
                let refused = same.send("/v1/settlements/green-basket/2026-01/close", &asked).await;
                assert_eq!(refused.told(), (403, "four-eyes"));
                // It closes the statement that the page showed, and no other.
                let close = format!("{month}/close");
                let other = ben.act(month, &close, &[("sha256", &"0".repeat(64))]).await;
                assert_eq!(other.status, 409, "{}", other.text);
                let closed = ben.act(month, &close, &[("sha256", &shown)]).await;
                assert_eq!(closed.goes_to(), month);
                ben.get(month).await.has(&["Closed", "settler", "Carried forward to the next month"]);
                for (format, start) in [("pdf", "%PDF"), ("csv", "row,"), ("xlsx", "PK"), ("signed", "{")] {
                    let file = ben.get(&format!("{month}/statement/{format}")).await;
                    assert_eq!(file.status, 200, "{}", file.text);
                    assert!(file.text.starts_with(start), "{format}");
                    let named = file.headers["content-disposition"].to_str().unwrap();
                    assert!(named.contains("green-basket-2026-01-1."), "{named}");
                }
                // Nothing is owed, so nothing is ordered.
                ben.get(month).await.lacks(&["/payout\""]);
                let page = ben.act(month, &format!("{month}/payout"), &[]).await;
                assert_eq!(page.status, 409, "{}", page.text);
            })
            .await;
    }
}

/// Hands a statement in as a browser does, with the button that was pressed.
async fn hand_in_by_form(browser: &mut Browser, button: &str, file: &str) -> BrowserPage {
    let token = browser.get("/console/files").await.value("token");
    let mut body = String::new();
    for (name, value) in [
        ("token", token.as_str()),
        ("partner", "green-basket"),
        ("period", "2026-11"),
        ("do", button),
    ] {
        body.push_str(&format!(
            "--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    body.push_str(&format!(
        "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"s.csv\"\r\n\
         Content-Type: text/csv\r\n\r\n{file}\r\n--x--\r\n"
    ));
    let request = browser.request(Method::POST, "/console/files").header("origin", &browser.url);
    let kind = "multipart/form-data; boundary=x";
    browser.send(request.header("content-type", kind).body(body)).await
}
