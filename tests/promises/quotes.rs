//! A till learns beforehand what a basket would get, and a payment that names the quote gets it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Partner, TestApp, Trial, cloud_event, payment};

async fn quote(shop: &Partner, data: &Value) -> Answer {
    Answer::of(shop.request(Method::POST, "/v1/quotes").json(data)).await
}

fn basket(gross: &str) -> Value {
    json!({ "member": "m-1", "currency": "CNY", "gross": gross, "scheme": "spend-200-save-30" })
}

on_both_stores! {
    async fn a_quote_says_what_the_payment_then_gets_and_records_nothing(app) {
        let shop = app.partner("green-basket").await;
        let quoted = quote(&shop, &basket("230.50")).await;
        assert_eq!(quoted.status, 201, "{quoted:?}");
        let body = &quoted.body;
        assert_eq!(
            (&body["discount"], &body["paid"], &body["points"], &body["subsidy"]),
            (&json!("30.00"), &json!("200.50"), &json!("200.50"), &json!("18.00"))
        );
        // Nothing is recorded by asking: the member is not even enrolled.
        let counts = tallystick::store::proof::counts(&mut app.trial.db()).unwrap();
        assert_eq!((counts.events, counts.transactions, counts.accounts), (0, 0, 0));
        let mut paid = payment("p-1", "m-1", "230.50", "30.00");
        paid["data"]["scheme"] = json!("spend-200-save-30");
        paid["data"]["quote"] = body["quote"].clone();
        let receipt = shop.record(&paid).await;
        assert_eq!(receipt["explanation"][0]["points"], body["points"]);
        let wrong = quote(&shop, &json!({ "member": "m-1", "gross": 5 })).await;
        assert_eq!(wrong.status, 422);
        let pointers: Vec<&str> = wrong.body["problems"]
            .as_array().unwrap().iter().map(|it| it["pointer"].as_str().unwrap()).collect();
        assert!(pointers.contains(&"/gross") && pointers.contains(&"/currency"));
    }
}

/// The same service with other rules: the scheme saves less from now on.
async fn with_less(app: TestApp) -> TestApp {
    let trial: Trial = Box::pin(app.stop()).await;
    let path = trial.settings.partners.join("green-basket/partner.toml");
    let manifest = std::fs::read_to_string(&path).unwrap();
    let changed = manifest.replace("save = \"30.00\"", "save = \"20.00\"");
    assert_ne!(manifest, changed);
    std::fs::write(&path, changed).unwrap();
    trial.start().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_names_its_quote_gets_that_discount_whatever_the_rules_say_by_then() {
    for store in [crate::harness::Store::Sqlite, crate::harness::Store::Postgres] {
        let app = Trial::on(store).start().await;
        let shop = app.partner("green-basket").await;
        let quoted = quote(&shop, &basket("230.50")).await.body;
        let app = Box::pin(with_less(app)).await;
        let shop = app.partner("green-basket").await;
        let now = tallystick::clock::now().to_string();
        let post = async |id: &str, gross: &str, quoted: Option<&Value>| {
            let mut data = payment(id, "m-1", gross, "30.00")["data"].clone();
            data["scheme"] = json!("spend-200-save-30");
            if let Some(quote) = quoted {
                data["quote"] = quote.clone();
            }
            let event = cloud_event(id, "payment.discounted", &now, data);
            shop.record(&event).await["marks"].clone()
        };
        assert_eq!(post("p-1", "230.50", Some(&quoted["quote"])).await, json!([]));
        assert_eq!(post("p-2", "230.50", None).await, json!(["discount_differs"]));
        // A quote is of one amount.
        assert_eq!(
            post("p-3", "231.00", Some(&quoted["quote"])).await,
            json!(["discount_differs"])
        );
        Box::pin(app.stop_and_prove()).await;
    }
}
