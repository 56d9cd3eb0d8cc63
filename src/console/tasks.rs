//! What customer managers have to do: the list by due day, and one task with its end.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono::NaiveDate;
use serde::Deserialize;

use super::break_acts::read_text;
use super::break_list::Choice;
use super::break_page::FormError;
use super::page::{self, Frame, Part};
use super::reason::{DecisionForm, no_reason};
use super::story_links;
use super::story_page::FactView;
use super::task_words::{TaskWords, task_state};
use super::visit::{Sent, Visit};
use crate::clock;
use crate::follow_up::closing::{self, ClosingOutcome, TaskEnding, TasksAsked};
use crate::follow_up::task::{Task, TaskEnd, TaskState};
use crate::http::Gateway;
use crate::http::pages::forms::see_other;
use crate::http::problem::Problem;
use crate::http::server::page::Place;
use crate::ids::{RuleId, TaskId};
use crate::story::StoryId;

const ROWS: u16 = 50;
const PATH: &str = "/console/tasks";

#[derive(Template)]
#[template(path = "tasks.html", config = "src/http/askama.toml")]
struct List {
    frame: Frame,
    t: &'static TaskWords,
    states: Vec<Choice>,
    manager: String,
    rows: Vec<Row>,
    next: String,
}

struct Row {
    href: String,
    says: String,
    manager: String,
    due: String,
    is_overdue: bool,
}

#[derive(Template)]
#[template(path = "task.html", config = "src/http/askama.toml")]
struct OnePage {
    frame: Frame,
    t: &'static TaskWords,
    row: Row,
    state: &'static str,
    is_open: bool,
    facts: Vec<FactView>,
    /// The lead's story; empty where the task is about no referral.
    story: String,
    form: DecisionForm,
    errors: Vec<FormError>,
}

/// The filters of the address.
#[derive(Deserialize)]
pub struct Query {
    #[serde(default)]
    state: String,
    #[serde(default)]
    manager: String,
    cursor: Option<String>,
}

/// `GET /console/tasks`.
pub async fn get_tasks(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    query: web::Query<Query>,
) -> Result<HttpResponse, Problem> {
    let place = Place::read(Some(ROWS), query.cursor.as_deref(), read_cursor)?;
    let state = TaskState::by_name(&query.state).unwrap_or(TaskState::Open);
    let manager = RuleId::try_from(query.manager.as_str()).ok();
    let asked = TasksAsked {
        state,
        manager: manager.clone(),
        due_before: None,
        after: place.after,
        rows_max: place.rows_max(),
    };
    let mut found = gateway.main.ask(move |db| closing::list(db, &asked)).await?;
    let next = place.cut(&mut found, |last| format!("{}~{}", last.due_on, last.id));
    let frame = Frame::open(&request, &gateway, &visit, Part::Tasks).await?;
    let states = TaskState::ALL.into_iter().map(|it| Choice {
        value: it.name().to_owned(),
        label: task_state(it, frame.language).to_owned(),
        is_chosen: it == state,
    });
    let manager = manager.map_or_else(String::new, |it| it.to_string());
    let next = next.map_or_else(String::new, |next| {
        format!("{PATH}?state={}&manager={manager}&cursor={next}", state.name())
    });
    let page = List {
        t: TaskWords::of(frame.language),
        states: states.collect(),
        manager,
        rows: found.iter().map(|it| Row::of(&frame, it)).collect(),
        next,
        frame,
    };
    page::show(&request, StatusCode::OK, &page)
}

/// `GET /console/tasks/{task}`.
pub async fn get_task(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    show(&visit, &gateway, &request, DecisionForm::default(), Vec::new()).await
}

/// `POST /console/tasks/{task}/completion`.
pub async fn post_completion(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<DecisionForm>,
) -> Result<HttpResponse, Problem> {
    end(&gateway, &request, sent, TaskEnd::Done).await
}

/// `POST /console/tasks/{task}/cancellation`.
pub async fn post_cancellation(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<DecisionForm>,
) -> Result<HttpResponse, Problem> {
    end(&gateway, &request, sent, TaskEnd::Cancelled).await
}

async fn end(
    gateway: &Gateway,
    request: &HttpRequest,
    sent: Sent<DecisionForm>,
    end: TaskEnd,
) -> Result<HttpResponse, Problem> {
    let Sent { visit, form } = sent;
    let id = read_id(request)?;
    let Some(note) = read_text(&form.reason) else {
        return show(&visit, gateway, request, form, vec![no_reason(request)]).await;
    };
    let who = visit.id().clone();
    let close =
        move |db: &mut _| closing::close(&who, db, id, TaskEnding { end, note }, clock::now());
    if let ClosingOutcome::Closed(_) = gateway.main.ask_or(close).await? {
        gateway.main.messages_waiting.notify_one();
    }
    Ok(see_other(&format!("{PATH}/{id}")))
}

async fn show(
    visit: &Visit,
    gateway: &Gateway,
    request: &HttpRequest,
    form: DecisionForm,
    errors: Vec<FormError>,
) -> Result<HttpResponse, Problem> {
    let id = read_id(request)?;
    let found = gateway.main.ask(move |db| closing::read(db, id)).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    let frame = Frame::open(request, gateway, visit, Part::Tasks).await?;
    let t = TaskWords::of(frame.language);
    let mut facts = vec![FactView::plain(t.opens, frame.figures.time(&found.opens_at))];
    let none = || t.nobody.to_owned();
    let manager = found.manager.as_ref().map_or_else(none, ToString::to_string);
    facts.push(FactView::plain(t.manager, manager));
    facts.extend(found.branch.as_ref().map(|it| FactView::plain(t.branch, it.to_string())));
    if let Some(closed) = &found.closed {
        let by = format!("{}, {}", closed.by, frame.figures.time(&closed.at));
        facts.push(FactView::plain(t.ended_by, by));
        facts.extend(closed.note.as_ref().map(|it| FactView::plain(t.note, it.clone())));
    }
    let story = found.referral.map(|id| story_links::path(StoryId::Referral(id)));
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = OnePage {
        t,
        row: Row::of(&frame, &found),
        state: task_state(found.state, frame.language),
        is_open: found.closed.is_none(),
        facts,
        story: story.unwrap_or_default(),
        form,
        errors,
        frame,
    };
    page::show(request, status, &page)
}

fn read_id(request: &HttpRequest) -> Result<TaskId, Problem> {
    let id = request.match_info().get("task").unwrap_or_default();
    TaskId::try_from(id).map_err(|_other| Problem::not_found())
}

fn read_cursor(cursor: &str) -> Option<(NaiveDate, TaskId)> {
    let (day, id) = cursor.split_once('~')?;
    Some((day.parse().ok()?, TaskId::try_from(id).ok()?))
}

impl Row {
    fn of(frame: &Frame, task: &Task) -> Self {
        Self {
            href: format!("{PATH}/{}", task.id),
            says: frame.say(&task.says, &task.says_zh).to_owned(),
            manager: task.manager.as_ref().map_or_else(String::new, ToString::to_string),
            due: frame.figures.day(&task.due_on),
            is_overdue: task.closed.is_none() && task.due_on < frame.now.day_in(frame.zone),
        }
    }
}
