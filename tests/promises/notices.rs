//! Customers are told beforehand that points expire: once, never at night, and not if they decline.
//! They are told that a fee or an instalment is due, which the bank's systems announce and nobody can
//! decline. The message goes to the bank's gateway for messages, which knows their addresses.

use std::time::Duration;

use chrono::{Days, TimeDelta, Timelike};
use reqwest::Method;
use serde_json::{Value, json};
use tallystick::clock;
use tallystick::settings::{NoticeSettings, Secret};
use tallystick::store::outbox;

use crate::harness::{
    Answer, Partner, Simulator, Store, TestApp, Trial, adjustment, customer, member, staff,
    wait_for, wait_until,
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

async fn points_that_expire_are_told_beforehand_once(store: Store) {
    let receiver = Simulator::start("crm_receiver.py", &[SECRET]);
    // The first does not arrive, and is sent again.
    receiver.fails(json!(503)).await;
    let mut app = trial(store, 12, &receiver).start().await;
    let (ann, ben, eve) =
        (customer(&app, "person-1"), customer(&app, "person-2"), customer(&app, "person-3"));
    member(&eve, "green-basket").await;
    let answer = wish(&eve, "opt-out").await;
    let expected = json!({ "kind": "points_expiring", "wanted": false, "required": false });
    assert_eq!(answer.body, expected, "{answer:?}");
    give(&app, &ann, "a-1", 5).await;
    give(&app, &ben, "a-2", 20).await;
    give(&app, &ben, "a-3", 200).await;
    give(&app, &eve, "a-4", 5).await;
    until_told(&receiver, 2).await;
    // Another gateway looks again. A third notice shows that it has: nothing is told twice.
    app.restart().await;
    assert_eq!(wish(&customer(&app, "person-3"), "opt-in").await.body["wanted"], true);
    let mut told = until_told(&receiver, 3).await;
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(told.pop().unwrap()["customer"], "person-3", "who wants notices again is told");
    told.sort_by_key(|notice| notice["customer"].to_string());
    let seen: Vec<_> =
        told.iter().map(|it| (&it["customer"], &it["days"], &it["points"])).collect();
    let points = json!("12.50");
    let (one, two) = (json!("person-1"), json!("person-2"));
    assert_eq!(seen, [(&one, &json!(7), &points), (&two, &json!(30), &points)]);
    wait_until(3, async || outbox::depth(&mut app.trial.db()).unwrap().delivered).await;
    Box::pin(app.stop_and_prove()).await;
}

on_both_stores!(points_that_expire_are_told_beforehand_once);

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

/// What the bank's core system says will fall due so many days from now.
fn announcement(app: &TestApp, id: &str, (kind, customer): (&str, &str), days: u64) -> Value {
    let today = clock::now().day_in(app.trial.settings.time_zone);
    let due_on = today.checked_add_days(Days::new(days)).unwrap();
    json!({
        "id": id, "kind": kind, "customer": customer, "amount": "25.00", "currency": "CNY",
        "due_on": due_on.to_string(),
    })
}

async fn announced(core: &Partner, id: &str) -> Value {
    core.get(&format!("/v1/announcements/{id}")).await.body
}

/// Waits until the receiver has so many notices.
async fn until_told(receiver: &Simulator, count: usize) -> Vec<Value> {
    wait_for("notices", async || Some(notices(receiver).await).filter(|told| told.len() >= count))
        .await
}

async fn a_fee_and_an_instalment_are_told_beforehand_once(store: Store) {
    let receiver = Simulator::start("crm_receiver.py", &[SECRET]);
    let mut app = trial(store, 12, &receiver).start().await;
    let ann = customer(&app, "person-1");
    member(&ann, "green-basket").await;
    let core = staff(&app, "core-banking", &["announce"]);
    let fee = announcement(&app, "fee-1", ("fee_due", "person-1"), 5);
    let made = core.send("/v1/announcements", &fee).await;
    assert_eq!((made.status.as_u16(), &made.body["required"]), (201, &json!(true)), "{made:?}");
    // The same again is the same one; the same id with other content is refused.
    let again = core.send("/v1/announcements", &fee).await;
    assert_eq!((again.status.as_u16(), &again.body["id"]), (200, &json!("fee-1")), "{again:?}");
    let mut other = fee.clone();
    other["amount"] = json!("26.00");
    let refused = core.send("/v1/announcements", &other).await;
    assert_eq!(refused.told(), (409, "announcement-conflict"));
    // Too early to be told of, and nearer than the longest time ahead.
    let far = announcement(&app, "loan-1", ("instalment_due", "person-1"), 40);
    assert_eq!(core.send("/v1/announcements", &far).await.status, 201);
    let near = announcement(&app, "loan-2", ("instalment_due", "person-1"), 2);
    assert_eq!(core.send("/v1/announcements", &near).await.status, 201);
    until_told(&receiver, 2).await;
    // Another gateway looks again. A third notice shows that it has: nothing is told twice.
    app.restart().await;
    let core = staff(&app, "core-banking", &["announce"]);
    let late = announcement(&app, "fee-2", ("fee_due", "person-1"), 1);
    assert_eq!(core.send("/v1/announcements", &late).await.status, 201);
    let told = until_told(&receiver, 3).await;
    assert_eq!(told.len(), 3, "each once: {told:?}");
    let of = |id: &str| told.iter().find(|it| it["announcement"] == id).unwrap().clone();
    let date = fee["due_on"].as_str().unwrap();
    let mut expected = json!({
        "customer": "person-1", "kind": "fee_due", "date": date, "days": 7, "amount": "25.00",
        "currency": "CNY", "announcement": "fee-1",
        "says": format!("A fee of 25.00 CNY will be charged on {date}."),
        "says_zh": format!("您将于 {date} 被收取费用 25.00 CNY。"),
    });
    expected["notice"] = of("fee-1")["notice"].clone();
    assert_eq!(of("fee-1"), expected);
    assert_eq!(
        (&of("loan-2")["days"], &of("loan-2")["kind"]),
        (&json!(3), &json!("instalment_due"))
    );
    let delivered = json!("delivered");
    wait_until(delivered, async || announced(&core, "fee-2").await["notices"][0]["state"].clone())
        .await;
    let there = announced(&core, "fee-1").await;
    assert_eq!(there["notices"][0]["state"], "delivered", "{there}");
    // The customer who is told knows what is held about them.
    let held = customer(&app, "person-1").get("/v1/customers/me/data").await.body;
    assert_eq!(held["customer"]["announcements"].as_array().unwrap().len(), 4, "{held}");
    Box::pin(app.stop_and_prove()).await;
}

on_both_stores!(a_fee_and_an_instalment_are_told_beforehand_once);

async fn what_was_paid_is_not_told_any_more(store: Store) {
    let receiver = Simulator::start("crm_receiver.py", &[SECRET]);
    // The bank's gateway for messages is away all the while.
    receiver.order(json!({ "do": "fail", "with": 503, "times": 1000 })).await;
    let mut app = trial(store, 12, &receiver).start().await;
    app.leads_may_wait = true; // the other instalment's notice does
    member(&customer(&app, "person-1"), "green-basket").await;
    let core = staff(&app, "core-banking", &["announce"]);
    for id in ["loan-1", "loan-2"] {
        let due = announcement(&app, id, ("instalment_due", "person-1"), 2);
        assert_eq!(core.send("/v1/announcements", &due).await.status, 201);
    }
    let notice = async || announced(&core, "loan-1").await["notices"][0]["state"].clone();
    wait_until(json!("waiting"), notice).await;
    let cancel = "/v1/announcements/loan-1/cancellation";
    let paid = json!({ "reason": "paid already" });
    let cancelled = core.send(cancel, &paid).await;
    assert_eq!((cancelled.status.as_u16(), &cancelled.body["state"]), (200, &json!("cancelled")));
    // An attempt that is under way is the last.
    wait_until(json!("cancelled"), notice).await;
    let again = core.send(cancel, &json!({ "reason": "again" })).await;
    assert_eq!(again.body["cancelled_because"], "paid already", "it is cancelled once");
    assert_eq!(announced(&core, "loan-2").await["notices"][0]["state"], "waiting");
    // What is cancelled before its time is told to nobody.
    let far = announcement(&app, "loan-3", ("instalment_due", "person-1"), 40);
    assert_eq!(core.send("/v1/announcements", &far).await.status, 201);
    let gone = core.send("/v1/announcements/loan-3/cancellation", &paid).await;
    assert_eq!(gone.body["notices"], json!([]));
    assert_eq!(core.send("/v1/announcements/none/cancellation", &paid).await.status, 404);
    Box::pin(app.stop_and_prove()).await;
}

on_both_stores!(what_was_paid_is_not_told_any_more);

on_both_stores! {
    async fn what_the_law_requires_cannot_be_declined_and_only_the_banks_systems_announce(app) {
        let ann = customer(app, "person-1");
        member(&ann, "green-basket").await;
        let out = |kind: &str| format!("/v1/customers/me/notices/{kind}/opt-out");
        for kind in ["fee_due", "instalment_due"] {
            let refused = Answer::of(ann.request(Method::POST, &out(kind))).await;
            assert_eq!(refused.told(), (409, "notice-required"));
            assert!(refused.text.contains("Law or contract"), "{refused:?}");
        }
        assert_eq!(wish(&ann, "opt-out").await.status, 200);
        assert_eq!(Answer::of(ann.request(Method::POST, &out("weather"))).await.status, 404);
        let kinds = ann.get("/v1/customers/me/notices").await.body;
        let of = |kind: &str| {
            let list = kinds["notices"].as_array().unwrap();
            let found = list.iter().find(|it| it["kind"] == kind).unwrap();
            (found["wanted"].clone(), found["required"].clone())
        };
        assert_eq!(of("points_expiring"), (json!(false), json!(false)), "{kinds}");
        assert_eq!(of("fee_due"), (json!(true), json!(true)), "{kinds}");
        let core = staff(app, "core-banking", &["announce"]);
        let fee = announcement(app, "fee-1", ("fee_due", "person-1"), 5);
        let operator = staff(app, "ann", &["operate", "read", "privacy"]);
        assert_eq!(operator.send("/v1/announcements", &fee).await.told(), (403, "role-missing"));
        let stranger = announcement(app, "fee-2", ("fee_due", "nobody"), 5);
        let refused = core.send("/v1/announcements", &stranger).await;
        assert_eq!(refused.told(), (422, "customer-unknown"));
        for (field, wrong) in [
            ("kind", json!("points_expiring")), ("amount", json!("0")), ("amount", json!(25)),
            ("currency", json!("USD")), ("due_on", json!("2020-01-01")), ("due_on", json!("soon")),
            ("id", json!("a b")), ("customer", json!("")),
        ] {
            let mut bad = fee.clone();
            bad[field] = wrong;
            let refused = core.send("/v1/announcements", &bad).await;
            assert_eq!(refused.told(), (422, "invalid"), "{field}");
            assert!(refused.text.contains(&format!("\"/{field}\"")), "{refused:?}");
        }
    }
}
