//! Personal data is erased on request, and a certificate says what went.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::clock::Moment;
use crate::customer::certificate::Certificate;
use crate::customer::erasure::{self, ErasureSubject};
use crate::customer::erasure_record::ErasureOutcome;
use crate::customer::requester::Requester;
use crate::event::{self, FieldReader};
use crate::http::Gateway;
use crate::http::access::auth::Customer;
use crate::http::access::staff::{Privacy, Staff};
use crate::http::problem::Problem;
use crate::http::schemas::requests::ErasureBody;
use crate::http::server::media::JsonBody;
use crate::http::server::page::Place;
use crate::ids::ErasureId;
use crate::store::erasures::{self, ErasureRecord};

const REASON_CHARACTERS_MAX: usize = 500;

/// The page of certificates that is asked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// The `next` of the page before.
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

/// A certificate of erasure.
#[derive(Serialize, ToSchema)]
#[schema(as = Erasure)]
pub(in crate::http) struct View {
    erasure: ErasureId,
    /// `customer`, `staff`, or `program` where a period was over.
    by: String,
    /// Told to staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    by_whom: Option<String>,
    /// `customer`, `referral`, or `period`.
    subject: String,
    reason: String,
    /// What went.
    erased: Certificate,
    erased_at: Moment,
}

/// What the body asks for.
struct ErasureOrder {
    subject: ErasureSubject,
    reason: String,
}

/// A page of certificates, the newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Erasures)]
pub(in crate::http) struct Views {
    erasures: Vec<View>,
    /// Where the next page begins; null on the last.
    next: Option<String>,
}

/// The personal data of a referral, or of a customer, is erased. The ledger stays as it is.
#[utoipa::path(
    post, path = "/v1/erasures", tag = "Privacy", security(("staff" = ["privacy"])),
    request_body = ErasureBody,
    responses(
        (status = 201, description = "Erased now.", body = View),
        (status = 200, description = "Nothing was left: the last certificate.", body = View),
    )
)]
pub async fn post_erasure(
    staff: Staff<Privacy>,
    gateway: web::Data<Gateway>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let ErasureOrder { subject, reason } = event::read_object(&body, read_body)?;
    let (who, keys) = (Requester::Staff(staff.id), &gateway.keys.personal);
    let outcome = erasure::erase(who, &gateway.main, keys, subject, reason).await?;
    Ok(answer(outcome, true))
}

/// The customer's own personal data is erased. Points stay.
#[utoipa::path(
    post, path = "/v1/customers/me/erasure", tag = "Customers", security(("customer" = [])),
    responses(
        (status = 201, description = "Erased now.", body = View),
        (status = 200, description = "Nothing was left: the last certificate.", body = View),
    )
)]
pub async fn erase_own_data(
    customer: Customer,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let (who, subject) = (Requester::Customer(customer.subject), ErasureSubject::Requester);
    let reason = "asked by the customer".to_owned();
    let keys = &gateway.keys.personal;
    let outcome = erasure::erase(who, &gateway.main, keys, subject, reason).await?;
    Ok(answer(outcome, false))
}

/// One certificate.
#[utoipa::path(
    get, path = "/v1/erasures/{erasure}", tag = "Privacy", security(("staff" = ["privacy"])),
    params(("erasure" = ErasureId, Path, description = "The certificate's id.")),
    responses((status = 200, description = "The certificate.", body = View))
)]
pub async fn get_erasure(
    _staff: Staff<Privacy>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = Uuid::parse_str(&path).map_err(|_invalid| Problem::not_found())?;
    let found = gateway.main.ask(move |db| erasures::get(db, ErasureId::from_uuid(id))).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok().json(View::of(found, true)))
}

/// All certificates, the newest first: on request, and by the periods of retention.
#[utoipa::path(
    get, path = "/v1/erasures", tag = "Privacy", security(("staff" = ["privacy"])),
    params(Page), responses((status = 200, description = "A page.", body = Views))
)]
pub async fn get_erasures(
    _staff: Staff<Privacy>,
    gateway: web::Data<Gateway>,
    page: web::Query<Page>,
) -> Result<HttpResponse, Problem> {
    let read = |cursor: &str| ErasureId::try_from(cursor).ok();
    let place = Place::read(page.limit, page.cursor.as_deref(), read)?;
    let (before, rows_max) = (place.after, place.rows_max());
    let mut found = gateway.main.ask(move |db| erasures::page(db, before, rows_max)).await?;
    let next = place.cut(&mut found, |last| last.id.to_string());
    let erasures = found.into_iter().map(|record| View::of(record, true)).collect();
    Ok(HttpResponse::Ok().json(Views { erasures, next }))
}

fn answer(outcome: ErasureOutcome, to_staff: bool) -> HttpResponse {
    match outcome {
        ErasureOutcome::Erased(record) => HttpResponse::Created().json(View::of(record, to_staff)),
        ErasureOutcome::NothingLeft(record) => HttpResponse::Ok().json(View::of(record, to_staff)),
    }
}

fn read_body(body: &mut FieldReader<'_>) -> Option<ErasureOrder> {
    let reason = body.text("reason", REASON_CHARACTERS_MAX).map(str::to_owned);
    let referral = body.optional_parsed("referral").map(ErasureSubject::Referral);
    let member = body.object("customer").map(|mut customer| {
        let (partner, member) = (customer.parsed("partner"), customer.parsed("member"));
        customer.finish();
        Some(ErasureSubject::Member { partner: partner?, member: member? })
    });
    let subject = match (referral, member) {
        (Some(referral), None) => Some(referral),
        (None, Some(member)) => member,
        (Some(_), Some(_)) | (None, None) => {
            body.fail("referral", "expected either referral or customer");
            None
        }
    };
    Some(ErasureOrder { subject: subject?, reason: reason? })
}

impl View {
    fn of(record: ErasureRecord, to_staff: bool) -> Self {
        Self {
            erasure: record.id,
            by: record.by_kind,
            by_whom: to_staff.then_some(record.by_whom),
            subject: record.subject_kind,
            reason: record.reason,
            erased: record.certificate,
            erased_at: record.erased_at,
        }
    }
}
