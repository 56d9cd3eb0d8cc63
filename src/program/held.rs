//! Events that are recorded and bring nothing until people decide: those of a partner that is frozen,
//! those that come too late, and those beyond a limit of exposure, and those that
//! no honest till would report.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use super::conduct::{self, Judged};
use super::counter::{Counted, Counters};
use super::decision::{Decision, Judging, LinePart, Occasion, Refusal};
use super::earn;
use super::explain::{HeldReason, LocalMoment, Mark};
use super::exposure::{self, Weighed};
use super::hold::HoldStep;
use super::referral_conduct;
use super::referral_shares;
use super::standing::Standings;
use crate::event::EventData;
use crate::ids::EventKey;
use crate::ledger::{Account, AccountCode, Posting, RuleVersion};
use crate::money::{Amount, Asset};
use crate::partner::Partner;
use crate::referral::{ReferralState, Verdict};

/// Lets a decision stand, or holds it until people decide.
pub fn judge(
    said: &EventData,
    partner: &Partner,
    standings: &Standings,
    occasion: Occasion,
    decision: Decision,
) -> Result<Decision, Refusal> {
    let mut decision = decision;
    match said {
        EventData::Payment(_) | EventData::Commit(_) => {}
        EventData::Referral(_) if is_qualified(&decision) => {}
        EventData::Return(_) if is_withheld(&decision, standings) => {
            // The price was never owed, so nothing of it is given up.
            withhold_price(&mut decision);
            return Ok(decision);
        }
        EventData::Referral(_)
        | EventData::Refund(_)
        | EventData::Hold(_)
        | EventData::Cancel(_)
        | EventData::Return(_) => return Ok(decision),
    }
    match occasion.judging {
        Judging::InForce => {}
        Judging::History | Judging::Accepted { .. } | Judging::Frozen => return Ok(decision),
    }
    let judged = Judged { decision: &decision, occasion };
    let observed = conduct::observe(said, partner, &standings.conduct, &standings.lots, judged);
    decision.observed.clone_from(&observed);
    let referred = matches!(said, EventData::Referral(_))
        .then(|| referral_conduct::observe(partner, occasion))
        .flatten();
    let mut judged = match weigh(said, partner, standings, &decision, occasion)? {
        Weighed::Within(exposed) => {
            decision.exposed = exposed;
            decision
        }
        Weighed::Beyond(reason) => {
            let shares = Shares { partner, counters: &standings.counters };
            withhold(said, decision, reason, &shares)?
        }
    };
    let is_held = judged.held.is_some();
    judged.observed = observed.map(|observed| observed.held(is_held));
    judged.referred = referred;
    Ok(judged)
}

/// What an event adds to the figures, or why it is held.
fn weigh(
    said: &EventData,
    partner: &Partner,
    standings: &Standings,
    decision: &Decision,
    occasion: Occasion,
) -> Result<Weighed, Refusal> {
    if let Some(since) = standings.frozen(&partner.id) {
        let since = LocalMoment::new(since, occasion.zone);
        return Ok(Weighed::Beyond(HeldReason::HeldFrozen { since }));
    }
    let is_frozen = |hold| standings.is_hold_frozen(hold);
    if matches!(said, EventData::Commit(_)) && decision.refers_to.is_some_and(is_frozen) {
        return Ok(Weighed::Beyond(HeldReason::PointsFrozen));
    }
    let days_late = occasion.today.signed_duration_since(occasion.day).num_days();
    let days_max = partner.late_days_max;
    // A redemption counts at the moment of recording, whatever its date says.
    let is_dated = !matches!(said, EventData::Commit(_));
    if is_dated && days_late > i64::from(days_max) {
        return Ok(Weighed::Beyond(HeldReason::HeldLate { days_late, days_max }));
    }
    if let Some(observed) = &decision.observed
        && let Some(why) = conduct::weigh(observed, partner, &standings.conduct, occasion)?
    {
        return Ok(Weighed::Beyond(why));
    }
    if matches!(said, EventData::Referral(_))
        && let Some(why) = referral_conduct::weigh(partner, &standings.conduct, occasion)
    {
        return Ok(Weighed::Beyond(why));
    }
    Ok(exposure::weigh(decision, partner, occasion, &standings.exposures)?)
}

/// Lets stand what a conversion brings, or holds it until people decide: the bank granted the product, and
/// who brought the person is still the partner's word.
///
/// # Errors
/// [`Refusal`] when a figure would leave its range.
pub fn judge_reward(
    given: Decision,
    partner: &Partner,
    standings: &Standings,
    occasion: Occasion,
) -> Result<Decision, Refusal> {
    let weighed = match referral_conduct::weigh(partner, &standings.conduct, occasion) {
        Some(why) => Weighed::Beyond(why),
        None => exposure::weigh(&given, partner, occasion, &standings.exposures)?,
    };
    match weighed {
        Weighed::Within(exposed) => Ok(Decision { exposed, ..given }),
        Weighed::Beyond(why) => {
            let mut held = Decision { customer: given.customer, ..Decision::default() };
            held.mark(Mark::Held, why.clone());
            held.held = Some(why);
            Ok(held)
        }
    }
}

fn is_qualified(decision: &Decision) -> bool {
    decision.verdict.as_ref().is_some_and(|verdict| verdict.state == ReferralState::Qualified)
}

fn is_withheld(decision: &Decision, standings: &Standings) -> bool {
    decision.refers_to.is_some_and(|hold| standings.is_withheld(hold))
}

/// The partner's share of places for referrals.
struct Shares<'a> {
    partner: &'a Partner,
    counters: &'a Counters,
}

/// Takes from a decision all that it brings.
fn withhold(
    said: &EventData,
    decision: Decision,
    why: HeldReason,
    shares: &Shares<'_>,
) -> Result<Decision, Refusal> {
    let mut held = match said {
        EventData::Commit(_) => withhold_commit(decision)?,
        EventData::Referral(_) => withhold_referral(decision, &why, shares)?,
        EventData::Payment(_)
        | EventData::Refund(_)
        | EventData::Hold(_)
        | EventData::Cancel(_)
        | EventData::Return(_) => {
            let lines = decision.lines.into_iter().map(unrewarded).collect();
            Decision { customer: decision.customer, lines, ..Decision::default() }
        }
    };
    held.marks.push(Mark::Held);
    held.explanation.insert(0, why.clone().into());
    held.held = Some(why);
    Ok(held)
}

/// A line whose points wait with its payment.
fn unrewarded(part: LinePart) -> LinePart {
    earn::unrewarded_part(part.line, part.amount)
}

/// The referral waits for staff as others on hold do, and takes a place as they do.
fn withhold_referral(
    decision: Decision,
    why: &HeldReason,
    shares: &Shares<'_>,
) -> Result<Decision, Refusal> {
    let taken = |counter| shares.counters.get(counter);
    let places = referral_shares::take(shares.partner, ReferralState::OnHold, taken);
    let places = places.map_err(|max| Refusal::ReferralsFull { max })?;
    let counted = places.into_iter().map(|place| Counted::times(place, 1)).collect();
    let verdict = decision.verdict.map(|verdict| Verdict {
        state: ReferralState::OnHold,
        reasons: vec!["The bank has to look at it first.".to_owned()],
        finding: Some(why.says()),
        expires_at: None,
        ..verdict
    });
    let introduced = decision.introduced;
    let customer = decision.customer;
    Ok(Decision { customer, verdict, introduced, counted, ..Decision::default() })
}

/// The points are redeemed, because the customer has the goods; the price is not owed yet.
fn withhold_commit(decision: Decision) -> Result<Decision, Refusal> {
    let mut held = decision;
    let value = match held.hold {
        Some(HoldStep::Closed { value, .. }) => value,
        Some(
            HoldStep::Opened { .. }
            | HoldStep::Confirmed
            | HoldStep::Declined
            | HoldStep::Returned { .. },
        )
        | None => Amount::zero(Asset::CNY),
    };
    withhold_price(&mut held);
    held.explain(HeldReason::PriceHeld { value });
    Ok(held)
}

fn withhold_price(decision: &mut Decision) {
    decision.postings.retain(|posting| posting.account.asset == Asset::PTS);
}

/// What is owed for a redemption once its price is released: less what was given back meanwhile.
///
/// # Errors
/// [`Refusal::HoldUnknown`].
pub fn owe_price(
    hold: EventKey,
    partner: &Partner,
    standings: &Standings,
) -> Result<Decision, Refusal> {
    let standing = standings.hold(hold).ok_or(Refusal::HoldUnknown)?;
    let value = standing.value.checked_sub(standing.returned_value)?;
    let rule = RuleVersion::built_in("redemption:release-price@1");
    let payable = Account::partner(AccountCode::REDEMPTION_PAYABLE, &partner.id, Asset::CNY);
    let expense = Account::bank(AccountCode::REDEMPTION_EXPENSE, Asset::CNY);
    let postings =
        vec![Posting::new(payable, value, &rule), Posting::new(expense, value.negate()?, &rule)];
    Ok(Decision { customer: Some(standing.customer), postings, ..Decision::default() })
}
