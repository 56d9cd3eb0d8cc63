//! Entries of the bank that fit no payout, or not as it stands, and what people decide on them.

use chrono::NaiveDate;
use diesel::prelude::*;

use super::payouts::entry_id;
use super::text;
use crate::clock::Moment;
use crate::ids::{BankEntryId, StaffId, TransactionId};
use crate::reconcile::bank::code::{BankBreakAction, BankBreakCode, BankBreakState};
use crate::reconcile::bank::message::{BankReason, BankValue};
use crate::store::schema::{bank_break_proposals, bank_breaks, bank_entries};
use crate::store::{Db, LedgerTx, StoreError, types};

/// A break of the bank, with the entry that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BankBreak {
    pub id: BankEntryId,
    pub code: BankBreakCode,
    pub payout: Option<String>,
    pub opened_at: Moment,
    pub due_on: NaiveDate,
    pub state: BankBreakState,
    pub closed_at: Option<Moment>,
    pub entry: EntryFacts,
}

/// An entry as the bank said it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryFacts {
    /// `debit`, `credit` or `status`.
    pub kind: String,
    pub line: i64,
    pub value: Option<BankValue>,
    pub reference: Option<String>,
    pub end_to_end_id: Option<String>,
    pub counter_account: Option<String>,
    pub booked_on: Option<String>,
    pub status: Option<String>,
    pub reason: BankReason,
}

/// What somebody proposed about a break of the bank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BankBreakProposal {
    /// Counted from 1 for each break.
    pub number: i64,
    pub action: BankBreakAction,
    pub reason: String,
    pub proposed_by: StaffId,
    pub proposed_at: Moment,
    pub decision: Option<BankBreakDecision>,
}

/// How a proposal ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BankBreakDecision {
    pub by: StaffId,
    pub at: Moment,
    pub outcome: BankBreakOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BankBreakOutcome {
    Approved { transaction: Option<TransactionId> },
    Rejected { because: String },
}

/// Which breaks to list, and from where.
pub struct BankBreakPage {
    pub state: BankBreakState,
    pub after: Option<(Moment, BankEntryId)>,
    pub rows_max: i64,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = bank_breaks)]
struct Row {
    id: Vec<u8>,
    code: String,
    payout: Option<String>,
    opened_at: chrono::NaiveDateTime,
    due_on: String,
    state: String,
    closed_at: Option<chrono::NaiveDateTime>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = bank_entries)]
struct EntryRow {
    kind: String,
    line: i64,
    currency: Option<String>,
    minor: Option<i64>,
    reference: Option<String>,
    end_to_end_id: Option<String>,
    counter_account: Option<String>,
    booked_on: Option<String>,
    status: Option<String>,
    reason_code: Option<String>,
    reason_text: Option<String>,
}

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = bank_break_proposals, treat_none_as_default_value = false)]
struct ProposalRow {
    bank_break: Vec<u8>,
    number: i64,
    action: String,
    reason: String,
    proposed_by: String,
    proposed_at: chrono::NaiveDateTime,
    state: String,
    #[diesel(embed)]
    decision: DecisionRow,
}

#[derive(Default, Insertable, Queryable, Selectable, AsChangeset)]
#[diesel(table_name = bank_break_proposals, treat_none_as_default_value = false, treat_none_as_null = true)]
struct DecisionRow {
    decided_by: Option<String>,
    decided_because: Option<String>,
    decided_at: Option<chrono::NaiveDateTime>,
    transaction_id: Option<Vec<u8>>,
}

/// A new break, which is open.
pub struct NewBankBreak<'a> {
    pub id: BankEntryId,
    pub code: BankBreakCode,
    pub payout: Option<&'a str>,
    pub opened_at: Moment,
    pub due_on: NaiveDate,
}

pub fn insert(tx: &mut LedgerTx<'_>, new: &NewBankBreak<'_>) -> Result<(), StoreError> {
    let row = (
        bank_breaks::id.eq(new.id.bytes().as_slice()),
        bank_breaks::code.eq(new.code.name()),
        bank_breaks::payout.eq(new.payout),
        bank_breaks::opened_at.eq(new.opened_at.naive()),
        bank_breaks::due_on.eq(new.due_on.to_string()),
        bank_breaks::state.eq(BankBreakState::Open.name()),
    );
    both!(tx.0, db => diesel::insert_into(bank_breaks::table).values(row).execute(db))?;
    Ok(())
}

pub fn get(db: &mut Db, id: BankEntryId) -> Result<Option<BankBreak>, StoreError> {
    let row: Option<(Row, EntryRow)> = bank_breaks::table
        .inner_join(bank_entries::table)
        .filter(bank_breaks::id.eq(id.bytes().as_slice()))
        .select((Row::as_select(), EntryRow::as_select()))
        .first(db)
        .optional()?;
    row.map(|(row, entry)| row.read(entry)).transpose()
}

/// Breaks in a state, the oldest first.
pub fn page(db: &mut Db, asked: &BankBreakPage) -> Result<Vec<BankBreak>, StoreError> {
    let mut query = bank_breaks::table
        .inner_join(bank_entries::table)
        .filter(bank_breaks::state.eq(asked.state.name()))
        .order((bank_breaks::opened_at, bank_breaks::id))
        .limit(asked.rows_max)
        .select((Row::as_select(), EntryRow::as_select()))
        .into_boxed();
    if let Some((at, id)) = asked.after {
        let same =
            bank_breaks::opened_at.eq(at.naive()).and(bank_breaks::id.gt(id.bytes().to_vec()));
        query = query.filter(bank_breaks::opened_at.ge(at.naive()));
        query = query.filter(bank_breaks::opened_at.gt(at.naive()).or(same));
    }
    let rows: Vec<(Row, EntryRow)> = query.load(db)?;
    rows.into_iter().map(|(row, entry)| row.read(entry)).collect()
}

/// The open break of a payout that came back before its payment was known.
pub fn returned_early(db: &mut Db, payout: &str) -> Result<Option<BankEntryId>, StoreError> {
    let open = [BankBreakState::Open.name(), BankBreakState::Proposed.name()];
    let id: Option<Vec<u8>> = both!(db, db => bank_breaks::table
        .filter(bank_breaks::payout.eq(payout))
        .filter(bank_breaks::state.eq_any(open))
        .filter(bank_breaks::code.eq(BankBreakCode::ReturnedEarly.name()))
        .order((bank_breaks::opened_at, bank_breaks::id))
        .select(bank_breaks::id)
        .first(db)
        .optional())?;
    id.map(|id| entry_id(&id)).transpose()
}

/// Whether the bank has booked a payout once more, whatever people decided on that.
pub fn has_paid_twice(db: &mut Db, payout: &str) -> Result<bool, StoreError> {
    let id: Option<Vec<u8>> = bank_breaks::table
        .filter(bank_breaks::payout.eq(payout))
        .filter(bank_breaks::code.eq(BankBreakCode::PaidTwice.name()))
        .select(bank_breaks::id)
        .first(db)
        .optional()?;
    Ok(id.is_some())
}

/// Moves a break on. The database asks for an approved proposal where people decide.
pub fn set_state(
    tx: &mut LedgerTx<'_>,
    id: BankEntryId,
    state: BankBreakState,
    now: Moment,
) -> Result<(), StoreError> {
    let closed_at = (!state.is_open()).then(|| now.naive());
    diesel::update(bank_breaks::table.find(id.bytes().as_slice()))
        .set((bank_breaks::state.eq(state.name()), bank_breaks::closed_at.eq(closed_at)))
        .execute(tx.0)?;
    Ok(())
}

/// The newest proposal about a break.
pub fn last_proposal(
    db: &mut Db,
    id: BankEntryId,
) -> Result<Option<BankBreakProposal>, StoreError> {
    let row: Option<ProposalRow> = bank_break_proposals::table
        .filter(bank_break_proposals::bank_break.eq(id.bytes().as_slice()))
        .order(bank_break_proposals::number.desc())
        .select(ProposalRow::as_select())
        .first(db)
        .optional()?;
    row.map(ProposalRow::read).transpose()
}

pub fn propose(
    tx: &mut LedgerTx<'_>,
    id: BankEntryId,
    proposal: &BankBreakProposal,
) -> Result<(), StoreError> {
    let row = ProposalRow {
        bank_break: id.bytes().to_vec(),
        number: proposal.number,
        action: proposal.action.name().to_owned(),
        reason: proposal.reason.clone(),
        proposed_by: proposal.proposed_by.to_string(),
        proposed_at: proposal.proposed_at.naive(),
        state: "proposed".to_owned(),
        decision: DecisionRow::default(),
    };
    both!(tx.0, db => diesel::insert_into(bank_break_proposals::table).values(&row).execute(db))?;
    Ok(())
}

/// Records how a proposal ended. The database refuses to decide twice, and whoever proposed it.
pub fn decide(
    tx: &mut LedgerTx<'_>,
    id: BankEntryId,
    number: i64,
    decision: &BankBreakDecision,
) -> Result<(), StoreError> {
    let (state, because, transaction) = match &decision.outcome {
        BankBreakOutcome::Approved { transaction } => ("approved", None, *transaction),
        BankBreakOutcome::Rejected { because } => ("rejected", Some(because.clone()), None),
    };
    let row = DecisionRow {
        decided_by: Some(decision.by.to_string()),
        decided_because: because,
        decided_at: Some(decision.at.naive()),
        transaction_id: transaction.map(|id| id.bytes().to_vec()),
    };
    diesel::update(bank_break_proposals::table.find((id.bytes().as_slice(), number)))
        .set((bank_break_proposals::state.eq(state), row))
        .execute(tx.0)?;
    Ok(())
}

impl Row {
    fn read(self, entry: EntryRow) -> Result<BankBreak, StoreError> {
        let due_on = self.due_on.parse();
        let value = entry.currency.zip(entry.minor);
        Ok(BankBreak {
            id: entry_id(&self.id)?,
            code: BankBreakCode::by_name(&self.code)
                .ok_or(StoreError::Corrupt("bank_breaks.code"))?,
            payout: self.payout,
            opened_at: types::moment(self.opened_at),
            due_on: due_on
                .map_err(|_error: chrono::ParseError| StoreError::Corrupt("bank_breaks.due_on"))?,
            state: BankBreakState::by_name(&self.state)
                .ok_or(StoreError::Corrupt("bank_breaks.state"))?,
            closed_at: self.closed_at.map(types::moment),
            entry: EntryFacts {
                kind: entry.kind,
                line: entry.line,
                value: value.map(|(currency, minor)| BankValue { currency, minor }),
                reference: entry.reference,
                end_to_end_id: entry.end_to_end_id,
                counter_account: entry.counter_account,
                booked_on: entry.booked_on,
                status: entry.status,
                reason: BankReason { code: entry.reason_code, text: entry.reason_text },
            },
        })
    }
}

impl ProposalRow {
    fn read(self) -> Result<BankBreakProposal, StoreError> {
        let decided_by = self.decision.decided_by;
        let by = decided_by.map(|id| text(id, "bank_break_proposals.decided_by")).transpose()?;
        let transaction = self.decision.transaction_id;
        let transaction = transaction.map(|id| types::uuid(&id, "bank_break_proposals"));
        let transaction = transaction.transpose()?.map(TransactionId::from_uuid);
        let outcome = match (self.state.as_str(), self.decision.decided_because) {
            ("approved", None) => Some(BankBreakOutcome::Approved { transaction }),
            ("rejected", Some(because)) => Some(BankBreakOutcome::Rejected { because }),
            ("proposed", None) => None,
            _ => return Err(StoreError::Corrupt("bank_break_proposals.state")),
        };
        let at = self.decision.decided_at.map(types::moment);
        let decision = by.zip(at).zip(outcome);
        let decision = decision.map(|((by, at), outcome)| BankBreakDecision { by, at, outcome });
        Ok(BankBreakProposal {
            number: self.number,
            action: BankBreakAction::by_name(&self.action)
                .ok_or(StoreError::Corrupt("bank_break_proposals.action"))?,
            reason: self.reason,
            proposed_by: text(self.proposed_by, "bank_break_proposals.proposed_by")?,
            proposed_at: types::moment(self.proposed_at),
            decision,
        })
    }
}
