//! A move of a referral, held against what its partner may cost and how its other referrals ended.

use super::error::RecordError;
use super::move_referral::Held;
use super::work::Work;
use crate::clock::Moment;
use crate::partner::Partner;
use crate::program::held::judge_reward;
use crate::program::{Decision, NeededConduct, NeededExposures, Occasion, ReferralFact, Standings};
use crate::referral::{Actor, Move, ReferralStep};
use crate::store::{conduct, counters, exposures};

impl Work<'_> {
    /// Counts what the move says about the partner's referrals, and holds what a conversion brings beyond
    /// a limit or a pattern. What staff release themselves counts for no limit.
    pub(super) fn weigh_move(
        &mut self,
        held: &Held,
        order: &Move,
        partners_now: Moment,
        given: Decision,
    ) -> Result<Decision, RecordError> {
        let Some(partner) = self.bank.registry.get(&held.record.partner) else { return Ok(given) };
        let occasion = Occasion::new(partners_now, partners_now, self.bank.time_zone);
        let fact = fact_of(held, order);
        let by_report = matches!(order.step, ReferralStep::Convert | ReferralStep::Repay);
        let is_weighed = by_report && !given.postings.is_empty();
        if fact.is_none() && !is_weighed {
            return Ok(given);
        }
        // Places come before figures and counts, as where events are recorded.
        counters::lock(&mut self.tx, held.freed(order.step.to()).into_iter())?;
        let mut standings = Standings::default();
        if is_weighed {
            let mut needed = NeededExposures::default();
            needed.by_event(&partner, given.customer, occasion);
            for (key, figure) in exposures::lock_and_load(&mut self.tx, &needed.0)? {
                standings.exposures.add(key, figure);
            }
        }
        self.count_fact(&partner, occasion, fact, &mut standings)?;
        if !is_weighed {
            return Ok(given);
        }
        Ok(judge_reward(given, &partner, &standings, occasion)?)
    }

    /// Loads how the partner's referrals ended, and adds this one.
    fn count_fact(
        &mut self,
        partner: &Partner,
        occasion: Occasion,
        fact: Option<ReferralFact>,
        standings: &mut Standings,
    ) -> Result<(), RecordError> {
        let mut needed = NeededConduct::default();
        needed.by_referral(partner, occasion);
        for (key, tally) in conduct::lock_and_load(&mut self.tx, &needed.present, &needed.past)? {
            standings.conduct.add(key, tally);
        }
        if let Some(fact) = fact {
            standings.conduct.note(partner, occasion, fact);
        }
        let changed: Vec<_> = standings
            .conduct
            .changed()
            .map(|(period, tally)| (period.clone(), tally.clone()))
            .collect();
        Ok(conduct::save(&mut self.tx, &changed)?)
    }
}

/// What a move says about the partner that introduced the person.
fn fact_of(held: &Held, order: &Move) -> Option<ReferralFact> {
    let is_met = held.is_met();
    match (order.step, &order.by) {
        (ReferralStep::Contact | ReferralStep::Convert, _) if !is_met => Some(ReferralFact::Met),
        (ReferralStep::Lose, _) if !is_met => Some(ReferralFact::Bad),
        (ReferralStep::Reject, _) => Some(ReferralFact::Bad),
        (ReferralStep::Withdraw, Actor::Partner(_)) if held.record.state.is_lead() => {
            Some(ReferralFact::Withdrawn)
        }
        _ => None,
    }
}
