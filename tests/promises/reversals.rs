//! A reversal undoes a transaction exactly, once, or says what to do instead; and the database holds
//! corrections to their rules whoever asks.

use serde_json::{Value, json};
use tallystick::ledger::{Account, Owner};
use tallystick::money::Amount;
use tallystick::store::{Db, accounts};

use crate::harness::{
    Partner, TestApp, adjustment, cloud_event, code, customer, member, payment, referral, refund,
    reversal, staff, until,
};

const ALL: [&str; 3] = ["adjust", "approve", "read"];

async fn known(app: &TestApp) -> (Partner, String) {
    let person = customer(app, "c-1");
    let reference = member(&person, "green-basket").await;
    (person, reference)
}

/// What is on every account that is not empty.
fn books(app: &TestApp) -> Vec<(Account, Amount)> {
    let all = accounts::all(&mut app.trial.db()).unwrap();
    all.into_iter().filter(|(_, balance)| !balance.is_zero()).collect()
}

/// A payment with a discount that the bank bears a part of.
fn subsidised(id: &str, member: &str) -> Value {
    let mut event = payment(id, member, "215.50", "30.00");
    event["data"]["scheme"] = json!("spend-200-save-30");
    event
}

fn try_sql(app: &TestApp, sql: &str) -> String {
    use diesel::connection::SimpleConnection;
    match app.trial.db() {
        Db::Postgres(mut db) => db.batch_execute(sql).unwrap_err().to_string(),
        Db::Sqlite(mut db) => db.batch_execute(sql).unwrap_err().to_string(),
    }
}

on_both_stores! {
    async fn an_adjustment_is_reversed_exactly_and_once(app) {
        let (person, reference) = known(app).await;
        let (ann, bob) = (staff(app, "ann", &ALL), staff(app, "bob", &ALL));
        let given = ann.adjust(&adjustment("a-1", &reference, "80.00")).await.body;
        let taken = ann.adjust(&adjustment("a-2", &reference, "-30.00")).await.body;
        // Part of what was given is gone.
        let refused = reversal(&ann, "r-1", &given["receipt"]).await;
        assert_eq!(refused.told(), (409, "not-reversible"));
        assert!(refused.body["detail"].as_str().unwrap().contains("use a refund or an adjustment"));
        let undone = reversal(&ann, "r-1", &taken["receipt"]).await;
        assert_eq!((undone.status.as_u16(), &undone.body["points"]), (201, &json!("30.00")));
        assert_eq!(undone.body["receipt"]["type"], "reversal");
        assert_eq!(undone.body["reverses"], taken["transaction"]);
        until(&person, "80.00", "0.00").await;
        // Now all of it is there again. The same again is the same, and another one too many.
        assert_eq!(reversal(&ann, "r-2", &given["receipt"]).await.status, 201);
        let points = until(&person, "0.00", "0.00").await;
        assert!(points["entries"][0]["explanation"][0].as_str().unwrap().contains("in full"));
        let again = reversal(&ann, "r-1", &taken["receipt"]).await;
        assert_eq!((again.status.as_u16(), &again.body), (200, &undone.body));
        let twice = reversal(&bob, "r-3", &taken["receipt"]).await;
        assert_eq!(twice.told(), (409, "not-reversible"));
        let of_reversal = reversal(&bob, "r-3", &undone.body["receipt"]).await;
        assert_eq!(of_reversal.told(), (409, "not-reversible"));
        assert_eq!(books(app), []);
        let none = json!({ "receipt": "01a20983-8fb2-701e-8500-271b9da18260" });
        assert_eq!(reversal(&ann, "r-4", &none).await.told(), (404, "not-found"));
    }
}

on_both_stores! {
    async fn a_payment_is_reversed_with_its_subsidy_by_two_and_can_then_not_be_refunded(app) {
        let (person, reference) = known(app).await;
        let shop = app.partner("green-basket").await;
        let paid = shop.record(&subsidised("p-1", &reference)).await;
        assert!(books(app).iter().any(|(account, _)| account.code.name() == "subsidy_payable"));
        let (ann, bob) = (staff(app, "ann", &ALL), staff(app, "bob", &ALL));
        assert_eq!(reversal(&ann, "r-1", &paid).await.status, 202);
        // One proposal at a time; once it is rejected there may be another.
        assert_eq!(reversal(&bob, "r-2", &paid).await.told(), (409, "not-reversible"));
        assert_eq!(bob.reject("r-1", "ask the shop first").await.status, 200);
        assert_eq!(reversal(&bob, "r-2", &paid).await.status, 202);
        assert_eq!(bob.approve("r-2").await.told(), (403, "four-eyes"));
        assert_eq!(ann.approve("r-2").await.status, 201);
        until(&person, "0.00", "0.00").await;
        assert_eq!(books(app), []);
        let (status, slug, _) = shop.refused(&refund("f-1", "p-1", "1.00")).await;
        assert_eq!((status, slug.as_str()), (422, "refund-exceeds"));
        assert_eq!(shop.post(&subsidised("p-1", &reference)).await.body, paid);
        // Money needs two people, however little it is.
        let little = shop.record(&{
            let mut event = subsidised("p-2", &reference);
            event["data"]["gross"] = json!("200.00");
            event["data"]["paid"] = json!("170.00");
            event
        }).await;
        assert_eq!(reversal(&ann, "r-3", &little).await.status, 202);
        assert_eq!(bob.approve("r-3").await.status, 201);
        assert_eq!(books(app), []);
    }
}

on_both_stores! {
    async fn what_has_gone_on_since_is_not_reversed(app) {
        app.leads_may_wait = true;
        let (person, reference) = known(app).await;
        let (ann, bob) = (staff(app, "ann", &ALL), staff(app, "bob", &ALL));
        let shop = app.partner("green-basket").await;
        let refunded = shop.record(&payment("p-1", &reference, "50.00", "0.00")).await;
        shop.record(&refund("f-1", "p-1", "10.00")).await;
        let spent = shop.record(&payment("p-2", &reference, "60.00", "0.00")).await;
        // Spent between proposal and approval: it stays proposed.
        let waiting = shop.record(&payment("p-3", &reference, "200.00", "0.00")).await;
        assert_eq!(reversal(&ann, "r-3", &waiting).await.status, 202);
        let data = json!({ "code": code(&person).await, "points": "150.00" });
        shop.record(&cloud_event("h-1", "redemption.held", "2026-11-04T10:00:00Z", data)).await;
        let data = json!({ "hold": "h-1" });
        shop.record(&cloud_event("c-1", "redemption.committed", "2026-11-04T10:00:00Z", data)).await;
        for (id, receipt) in [("r-1", &refunded), ("r-2", &spent)] {
            assert_eq!(reversal(&ann, id, receipt).await.told(), (409, "not-reversible"), "{id}");
        }
        assert_eq!(bob.approve("r-3").await.told(), (409, "not-reversible"));
        assert_eq!(bob.get("/v1/corrections/r-3").await.body["state"], "proposed");
        // A referral's commission is money; its points and it go together.
        let travel = app.partner("sunny-travel").await;
        let before = books(app);
        let lead = travel.record(&referral("t-1", "travel-loan", "9000.00", "old-town")).await;
        assert_ne!(books(app), before);
        assert_eq!(reversal(&ann, "r-4", &lead).await.status, 202);
        assert_eq!(bob.approve("r-4").await.status, 201);
        assert_eq!(books(app), before);
        assert!(books(app).iter().all(|(account, _)| account.owner != Owner::Partner(
            "sunny-travel".parse().unwrap()
        )));
    }
}

on_both_stores! {
    async fn of_a_refund_and_a_reversal_at_once_one_is_taken(app) {
        let (_, reference) = known(app).await;
        let shop = app.partner("green-basket").await;
        let ann = staff(app, "ann", &ALL);
        for number in 0..8 {
            let id = format!("p-{number}");
            let paid = shop.record(&payment(&id, &reference, "20.00", "0.00")).await;
            let goods = refund(&format!("f-{number}"), &id, "20.00");
            let (refunding, reversing) = (shop.clone(), ann.clone());
            let refunding = tokio::spawn(async move { refunding.post(&goods).await.status });
            let reversed = reversal(&reversing, &format!("r-{number}"), &paid).await.status;
            let refunded = refunding.await.unwrap();
            let taken = u8::from(reversed == 201) + u8::from(refunded == 201);
            assert_eq!(taken, 1, "refund {refunded}, reversal {reversed}");
        }
        assert_eq!(books(app), []);
    }
}

on_both_stores! {
    async fn the_database_itself_asks_for_two_people_and_for_one_reversal(app) {
        let (_, reference) = known(app).await;
        let (ann, bob) = (staff(app, "ann", &ALL), staff(app, "bob", &ALL));
        ann.adjust(&adjustment("a-1", &reference, "900.00")).await;
        let posted = |by: &str| {
            format!(
                "UPDATE corrections SET state = 'posted', transaction_id = customer_id, \
                 approved_by = {by}, closed_at = proposed_at"
            )
        };
        for by in ["NULL", "'ann'"] {
            let refused = try_sql(app, &posted(by)).to_lowercase();
            assert!(refused.contains("check constraint"), "{by}: {refused}");
        }
        bob.approve("a-1").await;
        for sql in [
            "UPDATE corrections SET approved_by = 'cid'",
            "UPDATE corrections SET points = 1",
            "DELETE FROM corrections",
        ] {
            let refused = try_sql(app, sql);
            let named = ["keeps what was proposed", "append-only"];
            assert!(named.iter().any(|why| refused.contains(why)), "{sql}: {refused}");
        }
        let given = bob.get("/v1/corrections/a-1").await.body;
        assert_eq!(reversal(&ann, "r-1", &given["receipt"]).await.status, 202);
        let twice = "INSERT INTO corrections SELECT 'r-2', kind, customer_id, partner_id, \
            member_ref, points, expires_at, reverses, reason, proposed_by, proposed_at, \
            above_limit, state, transaction_id, approved_by, rejected_by, rejected_because, \
            closed_at FROM corrections WHERE id = 'r-1'";
        assert!(try_sql(app, twice).to_lowercase().contains("unique"), "{}", try_sql(app, twice));
    }
}
