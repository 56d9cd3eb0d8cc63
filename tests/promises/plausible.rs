//! Amounts, times and rules beyond what people can mean are refused by name, on every way in.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use tallystick::partner::programme::Programme;
use tallystick::partner::{Partner, Status};

use crate::harness::{
    Answer, Trial, adjustment, cloud_event, member, payment, referral, refund, staff,
};

const BEYOND: &str = "10000000.01";
const TOO_MUCH: &str =
    "more than the 10,000,000.00 CNY that one event may have (limits.amount_max)";

fn problems(body: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = body["problems"].as_array().unwrap();
    list.iter().map(|it| (text(&it["pointer"]), text(&it["detail"]))).collect()
}

fn pointers(body: &Value) -> Vec<String> {
    problems(body).into_iter().map(|(pointer, _detail)| pointer).collect()
}

on_both_stores! {
    async fn an_amount_beyond_the_limit_is_refused_by_name_on_every_way_in(app) {
        let shop = app.partner("green-basket").await;
        shop.record(&payment("p-0", "m-1", "10000000.00", "0.00")).await;
        let vast = payment("p-1", "m-1", BEYOND, "0.00");
        let (status, slug, body) = shop.refused(&vast).await;
        assert_eq!((status, slug.as_str()), (422, "invalid"));
        assert_eq!(
            problems(&body),
            ["/data/gross", "/data/paid"].map(|at| (at.to_owned(), TOO_MUCH.to_owned()))
        );
        // In a batch and in a stream only the line itself is refused.
        let good = payment("p-2", "m-1", "1.00", "0.00");
        let batch = shop.post_batch(&[vast.clone(), good]).await;
        let outcomes = &batch.body["outcomes"];
        assert_eq!((&outcomes[0]["status"], &outcomes[1]["status"]), (&json!(422), &json!(201)));
        assert!(outcomes[0].to_string().contains(TOO_MUCH), "{outcomes}");
        let stream = shop.request(Method::POST, "/v1/events:stream");
        let stream = stream.header("content-type", "application/x-ndjson").body(format!("{vast}\n"));
        let stream = Answer::of(stream).await;
        assert!(stream.text.contains(TOO_MUCH), "{}", stream.text);
        let quote = json!({
            "member": "m-1", "scheme": "spend-200-save-30", "currency": "CNY", "gross": BEYOND,
        });
        let quote = shop.send("/v1/quotes", &quote).await;
        assert_eq!(quote.status, 422, "{}", quote.text);
        assert!(quote.text.contains(TOO_MUCH), "{}", quote.text);
        // Every amount of an event, at any depth.
        let mut lines = payment("p-3", "m-1", "10.00", "0.00");
        lines["data"]["lines"] = json!([{ "line": "1", "paid": BEYOND }]);
        assert!(pointers(&shop.refused(&lines).await.2).contains(&"/data/lines/0/paid".to_owned()));
        let mut fee = payment("p-4", "m-1", "10.00", "0.00");
        fee["data"]["instalment"] = json!({ "periods": 3, "fee": BEYOND, "waived": "0.00" });
        assert_eq!(pointers(&shop.refused(&fee).await.2), ["/data/instalment/fee"]);
        assert_eq!(pointers(&shop.refused(&refund("r-1", "p-0", BEYOND)).await.2), ["/data/amount"]);
        let held = json!({ "code": "1234567890123456", "points": BEYOND });
        let held = cloud_event("h-1", "redemption.held", "2026-11-02T10:15:30Z", held);
        let refused = problems(&shop.refused(&held).await.2);
        assert!(refused[0].0 == "/data/points" && refused[0].1.contains("limits.points_max"));
        let agency = app.partner("sunny-travel").await;
        let lead = referral("t-1", "travel-loan", BEYOND, "harbour");
        assert_eq!(pointers(&agency.refused(&lead).await.2), ["/data/amount"]);
        // Staff are no exception, above zero and below.
        let clerk = staff(app, "clerk-1", &["adjust"]);
        for points in [BEYOND, "-10000000.01"] {
            let answer = clerk.adjust(&adjustment("a-1", "m-1", points)).await;
            assert_eq!(answer.status, 422, "{}", answer.text);
            assert_eq!(pointers(&answer.body), ["/points"]);
        }
    }
}

/// A manifest may lower the limit of its partner, and no other.
#[tokio::test]
async fn a_partner_may_have_a_lower_limit() {
    let trial = Trial::on(crate::harness::Store::Sqlite);
    trial.edit("green-basket", "[members]", "[limits]\namount_max = \"500.00\"\n\n[members]");
    trial
        .run(async |app| {
            let shop = app.partner("green-basket").await;
            shop.record(&payment("p-1", "m-1", "500.00", "0.00")).await;
            let (status, _slug, body) =
                shop.refused(&payment("p-2", "m-1", "500.01", "0.00")).await;
            assert_eq!(status, 422);
            assert!(body.to_string().contains("more than the 500.00 CNY"), "{body}");
            let other = app.partner("blue-basket").await;
            other.record(&payment("p-2", "m-1", "500.01", "0.00")).await;
        })
        .await;
}

fn manifest(partner: &str) -> String {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("partners");
    std::fs::read_to_string(shipped.join(partner).join("partner.toml")).unwrap()
}

fn read(text: &str, partner: &str) -> Result<Partner, String> {
    Partner::parse(text, "p.toml", partner, &Default::default()).map_err(|error| error.to_string())
}

/// Adds a rule to green-basket, whose tables all stand before it.
fn with_rule(rule: &str) -> Result<Partner, String> {
    let rule = format!(
        "\n[[earning]]\nid = \"odd\"\nversion = 1\nfrom = \"2017-01-01\"\nrounding = \"down\"\n\
         partner_share = \"0\"\n{rule}\n"
    );
    read(&(manifest("green-basket") + &rule), "green-basket")
}

#[test]
fn a_rule_that_can_never_hold_or_reaches_beyond_all_times_is_refused_with_file_and_line() {
    for good in [
        "points_per_unit = \"1\"\nexpires_months = 1200",
        "points_per_unit = \"1\"\npending_days = 28\nexpires_months = 1",
        "points_per_unit = \"1\"\nwhen = { cel = \"paid_minor > 100 && weekday in [6, 7]\" }",
        "points_per_unit = \"100\"",
        "each = { spend = \"1.00\", points = \"100.00\" }",
    ] {
        assert_eq!(with_rule(good).map(|_partner| ()), Ok(()), "{good}");
    }
    for (wrong, why) in [
        (
            "points_per_unit = \"1\"\nexpires_months = 96000",
            "expires_months: expected at most 1200",
        ),
        ("points_per_unit = \"1\"\npending_days = 3000000", "pending_days: expected at most 3660"),
        (
            "points_per_unit = \"1\"\npending_days = 29\nexpires_months = 1",
            "before they may be spent",
        ),
        (
            "points_per_unit = \"1\"\npending_days = 1\nexpires_months = 0",
            "before they may be spent",
        ),
        ("points_per_unit = \"1\"\nwhen = { cel = \"pay_minor > 100\" }", "undeclared reference"),
        ("points_per_unit = \"1\"\nexcept = { cel = \"pay_minor > 100\" }", "undeclared reference"),
        ("points_per_unit = \"1\"\nwhen = { cel = \"paid_minor\" }", "expected a truth"),
        ("points_per_unit = \"1\"\nwhen = { cel = \"paid_minor / 0 > 1\" }", "division by 0"),
        ("points_per_unit = \"1\"\nwhen = { cel = \"store == 5\" }", "does not go with"),
        (
            "points_per_unit = \"1\"\nmultiply = [{ by = \"2\", when = { cel = \"hour == 24\" } }]",
            "never holds",
        ),
        ("points_per_unit = \"1\"\nwhen = { stores = [] }", "stores: an empty list never holds"),
        ("points_per_unit = \"1\"\nwhen = { hours = [\"18:00-18:00\"] }", "has no time in it"),
        ("points_per_unit = \"1\"\nwhen = { tiers = [\"gold\"] }", "has no tier gold"),
        ("points_per_unit = \"101\"", "could bring more than 1,000,000,000.00 points"),
        (
            "points_per_unit = \"50\"\nmultiply = [{ by = \"3\" }]",
            "could bring more than 1,000,000,000.00 points",
        ),
        ("points_per_visit = \"1000000001\"", "could bring more than"),
        ("steps = [{ spend = \"10000000.01\", points = \"1\" }]", "no payment reaches"),
    ] {
        let refused = with_rule(wrong).map(|_partner| ()).unwrap_err();
        assert!(refused.contains(why) && refused.starts_with("p.toml:"), "{wrong}: {refused}");
        let line: usize = refused.split(':').nth(1).unwrap().parse().unwrap();
        assert!(line > 50, "the line of the rule, not {line}: {refused}");
    }
}

#[test]
fn a_manifest_whose_values_cannot_be_meant_is_refused() {
    for (partner, from, to, why) in [
        ("green-basket", "gross = \"gross\"", "gross = \"paid\"", "are both the column \"paid\""),
        ("green-basket", "gross = \"gross\"", "gross = \"\"", "gross: the column has no name"),
        ("green-basket", "2035-12-31", "+12035-12-31", "expected years from"),
        ("green-basket", "2035-12-31", "2015-12-31", "until lies before from"),
        ("lotus-tea", "group = \"weekend\"\nmode", "group = \"week-end\"\nmode", "no earning rule"),
        (
            "sunny-travel",
            "regions = [\"lake-district\", \"old-town\", \"harbour\"]",
            "regions = []",
            "without a region",
        ),
        (
            "golden-field",
            "late_days_max = ",
            "late_days_max = 99",
            "late_days_max: expected at most 60",
        ),
    ] {
        let good = manifest(partner);
        assert!(read(&good, partner).is_ok());
        let changed = good.replacen(from, to, 1);
        assert_ne!(good, changed, "{partner} has no {from:?}");
        let refused = read(&changed, partner).map(|_partner| ()).unwrap_err();
        assert!(refused.contains(why), "{to}: {refused}");
    }
}

#[test]
fn a_programme_whose_values_cannot_be_meant_is_refused() {
    for (from, to, why) in [
        ("hold_seconds = 1800", "hold_seconds = 4000000000", "hold_seconds"),
        ("redemption_price = \"0.01\"", "redemption_price = \"1000000\"", "at most 1000 CNY"),
        ("leads_days = 180", "leads_days = 4000000000", "retention"),
        ("amount_max = \"10000000.00\"", "amount_max = \"92233720368547758.07\"", "limits"),
        ("amount = \"50000.00\"", "amount = \"10000000.01\"", "behaviour supermarket-regular"),
    ] {
        let changed = Programme::DEFAULT.replacen(from, to, 1);
        assert_ne!(changed, Programme::DEFAULT, "{from}");
        let refused = Programme::parse(&changed, "programme.toml").unwrap_err().to_string();
        assert!(refused.contains(why), "{to}: {refused}");
    }
}

on_both_stores! {
    async fn a_leap_second_is_the_same_moment_on_every_store(app) {
        let shop = app.partner("green-basket").await;
        let mut leap = payment("p-1", "m-1", "1.00", "0.00");
        leap["time"] = json!("2016-12-31T23:59:60Z");
        // Its scheme was not in force; what counts is that both stores take it alike, and that the
        // same event again, read from the store, is the same.
        let first = shop.post(&leap).await;
        let again = shop.post(&leap).await;
        let expected = if first.status == 201 { 200 } else { first.status.as_u16() };
        assert_eq!(again.status.as_u16(), expected, "{} {}", first.text, again.text);
        let mut never = payment("p-2", "m-1", "1.00", "0.00");
        never["time"] = json!("2026-11-02T10:15:60Z");
        assert_eq!(pointers(&shop.refused(&never).await.2), ["/time"]);
    }
}

on_both_stores! {
    sandboxed async fn the_way_back_from_suspension_leads_only_to_where_the_partner_was(app) {
        let path = app.trial.settings.partners.join("green-basket/partner.toml");
        let history = |app: &crate::harness::TestApp| {
            let file = Some("green-basket/partner.toml");
            tallystick::store::partners::history(&mut app.trial.db(), file).unwrap()
        };
        let set = async |app: &crate::harness::TestApp, to: Status| {
            let text = std::fs::read_to_string(&path).unwrap();
            let line = text.lines().find(|line| line.starts_with("status = ")).unwrap();
            let changed = text.replacen(line, &format!("status = \"{to}\""), 1);
            let before = history(app).len();
            let beside = path.with_extension("new");
            std::fs::write(&beside, &changed).unwrap();
            std::fs::rename(&beside, &path).unwrap();
            app.partners_changed();
            for _ in 0..500 {
                if history(app).len() > before {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            let last = history(app).pop().unwrap();
            assert_eq!(last.number, i64::try_from(before + 1).unwrap(), "not recorded: {to}");
            if !last.reasons.is_empty() {
                std::fs::write(&path, &text).unwrap();
            }
            last.reasons
        };
        assert_eq!(set(app, Status::Suspended).await, "");
        for (to, status) in [(Status::Full, "full"), (Status::Conformant, "conformant")] {
            let why = set(app, to).await;
            assert_eq!(why, format!("{status} does not follow suspended: expected sandbox"));
        }
        assert_eq!(set(app, Status::Sandbox).await, "");
    }
}

on_both_stores! {
    async fn a_customer_of_the_bank_is_asked_for_texts_that_say_something(app) {
        let person = crate::harness::customer(app, "c-1");
        member(&person, "green-basket").await;
        let clerk = staff(app, "clerk-1", &["adjust"]);
        app.partner("green-basket").await.record(&payment("p-1", "m-1", "10.00", "0.00")).await;
        for reason in [" ", "\u{200b}", "\u{3000}", "\u{202e}abc"] {
            let mut given = adjustment("a-1", "m-1", "1.00");
            given["reason"] = json!(reason);
            let answer = clerk.adjust(&given).await;
            assert_eq!((answer.status.as_u16(), pointers(&answer.body)), (422, vec!["/reason".to_owned()]));
        }
    }
}
