//! A referral has a life that its partner can follow: every move of it is recorded, none that is
//! not allowed, and what the bank found stays with the bank.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tallystick::clock;
use tallystick::referral::{IllegalMove, ReferralState as State, ReferralStep as Step};
use tallystick::writer::{MoveRefusal, WriteError};

use crate::harness::{Partner, TestApp, referral};

/// Refers somebody, and says which referral it is.
async fn refer(partner: &Partner, id: &str) -> String {
    let receipt = partner.record(&referral(id, "travel-loan", "9000.00", "old-town")).await;
    assert_eq!(receipt["referral"]["state"], "qualified", "{receipt}");
    receipt["referral"]["id"].as_str().unwrap().to_owned()
}

async fn read(partner: &Partner, id: &str) -> Value {
    let answer = partner.get(&format!("/v1/referrals/{id}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

fn passed(read: &Value) -> Vec<&str> {
    let history = read["history"].as_array().unwrap();
    history.iter().map(|it| it["state"].as_str().unwrap()).collect()
}

/// The database's own word on the transactions and moves there are.
fn counts(app: &TestApp) -> (i64, usize) {
    let mut db = app.trial.db();
    let transactions = tallystick::store::proof::counts(&mut db).unwrap().transactions;
    let all = tallystick::store::referrals::page(&mut db, &Default::default(), 1_000).unwrap();
    let moves = all.iter().map(|it| tallystick::store::referral_moves::of(&mut db, it.id));
    (transactions, moves.map(|it| it.unwrap().len()).sum())
}

on_both_stores! {
    async fn a_partner_reads_how_its_referral_stands_and_how_it_came_there(app) {
        app.leads_may_wait = true; // there is no CRM in this test
        let travel = app.partner("sunny-travel").await;
        let id = refer(&travel, "t-1").await;
        app.advance(&id, Step::Send, "").await.unwrap();
        app.advance(&id, Step::Contact, "prefers mornings").await.unwrap();
        let moved = app.advance(&id, Step::Convert, "contract 4711").await.unwrap();
        assert_eq!((moved.state, moved.transaction), (State::Rewarded, None));
        let told = read(&travel, &id).await;
        assert_eq!(told["state"], "rewarded");
        assert_eq!(
            passed(&told),
            ["received", "qualified", "sent", "contacted", "converted", "rewarded"]
        );
        assert_eq!(told["history"][0]["by"], "partner");
        assert_eq!(told["history"][3]["by"], "crm");
        assert_eq!(told["history"][3]["reason"], "A customer manager has been in touch.");
        for private in ["prefers mornings", "4711", "harbour-1", "score"] {
            assert!(!told.to_string().contains(private), "{private} in {told}");
        }
        assert_eq!(told["commissions"][0]["amount"], "80.00");
        assert_eq!(told["commissions"][0]["state"], "given");
        // Another partner's is nobody's.
        let home = app.partner("oak-home").await;
        assert_eq!(home.get(&format!("/v1/referrals/{id}")).await.told(), (404, "not-found"));
        assert_eq!(home.get("/v1/referrals").await.body, json!({ "referrals": [], "next": null }));
    }
}

on_both_stores! {
    async fn what_is_not_allowed_is_refused_and_changes_nothing(app) {
        app.leads_may_wait = true;
        let travel = app.partner("sunny-travel").await;
        let id = refer(&travel, "t-1").await;
        app.advance(&id, Step::Contact, "").await.unwrap();
        let before = counts(app);
        for step in [Step::Repay, Step::Cancel, Step::Release, Step::Reject, Step::Send] {
            let refused = app.advance(&id, step, "").await;
            let illegal = IllegalMove { from: State::Contacted, to: step.to() };
            let is_told = |error: &WriteError| {
                matches!(error, WriteError::Move(MoveRefusal::Illegal(it)) if *it == illegal)
            };
            assert!(refused.as_ref().is_err_and(is_told), "{step:?}: {refused:?}");
        }
        let unknown = "01a20994-7d00-7000-8000-00000000003b";
        let refused = app.advance(unknown, Step::Contact, "").await.unwrap_err();
        assert!(matches!(refused, WriteError::Move(MoveRefusal::Unknown)), "{refused:?}");
        assert_eq!(counts(app), before);
        assert_eq!(read(&travel, &id).await["state"], "contacted");
        // Asked again for what is done: done, once.
        let again = app.advance(&id, Step::Contact, "").await.unwrap();
        assert!(again.replayed && again.transaction.is_none());
        assert_eq!(counts(app), before);
    }
}

on_both_stores! {
    async fn a_decline_tells_the_partner_only_that_it_does_not_proceed(app) {
        app.leads_may_wait = true;
        let travel = app.partner("sunny-travel").await;
        let id = refer(&travel, "t-1").await;
        app.advance(&id, Step::Lose, "too many debts elsewhere").await.unwrap();
        let told = read(&travel, &id).await;
        assert_eq!(told["state"], "lost");
        assert_eq!(told["history"][2]["reason"], "not_proceeding");
        assert!(!told.to_string().contains("debts"), "{told}");
        let listed = travel.get("/v1/referrals?state=lost").await.body;
        assert_eq!(listed["referrals"][0]["referral"], id.as_str());
        assert!(!listed.to_string().contains("debts"), "{listed}");
    }
}

on_both_stores! {
    async fn a_partner_lists_its_referrals_by_state_page_by_page(app) {
        app.leads_may_wait = true;
        let travel = app.partner("sunny-travel").await;
        let mut all = Vec::new();
        for number in 0..5 {
            all.push(refer(&travel, &format!("t-{number}")).await);
        }
        app.advance(&all[2], Step::Contact, "").await.unwrap();
        let (mut found, mut next) = (Vec::new(), String::new());
        loop {
            let page = travel.get(&format!("/v1/referrals?limit=2{next}")).await.body;
            let lines = page["referrals"].as_array().unwrap();
            assert!(lines.len() <= 2);
            found.extend(lines.iter().map(|it| it["referral"].as_str().unwrap().to_owned()));
            match page["next"].as_str() {
                Some(cursor) => next = format!("&cursor={cursor}"),
                None => break,
            }
        }
        assert_eq!(found, all);
        let contacted = travel.get("/v1/referrals?state=contacted").await.body;
        assert_eq!(contacted["referrals"].as_array().unwrap().len(), 1);
        for wrong in ["state=gone", "limit=0", "limit=101", "cursor=x"] {
            let answer = travel.get(&format!("/v1/referrals?{wrong}")).await;
            assert_eq!(answer.told(), (400, "parameter"), "{wrong}");
        }
    }
}

on_both_stores! {
    async fn what_nothing_comes_of_expires_in_its_time_and_not_before(app) {
        app.leads_may_wait = true;
        let travel = app.partner("sunny-travel").await;
        let (idle, done) = (refer(&travel, "t-1").await, refer(&travel, "t-2").await);
        app.advance(&done, Step::Convert, "").await.unwrap();
        let days = |days| clock::now().plus(TimeDelta::days(days));
        assert_eq!(app.let_fall_due(days(89)).await, 0);
        assert_eq!(app.let_fall_due(days(91)).await, 1);
        assert_eq!(app.let_fall_due(days(91)).await, 0);
        let told = read(&travel, &idle).await;
        assert_eq!((&told["state"], &told["history"][2]["by"]), (&json!("expired"), &json!("program")));
        assert_eq!(read(&travel, &done).await["state"], "rewarded");
        // Nobody works on it any more.
        assert!(app.advance(&idle, Step::Convert, "").await.is_err());
    }
}

on_both_stores! {
    async fn a_withdrawn_consent_ends_a_referral_that_is_open(app) {
        app.leads_may_wait = true;
        let travel = app.partner("sunny-travel").await;
        let id = refer(&travel, "t-1").await;
        app.advance(&id, Step::Withdraw, "").await.unwrap();
        let told = read(&travel, &id).await;
        assert_eq!(told["state"], "withdrawn");
        assert!(app.advance(&id, Step::Contact, "").await.is_err());
        // Whoever is free may be introduced again.
        let mut again = referral("t-2", "travel-loan", "9000.00", "old-town");
        again["data"]["contact"]["phone"] = json!(crate::harness::phone_of("t-1"));
        assert_eq!(travel.record(&again).await["referral"]["state"], "qualified");
    }
}

on_both_stores! {
    async fn each_lead_says_why_what_next_and_who_and_nobody_has_more_than_they_can(app) {
        app.leads_may_wait = true;
        let travel = app.partner("sunny-travel").await;
        let mut ids = Vec::new();
        for number in 0..4 {
            let amount = if number == 0 { "50000.00" } else { "9000.00" };
            let event = referral(&format!("t-{number}"), "travel-loan", amount, "harbour");
            let receipt = travel.record(&event).await;
            ids.push(receipt["referral"]["id"].as_str().unwrap().to_owned());
        }
        let mut db = app.trial.db();
        let mut found = |id: &str| {
            let id = tallystick::ids::ReferralId::try_from(id).unwrap();
            tallystick::store::referrals::get(&mut db, id).unwrap().unwrap().placement
        };
        let first = found(&ids[0]);
        assert_eq!((first.score, first.why.len()), (20, 1));
        assert_eq!(first.branch.unwrap().as_str(), "harbour-branch");
        assert!(first.next_step.unwrap().starts_with("Call within a working day"));
        let managers: Vec<String> =
            ids.iter().map(|id| found(id).manager.unwrap().to_string()).collect();
        assert_eq!(managers, ["harbour-1", "harbour-2", "harbour-3", "harbour-1"]);
        // Whoever is done with a lead has one less.
        app.advance(&ids[1], Step::Lose, "").await.unwrap();
        app.advance(&ids[2], Step::Convert, "").await.unwrap();
        let receipt = travel.record(&referral("t-9", "travel-loan", "9000.00", "harbour")).await;
        let next = found(receipt["referral"]["id"].as_str().unwrap());
        assert_eq!(next.manager.unwrap().as_str(), "harbour-2");
    }
}
