//! The first page: what the customer has, what comes and ends, and what changed lately.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use std::sync::Arc;
use uuid::Uuid;

use super::enter::Nothing;
use super::frame::{self, Frame};
use super::lines::Line;
use super::visit::{Sent, Visit};
use crate::clock;
use crate::customer::points::{self, HistoryPage, Points, PointsView};
use crate::customer::redemptions::{self, AskedRedemption};
use crate::http::Gateway;
use crate::http::pages::forms::see_other;
use crate::http::problem::Problem;
use crate::ids::EventKey;
use crate::program::CustomerAnswer;
use crate::writer::{AnswerOrder, Answerer};

#[derive(Template)]
#[template(path = "wallet_home.html", config = "src/http/askama.toml")]
struct Page {
    frame: Frame,
    balance: String,
    worth: String,
    as_of: String,
    /// What comes, ends, is set aside or owed: a sentence each.
    notes: Vec<Note>,
    asked: Vec<Asked>,
    can_spend: bool,
    lines: Vec<Line>,
    has_more: bool,
}

struct Note {
    says: String,
    is_bad: bool,
}

/// A redemption that waits for the customer's word.
struct Asked {
    id: Uuid,
    says: String,
}

/// Lines on the first page.
const LINES: i64 = 4;
/// Moments at which points come, and at which they end, on the first page.
const MOMENTS: usize = 2;

/// `GET /wallet`.
pub async fn get_home(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let frame = Frame::new(&request, &gateway, &visit);
    let (registry, zone) = (Arc::clone(&gateway.registry), gateway.time_zone);
    let subject = visit.session.subject;
    let read = move |db: &mut _| {
        let now = clock::now();
        let page = HistoryPage { after: None, only: None, rows_max: LINES.saturating_add(1) };
        let points =
            points::read(&subject, db, page, PointsView { registry: &registry, zone, now })?;
        Ok((points, redemptions::awaiting(&subject, db, &registry, now)?))
    };
    let (points, asked) = gateway.main.ask(read).await?;
    let shown = usize::try_from(LINES).unwrap_or(0);
    let page = Page {
        balance: frame.figures.amount(&points.balance),
        worth: frame.figures.amount(&points.worth),
        as_of: frame.figures.time(&points.as_of),
        notes: notes(&frame, &points),
        asked: asked.redemptions.iter().map(|it| Asked::of(&frame, it)).collect(),
        can_spend: points.balance.minor() > 0,
        lines: points.entries.iter().take(shown).map(|it| Line::of(&frame, it)).collect(),
        has_more: points.entries.len() > shown,
        frame,
    };
    frame::show(&request, StatusCode::OK, &page)
}

/// `POST /wallet/redemptions/{redemption}/confirmation`.
pub async fn post_confirmation(
    sent: Sent<Nothing>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    answer(sent, &gateway, &path, CustomerAnswer::Confirm).await
}

/// `POST /wallet/redemptions/{redemption}/rejection`.
pub async fn post_rejection(
    sent: Sent<Nothing>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    answer(sent, &gateway, &path, CustomerAnswer::Decline).await
}

async fn answer(
    sent: Sent<Nothing>,
    gateway: &Gateway,
    id: &str,
    answer: CustomerAnswer,
) -> Result<HttpResponse, Problem> {
    let id = Uuid::parse_str(id).map_err(|_invalid| Problem::not_found())?;
    let by = Answerer::Subject(sent.visit.session.subject);
    let order = AnswerOrder { hold: EventKey::from_bytes(*id.as_bytes()), by, answer };
    redemptions::answer(order, &gateway.main.writer, &gateway.registry).await?;
    Ok(see_other("/wallet"))
}

/// What the customer should know, what is bad for them first.
fn notes(frame: &Frame, points: &Points) -> Vec<Note> {
    let figures = frame.figures;
    let mut notes = Vec::new();
    let mut note = |is_bad, english, chinese| {
        notes.push(Note { says: frame.say(english, chinese), is_bad });
    };
    if !points.owed.is_zero() {
        let owed = figures.amount(&points.owed);
        note(
            true,
            format!(
                "You owe {owed} points: a purchase was refunded after its points were spent. They are taken from the next points that you earn."
            ),
            format!("您欠 {owed} 积分：消费退款时，对应积分已被使用。将从您下次获得的积分中扣除。"),
        );
    }
    for ending in points.expiring.iter().take(MOMENTS) {
        let (amount, day) = (figures.amount(&ending.amount), figures.day(&ending.spend_by));
        note(
            true,
            format!("{amount} points end after {day}. Spend them by then."),
            format!("{amount} 积分将于 {day} 后失效，请在此之前使用。"),
        );
    }
    for coming in points.maturing.iter().take(MOMENTS) {
        let (amount, at) = (figures.amount(&coming.amount), figures.time(&coming.at));
        note(
            false,
            format!("{amount} more points may be spent from {at} on."),
            format!("另有 {amount} 积分自 {at} 起可用。"),
        );
    }
    if !points.held.is_zero() {
        let held = figures.amount(&points.held);
        note(
            false,
            format!("{held} points are set aside for a purchase under way."),
            format!("{held} 积分已为进行中的兑换冻结。"),
        );
    }
    notes
}

impl Asked {
    fn of(frame: &Frame, asked: &AskedRedemption) -> Self {
        let (points, partner) = (frame.figures.amount(&asked.points), &asked.partner_name);
        let until = frame.figures.time(&asked.times_out_at);
        Self {
            id: asked.redemption,
            says: frame.say(
                format!("{partner} wants to take {points} points. Is that you, at the till now? Without your word they are free again at {until}."),
                format!("{partner} 申请使用您的 {points} 积分。是您本人正在收银台吗？未确认将于 {until} 自动退回。"),
            ),
        }
    }
}
