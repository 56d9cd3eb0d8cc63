//! Staff decide in the console on what is held and on entries of the bank, as two persons where that is
//! asked for, and see what it will post.

use reqwest::Method;
use serde_json::json;
use tallystick::clock;

use crate::exposure::{limit, now};
use crate::harness::{Browser, Store, TestApp, Trial, adjustment, payment, referral, staff};
use crate::reconcile::{STATEMENTS, clerk, compare, hand_in, line, one_difference, statement};

/// A console whose programme has the shipped limits.
fn bounded(store: Store) -> Trial {
    let trial = Trial::with_console_on(store);
    let shipped =
        std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("partners/programme.toml");
    std::fs::copy(shipped, trial.settings.partners.join("programme.toml")).unwrap();
    trial
}

/// The address of the first thing in a list.
async fn first_of(browser: &mut Browser, list: &str) -> String {
    let page = browser.get(list).await;
    let start = format!("href=\"{list}/");
    let (_before, rest) = page
        .text
        .split_once(&start)
        .unwrap_or_else(|| unreachable!("nothing in {list}: {}", page.text));
    format!("{list}/{}", rest.split('"').next().unwrap())
}

on_both_stores! {
    async fn a_held_payment_is_released_or_rejected_with_a_reason(store: Store) {
        bounded(store)
            .run(async |app: &mut TestApp| {
                let shop = app.partner("green-basket").await;
                for (id, gross) in [("p-1", "2500.00"), ("p-2", "600.00"), ("p-3", "700.00")] {
                    shop.record(&now(payment(id, "m-1", gross, "0.00"))).await;
                }
                let list = "/console/approvals/held";
                let mut dan = Browser::signed_in(app, "decider").await;
                dan.get("/console/today").await.has(&["Held payments and rewards to decide on"]);
                let one = first_of(&mut dan, list).await;
                let page = dan.get(&one).await;
                page.has(&["Payment", "Green Basket", "What became of it", "/console/stories/events/"]);
                // Without a reason nothing is decided.
                let page = dan.act(&one, &format!("{one}/release"), &[("reason", " ")]).await;
                assert_eq!(page.status, 422, "{}", page.text);
                page.has(&["href=\"#because\""]);
                let reason = [("reason", "the till\u{2019}s roll was looked at")];
                assert_eq!(dan.act(&one, &format!("{one}/release"), &reason).await.goes_to(), one);
                let page = dan.get(&one).await;
                page.has(&["Released", "decider", "roll was looked at"]);
                page.lacks(&["/release\""]);
                let other = first_of(&mut dan, list).await;
                assert_ne!(other, one);
                assert_eq!(dan.act(&other, &format!("{other}/rejection"), &reason).await.goes_to(), other);
                dan.get(&other).await.has(&["Rejected"]);
                dan.get(list).await.has(&["Nothing is held."]);
                // Decided already: somebody was first.
                let late = dan.act("/console/today", &format!("{other}/release"), &reason).await;
                assert_eq!(late.status, 409, "{}", late.text);
                // Whoever only reads sees it, and decides nothing.
                let mut eva = Browser::signed_in(app, "reader").await;
                eva.get(&one).await.lacks(&["<textarea"]);
                let refused = eva.act("/console/today", &format!("{one}/release"), &reason).await;
                assert_eq!(refused.status, 403, "{}", refused.text);
            })
            .await;
    }
}

on_both_stores! {
    async fn a_held_referral_goes_on_once_somebody_says_so(store: Store) {
        let trial = bounded(store);
        limit(&trial, "sunny-travel", "partner-commission-day", "100.00");
        trial
            .run(async |app: &mut TestApp| {
                app.leads_may_wait = true;
                let travel = app.partner("sunny-travel").await;
                for id in ["t-1", "t-2"] {
                    let mut event = referral(id, "travel-loan", "9000.00", "old-town");
                    event["time"] = json!(clock::now().to_string());
                    travel.record(&event).await;
                }
                let list = "/console/approvals/referrals";
                let mut dan = Browser::signed_in(app, "decider").await;
                let one = first_of(&mut dan, list).await;
                let page = dan.get(&one).await;
                page.has(&["On hold", "9,000.00", "old-town"]);
                page.lacks(&["Test Person", "+86199"]);
                let reason = [("reason", "known to the branch")];
                assert_eq!(dan.act(&one, &format!("{one}/release"), &reason).await.goes_to(), one);
                dan.get(&one).await.has(&["Qualified"]);
                dan.get(list).await.has(&["No referral is on hold."]);
                let again = dan.act("/console/today", &format!("{one}/rejection"), &reason).await;
                assert_eq!(again.status, 409, "{}", again.text);
                // Its story names who decided and why, and never the person.
                let story = one.replace("approvals", "stories");
                let page = dan.get(&story).await;
                page.has(&["known to the branch", "decider"]);
                page.lacks(&["Test Person", "+86199"]);
            })
            .await;
    }
}

on_both_stores! {
    async fn whoever_approves_a_correction_sees_what_it_will_post(store: Store) {
        Trial::with_console_on(store)
            .run(async |app| {
                let shop = app.partner("green-basket").await;
                shop.record(&payment("p-1", "m-1", "10.00", "0.00")).await;
                let chen = staff(app, "chen", &["adjust"]);
                assert_eq!(chen.adjust(&adjustment("c-1", "m-1", "5000.00")).await.status, 202);
                let mut dana = Browser::signed_in(app, "approver").await;
                let one = "/console/approvals/corrections/c-1";
                let page = dana.get(one).await;
                page.has(&["What approving posts", "+5,000.00", "\u{2212}5,000.00", "Customer"]);
                // Looking keeps nothing.
                dana.get(one).await.has(&["Waits for approval"]);
                assert_eq!(dana.act(one, &format!("{one}/approval"), &[]).await.goes_to(), one);
                dana.get(one).await.lacks(&["What approving posts"]);
            })
            .await;
    }
}

on_both_stores! {
    async fn many_breaks_are_proposed_and_approved_by_a_typed_total(store: Store) {
        Trial::with_console_on(store)
            .run(async |app| {
                let clerk = clerk(app);
                let lines: Vec<String> = (0..3)
                    .map(|number| line(&format!("e-{number}"), &format!("o-{number}"), "SALE", "7.00"))
                    .collect();
                let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
                hand_in(&clerk, STATEMENTS, &statement(&lines)).await;
                compare(&clerk).await;
                let (mut ann, mut ben) =
                    (Browser::signed_in(app, "clerk").await, Browser::signed_in(app, "settler").await);
                let list = "/console/breaks";
                let boxes = |page: &str| -> Vec<String> {
                    let parts = page.split("name=\"break-").skip(1);
                    parts.map(|rest| format!("break-{}", rest.split('"').next().unwrap())).collect()
                };
                let chosen = boxes(&ann.get(list).await.text);
                assert_eq!(chosen.len(), 3);
                let mut fields: Vec<(&str, &str)> =
                    chosen.iter().take(2).map(|name| (name.as_str(), "0")).collect();
                // Nothing chosen: the list again. Two chosen: what they come to.
                assert_eq!(ann.act(list, "/console/breaks/chosen", &[]).await.goes_to(), list);
                let page = ann.act(list, "/console/breaks/chosen", &fields).await;
                assert_eq!(page.status, 200, "{}", page.text);
                page.has(&["14.00", "name=\"sum-CNY\""]);
                let propose = "/console/breaks/chosen/proposals";
                fields.extend([("action", "accept"), ("reason", "known to both")]);
                let mut wrong = fields.clone();
                wrong.push(("sum-CNY", "21.00"));
                let page = ann.act(list, propose, &wrong).await;
                assert_eq!(page.status, 422, "{}", page.text);
                page.has(&["The sum is another one.", "value=\"21.00\"", "known to both"]);
                fields.push(("sum-CNY", "14.00"));
                assert_eq!(ann.act(list, propose, &fields).await.goes_to(), "/console/breaks?state=proposed");
                // Another person approves both by their proposals.
                let approvals = "/console/approvals";
                let waiting = boxes(&ben.get(approvals).await.text);
                assert_eq!(waiting.len(), 2);
                let mut fields: Vec<(&str, &str)> =
                    waiting.iter().map(|name| (name.as_str(), "1")).collect();
                ben.act(approvals, "/console/approvals/chosen", &fields).await.has(&["14.00", "Accept"]);
                fields.push(("sum-CNY", "14.00"));
                let approve = "/console/approvals/chosen/approval";
                assert_eq!(ben.act(approvals, approve, &fields).await.goes_to(), approvals);
                ben.get(approvals).await.has(&["No proposal waits."]);
                ann.get("/console/breaks?state=accepted").await.has(&["o-0"]);
                // Decided already.
                let again = ben.act(approvals, approve, &fields).await;
                assert_eq!(again.status, 409, "{}", again.text);
            })
            .await;
    }
}

on_both_stores! {
    async fn a_file_is_attached_to_a_break_and_taken_away_as_it_came(store: Store) {
        Trial::with_console_on(store)
            .run(async |app| {
                let id = one_difference(app).await;
                let page = format!("/console/breaks/{id}");
                let mut ann = Browser::signed_in(app, "clerk").await;
                let attach = async |ann: &mut Browser, name: &str, content: &str| {
                    let token = ann.get(&page).await.value("token");
                    let body = format!(
                        "--x\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n{token}\r\n\
                         --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
                         Content-Type: text/plain\r\n\r\n{content}\r\n--x--\r\n"
                    );
                    let path = format!("{page}/attachments");
                    let request = ann.request(Method::POST, &path).header("origin", &ann.url);
                    let kind = "multipart/form-data; boundary=x";
                    ann.send(request.header("content-type", kind).body(body)).await
                };
                for (name, content) in [("roll.exe", "MZ"), ("roll.pdf", "no PDF"), ("roll.txt", "")] {
                    let refused = attach(&mut ann, name, content).await;
                    assert_eq!(refused.status, 422, "{name}: {}", refused.text);
                    refused.has(&["href=\"#file\""]);
                }
                assert_eq!(attach(&mut ann, "roll.txt", "the till's roll").await.goes_to(), page);
                let mut ben = Browser::signed_in(app, "settler").await;
                let shown = ben.get(&page).await;
                shown.has(&["roll.txt", "clerk"]);
                let (_before, rest) = shown.text.split_once("/attachments/").unwrap();
                let path = format!("{page}/attachments/{}", rest.split('"').next().unwrap());
                let file = ben.get(&path).await;
                assert_eq!(file.text, "the till's roll");
                assert_eq!(file.headers["content-type"], "application/octet-stream");
            })
            .await;
    }
}
