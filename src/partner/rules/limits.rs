//! The most that one event may be about. An amount beyond it is a slip of the hand or an attack, and
//! a few of them would fill accounts that all partners share.

use serde::Deserialize;

use super::terms;
use crate::money::{Amount, Asset};

/// The most that each amount of one event may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventLimits {
    amount_max: Amount,
    points_max: Amount,
    /// The setting that has the limit of money, for messages.
    amount_key: &'static str,
}

/// The table `[limits]` of the programme or of a manifest. What is left out is as the programme, or
/// the gateway, has it.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsTable {
    #[serde(default, deserialize_with = "terms::optional_yuan")]
    amount_max: Option<Amount>,
    #[serde(default, deserialize_with = "terms::optional_points")]
    points_max: Option<Amount>,
}

/// The bound of the programme's limits. A thousand events at the bound still fit an account.
const BOUND_MINOR: i64 = 9_223_372_036_854_775;

impl Default for EventLimits {
    fn default() -> Self {
        Self {
            amount_max: Amount::from_minor(1_000_000_000, Asset::CNY),
            points_max: Amount::from_minor(1_000_000_000, Asset::PTS),
            amount_key: "limits.amount_max",
        }
    }
}

impl EventLimits {
    /// The most that an amount of money may be.
    #[must_use]
    pub const fn amount_max(&self) -> Amount {
        self.amount_max
    }

    /// The most points that an event may be about.
    #[must_use]
    pub const fn points_max(&self) -> Amount {
        self.points_max
    }

    /// Why an amount of an event is too large, if it is. Amounts below zero are measured by their
    /// size.
    #[must_use]
    pub fn excess(&self, amount: Amount) -> Option<String> {
        let (max, name, key) = if amount.asset() == Asset::PTS {
            (self.points_max, "points", "limits.points_max")
        } else {
            (self.amount_max, amount.asset().code(), self.amount_key)
        };
        let is_more = amount.minor().unsigned_abs() > max.minor().unsigned_abs();
        is_more.then(|| {
            format!("more than the {} {name} that one event may have ({key})", grouped(max))
        })
    }

    /// These limits with what a table lowers. The programme's own table may also raise them.
    ///
    /// # Errors
    /// What is wrong with the table.
    pub fn of_programme(table: LimitsTable) -> Result<Self, String> {
        let usual = Self::default();
        let limits = Self {
            amount_max: table.amount_max.unwrap_or(usual.amount_max),
            points_max: table.points_max.unwrap_or(usual.points_max),
            ..usual
        };
        let too_high = |max: Amount| max.minor() > BOUND_MINOR;
        if too_high(limits.amount_max) || too_high(limits.points_max) {
            let bound = grouped(Amount::from_minor(BOUND_MINOR, Asset::CNY));
            return Err(format!("limits: expected at most {bound}"));
        }
        Ok(limits)
    }

    /// The limits of a partner, which are at most the programme's.
    ///
    /// # Errors
    /// What is wrong with the table.
    pub fn lowered(self, table: LimitsTable) -> Result<Self, String> {
        let amount_max = table.amount_max.unwrap_or(self.amount_max);
        let points_max = table.points_max.unwrap_or(self.points_max);
        for (key, own, most) in [
            ("amount_max", amount_max, self.amount_max),
            ("points_max", points_max, self.points_max),
        ] {
            if own.minor() > most.minor() {
                let most = grouped(most);
                return Err(format!("limits.{key}: more than the programme's {most}"));
            }
        }
        Ok(Self { amount_max, points_max, ..self })
    }

    /// The limits of a shop's form, whose amounts may be lower still.
    #[must_use]
    pub fn of_form(self, amount_max: Option<Amount>) -> Self {
        match amount_max {
            Some(amount_max) if amount_max.minor() < self.amount_max.minor() => {
                Self { amount_max, amount_key: "form.amount_max", ..self }
            }
            Some(_) | None => self,
        }
    }
}

/// An amount with commas between thousands, for people.
#[must_use]
pub fn grouped(amount: Amount) -> String {
    let text = amount.to_string();
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    let length = whole.len();
    for (position, digit) in whole.chars().enumerate() {
        let left = length.saturating_sub(position);
        if position > 0 && left.is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if decimals.is_empty() { grouped } else { format!("{grouped}.{decimals}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yuan(text: &str) -> Amount {
        Amount::parse(text, Asset::CNY).unwrap()
    }

    fn table(text: &str) -> LimitsTable {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn more_than_the_limit_is_refused_by_name() {
        let limits = EventLimits::default();
        assert_eq!(limits.excess(yuan("10000000.00")), None);
        assert_eq!(
            limits.excess(yuan("10000000.01")).unwrap(),
            "more than the 10,000,000.00 CNY that one event may have (limits.amount_max)"
        );
        let points = Amount::parse("-10000000.01", Asset::PTS).unwrap();
        assert!(limits.excess(points).unwrap().contains("(limits.points_max)"));
    }

    #[test]
    fn a_partner_may_have_less_and_never_more() {
        let usual = EventLimits::default();
        let low = usual.lowered(table("amount_max = \"500.00\"")).unwrap();
        assert!(low.excess(yuan("500.01")).unwrap().contains("the 500.00 CNY"));
        assert!(usual.lowered(table("amount_max = \"10000000.01\"")).is_err());
        assert!(EventLimits::of_programme(table("points_max = \"92233720368547.76\"")).is_err());
        let form = low.of_form(Some(yuan("50.00")));
        assert!(form.excess(yuan("50.01")).unwrap().contains("(form.amount_max)"));
        assert_eq!(low.of_form(Some(yuan("501.00"))), low);
    }
}
