//! A movement of points as a customer reads it: where, how many, and why.

use super::frame::Frame;
use super::words::WalletWords;
use crate::customer::points::Entry;
use crate::http::pages::figures::grouped;
use crate::ledger::TransactionKind;

/// A line of the history.
pub struct Line {
    pub place: String,
    /// What it was, in few words.
    pub what: &'static str,
    pub day: String,
    pub points: String,
    pub is_less: bool,
    /// How it came to that, sentence by sentence.
    pub why: Vec<String>,
    pub recorded: String,
}

impl Line {
    pub fn of(frame: &Frame, entry: &Entry) -> Self {
        let (w, figures) = (frame.w, frame.figures);
        let why = match frame.plain.language.is_chinese() {
            true => &entry.explanation_zh,
            false => &entry.explanation,
        };
        Self {
            place: entry.partner_name.clone().unwrap_or_else(|| w.bank.to_owned()),
            what: what(&entry.kind, w),
            day: figures.time(&entry.effective_at),
            points: figures.signed(&entry.amount),
            is_less: entry.amount.is_negative(),
            why: why.iter().map(|sentence| with_true_minus(sentence)).collect(),
            recorded: figures.time(&entry.recorded_at),
        }
    }
}

/// The sentences of receipts write a minus as a hyphen.
fn with_true_minus(sentence: &str) -> String {
    let words = sentence.split(' ').map(|word| match word.strip_prefix('-') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => grouped(word),
        Some(_) | None => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn what(kind: &str, w: &'static WalletWords) -> &'static str {
    use TransactionKind as Kind;
    match TransactionKind::by_name(kind) {
        Some(Kind::Payment) => w.earned,
        Some(Kind::Refund) => w.refunded,
        Some(Kind::Hold | Kind::Confirmed) => w.set_aside,
        Some(Kind::Commit) => w.spent,
        Some(Kind::Cancel | Kind::Declined | Kind::TimedOut) => w.free_again,
        Some(Kind::Return) => w.given_back,
        Some(Kind::Matured | Kind::Released) => w.may_be_spent,
        Some(Kind::Expired) => w.expired,
        Some(Kind::Rewarded) => w.rewarded,
        Some(Kind::ClawedBack) => w.reward_back,
        Some(
            Kind::Referral
            | Kind::CommissionMatured
            | Kind::Adjustment
            | Kind::Reversal
            | Kind::Frozen
            | Kind::Thawed
            | Kind::BreakAdjusted
            | Kind::PayoutPaid
            | Kind::PayoutRejected
            | Kind::PayoutReturned
            | Kind::PayoutCharged,
        )
        | None => w.corrected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minus_is_one_and_a_hyphen_stays() {
        assert_eq!(
            with_true_minus("It is -12.50 points on 2026-11-28, m-1."),
            "It is \u{2212}12.50 points on 2026-11-28, m-1."
        );
    }
}
