//! Where a person is signed in, and how they end it.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::page::{self, Frame, Part};
use super::sign_in::Nothing;
use super::visit::{Sent, Visit, flow};
use crate::clock;
use crate::http::Gateway;
use crate::http::pages::forms::see_other;
use crate::http::problem::Problem;
use crate::ids::SessionId;
use crate::sessions;

#[derive(Template)]
#[template(path = "sessions.html", config = "src/http/askama.toml")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
}

struct Row {
    id: String,
    began: String,
    last_used: String,
    ends: String,
    is_this: bool,
}

/// `GET /console/sessions`.
pub async fn get_sessions(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (who, times, now) = (visit.id().clone(), flow(&gateway)?.times, clock::now());
    let found = gateway.main.ask(move |db| sessions::list(&who, db, times, now)).await?;
    let frame = Frame::open(&request, &gateway, &visit, Part::Sessions).await?;
    let rows = found.into_iter().map(|session| Row {
        id: session.id.to_string(),
        began: frame.figures.time(&session.began_at),
        last_used: frame.figures.time(&session.seen_at),
        ends: frame.figures.time(&session.ends_at),
        is_this: session.id == visit.session.id,
    });
    let rows = rows.collect();
    page::show(&request, StatusCode::OK, &Page { frame, rows })
}

#[derive(Template)]
#[template(path = "stay.html", config = "src/http/askama.toml")]
struct StayPage {
    frame: Frame,
}

/// `GET /console/stay`: opening it is use of the session, which goes on.
pub async fn get_stay(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let frame = Frame::open(&request, &gateway, &visit, Part::Sessions).await?;
    page::show(&request, StatusCode::OK, &StayPage { frame })
}

/// `POST /console/sessions/{session}/end`.
pub async fn post_end(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<Nothing>,
) -> Result<HttpResponse, Problem> {
    let id = request.match_info().get("session").unwrap_or_default();
    let id = SessionId::try_from(id).map_err(|_invalid| Problem::not_found())?;
    let who = sent.visit.id().clone();
    let ended = gateway.main.ask(move |db| sessions::end(&who, db, id)).await?;
    if ended { Ok(see_other("/console/sessions")) } else { Err(Problem::not_found()) }
}
