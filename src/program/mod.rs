//! What an event is worth. Pure: an event, what stands of its customer and payment, and the
//! partner's rules go in; postings and their explanation come out. Called by the writer for each
//! event in the order of recording, and by `partners check` for a manifest's examples.

mod adjust;
mod admit;
mod brought;
mod charge;
mod code;
mod conduct;
mod confirmation;
pub mod correction;
mod counter;
mod counting;
mod decision;
mod discount;
mod earn;
mod explain;
mod exposure;
mod facts;
pub mod fall_due;
pub mod held;
mod hold;
mod introduction;
mod lot;
pub mod quote;
mod redeemed;
pub mod refer;
mod referral_conduct;
pub mod referral_shares;
mod refund;
mod reported_by;
mod reverse;
pub mod reward;
pub mod simulate;
pub mod staff_limits;
mod standing;
mod tally;
mod tier;
mod waiver;

pub use adjust::adjust;
pub use charge::{ChargeStep, RefundCharge};
pub use code::CodeStanding;
pub use conduct::{ConductPeriod, NeededConduct};
pub use confirmation::{AskedOf, Confirmation, CustomerAnswer, answer as answer_hold};
pub use correction::{
    Adjustment, Correction, CorrectionContent, CorrectionRefusal, CorrectionState, Irreversible,
    Reversal,
};
pub use counter::{Counted, CountedUnit, Counters, NeededCounters, loads, open_leads};
pub use decision::{Decision, Introduced, Judging, LinePart, Occasion, Refusal};
pub use explain::{
    BreakAdjusted, CorrectionReason, DecisionReason, Explanation, HeldReason, LocalMoment, Mark,
    PayoutReason,
};
pub use exposure::{
    Exposed, ExposureBucket, NeededExposures, buckets as exposure_buckets, total_cost,
};
pub use fall_due::{FallenDue, fall_due};
pub use hold::{HoldStanding, HoldState, HoldStep};
pub use introduction::Introductions;
pub use lot::{Lot, LotStand, Lots, NewLot, Parts};
pub use redeemed::worth;
pub use reported_by::ReportedBy;
pub use reverse::{OriginalTransaction, reverse};
pub use standing::{CustomerStanding, PaymentStanding, QuoteStanding, QuoteState, Standings};
pub use tally::{ReferralFact, Tally};
pub use tier::{TierChange, TierHeld, change as tier_change};

use chrono::Datelike;
use facts::Facts;

use crate::event::{Cancel, Commit, Event, EventData, Payment, Refund, Return};
use crate::ids::{CodeKey, EventKey};
use crate::partner::Partner;

/// Decides on one event and lets the standings follow, so that the next event in the same group
/// sees what this one did.
///
/// # Errors
/// [`Refusal`] when the event is not taken; the standings are then as they were, but for the code of
/// a hold, which counts its refusals.
pub fn decide(
    event: &Event,
    partner: &Partner,
    standings: &mut Standings,
    occasion: Occasion,
) -> Result<Decision, Refusal> {
    admit::admit(event, partner, occasion)?;
    admit::within_day(partner, standings, occasion)?;
    let decision = match &event.data {
        EventData::Payment(payment) => decide_payment(payment, partner, standings, occasion),
        EventData::Refund(refund) => decide_refund(refund, partner, standings, occasion),
        EventData::Referral(referral) => {
            let key = EventKey::of(&partner.id, &event.id);
            refer::refer(referral, key, partner, standings, occasion)
        }
        EventData::Hold(held) => {
            let key = CodeKey::of(&held.code);
            let done = hold::hold(held, standings.code(key), partner, occasion, &standings.lots);
            if done.is_err() {
                standings.refuse_code(key);
            }
            done
        }
        EventData::Commit(Commit { hold, .. })
        | EventData::Cancel(Cancel { hold, .. })
        | EventData::Return(Return { hold, .. }) => {
            decide_hold(&event.data, EventKey::of(&partner.id, hold), partner, standings, occasion)
        }
    }?;
    let decision = held::judge(&event.data, partner, standings, occasion, decision)?;
    standings.follow(EventKey::of(&partner.id, &event.id), event, &decision, occasion)?;
    Ok(decision)
}

/// Decides on a recorded event again, which staff accepted: whether it may be taken was asked when it
/// came.
///
/// # Errors
/// [`Refusal`] when the rules have no answer to it any more.
pub fn decide_again(
    event: &Event,
    partner: &Partner,
    standings: &mut Standings,
    occasion: Occasion,
) -> Result<Decision, Refusal> {
    let decision = match &event.data {
        EventData::Payment(payment) => decide_payment(payment, partner, standings, occasion),
        EventData::Refund(refund) => decide_refund(refund, partner, standings, occasion),
        EventData::Referral(_)
        | EventData::Hold(_)
        | EventData::Commit(_)
        | EventData::Cancel(_)
        | EventData::Return(_) => Err(Refusal::PaymentUnknown),
    }?;
    standings.follow(EventKey::of(&partner.id, &event.id), event, &decision, occasion)?;
    Ok(decision)
}

/// Points for what was paid, and the bank's part of a discount that a scheme allows.
fn decide_payment(
    payment: &Payment,
    partner: &Partner,
    standings: &Standings,
    occasion: Occasion,
) -> Result<Decision, Refusal> {
    let customer =
        standings.customer(&partner.id, &payment.member).ok_or(Refusal::MemberUnknown)?;
    let mut decision = Decision { customer: Some(customer.id), ..Decision::default() };
    let facts = facts_of(payment, partner, customer, standings, occasion)?;
    let purchase = earn::Purchase { payment, partner, customer, occasion, facts };
    earn::earn(&purchase, standings, &mut decision)?;
    discount::discount(&purchase, standings, &mut decision)?;
    waiver::waive(&purchase, &mut decision)?;
    Ok(decision)
}

/// What conditions may ask about a payment.
fn facts_of<'a>(
    payment: &'a Payment,
    partner: &'a Partner,
    customer: &CustomerStanding,
    standings: &'a Standings,
    occasion: Occasion,
) -> Result<Facts<'a>, Refusal> {
    let tier = match &partner.programme.tiers {
        Some(tiers) => tier::in_force(tiers, customer.id, occasion, &standings.counters)?,
        None => None,
    };
    Ok(Facts {
        payment,
        tier,
        weekday: occasion.day.weekday(),
        time: occasion.effective_at.utc().with_timezone(&occasion.zone).time(),
        visits: standings.counters.get(counter::visits(&partner.id, customer.id)),
        birthday_month: customer.birth_month == Some(occasion.day.month()),
    })
}

/// What a refund takes back of what its payment brought.
fn decide_refund(
    refund: &Refund,
    partner: &Partner,
    standings: &Standings,
    occasion: Occasion,
) -> Result<Decision, Refusal> {
    let key = EventKey::of(&partner.id, &refund.payment);
    let payment = standings.payment(key).ok_or(Refusal::PaymentUnknown)?;
    if occasion.effective_at < payment.effective_at {
        return Err(Refusal::BeforePayment);
    }
    let mut decision = refund::claw_back(refund, payment, partner, occasion, &standings.lots)?;
    if let Some(tiers) = &partner.programme.tiers {
        let (customer, counted) = (payment.customer, &decision.counted);
        decision.tier = tier::change(tiers, customer, occasion, &standings.counters, counted)?;
    }
    decision.refers_to = Some(key);
    Ok(decision)
}

/// What becomes of a hold, or of the redemption that it became.
fn decide_hold(
    said: &EventData,
    key: EventKey,
    partner: &Partner,
    standings: &Standings,
    occasion: Occasion,
) -> Result<Decision, Refusal> {
    let standing = standings.hold(key).ok_or(Refusal::HoldUnknown)?;
    let mut decision = match said {
        EventData::Commit(commit) => hold::commit(commit, standing, partner, occasion, standings),
        EventData::Return(given) => hold::give_back(given, standing, partner, occasion, standings),
        EventData::Cancel(_)
        | EventData::Payment(_)
        | EventData::Refund(_)
        | EventData::Referral(_)
        | EventData::Hold(_) => hold::cancel(standing, occasion, &standings.lots),
    }?;
    decision.refers_to = Some(key);
    Ok(decision)
}

#[cfg(test)]
mod examples;
#[cfg(test)]
mod histories;
#[cfg(test)]
mod many_lots;
