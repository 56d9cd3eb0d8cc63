//! Staff give and take points within their limit alone, beyond it with a second person, once, with
//! reason and authors in the receipt.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{
    Answer, Partner, TestApp, adjustment, customer, member, payment, staff, until,
};

const ALL: [&str; 3] = ["adjust", "approve", "read"];

/// A customer, and what green-basket calls them.
async fn known(app: &TestApp) -> (Partner, String) {
    let person = customer(app, "c-1");
    let reference = member(&person, "green-basket").await;
    (person, reference)
}

/// With points that a payment brought.
async fn with_points(app: &TestApp, paid: &str) -> (Partner, String) {
    let (person, reference) = known(app).await;
    app.partner("green-basket").await.record(&payment("p-1", &reference, paid, "0.00")).await;
    (person, reference)
}

/// The problem that says which field is wrong.
fn pointer(answer: &Answer) -> &str {
    answer.body["problems"][0]["pointer"].as_str().unwrap_or_default()
}

on_both_stores! {
    async fn within_the_limit_it_is_posted_at_once_and_says_why_and_by_whom(app) {
        let (person, reference) = known(app).await;
        let ann = staff(app, "ann", &["adjust"]);
        let given = ann.adjust(&adjustment("a-1", &reference, "100.00")).await;
        assert_eq!(given.status, 201, "{given:?}");
        assert_eq!(given.body["state"], "posted");
        let receipt = &given.body["receipt"];
        assert_eq!((&receipt["type"], &receipt["event"]), (&json!("adjustment"), &Value::Null));
        assert_eq!(receipt["postings"][0]["rule"], "adjustment:manual@1");
        let why = &receipt["explanation"][0];
        assert_eq!(why["says"], "100.00 points given by the bank: told so by telephone");
        assert_eq!(why["says_zh"], "银行调增100.00积分：told so by telephone");
        assert_eq!(
            (&why["proposed_by"], &why["because"], &why["correction"]),
            (&json!("ann"), &json!("told so by telephone"), &json!("a-1"))
        );
        until(&person, "100.00", "0.00").await;
        let taken = ann.adjust(&adjustment("a-2", &reference, "-30.50")).await;
        assert_eq!(taken.status, 201, "{taken:?}");
        let points = until(&person, "69.50", "0.00").await;
        let told = &points["entries"][0]["explanation"];
        assert_eq!(told, &json!(["30.50 points taken by the bank: told so by telephone"]));
        assert!(!points.to_string().contains("ann"), "a customer is not told who: {points}");
    }
}

on_both_stores! {
    async fn above_the_limit_another_person_posts_it(app) {
        let (person, reference) = known(app).await;
        let (ann, bob) = (staff(app, "ann", &ALL), staff(app, "bob", &["approve", "read"]));
        let proposed = ann.adjust(&adjustment("a-1", &reference, "100.01")).await;
        assert_eq!((proposed.status.as_u16(), &proposed.body["state"]), (202, &json!("proposed")));
        until(&person, "0.00", "0.00").await;
        assert_eq!(ann.approve("a-1").await.told(), (403, "four-eyes"));
        assert_eq!(bob.approve("a-2").await.told(), (404, "not-found"));
        let listed = bob.get("/v1/corrections?state=proposed").await.body;
        assert_eq!(listed["corrections"][0]["id"], "a-1");
        let posted = bob.approve("a-1").await;
        assert_eq!(posted.status, 201, "{posted:?}");
        let why = &posted.body["receipt"]["explanation"][0];
        assert_eq!((&why["proposed_by"], &why["approved_by"]), (&json!("ann"), &json!("bob")));
        until(&person, "100.01", "0.00").await;
        // Nothing is approved twice: the same person is told what they did, others that it is done.
        let again = bob.approve("a-1").await;
        assert_eq!((again.status.as_u16(), &again.body), (200, &posted.body));
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_eq!(staff(app, "cid", &ALL).approve("a-1").await.told(), (409, "correction-closed"));
        assert_eq!(ann.approve("a-1").await.told(), (403, "four-eyes"));
        assert_eq!(bob.reject("a-1", "no").await.told(), (409, "correction-closed"));
        assert_eq!(bob.get("/v1/corrections/a-1").await.body, posted.body);
        assert_eq!(bob.get("/v1/corrections").await.body["corrections"], json!([]));
        until(&person, "100.01", "0.00").await;
    }
}

on_both_stores! {
    async fn what_is_rejected_comes_to_nothing(app) {
        let (person, reference) = known(app).await;
        let (ann, bob) = (staff(app, "ann", &ALL), staff(app, "bob", &ALL));
        ann.adjust(&adjustment("a-1", &reference, "500.00")).await;
        let rejected = bob.reject("a-1", "no such call").await;
        assert_eq!(rejected.status, 200, "{rejected:?}");
        assert_eq!(rejected.body["rejected_because"], "no such call");
        assert_eq!(bob.reject("a-1", "no such call").await.body, rejected.body);
        assert_eq!(bob.approve("a-1").await.told(), (409, "correction-closed"));
        until(&person, "0.00", "0.00").await;
    }
}

on_both_stores! {
    async fn the_same_again_is_answered_as_before_and_anything_else_is_a_conflict(app) {
        let (person, reference) = known(app).await;
        let ann = staff(app, "ann", &ALL);
        let asked = adjustment("a-1", &reference, "10.00");
        let first = ann.adjust(&asked).await;
        let again = ann.adjust(&asked).await;
        assert_eq!((again.status.as_u16(), &again.body), (200, &first.body));
        for (field, value) in [
            ("points", json!("10.01")),
            ("reason", json!("another")),
            ("expires_at", json!("2035-01-01T00:00:00Z")),
        ] {
            let mut other = asked.clone();
            other[field] = value;
            assert_eq!(ann.adjust(&other).await.told(), (409, "correction-conflict"), "{field}");
        }
        let bob = staff(app, "bob", &ALL);
        assert_eq!(bob.adjust(&asked).await.told(), (409, "correction-conflict"));
        until(&person, "10.00", "0.00").await;
    }
}

on_both_stores! {
    async fn of_many_approvals_at_once_one_posts(app) {
        let (person, reference) = known(app).await;
        let ann = staff(app, "ann", &ALL);
        let asked = adjustment("a-1", &reference, "250.00");
        let mut racing = Vec::new();
        for _ in 0..6 {
            let (ann, asked) = (ann.clone(), asked.clone());
            racing.push(tokio::spawn(async move { ann.adjust(&asked).await.status.as_u16() }));
        }
        let mut taken = Vec::new();
        for race in racing {
            taken.push(race.await.unwrap());
        }
        taken.sort_unstable();
        assert_eq!(taken, [200, 200, 200, 200, 200, 202]);
        let mut racing = Vec::new();
        for number in 0..8 {
            let person = staff(app, &format!("s-{number}"), &ALL);
            racing.push(tokio::spawn(async move { person.approve("a-1").await.status.as_u16() }));
        }
        let mut told = Vec::new();
        for race in racing {
            told.push(race.await.unwrap());
        }
        told.sort_unstable();
        assert_eq!(told, [201, 409, 409, 409, 409, 409, 409, 409]);
        until(&person, "250.00", "0.00").await;
    }
}

on_both_stores! {
    async fn a_proposal_waits_through_a_restart(app) {
        let (_, reference) = known(app).await;
        staff(app, "ann", &ALL).adjust(&adjustment("a-1", &reference, "250.00")).await;
        app.restart().await;
        assert_eq!(staff(app, "ann", &ALL).approve("a-1").await.told(), (403, "four-eyes"));
        assert_eq!(staff(app, "bob", &ALL).approve("a-1").await.status, 201);
        app.restart().await;
        let person = customer(app, "c-1");
        until(&person, "250.00", "0.00").await;
        assert_eq!(staff(app, "cid", &ALL).approve("a-1").await.told(), (409, "correction-closed"));
    }
}

on_both_stores! {
    async fn no_more_is_taken_than_can_be_spent(app) {
        let (person, reference) = with_points(app, "300.00").await;
        let (ann, bob) = (staff(app, "ann", &ALL), staff(app, "bob", &ALL));
        let refused = ann.adjust(&adjustment("a-1", &reference, "-300.01")).await;
        assert_eq!(refused.told(), (422, "points-insufficient"));
        // Nothing of it is kept: the id is free.
        assert_eq!(ann.adjust(&adjustment("a-1", &reference, "-200.00")).await.status, 202);
        assert_eq!(ann.adjust(&adjustment("a-2", &reference, "-100.00")).await.status, 201);
        assert_eq!(ann.adjust(&adjustment("a-3", &reference, "-100.00")).await.status, 201);
        // By now there are too few for what was proposed: it stays so.
        assert_eq!(bob.approve("a-1").await.told(), (422, "points-insufficient"));
        assert_eq!(bob.get("/v1/corrections/a-1").await.body["state"], "proposed");
        let points = until(&person, "100.00", "0.00").await;
        assert_eq!(points["owed"], "0.00");
    }
}

on_both_stores! {
    async fn points_given_pay_a_debt_first_and_expire_when_they_were_said_to(app) {
        let (person, reference) = with_points(app, "40.00").await;
        let ann = staff(app, "ann", &ALL);
        ann.adjust(&adjustment("a-1", &reference, "-40.00")).await;
        let shop = app.partner("green-basket").await;
        shop.record(&crate::harness::refund("r-1", "p-1", "40.00")).await;
        assert_eq!(until(&person, "0.00", "0.00").await["owed"], "40.00");
        let soon = tallystick::clock::now().plus(chrono::TimeDelta::seconds(3));
        let mut given = adjustment("a-2", &reference, "60.00");
        given["expires_at"] = json!(soon.to_string());
        // It gives the partner back what it was charged for the refund: where money moves, another
        // person approves.
        assert_eq!(ann.adjust(&given).await.status, 202);
        let bob = staff(app, "bob", &["approve", "read"]);
        assert_eq!(bob.approve("a-2").await.status, 201);
        let points = person.get("/v1/customers/me/points").await.body;
        assert_eq!(points["owed"], "0.00");
        // From that moment on they cannot be spent, and soon after the books say so as well.
        until(&person, "0.00", "0.00").await;
        crate::harness::wait_until(json!("points.expired"), async || {
            person.get("/v1/customers/me/points").await.body["entries"][0]["kind"].clone()
        })
        .await;
    }
}

on_both_stores! {
    async fn every_field_is_checked_and_named(app) {
        let (_, reference) = known(app).await;
        let ann = staff(app, "ann", &ALL);
        let good = adjustment("a-1", &reference, "10.00");
        for (field, value, at) in [
            ("id", json!("a 1"), "/id"),
            ("points", json!("0.00"), "/points"),
            ("points", json!(10), "/points"),
            ("points", json!("1.001"), "/points"),
            ("reason", json!(""), "/reason"),
            ("reason", json!("x".repeat(501)), "/reason"),
            ("expires_at", json!("tomorrow"), "/expires_at"),
            ("expires_at", json!("2020-01-01T00:00:00Z"), "/expires_at"),
            ("customer", Value::Null, "/customer"),
            ("customer", json!({ "partner": "green-basket" }), "/customer/member"),
            ("approved", json!(true), "/approved"),
        ] {
            let mut bad = good.clone();
            bad[field] = value;
            let refused = ann.adjust(&bad).await;
            assert_eq!((refused.status.as_u16(), pointer(&refused)), (422, at), "{refused:?}");
        }
        let unknown = ann.adjust(&adjustment("a-1", "m-none", "10.00")).await;
        assert_eq!(unknown.told(), (422, "member-unknown"));
        for (query, parameter) in [("state=open", "state"), ("limit=0", "limit"), ("cursor=x", "cursor")] {
            let refused = ann.get(&format!("/v1/corrections?{query}")).await;
            assert_eq!(refused.told(), (400, "parameter"));
            assert!(refused.body["detail"].as_str().unwrap().starts_with(parameter));
        }
    }
}

on_both_stores! {
    async fn proposals_come_page_by_page_the_oldest_first(app) {
        let (_, reference) = known(app).await;
        let ann = staff(app, "ann", &ALL);
        for number in 0..5 {
            let asked = adjustment(&format!("a-{number}"), &reference, "200.00");
            assert_eq!(ann.adjust(&asked).await.status, 202);
        }
        let (mut listed, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = ann.get(&format!("/v1/corrections?limit=2{cursor}")).await.body;
            let ids = page["corrections"].as_array().unwrap().iter();
            listed.extend(ids.map(|it| it["id"].as_str().unwrap().to_owned()));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(listed, ["a-0", "a-1", "a-2", "a-3", "a-4"]);
    }
}

const PATHS: [(&str, &str, &str); 6] = [
    ("POST", "/v1/adjustments", "adjust"),
    ("POST", "/v1/transactions/01a20983-8fb2-701e-8500-271b9da18260/reversal", "adjust"),
    ("POST", "/v1/corrections/a-1/approval", "approve"),
    ("POST", "/v1/corrections/a-1/rejection", "approve"),
    ("GET", "/v1/corrections/a-1", "read"),
    ("GET", "/v1/corrections", "read"),
];

async fn told(app: &TestApp, token: &str, (method, path): (&str, &str)) -> (u16, String) {
    let caller = Partner::with_token(&app.url(), token);
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let answer = Answer::of(
        caller.request(method, path).header("content-type", "application/json").body("[]"),
    )
    .await;
    let (status, slug) = answer.told();
    (status, slug.to_owned())
}

on_both_stores! {
    async fn only_staff_with_the_role_are_let_in(app) {
        let partner = app.partner("green-basket").await.token;
        let others = [partner, app.trial.customer_token("c-1"), "x.y.z".to_owned()];
        for (method, path, role) in PATHS {
            for token in &others {
                assert_eq!(told(app, token, (method, path)).await.0, 401, "{path}");
            }
            let without: Vec<&str> = ALL.into_iter().filter(|other| *other != role).collect();
            let token = app.trial.staff_token("ann", &without);
            let refused = told(app, &token, (method, path)).await;
            assert_eq!(refused, (403, "role-missing".to_owned()), "{path}");
            let token = app.trial.staff_token("ann", &[role]);
            let let_in = told(app, &token, (method, path)).await;
            assert!([200, 404, 422].contains(&let_in.0), "{path}: {let_in:?}");
        }
        // And staff are neither customers nor partners.
        let token = app.trial.staff_token("c-1", &ALL);
        assert_eq!(told(app, &token, ("GET", "/v1/customers/me/points")).await.0, 401);
        assert_eq!(told(app, &token, ("POST", "/v1/events")).await.0, 401);
        // Without the settings nobody is staff.
        app.trial.settings.staff_tokens = None;
        app.restart().await;
        for (method, path, role) in PATHS {
            let token = app.trial.staff_token("ann", &[role]);
            assert_eq!(told(app, &token, (method, path)).await.0, 401, "{path}");
        }
    }
}
