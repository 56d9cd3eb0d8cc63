//! Customer managers look at their tasks, and close them with a note.

use actix_web::{HttpResponse, web};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::clock::{self, Moment};
use crate::event::read_object;
use crate::follow_up::closing::{self, ClosingOutcome, TaskEnding};
use crate::follow_up::task::{Task, TaskClosing, TaskEnd, TaskState};
use crate::http::Gateway;
use crate::http::access::staff::{Manage, Staff};
use crate::http::problem::Problem;
use crate::http::schemas::follow_up::TaskNoteBody;
use crate::http::server::media::JsonBody;
use crate::http::server::page::Place;
use crate::http::server::paths::REPLAYED;
use crate::ids::{CustomerId, ReferralId, RuleId, TaskId};
use crate::store::tasks::{self, Filter};

const NOTE_CHARACTERS_MAX: usize = 500;

/// The query of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// Tasks of this customer manager alone.
    #[param(value_type = Option<RuleId>)]
    manager: Option<String>,
    /// `open` without it.
    #[param(pattern = "^(planned|open|done|cancelled)$")]
    state: Option<String>,
    /// Due before this day.
    #[param(value_type = Option<String>, format = Date)]
    due_before: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

/// Something that a customer manager is to do.
#[derive(Serialize, ToSchema)]
#[schema(as = Task)]
pub(in crate::http) struct View {
    task: TaskId,
    /// The programme's rule that made it.
    rule: RuleId,
    /// `qualified`, `contacted` or `at_risk`.
    cause: &'static str,
    /// `planned`, `open`, `done` or `cancelled`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    referral: Option<ReferralId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    customer: Option<CustomerId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    branch: Option<RuleId>,
    /// Absent where nobody could be chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    manager: Option<RuleId>,
    says: String,
    says_zh: String,
    opens_at: Moment,
    #[schema(value_type = String, format = Date)]
    due_on: NaiveDate,
    recorded_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    closed: Option<Closing>,
}

/// How it ended.
#[derive(Serialize, ToSchema)]
#[schema(as = TaskClosing)]
struct Closing {
    /// `staff`, or `program` where things moved on by themselves.
    by_kind: String,
    by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    note: Option<String>,
    closed_at: Moment,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Tasks)]
pub(in crate::http) struct Views {
    tasks: Vec<View>,
    /// Where the next page begins; null on the last.
    next: Option<String>,
}

/// Tasks by due date, earliest first.
#[utoipa::path(
    get, path = "/v1/tasks", tag = "Follow-up", security(("staff" = ["manage"])),
    params(Page), responses((status = 200, description = "A page.", body = Views))
)]
pub async fn get_tasks(
    _staff: Staff<Manage>,
    gateway: web::Data<Gateway>,
    page: web::Query<Page>,
) -> Result<HttpResponse, Problem> {
    let Page { manager, state, due_before, cursor, limit } = page.into_inner();
    let place = Place::read(limit, cursor.as_deref(), read_cursor)?;
    let filter = Filter {
        state: Some(read_state(state.as_deref().unwrap_or("open"))?),
        manager: manager.map(read_manager_id).transpose()?,
        due_before: due_before.as_deref().map(read_day).transpose()?,
        after: place.after,
    };
    let rows_max = place.rows_max();
    let mut found = gateway.main.ask(move |db| tasks::page(db, &filter, rows_max)).await?;
    let next = place.cut(&mut found, |last| format!("{}~{}", last.due_on, last.id));
    let tasks = found.into_iter().map(View::of).collect();
    Ok(HttpResponse::Ok().json(Views { tasks, next }))
}

/// One task.
#[utoipa::path(
    get, path = "/v1/tasks/{task}", tag = "Follow-up", security(("staff" = ["manage"])),
    params(("task" = TaskId, Path, description = "The task.")),
    responses((status = 200, description = "The task.", body = View))
)]
pub async fn get_task(
    _staff: Staff<Manage>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&path)?;
    let task =
        gateway.main.ask(move |db| tasks::get(db, id)).await?.ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok().json(View::of(task)))
}

/// It is done.
#[utoipa::path(
    post, path = "/v1/tasks/{task}/completion", tag = "Follow-up",
    security(("staff" = ["manage"])),
    params(("task" = TaskId, Path, description = "The task.")),
    request_body = TaskNoteBody,
    responses((status = 200, description = "Done, now or before.", body = View))
)]
pub async fn complete_task(
    staff: Staff<Manage>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    close(staff, &gateway, &path, TaskEnd::Done, &body).await
}

/// It is not to be done any more.
#[utoipa::path(
    post, path = "/v1/tasks/{task}/cancellation", tag = "Follow-up",
    security(("staff" = ["manage"])),
    params(("task" = TaskId, Path, description = "The task.")),
    request_body = TaskNoteBody,
    responses((status = 200, description = "Cancelled, now or before.", body = View))
)]
pub async fn cancel_task(
    staff: Staff<Manage>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    close(staff, &gateway, &path, TaskEnd::Cancelled, &body).await
}

async fn close(
    staff: Staff<Manage>,
    gateway: &Gateway,
    path: &str,
    end: TaskEnd,
    body: &[u8],
) -> Result<HttpResponse, Problem> {
    let id = read_id(path)?;
    let note = read_object(body, |body| body.text("note", NOTE_CHARACTERS_MAX).map(str::to_owned))?;
    let close =
        move |db: &mut _| closing::close(&staff.id, db, id, TaskEnding { end, note }, clock::now());
    Ok(match gateway.main.ask_or(close).await? {
        ClosingOutcome::Closed(task) => {
            gateway.main.messages_waiting.notify_one();
            HttpResponse::Ok().json(View::of(task))
        }
        ClosingOutcome::ClosedBefore(task) => {
            HttpResponse::Ok().insert_header((REPLAYED, "true")).json(View::of(task))
        }
    })
}

fn read_id(path: &str) -> Result<TaskId, Problem> {
    TaskId::try_from(path).map_err(|_invalid| Problem::not_found())
}

fn read_state(name: &str) -> Result<TaskState, Problem> {
    let names = TaskState::ALL.map(TaskState::name).join(", ");
    let expected = || Problem::parameter("state", &format!("expected {names}"));
    TaskState::by_name(name).ok_or_else(expected)
}

fn read_manager_id(id: String) -> Result<RuleId, Problem> {
    let expected = |_bad| Problem::parameter("manager", "expected a customer manager's id");
    RuleId::try_from(id).map_err(expected)
}

fn read_day(text: &str) -> Result<NaiveDate, Problem> {
    let expected = |_bad| Problem::parameter("due_before", "expected a date, such as 2026-12-31");
    text.parse().map_err(expected)
}

fn read_cursor(cursor: &str) -> Option<(NaiveDate, TaskId)> {
    let (day, id) = cursor.split_once('~')?;
    Some((day.parse().ok()?, TaskId::try_from(id).ok()?))
}

impl View {
    fn of(task: Task) -> Self {
        let closing = |closed: TaskClosing| Closing {
            by_kind: closed.by_kind,
            by: closed.by,
            note: closed.note,
            closed_at: closed.at,
        };
        Self {
            task: task.id,
            rule: task.rule,
            cause: task.cause.name(),
            state: task.state.name(),
            referral: task.referral,
            customer: task.customer,
            branch: task.branch,
            manager: task.manager,
            says: task.says,
            says_zh: task.says_zh,
            opens_at: task.opens_at,
            due_on: task.due_on,
            recorded_at: task.recorded_at,
            closed: task.closed.map(closing),
        }
    }
}
