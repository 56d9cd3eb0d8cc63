//! Customers agree to be contacted by the bank, and withdraw it.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::behaviour;
use crate::clock::{self, Moment};
use crate::customer::contact::{self, Agreement, ContactOwner};
use crate::event::{ConsentGiven, FieldReader, read_contact, read_object};
use crate::http::Gateway;
use crate::http::access::auth::Customer;
use crate::http::problem::Problem;
use crate::http::schemas::requests::ContactBody;
use crate::http::server::media::JsonBody;
use crate::ids::PartnerId;

/// What was agreed to.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Agreed {
    region: String,
    purpose: String,
    text_version: String,
    given_at: Moment,
}

/// When a consent ended.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Withdrawn {
    withdrawn_at: Moment,
}

/// The customer agrees to be contacted, and says where. It takes the place of what was agreed before.
#[utoipa::path(
    post, path = "/v1/customers/me/contact", tag = "Customers", security(("customer" = [])),
    request_body = ContactBody,
    responses((status = 201, description = "Agreed.", body = Agreed))
)]
pub async fn agree(
    customer: Customer,
    gateway: web::Data<Gateway>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let now = clock::now();
    let agreement = read_object(&body, |body| read(body, now))?;
    let who = ContactOwner { subject: customer.subject, bank: bank(&gateway)? };
    let agreed = Agreed {
        region: agreement.region.clone(),
        purpose: agreement.consent.purpose.clone(),
        text_version: agreement.consent.text_version.clone(),
        given_at: agreement.consent.given_at,
    };
    let keys = gateway.keys.personal.clone();
    gateway.main.ask_or(move |db| contact::agree(&who, db, agreement, &keys, now)).await?;
    Ok(HttpResponse::Created().json(agreed))
}

/// The customer withdraws it: the data is erased, no lead is made of what they buy, and those that
/// were are stopped.
#[utoipa::path(
    post, path = "/v1/customers/me/contact/withdrawal", tag = "Customers",
    security(("customer" = [])),
    responses((status = 200, description = "Withdrawn.", body = Withdrawn))
)]
pub async fn withdraw_contact(
    customer: Customer,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let who = ContactOwner { subject: customer.subject, bank: bank(&gateway)? };
    let withdrawn_at = contact::withdraw(who, &gateway.main.writer).await?;
    Ok(HttpResponse::Ok().json(Withdrawn { withdrawn_at }))
}

/// The partner that is the bank itself, where the programme has behaviour rules.
fn bank(gateway: &Gateway) -> Result<PartnerId, Problem> {
    let partner = behaviour::own(&gateway.registry).ok_or_else(Problem::not_found)?;
    Ok(partner.id.clone())
}

fn read(body: &mut FieldReader<'_>, now: Moment) -> Option<Agreement> {
    let contact = read_contact(body);
    let consent = match body.object("consent") {
        Some(consent) => ConsentGiven::read(consent, Some(now)),
        None => {
            body.fail("consent", "missing: expected an object");
            None
        }
    };
    let region = body.text("region", 64).map(str::to_owned);
    Some(Agreement { contact: contact?, consent: consent?, region: region? })
}
