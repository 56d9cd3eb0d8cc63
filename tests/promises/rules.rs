//! Rules are data: every way of earning that a manifest can state gives what it says, within its
//! caps and budgets however many ask at once, and says why, so that anyone can work it out again.

use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};

use crate::harness::{Partner, Store, TestApp, Trial, member, payment, refund};

/// Runs a test with other rules at the partner blue-basket, on both stores.
async fn with(rules: &str, programme: &str, test: impl AsyncFn(&mut TestApp)) {
    for store in [Store::Sqlite, Store::Postgres] {
        let trial = Trial::on(store);
        let path = trial.settings.partners.join("blue-basket/partner.toml");
        let manifest = std::fs::read_to_string(&path).unwrap();
        let (before, shipped) = manifest.split_once("# Points for what was paid.").unwrap();
        let (_rules, after) = shipped.split_once("# Customers may spend points here").unwrap();
        let manifest = format!("{before}{rules}\n# Customers may spend points here{after}");
        std::fs::write(&path, manifest).unwrap();
        let path = trial.settings.partners.join("programme.toml");
        let shipped = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, shipped + programme).unwrap();
        trial.run(async |app| test(app).await).await;
    }
}

/// A rule with this body.
fn rule(id: &str, body: &str) -> String {
    format!(
        "[[earning]]\nid = \"{id}\"\nversion = 1\nfrom = \"2017-01-01\"\nrounding = \"down\"\n\
         partner_share = \"0.40\"\n{body}\n"
    )
}

fn with_lines(mut event: Value, lines: &[(&str, &str)]) -> Value {
    let lines = lines.iter().enumerate();
    let lines = lines.map(|(at, (category, paid))| {
        json!({ "line": format!("{at}"), "category": category, "paid": paid })
    });
    event["data"]["lines"] = lines.collect();
    event
}

fn at(mut event: Value, time: &str) -> Value {
    event["time"] = json!(time);
    event
}

fn decimal(value: &Value) -> Decimal {
    Decimal::from_str(value.as_str().unwrap()).unwrap()
}

/// The points of a receipt, after working each reason's arithmetic out again.
fn points(receipt: &Value) -> String {
    let mut given = Decimal::ZERO;
    for reason in receipt["explanation"].as_array().unwrap() {
        assert!(!reason["says"].as_str().unwrap().is_empty());
        assert!(reason["says_zh"].as_str().unwrap().ends_with('。'), "{reason}");
        if reason["reason"] == "capped" {
            given -= decimal(&reason["wanted"]) - decimal(&reason["given"]);
            let left = decimal(&reason["most"]) - decimal(&reason["used"]);
            assert_eq!(decimal(&reason["given"]), left.max(Decimal::ZERO), "{reason}");
        }
        if reason["reason"] != "earned" {
            continue;
        }
        let plain = if reason["points_per_unit"].is_string() {
            decimal(&reason["paid"]) * decimal(&reason["points_per_unit"])
        } else if reason["points_per_visit"].is_string() {
            decimal(&reason["points_per_visit"])
        } else if reason["step_points"].is_string() {
            decimal(&reason["step_points"])
        } else {
            decimal(&reason["each_points"]) * Decimal::from(reason["times"].as_i64().unwrap())
        };
        let by = reason.get("multiplier").map_or(Decimal::ONE, decimal);
        assert_eq!(plain * by, decimal(&reason["unrounded"]), "{reason}");
        let rounded = (plain * by).round_dp_with_strategy(2, RoundingStrategy::ToZero);
        assert_eq!(rounded, decimal(&reason["points"]), "{reason}");
        given += rounded;
    }
    let lines = receipt["postings"].as_array().unwrap().iter();
    let posted = lines.filter(|line| line["account"] == "points_available");
    let posted: Decimal = posted.map(|line| decimal(&line["amount"])).sum();
    assert_eq!(given, posted, "{receipt}");
    format!("{posted:.2}")
}

fn marks(receipt: &Value) -> Vec<&str> {
    receipt["marks"].as_array().unwrap().iter().map(|mark| mark.as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_way_of_earning_gives_what_it_says() {
    let rules = rule("visit", "points_per_visit = \"10\"\nwhen = { stores = [\"s-visit\"] }")
        + &rule(
            "steps",
            "steps = [{ spend = \"100\", points = \"50\" }, { spend = \"200\", points = \"120\" }]\n\
             when = { stores = [\"s-steps\"] }",
        )
        + &rule(
            "each",
            "each = { spend = \"30\", points = \"7\" }\nwhen = { stores = [\"s-each\"] }",
        )
        + &rule(
            "dairy",
            "points_per_unit = \"2\"\nwhen = { categories = [\"dairy\", \"bakery\"] }\n\
             except = { categories = [\"bakery\"] }",
        )
        + &rule(
            "evenings",
            "points_per_unit = \"1\"\nwhen = { stores = [\"s-hours\"] }\n\
             multiply = [{ by = \"1.5\", when = { hours = [\"18:00-20:00\"] } }, \
             { by = \"3\", when = { weekdays = [\"sat\", \"sunday\"] } }]",
        )
        + &rule("welcome", "points_per_visit = \"88\"\nwhen = { first_purchase = true }")
        + &rule(
            "cel",
            "points_per_visit = \"5\"\n\
             when = { cel = \"store == 's-cel' && paid_minor % 100 == 0 && visits > 0\" }",
        );
    with(&rules, "", async |app| {
        let shop = app.partner("blue-basket").await;
        let mut count = 0;
        let mut post = async |store: &str, gross: &str, time: &str, lines: &[(&str, &str)]| {
            count += 1;
            let mut event = payment(&format!("p-{count}"), "m-1", gross, "0.00");
            event["data"]["store"] = json!(store);
            points(&shop.record(&with_lines(at(event, time), lines)).await)
        };
        let monday = "2026-11-02T02:00:00Z";
        assert_eq!(post("s-0", "10.00", monday, &[]).await, "88.00", "the first visit");
        assert_eq!(post("s-0", "10.00", monday, &[]).await, "0.00", "and no other");
        assert_eq!(post("s-visit", "0.50", monday, &[]).await, "10.00");
        assert_eq!(post("s-steps", "99.99", monday, &[]).await, "0.00");
        assert_eq!(post("s-steps", "199.99", monday, &[]).await, "50.00");
        assert_eq!(post("s-steps", "200.00", monday, &[]).await, "120.00");
        assert_eq!(post("s-each", "89.99", monday, &[]).await, "14.00");
        let basket = [("dairy", "4.50"), ("bakery", "3.00"), ("tools", "2.50")];
        assert_eq!(post("s-0", "10.00", monday, &basket).await, "9.00", "dairy alone");
        assert_eq!(post("s-hours", "10.01", monday, &[]).await, "10.01");
        let (evening, saturday) = ("2026-11-02T11:59:59Z", "2026-11-07T10:00:00Z");
        assert_eq!(
            post("s-hours", "10.01", evening, &[]).await,
            "15.01",
            "times 1.5, rounded down"
        );
        assert_eq!(post("s-hours", "10.01", saturday, &[]).await, "45.04", "times 1.5 and 3");
        assert_eq!(post("s-cel", "7.00", monday, &[]).await, "5.00");
        assert_eq!(post("s-cel", "7.01", monday, &[]).await, "0.00");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_of_a_group_are_stacked_as_the_manifest_says() {
    for (mode, expected) in [("best_of", "30.00"), ("priority", "10.00"), ("sum", "40.00")] {
        let rules = format!("[[stacking]]\ngroup = \"feast\"\nmode = \"{mode}\"\n")
            + &rule("once", "points_per_visit = \"10\"\ngroup = \"feast\"")
            + &rule("thrice", "points_per_unit = \"3\"\ngroup = \"feast\"");
        with(&rules, "", async |app| {
            let shop = app.partner("blue-basket").await;
            let receipt = shop.record(&payment("p-1", "m-1", "10.00", "0.00")).await;
            assert_eq!(points(&receipt), expected, "{mode}");
            let reasons = receipt["explanation"].as_array().unwrap().iter();
            let superseded = reasons.filter(|reason| reason["because"] == "superseded").count();
            assert_eq!(superseded, usize::from(mode != "sum"));
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caps_hold_by_day_month_and_campaign_and_refunds_free_them() {
    let rules = rule(
        "base",
        "points_per_unit = \"1\"\ncaps = [{ per = \"day\", points = \"100\" }, \
         { per = \"month\", points = \"150\" }, { per = \"campaign\", points = \"180\" }]",
    );
    with(&rules, "", async |app| {
        let shop = app.partner("blue-basket").await;
        let post = async |id: &str, member: &str, gross: &str, time: &str| {
            points(&shop.record(&at(payment(id, member, gross, "0.00"), time)).await)
        };
        let (first, second) = ("2026-10-01T02:00:00Z", "2026-10-02T02:00:00Z");
        assert_eq!(post("p-1", "m-1", "80.00", first).await, "80.00");
        assert_eq!(post("p-2", "m-1", "80.00", first).await, "20.00", "the day");
        assert_eq!(post("p-3", "m-1", "80.00", second).await, "50.00", "the month");
        assert_eq!(post("p-4", "m-1", "80.00", "2026-11-01T02:00:00Z").await, "30.00", "all");
        assert_eq!(post("p-5", "m-2", "80.00", first).await, "80.00", "each customer's own");
        // Half of the first payment comes back, and with it half of what it took of the caps.
        shop.record(&at(refund("r-1", "p-1", "40.00"), "2026-11-03T02:00:00Z")).await;
        assert_eq!(post("p-6", "m-1", "80.00", second).await, "40.00");
        assert_eq!(post("p-7", "m-1", "80.00", "2026-11-02T02:00:00Z").await, "0.00");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_point_of_a_budget_goes_to_one_and_never_over() {
    let rules = rule("base", "points_per_unit = \"1\"\nbudget = \"100.00\"");
    with(&rules, "", async |app| {
        let shop = app.partner("blue-basket").await;
        let mut racing = Vec::new();
        for number in 0..30 {
            let shop = shop.clone();
            racing.push(tokio::spawn(async move {
                let member = format!("m-{number}");
                let event = payment(&format!("p-{number}"), &member, "7.00", "0.00");
                points(&shop.record(&event).await)
            }));
        }
        let mut given: Vec<String> = Vec::new();
        for post in racing {
            given.push(post.await.unwrap());
        }
        let sum: Decimal = given.iter().map(|it| Decimal::from_str(it).unwrap()).sum();
        assert_eq!(sum.to_string(), "100.00");
        assert_eq!(given.iter().filter(|it| *it == "7.00").count(), 14);
        assert_eq!(given.iter().filter(|it| *it == "2.00").count(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tier_is_reached_at_once_and_counts_from_the_next_payment_on() {
    let rules = rule(
        "base",
        "points_per_unit = \"1\"\nmultiply = [{ by = \"2\", when = { tiers = [\"silver\", \"gold\"] } }]",
    );
    let tiers = "\n[tiers]\nwindow_months = 3\ngrace_days = 10\ntier = [\n\
        { id = \"silver\", spend = \"100.00\" },\n{ id = \"gold\", spend = \"500.00\" },\n]\n";
    with(&rules, tiers, async |app| {
        let shop = app.partner("blue-basket").await;
        let post = async |id: &str, gross: &str, time: &str| {
            shop.record(&at(payment(id, "m-1", gross, "0.00"), time)).await
        };
        assert_eq!(points(&post("p-1", "60.00", "2026-01-10T02:00:00Z").await), "60.00");
        let reached = post("p-2", "40.00", "2026-02-10T02:00:00Z").await;
        assert_eq!(points(&reached), "40.00", "reached by this payment, not before it");
        let told = reached["explanation"].as_array().unwrap().iter();
        let told: Vec<&Value> = told.filter(|reason| reason["reason"] == "tier_reached").collect();
        assert_eq!(told[0]["tier"], "silver");
        assert_eq!(told[0]["held_until"], "2026-05-31T16:00:00Z");
        // In March the window still holds a hundred: the tier is held for a month longer.
        assert_eq!(points(&post("p-3", "10.00", "2026-03-10T02:00:00Z").await), "20.00");
        // The review has come, and ten days of grace; then the window's spend alone counts.
        assert_eq!(points(&post("p-4", "10.00", "2026-07-09T02:00:00Z").await), "20.00");
        assert_eq!(points(&post("p-5", "10.00", "2026-07-11T02:00:00Z").await), "10.00");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_birthday_counts_in_its_month_where_the_bank_tells_it() {
    let rules = rule("base", "points_per_unit = \"1\"\nwhen = { birthday_month = true }");
    with(&rules, "", async |app| {
        let token = app.trial.sign_customer(&json!({
            "iss": "https://login.test", "aud": "tallystick", "sub": "c-1",
            "birthdate": "1960-11-23",
        }));
        let reference = member(&Partner::with_token(&app.url(), &token), "blue-basket").await;
        let shop = app.partner("blue-basket").await;
        let mut count = 0;
        let mut post = async |member: &str, time: &str| {
            count += 1;
            let event = at(payment(&format!("p-{count}"), member, "5.00", "0.00"), time);
            points(&shop.record(&event).await)
        };
        assert_eq!(post(&reference, "2026-11-02T02:00:00Z").await, "5.00");
        assert_eq!(post(&reference, "2026-10-02T02:00:00Z").await, "0.00");
        assert_eq!(post("m-unknown-to-the-bank", "2026-11-02T02:00:00Z").await, "0.00");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn discounts_have_ceilings_limits_and_budgets() {
    let discount = |id: &str, body: &str| {
        format!(
            "[[discount]]\nid = \"{id}\"\nversion = 1\nfrom = \"2017-01-01\"\n\
             bank_share = \"0.50\"\n{body}\n"
        )
    };
    let tenth = "percentage = { share = \"0.1\", max = \"15.00\" }\n";
    let rules = rule("base", "points_per_unit = \"1\"")
        + &discount("tenth", tenth)
        + &discount("once-a-day", &format!("{tenth}limits = [{{ per = \"day\", times = 1 }}]"))
        + &discount("small-purse", &format!("{tenth}budget = \"12.00\""));
    with(&rules, "", async |app| {
        let shop = app.partner("blue-basket").await;
        let mut count = 0;
        let mut post = async |scheme: &str, gross: &str, discount: &str| {
            count += 1;
            let mut event = payment(&format!("p-{count}"), "m-1", gross, discount);
            event["data"]["scheme"] = json!(scheme);
            let receipt = shop.record(&event).await;
            let lines = receipt["postings"].as_array().unwrap().iter();
            let owed = lines.filter(|line| line["account"] == "subsidy_payable");
            let owed: Decimal = owed.map(|line| decimal(&line["amount"])).sum();
            (format!("{owed:.2}"), marks(&receipt).join(" "))
        };
        let taken = |owed: &str| (owed.to_owned(), String::new());
        let marked = |mark: &str| ("0.00".to_owned(), mark.to_owned());
        assert_eq!(post("tenth", "99.99", "9.99").await, taken("5.00"));
        assert_eq!(post("tenth", "400.00", "15.00").await, taken("7.50"));
        assert_eq!(post("tenth", "400.00", "40.00").await, marked("discount_differs"));
        assert_eq!(post("once-a-day", "100.00", "10.00").await, taken("5.00"));
        assert_eq!(post("once-a-day", "100.00", "10.00").await, marked("discount_spent"));
        assert_eq!(post("small-purse", "150.00", "15.00").await, taken("7.50"));
        assert_eq!(post("small-purse", "100.00", "10.00").await, marked("discount_spent"));
        assert_eq!(post("small-purse", "90.00", "9.00").await, taken("4.50"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instalment_fee_that_is_waived_is_borne_as_agreed_and_comes_back_with_a_refund() {
    let rules = rule("base", "points_per_unit = \"1\"")
        + "[[fee_waiver]]\nid = \"free-of-fee\"\nversion = 1\nfrom = \"2017-01-01\"\n\
           periods = [6, 12]\nshare = \"0.5\"\nmax = \"30.00\"\nbank_share = \"0.7\"\n";
    with(&rules, "", async |app| {
        let shop = app.partner("blue-basket").await;
        let post = async |id: &str, periods: u32, fee: &str, waived: &str| {
            let mut event = payment(id, "m-1", "1000.00", "0.00");
            event["data"]["instalment"] = json!({
                "periods": periods, "fee": fee, "waived": waived, "scheme": "free-of-fee",
            });
            let receipt = shop.record(&event).await;
            let lines = receipt["postings"].as_array().unwrap().iter();
            let money = lines.filter(|line| line["asset"] == "CNY");
            let money: Vec<String> = money.map(|line| format!("{}", line["amount"])).collect();
            (money.join(" ").replace('"', ""), marks(&receipt).join(" "))
        };
        let booked = ("20.05 -14.04 -6.01".to_owned(), String::new());
        assert_eq!(post("p-1", 12, "40.11", "20.05").await, booked);
        assert_eq!(post("p-2", 12, "99.00", "30.00").await.0, "30.00 -21.00 -9.00");
        assert_eq!(post("p-3", 3, "40.00", "20.00").await.1, "waiver_differs");
        let half = shop.record(&at(refund("r-1", "p-1", "500.00"), "2026-11-03T10:15:30Z")).await;
        let rest = shop.record(&at(refund("r-2", "p-1", "500.00"), "2026-11-03T10:15:30Z")).await;
        let income = |receipt: &Value| -> Decimal {
            let lines = receipt["postings"].as_array().unwrap().iter();
            let fees = lines.filter(|line| line["account"] == "instalment_fee_income");
            fees.map(|line| decimal(&line["amount"])).sum()
        };
        assert_eq!((income(&half) + income(&rest)).to_string(), "-20.05");
    })
    .await;
}

#[test]
fn a_rule_that_cannot_be_meant_is_refused_with_its_line() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/partners/green-basket/partner.toml");
    let manifest = std::fs::read_to_string(shipped).unwrap();
    let with_rule = |body: &str| {
        let text = format!("{manifest}\n{}", rule("odd", body));
        tallystick::partner::Partner::parse(&text, "p.toml", "green-basket", &Default::default())
            .map_err(|error| error.to_string())
    };
    for (body, says) in [
        ("", "expected one of points_per_unit, points_per_visit, steps, each"),
        ("points_per_unit = \"1\"\npoints_per_visit = \"1\"", "expected one of"),
        ("steps = [{ spend = \"2\", points = \"1\" }, { spend = \"2\", points = \"2\" }]", "rise"),
        ("points_per_unit = \"1\"\nwhen = { cel = \"paid >\" }", "not a CEL expression"),
        ("points_per_unit = \"1\"\nwhen = { hours = [\"late\"] }", "18:00-22:00"),
        ("points_per_unit = \"1\"\nwhen = { weekdays = [\"someday\"] }", "expected days"),
        ("points_per_unit = \"1\"\nwhen = { moon = true }", "unknown field `moon`"),
    ] {
        let said = with_rule(body).unwrap_err();
        assert!(said.contains(says) && said.starts_with("p.toml:"), "{body}: {said}");
    }
}
