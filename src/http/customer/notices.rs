//! Customers say which notices they want.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock;
use crate::http::Gateway;
use crate::http::access::auth::Customer;
use crate::http::problem::Problem;
use crate::notice::wishes::{self, NoticeWish};

#[derive(Serialize, ToSchema)]
#[schema(as = NoticeWishes)]
pub(in crate::http) struct Views {
    notices: Vec<NoticeWish>,
}

/// Which kinds of notices there are, and which the customer gets.
#[utoipa::path(
    get, path = "/v1/customers/me/notices", tag = "Customers", security(("customer" = [])),
    responses((status = 200, description = "Every kind.", body = Views))
)]
pub async fn get_notices(
    customer: Customer,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let programme = gateway.registry.programme();
    let list = move |db: &mut _| wishes::list(&customer.subject, db, &programme.notice);
    let notices = gateway.main.ask(list).await?;
    Ok(HttpResponse::Ok().json(Views { notices }))
}

/// No more notices of this kind; those that wait are not sent. Nobody can opt out of a kind that law
/// or contract requires.
#[utoipa::path(
    post, path = "/v1/customers/me/notices/{kind}/opt-out", tag = "Customers",
    security(("customer" = [])),
    params(("kind" = String, Path, description = "`points_expiring`.")),
    responses((status = 200, description = "What is wanted now.", body = NoticeWish))
)]
pub async fn opt_out(
    customer: Customer,
    gateway: web::Data<Gateway>,
    kind: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let programme = gateway.registry.programme();
    let kind = programme.notice(&kind).cloned().ok_or_else(Problem::not_found)?;
    let decline = move |db: &mut _| wishes::decline(&customer.subject, db, &kind, clock::now());
    Ok(HttpResponse::Ok().json(gateway.main.ask_or(decline).await?))
}

/// Notices of this kind again.
#[utoipa::path(
    post, path = "/v1/customers/me/notices/{kind}/opt-in", tag = "Customers",
    security(("customer" = [])),
    params(("kind" = String, Path, description = "`points_expiring`.")),
    responses((status = 200, description = "What is wanted now.", body = NoticeWish))
)]
pub async fn opt_in(
    customer: Customer,
    gateway: web::Data<Gateway>,
    kind: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let programme = gateway.registry.programme();
    let kind = programme.notice(&kind).cloned().ok_or_else(Problem::not_found)?;
    let accept = move |db: &mut _| wishes::accept(&customer.subject, db, &kind);
    Ok(HttpResponse::Ok().json(gateway.main.ask_or(accept).await?))
}
