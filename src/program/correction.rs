//! Corrections by staff: adjustments of a customer's points, and reversals of transactions. Within
//! the programme's limit one person posts alone; beyond it a second one approves. Who may do what
//! when is here; what it posts is [`super::adjust`]'s and [`super::reverse`]'s.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use super::decision::{Decision, Refusal};
use crate::clock::Moment;
use crate::ids::{CorrectionId, CustomerId, MemberRef, PartnerId, StaffId, TransactionId};
use crate::ledger::{Posting, TransactionKind};
use crate::money::{Amount, AmountError, Asset};

/// Something that staff put right in the books, or propose to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    pub id: CorrectionId,
    pub what: CorrectionContent,
    /// Why, in the words of whoever proposed it.
    pub reason: String,
    pub proposed_by: StaffId,
    pub proposed_at: Moment,
    /// Whether it is beyond what one person may do alone.
    pub above_limit: bool,
    pub state: CorrectionState,
}

/// The kinds of correction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorrectionContent {
    Adjustment(Adjustment),
    Reversal(Reversal),
}

/// Points given to a customer, or taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjustment {
    pub customer: CustomerId,
    /// The partner whose member reference named the customer; the lot counts as that partner's.
    pub partner: PartnerId,
    pub member: MemberRef,
    /// Above zero gives, below zero takes.
    pub points: Amount,
    /// When points that are given expire; `None` is never.
    pub expires_at: Option<Moment>,
}

/// A transaction undone exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reversal {
    pub transaction: TransactionId,
    /// Whose points it moved, if anybody's.
    pub customer: Option<CustomerId>,
    /// What it gives the customer, or takes.
    pub points: Amount,
}

/// Where a correction stands. From proposed it goes on once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorrectionState {
    Proposed,
    Posted { transaction: TransactionId, approved_by: Option<StaffId>, at: Moment },
    Rejected { by: StaffId, reason: String, at: Moment },
}

/// Why a correction is not taken, or does not go on. Nothing of it is kept.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum CorrectionRefusal {
    #[error("a correction of this id is recorded with other content or by another person")]
    Conflict,
    #[error("no correction of that id is recorded")]
    Unknown,
    #[error("the member is not known")]
    MemberUnknown,
    #[error("the customer has fewer points than that to spend")]
    PointsInsufficient,
    #[error("expected a time that is still to come")]
    ExpiryPast,
    #[error("whoever proposed a correction cannot approve it")]
    FourEyes,
    #[error("the customer is the member of staff, or lives with them; another person must do it")]
    OwnAccount,
    #[error("the correction is {state} already")]
    Closed { state: &'static str },
    #[error("no transaction of that id is recorded")]
    TransactionUnknown,
    #[error("the transaction cannot be reversed: {0}")]
    NotReversible(Irreversible),
    #[error(transparent)]
    Rules(#[from] Refusal),
}

/// Why a transaction cannot be undone exactly, and what to do instead.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Irreversible {
    #[error("its kind is {0}; use a refund or an adjustment")]
    Kind(TransactionKind),
    #[error("it moved nothing")]
    Empty,
    #[error("part of the payment was refunded; refund the rest")]
    Refunded,
    #[error("its points are not where it put them any more; use a refund or an adjustment")]
    Moved,
    #[error("points that it would give back have expired; use an adjustment")]
    Expired,
    #[error("points of it paid a debt; use a refund or an adjustment")]
    PaidDebt,
    #[error("the customer owes points, which points given back would pay; use an adjustment")]
    Owes,
    #[error("a reward of it was paid out or taken back since; cancel the referral")]
    Rewarded,
    #[error("the correction {0} reverses it, or proposes to")]
    Already(CorrectionId),
}

impl From<AmountError> for CorrectionRefusal {
    fn from(error: AmountError) -> Self {
        Self::Rules(Refusal::Range(error))
    }
}

impl CorrectionContent {
    /// The kind of the transaction that it posts.
    #[must_use]
    pub const fn kind(&self) -> TransactionKind {
        match self {
            Self::Adjustment(_) => TransactionKind::Adjustment,
            Self::Reversal(_) => TransactionKind::Reversal,
        }
    }

    #[must_use]
    pub const fn customer(&self) -> Option<CustomerId> {
        match self {
            Self::Adjustment(adjustment) => Some(adjustment.customer),
            Self::Reversal(reversal) => reversal.customer,
        }
    }

    #[must_use]
    pub const fn points(&self) -> Amount {
        match self {
            Self::Adjustment(adjustment) => adjustment.points,
            Self::Reversal(reversal) => reversal.points,
        }
    }
}

impl CorrectionState {
    pub const NAMES: [&'static str; 3] = ["proposed", "posted", "rejected"];

    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Posted { .. } => "posted",
            Self::Rejected { .. } => "rejected",
        }
    }
}

impl Correction {
    /// Whether this person may approve it now. `Ok(false)` when they did already: it stays approved
    /// once.
    ///
    /// # Errors
    /// [`CorrectionRefusal::FourEyes`], [`CorrectionRefusal::Closed`].
    pub fn approval(&self, by: &StaffId) -> Result<bool, CorrectionRefusal> {
        if self.proposed_by.is_same_person(by) {
            return Err(CorrectionRefusal::FourEyes);
        }
        match &self.state {
            CorrectionState::Proposed => Ok(true),
            CorrectionState::Posted { approved_by: Some(before), .. } if before == by => Ok(false),
            closed @ (CorrectionState::Posted { .. } | CorrectionState::Rejected { .. }) => {
                Err(CorrectionRefusal::Closed { state: closed.name() })
            }
        }
    }

    /// Whether this person may reject it now. `Ok(false)` when they did already, for that reason.
    pub fn rejection(&self, by: &StaffId, reason: &str) -> Result<bool, CorrectionRefusal> {
        match &self.state {
            CorrectionState::Proposed => Ok(true),
            CorrectionState::Rejected { by: before, reason: said, .. }
                if before == by && said == reason =>
            {
                Ok(false)
            }
            closed @ (CorrectionState::Posted { .. } | CorrectionState::Rejected { .. }) => {
                Err(CorrectionRefusal::Closed { state: closed.name() })
            }
        }
    }
}

/// Whether what is to be posted is beyond what one person may do alone. The limit is in points, so
/// that whatever moves money is.
pub fn is_above(alone_max: Amount, decision: &Decision) -> Result<bool, AmountError> {
    let moves_money = decision.postings.iter().any(|posting| posting.account.asset != Asset::PTS);
    let moved = customer_points(&decision.postings)?;
    Ok(moves_money || moved.minor().unsigned_abs() > alone_max.minor().unsigned_abs())
}

/// What postings give a customer in points, on whichever of the customer's accounts.
pub fn customer_points(postings: &[Posting]) -> Result<Amount, AmountError> {
    let own = postings.iter().filter(|posting| posting.account.customer_id().is_some());
    own.map(|posting| posting.amount).try_fold(Amount::zero(Asset::PTS), Amount::checked_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staff(id: &str) -> StaffId {
        id.parse().unwrap()
    }

    fn proposed() -> Correction {
        Correction {
            id: "c-1".parse().unwrap(),
            what: CorrectionContent::Reversal(Reversal {
                transaction: TransactionId::random(),
                customer: None,
                points: Amount::zero(Asset::PTS),
            }),
            reason: "entered twice".to_owned(),
            proposed_by: staff("ann"),
            proposed_at: crate::clock::now(),
            above_limit: true,
            state: CorrectionState::Proposed,
        }
    }

    #[test]
    fn a_proposal_is_approved_by_another_person_once() {
        let mut correction = proposed();
        assert_eq!(correction.approval(&staff("ann")), Err(CorrectionRefusal::FourEyes));
        assert_eq!(correction.approval(&staff("bob")), Ok(true));
        correction.state = CorrectionState::Posted {
            transaction: TransactionId::random(),
            approved_by: Some(staff("bob")),
            at: crate::clock::now(),
        };
        let closed = CorrectionRefusal::Closed { state: "posted" };
        assert_eq!(correction.approval(&staff("ann")), Err(CorrectionRefusal::FourEyes));
        assert_eq!(correction.approval(&staff("bob")), Ok(false));
        assert_eq!(correction.approval(&staff("cid")), Err(closed.clone()));
        assert_eq!(correction.rejection(&staff("cid"), "no"), Err(closed));
    }

    #[test]
    fn what_is_rejected_stays_so() {
        let mut correction = proposed();
        assert_eq!(correction.rejection(&staff("ann"), "no"), Ok(true));
        let (by, at) = (staff("bob"), crate::clock::now());
        correction.state = CorrectionState::Rejected { by, reason: "no".to_owned(), at };
        let closed = CorrectionRefusal::Closed { state: "rejected" };
        assert_eq!(correction.rejection(&staff("bob"), "no"), Ok(false));
        assert_eq!(correction.rejection(&staff("bob"), "not so"), Err(closed.clone()));
        assert_eq!(correction.approval(&staff("bob")), Err(closed));
    }
}
