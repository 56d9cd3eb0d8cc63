//! People confirm that a partner introduced them to the bank with their knowledge.

use std::sync::Arc;

use actix_web::{HttpResponse, web};

use crate::customer::own_referrals::{self, OwnReferral, OwnReferrals, PhoneOwner};
use crate::http::Gateway;
use crate::http::access::auth::Customer;
use crate::http::problem::Problem;
use crate::ids::ReferralId;

/// Open leads about the person's own phone number, for which the bank's identity provider vouches. A
/// token without a phone number has none.
#[utoipa::path(
    get, path = "/v1/customers/me/referrals", tag = "Customers", security(("customer" = [])),
    responses((status = 200, description = "All of them.", body = OwnReferrals))
)]
pub async fn get_own_referrals(
    customer: Customer,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let (keys, registry) = (gateway.keys.personal.clone(), Arc::clone(&gateway.registry));
    let who = PhoneOwner(customer.phone);
    let read = move |db: &mut _| {
        let place = own_referrals::Place { keys: &keys, registry: &registry };
        own_referrals::read(&who, db, place)
    };
    Ok(HttpResponse::Ok().json(gateway.main.ask(read).await?))
}

/// The person says that it is true: the partner's commission no longer waits for the first talk.
#[utoipa::path(
    post, path = "/v1/customers/me/referrals/{referral}/confirmation", tag = "Customers",
    security(("customer" = [])),
    params(("referral" = ReferralId, Path, description = "One about the person's phone number.")),
    responses((status = 200, description = "Confirmed.", body = OwnReferral))
)]
pub async fn confirm_referral(
    customer: Customer,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = ReferralId::try_from(path.as_str()).map_err(|_invalid| Problem::not_found())?;
    let who = PhoneOwner(customer.phone);
    let writer = &gateway.main.writer;
    let place = own_referrals::Place { keys: &gateway.keys.personal, registry: &gateway.registry };
    Ok(HttpResponse::Ok().json(own_referrals::confirm(&who, writer, id, place).await?))
}
