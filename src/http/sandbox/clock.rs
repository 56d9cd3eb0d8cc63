//! The clock of a partner on trial.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::on_trial;
use crate::clock::{self, Moment};
use crate::event::{FieldProblem, FieldReader, Malformed, read_object};
use crate::http::Gateway;
use crate::http::access::auth::{Caller, EventsWrite};
use crate::http::problem::Problem;
use crate::http::schemas::requests::ClockBody;
use crate::http::server::media::JsonBody;
use crate::partner::move_clock::{self, ClockOutcome};
use crate::partner::test_clock::AHEAD_SECONDS_MAX;
use crate::store::test_clocks;

/// The time by the partner's clock.
#[derive(Serialize, ToSchema)]
pub struct Clock {
    now: Moment,
    /// Seconds that the clock is ahead of the gateway's own.
    #[schema(minimum = 0)]
    ahead_seconds: i64,
}

/// The clock of a partner on trial.
#[utoipa::path(
    get, path = "/v1/sandbox/clock", tag = "Sandbox", security(("partner" = ["events:write"])),
    responses((status = 200, description = "The clock.", body = Clock))
)]
pub async fn get_clock(
    caller: Caller<EventsWrite>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    on_trial(&caller.partner)?;
    let id = caller.partner.id.clone();
    let books = gateway.books(&caller.partner);
    let ahead = books.ask(move |db| test_clocks::ahead_seconds(db, &id)).await?;
    Ok(answer(ahead))
}

/// Moves the clock of a partner on trial ahead, never back and ten years at most. What falls due by
/// it for the partner's customers has happened when this is answered. The same again changes
/// nothing.
#[utoipa::path(
    put, path = "/v1/sandbox/clock", tag = "Sandbox", security(("partner" = ["events:write"])),
    request_body = ClockBody,
    responses((status = 200, description = "The clock as it is now.", body = Clock))
)]
pub async fn put_clock(
    caller: Caller<EventsWrite>,
    gateway: web::Data<Gateway>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    on_trial(&caller.partner)?;
    let asked = read_object(&body, read)?;
    let (partner, books) = (&caller.partner.id, gateway.books(&caller.partner));
    match move_clock::advance(partner, books, &gateway.registry, asked, clock::now()).await? {
        ClockOutcome::Ahead(seconds) => Ok(answer(seconds)),
        ClockOutcome::FurtherAhead(seconds) => {
            let detail = format!("the clock is {seconds} s ahead already, and does not go back");
            Err(not_taken(detail).into())
        }
    }
}

fn answer(ahead_seconds: i64) -> HttpResponse {
    let now = clock::now().plus(chrono::TimeDelta::seconds(ahead_seconds));
    HttpResponse::Ok().json(Clock { now, ahead_seconds })
}

fn read(body: &mut FieldReader<'_>) -> Option<i64> {
    let max = u32::try_from(AHEAD_SECONDS_MAX).unwrap_or(u32::MAX);
    body.count("ahead_seconds", 0..=max).map(i64::from)
}

fn not_taken(detail: String) -> Malformed {
    Malformed::Fields(vec![FieldProblem { pointer: "/ahead_seconds".to_owned(), detail }])
}
