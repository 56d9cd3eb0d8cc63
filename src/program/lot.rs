#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::collections::{BTreeSet, HashMap};

use rust_decimal::Decimal;

use super::decision::{Decision, Refusal};
use super::explain::PointsReason;
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
    /// What is owed because these very points were held when they were to be taken back. It waits
    /// for the end of the hold, and never exceeds what is held.
    pub owed: Amount,
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
    /// Whose they are, so that a simulation of everybody looks through nobody else's.
    of_customer: HashMap<CustomerId, BTreeSet<LotId>>,
    /// Points owed after a refund of what was spent already; above zero.
    owed: HashMap<CustomerId, Amount>,
}

const ZERO: Amount = Amount::zero(Asset::PTS);

impl Parts {
    pub const NONE: Self = Self {
        pending: ZERO,
        available: ZERO,
        held: ZERO,
        redeemed: ZERO,
        expired: ZERO,
        owed: ZERO,
    };

    /// Follows a posting on the account of that code.
    pub fn follow(&mut self, code: AccountCode, amount: Amount) -> Result<(), AmountError> {
        let part = match code {
            AccountCode::POINTS_PENDING => &mut self.pending,
            AccountCode::POINTS_AVAILABLE => &mut self.available,
            AccountCode::POINTS_HELD => &mut self.held,
            AccountCode::POINTS_REDEMPTION => &mut self.redeemed,
            AccountCode::POINTS_BREAKAGE => &mut self.expired,
            AccountCode::POINTS_OWED => {
                self.owed = self.owed.checked_sub(amount)?;
                return Ok(());
            }
            _ => return Ok(()),
        };
        *part = part.checked_add(amount)?;
        Ok(())
    }
}

impl Lots {
    pub fn add(&mut self, lot: Lot) {
        self.of_customer.entry(lot.customer).or_default().insert(lot.id);
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
        let own = self.of_customer.get(&customer).into_iter().flatten();
        let mut lots: Vec<&Lot> = own.filter_map(|id| self.lots.get(id)).collect();
        lots.sort_unstable_by_key(|lot| (lot.expires_at.is_none(), lot.expires_at, lot.id));
        lots
    }

    /// Lets the lots follow a decision.
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

/// Points that become available pay what the customer owes first, as far as they go; but for what
/// waits for the end of a hold, which may free the very points that are owed.
pub fn recover(
    lot: LotId,
    customer: CustomerId,
    points: Amount,
    lots: &Lots,
    decision: &mut Decision,
) -> Result<(), Refusal> {
    let account = Account::customer(AccountCode::POINTS_OWED, customer, Asset::PTS);
    let owed = after(decision, &account, None, lots.owed(customer).negate()?)?.negate()?;
    let mut due = owed;
    for waiting in lots.of(customer) {
        let waits = waiting.parts.owed.negate()?;
        due = due.checked_add(after(decision, &account, Some(waiting.id), waits)?)?;
    }
    let paid = due.min(points);
    if paid.minor() <= 0 {
        return Ok(());
    }
    pay(customer, (lot, paid), None, decision)?;
    let (rule, left) = (RuleVersion::built_in(RECOVERY), owed.checked_sub(paid)?);
    decision.explain(PointsReason::DebtRecovered { rule, owed, paid, left });
    Ok(())
}

/// The rule by which a debt is paid.
const RECOVERY: &str = "debt:recovery@1";

/// Pays a debt from available points of a lot; `waiting` is the lot that the debt waited for.
fn pay(
    customer: CustomerId,
    (lot, paid): (LotId, Amount),
    waiting: Option<LotId>,
    decision: &mut Decision,
) -> Result<(), AmountError> {
    let rule = RuleVersion::built_in(RECOVERY);
    let account = |code| Account::customer(code, customer, Asset::PTS);
    let from = account(AccountCode::POINTS_AVAILABLE);
    decision.postings.push(Posting::new(from, paid.negate()?, &rule).of_lot(lot));
    let to = Posting::new(account(AccountCode::POINTS_OWED), paid, &rule);
    decision.postings.push(Posting { lot: waiting, ..to });
    Ok(())
}

/// Held points of a lot are available again: first they pay what waited for them, then any other
/// debt.
pub fn freed(
    lot: &Lot,
    points: Amount,
    lots: &Lots,
    decision: &mut Decision,
) -> Result<(), Refusal> {
    let paid = lot.parts.owed.min(points);
    if !paid.is_zero() {
        pay(lot.customer, (lot.id, paid), Some(lot.id), decision)?;
        let owed = lots.owed(lot.customer);
        let (rule, left) = (RuleVersion::built_in(RECOVERY), owed.checked_sub(paid)?);
        decision.explain(PointsReason::DebtRecovered { rule, owed, paid, left });
    }
    recover(lot.id, lot.customer, points.checked_sub(paid)?, lots, decision)
}

/// Held points of a lot were spent: what waited for them waits no longer.
pub fn spent(lot: &Lot, points: Amount, decision: &mut Decision) -> Result<(), Refusal> {
    let still_held = lot.parts.held.checked_sub(points)?;
    let due = lot.parts.owed.checked_sub(still_held)?;
    if due.minor() > 0 {
        let rule = RuleVersion::built_in(RECOVERY);
        let account = Account::customer(AccountCode::POINTS_OWED, lot.customer, Asset::PTS);
        let waited = Posting::new(account.clone(), due, &rule).of_lot(lot.id);
        decision.postings.push(waited);
        decision.postings.push(Posting::new(account, due.negate()?, &rule));
    }
    Ok(())
}

/// What is on an account, or only what is there on account of a lot, once the decision under way is
/// recorded.
fn after(
    decision: &Decision,
    account: &Account,
    lot: Option<LotId>,
    before: Amount,
) -> Result<Amount, AmountError> {
    let posted = decision
        .postings
        .iter()
        .filter(|posting| posting.account == *account && (lot.is_none() || posting.lot == lot));
    posted.map(|posting| posting.amount).try_fold(before, Amount::checked_add)
}

/// Takes points back that a payment brought: first from its own lots, pending before available;
/// what of them has expired is taken from breakage, because without the payment it would not have
/// expired; what of them is held is owed until the hold ends, which pays it or spends it; for what
/// was spent, the lots that would have been spent instead; and what is left then is owed.
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
        .chain(own_lots().map(|lot| (breakage.clone(), lot, lot.parts.expired)));
    let mut postings = Vec::new();
    let left = take(points, sources, rule, &mut postings)?;
    let left = wait_for_holds(left, own_lots(), rule, &mut postings)?;
    let owed = take(left, others.map(available_of(&account)), rule, &mut postings)?;
    if !owed.is_zero() {
        postings.push(Posting::new(account(AccountCode::POINTS_OWED), owed.negate()?, rule));
    }
    Ok(postings)
}

/// What of the customer's points may be spent now, less what is owed: what is owed because it is held
/// elsewhere cannot be spent a second time.
pub fn free(customer: CustomerId, lots: &Lots, now: Moment) -> Result<Amount, AmountError> {
    let there = lots.of(customer).into_iter().filter(|lot| spendable(lot, now));
    let there = there.map(|lot| lot.parts.available).try_fold(ZERO, Amount::checked_add)?;
    there.checked_sub(lots.owed(customer))
}

/// What has expired is no longer the customer's, even if that is not recorded yet.
pub fn spendable(lot: &Lot, now: Moment) -> bool {
    lot.expires_at.is_none_or(|at| at > now)
}

/// Takes points that may be spent now, first to expire first; `None` when there are too few.
pub fn spend(
    points: Amount,
    customer: CustomerId,
    lots: &Lots,
    now: Moment,
    rule: &RuleVersion,
) -> Result<Option<Vec<Posting>>, AmountError> {
    if free(customer, lots, now)?.minor() < points.minor() {
        return Ok(None);
    }
    let account = |code| Account::customer(code, customer, Asset::PTS);
    let there = lots.of(customer).into_iter().filter(|lot| spendable(lot, now));
    let mut postings = Vec::new();
    take(points, there.map(available_of(&account)), rule, &mut postings)?;
    Ok(Some(postings))
}

/// Owes points that are held until the hold ends; returns what goes beyond them.
fn wait_for_holds<'l>(
    points: Amount,
    own_lots: impl Iterator<Item = &'l Lot>,
    rule: &RuleVersion,
    postings: &mut Vec<Posting>,
) -> Result<Amount, AmountError> {
    let mut left = points;
    for lot in own_lots {
        let waits = left.min(lot.parts.held.checked_sub(lot.parts.owed)?);
        if waits.minor() > 0 {
            left = left.checked_sub(waits)?;
            let account = Account::customer(AccountCode::POINTS_OWED, lot.customer, Asset::PTS);
            postings.push(Posting::new(account, waits.negate()?, rule).of_lot(lot.id));
        }
    }
    Ok(left)
}

/// Takes points from the sources in their order; returns what they lack.
fn take<'l>(
    points: Amount,
    sources: impl Iterator<Item = (Account, &'l Lot, Amount)>,
    rule: &RuleVersion,
    postings: &mut Vec<Posting>,
) -> Result<Amount, AmountError> {
    let mut left = points;
    for (account, lot, there) in sources {
        let taken = left.min(there);
        if taken.minor() > 0 {
            left = left.checked_sub(taken)?;
            postings.push(Posting::new(account, taken.negate()?, rule).of_lot(lot.id));
        }
    }
    Ok(left)
}

fn available_of<'l>(
    account: &impl Fn(AccountCode) -> Account,
) -> impl Fn(&'l Lot) -> (Account, &'l Lot, Amount) {
    move |lot| (account(AccountCode::POINTS_AVAILABLE), lot, lot.parts.available)
}
