#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use super::decision::{Decision, Occasion, Refusal};
use super::explain::{Mark, Reason};
use crate::event::Payment;
use crate::ledger::{Account, AccountCode, Posting, RuleVersion};
use crate::partner::Partner;

/// Checks the discount that was given against the scheme that the payment names, and accrues the
/// bank's share of it. Money has changed hands already, so a discount that does not fit is
/// recorded and marked, never refused; it accrues nothing until people have decided on it.
pub fn discount(
    payment: &Payment,
    partner: &Partner,
    occasion: Occasion,
    decision: &mut Decision,
) -> Result<(), Refusal> {
    let given = payment.discount;
    let Some(scheme) = &payment.scheme else {
        if !given.is_zero() {
            decision.marks.push(Mark::DiscountUndeclared);
            decision.explanation.push(Reason::DiscountUndeclared { given });
        }
        return Ok(());
    };
    let Some(rule) = partner.scheme.discount_on(scheme, occasion.day) else {
        decision.marks.push(Mark::SchemeUnknown);
        decision.explanation.push(Reason::SchemeUnknown { scheme: scheme.clone(), given });
        return Ok(());
    };
    let version = RuleVersion::new("discount", &rule.id, rule.version);
    let allowed = rule.allowed(payment.gross);
    if allowed != given {
        decision.marks.push(Mark::DiscountDiffers);
        decision.explanation.push(Reason::DiscountDiffers { rule: version, given, allowed });
        return Ok(());
    }
    let (subsidy, _borne_by_partner) = rule.bank_share.of(given)?;
    let asset = subsidy.asset();
    let mut post = |account, amount| {
        decision.postings.push(Posting::new(account, amount, &version));
    };
    post(Account::partner(AccountCode::SUBSIDY_PAYABLE, &partner.id, asset), subsidy);
    post(Account::bank(AccountCode::SUBSIDY_EXPENSE, asset), subsidy.negate()?);
    decision.explanation.push(Reason::Subsidised {
        rule: version,
        given,
        bank_share: rule.bank_share,
        subsidy,
    });
    Ok(())
}
