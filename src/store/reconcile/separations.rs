//! Matches that two people end for good.

use diesel::prelude::*;

use super::{period, text};
use crate::ids::{EventKey, ItemName, PartnerId, ReconciliationId, SeparationId, StatementId};
use crate::reconcile::period::Period;
use crate::reconcile::separation::{Separation, SeparationState};
use crate::store::schema::separations;
use crate::store::{Db, LedgerTx, StoreError, types};

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = separations, treat_none_as_default_value = false)]
struct Row {
    id: Vec<u8>,
    partner_id: String,
    period: String,
    statement_id: Vec<u8>,
    line: i64,
    made_by: i64,
    content: Vec<u8>,
    event_key: Vec<u8>,
    event_id: String,
    reason: String,
    proposed_by: String,
    proposed_at: chrono::NaiveDateTime,
    state: String,
    #[diesel(embed)]
    decision: DecisionRow,
}

#[derive(Default, Insertable, Queryable, Selectable, AsChangeset)]
#[diesel(
    table_name = separations,
    treat_none_as_default_value = false,
    treat_none_as_null = true
)]
struct DecisionRow {
    decided_by: Option<String>,
    decided_because: Option<String>,
    decided_at: Option<chrono::NaiveDateTime>,
    run: Option<Vec<u8>>,
}

/// What a line says and an event that do not belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptApart {
    pub content: ItemName,
    pub event: EventKey,
}

/// `false`: one waits for the same match already, or has ended it.
pub fn insert(tx: &mut LedgerTx<'_>, separation: &Separation) -> Result<bool, StoreError> {
    let row = Row {
        id: separation.id.bytes().to_vec(),
        partner_id: separation.partner.to_string(),
        period: separation.period.to_string(),
        statement_id: separation.statement.bytes().to_vec(),
        line: separation.line,
        made_by: separation.made_by,
        content: separation.content.bytes().to_vec(),
        event_key: separation.event_key.bytes().to_vec(),
        event_id: separation.event.to_string(),
        reason: separation.reason.clone(),
        proposed_by: separation.proposed_by.to_string(),
        proposed_at: separation.proposed_at.naive(),
        state: separation.state.name().to_owned(),
        decision: DecisionRow::default(),
    };
    let count = both!(tx.0, db => diesel::insert_into(separations::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(db))?;
    Ok(count == 1)
}

pub fn get(db: &mut Db, id: SeparationId) -> Result<Option<Separation>, StoreError> {
    let row = separations::table.find(id.bytes().as_slice()).select(Row::as_select());
    row.first::<Row>(db).optional()?.map(Row::read).transpose()
}

/// Those of a month, in the order in which they were proposed.
pub fn page(
    db: &mut Db,
    partner: &PartnerId,
    month: Period,
    after: Option<SeparationId>,
    rows_max: i64,
) -> Result<Vec<Separation>, StoreError> {
    let mut query = separations::table
        .filter(separations::partner_id.eq(partner.as_str().to_owned()))
        .filter(separations::period.eq(month.to_string()))
        .order(separations::id)
        .limit(rows_max)
        .select(Row::as_select())
        .into_boxed();
    if let Some(id) = after {
        query = query.filter(separations::id.gt(id.bytes().to_vec()));
    }
    let rows: Vec<Row> = query.load(db)?;
    rows.into_iter().map(Row::read).collect()
}

/// How many were proposed of a month, whatever became of them.
pub fn count(db: &mut Db, partner: &PartnerId, month: Period) -> Result<i64, StoreError> {
    let all = separations::table
        .filter(separations::partner_id.eq(partner.as_str()))
        .filter(separations::period.eq(month.to_string()));
    Ok(all.count().get_result(db)?)
}

/// What two people keep apart in a month.
pub fn kept_apart(
    db: &mut Db,
    partner: &PartnerId,
    month: Period,
) -> Result<Vec<KeptApart>, StoreError> {
    let rows: Vec<(Vec<u8>, Vec<u8>)> = separations::table
        .filter(separations::partner_id.eq(partner.as_str()))
        .filter(separations::period.eq(month.to_string()))
        .filter(separations::state.eq("approved"))
        .order(separations::id)
        .select((separations::content, separations::event_key))
        .load(db)?;
    let read = |(content, event): (Vec<u8>, Vec<u8>)| {
        Ok(KeptApart {
            content: ItemName::from_bytes(types::bytes16(&content, "separations.content")?),
            event: EventKey::from_bytes(types::bytes16(&event, "separations.event_key")?),
        })
    };
    rows.into_iter().map(read).collect()
}

/// Records what became of one; `false` when somebody has decided before. The database refuses whoever
/// proposed it.
pub fn decide(
    tx: &mut LedgerTx<'_>,
    id: SeparationId,
    state: &SeparationState,
) -> Result<bool, StoreError> {
    let decision = match state {
        SeparationState::Proposed => DecisionRow::default(),
        SeparationState::Approved { by, at, run } => DecisionRow {
            decided_by: Some(by.to_string()),
            decided_because: None,
            decided_at: Some(at.naive()),
            run: Some(run.bytes().to_vec()),
        },
        SeparationState::Rejected { by, because, at } => DecisionRow {
            decided_by: Some(by.to_string()),
            decided_because: Some(because.clone()),
            decided_at: Some(at.naive()),
            run: None,
        },
    };
    let waiting = separations::table
        .filter(separations::id.eq(id.bytes().as_slice()))
        .filter(separations::state.eq("proposed"));
    let count = diesel::update(waiting)
        .set((separations::state.eq(state.name()), decision))
        .execute(tx.0)?;
    Ok(count == 1)
}

impl Row {
    fn read(self) -> Result<Separation, StoreError> {
        let DecisionRow { decided_by, decided_because, decided_at, run } = self.decision;
        let by = decided_by.map(|id| text(id, "separations.decided_by")).transpose()?;
        let run = run.map(|id| types::uuid(&id, "separations.run")).transpose()?;
        let at = decided_at.map(types::moment);
        let state = match (self.state.as_str(), by.zip(at), decided_because, run) {
            ("proposed", None, None, None) => SeparationState::Proposed,
            ("approved", Some((by, at)), None, Some(run)) => {
                SeparationState::Approved { by, at, run: ReconciliationId::from_uuid(run) }
            }
            ("rejected", Some((by, at)), Some(because), None) => {
                SeparationState::Rejected { by, because, at }
            }
            _ => return Err(StoreError::Corrupt("separations.state")),
        };
        let statement = types::uuid(&self.statement_id, "separations.statement_id")?;
        Ok(Separation {
            id: SeparationId::from_uuid(types::uuid(&self.id, "separations.id")?),
            partner: types::partner(&self.partner_id)?,
            period: period(&self.period)?,
            statement: StatementId::from_uuid(statement),
            line: self.line,
            made_by: self.made_by,
            content: ItemName::from_bytes(types::bytes16(&self.content, "separations.content")?),
            event_key: EventKey::from_bytes(types::bytes16(
                &self.event_key,
                "separations.event_key",
            )?),
            event: text(self.event_id, "separations.event_id")?,
            reason: self.reason,
            proposed_by: text(self.proposed_by, "separations.proposed_by")?,
            proposed_at: types::moment(self.proposed_at),
            state,
        })
    }
}
