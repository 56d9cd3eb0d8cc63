//! What is proposed about a break, and what is said about it.

use std::collections::HashMap;

use diesel::prelude::*;

use super::text;
use crate::clock::Moment;
use crate::ids::{BreakId, StaffId, TransactionId};
use crate::money::{Amount, Asset};
use crate::reconcile::break_record::{Note, NoteAuthor, NoteReaders};
use crate::reconcile::proposal::{Proposal, ProposalAction, ProposalState};
use crate::store::schema::{break_notes, break_proposals};
use crate::store::{Db, LedgerTx, StoreError, types};

/// The most proposals or notes of one break that are read.
const ROWS_MAX: i64 = 500;

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = break_proposals, treat_none_as_default_value = false)]
struct ProposalRow {
    break_id: Vec<u8>,
    number: i64,
    action: String,
    minor: Option<i64>,
    reason: String,
    proposed_by: String,
    proposed_at: chrono::NaiveDateTime,
    lapses_at: chrono::NaiveDateTime,
    state: String,
    #[diesel(embed)]
    decision: Decision,
}

/// What changes when a proposal is decided on.
#[derive(Insertable, Queryable, Selectable, AsChangeset)]
#[diesel(table_name = break_proposals, treat_none_as_default_value = false, treat_none_as_null = true)]
struct Decision {
    decided_by: Option<String>,
    decided_because: Option<String>,
    decided_at: Option<chrono::NaiveDateTime>,
    transaction_id: Option<Vec<u8>>,
}

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = break_notes, treat_none_as_default_value = false)]
struct NoteRow {
    break_id: Vec<u8>,
    number: i64,
    by_kind: String,
    by_id: String,
    shared: bool,
    says: String,
    noted_at: chrono::NaiveDateTime,
}

/// The proposals of a break, by number.
pub fn proposals(db: &mut Db, id: BreakId) -> Result<Vec<Proposal>, StoreError> {
    let rows: Vec<ProposalRow> = break_proposals::table
        .filter(break_proposals::break_id.eq(id.bytes().as_slice()))
        .order(break_proposals::number)
        .limit(ROWS_MAX)
        .select(ProposalRow::as_select())
        .load(db)?;
    rows.into_iter().map(ProposalRow::read).collect()
}

/// The proposals that wait, of these breaks.
pub fn waiting(db: &mut Db, list: &[BreakId]) -> Result<HashMap<BreakId, Proposal>, StoreError> {
    let mut found = HashMap::new();
    for part in list.chunks(crate::store::rows_max(1) - 1) {
        let ids: Vec<&[u8]> = part.iter().map(|id| id.bytes().as_slice()).collect();
        let rows: Vec<ProposalRow> = both!(db, db => break_proposals::table
            .filter(break_proposals::break_id.eq_any(&ids))
            .filter(break_proposals::state.eq("proposed"))
            .select(ProposalRow::as_select())
            .load(db))?;
        for row in rows {
            let id = types::bytes16(&row.break_id, "break_proposals.break_id")?;
            found.insert(BreakId::from_bytes(id), row.read()?);
        }
    }
    Ok(found)
}

/// The newest proposal of a break.
pub fn last_proposal(db: &mut Db, id: BreakId) -> Result<Option<Proposal>, StoreError> {
    let row: Option<ProposalRow> = break_proposals::table
        .filter(break_proposals::break_id.eq(id.bytes().as_slice()))
        .order(break_proposals::number.desc())
        .select(ProposalRow::as_select())
        .first(db)
        .optional()?;
    row.map(ProposalRow::read).transpose()
}

/// Keeps a new proposal. The break must be held by [`super::breaks::lock`].
pub fn propose(tx: &mut LedgerTx<'_>, id: BreakId, proposal: &Proposal) -> Result<(), StoreError> {
    let row = ProposalRow {
        break_id: id.bytes().to_vec(),
        number: proposal.number,
        action: proposal.action.name().to_owned(),
        minor: proposal.action.amount().map(Amount::minor),
        reason: proposal.reason.clone(),
        proposed_by: proposal.proposed_by.to_string(),
        proposed_at: proposal.proposed_at.naive(),
        lapses_at: proposal.lapses_at.naive(),
        state: proposal.state.name().to_owned(),
        decision: Decision::of(&proposal.state),
    };
    both!(tx.0, db => diesel::insert_into(break_proposals::table).values(&row).execute(db))?;
    Ok(())
}

/// Records how a proposal ended.
///
/// # Errors
/// [`StoreError`]; the database refuses to decide twice, and refuses whoever proposed it.
pub fn decide(
    tx: &mut LedgerTx<'_>,
    id: BreakId,
    number: i64,
    state: &ProposalState,
) -> Result<(), StoreError> {
    diesel::update(break_proposals::table.find((id.bytes().as_slice(), number)))
        .set((break_proposals::state.eq(state.name()), Decision::of(state)))
        .execute(tx.0)?;
    Ok(())
}

/// What was said of a break, by number.
pub fn notes(db: &mut Db, id: BreakId) -> Result<Vec<Note>, StoreError> {
    let rows: Vec<NoteRow> = break_notes::table
        .filter(break_notes::break_id.eq(id.bytes().as_slice()))
        .order(break_notes::number)
        .limit(ROWS_MAX)
        .select(NoteRow::as_select())
        .load(db)?;
    rows.into_iter().map(NoteRow::read).collect()
}

/// What a partner may read of it.
pub fn shared_notes(db: &mut Db, id: BreakId) -> Result<Vec<Note>, StoreError> {
    let all = notes(db, id)?.into_iter();
    Ok(all.filter(|note| note.readers == NoteReaders::StaffAndPartner).collect())
}

/// Adds a note under the next number. The break must be held by [`super::breaks::lock`].
pub fn note(tx: &mut LedgerTx<'_>, id: BreakId, note: &Note) -> Result<(), StoreError> {
    let last: Option<i64> = break_notes::table
        .filter(break_notes::break_id.eq(id.bytes().as_slice()))
        .order(break_notes::number.desc())
        .select(break_notes::number)
        .first(tx.0)
        .optional()?;
    let row = NoteRow {
        break_id: id.bytes().to_vec(),
        number: last.unwrap_or(0).saturating_add(1),
        by_kind: note.by.kind().to_owned(),
        by_id: note.by.id().to_owned(),
        shared: note.readers == NoteReaders::StaffAndPartner,
        says: note.says.clone(),
        noted_at: note.noted_at.naive(),
    };
    both!(tx.0, db => diesel::insert_into(break_notes::table).values(&row).execute(db))?;
    Ok(())
}

impl Decision {
    fn of(state: &ProposalState) -> Self {
        let transaction_id = match state {
            ProposalState::Approved { transaction, .. } => {
                transaction.map(|id| id.bytes().to_vec())
            }
            ProposalState::Proposed
            | ProposalState::Rejected { .. }
            | ProposalState::Lapsed { .. } => None,
        };
        let (by, because, at) = match state {
            ProposalState::Proposed => (None, None, None),
            ProposalState::Approved { by, at, .. } => (Some(by), None, Some(at)),
            ProposalState::Rejected { by, because, at } => (Some(by), Some(because), Some(at)),
            ProposalState::Lapsed { at } => (None, None, Some(at)),
        };
        Self {
            decided_by: by.map(ToString::to_string),
            decided_because: because.cloned(),
            decided_at: at.map(|at| at.naive()),
            transaction_id,
        }
    }

    fn read(self, state: &str) -> Result<ProposalState, StoreError> {
        let staff = |id: String| text::<StaffId>(id, "break_proposals.decided_by");
        let at = self.decided_at.map(types::moment);
        let id = self.transaction_id.map(|id| types::uuid(&id, "break_proposals.transaction_id"));
        let transaction = id.transpose()?.map(TransactionId::from_uuid);
        match (state, self.decided_by, self.decided_because, at) {
            ("proposed", None, None, None) => Ok(ProposalState::Proposed),
            ("approved", Some(by), None, Some(at)) => {
                Ok(ProposalState::Approved { by: staff(by)?, at, transaction })
            }
            ("rejected", Some(by), Some(because), Some(at)) => {
                Ok(ProposalState::Rejected { by: staff(by)?, because, at })
            }
            ("lapsed", None, None, Some(at)) => Ok(ProposalState::Lapsed { at }),
            _ => Err(StoreError::Corrupt("break_proposals.state")),
        }
    }
}

impl ProposalRow {
    fn read(self) -> Result<Proposal, StoreError> {
        let amount = self.minor.map(|minor| Amount::from_minor(minor, Asset::CNY));
        let action = ProposalAction::of(&self.action, amount);
        Ok(Proposal {
            number: self.number,
            action: action.ok_or(StoreError::Corrupt("break_proposals.action"))?,
            reason: self.reason,
            proposed_by: text(self.proposed_by, "break_proposals.proposed_by")?,
            proposed_at: types::moment(self.proposed_at),
            lapses_at: types::moment(self.lapses_at),
            state: self.decision.read(&self.state)?,
        })
    }
}

impl NoteRow {
    fn read(self) -> Result<Note, StoreError> {
        let by = match self.by_kind.as_str() {
            "staff" => NoteAuthor::Staff(text(self.by_id, "break_notes.by_id")?),
            "partner" => NoteAuthor::Partner(types::partner(&self.by_id)?),
            _ => return Err(StoreError::Corrupt("break_notes.by_kind")),
        };
        let readers = if self.shared { NoteReaders::StaffAndPartner } else { NoteReaders::Staff };
        let noted_at: Moment = types::moment(self.noted_at);
        Ok(Note { number: self.number, by, readers, says: self.says, noted_at })
    }
}
