//! What partners share cannot be filled by one of them, and whoever is at a limit delays nobody else.

use crate::harness::{count, payment, run_sql};

/// The sum on the accounts of a code, so that a test can put it back.
const LIABILITY: &str = "FROM accounts WHERE code = 'points_liability'";

on_both_stores! {
    async fn an_overflow_of_the_banks_account_is_not_the_senders_fault(app) {
        let shop = app.partner("green-basket").await;
        shop.record(&payment("p-1", "m-1", "100.00", "0.00")).await;
        let balance = count(&app.trial, &format!("SELECT balance AS count {LIABILITY}"));
        let sign = if balance < 0 { -1 } else { 1 };
        let full = format!("UPDATE accounts SET balance = {} WHERE code = 'points_liability'", sign * (i64::MAX - 5));
        run_sql(&app.trial, &full).unwrap();
        let refused = shop.post(&payment("p-2", "m-2", "100.00", "0.00")).await;
        assert_eq!(refused.status, 503, "{refused:?}");
        let back = format!("UPDATE accounts SET balance = {balance} WHERE code = 'points_liability'");
        run_sql(&app.trial, &back).unwrap();
        shop.record(&payment("p-2", "m-2", "100.00", "0.00")).await;
    }
}

on_both_stores! {
    async fn a_member_at_the_limit_fails_alone_in_its_group(app) {
        let shop = app.partner("green-basket").await;
        shop.record(&payment("p-1", "m-1", "100.00", "0.00")).await;
        let code = "code = 'points_available' AND owner_kind = 'customer'";
        let balance = count(&app.trial, &format!("SELECT balance AS count FROM accounts WHERE {code}"));
        let full = format!("UPDATE accounts SET balance = {} WHERE {code}", i64::MAX - 5);
        run_sql(&app.trial, &full).unwrap();
        let batch = [("p-2", "m-2"), ("p-3", "m-1"), ("p-4", "m-3")]
            .map(|(id, member)| payment(id, member, "100.00", "0.00"));
        let answer = shop.post_batch(&batch).await;
        let outcomes = answer.body["outcomes"].as_array().unwrap();
        let statuses: Vec<u64> = outcomes.iter().map(|outcome| outcome["status"].as_u64().unwrap()).collect();
        assert_eq!(statuses, [201, 422, 201], "{answer:?}");
        let back = format!("UPDATE accounts SET balance = {balance} WHERE {code} AND balance > 1000000000");
        run_sql(&app.trial, &back).unwrap();
    }
}

on_both_stores! {
    async fn a_flood_by_one_partner_leaves_another_its_turn(app) {
        let (flooding, honest) = (app.partner("green-basket").await, app.partner("blue-basket").await);
        let mut floods = Vec::new();
        for flood in 0..30 {
            let batch: Vec<_> = (0..100)
                .map(|number| payment(&format!("f-{flood}-{number}"), &format!("m-{number}"), "10.00", "0.00"))
                .collect();
            let flooding = flooding.clone();
            floods.push(tokio::spawn(async move { flooding.post_batch(&batch).await.status.as_u16() }));
        }
        for number in 0..10 {
            // Never turned away, and served between the batches of the other.
            let answer = honest.post(&payment(&format!("p-{number}"), "m-1", "10.00", "0.00")).await;
            assert_eq!(answer.status, 201, "{answer:?}");
        }
        let still_flooding = floods.iter().filter(|flood| !flood.is_finished()).count();
        println!("{still_flooding} batches of the flood are left");
        for flood in floods {
            let status = flood.await.unwrap();
            assert!([200, 207, 429, 503].contains(&status), "{status}");
        }
    }
}
