//! A month is settled with what is owed, and with nothing else: what a partner bears is taken off, a frozen
//! partner waits, and nothing falls between two months, whatever is under way and whatever clocks say.

use reqwest::Method;
use serde_json::{Value, json};
use tallystick::database_url::Kind;

use crate::exposure::now;
use crate::harness::{
    Answer, Cluster, Partner, Store, TestApp, Trial, cloud_event, code, count, customer, member,
    payment, python, refund, run_sql, staff,
};
use crate::reconcile::close_as;
use crate::reload::edit;

fn discounted(id: &str, time: &str) -> Value {
    let mut event = payment(id, "m-1", "250.00", "30.00");
    event["data"]["scheme"] = json!("spend-200-save-30");
    event["time"] = json!(time);
    event
}

async fn propose(app: &TestApp, period: &str) -> Answer {
    let asked = json!({ "partner": "green-basket", "period": period });
    staff(app, "ann", &["reconcile"]).send("/v1/settlements", &asked).await
}

async fn close(app: &TestApp, period: &str) -> Answer {
    close_as(&staff(app, "ben", &["settle"]), app, period).await
}

async fn spend(shop: &Partner, person: &Partner, points: &str) {
    let time = "2026-10-20T10:00:00Z";
    let data = json!({ "code": code(person).await, "points": points });
    shop.record(&cloud_event("h-1", "redemption.held", time, data)).await;
    let data = json!({ "hold": "h-1" });
    shop.record(&cloud_event("h-1-done", "redemption.committed", time, data)).await;
}

on_both_stores! {
    async fn what_the_partner_bears_for_refunds_is_taken_off(app) {
        let (shop, other) = (app.partner("green-basket").await, app.partner("blue-basket").await);
        let person = customer(app, "c-1");
        let reference = member(&person, "green-basket").await;
        shop.record(&discounted("p-0", "2026-10-10T10:00:00Z")).await;
        let mut event = payment("p-1", &reference, "1000.00", "0.00");
        event["time"] = json!("2026-10-10T10:00:00Z");
        shop.record(&event).await;
        spend(&other, &person, "1000.00").await;
        let mut back = refund("r-1", "p-1", "1000.00");
        back["time"] = json!("2026-10-21T10:00:00Z");
        shop.record(&back).await;
        assert_eq!(propose(app, "2026-10").await.status, 201);
        let closed = close(app, "2026-10").await;
        assert_eq!(closed.status, 200, "{closed:?}");
        // 18.00 of subsidy, less the 10.00 that the bank pays the other shop for points of nothing.
        assert_eq!(closed.body["statement"]["payout"], "8.00", "{closed:?}");
        assert_eq!(closed.body["statement"]["sum"], "0.00");
        let pairs = staff(app, "cleo", &["read"]).get("/v1/approval-pairs").await.body;
        let expected = json!([{ "proposed_by": "ann", "approved_by": "ben", "approvals": 1, "often": false }]);
        assert_eq!(pairs["pairs"], expected);
    }
}

on_both_stores! {
    async fn a_frozen_partner_is_not_settled(app) {
        let shop = app.partner("green-basket").await;
        shop.record(&discounted("p-1", "2026-10-10T10:00:00Z")).await;
        let clerk = staff(app, "cleo", &["read", "decide"]);
        let reason = json!({ "reason": "a stolen key", "since": "2026-01-01T00:00:00Z" });
        let path = "/v1/partners/green-basket/freeze";
        assert_eq!(clerk.send(path, &reason).await.status, 200);
        assert_eq!(propose(app, "2026-10").await.told(), (409, "settlement-state"));
        let end = json!({ "reason": "a new key" });
        assert_eq!(clerk.send(&format!("{path}/end"), &end).await.status, 200);
        assert_eq!(propose(app, "2026-10").await.status, 201);
        assert_eq!(clerk.send(path, &reason).await.status, 200);
        assert_eq!(close(app, "2026-10").await.told(), (409, "settlement-state"));
        assert_eq!(clerk.send(&format!("{path}/end"), &end).await.status, 200);
        let closed = close(app, "2026-10").await;
        assert_eq!(closed.body["statement"]["payout"], "18.00", "{closed:?}");
        // What is closed is not paid either while the partner is frozen.
        let payout = "/v1/settlements/green-basket/2026-10/payout";
        let payer = staff(app, "ben", &["settle"]);
        assert_eq!(payer.get(payout).await.told().0, 200);
        assert_eq!(clerk.send(path, &reason).await.status, 200);
        assert_eq!(payer.get(payout).await.told(), (409, "settlement-state"));
    }
}

on_both_stores! {
    async fn a_proposal_does_not_get_in_behind_the_close(app) {
        let shop = app.partner("green-basket").await;
        let many: Vec<Value> =
            (0..300).map(|n| discounted(&format!("p-{n}"), "2026-10-10T10:00:00Z")).collect();
        assert_eq!(shop.post_batch(&many).await.status, 200);
        assert_eq!(propose(app, "2026-10").await.status, 201);
        let (closed, ..) = tokio::join!(
            close(app, "2026-10"),
            propose(app, "2026-10"),
            propose(app, "2026-10"),
            propose(app, "2026-10"),
        );
        assert_eq!(closed.status, 200, "{closed:?}");
        let path = "/v1/settlements/green-basket/2026-10";
        let kept = staff(app, "ann", &["reconcile"]).get(path).await.body;
        assert_eq!((&kept["state"], &kept["number"]), (&json!("closed"), &json!(1)), "{kept}");
        assert_eq!(propose(app, "2026-10").await.told(), (409, "settlement-state"));
        assert_eq!(staff(app, "ben", &["settle"]).get(&format!("{path}/payout")).await.told().0, 200);
    }
}

/// Only the close waits for a transaction that takes long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_that_waits_holds_up_nobody() {
    Trial::on(Store::Postgres)
        .run(async |app: &mut TestApp| {
            let shop = app.partner("green-basket").await;
            shop.record(&discounted("p-1", "2026-10-10T10:00:00Z")).await;
            assert_eq!(propose(app, "2026-10").await.status, 201);
            let database = app.trial.database_name().to_owned();
            let slow =
                "BEGIN; SELECT pg_advisory_xact_lock_shared(7310297); SELECT pg_sleep(4); COMMIT";
            let slow = std::thread::spawn(move || Cluster::shared().psql(&database, slow));
            let at_work =
                "SELECT COUNT(*) AS count FROM pg_locks WHERE objid = 7310297 AND granted";
            crate::harness::wait_until(1, async || count(&app.trial, at_work)).await;
            let began = std::time::Instant::now();
            let (closed, quick) = tokio::join!(close(app, "2026-10"), async {
                for number in 0..20 {
                    shop.record(&now(payment(&format!("q-{number}"), "m-1", "1.00", "0.00"))).await;
                }
                began.elapsed()
            });
            slow.join().unwrap();
            assert_eq!(closed.status, 200, "{closed:?}");
            assert!(quick < std::time::Duration::from_secs(3), "{quick:?}");
        })
        .await;
}

on_both_stores! {
    async fn of_people_who_decide_at_once_one_does(app) {
        let shop = app.partner("green-basket").await;
        shop.record(&discounted("p-1", "2026-10-10T10:00:00Z")).await;
        let proposed = propose(app, "2026-10").await;
        assert_eq!(proposed.status, 201);
        let mut racing = Vec::new();
        for number in 0..12 {
            let word = if number % 2 == 0 { "close" } else { "rejection" };
            let path = format!("/v1/settlements/green-basket/2026-10/{word}");
            let body = json!({ "sha256": proposed.body["sha256"] });
            let who = staff(app, &format!("b-{number}"), &["settle"]);
            racing.push(tokio::spawn(async move { who.send(&path, &body).await }));
        }
        let mut done = 0;
        for one in racing {
            let answer = one.await.unwrap();
            done += usize::from(answer.status == 200);
            assert!([200, 404].contains(&answer.status.as_u16()), "{answer:?}");
        }
        assert_eq!(done, 1);
        assert_eq!(close(app, "2026-13").await.status, 404);
    }
}

on_both_stores! {
    async fn a_cut_by_a_clock_ahead_stops_nobody(app) {
        let shop = app.partner("green-basket").await;
        shop.record(&discounted("p-1", "2026-10-10T10:00:00Z")).await;
        assert_eq!(propose(app, "2026-10").await.status, 201);
        // Another machine's clock is two minutes ahead, and its database took its word.
        let is_postgres = app.trial.settings.database_url.kind() == Kind::Postgres;
        let ahead = match is_postgres {
            true => "clock_timestamp() AT TIME ZONE 'UTC' + INTERVAL '120 seconds'",
            false => "strftime('%Y-%m-%d %H:%M:%f', 'now', '+120 seconds')",
        };
        let columns = "period, number, state, content, sha256, carried_minor, proposed_by";
        let insert = format!(
            "INSERT INTO settlements (partner_id, {columns}, cut_at, proposed_at) \
             SELECT 'blue-basket', {columns}, {ahead}, {ahead} FROM settlements"
        );
        let inserted = run_sql(&app.trial, &insert);
        match is_postgres {
            true => assert!(inserted.unwrap_err().contains("a time that has been")),
            false => inserted.unwrap(),
        }
        shop.record(&discounted("p-2", "2026-10-11T10:00:00Z")).await;
        shop.record(&now(payment("p-3", "m-1", "10.00", "0.00"))).await;
    }
}

on_both_stores! {
    async fn a_closed_month_is_paid_by_a_message_that_a_bank_can_read(app) {
        let shop = app.partner("green-basket").await;
        shop.record(&discounted("p-1", "2026-10-10T10:00:00Z")).await;
        let payer = staff(app, "cleo", &["settle"]);
        let path = "/v1/settlements/green-basket/2026-10/payout";
        assert_eq!(payer.get(path).await.status, 404);
        assert_eq!(propose(app, "2026-10").await.status, 201);
        assert_eq!(payer.get(path).await.told(), (409, "settlement-state"));
        assert_eq!(close(app, "2026-10").await.status, 200);
        assert_eq!(staff(app, "ann", &["reconcile"]).get(path).await.told(), (403, "role-missing"));
        let read = async || payer.request(Method::GET, path).send().await.unwrap().bytes().await.unwrap();
        let message = read().await;
        assert_eq!(message, read().await, "the same month is the same message");
        let file = app.trial.folder.path().join("payout.xml");
        std::fs::write(&file, &message).unwrap();
        let told = python("check_payout.py", &[file.to_str().unwrap()]).await;
        let day = told["day"].as_str().unwrap().to_owned();
        let id = told["message"].as_str().unwrap().to_owned();
        let expected = json!({
            "message": id, "sum": "18.00", "amount": "18.00", "currency": "CNY",
            "from": "1001000100020003001", "to": "6222021001000000001", "bank": "102100099996",
            "holder": "绿篮超市有限公司", "end_to_end": "green-basket-2026-10-1", "day": day,
        });
        assert_eq!(told, expected);
        // A month in which nothing is owed is not paid.
        assert_eq!(propose(app, "2026-11").await.told().0, 409, "the month is not over");
    }
}

on_both_stores! {
    async fn the_account_is_the_one_that_two_people_closed(app) {
        let shop = app.partner("green-basket").await;
        shop.record(&discounted("p-1", "2026-10-10T10:00:00Z")).await;
        let (account, other) = ("6222021001000000001", "6222021009999999999");
        let proposed = propose(app, "2026-10").await;
        assert_eq!(proposed.body["statement"]["payee"]["number"], account, "{proposed:?}");
        assert_eq!(proposed.body["statement"]["payer"]["number"], "1001000100020003001");
        // Another account between the two is another statement.
        edit(app, "green-basket", account, other).await;
        assert_eq!(close(app, "2026-10").await.told(), (409, "settlement-state"));
        edit(app, "green-basket", other, account).await;
        assert_eq!(close(app, "2026-10").await.status, 200);
        // Another account afterwards changes nothing about what is closed.
        let path = "/v1/settlements/green-basket/2026-10/payout";
        let read = async || {
            let message = staff(app, "cleo", &["settle"]).request(Method::GET, path);
            message.send().await.unwrap().text().await.unwrap()
        };
        let message = read().await;
        assert!(message.contains(account), "{message}");
        edit(app, "green-basket", account, other).await;
        assert_eq!(read().await, message);
    }
}

on_both_stores! {
    async fn what_has_no_account_is_carried_forward(app) {
        let manifest = app.trial.settings.partners.join("green-basket/partner.toml");
        let text = std::fs::read_to_string(manifest).unwrap();
        let account = text.lines().skip_while(|line| *line != "[account]").take(4);
        let account: String = account.map(|line| format!("{line}\n")).collect();
        edit(app, "green-basket", &account, "").await;
        let shop = app.partner("green-basket").await;
        shop.record(&discounted("p-1", "2026-10-10T10:00:00Z")).await;
        assert_eq!(propose(app, "2026-10").await.status, 201);
        let closed = close(app, "2026-10").await;
        assert_eq!(closed.body["statement"]["payout"], "0.00", "{closed:?}");
        assert_eq!(closed.body["statement"]["carried_forward"], "18.00");
        let path = "/v1/settlements/green-basket/2026-10/payout";
        assert_eq!(staff(app, "cleo", &["settle"]).get(path).await.told(), (409, "settlement-state"));
    }
}

/// A transaction has been written and waits, while its month is proposed and closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_at_the_cut_is_waited_for() {
    Trial::on(Store::Postgres)
        .run(async |app: &mut TestApp| {
            let shop = app.partner("green-basket").await;
            shop.record(&discounted("p-1", "2026-10-10T10:00:00Z")).await;
            let database = app.trial.database_name().to_owned();
            // Whoever reads the table may: this stops what adds to it.
            let stop = "BEGIN; LOCK TABLE entries IN SHARE MODE; SELECT pg_sleep(3); COMMIT";
            let stopped = std::thread::spawn(move || Cluster::shared().psql(&database, stop));
            let waits = "SELECT COUNT(*) AS count FROM pg_locks WHERE mode = 'ShareLock' \
                         AND relation = 'entries'::regclass AND granted";
            crate::harness::wait_until(1, async || count(&app.trial, waits)).await;
            let late = shop.clone();
            let event = discounted("p-2", "2026-10-11T10:00:00Z");
            let under_way = tokio::spawn(async move { late.post(&event).await });
            let blocked = "SELECT COUNT(*) AS count FROM pg_locks \
                           WHERE relation = 'entries'::regclass AND NOT granted";
            crate::harness::wait_until(1, async || count(&app.trial, blocked)).await;
            let proposed = propose(app, "2026-10").await;
            assert_eq!(proposed.status, 201);
            let closed = close(app, "2026-10").await;
            stopped.join().unwrap();
            assert_eq!(under_way.await.unwrap().status, 201);
            // It was there first, so the statement is not what it was: people look again.
            assert_eq!(closed.told(), (409, "settlement-state"), "{closed:?}");
            let path = "/v1/settlements/green-basket/2026-10/rejection";
            let shown = json!({ "sha256": proposed.body["sha256"] });
            assert_eq!(staff(app, "ben", &["settle"]).send(path, &shown).await.status, 200);
            assert_eq!(propose(app, "2026-10").await.status, 201);
            let closed = close(app, "2026-10").await;
            assert_eq!(closed.body["statement"]["payout"], "36.00", "{closed:?}");
        })
        .await;
}

async fn what_is_held_or_rejected_does_not_agree(store: Store) {
    Trial::bounded_on(store)
        .run(async |app: &mut TestApp| {
            let shop = app.partner("green-basket").await;
            for id in ["p-1", "p-2", "p-3"] {
                let gross = if id == "p-1" { "300.00" } else { "9000.00" };
                shop.record(&now(payment(id, "m-1", gross, "0.00"))).await;
            }
            let clerk = staff(app, "ann", &["read", "decide", "reconcile"]);
            let held = crate::exposure::get(&clerk, "/v1/held-events").await["held_events"].clone();
            let rejected = crate::exposure::decide(&clerk, &held[0], "rejection").await;
            assert_eq!(rejected.status, 200, "{rejected:?}");
            let period = tallystick::clock::now().day_in(chrono_tz::Asia::Shanghai);
            let period = period.format("%Y-%m").to_string();
            let at = tallystick::clock::now().to_string();
            let lines = [("p-1", "300.00"), ("p-2", "9000.00"), ("p-3", "9000.00")];
            let lines = lines.map(|(id, amount)| format!("{id},,{at},SALE,{amount},,\n")).concat();
            let file = format!(
                "event,order,occurred_at,type,amount,store,status\n{lines}TOTAL,3,,,18300.00,,\n"
            );
            let path =
                format!("/v1/reconciliation/statements?partner=green-basket&period={period}");
            let sent =
                clerk.request(Method::POST, &path).header("content-type", "text/csv").body(file);
            assert_eq!(Answer::of(sent).await.status, 201);
            let asked = json!({ "partner": "green-basket", "period": period });
            let run = clerk.send("/v1/reconciliation/runs", &asked).await;
            assert_eq!(run.status, 201, "{run:?}");
            let report = &run.body["report"];
            assert_eq!(
                (&report["matched"], &report["breaks"]),
                (&json!(1), &json!({ "STATUS_DIFF": 2 })),
                "{report}"
            );
        })
        .await;
}

on_both_stores!(what_is_held_or_rejected_does_not_agree);
