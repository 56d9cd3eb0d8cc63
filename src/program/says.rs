//! What a reason says in English.

use super::explain::{DecisionReason, EarningBasis, NotEarned, refunded_now};
use crate::ledger::RuleVersion;
use crate::money::Amount;

impl DecisionReason {
    /// The reason in plain English.
    #[must_use]
    pub fn says(&self) -> String {
        match self {
            Self::Earned { .. } => self.earned_says(),
            Self::NotEarned { rule, because } => not_earned(rule, *because),
            Self::Capped { rule, by, most, used, wanted, given } => format!(
                "{given} of the {wanted} points by {rule}: its limit ({by}) is {most}, of which \
                 {used} were used."
            ),
            Self::TierReached { tier, held_until } => {
                format!("The tier {tier} is reached and held until {held_until} at least.")
            }
            Self::DiscountSpent { given, by, .. } => format!(
                "The {given} CNY discount is beyond what was agreed ({by}): no subsidy until this \
                 is cleared."
            ),
            Self::Subsidised { given, bank_share, subsidy, .. } => format!(
                "The bank bears {bank_share} of the {given} CNY discount: {subsidy} CNY are owed \
                 to the partner."
            ),
            Self::FeeWaived { periods, fee, given, .. } => {
                format!("{given} of the {fee} CNY fee for {periods} instalments are waived.")
            }
            Self::WaiverDiffers { given, allowed, .. } => format!(
                "The waiver allows {allowed} CNY of the instalment fee, not {given} CNY: nothing is \
                 booked until this is cleared."
            ),
            Self::DiscountUndeclared { given } => format!(
                "The {given} CNY discount names no scheme: it is the partner's own and brings no \
                 subsidy."
            ),
            Self::DiscountDiffers { given, allowed, .. } => format!(
                "The scheme allows a discount of {allowed} CNY, not {given} CNY: no subsidy until \
                 this is cleared."
            ),
            Self::SchemeUnknown { scheme, given } => format!(
                "The scheme {scheme} was not in force: no subsidy for the {given} CNY discount \
                 until this is cleared."
            ),
            Self::ClawedBack { paid, refunded_before, refunded, .. } => {
                clawed_back(*paid, *refunded_before, *refunded)
            }
            Self::Owed { points } => format!(
                "{points} of the points taken back had been spent: they are owed, and paid from \
                 the next points earned."
            ),
            Self::DebtRecovered { owed, paid, left, .. } => format!(
                "{paid} points pay what was owed after a refund: {owed} were owed, {left} are left."
            ),
            Self::Held { points, times_out_at, .. } => {
                format!("{points} points are held for a redemption until {times_out_at}.")
            }
            Self::Redeemed { points, price, value, .. } => format!(
                "{points} points redeemed at {price} CNY each: {value} CNY are owed to the partner."
            ),
            Self::Released { points, .. } => {
                format!("The redemption came to nothing: {points} points can be spent again.")
            }
            Self::Returned { points, value, .. } => format!(
                "{points} redeemed points given back with the expiry they had; the partner is owed \
                 {value} CNY less."
            ),
            Self::Matured { points, .. } => format!("{points} points can be spent from now on."),
            Self::Expired { points, .. } => {
                format!("{points} points expired: they were not spent in time.")
            }
            Self::Adjusted { points, by, .. } => by.says_adjusted(*points),
            Self::Reversed { transaction, by, .. } => by.says_reversed(*transaction),
            _ => self.reward_says(),
        }
    }

    fn earned_says(&self) -> String {
        let Self::Earned { points, rounding, unrounded, available_from, spend_by, .. } = self
        else {
            return String::new();
        };
        let exact = points.decimal() == *unrounded;
        let rounded = if exact { String::new() } else { format!(" (rounded {})", rounding.name()) };
        let mut says = format!(
            "{points} points: {}{} gives {unrounded}{rounded}.",
            self.how_says(),
            self.multiplier().map_or(String::new(), |by| format!(", times {by},")),
        );
        if let Some(from) = available_from {
            says.push_str(&format!(" They can be spent from {from} on."));
        }
        if let Some(day) = spend_by {
            says.push_str(&format!(" Spend them by {day}: what is left then expires."));
        }
        says
    }

    fn how_says(&self) -> String {
        let Self::Earned { paid, how, .. } = self else { return String::new() };
        match how {
            EarningBasis::PerUnit { points_per_unit } => {
                format!("{paid} CNY paid at {points_per_unit} points per 1.00 CNY")
            }
            EarningBasis::PerVisit { points_per_visit } => {
                format!("{points_per_visit} points a visit")
            }
            EarningBasis::Step { step_spend, step_points } => {
                format!("{paid} CNY paid reaches the step {step_spend} with {step_points} points")
            }
            EarningBasis::Each { each_spend, each_points, times } => format!(
                "{paid} CNY paid holds {each_spend} CNY {times} times at {each_points} points each"
            ),
        }
    }
}

fn not_earned(rule: &RuleVersion, because: NotEarned) -> String {
    match because {
        NotEarned::Condition(part) => {
            format!("No points by {rule}: its condition on {part} does not hold.")
        }
        NotEarned::Excepted => format!("No points by {rule}: this payment is excepted."),
        NotEarned::Superseded => {
            format!("No points by {rule}: another rule of its group is taken instead.")
        }
    }
}

fn clawed_back(paid: Amount, before: Amount, refunded: Amount) -> String {
    format!(
        "{} CNY refunded; with this, {refunded} of the {paid} CNY paid have been, and that part of \
         what the payment brought is taken back.",
        refunded_now(refunded, before)
    )
}
