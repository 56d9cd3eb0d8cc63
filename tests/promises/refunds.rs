//! What a payment brought goes back with the money, exactly, however it is split.

use serde_json::{Value, json};

use crate::harness::{payment, refund};

fn scheme_payment(id: &str) -> Value {
    let mut event = payment(id, "m-1", "333.33", "30.00");
    event["data"]["scheme"] = json!("spend-200-save-30");
    event
}

on_both_stores! {
    async fn refunds_that_add_up_to_the_whole_leave_exactly_zero(app) {
        let shop = app.partner("green-basket").await;
        let splits: [&[&str]; 4] = [
            &["303.33"],
            &["0.01", "303.32"],
            &["100.00", "100.00", "103.33"],
            &["7.77", "95.11", "0.45", "150.00", "50.00"],
        ];
        for (number, split) in splits.iter().enumerate() {
            let id = format!("p-{number}");
            shop.record(&scheme_payment(&id)).await;
            for (part, amount) in split.iter().enumerate() {
                shop.record(&refund(&format!("r-{number}-{part}"), &id, amount)).await;
            }
        }
        let all = tallystick::store::accounts::all(&mut app.trial.db()).unwrap();
        assert_eq!(all.len(), 5);
        for (account, balance) in all {
            assert!(balance.is_zero(), "{account} is left with {balance}");
        }
    }
}

on_both_stores! {
    async fn refunds_of_one_payment_in_one_batch_see_each_other(app) {
        let shop = app.partner("green-basket").await;
        let answer = shop
            .post_batch(&[
                scheme_payment("p-1"),
                refund("r-1", "p-1", "200.00"),
                refund("r-2", "p-1", "200.00"),
                refund("r-3", "p-1", "103.33"),
            ])
            .await;
        let statuses: Vec<i64> = answer.body["outcomes"]
            .as_array().unwrap().iter().map(|it| it["status"].as_i64().unwrap()).collect();
        assert_eq!(statuses, [201, 201, 422, 201], "{}", answer.text);
        let problem = &answer.body["outcomes"][2]["problem"];
        assert_eq!(problem["detail"], "more is refunded than is left of the payment: 103.33 of 303.33");
    }
}

on_both_stores! {
    async fn concurrent_refunds_never_take_back_more_than_was_paid(app) {
        let shop = app.partner("green-basket").await;
        shop.record(&scheme_payment("p-1")).await;
        let posts: Vec<_> = (0..20)
            .map(|number| {
                let (shop, event) = (shop.clone(), refund(&format!("r-{number}"), "p-1", "50.00"));
                tokio::spawn(async move { shop.post(&event).await.status.as_u16() })
            })
            .collect();
        let mut taken = 0;
        for post in posts {
            taken += i32::from(post.await.unwrap() == 201);
        }
        assert_eq!(taken, 6);
    }
}

on_both_stores! {
    async fn a_refund_needs_its_payment_and_comes_after_it(app) {
        let shop = app.partner("green-basket").await;
        let (status, slug, body) = shop.refused(&refund("r-1", "p-1", "1.00")).await;
        assert_eq!((status, slug.as_str()), (422, "payment-unknown"));
        assert_eq!(body["problems"][0]["pointer"], "/data/payment");
        shop.record(&payment("p-1", "m-1", "10.00", "0.00")).await;
        let mut early = refund("r-1", "p-1", "1.00");
        early["time"] = json!("2026-11-01T00:00:00Z");
        assert_eq!(shop.refused(&early).await.1, "event-time");
        shop.record(&refund("r-1", "p-1", "1.00")).await;
        let of_a_refund = refund("r-2", "r-1", "1.00");
        assert_eq!(shop.refused(&of_a_refund).await.1, "payment-unknown");
    }
}
