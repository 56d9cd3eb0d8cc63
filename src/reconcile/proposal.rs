//! What may be done about a break, and by whom: one person proposes, another approves. The amount that
//! one person may decide on alone is zero.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use chrono::TimeDelta;

use super::break_code::BreakSums;
use super::item::{Currency, ItemValue};
use crate::clock::Moment;
use crate::ids::{StaffId, TransactionId};
use crate::money::{Amount, Asset};

/// Where a break stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakState {
    Open,
    /// A proposal waits for another person.
    Proposed,
    AwaitingPartner,
    Accepted,
    /// A posting has made up for it.
    Adjusted,
    WrittenOff,
    /// A later run no longer finds it.
    Cleared,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProposalAction {
    /// The difference is explained, and nothing follows.
    Accept,
    /// The bank owes the partner so much more, or less where it is below zero.
    Adjust(Amount),
    /// The difference is small, and nobody looks for its cause.
    WriteOff,
    AskPartner,
}

/// Where a proposal stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProposalState {
    Proposed,
    Approved {
        by: StaffId,
        at: Moment,
        /// What an adjustment posted.
        transaction: Option<TransactionId>,
    },
    Rejected {
        by: StaffId,
        because: String,
        at: Moment,
    },
    /// Nobody decided in time.
    Lapsed {
        at: Moment,
    },
}

/// What somebody proposed about a break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Counted from 1 for each break.
    pub number: i64,
    pub action: ProposalAction,
    pub reason: String,
    pub proposed_by: StaffId,
    pub proposed_at: Moment,
    pub lapses_at: Moment,
    pub state: ProposalState,
}

/// Which proposal comes to nothing, and why.
pub struct ProposalRejection {
    /// The number of the one that was looked at.
    pub proposal: i64,
    pub because: String,
}

/// Why a proposal is not taken, or does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposalRefusal {
    #[error("there is no such break")]
    Unknown,
    #[error("the break is {} already", .0.name())]
    Closed(BreakState),
    #[error("a proposal waits for another person already")]
    Waiting,
    #[error("no proposal waits")]
    NoneWaits,
    /// Between the look and the approval somebody rejected the proposal, and another was made.
    #[error("another proposal waits than the one that is approved: look at it first")]
    OtherProposal,
    /// For many breaks at once.
    #[error("the breaks do not add up to the count and the sums that were typed: nothing is done")]
    OtherTotal,
    #[error("nobody decided on the proposal in time: propose again")]
    Lapsed,
    #[error("whoever proposed it neither approves it nor takes it back: another person does")]
    FourEyes,
    #[error("at most {max} may be written off")]
    AboveCap { max: Amount },
    #[error("the two sides are {most} apart: adjust by that at most")]
    AboveDifference { most: Amount },
    /// Decisions about the same rows have posted before.
    #[error(
        "decisions about the same rows have posted before: an adjustment from {least} to {most} is \
         left"
    )]
    AdjustedBefore { least: Amount, most: Amount },
    #[error("only a difference in CNY can be written off")]
    NoDifference,
    /// For a break of the bank.
    #[error("that cannot be done about this break: it does not fit what the bank did")]
    Unfit,
    /// For a break of the bank.
    #[error("things have gone on since: the payout or the break stands elsewhere")]
    Overtaken,
}

/// For how long a proposal waits.
const WAITS: TimeDelta = TimeDelta::days(7);

impl BreakState {
    pub const ALL: [Self; 7] = [
        Self::Open,
        Self::Proposed,
        Self::AwaitingPartner,
        Self::Accepted,
        Self::Adjusted,
        Self::WrittenOff,
        Self::Cleared,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Proposed => "proposed",
            Self::AwaitingPartner => "awaiting_partner",
            Self::Accepted => "accepted",
            Self::Adjusted => "adjusted",
            Self::WrittenOff => "written_off",
            Self::Cleared => "cleared",
        }
    }

    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether people decided, so that no run changes it.
    #[must_use]
    pub const fn is_decided(self) -> bool {
        match self {
            Self::Accepted | Self::Adjusted | Self::WrittenOff => true,
            Self::Open | Self::Proposed | Self::AwaitingPartner | Self::Cleared => false,
        }
    }
}

impl ProposalAction {
    pub const NAMES: [&'static str; 4] = ["accept", "adjust", "write_off", "ask_partner"];
    /// What may be proposed for many breaks at once. An adjustment has an amount of its own.
    pub const NAMES_OF_MANY: [&'static str; 3] = ["accept", "write_off", "ask_partner"];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Adjust(_) => "adjust",
            Self::WriteOff => "write_off",
            Self::AskPartner => "ask_partner",
        }
    }

    /// The action of that name. `None` where there is none, or where it has an amount that it needs not
    /// have, or lacks one, or has one of zero.
    #[must_use]
    pub fn of(name: &str, amount: Option<Amount>) -> Option<Self> {
        match (name, amount) {
            ("accept", None) => Some(Self::Accept),
            ("adjust", Some(amount)) if !amount.is_zero() => Some(Self::Adjust(amount)),
            ("write_off", None) => Some(Self::WriteOff),
            ("ask_partner", None) => Some(Self::AskPartner),
            _ => None,
        }
    }

    /// What it posts.
    #[must_use]
    pub const fn amount(self) -> Option<Amount> {
        match self {
            Self::Adjust(amount) => Some(amount),
            Self::Accept | Self::WriteOff | Self::AskPartner => None,
        }
    }

    /// What an approved proposal makes of the break.
    #[must_use]
    pub const fn outcome(self) -> BreakState {
        match self {
            Self::Accept => BreakState::Accepted,
            Self::Adjust(_) => BreakState::Adjusted,
            Self::WriteOff => BreakState::WrittenOff,
            Self::AskPartner => BreakState::AwaitingPartner,
        }
    }
}

impl ProposalState {
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Approved { .. } => "approved",
            Self::Rejected { .. } => "rejected",
            Self::Lapsed { .. } => "lapsed",
        }
    }
}

impl Proposal {
    /// A proposal that is made now.
    #[must_use]
    pub fn new(action: ProposalAction, reason: String, by: &StaffId, now: Moment) -> Self {
        Self {
            number: 1,
            action,
            reason,
            proposed_by: by.clone(),
            proposed_at: now,
            lapses_at: now.plus(WAITS),
            state: ProposalState::Proposed,
        }
    }

    #[must_use]
    pub fn has_lapsed(&self, now: Moment) -> bool {
        self.state == ProposalState::Proposed && self.lapses_at <= now
    }

    /// Whether this person may approve it now.
    ///
    /// # Errors
    /// [`ProposalRefusal::FourEyes`], [`ProposalRefusal::Lapsed`].
    pub fn approval(&self, by: &StaffId, now: Moment) -> Result<(), ProposalRefusal> {
        if self.has_lapsed(now) {
            return Err(ProposalRefusal::Lapsed);
        }
        if self.proposed_by.is_same_person(by) {
            return Err(ProposalRefusal::FourEyes);
        }
        Ok(())
    }
}

/// Whether that may be proposed of a break. `waiting` is the proposal that waits, if one does.
///
/// # Errors
/// [`ProposalRefusal`] with the reason.
pub fn may_propose(
    state: BreakState,
    waiting: Option<&Proposal>,
    now: Moment,
) -> Result<(), ProposalRefusal> {
    match state {
        BreakState::Open | BreakState::AwaitingPartner => Ok(()),
        BreakState::Proposed => match waiting {
            Some(waiting) if !waiting.has_lapsed(now) => Err(ProposalRefusal::Waiting),
            Some(_) | None => Ok(()),
        },
        BreakState::Accepted
        | BreakState::Adjusted
        | BreakState::WrittenOff
        | BreakState::Cleared => Err(ProposalRefusal::Closed(state)),
    }
}

/// Whether a difference is small enough to be written off.
///
/// # Errors
/// [`ProposalRefusal::AboveCap`], [`ProposalRefusal::NoDifference`].
pub fn within_cap(sums: BreakSums, max: Amount) -> Result<(), ProposalRefusal> {
    let of_money = |value: Option<ItemValue>| match value {
        Some(value) if value.currency == Currency::of(Asset::CNY) => Ok(value.minor),
        Some(_) => Err(ProposalRefusal::NoDifference),
        None => Ok(0),
    };
    let difference = of_money(sums.theirs)?.abs_diff(of_money(sums.ours)?);
    if difference > max.minor().unsigned_abs() {
        return Err(ProposalRefusal::AboveCap { max });
    }
    Ok(())
}

/// Whether an adjustment is at most what the two sides are apart, in whichever currency they say it.
///
/// # Errors
/// [`ProposalRefusal::AboveDifference`].
pub fn within_difference(sums: BreakSums, amount: Amount) -> Result<(), ProposalRefusal> {
    let apart = match (sums.theirs, sums.ours) {
        (Some(theirs), Some(ours)) if theirs.currency == ours.currency => {
            theirs.minor.abs_diff(ours.minor)
        }
        (theirs, ours) => {
            let sides = theirs.into_iter().chain(ours);
            sides.map(|side| side.minor.unsigned_abs()).max().unwrap_or(0)
        }
    };
    if amount.minor().unsigned_abs() > apart {
        let most = Amount::from_minor(i64::try_from(apart).unwrap_or(i64::MAX), amount.asset());
        return Err(ProposalRefusal::AboveDifference { most });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cny(minor: i64) -> Option<ItemValue> {
        Some(ItemValue { currency: Currency::of(Asset::CNY), minor })
    }

    #[test]
    fn nobody_approves_what_they_proposed_and_nobody_after_its_time() {
        let now = Moment::parse("2026-11-02T10:00:00Z").unwrap();
        let (ann, ben) = (StaffId::try_from("ann").unwrap(), StaffId::try_from("ben").unwrap());
        let proposal = Proposal::new(ProposalAction::Accept, "known".to_owned(), &ann, now);
        assert_eq!(proposal.approval(&ann, now), Err(ProposalRefusal::FourEyes));
        assert_eq!(proposal.approval(&ben, now), Ok(()));
        assert_eq!(proposal.approval(&ben, proposal.lapses_at), Err(ProposalRefusal::Lapsed));
        let waiting = Some(&proposal);
        let refused = may_propose(BreakState::Proposed, waiting, now);
        assert_eq!(refused, Err(ProposalRefusal::Waiting));
        assert_eq!(may_propose(BreakState::Proposed, waiting, proposal.lapses_at), Ok(()));
        for state in BreakState::ALL {
            let closed = state.is_decided() || state == BreakState::Cleared;
            let refused = may_propose(state, None, now) == Err(ProposalRefusal::Closed(state));
            assert_eq!(refused, closed, "{state:?}");
        }
    }

    #[test]
    fn the_difference_and_not_the_amount_is_held_against_the_cap() {
        let max = Amount::from_minor(100, Asset::CNY);
        let within = |theirs, ours| within_cap(BreakSums { theirs, ours }, max);
        assert_eq!(within(cny(10_100), cny(10_000)), Ok(()));
        assert_eq!(within(cny(10_000), cny(10_101)), Err(ProposalRefusal::AboveCap { max }));
        assert_eq!(within(cny(101), None), Err(ProposalRefusal::AboveCap { max }));
        let points = Some(ItemValue { currency: Currency::of(Asset::PTS), minor: 1 });
        assert_eq!(within(points, None), Err(ProposalRefusal::NoDifference));
    }
}
