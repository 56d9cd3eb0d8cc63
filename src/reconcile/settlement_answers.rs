//! A partner reads the statements of its closed months, and says whether it agrees.

use super::period::Period;
use super::refusal::ReconcileRefusal;
use super::settled_entries::line_of;
use super::settlement_answer::{GivenAnswer, SettlementAnswer};
use crate::clock::Moment;
use crate::ids::PartnerId;
use crate::store::settlement_answers::{self as answers, ANSWERS_MAX};
use crate::store::settlements::Settlement;
use crate::store::{Db, settlements};

type Done<T> = Result<T, ReconcileRefusal>;

/// The statement of a closed month with what the partner said of it.
#[derive(Clone, Debug)]
pub struct AnsweredStatement {
    pub settlement: Settlement,
    pub answers: Vec<GivenAnswer>,
}

/// The statement of one of the partner's closed months.
///
/// # Errors
/// [`ReconcileRefusal::NoClose`] also when the month is proposed and not closed.
pub fn read(partner: &PartnerId, db: &mut Db, period: Period) -> Done<AnsweredStatement> {
    let settlement = settlements::closed(db, partner, period)?.ok_or(ReconcileRefusal::NoClose)?;
    let answers = answers::of(db, &settlement)?;
    Ok(AnsweredStatement { settlement, answers })
}

/// The partner accepts the statement, or disputes a line of it. The month stays as it was closed.
///
/// # Errors
/// [`ReconcileRefusal::NoClose`], [`ReconcileRefusal::LineUnknown`], [`ReconcileRefusal::Answered`].
pub fn answer(
    partner: &PartnerId,
    db: &mut Db,
    period: Period,
    answer: SettlementAnswer,
    now: Moment,
) -> Done<AnsweredStatement> {
    let read = read(partner, db, period)?;
    if let SettlementAnswer::Disputed { line, .. } = &answer {
        let number = u32::try_from(*line).map_err(|_large| ReconcileRefusal::LineUnknown)?;
        line_of(&read.settlement, number)?;
    }
    let AnsweredStatement { settlement, .. } = read;
    let answers = db.write(|tx| {
        let mut given = answers::of(tx.db(), &settlement)?;
        let last = given.last().map_or(0, |last| last.number);
        let accepted = given.iter().any(|it| it.answer == SettlementAnswer::Accepted);
        let next = GivenAnswer { number: last.saturating_add(1), answer, answered_at: now };
        // Whoever answers at the same moment takes the same number: one of the two is refused.
        if accepted || last >= ANSWERS_MAX || !answers::insert(tx, &settlement, &next)? {
            return Err(ReconcileRefusal::Answered);
        }
        given.push(next);
        Ok(given)
    })?;
    Ok(AnsweredStatement { settlement, answers })
}

/// The partner's closed months, the newest first, each with the last of its answers.
///
/// # Errors
/// The store's.
pub fn page(
    partner: &PartnerId,
    db: &mut Db,
    before: Option<Period>,
    rows_max: i64,
) -> Done<Vec<AnsweredStatement>> {
    let found = settlements::closed_page(db, partner, before, rows_max)?;
    let periods: Vec<Period> = found.iter().map(|it| it.period).collect();
    let mut last = answers::last_of(db, partner, &periods)?;
    let answered = found.into_iter().map(|settlement| {
        let place = last.iter().position(|it| it.period == settlement.period);
        let answers = place.map(|place| last.swap_remove(place).given).into_iter().collect();
        AnsweredStatement { settlement, answers }
    });
    Ok(answered.collect())
}
