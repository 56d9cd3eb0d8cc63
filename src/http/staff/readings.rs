//! The record of every reading of personal data.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::audit;
use crate::clock::Moment;
use crate::http::Gateway;
use crate::http::access::staff::{Privacy, Staff};
use crate::http::problem::Problem;
use crate::http::server::page::Place;
use crate::ids::ReadingId;
use crate::store::readings::ReadingRecord;

/// The query of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// Readings of one customer, referral or signature, by its id; without it all readings.
    #[param(format = "uuid")]
    subject: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Reading)]
pub(in crate::http) struct View {
    reading: ReadingId,
    /// `customer`, `staff` or `program`.
    reader_kind: String,
    reader: String,
    purpose: String,
    /// `customer`, `referral` or `signature`.
    subject_kind: String,
    #[schema(value_type = String, format = "uuid")]
    subject: Uuid,
    read_at: Moment,
}

/// A page of readings, the newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Readings)]
pub(in crate::http) struct Views {
    readings: Vec<View>,
    /// Where the next page begins; null on the last.
    next: Option<String>,
}

/// Every reading of personal data, the newest first.
#[utoipa::path(
    get, path = "/v1/readings", tag = "Privacy", security(("staff" = ["privacy"])),
    params(Page), responses((status = 200, description = "A page.", body = Views))
)]
pub async fn get_readings(
    _staff: Staff<Privacy>,
    gateway: web::Data<Gateway>,
    page: web::Query<Page>,
) -> Result<HttpResponse, Problem> {
    let subject = page.subject.as_deref().map(Uuid::parse_str);
    let subject =
        subject.transpose().map_err(|_bad| Problem::parameter("subject", "expected a UUID"))?;
    let read = |cursor: &str| ReadingId::try_from(cursor).ok();
    let place = Place::read(page.limit, page.cursor.as_deref(), read)?;
    let (before, rows_max) = (place.after, place.rows_max());
    let mut found =
        gateway.main.ask(move |db| audit::readings(db, subject, before, rows_max)).await?;
    let next = place.cut(&mut found, |last| last.id.to_string());
    let readings = found.into_iter().map(View::from).collect();
    Ok(HttpResponse::Ok().json(Views { readings, next }))
}

impl From<ReadingRecord> for View {
    fn from(record: ReadingRecord) -> Self {
        Self {
            reading: record.id,
            reader_kind: record.reader_kind,
            reader: record.reader,
            purpose: record.purpose,
            subject_kind: record.subject_kind,
            subject: record.subject,
            read_at: record.read_at,
        }
    }
}
