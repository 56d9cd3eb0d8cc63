//! Values that can be written and cannot be meant: times beyond what a calendar of people holds,
//! conditions that never hold, rules that would bring absurd points.

use chrono::{Datelike, Months, NaiveDate};
use rust_decimal::Decimal;
use toml::Spanned;

use crate::money::{Amount, Asset};
use crate::partner::place::{ManifestError, Place};
use crate::partner::rules::condition::Condition;
use crate::partner::rules::earning::{Basis, Earning, PointStep, Stacking};
use crate::partner::rules::expression_types::Known;
use crate::partner::rules::limits::{EventLimits, grouped};
use crate::partner::rules::programme::Programme;
use crate::partner::rules::scheme::{Discount, FeeWaiver, Product};
use crate::partner::rules::terms::Term;

/// The longest reservation of points or commission: ten years.
const PENDING_DAYS_MAX: u32 = 3_660;

/// The longest life of points: a hundred years.
const EXPIRES_MONTHS_MAX: u32 = 1_200;

/// Years in which rules and partners may begin and end.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=9999;

/// The most instalments of a payment.
const PERIODS_MAX: u32 = 120;

/// Points that one payment may bring at most, for each 1.00 of the greatest payment. With 100 points
/// for 1.00 CNY and the usual price the whole payment comes back.
const POINTS_PER_YUAN_MAX: i64 = 100;

impl Place<'_> {
    /// A term lies in years that people use.
    pub(super) fn term(&self, start: usize, name: &str, term: Term) -> Result<(), ManifestError> {
        if term.until.is_some_and(|until| until < term.from) {
            return Err(self.error(start, format!("{name}: until lies before from")));
        }
        let days = [Some(term.from), term.until];
        if days.into_iter().flatten().all(|day| YEARS.contains(&day.year())) {
            return Ok(());
        }
        let what = format!("{name}: expected years from {} to {}", YEARS.start(), YEARS.end());
        Err(self.error(start, what))
    }

    pub(super) fn late_days(
        &self,
        days: Option<&Spanned<u32>>,
        programme: &Programme,
    ) -> Result<(), ManifestError> {
        let most = programme.lateness.late_days_ceiling;
        match days {
            Some(days) if *days.get_ref() > most => {
                let what = format!("events.late_days_max: expected at most {most}");
                Err(self.error(days.span().start, what))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// An earning rule whose points can be spent, whose conditions can hold, and whose points are
    /// plausible.
    pub(super) fn earning(
        &self,
        rule: &Spanned<Earning>,
        programme: &Programme,
        limits: &EventLimits,
    ) -> Result<(), ManifestError> {
        let start = rule.span().start;
        let rule = rule.get_ref();
        let fail = |what: String| Err(self.error(start, format!("earning {}: {what}", rule.id)));
        if let Some(what) = time_fault(rule) {
            return fail(what);
        }
        for condition in rule.conditions() {
            if let Some(what) = condition_fault(condition, programme, limits) {
                return fail(what);
            }
        }
        let bound = points_bound(limits);
        if greatest(rule, limits).is_none_or(|points| points > bound.decimal()) {
            let most = grouped(limits.amount_max());
            return fail(format!(
                "a payment of {most} CNY (limits.amount_max) could bring more than {} points",
                grouped(bound)
            ));
        }
        if let Some(step) = unreached(rule, limits) {
            return fail(format!(
                "no payment reaches {}: one may have {} CNY (limits.amount_max)",
                grouped(step.spend),
                grouped(limits.amount_max())
            ));
        }
        Ok(())
    }

    /// Stacking names groups that rules have, each once.
    pub(super) fn stacking(
        &self,
        stacking: &[Spanned<Stacking>],
        rules: &[Spanned<Earning>],
    ) -> Result<(), ManifestError> {
        for (position, entry) in stacking.iter().enumerate() {
            let group = &entry.get_ref().group;
            let fail = |what: &str| {
                Err(self.error(entry.span().start, format!("stacking {group}: {what}")))
            };
            if !rules.iter().any(|rule| rule.get_ref().group.as_ref() == Some(group)) {
                return fail("no earning rule has this group");
            }
            if stacking.iter().take(position).any(|earlier| earlier.get_ref().group == *group) {
                return fail("stands twice");
            }
        }
        Ok(())
    }

    /// A discount that some payment reaches, some customer may have, and that is not nothing.
    pub(super) fn discount_values(
        &self,
        discount: &Spanned<Discount>,
        limits: &EventLimits,
    ) -> Result<(), ManifestError> {
        let start = discount.span().start;
        let discount = discount.get_ref();
        let fail =
            |what: String| Err(self.error(start, format!("discount {}: {what}", discount.id)));
        if discount.limits.iter().any(|limit| limit.times == 0) {
            return fail("limits: expected 1 time or more".to_owned());
        }
        let highest = discount.steps.iter().map(|step| step.spend.minor()).max();
        if highest.is_some_and(|spend| spend > limits.amount_max().minor()) {
            let most = grouped(limits.amount_max());
            return fail(format!("a step that no payment reaches: one may have {most} CNY"));
        }
        if discount.percentage.is_some_and(|percentage| percentage.share.is_zero()) {
            return fail("percentage: expected a share above \"0\"".to_owned());
        }
        Ok(())
    }

    /// A waiver for numbers of instalments that a payment may have.
    pub(super) fn fee_waiver_values(
        &self,
        waiver: &Spanned<FeeWaiver>,
    ) -> Result<(), ManifestError> {
        let rule = waiver.get_ref();
        let fits = |periods: &u32| (1..=PERIODS_MAX).contains(periods);
        if rule.periods.is_empty() || !rule.periods.iter().all(fits) {
            let what = format!("fee_waiver {}: expected periods from 1 to {PERIODS_MAX}", rule.id);
            return Err(self.error(waiver.span().start, what));
        }
        Ok(())
    }

    /// A product that some referral can qualify for, with rewards that end some day.
    pub(super) fn product_values(
        &self,
        product: &Spanned<Product>,
        limits: &EventLimits,
    ) -> Result<(), ManifestError> {
        let start = product.span().start;
        let product = product.get_ref();
        let fail = |what: String| Err(self.error(start, format!("product {}: {what}", product.id)));
        if product.qualify.regions.is_empty() {
            return fail("qualify.regions: without a region nobody qualifies".to_owned());
        }
        if product.qualify.amount_min.minor() > limits.amount_max().minor() {
            let most = grouped(limits.amount_max());
            return fail(format!("qualify.amount_min: one event may have {most} CNY at most"));
        }
        for reward in &product.rewards {
            if reward.pending_days().is_some_and(|days| days > PENDING_DAYS_MAX) {
                return fail(format!("rewards: pending_days: expected at most {PENDING_DAYS_MAX}"));
            }
            if let Some(what) = limits.excess(reward.gift.amount()) {
                return fail(format!("rewards: {what}"));
            }
        }
        Ok(())
    }
}

/// The most points that one payment may plausibly bring.
fn points_bound(limits: &EventLimits) -> Amount {
    let minor = limits.amount_max().minor().saturating_mul(POINTS_PER_YUAN_MAX);
    Amount::from_minor(minor, Asset::PTS)
}

/// The most points that a rule could bring for one payment; `None` beyond all numbers.
fn greatest(rule: &Earning, limits: &EventLimits) -> Option<Decimal> {
    let paid = limits.amount_max();
    let base = match &rule.basis {
        Basis::PerUnit(rate) => rate.checked_mul(paid.decimal())?,
        Basis::PerVisit(points) => points.decimal(),
        Basis::Steps(steps) => {
            steps.iter().map(|step| step.points.decimal()).max().unwrap_or_default()
        }
        Basis::Each(step) => step.points.decimal().checked_mul(Decimal::from(step.times(paid)))?,
    };
    rule.multiply
        .iter()
        .try_fold(base, |points, multiplier| points.checked_mul(multiplier.by.max(Decimal::ONE)))
}

/// A step that no payment reaches.
fn unreached(rule: &Earning, limits: &EventLimits) -> Option<PointStep> {
    let most = limits.amount_max().minor();
    let is_beyond = |step: &PointStep| step.spend.minor() > most;
    match &rule.basis {
        Basis::PerUnit(_) | Basis::PerVisit(_) => None,
        Basis::Steps(steps) => steps.iter().copied().find(is_beyond),
        Basis::Each(step) => Some(*step).filter(is_beyond),
    }
}

fn time_fault(rule: &Earning) -> Option<String> {
    let pending = rule.pending_days().unwrap_or(0);
    if pending > PENDING_DAYS_MAX {
        return Some(format!("pending_days: expected at most {PENDING_DAYS_MAX}"));
    }
    let months = rule.expires_months()?;
    if months > EXPIRES_MONTHS_MAX {
        return Some(format!("expires_months: expected at most {EXPIRES_MONTHS_MAX}"));
    }
    let life = shortest_life(months);
    (i64::from(pending) >= life).then(|| {
        format!(
            "pending_days: points of the last day of a month expire {life} days later, before they \
             may be spent"
        )
    })
}

/// The fewest days from the last day of a month to the expiry of its points.
fn shortest_life(months: u32) -> i64 {
    // Four years from a year before a leap year on: every length of every month is among them.
    let firsts = (0..48).filter_map(|month| {
        NaiveDate::from_ymd_opt(2023, 1, 1)?.checked_add_months(Months::new(month))
    });
    let lives = firsts.filter_map(|first| {
        let last = first.checked_add_months(Months::new(1))?.pred_opt()?;
        let end = first.checked_add_months(Months::new(months.saturating_add(1)))?;
        Some(end.signed_duration_since(last).num_days())
    });
    lives.min().unwrap_or(0)
}

/// Why a condition never holds, if it never does.
fn condition_fault(
    condition: &Condition,
    programme: &Programme,
    limits: &EventLimits,
) -> Option<String> {
    let lists = [
        ("tiers", condition.tiers.as_ref().map(Vec::is_empty)),
        ("weekdays", condition.weekdays.as_ref().map(Vec::is_empty)),
        ("hours", condition.hours.as_ref().map(Vec::is_empty)),
        ("stores", condition.stores.as_ref().map(Vec::is_empty)),
        ("categories", condition.categories.as_ref().map(Vec::is_empty)),
    ];
    if let Some((name, _empty)) = lists.into_iter().find(|(_name, empty)| *empty == Some(true)) {
        return Some(format!("{name}: an empty list never holds"));
    }
    let spans = condition.hours.iter().flatten();
    if let Some(hours) = spans.into_iter().find(|hours| hours.is_empty()) {
        return Some(format!("hours: {hours} has no time in it"));
    }
    let known = |tier| programme.tiers.as_ref().is_some_and(|tiers| tiers.rank(tier).is_some());
    let unknown = condition.tiers.iter().flatten().find(|tier| !known(tier));
    if let Some(tier) = unknown {
        return Some(format!("tiers: the programme has no tier {tier}"));
    }
    let tiers: Vec<&str> =
        programme.tiers.iter().flat_map(|all| &all.tier).map(|tier| tier.id.as_str()).collect();
    let known = Known { amount_max: limits.amount_max().minor(), tiers: &tiers };
    condition.cel.as_ref()?.fault(known).map(|what| format!("cel: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_of_the_last_day_of_a_month_live_shortest() {
        assert_eq!([0, 1, 2, 12].map(shortest_life), [1, 29, 60, 366]);
    }
}
