//! A partner's statement is held against our books: every line and every event ends in one place, what
//! differs is named, and two persons decide on it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Partner, TestApp, count, payment, refund, run_sql, staff};

pub const HEADER: &str = "event,order,occurred_at,type,amount,store,status\n";
pub const STATEMENTS: &str = "/v1/reconciliation/statements?partner=green-basket&period=2026-11";

/// A statement with its last line.
pub fn statement(lines: &[&str]) -> String {
    let total: i64 = lines
        .iter()
        .map(|line| line.split(',').nth(4).unwrap().replace('.', "").parse::<i64>().unwrap())
        .sum();
    let rows: String = lines.iter().map(|line| format!("{line}\n")).collect();
    format!("{HEADER}{rows}TOTAL,{},,,{}.{:02},,\n", lines.len(), total / 100, total % 100)
}

pub fn line(event: &str, order: &str, kind: &str, amount: &str) -> String {
    format!("{event},{order},2026-11-02T10:15:30Z,{kind},{amount},,")
}

pub async fn hand_in(clerk: &Partner, path: &str, file: &str) -> Answer {
    let request = clerk.request(Method::POST, path).header("content-type", "text/csv");
    Answer::of(request.body(file.to_owned())).await
}

pub async fn compare(clerk: &Partner) -> Value {
    let asked = json!({ "partner": "green-basket", "period": "2026-11" });
    let answer = clerk.send("/v1/reconciliation/runs", &asked).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body["report"].clone()
}

pub async fn breaks(clerk: &Partner, query: &str) -> Vec<Value> {
    let answer = clerk.get(&format!("/v1/breaks?limit=100&{query}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["breaks"].as_array().unwrap().clone()
}

/// The one open break of that code.
pub async fn the_break(clerk: &Partner, code: &str) -> String {
    let found = breaks(clerk, &format!("code={code}")).await;
    assert_eq!(found.len(), 1, "{code}: {found:?}");
    found[0]["id"].as_str().unwrap().to_owned()
}

pub async fn propose(clerk: &Partner, id: &str, action: &str) -> Answer {
    let body = json!({ "action": action, "reason": "Which amount was paid?" });
    clerk.send(&format!("/v1/breaks/{id}/proposals"), &body).await
}

/// Approves whichever proposal waits.
pub async fn approve(checker: &Partner, id: &str) -> Answer {
    let mut answer = approve_number(checker, id, 1).await;
    for number in 2..=5 {
        if !answer.text.contains("another proposal waits") {
            break;
        }
        answer = approve_number(checker, id, number).await;
    }
    answer
}

pub async fn approve_number(checker: &Partner, id: &str, number: u32) -> Answer {
    checker.send(&format!("/v1/breaks/{id}/approval"), &json!({ "proposal": number })).await
}

/// Closes a month with the statement that is proposed now.
pub async fn close_as(who: &Partner, app: &TestApp, period: &str) -> Answer {
    let path = format!("/v1/settlements/green-basket/{period}");
    let proposed = clerk(app).get(&path).await.body["sha256"].clone();
    let none = json!("00".repeat(32));
    let sha256 = if proposed.is_string() { proposed } else { none };
    who.send(&format!("{path}/close"), &json!({ "sha256": sha256 })).await
}

pub fn clerk(app: &TestApp) -> Partner {
    staff(app, "ann", &["reconcile"])
}

pub fn checker(app: &TestApp) -> Partner {
    staff(app, "ben", &["settle"])
}

/// A month with one payment of which the partner says another amount.
pub async fn one_difference(app: &TestApp) -> String {
    let shop = app.partner("green-basket").await;
    shop.record(&payment("p-1", "m-1", "100.00", "0.00")).await;
    let clerk = clerk(app);
    let file = statement(&[&line("p-1", "", "SALE", "100.50")]);
    assert_eq!(hand_in(&clerk, STATEMENTS, &file).await.status, 201);
    compare(&clerk).await;
    the_break(&clerk, "AMOUNT_DIFF").await
}

/// A break about which the partner has been asked.
pub async fn asked_break(app: &TestApp) -> String {
    let clerk = clerk(app);
    let file = statement(&[&line("never-sent", "", "SALE", "7.00")]);
    assert_eq!(hand_in(&clerk, STATEMENTS, &file).await.status, 201);
    compare(&clerk).await;
    let id = the_break(&clerk, "MISSING_IN_GATEWAY").await;
    assert_eq!(propose(&clerk, &id, "ask_partner").await.status, 201);
    assert_eq!(approve(&checker(app), &id).await.status, 200);
    id
}

on_both_stores! {
    async fn what_agrees_matches_and_what_differs_is_named(app) {
        let shop = app.partner("green-basket").await;
        for (id, amount) in
            [("p-1", "100.00"), ("p-2", "50.00"), ("p-3", "30.00"), ("p-4", "20.00"), ("p-5", "9.00")]
        {
            shop.record(&payment(id, "m-1", amount, "0.00")).await;
        }
        shop.record(&refund("r-1", "p-1", "10.00")).await;
        shop.record(&refund("r-2", "p-2", "5.00")).await;
        let clerk = clerk(app);
        let file = statement(&[
            &line("p-1", "order-p-1", "SALE", "100.00"),
            &line("p-1", "order-p-1", "SALE", "100.00"),
            &line("", "order-p-2", "SALE", "50.00"),
            &line("p-3", "", "SALE", "30.01"),
            &line("gone", "order-gone", "SALE", "77.00"),
            // Direction by type: the partner writes refunds below zero.
            &line("r-1", "", "REFUND", "-10.00"),
            "void,order-p-5,2026-11-02T10:15:30Z,SALE,9.00,,CLOSED",
            "fee,,2026-11-02T10:15:30Z,FEE,1.00,,",
        ]);
        let kept = hand_in(&clerk, STATEMENTS, &file).await;
        assert_eq!((kept.status.as_u16(), &kept.body["lines"]), (201, &json!(7)), "{kept:?}");
        let report = compare(&clerk).await;
        assert_eq!(report["matched"], 3, "{report}");
        let codes = json!({
            "AMOUNT_DIFF": 1, "DUPLICATE": 1, "MISSING_AT_PARTNER": 1, "MISSING_IN_GATEWAY": 1,
            "STATUS_DIFF": 2,
        });
        assert_eq!(report["breaks"], codes, "{report}");
        let sums = |side: &str, part: &str| report[side][part].clone();
        let payments = |rows: u64, sum: &str| {
            json!({ "kind": "payment", "currency": "CNY", "rows": rows, "sum": sum })
        };
        assert_eq!(sums("theirs", "all")[0], payments(6, "366.01"));
        assert_eq!(sums("theirs", "matched")[0], payments(2, "150.00"));
        assert_eq!(sums("theirs", "in_breaks")[0], payments(4, "216.01"));
        assert_eq!(sums("ours", "all")[0], payments(5, "209.00"));
        assert_eq!(sums("ours", "matched")[0], payments(2, "150.00"));
        assert_eq!(sums("ours", "in_breaks")[0], payments(3, "59.00"));

        let id = the_break(&clerk, "AMOUNT_DIFF").await;
        let found = clerk.get(&format!("/v1/breaks/{id}")).await.body;
        assert_eq!(found["says"], "The partner's statement says 30.01 CNY, our books say 30.00 CNY.");
        assert_eq!(found["says_zh"], "金额不符：合作方为30.01 CNY，我方为30.00 CNY。");
        assert_eq!((&found["their_rows"][0]["line"], &found["their_rows"][0]["event"]), (&json!(5), &json!("p-3")));
        assert_eq!(found["our_rows"][0]["order"], "order-p-3");
        let id = the_break(&clerk, "DUPLICATE").await;
        let found = clerk.get(&format!("/v1/breaks/{id}")).await.body;
        assert_eq!((&found["their_rows"][0]["line"], &found["twin"]["line"]), (&json!(3), &json!(2)));
        // A refund of which the partner says nothing, of a payment that both know.
        let status = breaks(&clerk, "code=STATUS_DIFF&partner=green-basket&period=2026-11").await;
        let mut kinds: Vec<&str> = status.iter().map(|it| it["kind"].as_str().unwrap()).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, ["payment", "refund"]);
    }
}

on_both_stores! {
    async fn the_same_file_is_the_same_statement_and_a_newer_one_stands_beside_it(app) {
        let id = one_difference(app).await;
        let clerk = clerk(app);
        clerk.send(&format!("/v1/breaks/{id}/notes"), &json!({ "says": "Seen." })).await;
        let old = statement(&[&line("p-1", "", "SALE", "100.50")]);
        let again = hand_in(&clerk, STATEMENTS, &old).await;
        assert_eq!((again.status.as_u16(), &again.body["version"]), (200, &json!(1)), "{again:?}");
        // Another line before it, and the break is found again where it stands now.
        let newer = statement(&[&line("x", "o-x", "SALE", "1.00"), &line("p-1", "", "SALE", "100.50")]);
        let kept = hand_in(&clerk, STATEMENTS, &newer).await;
        assert_eq!((kept.status.as_u16(), &kept.body["version"]), (201, &json!(2)), "{kept:?}");
        let report = compare(&clerk).await;
        assert_eq!((&report["breaks_new"], &report["breaks_cleared"]), (&json!(1), &json!(0)), "{report}");
        let found = clerk.get(&format!("/v1/breaks/{id}")).await.body;
        assert_eq!((&found["their_rows"][0]["line"], &found["notes"][0]["says"]), (&json!(3), &json!("Seen.")));
        // A version that agrees clears it.
        let right = statement(&[&line("p-1", "", "SALE", "100.00")]);
        hand_in(&clerk, STATEMENTS, &right).await;
        let report = compare(&clerk).await;
        assert_eq!((&report["matched"], &report["breaks_cleared"]), (&json!(1), &json!(2)), "{report}");
        assert_eq!(clerk.get(&format!("/v1/breaks/{id}")).await.body["state"], "cleared");
        assert_eq!(breaks(&clerk, "state=open").await.len(), 0);
        // Comparing once more changes nothing.
        let report = compare(&clerk).await;
        assert_eq!((&report["breaks_new"], &report["breaks_cleared"]), (&json!(0), &json!(0)), "{report}");
        assert_eq!(count(&app.trial, "SELECT count(*) AS count FROM matches"), 1);
        // The old difference comes back, and so does its break.
        hand_in(&clerk, STATEMENTS, &statement(&[&line("p-1", "", "SALE", "100.50"), &line("p-9", "", "SALE", "1.00")])).await;
        compare(&clerk).await;
        assert_eq!(clerk.get(&format!("/v1/breaks/{id}")).await.body["state"], "open");
        let live = "SELECT count(*) AS count FROM matches WHERE ended_by IS NULL";
        assert_eq!(count(&app.trial, live), 0);
        let listed = clerk.get("/v1/reconciliation/statements?partner=green-basket").await.body;
        let versions: Vec<i64> = listed["statements"].as_array().unwrap().iter().map(|it| it["version"].as_i64().unwrap()).collect();
        assert_eq!(versions, [4, 3, 2, 1]);
    }
}

on_both_stores! {
    async fn a_file_that_does_not_keep_to_its_controls_is_refused_whole(app) {
        let clerk = clerk(app);
        let good = line("p-1", "", "SALE", "100.00");
        let cases = [
            (statement(&[&good]).replace("TOTAL,1", "TOTAL,2"), "/lines/3", "says another number of lines"),
            (statement(&[&good]).replace("TOTAL,1,,,100.00", "TOTAL,1,,,99.00"), "/lines/3", "lines come to 100.00"),
            (format!("{HEADER}{good}\n"), "/lines/2", "may be cut off"),
            (statement(&[&good, &line("p-2", "", "GIFT", "1.00")]), "/lines/3", "expected one of"),
            (statement(&[&line("", "", "SALE", "1.00")]), "/lines/2", "no key"),
        ];
        for (file, pointer, words) in cases {
            let refused = hand_in(&clerk, STATEMENTS, &file).await;
            assert_eq!(refused.told(), (422, "statement-refused"), "{refused:?}");
            let problem = &refused.body["problems"][0];
            assert_eq!(problem["pointer"], pointer, "{problem}");
            assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
        }
        let refused = hand_in(&clerk, STATEMENTS, "a,b\n1,2\n").await;
        assert_eq!(refused.told(), (422, "statement-refused"), "{refused:?}");
        let listed = clerk.get("/v1/reconciliation/statements?partner=green-basket").await.body;
        assert_eq!(listed["statements"], json!([]));
        // Nothing to compare, and a partner whose manifest maps no statement.
        let asked = json!({ "partner": "green-basket", "period": "2026-11" });
        let none = clerk.send("/v1/reconciliation/runs", &asked).await;
        assert_eq!(none.told(), (422, "no-statement"), "{none:?}");
        let path = STATEMENTS.replace("green-basket", "sunny-travel");
        let unmapped = hand_in(&clerk, &path, &statement(&[&good])).await;
        assert_eq!(unmapped.told(), (422, "statement-refused"), "{unmapped:?}");
        let other = clerk.request(Method::POST, STATEMENTS).header("content-type", "text/html");
        assert_eq!(Answer::of(other.body("x")).await.status, 415);
    }
}

on_both_stores! {
    async fn a_month_may_come_in_parts(app) {
        let shop = app.partner("green-basket").await;
        shop.record(&payment("p-1", "m-1", "10.00", "0.00")).await;
        shop.record(&payment("p-2", "m-1", "20.00", "0.00")).await;
        let clerk = clerk(app);
        for (part, id, amount) in [(1, "p-1", "10.00"), (3, "p-2", "20.00")] {
            let path = format!("{STATEMENTS}&part={part}");
            let kept = hand_in(&clerk, &path, &statement(&[&line(id, "", "SALE", amount)])).await;
            assert_eq!(kept.status, 201, "{kept:?}");
        }
        let report = compare(&clerk).await;
        assert_eq!((&report["matched"], &report["parts_missing"]), (&json!(2), &json!([2])), "{report}");
        let empty = hand_in(&clerk, &format!("{STATEMENTS}&part=2"), &statement(&[])).await;
        assert_eq!(empty.status, 201, "{empty:?}");
        assert_eq!(compare(&clerk).await["parts_missing"], json!([]));
    }
}

on_both_stores! {
    async fn nobody_decides_on_a_break_alone(app) {
        let id = one_difference(app).await;
        let both = staff(app, "ann", &["reconcile", "settle"]);
        let proposed = propose(&both, &id, "write_off").await;
        assert_eq!((proposed.status.as_u16(), &proposed.body["state"]), (201, &json!("proposed")));
        assert_eq!(propose(&both, &id, "accept").await.told(), (409, "break-state"));
        assert_eq!(approve(&both, &id).await.told(), (403, "four-eyes"));
        // The database refuses it too, and a break that nobody approved.
        let own = "UPDATE break_proposals SET state = 'approved', decided_by = 'ann', \
                   decided_at = proposed_at";
        run_sql(&app.trial, own).unwrap_err();
        let alone = "UPDATE breaks SET state = 'written_off', closed_at = opened_at";
        let refused = run_sql(&app.trial, alone).unwrap_err();
        assert!(refused.contains("another person approved"), "{refused}");
        let done = approve(&checker(app), &id).await;
        assert_eq!((done.status.as_u16(), &done.body["state"]), (200, &json!("written_off")), "{done:?}");
        assert_eq!(done.body["proposals"][0]["decided_by"], "ben");
        assert_eq!(propose(&both, &id, "accept").await.told(), (409, "break-state"));
        assert_eq!(approve(&checker(app), &id).await.told(), (409, "break-state"));
        // What people decided stays, whatever is found again.
        let report = compare(&both).await;
        assert_eq!(report["breaks"], json!({ "AMOUNT_DIFF": 1 }));
        assert_eq!(clerk(app).get(&format!("/v1/breaks/{id}")).await.body["state"], "written_off");
        let refused = run_sql(&app.trial, "UPDATE breaks SET state = 'open', closed_at = NULL");
        assert!(refused.unwrap_err().contains("what was decided"));
        for table in ["breaks", "break_proposals", "statements", "statement_lines"] {
            run_sql(&app.trial, &format!("DELETE FROM {table}")).unwrap_err();
        }
    }
}

on_both_stores! {
    async fn more_than_the_agreed_amount_is_not_written_off(app) {
        let clerk = clerk(app);
        let file = statement(&[&line("gone", "", "SALE", "1.01")]);
        hand_in(&clerk, STATEMENTS, &file).await;
        compare(&clerk).await;
        let id = the_break(&clerk, "MISSING_IN_GATEWAY").await;
        assert_eq!(propose(&clerk, &id, "write_off").await.told(), (422, "write-off-exceeds"));
        assert_eq!(propose(&clerk, &id, "accept").await.status, 201);
        let path = format!("/v1/breaks/{id}/rejection");
        let back = checker(app).send(&path, &json!({ "proposal": 1, "reason": "Ask them first." })).await;
        assert_eq!((back.status.as_u16(), &back.body["state"]), (200, &json!("open")), "{back:?}");
        assert_eq!(back.body["proposals"][0]["decided_because"], "Ask them first.");
        assert_eq!(propose(&clerk, &id, "accept").await.status, 201);
    }
}

on_both_stores! {
    async fn the_partner_answers_in_the_same_thread(app) {
        let id = asked_break(app).await;
        let clerk = clerk(app);
        clerk.send(&format!("/v1/breaks/{id}/notes"), &json!({ "says": "They are slow." })).await;
        let shop = app.partner("green-basket").await;
        let listed = shop.get("/v1/settlement-breaks").await;
        assert_eq!(listed.body["breaks"][0]["id"], json!(id), "{listed:?}");
        let path = format!("/v1/settlement-breaks/{id}");
        let seen = shop.get(&path).await.body;
        // The question is there; what staff say among themselves, and who they are, is not.
        let told: Vec<&str> = seen["notes"].as_array().unwrap().iter().map(|it| it["says"].as_str().unwrap()).collect();
        assert_eq!(told, ["Which amount was paid?"], "{seen}");
        assert!(!seen.to_string().contains("ann"), "{seen}");
        let other = app.partner("blue-basket").await;
        assert_eq!(other.get(&path).await.status, 404);
        assert_eq!(other.get("/v1/settlement-breaks").await.body["breaks"], json!([]));
        let answers = format!("{path}/answers");
        let says = json!({ "says": "It was sent to your other gateway." });
        assert_eq!(other.send(&answers, &says).await.status, 404);
        let done = shop.send(&answers, &says).await;
        assert_eq!((done.status.as_u16(), &done.body["state"]), (201, &json!("open")), "{done:?}");
        assert_eq!(shop.send(&answers, &says).await.told(), (409, "break-state"));
        let thread = clerk.get(&format!("/v1/breaks/{id}")).await.body["notes"].clone();
        let who: Vec<&str> = thread.as_array().unwrap().iter().map(|it| it["by"].as_str().unwrap()).collect();
        assert_eq!(who, ["staff", "staff", "partner"], "{thread}");
        assert_eq!(thread[2]["name"], "green-basket");
    }
}

on_both_stores! {
    async fn the_database_keeps_a_line_and_an_event_in_one_live_match(app) {
        let shop = app.partner("green-basket").await;
        shop.record(&payment("p-1", "m-1", "10.00", "0.00")).await;
        let clerk = clerk(app);
        let file = statement(&[&line("p-1", "", "SALE", "10.00"), &line("q", "o", "SALE", "3.00")]);
        hand_in(&clerk, STATEMENTS, &file).await;
        assert_eq!(compare(&clerk).await["matched"], 1);
        let again = "INSERT INTO matches SELECT statement_id, line, 99, partner_id, period, NULL, rule, \
                     rule_version, NULL FROM matches";
        run_sql(&app.trial, again).unwrap_err();
        let other = "INSERT INTO matches SELECT statement_id, 3, 99, partner_id, period, event_key, rule, \
                     rule_version, NULL FROM matches";
        run_sql(&app.trial, other).unwrap_err();
        let moved = run_sql(&app.trial, "UPDATE matches SET event_key = NULL").unwrap_err();
        assert!(moved.contains("ended once"), "{moved}");
        let late = "INSERT INTO statement_lines SELECT statement_id, 99, content, kind, event_id, \
                    order_number, currency, minor, occurred_at, store, is_void FROM statement_lines \
                    WHERE line = 2";
        let refused = run_sql(&app.trial, late).unwrap_err();
        assert!(refused.contains("takes no more lines"), "{refused}");
    }
}

on_both_stores! {
    async fn a_list_of_breaks_comes_in_pages(app) {
        let clerk = clerk(app);
        let lines: Vec<String> =
            (0..25).map(|n| line(&format!("x-{n}"), "", "SALE", &format!("{n}.10"))).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        hand_in(&clerk, STATEMENTS, &statement(&lines)).await;
        compare(&clerk).await;
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = clerk.get(&format!("/v1/breaks?partner=green-basket&limit=10{cursor}")).await.body;
            for found in page["breaks"].as_array().unwrap() {
                seen.push(found["id"].as_str().unwrap().to_owned());
            }
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 25);
        let refused = clerk.get("/v1/breaks?period=2026-11").await;
        assert_eq!(refused.told(), (400, "parameter"));
        assert_eq!(clerk.get("/v1/breaks?code=ODD").await.told(), (400, "parameter"));
    }
}

/// A payment of a day, with a discount of which the bank bears 0.60.
pub fn discounted(id: &str, time: &str) -> Value {
    let mut event = payment(id, "m-1", "200.00", "30.00");
    event["time"] = json!(time);
    event["data"]["scheme"] = json!("spend-200-save-30");
    event
}

async fn close(app: &TestApp, period: &str) -> Value {
    let asked = json!({ "partner": "green-basket", "period": period });
    let proposed = clerk(app).send("/v1/settlements", &asked).await;
    assert_eq!(proposed.status, 201, "{proposed:?}");
    let alone = staff(app, "ann", &["settle"]);
    assert_eq!(close_as(&alone, app, period).await.told(), (403, "four-eyes"));
    let closed = close_as(&checker(app), app, period).await;
    assert_eq!(closed.status, 200, "{closed:?}");
    closed.body
}

/// The movements of a statement: account, lateness, amount.
fn movements(settlement: &Value) -> Vec<(String, bool, String)> {
    let lines = settlement["statement"]["lines"].as_array().unwrap().iter();
    let moved = lines.filter(|line| line["line"] == "movement");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    moved
        .map(|it| (text(&it["account"]), it["late"].as_bool().unwrap(), text(&it["amount"])))
        .collect()
}

on_both_stores! {
    async fn a_closed_month_stays_and_what_comes_late_falls_into_the_next(app) {
        let shop = app.partner("green-basket").await;
        shop.record(&discounted("p-1", "2026-08-30T10:00:00Z")).await;
        let first = close(app, "2026-08").await;
        assert_eq!((&first["state"], &first["statement"]["sum"]), (&json!("closed"), &json!("0.00")), "{first}");
        assert_eq!(movements(&first), [("subsidy_payable".to_owned(), false, "18.00".to_owned())]);
        assert_eq!(first["statement"]["payout"], "18.00");
        // One of August, after its close; and one of September.
        shop.record(&discounted("p-2", "2026-08-31T10:00:00Z")).await;
        shop.record(&discounted("p-3", "2026-09-01T10:00:00Z")).await;
        let kept = clerk(app).get("/v1/settlements/green-basket/2026-08").await.body;
        assert_eq!(kept["statement"], first["statement"]);
        let second = close(app, "2026-09").await;
        let expected = [false, true].map(|late| ("subsidy_payable".to_owned(), late, "18.00".to_owned()));
        assert_eq!(movements(&second), expected, "{second}");
        assert_eq!(second["statement"]["sum"], "0.00");
        // A month is closed once, and one after the other.
        for period in ["2026-08", "2026-09", "2030-01"] {
            let asked = json!({ "partner": "green-basket", "period": period });
            let refused = clerk(app).send("/v1/settlements", &asked).await;
            assert_eq!(refused.told(), (409, "settlement-state"), "{period}");
        }
        // The database refuses what would change a closed month, on every path.
        let back = "INSERT INTO transactions SELECT e.id, t.kind, 0, t.receipt, t.effective_at, \
                    t.effective_at FROM events e JOIN transactions t ON t.id = e.transaction_id";
        let refused = run_sql(&app.trial, back).unwrap_err();
        assert!(refused.contains("closed month"), "{refused}");
        run_sql(&app.trial, "UPDATE settlements SET content = '{}'").unwrap_err();
        run_sql(&app.trial, "DELETE FROM settlements").unwrap_err();
    }
}

on_both_stores! {
    async fn an_adjustment_is_posted_when_another_person_approves_it(app) {
        let id = one_difference(app).await;
        let clerk = clerk(app);
        let path = format!("/v1/breaks/{id}/proposals");
        let body = |amount: Value| json!({ "action": "adjust", "reason": "They were right.", "amount": amount });
        for amount in [Value::Null, json!("0.00"), json!("0.001")] {
            assert_eq!(clerk.send(&path, &body(amount)).await.status, 422);
        }
        let far = clerk.send(&path, &body(json!("100000.00"))).await;
        assert_eq!(far.told(), (422, "adjustment-exceeds"));
        assert_eq!(clerk.send(&path, &body(json!("0.50"))).await.status, 201);
        let done = approve(&checker(app), &id).await;
        assert_eq!((done.status.as_u16(), &done.body["state"]), (200, &json!("adjusted")), "{done:?}");
        let owed = "SELECT balance AS count FROM accounts WHERE code = 'settlement_payable'";
        assert_eq!(count(&app.trial, owed), 50);
        // A transaction without a proposal is found.
        let forged = done.body["proposals"][0]["transaction"].as_str().unwrap().len();
        assert_eq!(forged, 36);
    }
}
