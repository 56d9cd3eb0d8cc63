//! Customers agree to be contacted by the bank, and withdraw it: without this nobody is made a lead
//! by what they buy.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::behaviour;
use crate::clock::{self, Moment};
use crate::event::{ConsentGiven, read_contact, read_object};
use crate::http::Gateway;
use crate::http::access::auth::Customer;
use crate::http::openapi::bodies::ContactBody;
use crate::http::problem::Problem;
use crate::ids::ReferralId;
use crate::referral::{Actor, Move, Step};
use crate::store::contacts::{self, NewContact};
use crate::store::personal::NewPersonal;
use crate::store::{StoreError, customers};
use crate::writer::{MoveRefusal, WriteError};

/// What was agreed to.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Agreed {
    region: String,
    purpose: String,
    text_version: String,
    given_at: Moment,
}

/// That a consent stands no more.
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
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let now = clock::now();
    let (contact, consent, region) = read_object(&body, |body| {
        let contact = read_contact(body);
        let consent = match body.object("consent") {
            Some(consent) => ConsentGiven::read(consent, Some(now)),
            None => {
                body.fail("consent", "missing: expected an object");
                None
            }
        };
        let region = body.text("region", 64).map(str::to_owned);
        Some((contact?, consent?, region?))
    })?;
    let partner = behaviour::own(&gateway.registry).ok_or_else(Problem::not_found)?;
    let id = ReferralId::random();
    let plain = contact.to_json().map_err(Problem::internal)?;
    let personal = NewPersonal {
        id,
        sealed: gateway.keys.personal.seal(id.bytes(), &plain).map_err(Problem::internal)?,
        phone_index: gateway.keys.personal.phone_index(&contact.phone),
        recorded_at: now,
    };
    let agreed = Agreed {
        region: region.clone(),
        purpose: consent.purpose.clone(),
        text_version: consent.text_version.clone(),
        given_at: consent.given_at,
    };
    let kept = gateway
        .main
        .read(move |db| {
            db.write(|tx| {
                let Some(id) = customers::by_subject(tx.db(), &customer.subject)? else {
                    return Ok::<_, StoreError>(false);
                };
                customers::lock(tx, &[id])?;
                let consent = contacts::consent(&partner.id, &consent, now);
                let new = NewContact { customer: id, personal, consent, region: &region };
                contacts::put(tx, new, now)?;
                Ok(true)
            })
        })
        .await?;
    if !kept {
        return Err(Problem::not_found());
    }
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
    let withdrawn_at = clock::now();
    let partner = behaviour::own(&gateway.registry).ok_or_else(Problem::not_found)?;
    let stopped = gateway
        .main
        .read(move |db| {
            db.write(|tx| {
                let Some(id) = customers::by_subject(tx.db(), &customer.subject)? else {
                    return Ok::<_, StoreError>(None);
                };
                customers::lock(tx, &[id])?;
                if !contacts::withdraw(tx, id, withdrawn_at)? {
                    return Ok(None);
                }
                contacts::stop_leads(tx, id, &partner.id, withdrawn_at).map(Some)
            })
        })
        .await?;
    let stopped = stopped.ok_or_else(Problem::not_found)?;
    for referral in stopped {
        let order = Move::new(referral, Step::Withdraw, Actor::Customer);
        match gateway.main.writer.advance(order).await {
            // What has ended, or was converted, stays as it is.
            Ok(_) | Err(WriteError::Move(MoveRefusal::Illegal(_))) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(HttpResponse::Ok().json(Withdrawn { withdrawn_at }))
}
