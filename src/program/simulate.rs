//! What if the rules had been others: recorded history decided on twice, by the rules as they are
//! and as they would be, each with standings of its own that start from nothing. Pure: events go
//! in, in the order of recording; sums and differences come out.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::TimeDelta;
use chrono_tz::Tz;
use rust_decimal::Decimal;

use super::charge;
use super::{
    CodeStanding, CustomerStanding, Decision, HoldStanding, HoldState, HoldStep, Judging, Mark,
    Occasion, QuoteStanding, QuoteState, Refusal, Standings, decide, fall_due,
};
use crate::clock::Moment;
use crate::event::{Event, EventData};
use crate::ids::{CodeKey, CustomerId, EventKey, MemberKey};
use crate::ledger::{Account, AccountCode, Owner};
use crate::money::{Amount, Asset};
use crate::partner::Partner;
use crate::partner::lifecycle::{Status, Taken};

/// An event as it was recorded, with what deciding on it again takes.
pub struct Past {
    pub event: Event,
    /// Whose event it was, where that was known.
    pub customer: Option<CustomerStanding>,
    pub recorded_at: Moment,
    /// What came of it then.
    pub outcome: SimulatedOutcome,
}

/// What an event comes to, as far as rules are compared by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SimulatedOutcome {
    /// Points given, less points taken back, by rule and by who bears them.
    pub points: BTreeMap<(String, Bearer), Decimal>,
    /// What the bank owes the partner, in CNY, by the account's code.
    pub payable: BTreeMap<&'static str, Decimal>,
    pub marks: BTreeSet<String>,
    pub refused: Option<String>,
}

/// Who bears the cost of points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bearer {
    Bank,
    Partner,
}

/// A sum by the rules as they are and as they would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    pub now: Decimal,
    pub then: Decimal,
}

/// An event of which something else would come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    pub event: String,
    pub now: String,
    pub then: String,
}

/// How many changed events are named.
pub const NAMED_MAX: usize = 10;

/// What the changed rules would make of history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The partner's events of those days.
    pub events: u64,
    /// Those of which the rules as they are make something else than was recorded.
    pub recorded_otherwise: u64,
    pub points: BTreeMap<String, Compared>,
    pub borne: BTreeMap<Bearer, Compared>,
    pub cost: BTreeMap<Bearer, Compared>,
    pub payable: BTreeMap<&'static str, Compared>,
    pub marks: BTreeMap<String, Compared>,
    pub refused: Compared,
    /// Events that are marked otherwise, or taken and not refused, or the other way round.
    pub changed: u64,
    /// The first of them.
    pub named: Vec<Changed>,
    /// Points that each customer gets more.
    pub customers: BTreeMap<CustomerId, Decimal>,
}

/// Customers on one side of a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Side {
    pub customers: u64,
    pub sum: Decimal,
    pub largest: Decimal,
}

/// Both courses of history, and the report as far as they have come.
pub struct Simulation {
    zone: Tz,
    now: Course,
    then: Course,
    pub report: Report,
}

/// The rules by which an event is decided on.
pub struct Rules<'a> {
    pub now: &'a Partner,
    pub then: &'a Partner,
    /// Whether it is one of the events that are compared.
    pub compared: bool,
}

/// History decided on again.
#[derive(Default)]
struct Course {
    standings: Standings,
    holds: HashMap<CustomerId, Vec<EventKey>>,
}

impl Simulation {
    #[must_use]
    pub fn new(zone: Tz) -> Self {
        let (now, then) = (Course::default(), Course::default());
        Self { zone, now, then, report: Report::default() }
    }

    /// Decides on the next event again; all of one customer's must come in the order of recording.
    pub fn take(&mut self, past: &Past, rules: &Rules<'_>) {
        let now = self.now.take(past, rules.now, self.zone);
        let then = self.then.take(past, rules.then, self.zone);
        if !rules.compared {
            return;
        }
        self.report.events = self.report.events.saturating_add(1);
        if now != past.outcome {
            self.report.recorded_otherwise = self.report.recorded_otherwise.saturating_add(1);
        }
        let cost = |partner: &Partner| partner.programme.points.unit_cost;
        self.report.add(&now, cost(rules.now), |compared| &mut compared.now);
        self.report.add(&then, cost(rules.then), |compared| &mut compared.then);
        self.report.compare(past, &now, &then);
    }
}

impl Course {
    fn take(&mut self, past: &Past, partner: &Partner, zone: Tz) -> SimulatedOutcome {
        match self.decide(past, partner, zone) {
            Ok(decision) => SimulatedOutcome::of(&decision),
            Err(refusal) => SimulatedOutcome {
                refused: Some(refusal.to_string()),
                ..SimulatedOutcome::default()
            },
        }
    }

    fn decide(&mut self, past: &Past, partner: &Partner, zone: Tz) -> Result<Decision, Refusal> {
        let (event, now) = (&past.event, past.recorded_at);
        if let Some(customer) = past.customer {
            self.add_known(past, customer, partner);
            self.let_fall_due(customer.id, now)?;
        }
        let occasion = Occasion::new(event.effective_at, now, zone);
        // What was held and what was not is history: rules are compared by what they bring.
        let occasion = occasion.judged(Judging::Accepted { recorded_at: now });
        let decision = if partner.status.takes() < Taken::All {
            // It did when this was recorded.
            let partner = Partner { status: Status::Full, ..partner.clone() };
            decide(event, &partner, &mut self.standings, occasion)?
        } else {
            decide(event, partner, &mut self.standings, occasion)?
        };
        if let (Some(HoldStep::Opened { .. }), Some(customer)) = (decision.hold, decision.customer)
        {
            let key = EventKey::of(&event.partner, &event.id);
            self.holds.entry(customer).or_default().push(key);
        }
        Ok(decision)
    }

    /// What stood beside the event: its member; a code or a quote that is swept by now, but was
    /// good if the event was taken.
    fn add_known(&mut self, past: &Past, customer: CustomerStanding, partner: &Partner) {
        let said = &past.event.data;
        if let Some(member) = said.member() {
            self.standings.add_customer(MemberKey::of(&partner.id, member), customer);
        }
        match said {
            EventData::Hold(hold) => {
                let expires_at = past.recorded_at.plus(TimeDelta::seconds(1));
                let code = CodeStanding {
                    customer: customer.id,
                    expires_at,
                    used: false,
                    points: Some(hold.points),
                    partner: None,
                    refusals: 0,
                };
                self.standings.add_code(CodeKey::of(&hold.code), code);
            }
            EventData::Payment(payment) => {
                let honoured = !past.outcome.marks.contains(Mark::DiscountDiffers.name());
                if let Some(id) = payment.quote.filter(|_id| honoured) {
                    let quote = QuoteStanding {
                        partner: partner.id.clone(),
                        member: MemberKey::of(&partner.id, &payment.member),
                        customer: customer.id,
                        scheme: payment.scheme.clone(),
                        gross: payment.gross,
                        discount: payment.discount,
                        expires_at: past.event.effective_at,
                        state: QuoteState::Ended,
                        promised: Vec::new(),
                    };
                    self.standings.add_quote(id, quote);
                }
            }
            EventData::Refund(_)
            | EventData::Referral(_)
            | EventData::Commit(_)
            | EventData::Cancel(_)
            | EventData::Return(_) => {}
        }
    }

    /// What the gateway does by itself, done when the customer's next event comes.
    fn let_fall_due(&mut self, customer: CustomerId, now: Moment) -> Result<(), Refusal> {
        let mut over = Vec::new();
        if let Some(holds) = self.holds.get_mut(&customer) {
            let mut open = Vec::new();
            for key in holds.drain(..) {
                let held = self.standings.hold(key).filter(|hold| hold.state == HoldState::Held);
                match held.cloned() {
                    Some(hold) if hold.times_out_at <= now => over.push((key, hold)),
                    Some(_) => open.push(key),
                    None => {}
                }
            }
            *holds = open;
        }
        fall_due(customer, &over, &mut self.standings.lots, |_lot| now)?;
        for (key, hold) in over {
            self.standings.add_hold(key, HoldStanding { state: HoldState::TimedOut, ..hold });
        }
        Ok(())
    }
}

impl SimulatedOutcome {
    fn of(decision: &Decision) -> Self {
        let marks = decision.marks.iter().map(|mark| mark.name().to_owned()).collect();
        let mut outcome = Self { marks, ..Self::default() };
        for posting in &decision.postings {
            outcome.post(&posting.account, posting.rule.as_str(), posting.amount);
        }
        outcome
    }

    /// Counts a posting, if it is one of those by which rules are compared.
    pub fn post(&mut self, account: &Account, rule: &str, amount: Amount) {
        let bearer = match account.owner {
            _ if amount.is_zero() => return,
            Owner::Customer(_) => return,
            Owner::Bank => Bearer::Bank,
            Owner::Partner(_) => Bearer::Partner,
        };
        // These hold what becomes of points once they are given.
        let later = [AccountCode::POINTS_BREAKAGE, AccountCode::POINTS_REDEMPTION];
        if account.asset == Asset::PTS && !later.contains(&account.code) {
            let sum = self.points.entry((rule.to_owned(), bearer)).or_default();
            *sum = sum.saturating_sub(amount.decimal());
        } else if account.asset == Asset::CNY
            && bearer == Bearer::Partner
            && !charge::keeps(account.code)
        {
            let sum = self.payable.entry(account.code.name()).or_default();
            *sum = sum.saturating_add(amount.decimal());
        }
    }

    fn points_in_all(&self) -> Decimal {
        self.points.values().fold(Decimal::ZERO, |sum, points| sum.saturating_add(*points))
    }

    /// What people look at: whether it is taken, and its marks.
    fn in_words(&self) -> String {
        match &self.refused {
            Some(why) => format!("refused: {why}"),
            None if self.marks.is_empty() => "taken".to_owned(),
            None => {
                let marks: Vec<&str> = self.marks.iter().map(String::as_str).collect();
                format!("taken, {}", marks.join(", "))
            }
        }
    }
}

impl Report {
    fn add(
        &mut self,
        outcome: &SimulatedOutcome,
        unit_cost: Decimal,
        of: impl Fn(&mut Compared) -> &mut Decimal,
    ) {
        let add = |to: &mut Compared, more: Decimal| {
            let sum = of(to);
            *sum = sum.saturating_add(more);
        };
        for ((rule, bearer), points) in &outcome.points {
            add(self.points.entry(rule.clone()).or_default(), *points);
            add(self.borne.entry(*bearer).or_default(), *points);
            let cost = points.saturating_mul(unit_cost);
            add(self.cost.entry(*bearer).or_default(), cost);
        }
        for (code, amount) in &outcome.payable {
            add(self.payable.entry(code).or_default(), *amount);
        }
        for mark in &outcome.marks {
            add(self.marks.entry(mark.clone()).or_default(), Decimal::ONE);
        }
        if outcome.refused.is_some() {
            add(&mut self.refused, Decimal::ONE);
        }
    }

    fn compare(&mut self, past: &Past, now: &SimulatedOutcome, then: &SimulatedOutcome) {
        if let Some(customer) = past.customer {
            let more = then.points_in_all().saturating_sub(now.points_in_all());
            let sum = self.customers.entry(customer.id).or_default();
            *sum = sum.saturating_add(more);
        }
        if (&now.marks, now.refused.is_some()) == (&then.marks, then.refused.is_some()) {
            return;
        }
        self.changed = self.changed.saturating_add(1);
        if self.named.len() < NAMED_MAX {
            let event = past.event.id.to_string();
            self.named.push(Changed { event, now: now.in_words(), then: then.in_words() });
        }
    }

    /// The sum over all rules.
    #[must_use]
    pub fn points_in_all(&self) -> Compared {
        self.points.values().fold(Compared::default(), |sum, one| Compared {
            now: sum.now.saturating_add(one.now),
            then: sum.then.saturating_add(one.then),
        })
    }

    /// The customers who get more, who get less, and who get the same.
    #[must_use]
    pub fn sides(&self) -> [Side; 3] {
        let mut sides = [Side::default(); 3];
        let [winners, losers, unchanged] = &mut sides;
        for more in self.customers.values() {
            let side = if more.is_zero() {
                &mut *unchanged
            } else if more.is_sign_negative() {
                &mut *losers
            } else {
                &mut *winners
            };
            side.customers = side.customers.saturating_add(1);
            side.sum = side.sum.saturating_add(*more);
            if more.abs() > side.largest.abs() {
                side.largest = *more;
            }
        }
        sides
    }
}

impl Bearer {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bank => "bank",
            Self::Partner => "partner",
        }
    }
}

impl Compared {
    #[must_use]
    pub fn difference(self) -> Decimal {
        self.then.saturating_sub(self.now)
    }
}
