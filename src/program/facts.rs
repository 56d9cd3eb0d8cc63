#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

//! What a rule's condition may ask about a payment, and whether it holds.

use cel::Value;
use chrono::{NaiveTime, Timelike, Weekday};
use serde::Serialize;

use crate::event::{Line, Payment};
use crate::ids::RuleId;
use crate::money::{Amount, AmountError};
use crate::partner::condition::Condition;

/// What a condition may ask about.
pub struct Facts<'a> {
    pub payment: &'a Payment,
    pub tier: Option<&'a RuleId>,
    pub weekday: Weekday,
    pub time: NaiveTime,
    /// Payments at this partner before this one.
    pub visits: i64,
    /// Whether it is the month of the customer's birthday.
    pub birthday_month: bool,
}

/// The part of a condition that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConditionPart {
    Tier,
    Weekday,
    Hours,
    Store,
    Category,
    FirstPurchase,
    BirthdayMonth,
    Expression,
}

/// Whether a condition holds.
///
/// # Errors
/// [`ConditionPart`]: the first part that does not.
pub fn holds(condition: &Condition, facts: &Facts<'_>) -> Result<(), ConditionPart> {
    let parts = parts(condition, facts);
    parts.into_iter().find(|(_part, holds)| !holds).map_or(Ok(()), |(fails, _)| Err(fails))
}

/// Each part of a condition, and whether it holds. A part that is not stated holds.
fn parts(condition: &Condition, facts: &Facts<'_>) -> [(ConditionPart, bool); 8] {
    let payment = facts.payment;
    let category = |line: &Line, names: &[String]| {
        line.category.as_ref().is_some_and(|category| names.contains(category))
    };
    let tier = |tiers: &Vec<RuleId>| facts.tier.is_some_and(|tier| tiers.contains(tier));
    [
        (ConditionPart::Tier, condition.tiers.as_ref().is_none_or(tier)),
        (
            ConditionPart::Weekday,
            condition.weekdays.as_ref().is_none_or(|days| days.contains(&facts.weekday)),
        ),
        (
            ConditionPart::Hours,
            condition
                .hours
                .as_ref()
                .is_none_or(|spans| spans.iter().any(|span| span.cover(facts.time))),
        ),
        (
            ConditionPart::Store,
            condition.stores.as_ref().is_none_or(|stores| {
                payment.store.as_ref().is_some_and(|store| stores.contains(store))
            }),
        ),
        (
            ConditionPart::Category,
            condition
                .categories
                .as_ref()
                .is_none_or(|names| payment.lines.iter().any(|line| category(line, names))),
        ),
        (
            ConditionPart::FirstPurchase,
            condition.first_purchase.is_none_or(|first| first == (facts.visits == 0)),
        ),
        (
            ConditionPart::BirthdayMonth,
            condition.birthday_month.is_none_or(|month| month == facts.birthday_month),
        ),
        (
            ConditionPart::Expression,
            condition.cel.as_ref().is_none_or(|cel| cel.is_true(&facts.values())),
        ),
    ]
}

/// Whether an exception keeps a rule from the payment: one that says nothing keeps it from none,
/// and one that names categories keeps it from those lines only.
#[must_use]
pub fn excepted(except: &Condition, facts: &Facts<'_>) -> bool {
    !except.says_nothing() && except.categories.is_none() && holds(except, facts).is_ok()
}

/// The categories whose lines count for a rule, and those whose lines do not.
#[derive(Clone, Copy, Default)]
pub struct CountingCategories<'a> {
    only: Option<&'a [String]>,
    except: Option<&'a [String]>,
}

impl<'a> CountingCategories<'a> {
    /// An exception keeps the lines of its categories from the rule where all else that it states
    /// holds.
    pub fn of(when: &'a Condition, except: &'a Condition, facts: &Facts<'_>) -> Self {
        let mut others = parts(except, facts).into_iter();
        let holds = others.all(|(part, holds)| holds || part == ConditionPart::Category);
        let except = except.categories.as_deref().filter(|_names| holds);
        Self { only: when.categories.as_deref(), except }
    }

    /// How much of what was paid counts: all of it, or the lines that count.
    pub fn paid(self, payment: &Payment) -> Result<Amount, AmountError> {
        if payment.lines.is_empty() || (self.only.is_none() && self.except.is_none()) {
            return Ok(payment.paid);
        }
        let counting = payment.lines.iter().filter(|line| self.counts(line));
        let mut paid = counting.map(|line| line.paid);
        paid.try_fold(Amount::zero(payment.currency), Amount::checked_add)
    }

    /// Whether a line counts for the rule.
    #[must_use]
    pub fn counts(self, line: &Line) -> bool {
        let category = line.category.as_ref();
        let is_in = |names: &[String]| category.is_some_and(|category| names.contains(category));
        self.only.is_none_or(is_in) && !self.except.is_some_and(is_in)
    }
}

impl Facts<'_> {
    /// As an expression calls them. Amounts are whole numbers of the smallest unit.
    fn values(&self) -> Vec<(&'static str, Value)> {
        let payment = self.payment;
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let categories: Vec<String> =
            payment.lines.iter().filter_map(|line| line.category.clone()).collect();
        vec![
            ("paid_minor", payment.paid.minor().into()),
            ("gross_minor", payment.gross.minor().into()),
            ("discount_minor", payment.discount.minor().into()),
            ("store", text(payment.store.as_ref().map(|store| store.as_str())).into()),
            ("scheme", text(payment.scheme.as_ref().map(RuleId::as_str)).into()),
            ("tier", text(self.tier.map(RuleId::as_str)).into()),
            ("weekday", i64::from(self.weekday.number_from_monday()).into()),
            ("hour", i64::from(self.time.hour()).into()),
            ("visits", self.visits.into()),
            ("categories", categories.into()),
            ("birthday_month", self.birthday_month.into()),
        ]
    }
}

impl ConditionPart {
    /// For people, in English.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Tier => "the tier",
            Self::Weekday => "the weekday",
            Self::Hours => "the hours",
            Self::Store => "the store",
            Self::Category => "the category",
            Self::FirstPurchase => "the first purchase",
            Self::BirthdayMonth => "the month of the birthday",
            Self::Expression => "the payment (an expression)",
        }
    }

    /// For people, in Chinese.
    #[must_use]
    pub const fn name_zh(self) -> &'static str {
        match self {
            Self::Tier => "会员等级",
            Self::Weekday => "星期",
            Self::Hours => "时段",
            Self::Store => "门店",
            Self::Category => "商品类别",
            Self::FirstPurchase => "首次消费",
            Self::BirthdayMonth => "生日月份",
            Self::Expression => "其他条件",
        }
    }
}
