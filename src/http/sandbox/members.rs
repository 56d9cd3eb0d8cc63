//! Members and codes of partners on trial, without the bank's app.

use actix_web::{HttpResponse, web};

use super::on_trial;
use crate::customer::codes::{self, Code, CodeOwner, CodeWish};
use crate::customer::members::{self, Introduced};
use crate::event::read_object_within;
use crate::http::Gateway;
use crate::http::access::auth::{Caller, EventsWrite};
use crate::http::problem::Problem;
use crate::http::schemas::requests::{CodeBody, MemberLink};
use crate::http::server::media::JsonBody;
use crate::http::trial::clock_of;
use crate::ids::MemberKey;
use crate::money::Asset;

/// A customer who stands in for one whom the bank has linked: a reference to use in events.
#[utoipa::path(
    post, path = "/v1/sandbox/members", tag = "Sandbox", security(("partner" = ["events:write"])),
    responses((status = 201, description = "The reference.", body = MemberLink))
)]
pub async fn make_member(
    caller: Caller<EventsWrite>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    on_trial(&caller.partner)?;
    let books = gateway.books(&caller.partner);
    let now = clock_of(books, &caller.partner).await?;
    let id = caller.partner.id.clone();
    let subject = format!("sandbox {}", uuid::Uuid::new_v4());
    let who = Introduced { subject, birth_month: None };
    let member = books.ask_or(move |db| members::link(&who, db, &id, now)).await?;
    let body = serde_json::json!({ "partner": caller.partner.id, "member": member });
    Ok(HttpResponse::Created().json(body))
}

/// The code that one of the partner's members would show at a till, good for five minutes by the
/// partner's clock.
#[utoipa::path(
    post, path = "/v1/sandbox/codes", tag = "Sandbox", security(("partner" = ["events:write"])),
    request_body = CodeBody,
    responses((status = 201, description = "The code.", body = Code))
)]
pub async fn make_sandbox_code(
    caller: Caller<EventsWrite>,
    gateway: web::Data<Gateway>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    on_trial(&caller.partner)?;
    let limits = &gateway.registry.programme().limits;
    let (member, points) = read_object_within(&body, limits, |body| {
        let points = body.optional_amount("points", Asset::PTS);
        Some((body.parsed("member")?, points))
    })?;
    let wish = CodeWish::new(points, None, &gateway.registry)?;
    let member = MemberKey::of(&caller.partner.id, &member);
    let books = gateway.books(&caller.partner);
    let now = clock_of(books, &caller.partner).await?;
    let owner = CodeOwner::Member(member);
    let code = books.ask_or(move |db| codes::make(&owner, db, wish, now)).await?;
    Ok(HttpResponse::Created().json(code))
}
