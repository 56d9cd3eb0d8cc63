use rust_decimal::Decimal;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::ids::RuleId;
use crate::ledger::RuleVersion;
use crate::money::{Amount, Rounding};
use crate::partner::terms::Share;

/// What a reader of a receipt should know although the event was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// There was a discount, and no scheme was named for it.
    DiscountUndeclared,
    /// The scheme that was named does not allow this discount.
    DiscountDiffers,
    /// The scheme that was named was not in force.
    SchemeUnknown,
    /// The referral came without consent: recorded, never sent.
    ConsentMissing,
}

/// Why a posting is what it is, or why there is none: the numbers of the decision itself, from
/// which the sentence is made.
#[derive(Clone, Debug)]
pub enum Reason {
    Earned {
        rule: RuleVersion,
        paid: Amount,
        points_per_unit: Decimal,
        unrounded: Decimal,
        rounding: Rounding,
        points: Amount,
        partner_share: Share,
    },
    Subsidised {
        rule: RuleVersion,
        given: Amount,
        bank_share: Share,
        subsidy: Amount,
    },
    DiscountUndeclared {
        given: Amount,
    },
    DiscountDiffers {
        rule: RuleVersion,
        given: Amount,
        allowed: Amount,
    },
    SchemeUnknown {
        scheme: RuleId,
        given: Amount,
    },
    ClawedBack {
        rule: RuleVersion,
        paid: Amount,
        refunded_before: Amount,
        refunded: Amount,
    },
    Rewarded {
        rule: RuleVersion,
        to: &'static str,
        amount: Amount,
    },
}

impl Mark {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DiscountUndeclared => "discount_undeclared",
            Self::DiscountDiffers => "discount_differs",
            Self::SchemeUnknown => "scheme_unknown",
            Self::ConsentMissing => "consent_missing",
        }
    }
}

impl Reason {
    /// The reason in a plain sentence.
    #[must_use]
    pub fn says(&self) -> String {
        match self {
            Self::Earned { paid, points_per_unit, unrounded, points, rounding, .. } => {
                let unrounded = unrounded.normalize();
                let exact = points.decimal() == unrounded;
                let rounded =
                    if exact { String::new() } else { format!(" (rounded {})", rounding.name()) };
                format!(
                    "{points} points: {paid} CNY paid at {points_per_unit} points per 1.00 CNY \
                     gives {unrounded}{rounded}."
                )
            }
            Self::Subsidised { given, bank_share, subsidy, .. } => format!(
                "The bank bears {bank_share} of the {given} CNY discount: {subsidy} CNY are owed \
                 to the partner."
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
                let now = refunded.checked_sub(*refunded_before).unwrap_or(*refunded);
                format!(
                    "{now} CNY refunded; with this, {refunded} of the {paid} CNY paid have been, \
                     and that part of what the payment brought is taken back."
                )
            }
            Self::Rewarded { to, amount, .. } => {
                let what = amount.asset();
                format!("Reward for a qualified referral: {amount} {what} to the {to}.")
            }
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Earned { .. } => "earned",
            Self::Subsidised { .. } => "subsidised",
            Self::DiscountUndeclared { .. } => "discount_undeclared",
            Self::DiscountDiffers { .. } => "discount_differs",
            Self::SchemeUnknown { .. } => "scheme_unknown",
            Self::ClawedBack { .. } => "clawed_back",
            Self::Rewarded { .. } => "rewarded",
        }
    }
}

/// The name, the numbers, and the sentence made from them. Decimals are strings.
impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("reason", self.name())?;
        match self {
            Self::Earned {
                rule,
                paid,
                points_per_unit,
                unrounded,
                rounding,
                points,
                partner_share,
            } => {
                map.serialize_entry("rule", rule.as_str())?;
                map.serialize_entry("paid", paid)?;
                map.serialize_entry("points_per_unit", &points_per_unit.to_string())?;
                map.serialize_entry("unrounded", &unrounded.normalize().to_string())?;
                map.serialize_entry("rounding", rounding)?;
                map.serialize_entry("points", points)?;
                map.serialize_entry("partner_share", &partner_share.to_string())?;
            }
            Self::Subsidised { rule, given, bank_share, subsidy } => {
                map.serialize_entry("rule", rule.as_str())?;
                map.serialize_entry("discount", given)?;
                map.serialize_entry("bank_share", &bank_share.to_string())?;
                map.serialize_entry("subsidy", subsidy)?;
            }
            Self::DiscountUndeclared { given } => map.serialize_entry("discount", given)?,
            Self::DiscountDiffers { rule, given, allowed } => {
                map.serialize_entry("rule", rule.as_str())?;
                map.serialize_entry("discount", given)?;
                map.serialize_entry("allowed", allowed)?;
            }
            Self::SchemeUnknown { scheme, given } => {
                map.serialize_entry("scheme", scheme)?;
                map.serialize_entry("discount", given)?;
            }
            Self::ClawedBack { rule, paid, refunded_before, refunded } => {
                map.serialize_entry("rule", rule.as_str())?;
                map.serialize_entry("paid", paid)?;
                map.serialize_entry("refunded_before", refunded_before)?;
                map.serialize_entry("refunded", refunded)?;
            }
            Self::Rewarded { rule, to, amount } => {
                map.serialize_entry("rule", rule.as_str())?;
                map.serialize_entry("to", to)?;
                map.serialize_entry("asset", &amount.asset())?;
                map.serialize_entry("amount", amount)?;
            }
        }
        map.serialize_entry("says", &self.says())?;
        map.end()
    }
}
