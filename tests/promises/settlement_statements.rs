//! The statement of a closed month is the partner's: each line adds up from its entries, each event knows
//! its statement, and the partner says whether it agrees, which changes nothing in the month.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Partner, TestApp, Trial, payment, refund, run_sql, staff, wait_until};
use crate::reconcile::close_as;

const READY: [&str; 1] = ["settlement.ready"];

fn discounted(id: &str, time: &str) -> Value {
    let mut event = payment(id, "m-1", "250.00", "30.00");
    event["data"]["scheme"] = json!("spend-200-save-30");
    event["time"] = json!(time);
    event
}

/// Proposes and closes a month of the supermarket.
pub async fn close_month(app: &TestApp, period: &str) {
    let asked = json!({ "partner": "green-basket", "period": period });
    let proposed = staff(app, "ann", &["reconcile"]).send("/v1/settlements", &asked).await;
    assert_eq!(proposed.status, 201, "{proposed:?}");
    let closed = close_as(&staff(app, "ben", &["settle"]), app, period).await;
    assert_eq!(closed.status, 200, "{closed:?}");
}

/// A month with payments, a refund of one, and an event of the month before that came late.
pub async fn busy_month(app: &TestApp) -> Partner {
    let shop = app.partner("green-basket").await;
    for number in 0..7 {
        shop.record(&discounted(&format!("p-{number}"), "2026-10-10T10:00:00Z")).await;
    }
    shop.record(&discounted("late-1", "2026-09-29T10:00:00Z")).await;
    let mut back = refund("r-1", "p-0", "220.00");
    back["time"] = json!("2026-10-12T10:00:00Z");
    shop.record(&back).await;
    shop
}

/// All entries that a list gives, page by page.
async fn all_entries(caller: &Partner, path: &str, line: Option<usize>) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut asked = format!("{path}/entries?limit=2");
        if let Some(line) = line {
            asked.push_str(&format!("&line={line}"));
        }
        if let Some(cursor) = &cursor {
            asked.push_str(&format!("&cursor={cursor}"));
        }
        let page = caller.get(&asked).await;
        assert_eq!(page.status, 200, "{asked}: {page:?}");
        all.extend(page.body["entries"].as_array().unwrap().iter().cloned());
        match page.body["next"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return all,
        }
    }
}

fn minor(amount: &Value) -> i64 {
    amount.as_str().unwrap().replace('.', "").parse().unwrap()
}

on_both_stores! {
    async fn every_line_is_the_sum_of_its_entries_and_every_event_knows_its_statement(app) {
        let shop = busy_month(app).await;
        close_month(app, "2026-10").await;
        // What comes after the cut is of the next month, whatever its day.
        shop.record(&discounted("after-1", "2026-10-20T10:00:00Z")).await;
        let clerk = staff(app, "ann", &["reconcile"]);
        let path = "/v1/settlements/green-basket/2026-10";
        let lines = clerk.get(path).await.body["statement"]["lines"].clone();
        let lines = lines.as_array().unwrap();
        let mut seen = BTreeMap::new();
        for (place, line) in lines.iter().enumerate() {
            let entries = all_entries(&clerk, path, Some(place + 1)).await;
            assert_eq!(line["entries"], json!(entries.len()), "{line}");
            if line["line"] == "movement" {
                let sum: i64 = entries.iter().map(|it| minor(&it["amount"])).sum();
                assert_eq!(sum, minor(&line["amount"]), "{line}: {entries:?}");
            }
            for entry in entries {
                assert_eq!((&entry["late"], &entry["kind"]), (&line["late"], &line["kind"]));
                seen.insert((entry["receipt"].to_string(), entry["seq"].to_string()), entry);
            }
        }
        let whole = all_entries(&clerk, path, None).await;
        assert_eq!(whole.len(), seen.len());
        assert!(whole.len() >= 9, "{whole:?}");
        let own = all_entries(&shop, "/v1/settlement-statements/2026-10", None).await;
        assert_eq!(whole, own, "the partner reads the same");
        let events: Vec<&str> = whole.iter().filter_map(|it| it["event"].as_str()).collect();
        assert!(events.contains(&"p-3") && events.contains(&"r-1") && !events.contains(&"after-1"));

        let traced = shop.get("/v1/events/late-1/settlement").await.body;
        let expected = json!({ "entries": [{
            "partner": "green-basket", "account": "subsidy_payable", "amount": "18.00",
            "statement_no": "green-basket-2026-10-1", "period": "2026-10", "late": true,
        }] });
        assert_eq!(traced, expected);
        let after = shop.get("/v1/events/after-1/settlement").await.body;
        assert_eq!(after["entries"][0].get("statement_no"), None, "{after}");
        let receipt = shop.get("/v1/events/p-3").await.body["receipt"].clone();
        let receipt = format!("/v1/transactions/{}/settlement", receipt.as_str().unwrap());
        let by_staff = clerk.get(&receipt).await.body;
        assert_eq!(by_staff["entries"][0]["statement_no"], "green-basket-2026-10-1");
        assert_eq!(by_staff["entries"][0]["late"], false);
        let none = clerk.get(&format!("{path}/entries?line=99")).await;
        assert_eq!(none.told(), (422, "invalid"));
        let other = app.partner("blue-basket").await;
        assert_eq!(other.get("/v1/events/p-3/settlement").await.told(), (404, "not-found"));
        assert_eq!(other.get("/v1/settlement-statements/2026-10").await.told(), (404, "not-found"));
    }
}

on_both_stores! {
    async fn a_partner_accepts_or_disputes_and_the_month_stays(store: Store) {
        let mut trial = Trial::on(store);
        trial.settings.webhooks.allow_http = true;
        trial.settings.webhooks.allow_private_addresses = true;
        trial.run(async |app: &mut TestApp| {
            app.leads_may_wait = true; // nobody listens at the webhook
            let shop = busy_month(app).await;
            let hook = json!({ "url": "http://127.0.0.1:9/hook", "events": READY });
            assert_eq!(shop.send("/v1/webhook-endpoints", &hook).await.status, 201);
            let asked = json!({ "partner": "green-basket", "period": "2026-10" });
            let clerk = staff(app, "ann", &["reconcile"]);
            assert_eq!(clerk.send("/v1/settlements", &asked).await.status, 201);
            let path = "/v1/settlement-statements/2026-10";
            assert_eq!(shop.get(path).await.told(), (404, "not-found"), "it is proposed only");
            let insert = "INSERT INTO settlement_answers (partner_id, period, settlement, number, answer, \
                          answered_at) VALUES ('green-basket', '2026-10', 1, 1, 'accepted', \
                          '2026-11-02 10:00:00')";
            let refused = run_sql(&app.trial, insert).unwrap_err();
            assert!(refused.contains("only the statement of a closed month"), "{refused}");
            let closed = close_as(&staff(app, "ben", &["settle"]), app, "2026-10").await;
            assert_eq!(closed.status, 200, "{closed:?}");
            wait_until(json!(READY), async || {
                let sent = shop.get("/v1/webhook-deliveries").await.body["webhook_deliveries"].clone();
                let sent = sent.as_array().unwrap().iter();
                json!(sent.map(|it| it["type"].clone()).collect::<Vec<_>>())
            })
            .await;

            answer(app, &shop).await;
        })
        .await;
    }
}

/// The partner reads the closed month, disputes a line, and accepts it.
async fn answer(app: &TestApp, shop: &Partner) {
    let path = "/v1/settlement-statements/2026-10";
    let clerk = staff(app, "ann", &["reconcile"]);
    let read = shop.get(path).await;
    assert_eq!(read.status, 200, "{read:?}");
    let text = read.body.to_string();
    for name in ["ann", "ben"] {
        assert!(!text.contains(&format!("\"{name}\"")), "{text}");
    }
    let statement = read.body["statement"].clone();
    let list = shop.get("/v1/settlement-statements").await.body;
    assert_eq!(list["statements"][0]["sha256"], read.body["sha256"]);
    assert_eq!(list["statements"][0].get("answer"), None);

    let answers = format!("{path}/answers");
    let dispute = json!({ "answer": "disputed", "line": 2, "reason": "two more by our till" });
    for (wrong, at) in [
        (json!({ "answer": "maybe" }), "/answer"),
        (json!({ "answer": "disputed", "line": 2 }), "/reason"),
        (json!({ "answer": "accepted", "line": 2 }), "/line"),
        (json!({ "answer": "disputed", "line": 99, "reason": "x" }), "/line"),
    ] {
        let answer = shop.send(&answers, &wrong).await;
        assert_eq!(answer.told(), (422, "invalid"), "{wrong}");
        assert_eq!(answer.body["problems"][0]["pointer"], at, "{answer:?}");
    }
    let kept = shop.send(&answers, &dispute).await;
    assert_eq!(kept.status, 201, "{kept:?}");
    assert_eq!(kept.body["statement"], statement, "a dispute changes nothing");
    let told = clerk.get("/v1/settlements/green-basket/2026-10/answers").await.body;
    assert_eq!(told["answers"][0]["reason"], "two more by our till");
    assert_eq!(told["answers"][0]["line"], 2);
    let accept = json!({ "answer": "accepted" });
    let (one, two) = tokio::join!(shop.send(&answers, &accept), shop.send(&answers, &accept));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "it is accepted once: {one:?} {two:?}");
    assert_eq!(shop.send(&answers, &dispute).await.told(), (409, "settlement-state"));
    let list = shop.get("/v1/settlement-statements").await.body;
    assert_eq!(list["statements"][0]["answer"], "accepted");
    for sql in [
        "UPDATE settlement_answers SET reason = 'none' WHERE line = 2",
        "DELETE FROM settlement_answers",
    ] {
        let refused = run_sql(&app.trial, sql).unwrap_err();
        assert!(refused.contains("append-only"), "{refused}");
    }
}
