//! A redemption beyond the programme's limit waits until its customer confirms it. Until then no till can
//! finish it, whatever races with whatever; the customer may decline, and is told at once.

use reqwest::Method;
use serde_json::{Value, json};
use tallystick::settings::{NoticeSettings, Secret};

use crate::crash::Served;
use crate::exposure::{now, redemption};
use crate::harness::{
    Answer, Partner, Simulator, Store, TestApp, Trial, count, customer, member, payment, run_sql,
    until, wait_for,
};

const SECRET: &str = "whsec_dGhpcyBpcyBhIHNlY3JldCBvZiB0ZXN0cyBvbmx5";
const MINE: &str = "/v1/customers/me/redemptions";

/// A trial in which more than 50.00 points are confirmed.
pub fn asking(trial: Trial) -> Trial {
    let path = trial.settings.partners.join("programme.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let wide = "confirm_above = \"10000000.00\"";
    assert!(text.contains(wide));
    std::fs::write(&path, text.replace(wide, "confirm_above = \"50.00\"")).unwrap();
    trial
}

async fn with_points(person: &Partner, shop: &Partner, amount: &str) {
    let reference = member(person, "green-basket").await;
    shop.record(&now(payment("p-0", &reference, amount, "0.00"))).await;
    until(person, amount, "0.00").await;
}

async fn hold(shop: &Partner, person: &Partner, id: &str, points: &str) -> Value {
    let wish = json!({ "points": points });
    let code = Answer::of(person.request(Method::POST, "/v1/customers/me/codes").json(&wish)).await;
    let data = json!({ "code": code.body["code"], "points": points });
    shop.record(&redemption(id, "held", data)).await
}

fn commit(id: &str, hold: &str) -> Value {
    redemption(id, "committed", json!({ "hold": hold }))
}

/// The ids of what waits for a customer.
async fn waiting(person: &Partner) -> Vec<String> {
    let list = person.get(MINE).await.body;
    let all = list["redemptions"].as_array().unwrap().iter();
    all.map(|it| it["redemption"].as_str().unwrap().to_owned()).collect()
}

async fn answer(person: &Partner, id: &str, what: &str) -> Answer {
    Answer::of(person.request(Method::POST, &format!("{MINE}/{id}/{what}"))).await
}

async fn no_till_finishes_what_the_customer_has_not_confirmed(store: Store) {
    asking(Trial::on(store))
        .run(async |app: &mut TestApp| {
            let shop = app.partner("green-basket").await;
            let (person, other) = (customer(app, "c-1"), customer(app, "c-2"));
            member(&other, "green-basket").await;
            with_points(&person, &shop, "300.00").await;
            // Up to the limit nobody is asked.
            let small = hold(&shop, &person, "h-0", "50.00").await;
            assert_eq!(small["marks"], json!([]));
            assert_eq!(waiting(&person).await, [""; 0]);
            shop.record(&commit("k-0", "h-0")).await;
            until(&person, "250.00", "0.00").await;

            let held = hold(&shop, &person, "h-1", "60.00").await;
            assert_eq!(held["marks"], json!(["awaits_customer"]), "{held}");
            let says = held["explanation"][0]["says"].to_string()
                + &held["explanation"][1]["says_zh"].to_string();
            assert!(says.contains("held for a redemption"), "{says}");
            let refused = shop.post(&commit("k-1", "h-1")).await;
            assert_eq!(refused.told(), (409, "awaits-customer"), "{refused:?}");
            assert_eq!(refused.headers["retry-after"], "5");
            // In one request with its hold it waits too.
            let wish = json!({ "points": "55.00" });
            let path = "/v1/customers/me/codes";
            let code = Answer::of(person.request(Method::POST, path).json(&wish)).await;
            let data = json!({ "code": code.body["code"], "points": "55.00" });
            let batch = [redemption("h-2", "held", data), commit("k-2", "h-2")];
            let told = shop.post_batch(&batch).await;
            assert!(told.text.contains("awaits-customer"), "{}", told.text);
            // Nor does the database let anybody finish it.
            let by_hand = "UPDATE holds SET state = 'committed', committed = points \
                           WHERE confirmation = 'awaited'";
            let refused = run_sql(&app.trial, by_hand).unwrap_err();
            assert!(refused.contains("waits for its customer"), "{refused}");

            let list = person.get(MINE).await.body;
            let first = &list["redemptions"][0];
            let seen = (&first["points"], &first["partner"], &first["confirmation"]);
            assert_eq!(seen, (&json!("60.00"), &json!("green-basket"), &json!("awaited")));
            let ids = waiting(&person).await;
            assert_eq!(ids.len(), 2, "{list}");
            assert_eq!(waiting(&other).await, [""; 0]);
            for what in ["confirmation", "rejection"] {
                assert_eq!(answer(&other, &ids[0], what).await.status, 404);
            }
            let confirmed = answer(&person, &ids[0], "confirmation").await;
            assert_eq!(confirmed.status, 200, "{confirmed:?}");
            assert_eq!(confirmed.body["confirmation"], "confirmed");
            // The same again is the same; the other is too late.
            assert_eq!(answer(&person, &ids[0], "confirmation").await.status, 200);
            let late = answer(&person, &ids[0], "rejection").await;
            assert_eq!(late.told(), (409, "hold-closed"), "{late:?}");
            shop.record(&commit("k-1", "h-1")).await;
            until(&person, "135.00", "0.00").await;

            let declined = answer(&person, &ids[1], "rejection").await;
            assert_eq!(declined.body["confirmation"], "declined", "{declined:?}");
            until(&person, "190.00", "0.00").await;
            let refused = shop.post(&commit("k-3", "h-2")).await;
            assert_eq!(refused.told(), (409, "hold-closed"));
            assert!(refused.text.contains("declined by the customer"), "{}", refused.text);
            let points = person.get("/v1/customers/me/points").await.text;
            assert!(points.contains("declined the redemption of 55.00 points"), "{points}");

            // Nobody answers: the hold times out, and an answer comes too late.
            hold(&shop, &person, "h-3", "70.00").await;
            let ids = waiting(&person).await;
            until(&person, "190.00", "0.00").await;
            let late = answer(&person, &ids[0], "confirmation").await;
            assert_eq!(late.told(), (409, "hold-closed"), "{late:?}");
            assert_eq!(waiting(&person).await, [""; 0]);
        })
        .await;
}

on_both_stores!(no_till_finishes_what_the_customer_has_not_confirmed);

async fn the_customer_is_asked_at_once_and_the_partner_is_told_of_the_answer(store: Store) {
    let receiver = Simulator::start("crm_receiver.py", &[SECRET]);
    let mut trial = asking(Trial::with_sandbox_on(store));
    let (url, secret) = (format!("{}/notices", receiver.url), Secret::new(SECRET.to_owned()));
    trial.settings.notices = Some(NoticeSettings::Webhook { url, secret });
    trial.settings.webhooks.allow_http = true;
    trial.settings.webhooks.allow_private_addresses = true;
    trial.edit("green-basket", "status = \"sandbox\"", "status = \"full\"");
    trial
        .run(async |app: &mut TestApp| {
            app.leads_may_wait = true;
            let shop = app.partner("green-basket").await;
            let person = customer(app, "c-1");
            with_points(&person, &shop, "300.00").await;
            let endpoint = json!({
                "url": format!("{}/elsewhere", receiver.url),
                "events": ["redemption.confirmed", "redemption.declined"],
            });
            let made = shop.send("/v1/webhook-endpoints", &endpoint).await;
            assert_eq!(made.status, 201, "{made:?}");
            hold(&shop, &person, "h-1", "60.00").await;
            let notice = wait_for("a notice", async || {
                let told = receiver.order(json!({ "do": "records" })).await["notices"].clone();
                told.as_array().unwrap().first().cloned()
            })
            .await;
            assert_eq!(notice["kind"], "redemption_to_confirm", "{notice}");
            assert!(notice["says"].as_str().unwrap().contains("60.00 points"), "{notice}");
            assert!(notice["says_zh"].as_str().unwrap().contains("请在应用中确认"), "{notice}");
            let id = waiting(&person).await.remove(0);
            assert_eq!(answer(&person, &id, "confirmation").await.status, 200);
            hold(&shop, &person, "h-2", "70.00").await;
            let id = waiting(&person).await.remove(0);
            assert_eq!(answer(&person, &id, "rejection").await.status, 200);
            let bodies = "SELECT COUNT(*) AS count FROM outbox WHERE channel = 'webhook' AND \
                          (kind = 'redemption.confirmed' AND body LIKE '%\"event\":\"h-1\"%' \
                          OR kind = 'redemption.declined' AND body LIKE '%\"event\":\"h-2\"%')";
            assert_eq!(count(&app.trial, bodies), 2);
            shop.record(&commit("k-1", "h-1")).await;
        })
        .await;
}

on_both_stores!(the_customer_is_asked_at_once_and_the_partner_is_told_of_the_answer);

async fn a_partner_on_trial_plays_its_customers(store: Store) {
    asking(Trial::on(store))
        .run(async |app: &mut TestApp| {
            let shop = app.partner("green-basket").await;
            let made = shop.send("/v1/sandbox/members", &json!({})).await;
            let reference = made.body["member"].as_str().unwrap().to_owned();
            shop.record(&now(payment("p-0", &reference, "300.00", "0.00"))).await;
            let wish = json!({ "member": reference, "points": "80.00" });
            for (number, said) in ["confirmed", "declined"].into_iter().enumerate() {
                let code = shop.send("/v1/sandbox/codes", &wish).await.body["code"].clone();
                let (id, done) = (format!("h-{number}"), format!("k-{number}"));
                let data = json!({ "code": code, "points": "80.00" });
                shop.record(&redemption(&id, "held", data)).await;
                let path = format!("/v1/sandbox/redemptions/{id}/answer");
                let odd = shop.send(&path, &json!({ "answer": "perhaps" })).await;
                assert_eq!(odd.status, 422, "{odd:?}");
                let answered = shop.send(&path, &json!({ "answer": said })).await;
                assert_eq!(answered.body["confirmation"], said, "{answered:?}");
                let status = shop.post(&commit(&done, &id)).await.status.as_u16();
                assert_eq!(status, if said == "confirmed" { 201 } else { 409 });
            }
            // Another's hold is as unknown as none.
            let other = app.partner("blue-basket").await;
            let path = "/v1/sandbox/redemptions/h-0/answer";
            assert_eq!(other.send(path, &json!({ "answer": "confirmed" })).await.status, 404);
        })
        .await;
}

on_both_stores!(a_partner_on_trial_plays_its_customers);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_give_each_redemption_one_end() {
    let trial = asking(Trial::on(Store::Postgres));
    let jwks = trial.folder.path().join("jwks.json");
    let jwks = jwks.to_str().unwrap().to_owned();
    let more = [
        ("TALLYSTICK_CUSTOMER_TOKENS__ISSUER", "https://login.test"),
        ("TALLYSTICK_CUSTOMER_TOKENS__AUDIENCE", "tallystick"),
        ("TALLYSTICK_CUSTOMER_TOKENS__JWKS", &jwks),
    ];
    let gateways = [Served::start(&trial, &more), Served::start(&trial, &more)];
    let left = gateways[0].partner(&trial, "green-basket").await;
    let right = gateways[1].partner(&trial, "green-basket").await;
    let person = |number: usize, gateway: &Served| {
        Partner::with_token(&gateway.url, &trial.customer_token(&format!("c-{number}")))
    };
    let mut racing = Vec::new();
    for number in 0..12 {
        let here = person(number, &gateways[0]);
        let there = person(number, &gateways[1]);
        let reference = member(&here, "green-basket").await;
        left.record(&now(payment(&format!("p-{number}"), &reference, "100.00", "0.00"))).await;
        let id = format!("h-{number}");
        hold(&left, &here, &id, "60.00").await;
        let waits = waiting(&here).await.remove(0);
        for (person, what) in [(here, "confirmation"), (there, "rejection")] {
            let waits = waits.clone();
            racing.push(tokio::spawn(async move {
                answer(&person, &waits, what).await.status.as_u16()
            }));
        }
        for (shop, event) in [
            (left.clone(), commit(&format!("k-{number}"), &id)),
            (right.clone(), redemption(&format!("x-{number}"), "cancelled", json!({ "hold": id }))),
        ] {
            racing.push(tokio::spawn(async move { shop.post(&event).await.status.as_u16() }));
        }
    }
    for one in racing {
        let status = one.await.unwrap();
        assert!([200, 201, 409].contains(&status), "{status}");
    }
    // What was redeemed had been confirmed, and every hold ended once.
    let odd = "SELECT COUNT(*) AS count FROM holds WHERE state = 'committed' \
               AND confirmation <> 'confirmed'";
    assert_eq!(count(&trial, odd), 0);
    let answered = "SELECT (SELECT COUNT(*) FROM transactions WHERE kind IN \
                    ('redemption.confirmed', 'redemption.declined')) - (SELECT COUNT(*) FROM holds \
                    WHERE confirmation IN ('confirmed', 'declined')) AS count";
    assert_eq!(count(&trial, answered), 0);
    for gateway in gateways {
        assert!(gateway.stop().success());
    }
    assert_eq!(trial.findings(), []);
}
