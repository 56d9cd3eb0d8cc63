//! The partner's own (business) key: type, order and stage. A partner that restored a backup and
//! gave its events new ids gets its first receipts, and other content is shown to it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tallystick::ids::{MemberKey, MemberRef, PartnerId};
use tallystick::ledger::Owner;
use tallystick::store::{accounts, customers};

use crate::crash::Served;
use crate::harness::{Partner, Store, TestApp, Trial, payment, referral, refund};

fn staged(mut event: Value, order: &str, stage: &str) -> Value {
    event["data"]["order"] = json!(order);
    event["data"]["stage"] = json!(stage);
    event
}

fn rekeyed(event: &Value, id: &str) -> Value {
    let mut again = event.clone();
    again["id"] = json!(id);
    again["source"] = json!("/restored");
    again
}

on_both_stores! {
    async fn the_same_content_under_a_new_id_gets_the_first_receipt(app) {
        let shop = app.partner("green-basket").await;
        let event = staged(payment("p-1", "m-1", "88.50", "0.00"), "o-1", "paid");
        let first = shop.record(&event).await;
        for _ in 0..2 {
            let again = shop.post(&rekeyed(&event, "p-1b")).await;
            assert_eq!(again.status, 200, "{again:?}");
            assert_eq!(again.headers["idempotency-replayed"], "true");
            assert_eq!(again.body["duplicate_of"], "p-1");
            let mut receipt = again.body;
            receipt.as_object_mut().unwrap().remove("duplicate_of");
            assert_eq!(receipt, first);
        }
        assert_eq!(shop.get("/v1/events/p-1b").await.body, first);
        // The new id is taken too, and what refers to it means the first.
        let other = payment("p-1b", "m-1", "1.00", "0.00");
        assert_eq!(shop.refused(&other).await.1, "event-conflict");
        shop.record(&refund("r-1", "p-1b", "80.00")).await;
        assert_eq!(shop.refused(&refund("r-2", "p-1", "8.51")).await.1, "refund-exceeds");
        // Another stage, another type, or another partner's order is another event.
        shop.record(&staged(payment("p-2", "m-1", "88.50", "0.00"), "o-1", "rest")).await;
        shop.record(&staged(refund("r-3", "p-1", "1.00"), "o-1", "paid")).await;
        app.partner("blue-basket").await.record(&rekeyed(&event, "p-9")).await;
        // A stage is a stage of an order.
        let mut orderless = refund("r-4", "p-1", "1.00");
        orderless["data"]["stage"] = json!("x");
        assert_eq!(shop.refused(&orderless).await.2["problems"][0]["pointer"], "/data/order");
    }
}

on_both_stores! {
    async fn other_content_under_a_new_id_is_refused_with_the_difference(app) {
        let shop = app.partner("green-basket").await;
        let event = staged(payment("p-1", "m-1", "88.50", "0.00"), "o-1", "paid");
        shop.record(&event).await;
        let mut other = rekeyed(&staged(payment("p-1", "m-2", "88.51", "0.00"), "o-1", "paid"), "p-2");
        other["data"]["store"] = json!("s-1");
        other["time"] = json!("2026-11-02T10:15:31Z");
        for _ in 0..2 {
            let (status, slug, body) = shop.refused(&other).await;
            assert_eq!((status, slug.as_str()), (409, "conflicting-duplicate"));
            assert_eq!(body["duplicate_of"], "p-1");
            assert_eq!(body["differences"], json!([
                { "pointer": "/time",
                  "recorded": "2026-11-02T10:15:30Z", "received": "2026-11-02T10:15:31Z" },
                { "pointer": "/data/gross", "recorded": "88.50", "received": "88.51" },
                { "pointer": "/data/member", "recorded": "m-1", "received": "m-2" },
                { "pointer": "/data/paid", "recorded": "88.50", "received": "88.51" },
                { "pointer": "/data/store", "received": "s-1" },
            ]), "{body}");
        }
        assert_eq!(shop.get("/v1/events/p-2").await.status, 404);
        // A person's contact data is not kept in the clear, nor shown.
        let travel = app.partner("sunny-travel").await;
        let lead = staged(referral("t-1", "travel-loan", "9000.00", "old-town"), "case-1", "lead");
        travel.record(&lead).await;
        let again = travel.post(&rekeyed(&lead, "t-2")).await;
        assert_eq!((again.status.as_u16(), &again.body["duplicate_of"]), (200, &json!("t-1")));
        let mut other = rekeyed(&lead, "t-3");
        other["data"]["contact"]["phone"] = json!("+8619900009999");
        let (_, slug, body) = travel.refused(&other).await;
        assert_eq!(slug, "conflicting-duplicate");
        assert_eq!(body["differences"], json!([{ "pointer": "/data/contact" }]));
        app.leads_may_wait = true; // There is no CRM here.
    }
}

on_both_stores! {
    async fn a_batch_may_hold_both_and_only_the_first_counts(app) {
        let shop = app.partner("green-basket").await;
        let event = staged(payment("p-1", "m-1", "88.50", "0.00"), "o-1", "paid");
        let other = staged(payment("p-3", "m-1", "88.51", "0.00"), "o-1", "paid");
        let batch = [
            // Refused, so that its stage is still free.
            { let mut it = rekeyed(&event, "p-0"); it["time"] = json!("2016-01-01T00:00:00Z"); it },
            event.clone(), rekeyed(&event, "p-2"), other, rekeyed(&event, "p-2"),
            // It refers to an id of this batch that came to nothing new.
            refund("r-1", "p-2", "8.50"), refund("r-2", "p-none", "8.50"),
        ];
        let answer = shop.post_batch(&batch).await;
        let outcomes = answer.body["outcomes"].as_array().unwrap();
        let statuses: Vec<u64> = outcomes.iter().map(|it| it["status"].as_u64().unwrap()).collect();
        assert_eq!(statuses, [422, 201, 200, 409, 200, 201, 422], "{answer:?}");
        assert_eq!(outcomes[2]["receipt"], outcomes[1]["receipt"]);
        assert_eq!(outcomes[2]["duplicate_of"], "p-1");
        assert_eq!(outcomes[3]["problem"]["duplicate_of"], "p-1");
        let again = shop.post_batch(&batch).await;
        assert_eq!(again.body["outcomes"][2], outcomes[2]);
    }
}

/// A month of a shop: payments and refunds, each of an order and a stage. Every fourth refund is
/// of an order paid in two stages.
fn month() -> Vec<Value> {
    let mut events = Vec::new();
    for number in 0..120 {
        let (id, order) = (format!("p-{number}"), format!("o-{}", number / 2));
        let (member, day) = (format!("m-{}", number % 7), number % 28 + 1);
        let gross = format!("{}.{:02}", 20 + number, number % 100);
        let mut paid =
            staged(payment(&id, &member, &gross, "0.00"), &order, &format!("part-{}", number % 2));
        paid["time"] = json!(format!("2026-10-{day:02}T10:15:30Z"));
        events.push(paid);
        if number % 3 == 0 {
            let mut back = staged(
                refund(&format!("r-{number}"), &id, "7.77"),
                &order,
                &format!("back-{}", number % 2),
            );
            back["time"] = json!(format!("2026-10-{day:02}T12:15:30Z"));
            events.push(back);
        }
    }
    events
}

/// What everybody holds: customers by the partner's own name of them, since their ids are random.
fn books(trial: &Trial) -> BTreeMap<String, i64> {
    let mut db = trial.db();
    let partner = PartnerId::try_from("green-basket").unwrap();
    let members = (0..7).map(|it| MemberRef::try_from(format!("m-{it}")).unwrap());
    let members: Vec<MemberRef> = members.collect();
    let keys: Vec<MemberKey> = members.iter().map(|it| MemberKey::of(&partner, it)).collect();
    let known = db.write(|tx| customers::of_members(tx, &keys)).unwrap();
    let name = |id| {
        let at = keys.iter().position(|key| known.get(key).is_some_and(|it| it.id == id));
        members[at.unwrap()].to_string()
    };
    let mut books = BTreeMap::new();
    for (account, balance) in accounts::all(&mut db).unwrap() {
        let owner = match account.owner {
            Owner::Customer(id) => name(id),
            owner => format!("{} {}", owner.kind(), owner.name()),
        };
        books.insert(
            format!("{owner} {} {}", account.code.name(), account.asset.code()),
            balance.minor(),
        );
    }
    books
}

/// Posts in batches of different sizes, and again what came before what it refers to.
async fn post_all(shops: &[Partner], mut events: Vec<Value>) -> BTreeMap<u64, usize> {
    let mut statuses = BTreeMap::new();
    for round in 0..20 {
        let mut left = Vec::new();
        let mut batches = Vec::new();
        let mut rest = events.as_slice();
        while !rest.is_empty() {
            let (batch, more) = rest.split_at(rest.len().min(7 + batches.len() % 5 * 9));
            let shop = shops[batches.len() % shops.len()].clone();
            let batch = batch.to_vec();
            batches.push(tokio::spawn(async move { (shop.post_batch(&batch).await, batch) }));
            rest = more;
        }
        for batch in batches {
            let (answer, batch) = batch.await.unwrap();
            let outcomes = answer.body["outcomes"].as_array().unwrap();
            for (event, outcome) in batch.into_iter().zip(outcomes) {
                let status = outcome["status"].as_u64().unwrap();
                if outcome["problem"]["type"] == "/problems/payment-unknown" {
                    left.push(event);
                } else {
                    *statuses.entry(status).or_default() += 1;
                }
            }
        }
        if left.is_empty() {
            return statuses;
        }
        assert!(round < 19, "{left:?}");
        events = left;
    }
    statuses
}

/// A fixed order that has nothing to do with the given one.
fn shuffled(mut events: Vec<Value>) -> Vec<Value> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for place in (1..events.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        events.swap(place, usize::try_from(state % (u64::try_from(place).unwrap() + 1)).unwrap());
    }
    events
}

async fn clean_books(store: Store) -> BTreeMap<String, i64> {
    let clean = Trial::on(store).start().await;
    let shop = clean.partner("green-basket").await;
    let statuses = post_all(&[shop], month()).await;
    assert_eq!(statuses, BTreeMap::from([(201, 160)]));
    let trial = Box::pin(clean.stop()).await;
    assert_eq!(trial.findings(), []);
    books(&trial)
}

/// The month twice, once more under new ids that refer to each other, and with changed amounts.
fn mess() -> (Vec<Value>, usize) {
    let mut events = [month(), month()].concat();
    let mut conflicts = 0;
    for event in month() {
        let id = event["id"].as_str().unwrap().to_owned();
        let mut again = rekeyed(&event, &format!("new-{id}"));
        if let Some(payment) = event["data"]["payment"].as_str() {
            again["data"]["payment"] = json!(format!("new-{payment}"));
        }
        events.push(again.clone());
        again["id"] = json!(format!("other-{id}"));
        again["data"]["store"] = json!("elsewhere");
        if event["data"]["payment"].is_null() {
            events.push(again);
            conflicts += 1;
        }
    }
    (events, conflicts)
}

async fn a_month_shuffled_doubled_and_rekeyed_gives_the_same_books(store: Store) {
    let expected = Box::pin(clean_books(store)).await;
    assert!(expected.len() >= 9, "{expected:?}");
    // First the month itself in some order, so that the changed ones are those that conflict.
    let app = Trial::on(store).start().await;
    let shop = app.partner("green-basket").await;
    let shops = [shop.clone(), shop];
    assert_eq!(post_all(&shops, shuffled(month())).await, BTreeMap::from([(201, 160)]));
    let (events, conflicts) = mess();
    let statuses = post_all(&shops, shuffled(events)).await;
    assert_eq!(statuses, BTreeMap::from([(200, 480), (409, conflicts)]));
    let trial = Box::pin(app.stop()).await;
    assert_eq!(trial.findings(), []);
    assert_eq!(books(&trial), expected);
    // All at once into empty books: whichever of its ids an order comes by first, once it counts.
    let app = Trial::on(store).start().await;
    let shop = app.partner("green-basket").await;
    let all = [month(), mess().0].concat();
    let equal = all.into_iter().filter(|it| it["data"]["store"].is_null()).collect();
    let statuses = post_all(&[shop.clone(), shop], shuffled(equal)).await;
    assert_eq!(statuses, BTreeMap::from([(200, 480), (201, 160)]));
    let trial = Box::pin(app.stop()).await;
    assert_eq!(trial.findings(), []);
    assert_eq!(books(&trial), expected);
}

on_both_stores!(a_month_shuffled_doubled_and_rekeyed_gives_the_same_books);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_take_an_order_once_by_whichever_id() {
    let trial = Trial::on(Store::Postgres);
    let gateways = [Served::start(&trial, &[]), Served::start(&trial, &[])];
    let left = gateways[0].partner(&trial, "green-basket").await;
    let right = gateways[1].partner(&trial, "green-basket").await;
    let (mut created, mut conflicts) = (0, 0);
    for number in 0..40 {
        let order = format!("o-{number}");
        let event = staged(payment("x", "m-1", "10.00", "0.00"), &order, "paid");
        let other = staged(payment("x", "m-1", "10.01", "0.00"), &order, "paid");
        let (one, two) =
            (rekeyed(&event, &format!("l-{number}")), rekeyed(&event, &format!("r-{number}")));
        let three = rekeyed(&other, &format!("c-{number}"));
        let answers = tokio::join!(left.post(&one), right.post(&two), right.post(&three));
        for answer in [answers.0, answers.1, answers.2] {
            match answer.status.as_u16() {
                201 => created += 1,
                409 => conflicts += 1,
                status => assert_eq!(status, 200, "{answer:?}"),
            }
        }
    }
    assert_eq!(created, 40);
    assert!((40..=80).contains(&conflicts), "{conflicts}");
    for gateway in gateways {
        assert!(gateway.stop().success());
    }
    assert_eq!(trial.findings(), []);
}

on_both_stores! {
    async fn a_hold_and_what_becomes_of_it_may_come_again_under_new_ids(app) {
        holds_again(app).await;
    }
}

async fn holds_again(app: &mut TestApp) {
    use crate::harness::{cloud_event, code, customer, member};
    let shop = app.partner("green-basket").await;
    let person = customer(app, "c-1");
    let name = member(&person, "green-basket").await;
    shop.record(&payment("p-1", &name, "100.00", "0.00")).await;
    let code = code(&person).await;
    let at = "2026-11-03T10:15:30Z";
    let event = |id: &str, kind: &str, data: Value| {
        staged(cloud_event(id, kind, at, data), "o-1", "points")
    };
    let hold = event("h-1", "redemption.held", json!({ "code": code, "points": "10.00" }));
    shop.record(&hold).await;
    assert_eq!(shop.post(&rekeyed(&hold, "h-2")).await.body["duplicate_of"], "h-1");
    // The commit names the hold by its new id, and comes again naming it by the old one.
    let commit = event("c-1", "redemption.committed", json!({ "hold": "h-2" }));
    shop.record(&commit).await;
    let again = event("c-2", "redemption.committed", json!({ "hold": "h-1" }));
    assert_eq!(shop.post(&again).await.body["duplicate_of"], "c-1");
    assert_eq!(person.get("/v1/customers/me/points").await.body["balance"], "90.00");
}
