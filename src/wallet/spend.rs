//! Spending: the customer says how many points, gets a code to show at the till, and sees there what
//! becomes of it.

use std::sync::Arc;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::frame::{self, Frame, Plain};
use super::visit::{Sent, Visit};
use crate::clock::{self, Moment};
use crate::customer::codes::{self, Code, CodeOwner, CodeStands, CodeState, CodeWish};
use crate::customer::points::{self, HistoryPage, PointsView};
use crate::customer::refusal::CustomerRefusal;
use crate::http::Gateway;
use crate::http::pages::forms::{plain, plain_amount};
use crate::http::pages::frame::Framing;
use crate::http::pages::qr::QrDrawing;
use crate::http::problem::Problem;
use crate::ids::{CodeKey, PartnerId};
use crate::money::{Amount, Asset};

#[derive(Template)]
#[template(path = "wallet_spend.html", config = "src/http/askama.toml")]
struct FormPage {
    frame: Frame,
    balance: String,
    worth: String,
    /// What was typed, or as many as a code may be for.
    points: String,
    places: Vec<Place>,
    wrong: Option<&'static str>,
}

/// Where points can be spent.
struct Place {
    id: PartnerId,
    name: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "wallet_code.html", config = "src/http/askama.toml")]
struct CodePage {
    frame: Frame,
    drawing: QrDrawing,
    /// In groups of four.
    digits: String,
    up_to: String,
    place: String,
    /// The frame with what becomes of it.
    state: String,
}

#[derive(Template)]
#[template(path = "wallet_code_state.html", config = "src/http/askama.toml")]
struct StatePage {
    plain: Plain,
    mark: &'static str,
    says: String,
}

#[derive(Deserialize)]
pub struct Wish {
    points: String,
    #[serde(default)]
    place: String,
}

/// The state of a code is asked for again after this many seconds.
const AGAIN_SECONDS: &str = "3";

/// `GET /wallet/spend`.
pub async fn get_spend(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    form(&request, &gateway, &visit, None).await
}

/// `POST /wallet/codes`: the answer is the only page that shows the code.
pub async fn post_code(
    sent: Sent<Wish>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let Sent { visit, form: wish } = sent;
    let points = Amount::parse(&plain_amount(&wish.points), Asset::PTS).ok();
    let Some(points) = points.filter(|points| points.minor() > 0) else {
        return form(&request, &gateway, &visit, Some(Typed { wish, wrong: Wrong::Points })).await;
    };
    let place = plain(&wish.place);
    let partner = match place.as_str() {
        "" => None,
        place => Some(PartnerId::try_from(place).map_err(|_none| Problem::not_found())?),
    };
    let asked = match CodeWish::new(Some(points), partner, &gateway.registry) {
        Err(CustomerRefusal::PointsBeyond { .. }) => {
            let typed = Typed { wish, wrong: Wrong::Points };
            return form(&request, &gateway, &visit, Some(typed)).await;
        }
        asked => asked?,
    };
    let owner = CodeOwner::Subject(visit.session.subject.clone());
    let made = gateway.main.ask_or(move |db| codes::make(&owner, db, asked, clock::now())).await;
    let code = match made {
        Ok(code) => code,
        Err(CustomerRefusal::TooManyCodes { .. }) => {
            let typed = Typed { wish, wrong: Wrong::TooMany };
            return form(&request, &gateway, &visit, Some(typed)).await;
        }
        Err(refusal) => return Err(refusal.into()),
    };
    show_code(&request, &gateway, &visit, &code)
}

/// `GET /wallet/codes/{code}`: what became of a code, for the frame on its page.
pub async fn get_code(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let key = uuid::Uuid::parse_str(&path).map_err(|_none| Problem::not_found())?;
    let (key, now) = (CodeKey::from_bytes(*key.as_bytes()), clock::now());
    let subject = visit.session.subject;
    let found = gateway.main.ask_or(move |db| codes::state(&subject, db, key, now)).await?;
    let page = state_page(&request, found, now);
    let mut response = frame::show_framed(&request, StatusCode::OK, &page, Framing::IsFrame)?;
    if matches!(found.stands, CodeStands::Waiting { .. }) {
        let again = header::HeaderValue::from_static(AGAIN_SECONDS);
        response.headers_mut().insert(header::REFRESH, again);
    }
    Ok(response)
}

/// What the customer typed, and what is wrong with it.
struct Typed {
    wish: Wish,
    wrong: Wrong,
}

#[derive(Clone, Copy)]
enum Wrong {
    Points,
    TooMany,
}

async fn form(
    request: &HttpRequest,
    gateway: &Gateway,
    visit: &Visit,
    typed: Option<Typed>,
) -> Result<HttpResponse, Problem> {
    let frame = Frame::new(request, gateway, visit);
    let (registry, zone) = (Arc::clone(&gateway.registry), gateway.time_zone);
    let subject = visit.session.subject.clone();
    let read = move |db: &mut _| {
        let view = PointsView { registry: &registry, zone, now: clock::now() };
        points::read(&subject, db, HistoryPage { after: None, only: None, rows_max: 0 }, view)
    };
    let points = gateway.main.ask(read).await?;
    let most = gateway.registry.programme().codes.points_max;
    let proposed = if most.minor() > 0 { points.balance.min(most) } else { points.balance };
    let chosen = typed.as_ref().map(|typed| plain(&typed.wish.place)).unwrap_or_default();
    let wrong = typed.as_ref().map(|typed| match typed.wrong {
        Wrong::Points => frame.w.points_wrong,
        Wrong::TooMany => frame.w.codes_wait,
    });
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = FormPage {
        balance: frame.figures.amount(&points.balance),
        worth: frame.figures.amount(&points.worth),
        points: typed.map_or_else(|| proposed.to_string(), |typed| typed.wish.points),
        places: places(gateway, &chosen),
        wrong,
        frame,
    };
    frame::show(request, status, &page)
}

/// Partners at which points can be spent, by name.
fn places(gateway: &Gateway, chosen: &str) -> Vec<Place> {
    let partners = gateway.registry.now();
    let taking = partners.iter().filter(|partner| partner.redemption && !gateway.is_apart(partner));
    let mut places: Vec<Place> = taking
        .map(|partner| Place {
            id: partner.id.clone(),
            name: partner.name.clone(),
            is_chosen: partner.id.as_str() == chosen,
        })
        .collect();
    places.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    places
}

fn show_code(
    request: &HttpRequest,
    gateway: &Gateway,
    visit: &Visit,
    code: &Code,
) -> Result<HttpResponse, Problem> {
    let frame = Frame::new(request, gateway, visit);
    let text = code.code.as_str();
    let drawing = QrDrawing::of(text).ok_or_else(|| Problem::internal("a code too long"))?;
    let place = code.partner.as_ref().and_then(|id| gateway.registry.get(id));
    let key = uuid::Uuid::from_bytes(*CodeKey::of(&code.code).bytes());
    let page = CodePage {
        drawing,
        digits: in_fours(text),
        up_to: frame.figures.amount(&code.points),
        place: place.map_or_else(|| frame.w.anywhere.to_owned(), |partner| partner.name.clone()),
        state: format!("/wallet/codes/{key}"),
        frame,
    };
    frame::show_framed(request, StatusCode::OK, &page, Framing::HasFrame)
}

fn in_fours(digits: &str) -> String {
    let digits: Vec<char> = digits.chars().collect();
    let groups = digits.chunks(4).map(|group| group.iter().collect::<String>());
    groups.collect::<Vec<_>>().join(" ")
}

fn state_page(request: &HttpRequest, found: CodeState, now: Moment) -> StatePage {
    let plain = Plain::new(request);
    let w = plain.w;
    let left =
        found.expires_at.map_or(0, |at| at.utc().signed_duration_since(now.utc()).num_seconds());
    let left = format!("{}:{:02}", left.max(0) / 60, left.max(0) % 60);
    let (mark, says) = match found.stands {
        CodeStands::Waiting { refusals: 0 } => ("waiting", format!("{} · {left}", w.code_waits)),
        CodeStands::Waiting { .. } => ("waiting", format!("{} · {left}", w.code_refused)),
        CodeStands::Used => ("used", w.code_used.to_owned()),
        CodeStands::Void => ("void", w.code_void.to_owned()),
        CodeStands::Over => ("over", w.code_over.to_owned()),
    };
    StatePage { plain, mark, says }
}
