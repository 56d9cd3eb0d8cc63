//! A partner reads what the bank asks about its statements, and answers.

use actix_web::{HttpResponse, web};

use crate::clock;
use crate::event::read_object;
use crate::http::Gateway;
use crate::http::access::auth::{Caller, SettlementsAnswer};
use crate::http::problem::Problem;
use crate::http::schemas::reconcile::BreakNoteBody;
use crate::http::server::media::JsonBody;
use crate::http::server::page::{Page, Place};
use crate::http::staff::breaks::{Detail, Reader, View, Views, read_cursor, read_id, read_says};
use crate::ids::BreakId;
use crate::reconcile::breaks;
use crate::store;

/// The breaks about which the bank has asked the caller, the longest ago first.
#[utoipa::path(
    get, path = "/v1/settlement-breaks", tag = "Settlement",
    security(("partner" = ["settlements:answer"])),
    params(Page), responses((status = 200, description = "A page.", body = Views))
)]
pub async fn get_asked_breaks(
    caller: Caller<SettlementsAnswer>,
    gateway: web::Data<Gateway>,
    page: web::Query<Page>,
) -> Result<HttpResponse, Problem> {
    let Page { cursor, limit } = page.into_inner();
    let place = Place::read(limit, cursor.as_deref(), read_cursor)?;
    let (partner, after, rows_max) = (caller.partner.id.clone(), place.after, place.rows_max());
    let asked = move |db: &mut store::Db| store::breaks::asked(db, &partner, after, rows_max);
    let mut found = gateway.books(&caller.partner).ask(asked).await?;
    let next = place
        .cut(&mut found, |last| format!("{}~{}", last.asked_at.unwrap_or(last.opened_at), last.id));
    let now = clock::now();
    let breaks = found.into_iter().map(|it| View::of(&it, now)).collect();
    Ok(HttpResponse::Ok().json(Views { breaks, next }))
}

/// One of them, with its rows and what was said between the bank and the caller.
#[utoipa::path(
    get, path = "/v1/settlement-breaks/{break}", tag = "Settlement",
    security(("partner" = ["settlements:answer"])),
    params(("break" = BreakId, Path, description = "The break.")),
    responses((status = 200, description = "The break.", body = Detail))
)]
pub async fn get_asked_break(
    caller: Caller<SettlementsAnswer>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (id, partner) = (read_id(&path)?, caller.partner.id.clone());
    let books = gateway.books(&caller.partner);
    let found = books.ask_or(move |db| breaks::read_asked(&partner, db, id)).await?;
    Ok(HttpResponse::Ok().json(Detail::of(found, Reader::Partner)?))
}

/// The caller's answer. The bank goes on from there.
#[utoipa::path(
    post, path = "/v1/settlement-breaks/{break}/answers", tag = "Settlement",
    security(("partner" = ["settlements:answer"])),
    params(("break" = BreakId, Path, description = "The break.")),
    request_body = BreakNoteBody,
    responses((status = 201, description = "Answered.", body = Detail))
)]
pub async fn answer_break(
    caller: Caller<SettlementsAnswer>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let (id, partner) = (read_id(&path)?, caller.partner.id.clone());
    let says = read_object(&body, read_says)?;
    let now = clock::now();
    let books = gateway.books(&caller.partner);
    let done = books.ask_or(move |db| breaks::answer(&partner, db, id, says, now)).await?;
    Ok(HttpResponse::Created().json(Detail::of(done, Reader::Partner)?))
}
