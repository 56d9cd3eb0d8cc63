//! A customer manager closes a task: it is done, or it is not to be done any more.

use chrono::NaiveDate;

use super::task::{Task, TaskClosing, TaskEnd, TaskState};
use crate::clock::Moment;
use crate::ids::{RuleId, StaffId, TaskId};
use crate::store::tasks::Filter;
use crate::store::{Db, LedgerTx, StoreError, outbox, tasks};

/// How staff close a task, and what they note.
#[derive(Clone, Debug)]
pub struct TaskEnding {
    pub end: TaskEnd,
    pub note: String,
}

/// What became of closing a task.
pub enum ClosingOutcome {
    /// It is closed by this request.
    Closed(Task),
    /// The same person had closed it so before.
    ClosedBefore(Task),
}

/// Why a task is not closed. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum TaskRefusal {
    #[error("there is no such task")]
    NotFound,
    /// Somebody else closed it, or it ended otherwise.
    #[error("the task is {} already", .0.name())]
    ClosedBefore(TaskState),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Closes a task with a note. Staff who repeat their own step get its answer again.
///
/// # Errors
/// [`TaskRefusal::NotFound`]; [`TaskRefusal::ClosedBefore`] when it ended in another way.
pub fn close(
    who: &StaffId,
    db: &mut Db,
    id: TaskId,
    ending: TaskEnding,
    now: Moment,
) -> Result<ClosingOutcome, TaskRefusal> {
    let TaskEnding { end, note } = ending;
    let by = who.to_string();
    let closing =
        TaskClosing { by_kind: "staff".to_owned(), by: by.clone(), note: Some(note), at: now };
    let (is_new, task) = db.write(|tx| {
        let is_new = record(tx, id, end, &closing)?;
        Ok::<_, StoreError>((is_new, tasks::get(tx.db(), id)?))
    })?;
    let task = task.ok_or(TaskRefusal::NotFound)?;
    if is_new {
        return Ok(ClosingOutcome::Closed(task));
    }
    let is_own =
        task.closed.as_ref().is_some_and(|closed| closed.by_kind == "staff" && closed.by == by);
    if is_own && task.state == end.state() {
        return Ok(ClosingOutcome::ClosedBefore(task));
    }
    Err(TaskRefusal::ClosedBefore(task.state))
}

/// Records how a task ended, and queues a message where the CRM knows the task. `false` when it had
/// ended before, or is not there.
pub fn record(
    tx: &mut LedgerTx<'_>,
    id: TaskId,
    end: TaskEnd,
    closing: &TaskClosing,
) -> Result<bool, StoreError> {
    let Some(before) = tasks::close(tx, id, end.state(), closing)? else { return Ok(false) };
    // A task that was only planned is not in the CRM yet.
    if before.state == TaskState::Open {
        queue_for_crm(tx, &before, closing.at)?;
    }
    Ok(true)
}

/// Queues a message about a task that the CRM keeps. The message is written from the task when it
/// goes out.
pub fn queue_for_crm(tx: &mut LedgerTx<'_>, task: &Task, now: Moment) -> Result<(), StoreError> {
    match task.referral {
        Some(referral) if task.in_crm => outbox::task_changed(tx, task.id, referral, now),
        Some(_) | None => Ok(()),
    }
}

/// Tasks in a state by their due days, the earliest first, after the last one of the page before; of one
/// customer manager, or of all.
///
/// # Errors
/// The store's.
pub fn list(db: &mut Db, asked: &TasksAsked) -> Result<Vec<Task>, StoreError> {
    let filter = Filter {
        state: Some(asked.state),
        manager: asked.manager.clone(),
        due_before: asked.due_before,
        after: asked.after,
    };
    tasks::page(db, &filter, asked.rows_max)
}

/// # Errors
/// The store's.
pub fn read(db: &mut Db, id: TaskId) -> Result<Option<Task>, StoreError> {
    tasks::get(db, id)
}

/// Which tasks somebody asks for.
pub struct TasksAsked {
    pub state: TaskState,
    pub manager: Option<RuleId>,
    pub due_before: Option<NaiveDate>,
    pub after: Option<(NaiveDate, TaskId)>,
    pub rows_max: i64,
}
