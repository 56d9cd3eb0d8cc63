//! Where a referral may stand, and from where it may go on to where. No state is entered twice, so
//! every course ends. [`Advance`] is the only thing that the store records a move from, and only
//! [`ReferralState::advance`] makes one: a move that is not allowed cannot be written down.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::fmt;

use crate::ids::{PartnerId, ReferralId, StaffId};

/// Where a referral stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReferralState {
    /// A partner said it; nobody has looked at it.
    Received,
    /// Nobody has agreed to anything: recorded, never sent; the contact data is not kept.
    NeedsConsent,
    /// The person is another's referral for this product already.
    Duplicate,
    /// It does not meet the product's terms, or staff said no.
    Rejected,
    /// A pattern that people must look at. It stays so until they do.
    OnHold,
    /// It is a lead, on its way to the CRM.
    Qualified,
    /// The CRM has it.
    Sent,
    /// A customer manager has talked to the person.
    Contacted,
    /// The person has the product.
    Converted,
    /// It does not proceed.
    Lost,
    /// Nothing came of it in its time.
    Expired,
    /// It converted, and all that was promised for it is given.
    Rewarded,
    /// The product was cancelled, and what was given is taken back.
    ClawedBack,
    /// The person withdrew the consent.
    Withdrawn,
}

/// One allowed step from a state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advance {
    from: ReferralState,
    to: ReferralState,
}

/// What happened to a referral after it was received, as whoever saw it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReferralStep {
    /// Staff looked at what was on hold: it goes on.
    Release,
    /// Staff looked at what was on hold: it does not.
    Reject,
    /// The CRM has it.
    Send,
    Contact,
    Convert,
    /// The first instalment was paid.
    Repay,
    /// The product was cancelled.
    Cancel,
    Lose,
    Expire,
    Withdraw,
}

/// Who moved a referral.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    Partner(PartnerId),
    /// The person themselves.
    Customer,
    Staff(StaffId),
    /// The CRM, by the name of its kind.
    Crm(String),
    /// A part of this program.
    Program(&'static str),
}

/// What a mover asks the writer for.
#[derive(Clone, Debug)]
pub struct Move {
    pub referral: ReferralId,
    pub step: ReferralStep,
    pub by: Actor,
    /// The bank's own words, which no partner reads.
    pub finding: Option<String>,
    /// The customers whom the mover is or lives with, where their token says so.
    pub own_subjects: Vec<String>,
}

/// The move is not allowed. Nothing of it is kept.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("a referral that is {} does not become {}", .from.name(), .to.name())]
pub struct IllegalMove {
    pub from: ReferralState,
    pub to: ReferralState,
}

/// All that a partner is ever told of why a referral does not proceed.
pub const NOT_PROCEEDING: &str = "not_proceeding";

impl ReferralState {
    pub const ALL: [Self; 14] = [
        Self::Received,
        Self::NeedsConsent,
        Self::Duplicate,
        Self::Rejected,
        Self::OnHold,
        Self::Qualified,
        Self::Sent,
        Self::Contacted,
        Self::Converted,
        Self::Lost,
        Self::Expired,
        Self::Rewarded,
        Self::ClawedBack,
        Self::Withdrawn,
    ];

    /// Where it may go on from here; nowhere, where it has ended.
    #[must_use]
    pub const fn next(self) -> &'static [Self] {
        use ReferralState::*;
        match self {
            Received => &[NeedsConsent, Duplicate, Rejected, OnHold, Qualified],
            OnHold => &[Qualified, Rejected, Withdrawn],
            Qualified => &[Sent, Contacted, Converted, Lost, Expired, Withdrawn],
            Sent => &[Contacted, Converted, Lost, Expired, Withdrawn],
            Contacted => &[Converted, Lost, Expired, Withdrawn],
            Converted => &[Rewarded, ClawedBack],
            Rewarded => &[ClawedBack],
            NeedsConsent | Duplicate | Rejected | Lost | Expired | ClawedBack | Withdrawn => &[],
        }
    }

    /// The move to another state.
    pub fn advance(self, to: Self) -> Result<Advance, IllegalMove> {
        if self.next().contains(&to) {
            Ok(Advance { from: self, to })
        } else {
            Err(IllegalMove { from: self, to })
        }
    }

    /// Whether it is a lead that somebody may still work on.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::OnHold | Self::Qualified | Self::Sent | Self::Contacted)
    }

    /// Whether it is on its way to a customer manager, or with one.
    #[must_use]
    pub const fn is_lead(self) -> bool {
        matches!(self, Self::Qualified | Self::Sent | Self::Contacted)
    }

    /// Whether a customer manager has talked to the person by then.
    #[must_use]
    pub const fn is_met(self) -> bool {
        matches!(self, Self::Contacted | Self::Converted)
    }

    /// Whether the person may be introduced again for the product.
    #[must_use]
    pub const fn frees_the_person(self) -> bool {
        matches!(
            self,
            Self::Rejected | Self::Lost | Self::Expired | Self::ClawedBack | Self::Withdrawn
        )
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::NeedsConsent => "needs_consent",
            Self::Duplicate => "duplicate",
            Self::Rejected => "rejected",
            Self::OnHold => "on_hold",
            Self::Qualified => "qualified",
            Self::Sent => "sent",
            Self::Contacted => "contacted",
            Self::Converted => "converted",
            Self::Lost => "lost",
            Self::Expired => "expired",
            Self::Rewarded => "rewarded",
            Self::ClawedBack => "clawed_back",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The state of that name; `None` when there is none.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl ReferralStep {
    /// Where it leads to.
    #[must_use]
    pub const fn to(self) -> ReferralState {
        match self {
            Self::Release => ReferralState::Qualified,
            Self::Reject => ReferralState::Rejected,
            Self::Send => ReferralState::Sent,
            Self::Contact => ReferralState::Contacted,
            Self::Convert => ReferralState::Converted,
            Self::Repay => ReferralState::Rewarded,
            Self::Cancel => ReferralState::ClawedBack,
            Self::Lose => ReferralState::Lost,
            Self::Expire => ReferralState::Expired,
            Self::Withdraw => ReferralState::Withdrawn,
        }
    }

    /// What the partner is told of why; the bank's own findings stay with the bank.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Release => "The bank has looked at it: it goes on.",
            Self::Reject | Self::Lose => NOT_PROCEEDING,
            Self::Send => "The bank's customer managers have it.",
            Self::Contact => "A customer manager has been in touch.",
            Self::Convert => "The person has the product.",
            Self::Repay => "The first instalment was paid.",
            Self::Cancel => "The product was cancelled: what was given for it is taken back.",
            Self::Expire => "Nothing came of it in its time.",
            Self::Withdraw => "The person withdrew the consent: nothing more is done.",
        }
    }
}

impl Advance {
    #[must_use]
    pub const fn from(self) -> ReferralState {
        self.from
    }

    #[must_use]
    pub const fn to(self) -> ReferralState {
        self.to
    }
}

impl Actor {
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Partner(_) => "partner",
            Self::Customer => "customer",
            Self::Staff(_) => "staff",
            Self::Crm(_) => "crm",
            Self::Program(_) => "program",
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partner(id) => id.fmt(f),
            Self::Customer => f.write_str("customer"),
            Self::Staff(id) => id.fmt(f),
            Self::Crm(name) => f.write_str(name),
            Self::Program(part) => f.write_str(part),
        }
    }
}

impl Move {
    #[must_use]
    pub const fn new(referral: ReferralId, step: ReferralStep, by: Actor) -> Self {
        Self { referral, step, by, finding: None, own_subjects: Vec::new() }
    }

    /// With the bank's own words.
    #[must_use]
    pub fn because(self, finding: impl Into<String>) -> Self {
        Self { finding: Some(finding.into()), ..self }
    }

    /// By somebody who may be a customer too, or live with one.
    #[must_use]
    pub fn by_customer(self, own_subjects: Vec<String>) -> Self {
        Self { own_subjects, ..self }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn state() -> impl Strategy<Value = ReferralState> {
        prop::sample::select(ReferralState::ALL.to_vec())
    }

    proptest! {
        #[test]
        fn any_course_ends_and_what_is_refused_changes_nothing(
            wanted in prop::collection::vec(state(), 0..60),
        ) {
            let (mut now, mut passed) = (ReferralState::Received, BTreeSet::from([ReferralState::Received]));
            for to in wanted {
                match now.advance(to) {
                    Ok(advance) => {
                        prop_assert!(now.next().contains(&to));
                        prop_assert_eq!((advance.from(), advance.to()), (now, to));
                        now = to;
                        prop_assert!(passed.insert(to), "{:?} is entered twice", to);
                    }
                    Err(refused) => {
                        prop_assert!(!now.next().contains(&to));
                        prop_assert_eq!(refused, IllegalMove { from: now, to });
                    }
                }
                prop_assert!(ReferralState::ALL.contains(&now));
            }
            prop_assert!(passed.len() <= ReferralState::ALL.len());
        }

        #[test]
        fn nobody_is_sent_rewarded_or_lost_who_did_not_qualify(
            wanted in prop::collection::vec(state(), 0..60),
        ) {
            let (mut now, mut passed) = (ReferralState::Received, Vec::new());
            for to in wanted {
                if now.advance(to).is_ok() {
                    now = to;
                    passed.push(to);
                }
            }
            let needs = [ReferralState::Sent, ReferralState::Contacted, ReferralState::Converted, ReferralState::Lost, ReferralState::Expired];
            if passed.iter().any(|it| needs.contains(it)) {
                prop_assert!(passed.contains(&ReferralState::Qualified));
            }
            if passed.contains(&ReferralState::Rewarded) || passed.contains(&ReferralState::ClawedBack) {
                prop_assert!(passed.contains(&ReferralState::Converted));
            }
        }
    }

    #[test]
    fn every_state_can_be_reached_and_is_found_by_its_name() {
        let mut reached = BTreeSet::from([ReferralState::Received]);
        for _ in 0..ReferralState::ALL.len() {
            let more: Vec<ReferralState> =
                reached.iter().flat_map(|it| it.next()).copied().collect();
            reached.extend(more);
        }
        assert_eq!(reached, ReferralState::ALL.into_iter().collect());
        for state in ReferralState::ALL {
            assert_eq!(ReferralState::by_name(state.name()), Some(state));
        }
    }

    #[test]
    fn a_hold_ends_by_people_or_with_the_consent_and_never_by_time() {
        assert!(ReferralState::OnHold.advance(ReferralState::Expired).is_err());
        assert_eq!(
            ReferralState::OnHold.next(),
            [ReferralState::Qualified, ReferralState::Rejected, ReferralState::Withdrawn]
        );
    }

    #[test]
    fn a_partner_is_told_no_reason_of_a_decline() {
        assert_eq!(ReferralStep::Lose.reason(), "not_proceeding");
        assert_eq!(ReferralStep::Reject.reason(), "not_proceeding");
    }
}
