//! What waits for a decision of staff: how much, since when, and how far the two sides are apart.
//! Only as much is counted as a person could read.

use chrono::NaiveDate;
use chrono_tz::Tz;

use crate::clock::Moment;
use crate::follow_up::closing::{self, TasksAsked};
use crate::follow_up::task::TaskState;
use crate::ids::{CorrectionId, StaffId};
use crate::money::{Amount, Asset};
use crate::on_hold;
use crate::program::{Correction, CorrectionState};
use crate::reconcile::bank::code::BankBreakState;
use crate::reconcile::bank_breaks::{self, BankBreakDetail};
use crate::reconcile::break_record::{Break, BreakFilter};
use crate::reconcile::breaks::{self, WaitingBreak};
use crate::reconcile::item::{Currency, ItemValue};
use crate::reconcile::proposal::BreakState;
use crate::reconcile::refusal::ReconcileRefusal;
use crate::store::{Db, StoreError, corrections, settlements};

/// Which piles a person works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkScope {
    pub breaks: bool,
    pub proposals: bool,
    pub corrections: bool,
    pub decisions: bool,
    pub tasks: bool,
}

/// Things of one kind that wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pile {
    /// At most [`COUNTED_MAX`].
    pub count: usize,
    /// More wait than were counted.
    pub has_more: bool,
    pub oldest: Option<Moment>,
    /// What the two sides are apart, where both are in CNY.
    pub apart: Amount,
}

/// What waits for one person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Worklist {
    /// Breaks on which nobody has proposed anything.
    pub breaks: Option<Pile>,
    /// Breaks about which a partner was asked.
    pub asked: Option<Pile>,
    /// Proposals of others about breaks.
    pub proposals: Option<Pile>,
    /// Corrections that others proposed.
    pub corrections: Option<Pile>,
    /// Months whose close others proposed.
    pub closes: Option<Pile>,
    /// Proposals of others about entries of the bank.
    pub bank: Option<Pile>,
    /// Events and rewards that are held.
    pub held: Option<Pile>,
    /// Referrals on hold.
    pub referrals: Option<Pile>,
    /// Open tasks of customer managers that are due.
    pub tasks: Option<Pile>,
}

/// Something with a day by which somebody should have decided.
pub enum Due {
    Break(Break),
    Proposal(WaitingBreak),
    Bank(BankBreakDetail),
}

/// What is due next, and how old open breaks are.
#[derive(Default)]
pub struct DueBoard {
    /// The earliest due first.
    pub next: Vec<Due>,
    /// Open breaks by their age: up to each of [`AGES`] in days, and older. At most [`COUNTED_MAX`].
    pub ages: [usize; 5],
}

/// The ages in days by which open breaks are counted.
pub const AGES: [i64; 4] = [1, 3, 7, 30];

/// Things of one kind that are counted.
pub const COUNTED_MAX: usize = 99;

/// Counts what waits for a person.
///
/// # Errors
/// The store's.
pub fn read(
    who: &StaffId,
    db: &mut Db,
    scope: WorkScope,
    today: NaiveDate,
) -> Result<Worklist, ReconcileRefusal> {
    let mut found = Worklist::default();
    if scope.breaks {
        found.breaks = Some(pile_of_breaks(db, BreakState::Open)?);
        found.asked = Some(pile_of_breaks(db, BreakState::AwaitingPartner)?);
    }
    if scope.proposals {
        let waiting = breaks::waiting_for_approval(db, None, rows_max())?;
        let others = waiting.iter().filter(|it| !it.proposal.proposed_by.is_same_person(who));
        let sized =
            others.map(|it| Sized { since: it.proposal.proposed_at, apart: apart(&it.found) });
        found.proposals = Some(Pile::of(sized));
        let waiting = settlements::waiting(db, rows_max())?;
        let others = waiting.iter().filter(|it| !it.proposed_by.is_same_person(who));
        let sized = others.map(|it| Sized { since: it.proposed_at, apart: 0 });
        found.closes = Some(Pile::of(sized));
    }
    if scope.proposals {
        found.bank = Some(pile_of_bank(who, db)?);
    }
    if scope.decisions {
        let held = on_hold::events(db, None, rows_max())?;
        let sized = held.iter().map(|it| Sized { since: it.held.recorded_at, apart: 0 });
        found.held = Some(Pile::of(sized));
        let referrals = on_hold::referrals(db, None, rows_max())?;
        found.referrals =
            Some(Pile::of(referrals.iter().map(|it| Sized { since: it.held_at, apart: 0 })));
    }
    if scope.tasks {
        let asked = TasksAsked {
            state: TaskState::Open,
            manager: None,
            due_before: today.succ_opt(),
            after: None,
            rows_max: rows_max(),
        };
        let due = closing::list(db, &asked)?;
        let sized = due.iter().map(|it| Sized { since: it.opens_at, apart: 0 });
        found.tasks = Some(Pile::of(sized));
    }
    if scope.corrections {
        let waiting = waiting_corrections(db, None, rows_max())?;
        let others = waiting.iter().filter(|it| !it.proposed_by.is_same_person(who));
        let sized = others.map(|it| Sized { since: it.proposed_at, apart: 0 });
        found.corrections = Some(Pile::of(sized));
    }
    Ok(found)
}

/// What is due next for a person, at most so many: of those that have waited longest.
///
/// # Errors
/// The store's.
pub fn due(
    who: &StaffId,
    db: &mut Db,
    scope: WorkScope,
    now: DueAt,
) -> Result<DueBoard, ReconcileRefusal> {
    let mut board = DueBoard::default();
    if scope.breaks {
        let filter =
            BreakFilter { state: BreakState::Open, partner: None, period: None, code: None };
        let mut found = breaks::list(db, &filter, None, rows_max())?;
        found.truncate(COUNTED_MAX);
        for it in &found {
            let age = now.now.utc().signed_duration_since(it.opened_at.utc()).num_days();
            let place = AGES.iter().position(|days| age < *days).unwrap_or(AGES.len());
            if let Some(count) = board.ages.get_mut(place) {
                *count = count.saturating_add(1);
            }
        }
        board.next.extend(found.into_iter().map(Due::Break));
    }
    if scope.breaks || scope.proposals {
        let state = if scope.proposals { BankBreakState::Proposed } else { BankBreakState::Open };
        let found = bank_breaks::in_state(db, state, None, rows_max())?;
        let mine = |it: &BankBreakDetail| {
            let proposer = it.proposal.as_ref().map(|it| &it.proposed_by);
            scope.proposals && proposer.is_some_and(|by| by.is_same_person(who))
        };
        board.next.extend(found.into_iter().filter(|it| !mine(it)).map(Due::Bank));
    }
    if scope.proposals {
        let found = breaks::waiting_for_approval(db, None, rows_max())?.into_iter();
        let others = found.filter(|it| !it.proposal.proposed_by.is_same_person(who));
        board.next.extend(others.map(Due::Proposal));
    }
    board.next.sort_by_key(|it| it.on(now.zone));
    board.next.truncate(now.rows_max);
    Ok(board)
}

/// When somebody looks at what is due, and at how much of it.
#[derive(Clone, Copy, Debug)]
pub struct DueAt {
    pub now: Moment,
    pub zone: Tz,
    pub rows_max: usize,
}

impl Due {
    /// The day by which somebody should have decided.
    #[must_use]
    pub fn on(&self, zone: Tz) -> NaiveDate {
        match self {
            Self::Break(found) => found.due_on,
            Self::Proposal(waiting) => waiting.proposal.lapses_at.day_in(zone),
            Self::Bank(detail) => detail.found.due_on,
        }
    }
}

/// Corrections that wait for another person, the oldest first, after the last one of the page before.
///
/// # Errors
/// The store's.
pub fn waiting_corrections(
    db: &mut Db,
    after: Option<(Moment, CorrectionId)>,
    rows_max: i64,
) -> Result<Vec<Correction>, StoreError> {
    let after = after.as_ref().map(|(at, id)| (*at, id));
    corrections::page(db, CorrectionState::Proposed.name(), after, rows_max)
}

/// A correction, whatever became of it.
///
/// # Errors
/// The store's.
pub fn correction(db: &mut Db, id: &CorrectionId) -> Result<Option<Correction>, StoreError> {
    Ok(corrections::get(db, id)?.map(|(correction, _receipt)| correction))
}

/// Proposals of others about entries of the bank.
fn pile_of_bank(who: &StaffId, db: &mut Db) -> Result<Pile, ReconcileRefusal> {
    let found = bank_breaks::in_state(db, BankBreakState::Proposed, None, rows_max())?;
    let waiting = found.iter().filter_map(|it| it.proposal.as_ref());
    let others = waiting.filter(|it| !it.proposed_by.is_same_person(who));
    Ok(Pile::of(others.map(|it| Sized { since: it.proposed_at, apart: 0 })))
}

fn pile_of_breaks(db: &mut Db, state: BreakState) -> Result<Pile, ReconcileRefusal> {
    let filter = BreakFilter { state, partner: None, period: None, code: None };
    let found = breaks::list(db, &filter, None, rows_max())?;
    Ok(Pile::of(found.iter().map(|it| Sized { since: it.opened_at, apart: apart(it) })))
}

fn rows_max() -> i64 {
    i64::try_from(COUNTED_MAX).unwrap_or(i64::MAX).saturating_add(1)
}

/// What is counted of one thing.
struct Sized {
    since: Moment,
    /// In hundredths.
    apart: i64,
}

/// What the two sides of a break are apart in CNY, in hundredths.
fn apart(found: &Break) -> i64 {
    let of_money = |value: Option<ItemValue>| match value {
        Some(value) if value.currency == Currency::of(Asset::CNY) => Some(value.minor),
        Some(_) => None,
        None => Some(0),
    };
    let sides = of_money(found.sums.theirs).zip(of_money(found.sums.ours));
    let apart = sides.map_or(0, |(theirs, ours)| theirs.abs_diff(ours));
    i64::try_from(apart).unwrap_or(i64::MAX)
}

impl Pile {
    fn of(sized: impl Iterator<Item = Sized>) -> Self {
        let (mut count, mut minor, mut oldest) = (0_usize, 0_i64, None::<Moment>);
        for one in sized {
            count = count.saturating_add(1);
            if count > COUNTED_MAX {
                break;
            }
            minor = minor.saturating_add(one.apart);
            oldest = Some(oldest.map_or(one.since, |oldest| oldest.min(one.since)));
        }
        let has_more = count > COUNTED_MAX;
        let apart = Amount::from_minor(minor, Asset::CNY);
        Self { count: count.min(COUNTED_MAX), has_more, oldest, apart }
    }
}
