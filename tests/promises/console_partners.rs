//! What staff see of partners, and what operators see of deliveries, keys and settings.

use crate::harness::{Browser, Store, TestApp, Trial, payment, referral, run_sql};

on_both_stores! {
    async fn a_partner_is_read_as_sentences_and_frozen_in_one_step(store: Store) {
        Trial::with_console_on(store)
            .run(async |app| {
                let shop = app.partner("green-basket").await;
                shop.record(&payment("p-1", "m-1", "100.00", "0.00")).await;
                let mut eva = Browser::signed_in(app, "reader").await;
                eva.get("/console/partners").await.has(&["Green Basket", "Supermarket", "On trial"]);
                let one = "/console/partners/green-basket";
                let page = eva.get(one).await;
                page.has(&[
                    "spend ¥200, save ¥30", "1 point for each ¥1 paid.", "Keys that it signs with",
                    "Changes of its manifest", "Limits, and what is used of them",
                ]);
                page.lacks(&["/freeze\"", "BEGIN", "PRIVATE"]);
                eva.language = "zh-CN";
                eva.get(one).await.has(&["满200减30", "超市", "合作方承担"]);
                let mut dan = Browser::signed_in(app, "decider").await;
                let freeze = format!("{one}/freeze");
                assert_eq!(dan.act(one, &freeze, &[("reason", "")]).await.status, 422);
                let reason = [("reason", "the till is stolen")];
                assert_eq!(dan.act(one, &freeze, &reason).await.goes_to(), one);
                dan.get(one).await.has(&["Frozen", "the till is stolen", "Lift the freeze"]);
                dan.get("/console/partners").await.has(&["Frozen"]);
                assert_eq!(dan.act(one, &freeze, &reason).await.status, 409);
                assert_eq!(dan.act(one, &format!("{freeze}/end"), &reason).await.goes_to(), one);
                dan.get(one).await.lacks(&["the till is stolen"]);
                assert_eq!(dan.get("/console/partners/nobody").await.status, 404);
            })
            .await;
    }
}

on_both_stores! {
    async fn an_operator_sends_again_what_was_given_up(store: Store) {
        Trial::with_console_on(store)
            .run(async |app: &mut TestApp| {
                app.leads_may_wait = true;
                let travel = app.partner("sunny-travel").await;
                travel.record(&referral("l-1", "travel-loan", "9000.00", "harbour")).await;
                let mut olga = Browser::signed_in(app, "operator").await;
                let path = "/console/operations";
                olga.get(path).await.has(&["No message was given up.", "CRM", "Keys", "Settings in force"]);
                let dead = "UPDATE outbox SET state = 'dead', last_error = 'refused: <b>no</b>'";
                run_sql(&app.trial, dead).unwrap();
                let page = olga.get(path).await;
                page.has(&["Messages that were given up", "Lead", "refused: &#60;b&#62;no", "/console/stories/referrals/"]);
                let (_before, rest) = page.text.split_once("/console/operations/messages/").unwrap();
                let replay = format!("{path}/messages/{}", rest.split('"').next().unwrap());
                assert_eq!(olga.act(path, &replay, &[]).await.goes_to(), path);
                olga.get(path).await.has(&["No message was given up."]);
                let again = olga.act(path, &replay, &[]).await;
                assert_eq!(again.status, 409, "{}", again.text);
                // No secret stands on the page.
                let keys = std::fs::read_to_string(app.trial.folder.path().join("keys.toml"));
                if let Ok(keys) = keys {
                    let page = olga.get(path).await;
                    for secret in keys.split('"').filter(|text| text.len() > 40) {
                        page.lacks(&[secret]);
                    }
                }
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_answers_for_personal_data_reads_who_read_it() {
    Trial::with_console_on(Store::Sqlite)
        .run(async |app| {
            let shop = app.partner("green-basket").await;
            shop.record(&payment("p-1", "m-1", "100.00", "0.00")).await;
            let mut pia = Browser::signed_in(app, "privacy").await;
            pia.get("/console/readings").await.has(&["Nobody has read any."]);
            let find = "/console/find";
            let asked = [
                ("about", "person"),
                ("partner", "green-basket"),
                ("member", "m-1"),
                ("purpose", "=asks about points"),
            ];
            pia.act(find, find, &asked).await;
            let page = pia.get("/console/readings").await;
            page.has(&["=asks about points", "privacy", "Customer"]);
            let (_before, rest) = page.text.split_once("?subject=").unwrap();
            let same = format!("/console/readings?subject={}", rest.split('"').next().unwrap());
            pia.get(&same).await.has(&["=asks about points", "Take all filters off"]);
            let file = pia.get("/console/readings/file").await;
            assert!(file.text.starts_with("reading,read_at,"), "{}", file.text);
            // A spreadsheet runs nothing.
            file.has(&["'=asks about points"]);
        })
        .await;
}

on_both_stores! {
    async fn the_ledger_shows_what_accounts_hold_and_leads_to_the_stories_of_their_entries(store: Store) {
        Trial::with_console_on(store)
            .run(async |app| {
                let mut eva = Browser::signed_in(app, "reader").await;
                eva.get("/console/ledger").await.has(&["Nothing is booked yet."]);
                let shop = app.partner("green-basket").await;
                shop.record(&payment("p-1", "m-1", "100.00", "0.00")).await;
                let page = eva.get("/console/ledger").await;
                page.has(&["Accounts", "Bank"]);
                // No account of a customer.
                page.lacks(&["Customer \u{2026}"]);
                let (_before, rest) = page.text.split_once("href=\"/console/ledger/").unwrap();
                let path = format!("/console/ledger/{}", rest.split('"').next().unwrap());
                eva.get(&path).await.has(&["Payment", "/console/stories/events/"]);
                assert_eq!(eva.get("/console/ledger/points_available/bank").await.status, 404);
            })
            .await;
    }
}

on_both_stores! {
    async fn a_customer_manager_ends_a_task_with_what_became_of_it(store: Store) {
        Trial::with_console_on(store)
            .run(async |app: &mut TestApp| {
                app.leads_may_wait = true;
                let travel = app.partner("sunny-travel").await;
                travel.record(&referral("l-1", "travel-loan", "9000.00", "old-town")).await;
                let mut mei = Browser::signed_in(app, "manager").await;
                let list = "/console/tasks";
                let mut page = mei.get(list).await;
                for tries in 0.. {
                    if page.text.contains("Call about travel-loan.") {
                        break;
                    }
                    assert!(tries < 600, "{}", page.text);
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    page = mei.get(list).await;
                }
                let (_before, rest) = page.text.split_once("href=\"/console/tasks/").unwrap();
                let one = format!("{list}/{}", rest.split('"').next().unwrap());
                let page = mei.get(&one).await;
                page.has(&["Call about travel-loan.", "/console/stories/referrals/", "Customer manager"]);
                page.lacks(&["Test Person", "+86199"]);
                let done = format!("{one}/completion");
                assert_eq!(mei.act(&one, &done, &[("reason", " ")]).await.status, 422);
                assert_eq!(mei.act(&one, &done, &[("reason", "called, comes on Monday")]).await.goes_to(), one);
                mei.get(&one).await.has(&["Done", "called, comes on Monday", "manager"]);
                let late = mei.act("/console/today", &format!("{one}/cancellation"), &[("reason", "no")]).await;
                assert_eq!(late.status, 409, "{}", late.text);
            })
            .await;
    }
}
