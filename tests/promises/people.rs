//! One person is one person however they are typed, nobody is no person, and what cannot be recorded
//! of a person is theirs to see and to erase.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Store, Trial, customer, member, referral, staff};

/// A referral of another phone number, with some of its contact data changed.
fn introduced(id: &str, number: u32, contact: Value) -> Value {
    let mut event = referral(id, "travel-loan", "9000.00", "old-town");
    let own = event["data"]["contact"].as_object_mut().unwrap();
    own.insert("phone".to_owned(), json!(format!("+8613600{number:06}")));
    own.extend(contact.as_object().unwrap().clone());
    event
}

on_both_stores! {
    async fn a_document_typed_with_an_input_method_is_the_same_document(app) {
        app.leads_may_wait = true; // there is no CRM in this test
        let agency = app.partner("sunny-travel").await;
        let states = [
            ("fx-1", 1, "11010119900307119X", "qualified"),
            ("fx-2", 2, "11010119900307119\u{ff38}", "duplicate"),
            ("fx-3", 3, "\u{ff11}\u{ff11}\u{ff10}\u{ff11}\u{ff10}\u{ff11}19900307119x", "duplicate"),
            ("fx-4", 4, "110101\u{200b}1990-0307 119X", "duplicate"),
            ("fx-5", 5, "110101199003071208", "qualified"),
        ];
        for (id, number, document, state) in states {
            let event = introduced(id, number, json!({ "document": document, "email": null }));
            let receipt = agency.record(&event).await;
            assert_eq!(receipt["referral"]["state"], state, "{document}");
        }
    }
}

on_both_stores! {
    async fn nobody_is_no_lead(app) {
        app.leads_may_wait = true;
        let agency = app.partner("sunny-travel").await;
        let contacts = [
            ("name", "\u{3000}\u{3000}"),
            ("name", "\u{200b}"),
            ("name", "\u{202e}gnp.exe"),
            ("name", "-"),
            ("name", "12"),
            ("email", "@"),
            ("email", "a b@c"),
            ("email", "a@"),
            ("email", "@mail.example"),
            ("document", "\u{3000} -"),
            ("address", "\u{200b}"),
        ];
        for (number, (field, text)) in (0_u32..).zip(contacts) {
            let event = introduced(&format!("nn-{number}"), number, json!({ field: text }));
            let (status, slug, body) = agency.refused(&event).await;
            assert_eq!((status, slug.as_str()), (422, "invalid"), "{field} {text:?}: {body}");
            let pointer = format!("/data/contact/{field}");
            assert_eq!(body["problems"][0]["pointer"], pointer.as_str(), "{body}");
        }
        for name in ["\u{674e}\u{96f7}", "O\u{2019}Neil", "\u{416}"] {
            let number = u32::from(name.chars().next().unwrap()) % 1_000;
            let event = introduced(&format!("some-{number}"), 1_000 + number, json!({ "name": name }));
            assert_eq!(agency.record(&event).await["referral"]["state"], "qualified", "{name}");
        }
    }
}

on_both_stores! {
    async fn a_reason_says_something(app) {
        let person = customer(app, "c-1");
        let reference = member(&person, "green-basket").await;
        let ann = staff(app, "ann", &["adjust"]);
        for reason in [" ", "\u{200b}", "\u{3000}", "\u{2800}"] {
            let body = json!({
                "id": "a-1", "customer": { "partner": "green-basket", "member": reference },
                "points": "1.00", "reason": reason,
            });
            let answer = ann.adjust(&body).await;
            assert_eq!(answer.told(), (422, "invalid"), "{reason:?}");
            assert_eq!(answer.body["problems"][0]["pointer"], "/reason", "{answer:?}");
        }
    }
}

async fn lines_that_were_not_recorded_are_seen_and_erased(store: Store) {
    let trial = Trial::on(store);
    let app = trial.start().await;
    let person = customer(&app, "c-1");
    let reference = member(&person, "green-basket").await;
    let shop = app.partner("green-basket").await;
    let header = "payment_id,household,store,occurred_at,gross,discount,paid,lines\n";
    let content = format!(
        "{header}1,{reference},330,yesterday,0.50,0.00,0.50,1\n\
         2,m-of-another,330,yesterday,0.50,0.00,0.50,1\n"
    );
    let import = crate::uploads::upload(&shop, content.as_bytes(), &crate::uploads::DAY).await;
    crate::uploads::ended(&shop, &import).await;
    let rejects = format!("{import}/rejects");
    let kept = shop.get(&rejects).await.text;
    assert!(kept.contains(&reference) && kept.contains("m-of-another"), "{kept}");
    let data = person.get("/v1/customers/me/data").await.body;
    let lines = data["rejected_lines"].as_array().unwrap();
    assert_eq!(lines.len(), 1, "{data}");
    assert!(lines[0].to_string().contains(&reference), "{data}");
    let erasure = Answer::of(person.request(Method::POST, "/v1/customers/me/erasure")).await;
    assert_eq!(
        (erasure.status.as_u16(), &erasure.body["erased"]["rejected_lines"]),
        (201, &json!(1))
    );
    let left = shop.get(&rejects).await.text;
    assert!(!left.contains(&reference) && left.contains("m-of-another"), "{left}");
    assert_eq!(person.get("/v1/customers/me/data").await.body["rejected_lines"], json!([]));
    Box::pin(app.stop_and_prove()).await;
}

on_both_stores!(lines_that_were_not_recorded_are_seen_and_erased);
