//! What the bank says of payouts, in any of the three messages.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::fmt;

use chrono::NaiveDate;

use crate::ids::BankEntryId;
use crate::money::{Amount, Asset};

/// Which message a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BankFileKind {
    /// What was booked on the account in a time.
    Statement,
    /// What was booked just now.
    Notification,
    /// What the bank makes of an order.
    StatusReport,
}

/// A file of the bank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BankFile {
    pub kind: BankFileKind,
    pub message_id: String,
    /// The account that it is about. A status report is about none.
    pub account: Option<String>,
    pub entries: Vec<BankEntry>,
}

/// What the bank says of one payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BankEntry {
    pub id: BankEntryId,
    /// Where it begins, in bytes of the file's text, and the line of that.
    pub offset: usize,
    pub line: u32,
    /// Ids of our order that the bank repeats.
    pub order: OrderNames,
    /// The bank's own name for it.
    pub reference: Option<String>,
    pub said: BankSaid,
}

/// How the bank names our order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderNames {
    /// `MsgId`, `PmtInfId` and `InstrId`: some banks put a name of their own in the first.
    pub message_ids: Vec<String>,
    pub end_to_end_id: Option<String>,
}

/// An amount in any currency, in hundredths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BankValue {
    pub currency: String,
    pub minor: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BankSaid {
    /// Money was booked.
    Booked(Booking),
    /// The order stands so.
    Status { answer: OrderAnswer, status: String, reason: BankReason },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    pub direction: BookingDirection,
    pub value: BankValue,
    /// The account of the other side.
    pub counter_account: Option<String>,
    pub booked_on: Option<NaiveDate>,
    /// It takes back what was booked before.
    pub is_reversal: bool,
    pub reason: BankReason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookingDirection {
    /// Out of the bank's account for payouts.
    Debit,
    /// Back into it.
    Credit,
}

/// Why the bank did what it did, in its own code and words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BankReason {
    pub code: Option<String>,
    pub text: Option<String>,
}

/// What a status of ISO 20022 comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderAnswer {
    Accepted,
    Rejected,
    /// Nothing is decided yet.
    Pending,
}

impl BankFileKind {
    pub const ALL: [Self; 3] = [Self::Statement, Self::Notification, Self::StatusReport];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Statement => "camt.053",
            Self::Notification => "camt.054",
            Self::StatusReport => "pain.002",
        }
    }

    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl BookingDirection {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Debit => "debit",
            Self::Credit => "credit",
        }
    }
}

impl BankSaid {
    /// The sort of the entry, as it is kept: `debit`, `credit` or `status`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Booked(booking) => booking.direction.name(),
            Self::Status { .. } => "status",
        }
    }

    /// Whether an order came to nothing, or its money came back.
    #[must_use]
    pub const fn undoes(&self) -> bool {
        match self {
            Self::Booked(booking) => matches!(booking.direction, BookingDirection::Credit),
            Self::Status { answer, .. } => matches!(answer, OrderAnswer::Rejected),
        }
    }

    #[must_use]
    pub const fn reason(&self) -> &BankReason {
        match self {
            Self::Booked(booking) => &booking.reason,
            Self::Status { reason, .. } => reason,
        }
    }
}

impl fmt::Display for BankValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.currency)
    }
}

impl BankValue {
    /// The decimal without its currency.
    #[must_use]
    pub fn decimal(&self) -> String {
        Amount::from_minor(self.minor, Asset::CNY).to_string()
    }
}

/// The last four digits of an account alone.
#[must_use]
pub fn masked(account: &str) -> String {
    let last: Vec<char> = account.chars().rev().take(4).collect();
    let last: String = last.into_iter().rev().collect();
    format!("…{last}")
}
