//! `make fraud`: ways to take money from the bank, played against a running gateway with the shipped
//! manifests and limits. It prints what each way brought before its first event was held, and in all.
//! The table stands in docs/security.md.

mod insiders;
mod scenes;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tallystick::clock;

use crate::exposure::{now, redemption};
use crate::harness::{
    Answer, Partner, Store, TestApp, Trial, count, customer, member, payment, referral, refund,
};

/// What a way has brought, in fen: money that the partner is owed, and points that bank customers may
/// spend, at the price of redemption.
fn taken(app: &TestApp) -> i64 {
    let owed = count(
        &app.trial,
        "SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) AS count FROM accounts \
         WHERE owner_kind = 'partner' AND code IN ('subsidy_payable', 'commission_payable', \
         'commission_pending', 'redemption_payable')",
    );
    let points = count(
        &app.trial,
        "SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) AS count FROM accounts \
         WHERE owner_kind = 'customer' AND code IN ('points_available', 'points_pending', \
         'points_held')",
    );
    owed + points / 100
}

/// What came of a way.
struct Take {
    /// In fen, before the first event that was held or refused.
    before: i64,
    in_all: i64,
    events: usize,
    /// Why the first was held.
    stopped_by: String,
}

/// The most yuan before somebody must say yes.
const AIM: i64 = 500_000;

/// Says one event after the other, as a thief who takes no notice.
async fn play(app: &TestApp, partner: &Partner, events: Vec<Value>) -> Take {
    let mut take = Take { before: 0, in_all: 0, events: events.len(), stopped_by: String::new() };
    for part in events.chunks(20) {
        let answer = partner.post_batch(part).await;
        let outcomes = answer.body["outcomes"].as_array().cloned().unwrap_or_default();
        let held = outcomes.iter().find_map(why);
        if take.stopped_by.is_empty() {
            // What came in with the same batch, before the event that was held, counts as well.
            take.before = taken(app);
            take.stopped_by = held.unwrap_or_default();
        }
    }
    take.in_all = taken(app);
    take
}

/// Why an event was held or refused, if it was.
fn why(outcome: &Value) -> Option<String> {
    let receipt = &outcome["receipt"];
    if let Some(problem) = outcome["problem"]["type"].as_str() {
        return Some(problem.to_owned());
    }
    let marks = receipt["marks"].as_array()?;
    let reason = &receipt["explanation"][0];
    let rule = reason["limit"].as_str().or(reason["reason"].as_str());
    marks.iter().any(|mark| mark == "held").then(|| rule.unwrap_or("held").to_owned())
}

fn dated(mut event: Value, days: i64) -> Value {
    event["time"] = json!(clock::now().minus(TimeDelta::days(days)).to_string());
    event
}

fn numbered(count: usize, event: impl Fn(usize) -> Value) -> Vec<Value> {
    (0..count).map(event).collect()
}

fn print(name: &str, take: &Take) {
    println!(
        "| {name} | {} | {}.{:02} | {}.{:02} | {} |",
        take.events,
        take.before / 100,
        take.before % 100,
        take.in_all / 100,
        take.in_all % 100,
        take.stopped_by
    );
    assert!(take.before <= AIM, "{name}: more than anybody should take: {}", take.before);
    assert!(take.in_all <= AIM, "{name}: more in all: {}", take.in_all);
}

/// Holds points of an accomplice, who says yes to whatever the bank asks.
async fn hold_with(shop: &Partner, person: &Partner, id: &str, points: &str) -> Answer {
    let code = person.send("/v1/customers/me/codes", &json!({ "points": points })).await;
    if code.status != 201 {
        return code;
    }
    let data = json!({ "code": code.body["code"], "points": points });
    let held = shop.post(&redemption(id, "held", data)).await;
    let mine = "/v1/customers/me/redemptions";
    let asked = person.get(mine).await.body;
    for one in asked["redemptions"].as_array().unwrap() {
        if one["confirmation"] == "awaited" {
            let path = format!("{mine}/{}/confirmation", one["redemption"].as_str().unwrap());
            person.send(&path, &json!({})).await;
        }
    }
    held
}

/// One way, against a gateway of its own.
async fn way(name: &str, partner: &str, plan: impl AsyncFn(&TestApp, &Partner) -> Vec<Value>) {
    let mut app = Trial::bounded_on(Store::Sqlite).start().await;
    app.leads_may_wait = true;
    let thief = app.partner(partner).await;
    let events = plan(&app, &thief).await;
    let take = play(&app, &thief, events).await;
    print(name, &take);
    Box::pin(app.stop_and_prove()).await;
}

async fn own(app: &TestApp, partner: &str) -> String {
    member(&customer(app, "accomplice"), partner).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "make fraud"]
#[expect(clippy::too_many_lines, reason = "a table: one entry for each way")]
async fn every_way_brings_less_than_5000_yuan() {
    println!("| way | events | CNY before the first hold | CNY in all | first held by |");
    println!("|---|---|---|---|---|");
    way("invented payments for one accomplice", "green-basket", async |app, _| {
        let member = own(app, "green-basket").await;
        numbered(500, |n| now(payment(&format!("p-{n}"), &member, "900.00", "0.00")))
    })
    .await;
    way("one payment of a million", "green-basket", async |app, _| {
        let member = own(app, "green-basket").await;
        vec![now(payment("p-1", &member, "1000000.00", "0.00"))]
    })
    .await;
    way("invented payments by invented members", "green-basket", async |_, _| {
        numbered(2_000, |n| now(payment(&format!("p-{n}"), &format!("m-{n}"), "2900.00", "0.00")))
    })
    .await;
    way("honest discounts for nobody", "green-basket", async |_, _| {
        numbered(2_000, |n| {
            let mut event = payment(&format!("p-{n}"), &format!("m-{n}"), "400.00", "70.00");
            event["data"]["scheme"] = json!("spend-200-save-30");
            now(event)
        })
    })
    .await;
    way("honest discounts of the tea shop", "lotus-tea", async |_, _| {
        numbered(2_000, |n| {
            let mut event = payment(&format!("p-{n}"), &format!("m-{n}"), "50.00", "5.00");
            event["data"]["scheme"] = json!("spend-50-save-5");
            now(event)
        })
    })
    .await;
    way("past months, one for each cap", "lotus-tea", async |app, _| {
        let member = own(app, "lotus-tea").await;
        numbered(300, |n| {
            let days = i64::try_from(n).unwrap() * 30;
            dated(payment(&format!("p-{n}"), &member, "100.00", "0.00"), days)
        })
    })
    .await;
    way("invented referrals", "sunny-travel", async |_, _| {
        numbered(400, |n| {
            let mut event = referral(&format!("t-{n}"), "travel-loan", "9000.00", "old-town");
            event["time"] = json!(clock::now().to_string());
            event
        })
    })
    .await;
    way("invented referrals for an accomplice", "sunny-travel", async |app, _| {
        let member = own(app, "sunny-travel").await;
        numbered(400, |n| {
            let mut event = referral(&format!("t-{n}"), "travel-loan", "9000.00", "old-town");
            event["data"]["member"] = json!(member);
            event["time"] = json!(clock::now().to_string());
            event
        })
    })
    .await;
    way("pay and refund in a circle", "green-basket", async |app, _| {
        let member = own(app, "green-basket").await;
        let mut events = Vec::new();
        for n in 0..300 {
            let id = format!("p-{n}");
            events.push(now(payment(&id, &member, "900.00", "0.00")));
            events.push(now(refund(&format!("r-{n}"), &id, "900.00")));
        }
        events
    })
    .await;
    way("points under reservation, dated back", "trip-basket", async |app, _| {
        let member = own(app, "trip-basket").await;
        numbered(300, |n| dated(payment(&format!("p-{n}"), &member, "900.00", "0.00"), 31))
    })
    .await;
    way("a campaign that ended years ago", "green-basket", async |app, _| {
        let member = own(app, "green-basket").await;
        numbered(300, |n| dated(payment(&format!("p-{n}"), &member, "900.00", "0.00"), 2_000))
    })
    .await;
    way("small payments below each customer's limit", "green-basket", async |_, _| {
        numbered(3_000, |n| {
            now(payment(&format!("p-{n}"), &format!("m-{}", n % 1_000), "99.00", "0.00"))
        })
    })
    .await;
    way("great invented works at the renovation firm", "oak-home", async |_, _| {
        numbered(300, |n| now(payment(&format!("p-{n}"), &format!("m-{n}"), "199000.00", "0.00")))
    })
    .await;
    pay_redeem_refund().await;
    Box::pin(scenes::all()).await;
    Box::pin(insiders::all()).await;
}

/// The way of four events: pay, hold, redeem, refund; again and again with new accomplices.
async fn pay_redeem_refund() {
    let mut app = Trial::bounded_on(Store::Sqlite).start().await;
    let shop = app.partner("green-basket").await;
    let mut take = Take { before: 0, in_all: 0, events: 0, stopped_by: String::new() };
    for n in 0..60 {
        let person = customer(&app, &format!("accomplice-{n}"));
        let reference = member(&person, "green-basket").await;
        let paid =
            shop.record(&now(payment(&format!("p-{n}"), &reference, "2900.00", "0.00"))).await;
        let held = hold_with(&shop, &person, &format!("h-{n}"), "2900.00").await;
        let mut told = vec![json!({ "receipt": paid })];
        if held.status == 201 {
            let data = json!({ "hold": format!("h-{n}") });
            let done = redemption(&format!("c-{n}"), "committed", data);
            told.push(json!({ "receipt": shop.record(&done).await }));
        }
        shop.record(&now(refund(&format!("r-{n}"), &format!("p-{n}"), "2900.00"))).await;
        take.events += 4;
        let stopped = told.iter().find_map(why);
        if take.stopped_by.is_empty() {
            take.stopped_by = stopped.unwrap_or_default();
            take.before = taken(&app);
        }
    }
    take.in_all = taken(&app);
    print("pay, redeem at oneself, refund", &take);
    app.leads_may_wait = true;
    Box::pin(app.stop_and_prove()).await;
}
