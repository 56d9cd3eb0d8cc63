//! Payments that no honest till would report are recorded and held, each with a sentence that says what is
//! unlike honest tills. Honest shops are not held.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{TimeDelta, TimeZone, Utc};
use chrono_tz::Asia::Shanghai;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tallystick::clock::{self, Moment};
use tallystick::event::parse_recorded;
use tallystick::ids::{CustomerId, MemberKey};
use tallystick::partner::{Partner as Shop, Registry};
use tallystick::program::{CustomerStanding, Decision, HeldReason, Occasion, Standings, decide};

use crate::exposure::{decide as decide_on, get, hold_points, now, redemption};
use crate::harness::{
    Store, TestApp, Trial, count, customer, member, payment, run_sql, staff, wait_until,
};

/// Makes a pattern judge from fewer payments on.
pub fn from_few(trial: &Trial, pattern: &str, least: u32) {
    let path = trial.settings.partners.join("programme.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, entry) = text.split_once(&format!("id = \"{pattern}\"")).unwrap();
    let (head, rest) = entry.split_once("least = ").unwrap();
    let (_old, rest) = rest.split_once('\n').unwrap();
    std::fs::write(&path, format!("{before}id = \"{pattern}\"{head}least = {least}\n{rest}"))
        .unwrap();
}

fn rule(receipt: &Value) -> Option<&str> {
    let held = receipt["marks"].as_array().unwrap().iter().any(|mark| mark == "held");
    held.then(|| receipt["explanation"][0]["limit"].as_str()).flatten()
}

async fn round_sums_are_held_and_the_others_come_in(store: Store) {
    let trial = Trial::bounded_on(store);
    from_few(&trial, "round-amounts", 4);
    trial
        .run(async |app: &mut TestApp| {
            let shop = app.partner("green-basket").await;
            let pay = async |id: &str, gross: &str| {
                shop.record(&now(payment(id, &format!("card-{id}"), gross, "0.00"))).await
            };
            for id in ["a", "b", "c"] {
                assert_eq!(rule(&pay(id, "100.00").await), None, "three payments say nothing");
            }
            let held = pay("d", "150.00").await;
            assert_eq!(rule(&held), Some("round-amounts"), "{held}");
            assert_eq!(held["postings"], json!([]));
            let why = &held["explanation"][0];
            assert_eq!(
                why["says"],
                "Held until the bank decides: 4 of the partner's 4 payments of this day are of a round \
                 sum, a multiple of 50.00 CNY (round-amounts)."
            );
            assert!(why["says_zh"].as_str().unwrap().starts_with("搁置，待银行决定：当日该合作方4笔"));
            assert_eq!(rule(&pay("e", "13.37").await), None, "an honest sum comes in");

            let clerk = staff(app, "ann", &["read", "decide"]);
            let list = get(&clerk, "/v1/held-events?partner=green-basket").await;
            let open = &list["held_events"][0];
            assert_eq!((&open["rule"], &open["figure"]), (&json!("round-amounts"), &json!("1")));
            let alarms = get(&clerk, "/v1/alarms").await;
            assert_eq!(alarms["alarms"][0]["rule"], "round-amounts", "{alarms}");
            let released = decide_on(&clerk, open, "release").await;
            assert_eq!(released.status, 200, "{released:?}");
            // What people accept is no news about the pattern: the next is held as before.
            assert_eq!(rule(&pay("f", "200.00").await), Some("round-amounts"));
        })
        .await;
}

on_both_stores!(round_sums_are_held_and_the_others_come_in);

async fn discounts_for_members_whom_nobody_linked_are_held_beyond_their_share(store: Store) {
    let trial = Trial::bounded_on(store);
    from_few(&trial, "unlinked-share", 4);
    trial
        .run(async |app: &mut TestApp| {
            let shop = app.partner("green-basket").await;
            let linked = member(&customer(app, "c-1"), "green-basket").await;
            let buy = async |id: &str, member: &str| {
                let mut event = payment(id, member, "211.30", "30.00");
                event["data"]["scheme"] = json!("spend-200-save-30");
                shop.record(&now(event)).await
            };
            for id in ["a", "b", "c"] {
                assert_eq!(rule(&buy(id, &format!("card-{id}")).await), None);
            }
            assert_eq!(rule(&buy("d", "card-d").await), Some("unlinked-share"));
            assert_eq!(rule(&buy("e", &linked).await), None, "a customer of the bank");
            // Four of six, and of nine, are less than nine in ten.
            assert_eq!(rule(&buy("f", "card-f").await), None);
        })
        .await;
}

on_both_stores!(discounts_for_members_whom_nobody_linked_are_held_beyond_their_share);

async fn the_price_of_points_redeemed_where_they_were_earned_is_held_beyond_its_share(
    store: Store,
) {
    let trial = Trial::bounded_on(store);
    from_few(&trial, "own-redemption-share", 100);
    let programme = trial.settings.partners.join("programme.toml");
    let text = std::fs::read_to_string(&programme).unwrap();
    std::fs::write(&programme, text.replace("own_after_days = 3", "own_after_days = 0")).unwrap();
    trial
        .run(async |app: &mut TestApp| {
            let person = customer(app, "c-1");
            let reference = member(&person, "green-basket").await;
            let shop = app.partner("green-basket").await;
            shop.record(&now(payment("p-1", &reference, "512.30", "0.00"))).await;
            let redeem = async |number: u32, points: &str| {
                let hold = format!("h-{number}");
                let held = hold_points(&shop, &person, &hold, points).await;
                assert_eq!(held.status, 201, "{held:?}");
                let id = format!("c-{number}");
                shop.record(&redemption(&id, "committed", json!({ "hold": hold }))).await
            };
            assert_eq!(rule(&redeem(1, "90.00").await), None, "too few points to say anything");
            let held = redeem(2, "20.00").await;
            assert_eq!(rule(&held), Some("own-redemption-share"), "{held}");
            let says = held["explanation"][0]["says"].as_str().unwrap();
            assert!(says.contains("110.00 of the 110.00 points redeemed at the partner"), "{says}");
            let owed = "SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) AS count FROM accounts \
                        WHERE code = 'redemption_payable'";
            assert_eq!(count(&app.trial, owed), 90);
        })
        .await;
}

on_both_stores!(the_price_of_points_redeemed_where_they_were_earned_is_held_beyond_its_share);

async fn counts_are_exact_when_two_gateways_count_at_once(store: Store) {
    let trial = Trial::bounded_on(store);
    from_few(&trial, "round-amounts", 100);
    let settings = trial.settings.clone();
    trial
        .run(async |app: &mut TestApp| {
            let second = tallystick::app::App::start(settings.clone()).await.unwrap();
            let shop = app.partner("green-basket").await;
            let mut there = shop.clone();
            there.url = format!("http://{}", second.address());
            let mut waiting = Vec::new();
            for number in 0..200 {
                let shop = if number % 2 == 0 { shop.clone() } else { there.clone() };
                let event =
                    payment(&format!("p-{number}"), &format!("card-{number}"), "50.00", "0.00");
                let event = now(event);
                waiting.push(tokio::spawn(async move { shop.record(&event).await }));
            }
            let mut taken = 0;
            for one in waiting {
                let receipt = one.await.unwrap();
                taken += i32::from(rule(&receipt).is_none());
            }
            // The hundredth is judged, and each after it. Those of one second, or in sequence, may be
            // held before.
            assert!(taken <= 99, "{taken}");
            let held = "SELECT COUNT(*) AS count FROM held_events WHERE rule = 'round-amounts'";
            assert!(count(&app.trial, held) > 0);
            let whole = "SELECT COUNT(*) AS count FROM conduct \
                         WHERE tally LIKE '%\"payments\":200,%' AND length(period) = 7";
            assert_eq!(count(&app.trial, whole), 1);
            second.stop().await;
        })
        .await;
}

on_both_stores!(counts_are_exact_when_two_gateways_count_at_once);

async fn figures_that_nothing_reads_any_more_go_and_those_that_bound_somebody_stay(store: Store) {
    Trial::bounded_on(store)
        .run(async |app: &mut TestApp| {
            let shop = app.partner("green-basket").await;
            shop.record(&now(payment("p-1", "m-1", "13.37", "0.00"))).await;
            let figures = "SELECT COUNT(*) AS count FROM exposures";
            let counts = "SELECT COUNT(*) AS count FROM conduct";
            let before = (count(&app.trial, figures), count(&app.trial, counts));
            assert!(before.0 > 0 && before.1 == 3, "{before:?}");
            let id = |byte: &str| match store {
                Store::Postgres => format!("'\\x{}'", byte.repeat(16)),
                Store::Sqlite => format!("x'{}'", byte.repeat(16)),
            };
            let old = format!(
                "INSERT INTO exposures (id, partner_id, rule, period, amount) \
                 VALUES ({}, 'green-basket', 'partner-total-month', '2020-01', 5); \
                 INSERT INTO conduct (id, partner_id, period, tally) \
                 VALUES ({}, 'green-basket', '2020-01-01 10', '{{}}');",
                id("a1"),
                id("b2"),
            );
            run_sql(&app.trial, &old).unwrap();
            let left = || (count(&app.trial, figures), count(&app.trial, counts));
            wait_until(before, async || left()).await;
            for table in ["exposures", "conduct"] {
                let refused = run_sql(&app.trial, &format!("DELETE FROM {table}")).unwrap_err();
                assert!(refused.contains("the last 90 days are kept"), "{refused}");
            }
        })
        .await;
}

on_both_stores!(figures_that_nothing_reads_any_more_go_and_those_that_bound_somebody_stay);

/// A shop with the shipped rules, whose payments are decided on as they are recorded.
pub struct Till {
    shop: Arc<Shop>,
    standings: Standings,
    members: HashSet<MemberKey>,
    number: u32,
}

impl Till {
    pub fn new() -> Self {
        let shipped = Registry::load(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("partners"));
        let shop = shipped.unwrap().get(&"green-basket".parse().unwrap()).unwrap();
        Self { shop, standings: Standings::default(), members: HashSet::new(), number: 0 }
    }

    /// By which rule a payment is held, if it is.
    fn pay(&mut self, at: Moment, member: &str, gross: &str) -> Option<String> {
        self.report(at, at, member, gross)
    }

    fn report(
        &mut self,
        at: Moment,
        recorded: Moment,
        member: &str,
        gross: &str,
    ) -> Option<String> {
        self.number += 1;
        let mut event = payment(&format!("p-{}", self.number), member, gross, "0.00");
        event["time"] = json!(at.to_string());
        self.decide(&event, at, recorded).held.map(|why: HeldReason| why.rule().to_owned())
    }

    /// CNY for 1.00 points.
    pub fn price(&self) -> Decimal {
        self.shop.programme.points.redemption_price
    }

    pub fn decide(&mut self, event: &Value, at: Moment, recorded: Moment) -> Decision {
        let event = parse_recorded(&self.shop.id, &event.to_string()).unwrap();
        let key = MemberKey::of(&self.shop.id, event.data.member().unwrap());
        if self.members.insert(key) {
            let id = CustomerId::random();
            let customer = CustomerStanding { id, enrolled_at: at, birth_month: None };
            self.standings.add_customer(key, customer);
        }
        let occasion = Occasion::new(at, recorded, Shanghai);
        decide(&event, &self.shop, &mut self.standings, occasion).unwrap()
    }

    /// Nine weeks of an honest shop: 40 payments an hour from 10 to 14 o'clock. Returns the next Monday.
    fn with_a_past() -> (Self, Moment) {
        let mut till = Self::new();
        let monday = Utc.with_ymd_and_hms(2026, 9, 6, 16, 0, 0).unwrap();
        let monday = clock::Moment::parse(&monday.to_rfc3339()).unwrap();
        for day in 0..63 {
            for hour in 10..14 {
                for turn in 0..40 {
                    let at = monday
                        .plus(TimeDelta::days(day))
                        .plus(TimeDelta::hours(hour))
                        .plus(TimeDelta::seconds(turn * 89 + 3));
                    assert_eq!(till.honest(at), None);
                }
            }
        }
        (till, monday.plus(TimeDelta::days(63)))
    }

    fn honest(&mut self, at: Moment) -> Option<String> {
        let (member, gross) = self.purchase();
        self.pay(at, &member, &gross)
    }

    /// Who buys next, and for how much: sums of a few yuan up to some hundred.
    fn purchase(&self) -> (String, String) {
        let number = u64::from(self.number);
        let dice = number.wrapping_mul(6_364_136_223_846_793_005) >> 33;
        let scale = [199, 411, 873, 1_731, 3_511, 7_207];
        let minor = scale[usize::try_from(dice % 6).unwrap()] + dice % 997;
        (format!("card-{}", dice % 3_001), format!("{}.{:02}", minor / 100, minor % 100))
    }
}

#[test]
fn more_payments_than_ever_at_this_hour_are_held_and_an_honest_rush_is_not() {
    let (mut till, monday) = Till::with_a_past();
    let noon = monday.plus(TimeDelta::hours(12));
    let rush: Vec<_> =
        (0..90).filter_map(|n| till.honest(noon.plus(TimeDelta::seconds(n * 31)))).collect();
    assert_eq!(rush, Vec::<String>::new(), "twice as many as on other Mondays");
    let more: Vec<_> =
        (0..60).filter_map(|n| till.honest(noon.plus(TimeDelta::seconds(2_800 + n * 7)))).collect();
    assert!(!more.is_empty() && more.iter().all(|rule| rule == "velocity-hour"), "{more:?}");
    // The next hour is judged for itself.
    assert_eq!(till.honest(noon.plus(TimeDelta::hours(1))), None);
}

#[test]
fn payments_at_night_are_held_where_a_shop_never_sold_at_night() {
    let (mut till, monday) = Till::with_a_past();
    let night = monday.plus(TimeDelta::hours(3));
    let some: Vec<_> =
        (0..30).filter_map(|n| till.honest(night.plus(TimeDelta::seconds(n * 17)))).collect();
    assert_eq!(some, Vec::<String>::new(), "a few late customers");
    assert_eq!(till.honest(night.plus(TimeDelta::seconds(600))).as_deref(), Some("night"));
    // Yesterday's payments in a file that comes at night are no payments of the night.
    let (member, gross) = till.purchase();
    let yesterday = night.minus(TimeDelta::hours(12));
    assert_eq!(till.report(yesterday, night.plus(TimeDelta::seconds(900)), &member, &gross), None);
}

#[test]
fn a_flood_dated_back_is_held_by_the_day_s_velocity() {
    let (mut till, monday) = Till::with_a_past();
    let now = monday.plus(TimeDelta::hours(10));
    let mut held = Vec::new();
    for n in 0..700 {
        let (member, gross) = till.purchase();
        let happened = now.minus(TimeDelta::seconds(7_201 + n * 61));
        held.extend(till.report(happened, now.plus(TimeDelta::seconds(n)), &member, &gross));
    }
    assert!(!held.is_empty() && held.iter().all(|rule| rule == "velocity-day"), "{held:?}");
}

#[test]
fn sums_that_begin_with_one_digit_are_held_and_others_of_the_day_come_in() {
    let mut till = Till::new();
    let start = clock::Moment::parse("2026-11-02T01:00:00Z").unwrap();
    let mut held = Vec::new();
    for n in 0..260_i64 {
        let gross = format!("9{}.{:02}", n % 10, (n * 37) % 99 + 1);
        let member = format!("card-{}", n * 7);
        held.extend(till.pay(start.plus(TimeDelta::seconds(n * 61 * 3)), &member, &gross));
    }
    assert!(held.len() >= 60 && held.iter().all(|rule| rule == "first-digits"), "{held:?}");
    assert_eq!(till.pay(start.plus(TimeDelta::hours(14)), "card-3", "12.40"), None);
}

#[test]
fn members_counted_up_one_by_one_are_held() {
    let mut till = Till::new();
    let start = clock::Moment::parse("2026-11-02T01:00:00Z").unwrap();
    let mut held = Vec::new();
    for n in 0..60_i64 {
        let gross = till.purchase().1;
        held.extend(till.pay(start.plus(TimeDelta::seconds(n * 53)), &format!("m-{n}"), &gross));
    }
    assert_eq!(held, vec!["sequential-members"; 31]);
}

#[test]
fn payments_that_name_the_same_few_seconds_are_held() {
    let mut till = Till::new();
    let start = clock::Moment::parse("2026-11-02T01:00:00Z").unwrap();
    let mut held = Vec::new();
    for n in 0..90_i64 {
        let (member, gross) = till.purchase();
        held.extend(till.pay(start.plus(TimeDelta::seconds(n % 4 + 7)), &member, &gross));
    }
    assert_eq!(held, vec!["same-second"; 31]);
    // A till that writes whole minutes is no thief.
    let mut till = Till::new();
    for n in 0..90_i64 {
        let (member, gross) = till.purchase();
        let at = start.plus(TimeDelta::minutes(n % 60));
        assert_eq!(till.pay(at, &member, &gross), None);
    }
}
