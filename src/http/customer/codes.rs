//! Customers make the one-time codes that they show at a till to spend points.

use actix_web::{HttpResponse, web};

use crate::clock;
use crate::customer::codes::{self, Code, CodeOwner};
use crate::http::Gateway;
use crate::http::access::auth::Customer;
use crate::http::problem::Problem;

/// A code to show at a till, that one hold may name once, within five minutes.
#[utoipa::path(
    post, path = "/v1/customers/me/codes", tag = "Customers", security(("customer" = [])),
    responses((status = 201, description = "The code.", body = Code))
)]
pub async fn make_code(
    customer: Customer,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let owner = CodeOwner::Subject(customer.subject);
    let code = gateway.main.ask_or(move |db| codes::make(&owner, db, clock::now())).await?;
    Ok(HttpResponse::Created().json(code))
}
