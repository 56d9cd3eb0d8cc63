//! A partner's share of what all partners' referrals need: places for open referrals and for those on
//! hold, and the time of customer managers. Counters hold it exactly, however many refer at once.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::event::Referral;
use crate::ids::{CounterKey, PartnerId, RuleId};
use crate::partner::Partner;
use crate::partner::lead::Branch;
use crate::referral::ReferralState;

/// Open referrals of a partner, with those on hold.
#[must_use]
pub fn open(partner: &PartnerId) -> CounterKey {
    CounterKey::of_name(&["open referrals", partner.as_str()])
}

/// Referrals of a partner that are on hold.
#[must_use]
pub fn held(partner: &PartnerId) -> CounterKey {
    CounterKey::of_name(&["held referrals", partner.as_str()])
}

/// Open leads of a partner that customer managers of a branch have.
#[must_use]
pub fn of_branch(branch: &RuleId, partner: &PartnerId) -> CounterKey {
    CounterKey::of_name(&["branch leads", branch.as_str(), partner.as_str()])
}

/// The counters that a referral asks for, beside the loads of the managers.
pub fn needed(partner: &Partner, referral: &Referral) -> impl Iterator<Item = CounterKey> {
    let branches = &partner.programme.branch;
    let branch = branches.iter().find(|it| it.serves(&referral.product, &referral.region));
    let of_branch = branch.map(|branch| of_branch(&branch.id, &partner.id));
    [open(&partner.id), held(&partner.id)].into_iter().chain(of_branch)
}

/// What a referral takes that may become a lead. `Err`: the most that the partner may have, where it has
/// all of its share.
pub fn take(
    partner: &Partner,
    state: ReferralState,
    taken: impl Fn(CounterKey) -> i64,
) -> Result<Vec<CounterKey>, u32> {
    let limits = &partner.programme.referrals;
    // The bank's own folder for what customers buy has no share: the bank itself decides on that.
    let mut behaviour = partner.programme.behaviour.iter();
    let is_bank = behaviour.any(|rule| rule.introduced_by == partner.id);
    let mut places = vec![(open(&partner.id), limits.partner_open_max)];
    if state == ReferralState::OnHold {
        places.push((held(&partner.id), limits.partner_held_max));
    }
    let full = places.iter().find(|(counter, max)| !is_bank && taken(*counter) >= i64::from(*max));
    match full {
        Some((_counter, max)) => Err(*max),
        None => Ok(places.into_iter().map(|(counter, _max)| counter).collect()),
    }
}

/// Whether a branch may take one more lead of the partner, by its share of the managers' capacity.
#[must_use]
pub fn fits(branch: &Branch, share: Decimal, taken: i64) -> bool {
    let capacity = branch
        .managers
        .iter()
        .fold(0_i64, |sum, manager| sum.saturating_add(i64::from(manager.capacity)));
    let places = Decimal::from(capacity).saturating_mul(share).ceil().to_i64();
    taken < places.unwrap_or(capacity)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partner::lead::Manager;

    #[test]
    fn a_partner_gets_its_share_of_a_branch_and_at_least_one_place() {
        let branch = |capacity| Branch {
            id: "harbour".parse().unwrap(),
            name: "Harbour".to_owned(),
            regions: Vec::new(),
            products: Vec::new(),
            managers: vec![Manager { id: "m-1".parse().unwrap(), capacity }],
        };
        let half = Decimal::new(5, 1);
        for (capacity, taken, one_more) in [
            (10, 4, true),
            (10, 5, false),
            (3, 1, true),
            (3, 2, false),
            (1, 0, true),
            (1, 1, false),
        ] {
            assert_eq!(fits(&branch(capacity), half, taken), one_more, "{taken} of {capacity}");
        }
    }
}
