//! Overload is answered at once, by 503 with a time to wait. A flood of one partner delays only that
//! partner.

use serde_json::Value;

use crate::harness::{Store, TestApp, Trial, payment};

fn batch(name: &str, events: usize) -> Vec<Value> {
    (0..events).map(|n| payment(&format!("{name}-{n}"), "m-1", "10.00", "0.00")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_is_served_in_its_turn_while_another_floods() {
    for store in [Store::Sqlite, Store::Postgres] {
        let mut trial = Trial::on(store);
        trial.settings.group_max = 100;
        trial.run(flood).await;
    }
}

async fn flood(app: &mut TestApp) {
    let flooding = app.partner("green-basket").await;
    let other = app.partner("lotus-tea").await;
    let flood: Vec<_> = (0..12)
        .map(|number| {
            let (partner, events) = (flooding.clone(), batch(&format!("f{number}"), 100));
            tokio::spawn(async move { partner.post_batch(&events).await })
        })
        .collect();
    while app.writer_depth() == 0 {
        tokio::task::yield_now().await;
    }
    other.record(&payment("o-1", "m-9", "10.00", "0.00")).await;
    // Behind all of the flood, it would have been answered after it.
    let left = flood.iter().filter(|batch| !batch.is_finished()).count();
    assert!(left > 5, "only {left} of 12 batches were still waiting");
    for batch in flood {
        assert_eq!(batch.await.unwrap().status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_much_is_refused_at_once_and_what_is_taken_is_recorded() {
    let mut trial = Trial::on(Store::Sqlite);
    trial.settings.queue_max = 100;
    trial
        .run(async |app| {
            let partner = app.partner("green-basket").await;
            let posting: Vec<_> = (0..12)
                .map(|number| {
                    let (partner, events) = (partner.clone(), batch(&format!("b{number}"), 90));
                    tokio::spawn(async move { (partner.post_batch(&events).await, events) })
                })
                .collect();
            let (mut taken, mut refused) = (Vec::new(), Vec::new());
            for posted in posting {
                let (answer, events) = posted.await.unwrap();
                for (outcome, event) in
                    answer.body["outcomes"].as_array().unwrap().iter().zip(events)
                {
                    if outcome["status"] == 201 {
                        taken.push(event);
                    } else {
                        assert_eq!(outcome["problem"]["type"], "/problems/busy");
                        refused.push(event);
                    }
                }
            }
            assert!(!taken.is_empty() && !refused.is_empty());
            let event = |event: &Value| format!("/v1/events/{}", event["id"].as_str().unwrap());
            assert_eq!(partner.get(&event(taken.last().unwrap())).await.status, 200);
            assert_eq!(partner.get(&event(&refused[0])).await.status, 404);
            // Sent again, it is recorded.
            partner.record(&refused[0]).await;
        })
        .await;
}
