//! Commission is for people who exist: it waits until somebody talked to the person, and is taken back
//! where nobody did. A person is claimed for a short time only, and a partner has its share of places
//! for referrals and of the managers' time.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tallystick::clock;
use tallystick::ledger::{Account, Cutoff, as_of};
use tallystick::referral::ReferralStep as Step;

use crate::harness::{
    Answer, Partner, Store, TestApp, Trial, count, phone_of, referral, staff, wait_until,
};

fn balances(app: &TestApp) -> BTreeMap<String, String> {
    let all = as_of::balances(&mut app.trial.db(), Cutoff::NONE).unwrap();
    let held = all.into_iter().filter(|(_, balance)| !balance.is_zero());
    held.map(|(account, balance): (Account, _)| {
        (account.code.name().to_owned(), balance.to_string())
    })
    .collect()
}

fn of(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(code, amount)| ((*code).to_owned(), (*amount).to_owned())).collect()
}

/// A referral that brings 80.00 of commission, and its id.
async fn refer(travel: &Partner, id: &str) -> String {
    let receipt = travel.record(&referral(id, "travel-loan", "9000.00", "old-town")).await;
    assert_eq!(receipt["referral"]["state"], "qualified", "{receipt}");
    receipt["referral"]["id"].as_str().unwrap().to_owned()
}

async fn commission(travel: &Partner, id: &str) -> String {
    let body = travel.get(&format!("/v1/referrals/{id}")).await.body;
    body["commissions"][0]["state"].as_str().unwrap().to_owned()
}

on_both_stores! {
    async fn nothing_is_payable_before_somebody_has_talked_to_the_person(app) {
        app.leads_may_wait = true; // there is no CRM in this test
        let travel = app.partner("sunny-travel").await;
        let id = refer(&travel, "t-1").await;
        let pending = of(&[("commission_pending", "80.00"), ("referral_expense", "-80.00")]);
        assert_eq!(balances(app), pending);
        assert_eq!(app.let_fall_due(clock::now().plus(TimeDelta::days(20))).await, 0);
        assert_eq!(balances(app), pending);
        app.advance(&id, Step::Contact, "").await.unwrap();
        let payable = of(&[("commission_payable", "80.00"), ("referral_expense", "-80.00")]);
        assert_eq!(balances(app), payable);
        assert_eq!(commission(&travel, &id).await, "given");
        // Told twice it is paid once; and what is lost after the talk stays earned.
        assert!(app.advance(&id, Step::Contact, "").await.unwrap().replayed);
        app.advance(&id, Step::Lose, "wants another bank").await.unwrap();
        assert_eq!(balances(app), payable);
        // A person who converts at once was talked to.
        let id = refer(&travel, "t-2").await;
        app.advance(&id, Step::Convert, "").await.unwrap();
        assert_eq!(commission(&travel, &id).await, "given");
    }
}

on_both_stores! {
    async fn what_ends_before_anybody_talked_to_the_person_brought_nothing(app) {
        app.leads_may_wait = true;
        let travel = app.partner("sunny-travel").await;
        for (number, step) in [Step::Lose, Step::Expire].into_iter().enumerate() {
            let id = format!("t-{number}");
            let mut event = referral(&id, "travel-loan", "9000.00", "old-town");
            event["data"]["member"] = json!(format!("m-{number}"));
            let receipt = travel.record(&event).await;
            let id = receipt["referral"]["id"].as_str().unwrap().to_owned();
            assert_eq!(balances(app).get("commission_pending").map(String::as_str), Some("80.00"));
            app.advance(&id, step, "no such number").await.unwrap();
            assert_eq!(balances(app), of(&[]), "{step:?}");
            assert_eq!(commission(&travel, &id).await, "clawed_back");
        }
        // By the partner itself, as a fraudster would: refer, withdraw, and nothing is left.
        let mut event = referral("t-9", "travel-loan", "9000.00", "old-town");
        event["data"]["member"] = json!("m-9");
        let receipt = travel.record(&event).await;
        let consent = receipt["referral"]["consent"].as_str().unwrap();
        let path = format!("/v1/consents/{consent}/withdrawal");
        assert_eq!(travel.send(&path, &json!({})).await.status, 201);
        assert_eq!(balances(app), of(&[]));
    }
}

/// A trial with other bounds of referrals.
fn bounded(store: Store, changes: &[(&str, &str)]) -> Trial {
    let trial = Trial::on(store);
    let path = trial.settings.partners.join("programme.toml");
    let mut text = std::fs::read_to_string(&path).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    std::fs::write(&path, text).unwrap();
    trial
}

async fn a_partner_has_a_share_of_open_referrals(store: Store) {
    bounded(store, &[("partner_open_max = 1000000", "partner_open_max = 3")])
        .run(async |app: &mut TestApp| {
            app.leads_may_wait = true;
            let travel = app.partner("sunny-travel").await;
            let mut racing = Vec::new();
            for number in 0..10 {
                let event = referral(&format!("t-{number}"), "travel-loan", "9000.00", "old-town");
                let travel = travel.clone();
                racing.push(tokio::spawn(async move { travel.post(&event).await }));
            }
            let mut taken = Vec::new();
            for answer in racing {
                let answer = answer.await.unwrap();
                if answer.status == 201 {
                    taken.push(answer.body["referral"]["id"].as_str().unwrap().to_owned());
                } else {
                    assert_eq!(answer.status, 429, "{answer:?}");
                    assert_eq!(answer.told().1, "quota-exceeded", "{answer:?}");
                }
            }
            assert_eq!(taken.len(), 3);
            // Another partner has a share of its own, and what has ended makes room.
            let moon = app.partner("moon-travel").await;
            refer(&moon, "m-1").await;
            app.advance(&taken[0], Step::Lose, "").await.unwrap();
            refer(&travel, "t-20").await;
            let event = referral("t-21", "travel-loan", "9000.00", "old-town");
            assert_eq!(travel.refused(&event).await.1, "quota-exceeded");
        })
        .await;
}

on_both_stores!(a_partner_has_a_share_of_open_referrals);

async fn a_partner_has_a_share_of_the_managers(store: Store) {
    bounded(store, &[("manager_share = \"1\"", "manager_share = \"0.02\"")])
        .run(async |app: &mut TestApp| {
            app.leads_may_wait = true;
            let (travel, moon) =
                (app.partner("sunny-travel").await, app.partner("moon-travel").await);
            // Two in a hundred of the 150 places of the branch are three.
            for number in 0..4 {
                refer(&travel, &format!("t-{number}")).await;
            }
            let with_manager =
                "SELECT COUNT(*) AS count FROM referrals WHERE manager_id IS NOT NULL";
            assert_eq!(count(&app.trial, with_manager), 3);
            refer(&moon, "m-1").await;
            assert_eq!(count(&app.trial, with_manager), 4);
        })
        .await;
}

on_both_stores!(a_partner_has_a_share_of_the_managers);

async fn a_person_is_claimed_for_a_short_time_until_somebody_talks_to_them(store: Store) {
    bounded(store, &[("claim_days = 3000\n", "claim_days = 14\n")])
        .run(async |app: &mut TestApp| {
            app.leads_may_wait = true;
            let travel = app.partner("sunny-travel").await;
            let id = refer(&travel, "t-1").await;
            let claimed_beyond = |days: i64| {
                let then = clock::now().plus(TimeDelta::days(days)).utc();
                let then = then.format("%Y-%m-%d %H:%M:%S");
                count(
                    &app.trial,
                    &format!(
                        "SELECT COUNT(*) AS count FROM referral_claims WHERE until > '{then}'"
                    ),
                )
            };
            let keys = claimed_beyond(13);
            assert!(keys > 0);
            assert_eq!(claimed_beyond(15), 0);
            app.advance(&id, Step::Contact, "").await.unwrap();
            assert_eq!(claimed_beyond(15), keys);
        })
        .await;
}

on_both_stores!(a_person_is_claimed_for_a_short_time_until_somebody_talks_to_them);

/// A person with a token of the bank that vouches for a phone number.
fn person(app: &TestApp, subject: &str, phone: &Value) -> Partner {
    let claims = json!({
        "iss": "https://login.test", "aud": "tallystick", "sub": subject, "phone_number": phone,
        "phone_number_verified": !phone.is_null(),
    });
    Partner::with_token(&app.url(), &app.trial.sign_customer(&claims))
}

async fn confirm(person: &Partner, id: &str) -> Answer {
    person.send(&format!("/v1/customers/me/referrals/{id}/confirmation"), &json!({})).await
}

async fn the_persons_own_word_is_proof_that_they_exist(store: Store) {
    let mut trial = bounded(store, &[("claim_days = 3000\n", "claim_days = 14\n")]);
    trial.settings.customer_tokens.as_mut().unwrap().phone_claim = Some("phone_number".to_owned());
    trial
        .run(async |app: &mut TestApp| {
            app.leads_may_wait = true;
            let travel = app.partner("sunny-travel").await;
            let id = refer(&travel, "t-1").await;
            let pending = of(&[("commission_pending", "80.00"), ("referral_expense", "-80.00")]);
            let payable = of(&[("commission_payable", "80.00"), ("referral_expense", "-80.00")]);
            assert_eq!(balances(app), pending);
            // Nobody else can: no number, another's, or one that the bank has not verified.
            let unverified = json!({
                "iss": "https://login.test", "aud": "tallystick", "sub": "x",
                "phone_number": phone_of("t-1"), "phone_number_verified": false,
            });
            let token = app.trial.sign_customer(&unverified);
            for other in [
                person(app, "c-8", &Value::Null),
                person(app, "c-9", &json!(phone_of("t-9"))),
                Partner::with_token(&app.url(), &token),
            ] {
                assert_eq!(other.get("/v1/customers/me/referrals").await.body["referrals"], json!([]));
                assert_eq!(confirm(&other, &id).await.status, 404);
            }
            assert_eq!(balances(app), pending);

            let own = person(app, "c-1", &json!(phone_of("t-1")));
            let list = own.get("/v1/customers/me/referrals").await.body;
            let seen = (&list["referrals"][0]["referral"], &list["referrals"][0]["partner"]);
            assert_eq!(seen, (&json!(id), &json!("sunny-travel")), "{list}");
            // Twice at once, it is paid once.
            let (one, two) = tokio::join!(confirm(&own, &id), confirm(&own, &id));
            for confirmed in [&one, &two] {
                assert_eq!(confirmed.status, 200, "{confirmed:?}");
                assert!(confirmed.body["confirmed_at"].is_string(), "{confirmed:?}");
            }
            assert_eq!(balances(app), payable);
            assert_eq!(commission(&travel, &id).await, "given");
            let then = clock::now().plus(TimeDelta::days(15)).utc().format("%Y-%m-%d %H:%M:%S");
            let kept = format!(
                "SELECT COUNT(*) AS count FROM referral_claims WHERE until IS NULL OR until > '{then}'"
            );
            assert!(count(&app.trial, &kept) > 0, "the claim lasts as the product says");
            // The talk brings nothing more; what was never talked about is taken back on withdrawal.
            app.advance(&id, Step::Contact, "").await.unwrap();
            assert_eq!(balances(app), payable);
            assert_eq!(confirm(&own, &id).await.status, 200, "it was confirmed before");

            for (name, step, left) in [
                ("t-2", Step::Withdraw, "80.00"),
                ("t-3", Step::Lose, "80.00"),
                ("t-4", Step::Expire, "160.00"),
            ] {
                let id = refer(&travel, name).await;
                let own = person(app, name, &json!(phone_of(name)));
                assert_eq!(confirm(&own, &id).await.status, 200);
                app.advance(&id, step, "no more").await.unwrap();
                assert_eq!(balances(app)["commission_payable"], left, "{step:?}");
                let late = refer(&travel, &format!("{name}-late")).await;
                let own = person(app, name, &json!(phone_of(&format!("{name}-late"))));
                app.advance(&late, step, "no more").await.unwrap();
                let refused = confirm(&own, &late).await;
                assert!(
                    [(404, "not-found"), (409, "referral-state")].contains(&refused.told()),
                    "{refused:?}"
                );
            }
        })
        .await;
}

on_both_stores!(the_persons_own_word_is_proof_that_they_exist);

async fn a_word_for_a_frozen_partner_pays_when_the_freeze_is_lifted(store: Store) {
    let mut trial = Trial::on(store);
    trial.settings.customer_tokens.as_mut().unwrap().phone_claim = Some("phone_number".to_owned());
    trial
        .run(async |app: &mut TestApp| {
            app.leads_may_wait = true;
            let travel = app.partner("sunny-travel").await;
            let id = refer(&travel, "t-1").await;
            let clerk = staff(app, "ann", &["decide"]);
            let path = "/v1/partners/sunny-travel/freeze";
            let reason = json!({ "reason": "looked at" });
            assert_eq!(clerk.send(path, &reason).await.status, 200);
            let own = person(app, "c-1", &json!(phone_of("t-1")));
            assert_eq!(confirm(&own, &id).await.status, 200);
            let pending = of(&[("commission_pending", "80.00"), ("referral_expense", "-80.00")]);
            assert_eq!(balances(app), pending);
            assert_eq!(clerk.send(&format!("{path}/end"), &reason).await.status, 200);
            let payable = of(&[("commission_payable", "80.00"), ("referral_expense", "-80.00")]);
            wait_until(payable, async || balances(app)).await;
        })
        .await;
}

on_both_stores!(a_word_for_a_frozen_partner_pays_when_the_freeze_is_lifted);
