//! A partner's share of what all partners' referrals need: places for open referrals and for those on
//! hold, and the time of customer managers. Counters hold it exactly, however many refer at once.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::counter::{Counted, CountedUnit, Counters};
use super::decision::Refusal;
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

/// Once more, or once less where it is below zero.
#[must_use]
pub const fn times(counter: CounterKey, amount: i64) -> Counted {
    Counted { counter, unit: CountedUnit::Times, amount }
}

/// The counters that a referral asks for, beside the loads of the managers.
pub fn needed(partner: &Partner, referral: &Referral) -> impl Iterator<Item = CounterKey> {
    let branches = &partner.programme.branch;
    let branch = branches.iter().find(|it| it.serves(&referral.product, &referral.region));
    let of_branch = branch.map(|branch| of_branch(&branch.id, &partner.id));
    [open(&partner.id), held(&partner.id)].into_iter().chain(of_branch)
}

/// What a referral takes that may become a lead; refused where the partner has all of its share.
pub fn take(
    partner: &Partner,
    state: ReferralState,
    counters: &Counters,
) -> Result<Vec<Counted>, Refusal> {
    let limits = &partner.programme.referrals;
    let (open, held) = (open(&partner.id), held(&partner.id));
    // The bank's own folder for what customers buy has no share: the bank itself decides on that.
    let mut behaviour = partner.programme.behaviour.iter();
    let is_bank = behaviour.any(|rule| rule.introduced_by == partner.id);
    let full = |counter, max: u32| !is_bank && counters.get(counter) >= i64::from(max);
    let mut taken = vec![times(open, 1)];
    if full(open, limits.partner_open_max) {
        return Err(Refusal::ReferralsFull { max: limits.partner_open_max });
    }
    if state == ReferralState::OnHold {
        if full(held, limits.partner_held_max) {
            return Err(Refusal::ReferralsFull { max: limits.partner_held_max });
        }
        taken.push(times(held, 1));
    }
    Ok(taken)
}

/// Whether a branch may take one more lead of the partner, by its share of the managers' capacity.
#[must_use]
pub fn fits(branch: &Branch, partner: &PartnerId, share: Decimal, counters: &Counters) -> bool {
    let capacity = branch.managers.iter().fold(0_i64, |sum, manager| {
        sum.saturating_add(i64::from(manager.capacity))
    });
    let places = Decimal::from(capacity).saturating_mul(share).ceil().to_i64();
    counters.get(of_branch(&branch.id, partner)) < places.unwrap_or(capacity)
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
        let (partner, half) = ("oak-home".parse().unwrap(), Decimal::new(5, 1));
        for (capacity, taken, one_more) in
            [(10, 4, true), (10, 5, false), (3, 1, true), (3, 2, false), (1, 0, true), (1, 1, false)]
        {
            let branch = branch(capacity);
            let mut counters = Counters::default();
            counters.add(of_branch(&branch.id, &partner), taken);
            assert_eq!(fits(&branch, &partner, half, &counters), one_more, "{taken} of {capacity}");
        }
    }
}
