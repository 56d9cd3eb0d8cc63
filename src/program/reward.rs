#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use super::decision::{Decision, Occasion, Refusal};
use super::explain::Reason;
use super::lot::{self, Lots, NewLot};
use super::standing::CustomerStanding;
use crate::ids::LotId;
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
    occasion: Occasion,
    lots: &Lots,
) -> Result<Decision, Refusal> {
    let rule = RuleVersion::new("reward", &product.id, product.version);
    let mut decision = Decision::default();
    for reward in &product.rewards {
        match (reward, customer) {
            (Reward::Partner { commission }, _) => {
                let payable =
                    Account::partner(AccountCode::COMMISSION_PAYABLE, &partner.id, Asset::CNY);
                let expense = Account::bank(AccountCode::REFERRAL_EXPENSE, Asset::CNY);
                decision.postings.push(Posting::new(payable, *commission, &rule));
                decision.postings.push(Posting::new(expense, commission.negate()?, &rule));
                decision.explanation.push(told(&rule, "partner", *commission));
            }
            (Reward::Customer { points }, Some(customer)) => {
                let lot = NewLot {
                    id: LotId::random(),
                    customer: customer.id,
                    partner: partner.id.clone(),
                    rule: rule.clone(),
                    issued: *points,
                    by_partner: Amount::zero(Asset::PTS),
                    unit_cost: partner.programme.points.unit_cost,
                    matures_at: None,
                    expires_at: None,
                };
                decision.explanation.push(told(&rule, "customer", *points));
                lot::issue(lot, occasion.recorded_at, lots, &mut decision)?;
                let given = Account::bank(AccountCode::POINTS_REFERRAL, Asset::PTS);
                decision.postings.push(Posting::new(given, points.negate()?, &rule));
            }
            (Reward::Customer { .. }, None) => {}
        }
    }
    Ok(decision)
}

fn told(rule: &RuleVersion, to: &'static str, amount: Amount) -> Reason {
    Reason::Rewarded { rule: rule.clone(), to, asset: amount.asset(), amount }
}
