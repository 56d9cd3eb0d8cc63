//! How reconciliation of a partner goes: how much agrees by itself, what is open and since when, and how
//! long a month takes until it is closed.

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::period::Period;
use super::refusal::ReconcileRefusal;
use crate::clock::Moment;
use crate::ids::PartnerId;
use crate::money::{Amount, Asset};
use crate::store::breaks::{BreaksOpened, OpenBreaks};
use crate::store::reconciliations::RunState;
use crate::store::settlements::SettlementState;
use crate::store::{Db, StoreError, breaks, reconciliations, settlements};

/// How long a break has been open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakAge {
    /// Up to a week.
    Week,
    /// Up to thirty days.
    Month,
    Beyond,
}

/// Open breaks of a code and an age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgedBreaks {
    pub age: BreakAge,
    pub open: OpenBreaks,
}

/// What became of a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonthFigures {
    pub period: Period,
    /// Lines of the statement that the last run compared; none without a run.
    pub lines: Option<u64>,
    /// Lines that agree with an event, without anybody's doing.
    pub matched: Option<u64>,
    pub closed_at: Option<Moment>,
    /// From the end of the month to its close.
    pub days_to_close: Option<i64>,
}

/// The figures of a partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartnerReport {
    pub breaks: Vec<AgedBreaks>,
    /// What the two sides are apart in breaks that are open for more than thirty days, in CNY.
    pub value_beyond: Amount,
    /// The latest first.
    pub months: Vec<MonthFigures>,
}

/// Months that a report has.
const MONTHS: usize = 12;

#[derive(Deserialize)]
struct KeptReport {
    statements: Vec<KeptStatement>,
    matched: u64,
}

#[derive(Deserialize)]
struct KeptStatement {
    lines: u64,
}

/// Reads the figures of a partner.
///
/// # Errors
/// The store's.
pub fn read(
    db: &mut Db,
    partner: &PartnerId,
    now: Moment,
    zone: Tz,
) -> Result<PartnerReport, ReconcileRefusal> {
    let breaks = by_age(db, Some(partner), now)?;
    let beyond = breaks.iter().filter(|it| it.age == BreakAge::Beyond);
    let minor = beyond.fold(0_i64, |sum, it| sum.saturating_add(it.open.minor));
    let mut period = Period::of(now.day_in(zone)).before();
    let mut months = Vec::with_capacity(MONTHS);
    for _ in 0..MONTHS {
        months.push(month(db, partner, period, zone)?);
        period = period.before();
    }
    let value_beyond = Amount::from_minor(minor, Asset::CNY);
    Ok(PartnerReport { breaks, value_beyond, months })
}

/// The figures of a partner's newest closed month.
///
/// # Errors
/// The store's.
pub fn newest_closed(
    db: &mut Db,
    partner: &PartnerId,
    zone: Tz,
) -> Result<Option<MonthFigures>, ReconcileRefusal> {
    match settlements::last_closed(db, partner, None)? {
        Some(closed) => Ok(Some(month(db, partner, closed.period, zone)?)),
        None => Ok(None),
    }
}

/// Open breaks of a partner, or of all, by age and code.
///
/// # Errors
/// The store's.
pub fn by_age(
    db: &mut Db,
    partner: Option<&PartnerId>,
    now: Moment,
) -> Result<Vec<AgedBreaks>, StoreError> {
    let (week, month) = (now.minus(TimeDelta::days(7)), now.minus(TimeDelta::days(30)));
    let mut found = Vec::new();
    for (age, opened) in [
        (BreakAge::Week, BreaksOpened { from: Some(week), until: None }),
        (BreakAge::Month, BreaksOpened { from: Some(month), until: Some(week) }),
        (BreakAge::Beyond, BreaksOpened { from: None, until: Some(month) }),
    ] {
        let open = breaks::open_by_code(db, partner, opened)?;
        found.extend(open.into_iter().map(|open| AgedBreaks { age, open }));
    }
    Ok(found)
}

fn month(
    db: &mut Db,
    partner: &PartnerId,
    period: Period,
    zone: Tz,
) -> Result<MonthFigures, ReconcileRefusal> {
    let run = reconciliations::last_done(db, partner, period)?;
    let kept: Option<KeptReport> = match run.map(|run| run.state) {
        Some(RunState::Done { report, .. }) => Some(serde_json::from_str(&report)?),
        Some(RunState::Running | RunState::GivenUp { .. }) | None => None,
    };
    let closed = settlements::closed(db, partner, period)?.map(|closed| closed.state);
    let closed_at = match closed {
        Some(SettlementState::Closed { at, .. }) => Some(at),
        Some(SettlementState::Proposed | SettlementState::Rejected { .. }) | None => None,
    };
    let first: NaiveDate = period.next().first_day();
    let days = |at: Moment| at.day_in(zone).signed_duration_since(first).num_days();
    Ok(MonthFigures {
        period,
        lines: kept
            .as_ref()
            .map(|it| it.statements.iter().fold(0, |sum: u64, one| sum.saturating_add(one.lines))),
        matched: kept.as_ref().map(|it| it.matched),
        closed_at,
        days_to_close: closed_at.map(days),
    })
}

impl MonthFigures {
    /// The share of lines that agree by themselves, from 0 to 1 with four decimals.
    #[must_use]
    pub fn match_rate(&self) -> Option<Decimal> {
        let (lines, matched) = (Decimal::from(self.lines?), Decimal::from(self.matched?));
        Some(matched.checked_div(lines)?.round_dp(4))
    }
}

impl BreakAge {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Week => "0-7",
            Self::Month => "8-30",
            Self::Beyond => "31+",
        }
    }
}
