#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use chrono::NaiveDate;

use super::counter::{self, Counted, CountedUnit};
use super::decision::{Decision, Refusal};
use super::earn::Purchase;
use super::explain::{DiscountReason, LimitName, Mark};
use super::standing::Standings;
use crate::ids::CustomerId;
use crate::ledger::{Account, AccountCode, Posting, RuleVersion};
use crate::money::Amount;
use crate::partner::Partner;
use crate::partner::scheme::Discount;

/// Checks the discount that was given against the scheme that the payment names, and accrues the
/// bank's share of it. Money has changed hands already, so a discount that does not fit is
/// recorded and marked, never refused; it accrues nothing until people have decided on it.
pub fn discount(
    purchase: &Purchase<'_>,
    standings: &Standings,
    decision: &mut Decision,
) -> Result<(), Refusal> {
    let Purchase { payment, partner, customer, occasion, .. } = purchase;
    let given = payment.discount;
    let Some(scheme) = &payment.scheme else {
        if !given.is_zero() {
            decision.mark(Mark::DiscountUndeclared, DiscountReason::DiscountUndeclared { given });
        }
        return Ok(());
    };
    let Some(rule) = partner.scheme.discount_on(scheme, occasion.day) else {
        decision.mark(
            Mark::SchemeUnknown,
            DiscountReason::SchemeUnknown { scheme: scheme.clone(), given },
        );
        return Ok(());
    };
    let version = RuleVersion::new("discount", &rule.id, rule.version);
    let quoted = quoted(purchase, standings);
    let allowed = quoted.unwrap_or_else(|| rule.allowed(payment.gross));
    if allowed != given {
        decision.mark(
            Mark::DiscountDiffers,
            DiscountReason::DiscountDiffers { rule: version, given, allowed },
        );
        return Ok(());
    }
    if given.is_zero() {
        // The scheme allows nothing yet, and nothing was given: no limit is used up.
        return Ok(());
    }
    let (subsidy, _borne_by_partner) = rule.bank_share.of(given)?;
    let counted = counted(rule, partner, customer.id, occasion.day, subsidy);
    for (by, most, counted) in &counted {
        let used = standings.counters.get(counted.counter);
        if used.checked_add(counted.amount).is_none_or(|after| after > *most) {
            decision.mark(
                Mark::DiscountSpent,
                DiscountReason::DiscountSpent { rule: version, given, by: *by },
            );
            return Ok(());
        }
    }
    decision.counted.extend(counted.into_iter().map(|(_by, _most, counted)| counted));
    let asset = subsidy.asset();
    let mut post = |account, amount| {
        decision.postings.push(Posting::new(account, amount, &version));
    };
    post(Account::partner(AccountCode::SUBSIDY_PAYABLE, &partner.id, asset), subsidy);
    post(Account::bank(AccountCode::SUBSIDY_EXPENSE, asset), subsidy.negate()?);
    decision.explain(DiscountReason::Subsidised {
        rule: version,
        given,
        bank_share: rule.bank_share,
        subsidy,
    });
    Ok(())
}

/// What the discount adds to the counters of its limits and its budget, beside what each may come
/// to: times, or smallest units of money.
fn counted(
    rule: &Discount,
    partner: &Partner,
    customer: CustomerId,
    day: NaiveDate,
    subsidy: Amount,
) -> Vec<(LimitName, i64, Counted)> {
    let limits = rule.limits.iter().map(|limit| {
        let counter = counter::cap(&partner.id, &rule.id, customer, limit.per, day);
        (
            LimitName::from(limit.per),
            i64::from(limit.times),
            Counted { counter, unit: CountedUnit::Times, amount: 1 },
        )
    });
    let budget = rule.budget.map(|most| {
        let counter = counter::budget(&partner.id, &rule.id);
        (
            LimitName::Budget,
            most.minor(),
            Counted { counter, unit: CountedUnit::Money, amount: subsidy.minor() },
        )
    });
    limits.chain(budget).collect()
}

/// The discount that the till was told beforehand, where the payment names a quote that is of this
/// partner, scheme and amount and was good when it was paid.
fn quoted(purchase: &Purchase<'_>, standings: &Standings) -> Option<Amount> {
    let payment = purchase.payment;
    let quote = standings.quote(payment.quote?)?;
    let fits = quote.partner == purchase.partner.id
        && quote.scheme == payment.scheme
        && quote.gross == payment.gross
        && purchase.occasion.effective_at <= quote.expires_at;
    fits.then_some(quote.discount)
}
