//! What waits for a decision of staff: how much, since when, and how far the two sides are apart.
//! Only as much is counted as a person could read.

use crate::clock::Moment;
use crate::ids::{CorrectionId, StaffId};
use crate::money::{Amount, Asset};
use crate::program::{Correction, CorrectionState};
use crate::reconcile::break_record::{Break, BreakFilter};
use crate::reconcile::breaks;
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
}

/// Things of one kind that are counted.
pub const COUNTED_MAX: usize = 99;

/// Counts what waits for a person.
///
/// # Errors
/// The store's.
pub fn read(who: &StaffId, db: &mut Db, scope: WorkScope) -> Result<Worklist, ReconcileRefusal> {
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
    if scope.corrections {
        let waiting = waiting_corrections(db, None, rows_max())?;
        let others = waiting.iter().filter(|it| !it.proposed_by.is_same_person(who));
        let sized = others.map(|it| Sized { since: it.proposed_at, apart: 0 });
        found.corrections = Some(Pile::of(sized));
    }
    Ok(found)
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
