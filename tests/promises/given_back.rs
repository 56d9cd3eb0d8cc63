//! What was reached falls with what was given back: caps, funders' shares and tiers go by what the
//! refunded lines had brought.

use serde_json::{Value, json};

use crate::harness::{Partner, Store, TestApp, Trial, payment, refund};

const RULES: &str = r#"
[[earning]]
id = "tea"
version = 1
from = "2017-01-01"
points_per_unit = "1"
rounding = "down"
partner_share = "0"
when = { categories = ["tea"] }
caps = [{ per = "month", points = "10" }]

[[earning]]
id = "oil"
version = 1
from = "2017-01-01"
points_per_unit = "0.0557"
rounding = "half_up"
partner_share = "1"
when = { categories = ["oil"] }

[[earning]]
id = "tier-extra"
version = 1
from = "2017-01-01"
points_per_visit = "1"
rounding = "down"
partner_share = "1"
when = { tiers = ["silver", "gold"] }
"#;

const TIERS: &str = r#"
[tiers]
window_months = 12
grace_days = 30
tier = [{ id = "silver", spend = "5000.00" }, { id = "gold", spend = "20000.00" }]
"#;

/// Runs a test with these rules at the partner blue-basket.
async fn with_rules(store: Store, test: impl AsyncFn(&mut TestApp)) {
    let trial = Trial::on(store);
    let path = trial.settings.partners.join("blue-basket/partner.toml");
    let manifest = std::fs::read_to_string(&path).unwrap();
    let (before, shipped) = manifest.split_once("# Points for what was paid.").unwrap();
    let (_rules, after) = shipped.split_once("# Customers may spend points here").unwrap();
    let manifest = format!("{before}{RULES}\n# Customers may spend points here{after}");
    std::fs::write(&path, manifest).unwrap();
    let path = trial.settings.partners.join("programme.toml");
    let shipped = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, shipped + TIERS).unwrap();
    trial.run(async |app| test(app).await).await;
}

fn basket(id: &str, member: &str, gross: &str, tea: &str, oil: &str) -> Value {
    let mut event = payment(id, member, gross, "0.00");
    event["data"]["lines"] = json!([
        { "line": "1", "category": "tea", "paid": tea },
        { "line": "2", "category": "oil", "paid": oil },
    ]);
    event
}

fn by_line(mut event: Value, line: &str, amount: &str) -> Value {
    event["data"]["lines"] = json!([{ "line": line, "amount": amount }]);
    event
}

/// The points that a receipt gives a customer, or takes, and the partner's part of the cost.
fn moved(receipt: &Value) -> (i64, i64) {
    let of = |account: &str| -> i64 {
        let postings = receipt["postings"].as_array().unwrap().iter();
        let own = postings.filter(|posting| posting["account"] == account);
        own.map(|posting| {
            posting["amount"].as_str().unwrap().replace('.', "").parse::<i64>().unwrap()
        })
        .sum()
    };
    (of("points_available"), of("points_funding"))
}

async fn record(shop: &Partner, event: &Value) -> Value {
    shop.record(event).await
}

async fn lines_take_back_what_they_brought(store: Store) {
    with_rules(store, async |app| {
        let shop = app.partner("blue-basket").await;
        let paid = record(&shop, &basket("p-1", "m-1", "100.00", "10.00", "90.00")).await;
        assert_eq!(moved(&paid), (1_501, -501), "{paid}");
        let without = record(&shop, &refund("r-1", "p-1", "50.00")).await;
        let (first, _) = moved(&without);
        let tea = record(&shop, &by_line(refund("r-2", "p-1", "10.00"), "1", "10.00")).await;
        let (second, _) = moved(&tea);
        // 40.00 of the oil are kept.
        assert_eq!(1_501 + first + second, 223, "{without} {tea}");
        // All of the cap is free again.
        let more = record(&shop, &basket("p-2", "m-1", "10.00", "10.00", "0.00")).await;
        assert_eq!(moved(&more), (1_000, 0), "{more}");
        let rest = record(&shop, &refund("r-3", "p-1", "40.00")).await;
        assert_eq!(moved(&rest), (-223, 223), "{rest}");
    })
    .await;
}

on_both_stores! { lines_take_back_what_they_brought }

async fn a_tier_falls_with_the_payment_that_reached_it(store: Store) {
    with_rules(store, async |app| {
        let shop = app.partner("blue-basket").await;
        let reached = record(&shop, &payment("p-1", "m-1", "6000.00", "0.00")).await;
        let says: Vec<&str> = reached["explanation"]
            .as_array()
            .unwrap()
            .iter()
            .map(|reason| reason["says"].as_str().unwrap())
            .collect();
        assert!(says.iter().any(|says| says.starts_with("The tier silver is reached")), "{says:?}");
        assert!(!says.iter().any(|says| says.contains('T') && says.contains("Z ")), "{says:?}");
        let held = record(&shop, &payment("p-2", "m-1", "1.00", "0.00")).await;
        assert_eq!(moved(&held), (100, -100), "{held}");
        record(&shop, &refund("r-1", "p-1", "6000.00")).await;
        let after = record(&shop, &payment("p-3", "m-1", "1.00", "0.00")).await;
        assert_eq!(moved(&after), (0, 0), "{after}");
    })
    .await;
}

on_both_stores! { a_tier_falls_with_the_payment_that_reached_it }
