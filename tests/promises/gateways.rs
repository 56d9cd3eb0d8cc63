//! Several gateways on one PostgreSQL: correctness rests on the database, never on there being one
//! process.

use crate::crash::Served;
use crate::harness::{Cluster, Store, Trial, payment, refund};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_record_the_same_events_once() {
    let trial = Trial::on(Store::Postgres);
    let gateways = [Served::start(&trial, &[]), Served::start(&trial, &[])];
    let left = gateways[0].partner(&trial, "green-basket").await;
    let right = gateways[1].partner(&trial, "green-basket").await;
    let mut tasks = Vec::new();
    for number in 0..200 {
        let event = payment(&format!("p-{number}"), &format!("m-{}", number % 5), "10.00", "0.00");
        for partner in [&left, &right] {
            let (partner, event) = (partner.clone(), event.clone());
            tasks.push(tokio::spawn(async move { partner.post(&event).await }));
        }
    }
    let mut created = 0;
    for task in tasks {
        let answer = task.await.unwrap();
        assert!(answer.status.is_success(), "{answer:?}");
        created += i32::from(answer.status == 201);
    }
    assert_eq!(created, 200);
    // Refunds of one payment, racing through both: six of fifty fit into the three hundred.
    left.record(&payment("big", "m-0", "300.00", "0.00")).await;
    let mut tasks = Vec::new();
    for number in 0..10 {
        for (partner, side) in [(&left, "l"), (&right, "r")] {
            let (partner, event) =
                (partner.clone(), refund(&format!("r-{side}-{number}"), "big", "50.00"));
            tasks.push(tokio::spawn(async move { partner.post(&event).await.status.as_u16() }));
        }
    }
    let mut taken = 0;
    for task in tasks {
        taken += i32::from(task.await.unwrap() == 201);
    }
    assert_eq!(taken, 6);
    for gateway in gateways {
        assert!(gateway.stop().success());
    }
    assert_eq!(trial.findings(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_whose_connections_are_cut_goes_on_with_new_ones() {
    let app = Trial::on(Store::Postgres).start().await;
    let shop = app.partner("green-basket").await;
    shop.record(&payment("p-0", "m-1", "10.00", "0.00")).await;
    for number in 1..=5 {
        Cluster::shared().psql(
            "postgres",
            &format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
                app.trial.database_name()
            ),
        );
        // The event on its way when the connection is found dead is tried again, not lost.
        shop.record(&payment(&format!("p-{number}"), "m-1", "10.00", "0.00")).await;
        assert_eq!(shop.get(&format!("/v1/events/p-{number}")).await.status, 200);
    }
    Box::pin(app.stop_and_prove()).await;
}
