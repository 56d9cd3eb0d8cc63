use super::admit;
use super::counter::{Counted, Counters, open_leads};
use super::decision::{Decision, Occasion, Refusal};
use super::explain::{Mark, RewardReason};
use super::referral_shares;
use super::reward::RewardPromise;
use super::standing::Standings;
use crate::event::Referral;
use crate::ids::{EventKey, PartnerId, RuleId};
use crate::partner::Partner;
use crate::partner::lead::Branch;
use crate::partner::programme::Programme;
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
        let whose = LeadOf { partner: &partner.id, programme: &partner.programme };
        let placed = place(&mut verdict.placement, whose, wanted, counters);
        decision.assigned = placed.manager;
        decision.counted.extend(placed.branch);
    }
    if verdict.state.is_open() {
        let taken = |counter| standings.counters.get(counter);
        let places = referral_shares::take(partner, verdict.state, taken);
        let places = places.map_err(|max| Refusal::ReferralsFull { max })?;
        decision.counted.extend(places.into_iter().map(|place| Counted::times(place, 1)));
    }
    if verdict.state == ReferralState::NeedsConsent {
        decision.mark(Mark::ConsentMissing, RewardReason::ConsentMissing);
    }
    decision.introduced = introductions.introduced(key, partner, product, verdict.state.is_open());
    decision.customer = customer;
    decision.verdict = Some(verdict);
    Ok(decision)
}

/// Whose lead it is, by which programme.
#[derive(Clone, Copy)]
pub struct LeadOf<'a> {
    pub partner: &'a PartnerId,
    pub programme: &'a Programme,
}

/// What a lead takes of the customer managers' time.
pub struct Placed {
    /// The manager who has one more lead.
    pub manager: Option<Counted>,
    /// The partner's share of the branch.
    pub branch: Option<Counted>,
}

/// Gives a lead to a branch and to one of its customer managers, who has it from then on. Nobody has
/// it where all are full, or where the partner's leads fill its share of the branch.
pub fn place(
    placement: &mut Placement,
    whose: LeadOf<'_>,
    wanted: Wanted<'_>,
    counters: &Counters,
) -> Placed {
    let LeadOf { partner, programme } = whose;
    let open = |manager: &RuleId| counters.get(open_leads(manager));
    let (branch, manager) = assign(&programme.branch, wanted, open);
    let share = programme.referrals.manager_share;
    let taken = |branch: &Branch| counters.get(referral_shares::of_branch(&branch.id, partner));
    let fits = |branch: &Branch| referral_shares::fits(branch, share, taken(branch));
    let manager = manager.filter(|_manager| branch.is_some_and(fits));
    placement.branch = branch.map(|branch| branch.id.clone());
    placement.manager = manager.map(|manager| manager.id.clone());
    let of_branch = branch.map(|branch| referral_shares::of_branch(&branch.id, partner));
    Placed {
        manager: manager.map(|manager| Counted::times(open_leads(&manager.id), 1)),
        branch: of_branch.filter(|_| manager.is_some()).map(|it| Counted::times(it, 1)),
    }
}
