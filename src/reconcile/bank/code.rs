//! Entries of the bank that do not fit: their codes, and what may be done about each.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use super::message::BookingDirection;

/// How an entry of the bank does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BankBreakCode {
    /// It names no payout that was ordered.
    NotOrdered,
    AmountDiff,
    /// The money went to another account than was ordered.
    AccountDiff,
    PaidTwice,
    /// It cannot be, by where the payout stands.
    Contradicts,
    /// It came back, and its payment is not known yet.
    ReturnedEarly,
}

/// What is to be done about a break of the bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BankBreakAction {
    /// It is explained, and nothing follows.
    Accept,
    /// It is the payment of the payout after all.
    Confirm,
    /// The partner has the money, and it is taken off the next month.
    Charge,
}

/// Where a break of the bank stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BankBreakState {
    Open,
    /// A proposal waits for another person.
    Proposed,
    Accepted,
    Confirmed,
    Charged,
    /// Another file of the bank has explained it.
    Cleared,
}

impl BankBreakCode {
    pub const ALL: [Self; 6] = [
        Self::NotOrdered,
        Self::AmountDiff,
        Self::AccountDiff,
        Self::PaidTwice,
        Self::Contradicts,
        Self::ReturnedEarly,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotOrdered => "BANK_NOT_ORDERED",
            Self::AmountDiff => "BANK_AMOUNT_DIFF",
            Self::AccountDiff => "BANK_ACCOUNT_DIFF",
            Self::PaidTwice => "BANK_PAID_TWICE",
            Self::Contradicts => "BANK_CONTRADICTS",
            Self::ReturnedEarly => "BANK_RETURNED_EARLY",
        }
    }

    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }

    /// The days within which somebody should have decided.
    #[must_use]
    pub const fn due_days(self) -> i64 {
        match self {
            // Money is where it should not be.
            Self::PaidTwice | Self::AccountDiff | Self::NotOrdered => 1,
            Self::AmountDiff | Self::Contradicts | Self::ReturnedEarly => 3,
        }
    }

    /// Whether something may be done about it, where the bank booked so.
    #[must_use]
    pub fn allows(self, action: BankBreakAction, booked: Option<BookingDirection>) -> bool {
        let went_out = booked == Some(BookingDirection::Debit);
        match action {
            BankBreakAction::Accept => true,
            BankBreakAction::Confirm => self == Self::AccountDiff && went_out,
            BankBreakAction::Charge => match self {
                Self::AmountDiff | Self::PaidTwice | Self::Contradicts => went_out,
                Self::NotOrdered | Self::AccountDiff | Self::ReturnedEarly => false,
            },
        }
    }

    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::NotOrdered => "The bank names a payment that we did not order.",
            Self::AmountDiff => "The bank booked another amount than was ordered.",
            Self::AccountDiff => "The bank paid to another account than was ordered.",
            Self::PaidTwice => "The bank booked the payout once more: it was paid already.",
            Self::Contradicts => "What the bank says cannot be, by where the payout stands.",
            Self::ReturnedEarly => {
                "The payout came back, and the bank has not said that it went out."
            }
        }
    }

    #[must_use]
    pub const fn says_zh(self) -> &'static str {
        match self {
            Self::NotOrdered => "银行记录了一笔我方未指示的款项。",
            Self::AmountDiff => "银行入账金额与付款指令不符。",
            Self::AccountDiff => "银行付款的收款账户与付款指令不符。",
            Self::PaidTwice => "该笔款项已付，银行又重复付款。",
            Self::Contradicts => "银行的说法与该笔付款的当前状态矛盾。",
            Self::ReturnedEarly => "款项已退回，但银行尚未说明已付出。",
        }
    }
}

impl BankBreakAction {
    pub const ALL: [Self; 3] = [Self::Accept, Self::Confirm, Self::Charge];
    pub const NAMES: [&'static str; 3] = ["accept", "confirm", "charge"];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Confirm => "confirm",
            Self::Charge => "charge",
        }
    }

    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    /// Where a break stands once it is approved.
    #[must_use]
    pub const fn outcome(self) -> BankBreakState {
        match self {
            Self::Accept => BankBreakState::Accepted,
            Self::Confirm => BankBreakState::Confirmed,
            Self::Charge => BankBreakState::Charged,
        }
    }
}

impl BankBreakState {
    pub const ALL: [Self; 6] =
        [Self::Open, Self::Proposed, Self::Accepted, Self::Confirmed, Self::Charged, Self::Cleared];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Proposed => "proposed",
            Self::Accepted => "accepted",
            Self::Confirmed => "confirmed",
            Self::Charged => "charged",
            Self::Cleared => "cleared",
        }
    }

    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::Open | Self::Proposed => true,
            Self::Accepted | Self::Confirmed | Self::Charged | Self::Cleared => false,
        }
    }
}
