//! Referrals on hold, and what a person decides on one. Nobody sees here who was referred.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::break_acts::read_text;
use super::break_page::FormError;
use super::decision_words::DecisionWords;
use super::held::{OnePage, standing};
use super::journal::sum_of;
use super::lists::{Query, Tabs};
use super::page::{self, Frame, Part, partner_name};
use super::reason::{DecisionForm, no_reason};
use super::refusal::stale;
use super::sign_in::fresh_path;
use super::story_links;
use super::story_page::FactView;
use super::story_words::referral_state;
use super::visit::{Sent, Visit};
use crate::clock;
use crate::http::Gateway;
use crate::http::pages::forms::see_other;
use crate::http::problem::Problem;
use crate::http::server::page::Place;
use crate::ids::ReferralId;
use crate::on_hold::{self, ReferralOnHold};
use crate::referral::{Actor, Move, ReferralState, ReferralStep};
use crate::story::StoryId;

const ROWS: u16 = 50;
const PATH: &str = "/console/approvals/referrals";

#[derive(Template)]
#[template(path = "held_referrals.html", config = "src/http/askama.toml")]
struct List {
    frame: Frame,
    d: &'static DecisionWords,
    tabs: Tabs,
    rows: Vec<Row>,
    next: String,
}

struct Row {
    href: String,
    product: String,
    partner: String,
    amount: String,
    finding: String,
    score: i64,
    since: String,
}

/// `GET /console/approvals/referrals`.
pub async fn get_held(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    query: web::Query<Query>,
) -> Result<HttpResponse, Problem> {
    let read = |cursor: &str| ReferralId::try_from(cursor).ok();
    let place = Place::read(Some(ROWS), query.cursor.as_deref(), read)?;
    let (after, rows_max) = (place.after, place.rows_max());
    let mut found = gateway.main.ask(move |db| on_hold::referrals(db, after, rows_max)).await?;
    let next = place.cut(&mut found, |last| last.record.id.to_string());
    let frame = Frame::open(&request, &gateway, &visit, Part::Approvals).await?;
    let rows = found.iter().map(|it| Row::of(&gateway, &frame, it)).collect();
    let next = next.map_or_else(String::new, |next| format!("{PATH}?cursor={next}"));
    let d = DecisionWords::of(frame.language);
    let page = List { d, tabs: Tabs::of(&visit, frame.language), rows, next, frame };
    page::show(&request, StatusCode::OK, &page)
}

/// `GET /console/approvals/referrals/{referral}`.
pub async fn get_one(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    show(&visit, &gateway, &request, DecisionForm::default(), Vec::new()).await
}

/// `POST /console/approvals/referrals/{referral}/release`.
pub async fn post_release(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<DecisionForm>,
) -> Result<HttpResponse, Problem> {
    decide(&gateway, &request, sent, ReferralStep::Release).await
}

/// `POST /console/approvals/referrals/{referral}/rejection`.
pub async fn post_rejection(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<DecisionForm>,
) -> Result<HttpResponse, Problem> {
    decide(&gateway, &request, sent, ReferralStep::Reject).await
}

async fn decide(
    gateway: &Gateway,
    request: &HttpRequest,
    sent: Sent<DecisionForm>,
    step: ReferralStep,
) -> Result<HttpResponse, Problem> {
    let Sent { visit, form } = sent;
    let id = read_id(request)?;
    let Some(reason) = read_text(&form.reason) else {
        return show(&visit, gateway, request, form, vec![no_reason(request)]).await;
    };
    if step == ReferralStep::Release && !visit.is_fresh(gateway, clock::now()) {
        return stale(request, &path(id));
    }
    let own_subjects = visit.session.who.own_subjects.clone();
    let order = Move::new(id, step, Actor::Staff(visit.id().clone()));
    let order = order.because(reason).by_customer(own_subjects);
    gateway.main.writer.move_referral(order).await?;
    Ok(see_other(&path(id)))
}

async fn show(
    visit: &Visit,
    gateway: &Gateway,
    request: &HttpRequest,
    form: DecisionForm,
    errors: Vec<FormError>,
) -> Result<HttpResponse, Problem> {
    let id = read_id(request)?;
    let found = gateway.main.ask(move |db| on_hold::referral(db, id)).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    let frame = Frame::open(request, gateway, visit, Part::Approvals).await?;
    let d = DecisionWords::of(frame.language);
    let record = &found.record;
    let is_waiting = record.state == ReferralState::OnHold;
    let mut says = vec![found.finding.clone()];
    says.extend(record.placement.why.iter().cloned());
    let story = StoryId::Referral(id);
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = OnePage {
        d,
        title: format!("{} · {}", d.referral, record.product),
        state: referral_state(record.state, frame.language),
        is_waiting,
        says,
        facts: facts(gateway, &frame, &found),
        standing: standing(visit, gateway, is_waiting, false),
        release_says: d.release_referral_says,
        reject_says: d.reject_referral_says,
        path: path(id),
        story: if story_links::may_read(visit) { story_links::path(story) } else { String::new() },
        fresh_href: fresh_path(&path(id)),
        form,
        errors,
        frame,
    };
    page::show(request, status, &page)
}

fn facts(gateway: &Gateway, frame: &Frame, found: &ReferralOnHold) -> Vec<FactView> {
    let (d, record) = (DecisionWords::of(frame.language), &found.record);
    vec![
        FactView::plain(frame.w.partner, partner_name(gateway, &record.partner)),
        FactView::plain(d.product, record.product.clone()),
        FactView::plain(frame.w.amount, sum_of(frame, &record.amount)),
        FactView::plain(d.region, record.region.clone()),
        FactView::plain(d.score, record.placement.score.to_string()),
        FactView::plain(d.held_since, frame.figures.time(&found.held_at)),
    ]
}

fn path(id: ReferralId) -> String {
    format!("{PATH}/{id}")
}

fn read_id(request: &HttpRequest) -> Result<ReferralId, Problem> {
    let id = request.match_info().get("referral").unwrap_or_default();
    ReferralId::try_from(id).map_err(|_other| Problem::not_found())
}

impl Row {
    fn of(gateway: &Gateway, frame: &Frame, found: &ReferralOnHold) -> Self {
        let record = &found.record;
        Self {
            href: path(record.id),
            product: record.product.clone(),
            partner: partner_name(gateway, &record.partner),
            amount: sum_of(frame, &record.amount),
            finding: found.finding.clone(),
            score: record.placement.score,
            since: frame.figures.time(&found.held_at),
        }
    }
}
