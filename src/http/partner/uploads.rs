//! Partners' daily files, uploaded in parts that can be resumed (tus 1.0.0). What came is kept part by
//! part, sealed; when the file is whole it waits to be taken in, on whichever gateway.

use std::time::Duration;

use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use chrono::{NaiveDate, TimeDelta};
use futures_util::StreamExt;

use crate::clock::{self, Moment};
use crate::http::Gateway;
use crate::http::access::auth::{Caller, FilesWrite};
use crate::http::partner::tus::{self, Announced};
use crate::http::problem::{
    MEDIA_TYPE, Problem, TIMEOUT, TOO_LARGE, UPLOAD_CONFLICT, UPLOAD_EXPIRED,
};
use crate::http::server::paths::UPLOADS_PATH;
use crate::ids::ImportId;
use crate::intake::job::part_key;
use crate::partner::Partner;
use crate::store::imports::{self, Import, NewImport, State};

/// How long a file may take to become whole.
const EXPIRES_AFTER: TimeDelta = TimeDelta::hours(24);
/// Files of one partner that are not whole.
const OPEN_MAX: i64 = 20;
/// What is kept together.
const PART_BYTES: usize = 256 * 1024;
/// A part with a checksum: all of it is held until it is checked.
const CHECKED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long a caller may send nothing.
const IDLE_MAX: Duration = Duration::from_secs(60);
const PART_TYPE: &str = "application/offset+octet-stream";

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
    let announced = tus::read_announced(request.headers())?;
    may_be_unsigned(&caller.partner)?;
    let (id, expires_at) = begin(&gateway, &caller.partner, announced).await?;
    // An empty file is whole already.
    gateway.books(&caller.partner).files_waiting.notify_one();
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, format!("{}/{id}", UPLOADS_PATH)))
        .insert_header((tus::EXPIRES, tus::http_date(expires_at)))
        .finish())
}

/// How far an upload is.
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
    let kind = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes());
    if kind != Some(PART_TYPE.as_bytes()) {
        return Err(Problem::new(&MEDIA_TYPE, format!("Send it as {PART_TYPE}.")));
    }
    let offset = tus::bytes_in(headers, tus::OFFSET)?;
    let checksum = tus::read_checksum(headers)?;
    let mut import = find(&caller.partner, &gateway, &path).await?;
    if offset != import.received || import.state != State::Receiving {
        return Err(conflict(&import));
    }
    let left = import.length.saturating_sub(import.received);
    if content_length(headers).is_some_and(|bytes| bytes > left) {
        return Err(Problem::new(&TOO_LARGE, "That is more than the file was to have."));
    }
    match checksum {
        Some(checksum) => {
            let part = whole_part(body).await?;
            checksum.check(&part)?;
            caller.standing.check(&gateway, clock::now())?;
            for piece in part.chunks(PART_BYTES) {
                keep((&gateway, &caller.partner), &mut import, piece.to_vec()).await?;
            }
        }
        None => keep_as_it_comes((&gateway, &caller.partner), &mut import, body).await?,
    }
    let mut response = HttpResponse::NoContent();
    if import.received == import.length {
        gateway.books(&caller.partner).files_waiting.notify_one();
        response.insert_header((header::CONTENT_LOCATION, format!("/v1/imports/{}", import.id)));
    }
    Ok(tell_offset(&mut response, &import).finish())
}

/// Gives an upload up, as long as it is not whole.
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
    let id = import.id;
    if !gateway.books(&caller.partner).write(move |tx| imports::remove(tx, id)).await? {
        return Err(Problem::new(&UPLOAD_CONFLICT, "The file is whole, and is taken in."));
    }
    Ok(HttpResponse::NoContent().finish())
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
    let (id, _expires_at) = begin(gateway, partner, announced).await?;
    let (books, owner) = (gateway.books(partner), partner.id.clone());
    let found = books.ask(move |db| imports::get(db, &owner, id)).await?;
    let mut import = found.ok_or_else(Problem::not_found)?;
    for piece in content.chunks(PART_BYTES) {
        keep((gateway, partner), &mut import, piece.to_vec()).await?;
    }
    books.files_waiting.notify_one();
    Ok(id)
}

/// Begins to receive a file.
async fn begin(
    gateway: &Gateway,
    partner: &Partner,
    announced: Announced,
) -> Result<(ImportId, Moment), Problem> {
    if announced.length > gateway.upload_bytes_max {
        let detail = format!("A file has at most {} bytes.", gateway.upload_bytes_max);
        return Err(Problem::new(&TOO_LARGE, detail));
    }
    let (id, now) = (ImportId::random(), clock::now());
    let expires_at = now.plus(EXPIRES_AFTER);
    let (books, partner) = (gateway.books(partner), partner.id.clone());
    let begun = books
        .ask(move |db| {
            if imports::receiving(db, &partner, now)? >= OPEN_MAX {
                return Ok(false);
            }
            let new = NewImport {
                id,
                partner: &partner,
                business_date: announced.business_date,
                file_name: announced.file_name.as_deref(),
                charset: announced.charset.map(|charset| charset.name()),
                sha256: announced.sha256,
                length: announced.length,
                created_at: now,
                expires_at,
            };
            db.write(|tx| imports::create(tx, &new)).map(|()| true)
        })
        .await?;
    if !begun {
        return Err(Problem::too_many_uploads());
    }
    Ok((id, expires_at))
}

/// What a file brings is kept without a signature, which a partner may have been promised.
fn may_be_unsigned(partner: &Partner) -> Result<(), Problem> {
    if partner.access.signed_requests {
        return Err(Problem::new(
            &crate::http::problem::SIGNATURE_REQUIRED,
            "What this partner sends must be signed, and a file in parts cannot be. Send signed \
             batches.",
        ));
    }
    Ok(())
}

async fn find(
    partner: &Partner,
    gateway: &Gateway,
    path: &web::Path<String>,
) -> Result<Import, Problem> {
    let id = ImportId::try_from(path.as_str()).map_err(|_invalid| Problem::not_found())?;
    let (books, partner) = (gateway.books(partner), partner.id.clone());
    let found = books.ask(move |db| imports::get(db, &partner, id)).await?;
    let import = found.ok_or_else(Problem::not_found)?;
    if import.state == State::Receiving && import.expires_at <= clock::now() {
        return Err(Problem::new(&UPLOAD_EXPIRED, "A file must be whole within 24 hours."));
    }
    Ok(import)
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

fn content_length(headers: &HeaderMap) -> Option<i64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The next piece of a body; `None` at its end, or where it was torn off.
async fn next(body: &mut web::Payload) -> Result<Option<web::Bytes>, Problem> {
    match tokio::time::timeout(IDLE_MAX, body.next()).await {
        Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
        Ok(Some(Err(_)) | None) => Ok(None),
        Err(_elapsed) => Err(Problem::new(&TIMEOUT, "Nothing came for too long.")),
    }
}

async fn whole_part(mut body: web::Payload) -> Result<Vec<u8>, Problem> {
    let mut part = Vec::new();
    while let Some(bytes) = next(&mut body).await? {
        if part.len().saturating_add(bytes.len()) > CHECKED_BYTES_MAX {
            let detail = "A part with Upload-Checksum has at most 4 MiB: send smaller ones.";
            return Err(Problem::new(&TOO_LARGE, detail));
        }
        part.extend_from_slice(&bytes);
    }
    Ok(part)
}

async fn keep_as_it_comes(
    of: (&Gateway, &Partner),
    import: &mut Import,
    mut body: web::Payload,
) -> Result<(), Problem> {
    let mut part = Vec::with_capacity(PART_BYTES);
    loop {
        let came = next(&mut body).await;
        let (more, ended) = match came {
            Ok(Some(bytes)) => (bytes, Ok(false)),
            Ok(None) => (web::Bytes::new(), Ok(true)),
            Err(problem) => (web::Bytes::new(), Err(problem)),
        };
        part.extend_from_slice(&more);
        if part.len() >= PART_BYTES || !matches!(ended, Ok(false)) {
            keep(of, import, std::mem::take(&mut part)).await?;
        }
        if ended? {
            return Ok(());
        }
    }
}

/// Seals a part and adds it to the end of the file.
async fn keep(
    (gateway, partner): (&Gateway, &Partner),
    import: &mut Import,
    part: Vec<u8>,
) -> Result<(), Problem> {
    if part.is_empty() {
        return Ok(());
    }
    let (id, start) = (import.id, import.received);
    let end = start.saturating_add(i64::try_from(part.len()).map_err(Problem::internal)?);
    if end > import.length {
        return Err(Problem::new(&TOO_LARGE, "That is more than the file was to have."));
    }
    let keys = gateway.keys.personal.clone();
    let sealed = web::block(move || keys.seal(part_key(id, "part", start).bytes(), &part)).await;
    let sealed = sealed.map_err(|_cancelled| Problem::busy("The service is stopping."))?;
    let sealed = sealed.map_err(Problem::internal)?;
    let kept = gateway
        .books(partner)
        .write(move |tx| imports::append(tx, id, (start, end), &sealed, clock::now()))
        .await?;
    match kept {
        Some(_whole) => {
            import.received = end;
            Ok(())
        }
        None => Err(Problem::new(&UPLOAD_CONFLICT, "Another request has gone on with it.")),
    }
}
