//! What customers buy makes leads of those who agreed to be contacted, once, and of nobody else.

use chrono::{Datelike, Months};
use serde_json::{Value, json};
use tallystick::clock;
use tallystick::ids::PartnerId;
use tallystick::store::referrals::{self, Filter, ReferralRecord};

use crate::harness::{
    Partner, TestApp, count, customer, member, payment, phone_of, refund, wait_until,
};

/// The body by which a customer agrees to be contacted.
fn agreement(whose: &str) -> Value {
    json!({
        "contact": { "name": "Test Person", "phone": phone_of(whose) },
        "region": "harbour",
        "consent": {
            "purpose": "to be told of products that fit", "text_version": "2026-10",
            "text_sha256": "7d865e959b2466918c9863afca942d0fb89d7c9ac0c99bafc3749504ded97730",
            "channel": "app", "evidence": "login-1", "given_at": "2026-11-02T10:15:00Z",
        },
    })
}

/// Pays in each of the last three whole months, and says by which events.
async fn pay(shop: &Partner, whose: &str, reference: &str, gross: &str) -> Vec<String> {
    let today = clock::now().utc().date_naive().with_day(1).unwrap();
    let mut ids = Vec::new();
    for back in 1..=3 {
        let day = today.checked_sub_months(Months::new(back)).unwrap();
        let id = format!("{whose}-{back}");
        let mut event = payment(&id, reference, gross, "30.00");
        event["time"] = json!(format!("{day}T04:00:00Z"));
        shop.record(&event).await;
        ids.push(id);
    }
    ids
}

fn leads(app: &TestApp) -> Vec<ReferralRecord> {
    let partner = Some(PartnerId::try_from("own-bank").unwrap());
    let filter = Filter { partner, ..Filter::default() };
    referrals::page(&mut app.trial.db(), &filter, 10).unwrap()
}

/// How many customers the rule has been asked of.
fn looked_at(app: &TestApp) -> i64 {
    count(&app.trial, "SELECT COUNT(*) AS count FROM behaviour_evaluations")
}

on_both_stores! {
    async fn a_regular_who_agreed_is_a_lead_once_and_nobody_else_is(app) {
        app.leads_may_wait = true; // there is no CRM in this test
        let shop = app.partner("green-basket").await;
        let mut people = Vec::new();
        for (whose, gross) in [("regular", "400.00"), ("silent", "400.00"), ("rare", "100.00"), ("returner", "400.00")] {
            let person = customer(app, whose);
            let reference = member(&person, "green-basket").await;
            let paid = pay(&shop, whose, &reference, gross).await;
            if whose == "returner" {
                shop.record(&refund("r-1", &paid[0], "370.00")).await;
            }
            people.push(person);
        }
        for (number, whose) in [(0, "regular"), (2, "rare"), (3, "returner")] {
            let agreed = people[number].send("/v1/customers/me/contact", &agreement(whose)).await;
            assert_eq!(agreed.status, 201, "{agreed:?}");
        }
        wait_until(3, async || looked_at(app)).await;
        let found = leads(app);
        assert_eq!(found.len(), 1);
        let placement = &found[0].placement;
        assert_eq!((found[0].product.as_str(), found[0].state.name()), ("wealth", "qualified"));
        assert_eq!(placement.why, ["+25: Three months of discounted spend at supermarkets."]);
        assert!(placement.next_step.as_ref().unwrap().starts_with("Invite"));
        assert_eq!(placement.branch.as_ref().unwrap().as_str(), "harbour-branch");
        assert!(placement.manager.is_some());
        // Nothing is given for it, and a restart makes no second one.
        app.restart().await;
        let latecomer = customer(app, "latecomer");
        member(&latecomer, "green-basket").await;
        let agreed = latecomer.send("/v1/customers/me/contact", &agreement("latecomer")).await;
        assert_eq!(agreed.status, 201, "{agreed:?}");
        wait_until(4, async || looked_at(app)).await;
        assert_eq!(leads(app).len(), 1);
        // Whoever withdraws is no lead any more, and the CRM gets nothing of them.
        let person = customer(app, "regular");
        let withdrawn = person.send("/v1/customers/me/contact/withdrawal", &json!({})).await;
        assert_eq!(withdrawn.status, 200, "{withdrawn:?}");
        assert_eq!(leads(app)[0].state.name(), "withdrawn");
        assert_eq!(tallystick::store::outbox::depth(&mut app.trial.db()).unwrap().waiting, 0);
    }
}

on_both_stores! {
    async fn whoever_withdraws_is_no_lead_and_the_data_is_gone(app) {
        let shop = app.partner("green-basket").await;
        let person = customer(app, "regular");
        let none = person.send("/v1/customers/me/contact", &agreement("regular")).await;
        assert_eq!(none.told(), (404, "not-found"), "nobody's yet");
        let reference = member(&person, "green-basket").await;
        let refused = person.send("/v1/customers/me/contact", &json!({ "region": "harbour" })).await;
        assert_eq!(refused.told(), (422, "invalid"));
        assert_eq!(person.send("/v1/customers/me/contact", &agreement("regular")).await.status, 201);
        let withdrawal = "/v1/customers/me/contact/withdrawal";
        assert_eq!(person.send(withdrawal, &json!({})).await.status, 200);
        assert_eq!(person.send(withdrawal, &json!({})).await.told(), (404, "not-found"));
        pay(&shop, "regular", &reference, "400.00").await;
        // Another who agreed has been looked at, and nobody else.
        let rare = customer(app, "rare");
        member(&rare, "green-basket").await;
        assert_eq!(rare.send("/v1/customers/me/contact", &agreement("rare")).await.status, 201);
        wait_until(1, async || looked_at(app)).await;
        assert!(leads(app).is_empty());
    }
}
