//! What people agreed to, and how they withdraw it.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::customer::consent_receipt::ConsentReceipt;
use crate::customer::consents::{self, WithdrawalOutcome};
use crate::customer::requester::Requester;
use crate::event::{self, FieldReader};
use crate::http::Gateway;
use crate::http::access::auth::{ConsentsWrite, Customer, ReferralsRead};
use crate::http::access::partner_or_staff::{Asker, PartnerOrStaff};
use crate::http::access::staff::Privacy;
use crate::http::problem::Problem;
use crate::http::schemas::requests::WithdrawalBody;
use crate::http::server::media::JsonBody;
use crate::http::server::page::Place;
use crate::ids::ConsentId;

const REASON_CHARACTERS_MAX: usize = 500;

/// The page of consents that is asked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// The `next` of the page before.
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

/// A page of consents, the newest first.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Consents {
    consents: Vec<ConsentReceipt>,
    /// Where the next page begins; null on the last.
    next: Option<String>,
}

/// What the person agreed to. A partner's own; staff read any.
#[utoipa::path(
    get, path = "/v1/consents/{consent}", tag = "Consents",
    security(("partner" = ["referrals:read"]), ("staff" = ["privacy"])),
    params(("consent" = ConsentId, Path, description = "The `referral.consent` of its receipt.")),
    responses((status = 200, description = "The consent receipt.", body = ConsentReceipt))
)]
pub async fn get_consent(
    caller: PartnerOrStaff<ReferralsRead, Privacy>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&path)?;
    let (who, books) = (requester(&caller.asker), caller.asker.books(&gateway));
    let receipt = books.ask_or(move |db| consents::read(&who, db, id)).await?;
    Ok(HttpResponse::Ok().json(receipt))
}

/// The person no longer agrees: nothing more is sent, and the CRM is told. Points that were earned
/// stay.
#[utoipa::path(
    post, path = "/v1/consents/{consent}/withdrawal", tag = "Consents",
    security(("partner" = ["consents:write"]), ("staff" = ["privacy"])),
    params(("consent" = ConsentId, Path, description = "The `referral.consent` of its receipt.")),
    request_body = WithdrawalBody,
    responses(
        (status = 201, description = "Withdrawn now.", body = ConsentReceipt),
        (status = 200, description = "Withdrawn before.", body = ConsentReceipt),
    )
)]
pub async fn withdraw_consent(
    caller: PartnerOrStaff<ConsentsWrite, Privacy>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&path)?;
    let reason = event::read_object(&body, |body: &mut FieldReader<'_>| {
        Some(body.optional_text("reason", REASON_CHARACTERS_MAX).map(str::to_owned))
    })?;
    let (who, books) = (requester(&caller.asker), caller.asker.books(&gateway));
    Ok(answer(&consents::withdraw(who, books, id, reason).await?))
}

/// All that the customer agreed to, the newest first.
#[utoipa::path(
    get, path = "/v1/customers/me/consents", tag = "Customers", security(("customer" = [])),
    params(Page), responses((status = 200, description = "A page.", body = Consents))
)]
pub async fn get_own_consents(
    customer: Customer,
    gateway: web::Data<Gateway>,
    page: web::Query<Page>,
) -> Result<HttpResponse, Problem> {
    let read = |cursor: &str| ConsentId::try_from(cursor).ok();
    let place = Place::read(page.limit, page.cursor.as_deref(), read)?;
    let (before, rows_max) = (place.after, place.rows_max());
    let list = move |db: &mut _| consents::of_customer(&customer.subject, db, before, rows_max);
    let mut consents = gateway.main.ask(list).await?;
    let next = place.cut(&mut consents, |last| last.consent.to_string());
    Ok(HttpResponse::Ok().json(Consents { consents, next }))
}

/// The customer no longer agrees: nothing more is sent, and the CRM is told. Points that were
/// earned stay.
#[utoipa::path(
    post, path = "/v1/customers/me/consents/{consent}/withdrawal", tag = "Customers",
    security(("customer" = [])),
    params(("consent" = ConsentId, Path, description = "One of the customer's own.")),
    responses(
        (status = 201, description = "Withdrawn now.", body = ConsentReceipt),
        (status = 200, description = "Withdrawn before.", body = ConsentReceipt),
    )
)]
pub async fn withdraw_own_consent(
    customer: Customer,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&path)?;
    let who = Requester::Customer(customer.subject);
    Ok(answer(&consents::withdraw(who, &gateway.main, id, None).await?))
}

fn answer(outcome: &WithdrawalOutcome) -> HttpResponse {
    match outcome {
        WithdrawalOutcome::Withdrawn(receipt) => HttpResponse::Created().json(receipt),
        WithdrawalOutcome::WithdrawnBefore(receipt) => HttpResponse::Ok().json(receipt),
    }
}

fn requester(asker: &Asker) -> Requester {
    match asker {
        Asker::Partner(partner) => Requester::Partner(partner.id.clone()),
        Asker::Staff(id) => Requester::Staff(id.clone()),
    }
}

fn read_id(path: &str) -> Result<ConsentId, Problem> {
    let id = Uuid::parse_str(path).map_err(|_invalid| Problem::not_found())?;
    Ok(ConsentId::from_uuid(id))
}
