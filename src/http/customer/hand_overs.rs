//! The bank's app hands a customer over to the wallet.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::{self, Moment};
use crate::customer::wallet_sessions;
use crate::http::Gateway;
use crate::http::access::auth::Customer;
use crate::http::problem::Problem;
use crate::wallet;

/// A link into the wallet.
#[derive(Serialize, ToSchema)]
pub struct HandOverLink {
    /// The address for a browser. Opening the address uses nothing up: the customer presses a button on
    /// the page.
    url: String,
    expires_at: Moment,
}

/// A link that signs the customer in at the wallet: once, within a minute. The app opens the
/// link in a browser, and keeps the link nowhere.
#[utoipa::path(
    post, path = "/v1/customers/me/hand-overs", tag = "Customers", security(("customer" = [])),
    responses((status = 201, description = "The link.", body = HandOverLink))
)]
pub async fn hand_over(
    customer: Customer,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    gateway.wallet.ok_or_else(Problem::not_found)?;
    let make = move |db: &mut _| wallet_sessions::hand_over(&customer.subject, db, clock::now());
    let made = gateway.main.ask_or(make).await?;
    let url = wallet::link(&gateway, &made);
    Ok(HttpResponse::Created().json(HandOverLink { url, expires_at: made.ends_at }))
}
