#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use super::decision::{Decision, Refusal};
use super::explain::Reason;
use super::standing::CustomerStanding;
use crate::ledger::{Account, AccountCode, Posting, RuleVersion};
use crate::money::{Amount, Asset};
use crate::partner::Partner;
use crate::partner::scheme::{Product, Reward};

/// The rewards that are due as soon as a referral qualifies.
///
/// # Errors
/// [`Refusal::Range`].
pub fn on_qualified(
    product: &Product,
    partner: &Partner,
    customer: Option<&CustomerStanding>,
) -> Result<Decision, Refusal> {
    let version = RuleVersion::new("reward", &product.id, product.version);
    let mut decision = Decision::default();
    for reward in &product.rewards {
        let (credit, debit, amount) = match (reward, customer) {
            (Reward::Partner { commission }, _) => (
                Account::partner(AccountCode::COMMISSION_PAYABLE, &partner.id, Asset::CNY),
                Account::bank(AccountCode::REFERRAL_EXPENSE, Asset::CNY),
                *commission,
            ),
            (Reward::Customer { points }, Some(customer)) => (
                Account::customer(AccountCode::POINTS_AVAILABLE, customer.id, Asset::PTS),
                Account::bank(AccountCode::POINTS_REFERRAL, Asset::PTS),
                *points,
            ),
            (Reward::Customer { .. }, None) => continue,
        };
        post(&mut decision, &version, (credit, debit), amount)?;
    }
    Ok(decision)
}

fn post(
    decision: &mut Decision,
    version: &RuleVersion,
    (credit, debit): (Account, Account),
    amount: Amount,
) -> Result<(), Refusal> {
    let to = credit.owner.kind();
    for (account, amount) in [(credit, amount), (debit, amount.negate()?)] {
        decision.postings.push(Posting { account, amount, rule: version.clone() });
    }
    decision.explanation.push(Reason::Rewarded { rule: version.clone(), to, amount });
    Ok(())
}
