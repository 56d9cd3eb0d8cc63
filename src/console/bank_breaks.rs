//! Entries of the bank that do not fit what was ordered: the list, and one with what is proposed about it.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::break_acts::{DecisionForm, read_text};
use super::break_list::Choice;
use super::break_page::{FormError, PostingRow};
use super::decision_words::{DecisionWords, bank_action_name, bank_code_name, bank_state_name};
use super::lists::Tabs;
use super::page::{self, Frame, Part};
use super::reason::no_reason;
use super::refusal::stale;
use super::sign_in::fresh_path;
use super::story_page::FactView;
use super::visit::{Sent, Visit};
use crate::clock::{self, Moment};
use crate::http::Gateway;
use crate::http::access::staff::Role;
use crate::http::pages::figures::grouped;
use crate::http::pages::forms::see_other;
use crate::http::pages::words::Language;
use crate::http::problem::Problem;
use crate::http::server::page::Place;
use crate::ids::BankEntryId;
use crate::reconcile::bank::code::{BankBreakAction, BankBreakState};
use crate::reconcile::bank_breaks::{self, BankBreakDetail, BankBreakOrder};
use crate::reconcile::proposal::ProposalRejection;

const ROWS: u16 = 50;
const PATH: &str = "/console/approvals/bank";

#[derive(Template)]
#[template(path = "bank_breaks.html", config = "src/http/askama.toml")]
struct List {
    frame: Frame,
    d: &'static DecisionWords,
    tabs: Tabs,
    states: Vec<Choice>,
    rows: Vec<Row>,
    next: String,
}

/// An entry in a list.
pub struct Row {
    pub href: String,
    pub kind: &'static str,
    pub amount: String,
    pub payout: String,
    age: String,
    pub due: String,
    pub is_overdue: bool,
}

#[derive(Template)]
#[template(path = "bank_break.html", config = "src/http/askama.toml")]
struct OnePage {
    frame: Frame,
    d: &'static DecisionWords,
    row: Row,
    state: &'static str,
    is_open: bool,
    says: &'static str,
    facts: Vec<FactView>,
    entry: Vec<FactView>,
    proposal: Option<ProposalView>,
    actions: Vec<Choice>,
    may_propose: bool,
    form: ProposalForm,
    errors: Vec<FormError>,
}

/// What was last proposed.
struct ProposalView {
    number: i64,
    action: &'static str,
    facts: Vec<FactView>,
    postings: Vec<PostingRow>,
    standing: Standing,
    fresh_href: String,
}

/// Whether the reader may decide.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Closed,
    Own,
    OtherRole,
    Stale,
    Decides,
}

/// The query of the list.
#[derive(Deserialize)]
pub struct Query {
    #[serde(default)]
    state: String,
    cursor: Option<String>,
}

#[derive(Default, Deserialize)]
pub struct ProposalForm {
    #[serde(default)]
    action: String,
    #[serde(default)]
    reason: String,
}

/// `GET /console/approvals/bank`.
pub async fn get_list(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    query: web::Query<Query>,
) -> Result<HttpResponse, Problem> {
    let place = Place::read(Some(ROWS), query.cursor.as_deref(), read_cursor)?;
    let first =
        if visit.has(Role::Reconcile) { BankBreakState::Open } else { BankBreakState::Proposed };
    let state = BankBreakState::by_name(&query.state).unwrap_or(first);
    let (after, rows_max) = (place.after, place.rows_max());
    let list = move |db: &mut _| bank_breaks::in_state(db, state, after, rows_max);
    let mut found = gateway.main.ask_or(list).await?;
    let next = place.cut(&mut found, |last| format!("{}~{}", last.found.opened_at, last.found.id));
    let frame = Frame::open(&request, &gateway, &visit, Part::Approvals).await?;
    let states = BankBreakState::ALL.into_iter().map(|it| Choice {
        value: it.name().to_owned(),
        label: bank_state_name(it, frame.language).to_owned(),
        is_chosen: it == state,
    });
    let states = states.collect();
    let rows = found.iter().map(|it| Row::of(&frame, it)).collect();
    let next = next
        .map_or_else(String::new, |next| format!("{PATH}?state={}&cursor={next}", state.name()));
    let d = DecisionWords::of(frame.language);
    let page = List { d, tabs: Tabs::of(&visit, frame.language), states, rows, next, frame };
    page::show(&request, StatusCode::OK, &page)
}

/// `GET /console/approvals/bank/{entry}`.
pub async fn get_one(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    show(&visit, &gateway, &request, ProposalForm::default(), Vec::new()).await
}

/// `POST /console/approvals/bank/{entry}/proposals`.
pub async fn post_proposal(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<ProposalForm>,
) -> Result<HttpResponse, Problem> {
    let Sent { visit, form } = sent;
    let id = read_id(&request)?;
    let d = DecisionWords::of(Language::of(&request));
    let mut errors = Vec::new();
    let action = BankBreakAction::by_name(&form.action);
    if action.is_none() {
        errors.push(FormError { field: "action", says: d.error_action.to_owned() });
    }
    let reason = read_text(&form.reason);
    if reason.is_none() {
        errors.push(FormError { field: "reason", ..no_reason(&request) });
    }
    let (Some(action), Some(reason)) = (action, reason) else {
        return show(&visit, &gateway, &request, form, errors).await;
    };
    let (who, order, now) = (visit.id().clone(), BankBreakOrder { action, reason }, clock::now());
    gateway.main.ask_or(move |db| bank_breaks::propose(&who, db, id, order, now)).await?;
    Ok(see_other(&path(id)))
}

/// `POST /console/approvals/bank/{entry}/approval`.
pub async fn post_approval(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<DecisionForm>,
) -> Result<HttpResponse, Problem> {
    let Sent { visit, form } = sent;
    let id = read_id(&request)?;
    if !visit.is_fresh(&gateway, clock::now()) {
        return stale(&request, &path(id));
    }
    bank_breaks::approve(visit.id(), &gateway.main, id, form.number).await?;
    Ok(see_other(&path(id)))
}

/// `POST /console/approvals/bank/{entry}/rejection`.
pub async fn post_rejection(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<DecisionForm>,
) -> Result<HttpResponse, Problem> {
    let Sent { visit, form } = sent;
    let id = read_id(&request)?;
    let Some(because) = read_text(&form.reason) else {
        let errors = vec![no_reason(&request)];
        return show(&visit, &gateway, &request, ProposalForm::default(), errors).await;
    };
    let rejection = ProposalRejection { proposal: form.number, because };
    let (who, now) = (visit.id().clone(), clock::now());
    gateway.main.ask_or(move |db| bank_breaks::reject(&who, db, id, rejection, now)).await?;
    Ok(see_other(&path(id)))
}

async fn show(
    visit: &Visit,
    gateway: &Gateway,
    request: &HttpRequest,
    form: ProposalForm,
    errors: Vec<FormError>,
) -> Result<HttpResponse, Problem> {
    let id = read_id(request)?;
    let (found, posts) = gateway.main.ask_or(move |db| bank_breaks::with_postings(db, id)).await?;
    let frame = Frame::open(request, gateway, visit, Part::Approvals).await?;
    let (d, language) = (DecisionWords::of(frame.language), frame.language);
    let one = &found.found;
    let actions = BankBreakAction::NAMES.into_iter().filter_map(BankBreakAction::by_name);
    let actions = actions.filter(|action| bank_breaks::fits(one, *action)).map(|action| Choice {
        value: action.name().to_owned(),
        label: match action {
            BankBreakAction::Accept => d.do_accept,
            BankBreakAction::Confirm => d.do_confirm,
            BankBreakAction::Charge => d.do_charge,
        }
        .to_owned(),
        is_chosen: form.action == action.name(),
    });
    let actions = actions.collect();
    let says = if language.is_chinese() { one.code.says_zh() } else { one.code.says() };
    let mut facts = vec![FactView::plain(d.opened, frame.figures.time(&one.opened_at))];
    facts.extend(one.payout.as_ref().map(|it| FactView::plain(d.payout, it.clone())));
    let postings = posts.iter().map(|it| PostingRow::of(&frame, it)).collect();
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = OnePage {
        d,
        row: Row::of(&frame, &found),
        state: bank_state_name(one.state, language),
        is_open: one.closed_at.is_none(),
        says,
        facts,
        entry: entry(&frame, d, &found),
        proposal: ProposalView::of(&frame, visit, gateway, &found, postings),
        actions,
        may_propose: one.state == BankBreakState::Open && visit.has(Role::Reconcile),
        form,
        errors,
        frame,
    };
    page::show(request, status, &page)
}

/// The entry as the bank said it.
fn entry(frame: &Frame, d: &DecisionWords, found: &BankBreakDetail) -> Vec<FactView> {
    let it = &found.found.entry;
    let direction = match it.kind.as_str() {
        "debit" => d.debit,
        "credit" => d.credit,
        _ => d.status,
    };
    let mut facts = vec![FactView::plain(d.direction, direction)];
    let mut add = |label, text: &Option<String>| {
        facts.extend(text.as_ref().map(|text| FactView::plain(label, text.clone())));
    };
    add(frame.w.amount, &amount(found));
    add(d.reference, &it.reference);
    add(d.end_to_end, &it.end_to_end_id);
    add(d.counter_account, &it.counter_account);
    add(d.booked_on, &it.booked_on);
    add(frame.w.state, &it.status);
    add(d.reason_code, &it.reason.code);
    add(frame.w.reason, &it.reason.text);
    facts
}

fn amount(found: &BankBreakDetail) -> Option<String> {
    let value = found.found.entry.value.as_ref()?;
    Some(format!("{} {}", value.currency, grouped(&value.decimal())))
}

fn path(id: BankEntryId) -> String {
    format!("{PATH}/{id}")
}

fn read_id(request: &HttpRequest) -> Result<BankEntryId, Problem> {
    let id = request.match_info().get("entry").unwrap_or_default();
    BankEntryId::parse(id).ok_or_else(Problem::not_found)
}

fn read_cursor(cursor: &str) -> Option<(Moment, BankEntryId)> {
    let (at, id) = cursor.split_once('~')?;
    Some((Moment::parse(at)?, BankEntryId::parse(id)?))
}

impl Row {
    pub fn of(frame: &Frame, detail: &BankBreakDetail) -> Self {
        let (found, now) = (&detail.found, frame.now);
        let is_open = found.closed_at.is_none();
        Self {
            href: path(found.id),
            kind: bank_code_name(found.code, frame.language),
            amount: amount(detail).unwrap_or_else(|| "–".to_owned()),
            payout: found.payout.clone().unwrap_or_default(),
            age: frame.figures.age(&found.opened_at, &found.closed_at.unwrap_or(now)),
            due: frame.figures.day(&found.due_on),
            is_overdue: is_open && found.due_on < now.day_in(frame.zone),
        }
    }
}

impl ProposalView {
    fn of(
        frame: &Frame,
        visit: &Visit,
        gateway: &Gateway,
        found: &BankBreakDetail,
        postings: Vec<PostingRow>,
    ) -> Option<Self> {
        let (w, it) = (frame.w, found.proposal.as_ref()?);
        let mut facts = vec![
            FactView::plain(w.reason, it.reason.clone()),
            FactView::plain(
                w.proposed_by,
                format!("{}, {}", it.proposed_by.as_str(), frame.figures.time(&it.proposed_at)),
            ),
        ];
        if let Some(decision) = &it.decision {
            let by = format!("{}, {}", decision.by.as_str(), frame.figures.time(&decision.at));
            facts.push(FactView::plain(w.decided_by, by));
        }
        let standing = if it.decision.is_some() {
            Standing::Closed
        } else if it.proposed_by.is_same_person(visit.id()) {
            Standing::Own
        } else if !visit.has(Role::Settle) {
            Standing::OtherRole
        } else if visit.is_fresh(gateway, frame.now) {
            Standing::Decides
        } else {
            Standing::Stale
        };
        Some(Self {
            number: it.number,
            action: bank_action_name(it.action, frame.language),
            facts,
            postings,
            standing,
            fresh_href: fresh_path(&path(found.found.id)),
        })
    }
}
