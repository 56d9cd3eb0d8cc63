//! A member of staff alone moves little: small corrections sum by person, by customer and by day,
//! nobody touches their own account, and one person with two accounts is one person.

use reqwest::Method;
use serde_json::{Value, json};

use crate::exposure::{decide, get, now};
use crate::harness::{
    Answer, Partner, Store, TestApp, Trial, adjustment, customer, member, payment, referral,
    reversal, staff, until,
};

/// A trial with the limits that the project ships.
fn with_limits(store: Store) -> Trial {
    let trial = Trial::on(store);
    let path = trial.settings.partners.join("programme.toml");
    let mut text = std::fs::read_to_string(&path).unwrap();
    for (name, limit) in [
        ("person_day_max", "500.00"),
        ("customer_day_max", "200.00"),
        ("customer_month_max", "500.00"),
    ] {
        let wide = format!("{name} = \"10000000.00\"");
        assert!(text.contains(&wide));
        text = text.replace(&wide, &format!("{name} = \"{limit}\""));
    }
    std::fs::write(&path, text).unwrap();
    trial
}

async fn person(app: &TestApp, number: usize) -> String {
    member(&customer(app, &format!("c-{number}")), "green-basket").await
}

async fn small_adjustments_sum_by_person_and_customer(store: Store) {
    with_limits(store)
        .run(async |app: &mut TestApp| {
            let reference = person(app, 1).await;
            // Many at once: exactly as many as fit are posted, the others wait for a second person.
            let mut racing = Vec::new();
            for number in 0..12 {
                let given = adjustment(&format!("a-{number}"), &reference, "50.00");
                let clerk = staff(app, &format!("clerk-{}", number % 3), &["adjust"]);
                racing.push(tokio::spawn(async move { clerk.adjust(&given).await }));
            }
            let mut posted = 0;
            for given in racing {
                let status = given.await.unwrap().status.as_u16();
                assert!([201, 202].contains(&status), "{status}");
                posted += usize::from(status == 201);
            }
            assert_eq!(posted, 4);
            until(&customer(app, "c-1"), "200.00", "0.00").await;
            // Another customer's day is free, until the person's own is full.
            let ann = staff(app, "ann", &["adjust"]);
            let mut statuses = Vec::new();
            for number in 2..8 {
                let given = adjustment(&format!("b-{number}"), &person(app, number).await, "-0.01");
                let none = ann.adjust(&given).await;
                assert_eq!(none.status, 422, "{none:?}");
                let given =
                    adjustment(&format!("c-{number}"), &person(app, number).await, "100.00");
                statuses.push(ann.adjust(&given).await.status.as_u16());
            }
            assert_eq!(statuses, [201, 201, 201, 201, 201, 202]);
            // A second person lets through what waits.
            let bob = staff(app, "bob", &["approve"]);
            let path = "/v1/corrections/c-7/approval";
            assert_eq!(Answer::of(bob.request(Method::POST, path)).await.status, 201);
        })
        .await;
}

on_both_stores!(small_adjustments_sum_by_person_and_customer);

fn with_claims(app: &TestApp, claims: Value) -> Partner {
    let mut all = json!({ "iss": "https://staff.test", "aud": "tallystick" });
    all.as_object_mut().unwrap().append(claims.clone().as_object_mut().unwrap());
    Partner::with_token(&app.url(), &app.trial.staff_key.sign(&all).unwrap())
}

async fn nobody_is_two_people_or_touches_their_own_account(store: Store) {
    let mut trial = Trial::on(store);
    let tokens = trial.settings.staff_tokens.as_mut().unwrap();
    tokens.person_claim = Some("hr.employee_number".to_owned());
    tokens.customer_claim = Some("customer_sub".to_owned());
    trial
        .run(async |app: &mut TestApp| {
            let reference = person(app, 1).await;
            let clerk = |sub: &str, number: Value, roles: &[&str], own: &str| {
                with_claims(
                    app,
                    json!({
                        "sub": sub, "roles": roles, "hr": { "employee_number": number },
                        "customer_sub": own,
                    }),
                )
            };
            let one = clerk("ann", json!(4711), &["adjust"], "c-9");
            let given = adjustment("a-1", &reference, "900.00");
            assert_eq!(one.adjust(&given).await.status, 202);
            let approve = async |by: &Partner, id: &str| {
                let path = format!("/v1/corrections/{id}/approval");
                Answer::of(by.request(Method::POST, &path)).await
            };
            // The same person by another account, and the customer: neither is a second pair of eyes.
            for not_another in [
                clerk("ann-admin", json!("4711"), &["approve"], "c-9"),
                clerk("cid", json!(4712), &["approve"], "c-1"),
            ] {
                let refused = approve(&not_another, "a-1").await;
                assert_eq!(
                    (refused.status.as_u16(), refused.body["type"].as_str()),
                    (403, Some("/problems/four-eyes"))
                );
            }
            let bob = clerk("bob", json!(4713), &["approve", "read"], "c-8");
            assert_eq!(approve(&bob, "a-1").await.status, 201);
            let own = clerk("cid", json!(4712), &["adjust"], "c-1");
            let refused = own.adjust(&adjustment("a-2", &reference, "1.00")).await;
            assert_eq!(refused.status, 403, "{refused:?}");
            // Whoever cannot be told apart is nobody.
            let nobody = with_claims(app, json!({ "sub": "dan", "roles": ["adjust"] }));
            assert_eq!(nobody.adjust(&adjustment("a-3", &reference, "1.00")).await.status, 401);
            let pairs = bob.get("/v1/approval-pairs").await;
            assert_eq!(pairs.body["pairs"][0]["proposed_by"], "4711", "{pairs:?}");
        })
        .await;
}

on_both_stores!(nobody_is_two_people_or_touches_their_own_account);

async fn nobody_touches_the_accounts_of_their_household(store: Store) {
    let mut trial = Trial::bounded_on(store);
    let tokens = trial.settings.staff_tokens.as_mut().unwrap();
    tokens.customer_claim = Some("customer_sub".to_owned());
    tokens.household_claim = Some("family.customers".to_owned());
    trial
        .run(async |app: &mut TestApp| {
            app.leads_may_wait = true;
            let partner = customer(app, "c-1");
            let at_shop = member(&partner, "green-basket").await;
            let at_agency = member(&partner, "sunny-travel").await;
            let roles = ["adjust", "approve", "read", "decide"];
            let clerk = |sub: &str, household: Value| {
                with_claims(
                    app,
                    json!({
                        "sub": sub, "roles": roles, "customer_sub": format!("own-{sub}"),
                        "family": { "customers": household },
                    }),
                )
            };
            let (ann, bob) = (clerk("ann", json!(["c-7", "c-1"])), clerk("bob", json!([])));
            let told = (403, "four-eyes");
            let post = async |by: &Partner, path: &str| {
                by.send(path, &json!({ "reason": "looked at" })).await
            };
            // Corrections: proposed, approved, rejected, reversed.
            assert_eq!(ann.adjust(&adjustment("a-1", &at_shop, "1.00")).await.told(), told);
            let given = bob.adjust(&adjustment("a-2", &at_shop, "1.00")).await;
            assert_eq!(given.status, 201, "{given:?}");
            let back = reversal(&ann, "a-3", &given.body["receipt"]).await;
            assert_eq!(back.told(), told);
            let great = adjustment("a-4", &at_shop, "900.00");
            assert_eq!(bob.adjust(&great).await.status, 202);
            for step in ["approval", "rejection"] {
                let refused = post(&ann, &format!("/v1/corrections/a-4/{step}")).await;
                assert_eq!(refused.told(), told, "{step}: {refused:?}");
            }
            // What is held: a payment, and a referral by either door.
            let shop = app.partner("green-basket").await;
            shop.record(&now(payment("p-1", &at_shop, "9000.00", "0.00"))).await;
            let freeze = "/v1/partners/sunny-travel/freeze";
            assert_eq!(post(&bob, freeze).await.status, 200);
            let travel = app.partner("sunny-travel").await;
            let mut event = now(referral("t-1", "travel-loan", "9000.00", "old-town"));
            event["data"]["member"] = json!(at_agency);
            let receipt = travel.record(&event).await;
            assert_eq!(post(&bob, &format!("{freeze}/end")).await.status, 200);
            let held = get(&bob, "/v1/held-events").await["held_events"].clone();
            let held = held.as_array().unwrap();
            assert_eq!(held.len(), 2, "{held:?}");
            for one in held {
                assert_eq!(decide(&ann, one, "release").await.told(), told);
            }
            let id = receipt["referral"]["id"].as_str().unwrap();
            let path = format!("/v1/referrals/{id}/release");
            assert_eq!(post(&ann, &path).await.told(), told);
            for one in held {
                let released = decide(&bob, one, "release").await;
                assert!([200, 202].contains(&released.status.as_u16()), "{released:?}");
            }
            // A household that cannot be read is no empty one; one person may stand there as a text.
            let odd = clerk("dan", json!({ "c-1": true }));
            let refused = odd.adjust(&adjustment("a-5", &at_shop, "1.00")).await;
            assert_eq!(refused.status, 401, "{refused:?}");
            let one = clerk("dan", json!("c-1"));
            assert_eq!(one.adjust(&adjustment("a-6", &at_shop, "1.00")).await.told(), told);
        })
        .await;
}

on_both_stores!(nobody_touches_the_accounts_of_their_household);

async fn the_same_two_people_too_often_are_shown(store: Store) {
    let trial = Trial::on(store);
    let path = trial.settings.partners.join("programme.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace("pair_often = 10", "pair_often = 3");
    std::fs::write(&path, text.replace("releases_day_max = 50", "releases_day_max = 1")).unwrap();
    trial
        .run(async |app: &mut TestApp| {
            let reference = person(app, 1).await;
            let (ann, bob) =
                (staff(app, "ann", &["adjust"]), staff(app, "bob", &["approve", "read"]));
            let cid = staff(app, "cid", &["approve"]);
            for number in 0..4 {
                let id = format!("a-{number}");
                assert_eq!(ann.adjust(&adjustment(&id, &reference, "900.00")).await.status, 202);
                let by = if number == 3 { &cid } else { &bob };
                let path = format!("/v1/corrections/{id}/approval");
                assert_eq!(Answer::of(by.request(Method::POST, &path)).await.status, 201);
            }
            let pairs = bob.get("/v1/approval-pairs").await;
            let expected = json!([
                { "proposed_by": "ann", "approved_by": "bob", "approvals": 3, "often": true },
                { "proposed_by": "ann", "approved_by": "cid", "approvals": 1, "often": false },
            ]);
            assert_eq!(pairs.body["pairs"], expected, "{pairs:?}");
        })
        .await;
}

on_both_stores!(the_same_two_people_too_often_are_shown);
