#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rust_decimal::Decimal;

use super::charge::{self, RefundCharge};
use super::decision::Decision;
use super::explain::PointsReason;
use super::reported_by::ReportedBy;
use crate::clock::Moment;
use crate::ids::{CustomerId, LotId, PartnerId};
use crate::ledger::{Account, AccountCode, Posting, RuleVersion};
use crate::money::{Amount, AmountError, Asset};

/// Points that came in together. They keep where they came from, mature together and expire
/// together, wherever each part of them is by now.
#[derive(Clone, Debug)]
pub struct Lot {
    pub id: LotId,
    pub customer: CustomerId,
    /// When pending points become available.
    pub matures_at: Option<Moment>,
    /// When available points expire; `None` is never.
    pub expires_at: Option<Moment>,
    /// Whose event brought them; `None` for points that staff gave.
    pub reported: Option<ReportedBy>,
    pub parts: Parts,
    pub stand: LotStand,
}

/// Whether a lot is touched by a freeze of the partner whose event brought it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LotStand {
    #[default]
    Free,
    /// Its points may not be spent until the freeze is lifted.
    Frozen,
}

/// Where a lot's points are by now. Points in none of these parts were taken back, or paid a debt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    pub pending: Amount,
    pub available: Amount,
    pub held: Amount,
    pub redeemed: Amount,
    pub expired: Amount,
    /// Points that are owed because these very points were held when they were to be taken back.
    /// The debt waits for the end of the hold, and never exceeds what is held.
    pub owed: Amount,
}

/// A lot that a decision opens; its points follow by postings that name it.
#[derive(Clone, Debug)]
pub struct NewLot {
    pub id: LotId,
    pub customer: CustomerId,
    /// The partner whose event brought the lot.
    pub partner: PartnerId,
    pub rule: RuleVersion,
    pub issued: Amount,
    /// The partner's part of the cost; the bank bears the rest.
    pub by_partner: Amount,
    /// CNY for each 1.00 points, by the programme's `unit_cost`.
    pub unit_cost: Decimal,
    pub matures_at: Option<Moment>,
    pub expires_at: Option<Moment>,
}

/// The lots of the customers at hand, and what those owe.
#[derive(Clone, Debug, Default)]
pub struct Lots {
    lots: HashMap<LotId, Lot>,
    /// The lots of each customer: a simulation holds those of all customers at once.
    of_customer: HashMap<CustomerId, BTreeSet<LotId>>,
    /// Points owed after a refund of what was spent already; above zero.
    owed: HashMap<CustomerId, Amount>,
    /// What partners were charged for it, the oldest first.
    charges: HashMap<CustomerId, Vec<RefundCharge>>,
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

    /// Keeps a lot's points from being spent.
    pub fn freeze(&mut self, id: LotId) {
        if let Some(lot) = self.lots.get_mut(&id) {
            lot.stand = LotStand::Frozen;
        }
    }

    pub fn add_owed(&mut self, customer: CustomerId, owed: Amount) {
        self.owed.insert(customer, owed);
    }

    /// Adds what a partner was charged for a customer; the oldest come first.
    pub fn add_charge(&mut self, customer: CustomerId, charge: RefundCharge) {
        self.charges.entry(customer).or_default().push(charge);
    }

    /// What partners were charged for a customer.
    #[must_use]
    pub fn charges(&self, customer: CustomerId) -> &[RefundCharge] {
        self.charges.get(&customer).map(Vec::as_slice).unwrap_or_default()
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

    /// What the customer owes, for a decision to pay from.
    pub fn debt(&self, customer: CustomerId) -> Result<Debt, AmountError> {
        let owed = self.owed(customer);
        let mut waiting = ZERO;
        if !owed.is_zero() {
            for lot in self.by_id(customer) {
                waiting = waiting.checked_add(lot.parts.owed)?;
            }
        }
        let charges = self.charges(customer).to_vec();
        Ok(Debt { customer, owed, waiting, paid: ZERO, charges })
    }

    /// A customer's lots, in the order of their ids.
    pub fn by_id(&self, customer: CustomerId) -> impl Iterator<Item = &Lot> {
        let own = self.of_customer.get(&customer).into_iter().flatten();
        own.filter_map(|id| self.lots.get(id))
    }

    /// A customer's lots in the order in which they are spent: first to expire first, then the
    /// oldest.
    #[must_use]
    pub fn of(&self, customer: CustomerId) -> Vec<&Lot> {
        let mut lots: Vec<&Lot> = self.by_id(customer).collect();
        lots.sort_unstable_by_key(|lot| (lot.expires_at.is_none(), lot.expires_at, lot.id));
        lots
    }

    /// Lets the lots follow a decision that is recorded now.
    pub fn follow(&mut self, decision: &Decision, now: Moment) -> Result<(), AmountError> {
        for new in &decision.lots {
            self.add(Lot {
                id: new.id,
                customer: new.customer,
                matures_at: new.matures_at,
                expires_at: new.expires_at,
                reported: ReportedBy::of(&new.partner, &new.rule, now),
                parts: Parts::NONE,
                stand: LotStand::Free,
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
        for step in &decision.charges {
            let charges = self.charges.entry(step.customer).or_default();
            match charges.iter_mut().find(|charge| charge.is_of(step)) {
                Some(charge) => charge.follow(step)?,
                None => charges.push(RefundCharge::of(step)),
            }
        }
        Ok(())
    }
}

/// What a customer owes while one decision is made. It is worked out once, and follows what the
/// decision pays: no lot is looked through again for each lot that pays.
#[derive(Clone, Debug)]
pub struct Debt {
    customer: CustomerId,
    owed: Amount,
    /// The part that waits for the end of holds: these may free the very points that are owed.
    waiting: Amount,
    /// What was paid since it was last settled.
    paid: Amount,
    /// What partners were charged for it.
    charges: Vec<RefundCharge>,
}

/// The rule by which a debt is paid.
const RECOVERY: &str = "debt:recovery@1";

impl Debt {
    /// Points of a lot that become available pay the debt first, as far as they go.
    pub fn recover(
        &mut self,
        lot: LotId,
        points: Amount,
        decision: &mut Decision,
    ) -> Result<(), AmountError> {
        let paid = self.owed.checked_sub(self.waiting)?.min(points);
        if paid.minor() > 0 {
            self.pay(lot, paid, None, decision)?;
        }
        Ok(())
    }

    /// Held points of a lot are available again: they pay first what waited for them, then any
    /// other debt. Points that have expired meanwhile pay only what waited for these very points.
    pub fn freed(
        &mut self,
        lot: &Lot,
        points: Amount,
        now: Moment,
        decision: &mut Decision,
    ) -> Result<(), AmountError> {
        let paid = lot.parts.owed.min(points);
        if paid.minor() > 0 {
            self.waiting = self.waiting.checked_sub(paid)?;
            self.pay(lot.id, paid, Some(lot.id), decision)?;
        }
        if spendable(lot, now) {
            self.recover(lot.id, points.checked_sub(paid)?, decision)?;
        }
        Ok(())
    }

    /// Held points of a lot were spent: what waited for them is due now.
    pub fn spent(
        &mut self,
        lot: &Lot,
        points: Amount,
        decision: &mut Decision,
    ) -> Result<(), AmountError> {
        let still_held = lot.parts.held.checked_sub(points)?;
        let due = lot.parts.owed.checked_sub(still_held)?;
        if due.minor() > 0 {
            let rule = RuleVersion::built_in(RECOVERY);
            let account = Account::customer(AccountCode::POINTS_OWED, lot.customer, Asset::PTS);
            let waited = Posting::new(account.clone(), due, &rule).of_lot(lot.id);
            decision.postings.push(waited);
            decision.postings.push(Posting::new(account, due.negate()?, &rule));
            self.waiting = self.waiting.checked_sub(due)?;
        }
        Ok(())
    }

    /// What is due is paid from the points that may be spent now, in the order of spending.
    pub fn recover_from_all(
        &mut self,
        lots: &Lots,
        now: Moment,
        decision: &mut Decision,
    ) -> Result<(), AmountError> {
        if self.owed.checked_sub(self.waiting)?.minor() <= 0 {
            return Ok(());
        }
        for lot in lots.of(self.customer).into_iter().filter(|lot| spendable(lot, now)) {
            self.recover(lot.id, lot.parts.available, decision)?;
        }
        Ok(())
    }

    /// Explains what was paid since the last time, and gives it back to the partners that were charged
    /// for it.
    pub fn settle(&mut self, decision: &mut Decision) -> Result<(), AmountError> {
        let paid = std::mem::replace(&mut self.paid, ZERO);
        if !paid.is_zero() {
            let rule = RuleVersion::built_in(RECOVERY);
            decision.explain(PointsReason::DebtRecovered { rule, paid });
            let back = charge::give_back(self.customer, paid, &mut self.charges)?;
            if !back.steps.is_empty() {
                let (rule, points) = (charge::rule(), back.points()?);
                let value = back.value()?.negate()?;
                decision.explain(PointsReason::ChargeGivenBack { rule, points, value });
                decision.charge(back);
            }
        }
        Ok(())
    }

    /// Pays from available points of a lot; `waiting` is the lot that the debt waited for.
    fn pay(
        &mut self,
        lot: LotId,
        paid: Amount,
        waiting: Option<LotId>,
        decision: &mut Decision,
    ) -> Result<(), AmountError> {
        let rule = RuleVersion::built_in(RECOVERY);
        let account = |code| Account::customer(code, self.customer, Asset::PTS);
        let from = account(AccountCode::POINTS_AVAILABLE);
        decision.postings.push(Posting::new(from, paid.negate()?, &rule).of_lot(lot));
        let to = Posting::new(account(AccountCode::POINTS_OWED), paid, &rule);
        decision.postings.push(Posting { lot: waiting, ..to });
        self.owed = self.owed.checked_sub(paid)?;
        self.paid = self.paid.checked_add(paid)?;
        Ok(())
    }
}

/// Opens a lot with its points: pending until it matures, otherwise available, of which a debt is
/// paid first. Points whose expiry is past already when they are recorded are expired at once.
pub fn issue(
    lot: NewLot,
    recorded_at: Moment,
    debt: &mut Debt,
    decision: &mut Decision,
) -> Result<(), AmountError> {
    let (id, customer, points) = (lot.id, lot.customer, lot.issued);
    if points.is_zero() {
        return Ok(());
    }
    let expired = lot.expires_at.is_some_and(|expires_at| expires_at <= recorded_at);
    let pending = lot.matures_at.is_some_and(|matures_at| matures_at > recorded_at);
    let account = if expired {
        Account::bank(AccountCode::POINTS_BREAKAGE, Asset::PTS)
    } else if pending {
        Account::customer(AccountCode::POINTS_PENDING, customer, Asset::PTS)
    } else {
        Account::customer(AccountCode::POINTS_AVAILABLE, customer, Asset::PTS)
    };
    decision.postings.push(Posting::new(account, points, &lot.rule).of_lot(id));
    decision.lots.push(lot);
    if !pending && !expired {
        debt.recover(id, points, decision)?;
        debt.settle(decision)?;
    }
    Ok(())
}

/// Takes back points that these lots had brought. From each lot first: pending before available;
/// what of them has expired is taken from breakage, because without the payment it would not have
/// expired; what of them is held is owed until the hold ends, which pays it or spends it. For what
/// was spent, the lots that would have been spent instead; and what is left then is owed.
pub fn take_back(
    by_lot: &BTreeMap<LotId, Amount>,
    customer: CustomerId,
    lots: &Lots,
    now: Moment,
    rule: &RuleVersion,
) -> Result<Vec<Posting>, AmountError> {
    let account = |code| Account::customer(code, customer, Asset::PTS);
    let breakage = Account::bank(AccountCode::POINTS_BREAKAGE, Asset::PTS);
    let mut postings = Vec::new();
    let (mut spent, mut taken) = (ZERO, BTreeMap::new());
    for (id, points) in by_lot {
        let Some(lot) = lots.get(*id) else {
            spent = spent.checked_add(*points)?;
            continue;
        };
        let pending = (account(AccountCode::POINTS_PENDING), lot, lot.parts.pending);
        let left = take(*points, [pending].into_iter(), rule, &mut postings)?;
        let available = available_of(&account)(lot);
        let after = take(left, [available].into_iter(), rule, &mut postings)?;
        taken.insert(*id, left.checked_sub(after)?);
        let expired = (breakage.clone(), lot, lot.parts.expired);
        let left = take(after, [expired].into_iter(), rule, &mut postings)?;
        spent = spent.checked_add(wait_for_hold(left, lot, rule, &mut postings)?)?;
    }
    if spent.is_zero() {
        return Ok(postings);
    }
    let mut instead = Vec::new();
    for lot in lots.of(customer).into_iter().filter(|lot| spendable(lot, now)) {
        let gone = taken.get(&lot.id).copied().unwrap_or(ZERO);
        let there = lot.parts.available.checked_sub(gone)?;
        instead.push((account(AccountCode::POINTS_AVAILABLE), lot, there));
    }
    let owed = take(spent, instead.into_iter(), rule, &mut postings)?;
    if !owed.is_zero() {
        postings.push(Posting::new(account(AccountCode::POINTS_OWED), owed.negate()?, rule));
    }
    Ok(postings)
}

/// The points that could not be taken back, because the customer had spent them.
pub fn newly_owed(taken: &[Posting]) -> Result<Option<PointsReason>, AmountError> {
    let owed = taken.iter().filter(|posting| posting.account.code == AccountCode::POINTS_OWED);
    let owed = owed.map(|posting| posting.amount).try_fold(ZERO, Amount::checked_sub)?;
    Ok((!owed.is_zero()).then_some(PointsReason::Owed { points: owed }))
}

/// The customer's points that may be spent now, less what is owed: what is owed because it is held
/// elsewhere cannot be spent a second time. Below zero where more is owed than is there.
pub fn free(customer: CustomerId, lots: &Lots, now: Moment) -> Result<Amount, AmountError> {
    let there = lots.of(customer).into_iter().filter(|lot| spendable(lot, now));
    let there = there.map(|lot| lot.parts.available).try_fold(ZERO, Amount::checked_add)?;
    there.checked_sub(lots.owed(customer))
}

/// Whether the lot's points may be spent. Expired points may not, even if the expiry is not
/// recorded yet; nor those of a partner that is frozen.
pub fn spendable(lot: &Lot, now: Moment) -> bool {
    lot.stand == LotStand::Free && lot.expires_at.is_none_or(|at| at > now)
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

/// Owes points of a lot that are held, until the hold ends; returns what goes beyond them.
fn wait_for_hold(
    points: Amount,
    lot: &Lot,
    rule: &RuleVersion,
    postings: &mut Vec<Posting>,
) -> Result<Amount, AmountError> {
    let waits = points.min(lot.parts.held.checked_sub(lot.parts.owed)?);
    if waits.minor() <= 0 {
        return Ok(points);
    }
    let account = Account::customer(AccountCode::POINTS_OWED, lot.customer, Asset::PTS);
    postings.push(Posting::new(account, waits.negate()?, rule).of_lot(lot.id));
    points.checked_sub(waits)
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
