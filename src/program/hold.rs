#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use chrono::TimeDelta;
use rust_decimal::Decimal;

use super::code::CodeStanding;
use super::confirmation::{self, Confirmation};
use super::counter::{Counted, CountedUnit, Counters};
use super::decision::{Decision, Occasion, PARTS_MAX, Refusal};
use super::explain::{LocalMoment, PointsReason};
use super::lot::{self, Debt, Lot, Lots};
use super::redeemed::RedeemedSum;
use super::reported_by::ReportedBy;
use super::standing::Standings;
use crate::clock::Moment;
use crate::event::{Commit, Hold, Return};
use crate::ids::{CodeKey, CounterKey, CustomerId, LotId};
use crate::ledger::{Account, AccountCode, Posting, RuleVersion};
use crate::money::{Amount, Asset, split_by_amounts};
use crate::partner::Partner;

/// The state of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldState {
    Held,
    Committed,
    Cancelled,
    TimedOut,
}

/// What a rule may know of a hold and of what became of it.
#[derive(Clone, Debug)]
pub struct HoldStanding {
    pub customer: CustomerId,
    pub state: HoldState,
    /// Until when it may be committed.
    pub times_out_at: Moment,
    pub points: Amount,
    /// What is held of which lot.
    pub held: Vec<(LotId, Amount)>,
    /// What has been redeemed of which lot, less what was returned.
    pub redeemed: Vec<(LotId, Amount)>,
    pub committed: Amount,
    pub returned: Amount,
    /// In how many returns.
    pub returns: usize,
    /// What these have taken from the value, each rounded by itself.
    pub returned_value: Amount,
    /// What the bank owes the partner for what was committed.
    pub value: Amount,
    /// CNY for 1.00 points committed. `None`: nothing was, or by a release that rounded the value of
    /// each redemption by itself.
    pub price: Option<Decimal>,
    pub confirmation: Confirmation,
}

/// What a decision does to a hold.
#[derive(Clone, Copy, Debug)]
pub enum HoldStep {
    Opened {
        code: CodeKey,
        points: Amount,
        times_out_at: Moment,
        confirmation: Confirmation,
    },
    /// The customer confirmed it, or declined it: then it is cancelled.
    Confirmed,
    Declined,
    Closed {
        state: HoldState,
        committed: Amount,
        value: Amount,
        price: Option<Decimal>,
    },
    Returned {
        points: Amount,
        value: Amount,
    },
}

impl HoldStanding {
    /// The counters by which its commitment, or a return, is worth what it is.
    pub fn counters(&self, partner: &Partner) -> impl Iterator<Item = CounterKey> {
        let prices = [Some(partner.programme.points.redemption_price), self.price];
        let sums = prices.into_iter().flatten();
        sums.map(|price| RedeemedSum::of(&partner.id, self.customer, price).counter())
    }

    /// The hold's state in one word, for people.
    #[must_use]
    pub const fn state_told(&self) -> &'static str {
        match (self.state, self.confirmation) {
            (HoldState::Cancelled, Confirmation::Declined) => "declined by the customer",
            (state, _any) => state.name(),
        }
    }

    /// The lots whose points are held, or were redeemed.
    pub fn lots(&self) -> impl Iterator<Item = LotId> {
        self.held.iter().chain(&self.redeemed).map(|(lot, _points)| *lot)
    }
}

const ZERO: Amount = Amount::zero(Asset::PTS);

impl HoldState {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Committed => "committed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
        }
    }

    /// The state of that name; `None` when there is none.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Held, Self::Committed, Self::Cancelled, Self::TimedOut]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// Sets points aside, first to expire first. A partner learns whether the code is good for that number,
/// not how many the customer has or the code is for.
pub fn hold(
    hold: &Hold,
    code: Option<&CodeStanding>,
    partner: &Partner,
    occasion: Occasion,
    lots: &Lots,
) -> Result<Decision, Refusal> {
    let now = occasion.recorded_at;
    let code = code.filter(|code| code.is_good(&partner.id, now)).ok_or(Refusal::CodeInvalid)?;
    let customer = code.customer;
    let free = free_at(customer, lots, partner, now)?;
    if free.min(code.points_max(partner)).minor() < hold.points.minor() {
        return Err(Refusal::PointsInsufficient);
    }
    let rule = RuleVersion::built_in("redemption:hold@1");
    let mut decision = Decision { customer: Some(customer), ..Decision::default() };
    let mut left = hold.points;
    for lot in lots.of(customer) {
        let spendable = spendable_at(lot, partner, now);
        let taken = if spendable { left.min(lot.parts.available) } else { ZERO };
        if taken.minor() > 0 {
            left = left.checked_sub(taken)?;
            let own = |code| Account::customer(code, customer, Asset::PTS);
            let (from, to) = (own(AccountCode::POINTS_AVAILABLE), own(AccountCode::POINTS_HELD));
            decision.postings.push(Posting::new(from, taken.negate()?, &rule).of_lot(lot.id));
            decision.postings.push(Posting::new(to, taken, &rule).of_lot(lot.id));
        }
    }
    let seconds = i64::from(partner.programme.points.hold_seconds);
    let times_out_at = now.plus(TimeDelta::seconds(seconds));
    let until = LocalMoment::new(times_out_at, occasion.zone);
    let points = hold.points;
    decision.explain(PointsReason::Held { rule, points, times_out_at: until });
    let confirmation = confirmation::ask(points, partner, &mut decision);
    let code = CodeKey::of(&hold.code);
    decision.hold = Some(HoldStep::Opened { code, points, times_out_at, confirmation });
    Ok(decision)
}

/// Redeems what is held, or part of it; the rest is free again. The partner is owed the price.
pub fn commit(
    commit: &Commit,
    hold: &HoldStanding,
    partner: &Partner,
    occasion: Occasion,
    standings: &Standings,
) -> Result<Decision, Refusal> {
    let lots = &standings.lots;
    open(hold, occasion.recorded_at)?;
    confirmation::confirmed(hold)?;
    let points = commit.points.unwrap_or(hold.points);
    if points.minor() > hold.points.minor() {
        return Err(Refusal::CommitExceeds { held: hold.points });
    }
    let rule = RuleVersion::built_in("redemption:commit@1");
    let mut decision = Decision { customer: Some(hold.customer), ..Decision::default() };
    let (mut left, now) = (points, occasion.recorded_at);
    let freed = Freed { rule: rule.clone(), now };
    let mut debt = lots.debt(hold.customer)?;
    for (lot, held) in &hold.held {
        let redeemed = left.min(*held);
        left = left.checked_sub(redeemed)?;
        if redeemed.minor() > 0 {
            let from = Account::customer(AccountCode::POINTS_HELD, hold.customer, Asset::PTS);
            let to = Account::bank(AccountCode::POINTS_REDEMPTION, Asset::PTS);
            decision.postings.push(Posting::new(from, redeemed.negate()?, &rule).of_lot(*lot));
            decision.postings.push(Posting::new(to, redeemed, &rule).of_lot(*lot));
        }
        if let Some(standing) = lots.get(*lot) {
            debt.spent(standing, redeemed, &mut decision)?;
            let rest = held.checked_sub(redeemed)?;
            free(standing, rest, &freed, &mut debt, &mut decision)?;
        }
    }
    // The debt that waited for held points is due once these are spent.
    debt.recover_from_all(lots, now, &mut decision)?;
    debt.settle(&mut decision)?;
    let price = partner.programme.points.redemption_price;
    let sum = RedeemedSum::of(&partner.id, hold.customer, price);
    let value = sum.value_of(points, so_far(&sum, &standings.counters))?;
    decision.counted.push(counted(&sum, points));
    owe(&mut decision, partner, value, &rule)?;
    decision.explain(PointsReason::Redeemed { rule, points, price, value });
    let (state, price) = (HoldState::Committed, Some(price));
    decision.hold = Some(HoldStep::Closed { state, committed: points, value, price });
    Ok(decision)
}

/// Frees what is held: the partner cancelled, or the time is over.
pub fn release(
    hold: &HoldStanding,
    state: HoldState,
    now: Moment,
    lots: &Lots,
    debt: &mut Debt,
) -> Result<Decision, Refusal> {
    let freed = Freed { rule: RuleVersion::built_in("redemption:release@1"), now };
    let mut decision = Decision { customer: Some(hold.customer), ..Decision::default() };
    for (lot, held) in &hold.held {
        if let Some(standing) = lots.get(*lot) {
            free(standing, *held, &freed, debt, &mut decision)?;
        }
    }
    debt.settle(&mut decision)?;
    decision.explain(PointsReason::Released { rule: freed.rule, points: hold.points });
    let value = Amount::zero(Asset::CNY);
    decision.hold = Some(HoldStep::Closed { state, committed: ZERO, value, price: None });
    Ok(decision)
}

/// The partner cancels a hold.
pub fn cancel(hold: &HoldStanding, occasion: Occasion, lots: &Lots) -> Result<Decision, Refusal> {
    open(hold, occasion.recorded_at)?;
    let mut debt = lots.debt(hold.customer)?;
    release(hold, HoldState::Cancelled, occasion.recorded_at, lots, &mut debt)
}

/// Gives redeemed points back to the lots they came from, with the expiry those have; last spent,
/// first returned. The partner gives up what is owed for them, as if they had never been redeemed:
/// returns that add up to all that was redeemed leave it exactly nothing.
pub fn give_back(
    given: &Return,
    hold: &HoldStanding,
    partner: &Partner,
    occasion: Occasion,
    standings: &Standings,
) -> Result<Decision, Refusal> {
    let lots = &standings.lots;
    if hold.state != HoldState::Committed {
        return Err(Refusal::HoldClosed { state: hold.state_told() });
    }
    let returned = hold.returned.checked_add(given.points)?;
    if returned.minor() > hold.committed.minor() {
        let left = hold.committed.checked_sub(hold.returned)?;
        return Err(Refusal::ReturnExceeds { left });
    }
    if hold.returns.saturating_add(1) >= PARTS_MAX && returned != hold.committed {
        let left = hold.committed.checked_sub(hold.returned)?;
        return Err(Refusal::ReturnsMany { most: PARTS_MAX, left });
    }
    let rule = RuleVersion::built_in("redemption:return@1");
    let mut decision = Decision { customer: Some(hold.customer), ..Decision::default() };
    let mut left = given.points;
    let mut debt = lots.debt(hold.customer)?;
    for (lot, redeemed) in hold.redeemed.iter().rev() {
        let back = left.min(*redeemed);
        left = left.checked_sub(back)?;
        if back.minor() > 0 {
            let from = Account::bank(AccountCode::POINTS_REDEMPTION, Asset::PTS);
            let to = Account::customer(AccountCode::POINTS_AVAILABLE, hold.customer, Asset::PTS);
            decision.postings.push(Posting::new(from, back.negate()?, &rule).of_lot(*lot));
            decision.postings.push(Posting::new(to, back, &rule).of_lot(*lot));
            let lasts = |lot: &Lot| lot::spendable(lot, occasion.recorded_at);
            if lots.get(*lot).is_none_or(lasts) {
                debt.recover(*lot, back, &mut decision)?;
            }
        }
    }
    debt.settle(&mut decision)?;
    let value = match hold.price {
        Some(price) => {
            let sum = RedeemedSum::of(&partner.id, hold.customer, price);
            let back = given.points.negate()?;
            decision.counted.push(counted(&sum, back));
            sum.value_of(back, so_far(&sum, &standings.counters))?.negate()?
        }
        None => part_of_value(hold, returned)?.checked_sub(part_of_value(hold, hold.returned)?)?,
    };
    owe(&mut decision, partner, value.negate()?, &rule)?;
    decision.explain(PointsReason::Returned { rule, points: given.points, value });
    decision.hold = Some(HoldStep::Returned { points: given.points, value });
    Ok(decision)
}

/// Whether the lot's points may be spent at that partner now: those that it reported itself may be only
/// some days after they were recorded. Who invents payments cannot turn them into money at once.
fn spendable_at(lot: &Lot, partner: &Partner, now: Moment) -> bool {
    let days = TimeDelta::days(i64::from(partner.programme.redemption.own_after_days));
    let waits = |by: &ReportedBy| by.partner == partner.id && by.recorded_at.plus(days) > now;
    lot::spendable(lot, now) && !lot.reported.as_ref().is_some_and(waits)
}

/// The points that the customer may spend at that partner now.
fn free_at(
    customer: CustomerId,
    lots: &Lots,
    partner: &Partner,
    now: Moment,
) -> Result<Amount, Refusal> {
    let mut here = ZERO;
    for lot in lots.by_id(customer).filter(|lot| spendable_at(lot, partner, now)) {
        here = here.checked_add(lot.parts.available)?;
    }
    Ok(here.min(lot::free(customer, lots, now)?))
}

/// The points of a sum so far.
fn so_far(sum: &RedeemedSum, counters: &Counters) -> Amount {
    Amount::from_minor(counters.get(sum.counter()), Asset::PTS)
}

const fn counted(sum: &RedeemedSum, points: Amount) -> Counted {
    Counted { counter: sum.counter(), unit: CountedUnit::Points, amount: points.minor() }
}

/// The part of a redemption's value for the points returned by then, by the rounding of the release
/// before.
fn part_of_value(hold: &HoldStanding, returned: Amount) -> Result<Amount, Refusal> {
    let kept = hold.committed.checked_sub(returned)?;
    let parts = split_by_amounts(hold.value, &[returned, kept])?;
    Ok(parts.first().copied().unwrap_or(Amount::zero(Asset::CNY)))
}

pub(super) fn open(hold: &HoldStanding, now: Moment) -> Result<(), Refusal> {
    if hold.state != HoldState::Held {
        return Err(Refusal::HoldClosed { state: hold.state_told() });
    }
    if hold.times_out_at <= now {
        return Err(Refusal::HoldClosed { state: HoldState::TimedOut.name() });
    }
    Ok(())
}

/// When held points are free again, and by which rule.
struct Freed {
    rule: RuleVersion,
    now: Moment,
}

/// Frees held points of a lot; a debt that arose meanwhile is paid from them first.
fn free(
    lot: &Lot,
    points: Amount,
    freed: &Freed,
    debt: &mut Debt,
    decision: &mut Decision,
) -> Result<(), Refusal> {
    if points.minor() <= 0 {
        return Ok(());
    }
    let Freed { rule, now } = freed;
    let own = |code| Account::customer(code, lot.customer, Asset::PTS);
    let (from, to) = (own(AccountCode::POINTS_HELD), own(AccountCode::POINTS_AVAILABLE));
    decision.postings.push(Posting::new(from, points.negate()?, rule).of_lot(lot.id));
    decision.postings.push(Posting::new(to, points, rule).of_lot(lot.id));
    Ok(debt.freed(lot, points, *now, decision)?)
}

fn owe(
    decision: &mut Decision,
    partner: &Partner,
    value: Amount,
    rule: &RuleVersion,
) -> Result<(), Refusal> {
    let payable = Account::partner(AccountCode::REDEMPTION_PAYABLE, &partner.id, Asset::CNY);
    let expense = Account::bank(AccountCode::REDEMPTION_EXPENSE, Asset::CNY);
    decision.postings.push(Posting::new(payable, value, rule));
    decision.postings.push(Posting::new(expense, value.negate()?, rule));
    Ok(())
}
