//! Payouts that were ordered, and what became of each.

use diesel::prelude::*;

use super::{period, text};
use crate::clock::Moment;
use crate::ids::{BankEntryId, PartnerId, StaffId, TransactionId};
use crate::money::{Amount, Asset};
use crate::reconcile::bank::message::{BankReason, OrderNames};
use crate::reconcile::bank::state::PayoutState;
use crate::reconcile::period::Period;
use crate::store::schema::{payout_moves, payouts};
use crate::store::{Db, LedgerTx, StoreError, types};

/// A payout as its file was first given out, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayoutRecord {
    pub message_id: String,
    pub partner: PartnerId,
    pub period: Period,
    /// The number of the settlement that it pays.
    pub number: i64,
    pub end_to_end_id: String,
    pub amount: Amount,
    pub payer_account: String,
    pub payee_account: String,
    pub state: PayoutState,
    pub ordered_by: StaffId,
    pub ordered_at: Moment,
}

impl PayoutRecord {
    /// The number of the statement that it pays.
    #[must_use]
    pub fn statement_no(&self) -> String {
        format!("{}-{}-{}", self.partner, self.period, self.number)
    }
}

/// A step of a payout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayoutMove {
    pub state: PayoutState,
    /// What the bank said; none for what people did.
    pub entry: Option<BankEntryId>,
    pub by: StaffId,
    pub reason: BankReason,
    pub transaction: Option<TransactionId>,
    pub at: Moment,
}

/// The most steps of one payout: one for each state.
const MOVES_MAX: i64 = 16;

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = payouts, treat_none_as_default_value = false)]
struct Row {
    message_id: String,
    partner_id: String,
    period: String,
    number: i64,
    end_to_end_id: String,
    minor: i64,
    payer_account: String,
    payee_account: String,
    state: String,
    ordered_by: String,
    ordered_at: chrono::NaiveDateTime,
}

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = payout_moves, treat_none_as_default_value = false)]
struct MoveRow {
    payout: String,
    number: i64,
    state: String,
    entry_id: Option<Vec<u8>>,
    moved_by: String,
    reason_code: Option<String>,
    reason_text: Option<String>,
    transaction_id: Option<Vec<u8>>,
    moved_at: chrono::NaiveDateTime,
}

/// What the bank says, and what follows from it, is recorded by one transaction at a time. SQLite has
/// one writer.
pub fn lock(tx: &mut LedgerTx<'_>) -> Result<(), StoreError> {
    if let Db::Postgres(db) = &mut *tx.0 {
        diesel::sql_query("SELECT pg_advisory_xact_lock(7310299)").execute(db)?;
    }
    Ok(())
}

/// Keeps a payout that is ordered, unless its month has one.
pub fn insert(tx: &mut LedgerTx<'_>, payout: &PayoutRecord) -> Result<(), StoreError> {
    let row = Row::of(payout);
    let count = both!(tx.0, db => diesel::insert_into(payouts::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(db))?;
    if count == 0 {
        return Ok(());
    }
    let first = PayoutMove {
        state: PayoutState::Ordered,
        entry: None,
        by: payout.ordered_by.clone(),
        reason: BankReason::default(),
        transaction: None,
        at: payout.ordered_at,
    };
    keep_move(tx, &payout.message_id, &first)
}

/// The payout of a month.
pub fn of_month(
    db: &mut Db,
    partner: &PartnerId,
    period: Period,
) -> Result<Option<PayoutRecord>, StoreError> {
    let row: Option<Row> = payouts::table
        .filter(payouts::partner_id.eq(partner.as_str()))
        .filter(payouts::period.eq(period.to_string()))
        .select(Row::as_select())
        .first(db)
        .optional()?;
    row.map(Row::read).transpose()
}

pub fn get(db: &mut Db, message_id: &str) -> Result<Option<PayoutRecord>, StoreError> {
    let row: Option<Row> =
        payouts::table.find(message_id).select(Row::as_select()).first(db).optional()?;
    row.map(Row::read).transpose()
}

/// The payout that the bank names, if all its names are of one.
pub fn named(db: &mut Db, order: &OrderNames) -> Result<Option<PayoutRecord>, StoreError> {
    let mut found = None;
    // Some banks put a name of their own where the message's id belongs.
    for message_id in &order.message_ids {
        found = get(db, message_id)?;
        if found.is_some() {
            break;
        }
    }
    let found = match (found, &order.end_to_end_id) {
        (None, Some(end_to_end_id)) => by_end_to_end_id(db, end_to_end_id)?,
        (found, _) => found,
    };
    let is_other = |payout: &PayoutRecord| {
        order.end_to_end_id.as_ref().is_some_and(|id| *id != payout.end_to_end_id)
    };
    Ok(found.filter(|payout| !is_other(payout)))
}

fn by_end_to_end_id(db: &mut Db, id: &str) -> Result<Option<PayoutRecord>, StoreError> {
    let row: Option<Row> = payouts::table
        .filter(payouts::end_to_end_id.eq(id))
        .select(Row::as_select())
        .first(db)
        .optional()?;
    row.map(Row::read).transpose()
}

/// Whether any payout was ordered from that account.
pub fn is_payer(db: &mut Db, account: &str) -> Result<bool, StoreError> {
    let found: Option<String> = payouts::table
        .filter(payouts::payer_account.eq(account))
        .select(payouts::message_id)
        .first(db)
        .optional()?;
    Ok(found.is_some())
}

/// Takes a payout to the next state. The database refuses a state that does not follow.
pub fn advance(
    tx: &mut LedgerTx<'_>,
    message_id: &str,
    step: &PayoutMove,
) -> Result<(), StoreError> {
    diesel::update(payouts::table.find(message_id))
        .set(payouts::state.eq(step.state.name()))
        .execute(tx.0)?;
    keep_move(tx, message_id, step)
}

fn keep_move(tx: &mut LedgerTx<'_>, payout: &str, step: &PayoutMove) -> Result<(), StoreError> {
    let number = moves(tx.db(), payout)?.len();
    let row = MoveRow {
        payout: payout.to_owned(),
        number: i64::try_from(number).unwrap_or(MOVES_MAX).saturating_add(1),
        state: step.state.name().to_owned(),
        entry_id: step.entry.map(|id| id.bytes().to_vec()),
        moved_by: step.by.to_string(),
        reason_code: step.reason.code.clone(),
        reason_text: step.reason.text.clone(),
        transaction_id: step.transaction.map(|id| id.bytes().to_vec()),
        moved_at: step.at.naive(),
    };
    both!(tx.0, db => diesel::insert_into(payout_moves::table).values(&row).execute(db))?;
    Ok(())
}

/// How a payout came where it stands, the first step first.
pub fn moves(db: &mut Db, message_id: &str) -> Result<Vec<PayoutMove>, StoreError> {
    let rows: Vec<MoveRow> = payout_moves::table
        .filter(payout_moves::payout.eq(message_id))
        .order(payout_moves::number)
        .limit(MOVES_MAX)
        .select(MoveRow::as_select())
        .load(db)?;
    rows.into_iter().map(MoveRow::read).collect()
}

impl Row {
    fn of(payout: &PayoutRecord) -> Self {
        Self {
            message_id: payout.message_id.clone(),
            partner_id: payout.partner.to_string(),
            period: payout.period.to_string(),
            number: payout.number,
            end_to_end_id: payout.end_to_end_id.clone(),
            minor: payout.amount.minor(),
            payer_account: payout.payer_account.clone(),
            payee_account: payout.payee_account.clone(),
            state: payout.state.name().to_owned(),
            ordered_by: payout.ordered_by.to_string(),
            ordered_at: payout.ordered_at.naive(),
        }
    }

    fn read(self) -> Result<PayoutRecord, StoreError> {
        let state = PayoutState::by_name(&self.state);
        Ok(PayoutRecord {
            message_id: self.message_id,
            partner: types::partner(&self.partner_id)?,
            period: period(&self.period)?,
            number: self.number,
            end_to_end_id: self.end_to_end_id,
            amount: Amount::from_minor(self.minor, Asset::CNY),
            payer_account: self.payer_account,
            payee_account: self.payee_account,
            state: state.ok_or(StoreError::Corrupt("payouts.state"))?,
            ordered_by: text(self.ordered_by, "payouts.ordered_by")?,
            ordered_at: types::moment(self.ordered_at),
        })
    }
}

impl MoveRow {
    fn read(self) -> Result<PayoutMove, StoreError> {
        let state = PayoutState::by_name(&self.state);
        let entry = self.entry_id.map(|id| entry_id(&id)).transpose()?;
        let transaction = self.transaction_id.map(|id| types::uuid(&id, "payout_moves"));
        Ok(PayoutMove {
            state: state.ok_or(StoreError::Corrupt("payout_moves.state"))?,
            entry,
            by: text(self.moved_by, "payout_moves.moved_by")?,
            reason: BankReason { code: self.reason_code, text: self.reason_text },
            transaction: transaction.transpose()?.map(TransactionId::from_uuid),
            at: types::moment(self.moved_at),
        })
    }
}

pub(super) fn entry_id(bytes: &[u8]) -> Result<BankEntryId, StoreError> {
    let bytes = <[u8; 16]>::try_from(bytes);
    Ok(BankEntryId::from_bytes(bytes.map_err(|_length| StoreError::Corrupt("bank_entries.id"))?))
}
