//! Customers say which notices they want. What law or contract requires is told in any case.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock;
use crate::http::Gateway;
use crate::http::access::auth::Customer;
use crate::http::problem::{NOTICE_REQUIRED, Problem};
use crate::store::{customers, notices};

#[derive(Serialize, ToSchema)]
#[schema(as = NoticeWish)]
pub(in crate::http) struct View {
    /// `points_expiring`, `fee_due`, `instalment_due`, or another of the programme.
    kind: String,
    wanted: bool,
    /// Law or contract asks for it: it is told in any case.
    required: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = NoticeWishes)]
pub(in crate::http) struct Views {
    notices: Vec<View>,
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
    let unwanted = gateway
        .main
        .read(move |db| match customers::by_subject(db, &customer.subject)? {
            Some(id) => notices::unwanted(db, id),
            None => Ok(Vec::new()),
        })
        .await?;
    let view = |kind: &crate::partner::notice::NoticeKind| View {
        kind: kind.kind.clone(),
        wanted: kind.required || !unwanted.contains(&kind.kind),
        required: kind.required,
    };
    Ok(HttpResponse::Ok().json(Views { notices: programme.notice.iter().map(view).collect() }))
}

/// No more notices of this kind; those that wait are not sent. Of a kind that law or contract
/// requires nobody can opt out.
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
    set_wanted(&gateway, customer, kind.into_inner(), false).await
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
    set_wanted(&gateway, customer, kind.into_inner(), true).await
}

async fn set_wanted(
    gateway: &Gateway,
    customer: Customer,
    kind: String,
    wanted: bool,
) -> Result<HttpResponse, Problem> {
    let programme = gateway.registry.programme();
    let required = programme.notice(&kind).ok_or_else(Problem::not_found)?.required;
    if required && !wanted {
        let why = "Law or contract requires the bank to tell its customers of this beforehand.";
        return Err(Problem::new(&NOTICE_REQUIRED, why));
    }
    let (name, now) = (kind.clone(), clock::now());
    let done = gateway
        .main
        .read(move |db| {
            db.write(|tx| {
                let Some(id) = customers::by_subject(tx.db(), &customer.subject)? else {
                    return Ok(false);
                };
                notices::set_wanted(tx, id, (&name, wanted), now)?;
                Ok(true)
            })
        })
        .await?;
    if !done {
        return Err(Problem::not_found());
    }
    Ok(HttpResponse::Ok().json(View { kind, wanted, required }))
}
