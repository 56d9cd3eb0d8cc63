//! What a partner may cost the bank is bounded: beyond a limit events are recorded and held, and bring
//! nothing until staff say yes. Limits are exact under any load.

use reqwest::Method;
use serde_json::{Value, json};
use tallystick::clock;
use tallystick::referral::ReferralStep;

use crate::harness::{
    Answer, Partner, Store, TestApp, Trial, cloud_event, code, count, customer, member, payment,
    referral, refund, staff, until,
};

/// The same event, dated now.
pub fn now(mut event: Value) -> Value {
    event["time"] = json!(clock::now().to_string());
    event
}

pub async fn get(clerk: &Partner, path: &str) -> Value {
    let answer = Answer::of(clerk.request(Method::GET, path)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

/// Decides on a held event.
pub async fn decide(clerk: &Partner, held: &Value, what: &str) -> Answer {
    let path = format!("/v1/held-events/{}/{what}", held["held"].as_str().unwrap());
    clerk.send(&path, &json!({ "reason": "looked at" })).await
}

/// Writes a manifest's own limit.
pub fn limit(trial: &Trial, partner: &str, id: &str, max: &str) {
    let path = trial.settings.partners.join(partner).join("partner.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let own = format!("{text}\n[[exposure]]\nid = \"{id}\"\nmax = \"{max}\"\n");
    std::fs::write(&path, own).unwrap();
}

pub async fn hold_points(shop: &Partner, person: &Partner, id: &str, points: &str) -> Answer {
    let data = json!({ "code": code(person).await, "points": points });
    shop.post(&cloud_event(id, "redemption.held", &clock::now().to_string(), data)).await
}

pub fn redemption(id: &str, kind: &str, data: Value) -> Value {
    cloud_event(id, &format!("redemption.{kind}"), &clock::now().to_string(), data)
}

fn is_held(receipt: &Value) -> bool {
    receipt["marks"].as_array().unwrap().iter().any(|mark| mark == "held")
}

async fn a_payment_beyond_a_limit_waits_for_staff_who_release_what_was_not_refunded(store: Store) {
    Trial::bounded_on(store)
        .run(async |app: &mut TestApp| {
            let person = customer(app, "c-1");
            let reference = member(&person, "green-basket").await;
            let shop = app.partner("green-basket").await;
            let pay = async |id: &str, gross: &str| {
                shop.record(&now(payment(id, &reference, gross, "0.00"))).await
            };
            assert!(!is_held(&pay("p-1", "2500.00").await));
            let held = pay("p-2", "600.00").await;
            assert!(is_held(&held), "{held}");
            assert_eq!(held["postings"], json!([]));
            let why = &held["explanation"][0];
            assert_eq!(
                (&why["limit"], &why["figure"], &why["max"]),
                (&json!("customer-points-day"), &json!("3100.00"), &json!("3000.00"))
            );
            assert!(why["says_zh"].as_str().unwrap().starts_with("搁置"), "{why}");
            assert!(is_held(&pay("p-3", "700.00").await));
            // What is within the limit still comes in: what is held uses nothing up.
            assert!(!is_held(&pay("p-4", "400.00").await));
            until(&person, "2900.00", "0.00").await;
            // Goods come back while the payment is held: there is nothing to take back.
            let back = shop.record(&now(refund("r-1", "p-2", "100.00"))).await;
            assert_eq!(back["postings"], json!([]));

            let clerk = staff(app, "ann", &["read", "decide"]);
            let list = get(&clerk, "/v1/held-events?partner=green-basket").await;
            let open = list["held_events"].as_array().unwrap();
            assert_eq!(open.len(), 2, "{list}");
            assert_eq!(open[0]["receipt"]["event"], "p-2");
            let alarms = get(&clerk, "/v1/alarms").await;
            assert_eq!(alarms["alarms"][0]["rule"], "customer-points-day", "{alarms}");
            assert_eq!(alarms["alarms"][0]["events"], 2);

            let released = decide(&clerk, &open[0], "release").await;
            assert_eq!(released.status, 200, "{released:?}");
            assert_eq!(released.body["state"], "released");
            assert_eq!(released.body["decided_by"], "ann");
            let points = until(&person, "3400.00", "0.00").await;
            let says = points["entries"].to_string();
            assert!(says.contains("event.released"), "{says}");
            let again = decide(&clerk, &open[0], "release").await;
            assert_eq!(again.headers["idempotency-replayed"], "true");
            let other = staff(app, "bob", &["decide"]);
            assert_eq!(decide(&other, &open[0], "rejection").await.told(), (409, "held-closed"));
            // A refund after the release goes on where the first ended.
            shop.record(&now(refund("r-2", "p-2", "500.00"))).await;
            until(&person, "2900.00", "0.00").await;
            let more = now(refund("r-3", "p-2", "0.01"));
            assert_eq!(shop.refused(&more).await.1, "refund-exceeds");

            let rejected = decide(&clerk, &open[1], "rejection").await;
            assert_eq!(rejected.body["state"], "rejected", "{rejected:?}");
            shop.record(&now(refund("r-4", "p-3", "700.00"))).await;
            until(&person, "2900.00", "0.00").await;
            let path = format!("/v1/held-events/{}", open[1]["held"].as_str().unwrap());
            assert_eq!(get(&clerk, &path).await["because"], "looked at");
            let done = get(&clerk, "/v1/held-events?state=released").await;
            assert_eq!(done["held_events"].as_array().unwrap().len(), 1);
            for bad in ["?state=x", "?limit=0", "?cursor=x", "?partner=NO"] {
                let path = format!("/v1/held-events{bad}");
                assert_eq!(
                    Answer::of(clerk.request(Method::GET, &path)).await.status,
                    400,
                    "{bad}"
                );
            }
            let figures = get(&clerk, "/v1/partners/green-basket/exposure").await;
            let mut all = figures["figures"].as_array().unwrap().iter();
            let day = all.find(|figure| figure["limit"] == "partner-points-day").unwrap();
            // What staff accepted counts for no limit.
            assert_eq!(day["figure"], "2900.00", "{figures}");
        })
        .await;
}

on_both_stores!(a_payment_beyond_a_limit_waits_for_staff_who_release_what_was_not_refunded);

async fn a_limit_is_exact_when_hundreds_come_at_once_by_two_gateways(store: Store) {
    let trial = Trial::limited_on(store);
    limit(&trial, "green-basket", "partner-points-hour", "5000.00");
    let settings = trial.settings.clone();
    trial
        .run(async |app: &mut TestApp| {
            let second = tallystick::app::App::start(settings.clone()).await.unwrap();
            let shop = app.partner("green-basket").await;
            let mut there = shop.clone();
            there.url = format!("http://{}", second.address());
            let mut waiting = Vec::new();
            for number in 0..300 {
                let shop = if number % 2 == 0 { shop.clone() } else { there.clone() };
                let event =
                    now(payment(&format!("p-{number}"), &format!("m-{number}"), "70.01", "0.00"));
                waiting.push(tokio::spawn(async move { shop.record(&event).await }));
            }
            let mut taken = 0;
            for one in waiting {
                taken += i32::from(!is_held(&one.await.unwrap()));
            }
            // 71 × 70.01 is 4970.71, and 72 × 70.01 would be 5040.72.
            assert_eq!(taken, 71);
            let sum = "SELECT CAST(SUM(amount) AS BIGINT) AS count FROM exposures \
                       WHERE rule = 'partner-points-hour'";
            assert_eq!(count(&app.trial, sum), 71 * 7_001);
            let held = "SELECT COUNT(*) AS count FROM held_events WHERE state = 'open'";
            assert_eq!(count(&app.trial, held), 300 - 71);
            second.stop().await;
        })
        .await;
}

on_both_stores!(a_limit_is_exact_when_hundreds_come_at_once_by_two_gateways);

async fn money_is_exact_to_the_last_fen_when_hundreds_come_at_once_by_two_gateways(store: Store) {
    let trial = Trial::limited_on(store);
    limit(&trial, "green-basket", "partner-subsidy-day", "126.00");
    let settings = trial.settings.clone();
    trial
        .run(async |app: &mut TestApp| {
            let second = tallystick::app::App::start(settings.clone()).await.unwrap();
            let shop = app.partner("green-basket").await;
            let mut there = shop.clone();
            there.url = format!("http://{}", second.address());
            let mut waiting = Vec::new();
            for number in 0..200 {
                let shop = if number % 2 == 0 { shop.clone() } else { there.clone() };
                let (id, member) = (format!("p-{number}"), format!("m-{number}"));
                let mut event = now(payment(&id, &member, "211.30", "30.00"));
                event["data"]["scheme"] = json!("spend-200-save-30");
                waiting.push(tokio::spawn(async move { shop.record(&event).await }));
            }
            let mut taken = 0;
            for one in waiting {
                taken += i32::from(!is_held(&one.await.unwrap()));
            }
            // The limit is met exactly: 7 × 18.00.
            assert_eq!(taken, 7);
            let owed = "SELECT CAST(SUM(balance) AS BIGINT) AS count FROM accounts \
                        WHERE code = 'subsidy_payable'";
            assert_eq!(count(&app.trial, owed), 12_600);
            second.stop().await;
        })
        .await;
}

on_both_stores!(money_is_exact_to_the_last_fen_when_hundreds_come_at_once_by_two_gateways);

async fn the_price_of_a_redemption_beyond_its_limit_is_not_owed_before_staff_say_yes(store: Store) {
    let trial = Trial::bounded_on(store);
    limit(&trial, "green-basket", "customer-redemption-day", "1.00");
    // What is earned here may be spent here at once: the reservation is not what this is about.
    let programme = trial.settings.partners.join("programme.toml");
    let text = std::fs::read_to_string(&programme).unwrap();
    std::fs::write(&programme, text.replace("own_after_days = 3", "own_after_days = 0")).unwrap();
    trial
        .run(async |app: &mut TestApp| {
            let person = customer(app, "c-1");
            let reference = member(&person, "green-basket").await;
            let shop = app.partner("green-basket").await;
            shop.record(&now(payment("p-1", &reference, "500.00", "0.00"))).await;
            let held = hold_points(&shop, &person, "h-1", "150.00").await;
            assert_eq!(held.status, 201, "{held:?}");
            let done = shop.record(&redemption("c-1", "committed", json!({ "hold": "h-1" }))).await;
            assert!(is_held(&done), "{done}");
            let accounts: Vec<&str> = done["postings"]
                .as_array()
                .unwrap()
                .iter()
                .map(|line| line["account"].as_str().unwrap())
                .collect();
            assert_eq!(accounts, ["points_held", "points_redemption"]);
            // The customer has the goods, and gives a third of them back.
            until(&person, "350.00", "0.00").await;
            let back = json!({ "hold": "h-1", "points": "50.00" });
            let back = shop.record(&redemption("b-1", "returned", back)).await;
            assert!(!back.to_string().contains("redemption_payable"), "{back}");
            let owed = "SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) AS count FROM accounts \
                        WHERE code = 'redemption_payable'";
            assert_eq!(count(&app.trial, owed), 0);
            let clerk = staff(app, "ann", &["read", "decide"]);
            let list = get(&clerk, "/v1/held-events").await;
            let released = decide(&clerk, &list["held_events"][0], "release").await;
            assert_eq!(released.status, 200, "{released:?}");
            assert_eq!(count(&app.trial, owed), 100);
            let back = json!({ "hold": "h-1", "points": "100.00" });
            shop.record(&redemption("b-2", "returned", back)).await;
            assert_eq!(count(&app.trial, owed), 0);
        })
        .await;
}

on_both_stores!(the_price_of_a_redemption_beyond_its_limit_is_not_owed_before_staff_say_yes);

async fn a_referral_beyond_the_limit_of_commission_is_on_hold(store: Store) {
    let trial = Trial::bounded_on(store);
    limit(&trial, "sunny-travel", "partner-commission-day", "100.00");
    trial
        .run(async |app: &mut TestApp| {
            app.leads_may_wait = true; // there is no CRM
            let travel = app.partner("sunny-travel").await;
            let refer = async |id: &str| {
                let mut event = referral(id, "travel-loan", "9000.00", "old-town");
                event["time"] = json!(clock::now().to_string());
                travel.record(&event).await
            };
            assert_eq!(refer("t-1").await["referral"]["state"], "qualified");
            let second = refer("t-2").await;
            assert_eq!(second["referral"]["state"], "on_hold", "{second}");
            assert!(is_held(&second));
            let owed = "SELECT CAST(SUM(balance) AS BIGINT) AS count FROM accounts \
                        WHERE code = 'commission_pending'";
            assert_eq!(count(&app.trial, owed), 8_000);
            let clerk = staff(app, "ann", &["read", "decide"]);
            let list = get(&clerk, "/v1/held-events").await;
            let released = decide(&clerk, &list["held_events"][0], "release").await;
            assert_eq!(released.status, 200, "{released:?}");
            assert_eq!(count(&app.trial, owed), 16_000);
            // Decided on where other referrals are, it is decided on here too.
            let third = refer("t-3").await;
            let id = third["referral"]["id"].as_str().unwrap();
            let path = format!("/v1/referrals/{id}/rejection");
            let rejected = clerk.send(&path, &json!({ "reason": "invented" })).await;
            assert_eq!(rejected.status, 200, "{rejected:?}");
            let list = get(&clerk, "/v1/held-events?state=rejected").await;
            assert_eq!(list["held_events"][0]["decided_by"], "ann", "{list}");
        })
        .await;
}

on_both_stores!(a_referral_beyond_the_limit_of_commission_is_on_hold);

async fn conversions_count_for_the_limits_of_their_partner(store: Store) {
    Trial::bounded_on(store)
        .run(async |app: &mut TestApp| {
            app.leads_may_wait = true;
            let firm = app.partner("oak-home").await;
            let clerk = staff(app, "ann", &["read"]);
            let figure = async |limit: &str| {
                let figures = get(&clerk, "/v1/partners/oak-home/exposure").await;
                let mut all = figures["figures"].as_array().unwrap().iter();
                all.find(|figure| figure["limit"] == limit).unwrap()["figure"].clone()
            };
            let event = now(referral("r-1", "green-loan", "20000.00", "new-town"));
            let receipt = firm.record(&event).await;
            let before = figure("partner-commission-day").await;
            let id = receipt["referral"]["id"].as_str().unwrap();
            app.advance(id, ReferralStep::Convert, "").await.unwrap();
            let after = figure("partner-commission-day").await;
            assert_ne!(before, after, "{receipt}");
            assert_eq!(after, "200.00");
            // Told twice, it counts once.
            assert!(app.advance(id, ReferralStep::Convert, "").await.unwrap().replayed);
            assert_eq!(figure("partner-commission-day").await, "200.00");
        })
        .await;
}

on_both_stores!(conversions_count_for_the_limits_of_their_partner);
