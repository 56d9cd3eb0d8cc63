//! Corrections by staff: proposed, then posted or rejected, once.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::{CorrectionId, CustomerId, EventKey, MemberRef, StaffId, TransactionId};
use crate::ledger::TransactionKind;
use crate::money::{Amount, Asset};
use crate::program::{Adjustment, Correction, CorrectionContent, CorrectionState, Reversal};
use crate::store::schema::{corrections, events, transactions};
use crate::store::{Db, LedgerTx, StoreError, types};

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = corrections, treat_none_as_default_value = false)]
struct Row {
    id: String,
    kind: String,
    customer_id: Option<Vec<u8>>,
    partner_id: Option<String>,
    member_ref: Option<String>,
    points: i64,
    expires_at: Option<chrono::NaiveDateTime>,
    reverses: Option<Vec<u8>>,
    reason: String,
    proposed_by: String,
    proposed_at: chrono::NaiveDateTime,
    above_limit: bool,
    state: String,
    #[diesel(embed)]
    closing: Closing,
}

/// What changes when a correction is closed.
#[derive(Default, Insertable, Queryable, Selectable, AsChangeset)]
#[diesel(table_name = corrections, treat_none_as_default_value = false, treat_none_as_null = true)]
struct Closing {
    transaction_id: Option<Vec<u8>>,
    approved_by: Option<String>,
    rejected_by: Option<String>,
    rejected_because: Option<String>,
    closed_at: Option<chrono::NaiveDateTime>,
}

/// Keeps a new correction; `false` when its id is taken, or its transaction is reversed already.
pub fn insert(tx: &mut LedgerTx<'_>, correction: &Correction) -> Result<bool, StoreError> {
    let row = Row::of(correction);
    let count = both!(tx.0, db => diesel::insert_into(corrections::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(db))?;
    Ok(count == 1)
}

/// Records that a proposed correction was posted or rejected. It must be held by [`lock`].
///
/// # Errors
/// [`StoreError`]; the database refuses to close it twice.
pub fn close(tx: &mut LedgerTx<'_>, correction: &Correction) -> Result<(), StoreError> {
    diesel::update(corrections::table.find(correction.id.as_str()))
        .set((corrections::state.eq(correction.state.name()), Closing::of(&correction.state)))
        .execute(tx.0)?;
    Ok(())
}

/// Holds a correction until the transaction ends, before any customer is held, and reads it.
pub fn lock(
    tx: &mut LedgerTx<'_>,
    id: &CorrectionId,
) -> Result<Option<(Correction, Option<String>)>, StoreError> {
    if let Db::Postgres(db) = &mut *tx.0 {
        corrections::table
            .filter(corrections::id.eq(id.as_str()))
            .select(corrections::id)
            .for_no_key_update()
            .load::<String>(db)?;
    }
    get(tx.0, id)
}

/// A correction, and the receipt of its transaction once it is posted.
pub fn get(
    db: &mut Db,
    id: &CorrectionId,
) -> Result<Option<(Correction, Option<String>)>, StoreError> {
    let row: Option<(Row, Option<String>)> = corrections::table
        .left_join(
            transactions::table.on(corrections::transaction_id.eq(transactions::id.nullable())),
        )
        .filter(corrections::id.eq(id.as_str()))
        .select((Row::as_select(), transactions::receipt.nullable()))
        .first(db)
        .optional()?;
    row.map(|(row, receipt)| Ok((row.read()?, receipt))).transpose()
}

/// Corrections in that state, the oldest first, after the one with which the page before ended.
pub fn page(
    db: &mut Db,
    state: &str,
    after: Option<(Moment, &CorrectionId)>,
    rows_max: i64,
) -> Result<Vec<Correction>, StoreError> {
    let (at, id) = after.map_or((Moment::from_naive(chrono::NaiveDateTime::default()), ""), |it| {
        (it.0, it.1.as_str())
    });
    let later_at_once = corrections::proposed_at.eq(at.naive()).and(corrections::id.gt(id));
    let rows: Vec<Row> = corrections::table
        .filter(corrections::state.eq(state))
        .filter(corrections::proposed_at.gt(at.naive()).or(later_at_once))
        .order((corrections::proposed_at, corrections::id))
        .limit(rows_max)
        .select(Row::as_select())
        .load(db)?;
    rows.into_iter().map(Row::read).collect()
}

/// The correction that reverses a transaction or proposes to.
pub fn reversing(db: &mut Db, id: TransactionId) -> Result<Option<CorrectionId>, StoreError> {
    let found: Option<String> = corrections::table
        .filter(corrections::reverses.eq(id.bytes().as_slice()))
        .filter(corrections::state.ne("rejected"))
        .select(corrections::id)
        .first(db)
        .optional()?;
    found.map(|id| read(id, "corrections.id")).transpose()
}

/// Those of these events whose transactions are reversed.
pub fn reversed(db: &mut Db, keys: &[EventKey]) -> Result<Vec<EventKey>, StoreError> {
    let keys: Vec<&[u8]> = keys.iter().map(|key| key.bytes().as_slice()).collect();
    let rows: Vec<Vec<u8>> = both!(db, db => events::table
        .inner_join(
            corrections::table.on(corrections::reverses.eq(events::transaction_id.nullable())),
        )
        .filter(events::id.eq_any(&keys))
        .filter(corrections::state.eq("posted"))
        .select(events::id)
        .load(db))?;
    rows.iter().map(|id| Ok(EventKey::from_bytes(types::bytes16(id, "events.id")?))).collect()
}

impl Row {
    fn of(correction: &Correction) -> Self {
        let mut row = Self {
            id: correction.id.to_string(),
            kind: correction.what.kind().name().to_owned(),
            customer_id: correction.what.customer().map(|id| id.bytes().to_vec()),
            partner_id: None,
            member_ref: None,
            points: correction.what.points().minor(),
            expires_at: None,
            reverses: None,
            reason: correction.reason.clone(),
            proposed_by: correction.proposed_by.to_string(),
            proposed_at: correction.proposed_at.naive(),
            above_limit: correction.above_limit,
            state: correction.state.name().to_owned(),
            closing: Closing::of(&correction.state),
        };
        match &correction.what {
            CorrectionContent::Adjustment(adjustment) => {
                row.partner_id = Some(adjustment.partner.to_string());
                row.member_ref = Some(adjustment.member.to_string());
                row.expires_at = adjustment.expires_at.map(Moment::naive);
            }
            CorrectionContent::Reversal(reversal) => {
                row.reverses = Some(reversal.transaction.bytes().to_vec());
            }
        }
        row
    }

    fn read(self) -> Result<Correction, StoreError> {
        let points = Amount::from_minor(self.points, Asset::PTS);
        let customer = self.customer_id.map(|id| types::uuid(&id, "corrections.customer_id"));
        let customer = customer.transpose()?.map(CustomerId::from_uuid);
        let kind = TransactionKind::by_name(&self.kind);
        let what = match kind {
            Some(TransactionKind::Adjustment) => CorrectionContent::Adjustment(Adjustment {
                customer: customer.ok_or(StoreError::Corrupt("corrections.customer_id"))?,
                partner: types::partner(&self.partner_id.unwrap_or_default())?,
                member: read::<MemberRef>(
                    self.member_ref.unwrap_or_default(),
                    "corrections.member_ref",
                )?,
                points,
                expires_at: self.expires_at.map(types::moment),
            }),
            Some(TransactionKind::Reversal) => {
                let reverses = self.reverses.unwrap_or_default();
                let transaction =
                    TransactionId::from_uuid(types::uuid(&reverses, "corrections.reverses")?);
                CorrectionContent::Reversal(Reversal { transaction, customer, points })
            }
            _ => return Err(StoreError::Corrupt("corrections.kind")),
        };
        Ok(Correction {
            id: read(self.id, "corrections.id")?,
            what,
            reason: self.reason,
            proposed_by: read(self.proposed_by, "corrections.proposed_by")?,
            proposed_at: types::moment(self.proposed_at),
            above_limit: self.above_limit,
            state: self.closing.read(&self.state)?,
        })
    }
}

impl Closing {
    fn of(state: &CorrectionState) -> Self {
        match state {
            CorrectionState::Proposed => Self::default(),
            CorrectionState::Posted { transaction, approved_by, at } => Self {
                transaction_id: Some(transaction.bytes().to_vec()),
                approved_by: approved_by.as_ref().map(ToString::to_string),
                closed_at: Some(at.naive()),
                ..Self::default()
            },
            CorrectionState::Rejected { by, reason, at } => Self {
                rejected_by: Some(by.to_string()),
                rejected_because: Some(reason.clone()),
                closed_at: Some(at.naive()),
                ..Self::default()
            },
        }
    }

    fn read(self, state: &str) -> Result<CorrectionState, StoreError> {
        let at = self.closed_at.map(types::moment);
        match (state, at, self.transaction_id, self.rejected_by) {
            ("proposed", None, None, None) => Ok(CorrectionState::Proposed),
            ("posted", Some(at), Some(id), None) => Ok(CorrectionState::Posted {
                transaction: TransactionId::from_uuid(types::uuid(
                    &id,
                    "corrections.transaction_id",
                )?),
                approved_by: self
                    .approved_by
                    .map(|by| read::<StaffId>(by, "corrections.approved_by"))
                    .transpose()?,
                at,
            }),
            ("rejected", Some(at), None, Some(by)) => Ok(CorrectionState::Rejected {
                by: read(by, "corrections.rejected_by")?,
                reason: self.rejected_because.unwrap_or_default(),
                at,
            }),
            _ => Err(StoreError::Corrupt("corrections.state")),
        }
    }
}

fn read<T: TryFrom<String>>(text: String, column: &'static str) -> Result<T, StoreError> {
    T::try_from(text).map_err(|_invalid| StoreError::Corrupt(column))
}
