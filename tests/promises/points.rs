//! Customers see their own points, explained, page by page, wherever they were earned.

use serde_json::{Value, json};

use crate::harness::{customer, member, payment};

on_both_stores! {
    async fn points_of_all_partners_are_one_balance_with_plain_reasons(app) {
        let person = customer(app, "c-1");
        let at_basket = member(&person, "green-basket").await;
        let at_tea = member(&person, "lotus-tea").await;
        assert_ne!(at_basket, at_tea);
        assert_eq!(member(&person, "green-basket").await, at_basket);
        app.partner("green-basket").await
            .record(&payment("p-1", &at_basket, "88.50", "0.00")).await;
        app.partner("lotus-tea").await.record(&payment("p-1", &at_tea, "18.00", "0.00")).await;
        let points = person.get("/v1/customers/me/points").await.body;
        assert_eq!((&points["balance"], &points["pending"]), (&json!("124.50"), &json!("0.00")));
        // At 0.01 CNY for each point, and what is below a fen is not paid.
        assert_eq!(points["worth"], "1.24");
        let latest = &points["entries"][0];
        assert_eq!(latest["partner"], "lotus-tea");
        assert_eq!(latest["amount"], "36.00");
        assert_eq!(
            latest["explanation"][0],
            "36.00 points: 18.00 CNY paid at 2 points per 1.00 CNY gives 36. Spend them by \
             2028-11-30: what is left then expires."
        );
        // Another customer sees none of it.
        let mut other = customer(app, "c-2").get("/v1/customers/me/points").await.body;
        assert!(other.as_object_mut().unwrap().remove("as_of").is_some());
        assert_eq!(other, json!({
            "balance": "0.00", "worth": "0.00", "pending": "0.00", "held": "0.00", "owed": "0.00", "maturing": [], "expiring": [],
            "entries": [],
        }));
    }
}

on_both_stores! {
    async fn pages_hold_every_entry_once_while_more_come_in(app) {
        let person = customer(app, "c-1");
        let reference = member(&person, "green-basket").await;
        let shop = app.partner("green-basket").await;
        let post = async |number: i32| {
            let event = payment(&format!("p-{number}"), &reference, &format!("{number}.00"), "0.00");
            shop.record(&event).await;
        };
        for number in 1..=7 {
            post(number).await;
        }
        let mut seen = Vec::new();
        let mut path = "/v1/customers/me/points?limit=3".to_owned();
        loop {
            let page = person.get(&path).await.body;
            let entries = page["entries"].as_array().unwrap();
            seen.extend(entries.iter().map(|it| it["amount"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/v1/customers/me/points?limit=3&cursor={next}");
            post(100 + i32::try_from(seen.len()).unwrap()).await;
        }
        assert_eq!(seen, ["7.00", "6.00", "5.00", "4.00", "3.00", "2.00", "1.00"]);
    }
}

on_both_stores! {
    async fn a_bad_page_is_refused_with_what_was_expected(app) {
        let person = customer(app, "c-1");
        for (query, detail) in [
            ("limit=0", "limit: expected 1 to 100"),
            ("limit=101", "limit: expected 1 to 100"),
            ("cursor=x", "cursor: expected the `next` of the page before, unchanged"),
        ] {
            let answer = person.get(&format!("/v1/customers/me/points?{query}")).await;
            assert_eq!((answer.status.as_u16(), &answer.body["detail"]), (400, &json!(detail)));
        }
        let answer = person.get("/v1/customers/me/points?colour=red").await;
        assert_eq!((answer.status.as_u16(), &answer.body["type"]), (400, &json!("/problems/parameter")));
        let _: Value = answer.body;
    }
}
