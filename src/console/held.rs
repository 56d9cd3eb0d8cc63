//! Events and rewards that are held, and what a person decides on one.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use uuid::Uuid;

use super::break_acts::read_text;
use super::break_page::FormError;
use super::decision_words::DecisionWords;
use super::journal::sum_of;
use super::lists::{Query, Tabs};
use super::page::{self, Frame, Part, partner_name};
use super::reason::{DecisionForm, no_reason};
use super::refusal::stale;
use super::sign_in::fresh_path;
use super::story_links;
use super::story_page::FactView;
use super::story_words::kind_name;
use super::visit::{Sent, Visit};
use crate::clock::{self, Moment};
use crate::http::Gateway;
use crate::http::access::staff::Role;
use crate::http::pages::forms::see_other;
use crate::http::problem::Problem;
use crate::http::server::page::Place;
use crate::ids::{EventKey, StaffId};
use crate::on_hold::{self, OnHold};
use crate::story::StoryId;
use crate::writer::{HeldOrder, HeldStep};

const ROWS: u16 = 50;
const PATH: &str = "/console/approvals/held";

#[derive(Template)]
#[template(path = "held_list.html", config = "src/http/askama.toml")]
struct List {
    frame: Frame,
    d: &'static DecisionWords,
    tabs: Tabs,
    rows: Vec<Row>,
    next: String,
}

struct Row {
    href: String,
    kind: String,
    name: String,
    amount: String,
    partner: String,
    why: String,
    since: String,
    needs_second: bool,
}

/// One thing that is held, with its form.
#[derive(Template)]
#[template(path = "held.html", config = "src/http/askama.toml")]
pub struct OnePage {
    pub frame: Frame,
    pub d: &'static DecisionWords,
    pub title: String,
    pub state: &'static str,
    pub is_waiting: bool,
    /// Why it is held.
    pub says: Vec<String>,
    pub facts: Vec<FactView>,
    pub standing: Standing,
    /// What a release does, and what a rejection does.
    pub release_says: &'static str,
    pub reject_says: &'static str,
    /// Its own address; empty `story` where the reader may not open it.
    pub path: String,
    pub story: String,
    pub fresh_href: String,
    pub form: DecisionForm,
    pub errors: Vec<FormError>,
}

/// Whether the reader may decide.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Closed,
    Own,
    OtherRole,
    Stale,
    Decides,
}

/// `GET /console/approvals/held`.
pub async fn get_held(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    query: web::Query<Query>,
) -> Result<HttpResponse, Problem> {
    let place = Place::read(Some(ROWS), query.cursor.as_deref(), read_cursor)?;
    let (after, rows_max) = (place.after, place.rows_max());
    let mut found = gateway.main.ask(move |db| on_hold::events(db, after, rows_max)).await?;
    let next = place.cut(&mut found, |last| {
        format!("{}~{}", last.held.recorded_at, Uuid::from_bytes(*last.held.event.bytes()))
    });
    let frame = Frame::open(&request, &gateway, &visit, Part::Approvals).await?;
    let rows = found.iter().map(|it| Row::of(&gateway, &frame, it)).collect();
    let next = next.map_or_else(String::new, |next| format!("{PATH}?cursor={next}"));
    let d = DecisionWords::of(frame.language);
    let page = List { d, tabs: Tabs::of(&visit, frame.language), rows, next, frame };
    page::show(&request, StatusCode::OK, &page)
}

/// `GET /console/approvals/held/{held}`.
pub async fn get_one(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    show(&visit, &gateway, &request, DecisionForm::default(), Vec::new()).await
}

/// `POST /console/approvals/held/{held}/release`.
pub async fn post_release(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<DecisionForm>,
) -> Result<HttpResponse, Problem> {
    decide(&gateway, &request, sent, HeldStep::Release).await
}

/// `POST /console/approvals/held/{held}/rejection`.
pub async fn post_rejection(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<DecisionForm>,
) -> Result<HttpResponse, Problem> {
    decide(&gateway, &request, sent, HeldStep::Reject).await
}

async fn decide(
    gateway: &Gateway,
    request: &HttpRequest,
    sent: Sent<DecisionForm>,
    step: HeldStep,
) -> Result<HttpResponse, Problem> {
    let Sent { visit, form } = sent;
    let event = read_key(request)?;
    let Some(reason) = read_text(&form.reason) else {
        return show(&visit, gateway, request, form, vec![no_reason(request)]).await;
    };
    if step == HeldStep::Release && !visit.is_fresh(gateway, clock::now()) {
        return stale(request, &path(event));
    }
    let own_subjects = visit.session.who.own_subjects.clone();
    let order = HeldOrder { event, by: visit.id().clone(), own_subjects, reason, step };
    gateway.main.writer.decide_held(order).await?;
    Ok(see_other(&path(event)))
}

async fn show(
    visit: &Visit,
    gateway: &Gateway,
    request: &HttpRequest,
    form: DecisionForm,
    errors: Vec<FormError>,
) -> Result<HttpResponse, Problem> {
    let key = read_key(request)?;
    let found = gateway.main.ask(move |db| on_hold::event(db, key)).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    let frame = Frame::open(request, gateway, visit, Part::Approvals).await?;
    let d = DecisionWords::of(frame.language);
    let held = &found.held;
    let is_waiting = held.decided.is_none();
    let proposer = held.proposed.as_ref().map(|it| it.by.as_str());
    let is_own = proposer.is_some_and(|by| is_person(by, visit));
    let state = match held.state.name() {
        "open" => d.is_open,
        "released" => d.is_released,
        _ => d.is_rejected,
    };
    let story = match &held.reward {
        Some(reward) => StoryId::Referral(reward.referral),
        None => StoryId::Event(key),
    };
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = OnePage {
        d,
        title: title(&frame, &found),
        state,
        is_waiting,
        says: says(&frame, &found),
        facts: facts(gateway, &frame, &found),
        standing: standing(visit, gateway, is_waiting, is_own),
        release_says: d.release_says,
        reject_says: d.reject_says,
        path: path(key),
        story: if story_links::may_read(visit) { story_links::path(story) } else { String::new() },
        fresh_href: fresh_path(&path(key)),
        form,
        errors,
        frame,
    };
    page::show(request, status, &page)
}

/// Whether somebody may decide on what is held.
pub fn standing(visit: &Visit, gateway: &Gateway, is_waiting: bool, is_own: bool) -> Standing {
    if !is_waiting {
        Standing::Closed
    } else if is_own {
        Standing::Own
    } else if !visit.has(Role::Decide) {
        Standing::OtherRole
    } else if visit.is_fresh(gateway, clock::now()) {
        Standing::Decides
    } else {
        Standing::Stale
    }
}

fn is_person(by: &str, visit: &Visit) -> bool {
    StaffId::try_from(by.to_owned()).is_ok_and(|by| by.is_same_person(visit.id()))
}

fn title(frame: &Frame, found: &OnHold) -> String {
    let kind = kind_name(&found.held.kind, frame.language);
    let name = found.event.as_ref().map(|it| it.id.as_str());
    name.map_or_else(|| kind.clone(), |name| format!("{kind} · {name}"))
}

/// What the event is about; empty for a reward.
fn amount(frame: &Frame, found: &OnHold) -> String {
    found.event.as_ref().map_or_else(String::new, |it| sum_of(frame, &it.amount))
}

fn says(frame: &Frame, found: &OnHold) -> Vec<String> {
    found.says.iter().map(|it| frame.say(&it.says, &it.says_zh).to_owned()).collect()
}

fn facts(gateway: &Gateway, frame: &Frame, found: &OnHold) -> Vec<FactView> {
    let (d, held, figures) = (DecisionWords::of(frame.language), &found.held, frame.figures);
    let said =
        |it: &str, because: &str, at: &Moment| format!("{it}, {}: {because}", figures.time(at));
    let mut facts = vec![
        FactView::plain(frame.w.partner, partner_name(gateway, &held.partner)),
        FactView::plain(d.held_since, figures.time(&held.recorded_at)),
    ];
    if let Some(it) = &found.event {
        facts.insert(0, FactView::plain(frame.w.amount, amount(frame, found)));
        facts.push(FactView::plain(d.happened, figures.time(&it.effective_at)));
    }
    if let Some(it) = &held.proposed {
        facts.push(FactView::plain(d.proposed_by, said(&it.by, &it.because, &it.at)));
    }
    if let Some(it) = &held.decided {
        facts.push(FactView::plain(d.decided, said(&it.by, &it.because, &it.at)));
    }
    facts
}

fn path(key: EventKey) -> String {
    format!("{PATH}/{}", Uuid::from_bytes(*key.bytes()))
}

fn read_key(request: &HttpRequest) -> Result<EventKey, Problem> {
    let id = request.match_info().get("held").unwrap_or_default();
    let id = Uuid::parse_str(id).map_err(|_other| Problem::not_found())?;
    Ok(EventKey::from_bytes(*id.as_bytes()))
}

fn read_cursor(cursor: &str) -> Option<(Moment, EventKey)> {
    let (at, key) = cursor.split_once('~')?;
    let key = EventKey::from_bytes(*Uuid::parse_str(key).ok()?.as_bytes());
    Some((Moment::parse(at)?, key))
}

impl Row {
    fn of(gateway: &Gateway, frame: &Frame, found: &OnHold) -> Self {
        let held = &found.held;
        Self {
            href: path(held.event),
            kind: kind_name(&held.kind, frame.language),
            name: found.event.as_ref().map_or_else(String::new, |it| it.id.as_str().to_owned()),
            amount: amount(frame, found),
            partner: partner_name(gateway, &held.partner),
            why: says(frame, found).into_iter().next().unwrap_or_else(|| held.rule.clone()),
            since: frame.figures.time(&held.recorded_at),
            needs_second: held.proposed.is_some(),
        }
    }
}
