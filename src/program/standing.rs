use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::code::CodeStanding;
use super::conduct::Conduct;
use super::counter::{Counted, Counters};
use super::decision::{Decision, LinePart, Occasion, Refusal};
use super::exposure::Exposures;
use super::hold::{HoldStanding, HoldState, HoldStep};
use super::introduction::Introductions;
use super::lot::Lots;
use crate::clock::Moment;
use crate::event::{Event, EventData, Payment};
use crate::ids::{
    CodeKey, CustomerId, EventKey, LotId, MemberKey, MemberRef, PartnerId, QuoteId, RuleId,
};
use crate::ledger::{Account, AccountCode, Posting};
use crate::money::{Amount, Asset};

/// What the rules may know of the world, loaded for the events at hand.
#[derive(Clone, Debug, Default)]
pub struct Standings {
    customers: HashMap<MemberKey, CustomerStanding>,
    payments: HashMap<EventKey, PaymentStanding>,
    /// Events recorded today of partners with a cap.
    recorded_today: BTreeMap<PartnerId, i64>,
    pub lots: Lots,
    pub counters: Counters,
    pub introductions: Introductions,
    quotes: HashMap<QuoteId, QuoteStanding>,
    codes: HashMap<CodeKey, CodeStanding>,
    /// Codes with which a hold was refused.
    refused_codes: BTreeSet<CodeKey>,
    holds: HashMap<EventKey, HoldStanding>,
    /// Redemptions whose price is held, or was refused.
    withheld: HashSet<EventKey>,
    /// Holds of points that came from a partner which the bank has frozen since.
    frozen_holds: HashSet<EventKey>,
    /// Partners that the bank has frozen, and since when.
    frozen: BTreeMap<PartnerId, Moment>,
    pub exposures: Exposures,
    pub conduct: Conduct,
}

/// What a rule may know of a customer.
#[derive(Clone, Copy, Debug)]
pub struct CustomerStanding {
    pub id: CustomerId,
    /// When the bank first saw them.
    pub enrolled_at: Moment,
    /// The month of their birthday, 1 to 12, where the bank knows it.
    pub birth_month: Option<u32>,
}

/// A quote that a till was given beforehand.
#[derive(Clone, Debug)]
pub struct QuoteStanding {
    pub partner: PartnerId,
    /// For whose payment it is.
    pub member: MemberKey,
    pub customer: CustomerId,
    pub scheme: Option<RuleId>,
    pub gross: Amount,
    pub discount: Amount,
    pub expires_at: Moment,
    pub state: QuoteState,
    /// What it counts against limits and the budget while it is open.
    pub promised: Vec<Counted>,
}

/// Where a quote stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuoteState {
    /// Its promise counts against the limits.
    Open,
    /// Its time is over, or a newer quote took its place. A payment of its time still gets the
    /// discount once, as far as limits and budget allow.
    Ended,
    /// A payment got it.
    Kept,
}

impl QuoteState {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Ended => "ended",
            Self::Kept => "kept",
        }
    }

    /// The state of that name; `None` when there is none.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Open, Self::Ended, Self::Kept].into_iter().find(|state| state.name() == name)
    }
}

/// What a rule may know of the payment that a refund refers to.
#[derive(Clone, Debug)]
pub struct PaymentStanding {
    pub customer: CustomerId,
    pub effective_at: Moment,
    pub paid: Amount,
    /// The money that has been refunded by now.
    pub refunded: Amount,
    /// In how many refunds.
    pub refunds: usize,
    /// What the payment posted, with the rule and the lot of each posting.
    pub posted: Vec<Posting>,
    /// What earlier refunds put on each account.
    pub taken_back: Vec<(Account, Amount)>,
    /// Its lines, with what each brought.
    pub lines: Vec<LinePart>,
    /// What earlier refunds took of which line, below zero.
    pub lines_refunded: Vec<LinePart>,
    /// What the payment added to counters.
    pub counted: Vec<Counted>,
    /// What earlier refunds took from them.
    pub uncounted: Vec<Counted>,
}

impl PaymentStanding {
    /// The lots that the payment opened, and those from which it paid a debt.
    pub fn lots(&self) -> impl Iterator<Item = LotId> {
        self.posted.iter().filter_map(|posting| posting.lot)
    }
}

impl Standings {
    pub fn add_customer(&mut self, member: MemberKey, customer: CustomerStanding) {
        self.customers.insert(member, customer);
    }

    pub fn add_recorded_today(&mut self, partner: &PartnerId, events: i64) {
        self.recorded_today.insert(partner.clone(), events);
    }

    /// Events recorded today, of partners with a cap only.
    pub fn recorded_today(&self) -> &BTreeMap<PartnerId, i64> {
        &self.recorded_today
    }

    pub fn add_payment(&mut self, payment: EventKey, standing: PaymentStanding) {
        self.payments.insert(payment, standing);
    }

    pub fn add_quote(&mut self, id: QuoteId, quote: QuoteStanding) {
        self.quotes.insert(id, quote);
    }

    #[must_use]
    pub fn quote(&self, id: QuoteId) -> Option<&QuoteStanding> {
        self.quotes.get(&id)
    }

    pub fn add_code(&mut self, code: CodeKey, standing: CodeStanding) {
        self.codes.insert(code, standing);
    }

    pub fn add_hold(&mut self, hold: EventKey, standing: HoldStanding) {
        self.holds.insert(hold, standing);
    }

    pub fn add_withheld(&mut self, hold: EventKey) {
        self.withheld.insert(hold);
    }

    pub fn add_frozen_hold(&mut self, hold: EventKey) {
        self.frozen_holds.insert(hold);
    }

    #[must_use]
    pub fn is_hold_frozen(&self, hold: EventKey) -> bool {
        self.frozen_holds.contains(&hold)
    }

    pub fn add_frozen(&mut self, partner: PartnerId, since: Moment) {
        self.frozen.insert(partner, since);
    }

    /// Whether the price of a redemption is not owed, or not yet.
    #[must_use]
    pub fn is_withheld(&self, hold: EventKey) -> bool {
        self.withheld.contains(&hold)
    }

    /// Since when the bank has frozen a partner, if it has.
    #[must_use]
    pub fn frozen(&self, partner: &PartnerId) -> Option<Moment> {
        self.frozen.get(partner).copied()
    }

    /// The holds at hand.
    pub fn holds(&self) -> impl Iterator<Item = &HoldStanding> {
        self.holds.values()
    }

    /// The payments at hand.
    pub fn payments(&self) -> impl Iterator<Item = &PaymentStanding> {
        self.payments.values()
    }

    #[must_use]
    pub fn code(&self, code: CodeKey) -> Option<&CodeStanding> {
        self.codes.get(&code)
    }

    /// Counts a hold with this code that was refused.
    pub(super) fn refuse_code(&mut self, key: CodeKey) {
        if let Some(code) = self.codes.get_mut(&key).filter(|code| code.is_open()) {
            code.refusals = code.refusals.saturating_add(1);
            self.refused_codes.insert(key);
        }
    }

    /// The codes with which a hold was refused, with all their refusals so far.
    pub fn refused_codes(&self) -> impl Iterator<Item = (CodeKey, u32)> {
        let refused = self.refused_codes.iter();
        refused.filter_map(|key| Some((*key, self.codes.get(key)?.refusals)))
    }

    #[must_use]
    pub fn hold(&self, hold: EventKey) -> Option<&HoldStanding> {
        self.holds.get(&hold)
    }

    #[must_use]
    pub fn customer(&self, partner: &PartnerId, member: &MemberRef) -> Option<&CustomerStanding> {
        self.customers.get(&MemberKey::of(partner, member))
    }

    #[must_use]
    pub fn payment(&self, payment: EventKey) -> Option<&PaymentStanding> {
        self.payments.get(&payment)
    }

    /// Lets the standings follow an event that has been decided on.
    pub(super) fn follow(
        &mut self,
        key: EventKey,
        event: &Event,
        decision: &Decision,
        occasion: Occasion,
    ) -> Result<(), Refusal> {
        if let Some(recorded) = self.recorded_today.get_mut(&event.partner) {
            *recorded = recorded.saturating_add(1);
        }
        self.lots.follow(decision, occasion.recorded_at)?;
        self.counters.follow(decision)?;
        self.exposures.follow(decision)?;
        self.conduct.follow(decision);
        self.introductions.follow(decision);
        if let Some(kept) = &decision.quote
            && let Some(quote) = self.quotes.get_mut(&kept.id)
        {
            quote.state = QuoteState::Kept;
        }
        match &event.data {
            EventData::Payment(payment) => self.paid(key, payment, event.effective_at, decision),
            EventData::Refund(refund) => {
                let payment = decision.refers_to.and_then(|key| self.payments.get_mut(&key));
                if let Some(payment) = payment {
                    payment.refunded = payment.refunded.checked_add(refund.amount)?;
                    payment.refunds = payment.refunds.saturating_add(1);
                    payment.taken_back.extend(decision.postings.iter().map(account_and_amount));
                    payment.lines_refunded.extend(decision.lines.iter().cloned());
                    payment.uncounted.extend(decision.counted.iter().copied());
                }
            }
            EventData::Hold(_)
            | EventData::Commit(_)
            | EventData::Cancel(_)
            | EventData::Return(_) => {
                self.follow_hold(decision.refers_to.unwrap_or(key), decision)?;
            }
            EventData::Referral(_) => {}
        }
        Ok(())
    }

    fn follow_hold(&mut self, key: EventKey, decision: &Decision) -> Result<(), Refusal> {
        let moved = |code| {
            let on_account =
                decision.postings.iter().filter(move |posting| posting.account.code == code);
            on_account.filter_map(|posting| Some((posting.lot?, posting.amount)))
        };
        if let (
            Some(HoldStep::Opened { code, points, times_out_at, confirmation }),
            Some(customer),
        ) = (decision.hold, decision.customer)
        {
            if let Some(code) = self.codes.get_mut(&code) {
                code.used = true;
            }
            let opened = HoldStanding {
                customer,
                state: HoldState::Held,
                times_out_at,
                points,
                held: moved(AccountCode::POINTS_HELD).collect(),
                redeemed: Vec::new(),
                committed: Amount::zero(Asset::PTS),
                returned: Amount::zero(Asset::PTS),
                returns: 0,
                returned_value: Amount::zero(Asset::CNY),
                value: Amount::zero(Asset::CNY),
                price: None,
                confirmation,
            };
            self.holds.insert(key, opened);
            return Ok(());
        }
        let Some(hold) = self.holds.get_mut(&key) else { return Ok(()) };
        match decision.hold {
            Some(HoldStep::Closed { state, committed, value, price }) => {
                if decision.held.is_some() {
                    self.withheld.insert(key);
                }
                (hold.state, hold.committed) = (state, committed);
                (hold.value, hold.price) = (value, price);
                hold.redeemed = moved(AccountCode::POINTS_REDEMPTION).collect();
                hold.held.clear();
            }
            Some(HoldStep::Returned { points, value }) => {
                hold.returned = hold.returned.checked_add(points)?;
                hold.returned_value = hold.returned_value.checked_add(value)?;
                hold.returns = hold.returns.saturating_add(1);
                let given_back: HashMap<LotId, Amount> =
                    moved(AccountCode::POINTS_REDEMPTION).collect();
                for (lot, redeemed) in &mut hold.redeemed {
                    if let Some(amount) = given_back.get(lot) {
                        *redeemed = redeemed.checked_add(*amount)?;
                    }
                }
            }
            // The customer's answer is no event.
            Some(HoldStep::Opened { .. } | HoldStep::Confirmed | HoldStep::Declined) | None => {}
        }
        Ok(())
    }

    fn paid(
        &mut self,
        key: EventKey,
        payment: &Payment,
        effective_at: Moment,
        decision: &Decision,
    ) {
        let Some(customer) = decision.customer else { return };
        let standing = PaymentStanding {
            customer,
            effective_at,
            paid: payment.paid,
            refunded: Amount::zero(payment.currency),
            refunds: 0,
            posted: decision.postings.clone(),
            taken_back: Vec::new(),
            lines: decision.lines.clone(),
            lines_refunded: Vec::new(),
            counted: decision.counted.clone(),
            uncounted: Vec::new(),
        };
        self.payments.insert(key, standing);
    }
}

fn account_and_amount(posting: &Posting) -> (Account, Amount) {
    (posting.account.clone(), posting.amount)
}
