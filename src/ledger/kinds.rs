//! All kinds of transactions. Each place that writes, seals, proves or reports transactions takes
//! its kinds from this list, so a new kind stands here first.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::fmt;

use serde::{Serialize, Serializer};

use crate::event::{Cancel, Commit, EventData, Hold, Payment, Referral, Refund, Return};

/// The kind of a transaction, as it is kept in `transactions.kind` and in receipts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TransactionKind {
    Payment,
    Refund,
    Referral,
    Hold,
    Commit,
    Cancel,
    Return,
    /// Pending points became available.
    Matured,
    /// Held points were not redeemed in time.
    TimedOut,
    /// Available points expired.
    Expired,
    /// A referral reached a stage that pays a reward.
    Rewarded,
    /// A referral was cancelled: its rewards were taken back.
    ClawedBack,
    /// A commission left its reservation.
    CommissionMatured,
    /// Staff gave points or took them.
    Adjustment,
    /// Staff undid a transaction.
    Reversal,
    /// Staff released an event that was held.
    Released,
    /// Staff froze a partner: what it is owed since a moment is out of its reach.
    Frozen,
    /// Staff lifted the freeze.
    Thawed,
    /// A customer confirmed a redemption that waited for them.
    Confirmed,
    /// A customer declined it: its points are free again.
    Declined,
    /// Two persons made up for a break.
    BreakAdjusted,
    /// The bank paid what a closed month came to.
    PayoutPaid,
    /// The bank refused to pay it: it is owed anew.
    PayoutRejected,
    /// What was paid came back: it is owed anew.
    PayoutReturned,
    /// Two persons charge a partner what the bank paid it beyond what was owed.
    PayoutCharged,
}

/// The record that must exist beside a transaction. A transaction without it was not written by
/// this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// An event of a partner, which the receipt names.
    Event,
    /// The lots or the hold of a customer reached their time.
    Time,
    /// A move or a reward of a referral, in `referral_moves` or `referral_rewards`.
    Referral,
    /// A row of `corrections`.
    Correction,
    /// A row of `released_events` or of `freezes`.
    Staff,
    /// A row of `holds` that names it as the customer's answer.
    Customer,
    /// An approved row of `break_proposals`.
    Break,
    /// A row of `payout_moves`, or an approved one of `bank_break_proposals`.
    Payout,
}

impl TransactionKind {
    pub const ALL: [Self; 25] = [
        Self::Payment,
        Self::Refund,
        Self::Referral,
        Self::Hold,
        Self::Commit,
        Self::Cancel,
        Self::Return,
        Self::Matured,
        Self::TimedOut,
        Self::Expired,
        Self::Rewarded,
        Self::ClawedBack,
        Self::CommissionMatured,
        Self::Adjustment,
        Self::Reversal,
        Self::Released,
        Self::Frozen,
        Self::Thawed,
        Self::Confirmed,
        Self::Declined,
        Self::BreakAdjusted,
        Self::PayoutPaid,
        Self::PayoutRejected,
        Self::PayoutReturned,
        Self::PayoutCharged,
    ];

    /// The name in the database and in receipts. A name never changes: seals are made of it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Payment => Payment::TYPE,
            Self::Refund => Refund::TYPE,
            Self::Referral => Referral::TYPE,
            Self::Hold => Hold::TYPE,
            Self::Commit => Commit::TYPE,
            Self::Cancel => Cancel::TYPE,
            Self::Return => Return::TYPE,
            Self::Matured => "points.matured",
            Self::TimedOut => "redemption.timed_out",
            Self::Expired => "points.expired",
            Self::Rewarded => "referral.rewarded",
            Self::ClawedBack => "referral.clawed_back",
            Self::CommissionMatured => "commission.matured",
            Self::Adjustment => "adjustment",
            Self::Reversal => "reversal",
            Self::Released => "event.released",
            Self::Frozen => "partner.frozen",
            Self::Thawed => "partner.thawed",
            Self::Confirmed => "redemption.confirmed",
            Self::Declined => "redemption.declined",
            Self::BreakAdjusted => "break.adjusted",
            Self::PayoutPaid => "payout.paid",
            Self::PayoutRejected => "payout.rejected",
            Self::PayoutReturned => "payout.returned",
            Self::PayoutCharged => "payout.charged",
        }
    }

    /// `None`: no transaction of this program has that kind.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    #[must_use]
    pub const fn basis(self) -> Basis {
        match self {
            Self::Payment
            | Self::Refund
            | Self::Referral
            | Self::Hold
            | Self::Commit
            | Self::Cancel
            | Self::Return => Basis::Event,
            Self::Matured | Self::TimedOut | Self::Expired => Basis::Time,
            Self::Rewarded | Self::ClawedBack | Self::CommissionMatured => Basis::Referral,
            Self::Adjustment | Self::Reversal => Basis::Correction,
            Self::Released | Self::Frozen | Self::Thawed => Basis::Staff,
            Self::Confirmed | Self::Declined => Basis::Customer,
            Self::BreakAdjusted => Basis::Break,
            Self::PayoutPaid
            | Self::PayoutRejected
            | Self::PayoutReturned
            | Self::PayoutCharged => Basis::Payout,
        }
    }

    /// All kinds with that basis.
    pub fn with_basis(basis: Basis) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |kind| kind.basis() == basis)
    }
}

impl From<&EventData> for TransactionKind {
    /// The kind of the transaction that an event brings.
    fn from(said: &EventData) -> Self {
        match said {
            EventData::Payment(_) => Self::Payment,
            EventData::Refund(_) => Self::Refund,
            EventData::Referral(_) => Self::Referral,
            EventData::Hold(_) => Self::Hold,
            EventData::Commit(_) => Self::Commit,
            EventData::Cancel(_) => Self::Cancel,
            EventData::Return(_) => Self::Return,
        }
    }
}

impl fmt::Display for TransactionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for TransactionKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::as_conversions, reason = "a variant's number is had in no other way")]
    fn every_kind_is_in_the_list_under_its_own_name() {
        for kind in TransactionKind::ALL {
            assert_eq!(TransactionKind::by_name(kind.name()), Some(kind));
        }
        // `ALL` is written by hand. The last variant's number tells when one is missing from it.
        assert_eq!(TransactionKind::ALL.len(), TransactionKind::PayoutCharged as usize + 1);
        assert!(TransactionKind::ALL.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(TransactionKind::by_name("payment"), None);
    }
}
