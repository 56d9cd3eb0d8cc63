//! What breaks are about, and what people decided about the same.

use std::collections::{BTreeSet, HashSet};

use diesel::prelude::*;

use super::breaks::SumColumns;
use super::period;
use crate::ids::BreakId;
use crate::money::{Amount, Asset};
use crate::reconcile::break_code::BreakCode;
use crate::reconcile::past_decision::{PastDecision, PastDecisions};
use crate::reconcile::proposal::BreakState;
use crate::reconcile::subject::SubjectKey;
use crate::store::schema::{break_proposals, break_subjects, breaks};
use crate::store::{Db, LedgerTx, StoreError, types};

/// A break, and one of the things that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubjectOf {
    pub break_id: BreakId,
    pub subject: SubjectKey,
}

#[derive(Insertable)]
#[diesel(table_name = break_subjects, treat_none_as_default_value = false)]
struct NewRow<'a> {
    subject: &'a [u8],
    break_id: &'a [u8],
}

#[derive(Queryable)]
struct DecisionRow {
    subject: Vec<u8>,
    id: Vec<u8>,
    period: String,
    code: String,
    state: String,
    sums: SumColumns,
    closed_at: Option<chrono::NaiveDateTime>,
    minor: Option<i64>,
}

/// The most subjects of one break that are read.
const SUBJECTS_MAX: i64 = 10_000;

const DECIDED: [&str; 3] =
    [BreakState::Accepted.name(), BreakState::Adjusted.name(), BreakState::WrittenOff.name()];

/// Keeps what breaks are about. What is kept already stays.
pub fn insert(tx: &mut LedgerTx<'_>, list: &[SubjectOf]) -> Result<(), StoreError> {
    for part in list.chunks(crate::store::rows_max(2)) {
        let rows: Vec<NewRow<'_>> = part
            .iter()
            .map(|it| NewRow { subject: it.subject.bytes(), break_id: it.break_id.bytes() })
            .collect();
        both!(tx.0, db => diesel::insert_into(break_subjects::table)
            .values(&rows)
            .on_conflict_do_nothing()
            .execute(db))?;
    }
    Ok(())
}

/// What a break is about.
pub fn of_break(db: &mut Db, id: BreakId) -> Result<Vec<SubjectKey>, StoreError> {
    let rows: Vec<Vec<u8>> = break_subjects::table
        .filter(break_subjects::break_id.eq(id.bytes().as_slice()))
        .order(break_subjects::subject)
        .limit(SUBJECTS_MAX)
        .select(break_subjects::subject)
        .load(db)?;
    rows.iter().map(|row| subject(row)).collect()
}

/// Breaks about a subject, of whatever state.
pub fn about(db: &mut Db, subject: SubjectKey, rows_max: i64) -> Result<Vec<BreakId>, StoreError> {
    let rows: Vec<Vec<u8>> = break_subjects::table
        .filter(break_subjects::subject.eq(subject.bytes().as_slice()))
        .order(break_subjects::break_id)
        .limit(rows_max)
        .select(break_subjects::break_id)
        .load(db)?;
    rows.iter().map(|row| break_id(row)).collect()
}

/// Those of these breaks of which it is kept what they are about.
pub fn kept(db: &mut Db, breaks: &[BreakId]) -> Result<HashSet<BreakId>, StoreError> {
    let mut found = HashSet::new();
    for part in breaks.chunks(crate::store::rows_max(1)) {
        let ids: Vec<&[u8]> = part.iter().map(|id| id.bytes().as_slice()).collect();
        let rows: Vec<Vec<u8>> = both!(db, db => break_subjects::table
            .filter(break_subjects::break_id.eq_any(&ids))
            .select(break_subjects::break_id)
            .distinct()
            .load(db))?;
        for id in rows {
            found.insert(break_id(&id)?);
        }
    }
    Ok(found)
}

/// What people decided about these, whatever the month.
pub fn decided(db: &mut Db, subjects: &[SubjectKey]) -> Result<PastDecisions, StoreError> {
    let mut found = PastDecisions::default();
    for part in subjects.chunks(crate::store::rows_max(1) - 8) {
        let keys: Vec<&[u8]> = part.iter().map(|key| key.bytes().as_slice()).collect();
        let adjusted = break_proposals::break_id
            .eq(breaks::id)
            .and(break_proposals::state.eq("approved"))
            .and(break_proposals::action.eq("adjust"));
        let rows: Vec<DecisionRow> = both!(db, db => break_subjects::table
            .inner_join(breaks::table)
            .left_join(break_proposals::table.on(adjusted))
            .filter(break_subjects::subject.eq_any(&keys))
            .filter(breaks::state.eq_any(DECIDED))
            .select((
                break_subjects::subject,
                breaks::id,
                breaks::period,
                breaks::code,
                breaks::state,
                (
                    breaks::theirs_currency,
                    breaks::theirs_minor,
                    breaks::ours_currency,
                    breaks::ours_minor,
                ),
                breaks::closed_at,
                break_proposals::minor.nullable(),
            ))
            .load(db))?;
        for row in rows {
            found.add(subject(&row.subject)?, row.read()?);
        }
    }
    Ok(found)
}

/// Holds all breaks about these until the transaction ends, so that two decisions about the same rows
/// follow each other.
pub fn lock(tx: &mut LedgerTx<'_>, subjects: &[SubjectKey]) -> Result<(), StoreError> {
    let mut ids = BTreeSet::new();
    for part in subjects.chunks(crate::store::rows_max(1)) {
        let keys: Vec<&[u8]> = part.iter().map(|key| key.bytes().as_slice()).collect();
        let rows: Vec<Vec<u8>> = both!(tx.0, db => break_subjects::table
            .filter(break_subjects::subject.eq_any(&keys))
            .select(break_subjects::break_id)
            .distinct()
            .load(db))?;
        for id in rows {
            ids.insert(break_id(&id)?);
        }
    }
    super::breaks::hold(tx, &ids.into_iter().collect::<Vec<_>>())
}

fn break_id(bytes: &[u8]) -> Result<BreakId, StoreError> {
    types::bytes16(bytes, "break_subjects.break_id").map(BreakId::from_bytes)
}

fn subject(bytes: &[u8]) -> Result<SubjectKey, StoreError> {
    types::bytes16(bytes, "break_subjects.subject").map(SubjectKey::from_bytes)
}

impl DecisionRow {
    fn read(self) -> Result<PastDecision, StoreError> {
        let corrupt = StoreError::Corrupt;
        Ok(PastDecision {
            id: break_id(&self.id)?,
            period: period(&self.period)?,
            code: BreakCode::by_name(&self.code).ok_or(corrupt("breaks.code"))?,
            state: BreakState::by_name(&self.state).ok_or(corrupt("breaks.state"))?,
            sums: super::breaks::sums(self.sums)?,
            decided_at: types::moment(self.closed_at.ok_or(corrupt("breaks.closed_at"))?),
            posted: self.minor.map(|minor| Amount::from_minor(minor, Asset::CNY)),
        })
    }
}
