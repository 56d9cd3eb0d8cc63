use super::admit;
use super::counter::{Counted, CountedUnit, Counters, open_leads};
use super::decision::{Decision, Occasion, Refusal};
use super::explain::{Mark, RewardReason};
use super::reward::RewardPromise;
use super::standing::Standings;
use crate::event::Referral;
use crate::ids::{EventKey, RuleId};
use crate::partner::Partner;
use crate::partner::lead::Branch;
use crate::partner::reward::RewardStage;
use crate::referral::{Placement, ReferralState, Terms, Wanted, assign, qualify, without_consent};

/// Whether a referral makes a lead, whose that is, and the rewards that are due at once if it does.
pub fn refer(
    referral: &Referral,
    key: EventKey,
    partner: &Partner,
    standings: &Standings,
    occasion: Occasion,
) -> Result<Decision, Refusal> {
    let product = admit::offered(partner, &referral.product, occasion)?;
    let customer = match &referral.member {
        None => None,
        Some(member) => {
            Some(standings.customer(&partner.id, member).ok_or(Refusal::MemberUnknown)?)
        }
    };
    let introductions = &standings.introductions;
    let enrolled_at = customer.map(|customer| customer.enrolled_at);
    let known = introductions.known(key, partner, product, enrolled_at);
    let texts = &partner.programme.consent_text;
    let mut verdict = without_consent(referral, texts, occasion.zone).unwrap_or_else(|| {
        qualify(referral, product, &known, occasion.effective_at, occasion.recorded_at)
    });
    let customer = customer.map(|customer| customer.id);
    let mut decision = Decision::default();
    if verdict.state == ReferralState::Qualified {
        let promise = RewardPromise {
            product: &product.id,
            partner: &partner.id,
            customer,
            terms: &Terms::of(product),
            unit_cost: partner.programme.points.unit_cost,
        };
        let (lots, counters) = (&standings.lots, &standings.counters);
        decision = promise.give(RewardStage::Qualified, occasion, lots, counters)?;
        let wanted = Wanted { product: &product.id, region: &referral.region };
        decision.assigned =
            place(&mut verdict.placement, &partner.programme.branch, wanted, counters);
    }
    if verdict.state == ReferralState::NeedsConsent {
        decision.mark(Mark::ConsentMissing, RewardReason::ConsentMissing);
    }
    decision.introduced = introductions.introduced(key, partner, product, verdict.state.is_open());
    decision.customer = customer;
    decision.verdict = Some(verdict);
    Ok(decision)
}

/// Gives a lead to a branch and to one of its customer managers, who has it from then on.
pub fn place(
    placement: &mut Placement,
    branches: &[Branch],
    wanted: Wanted<'_>,
    counters: &Counters,
) -> Option<Counted> {
    let open = |manager: &RuleId| counters.get(open_leads(manager));
    let (branch, manager) = assign(branches, wanted, open);
    placement.branch = branch.map(|branch| branch.id.clone());
    placement.manager = manager.map(|manager| manager.id.clone());
    manager.map(|manager| Counted {
        counter: open_leads(&manager.id),
        unit: CountedUnit::Times,
        amount: 1,
    })
}
