//! What people agreed to, and their taking it back: as easily as it was given (PIPL, article 15).

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::books::Books;
use crate::customer::Author;
use crate::customer::consent_receipt::{ConsentReceipt, receipt_for};
use crate::event::{self, Reader};
use crate::http::Gateway;
use crate::http::access::auth::{ConsentsWrite, Customer, ReferralsRead};
use crate::http::access::either::{Asker, PartnerOrStaff};
use crate::http::access::staff::Privacy;
use crate::http::openapi::bodies::WithdrawalBody;
use crate::http::problem::Problem;
use crate::http::server::page::Place;
use crate::ids::ConsentId;
use crate::store::consents::{self, Consented};
use crate::store::customers;
use crate::writer::Withdrawal;

const REASON_CHARACTERS_MAX: usize = 500;

/// Which page of them.
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
    let books = caller.asker.books(&gateway);
    let found = find(books, id, |found| is_theirs(&caller.asker, found)).await?;
    let to_staff = matches!(caller.asker, Asker::Staff(_));
    let receipt = receipt_for(&found.consent, Some(found.referral), to_staff);
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
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&path)?;
    let reason = event::read_object(&body, |body: &mut Reader<'_>| {
        Some(body.optional_text("reason", REASON_CHARACTERS_MAX).map(str::to_owned))
    })?;
    let to_staff = matches!(caller.asker, Asker::Staff(_));
    let books = caller.asker.books(&gateway);
    find(books, id, |found| is_theirs(&caller.asker, found)).await?;
    let done = withdraw(books, id, author(&caller.asker), reason).await?;
    Ok(answer(&done, to_staff))
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
    let mut found = gateway
        .main
        .read(move |db| match customers::by_subject(db, &customer.subject)? {
            Some(id) => consents::of_customer(db, id, before, rows_max),
            None => Ok(Vec::new()),
        })
        .await?;
    let next = place.cut(&mut found, |(last, _referral)| last.id.to_string());
    let receipt = |(record, referral)| receipt_for(&record, Some(referral), false);
    let consents = found.into_iter().map(receipt).collect();
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
    let subject = customer.subject;
    let own = gateway.main.read(move |db| customers::by_subject(db, &subject)).await?;
    let own = own.ok_or_else(Problem::not_found)?;
    find(&gateway.main, id, |found| found.customer == Some(own)).await?;
    let done = withdraw(&gateway.main, id, Author::Customer(own), None).await?;
    Ok(answer(&done, false))
}

/// A consent that whoever asks may see.
async fn find(
    books: &Books,
    id: ConsentId,
    may: impl FnOnce(&Consented) -> bool,
) -> Result<Consented, Problem> {
    let found = books.read(move |db| consents::consented(db, id)).await?;
    found.filter(|found| may(found)).ok_or_else(Problem::not_found)
}

async fn withdraw(
    books: &Books,
    consent: ConsentId,
    by: Author,
    reason: Option<String>,
) -> Result<(Consented, bool), Problem> {
    let anew = books.writer.withdraw(Withdrawal { consent, by, reason }).await?;
    Ok((find(books, consent, |_found| true).await?, anew))
}

fn answer((found, anew): &(Consented, bool), to_staff: bool) -> HttpResponse {
    let receipt = receipt_for(&found.consent, Some(found.referral), to_staff);
    let mut response = if *anew { HttpResponse::Created() } else { HttpResponse::Ok() };
    response.json(receipt)
}

fn is_theirs(asker: &Asker, found: &Consented) -> bool {
    match asker {
        Asker::Partner(partner) => found.consent.partner == partner.id,
        Asker::Staff(_) => true,
    }
}

fn author(asker: &Asker) -> Author {
    match asker {
        Asker::Partner(partner) => Author::Partner(partner.id.clone()),
        Asker::Staff(id) => Author::Staff(id.clone()),
    }
}

fn read_id(path: &str) -> Result<ConsentId, Problem> {
    let id = Uuid::parse_str(path).map_err(|_invalid| Problem::not_found())?;
    Ok(ConsentId::from_uuid(id))
}
