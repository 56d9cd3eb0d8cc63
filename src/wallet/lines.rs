//! A movement of points as a customer reads it: where, how many, and why.

use super::frame::Frame;
use super::words::WalletWords;
use crate::customer::points::Entry;
use crate::http::pages::figures::grouped;

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
    match kind {
        "payment.discounted" => w.earned,
        "payment.refunded" => w.refunded,
        "redemption.held" => w.set_aside,
        "redemption.committed" => w.spent,
        "redemption.cancelled" | "redemption.declined" | "redemption.timed_out" => w.free_again,
        "redemption.returned" => w.given_back,
        "points.matured" => w.may_be_spent,
        "points.expired" => w.expired,
        "referral.rewarded" | "referral.reward" => w.rewarded,
        "referral.clawed_back" => w.reward_back,
        _ => w.corrected,
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
