//! What an adjustment posts: points that the bank gives or takes by hand.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use rust_decimal::Decimal;

use super::correction::{Adjustment, CorrectionRefusal};
use super::decision::Decision;
use super::lot::{self, Lots, NewLot};
use super::reported_by::BY_STAFF;
use crate::clock::Moment;
use crate::ids::LotId;
use crate::ledger::{Account, AccountCode, Posting, RuleVersion};
use crate::money::{Amount, Asset};

pub(super) const RULE: &str = BY_STAFF;

/// Gives points in a lot of their own, of which a debt is paid first; or takes points that could be
/// spent now, in the order in which they would have been. Never makes a debt.
///
/// # Errors
/// [`CorrectionRefusal`] where there are too few points, or none that are given would last.
pub fn adjust(
    adjustment: &Adjustment,
    unit_cost: Decimal,
    lots: &Lots,
    now: Moment,
) -> Result<Decision, CorrectionRefusal> {
    let Adjustment { customer, points, expires_at, .. } = *adjustment;
    let rule = RuleVersion::built_in(RULE);
    let mut decision = Decision { customer: Some(customer), ..Decision::default() };
    if points.is_negative() {
        let taken = lot::spend(points.negate()?, customer, lots, now, &rule)?;
        decision.postings.extend(taken.ok_or(CorrectionRefusal::PointsInsufficient)?);
    } else {
        if expires_at.is_some_and(|at| at <= now) {
            return Err(CorrectionRefusal::ExpiryPast);
        }
        let given = NewLot {
            id: LotId::random(),
            customer,
            partner: adjustment.partner.clone(),
            rule: rule.clone(),
            issued: points,
            by_partner: Amount::zero(Asset::PTS),
            unit_cost,
            matures_at: None,
            expires_at,
        };
        lot::issue(given, now, &mut lots.debt(customer)?, &mut decision)?;
    }
    let bank = Account::bank(AccountCode::POINTS_ADJUSTMENT, Asset::PTS);
    decision.postings.push(Posting::new(bank, points.negate()?, &rule));
    Ok(decision)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;
    use crate::ids::CustomerId;
    use crate::program::{Lot, LotStand, Parts};

    fn points(minor: i64) -> Amount {
        Amount::from_minor(minor, Asset::PTS)
    }

    fn adjustment(customer: CustomerId, minor: i64) -> Adjustment {
        Adjustment {
            customer,
            partner: "green-basket".parse().unwrap(),
            member: "m-1".parse().unwrap(),
            points: points(minor),
            expires_at: None,
        }
    }

    proptest! {
        #[test]
        fn it_sums_to_zero_never_makes_a_debt_and_takes_only_what_is_there(
            parts in prop::collection::vec((0_i64..500, -2_i64..9), 0..6),
            owed in 0_i64..300,
            minor in -1_500_i64..500,
        ) {
            let (customer, now) = (CustomerId::random(), crate::clock::now());
            let mut lots = Lots::default();
            let mut free = 0;
            for (available, days) in parts {
                let expires_at = (days > -2).then(|| now.plus(TimeDelta::days(days)));
                let parts = Parts { available: points(available), ..Parts::NONE };
                let id = LotId::random();
                let lot =
                    Lot { id, customer, matures_at: None, expires_at, reported: None, parts, stand: LotStand::Free };
                free += if lot::spendable(&lot, now) { available } else { 0 };
                lots.add(lot);
            }
            lots.add_owed(customer, points(owed));
            let done = adjust(&adjustment(customer, minor), Decimal::ONE, &lots, now);
            if minor < 0 && free - owed < -minor {
                prop_assert_eq!(done.unwrap_err(), CorrectionRefusal::PointsInsufficient);
                return Ok(());
            }
            let decision = done.unwrap();
            let sum: i64 = decision.postings.iter().map(|posting| posting.amount.minor()).sum();
            prop_assert_eq!(sum, 0);
            lots.follow(&decision, now).unwrap();
            prop_assert!(lots.owed(customer).minor() <= owed);
            for lot in lots.of(customer) {
                prop_assert!(!lot.parts.available.is_negative());
            }
        }
    }

    #[test]
    fn points_that_would_have_expired_by_now_are_not_given() {
        let now = crate::clock::now();
        let late = Adjustment { expires_at: Some(now), ..adjustment(CustomerId::random(), 100) };
        let refused = adjust(&late, Decimal::ONE, &Lots::default(), now).unwrap_err();
        assert_eq!(refused, CorrectionRefusal::ExpiryPast);
    }
}
