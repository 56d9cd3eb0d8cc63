//! What a partner's months are expected to bring, read from what stands: the statement, the payment, and a
//! line for each of our events.

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::Deserialize;

use super::bank::state::PayoutState;
use super::expected::ExpectationState;
use super::item::{ItemKind, ItemValue};
use super::our_side::next_rows;
use super::period::Period;
use super::refusal::ReconcileRefusal;
use crate::clock::Moment;
use crate::ids::{EventId, EventKey, PartnerId};
use crate::money::{Amount, Asset};
use crate::partner::follow_up::Calendar;
use crate::partner::settlement::SettlementRules;
use crate::store::settlements::SettlementState;
use crate::store::{Db, matches, payouts, settlements, statements};

/// The day, and the programme's terms.
#[derive(Clone, Debug)]
pub struct Terms {
    pub today: NaiveDate,
    pub zone: Tz,
    pub calendar: Calendar,
    pub rules: SettlementRules,
}

/// What is expected of a partner's month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonthExpectation {
    pub period: Period,
    pub statement: Expectation,
    /// `None`: the month is not closed, or nothing is to be paid.
    pub payout: Option<PayoutExpectation>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expectation {
    pub due_on: NaiveDate,
    pub state: ExpectationState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayoutExpectation {
    pub expected: Expectation,
    pub amount: Amount,
    /// `None`: its order was not given out.
    pub stands: Option<PayoutState>,
}

/// An event of ours, which a line of the partner's statement should agree with.
#[derive(Clone, Debug)]
pub struct EventExpectation {
    pub event: EventId,
    pub kind: ItemKind,
    pub value: ItemValue,
    pub at: Moment,
    pub expected: Expectation,
    /// The month in whose statement it has its line.
    pub matched_in: Option<Period>,
    pub key: EventKey,
}

/// Which events are asked for.
pub struct EventQuestion {
    pub partner: PartnerId,
    pub period: Period,
    /// `None`: all.
    pub state: Option<ExpectationState>,
    pub after: Option<(Moment, EventKey)>,
    pub rows_max: i64,
}

/// The events of a page, and where the next one begins. A page may have fewer than were asked for.
pub struct EventPage {
    pub events: Vec<EventExpectation>,
    pub next: Option<(Moment, EventKey)>,
}

/// The most of our events that one page looks at.
const LOOKED_AT_MAX: i64 = 2_000;

/// What is read again of a statement that is kept.
#[derive(Deserialize)]
struct KeptPayout {
    payout: String,
}

/// A partner's months that are over, from one back, the latest first.
///
/// # Errors
/// The store's.
pub fn months(
    db: &mut Db,
    partner: &PartnerId,
    from: Period,
    months_max: usize,
    terms: &Terms,
) -> Result<Vec<MonthExpectation>, ReconcileRefusal> {
    let mut found = Vec::with_capacity(months_max);
    let mut period = from;
    for _ in 0..months_max {
        found.push(month(db, partner, period, terms)?);
        period = period.before();
    }
    Ok(found)
}

fn month(
    db: &mut Db,
    partner: &PartnerId,
    period: Period,
    terms: &Terms,
) -> Result<MonthExpectation, ReconcileRefusal> {
    let is_there = statements::is_there(db, partner, period)?;
    let due_on = terms.statement_due(period);
    let state = ExpectationState::of(is_there, due_on, terms.today);
    let statement = Expectation { due_on, state };
    Ok(MonthExpectation { period, statement, payout: payout(db, partner, period, terms)? })
}

fn payout(
    db: &mut Db,
    partner: &PartnerId,
    period: Period,
    terms: &Terms,
) -> Result<Option<PayoutExpectation>, ReconcileRefusal> {
    let Some(closed) = settlements::closed(db, partner, period)? else { return Ok(None) };
    let SettlementState::Closed { at, .. } = closed.state else { return Ok(None) };
    let kept: KeptPayout = serde_json::from_str(&closed.content)?;
    let amount = Amount::parse(&kept.payout, Asset::CNY)?;
    if amount.minor() <= 0 {
        return Ok(None);
    }
    let stands = payouts::of_month(db, partner, period)?.map(|payout| payout.state);
    let due_on = terms.calendar.after(at.day_in(terms.zone), terms.rules.payout_working_days);
    let state = match stands {
        // It is owed anew, and the next month pays it.
        Some(PayoutState::Rejected | PayoutState::Returned) => ExpectationState::Over,
        Some(PayoutState::Paid) => ExpectationState::Met,
        Some(PayoutState::Ordered | PayoutState::Accepted) | None => {
            ExpectationState::of(false, due_on, terms.today)
        }
    };
    Ok(Some(PayoutExpectation { expected: Expectation { due_on, state }, amount, stands }))
}

/// Our events of a month, each with whether a line of a statement agrees with it.
///
/// # Errors
/// The store's.
pub fn events(
    db: &mut Db,
    asked: &EventQuestion,
    terms: &Terms,
) -> Result<EventPage, ReconcileRefusal> {
    let span = asked.period.span(terms.zone);
    let due_on = terms.statement_due(asked.period);
    let wanted = usize::try_from(asked.rows_max).unwrap_or(usize::MAX);
    let mut events = Vec::new();
    let (mut after, mut looked_at) = (asked.after, 0_i64);
    while events.len() < wanted && looked_at < LOOKED_AT_MAX {
        let (rows, end) = next_rows(db, &asked.partner, span, after, asked.rows_max)?;
        let Some(end) = end else { return Ok(EventPage { events, next: None }) };
        looked_at = looked_at.saturating_add(asked.rows_max);
        let keys: Vec<EventKey> = rows.iter().map(|row| row.event.key).collect();
        let matched = matches::periods(db, &keys)?;
        after = Some(end);
        for row in rows {
            let matched_in = matched.get(&row.event.key).copied();
            let state = ExpectationState::of(matched_in.is_some(), due_on, terms.today);
            if asked.state.is_some_and(|only| only != state) {
                continue;
            }
            if events.len() == wanted {
                break;
            }
            after = Some((row.event.at, row.event.key));
            events.push(EventExpectation {
                event: row.event.id,
                kind: row.event.kind,
                value: row.value,
                at: row.event.at,
                expected: Expectation { due_on, state },
                matched_in,
                key: row.event.key,
            });
        }
        if events.len() < wanted {
            after = Some(end);
        }
    }
    Ok(EventPage { events, next: after })
}

impl Terms {
    /// The working day on which the statement of a month should be there.
    fn statement_due(&self, period: Period) -> NaiveDate {
        let last = period.next().first_day().pred_opt().unwrap_or(NaiveDate::MAX);
        self.calendar.after(last, self.rules.statement_working_days)
    }
}
