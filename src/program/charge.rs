//! What a partner is charged for a refund: points of the payment that the customer had spent cannot
//! be had back, and the bank has paid for them, or will. The partner that reported the payment bears
//! their price until the customer has repaid them; each part repaid gives it back its part, to the
//! last 0.01 however often it is split.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use rust_decimal::Decimal;

use super::redeemed::worth;
use crate::clock::Moment;
use crate::ids::{CustomerId, PartnerId};
use crate::ledger::{Account, AccountCode, Posting, RuleVersion};
use crate::money::{Amount, AmountError, Asset, Rounding};
use crate::partner::Partner;

/// The points of one customer for which one partner was charged at one price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundCharge {
    pub partner: PartnerId,
    /// CNY for 1.00 points.
    pub price: Decimal,
    /// When the partner was first charged.
    pub since: Moment,
    pub charged: Amount,
    pub repaid: Amount,
}

/// What a decision adds to a charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChargeStep {
    pub customer: CustomerId,
    pub partner: PartnerId,
    pub price: Decimal,
    pub since: Moment,
    /// Points that the partner is charged for.
    pub charged: Amount,
    /// Points that the customer has repaid.
    pub repaid: Amount,
    /// What the partner bears more, or less where it is below zero.
    pub value: Amount,
}

const RULE: &str = "refund:charge@1";
const ZERO: Amount = Amount::zero(Asset::PTS);

impl RefundCharge {
    /// A new charge, as its first step leaves it.
    pub fn of(step: &ChargeStep) -> Self {
        let ChargeStep { partner, price, since, charged, repaid, .. } = step.clone();
        Self { partner, price, since, charged, repaid }
    }

    /// Points that are not repaid yet.
    pub fn open(&self) -> Result<Amount, AmountError> {
        self.charged.checked_sub(self.repaid)
    }

    pub fn is_of(&self, step: &ChargeStep) -> bool {
        self.partner == step.partner && self.price == step.price
    }

    /// Follows a step.
    pub fn follow(&mut self, step: &ChargeStep) -> Result<(), AmountError> {
        self.charged = self.charged.checked_add(step.charged)?;
        self.repaid = self.repaid.checked_add(step.repaid)?;
        Ok(())
    }

    const fn step(&self, customer: CustomerId) -> StepMaker<'_> {
        StepMaker { charge: self, customer }
    }
}

/// A charge that a step is made for.
struct StepMaker<'a> {
    charge: &'a RefundCharge,
    customer: CustomerId,
}

impl StepMaker<'_> {
    /// Worked out on all points so far: in the end a partner has back exactly what it was charged.
    /// Rounded up, so that a fraction of 0.01 is never the bank's.
    fn change(&self, charged: Amount, repaid: Amount) -> Result<ChargeStep, AmountError> {
        let RefundCharge { partner, price, since, .. } = self.charge;
        let bears = |charged: Amount, repaid: Amount| -> Result<Amount, AmountError> {
            let all = worth(charged, *price, Rounding::Up)?;
            all.checked_sub(worth(repaid, *price, Rounding::Up)?)
        };
        let before = bears(self.charge.charged, self.charge.repaid)?;
        let after = bears(
            self.charge.charged.checked_add(charged)?,
            self.charge.repaid.checked_add(repaid)?,
        )?;
        Ok(ChargeStep {
            customer: self.customer,
            partner: partner.clone(),
            price: *price,
            since: *since,
            charged,
            repaid,
            value: after.checked_sub(before)?,
        })
    }
}

/// What a change of charges comes to: what it posts, and how the charges follow.
#[derive(Clone, Debug, Default)]
pub struct ChargeChange {
    pub postings: Vec<Posting>,
    pub steps: Vec<ChargeStep>,
}

/// The rule by which charges are posted.
#[must_use]
pub fn rule() -> RuleVersion {
    RuleVersion::built_in(RULE)
}

/// Charges the partner of a refund for points that it leaves owed; `known` are the customer's charges.
pub fn charge(
    customer: CustomerId,
    partner: &Partner,
    points: Amount,
    now: Moment,
    known: &[RefundCharge],
) -> Result<ChargeChange, AmountError> {
    let price = partner.programme.points.redemption_price.normalize();
    let same = |it: &&RefundCharge| it.partner == partner.id && it.price == price;
    let new = RefundCharge {
        partner: partner.id.clone(),
        price,
        since: now,
        charged: ZERO,
        repaid: ZERO,
    };
    let charge = known.iter().find(same).unwrap_or(&new);
    let mut change = ChargeChange::default();
    change.add(charge.step(customer).change(points, ZERO)?)?;
    Ok(change)
}

/// Gives back what the customer has repaid of a debt, to those charged first.
pub fn give_back(
    customer: CustomerId,
    paid: Amount,
    charges: &mut [RefundCharge],
) -> Result<ChargeChange, AmountError> {
    let (mut left, mut change) = (paid, ChargeChange::default());
    for charge in charges {
        let points = left.min(charge.open()?);
        if points.minor() <= 0 {
            continue;
        }
        left = left.checked_sub(points)?;
        let step = charge.step(customer).change(ZERO, points)?;
        charge.follow(&step)?;
        change.add(step)?;
    }
    Ok(change)
}

impl ChargeChange {
    /// Points that were charged or repaid.
    pub fn points(&self) -> Result<Amount, AmountError> {
        self.steps
            .iter()
            .try_fold(ZERO, |sum, step| sum.checked_add(step.charged)?.checked_add(step.repaid))
    }

    /// What partners bear more by it, or less where it is below zero.
    pub fn value(&self) -> Result<Amount, AmountError> {
        let nothing = Amount::zero(Asset::CNY);
        self.steps.iter().try_fold(nothing, |sum, step| sum.checked_add(step.value))
    }

    fn add(&mut self, step: ChargeStep) -> Result<(), AmountError> {
        let partner = Account::partner(AccountCode::REFUND_CHARGE, &step.partner, Asset::CNY);
        let bank = Account::bank(AccountCode::REFUND_RECOVERY, Asset::CNY);
        self.postings.push(Posting::new(partner, step.value.negate()?, &rule()));
        self.postings.push(Posting::new(bank, step.value, &rule()));
        self.steps.push(step);
        Ok(())
    }
}

/// Whether an account is one of those on which charges are kept. Refunds do not take from them what
/// a payment put there: a debt that arises again is charged again.
#[must_use]
pub fn keeps(code: AccountCode) -> bool {
    code == AccountCode::REFUND_CHARGE || code == AccountCode::REFUND_RECOVERY
}
