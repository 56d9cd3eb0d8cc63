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

/// A payment whose lines are of categories, and its refund by line.
fn by_line(id: &str, payment: &str, lines: &[(&str, &str)]) -> Value {
    let minor = |text: &str| text.replace('.', "").parse::<i64>().unwrap();
    let sum: i64 = lines.iter().map(|(_, amount)| minor(amount)).sum();
    let mut event = refund(id, payment, &format!("{}.{:02}", sum / 100, sum % 100));
    let lines = lines.iter().map(|(line, amount)| json!({ "line": line, "amount": amount }));
    event["data"]["lines"] = lines.collect();
    event
}

on_both_stores! {
    async fn a_refund_by_line_takes_back_what_that_line_brought(app) {
        let shop = app.partner("green-basket").await;
        let mut bought = payment("p-1", "m-1", "60.00", "0.00");
        bought["data"]["lines"] = json!([
            { "line": "1", "paid": "10.00" }, { "line": "2", "paid": "20.00" },
            { "line": "3", "paid": "30.00" },
        ]);
        shop.record(&bought).await;
        let taken = |receipt: &Value| -> String {
            let lines = receipt["postings"].as_array().unwrap().iter();
            let of_customer = lines.filter(|line| line["account"] == "points_available");
            of_customer.map(|line| line["amount"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
        };
        let first = shop.record(&by_line("r-1", "p-1", &[("2", "20.00")])).await;
        assert_eq!(taken(&first), "-20.00");
        let second = shop.record(&by_line("r-2", "p-1", &[("3", "0.10"), ("1", "9.99")])).await;
        assert_eq!(taken(&second), "-10.09");
        // Without naming lines: its share of what is left, and at the end all of it.
        let third = shop.record(&refund("r-3", "p-1", "9.91")).await;
        assert_eq!(taken(&third), "-9.91");
        let (_, slug, _) = shop.refused(&by_line("r-4", "p-1", &[("2", "0.01")])).await;
        assert_eq!(slug, "refund-exceeds");
        let (_, slug, _) = shop.refused(&by_line("r-5", "p-1", &[("9", "0.01")])).await;
        assert_eq!(slug, "line-unknown");
        let mut uneven = by_line("r-6", "p-1", &[("1", "0.01")]);
        uneven["data"]["amount"] = json!("0.02");
        assert_eq!(shop.refused(&uneven).await.1, "invalid");
        assert_eq!(taken(&shop.record(&refund("r-7", "p-1", "20.00")).await), "-20.00");
    }
}

on_both_stores! {
    async fn a_payment_is_refunded_in_a_hundred_parts_at_most_and_then_whole(app) {
        let shop = app.partner("green-basket").await;
        shop.record(&payment("p-1", "m-1", "100.00", "0.00")).await;
        let parts: Vec<Value> = (1..100).map(|n| refund(&format!("r-{n}"), "p-1", "0.01")).collect();
        let batch = shop.post_batch(&parts).await;
        assert!(batch.body["outcomes"].as_array().unwrap().iter().all(|it| it["status"] == 201));
        let (status, slug, body) = shop.refused(&refund("r-100", "p-1", "0.01")).await;
        assert_eq!((status, slug.as_str()), (422, "too-many-parts"));
        assert!(body.to_string().contains("of all that is left: 99.01"), "{body}");
        shop.record(&refund("r-100", "p-1", "99.01")).await;
        assert_eq!(shop.refused(&refund("r-101", "p-1", "0.01")).await.1, "refund-exceeds");
    }
}
