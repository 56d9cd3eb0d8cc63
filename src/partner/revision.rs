//! What may not change in a manifest. Customers were promised a rule that has been in force, and
//! postings refer to it: it may be ended, but not rewritten and not removed.

use chrono::NaiveDate;
use toml::{Table, Value};

/// The tables of versioned rules.
const RULES: [&str; 4] = ["earning", "discount", "fee_waiver", "product"];

/// The rules in force on or before `today` that a new manifest rewrites or leaves out, each as a
/// sentence. Only the end of a rule's term may change, to a day that is not over.
#[must_use]
pub fn rewritten(before: &str, after: &str, today: NaiveDate) -> Vec<String> {
    let (Ok(before), Ok(after)) = (before.parse::<Table>(), after.parse::<Table>()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for table in RULES {
        for rule in rules(&before, table) {
            let begun = day(rule, "from").is_some_and(|from| from <= today);
            let name = || format!("{table} {} version {}", text(rule, "id"), text(rule, "version"));
            if !begun {
                continue;
            }
            match rules(&after, table).find(|other| same(rule, other)) {
                None => found.push(format!(
                    "{} has been in force and may not be removed: give it an `until`",
                    name()
                )),
                Some(other) if without_end(rule) != without_end(other) => found.push(format!(
                    "{} has been in force and may not be rewritten: end it and add the next \
                     version",
                    name()
                )),
                Some(other) if !may_end(day(rule, "until"), day(other, "until"), today) => {
                    found.push(format!(
                        "{}: `until` may move only from a day to come, to one not over",
                        name()
                    ));
                }
                Some(_) => {}
            }
        }
    }
    found
}

fn rules<'a>(manifest: &'a Table, table: &str) -> impl Iterator<Item = &'a Table> {
    let list = manifest.get(table).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_table)
}

fn same(rule: &Table, other: &Table) -> bool {
    rule.get("id") == other.get("id") && rule.get("version") == other.get("version")
}

fn text(rule: &Table, key: &str) -> String {
    let value = rule.get(key);
    value.map_or_else(String::new, |value| match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    })
}

fn day(rule: &Table, key: &str) -> Option<NaiveDate> {
    rule.get(key)?.as_str()?.parse().ok()
}

fn without_end(rule: &Table) -> Table {
    let mut rule = rule.clone();
    rule.remove("until");
    rule
}

fn may_end(before: Option<NaiveDate>, after: Option<NaiveDate>, today: NaiveDate) -> bool {
    let not_over = |day: Option<NaiveDate>| day.is_none_or(|day| day >= today);
    before == after || (not_over(before) && not_over(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "[[earning]]\nid = \"base\"\nversion = 1\nfrom = \"2026-01-01\"\n\
        until = \"2026-12-31\"\npoints_per_unit = \"1\"\n";

    fn found(after: &str, today: &str) -> Vec<String> {
        rewritten(RULE, after, today.parse().unwrap())
    }

    #[test]
    fn a_rule_in_force_is_not_rewritten_and_not_removed() {
        let dearer = RULE.replace("\"1\"", "\"2\"");
        assert_eq!(found(&dearer, "2026-06-01").len(), 1);
        assert_eq!(found("", "2026-06-01").len(), 1);
        assert!(found("", "2026-06-01")[0].starts_with("earning base version 1 has been"));
        // A rule whose term is over may not change either: late events and explanations use it.
        assert_eq!(found(&dearer, "2027-06-01").len(), 1);
        assert_eq!(found(RULE, "2026-06-01"), [""; 0]);
    }

    #[test]
    fn a_rule_to_come_may_change_and_a_version_may_be_added() {
        assert_eq!(found("", "2025-12-31"), [""; 0]);
        let next = RULE.replace("version = 1", "version = 2");
        assert_eq!(found(&format!("{RULE}{next}"), "2026-06-01"), [""; 0]);
    }

    #[test]
    fn the_end_of_a_rule_moves_only_between_days_that_are_not_over() {
        let until = |day: &str| RULE.replace("2026-12-31", day);
        assert_eq!(found(&until("2026-06-01"), "2026-06-01"), [""; 0]);
        assert_eq!(found(&until("2026-05-31"), "2026-06-01").len(), 1);
        assert_eq!(found(&until("2027-12-31"), "2026-12-31"), [""; 0]);
        assert_eq!(found(&until("2027-12-31"), "2027-01-01").len(), 1);
    }
}
