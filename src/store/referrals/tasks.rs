//! What customer managers are to do. A task that the CRM is told of has a message of its own for
//! each thing that becomes of it.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::prelude::*;

use crate::clock::Moment;
use crate::follow_up::task::{Task, TaskClosing, TaskState};
use crate::ids::{CustomerId, ReferralId, RuleId, TaskId};
use crate::partner::follow_up::Cause;
use crate::store::schema::tasks;
use crate::store::{Db, LedgerTx, StoreError, types};

/// Which tasks to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub state: Option<TaskState>,
    pub manager: Option<RuleId>,
    /// Due before this day.
    pub due_before: Option<NaiveDate>,
    /// After this one.
    pub after: Option<(NaiveDate, TaskId)>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = tasks, treat_none_as_default_value = false)]
struct Row {
    id: Vec<u8>,
    rule: String,
    cause: String,
    referral_id: Option<Vec<u8>>,
    customer_id: Option<Vec<u8>>,
    branch_id: Option<String>,
    manager_id: Option<String>,
    says: String,
    says_zh: String,
    in_crm: bool,
    opens_at: chrono::NaiveDateTime,
    due_on: String,
    state: String,
    recorded_at: chrono::NaiveDateTime,
    closed_by_kind: Option<String>,
    closed_by: Option<String>,
    note: Option<String>,
    closed_at: Option<chrono::NaiveDateTime>,
}

/// Records a task, once for its cause. `false` when it had been.
pub fn insert(tx: &mut LedgerTx<'_>, task: &Task) -> Result<bool, StoreError> {
    let row = Row::of(task);
    let inserted = both!(tx.0, db => diesel::insert_into(tasks::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(db))?;
    Ok(inserted == 1)
}

/// Up to `max` planned tasks that are due to open, earliest first.
pub fn to_open(db: &mut Db, now: Moment, max: i64) -> Result<Vec<TaskId>, StoreError> {
    let rows: Vec<Vec<u8>> = tasks::table
        .filter(tasks::state.eq(TaskState::Planned.name()))
        .filter(tasks::opens_at.le(now.naive()))
        .order(tasks::opens_at)
        .limit(max)
        .select(tasks::id)
        .load(db)?;
    rows.iter().map(|id| types::uuid(id, "tasks.id").map(TaskId::from_uuid)).collect()
}

/// A planned task opens. Returns the task as it is then, or `None` when it was no longer planned.
pub fn open(tx: &mut LedgerTx<'_>, id: TaskId) -> Result<Option<Task>, StoreError> {
    let planned = tasks::table
        .filter(tasks::id.eq(id.bytes().as_slice()))
        .filter(tasks::state.eq(TaskState::Planned.name()));
    let opened =
        diesel::update(planned).set(tasks::state.eq(TaskState::Open.name())).execute(tx.0)?;
    if opened == 1 { get(tx.0, id) } else { Ok(None) }
}

/// A task ends. Returns the task as it was before, or `None` when it had ended, or is not there.
pub fn close(
    tx: &mut LedgerTx<'_>,
    id: TaskId,
    state: TaskState,
    closed: &TaskClosing,
) -> Result<Option<Task>, StoreError> {
    if let Db::Postgres(db) = &mut *tx.0 {
        tasks::table
            .find(id.bytes().as_slice())
            .select(tasks::id)
            .for_no_key_update()
            .load::<Vec<u8>>(db)?;
    }
    let Some(before) = get(tx.0, id)?.filter(|task| !task.state.is_closed()) else {
        return Ok(None);
    };
    diesel::update(tasks::table.find(id.bytes().as_slice()))
        .set((
            tasks::state.eq(state.name()),
            tasks::closed_by_kind.eq(&closed.by_kind),
            tasks::closed_by.eq(&closed.by),
            tasks::note.eq(&closed.note),
            tasks::closed_at.eq(closed.at.naive()),
        ))
        .execute(tx.0)?;
    Ok(Some(before))
}

/// One, whosever it is.
pub fn get(db: &mut Db, id: TaskId) -> Result<Option<Task>, StoreError> {
    let row: Option<Row> =
        tasks::table.find(id.bytes().as_slice()).select(Row::as_select()).first(db).optional()?;
    row.map(Task::try_from).transpose()
}

/// What is still to be done about a referral as a lead.
pub fn of_referral(db: &mut Db, referral: ReferralId) -> Result<Vec<Task>, StoreError> {
    let rows: Vec<Row> = tasks::table
        .filter(tasks::referral_id.eq(referral.bytes().as_slice()))
        .filter(tasks::state.eq("planned").or(tasks::state.eq("open")))
        .order((tasks::due_on, tasks::id))
        .select(Row::as_select())
        .load(db)?;
    rows.into_iter().map(Task::try_from).collect()
}

/// What is still to be done because a customer is at risk.
pub fn of_customer_at_risk(db: &mut Db, customer: CustomerId) -> Result<Vec<Task>, StoreError> {
    let rows: Vec<Row> = tasks::table
        .filter(tasks::customer_id.eq(customer.bytes().as_slice()))
        .filter(tasks::cause.eq(Cause::AtRisk.name()))
        .filter(tasks::state.eq("planned").or(tasks::state.eq("open")))
        .select(Row::as_select())
        .load(db)?;
    rows.into_iter().map(Task::try_from).collect()
}

/// How many open tasks each of these customer managers has, of those that have any.
pub fn open_of(db: &mut Db, managers: &[&RuleId]) -> Result<HashMap<String, i64>, StoreError> {
    let ids: Vec<&str> = managers.iter().map(|id| id.as_str()).collect();
    let rows: Vec<(Option<String>, i64)> = both!(db, db => tasks::table
        .filter(tasks::manager_id.eq_any(&ids))
        .filter(tasks::state.eq(TaskState::Open.name()))
        .group_by(tasks::manager_id)
        .select((tasks::manager_id, diesel::dsl::count_star()))
        .load(db))?;
    Ok(rows.into_iter().filter_map(|(id, count)| Some((id?, count))).collect())
}

/// Tasks by due date, earliest first.
pub fn page(db: &mut Db, filter: &Filter, rows_max: i64) -> Result<Vec<Task>, StoreError> {
    let mut query = tasks::table
        .order((tasks::due_on, tasks::id))
        .limit(rows_max)
        .select(Row::as_select())
        .into_boxed();
    if let Some(state) = filter.state {
        query = query.filter(tasks::state.eq(state.name()));
    }
    if let Some(manager) = &filter.manager {
        query = query.filter(tasks::manager_id.eq(manager.as_str()));
    }
    if let Some(day) = filter.due_before {
        query = query.filter(tasks::due_on.lt(day.to_string()));
    }
    if let Some((day, id)) = &filter.after {
        let later = tasks::due_on.gt(day.to_string());
        let same = tasks::due_on.eq(day.to_string()).and(tasks::id.gt(id.bytes().to_vec()));
        query = query.filter(later.or(same));
    }
    let rows: Vec<Row> = query.load(db)?;
    rows.into_iter().map(Task::try_from).collect()
}

impl Row {
    fn of(task: &Task) -> Self {
        let closed = task.closed.as_ref();
        Self {
            id: task.id.bytes().to_vec(),
            rule: task.rule.to_string(),
            cause: task.cause.name().to_owned(),
            referral_id: task.referral.map(|id| id.bytes().to_vec()),
            customer_id: task.customer.map(|id| id.bytes().to_vec()),
            branch_id: task.branch.as_ref().map(ToString::to_string),
            manager_id: task.manager.as_ref().map(ToString::to_string),
            says: task.says.clone(),
            says_zh: task.says_zh.clone(),
            in_crm: task.in_crm,
            opens_at: task.opens_at.naive(),
            due_on: task.due_on.to_string(),
            state: task.state.name().to_owned(),
            recorded_at: task.recorded_at.naive(),
            closed_by_kind: closed.map(|it| it.by_kind.clone()),
            closed_by: closed.map(|it| it.by.clone()),
            note: closed.and_then(|it| it.note.clone()),
            closed_at: closed.map(|it| it.at.naive()),
        }
    }
}

impl TryFrom<Row> for Task {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let corrupt = StoreError::Corrupt;
        let rule = |id: String, column| RuleId::try_from(id).map_err(|_bad| corrupt(column));
        let id = |id: &[u8], column| types::uuid(id, column);
        let closed = match (row.closed_by_kind, row.closed_by, row.closed_at) {
            (Some(by_kind), Some(by), Some(at)) => {
                Some(TaskClosing { by_kind, by, note: row.note, at: types::moment(at) })
            }
            _ => None,
        };
        Ok(Self {
            id: TaskId::from_uuid(id(&row.id, "tasks.id")?),
            rule: rule(row.rule, "tasks.rule")?,
            cause: Cause::by_name(&row.cause).ok_or(corrupt("tasks.cause"))?,
            referral: row
                .referral_id
                .map(|it| id(&it, "tasks.referral_id").map(ReferralId::from_uuid))
                .transpose()?,
            customer: row
                .customer_id
                .map(|it| id(&it, "tasks.customer_id").map(CustomerId::from_uuid))
                .transpose()?,
            branch: row.branch_id.map(|it| rule(it, "tasks.branch_id")).transpose()?,
            manager: row.manager_id.map(|it| rule(it, "tasks.manager_id")).transpose()?,
            says: row.says,
            says_zh: row.says_zh,
            in_crm: row.in_crm,
            opens_at: types::moment(row.opens_at),
            due_on: row.due_on.parse().map_err(|_bad| corrupt("tasks.due_on"))?,
            state: TaskState::by_name(&row.state).ok_or(corrupt("tasks.state"))?,
            recorded_at: types::moment(row.recorded_at),
            closed,
        })
    }
}
