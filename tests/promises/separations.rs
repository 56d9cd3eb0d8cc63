//! People say that a line and an event that matched do not belong together: one proposes, another has the match
//! ended, and no later run brings the two together again.

use serde_json::{Value, json};

use crate::harness::{Partner, TestApp, count, payment, run_sql};
use crate::reconcile::{
    STATEMENTS, breaks, checker, clerk, compare, hand_in, line, statement, the_break,
};

const SEPARATIONS: &str = "/v1/reconciliation/separations";

/// A month with one match; its statement.
async fn matched(app: &TestApp) -> Value {
    let shop = app.partner("green-basket").await;
    shop.record(&payment("p-1", "m-1", "100.00", "0.00")).await;
    let clerk = clerk(app);
    let file = statement(&[&line("p-1", "", "SALE", "100.00")]);
    let kept = hand_in(&clerk, STATEMENTS, &file).await;
    assert_eq!(kept.status, 201, "{kept:?}");
    assert_eq!(compare(&clerk).await["matched"], 1);
    kept.body["id"].clone()
}

fn order(statement: &Value) -> Value {
    json!({ "statement": statement, "line": 2, "reason": "another sale of that day" })
}

async fn matches_of(who: &Partner, statement: &Value) -> Vec<Value> {
    let path = "/v1/reconciliation/matches";
    let found = who.get(&format!("{path}?statement={}&line=2", statement.as_str().unwrap())).await;
    assert_eq!(found.status, 200, "{found:?}");
    found.body["matches"].as_array().unwrap().clone()
}

on_both_stores! {
    async fn two_people_end_a_match_and_a_break_stands(app) {
        let statement = matched(app).await;
        let (clerk, checker) = (clerk(app), checker(app));
        let live = matches_of(&clerk, &statement).await;
        assert_eq!((&live[0]["event"], &live[0]["rule"]), (&json!("p-1"), &json!("event_id")));
        assert_eq!(live[0]["report"]["rules"]["version"], 1, "a match says by which rules: {live:?}");
        let by_event = "/v1/reconciliation/matches?partner=green-basket&event=p-1";
        assert_eq!(checker.get(by_event).await.body["matches"], json!(live));
        let proposed = clerk.send(SEPARATIONS, &order(&statement)).await;
        assert_eq!((proposed.status.as_u16(), &proposed.body["state"]), (201, &json!("proposed")), "{proposed:?}");
        assert_eq!(clerk.send(SEPARATIONS, &order(&statement)).await.told(), (409, "match-state"));
        let one = format!("{SEPARATIONS}/{}", proposed.body["id"].as_str().unwrap());
        // Nobody approves their own: not by the program, and not by the database.
        let same = crate::harness::staff(app, "ann", &["settle"]);
        let approval = format!("{one}/approval");
        assert_eq!(same.send(&approval, &json!({})).await.told(), (403, "four-eyes"));
        let alone = "UPDATE separations SET state = 'approved', decided_by = proposed_by, \
                     decided_at = proposed_at, run = (SELECT id FROM reconciliations)";
        assert!(run_sql(&app.trial, alone).is_err());
        let done = checker.send(&approval, &json!({})).await;
        assert_eq!((done.status.as_u16(), &done.body["number"]), (200, &json!(2)), "{done:?}");
        assert_eq!(done.body["report"]["breaks"], json!({ "MISSING_AT_PARTNER": 1, "MISSING_IN_GATEWAY": 1 }));
        assert_eq!(checker.send(&approval, &json!({})).await.told(), (409, "match-state"));
        // The match is kept, with who ended it and why.
        let ended = matches_of(&clerk, &statement).await;
        assert_eq!((ended.len(), &ended[0]["ended_by"]), (1, &json!(2)), "{ended:?}");
        let list = clerk.get(&format!("{SEPARATIONS}?partner=green-basket&period=2026-11")).await;
        let kept = &list.body["separations"][0];
        assert_eq!(
            (&kept["proposed_by"], &kept["decided_by"], &kept["reason"], &kept["run"]),
            (&json!("ann"), &json!("ben"), &json!("another sale of that day"), &done.body["id"])
        );
        assert!(run_sql(&app.trial, "UPDATE separations SET reason = 'other'").is_err());
        run_sql(&app.trial, "DELETE FROM separations").unwrap_err();
        // No later run brings the two together, also not by a newer version of the statement.
        let id = the_break(&clerk, "MISSING_IN_GATEWAY").await;
        let file = crate::reconcile::statement(&[
            &line("p-1", "", "SALE", "100.00"),
            &line("lost", "", "SALE", "1.00"),
        ]);
        assert_eq!(hand_in(&clerk, STATEMENTS, &file).await.status, 201);
        assert_eq!(compare(&clerk).await["matched"], 0);
        let open = breaks(&clerk, "code=MISSING_IN_GATEWAY").await;
        assert!(open.iter().any(|it| it["id"] == json!(id)), "the break goes on: {open:?}");
        assert_eq!(count(&app.trial, "SELECT COUNT(*) AS count FROM matches WHERE ended_by IS NULL"), 0);
    }
}

on_both_stores! {
    async fn what_is_rejected_or_not_matched_changes_nothing(app) {
        let statement = matched(app).await;
        let (clerk, checker) = (clerk(app), checker(app));
        let nothing = json!({ "statement": statement, "line": 3, "reason": "no such line" });
        assert_eq!(clerk.send(SEPARATIONS, &nothing).await.told(), (409, "match-state"));
        let proposed = clerk.send(SEPARATIONS, &order(&statement)).await;
        let one = format!("{SEPARATIONS}/{}", proposed.body["id"].as_str().unwrap());
        let because = json!({ "reason": "the till says the same" });
        let rejected = checker.send(&format!("{one}/rejection"), &because).await;
        assert_eq!((rejected.status.as_u16(), &rejected.body["state"]), (200, &json!("rejected")));
        assert_eq!(checker.send(&format!("{one}/approval"), &json!({})).await.told(), (409, "match-state"));
        assert_eq!(compare(&clerk).await["matched"], 1);
        // It may be proposed again; while the month is compared, nobody decides.
        let again = clerk.send(SEPARATIONS, &order(&statement)).await;
        assert_eq!(again.status, 201, "{again:?}");
        let running = match app.trial.db() {
            tallystick::store::Db::Postgres(_) => "decode(repeat('07', 16), 'hex')",
            tallystick::store::Db::Sqlite(_) => "randomblob(16)",
        };
        run_sql(&app.trial, &format!(
            "INSERT INTO reconciliations (id, partner_id, period, number, state, started_by, started_at, lease_until) \
             VALUES ({running}, 'green-basket', '2026-11', 9, 'running', 'ann', '2026-12-01 00:00:00', \
             '2099-01-01 00:00:00')"
        )).unwrap();
        let one = format!("{SEPARATIONS}/{}", again.body["id"].as_str().unwrap());
        let waits = checker.send(&format!("{one}/approval"), &json!({})).await;
        assert_eq!(waits.told(), (409, "reconciliation-under-way"), "{waits:?}");
        assert_eq!(matches_of(&clerk, &statement).await[0].get("ended_by"), None);
    }
}
