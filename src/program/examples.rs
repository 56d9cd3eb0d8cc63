//! Refunds by line, and what else falls with what was given back: examples with their exact figures.

use serde_json::json;

use super::histories::World;
use super::*;
use crate::ledger::{Account, AccountCode};
use crate::money::{Amount, Asset};
use crate::partner::earning::Period;

const HEAD: &str = r#"
id = "green-basket"
name = "Green Basket"
kind = "supermarket"
status = "full"
listed = { from = "2016-01-01" }
access = { scopes = ["events:write"], requests_per_second = 1 }
redemption = { accepted = true }
"#;

/// One point for each 1.00 CNY of tea, at most ten a month; and further rules.
const TEA: &str = r#"
[[earning]]
id = "tea"
version = 1
from = "2017-01-01"
points_per_unit = "1"
rounding = "down"
partner_share = "0"
when = { categories = ["tea"] }
caps = [{ per = "month", points = "10" }]
"#;

const OIL: &str = r#"
[[earning]]
id = "oil"
version = 1
from = "2017-01-01"
points_per_unit = "0.0557"
rounding = "half_up"
partner_share = "1"
when = { categories = ["oil"] }
"#;

fn world(rules: &[&str]) -> World {
    World::new(&format!("{HEAD}{}", rules.concat()))
}

/// A payment of lines of tea and of oil.
fn pay(world: &mut World, tea: &str, oil: &str) -> (String, Decision) {
    let minor = |text: &str| Amount::parse(text, Asset::CNY).unwrap().minor();
    let paid = Amount::from_minor(minor(tea) + minor(oil), Asset::CNY);
    let lines = json!([
        { "line": "1", "category": "tea", "paid": tea },
        { "line": "2", "category": "oil", "paid": oil },
    ]);
    let data = json!({
        "member": "m-1", "order": "o", "currency": "CNY", "gross": paid, "discount": "0.00",
        "paid": paid, "lines": lines,
    });
    world.decide("payment.discounted", data).unwrap()
}

fn refund(world: &mut World, payment: &str, line: Option<&str>, amount: &str) {
    let mut data = json!({ "payment": payment, "currency": "CNY", "amount": amount });
    if let Some(line) = line {
        data["lines"] = json!([{ "line": line, "amount": amount }]);
    }
    world.decide("payment.refunded", data).unwrap();
}

fn available(world: &World) -> i64 {
    world.balance(AccountCode::POINTS_AVAILABLE)
}

fn funded(world: &World) -> i64 {
    let partner = Account::partner(AccountCode::POINTS_FUNDING, &world.partner.id, Asset::PTS);
    -world.balances.get(&partner).copied().unwrap_or(0)
}

fn cap_used(world: &World, rule: &str) -> i64 {
    let day = world.now.day_in(chrono_tz::Asia::Shanghai);
    let rule = rule.parse().unwrap();
    let counter = counter::cap(&world.partner.id, &rule, world.customer, Period::Month, day);
    world.standings.counters.get(counter)
}

#[test]
fn a_cap_is_free_again_when_the_line_that_used_it_goes_back_and_not_before() {
    let mut world = world(&[TEA]);
    let (payment, _) = pay(&mut world, "10.00", "990.00");
    assert_eq!((available(&world), cap_used(&world, "tea")), (1_000, 1_000));
    refund(&mut world, &payment, Some("2"), "990.00");
    assert_eq!((available(&world), cap_used(&world, "tea")), (1_000, 1_000));
    pay(&mut world, "5.00", "0.00");
    assert_eq!(available(&world), 1_000, "the cap is used up");
    refund(&mut world, &payment, Some("1"), "10.00");
    assert_eq!((available(&world), cap_used(&world, "tea")), (0, 0));
}

#[test]
fn all_of_a_cap_is_free_again_when_its_line_goes_back_first() {
    let mut world = world(&[TEA]);
    let (payment, _) = pay(&mut world, "10.00", "990.00");
    refund(&mut world, &payment, Some("1"), "10.00");
    assert_eq!((available(&world), cap_used(&world, "tea")), (0, 0));
    pay(&mut world, "10.00", "0.00");
    assert_eq!(available(&world), 1_000);
}

#[test]
fn the_funder_of_the_line_that_goes_back_has_its_points_back() {
    let mut world = world(&[TEA, OIL]);
    // Tea brings 10.00 points, all borne by the bank; oil 50.13, all borne by the partner.
    let (payment, _) = pay(&mut world, "10.00", "900.00");
    assert_eq!((available(&world), funded(&world)), (6_013, 5_013));
    refund(&mut world, &payment, Some("2"), "900.00");
    assert_eq!((available(&world), funded(&world)), (1_000, 0));
    refund(&mut world, &payment, Some("1"), "10.00");
    assert_eq!((available(&world), funded(&world)), (0, 0));
}

#[test]
fn part_refunds_and_refunds_by_line_take_what_each_part_had_brought_in_any_order() {
    // Tea brings 10.00 points, oil 5.01: 15.01.
    type Order = dyn Fn(&mut World, &str);
    let first_without = |world: &mut World, payment: &str| {
        refund(world, payment, None, "50.00");
        refund(world, payment, Some("1"), "10.00");
    };
    let first_by_line = |world: &mut World, payment: &str| {
        refund(world, payment, Some("1"), "10.00");
        refund(world, payment, None, "50.00");
    };
    let orders: [&Order; 2] = [&first_without, &first_by_line];
    for order in orders {
        let mut world = world(&[TEA, OIL]);
        let (payment, _) = pay(&mut world, "10.00", "90.00");
        assert_eq!(available(&world), 1_501);
        order(&mut world, &payment);
        // 40.00 of the oil were kept: 40/90 of its 5.01 points.
        assert_eq!(available(&world), 223);
        refund(&mut world, &payment, None, "40.00");
        assert_eq!((available(&world), funded(&world)), (0, 0));
    }
}

#[test]
fn a_payment_that_brought_a_subsidy_and_no_points_is_refunded_by_its_lines() {
    let scheme = r#"
        [[earning]]
        id = "base"
        version = 1
        from = "2017-01-01"
        points_per_unit = "1"
        rounding = "down"
        partner_share = "0"
        when = { categories = ["books"] }

        [[discount]]
        id = "spend-30-save-10"
        version = 1
        from = "2017-01-01"
        bank_share = "0.6"
        steps = [{ spend = "30.00", save = "10.00" }]
        limits = [{ per = "month", times = 1 }]
    "#;
    let mut world = world(&[scheme]);
    let data = json!({
        "member": "m-1", "order": "o", "currency": "CNY", "gross": "40.00", "discount": "10.00",
        "paid": "30.00", "scheme": "spend-30-save-10",
        "lines": [{ "line": "1", "category": "tea", "paid": "10.00" },
                  { "line": "2", "category": "oil", "paid": "20.00" }],
    });
    let (payment, decision) = world.decide("payment.discounted", data).unwrap();
    assert!(decision.marks.is_empty(), "{:?}", decision.marks);
    let payable = Account::partner(AccountCode::SUBSIDY_PAYABLE, &world.partner.id, Asset::CNY);
    assert_eq!(world.balances.get(&payable), Some(&600));
    refund(&mut world, &payment, Some("2"), "20.00");
    assert_eq!(world.balances.get(&payable), Some(&200));
    refund(&mut world, &payment, Some("1"), "10.00");
    assert_eq!(world.balances.get(&payable), Some(&0));
}

#[test]
fn a_scheme_that_allowed_nothing_yet_uses_up_no_limit() {
    let scheme = r#"
        [[earning]]
        id = "base"
        version = 1
        from = "2017-01-01"
        points_per_unit = "1"
        rounding = "down"
        partner_share = "0"

        [[discount]]
        id = "spend-30-save-10"
        version = 1
        from = "2017-01-01"
        bank_share = "0.6"
        steps = [{ spend = "30.00", save = "10.00" }]
        limits = [{ per = "month", times = 1 }]
    "#;
    let mut world = world(&[scheme]);
    let mut buy = |gross: &str, discount: &str, paid: &str| {
        let data = json!({
            "member": "m-1", "order": "o", "currency": "CNY", "gross": gross,
            "discount": discount, "paid": paid, "scheme": "spend-30-save-10",
        });
        world.decide("payment.discounted", data).unwrap().1
    };
    buy("5.00", "0.00", "5.00");
    let real = buy("40.00", "10.00", "30.00");
    assert!(real.marks.is_empty(), "{:?}", real.marks);
    let second = buy("40.00", "10.00", "30.00");
    assert_eq!(second.marks, [Mark::DiscountSpent]);
}

#[test]
fn a_multiplier_with_categories_multiplies_those_lines_only() {
    let rule = r#"
        [[earning]]
        id = "base"
        version = 1
        from = "2017-01-01"
        points_per_unit = "1"
        rounding = "down"
        partner_share = "0"
        multiply = [{ by = "2", when = { categories = ["tea"] } }, { by = "1.5" }]
    "#;
    let mut world = world(&[rule]);
    let (payment, decision) = pay(&mut world, "10.00", "90.00");
    // (10.00 x 2 + 90.00) x 1.5
    assert_eq!(available(&world), 16_500);
    let says = decision.explanation[0].says();
    assert!(says.contains("10.00 CNY of it times 2"), "{says}");
    refund(&mut world, &payment, Some("1"), "10.00");
    assert_eq!(available(&world), 13_500);
}

#[test]
fn a_payment_of_excepted_lines_only_earns_no_visit() {
    let rule = r#"
        [[earning]]
        id = "visit"
        version = 1
        from = "2017-01-01"
        points_per_visit = "10"
        rounding = "down"
        partner_share = "0"
        except = { categories = ["tea"] }
    "#;
    let mut world = world(&[rule]);
    let data = json!({
        "member": "m-1", "order": "o", "currency": "CNY", "gross": "8.00", "discount": "0.00",
        "paid": "8.00", "lines": [{ "line": "1", "category": "tea", "paid": "8.00" }],
    });
    world.decide("payment.discounted", data).unwrap();
    assert_eq!(available(&world), 0);
    pay(&mut world, "8.00", "1.00");
    assert_eq!(available(&world), 1_000);
}

#[test]
fn points_that_had_expired_when_they_arrived_pay_no_debt_and_are_never_available() {
    let rule = r#"
        [[earning]]
        id = "base"
        version = 1
        from = "2017-01-01"
        points_per_unit = "1"
        rounding = "down"
        partner_share = "0"
        expires_months = 1
    "#;
    let mut world = world(&[rule]);
    world.standings.lots.add_owed(world.customer, Amount::from_minor(500, Asset::PTS));
    let recorded = world.now;
    let data = json!({
        "member": "m-1", "order": "o", "currency": "CNY", "gross": "10.00", "discount": "0.00",
        "paid": "10.00",
    });
    let late = recorded.minus(chrono::TimeDelta::days(100));
    let (payment, decision) = world.decide_at("payment.discounted", data, late).unwrap();
    assert_eq!(available(&world), 0);
    assert_eq!(world.standings.lots.owed(world.customer).minor(), 500);
    let says = decision.explanation[0].says();
    assert!(says.ends_with("They had expired when the payment was recorded."), "{says}");
    refund(&mut world, &payment, None, "10.00");
    assert_eq!(world.standings.lots.owed(world.customer).minor(), 500);
}

#[test]
fn a_fully_refunded_first_purchase_was_none() {
    let rule = r#"
        [[earning]]
        id = "welcome"
        version = 1
        from = "2017-01-01"
        points_per_visit = "10"
        rounding = "down"
        partner_share = "0"
        when = { first_purchase = true }
    "#;
    let mut world = world(&[rule]);
    let (payment, _) = pay(&mut world, "1.00", "2.00");
    assert_eq!(available(&world), 1_000);
    refund(&mut world, &payment, Some("1"), "1.00");
    refund(&mut world, &payment, Some("2"), "2.00");
    assert_eq!(available(&world), 0);
    let (second, _) = pay(&mut world, "1.00", "2.00");
    assert_eq!(available(&world), 1_000, "the first was none, so this is the first");
    refund(&mut world, &second, Some("1"), "1.00");
    let kept = available(&world);
    pay(&mut world, "1.00", "2.00");
    assert_eq!(available(&world), kept, "part of the first is kept: this is the second");
}

#[test]
fn an_exception_of_categories_keeps_their_lines_only_where_all_that_it_states_holds() {
    const NO_TEA_ON_MONDAYS: &str = r#"
[[earning]]
id = "base"
version = 1
from = "2017-01-01"
points_per_unit = "1"
rounding = "down"
partner_share = "0"
except = { categories = ["tea"], weekdays = ["mon"] }
"#;
    let mut world = world(&[NO_TEA_ON_MONDAYS]);
    // The first of January 2026 is a Thursday.
    pay(&mut world, "10.00", "5.00");
    assert_eq!(available(&world), 1_500);
    world.wait(4);
    pay(&mut world, "10.00", "5.00");
    assert_eq!(available(&world), 2_000);
}

#[test]
fn an_earning_rule_and_a_discount_of_one_id_cannot_both_have_limits() {
    const DISCOUNT: &str = r#"
[[discount]]
id = "tea"
version = 1
from = "2017-01-01"
percentage = { share = "0.1", max = "50.00" }
bank_share = "1"
limits = [{ per = "month", times = 3 }]
"#;
    let read = |text: &str| {
        let read = Partner::parse(text, "p.toml", "green-basket", &Default::default());
        read.map(|_partner| ()).map_err(|error| error.to_string())
    };
    let why = read(&format!("{HEAD}{TEA}{DISCOUNT}")).unwrap_err();
    assert!(why.contains("discount tea: an earning rule has this id"), "{why}");
    let other = DISCOUNT.replace("\"tea\"", "\"tea-tenth\"");
    assert_eq!(read(&format!("{HEAD}{TEA}{other}")), Ok(()));
    let all = other.replace("\"0.1\"", "\"1\"");
    let why = read(&format!("{HEAD}{TEA}{all}")).unwrap_err();
    assert!(why.contains("saves all that is spent"), "{why}");
}
