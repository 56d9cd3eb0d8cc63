//! Customer behaviour that makes a lead without a partner's referral, as the programme writes it.

use chrono::{Datelike, Months, NaiveDate};
use serde::Deserialize;

use super::terms;
use crate::ids::{PartnerId, RuleId};
use crate::money::Amount;
use crate::partner::kind::PartnerKind;

/// An amount spent with a discount at partners of a kind, in each of several whole months. Only
/// customers who agreed to be contacted are examined.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    pub id: RuleId,
    pub partner_kind: PartnerKind,
    pub months: u32,
    /// The amount paid with a discount, less refunds, in each month.
    #[serde(deserialize_with = "terms::yuan")]
    pub spend: Amount,
    /// The bank's own folder, whose product the lead is for.
    pub introduced_by: PartnerId,
    pub product: RuleId,
    /// The amount of the lead.
    #[serde(deserialize_with = "terms::yuan")]
    pub amount: Amount,
}

/// Whole past months: their first days, and the first day after them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    pub months: Vec<NaiveDate>,
    pub end: NaiveDate,
}

impl Behaviour {
    /// The last whole months before that day's.
    #[must_use]
    pub fn period(&self, today: NaiveDate) -> Period {
        let end = today.with_day(1).unwrap_or(today);
        let before = (1..=self.months).rev();
        let months = before.filter_map(|back| end.checked_sub_months(Months::new(back))).collect();
        Period { months, end }
    }
}

impl Period {
    /// The period's name: its last month.
    #[must_use]
    pub fn name(&self) -> String {
        self.months.last().map_or_else(String::new, |last| last.format("%Y-%m").to_string())
    }

    /// Which of its months a day lies in.
    #[must_use]
    pub fn month_of(&self, day: NaiveDate) -> Option<usize> {
        let first = day.with_day(1)?;
        self.months.iter().position(|month| *month == first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_whole_months_that_are_over() {
        let rule: Behaviour = toml::from_str(
            "id = \"regular\"\npartner_kind = \"supermarket\"\nmonths = 3\nspend = \"300.00\"\n\
             introduced_by = \"own-bank\"\nproduct = \"wealth\"\namount = \"50000.00\"",
        )
        .unwrap();
        let period = rule.period("2026-01-31".parse().unwrap());
        let months: Vec<String> = period.months.iter().map(ToString::to_string).collect();
        assert_eq!(months, ["2025-10-01", "2025-11-01", "2025-12-01"]);
        assert_eq!(
            (period.name().as_str(), period.end.to_string().as_str()),
            ("2025-12", "2026-01-01")
        );
        assert_eq!(period.month_of("2025-11-30".parse().unwrap()), Some(1));
        assert_eq!(period.month_of("2026-01-01".parse().unwrap()), None);
    }
}
