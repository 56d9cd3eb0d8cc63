//! Statements of a month in parts that can be resumed (tus 1.0.0), by the partner or by staff. A file
//! that is whole comes in as every statement does.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::books::Books;
use crate::clock::{self, Moment};
use crate::http::Gateway;
use crate::http::access::auth::StatementsWrite;
use crate::http::access::partner_or_staff::{Asker, PartnerOrStaff};
use crate::http::access::staff::Reconcile;
use crate::http::partner::{tus, tus_body};
use crate::http::problem::{Problem, UPLOAD_CONFLICT};
use crate::http::server::paths::STATEMENT_UPLOADS_PATH;
use crate::http::staff::statements::{read_partner, read_period};
use crate::ids::{PartnerId, StatementId, StatementUploadId};
use crate::partner::Partner;
use crate::reconcile::period::Period;
use crate::reconcile::statement::{LineProblem, StatementSender};
use crate::reconcile::statement_upload::{AnnouncedStatement, StatementUpload, UploadState};
use crate::reconcile::statement_uploads::{self, StatementShelf};

type Caller = PartnerOrStaff<StatementsWrite, Reconcile>;

/// A statement that comes in parts, and what became of it until now.
#[derive(Serialize, ToSchema)]
#[schema(as = StatementUpload)]
pub(in crate::http) struct View {
    id: StatementUploadId,
    /// `receiving`, `waiting`, `running`, `done` or `failed`.
    #[schema(pattern = "^(receiving|waiting|running|done|failed)$")]
    state: &'static str,
    partner: PartnerId,
    period: Period,
    part: i64,
    /// Size of the file as it comes.
    bytes: i64,
    bytes_received: i64,
    /// What the file became. Another file of the same bytes came to the same statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    statement: Option<StatementId>,
    /// Why it is no statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    failure: Option<String>,
    /// Lines that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<LineProblem>,
    created_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    ended_at: Option<Moment>,
}

/// Begins an upload. `Upload-Metadata` says `period` and, if need be, `part`, `filename`, `charset` (`utf-8`
/// or `gb18030`), the whole file's `sha256` and, where staff send it, `partner`: values in base64.
#[utoipa::path(
    post, path = "/v1/statement-uploads", tag = "Files",
    security(("partner" = ["statements:write"]), ("staff" = ["reconcile"])),
    params(
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
        ("Upload-Length" = u32, Header, description = "Bytes in the whole file."),
        ("Upload-Metadata" = String, Header, description = "Keys, and values in base64."),
    ),
    responses((status = 201, description = "Begun: `Location` is the upload."))
)]
pub async fn create_statement_upload(
    caller: Caller,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    tus::check_version(request.headers())?;
    let said = tus::FileSaid::read(request.headers())?;
    let partner = partner_of(&caller, &gateway, said.value("partner"))?;
    let part = said.value("part").map_or(Some(1), |part| part.parse().ok());
    let announced = AnnouncedStatement {
        partner: partner.id.clone(),
        period: read_period(said.value("period"))
            .map_err(|_invalid| tus::wrong("period", "a month, such as 2026-10"))?,
        part: part.ok_or_else(|| tus::wrong("part", "a number from 1 to 400"))?,
        length: said.length,
        file_name: said.file_name,
        charset: said.charset.map(|charset| charset.name().to_owned()),
        sha256: said.sha256,
    };
    let who = sender(&caller);
    let begun = statement_uploads::begin(&who, shelf(&caller, &gateway), announced).await?;
    let location = format!("{STATEMENT_UPLOADS_PATH}/{}", begun.id);
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, location))
        .insert_header((tus::EXPIRES, tus::http_date(begun.expires_at)))
        .finish())
}

/// The progress of an upload.
#[utoipa::path(
    head, path = "/v1/statement-uploads/{statement_upload}", tag = "Files",
    security(("partner" = ["statements:write"]), ("staff" = ["reconcile"])),
    params(
        ("statement_upload" = StatementUploadId, Path, description = "The upload's id."),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
    ),
    responses((status = 200, description = "`Upload-Offset` of `Upload-Length` bytes are kept."))
)]
pub async fn get_statement_upload_offset(
    caller: Caller,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    tus::check_version(request.headers())?;
    let upload = find(&caller, &gateway, &path).await?;
    let mut response = HttpResponse::Ok();
    response.insert_header((tus::LENGTH, upload.announced.length));
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    Ok(tell_offset(&mut response, &upload).finish())
}

/// What became of an upload. `Retry-After` stands on the answer while it has not ended.
#[utoipa::path(
    get, path = "/v1/statement-uploads/{statement_upload}", tag = "Files",
    security(("partner" = ["statements:write"]), ("staff" = ["reconcile"])),
    params(("statement_upload" = StatementUploadId, Path, description = "The upload's id.")),
    responses((status = 200, description = "The upload.", body = View))
)]
pub async fn get_statement_upload(
    caller: Caller,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let upload = find(&caller, &gateway, &path).await?;
    let mut response = HttpResponse::Ok();
    if upload.ended_at.is_none() {
        response.insert_header((header::RETRY_AFTER, 1));
    }
    Ok(response.json(View::of(upload)))
}

/// Adds to an upload that the caller has begun, at its end. What has come when the connection breaks is
/// kept; with `Upload-Checksum` a part, of 4 MiB at most, is kept whole or not at all.
#[utoipa::path(
    patch, path = "/v1/statement-uploads/{statement_upload}", tag = "Files",
    security(("partner" = ["statements:write"]), ("staff" = ["reconcile"])),
    params(
        ("statement_upload" = StatementUploadId, Path, description = "The upload's id."),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
        ("Upload-Offset" = u32, Header, description = "Where it goes on: what is kept until now."),
    ),
    request_body(content((String = "application/offset+octet-stream"))),
    responses((status = 204, description = "Kept, up to `Upload-Offset`."))
)]
pub async fn append_statement_upload(
    caller: Caller,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    path: web::Path<String>,
    body: web::Payload,
) -> Result<HttpResponse, Problem> {
    let headers = request.headers();
    tus::check_version(headers)?;
    tus_body::check_type(headers)?;
    let offset = tus::bytes_in(headers, tus::OFFSET)?;
    let checksum = tus::read_checksum(headers)?;
    let mut upload = find_begun(&caller, &gateway, &path).await?;
    if offset != upload.received || upload.is_whole() {
        let StatementUpload { received, announced, .. } = &upload;
        let kept = format!("{received} of {} bytes are kept: go on there.", announced.length);
        return Err(Problem::new(&UPLOAD_CONFLICT, kept));
    }
    tus_body::check_length(headers, upload.announced.length.saturating_sub(upload.received))?;
    let shelf = shelf(&caller, &gateway);
    tus_body::receive(body, checksum, async |part| {
        // A part may take hours: whether the partner may still send it is asked each time.
        if let Some(standing) = &caller.standing {
            standing.check(&gateway, clock::now())?;
        }
        Ok(statement_uploads::keep(&mut upload, shelf, part).await?)
    })
    .await?;
    Ok(tell_offset(&mut HttpResponse::NoContent(), &upload).finish())
}

/// Cancels an upload that is not whole.
#[utoipa::path(
    delete, path = "/v1/statement-uploads/{statement_upload}", tag = "Files",
    security(("partner" = ["statements:write"]), ("staff" = ["reconcile"])),
    params(
        ("statement_upload" = StatementUploadId, Path, description = "The upload's id."),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
    ),
    responses((status = 204, description = "Gone, with all that was kept of it."))
)]
pub async fn delete_statement_upload(
    caller: Caller,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    tus::check_version(request.headers())?;
    // Staff also take away what a partner has begun and does not end.
    let found = find(&caller, &gateway, &path).await?;
    let is_of_partner = matches!(found.sent_by, StatementSender::Partner(_));
    let upload = match &caller.asker {
        Asker::Staff(_) if is_of_partner => found,
        Asker::Staff(_) | Asker::Partner(_) => find_begun(&caller, &gateway, &path).await?,
    };
    statement_uploads::remove(&upload, books(&caller, &gateway)).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn sender(caller: &Caller) -> StatementSender {
    match &caller.asker {
        Asker::Partner(partner) => StatementSender::Partner(partner.id.clone()),
        Asker::Staff(id) => StatementSender::Staff(id.clone()),
    }
}

/// Whose statement it is. Staff name the partner; a partner names nobody else.
fn partner_of(
    caller: &Caller,
    gateway: &Gateway,
    named: Option<&str>,
) -> Result<Arc<Partner>, Problem> {
    let wrong =
        || tus::wrong("partner", "the id of a partner: one's own, where a partner sends it");
    match &caller.asker {
        Asker::Partner(own) if named.is_none_or(|named| named == own.id.as_str()) => {
            Ok(Arc::clone(own))
        }
        Asker::Partner(_) => Err(wrong()),
        Asker::Staff(_) => read_partner(gateway, named).map_err(|_unknown| wrong()),
    }
}

fn books<'a>(caller: &'a Caller, gateway: &'a Gateway) -> &'a Books {
    caller.asker.books(gateway)
}

fn shelf<'a>(caller: &'a Caller, gateway: &'a Gateway) -> StatementShelf<'a> {
    let (books, keys) = (books(caller, gateway), &gateway.keys.personal);
    StatementShelf { books, keys, file_bytes_max: gateway.upload_bytes_max }
}

async fn find(caller: &Caller, gateway: &Gateway, path: &str) -> Result<StatementUpload, Problem> {
    let id = StatementUploadId::try_from(path).map_err(|_invalid| Problem::not_found())?;
    Ok(statement_uploads::find(&sender(caller), books(caller, gateway), id).await?)
}

/// One that callers of the same kind have begun: staff add nothing to what a partner sends.
async fn find_begun(
    caller: &Caller,
    gateway: &Gateway,
    path: &str,
) -> Result<StatementUpload, Problem> {
    let upload = find(caller, gateway, path).await?;
    if upload.sent_by == sender(caller) { Ok(upload) } else { Err(Problem::not_found()) }
}

fn tell_offset<'a>(
    response: &'a mut HttpResponseBuilder,
    upload: &StatementUpload,
) -> &'a mut HttpResponseBuilder {
    response.insert_header((tus::OFFSET, upload.received));
    if upload.received < upload.announced.length {
        response.insert_header((tus::EXPIRES, tus::http_date(upload.expires_at)));
    }
    response
}

impl View {
    fn of(upload: StatementUpload) -> Self {
        let state = upload.state.name();
        let AnnouncedStatement { partner, period, part, length, .. } = upload.announced;
        let (statement, failure) = match upload.state {
            UploadState::Receiving | UploadState::Waiting | UploadState::Running => (None, None),
            UploadState::Done(id) => (Some(id), None),
            UploadState::Failed(failure) => (None, Some(failure)),
        };
        let (failure, problems) = match failure {
            Some(failure) => (Some(failure.detail), failure.problems),
            None => (None, Vec::new()),
        };
        Self {
            id: upload.id,
            state,
            partner,
            period,
            part,
            bytes: length,
            bytes_received: upload.received,
            statement,
            failure,
            problems,
            created_at: upload.created_at,
            ended_at: upload.ended_at,
        }
    }
}
