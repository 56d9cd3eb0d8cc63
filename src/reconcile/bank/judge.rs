//! What follows from an entry of the bank for the payout that the entry names.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use super::code::BankBreakCode;
use super::message::{BankSaid, Booking, BookingDirection, OrderAnswer};
use super::state::PayoutState;
use crate::money::Amount;

/// A payout as it was ordered, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderedPayout<'a> {
    pub amount: Amount,
    pub payee_account: &'a str,
    pub state: PayoutState,
    /// The bank has booked the payout once more.
    pub is_paid_twice: bool,
    /// The bank has said that it carried the order out (`ACSC`, `ACCC`), though it has booked nothing yet.
    pub is_settled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryVerdict {
    /// The payout goes on to that state.
    Moves(PayoutState),
    /// It says what is known already, or nothing that counts.
    Known,
    Breaks(BankBreakCode),
}

/// Judges an entry. `None`: we have ordered no such payout.
#[must_use]
pub fn judge(payout: Option<&OrderedPayout<'_>>, said: &BankSaid) -> EntryVerdict {
    let Some(payout) = payout else { return EntryVerdict::Breaks(BankBreakCode::NotOrdered) };
    match said {
        BankSaid::Status { answer, .. } => answered(payout, *answer),
        BankSaid::Booked(booking) => match booking.direction {
            // What came back went out again.
            BookingDirection::Debit if booking.is_reversal => {
                EntryVerdict::Breaks(BankBreakCode::Contradicts)
            }
            BookingDirection::Debit => paid(payout, booking),
            BookingDirection::Credit => returned(payout, booking),
        },
    }
}

fn answered(payout: &OrderedPayout<'_>, answer: OrderAnswer) -> EntryVerdict {
    use {OrderAnswer as Answer, PayoutState as State};
    match (answer, payout.state) {
        (Answer::Rejected, State::Ordered | State::Accepted) if payout.is_settled => {
            EntryVerdict::Breaks(BankBreakCode::Contradicts)
        }
        (Answer::Pending, _)
        | (Answer::Accepted, State::Accepted | State::Paid | State::Returned)
        | (Answer::Rejected, State::Rejected) => EntryVerdict::Known,
        (Answer::Accepted, State::Ordered) => EntryVerdict::Moves(State::Accepted),
        (Answer::Rejected, State::Ordered | State::Accepted) => {
            EntryVerdict::Moves(State::Rejected)
        }
        (Answer::Accepted, State::Rejected) | (Answer::Rejected, State::Paid | State::Returned) => {
            EntryVerdict::Breaks(BankBreakCode::Contradicts)
        }
    }
}

fn paid(payout: &OrderedPayout<'_>, booking: &Booking) -> EntryVerdict {
    match payout.state {
        PayoutState::Paid => EntryVerdict::Breaks(BankBreakCode::PaidTwice),
        PayoutState::Rejected | PayoutState::Returned => {
            EntryVerdict::Breaks(BankBreakCode::Contradicts)
        }
        PayoutState::Ordered | PayoutState::Accepted => {
            if !is_whole(payout, booking) {
                EntryVerdict::Breaks(BankBreakCode::AmountDiff)
            } else if is_elsewhere(payout, booking) {
                EntryVerdict::Breaks(BankBreakCode::AccountDiff)
            } else {
                EntryVerdict::Moves(PayoutState::Paid)
            }
        }
    }
}

fn returned(payout: &OrderedPayout<'_>, booking: &Booking) -> EntryVerdict {
    match payout.state {
        PayoutState::Rejected | PayoutState::Returned => {
            EntryVerdict::Breaks(BankBreakCode::Contradicts)
        }
        _open_or_paid if !is_whole(payout, booking) => {
            EntryVerdict::Breaks(BankBreakCode::AmountDiff)
        }
        _open_or_paid if is_elsewhere(payout, booking) => {
            EntryVerdict::Breaks(BankBreakCode::AccountDiff)
        }
        // Its payment may be in a file that has not come yet.
        PayoutState::Ordered | PayoutState::Accepted => {
            EntryVerdict::Breaks(BankBreakCode::ReturnedEarly)
        }
        // The bank may have taken back the second of two payments.
        PayoutState::Paid if payout.is_paid_twice => {
            EntryVerdict::Breaks(BankBreakCode::Contradicts)
        }
        PayoutState::Paid => EntryVerdict::Moves(PayoutState::Returned),
    }
}

/// Whether the bank names another account than that of the order.
fn is_elsewhere(payout: &OrderedPayout<'_>, booking: &Booking) -> bool {
    booking.counter_account.as_ref().is_some_and(|account| account != payout.payee_account)
}

fn is_whole(payout: &OrderedPayout<'_>, booking: &Booking) -> bool {
    let value = &booking.value;
    value.currency == payout.amount.asset().code() && value.minor == payout.amount.minor()
}
