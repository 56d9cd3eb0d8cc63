//! What is expected of a month is read from what stands and from the day: a file that comes late confirms
//! by itself.

use reqwest::Method;
use serde_json::{Value, json};

use crate::bank_answers::{PAID, ordered, statement};
use crate::harness::{Answer, Partner, TestApp, payment, staff};

fn clerk(app: &TestApp) -> Partner {
    staff(app, "ann", &["reconcile", "settle"])
}

async fn month(app: &TestApp, period: &str) -> Value {
    let page = clerk(app).get("/v1/reconciliation/expectations?partner=green-basket&limit=6").await;
    assert_eq!(page.status, 200, "{page:?}");
    let months = page.body["months"].as_array().unwrap();
    months.iter().find(|it| it["period"] == period).unwrap().clone()
}

async fn send(app: &TestApp, path: &str, kind: &str, body: String) {
    let request = clerk(app).request(Method::POST, path).header("content-type", kind).body(body);
    let answer = Answer::of(request).await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

on_both_stores! {
    async fn a_payout_is_missing_by_the_day_and_met_by_the_bank(app) {
        ordered(app).await;
        let before = month(app, "2026-09").await;
        // The month was closed today.
        assert_eq!((&before["payout"]["state"], &before["payout"]["payout"]), (&json!("waits"), &json!("ordered")));
        assert_eq!(before["payout"]["amount"], "18.00");
        let today: String = tallystick::clock::now().to_string().chars().take(10).collect();
        assert!(before["payout"]["due_on"].as_str().unwrap() > today.as_str());
        let paid = statement("B-1", &[PAID]);
        send(app, "/v1/reconciliation/bank-statements", "application/xml", paid).await;
        assert_eq!(month(app, "2026-09").await["payout"]["state"], "met");
        // Nothing is expected of a month that is not closed but its statement.
        assert_eq!(month(app, "2026-08").await.get("payout"), None);
    }
}

on_both_stores! {
    async fn an_event_without_a_line_is_missing_until_its_line_comes(app) {
        let shop = app.partner("green-basket").await;
        for id in ["p-1", "p-2", "p-3"] {
            let mut event = payment(id, "m-1", "100.00", "0.00");
            event["time"] = json!("2026-09-10T10:00:00Z");
            shop.record(&event).await;
        }
        let path = "/v1/reconciliation/expectations/green-basket/2026-09";
        let missing = async || {
            let page = clerk(app).get(&format!("{path}?state=missing")).await;
            assert_eq!(page.status, 200, "{page:?}");
            page.body["events"].as_array().unwrap().len()
        };
        assert_eq!((month(app, "2026-09").await["statement"]["state"].clone(), missing().await), (json!("missing"), 3));
        let due = month(app, "2026-09").await["statement"]["due_on"].clone();
        assert_eq!(due, "2026-10-07", "five working days after Wednesday, the 30th");
        // Page by page, each once.
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = clerk(app).get(&format!("{path}?limit=2{cursor}")).await.body;
            let events = page["events"].as_array().unwrap();
            seen.extend(events.iter().map(|it| it["event"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        seen.sort_unstable();
        assert_eq!(seen, ["p-1", "p-2", "p-3"]);
        let file = "event,order,occurred_at,type,amount,store,status\n\
                    p-1,,2026-09-10T10:00:00Z,SALE,100.00,,\n\
                    p-2,,2026-09-10T10:00:00Z,SALE,100.00,,\n\
                    TOTAL,2,,,200.00,,\n";
        let to = "/v1/reconciliation/statements?partner=green-basket&period=2026-09";
        send(app, to, "text/csv", file.to_owned()).await;
        assert_eq!(month(app, "2026-09").await["statement"]["state"], "met");
        let asked = json!({ "partner": "green-basket", "period": "2026-09" });
        let run = clerk(app).send("/v1/reconciliation/runs", &asked).await;
        assert_eq!(run.status, 201, "{run:?}");
        assert_eq!(missing().await, 1);
        let met = clerk(app).get(&format!("{path}?state=met")).await.body;
        assert_eq!(met["events"][0]["matched_in"], "2026-09", "{met}");
        assert_eq!(clerk(app).get(&format!("{path}?state=lost")).await.status, 400);
    }
}

on_both_stores! {
    async fn the_report_has_what_agrees_what_is_open_and_how_long_it_takes(app) {
        let shop = app.partner("green-basket").await;
        for id in ["p-1", "p-2", "p-3"] {
            let mut event = payment(id, "m-1", "100.00", "0.00");
            event["time"] = json!("2026-09-10T10:00:00Z");
            shop.record(&event).await;
        }
        let file = "event,order,occurred_at,type,amount,store,status\n\
                    p-1,,2026-09-10T10:00:00Z,SALE,100.00,,\n\
                    p-2,,2026-09-10T10:00:00Z,SALE,90.00,,\n\
                    x-4,,2026-09-10T10:00:00Z,SALE,40.00,,\n\
                    TOTAL,3,,,230.00,,\n";
        let to = "/v1/reconciliation/statements?partner=green-basket&period=2026-09";
        send(app, to, "text/csv", file.to_owned()).await;
        let asked = json!({ "partner": "green-basket", "period": "2026-09" });
        assert_eq!(clerk(app).send("/v1/reconciliation/runs", &asked).await.status, 201);
        let report = clerk(app).get("/v1/reconciliation/report?partner=green-basket").await.body;
        let months = report["months"].as_array().unwrap();
        let month = months.iter().find(|it| it["period"] == "2026-09").unwrap();
        assert_eq!((&month["lines"], &month["matched"], &month["match_rate"]), (&json!(3), &json!(1), &json!("0.3333")));
        let expected = json!([
            { "code": "AMOUNT_DIFF", "age": "0-7", "count": 1, "value": "10.00" },
            { "code": "MISSING_AT_PARTNER", "age": "0-7", "count": 1, "value": "100.00" },
            { "code": "MISSING_IN_GATEWAY", "age": "0-7", "count": 1, "value": "40.00" },
        ]);
        assert_eq!((&report["breaks"], &report["value_beyond_30_days"]), (&expected, &json!("0.00")), "{report}");
    }
}
