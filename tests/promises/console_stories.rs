//! Staff find an event or a referral, and read all that became of it on one page.

use serde_json::json;

use crate::harness::{Browser, Store, Trial, payment, phone_of, referral, refund, staff};

const FIND: &str = "/console/find";

on_both_stores! {
    async fn an_order_leads_to_the_story_of_its_payment(store: Store) {
        Trial::with_console_on(store)
            .run(async |app| {
                let shop = app.partner("green-basket").await;
                let receipt = shop.record(&payment("p-1", "m-1", "100.00", "0.00")).await;
                shop.record(&refund("r-1", "p-1", "40.00")).await;
                let mut eva = Browser::signed_in(app, "reader").await;
                // By the order, the event and the receipt; none of it stands in an address.
                let receipt = receipt["receipt"].as_str().unwrap().to_owned();
                let mut stories = Vec::new();
                for asked in ["order-p-1", " p-1 ", receipt.as_str()] {
                    let page = eva.act(FIND, FIND, &[("asked", asked)]).await;
                    stories.push(page.goes_to().to_owned());
                }
                assert!(stories.iter().all(|story| *story == stories[0]), "{stories:?}");
                assert!(!stories[0].contains("p-1"), "{stories:?}");
                let story = eva.get(&stories[0]).await;
                story.has(&[
                    "Payment · p-1", "Green Basket", "<b>order-p-1</b>", "The partner sent it", "order-p-1",
                    "Booked: Payment", "points", "Another event refers to it",
                    "Refund · r-1", "Where the points are now", "The request was not signed",
                ]);
                // In the order of time.
                let came = story.text.find("The partner sent it").unwrap();
                assert!(came < story.text.find("Refund · r-1").unwrap());
                story.lacks(&["/console/breaks/", "<title>p-1"]);
                eva.language = "zh-CN";
                eva.get(&stories[0]).await.has(&["合作方发来", "入账: 支付"]);
                let page = eva.act(FIND, FIND, &[("asked", "no-such-order")]).await;
                page.has(&["没有此编号的记录"]);
                let page = eva.act(FIND, FIND, &[("asked", "  ")]).await;
                assert_eq!(page.status, 422, "{}", page.text);
            })
            .await;
    }
}

on_both_stores! {
    async fn a_person_is_looked_for_with_a_purpose_that_stays_on_record(store: Store) {
        Trial::with_console_on(store)
            .run(async |app| {
                let shop = app.partner("green-basket").await;
                shop.record(&payment("p-1", "m-1", "100.00", "0.00")).await;
                app.leads_may_wait = true;
                let travel = app.partner("sunny-travel").await;
                travel.record(&referral("l-1", "travel-loan", "9000.00", "harbour")).await;
                let by_member = |purpose: &'static str| {
                    [("about", "person"), ("partner", "green-basket"), ("member", "m-1"), ("purpose", purpose)]
                };
                // Only whoever answers for personal data.
                let mut eva = Browser::signed_in(app, "reader").await;
                eva.get(FIND).await.lacks(&["name=\"phone\""]);
                // A clerk who reconciles reads events, and no referral.
                let mut ann = Browser::signed_in(app, "clerk").await;
                let found = ann.act(FIND, FIND, &[("asked", "l-1")]).await;
                assert_eq!(ann.get(found.goes_to()).await.status, 404);
                let found = ann.act(FIND, FIND, &[("asked", "p-1")]).await;
                ann.get(found.goes_to()).await.has(&["Booked: Payment"]);
                assert_eq!(eva.act(FIND, FIND, &by_member("curious")).await.status, 403);
                let mut pia = Browser::signed_in(app, "privacy").await;
                let page = pia.act(FIND, FIND, &by_member(" ")).await;
                assert_eq!(page.status, 422, "{}", page.text);
                page.has(&["href=\"#purpose\"", "value=\"m-1\""]);
                let story = pia.act(FIND, FIND, &by_member("asks about missing points")).await;
                assert!(story.goes_to().starts_with("/console/stories/events/"));
                let phone = phone_of("l-1");
                let by_phone = [("about", "person"), ("phone", phone.as_str()), ("purpose", "wants no more calls")];
                let page = pia.act(FIND, FIND, &by_phone).await;
                let path = page.goes_to().to_owned();
                assert!(path.starts_with("/console/stories/referrals/"), "{path}");
                let story = pia.get(&path).await;
                story.has(&["The referral: ", "Personal data was read", "wants no more calls"]);
                story.lacks(&[phone.as_str(), "Test Person"]);
                let readings = staff(app, "auditor", &["privacy"]).get("/v1/readings").await.body;
                let purposes: Vec<&str> =
                    readings["readings"].as_array().unwrap().iter().map(|it| it["purpose"].as_str().unwrap()).collect();
                for purpose in ["asks about missing points", "wants no more calls"] {
                    assert!(purposes.contains(&purpose), "{purposes:?}");
                }
                assert_eq!(readings["readings"][0]["reader"], json!("privacy"));
                // Nobody of that number, and neither both nor none.
                let none = [("about", "person"), ("phone", "+8613800000000"), ("purpose", "p")];
                pia.act(FIND, FIND, &none).await.has(&["Nothing of that number is recorded."]);
                let both = [("about", "person"), ("phone", "+8613800000000"), ("member", "m-1"), ("purpose", "p")];
                assert_eq!(pia.act(FIND, FIND, &both).await.status, 422);
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_story_shows_hostile_texts_as_texts() {
    Trial::with_console_on(Store::Sqlite)
        .run(async |app| {
            let shop = app.partner("green-basket").await;
            let mut hostile = payment("p-1", "m-1", "100.00", "0.00");
            hostile["data"]["order"] = json!("<img src=x onerror=alert(1)>");
            shop.record(&hostile).await;
            let mut eva = Browser::signed_in(app, "reader").await;
            let page = eva.act(FIND, FIND, &[("asked", "<script>alert(1)</script>\u{202e}")]).await;
            page.lacks(&["<script>alert", "<img"]);
            let long = "x".repeat(10_000);
            assert_eq!(eva.act(FIND, FIND, &[("asked", &long)]).await.status, 422);
            let found = eva.act(FIND, FIND, &[("asked", "p-1")]).await;
            let story = eva.get(found.goes_to()).await;
            story.lacks(&["<img"]);
            story.has(&["onerror"]);
        })
        .await;
}
