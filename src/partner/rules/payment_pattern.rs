//! What honest tills do not do: patterns of a partner's payments and redemptions that people must look
//! at. The programme has them, and a manifest makes one stricter, or looser as far as its ceiling.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::exposure::ExposurePeriod;
use super::pattern::{self, Bound, OwnPattern};
use super::terms;
use crate::ids::RuleId;
use crate::partner::place::{ManifestError, Place};

/// One pattern. What shows it beyond `max` is held.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "WrittenPattern")]
pub struct PaymentPattern {
    pub id: RuleId,
    pub counts: PatternSign,
    pub per: ExposurePeriod,
    /// The fewest payments that are judged, with the one at hand; for a past, the fewest that make one;
    /// for redemption, points.
    pub least: i64,
    pub max: Decimal,
    /// The most that a manifest may make of it.
    pub ceiling: Decimal,
}

/// What is counted of the payments that were recorded in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PatternSign {
    /// The share of sums that are a multiple of 50.00 CNY.
    RoundAmounts,
    /// The share of the 60 seconds of a minute that no payment names.
    SameSecond,
    /// The share of live payments whose member number is one above that of the payment before.
    SequentialMembers,
    /// Live payments in an hour of the week in which the partner sold nothing, or nearly, before.
    Night,
    /// How far first digits are from those of sums that grow by themselves (Benford).
    FirstDigits,
    /// How many spreads above the median of the same hour, or day, of the last weeks.
    Velocity,
    /// The share of payments at the bank's cost for members whom no customer has linked.
    UnlinkedShare,
    /// The share of points redeemed at a partner that were earned there.
    OwnRedemptionShare,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPattern {
    id: RuleId,
    counts: PatternSign,
    per: ExposurePeriod,
    least: u32,
    #[serde(deserialize_with = "terms::decimal")]
    max: Decimal,
    #[serde(default, deserialize_with = "terms::optional_decimal")]
    ceiling: Option<Decimal>,
}

impl TryFrom<WrittenPattern> for PaymentPattern {
    type Error = String;

    fn try_from(written: WrittenPattern) -> Result<Self, String> {
        let WrittenPattern { id, counts, per, least, max, ceiling } = written;
        let ceiling = ceiling.unwrap_or(max);
        if max.is_sign_negative() || ceiling < max {
            return Err(format!("{id}: expected a max of 0 or more, and a ceiling not below it"));
        }
        if least == 0 {
            return Err(format!("{id}: expected least of 1 or more"));
        }
        let fits = match counts {
            PatternSign::Night => per == ExposurePeriod::Hour,
            PatternSign::Velocity => per != ExposurePeriod::Month,
            PatternSign::RoundAmounts
            | PatternSign::SameSecond
            | PatternSign::SequentialMembers
            | PatternSign::FirstDigits
            | PatternSign::UnlinkedShare
            | PatternSign::OwnRedemptionShare => true,
        };
        if !fits {
            return Err(format!("{id}: this is not counted by {}", per.name()));
        }
        Ok(Self { id, counts, per, least: i64::from(least), max, ceiling })
    }
}

/// What is wrong with the programme's patterns, if anything is.
#[must_use]
pub fn fault(patterns: &[PaymentPattern]) -> Option<String> {
    let twice = pattern::stands_twice(patterns.iter().map(|pattern| &pattern.id));
    twice.then(|| "payment_pattern: an id stands twice".to_owned())
}

/// The patterns of a partner: the programme's, with what its manifest says of them.
///
/// # Errors
/// [`ManifestError`] at the entry that names no pattern, or goes beyond the ceiling.
pub(in crate::partner) fn own(
    place: &Place<'_>,
    programme: &[PaymentPattern],
    own: &[Spanned<OwnPattern>],
) -> Result<Vec<PaymentPattern>, ManifestError> {
    pattern::adapt(place, "payment_pattern", programme, own, |pattern: &mut PaymentPattern| Bound {
        id: &pattern.id,
        max: &mut pattern.max,
        ceiling: pattern.ceiling,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partner::programme::Programme;

    fn pattern(text: &str) -> Result<PaymentPattern, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_pattern_is_counted_by_a_period_that_it_has() {
        let of = |counts: &str, per: &str, max: &str| {
            pattern(&format!(
                "id = \"it\"\ncounts = \"{counts}\"\nper = \"{per}\"\nleast = 5\nmax = \"{max}\""
            ))
        };
        assert_eq!(of("round_amounts", "day", "0.5").unwrap().ceiling, Decimal::new(5, 1));
        assert!(of("night", "day", "5").unwrap_err().contains("not counted by day"));
        assert!(of("velocity", "month", "5").unwrap_err().contains("not counted by month"));
        assert!(of("velocity", "day", "-5").unwrap_err().contains("0 or more"));
    }

    #[test]
    fn a_manifest_makes_a_pattern_stricter_and_looser_to_the_ceiling() {
        #[derive(Deserialize)]
        struct Document {
            payment_pattern: Vec<Spanned<OwnPattern>>,
        }
        let programme = Programme::default();
        assert_eq!(fault(&programme.payment_pattern), None);
        let with = |text: &str| {
            let document: Document = toml::from_str(text).unwrap();
            let place = Place { text, file: "partner.toml" };
            own(&place, &programme.payment_pattern, &document.payment_pattern)
        };
        let of =
            |max: &str| format!("[[payment_pattern]]\nid = \"round-amounts\"\nmax = \"{max}\"");
        let strict = with(&of("0.1")).unwrap();
        assert!(strict.iter().any(|pattern| pattern.max == Decimal::new(1, 1)));
        let high = with(&of("7")).unwrap_err().to_string();
        assert!(high.starts_with("partner.toml:1: ") && high.contains("ceiling"), "{high}");
        let unknown = with("[[payment_pattern]]\nid = \"none\"\nmax = \"1\"").unwrap_err();
        assert!(unknown.to_string().contains("no such pattern"));
    }

    #[test]
    fn the_shipped_programme_has_a_pattern_of_each_sort() {
        let programme = Programme::default();
        for counts in [
            PatternSign::RoundAmounts,
            PatternSign::SameSecond,
            PatternSign::SequentialMembers,
            PatternSign::Night,
            PatternSign::FirstDigits,
            PatternSign::Velocity,
            PatternSign::UnlinkedShare,
            PatternSign::OwnRedemptionShare,
        ] {
            let has = programme.payment_pattern.iter().any(|pattern| pattern.counts == counts);
            assert!(has, "{counts:?}");
        }
    }
}
