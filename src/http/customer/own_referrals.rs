//! People confirm that a partner introduced them to the bank with their knowledge: by the API, or by a
//! button on the page that says what is held about them.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};

use crate::customer::own_referrals::{self, OwnReferral, OwnReferrals, PhoneOwner};
use crate::customer::refusal::CustomerRefusal;
use crate::http::Gateway;
use crate::http::access::auth::Customer;
use crate::http::customer::person_data::{self, Form};
use crate::http::pages::accept::prefers_html;
use crate::http::pages::forms::{check_origin, see_other};
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

/// The person says that it is true: the partner's commission no longer waits for the first talk. With
/// `Accept: text/html`, as the person's page sends it, the answer leads back to that page.
#[utoipa::path(
    post, path = "/v1/customers/me/referrals/{referral}/confirmation", tag = "Customers",
    security(("customer" = [])),
    params(
        ("referral" = ReferralId, Path, description = "One about the person's phone number."), Form
    ),
    responses(
        (status = 200, description = "Confirmed.", body = OwnReferral),
        (status = 303, description = "Sent by the person's page, which shows what came of it."),
    )
)]
pub async fn confirm_referral(
    customer: Customer,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    request: HttpRequest,
    form: web::Query<Form>,
) -> Result<HttpResponse, Problem> {
    let id = ReferralId::try_from(path.as_str()).map_err(|_invalid| Problem::not_found())?;
    let language = person_data::language(&request, &form)?;
    let by_page = prefers_html(&request);
    check_origin(&request, &gateway.issuer)?;
    let who = PhoneOwner(customer.phone);
    let writer = &gateway.main.writer;
    let place = own_referrals::Place { keys: &gateway.keys.personal, registry: &gateway.registry };
    let confirmed = own_referrals::confirm(&who, writer, id, place).await;
    let back = || see_other(&person_data::path(language));
    match confirmed {
        Ok(_confirmed) if by_page => Ok(back()),
        // The page does not offer it any more, and says how the referral stands.
        Err(CustomerRefusal::ReferralClosed { .. }) if by_page => Ok(back()),
        Ok(confirmed) => Ok(HttpResponse::Ok().json(confirmed)),
        Err(refusal) => Err(refusal.into()),
    }
}
