//! The settlement of partners' months: where each stands, its close, its statement and its payout.

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::page::{self, Frame, Part};
use super::refusal::stale;
use super::sign_in::Nothing;
use super::visit::{Sent, Visit};
use crate::clock;
use crate::http::Gateway;
use crate::http::pages::figures::grouped;
use crate::http::pages::forms::see_other;
use crate::http::problem::{BAD_REQUEST, Problem};
use crate::ids::PartnerId;
use crate::ledger::chain::Hash;
use crate::partner::Partner;
use crate::reconcile::closing;
use crate::reconcile::month_board::{self, CloseState, MonthClose, PartnerMonths};
use crate::reconcile::payouts::{self, PayoutFile, PayoutHistory};
use crate::reconcile::period::Period;
use crate::reconcile::run;
use crate::reconcile::run_order::RunOrder;
use crate::reconcile::statement_export::{StatementFormat, StatementMade};

use super::settlement_words::{close_name, payout_name};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "settlement.html", config = "src/http/askama.toml")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
}

/// A month of a partner.
struct Row {
    href: String,
    month: String,
    partner: String,
    state: &'static str,
    payout: String,
    payout_state: &'static str,
    closed: String,
    is_waiting: bool,
}

/// `GET /console/settlement`.
pub async fn get_settlement(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let now = clock::now();
    let last_over = Period::of(now.day_in(gateway.time_zone)).before();
    let frame = Frame::open(&request, &gateway, &visit, Part::Settlement).await?;
    let mut rows = Vec::new();
    let listed = gateway.registry.now();
    for partner in listed.iter().filter(|partner| partner.statement.is_some()) {
        let id = partner.id.clone();
        let read = move |db: &mut _| month_board::months(db, &id, last_over);
        let months = gateway.main.ask_or(read).await?;
        rows.extend(rows_of(&frame, partner, months));
    }
    page::show(&request, StatusCode::OK, &Page { frame, rows })
}

fn rows_of(frame: &Frame, partner: &Partner, months: PartnerMonths) -> Vec<Row> {
    let PartnerMonths { next, waiting, closed } = months;
    let mut rows = vec![Row::of(frame, partner, next, waiting.as_ref(), None)];
    for month in closed {
        let payout = month.payout.as_ref();
        rows.push(Row::of(frame, partner, month.period, Some(&month.close), payout));
    }
    rows
}

impl Row {
    fn of(
        frame: &Frame,
        partner: &Partner,
        period: Period,
        close: Option<&MonthClose>,
        payout: Option<&PayoutHistory>,
    ) -> Self {
        let state = close.map(|close| &close.state);
        let closed = match state {
            Some(CloseState::Closed { at, .. }) => frame.figures.time(at),
            Some(CloseState::Proposed | CloseState::Rejected { .. }) | None => String::new(),
        };
        let payout = payout.map(|it| it.payout.state);
        Self {
            href: path(&partner.id, period),
            month: frame.figures.month(period.first_day()),
            partner: partner.name.clone(),
            state: close_name(state, frame.language),
            payout: close.map_or_else(String::new, |close| grouped(&close.statement.payout)),
            payout_state: payout.map_or("", |state| payout_name(state, frame.language)),
            closed,
            is_waiting: state == Some(&CloseState::Proposed),
        }
    }
}

/// `POST /console/settlement/{partner}/{period}/proposal`.
pub async fn post_proposal(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<Nothing>,
) -> Result<HttpResponse, Problem> {
    let (order, partner) = read_month(&gateway, &request)?;
    let (who, path) = (sent.visit.id().clone(), path(&order.partner, order.period));
    let propose = move |db: &mut _| closing::propose(&who, db, &order, &partner);
    gateway.main.ask_or(propose).await?;
    Ok(see_other(&path))
}

/// The statement that the page showed.
#[derive(Deserialize)]
pub struct CloseForm {
    sha256: String,
}

impl CloseForm {
    fn read(&self) -> Result<Hash, Problem> {
        let bad = "The form names no statement: open its page again.";
        Hash::parse(&self.sha256).ok_or_else(|| Problem::new(&BAD_REQUEST, bad))
    }
}

/// `POST /console/settlement/{partner}/{period}/close`.
pub async fn post_close(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<CloseForm>,
) -> Result<HttpResponse, Problem> {
    let (order, partner) = read_month(&gateway, &request)?;
    let Hash(looked_at) = sent.form.read()?;
    let path = path(&order.partner, order.period);
    if !sent.visit.is_fresh(&gateway, clock::now()) {
        return stale(&request, &path);
    }
    let who = sent.visit.id().clone();
    let close = move |db: &mut _| closing::close(&who, db, &order, &partner, &looked_at);
    gateway.main.ask_or(close).await?;
    Ok(see_other(&path))
}

/// `POST /console/settlement/{partner}/{period}/rejection`.
pub async fn post_rejection(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<CloseForm>,
) -> Result<HttpResponse, Problem> {
    let (order, _partner) = read_month(&gateway, &request)?;
    let Hash(looked_at) = sent.form.read()?;
    let (who, path) = (sent.visit.id().clone(), path(&order.partner, order.period));
    gateway.main.ask_or(move |db| closing::reject(&who, db, &order, &looked_at)).await?;
    Ok(see_other(&path))
}

/// `POST /console/settlement/{partner}/{period}/comparison`: compares the month's statement with our books.
pub async fn post_comparison(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<Nothing>,
) -> Result<HttpResponse, Problem> {
    let (order, partner) = read_month(&gateway, &request)?;
    let (who, path) = (sent.visit.id().clone(), path(&order.partner, order.period));
    let place = gateway.long_work.enter()?;
    let compare = move |db: &mut _| {
        let _place = place;
        let rules = partner.statement.as_ref().map(|map| map.matching.clone()).unwrap_or_default();
        run::run(&who, db, &order, &rules)
    };
    gateway.main.ask_or(compare).await?;
    Ok(see_other(&path))
}

/// `GET /console/settlement/{partner}/{period}/statement/{format}`.
pub async fn get_statement(
    _visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (order, _partner) = read_month(&gateway, &request)?;
    let format = request.match_info().get("format").unwrap_or_default();
    let format = StatementFormat::by_name(format).ok_or_else(Problem::not_found)?;
    let place = gateway.statement_files.enter()?;
    let keys = gateway.main.keys.clone();
    let made = move |db: &mut _| {
        let _place = place;
        let settlement = closing::read(db, &order)?;
        StatementMade::of(db, &settlement, format, &keys, order.zone)
    };
    let StatementMade { name, bytes } = gateway.main.ask_or(made).await?;
    Ok(attachment(format.media_type(), &name, bytes))
}

/// `POST /console/settlement/{partner}/{period}/payout`: the order to the bank, which is noted as given out.
pub async fn post_payout(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<Nothing>,
) -> Result<HttpResponse, Problem> {
    let (order, _partner) = read_month(&gateway, &request)?;
    if !sent.visit.is_fresh(&gateway, clock::now()) {
        return stale(&request, &path(&order.partner, order.period));
    }
    let who = sent.visit.id().clone();
    let made = gateway.main.ask_or(move |db| payouts::file(&who, db, &order)).await?;
    let PayoutFile { message_id, xml } = made;
    Ok(attachment("application/xml", &format!("pain.001-{message_id}.xml"), xml.into_bytes()))
}

fn attachment(kind: &'static str, name: &str, bytes: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(kind)
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(bytes)
}

pub fn path(partner: &PartnerId, period: Period) -> String {
    format!("/console/settlement/{partner}/{period}")
}

/// The month of the path, of a partner whose books are the real ones.
pub fn read_month(
    gateway: &Gateway,
    request: &HttpRequest,
) -> Result<(RunOrder, Arc<Partner>), Problem> {
    let part = |name: &str| request.match_info().get(name).unwrap_or_default().to_owned();
    let id = PartnerId::try_from(part("partner")).map_err(|_invalid| Problem::not_found())?;
    let partner = gateway.registry.get(&id).filter(|partner| !gateway.is_apart(partner));
    let partner = partner.ok_or_else(Problem::not_found)?;
    let period = Period::try_from(part("period").as_str()).map_err(|_bad| Problem::not_found())?;
    Ok((RunOrder { partner: id, period, zone: gateway.time_zone }, partner))
}
