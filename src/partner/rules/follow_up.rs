//! The follow-up of customers, as the programme writes it: the stages of a customer, the tasks of
//! customer managers with their due days, and the working days.

use std::collections::BTreeSet;

use chrono::{NaiveDate, Weekday};
use serde::Deserialize;

use super::terms::{self, Share};
use crate::ids::RuleId;
use crate::money::Amount;
use crate::template::{self, Template};

/// The rules by which a customer's facts give a stage.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageRules {
    /// The length of the present window. The window before it is as long.
    pub window_days: u32,
    /// The fewest payments of a regular customer in a window.
    pub regular_payments: u32,
    /// The least that a regular customer pays in a window.
    #[serde(deserialize_with = "terms::yuan")]
    pub regular_spend: Amount,
    /// A regular customer without a payment for this many days is at risk.
    pub silent_days: u32,
    /// A regular customer who paid less than this share of the window before is at risk.
    pub fallen_below: Share,
}

/// The cause of a task.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A referral has become a lead.
    Qualified,
    /// A customer manager has been in touch.
    Contacted,
    /// A customer is at risk.
    AtRisk,
}

/// A task for a customer manager, made once for each cause.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskRule {
    pub id: RuleId,
    pub on: Cause,
    /// The task opens this many days later, if nothing has changed by then.
    #[serde(default)]
    pub quiet_days: u32,
    /// Working days from its opening until it is due.
    pub due_working_days: u32,
    /// May name {product}, {region} and {`next_step`}; at risk {reason}.
    #[serde(deserialize_with = "template::read")]
    pub says: Template,
    #[serde(deserialize_with = "template::read")]
    pub says_zh: Template,
    /// Whether the CRM gets a message of its own. By default it does, except for tasks made with a
    /// lead: the lead's message has them.
    pub in_crm: Option<bool>,
}

/// The working days.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    #[serde(default = "weekend")]
    pub weekend: Vec<Weekday>,
    /// Holidays: other days on which nobody works.
    #[serde(default)]
    pub holidays: BTreeSet<NaiveDate>,
    /// Weekend days on which people work in place of a holiday.
    #[serde(default)]
    pub workdays: BTreeSet<NaiveDate>,
}

/// The most days of a rule: a leap year.
const DAYS_MAX: u32 = 366;

fn weekend() -> Vec<Weekday> {
    vec![Weekday::Sat, Weekday::Sun]
}

impl Default for Calendar {
    fn default() -> Self {
        Self { weekend: weekend(), holidays: BTreeSet::new(), workdays: BTreeSet::new() }
    }
}

impl Calendar {
    #[must_use]
    pub fn is_worked(&self, day: NaiveDate) -> bool {
        use chrono::Datelike;
        if self.workdays.contains(&day) {
            return true;
        }
        !self.holidays.contains(&day) && !self.weekend.contains(&day.weekday())
    }

    /// The day that many working days later. For 0: the day itself, or the next working day. After
    /// four years without a working day the search ends.
    #[must_use]
    pub fn after(&self, day: NaiveDate, working_days: u32) -> NaiveDate {
        let (mut at, mut left) = (day, working_days);
        for _ in 0..DAYS_MAX.saturating_mul(4) {
            if left == 0 && self.is_worked(at) {
                break;
            }
            let Some(next) = at.succ_opt() else { break };
            at = next;
            if self.is_worked(at) {
                left = left.saturating_sub(1);
            }
        }
        at
    }
}

impl Cause {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Qualified => "qualified",
            Self::Contacted => "contacted",
            Self::AtRisk => "at_risk",
        }
    }

    /// The cause of that name; `None` when there is none.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Qualified, Self::Contacted, Self::AtRisk]
            .into_iter()
            .find(|cause| cause.name() == name)
    }
}

impl TaskRule {
    /// Whether the CRM gets a message of its own about the task.
    #[must_use]
    pub fn is_in_crm(&self) -> bool {
        self.in_crm.unwrap_or(self.on != Cause::Qualified)
    }
}

/// The first fault of these rules, if any.
#[must_use]
pub fn fault(stages: Option<&StageRules>, tasks: &[TaskRule]) -> Option<String> {
    if let Some(rules) = stages {
        let days = [rules.window_days, rules.silent_days];
        if days.iter().any(|days| !(1..=DAYS_MAX).contains(days)) || rules.regular_payments == 0 {
            return Some(format!("stage: expected 1 to {DAYS_MAX} days, and 1 payment or more"));
        }
        if rules.silent_days > rules.window_days.saturating_mul(2) {
            return Some("stage: silent_days is more than two windows".to_owned());
        }
    }
    let ids: BTreeSet<&RuleId> = tasks.iter().map(|rule| &rule.id).collect();
    if ids.len() != tasks.len() {
        return Some("task: an id stands twice".to_owned());
    }
    tasks.iter().find_map(|rule| {
        let known: &[&str] = match rule.on {
            Cause::Qualified | Cause::Contacted => &["product", "region", "next_step"],
            Cause::AtRisk => &["reason"],
        };
        let texts = [&rule.says, &rule.says_zh];
        if let Some(unknown) = texts.iter().find_map(|text| text.unknown(known)) {
            return Some(format!("task {}: there is no {{{unknown}}} here", rule.id));
        }
        if texts.iter().any(|text| text.is_empty()) {
            return Some(format!("task {}: a text is empty", rule.id));
        }
        let long = rule.quiet_days > DAYS_MAX || rule.due_working_days > DAYS_MAX;
        long.then(|| format!("task {}: expected at most {DAYS_MAX} days", rule.id))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn weekends_and_holidays_do_not_count_and_days_worked_instead_do() {
        let calendar: Calendar =
            toml::from_str("holidays = [\"2027-01-01\"]\nworkdays = [\"2027-01-03\"]").unwrap();
        // Thursday; Friday is New Year's Day, and on Sunday people work.
        assert_eq!(calendar.after(day("2026-12-31"), 0), day("2026-12-31"));
        assert_eq!(calendar.after(day("2026-12-31"), 1), day("2027-01-03"));
        assert_eq!(calendar.after(day("2026-12-31"), 2), day("2027-01-04"));
        assert_eq!(calendar.after(day("2027-01-01"), 0), day("2027-01-03"));
        let never: Calendar = toml::from_str(
            "weekend = [\"Mon\", \"Tue\", \"Wed\", \"Thu\", \"Fri\", \"Sat\", \"Sun\"]",
        )
        .unwrap();
        assert!(never.after(day("2026-12-31"), 3) > day("2026-12-31"), "it ends");
    }

    proptest! {
        #[test]
        fn a_due_day_is_worked_and_more_days_are_later(start in 0_i64..3000, days in 0_u32..40) {
            let calendar = Calendar::default();
            let from = day("2026-01-01") + chrono::TimeDelta::days(start);
            let due = calendar.after(from, days);
            prop_assert!(calendar.is_worked(due) && due >= from);
            let worked = from.iter_days().skip(1).take_while(|it| *it <= due);
            let worked = worked.filter(|it| calendar.is_worked(*it)).count();
            prop_assert!(days == 0 || worked == usize::try_from(days).unwrap());
            prop_assert!(calendar.after(from, days + 1) > due || days == 0);
        }
    }
}
