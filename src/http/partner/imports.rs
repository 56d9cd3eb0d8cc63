//! The progress of a partner's files, and their rejected lines.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use chrono::NaiveDate;
use futures_util::stream;
use serde::Serialize;

use crate::books::Books;
use crate::clock::Moment;
use crate::http::Gateway;
use crate::http::access::auth::{Caller, FilesWrite};
use crate::http::problem::Problem;
use crate::http::server::page::{Page, Place};
use crate::ids::ImportId;
use crate::intake::Rejects;
use crate::intake::job::part_key;
use crate::ledger::chain::Hash;
use crate::partner::Partner;
use crate::store::imports::{self, Import, State};

/// A file, and what became of it until now.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Import)]
pub struct View {
    pub id: ImportId,
    /// `receiving`, `waiting`, `running`, `done` or `failed`.
    #[schema(pattern = "^(receiving|waiting|running|done|failed)$")]
    pub state: &'static str,
    #[schema(value_type = String, format = Date)]
    pub business_date: NaiveDate,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub file_name: Option<String>,
    /// Size of the file as it came.
    pub bytes: i64,
    pub bytes_received: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub sha256: Option<Hash>,
    /// `utf-8` or `gb18030`, as declared, or as its lines show.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub charset: Option<String>,
    /// Whether the file was compressed by gzip.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub packed: Option<bool>,
    pub lines: LinesView,
    /// The import in which the same file of that day came first: nothing was taken from this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub duplicate_of: Option<ImportId>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub failure: Option<String>,
    pub created_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub ended_at: Option<Moment>,
}

/// How many lines were recorded and rejected. The header is not counted.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = ImportLines)]
pub struct LinesView {
    pub read: i64,
    pub recorded: i64,
    /// By an earlier file, by the API, or before a gateway died.
    pub recorded_before: i64,
    pub rejected: i64,
}

/// A page, the newest first.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Imports)]
pub struct Views {
    imports: Vec<View>,
    /// The cursor of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// The caller's own files that are whole, the newest first.
#[utoipa::path(
    get, path = "/v1/imports", tag = "Files", security(("partner" = ["files:write"])),
    params(Page), responses((status = 200, description = "A page.", body = Views))
)]
pub async fn get_imports(
    caller: Caller<FilesWrite>,
    gateway: web::Data<Gateway>,
    page: web::Query<Page>,
) -> Result<HttpResponse, Problem> {
    let Page { cursor, limit } = page.into_inner();
    let place = Place::read(limit, cursor.as_deref(), |text| ImportId::try_from(text).ok())?;
    let (partner, before, rows_max) = (caller.partner.id.clone(), place.after, place.rows_max());
    let books = gateway.books(&caller.partner);
    let mut found = books.ask(move |db| imports::page(db, &partner, before, rows_max)).await?;
    let next = place.cut(&mut found, |last| last.id.to_string());
    let imports = found.into_iter().map(View::of).collect();
    Ok(HttpResponse::Ok().json(Views { imports, next }))
}

/// The progress of one of the caller's own files. `Retry-After` stands on the answer while the file
/// is not done.
#[utoipa::path(
    get, path = "/v1/imports/{import}", tag = "Files", security(("partner" = ["files:write"])),
    params(("import" = ImportId, Path, description = "The import's id, which was the upload's.")),
    responses((status = 200, description = "The import.", body = View))
)]
pub async fn get_import(
    caller: Caller<FilesWrite>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let import = find(&caller.partner, &gateway, &path).await?;
    let mut response = HttpResponse::Ok();
    if import.ended_at.is_none() {
        response.insert_header((header::RETRY_AFTER, 1));
    }
    Ok(response.json(View::of(import)))
}

/// The lines that were not taken, until now: number, reason, and the fields as they stood; for 30 days.
#[utoipa::path(
    get, path = "/v1/imports/{import}/rejects", tag = "Files",
    security(("partner" = ["files:write"])),
    params(("import" = ImportId, Path, description = "The import's id, which was the upload's.")),
    responses((status = 200, description = "CSV, in UTF-8.", content((String = "text/csv"))))
)]
pub async fn get_rejects(
    caller: Caller<FilesWrite>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let import = find(&caller.partner, &gateway, &path).await?;
    let (id, books) = (import.id, gateway.books(&caller.partner).clone());
    // The header and the first lines are read before the answer begins, so that a fault is a problem
    // and not half a file. The rest follows a group at a time, however many there are.
    let (first, at) = match rejects(&gateway, &books, id, None).await? {
        Some(RejectPage { place, csv }) => (csv, Some(place)),
        None => (format!("{}\n", Rejects::HEADER.join(",")).into_bytes(), None),
    };
    let header = stream::once(std::future::ready(Ok(web::Bytes::from(first))));
    let groups = stream::unfold((gateway, at), move |(gateway, after)| {
        let books = books.clone();
        async move {
            let after = after?;
            match rejects(&gateway, &books, id, Some(after)).await {
                Ok(None) => None,
                Ok(Some(RejectPage { place, csv })) => {
                    Some((Ok(web::Bytes::from(csv)), (gateway, Some(place))))
                }
                Err(problem) => {
                    problem.log_cause();
                    Some((Err(actix_web::Error::from(problem)), (gateway, None)))
                }
            }
        }
    });
    let name = format!("attachment; filename=\"{id}.rejects.csv\"");
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((header::CONTENT_DISPOSITION, name))
        .streaming(futures_util::StreamExt::chain(header, groups)))
}

/// Rejected lines as CSV, and their place.
struct RejectPage {
    place: i64,
    csv: Vec<u8>,
}

async fn rejects(
    gateway: &Gateway,
    books: &Books,
    id: ImportId,
    after: Option<i64>,
) -> Result<Option<RejectPage>, Problem> {
    let found = books.ask(move |db| imports::rejects_after(db, id, after)).await?;
    let Some((place, sealed)) = found else { return Ok(None) };
    let key = part_key(id, "rejects", place);
    let csv = gateway.keys.personal.open(key.bytes(), &sealed).map_err(Problem::internal)?;
    Ok(Some(RejectPage { place, csv }))
}

async fn find(
    partner: &Partner,
    gateway: &Gateway,
    path: &web::Path<String>,
) -> Result<Import, Problem> {
    let id = ImportId::try_from(path.as_str()).map_err(|_invalid| Problem::not_found())?;
    let (books, partner) = (gateway.books(partner), partner.id.clone());
    let found = books.ask(move |db| imports::get(db, &partner, id)).await?;
    found.ok_or_else(Problem::not_found)
}

impl View {
    fn of(import: Import) -> Self {
        let whole = import.state != State::Receiving;
        let sha256 = import.sha256.and_then(|hash| <[u8; 32]>::try_from(hash).ok());
        Self {
            id: import.id,
            state: import.state.name(),
            business_date: import.business_date,
            file_name: import.file_name,
            bytes: import.length,
            bytes_received: if whole { import.length } else { import.received },
            sha256: sha256.map(Hash),
            charset: import.charset,
            packed: import.packed,
            lines: LinesView {
                read: import.lines.read,
                recorded: import.lines.recorded,
                recorded_before: import.lines.recorded_before,
                rejected: import.lines.rejected,
            },
            duplicate_of: import.duplicate_of,
            failure: import.failure,
            created_at: import.created_at,
            ended_at: import.ended_at,
        }
    }
}
