//! Customers make the one-time codes that they show at a till to spend points.

use actix_web::{HttpResponse, web};

use crate::clock;
use crate::customer::codes::{self, Code, CodeOwner, CodeWish};
use crate::event::read_object_within;
use crate::http::Gateway;
use crate::http::access::auth::Customer;
use crate::http::problem::Problem;
use crate::http::schemas::requests::NewCodeBody;
use crate::http::server::media::JsonBody;
use crate::money::Asset;

/// A code to show at a till, that one hold may name once, within five minutes. It is good for as many
/// points as the customer says; without a body, for as many as the programme allows such a code.
/// Named for a partner, it is good there only. After three holds that were refused it is void.
#[utoipa::path(
    post, path = "/v1/customers/me/codes", tag = "Customers", security(("customer" = [])),
    request_body(content = NewCodeBody, description = "May be left out."),
    responses((status = 201, description = "The code.", body = Code))
)]
pub async fn make_code(
    customer: Customer,
    gateway: web::Data<Gateway>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let limits = &gateway.registry.programme().limits;
    let (points, partner) = match body.is_empty() {
        true => (None, None),
        false => read_object_within(&body, limits, |body| {
            Some((body.optional_amount("points", Asset::PTS), body.optional_parsed("partner")))
        })?,
    };
    let wish = CodeWish::new(points, partner, &gateway.registry)?;
    let owner = CodeOwner::Subject(customer.subject);
    let code = gateway.main.ask_or(move |db| codes::make(&owner, db, wish, clock::now())).await?;
    Ok(HttpResponse::Created().json(code))
}
