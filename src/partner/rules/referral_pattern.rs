//! How the referrals of honest partners do not end: patterns that people must look at. The programme has
//! them, and a manifest makes one stricter, or looser as far as its ceiling.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::pattern::{self, Bound, OwnPattern};
use super::terms;
use crate::ids::RuleId;
use crate::partner::place::{ManifestError, Place};

/// The longest window, in days. Counts of earlier days are not kept.
const DAYS_MAX: u32 = 90;

/// One pattern. While a partner shows it beyond `max`, what its referrals bring is held.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "WrittenPattern")]
pub struct ReferralPattern {
    pub id: RuleId,
    pub counts: ReferralSign,
    /// The window: this day of recording and the days before it.
    pub days: u32,
    /// The fewest referrals that are judged.
    pub least: i64,
    pub max: Decimal,
    /// The most that a manifest may make of it.
    pub ceiling: Decimal,
}

/// What is counted of the referrals of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferralSign {
    /// The share of bad leads among those that the bank answered: it talked to the person, or it did not
    /// go on.
    BadLeads,
    /// The share of referrals that the partner itself withdrew.
    Withdrawn,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPattern {
    id: RuleId,
    counts: ReferralSign,
    days: u32,
    least: u32,
    #[serde(deserialize_with = "terms::decimal")]
    max: Decimal,
    #[serde(default, deserialize_with = "terms::optional_decimal")]
    ceiling: Option<Decimal>,
}

impl TryFrom<WrittenPattern> for ReferralPattern {
    type Error = String;

    fn try_from(written: WrittenPattern) -> Result<Self, String> {
        let WrittenPattern { id, counts, days, least, max, ceiling } = written;
        let ceiling = ceiling.unwrap_or(max);
        if max.is_sign_negative() || ceiling < max {
            return Err(format!("{id}: expected a max of 0 or more, and a ceiling not below it"));
        }
        if least == 0 {
            return Err(format!("{id}: expected least of 1 or more"));
        }
        if !(1..=DAYS_MAX).contains(&days) {
            return Err(format!("{id}: expected 1 to {DAYS_MAX} days"));
        }
        Ok(Self { id, counts, days, least: i64::from(least), max, ceiling })
    }
}

/// What is wrong with the programme's patterns, if anything is.
#[must_use]
pub fn fault(patterns: &[ReferralPattern]) -> Option<String> {
    let twice = pattern::stands_twice(patterns.iter().map(|pattern| &pattern.id));
    twice.then(|| "referral_pattern: an id stands twice".to_owned())
}

/// The patterns of a partner: the programme's, with what its manifest says of them.
///
/// # Errors
/// [`ManifestError`] at the entry that names no pattern, or goes beyond the ceiling.
pub(in crate::partner) fn own(
    place: &Place<'_>,
    programme: &[ReferralPattern],
    own: &[Spanned<OwnPattern>],
) -> Result<Vec<ReferralPattern>, ManifestError> {
    pattern::adapt(place, "referral_pattern", programme, own, |pattern: &mut ReferralPattern| {
        Bound { id: &pattern.id, max: &mut pattern.max, ceiling: pattern.ceiling }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partner::programme::Programme;

    #[test]
    fn a_pattern_has_a_window_whose_counts_are_kept() {
        let of = |days: &str, max: &str| {
            let text = format!(
                "id = \"it\"\ncounts = \"bad_leads\"\ndays = {days}\nleast = 5\nmax = \"{max}\""
            );
            toml::from_str::<ReferralPattern>(&text).map_err(|error| error.message().to_owned())
        };
        assert_eq!(of("30", "0.5").unwrap().ceiling, Decimal::new(5, 1));
        assert!(of("0", "0.5").unwrap_err().contains("1 to 90 days"));
        assert!(of("91", "0.5").unwrap_err().contains("1 to 90 days"));
        assert!(of("30", "-1").unwrap_err().contains("0 or more"));
    }

    #[test]
    fn a_manifest_makes_a_pattern_stricter_and_looser_to_the_ceiling() {
        #[derive(Deserialize)]
        struct Document {
            referral_pattern: Vec<Spanned<OwnPattern>>,
        }
        let programme = Programme::default();
        assert_eq!(fault(&programme.referral_pattern), None);
        let with = |text: &str| {
            let document: Document = toml::from_str(text).unwrap();
            let place = Place { text, file: "partner.toml" };
            own(&place, &programme.referral_pattern, &document.referral_pattern)
        };
        let of = |max: &str| format!("[[referral_pattern]]\nid = \"bad-leads\"\nmax = \"{max}\"");
        let strict = with(&of("0.1")).unwrap();
        assert!(strict.iter().any(|pattern| pattern.max == Decimal::new(1, 1)));
        let high = with(&of("7")).unwrap_err().to_string();
        assert!(high.starts_with("partner.toml:1: ") && high.contains("ceiling"), "{high}");
        let unknown = with("[[referral_pattern]]\nid = \"none\"\nmax = \"1\"").unwrap_err();
        assert!(unknown.to_string().contains("no such pattern"));
    }

    #[test]
    fn the_shipped_programme_has_a_pattern_of_each_sort() {
        let programme = Programme::default();
        for counts in [ReferralSign::BadLeads, ReferralSign::Withdrawn] {
            let has = programme.referral_pattern.iter().any(|pattern| pattern.counts == counts);
            assert!(has, "{counts:?}");
        }
    }
}
