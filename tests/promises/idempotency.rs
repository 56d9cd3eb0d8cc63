//! Once and only once: a replay gets its first receipt, for ever; another event under the same id
//! is refused.

use serde_json::json;

use crate::harness::payment;

on_both_stores! {
    async fn a_replayed_event_gets_its_first_receipt(app) {
        let shop = app.partner("green-basket").await;
        let event = payment("p-1", "m-1", "88.50", "0.00");
        let first = shop.post(&event).await;
        assert_eq!(first.status, 201, "{first:?}");
        for _ in 0..3 {
            let again = shop.post(&event).await;
            assert_eq!((again.status.as_u16(), &again.text), (200, &first.text));
            assert_eq!(again.headers["idempotency-replayed"], "true");
        }
        app.restart().await;
        let shop = app.partner("green-basket").await;
        let again = shop.post(&event).await;
        assert_eq!((again.status.as_u16(), &again.text), (200, &first.text));
        assert_eq!(shop.get("/v1/events/p-1").await.text, first.text);
    }
}

on_both_stores! {
    async fn white_space_and_key_order_do_not_make_another_event(app) {
        let shop = app.partner("green-basket").await;
        let event = payment("p-1", "m-1", "88.50", "0.00");
        let first = shop.record(&event).await;
        let reordered = r#"{ "data" : {"paid":"88.5", "discount":"0", "gross":"88.50",
            "currency":"CNY", "order":"order-p-1", "member":"m-1"},
            "time":"2026-11-02T18:15:30+08:00", "type":"payment.discounted",
            "source":"/test", "id":"p-1", "specversion":"1.0"}"#;
        let request = shop.request(reqwest::Method::POST, "/v1/events").header("content-type", "application/json").body(reordered);
        let again = crate::harness::Answer::of(request).await;
        assert_eq!((again.status.as_u16(), again.body), (200, first));
    }
}

on_both_stores! {
    async fn the_same_id_with_other_content_is_a_conflict(app) {
        let shop = app.partner("green-basket").await;
        let first = shop.record(&payment("p-1", "m-1", "88.50", "0.00")).await;
        for (gross, member) in [("88.51", "m-1"), ("88.50", "m-2")] {
            let (status, slug, _) = shop.refused(&payment("p-1", member, gross, "0.00")).await;
            assert_eq!((status, slug.as_str()), (409, "event-conflict"));
        }
        assert_eq!(shop.get("/v1/events/p-1").await.body, first);
    }
}

on_both_stores! {
    async fn the_same_id_of_two_partners_is_two_events(app) {
        let (green, blue) = (app.partner("green-basket").await, app.partner("blue-basket").await);
        let first = green.record(&payment("p-1", "m-1", "10.00", "0.00")).await;
        let second = blue.record(&payment("p-1", "m-1", "20.00", "0.00")).await;
        assert_ne!(first["receipt"], second["receipt"]);
    }
}

on_both_stores! {
    async fn concurrent_twins_are_recorded_once(app) {
        let shop = app.partner("green-basket").await;
        let event = payment("p-1", "m-1", "88.50", "0.00");
        let posts = (0..50).map(|_| {
            let (shop, event) = (shop.clone(), event.clone());
            tokio::spawn(async move { shop.post(&event).await })
        });
        let mut texts = std::collections::BTreeSet::new();
        let mut created = 0;
        for post in posts.collect::<Vec<_>>() {
            let answer = post.await.unwrap();
            created += i32::from(answer.status == 201);
            texts.insert(answer.text);
        }
        assert_eq!((created, texts.len()), (1, 1), "{texts:?}");
    }
}

on_both_stores! {
    async fn twins_within_a_batch_are_recorded_once_and_a_changed_twin_is_refused(app) {
        let shop = app.partner("green-basket").await;
        let event = payment("p-1", "m-1", "88.50", "0.00");
        let changed = payment("p-1", "m-1", "88.51", "0.00");
        let answer = shop.post_batch(&[event.clone(), event, changed]).await;
        let outcomes = &answer.body["outcomes"];
        assert_eq!(outcomes[0]["status"], 201);
        assert_eq!(outcomes[1]["status"], 200);
        assert_eq!(outcomes[0]["receipt"], outcomes[1]["receipt"]);
        assert_eq!(outcomes[2]["status"], 409);
    }
}

on_both_stores! {
    async fn a_refused_event_is_not_kept_and_may_come_again_mended(app) {
        let shop = app.partner("green-basket").await;
        let mut event = payment("p-1", "m-1", "88.50", "0.00");
        event["time"] = json!("2016-12-31T10:00:00Z");
        let (status, slug, _) = shop.refused(&event).await;
        assert_eq!((status, slug.as_str()), (422, "outside-term"));
        assert_eq!(shop.get("/v1/events/p-1").await.status, 404);
        shop.record(&payment("p-1", "m-1", "88.50", "0.00")).await;
    }
}
