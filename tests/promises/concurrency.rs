//! Many at once on one customer, through two gateways on one PostgreSQL: what the accepted receipts
//! say adds up to what is there in the end, and nothing was spent twice.

use serde_json::{Value, json};

use crate::crash::Served;
use crate::harness::{Partner, Store, Trial, cloud_event, code, member, payment, refund};

/// A subject that the trial's bank vouches for, at that gateway.
fn person(trial: &Trial, gateway: &Served) -> Partner {
    Partner::with_token(&gateway.url, &trial.customer_token("c-1"))
}

fn spend(id: &str, kind: &str, data: Value) -> Value {
    cloud_event(id, &format!("redemption.{kind}"), "2026-11-04T10:00:00Z", data)
}

/// The hundredths that a receipt puts on customers' accounts of that code.
fn on(receipt: &Value, code: &str) -> i64 {
    let lines = receipt["postings"].as_array().unwrap().iter();
    let amounts = lines.filter(|line| line["account"] == code).map(|line| &line["amount"]);
    amounts.map(|amount| hundredths(amount.as_str().unwrap())).sum()
}

fn hundredths(text: &str) -> i64 {
    text.replace('.', "").parse().unwrap()
}

/// Sends them all at once, half through each gateway, every one twice; the receipts of those that
/// were taken.
async fn all_at_once(gateways: &[Partner], events: &[Value]) -> Vec<Value> {
    let mut tasks = Vec::new();
    for (number, event) in events.iter().enumerate() {
        let (first, second) = (&gateways[number % 2], &gateways[(number + 1) % 2]);
        for shop in [first, second] {
            let (shop, event) = (shop.clone(), event.clone());
            tasks.push(tokio::spawn(async move { shop.post(&event).await }));
        }
    }
    let mut taken = Vec::new();
    for task in tasks {
        let answer = task.await.unwrap();
        let status = answer.status.as_u16();
        assert!([200, 201, 409, 422].contains(&status), "{answer:?}");
        if status == 201 {
            taken.push(answer.body);
        }
    }
    taken
}

async fn receipts_add_up(store: Store) {
    let mut trial = Trial::on(store);
    let programme = trial.settings.partners.join("programme.toml");
    let text = std::fs::read_to_string(&programme).unwrap();
    std::fs::write(&programme, text.replace("hold_seconds = 4", "hold_seconds = 600")).unwrap();
    let tokens = trial.settings.customer_tokens.take().unwrap();
    let vouched = [
        ("TALLYSTICK_CUSTOMER_TOKENS__ISSUER", tokens.issuer.as_str()),
        ("TALLYSTICK_CUSTOMER_TOKENS__AUDIENCE", tokens.audience.as_str()),
        ("TALLYSTICK_CUSTOMER_TOKENS__JWKS", tokens.jwks.to_str().unwrap()),
    ];
    // SQLite is for one gateway: there both halves go through it.
    let count = if store == Store::Postgres { 2 } else { 1 };
    let served: Vec<Served> = (0..count).map(|_| Served::start(&trial, &vouched)).collect();
    let mut shops = Vec::new();
    for number in 0..2 {
        shops.push(served[number % count].partner(&trial, "green-basket").await);
    }
    let person = person(&trial, &served[0]);
    let reference = member(&person, "green-basket").await;
    let mut receipts = Vec::new();
    let pay = |n: usize| payment(&format!("p-{n}"), &reference, "20.00", "0.00");
    receipts.extend(all_at_once(&shops, &(0..10).map(pay).collect::<Vec<_>>()).await);
    assert_eq!(receipts.len(), 10);
    // Ten holds of 50.00 where there are 200.00, among refunds and payments.
    let mut mixed: Vec<Value> = (10..15).map(pay).collect();
    for n in 0..10 {
        let data = json!({ "code": code(&person).await, "points": "50.00" });
        mixed.push(spend(&format!("h-{n}"), "held", data));
    }
    for n in 0..10 {
        mixed.push(refund(&format!("r-{n}"), &format!("p-{}", n / 2), "15.00"));
    }
    receipts.extend(all_at_once(&shops, &mixed).await);
    // Each hold is committed, and cancelled, at once; and goods come back meanwhile.
    let mut closing = Vec::new();
    for n in 0..10 {
        let hold = format!("h-{n}");
        let part = json!({ "hold": hold, "points": "30.00" });
        closing.push(spend(&format!("c-{n}"), "committed", part));
        closing.push(spend(&format!("x-{n}"), "cancelled", json!({ "hold": hold })));
        closing.push(refund(&format!("s-{n}"), &format!("p-{n}"), "5.00"));
    }
    receipts.extend(all_at_once(&shops, &closing).await);
    let refunded = receipts.iter().filter(|it| it["type"] == "payment.refunded");
    // One of two refunds of 15.00 fits into 20.00.
    assert_eq!(refunded.count(), 5 + 10);
    let sum = |code: &str| receipts.iter().map(|it| on(it, code)).sum::<i64>();
    let points = person.get("/v1/customers/me/points").await.body;
    assert_eq!(hundredths(points["balance"].as_str().unwrap()), sum("points_available"));
    assert_eq!(hundredths(points["owed"].as_str().unwrap()), -sum("points_owed"));
    assert!(sum("points_available") >= 0 && sum("points_owed") <= 0);
    assert_eq!(sum("points_held"), 0, "every hold was closed, one way");
    let given = sum("points_available") + sum("points_owed") + sum("points_redemption");
    assert_eq!(given, 100 * (15 * 20 - 5 * 15 - 10 * 5));
    for gateway in served {
        assert!(gateway.stop().success());
    }
    assert_eq!(trial.findings(), []);
}

on_both_stores!(receipts_add_up);
