//! What partners say of their statements.

use diesel::prelude::*;

use super::period;
use crate::ids::PartnerId;
use crate::reconcile::period::Period;
use crate::reconcile::settlement_answer::{GivenAnswer, SettlementAnswer};
use crate::store::schema::settlement_answers;
use crate::store::settlements::Settlement;
use crate::store::{Db, LedgerTx, StoreError, types};

/// The most answers of one statement.
pub const ANSWERS_MAX: i64 = 200;

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = settlement_answers, treat_none_as_default_value = false)]
struct Row {
    partner_id: String,
    period: String,
    settlement: i64,
    number: i64,
    answer: String,
    line: Option<i64>,
    reason: Option<String>,
    answered_at: chrono::NaiveDateTime,
}

/// The answers to a statement, by number.
pub fn of(db: &mut Db, settlement: &Settlement) -> Result<Vec<GivenAnswer>, StoreError> {
    let (partner, period) = (settlement.partner.as_str(), settlement.period.to_string());
    let rows: Vec<Row> = settlement_answers::table
        .filter(settlement_answers::partner_id.eq(partner))
        .filter(settlement_answers::period.eq(period))
        .filter(settlement_answers::settlement.eq(settlement.number))
        .order(settlement_answers::number)
        .limit(ANSWERS_MAX)
        .select(Row::as_select())
        .load(db)?;
    rows.into_iter().map(Row::read).collect()
}

/// The last answer to the statement of a month.
pub struct LastAnswer {
    pub period: Period,
    pub given: GivenAnswer,
}

/// The last answer to each of some closed months of a partner: only those are answered.
pub fn last_of(
    db: &mut Db,
    partner: &PartnerId,
    periods: &[Period],
) -> Result<Vec<LastAnswer>, StoreError> {
    let periods: Vec<String> = periods.iter().map(ToString::to_string).collect();
    let rows: Vec<Row> = both!(db, db => settlement_answers::table
        .filter(settlement_answers::partner_id.eq(partner.as_str()))
        .filter(settlement_answers::period.eq_any(&periods))
        .order((settlement_answers::period, settlement_answers::number.desc()))
        .select(Row::as_select())
        .load(db))?;
    let mut last: Vec<LastAnswer> = Vec::new();
    for row in rows {
        let of = period(&row.period)?;
        if last.last().is_none_or(|known| known.period != of) {
            last.push(LastAnswer { period: of, given: row.read()? });
        }
    }
    Ok(last)
}

/// Keeps an answer; `false` when there is one of that number.
pub fn insert(
    tx: &mut LedgerTx<'_>,
    settlement: &Settlement,
    given: &GivenAnswer,
) -> Result<bool, StoreError> {
    let (line, reason) = match &given.answer {
        SettlementAnswer::Accepted => (None, None),
        SettlementAnswer::Disputed { line, reason } => (Some(*line), Some(reason.clone())),
    };
    let row = Row {
        partner_id: settlement.partner.to_string(),
        period: settlement.period.to_string(),
        settlement: settlement.number,
        number: given.number,
        answer: given.answer.name().to_owned(),
        line,
        reason,
        answered_at: given.answered_at.naive(),
    };
    let count = both!(tx.0, db => diesel::insert_into(settlement_answers::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(db))?;
    Ok(count == 1)
}

impl Row {
    fn read(self) -> Result<GivenAnswer, StoreError> {
        let answer = match (self.answer.as_str(), self.line, self.reason) {
            (SettlementAnswer::ACCEPTED, None, None) => SettlementAnswer::Accepted,
            (SettlementAnswer::DISPUTED, Some(line), Some(reason)) => {
                SettlementAnswer::Disputed { line, reason }
            }
            _ => return Err(StoreError::Corrupt("settlement_answers.answer")),
        };
        let answered_at = types::moment(self.answered_at);
        Ok(GivenAnswer { number: self.number, answer, answered_at })
    }
}
