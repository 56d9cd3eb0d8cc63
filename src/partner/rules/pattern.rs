//! What the patterns of payments and of referrals share: each has an id, a max and a ceiling, and a manifest may
//! say another max.

use rust_decimal::Decimal;
use serde::Deserialize;
use toml::Spanned;

use super::terms;
use crate::ids::RuleId;
use crate::partner::place::{ManifestError, Place};

/// What a manifest makes of a pattern.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnPattern {
    pub(super) id: RuleId,
    #[serde(deserialize_with = "terms::decimal")]
    max: Decimal,
}

/// The bound of a pattern, which a manifest may move.
pub(super) struct Bound<'a> {
    pub(super) id: &'a RuleId,
    pub(super) max: &'a mut Decimal,
    pub(super) ceiling: Decimal,
}

impl OwnPattern {
    /// The manifest's max, if it is one up to the programme's ceiling.
    fn max_up_to(&self, ceiling: Decimal) -> Result<Decimal, String> {
        if self.max.is_sign_negative() {
            return Err("expected 0 or more".to_owned());
        }
        if self.max > ceiling {
            return Err(format!("more than the programme's ceiling {ceiling}"));
        }
        Ok(self.max)
    }
}

/// The programme's patterns, with what a manifest's `table` says of them.
///
/// # Errors
/// [`ManifestError`] at the entry that names no pattern, or goes beyond the ceiling.
pub(super) fn adapt<P: Clone>(
    place: &Place<'_>,
    table: &str,
    programme: &[P],
    own: &[Spanned<OwnPattern>],
    bound: impl for<'p> Fn(&'p mut P) -> Bound<'p>,
) -> Result<Vec<P>, ManifestError> {
    let mut patterns = programme.to_vec();
    for entry in own {
        let own = entry.get_ref();
        let fail =
            |what: String| place.error(entry.span().start, format!("{table} {}: {what}", own.id));
        let found = patterns.iter_mut().map(&bound).find(|bound| *bound.id == own.id);
        let found = found.ok_or_else(|| fail("the programme has no such pattern".to_owned()))?;
        *found.max = own.max_up_to(found.ceiling).map_err(fail)?;
    }
    Ok(patterns)
}

/// Whether an id stands more than once.
pub(super) fn stands_twice<'a>(ids: impl Iterator<Item = &'a RuleId>) -> bool {
    let mut ids: Vec<&RuleId> = ids.collect();
    ids.sort_unstable();
    ids.windows(2).any(|pair| matches!(pair, [one, other] if one == other))
}
