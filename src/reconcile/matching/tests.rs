use std::collections::BTreeMap;

use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::clock::Moment;
use crate::ids::EventKey;
use crate::reconcile::item::{Currency, ItemValue};

fn cny(minor: i64) -> ItemValue {
    ItemValue { currency: Currency::by_code("CNY").unwrap(), minor }
}

/// A payment of an order, at ten o'clock of a day of October.
fn item(place: usize, event: &str, order: &str, minor: i64, day: u32) -> Item {
    let at = Moment::parse("2026-10-01T02:00:00Z").unwrap();
    let at = at.plus(TimeDelta::days(i64::from(day) - 1));
    let name = |text: &str| (!text.is_empty()).then(|| ItemName::of_name(&[text]));
    Item {
        place,
        kind: ItemKind::Payment,
        event: (!event.is_empty()).then(|| EventKey::of_name(&[event])),
        order: name(order),
        value: cny(minor),
        at,
        day: at.day_in(chrono_tz::Asia::Shanghai),
        store: name("s-1"),
        standing: ItemStanding::Good,
    }
}

fn refund(item: Item) -> Item {
    Item { kind: ItemKind::Refund, ..item }
}

fn compare(theirs: Vec<Item>, ours: Vec<Item>) -> Matching {
    super::compare(&MatchingRules::default(), &theirs, &ours, &[])
}

fn compare_leniently(theirs: Vec<Item>, ours: Vec<Item>) -> Matching {
    let rules = "tolerance_max = \"0.50\"\ntolerance_month_max = \"2.00\"\nsum_rows_max = 4";
    super::compare(&toml::from_str(rules).unwrap(), &theirs, &ours, &[])
}

fn told_by(rules: &str, theirs: &[Item], ours: &[Item]) -> Vec<String> {
    let rules: MatchingRules = toml::from_str(rules).unwrap();
    tell(&super::compare(&rules, theirs, ours, &[]))
}

fn told(theirs: &[Item], ours: &[Item]) -> Vec<String> {
    tell(&compare(theirs.to_vec(), ours.to_vec()))
}

fn tell(found: &Matching) -> Vec<String> {
    assert!(found.theirs.adds_up() && found.ours.adds_up(), "{found:?}");
    let pairs = found.pairs.iter().map(|pair| {
        let ours = pair.ours.map_or("nothing".to_owned(), |ours| ours.to_string());
        format!("{} is {ours} by {}", pair.theirs, pair.rule.name())
    });
    let differences = found.differences.iter().map(|it| {
        let twin = it.twin.map_or(String::new(), |twin| format!(" of {twin}"));
        format!("{} {:?} {:?}{twin}", it.code.name(), it.theirs, it.ours)
    });
    pairs.chain(differences).collect()
}

#[test]
fn an_event_id_and_an_order_match_where_the_amount_agrees() {
    let theirs = [item(0, "p-1", "o-1", 100, 1), item(1, "", "o-2", 250, 2)];
    let ours = [item(0, "p-2", "o-2", 250, 2), item(1, "p-1", "o-1", 100, 1)];
    assert_eq!(told(&theirs, &ours), ["0 is 1 by event_id", "1 is 0 by order"]);
}

#[test]
fn a_row_without_another_half_is_missing() {
    let theirs = [item(0, "p-1", "o-1", 100, 1)];
    let ours = [item(0, "p-2", "o-2", 250, 2)];
    let expected = ["MISSING_IN_GATEWAY [0] []", "MISSING_AT_PARTNER [] [0]"];
    assert_eq!(told(&theirs, &ours), expected);
}

#[test]
fn another_amount_or_currency_under_the_same_key_is_one_break() {
    let theirs = [item(0, "p-1", "", 100, 1), item(1, "", "o-2", 250, 2)];
    let mut ours = [item(0, "p-1", "o-1", 101, 1), item(1, "p-2", "o-2", 250, 2)];
    ours[1].value.currency = Currency::by_code("USD").unwrap();
    assert_eq!(told(&theirs, &ours), ["AMOUNT_DIFF [0] [0]", "CURRENCY_DIFF [1] [1]"]);
}

#[test]
fn what_stands_once_more_is_a_duplicate_and_names_its_twin() {
    let line = item(0, "p-1", "o-1", 100, 1);
    let again = Item { place: 1, ..line };
    let ours = [item(0, "p-1", "o-1", 100, 1)];
    assert_eq!(told(&[line, again], &ours), ["0 is 0 by event_id", "DUPLICATE [1] [] of 0"]);
    // Also where we have neither of the two.
    assert_eq!(told(&[line, again], &[]), ["MISSING_IN_GATEWAY [0] []", "DUPLICATE [1] [] of 0"]);
    // And where it is our side that has more.
    let ours = [item(0, "p-1", "o-1", 100, 1), item(1, "p-2", "o-1", 100, 3)];
    let theirs = [item(0, "", "o-1", 100, 3)];
    assert_eq!(told(&theirs, &ours), ["0 is 1 by order", "DUPLICATE [] [0] of 1"]);
}

#[test]
fn two_that_fit_equally_well_are_never_chosen_between() {
    let theirs = [item(0, "", "o-1", 100, 5)];
    let ours = [item(0, "p-1", "o-1", 100, 1), item(1, "p-2", "o-1", 100, 9)];
    assert_eq!(told(&theirs, &ours), ["AMBIGUOUS [0] [0, 1]"]);
    // As many on both sides: whichever is which, all of them match.
    let theirs = [item(0, "", "o-1", 100, 5), item(1, "", "o-1", 100, 6)];
    assert_eq!(told(&theirs, &ours), ["0 is 0 by order", "1 is 1 by order"]);
}

#[test]
fn an_event_of_the_next_month_is_a_cut_off_and_counts_for_nothing_else() {
    let theirs = [item(0, "", "o-1", 100, 31)];
    let next =
        |order: &str| Item { standing: ItemStanding::Outside, ..item(0, "p-1", order, 100, 32) };
    assert_eq!(told(&theirs, &[next("o-1")]), ["CUTOFF [0] [0]"]);
    assert_eq!(told(&[], &[next("o-2")]), [""; 0]);
}

#[test]
fn an_event_of_another_time_is_known_by_its_id_with_any_amount() {
    let theirs = [item(0, "p-1", "", 100, 31)];
    let known =
        |standing: ItemStanding, minor: i64| Item { standing, ..item(0, "p-1", "o-1", minor, 80) };
    for (standing, minor) in [(ItemStanding::Elsewhere, 100), (ItemStanding::Outside, 90)] {
        assert_eq!(told(&theirs, &[known(standing, minor)]), ["OTHER_PERIOD [0] [0]"]);
    }
    let reversed = known(ItemStanding::Reversed, 100);
    assert_eq!(told(&theirs, &[reversed]), ["STATUS_DIFF [0] [0]"]);
    // Twice in the file, it is a duplicate too.
    let twice = [theirs[0], Item { place: 1, ..theirs[0] }];
    let elsewhere = [known(ItemStanding::Elsewhere, 100)];
    assert_eq!(told(&twice, &elsewhere), ["DUPLICATE [1] [] of 0", "OTHER_PERIOD [0] [0]"]);
    let void = [Item { standing: ItemStanding::Void, ..theirs[0] }];
    assert_eq!(told(&void, &elsewhere), ["STATUS_DIFF [0] [0]"]);
    assert_eq!(told(&[], &elsewhere), [""; 0]);
}

#[test]
fn what_the_partner_calls_void_agrees_with_nothing_and_differs_from_something() {
    let void = |place: usize, order: &str| Item {
        standing: ItemStanding::Void,
        ..item(place, "", order, 100, 1)
    };
    let ours = [item(0, "p-1", "o-1", 100, 1)];
    let said = told(&[void(0, "o-1"), void(1, "o-2")], &ours);
    assert_eq!(said, ["1 is nothing by void", "STATUS_DIFF [0] [0]"]);
}

#[test]
fn a_refund_on_one_side_of_a_payment_that_both_know_is_a_difference_in_status() {
    let paid = item(0, "p-1", "o-1", 100, 1);
    let back = refund(item(1, "", "o-1", 40, 2));
    assert_eq!(told(&[paid, back], &[paid]), ["0 is 0 by event_id", "STATUS_DIFF [1] []"]);
    let back = refund(item(1, "r-1", "o-1", 40, 2));
    assert_eq!(told(&[paid], &[paid, back]), ["0 is 0 by event_id", "STATUS_DIFF [] [1]"]);
    // One id, and another kind.
    let other = refund(item(0, "p-1", "", 100, 1));
    assert_eq!(told(&[other], &[paid]), ["STATUS_DIFF [0] [0]"]);
}

#[test]
fn parts_that_sum_up_and_rows_without_a_key_in_common_are_candidates() {
    let theirs = [item(0, "", "o-1", 60, 1), item(1, "", "o-1", 40, 1)];
    let ours = [item(0, "p-1", "o-1", 100, 1)];
    assert_eq!(told(&theirs, &ours), ["CANDIDATE [0, 1] [0]"]);
    let theirs = [item(0, "", "their-order", 70, 4)];
    let ours = [item(0, "p-1", "our-order", 70, 4)];
    assert_eq!(told(&theirs, &ours), ["CANDIDATE [0] [0]"]);
    let more = [ours[0], item(1, "p-2", "another", 70, 4)];
    assert_eq!(told(&theirs, &more), ["AMBIGUOUS [0] [0, 1]"]);
}

/// Few ids, orders, amounts and days, so that everything meets everything.
fn any_item(standings: &'static [ItemStanding]) -> impl Strategy<Value = Item> {
    let kinds = prop::sample::select(&[ItemKind::Payment, ItemKind::Refund]);
    let standing = prop::sample::select(standings);
    (0..5_u8, 0..4_u8, 1..4_i64, 1..4_u32, kinds, standing).prop_map(
        |(event, order, minor, day, kind, standing)| {
            let event = if event == 0 { String::new() } else { format!("p-{event}") };
            let order =
                if order == 0 && !event.is_empty() { String::new() } else { format!("o-{order}") };
            Item { kind, standing, ..item(0, &event, &order, minor, day) }
        },
    )
}

fn placed(items: &[Item]) -> Vec<Item> {
    let numbered = items.iter().enumerate();
    numbered.map(|(place, item)| Item { place, ..*item }).collect()
}

const THEIRS: &[ItemStanding] = &[ItemStanding::Good, ItemStanding::Good, ItemStanding::Void];
const OURS: &[ItemStanding] = &[
    ItemStanding::Good,
    ItemStanding::Good,
    ItemStanding::Good,
    ItemStanding::Outside,
    ItemStanding::Elsewhere,
    ItemStanding::Reversed,
];

fn both_sides() -> impl Strategy<Value = (Vec<Item>, Vec<Item>)> {
    let side = |standings| prop::collection::vec(any_item(standings), 0..12);
    (side(THEIRS), side(OURS)).prop_map(|(theirs, ours)| (placed(&theirs), placed(&ours)))
}

type Said = BTreeMap<String, usize>;

/// What came of it in the words of the rows alone, wherever they stood.
fn said(found: &Matching, theirs: &[Item], ours: &[Item]) -> Said {
    let words = |items: &[Item], place: usize| format!("{:?}", Item { place: 0, ..items[place] });
    let mut said = Said::new();
    for pair in &found.pairs {
        let ours = pair.ours.map(|place| words(ours, place));
        *said
            .entry(format!("{:?} {} {ours:?}", pair.rule, words(theirs, pair.theirs)))
            .or_default() += 1;
    }
    for it in &found.differences {
        let all = |items: &[Item], places: &[usize]| {
            let mut all: Vec<_> = places.iter().map(|place| words(items, *place)).collect();
            all.sort_unstable();
            all.join(" + ")
        };
        let (theirs, ours) = (all(theirs, &it.theirs), all(ours, &it.ours));
        *said.entry(format!("{:?} {theirs} / {ours}", it.code)).or_default() += 1;
    }
    said
}

#[test]
fn amounts_that_are_near_match_as_far_as_the_manifest_allows() {
    let rules = "tolerance_max = \"0.05\"\ntolerance_month_max = \"0.08\"";
    let theirs = [
        item(0, "p-1", "", 100, 1),
        item(1, "p-2", "", 203, 1),
        item(2, "", "o-3", 306, 1),
        item(3, "p-4", "", 400, 1),
    ];
    let ours = [
        item(0, "p-1", "o-1", 105, 1),
        item(1, "p-2", "o-2", 200, 1),
        item(2, "p-3", "o-3", 300, 1),
        item(3, "p-4", "o-4", 400, 1),
    ];
    let told = told_by(rules, &theirs, &ours);
    let expected =
        ["0 is 0 by tolerance", "1 is 1 by tolerance", "3 is 3 by event_id", "AMOUNT_DIFF [2] [2]"];
    assert_eq!(told, expected, "six are more than five");
    let less = rules.replace("0.08", "0.05");
    let told = told_by(&less, &theirs, &ours);
    assert_eq!(told.iter().filter(|it| it.ends_with("tolerance")).count(), 1, "{told:?}");
    assert_eq!(told_by(&less, &theirs, &ours), told);
}

#[test]
fn several_rows_that_come_to_one_are_shown_and_never_matched() {
    let rules = "sum_rows_max = 3";
    let theirs = [item(0, "", "x-1", 600, 1), item(1, "", "x-2", 50, 1)];
    let ours = [
        item(0, "p-1", "o-1", 100, 1),
        item(1, "p-2", "o-2", 200, 1),
        item(2, "p-3", "o-3", 300, 1),
        item(3, "p-4", "o-4", 600, 2),
    ];
    let told = told_by(rules, &theirs, &ours);
    assert!(told.contains(&"CANDIDATE [0] [0, 1, 2]".to_owned()), "{told:?}");
    // The other way round.
    assert!(told_by(rules, &ours, &theirs).contains(&"CANDIDATE [0, 1, 2] [0]".to_owned()));
    // Two ways to come to it: nobody chooses.
    let more = [ours.as_slice(), &[item(4, "p-5", "o-5", 500, 1)]].concat();
    let told = told_by(rules, &theirs, &more);
    assert!(told.contains(&"AMBIGUOUS [0] [0, 1, 2, 4]".to_owned()), "{told:?}");
    // Two sums that share a row are one question.
    let theirs = [item(0, "", "x-1", 300, 1), item(1, "", "x-2", 500, 1)];
    let ours = [
        item(0, "p-1", "o-1", 100, 1),
        item(1, "p-2", "o-2", 200, 1),
        item(2, "p-3", "o-3", 301, 1),
        item(3, "p-4", "o-4", 400, 1),
    ];
    let told = told_by(rules, &theirs, &ours);
    assert!(told.contains(&"AMBIGUOUS [0, 1] [0, 1, 3]".to_owned()), "{told:?}");
    // Without the rule nothing is looked for, and a search that is too long says so.
    assert!(self::told(&theirs, &ours).iter().all(|it| it.starts_with("MISSING")));
    let rules: MatchingRules = toml::from_str("sum_rows_max = 3\nsum_steps_max = 2").unwrap();
    let found = super::compare(&rules, &theirs, &ours, &[]);
    assert!(found.sums_given_up > 0 && found.theirs.adds_up(), "{found:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_row_ends_in_one_place_and_the_sums_add_up((theirs, ours) in both_sides()) {
        let found = compare_leniently(theirs.clone(), ours.clone());
        prop_assert!(found.theirs.adds_up());
        prop_assert!(found.ours.adds_up());
        let mut lines: Vec<usize> = found.pairs.iter().map(|pair| pair.theirs).collect();
        lines.extend(found.differences.iter().flat_map(|it| it.theirs.iter().copied()));
        lines.sort_unstable();
        prop_assert_eq!(lines, (0..theirs.len()).collect::<Vec<_>>());
        let mut events: Vec<usize> = found.pairs.iter().filter_map(|pair| pair.ours).collect();
        events.extend(found.differences.iter().flat_map(|it| it.ours.iter().copied()));
        events.sort_unstable();
        let once = events.windows(2).all(|pair| pair[0] < pair[1]);
        prop_assert!(once, "{:?}", events);
        for event in &ours {
            let counts = event.standing == ItemStanding::Good;
            prop_assert!(!counts || events.contains(&event.place));
        }
    }

    #[test]
    fn the_order_in_which_rows_come_changes_nothing(
        (theirs, ours) in both_sides(),
        seed in any::<u64>(),
    ) {
        let shuffled = |items: &[Item]| {
            let mut items = items.to_vec();
            items.sort_by_cached_key(|item| {
                EventKey::of_name(&[&seed.to_string(), &item.place.to_string()])
            });
            items
        };
        let found = compare_leniently(theirs.clone(), ours.clone());
        prop_assert_eq!(&compare_leniently(shuffled(&theirs), shuffled(&ours)), &found);
        // The file itself in another order, or cut in two: the lines have other numbers.
        let (moved, ours_moved) = (placed(&shuffled(&theirs)), placed(&shuffled(&ours)));
        let again = compare_leniently(moved.clone(), ours_moved.clone());
        prop_assert_eq!(said(&again, &moved, &ours_moved), said(&found, &theirs, &ours));
        prop_assert_eq!((&again.theirs, &again.ours), (&found.theirs, &found.ours));
    }

    #[test]
    fn a_statement_that_says_what_we_say_has_no_breaks(
        ours in prop::collection::vec(any_item(&[ItemStanding::Good]), 0..12),
    ) {
        // Our own events have ids, each its own.
        let ours: Vec<Item> = placed(&ours)
            .into_iter()
            .map(|item| Item { event: Some(EventKey::of_name(&[&item.place.to_string()])), ..item })
            .collect();
        let found = compare_leniently(ours.clone(), ours.clone());
        prop_assert_eq!(found.differences.len(), 0);
        prop_assert_eq!(found.pairs.len(), ours.len());
    }
}

#[test]
fn what_people_keep_apart_never_matches_and_the_others_do() {
    let apart = |theirs: &[Item], ours: &[Item], pairs: &[(usize, usize)]| {
        let pairs: Vec<ApartPair> =
            pairs.iter().map(|(theirs, ours)| ApartPair { theirs: *theirs, ours: *ours }).collect();
        tell(&super::compare(&MatchingRules::default(), theirs, ours, &pairs))
    };
    let (theirs, ours) = ([item(0, "e-1", "o-1", 100, 1)], [item(0, "e-1", "o-1", 100, 1)]);
    assert_eq!(apart(&theirs, &ours, &[]), ["0 is 0 by event_id"]);
    // Nothing else brings the two together either, and each of them stands for itself.
    assert_eq!(
        apart(&theirs, &ours, &[(0, 0)]),
        ["MISSING_IN_GATEWAY [0] []", "MISSING_AT_PARTNER [] [0]"]
    );
    // The line may belong to another event of its order.
    let two = [item(0, "e-1", "o-1", 100, 1), item(1, "e-2", "o-1", 100, 1)];
    assert_eq!(apart(&theirs, &two, &[(0, 0)]), ["0 is 1 by order", "DUPLICATE [] [0] of 1"]);
    // Which of several belong together, nobody chooses.
    let bare = [item(0, "", "o-1", 100, 1), item(1, "", "o-1", 100, 1)];
    assert_eq!(apart(&bare, &two, &[(0, 0)]), ["AMBIGUOUS [0, 1] [0, 1]"]);
    // The lines are twins: ours are taken in the order of their keys, whatever the order of the rows.
    assert_eq!(apart(&bare, &two, &[]), ["0 is 1 by order", "1 is 0 by order"]);
}

#[test]
fn a_manifest_names_the_passes_and_their_order() {
    let (theirs, ours) = ([item(0, "e-1", "o-1", 100, 1)], [item(0, "e-1", "o-1", 100, 1)]);
    let told = |passes: &str| told_by(&format!("version = 2\npasses = [{passes}]"), &theirs, &ours);
    assert_eq!(told("\"order\", \"event_id\""), ["0 is 0 by order"]);
    assert_eq!(told("\"order\""), ["0 is 0 by order"]);
    assert_eq!(told("\"candidate\", \"order\""), ["CANDIDATE [0] [0]"]);
    assert_eq!(told("\"void\""), ["MISSING_IN_GATEWAY [0] []", "MISSING_AT_PARTNER [] [0]"]);
}
