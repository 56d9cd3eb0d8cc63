#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use chrono::NaiveDate;

use super::counter::{self, Counted, CountedUnit};
use super::decision::{Decision, KeptQuote, Refusal};
use super::earn::Purchase;
use super::explain::{DiscountReason, LimitName, Mark};
use super::standing::{QuoteStanding, QuoteState, Standings};
use crate::ids::{CustomerId, MemberKey, QuoteId};
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
    let allowed = quoted.map_or_else(|| rule.allowed(payment.gross), |(_id, quote)| quote.discount);
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
    let promised = quoted
        .filter(|(_id, quote)| quote.state == QuoteState::Open && quote.customer == customer.id);
    if let Some((_id, quote)) = promised {
        // Counted already, when the quote was made: from now on under the payment.
        decision.counted.extend(quote.promised.iter().copied());
    } else {
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
    }
    decision.quote = quoted.map(|(id, quote)| KeptQuote {
        id,
        was: quote.state,
        released: quote.promised.iter().copied().map(Counted::negated).collect(),
    });
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

/// What a discount of that day counts against its limits and its budget.
pub(super) fn promised(
    rule: &Discount,
    partner: &Partner,
    customer: CustomerId,
    day: NaiveDate,
    subsidy: Amount,
) -> Vec<Counted> {
    let all = counted(rule, partner, customer, day, subsidy);
    all.into_iter().map(|(_by, _most, counted)| counted).collect()
}

/// The quote that the payment names, if it is for this partner, member, scheme and amount, was good
/// when the payment was made, and was not kept for another payment.
fn quoted<'s>(
    purchase: &Purchase<'_>,
    standings: &'s Standings,
) -> Option<(QuoteId, &'s QuoteStanding)> {
    let payment = purchase.payment;
    let id = payment.quote?;
    let quote = standings.quote(id)?;
    let fits = quote.partner == purchase.partner.id
        && quote.member == MemberKey::of(&purchase.partner.id, &payment.member)
        && quote.scheme == payment.scheme
        && quote.gross == payment.gross
        && purchase.occasion.effective_at <= quote.expires_at
        && quote.state != QuoteState::Kept;
    fits.then_some((id, quote))
}
