//! Customers say which notices they want.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::Gateway;
use super::auth::Customer;
use super::problem::Problem;
use crate::clock;
use crate::store::notices::POINTS_EXPIRING;
use crate::store::{customers, notices};

#[derive(Serialize, ToSchema)]
#[schema(as = NoticeWish)]
pub(super) struct View {
    /// `points_expiring`: points that expire in 30, 7 and 1 days.
    kind: &'static str,
    wanted: bool,
}

/// No more notices of this kind; those that wait are not sent.
#[utoipa::path(
    post, path = "/v1/customers/me/notices/{kind}/opt-out", tag = "Customers",
    security(("customer" = [])),
    params(("kind" = String, Path, description = "`points_expiring`.")),
    responses((status = 200, description = "What is wanted now.", body = View))
)]
pub async fn opt_out(
    customer: Customer,
    gateway: web::Data<Gateway>,
    kind: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    set_wanted(&gateway, customer, &kind, false).await
}

/// Notices of this kind again.
#[utoipa::path(
    post, path = "/v1/customers/me/notices/{kind}/opt-in", tag = "Customers",
    security(("customer" = [])),
    params(("kind" = String, Path, description = "`points_expiring`.")),
    responses((status = 200, description = "What is wanted now.", body = View))
)]
pub async fn opt_in(
    customer: Customer,
    gateway: web::Data<Gateway>,
    kind: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    set_wanted(&gateway, customer, &kind, true).await
}

async fn set_wanted(
    gateway: &Gateway,
    customer: Customer,
    kind: &str,
    wanted: bool,
) -> Result<HttpResponse, Problem> {
    if kind != POINTS_EXPIRING {
        return Err(Problem::not_found());
    }
    let now = clock::now();
    let done = gateway
        .main
        .read(move |db| {
            db.write(|tx| {
                let Some(id) = customers::by_subject(tx.db(), &customer.subject)? else {
                    return Ok(false);
                };
                notices::set_wanted(tx, id, (POINTS_EXPIRING, wanted), now)?;
                Ok(true)
            })
        })
        .await?;
    if !done {
        return Err(Problem::not_found());
    }
    Ok(HttpResponse::Ok().json(View { kind: POINTS_EXPIRING, wanted }))
}
