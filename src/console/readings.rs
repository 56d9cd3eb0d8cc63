//! Who read personal data, when and what for: as a list, and as a file.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use uuid::Uuid;

use super::operations_words::OperationsWords;
use super::page::{self, Frame, Part};
use super::story_links;
use super::story_words::StoryWords;
use super::visit::Visit;
use crate::audit;
use crate::http::Gateway;
use crate::http::problem::Problem;
use crate::http::server::page::Place;
use crate::ids::{ReadingId, ReferralId};
use crate::spreadsheet::cell;
use crate::story::StoryId;

const ROWS: u16 = 100;
const PATH: &str = "/console/readings";
/// Lines of the file: the newest.
const LINES_MAX: i64 = 10_000;

#[derive(Template)]
#[template(path = "readings.html", config = "src/http/askama.toml")]
struct Page {
    frame: Frame,
    o: &'static OperationsWords,
    rows: Vec<Row>,
    subject: String,
    next: String,
}

struct Row {
    at: String,
    reader: String,
    purpose: String,
    kind: &'static str,
    subject: String,
    /// The readings of the same subject alone.
    same: String,
    story: String,
}

/// The query of the list.
#[derive(Deserialize)]
pub struct Query {
    #[serde(default)]
    subject: String,
    cursor: Option<String>,
}

/// `GET /console/readings`.
pub async fn get_readings(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    query: web::Query<Query>,
) -> Result<HttpResponse, Problem> {
    let subject = Uuid::parse_str(&query.subject).ok();
    let read = |cursor: &str| ReadingId::try_from(cursor).ok();
    let place = Place::read(Some(ROWS), query.cursor.as_deref(), read)?;
    let (before, rows_max) = (place.after, place.rows_max());
    let list = move |db: &mut _| audit::readings(db, subject, before, rows_max);
    let mut found = gateway.main.ask(list).await?;
    let next = place.cut(&mut found, |last| last.id.to_string());
    let frame = Frame::open(&request, &gateway, &visit, Part::Readings).await?;
    let o = OperationsWords::of(frame.language);
    let s = StoryWords::of(frame.language);
    let rows = found.into_iter().map(|it| Row {
        at: frame.figures.time(&it.read_at),
        reader: match it.reader_kind.as_str() {
            "program" => s.program.to_owned(),
            "customer" => o.the_person.to_owned(),
            _ => it.reader,
        },
        purpose: it.purpose,
        kind: match it.subject_kind.as_str() {
            "customer" => s.customer,
            "referral" => s.referral,
            _ => o.signed_request,
        },
        same: format!("{PATH}?subject={}", it.subject),
        story: match it.subject_kind.as_str() {
            "referral" => story_links::path(StoryId::Referral(ReferralId::from_uuid(it.subject))),
            _ => String::new(),
        },
        subject: it.subject.to_string(),
    });
    let subject = subject.map_or_else(String::new, |it| it.to_string());
    let next = next.map_or_else(String::new, |next| match subject.is_empty() {
        true => format!("{PATH}?cursor={next}"),
        false => format!("{PATH}?subject={subject}&cursor={next}"),
    });
    let page = Page { rows: rows.collect(), o, subject, next, frame };
    page::show(&request, StatusCode::OK, &page)
}

/// `GET /console/readings/file`: the newest as CSV.
pub async fn get_file(_visit: Visit, gateway: web::Data<Gateway>) -> Result<HttpResponse, Problem> {
    let found = gateway.main.ask(|db| audit::readings(db, None, None, LINES_MAX)).await?;
    let mut file = csv::Writer::from_writer(Vec::new());
    let head =
        ["reading", "read_at", "reader_kind", "reader", "purpose", "subject_kind", "subject"];
    file.write_record(head).map_err(|error| Problem::internal(error.to_string()))?;
    for it in found {
        let (id, at, subject) = (it.id.to_string(), it.read_at.to_string(), it.subject.to_string());
        let (reader, purpose) = (cell(&it.reader), cell(&it.purpose));
        let line = [
            id.as_str(),
            at.as_str(),
            it.reader_kind.as_str(),
            reader.as_ref(),
            purpose.as_ref(),
            it.subject_kind.as_str(),
            subject.as_str(),
        ];
        file.write_record(line).map_err(|error| Problem::internal(error.to_string()))?;
    }
    let bytes = file.into_inner().map_err(|error| Problem::internal(error.to_string()))?;
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"readings.csv\""))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'self'"))
        .body(bytes))
}
