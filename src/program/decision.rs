use std::collections::BTreeMap;

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::charge::{ChargeChange, ChargeStep};
use super::conduct::{ConductPeriod, Observed};
use super::counter::Counted;
use super::explain::{DecisionReason, HeldReason, Mark};
use super::exposure::Exposed;
use super::hold::HoldStep;
use super::lot::NewLot;
use super::reward::RewardGiven;
use super::standing::QuoteState;
use super::tier::TierChange;
use crate::clock::Moment;
use crate::ids::{ClaimKey, CustomerId, EventKey, LineNumber, QuoteId, RuleId, SightingKey};
use crate::ledger::{Posting, RuleVersion};
use crate::money::{Amount, AmountError};
use crate::partner::Unlisted;
use crate::referral::Verdict;

/// What an event comes to.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    /// The customer of the event, where one is known.
    pub customer: Option<CustomerId>,
    /// The earlier event that this one refers to.
    pub refers_to: Option<EventKey>,
    pub postings: Vec<Posting>,
    /// Lots that the event opens.
    pub lots: Vec<NewLot>,
    pub marks: Vec<Mark>,
    pub explanation: Vec<DecisionReason>,
    /// Lines of a payment with the points that each brought, or of a refund, below zero.
    pub lines: Vec<LinePart>,
    /// What the event adds to counters, or takes from them.
    pub counted: Vec<Counted>,
    /// What the event adds to the figures of exposure.
    pub exposed: Vec<Exposed>,
    /// What the event adds to the counts of its partner's payments.
    pub observed: Option<Observed>,
    /// The day for which it counts as a new referral of its partner.
    pub referred: Option<ConductPeriod>,
    /// Why the event brings nothing until people decide, if it is held.
    pub held: Option<HeldReason>,
    /// The customer manager who has a lead more.
    pub assigned: Option<Counted>,
    /// What becomes of the customer's tier, where it changes.
    pub tier: Option<TierChange>,
    /// The quote that is kept by the payment.
    pub quote: Option<KeptQuote>,
    /// What the event does to a hold.
    pub hold: Option<HoldStep>,
    /// What the partners of refunds are charged for spent points, and given back.
    pub charges: Vec<ChargeStep>,
    /// What becomes of a referral.
    pub verdict: Option<Verdict>,
    /// What a referral leaves behind of the person, by keyed hashes.
    pub introduced: Option<Introduced>,
    /// What a referral is rewarded with.
    pub rewards: Vec<RewardGiven>,
}

impl Decision {
    /// Marks the event. Each mark has its reason in the explanation.
    pub fn mark(&mut self, mark: Mark, reason: impl Into<DecisionReason>) {
        self.marks.push(mark);
        self.explain(reason);
    }

    /// Takes over what becomes of charges.
    pub fn charge(&mut self, change: ChargeChange) {
        self.postings.extend(change.postings);
        self.charges.extend(change.steps);
    }

    /// Adds a reason to the explanation.
    pub fn explain(&mut self, reason: impl Into<DecisionReason>) {
        self.explanation.push(reason.into());
    }
}

/// A quote that a payment got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptQuote {
    pub id: QuoteId,
    /// Where it stood before.
    pub was: QuoteState,
    /// What it counted until now, below zero: the payment counts instead.
    pub released: Vec<Counted>,
}

/// The claims that a referral makes on a person, and the keys under which the person was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Introduced {
    pub claims: Vec<ClaimKey>,
    pub sightings: Vec<SightingKey>,
}

/// A line of a payment, or the part of a line that is refunded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinePart {
    pub line: LineNumber,
    /// The money paid for the line, or given back, below zero.
    pub amount: Amount,
    /// The points that the line brought, or that are taken back, below zero.
    pub points: Amount,
    /// The same points by rule, where more than one rule gave any.
    pub by_rule: BTreeMap<RuleVersion, Amount>,
}

/// When an event is decided on.
#[derive(Clone, Copy, Debug)]
pub struct Occasion {
    /// The business day on which it happened, in the programme's time zone.
    pub day: NaiveDate,
    /// The business day on which it is recorded.
    pub today: NaiveDate,
    pub effective_at: Moment,
    pub recorded_at: Moment,
    pub zone: Tz,
    pub judging: Judging,
}

/// By what an event is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Judging {
    /// The limits, and the bound of lateness. Reservations run from the recording.
    #[default]
    InForce,
    /// The dates that the event names alone: an operator brings the bank's own history in.
    History,
    /// Staff accepted the event, which was held since that time: no limit stands against it.
    Accepted { recorded_at: Moment },
    /// The bank has frozen the partner: what it is given stays under reservation.
    Frozen,
}

impl Occasion {
    /// An event of that time, recorded at that other, in the programme's time zone.
    #[must_use]
    pub fn new(effective_at: Moment, recorded_at: Moment, zone: Tz) -> Self {
        Self {
            day: effective_at.day_in(zone),
            today: recorded_at.day_in(zone),
            effective_at,
            recorded_at,
            zone,
            judging: Judging::InForce,
        }
    }

    /// The same, judged otherwise.
    #[must_use]
    pub const fn judged(self, judging: Judging) -> Self {
        Self { judging, ..self }
    }

    /// When a reservation begins. No partner can choose that: it is never the date of the event.
    #[must_use]
    pub const fn reserved_from(&self) -> Moment {
        match self.judging {
            Judging::InForce | Judging::Frozen => self.recorded_at,
            Judging::History => self.effective_at,
            Judging::Accepted { recorded_at } => recorded_at,
        }
    }
}

/// Refunds of one payment, and returns of one redemption. Each is worked out on all before it: so many
/// cost what one costs, and no till needs more.
pub const PARTS_MAX: usize = 100;

/// Why an event is not taken. Nothing of it is kept: once mended it may be sent again.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Refusal {
    #[error("{0}")]
    Unlisted(Unlisted),
    #[error("the partner's {max} events of today are recorded; more are taken from tomorrow on")]
    DayFull { max: u32, resumes_in_seconds: u64 },
    #[error("the partner may not offer the product {0}")]
    ProductNotOffered(RuleId),
    #[error("the event lies in the future: the clocks may differ by {skew_seconds} seconds")]
    Future { skew_seconds: i64 },
    #[error("no earning scheme of the partner was in force on {day}{}", since(*.earliest))]
    OutsideTerm { day: NaiveDate, earliest: Option<NaiveDate> },
    #[error("the member is not known; this partner's members are linked by the bank first")]
    MemberUnknown,
    #[error("no payment of that id is recorded; send the payment first")]
    PaymentUnknown,
    #[error("the refund is dated before its payment")]
    BeforePayment,
    #[error("more is refunded than is left of the payment: {left} of {paid}")]
    RefundExceeds { left: Amount, paid: Amount },
    #[error(
        "{most} refunds of a payment at most: the next one must be of all that is left: {left}"
    )]
    RefundsMany { most: usize, left: Amount },
    #[error("the payment has no line {line}")]
    LineUnknown { line: LineNumber },
    #[error("more is refunded of line {line} than is left of it: {left}")]
    LineExceeds { line: LineNumber, left: Amount },
    #[error("no redemption at this partner is agreed")]
    RedemptionNotAgreed,
    #[error(
        "the code is not known, not for this partner, has been used, was refused too often, or is too \
         old; the customer can make another"
    )]
    CodeInvalid,
    #[error("the code is not good for that many points")]
    PointsInsufficient,
    #[error("no hold of that id is recorded")]
    HoldUnknown,
    #[error("the hold does not allow it: it is {state}")]
    HoldClosed { state: &'static str },
    #[error(
        "the customer has to confirm so many points first, in the bank's app; commit again then, or \
         cancel the hold"
    )]
    AwaitsCustomer,
    #[error("more is committed than is held: {held} points")]
    CommitExceeds { held: Amount },
    #[error("more is returned than is left of what was redeemed: {left} points")]
    ReturnExceeds { left: Amount },
    #[error(
        "{most} returns of a redemption at most: the next one must be of all that is left: {left}"
    )]
    ReturnsMany { most: usize, left: Amount },
    #[error(
        "the partner has {max} referrals that wait; more are taken once some of them have ended"
    )]
    ReferralsFull { max: u32 },
    #[error("an amount that follows from the event is out of range: {0}")]
    Range(#[from] AmountError),
}

fn since(earliest: Option<NaiveDate>) -> String {
    earliest.map(|day| format!("; the earliest is in force from {day}")).unwrap_or_default()
}
