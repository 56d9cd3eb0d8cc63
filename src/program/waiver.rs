#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use super::decision::{Decision, Refusal};
use super::earn::Purchase;
use super::explain::{DiscountReason, Mark};
use crate::ledger::{Account, AccountCode, Posting, RuleVersion};

/// Checks what was waived of an instalment fee against the waiver agreed on. The fee is booked as
/// the income it would have been and as the expense it is, of which the partner bears its share. A
/// waiver that does not fit is recorded and marked, never refused; it posts nothing until people
/// have decided on it.
pub fn waive(purchase: &Purchase<'_>, decision: &mut Decision) -> Result<(), Refusal> {
    let Some(instalment) = &purchase.payment.instalment else { return Ok(()) };
    let given = instalment.waived;
    if given.is_zero() {
        return Ok(());
    }
    let Some(scheme) = &instalment.scheme else {
        decision.mark(Mark::WaiverUndeclared, DiscountReason::WaiverUndeclared { given });
        return Ok(());
    };
    let partner = purchase.partner;
    let Some(rule) = partner.scheme.fee_waiver_on(scheme, purchase.occasion.day) else {
        decision.mark(
            Mark::SchemeUnknown,
            DiscountReason::SchemeUnknown { scheme: scheme.clone(), given },
        );
        return Ok(());
    };
    let version = RuleVersion::new("fee_waiver", &rule.id, rule.version);
    let allowed = rule.allowed(instalment.periods, instalment.fee);
    if allowed != given {
        decision.mark(
            Mark::WaiverDiffers,
            DiscountReason::WaiverDiffers { rule: version, given, allowed },
        );
        return Ok(());
    }
    let (by_bank, by_partner) = rule.bank_share.of(given)?;
    let asset = given.asset();
    let mut post = |account, amount| {
        decision.postings.push(Posting::new(account, amount, &version));
    };
    post(Account::bank(AccountCode::INSTALMENT_FEE_INCOME, asset), given);
    post(Account::bank(AccountCode::FEE_WAIVER_EXPENSE, asset), by_bank.negate()?);
    post(Account::partner(AccountCode::SUBSIDY_PAYABLE, &partner.id, asset), by_partner.negate()?);
    decision.explain(DiscountReason::FeeWaived {
        rule: version,
        periods: instalment.periods,
        fee: instalment.fee,
        given,
        by_bank,
        by_partner,
    });
    Ok(())
}
