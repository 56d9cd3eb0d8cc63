//! What is held is released by people who have nothing of it: nobody releases for their own account, what
//! is worth much needs two, and a refund that comes at the same moment is taken back.

use reqwest::Method;
use serde_json::{Value, json};

use crate::exposure::{decide, get, hold_points, now, redemption};
use crate::harness::{
    Partner, Store, TestApp, Trial, count, customer, member, payment, referral, refund, staff,
    until,
};

/// A trial by the shipped programme, but for one line of it.
fn bounded_but(store: Store, shipped: &str, own: &str) -> Trial {
    let trial = Trial::bounded_on(store);
    let path = trial.settings.partners.join("programme.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(shipped), "the programme has no {shipped}");
    std::fs::write(&path, text.replace(shipped, own)).unwrap();
    trial
}

async fn open(clerk: &Partner) -> Vec<Value> {
    get(clerk, "/v1/held-events").await["held_events"].as_array().unwrap().clone()
}

async fn what_is_worth_much_is_released_by_two(store: Store) {
    Trial::bounded_on(store)
        .run(async |app: &mut TestApp| {
            let person = customer(app, "c-1");
            let reference = member(&person, "green-basket").await;
            let shop = app.partner("green-basket").await;
            // 90.00, 20.00 and 200.00 CNY, at the price of points.
            for (id, gross) in [("p-1", "9000.00"), ("p-2", "2000.00"), ("p-3", "20000.00")] {
                shop.record(&now(payment(id, &reference, gross, "0.00"))).await;
            }
            let [ann, ben] = ["ann", "ben"].map(|id| staff(app, id, &["read", "decide"]));
            let held = open(&ann).await;
            // One of them is within the customer's limits, and not held.
            assert_eq!(held.len(), 2, "{held:?}");
            assert_eq!(decide(&ann, &held[0], "release").await.status, 200);
            until(&person, "11000.00", "0.00").await;
            let waits = decide(&ann, &held[1], "release").await;
            assert_eq!(
                (waits.status.as_u16(), &waits.body["state"]),
                (202, &json!("open")),
                "{waits:?}"
            );
            assert_eq!(waits.body["proposed_by"], "ann");
            until(&person, "11000.00", "0.00").await;
            // The same person again, also under a name that only looks different.
            let again = decide(&ann, &held[1], "release").await;
            assert_eq!(
                (again.status.as_u16(), &again.headers["idempotency-replayed"]),
                (202, &"true".parse().unwrap())
            );
            let same = staff(app, "Ａnn ", &["read", "decide"]);
            assert_eq!(decide(&same, &held[1], "release").await.status, 202);
            until(&person, "11000.00", "0.00").await;
            assert_eq!(decide(&ben, &held[1], "release").await.body["state"], "released");
            until(&person, "31000.00", "0.00").await;
        })
        .await;
}

on_both_stores!(what_is_worth_much_is_released_by_two);

async fn nobody_releases_for_their_own_account(store: Store) {
    let mut trial = Trial::bounded_on(store);
    trial.settings.staff_tokens.as_mut().unwrap().customer_claim = Some("own".to_owned());
    trial
        .run(async |app: &mut TestApp| {
            app.leads_may_wait = true;
            let person = customer(app, "eve-customer");
            let at_shop = member(&person, "green-basket").await;
            let at_agency = member(&person, "sunny-travel").await;
            let shop = app.partner("green-basket").await;
            shop.record(&now(payment("p-1", &at_shop, "9000.00", "0.00"))).await;
            let travel = app.partner("sunny-travel").await;
            let clerk = |own: &str| {
                let claims = json!({
                    "iss": "https://staff.test", "aud": "tallystick", "sub": "eve",
                    "roles": ["read", "decide"], "own": own,
                });
                Partner::with_token(&app.url(), &app.trial.staff_key.sign(&claims).unwrap())
            };
            let freeze = json!({ "reason": "looked at" });
            clerk("x").send("/v1/partners/sunny-travel/freeze", &freeze).await;
            let mut event = now(referral("t-1", "travel-loan", "9000.00", "old-town"));
            event["data"]["member"] = json!(at_agency);
            let receipt = travel.record(&event).await;
            let id = receipt["referral"]["id"].as_str().unwrap().to_owned();
            // What a freeze holds is released by neither door.
            let path = format!("/v1/referrals/{id}/release");
            let body = json!({ "reason": "looked at" });
            assert_eq!(clerk("x").send(&path, &body).await.told(), (409, "freeze-state"));
            clerk("x").send("/v1/partners/sunny-travel/freeze/end", &freeze).await;

            let own = clerk("eve-customer");
            for held in open(&own).await {
                assert_eq!(decide(&own, &held, "release").await.told(), (403, "four-eyes"));
            }
            assert_eq!(own.send(&path, &body).await.told(), (403, "four-eyes"));
            until(&person, "0.00", "0.00").await;
            for held in open(&own).await {
                assert_eq!(decide(&clerk("x"), &held, "release").await.status, 200);
            }
            until(&person, "9500.00", "0.00").await;
        })
        .await;
}

on_both_stores!(nobody_releases_for_their_own_account);

async fn a_refund_at_the_same_moment_is_taken_back(store: Store) {
    let (shipped, own) = ("release_day_max = \"100.00\"", "release_day_max = \"100000.00\"");
    bounded_but(store, shipped, own)
        .run(async |app: &mut TestApp| {
            let shop = app.partner("green-basket").await;
            let clerk = staff(app, "ann", &["read", "decide"]);
            for number in 0..20 {
                let event =
                    payment(&format!("p-{number}"), &format!("m-{number}"), "9000.00", "0.00");
                shop.record(&now(event)).await;
            }
            let mut racing = Vec::new();
            for (number, held) in open(&clerk).await.into_iter().enumerate() {
                let (shop, clerk) = (shop.clone(), clerk.clone());
                let id = held["receipt"]["event"].as_str().unwrap().to_owned();
                racing.push(tokio::spawn(async move {
                    let back = now(refund(&format!("r-{number}"), &id, "9000.00"));
                    let (refunded, released) =
                        tokio::join!(shop.post(&back), decide(&clerk, &held, "release"));
                    assert_eq!((refunded.status.as_u16(), released.status.as_u16()), (201, 200));
                }));
            }
            for one in racing {
                one.await.unwrap();
            }
            let points = "SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) AS count FROM accounts \
                          WHERE code IN ('points_available', 'points_pending')";
            assert_eq!(count(&app.trial, points), 0);
        })
        .await;
}

on_both_stores!(a_refund_at_the_same_moment_is_taken_back);

async fn returns_around_a_release_leave_nothing_owed(store: Store) {
    let trial = Trial::bounded_on(store);
    crate::exposure::limit(&trial, "green-basket", "partner-redemption-day", "0.01");
    trial
        .run(async |app: &mut TestApp| {
            let person = customer(app, "c-1");
            let reference = member(&person, "blue-basket").await;
            let (shop, other) = (app.partner("green-basket").await, app.partner("blue-basket").await);
            other.record(&now(payment("p-1", &reference, "100.00", "0.00"))).await;
            let clerk = staff(app, "ann", &["read", "decide"]);
            for (round, first, second) in [(1, "0.49", "1.51"), (2, "0.50", "1.50"), (3, "1.99", "0.01")] {
                let hold = format!("h-{round}");
                assert_eq!(hold_points(&shop, &person, &hold, "2.00").await.status, 201);
                let done = redemption(&format!("c-{round}"), "committed", json!({ "hold": hold }));
                assert_eq!(shop.record(&done).await["marks"], json!(["held"]));
                let back = |id: &str, points: &str| {
                    let id = format!("{id}-{round}");
                    redemption(&id, "returned", json!({ "hold": hold, "points": points }))
                };
                shop.record(&back("x", first)).await;
                let held = open(&clerk).await;
                assert_eq!(decide(&clerk, &held[0], "release").await.status, 200);
                shop.record(&back("y", second)).await;
                let owed = "SELECT balance AS count FROM accounts WHERE code = 'redemption_payable' \
                            AND owner = 'green-basket'";
                assert_eq!(count(&app.trial, owed), 0, "{round}");
            }
        })
        .await;
}

on_both_stores!(returns_around_a_release_leave_nothing_owed);

async fn a_flood_of_one_partner_hides_nobodys_alarm(store: Store) {
    Trial::bounded_on(store)
        .run(async |app: &mut TestApp| {
            let (shop, tea) = (app.partner("green-basket").await, app.partner("lotus-tea").await);
            tea.record(&now(payment("p-1", "m-1", "90000.00", "0.00"))).await;
            let clerk = staff(app, "ann", &["read"]);
            for part in 0..11 {
                let many: Vec<Value> = (0..1_000)
                    .map(|number| {
                        now(payment(&format!("p-{part}-{number}"), "m-1", "90000.00", "0.00"))
                    })
                    .collect();
                assert_eq!(shop.post_batch(&many).await.status, 200);
            }
            let alarms = get(&clerk, "/v1/alarms").await;
            let of = |id: &str| {
                let all = alarms["alarms"].as_array().unwrap().iter();
                let own = all.filter(|alarm| alarm["partner"] == id);
                own.map(|alarm| alarm["events"].as_i64().unwrap()).sum::<i64>()
            };
            assert_eq!((of("green-basket"), of("lotus-tea")), (11_000, 1), "{alarms}");
        })
        .await;
}

on_both_stores!(a_flood_of_one_partner_hides_nobodys_alarm);

async fn points_under_a_hold_are_not_money_after_a_freeze(store: Store) {
    Trial::bounded_on(store)
        .run(async |app: &mut TestApp| {
            let person = customer(app, "c-1");
            let reference = member(&person, "green-basket").await;
            let (shop, other) =
                (app.partner("green-basket").await, app.partner("blue-basket").await);
            shop.record(&now(payment("p-1", &reference, "100.00", "0.00"))).await;
            assert_eq!(hold_points(&other, &person, "h-1", "100.00").await.status, 201);
            let clerk = staff(app, "ann", &["read", "decide"]);
            let body = json!({ "reason": "stolen", "since": "2026-01-01T00:00:00Z" });
            assert_eq!(clerk.send("/v1/partners/green-basket/freeze", &body).await.status, 200);
            // The customer has the goods. The till is owed nothing until people have looked.
            let done =
                other.record(&redemption("c-1", "committed", json!({ "hold": "h-1" }))).await;
            assert_eq!(done["marks"], json!(["held"]), "{done}");
            let owed = "SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) AS count FROM accounts \
                        WHERE code = 'redemption_payable'";
            assert_eq!(count(&app.trial, owed), 0);
            let says = done["explanation"].to_string();
            assert!(
                says.contains("where these points came from") && !says.contains("green-basket"),
                "{says}"
            );
            let held = open(&clerk).await;
            assert_eq!(decide(&clerk, &held[0], "release").await.status, 200);
            assert_eq!(count(&app.trial, owed), 100);
        })
        .await;
}

on_both_stores!(points_under_a_hold_are_not_money_after_a_freeze);

async fn a_frozen_partners_commission_stays_reserved_whatever_the_crm_says(store: Store) {
    Trial::bounded_on(store)
        .run(async |app: &mut TestApp| {
            app.leads_may_wait = true;
            let travel = app.partner("sunny-travel").await;
            let receipt =
                travel.record(&now(referral("t-1", "travel-loan", "9000.00", "old-town"))).await;
            let id = receipt["referral"]["id"].as_str().unwrap().to_owned();
            let clerk = staff(app, "ann", &["read", "decide"]);
            let body = json!({ "reason": "a stolen key" });
            assert_eq!(clerk.send("/v1/partners/sunny-travel/freeze", &body).await.status, 200);
            app.advance(&id, tallystick::referral::ReferralStep::Contact, "").await.unwrap();
            let payable = "SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) AS count FROM accounts \
                           WHERE code = 'commission_payable'";
            assert_eq!(count(&app.trial, payable), 0);
            assert_eq!(clerk.send("/v1/partners/sunny-travel/freeze/end", &body).await.status, 200);
            app.let_fall_due(tallystick::clock::now()).await;
            assert_eq!(count(&app.trial, payable), 8_000);
        })
        .await;
}

on_both_stores!(a_frozen_partners_commission_stays_reserved_whatever_the_crm_says);

async fn referrals_that_a_limit_holds_take_places_too(store: Store) {
    let trial = bounded_but(store, "partner_held_max = 200 ", "partner_held_max = 3 ");
    crate::exposure::limit(&trial, "sunny-travel", "partner-commission-day", "80.00");
    trial
        .run(async |app: &mut TestApp| {
            app.leads_may_wait = true;
            let travel = app.partner("sunny-travel").await;
            let refer = async |number: usize| {
                let id = format!("t-{number}");
                travel.post(&now(referral(&id, "travel-loan", "9000.00", "old-town"))).await
            };
            for number in 0..4 {
                assert_eq!(refer(number).await.status, 201, "{number}");
            }
            assert_eq!(refer(4).await.told(), (429, "quota-exceeded"));
            // A place is free once, when one of them is decided on.
            let clerk = staff(app, "ann", &["read", "decide"]);
            let held = open(&clerk).await;
            assert_eq!(held.len(), 3);
            assert_eq!(decide(&clerk, &held[0], "rejection").await.status, 200);
            assert_eq!(refer(5).await.status, 201);
            assert_eq!(refer(6).await.told(), (429, "quota-exceeded"));
        })
        .await;
}

on_both_stores!(referrals_that_a_limit_holds_take_places_too);

async fn a_second_freeze_takes_only_what_came_since(store: Store) {
    Trial::bounded_on(store)
        .run(async |app: &mut TestApp| {
            let shop = app.partner("green-basket").await;
            let mut event = payment("p-1", "m-1", "250.00", "30.00");
            event["data"]["scheme"] = json!("spend-200-save-30");
            shop.record(&now(event)).await;
            let clerk = staff(app, "ann", &["read", "decide"]);
            let path = "/v1/partners/green-basket/freeze";
            let reason = json!({ "reason": "looked at" });
            let old = json!({ "reason": "looked at", "since": "2026-01-01T00:00:00Z" });
            assert_eq!(clerk.send(path, &old).await.status, 200);
            let since = tallystick::clock::now().to_string();
            assert_eq!(clerk.send(&format!("{path}/end"), &reason).await.status, 200);
            let new = json!({ "reason": "looked at", "since": since });
            assert_eq!(clerk.send(path, &new).await.status, 200);
            let frozen = "SELECT balance AS count FROM accounts WHERE code = 'payable_frozen'";
            assert_eq!(count(&app.trial, frozen), 0);
            let listed = clerk.request(Method::GET, "/v1/freezes").send().await.unwrap();
            assert_eq!(listed.status(), 200);
        })
        .await;
}

on_both_stores!(a_second_freeze_takes_only_what_came_since);
