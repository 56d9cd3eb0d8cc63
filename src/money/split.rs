#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use super::{Amount, AmountError};

/// Splits an amount by weights so that the shares add up to it exactly, for every amount.
///
/// Cumulative rounding: the first `k` shares together are the amount times the first `k` weights
/// over all weights, rounded half away from zero. Equal inputs give equal shares, and the shares
/// of the whole are the whole.
///
/// # Errors
/// [`AmountError::OutOfRange`] when all weights are zero or their sum is beyond an `i64`.
pub fn split(total: Amount, weights: &[u64]) -> Result<Vec<Amount>, AmountError> {
    let out_of_range = || AmountError::OutOfRange { asset: total.asset() };
    let sum: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
    if sum <= 0 || sum > i128::from(i64::MAX) {
        return Err(out_of_range());
    }
    let mut shares = Vec::with_capacity(weights.len());
    let (mut weight_so_far, mut given) = (0_i128, 0_i128);
    for weight in weights {
        // |total| < 2^63 and the weights' sum < 2^63, so no product reaches 2^127.
        weight_so_far = weight_so_far.checked_add(i128::from(*weight)).ok_or_else(out_of_range)?;
        let product =
            i128::from(total.minor()).checked_mul(weight_so_far).ok_or_else(out_of_range)?;
        let due = divide_half_away(product, sum).ok_or_else(out_of_range)?;
        let share = due.checked_sub(given).ok_or_else(out_of_range)?;
        given = due;
        shares.push(Amount::from_minor(
            i64::try_from(share).map_err(|_out| out_of_range())?,
            total.asset(),
        ));
    }
    Ok(shares)
}

/// Splits an amount in the proportion of other amounts, whose signs are ignored.
///
/// # Errors
/// As [`split`].
pub fn split_by_amounts(total: Amount, like: &[Amount]) -> Result<Vec<Amount>, AmountError> {
    let weights: Vec<u64> = like.iter().map(|amount| amount.minor().unsigned_abs()).collect();
    split(total, &weights)
}

fn divide_half_away(dividend: i128, divisor: i128) -> Option<i128> {
    let half = divisor.checked_div(2)?;
    let nudged =
        if dividend < 0 { dividend.checked_sub(half)? } else { dividend.checked_add(half)? };
    nudged.checked_div(divisor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Asset;
    use super::*;

    #[test]
    fn a_third_each_of_one_yuan_adds_up() {
        let shares = split(Amount::from_minor(100, Asset::CNY), &[1, 1, 1]).unwrap();
        let minors: Vec<i64> = shares.iter().map(|share| share.minor()).collect();
        assert_eq!(minors, [33, 34, 33]);
    }

    proptest! {
        #[test]
        fn shares_add_up_and_stay_within_one_unit(
            total in -i64::MAX..=i64::MAX,
            weights in prop::collection::vec(0_u64..1_000_000, 1..6),
        ) {
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            let shares = split(Amount::from_minor(total, Asset::CNY), &weights).unwrap();
            let sum: i128 = shares.iter().map(|share| i128::from(share.minor())).sum();
            prop_assert_eq!(sum, i128::from(total));
            let all: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
            for (share, weight) in shares.iter().zip(&weights) {
                let exact_times_all = i128::from(total) * i128::from(*weight);
                let off = (i128::from(share.minor()) * all - exact_times_all).abs();
                prop_assert!(off <= all, "share {share} of {total} by {weight}/{all}");
            }
        }

        #[test]
        fn the_two_shares_of_a_growing_amount_never_shrink(
            total in 0_i64..1_000_000, more in 0_i64..1_000, a in 0_u64..100, b in 1_u64..100,
        ) {
            let small = split(Amount::from_minor(total, Asset::CNY), &[a, b]).unwrap();
            let large = split(Amount::from_minor(total + more, Asset::CNY), &[a, b]).unwrap();
            for (less, greater) in small.iter().zip(&large) {
                prop_assert!(less.minor() <= greater.minor());
            }
        }
    }
}
