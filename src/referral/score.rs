use chrono::TimeDelta;

use super::Placement;
use crate::clock::Moment;
use crate::event::Referral;
use crate::ids::RuleId;
use crate::partner::lead::{Branch, Manager};
use crate::partner::scheme::Product;

/// How a referral scores, by which reasons, and what to do next about it; nobody's yet.
#[must_use]
pub fn score(
    referral: &Referral,
    product: &Product,
    enrolled_at: Option<Moment>,
    effective_at: Moment,
) -> Placement {
    let holds = |rule: &&crate::partner::lead::Score| {
        let amount = rule.amount_min.is_none_or(|min| referral.amount.minor() >= min.minor());
        let region = rule.regions.as_ref().is_none_or(|named| named.contains(&referral.region));
        let stands = rule.standing_days_min.is_none_or(|days| {
            let days = TimeDelta::days(i64::from(days));
            enrolled_at.is_some_and(|since| since.plus(days) <= effective_at)
        });
        amount && region && stands
    };
    let (mut total, mut why) = (0_i64, Vec::new());
    for rule in product.score.iter().filter(holds) {
        total = total.saturating_add(rule.points);
        why.push(format!("{:+}: {}", rule.points, rule.why));
    }
    let band = product.bands.iter().find(|band| referral.amount.minor() <= band.up_to.minor());
    let next_step = band.map(|band| band.next_step.clone());
    Placement { score: total, why, next_step, branch: None, manager: None }
}

/// What a lead is about, and where.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub product: &'a RuleId,
    pub region: &'a str,
}

/// The branch that looks after a product in a region, and of its customer managers the one with the
/// fewest open leads who can take another: of equals the first by id. None where all are full.
pub fn assign<'b>(
    branches: &'b [Branch],
    wanted: Wanted<'_>,
    open: impl Fn(&RuleId) -> i64,
) -> (Option<&'b Branch>, Option<&'b Manager>) {
    let Some(branch) = branches.iter().find(|branch| branch.serves(wanted.product, wanted.region))
    else {
        return (None, None);
    };
    let free =
        branch.managers.iter().filter(|manager| open(&manager.id) < i64::from(manager.capacity));
    (Some(branch), free.min_by_key(|manager| (open(&manager.id), manager.id.clone())))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn branch(capacities: &[u32]) -> Branch {
        let managers = capacities.iter().enumerate().map(|(number, capacity)| Manager {
            id: format!("manager-{number}").parse().unwrap(),
            capacity: *capacity,
        });
        Branch {
            id: "harbour".parse().unwrap(),
            name: "Harbour".to_owned(),
            regions: vec!["harbour".to_owned()],
            products: Vec::new(),
            managers: managers.collect(),
        }
    }

    proptest! {
        #[test]
        fn leads_go_where_the_fewest_are_and_never_beyond_what_one_can_take(
            capacities in prop::collection::vec(0_u32..6, 1..5),
            leads in 0_usize..40,
        ) {
            let (branches, product) = ([branch(&capacities)], "travel-loan".parse().unwrap());
            let mut open: BTreeMap<RuleId, i64> = BTreeMap::new();
            for _ in 0..leads {
                let now = |id: &RuleId| open.get(id).copied().unwrap_or(0);
                let (_, chosen) = assign(&branches, Wanted { product: &product, region: "harbour" }, now);
                let room: u32 = capacities.iter().sum();
                let given: i64 = open.values().sum();
                prop_assert_eq!(chosen.is_none(), given >= i64::from(room));
                if let Some(chosen) = chosen {
                    let fewest = branches[0].managers.iter()
                        .filter(|it| now(&it.id) < i64::from(it.capacity))
                        .map(|it| now(&it.id)).min().unwrap();
                    prop_assert_eq!(now(&chosen.id), fewest);
                    *open.entry(chosen.id.clone()).or_insert(0) += 1;
                }
            }
        }
    }

    #[test]
    fn elsewhere_nobody_is_chosen() {
        let product = "travel-loan".parse().unwrap();
        let branches = [branch(&[3])];
        let (branch, manager) =
            assign(&branches, Wanted { product: &product, region: "the-moon" }, |_| 0);
        assert!(branch.is_none() && manager.is_none());
    }
}
