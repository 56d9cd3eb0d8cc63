//! A redemption beyond the programme's limit waits until its customer confirms it. The customer may
//! decline instead: then the points are free again, as if the partner had cancelled.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use super::decision::{Decision, Refusal};
use super::explain::{Mark, PointsReason};
use super::hold::{self, HoldStanding, HoldState, HoldStep};
use super::lot::Lots;
use crate::clock::Moment;
use crate::ids::{EventId, PartnerId};
use crate::money::Amount;
use crate::partner::Partner;

/// Whether the customer of a hold has to confirm it, and whether they did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// Nobody was asked.
    NotNeeded,
    Awaited,
    Confirmed,
    Declined,
}

/// What a customer says to a hold that waits for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CustomerAnswer {
    Confirm,
    Decline,
}

impl Confirmation {
    /// Its name in the database; nothing where nobody was asked.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::NotNeeded => None,
            Self::Awaited => Some("awaited"),
            Self::Confirmed => Some("confirmed"),
            Self::Declined => Some("declined"),
        }
    }

    /// The value of that name; `None` when there is none.
    #[must_use]
    pub fn by_name(name: Option<&str>) -> Option<Self> {
        let all = [Self::NotNeeded, Self::Awaited, Self::Confirmed, Self::Declined];
        all.into_iter().find(|it| it.name() == name)
    }
}

/// What a customer was asked about: the partner and its own id of the hold.
#[derive(Clone, Debug)]
pub struct AskedOf {
    pub partner: PartnerId,
    pub hold: EventId,
}

/// Marks a hold that its customer has to confirm.
pub(super) fn ask(points: Amount, partner: &Partner, decision: &mut Decision) -> Confirmation {
    let above = partner.programme.codes.confirm_above;
    if points.minor() <= above.minor() {
        return Confirmation::NotNeeded;
    }
    decision.mark(Mark::AwaitsCustomer, PointsReason::AwaitsCustomer { points, above });
    Confirmation::Awaited
}

/// Refuses to commit a hold that its customer has not confirmed.
pub(super) const fn confirmed(hold: &HoldStanding) -> Result<(), Refusal> {
    match hold.confirmation {
        Confirmation::NotNeeded | Confirmation::Confirmed => Ok(()),
        Confirmation::Awaited => Err(Refusal::AwaitsCustomer),
        Confirmation::Declined => Err(Refusal::HoldClosed { state: hold.state_told() }),
    }
}

/// What the customer's answer makes of a hold.
///
/// # Errors
/// [`Refusal::HoldClosed`] when the hold does not wait for them any more.
pub fn answer(
    answer: CustomerAnswer,
    about: AskedOf,
    hold: &HoldStanding,
    now: Moment,
    lots: &Lots,
) -> Result<Decision, Refusal> {
    hold::open(hold, now)?;
    if hold.confirmation != Confirmation::Awaited {
        let state = hold.confirmation.name().unwrap_or(HoldState::Held.name());
        return Err(Refusal::HoldClosed { state });
    }
    let points = hold.points;
    let AskedOf { partner, hold: event } = about;
    match answer {
        CustomerAnswer::Confirm => {
            let mut decision = Decision { customer: Some(hold.customer), ..Decision::default() };
            decision.explain(PointsReason::Confirmed { points, partner, hold: event });
            decision.hold = Some(HoldStep::Confirmed);
            Ok(decision)
        }
        CustomerAnswer::Decline => {
            let mut debt = lots.debt(hold.customer)?;
            let mut decision = hold::release(hold, HoldState::Cancelled, now, lots, &mut debt)?;
            let declined = PointsReason::Declined { points, partner, hold: event };
            decision.explanation.insert(0, declined.into());
            decision.hold = Some(HoldStep::Declined);
            Ok(decision)
        }
    }
}
