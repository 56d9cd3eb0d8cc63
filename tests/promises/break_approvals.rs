//! Two persons decide on breaks: the second approves what they have looked at, and nothing else. Many breaks at
//! once are decided on by a total that somebody types.

use serde_json::{Value, json};

use crate::harness::{Partner, TestApp, count, payment, staff};
use crate::reconcile::{
    self, STATEMENTS, approve, approve_number, breaks, checker, clerk, close_as, compare, hand_in,
    line, one_difference, propose, statement, the_break,
};

on_both_stores! {
    async fn an_approval_names_what_it_approves(app) {
        let id = one_difference(app).await;
        let (clerk, checker) = (clerk(app), checker(app));
        assert_eq!(propose(&clerk, &id, "accept").await.status, 201);
        // Between the look and the approval the proposal becomes another one.
        let rejection = format!("/v1/breaks/{id}/rejection");
        let unnamed = checker.send(&rejection, &json!({ "reason": "not so" })).await;
        assert_eq!(unnamed.told(), (422, "invalid"));
        let other = json!({ "proposal": 2, "reason": "not so" });
        assert_eq!(checker.send(&rejection, &other).await.told(), (409, "break-state"));
        let shown = json!({ "proposal": 1, "reason": "not so" });
        let rejected = checker.send(&rejection, &shown).await;
        assert_eq!(rejected.status, 200, "{rejected:?}");
        let body = json!({ "action": "adjust", "reason": "0.50 more", "amount": "0.50" });
        assert_eq!(clerk.send(&format!("/v1/breaks/{id}/proposals"), &body).await.status, 201);
        assert_eq!(approve_number(&checker, &id, 1).await.told(), (409, "break-state"));
        let path = format!("/v1/breaks/{id}/approval");
        for nothing in [json!({}), json!({ "proposal": 0 }), json!({ "proposal": "2" })] {
            assert_eq!(checker.send(&path, &nothing).await.told(), (422, "invalid"), "{nothing}");
        }
        assert_eq!(clerk.get(&format!("/v1/breaks/{id}")).await.body["state"], "proposed");
        let done = approve_number(&checker, &id, 2).await;
        assert_eq!((done.status.as_u16(), &done.body["state"]), (200, &json!("adjusted")), "{done:?}");
        // A month is closed with the statement that was looked at.
        let asked = json!({ "partner": "green-basket", "period": "2026-10" });
        let first = clerk.send("/v1/settlements", &asked).await;
        assert_eq!(first.status, 201, "{first:?}");
        let month = "/v1/settlements/green-basket/2026-10";
        let looked_at = json!({ "sha256": first.body["sha256"] });
        let rejection = format!("{month}/rejection");
        assert_eq!(checker.send(&rejection, &json!({})).await.told(), (422, "invalid"));
        let none = checker.send(&rejection, &looked_at).await;
        assert_eq!(none.status, 200, "{none:?}");
        let second = clerk.send("/v1/settlements", &asked).await;
        assert_eq!(second.status, 201, "{second:?}");
        for act in ["close", "rejection"] {
            let refused = checker.send(&format!("{month}/{act}"), &looked_at).await;
            assert_eq!(refused.told(), (409, "settlement-state"), "{act}: {refused:?}");
        }
        assert_eq!(close_as(&checker, app, "2026-10").await.status, 200);
    }
}

on_both_stores! {
    async fn the_partners_webhooks_learn_what_the_bank_asks_and_decides(app) {
        let shop = app.partner("green-basket").await;
        let events = ["settlement.break.asked", "settlement.break.closed"];
        let hook = json!({ "url": "https://hooks.example.com/bank", "events": events });
        assert_eq!(shop.send("/v1/webhook-endpoints", &hook).await.status, 201);
        // About what the bank does not ask, the partner learns nothing.
        let id = one_difference(app).await;
        let (clerk, checker) = (clerk(app), checker(app));
        assert_eq!(propose(&clerk, &id, "accept").await.status, 201);
        assert_eq!(approve(&checker, &id).await.status, 200);
        let lost = statement(&[&line("p-1", "", "SALE", "100.50"), &line("lost", "", "SALE", "7.00")]);
        assert_eq!(hand_in(&clerk, STATEMENTS, &lost).await.status, 201);
        compare(&clerk).await;
        let asked = the_break(&clerk, "MISSING_IN_GATEWAY").await;
        assert_eq!(propose(&clerk, &asked, "ask_partner").await.status, 201);
        assert_eq!(approve(&checker, &asked).await.status, 200);
        let says = json!({ "says": "it was a training sale" });
        let path = format!("/v1/settlement-breaks/{asked}/answers");
        assert_eq!(shop.send(&path, &says).await.status, 201);
        assert_eq!(propose(&clerk, &asked, "accept").await.status, 201);
        assert_eq!(approve(&checker, &asked).await.status, 200);
        let sent = "SELECT COUNT(*) AS count FROM outbox WHERE kind";
        for kind in events {
            assert_eq!(count(&app.trial, &format!("{sent} = '{kind}'")), 1, "{kind}");
            let about = format!("{sent} = '{kind}' AND body LIKE '%\"break\":\"{asked}\"%'");
            assert_eq!(count(&app.trial, &about), 1, "{kind}");
        }
        app.leads_may_wait = true;
    }
}

on_both_stores! {
    async fn the_partner_learns_that_what_it_was_asked_about_has_gone_by_itself(app) {
        let shop = app.partner("green-basket").await;
        let events = ["settlement.break.asked", "settlement.break.closed"];
        let hook = json!({ "url": "https://hooks.example.com/bank", "events": events });
        assert_eq!(shop.send("/v1/webhook-endpoints", &hook).await.status, 201);
        let id = reconcile::asked_break(app).await;
        // The event comes, and the next run finds nothing any more.
        shop.record(&payment("never-sent", "m-1", "7.00", "0.00")).await;
        assert_eq!(compare(&clerk(app)).await["breaks_cleared"], 1);
        assert_eq!(compare(&clerk(app)).await["breaks_cleared"], 0);
        let closed = "SELECT COUNT(*) AS count FROM outbox WHERE kind = 'settlement.break.closed' \
                      AND body LIKE '%\"state\":\"cleared\"%'";
        assert_eq!(count(&app.trial, &format!("{closed} AND body LIKE '%{id}%'")), 1);
        app.leads_may_wait = true;
    }
}

/// Twelve payments that the partner's statement has, each with another amount: from 0.01 to 0.12 more.
async fn many_differences(app: &TestApp) -> Vec<String> {
    let shop = app.partner("green-basket").await;
    let mut lines = Vec::new();
    for number in 1..=12 {
        let id = format!("p-{number}");
        shop.record(&payment(&id, "m-1", "100.00", "0.00")).await;
        lines.push(line(&id, "", "SALE", &format!("100.{number:02}")));
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let clerk = clerk(app);
    assert_eq!(hand_in(&clerk, STATEMENTS, &statement(&lines)).await.status, 201);
    compare(&clerk).await;
    let found = breaks(&clerk, "code=AMOUNT_DIFF").await;
    assert_eq!(found.len(), 12);
    found.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

fn proposals(ids: &[String], count: usize, cny: &str) -> Value {
    let breaks: Vec<Value> = ids.iter().map(|id| json!({ "break": id })).collect();
    json!({
        "breaks": breaks, "action": "accept", "reason": "the till rounds", "count": count,
        "totals": [{ "currency": "CNY", "amount": cny }],
    })
}

fn approvals(ids: &[String], count: usize, cny: &str) -> Value {
    let breaks: Vec<Value> = ids.iter().map(|id| json!({ "break": id, "proposal": 1 })).collect();
    let totals = json!([{ "currency": "CNY", "amount": cny }]);
    json!({ "breaks": breaks, "count": count, "totals": totals })
}

/// How many breaks are in each of these states.
async fn standing(app: &TestApp, states: &[&str]) -> Vec<usize> {
    let mut counts = Vec::new();
    for state in states {
        counts.push(breaks(&clerk(app), &format!("state={state}")).await.len());
    }
    counts
}

on_both_stores! {
    async fn many_breaks_are_proposed_and_approved_by_a_typed_total_or_not_at_all(app) {
        let ids = many_differences(app).await;
        let (clerk, checker) = (clerk(app), checker(app));
        let (propose, approve) = ("/v1/breaks:propose", "/v1/breaks:approve");
        for (body, slug) in [
            (proposals(&ids, 11, "0.78"), "total-differs"),
            (proposals(&ids, 12, "0.77"), "total-differs"),
            (proposals(&ids, 12, "-0.78"), "invalid"),
            (proposals(&[], 1, "0.78"), "invalid"),
            (proposals(&[ids.clone(), ids.clone()].concat(), 24, "1.56"), "invalid"),
            (proposals(&["no id".to_owned()], 1, "0.78"), "invalid"),
        ] {
            let refused = clerk.send(propose, &body).await;
            assert_eq!(refused.told(), (422, slug), "{refused:?}");
        }
        let unknown = [ids.clone(), vec!["0".repeat(32)]].concat();
        assert_eq!(clerk.send(propose, &proposals(&unknown, 13, "0.78")).await.told(), (404, "not-found"));
        let mut adjust = proposals(&ids, 12, "0.78");
        adjust["action"] = json!("adjust");
        assert_eq!(clerk.send(propose, &adjust).await.told(), (422, "invalid"));
        assert_eq!(standing(app, &["open", "proposed"]).await, [12, 0]);
        // One that somebody has proposed already refuses all, by its id.
        assert_eq!(reconcile::propose(&clerk, &ids[3], "accept").await.status, 201);
        let refused = clerk.send(propose, &proposals(&ids, 12, "0.78")).await;
        assert_eq!(refused.told(), (409, "break-state"));
        assert!(refused.text.contains(&ids[3]), "{refused:?}");
        assert_eq!(standing(app, &["open", "proposed"]).await, [11, 1]);
        let others: Vec<String> = ids.iter().filter(|id| **id != ids[3]).cloned().collect();
        let sum = 78 - cents(&clerk, &ids[3]).await;
        let done = clerk.send(propose, &proposals(&others, 11, &format!("0.{sum:02}"))).await;
        assert_eq!(done.status, 201, "{done:?}");
        assert_eq!(done.body["breaks"][10]["state"], "proposed", "{done:?}");

        let alone = staff(app, "ann", &["settle"]);
        let refused = alone.send(approve, &approvals(&ids, 12, "0.78")).await;
        assert_eq!(refused.told(), (403, "four-eyes"));
        let refused = checker.send(approve, &approvals(&ids, 12, "0.79")).await;
        assert_eq!(refused.told(), (422, "total-differs"));
        let mut other = approvals(&ids, 12, "0.78");
        other["breaks"][5]["proposal"] = json!(2);
        let refused = checker.send(approve, &other).await;
        assert_eq!(refused.told(), (409, "break-state"));
        assert!(refused.text.contains(&ids[5]), "{refused:?}");
        let mut posted = approvals(&ids, 12, "0.78");
        posted["adjusted"] = json!("0.01");
        assert_eq!(checker.send(approve, &posted).await.told(), (422, "total-differs"));
        assert_eq!(standing(app, &["proposed", "accepted"]).await, [12, 0]);
        let done = checker.send(approve, &approvals(&ids, 12, "0.78")).await;
        assert_eq!(done.status, 200, "{done:?}");
        assert_eq!(standing(app, &["proposed", "accepted"]).await, [0, 12]);
        assert_eq!(checker.send(approve, &approvals(&ids, 12, "0.78")).await.told(), (409, "break-state"));
    }
}

/// What the two sides of a break are apart.
async fn cents(clerk: &Partner, id: &str) -> i64 {
    let found = clerk.get(&format!("/v1/breaks/{id}")).await.body;
    let minor = |side: &str| {
        let amount = found[side]["amount"].as_str().unwrap().replace('.', "");
        amount.parse::<i64>().unwrap()
    };
    minor("theirs") - minor("ours")
}

on_both_stores! {
    async fn of_two_clerks_and_two_checkers_at_once_one_is_first_with_each_break(app) {
        let ids = many_differences(app).await;
        let reversed: Vec<String> = ids.iter().rev().cloned().collect();
        let mut racing = Vec::new();
        for number in 0..6 {
            let body = proposals(if number % 2 == 0 { &ids } else { &reversed }, 12, "0.78");
            let clerk = staff(app, &format!("a-{number}"), &["reconcile"]);
            racing.push(tokio::spawn(async move { clerk.send("/v1/breaks:propose", &body).await }));
        }
        let mut statuses = Vec::new();
        for one in racing {
            statuses.push(one.await.unwrap().status.as_u16());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409, 409, 409, 409]);
        let mut racing = Vec::new();
        for number in 0..6 {
            let body = approvals(if number % 2 == 0 { &ids } else { &reversed }, 12, "0.78");
            let checker = staff(app, &format!("b-{number}"), &["settle"]);
            racing.push(tokio::spawn(async move { checker.send("/v1/breaks:approve", &body).await }));
        }
        let mut statuses = Vec::new();
        for one in racing {
            statuses.push(one.await.unwrap().status.as_u16());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409, 409, 409, 409, 409]);
        let approved = "SELECT COUNT(*) AS count FROM break_proposals WHERE state = 'approved'";
        assert_eq!(count(&app.trial, approved), 12);
    }
}
