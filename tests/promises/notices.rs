//! Customers hear beforehand that points expire: once, never at night, and not if they do not want
//! to. The message goes to the bank's gateway, which knows where they are reached; we do not.

use std::time::Duration;

use chrono::{TimeDelta, Timelike};
use reqwest::Method;
use serde_json::{Value, json};
use tallystick::clock;
use tallystick::settings::{NoticeSettings, Secret};
use tallystick::store::outbox;

use crate::harness::{
    Answer, Partner, Simulator, Store, TestApp, Trial, adjustment, customer, member, staff,
};

const SECRET: &str = "whsec_dGhpcyBpcyBhIHNlY3JldCBvZiB0ZXN0cyBvbmx5";

/// A trial where it is that hour now, with a receiver of notices.
fn trial(store: Store, hour: u32, receiver: &Simulator) -> Trial {
    let mut trial = Trial::on(store);
    let ahead = (i64::from(hour) - i64::from(clock::now().utc().hour()) + 36) % 24 - 12;
    // POSIX counts the other way.
    let zone = format!("Etc/GMT{}{}", if ahead > 0 { '-' } else { '+' }, ahead.abs());
    trial.settings.time_zone = zone.parse().unwrap();
    let url = format!("{}/notices", receiver.url);
    let secret = Secret::new(SECRET.to_owned());
    trial.settings.notices = Some(NoticeSettings::Webhook { url, secret });
    trial
}

/// Points that expire in so many days.
async fn give(app: &TestApp, person: &Partner, id: &str, days: i64) {
    let reference = member(person, "green-basket").await;
    let mut given = adjustment(id, &reference, "12.50");
    given["expires_at"] = json!(clock::now().plus(TimeDelta::days(days)).to_string());
    let answer = staff(app, "ann", &["adjust"]).adjust(&given).await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

async fn notices(receiver: &Simulator) -> Vec<Value> {
    receiver.order(json!({ "do": "records" })).await["notices"].as_array().unwrap().clone()
}

async fn wish(person: &Partner, wish: &str) -> Answer {
    let path = format!("/v1/customers/me/notices/points_expiring/{wish}");
    Answer::of(person.request(Method::POST, &path)).await
}

async fn told_once(store: Store) {
    let receiver = Simulator::start("crm_receiver.py", &[SECRET]);
    // The first does not arrive, and is sent again.
    receiver.fails(json!(503)).await;
    let mut app = trial(store, 12, &receiver).start().await;
    let (ann, ben, eve) =
        (customer(&app, "person-1"), customer(&app, "person-2"), customer(&app, "person-3"));
    member(&eve, "green-basket").await;
    let answer = wish(&eve, "opt-out").await;
    assert_eq!(answer.body, json!({ "kind": "points_expiring", "wanted": false }), "{answer:?}");
    give(&app, &ann, "a-1", 5).await;
    give(&app, &ben, "a-2", 20).await;
    give(&app, &ben, "a-3", 200).await;
    give(&app, &eve, "a-4", 5).await;
    for _ in 0..200 {
        if notices(&receiver).await.len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Looked at again and again, by another gateway too: nothing is told twice.
    app.restart().await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let mut told = notices(&receiver).await;
    told.sort_by_key(|notice| notice["customer"].to_string());
    let seen: Vec<_> =
        told.iter().map(|it| (&it["customer"], &it["days"], &it["points"])).collect();
    let points = json!("12.50");
    let (one, two) = (json!("person-1"), json!("person-2"));
    assert_eq!(seen, [(&one, &json!(7), &points), (&two, &json!(30), &points)]);
    assert_eq!(outbox::depth(&mut app.trial.db()).unwrap().delivered, 2, "the proof is kept");
    // Whoever wants them again is told.
    assert_eq!(wish(&customer(&app, "person-3"), "opt-in").await.body["wanted"], true);
    for _ in 0..100 {
        if notices(&receiver).await.len() == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(notices(&receiver).await.len(), 3);
    Box::pin(app.stop_and_prove()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn points_that_expire_are_told_beforehand_once_sqlite() {
    Box::pin(told_once(Store::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn points_that_expire_are_told_beforehand_once_postgres() {
    Box::pin(told_once(Store::Postgres)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_at_night() {
    let receiver = Simulator::start("crm_receiver.py", &[SECRET]);
    let app = Box::pin(trial(Store::Sqlite, 23, &receiver).start()).await;
    let ann = customer(&app, "person-1");
    give(&app, &ann, "a-1", 5).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(notices(&receiver).await.is_empty());
    let depth = outbox::depth(&mut app.trial.db()).unwrap();
    assert_eq!((depth.waiting, depth.delivered), (0, 0));
    Box::pin(app.stop_and_prove()).await;
}
