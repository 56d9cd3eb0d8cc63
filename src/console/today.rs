//! What needs a person, in the order in which it waits.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::break_list::BreakRow;
use super::page::{self, Frame, Part};
use super::visit::Visit;
use crate::http::Gateway;
use crate::http::access::staff::Role;
use crate::http::pages::forms::see_other;
use crate::http::problem::Problem;
use crate::reconcile::break_record::BreakFilter;
use crate::reconcile::breaks;
use crate::reconcile::proposal::BreakState;
use crate::worklist::Pile;

#[derive(Template)]
#[template(path = "today.html", config = "src/http/askama.toml")]
struct Page {
    frame: Frame,
    today: String,
    piles: Vec<PileRow>,
    /// Whether any role of the person has work here.
    has_work: bool,
    oldest: Vec<BreakRow>,
}

struct PileRow {
    href: &'static str,
    label: &'static str,
    count: String,
    oldest: String,
    apart: String,
}

const OLDEST: i64 = 5;

/// `GET /console`.
pub async fn get_console() -> HttpResponse {
    see_other("/console/today")
}

/// `GET /console/today`.
pub async fn get_today(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let frame = Frame::open(&request, &gateway, &visit, Part::Today).await?;
    let list = &frame.worklist;
    let w = frame.w;
    let rows = [
        ("/console/approvals", w.proposals_wait, &list.proposals),
        ("/console/approvals/corrections", w.corrections_wait, &list.corrections),
        ("/console/settlement", w.closes_wait, &list.closes),
        ("/console/breaks", w.breaks_open, &list.breaks),
        ("/console/breaks?state=awaiting_partner", w.breaks_asked, &list.asked),
    ];
    let has_work = rows.iter().any(|(_href, _label, pile)| pile.is_some());
    let piles = rows.into_iter().filter_map(|(href, label, pile)| {
        let pile = pile.as_ref().filter(|pile| pile.count > 0)?;
        Some(PileRow::of(&frame, href, label, pile))
    });
    let piles = piles.collect();
    let oldest = if visit.has(Role::Reconcile) { oldest(&gateway, &frame).await? } else { vec![] };
    let today = frame.figures.day(&frame.now.day_in(frame.zone));
    page::show(&request, StatusCode::OK, &Page { today, frame, piles, has_work, oldest })
}

async fn oldest(gateway: &Gateway, frame: &Frame) -> Result<Vec<BreakRow>, Problem> {
    let filter = BreakFilter { state: BreakState::Open, partner: None, period: None, code: None };
    let found = gateway.main.ask_or(move |db| breaks::list(db, &filter, None, OLDEST)).await?;
    found.iter().map(|it| BreakRow::of(gateway, frame, it)).collect()
}

impl PileRow {
    fn of(frame: &Frame, href: &'static str, label: &'static str, pile: &Pile) -> Self {
        let more = if pile.has_more { "+" } else { "" };
        let oldest = pile.oldest.map(|at| frame.figures.age(&at, &frame.now));
        Self {
            href,
            label,
            count: format!("{}{more}", pile.count),
            oldest: oldest.unwrap_or_default(),
            apart: match pile.apart.is_zero() {
                true => "–".to_owned(),
                false => frame.figures.amount(&pile.apart),
            },
        }
    }
}
