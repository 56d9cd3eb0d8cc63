//! Partners' daily files, uploaded in parts that can be resumed (tus 1.0.0).

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use chrono::NaiveDate;

use crate::clock::{self, Moment};
use crate::http::Gateway;
use crate::http::access::auth::{Caller, FilesWrite};
use crate::http::access::signature;
use crate::http::partner::{tus, tus_body};
use crate::http::problem::{Problem, TOO_LARGE, UPLOAD_CONFLICT, UPLOAD_EXPIRED};
use crate::http::server::paths::UPLOADS_PATH;
use crate::http::trial::clock_of;
use crate::ids::ImportId;
use crate::intake::upload::{self, Announced, Begun, Found, Kept, PART_BYTES, Removed};
use crate::partner::Partner;
use crate::store::imports::{Import, State};

/// What a file brings is kept without a signature, which the bank may have asked of the partner.
const FILE_UNSIGNED: &str = "What this partner sends must be signed, and a file in parts cannot be. \
                             Send signed batches.";

/// Begins an upload. `Upload-Metadata` says `business_date` (the file's day) and, if need be,
/// `filename`, `charset` (`utf-8` or `gb18030`) and the whole file's `sha256`, values in base64.
#[utoipa::path(
    post, path = "/v1/uploads", tag = "Files", security(("partner" = ["files:write"])),
    params(
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
        ("Upload-Length" = u32, Header, description = "Bytes in the whole file."),
        ("Upload-Metadata" = String, Header, description = "Keys, and values in base64."),
    ),
    responses((status = 201, description = "Begun: `Location` is the upload."))
)]
pub async fn create_upload(
    caller: Caller<FilesWrite>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    tus::check_version(request.headers())?;
    let now = clock_of(gateway.books(&caller.partner), &caller.partner).await?;
    let announced = tus::read_announced(request.headers(), gateway.day(now))?;
    signature::may_be_missing(&caller.partner, FILE_UNSIGNED)?;
    let is_empty = announced.length == 0;
    let begun = begin(&gateway, &caller.partner, announced).await?;
    let mut response = HttpResponse::Created();
    if is_empty {
        // Nothing is missing of an empty file.
        response.insert_header((header::CONTENT_LOCATION, format!("/v1/imports/{}", begun.id)));
    }
    Ok(response
        .insert_header((header::LOCATION, format!("{UPLOADS_PATH}/{}", begun.id)))
        .insert_header((tus::EXPIRES, tus::http_date(begun.expires_at)))
        .finish())
}

/// The progress of an upload.
#[utoipa::path(
    head, path = "/v1/uploads/{import}", tag = "Files", security(("partner" = ["files:write"])),
    params(
        ("import" = ImportId, Path, description = "The upload's id."),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
    ),
    responses((status = 200, description = "`Upload-Offset` of `Upload-Length` bytes are kept."))
)]
pub async fn get_upload(
    caller: Caller<FilesWrite>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    tus::check_version(request.headers())?;
    let import = find(&caller.partner, &gateway, &path).await?;
    let mut response = HttpResponse::Ok();
    response.insert_header((tus::LENGTH, import.length));
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    Ok(tell_offset(&mut response, &import).finish())
}

/// Adds to an upload, at its end. What has come when the connection breaks is kept; with
/// `Upload-Checksum` a part, of 4 MiB at most, is kept whole or not at all. The last part answers with
/// `Content-Location`, where to see what becomes of the file.
#[utoipa::path(
    patch, path = "/v1/uploads/{import}", tag = "Files", security(("partner" = ["files:write"])),
    params(
        ("import" = ImportId, Path, description = "The upload's id."),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
        ("Upload-Offset" = u32, Header, description = "Where it goes on: what is kept until now."),
    ),
    request_body(content((String = "application/offset+octet-stream"))),
    responses((status = 204, description = "Kept, up to `Upload-Offset`."))
)]
pub async fn append_upload(
    caller: Caller<FilesWrite>,
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
    let mut import = find(&caller.partner, &gateway, &path).await?;
    if offset != import.received || import.state != State::Receiving {
        return Err(conflict(&import));
    }
    let left = import.length.saturating_sub(import.received);
    tus_body::check_length(headers, left)?;
    tus_body::receive(body, checksum, async |part| {
        // A part may take hours: whether the partner may still send it is asked each time.
        let partner = caller.standing.check(&gateway, clock::now())?;
        keep(&gateway, &partner, &mut import, part).await
    })
    .await?;
    let mut response = HttpResponse::NoContent();
    if import.received == import.length {
        response.insert_header((header::CONTENT_LOCATION, format!("/v1/imports/{}", import.id)));
    }
    Ok(tell_offset(&mut response, &import).finish())
}

/// Cancels an upload that is not whole.
#[utoipa::path(
    delete, path = "/v1/uploads/{import}", tag = "Files", security(("partner" = ["files:write"])),
    params(
        ("import" = ImportId, Path, description = "The upload's id."),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
    ),
    responses((status = 204, description = "Gone, with all that was kept of it."))
)]
pub async fn delete_upload(
    caller: Caller<FilesWrite>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    tus::check_version(request.headers())?;
    let import = find(&caller.partner, &gateway, &path).await?;
    match upload::remove(&import, gateway.books(&caller.partner)).await? {
        Removed::Removed => Ok(HttpResponse::NoContent().finish()),
        Removed::Whole => {
            Err(Problem::new(&UPLOAD_CONFLICT, "The file is whole, and is taken in."))
        }
    }
}

/// A file that is in memory as a whole.
pub struct WholeFile<'a> {
    pub file_name: Option<&'a str>,
    pub business_date: NaiveDate,
    pub content: &'a [u8],
}

/// Keeps a small file that did not come in parts.
pub async fn keep_whole(
    gateway: &Gateway,
    partner: &Partner,
    file: &WholeFile<'_>,
) -> Result<ImportId, Problem> {
    let WholeFile { file_name, business_date, content } = *file;
    let announced = Announced {
        length: i64::try_from(content.len()).map_err(Problem::internal)?,
        business_date,
        file_name: file_name.map(str::to_owned),
        charset: None,
        sha256: None,
    };
    let begun = begin(gateway, partner, announced).await?;
    let mut import = find(partner, gateway, &begun.id.to_string()).await?;
    for piece in content.chunks(PART_BYTES) {
        keep(gateway, partner, &mut import, piece.to_vec()).await?;
    }
    Ok(begun.id)
}

/// An upload that has begun.
struct Upload {
    id: ImportId,
    expires_at: Moment,
}

async fn begin(
    gateway: &Gateway,
    partner: &Partner,
    announced: Announced,
) -> Result<Upload, Problem> {
    match upload::begin(&partner.id, gateway.shelf(partner), announced).await? {
        Begun::Upload { id, expires_at } => Ok(Upload { id, expires_at }),
        Begun::TooLarge => {
            let detail = format!("A file has at most {} bytes.", gateway.upload_bytes_max);
            Err(Problem::new(&TOO_LARGE, detail))
        }
        Begun::TooMany => Err(Problem::too_many_uploads()),
    }
}

async fn find(partner: &Partner, gateway: &Gateway, id: &str) -> Result<Import, Problem> {
    let id = ImportId::try_from(id).map_err(|_invalid| Problem::not_found())?;
    match upload::find(&partner.id, gateway.books(partner), id).await? {
        Found::Upload(import) => Ok(*import),
        Found::Expired => {
            Err(Problem::new(&UPLOAD_EXPIRED, "A file must be whole within 24 hours."))
        }
        Found::Unknown => Err(Problem::not_found()),
    }
}

fn tell_offset<'a>(
    response: &'a mut HttpResponseBuilder,
    import: &Import,
) -> &'a mut HttpResponseBuilder {
    response.insert_header((tus::OFFSET, import.received));
    if import.received < import.length {
        response.insert_header((tus::EXPIRES, tus::http_date(import.expires_at)));
    }
    response
}

fn conflict(import: &Import) -> Problem {
    let Import { received, length, .. } = import;
    Problem::new(&UPLOAD_CONFLICT, format!("{received} of {length} bytes are kept: go on there."))
}

/// Adds a part to the end of the file.
async fn keep(
    gateway: &Gateway,
    partner: &Partner,
    import: &mut Import,
    part: Vec<u8>,
) -> Result<(), Problem> {
    match upload::keep(import, gateway.shelf(partner), part).await? {
        Kept::Kept => Ok(()),
        Kept::TooLarge => Err(Problem::new(&TOO_LARGE, "That is more than the file was to have.")),
        Kept::Overtaken => {
            Err(Problem::new(&UPLOAD_CONFLICT, "Another request has gone on with it."))
        }
    }
}
