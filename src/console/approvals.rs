//! What others proposed, and what a person decides on it: proposals about breaks, and corrections.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::break_acts::read_text;
use super::break_list::{BreakRow, read_cursor};
use super::break_page::FormError;
use super::break_words::action_name;
use super::decision_words::DecisionWords;
use super::journal::JournalLine;
use super::lists::{Query, Tabs};
use super::page::{self, Frame, Part, partner_name};
use super::reason::DecisionForm;
use super::refusal::stale;
use super::sign_in::{Nothing, fresh_path};
use super::visit::{Sent, Visit};
use crate::clock::{self, Moment};
use crate::http::Gateway;
use crate::http::access::staff::Role;
use crate::http::pages::forms::see_other;
use crate::http::pages::words::Language;
use crate::http::problem::Problem;
use crate::http::server::page::Place;
use crate::ids::CorrectionId;
use crate::ledger::Posting;
use crate::program::{Correction, CorrectionContent, CorrectionState};
use crate::reconcile::breaks;
use crate::worklist;
use crate::writer::{CorrectionOrder, CorrectionStep};

const ROWS: u16 = 50;

#[derive(Template)]
#[template(path = "approvals.html", config = "src/http/askama.toml")]
struct Proposals {
    frame: Frame,
    may_choose: bool,
    tabs: Tabs,
    rows: Vec<ProposalRow>,
    next: String,
}

#[derive(Template)]
#[template(path = "corrections.html", config = "src/http/askama.toml")]
struct Corrections {
    frame: Frame,
    tabs: Tabs,
    rows: Vec<CorrectionRow>,
    next: String,
}

#[derive(Template)]
#[template(path = "correction.html", config = "src/http/askama.toml")]
struct OneCorrection {
    frame: Frame,
    row: CorrectionRow,
    /// What approving posts; `None` where it cannot be posted as things stand.
    postings: Option<Vec<JournalLine>>,
    d: &'static DecisionWords,
    standing: Standing,
    fresh_href: String,
    reason: String,
    errors: Vec<FormError>,
}

struct ProposalRow {
    number: i64,
    found: BreakRow,
    action: &'static str,
    amount: String,
    reason: String,
    by: String,
    at: String,
    is_own: bool,
}

struct CorrectionRow {
    id: String,
    kind: &'static str,
    partner: String,
    member: String,
    reverses: String,
    points: String,
    expires: String,
    reason: String,
    by: String,
    at: String,
    state: &'static str,
    is_waiting: bool,
    is_own: bool,
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

/// `GET /console/approvals`.
pub async fn get_proposals(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    query: web::Query<Query>,
) -> Result<HttpResponse, Problem> {
    let place = Place::read(Some(ROWS), query.cursor.as_deref(), read_cursor)?;
    let (after, rows_max) = (place.after, place.rows_max());
    let list = move |db: &mut _| breaks::waiting_for_approval(db, after, rows_max);
    let mut found = gateway.main.ask_or(list).await?;
    let next = place.cut(&mut found, |last| format!("{}~{}", last.found.opened_at, last.found.id));
    let frame = Frame::open(&request, &gateway, &visit, Part::Approvals).await?;
    let mut rows = Vec::with_capacity(found.len());
    for it in found {
        let amount = it.proposal.action.amount();
        rows.push(ProposalRow {
            number: it.proposal.number,
            found: BreakRow::of(&gateway, &frame, &it.found)?,
            action: action_name(it.proposal.action, frame.language),
            amount: amount.map_or_else(String::new, |amount| frame.figures.signed(&amount)),
            reason: it.proposal.reason,
            by: it.proposal.proposed_by.as_str().to_owned(),
            at: frame.figures.time(&it.proposal.proposed_at),
            is_own: it.proposal.proposed_by.is_same_person(visit.id()),
        });
    }
    let next = next.map_or_else(String::new, |next| format!("/console/approvals?cursor={next}"));
    let may_choose = visit.has(Role::Settle);
    let page = Proposals { may_choose, tabs: Tabs::of(&visit, frame.language), rows, next, frame };
    page::show(&request, StatusCode::OK, &page)
}

/// `GET /console/approvals/corrections`.
pub async fn get_corrections(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    query: web::Query<Query>,
) -> Result<HttpResponse, Problem> {
    let place = Place::read(Some(ROWS), query.cursor.as_deref(), read_correction_cursor)?;
    let (after, rows_max) = (place.after.clone(), place.rows_max());
    let list = move |db: &mut _| worklist::waiting_corrections(db, after, rows_max);
    let mut found = gateway.main.ask(list).await?;
    let next = place.cut(&mut found, |last| format!("{}~{}", last.proposed_at, last.id));
    let frame = Frame::open(&request, &gateway, &visit, Part::Approvals).await?;
    let rows = found.iter().map(|it| CorrectionRow::of(&gateway, &frame, &visit, it)).collect();
    let path = "/console/approvals/corrections";
    let next = next.map_or_else(String::new, |next| format!("{path}?cursor={next}"));
    let page = Corrections { tabs: Tabs::of(&visit, frame.language), rows, next, frame };
    page::show(&request, StatusCode::OK, &page)
}

/// `GET /console/approvals/corrections/{correction}`.
pub async fn get_correction(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&request)?;
    let typed = Typed { reason: String::new(), errors: Vec::new(), status: StatusCode::OK };
    show(&visit, &gateway, &request, id, typed).await
}

/// `POST /console/approvals/corrections/{correction}/approval`.
pub async fn post_approval(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<Nothing>,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&request)?;
    if !sent.visit.is_fresh(&gateway, clock::now()) {
        return stale(&request, &path(&id));
    }
    let order = order_of(&sent.visit, &id, CorrectionStep::Approve);
    gateway.main.writer.correct(order).await?;
    Ok(see_other(&path(&id)))
}

/// `POST /console/approvals/corrections/{correction}/rejection`.
pub async fn post_rejection(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<DecisionForm>,
) -> Result<HttpResponse, Problem> {
    let Sent { visit, form } = sent;
    let id = read_id(&request)?;
    let Some(reason) = read_text(&form.reason) else {
        let w = super::words::ConsoleWords::of(Language::of(&request));
        let errors = vec![FormError { field: "because", says: w.error_reason.to_owned() }];
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let typed = Typed { reason: form.reason, errors, status };
        return show(&visit, &gateway, &request, id, typed).await;
    };
    let order = order_of(&visit, &id, CorrectionStep::Reject { reason });
    gateway.main.writer.correct(order).await?;
    Ok(see_other(&path(&id)))
}

/// What was typed, and what is to be mended about it.
struct Typed {
    reason: String,
    errors: Vec<FormError>,
    status: StatusCode,
}

async fn show(
    visit: &Visit,
    gateway: &Gateway,
    request: &HttpRequest,
    id: CorrectionId,
    typed: Typed,
) -> Result<HttpResponse, Problem> {
    let Typed { reason, errors, status } = typed;
    let asked = id.clone();
    let found = gateway.main.ask(move |db| worklist::correction(db, &asked)).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    let frame = Frame::open(request, gateway, visit, Part::Approvals).await?;
    let standing = if found.state != CorrectionState::Proposed {
        Standing::Closed
    } else if found.proposed_by.is_same_person(visit.id()) {
        Standing::Own
    } else if !visit.has(Role::Approve) {
        Standing::OtherRole
    } else if visit.is_fresh(gateway, frame.now) {
        Standing::Decides
    } else {
        Standing::Stale
    };
    let row = CorrectionRow::of(gateway, &frame, visit, &found);
    let fresh_href = fresh_path(&path(&id));
    let postings = match found.state {
        CorrectionState::Proposed => gateway.main.writer.preview_correction(id).await.ok(),
        CorrectionState::Posted { .. } | CorrectionState::Rejected { .. } => Some(Vec::new()),
    };
    let line =
        |it: &Posting| JournalLine::of(gateway, &frame, &it.account, &it.amount, it.rule.as_str());
    let postings = postings.map(|list| list.iter().map(line).collect());
    let d = DecisionWords::of(frame.language);
    let page = OneCorrection { row, postings, d, standing, fresh_href, reason, errors, frame };
    page::show(request, status, &page)
}

fn order_of(visit: &Visit, id: &CorrectionId, step: CorrectionStep) -> CorrectionOrder {
    let own_subjects = visit.session.who.own_subjects.clone();
    CorrectionOrder { id: id.clone(), by: visit.id().clone(), own_subjects, step }
}

fn path(id: &CorrectionId) -> String {
    format!("/console/approvals/corrections/{id}")
}

fn read_id(request: &HttpRequest) -> Result<CorrectionId, Problem> {
    let id = request.match_info().get("correction").unwrap_or_default().to_owned();
    CorrectionId::try_from(id).map_err(|_invalid| Problem::not_found())
}

fn read_correction_cursor(cursor: &str) -> Option<(Moment, CorrectionId)> {
    let (at, id) = cursor.split_once('~')?;
    Some((Moment::parse(at)?, CorrectionId::try_from(id).ok()?))
}

impl CorrectionRow {
    fn of(gateway: &Gateway, frame: &Frame, visit: &Visit, found: &Correction) -> Self {
        let (w, figures) = (frame.w, frame.figures);
        let state = match found.state {
            CorrectionState::Proposed => w.is_waiting,
            CorrectionState::Posted { .. } => w.is_posted,
            CorrectionState::Rejected { .. } => w.is_rejected,
        };
        let (kind, partner, member, reverses, expires) = match &found.what {
            CorrectionContent::Adjustment(it) => (
                w.adjustment,
                partner_name(gateway, &it.partner),
                it.member.to_string(),
                String::new(),
                it.expires_at.map_or_else(|| w.never.to_owned(), |at| figures.time(&at)),
            ),
            CorrectionContent::Reversal(it) => {
                let none = String::new;
                (w.reversal, none(), none(), it.transaction.to_string(), none())
            }
        };
        Self {
            id: found.id.to_string(),
            kind,
            partner,
            member,
            reverses,
            points: figures.signed(&found.what.points()),
            expires,
            reason: found.reason.clone(),
            by: found.proposed_by.as_str().to_owned(),
            at: figures.time(&found.proposed_at),
            state,
            is_waiting: found.state == CorrectionState::Proposed,
            is_own: found.proposed_by.is_same_person(visit.id()),
        }
    }
}
