//! Payments whose discount or waiver is not what was agreed, for staff to decide on.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::clock::Moment;
use crate::http::Gateway;
use crate::http::access::staff::{Read, Staff};
use crate::http::problem::Problem;
use crate::http::schemas::bodies::Receipt;
use crate::http::server::page::Place;
use crate::ids::{EventKey, PartnerId};
use crate::store::flagged_payments;

/// The query of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// Payments at this partner alone.
    #[param(value_type = Option<PartnerId>)]
    partner: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

/// A page of them.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct FlaggedPayments {
    /// The receipts, as the partners have them: marks, what was given and what was agreed.
    #[schema(value_type = Vec<Receipt>)]
    flagged_payments: Vec<Box<RawValue>>,
    /// Where the next page begins; null on the last.
    next: Option<String>,
}

/// What is flagged, in the order of recording.
#[utoipa::path(
    get, path = "/v1/flagged-payments", tag = "Corrections", security(("staff" = ["read"])),
    params(Page), responses((status = 200, description = "A page.", body = FlaggedPayments))
)]
pub async fn get_flagged_payments(
    _staff: Staff<Read>,
    gateway: web::Data<Gateway>,
    page: web::Query<Page>,
) -> Result<HttpResponse, Problem> {
    let Page { partner, cursor, limit } = page.into_inner();
    let partner = partner.map(PartnerId::try_from).transpose();
    let partner =
        partner.map_err(|_invalid| Problem::parameter("partner", "expected a partner's id"))?;
    let place = Place::read(limit, cursor.as_deref(), read_cursor)?;
    let (after, rows_max) = (place.after, place.rows_max());
    let mut found = gateway
        .main
        .ask(move |db| flagged_payments::page(db, partner.as_ref(), after, rows_max))
        .await?;
    let next = place.cut(&mut found, |last| {
        format!("{}~{}", last.recorded_at, Uuid::from_bytes(*last.key.bytes()))
    });
    let receipts: Result<Vec<Box<RawValue>>, _> =
        found.into_iter().map(|flagged| RawValue::from_string(flagged.receipt)).collect();
    let flagged_payments = receipts.map_err(|error| Problem::internal(error.to_string()))?;
    Ok(HttpResponse::Ok().json(FlaggedPayments { flagged_payments, next }))
}

fn read_cursor(cursor: &str) -> Option<(Moment, EventKey)> {
    let (at, key) = cursor.split_once('~')?;
    let key = EventKey::from_bytes(*Uuid::parse_str(key).ok()?.as_bytes());
    Some((Moment::parse(at)?, key))
}
