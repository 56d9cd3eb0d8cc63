#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::collections::HashMap;

use rust_decimal::Decimal;

use super::decision::{Decision, Refusal};
use super::explain::Reason;
use crate::clock::Moment;
use crate::ids::{CustomerId, LotId, PartnerId};
use crate::ledger::{Account, AccountCode, Posting, RuleVersion};
use crate::money::{Amount, AmountError, Asset};

/// Points that came in together: they keep where they came from, mature together and expire
/// together, whatever part of them is where by now.
#[derive(Clone, Debug)]
pub struct Lot {
    pub id: LotId,
    pub customer: CustomerId,
    /// When pending points become available.
    pub matures_at: Option<Moment>,
    /// When available points expire; `None` is never.
    pub expires_at: Option<Moment>,
    pub parts: Parts,
}

/// Where a lot's points are by now. What is in none of them was taken back, or paid a debt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    pub pending: Amount,
    pub available: Amount,
    pub held: Amount,
    pub redeemed: Amount,
    pub expired: Amount,
}

/// A lot that a decision opens; its points follow by postings that name it.
#[derive(Clone, Debug)]
pub struct NewLot {
    pub id: LotId,
    pub customer: CustomerId,
    /// Whose event brought it.
    pub partner: PartnerId,
    pub rule: RuleVersion,
    pub issued: Amount,
    /// The partner's part of the cost; the bank bears the rest.
    pub by_partner: Amount,
    /// CNY for each 1.00 points, by the programme's reckoning.
    pub unit_cost: Decimal,
    pub matures_at: Option<Moment>,
    pub expires_at: Option<Moment>,
}

/// The lots of the customers at hand, and what those owe.
#[derive(Clone, Debug, Default)]
pub struct Lots {
    lots: HashMap<LotId, Lot>,
    /// Points owed after a refund of what was spent already; above zero.
    owed: HashMap<CustomerId, Amount>,
}

const ZERO: Amount = Amount::zero(Asset::PTS);

impl Parts {
    pub const NONE: Self =
        Self { pending: ZERO, available: ZERO, held: ZERO, redeemed: ZERO, expired: ZERO };

    /// Follows a posting on the account of that code.
    ///
    /// # Errors
    /// [`AmountError::OutOfRange`].
    pub fn follow(&mut self, code: AccountCode, amount: Amount) -> Result<(), AmountError> {
        let part = match code {
            AccountCode::POINTS_PENDING => &mut self.pending,
            AccountCode::POINTS_AVAILABLE => &mut self.available,
            AccountCode::POINTS_HELD => &mut self.held,
            AccountCode::POINTS_REDEMPTION => &mut self.redeemed,
            AccountCode::POINTS_BREAKAGE => &mut self.expired,
            _ => return Ok(()),
        };
        *part = part.checked_add(amount)?;
        Ok(())
    }
}

impl Lots {
    pub fn add(&mut self, lot: Lot) {
        self.lots.insert(lot.id, lot);
    }

    pub fn add_owed(&mut self, customer: CustomerId, owed: Amount) {
        self.owed.insert(customer, owed);
    }

    #[must_use]
    pub fn get(&self, id: LotId) -> Option<&Lot> {
        self.lots.get(&id)
    }

    /// What the customer owes.
    #[must_use]
    pub fn owed(&self, customer: CustomerId) -> Amount {
        self.owed.get(&customer).copied().unwrap_or(ZERO)
    }

    /// A customer's lots in the order in which they are spent: first to expire first, then the
    /// oldest.
    #[must_use]
    pub fn of(&self, customer: CustomerId) -> Vec<&Lot> {
        let mut lots: Vec<&Lot> =
            self.lots.values().filter(|lot| lot.customer == customer).collect();
        lots.sort_unstable_by_key(|lot| (lot.expires_at.is_none(), lot.expires_at, lot.id));
        lots
    }

    /// Lets the lots follow a decision.
    ///
    /// # Errors
    /// [`AmountError::OutOfRange`].
    pub fn follow(&mut self, decision: &Decision) -> Result<(), AmountError> {
        for new in &decision.lots {
            self.add(Lot {
                id: new.id,
                customer: new.customer,
                matures_at: new.matures_at,
                expires_at: new.expires_at,
                parts: Parts::NONE,
            });
        }
        for posting in &decision.postings {
            let code = posting.account.code;
            if let Some(lot) = posting.lot.and_then(|id| self.lots.get_mut(&id)) {
                lot.parts.follow(code, posting.amount)?;
            }
            if let (AccountCode::POINTS_OWED, Some(customer)) =
                (code, posting.account.customer_id())
            {
                let owed = self.owed(customer).checked_sub(posting.amount)?;
                self.owed.insert(customer, owed);
            }
        }
        Ok(())
    }
}

/// Opens a lot with its points: pending until it matures, otherwise available, of which a debt is
/// paid first.
pub fn issue(
    lot: NewLot,
    recorded_at: Moment,
    lots: &Lots,
    decision: &mut Decision,
) -> Result<(), Refusal> {
    let pending = lot.matures_at.is_some_and(|matures_at| matures_at > recorded_at);
    let code = if pending { AccountCode::POINTS_PENDING } else { AccountCode::POINTS_AVAILABLE };
    let (id, customer, points) = (lot.id, lot.customer, lot.issued);
    if points.is_zero() {
        return Ok(());
    }
    let account = Account::customer(code, customer, Asset::PTS);
    decision.postings.push(Posting::new(account, points, &lot.rule).of_lot(id));
    decision.lots.push(lot);
    if !pending {
        recover(id, customer, points, lots, decision)?;
    }
    Ok(())
}

/// Points that become available pay what the customer owes first: all of it, as far as they go.
pub fn recover(
    lot: LotId,
    customer: CustomerId,
    points: Amount,
    lots: &Lots,
    decision: &mut Decision,
) -> Result<(), Refusal> {
    let owed = still_owed(customer, lots, decision)?;
    let paid = owed.min(points);
    if paid.minor() <= 0 {
        return Ok(());
    }
    let rule = RuleVersion::built_in("debt:recovery@1");
    let account = |code| Account::customer(code, customer, Asset::PTS);
    let from = account(AccountCode::POINTS_AVAILABLE);
    decision.postings.push(Posting::new(from, paid.negate()?, &rule).of_lot(lot));
    decision.postings.push(Posting::new(account(AccountCode::POINTS_OWED), paid, &rule));
    let left = owed.checked_sub(paid)?;
    decision.explanation.push(Reason::DebtRecovered { rule, owed, paid, left });
    Ok(())
}

/// What is owed once the decision under way is recorded.
fn still_owed(
    customer: CustomerId,
    lots: &Lots,
    decision: &Decision,
) -> Result<Amount, AmountError> {
    let account = Account::customer(AccountCode::POINTS_OWED, customer, Asset::PTS);
    let paid = decision.postings.iter().filter(|posting| posting.account == account);
    paid.map(|posting| posting.amount).try_fold(lots.owed(customer), Amount::checked_sub)
}

/// Takes points back that a payment brought: first from its own lots, pending before available;
/// what of them has expired is taken from breakage, because without the payment it would not have
/// expired; for what was spent, the lots that would have been spent instead; and what is left
/// then is owed.
pub fn take_back(
    points: Amount,
    customer: CustomerId,
    own: &[LotId],
    lots: &Lots,
    rule: &RuleVersion,
) -> Result<Vec<Posting>, AmountError> {
    let all = lots.of(customer);
    let own_lots = || all.iter().copied().filter(|lot| own.contains(&lot.id));
    let others = all.iter().copied().filter(|lot| !own.contains(&lot.id));
    let account = |code| Account::customer(code, customer, Asset::PTS);
    let breakage = Account::bank(AccountCode::POINTS_BREAKAGE, Asset::PTS);
    let sources = own_lots()
        .map(|lot| (account(AccountCode::POINTS_PENDING), lot, lot.parts.pending))
        .chain(own_lots().map(available_of(&account)))
        .chain(own_lots().map(|lot| (breakage.clone(), lot, lot.parts.expired)))
        .chain(others.map(available_of(&account)));
    let mut left = points;
    let mut postings = Vec::new();
    for (account, lot, there) in sources {
        let taken = left.min(there);
        if taken.minor() > 0 {
            left = left.checked_sub(taken)?;
            postings.push(Posting::new(account, taken.negate()?, rule).of_lot(lot.id));
        }
    }
    if left.minor() > 0 {
        postings.push(Posting::new(account(AccountCode::POINTS_OWED), left.negate()?, rule));
    }
    Ok(postings)
}

fn available_of<'l>(
    account: &impl Fn(AccountCode) -> Account,
) -> impl Fn(&'l Lot) -> (Account, &'l Lot, Amount) {
    move |lot| (account(AccountCode::POINTS_AVAILABLE), lot, lot.parts.available)
}
