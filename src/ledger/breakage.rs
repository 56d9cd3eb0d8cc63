//! Revenue from points that will never be redeemed (IFRS 15, B44 to B47). A sale's price is
//! allocated in part to the points it gives; that part is recognised in proportion to the pattern
//! of redemption, so what is expected to break is recognised along with what is redeemed.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use crate::money::{Amount, AmountError, Asset, split_by_amounts};

/// What is expected of the points that an amount was allocated to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Redeemed so far.
    pub redeemed: Amount,
    /// Expected to be redeemed in total, what was redeemed so far included.
    pub expected: Amount,
}

/// Why there is no revenue to name.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BreakageError {
    #[error("amounts that are allocated, redeemed or expected are not negative")]
    Negative,
    #[error("points redeemed and points expected are in one asset, not in {0} and {1}")]
    Assets(Asset, Asset),
    #[error(transparent)]
    Amount(#[from] AmountError),
}

/// What is recognised in total by now: the allocated amount times the points redeemed so far over
/// the points expected to be redeemed in total, rounded half away from zero to the amount's smallest
/// unit. All of it once no more is expected to be redeemed, be it that nothing ever was (B46).
pub fn recognised(allocated: Amount, estimate: Estimate) -> Result<Amount, BreakageError> {
    let Estimate { redeemed, expected } = estimate;
    if [allocated, redeemed, expected].into_iter().any(Amount::is_negative) {
        return Err(BreakageError::Negative);
    }
    if redeemed.asset() != expected.asset() {
        return Err(BreakageError::Assets(redeemed.asset(), expected.asset()));
    }
    let to_come = expected.checked_sub(redeemed)?;
    if to_come.is_negative() || to_come.is_zero() {
        return Ok(allocated);
    }
    let parts = split_by_amounts(allocated, &[redeemed, to_come])?;
    Ok(parts.first().copied().unwrap_or(allocated))
}

/// What to recognise now, when `before` was recognised under earlier estimates: the cumulative
/// catch-up. Negative when more is expected to be redeemed than was thought.
pub fn catch_up(
    allocated: Amount,
    before: Amount,
    estimate: Estimate,
) -> Result<Amount, BreakageError> {
    Ok(recognised(allocated, estimate)?.checked_sub(before)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cny(minor: i64) -> Amount {
        Amount::from_minor(minor, Asset::CNY)
    }

    fn estimate(redeemed: i64, expected: i64) -> Estimate {
        let points = |minor| Amount::from_minor(minor, Asset::PTS);
        Estimate { redeemed: points(redeemed), expected: points(expected) }
    }

    /// IFRS 15, example 52. Its whole currency units and points stand here as smallest units.
    #[test]
    fn the_published_example_comes_out() {
        let first = recognised(cny(9_000), estimate(4_500, 9_700)).unwrap();
        assert_eq!(first, cny(4_175));
        let second = |expected| catch_up(cny(9_000), first, estimate(8_500, expected)).unwrap();
        assert_eq!(second(9_900), cny(3_552));
        assert_eq!(second(9_200), cny(4_140));
    }

    #[test]
    fn the_whole_is_recognised_when_no_more_is_expected() {
        for (redeemed, expected) in [(10, 10), (11, 10), (0, 0)] {
            assert_eq!(recognised(cny(99), estimate(redeemed, expected)), Ok(cny(99)));
        }
        assert_eq!(recognised(cny(99), estimate(0, 10)), Ok(cny(0)));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert_eq!(recognised(cny(-1), estimate(0, 1)), Err(BreakageError::Negative));
        assert_eq!(recognised(cny(1), estimate(-1, 1)), Err(BreakageError::Negative));
        let mixed = Estimate { redeemed: cny(1), ..estimate(1, 2) };
        assert!(matches!(recognised(cny(1), mixed), Err(BreakageError::Assets(..))));
    }

    proptest! {
        #[test]
        fn catch_ups_never_pass_the_allocated_amount_and_end_at_it(
            allocated in 0..=i64::MAX,
            steps in prop::collection::vec((0..=i64::MAX / 8, 0..=i64::MAX / 2), 0..8),
        ) {
            let allocated = cny(allocated);
            let (mut redeemed, mut before) = (0_i64, cny(0));
            for (more, to_come) in steps {
                redeemed = redeemed.saturating_add(more).min(i64::MAX / 2);
                let now = estimate(redeemed, redeemed + to_come);
                let step = catch_up(allocated, before, now).unwrap();
                before = before.checked_add(step).unwrap();
                prop_assert!(!before.is_negative() && before.minor() <= allocated.minor());
                prop_assert_eq!(before, recognised(allocated, now).unwrap());
            }
            let last = catch_up(allocated, before, estimate(redeemed, redeemed)).unwrap();
            prop_assert_eq!(before.checked_add(last).unwrap(), allocated);
        }

        #[test]
        fn more_redemption_never_recognises_less(
            allocated in 0..=i64::MAX, less in 0..=i64::MAX, more in 0..=i64::MAX,
            expected in 0..=i64::MAX,
        ) {
            let (less, more) = (less.min(more), less.max(more));
            let of = |redeemed| recognised(cny(allocated), estimate(redeemed, expected)).unwrap();
            prop_assert!(of(less).minor() <= of(more).minor());
        }
    }
}
