//! A quote is the gateway's own word: no partner can write its discount, it is for one member and one
//! payment, and it counts against the limits of its scheme.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{
    Answer, Partner, Store, TestApp, Trial, cloud_event, count, payment, wait_until,
};

async fn quote(shop: &Partner, data: &Value) -> Answer {
    Answer::of(shop.request(Method::POST, "/v1/quotes").json(data)).await
}

/// Green-basket with a scheme that each customer may use so many times a month.
async fn with_limit(store: Store, times: u32) -> TestApp {
    let trial = Trial::on(store);
    let path = trial.settings.partners.join("green-basket/partner.toml");
    let mut manifest = std::fs::read_to_string(&path).unwrap();
    manifest.push_str(&format!(
        "\n[[discount]]\nid = \"pct\"\nversion = 1\nfrom = \"2017-01-01\"\n\
         percentage = {{ share = \"0.0333\", max = \"50.00\" }}\nbank_share = \"0.3333\"\n\
         limits = [{{ per = \"month\", times = {times} }}]\n"
    ));
    std::fs::write(&path, manifest).unwrap();
    trial.start().await
}

/// The marks of a payment of 100.00 under the limited scheme.
async fn pay(shop: &Partner, id: &str, member: &str, quoted: Option<&Value>) -> Value {
    let mut data = payment(id, member, "100.00", "3.33")["data"].clone();
    data["scheme"] = json!("pct");
    if let Some(quote) = quoted {
        data["quote"] = quote.clone();
    }
    let now = tallystick::clock::now().to_string();
    shop.record(&cloud_event(id, "payment.discounted", &now, data)).await["marks"].clone()
}

fn basket(member: &str) -> Value {
    json!({ "member": member, "currency": "CNY", "gross": "100.00", "scheme": "pct" })
}

on_both_stores! {
    async fn no_partner_writes_the_discount_of_a_quote(app) {
        let shop = app.partner("green-basket").await;
        let asked = json!({
            "member": "m-1", "currency": "CNY", "gross": "1000.00", "scheme": "spend-200-save-30",
        });
        for (name, value) in [("discount", "999.00"), ("paid", "1.00"), ("order", "o-1")] {
            let mut body = asked.clone();
            body[name] = json!(value);
            let refused = quote(&shop, &body).await;
            assert_eq!(refused.told(), (422, "invalid"));
            assert_eq!(refused.body["problems"][0]["pointer"], format!("/{name}"));
        }
        let quoted = quote(&shop, &asked).await.body;
        let mut paid = payment("p-1", "m-1", "1000.00", "999.00");
        paid["data"]["scheme"] = json!("spend-200-save-30");
        paid["data"]["quote"] = quoted["quote"].clone();
        let receipt = shop.record(&paid).await;
        assert_eq!(receipt["marks"], json!(["discount_differs"]));
        let subsidised = receipt["postings"].to_string().contains("subsidy");
        assert!(!subsidised, "{receipt}");
    }
}

on_both_stores! {
    async fn a_quote_counts_when_it_is_made_and_is_kept_once_for_its_member(store: Store) {
        let app = with_limit(store, 2).await;
        let shop = app.partner("green-basket").await;
        let quoted = quote(&shop, &basket("qq")).await.body;
        assert_eq!((&quoted["discount"], &quoted["subsidy"]), (&json!("3.33"), &json!("1.11")));
        let promised = &quoted["quote"];
        assert_eq!(pay(&shop, "q-1", "qq", None).await, json!([]));
        // One of the month's two is promised.
        assert_eq!(pay(&shop, "q-2", "qq", None).await, json!(["discount_spent"]));
        // Another member's payment gets what is its own, and takes nothing of the promise.
        assert_eq!(pay(&shop, "q-3", "other", Some(promised)).await, json!([]));
        assert_eq!(pay(&shop, "q-4", "qq", Some(promised)).await, json!([]));
        assert_eq!(pay(&shop, "q-5", "qq", Some(promised)).await, json!(["discount_spent"]));
        // A quote that cannot be promised says so, and is not kept.
        let late = quote(&shop, &basket("qq")).await.body;
        assert_eq!(late["marks"], json!(["discount_spent"]));
        let kept = "SELECT COUNT(*) AS count FROM quotes";
        assert_eq!(count(&app.trial, kept), 1);
        Box::pin(app.stop_and_prove()).await;
    }
}

on_both_stores! {
    async fn of_payments_at_once_one_gets_the_quote(store: Store) {
        let app = with_limit(store, 1).await;
        let shop = app.partner("green-basket").await;
        let quoted = quote(&shop, &basket("qq")).await.body;
        let promised = &quoted["quote"];
        let (a, b, c, d) = tokio::join!(
            pay(&shop, "q-1", "qq", Some(promised)),
            pay(&shop, "q-2", "qq", Some(promised)),
            pay(&shop, "q-3", "qq", Some(promised)),
            pay(&shop, "q-4", "qq", Some(promised)),
        );
        let honoured = [a, b, c, d].into_iter().filter(|marks| *marks == json!([])).count();
        assert_eq!(honoured, 1);
        Box::pin(app.stop_and_prove()).await;
    }
}

on_both_stores! {
    async fn a_newer_quote_takes_the_place_of_the_older_and_an_ended_one_counts_no_more(store: Store) {
        let app = with_limit(store, 1).await;
        let shop = app.partner("green-basket").await;
        let older = quote(&shop, &basket("qq")).await.body;
        let newer = quote(&shop, &basket("qq")).await.body;
        assert_eq!((&older["marks"], &newer["marks"]), (&json!([]), &json!([])));
        let open = || count(&app.trial, "SELECT COUNT(*) AS count FROM quotes WHERE state = 'open'");
        assert_eq!(open(), 1);
        // Half an hour later.
        let ended = "UPDATE quotes SET expires_at = '2026-01-01 00:00:00.000000'";
        crate::harness::run_sql(&app.trial, ended).unwrap();
        wait_until(0, async || open()).await;
        assert_eq!(pay(&shop, "q-1", "qq", None).await, json!([]));
        Box::pin(app.stop_and_prove()).await;
    }
}

on_both_stores! {
    async fn a_newer_quote_takes_the_place_of_no_more_older_ones_than_it_must(store: Store) {
        let app = with_limit(store, 2).await;
        let shop = app.partner("green-basket").await;
        let mut promised = Vec::new();
        for _ in 0..3 {
            let quoted = quote(&shop, &basket("qq")).await.body;
            assert_eq!(quoted["marks"], json!([]));
            promised.push(quoted["quote"].clone());
        }
        // There was room for two: the oldest gave way, the second stays.
        assert_eq!(pay(&shop, "q-2", "qq", Some(&promised[1])).await, json!([]));
        assert_eq!(pay(&shop, "q-1", "qq", Some(&promised[0])).await, json!(["discount_spent"]));
        assert_eq!(pay(&shop, "q-3", "qq", Some(&promised[2])).await, json!([]));
        Box::pin(app.stop_and_prove()).await;
    }
}

on_both_stores! {
    async fn a_quote_says_what_the_payment_brings_also_to_a_customer_who_owes(app) {
        let shop = app.partner("green-basket").await;
        let person = crate::harness::customer(app, "c-1");
        let reference = crate::harness::member(&person, "green-basket").await;
        shop.record(&payment("p-1", &reference, "50.00", "0.00")).await;
        let now = tallystick::clock::now().to_string();
        let held = json!({ "code": crate::harness::code(&person).await, "points": "50.00" });
        shop.record(&cloud_event("h-1", "redemption.held", &now, held)).await;
        shop.record(&cloud_event("c-1", "redemption.committed", &now, json!({ "hold": "h-1" }))).await;
        shop.record(&crate::harness::refund("r-1", "p-1", "50.00")).await;
        let asked = json!({ "member": reference, "currency": "CNY", "gross": "10.00" });
        let quoted = quote(&shop, &asked).await.body;
        assert_eq!(quoted["points"], "10.00");
        // How much is owed in all is the customer's to know.
        let told = quoted["explanation"].to_string();
        assert!(told.contains("10.00 points pay what was owed") && !told.contains("50.00"), "{told}");
        let receipt = shop.record(&payment("p-2", &reference, "10.00", "0.00")).await;
        let told = receipt["explanation"].to_string();
        assert!(told.contains("10.00 points pay what was owed") && !told.contains("40.00"), "{told}");
    }
}
