//! A month is compared again and again: what people decided stays known, whatever the partner sends
//! next, and nobody pays twice unnoticed.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Partner, TestApp, count, payment, reversal, run_sql, staff};
use crate::reconcile::{
    HEADER, STATEMENTS, approve, breaks, checker, clerk, compare, hand_in, line, one_difference,
    propose, statement, the_break,
};

const OWED: &str = "SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) AS count FROM accounts \
                    WHERE code = 'settlement_payable'";

/// The same of another month.
async fn compare_month(clerk: &Partner, period: &str, lines: &[&str]) -> Value {
    let path = STATEMENTS.replace("2026-11", period);
    let kept = hand_in(clerk, &path, &statement(lines)).await;
    assert_eq!(kept.status, 201, "{kept:?}");
    let asked = json!({ "partner": "green-basket", "period": period });
    let answer = clerk.send("/v1/reconciliation/runs", &asked).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body["report"].clone()
}

/// A new version of November, compared.
async fn november(clerk: &Partner, lines: &[&str]) -> Value {
    compare_month(clerk, "2026-11", lines).await
}

async fn adjust(clerk: &Partner, id: &str, amount: &str) -> Answer {
    let body = json!({ "action": "adjust", "reason": "They were right.", "amount": amount });
    clerk.send(&format!("/v1/breaks/{id}/proposals"), &body).await
}

async fn adjusted(app: &TestApp, id: &str, amount: &str) {
    let proposed = adjust(&clerk(app), id, amount).await;
    assert_eq!(proposed.status, 201, "{proposed:?}");
    let done = approve(&checker(app), id).await;
    assert_eq!((done.status.as_u16(), &done.body["state"]), (200, &json!("adjusted")), "{done:?}");
}

async fn page(clerk: &Partner, id: &str) -> Value {
    let found = clerk.get(&format!("/v1/breaks/{id}")).await;
    assert_eq!(found.status, 200, "{found:?}");
    found.body
}

/// A line of another day.
fn of_day(day: &str, event: &str, amount: &str) -> String {
    line(event, "", "SALE", amount).replace("2026-11-02", day)
}

on_both_stores! {
    async fn an_event_that_our_books_have_in_another_month_is_known_there(app) {
        let shop = app.partner("green-basket").await;
        let mut event = payment("p-1", "m-1", "100.00", "0.00");
        event["time"] = json!("2026-09-15T10:15:30Z");
        shop.record(&event).await;
        let clerk = clerk(app);
        let report = compare_month(&clerk, "2026-09", &[&of_day("2026-09-15", "p-1", "100.00")]).await;
        assert_eq!(report["matched"], 1, "{report}");
        // The partner lists the same event once more, as if it were November's.
        let report = november(&clerk, &[&line("p-1", "", "SALE", "100.00")]).await;
        assert_eq!(report["breaks"], json!({ "OTHER_PERIOD": 1 }), "{report}");
        assert_eq!(report["ours"]["all"], json!([]), "{report}");
        let found = page(&clerk, &the_break(&clerk, "OTHER_PERIOD").await).await;
        let ours = &found["our_rows"][0];
        assert_eq!((&ours["event"], &ours["at"]), (&json!("p-1"), &json!("2026-09-15T10:15:30Z")), "{found}");
        assert_eq!(ours["matched_in"], "2026-09");
        assert!(found["says"].as_str().unwrap().contains("in another month, with 100.00 CNY"), "{found}");
        assert!(found["says_zh"].as_str().unwrap().contains("其他月份"), "{found}");
        // Whatever amount it says, and with a void line the status differs.
        let report = november(&clerk, &[&line("p-1", "", "SALE", "90.00")]).await;
        assert_eq!(report["breaks"], json!({ "OTHER_PERIOD": 1 }), "{report}");
        let report = november(&clerk, &[&format!("{}CLOSED", line("p-1", "", "SALE", "100.00"))]).await;
        assert_eq!(report["breaks"], json!({ "STATUS_DIFF": 1 }), "{report}");
        // September's match is as it was.
        assert_eq!(count(&app.trial, "SELECT count(*) AS count FROM matches WHERE ended_by IS NULL"), 1);
    }
}

on_both_stores! {
    async fn an_event_that_staff_have_reversed_is_not_called_unknown(app) {
        let shop = app.partner("green-basket").await;
        let receipt = shop.record(&payment("p-1", "m-1", "100.00", "0.00")).await;
        let back = reversal(&staff(app, "ann", &["adjust"]), "c-1", &receipt).await;
        assert_eq!(back.status, 201, "{back:?}");
        let report = november(&clerk(app), &[&line("p-1", "", "SALE", "100.00")]).await;
        assert_eq!(report["breaks"], json!({ "STATUS_DIFF": 1 }), "{report}");
    }
}

on_both_stores! {
    async fn a_line_of_quite_another_month_is_refused_by_its_number(app) {
        let clerk = clerk(app);
        let good = line("p-1", "", "SALE", "1.00");
        for day in ["2026-10-15", "9999-12-31", "2026-12-05"] {
            let far = of_day(day, "p-2", "1.00");
            let refused = hand_in(&clerk, STATEMENTS, &statement(&[&good, &far])).await;
            assert_eq!(refused.told(), (422, "statement-refused"), "{refused:?}");
            let problem = &refused.body["problems"][0];
            assert_eq!(problem["pointer"], "/lines/3", "{problem}");
            let words = problem["detail"].as_str().unwrap();
            assert!(words.contains("more than 3 days outside 2026-11"), "{problem}");
        }
        let near = of_day("2026-10-29", "p-2", "1.00");
        assert_eq!(hand_in(&clerk, STATEMENTS, &statement(&[&good, &near])).await.status, 201);
    }
}

/// Makes the database do something each time that a break is added.
fn when_a_break_is_added(app: &TestApp, work: &str) {
    let sqlite = format!("CREATE TRIGGER trap AFTER INSERT ON breaks BEGIN {work}; END");
    let postgres = format!(
        "CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {}; RETURN NEW; END $$; \
         CREATE TRIGGER trap AFTER INSERT ON breaks FOR EACH ROW EXECUTE FUNCTION trap()",
        work.replace("SELECT RAISE(ABORT, 'no')", "RAISE EXCEPTION 'no'")
    );
    run_sql(&app.trial, &sqlite).or_else(|_other| run_sql(&app.trial, &postgres)).unwrap();
}

fn no_more(app: &TestApp) {
    let sqlite = run_sql(&app.trial, "DROP TRIGGER trap");
    sqlite.or_else(|_other| run_sql(&app.trial, "DROP TRIGGER trap ON breaks")).unwrap();
}

on_both_stores! {
    async fn a_run_that_fails_leaves_the_month_free_for_the_next(app) {
        let clerk = clerk(app);
        let file = statement(&[&line("gone", "", "SALE", "1.00")]);
        hand_in(&clerk, STATEMENTS, &file).await;
        when_a_break_is_added(app, "SELECT RAISE(ABORT, 'no')");
        let asked = json!({ "partner": "green-basket", "period": "2026-11" });
        for _try in 0..2 {
            let failed = clerk.send("/v1/reconciliation/runs", &asked).await;
            assert_eq!(failed.status, 500, "{failed:?}");
        }
        let given_up = "SELECT count(*) AS count FROM reconciliations WHERE state = 'given_up'";
        assert_eq!(count(&app.trial, given_up), 2);
        no_more(app);
        assert_eq!(compare(&clerk).await["breaks"], json!({ "MISSING_IN_GATEWAY": 1 }));
    }
}

on_both_stores! {
    async fn what_is_decided_while_a_run_works_is_left_alone(app) {
        let id = one_difference(app).await;
        let clerk = clerk(app);
        assert_eq!(propose(&clerk, &id, "accept").await.status, 201);
        // The next version agrees on it. While its run writes, somebody approves.
        let mended = [line("p-1", "", "SALE", "100.00"), line("gone", "", "SALE", "1.00")];
        let file = statement(&[&mended[0], &mended[1]]);
        assert_eq!(hand_in(&clerk, STATEMENTS, &file).await.status, 201);
        when_a_break_is_added(app, "UPDATE break_proposals SET state = 'approved', decided_by = 'ben', \
            decided_at = proposed_at WHERE state = 'proposed'; \
            UPDATE breaks SET state = 'accepted', closed_at = opened_at WHERE state = 'proposed'");
        let report = compare(&clerk).await;
        assert_eq!((&report["matched"], &report["breaks_cleared"]), (&json!(1), &json!(0)), "{report}");
        assert_eq!(page(&clerk, &id).await["state"], "accepted");
        no_more(app);
        compare(&clerk).await;
    }
}

on_both_stores! {
    async fn an_event_that_comes_after_its_adjustment_is_shown_and_not_paid_twice(app) {
        let clerk = clerk(app);
        let lines = [line("p-1", "", "SALE", "100.00"), line("p-2", "", "SALE", "50.00")];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        november(&clerk, &lines).await;
        let missing = breaks(&clerk, "code=MISSING_IN_GATEWAY").await;
        let of_amount = |amount: &str| {
            let found = missing.iter().find(|it| it["theirs"]["amount"] == amount).unwrap();
            found["id"].as_str().unwrap().to_owned()
        };
        let (paid, known) = (of_amount("100.00"), of_amount("50.00"));
        adjusted(app, &paid, "42.00").await;
        assert_eq!(propose(&clerk, &known, "accept").await.status, 201);
        assert_eq!(approve(&checker(app), &known).await.status, 200);
        let shop = app.partner("green-basket").await;
        shop.record(&payment("p-1", "m-1", "100.00", "0.00")).await;
        shop.record(&payment("p-2", "m-1", "50.00", "0.00")).await;
        let report = compare(&clerk).await;
        assert_eq!((&report["matched"], &report["breaks"]), (&json!(2), &json!({ "SETTLED_TWICE": 1 })), "{report}");
        assert_eq!((&report["breaks_new"], &report["decided_no_longer_found"]), (&json!(1), &json!(2)), "{report}");
        // What posted nothing needs no decision, and its page says that it is no more.
        let accepted = page(&clerk, &known).await;
        assert_eq!((&accepted["state"], &accepted["no_longer_found"]), (&json!("accepted"), &json!(true)));
        let id = the_break(&clerk, "SETTLED_TWICE").await;
        let found = page(&clerk, &id).await;
        let decision = &found["decisions"][0];
        assert_eq!((&decision["break"], &decision["posted"]), (&json!(paid), &json!("42.00")), "{found}");
        assert_eq!((&found["their_rows"][0]["event"], &found["our_rows"][0]["event"]), (&json!("p-1"), &json!("p-1")));
        // Nothing more may be paid; what was paid may be taken back, once.
        for amount in ["0.01", "-42.01"] {
            assert_eq!(adjust(&clerk, &id, amount).await.told(), (422, "adjustment-exceeds"), "{amount}");
        }
        assert_eq!(compare(&clerk).await["breaks_new"], 0);
        adjusted(app, &id, "-42.00").await;
        assert_eq!(count(&app.trial, OWED), 0);
        let report = compare(&clerk).await;
        assert_eq!(report["breaks"], json!({}), "{report}");
        // Once more the partner says something else: it is a difference that nobody has paid for.
        let report = november(&clerk, &[&line("p-1", "", "SALE", "130.00"), lines[1]]).await;
        assert_eq!(report["breaks"], json!({ "AMOUNT_DIFF": 1 }), "{report}");
        let again = the_break(&clerk, "AMOUNT_DIFF").await;
        assert_eq!(page(&clerk, &again).await["decisions"].as_array().unwrap().len(), 2);
        adjusted(app, &again, "30.00").await;
    }
}

on_both_stores! {
    async fn one_difference_is_adjusted_once_whatever_the_version_of_the_statement(app) {
        let id = one_difference(app).await;
        let clerk = clerk(app);
        adjusted(app, &id, "0.50").await;
        // Another second, a store, an order: the same difference.
        for harmless in [
            "p-1,,2026-11-02T10:15:31Z,SALE,100.50,,",
            "p-1,o-9,2026-11-03T08:00:00Z,SALE,100.50,main,",
        ] {
            let report = november(&clerk, &[harmless]).await;
            assert_eq!(report["breaks_new"], 0, "{report}");
            assert_eq!(breaks(&clerk, "state=open").await.len(), 0);
        }
        let kept = page(&clerk, &id).await;
        assert_eq!((&kept["state"], &kept["their_rows"][0]["store"]), (&json!("adjusted"), &json!("main")));
        // Another amount is another difference, which names the decision: the rest may be adjusted.
        november(&clerk, &["p-1,,2026-11-02T10:15:31Z,SALE,101.00,,"]).await;
        let more = the_break(&clerk, "AMOUNT_DIFF").await;
        let found = page(&clerk, &more).await;
        assert_eq!((&found["decisions"][0]["break"], &found["decisions"][0]["state"]), (&json!(id), &json!("adjusted")), "{found}");
        let refused = adjust(&clerk, &more, "1.00").await;
        assert_eq!(refused.told(), (422, "adjustment-exceeds"));
        assert!(refused.body["detail"].as_str().unwrap().contains("from -1.00 to 0.50 is left"), "{refused:?}");
        adjusted(app, &more, "0.50").await;
        assert_eq!(count(&app.trial, OWED), 100);
    }
}

on_both_stores! {
    async fn one_event_is_not_adjusted_in_two_months(app) {
        let clerk = clerk(app);
        let of = async |period: &str, day: &str| {
            compare_month(&clerk, period, &[&of_day(day, "never-sent", "360.00")]).await;
            let found = breaks(&clerk, &format!("partner=green-basket&period={period}")).await;
            found[0]["id"].as_str().unwrap().to_owned()
        };
        let (first, second) = (of("2026-10", "2026-10-31").await, of("2026-11", "2026-11-01").await);
        for id in [&first, &second] {
            assert_eq!(adjust(&clerk, id, "42.00").await.status, 201);
        }
        assert_eq!(approve(&checker(app), &first).await.status, 200);
        let refused = approve(&checker(app), &second).await;
        assert_eq!(refused.told(), (422, "adjustment-exceeds"), "{refused:?}");
        let path = format!("/v1/breaks/{second}/rejection");
        checker(app).send(&path, &json!({ "proposal": 1, "reason": "It was paid in October." })).await;
        assert_eq!(adjust(&clerk, &second, "1.00").await.told(), (422, "adjustment-exceeds"));
        compare(&clerk).await;
        let found = page(&clerk, &second).await;
        assert_eq!(found["decisions"][0]["period"], "2026-10", "{found}");
        assert_eq!(propose(&clerk, &second, "accept").await.status, 201);
    }
}

on_both_stores! {
    async fn two_that_approve_at_once_do_not_pay_twice(app) {
        let clerk = clerk(app);
        let mut ids = Vec::new();
        for (period, day) in [("2026-09", "2026-09-30"), ("2026-10", "2026-10-31"), ("2026-11", "2026-11-01")] {
            compare_month(&clerk, period, &[&of_day(day, "never-sent", "360.00")]).await;
            let found = breaks(&clerk, &format!("partner=green-basket&period={period}")).await;
            ids.push(found[0]["id"].as_str().unwrap().to_owned());
        }
        for id in &ids {
            assert_eq!(adjust(&clerk, id, "42.00").await.status, 201);
        }
        let checker = checker(app);
        let (one, two, three) =
            tokio::join!(approve(&checker, &ids[0]), approve(&checker, &ids[1]), approve(&checker, &ids[2]));
        let mut told: Vec<u16> = [one, two, three].iter().map(|it| it.status.as_u16()).collect();
        told.sort_unstable();
        assert_eq!(told, [200, 422, 422]);
        assert_eq!(count(&app.trial, OWED), 4_200);
    }
}

on_both_stores! {
    async fn an_adjustment_whose_line_is_gone_is_shown(app) {
        let clerk = clerk(app);
        november(&clerk, &[&line("gone", "", "SALE", "360.00")]).await;
        let paid = the_break(&clerk, "MISSING_IN_GATEWAY").await;
        adjusted(app, &paid, "42.00").await;
        // The partner has another id for it now.
        let report = november(&clerk, &[&line("other", "", "SALE", "360.00")]).await;
        let codes = json!({ "MISSING_IN_GATEWAY": 1, "SETTLED_GONE": 1 });
        assert_eq!(report["breaks"], codes, "{report}");
        let id = the_break(&clerk, "SETTLED_GONE").await;
        let found = page(&clerk, &id).await;
        assert_eq!((&found["decisions"][0]["break"], &found["their_rows"][0]["event"]), (&json!(paid), &json!("gone")), "{found}");
        assert_eq!(compare(&clerk).await["breaks_new"], 0);
        adjusted(app, &id, "-42.00").await;
        // The line comes back, and nothing stands paid for it.
        let report = november(&clerk, &[&line("gone", "o-1", "SALE", "360.00")]).await;
        assert_eq!(report["breaks"], json!({ "MISSING_IN_GATEWAY": 1 }), "{report}");
        let open = breaks(&clerk, "code=MISSING_IN_GATEWAY").await;
        assert_eq!(open.len(), 1, "{open:?}");
        adjusted(app, open[0]["id"].as_str().unwrap(), "42.00").await;
        let again = compare(&clerk).await;
        assert_eq!((&again["breaks_new"], &again["breaks_cleared"]), (&json!(0), &json!(0)), "{again}");
    }
}

on_both_stores! {
    async fn decisions_of_an_earlier_version_of_the_program_are_known_too(app) {
        let id = one_difference(app).await;
        let clerk = clerk(app);
        adjusted(app, &id, "0.50").await;
        // That version kept nothing of what a break is about.
        run_sql(&app.trial, "DELETE FROM break_subjects").unwrap_err();
        let forget = "DROP TRIGGER break_subjects_no_delete; DELETE FROM break_subjects";
        let other = "ALTER TABLE break_subjects DISABLE TRIGGER USER; DELETE FROM break_subjects; \
                     ALTER TABLE break_subjects ENABLE TRIGGER USER";
        run_sql(&app.trial, forget).or_else(|_other| run_sql(&app.trial, other)).unwrap();
        let file = format!("{HEADER}p-1,,2026-11-02T10:15:30Z,SALE,100.60,,\nTOTAL,1,,,100.60,,\n");
        let request = clerk.request(Method::POST, STATEMENTS).header("content-type", "text/csv");
        assert_eq!(Answer::of(request.body(file)).await.status, 201);
        compare(&clerk).await;
        let found = page(&clerk, &the_break(&clerk, "AMOUNT_DIFF").await).await;
        assert_eq!(found["decisions"][0]["break"], json!(id), "{found}");
    }
}

on_both_stores! {
    async fn what_was_posted_is_taken_back_though_the_event_came_a_fen_off(app) {
        let clerk = clerk(app);
        november(&clerk, &[&line("p-1", "", "SALE", "100.00")]).await;
        let missing = the_break(&clerk, "MISSING_IN_GATEWAY").await;
        adjusted(app, &missing, "100.00").await;
        let shop = app.partner("green-basket").await;
        shop.record(&payment("p-1", "m-1", "100.01", "0.00")).await;
        assert_eq!(compare(&clerk).await["breaks"], json!({ "AMOUNT_DIFF": 1 }));
        let id = the_break(&clerk, "AMOUNT_DIFF").await;
        assert_eq!(page(&clerk, &id).await["decisions"][0]["posted"], "100.00");
        assert_eq!(adjust(&clerk, &id, "-100.02").await.told(), (422, "adjustment-exceeds"));
        adjusted(app, &id, "-100.00").await;
        assert_eq!(count(&app.trial, OWED), 0);
    }
}
