//! Customers confirm redemptions beyond the programme's limit, or decline them.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use uuid::Uuid;

use crate::clock;
use crate::customer::redemptions::{self, AskedRedemption, AskedRedemptions};
use crate::http::Gateway;
use crate::http::access::auth::Customer;
use crate::http::problem::Problem;
use crate::ids::EventKey;
use crate::program::CustomerAnswer;
use crate::writer::{AnswerOrder, Answerer};

/// Redemptions that wait for the customer. A till cannot finish them before the customer has confirmed
/// them.
#[utoipa::path(
    get, path = "/v1/customers/me/redemptions", tag = "Customers", security(("customer" = [])),
    responses((status = 200, description = "All that wait.", body = AskedRedemptions))
)]
pub async fn get_redemptions(
    customer: Customer,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let registry = Arc::clone(&gateway.registry);
    let read =
        move |db: &mut _| redemptions::awaiting(&customer.subject, db, &registry, clock::now());
    Ok(HttpResponse::Ok().json(gateway.main.ask(read).await?))
}

/// The customer confirms a redemption: the till may finish it.
#[utoipa::path(
    post, path = "/v1/customers/me/redemptions/{redemption}/confirmation", tag = "Customers",
    security(("customer" = [])),
    params(("redemption" = String, Path, description = "Its id in the list.")),
    responses((status = 200, description = "Confirmed.", body = AskedRedemption))
)]
pub async fn confirm_redemption(
    customer: Customer,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    answer(customer, &gateway, &path, CustomerAnswer::Confirm).await
}

/// The customer declines a redemption: its points are free again.
#[utoipa::path(
    post, path = "/v1/customers/me/redemptions/{redemption}/rejection", tag = "Customers",
    security(("customer" = [])),
    params(("redemption" = String, Path, description = "Its id in the list.")),
    responses((status = 200, description = "Declined.", body = AskedRedemption))
)]
pub async fn decline_redemption(
    customer: Customer,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    answer(customer, &gateway, &path, CustomerAnswer::Decline).await
}

async fn answer(
    customer: Customer,
    gateway: &Gateway,
    id: &str,
    answer: CustomerAnswer,
) -> Result<HttpResponse, Problem> {
    let id = Uuid::parse_str(id).map_err(|_invalid| Problem::not_found())?;
    let hold = EventKey::from_bytes(*id.as_bytes());
    let order = AnswerOrder { hold, by: Answerer::Subject(customer.subject), answer };
    let asked = redemptions::answer(order, &gateway.main.writer, &gateway.registry).await?;
    Ok(HttpResponse::Ok().json(asked))
}
