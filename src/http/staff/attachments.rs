//! Staff attach files to a break, and fetch what was attached.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::breaks::{Reader, read_id};
use crate::clock::{self, Moment};
use crate::http::Gateway;
use crate::http::access::staff::{ReadBreaks, Reconcile, Staff};
use crate::http::problem::{MEDIA_TYPE, Problem};
use crate::http::server::media::content_type;
use crate::ids::{AttachmentId, BreakId};
use crate::ledger::chain::Hash;
use crate::reconcile::attachment::{Attachment, AttachmentName, AttachmentType, NewAttachment};
use crate::reconcile::attachments::{self, AttachedAt, OpenAttachment};
use crate::reconcile::break_record::{NoteAuthor, NoteReaders};

/// What a file is called.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Without control characters and slashes; `file` without it.
    #[param(min_length = 1, max_length = 100, required = false, nullable = false)]
    pub(in crate::http) name: Option<String>,
}

/// The same, and whether the partner reads it.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct NamedByStaff {
    /// Without control characters and slashes; `file` without it.
    #[param(min_length = 1, max_length = 100, required = false, nullable = false)]
    name: Option<String>,
    /// `true`: the partner reads it too, once it is asked. False without it.
    #[param(required = false, nullable = false)]
    shared: Option<bool>,
}

/// A file that is attached to a break.
#[derive(Serialize, ToSchema)]
#[schema(as = BreakAttachment)]
pub(in crate::http) struct View {
    id: AttachmentId,
    name: String,
    media_type: &'static str,
    /// Size in bytes.
    bytes: i64,
    sha256: Hash,
    /// `staff` or `partner`.
    by: &'static str,
    /// The member of staff. The partner does not learn the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    by_name: Option<String>,
    /// Whether the partner reads it.
    shared: bool,
    attached_at: Moment,
}

#[derive(Serialize, ToSchema)]
#[schema(as = BreakAttachments)]
pub(in crate::http) struct Views {
    /// The earliest first.
    attachments: Vec<View>,
}

/// Attaches a file of 1 MiB at most: a PDF, a picture (PNG, JPEG), text, CSV or a workbook (.xlsx).
#[utoipa::path(
    post, path = "/v1/breaks/{break}/attachments", tag = "Reconciliation",
    security(("staff" = ["reconcile"])),
    params(("break" = BreakId, Path, description = "The break."), NamedByStaff),
    request_body(content((String = "text/plain"))),
    responses((status = 201, description = "Attached.", body = View))
)]
pub async fn attach_to_break(
    staff: Staff<Reconcile>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    query: web::Query<NamedByStaff>,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let id = read_id(request.match_info().query("break"))?;
    let NamedByStaff { name, shared } = query.into_inner();
    let shared = shared.unwrap_or(false);
    let readers = if shared { NoteReaders::StaffAndPartner } else { NoteReaders::Staff };
    let (name, kind) = (read_name(name.as_deref())?, read_type(&request)?);
    let new = NewAttachment { name, kind, readers, content: body.to_vec() };
    let at = AttachedAt { keys: gateway.keys.personal.clone(), now: clock::now() };
    let who = NoteAuthor::Staff(staff.id);
    let attach = move |db: &mut _| attachments::attach(&who, db, id, new, &at);
    let kept = gateway.main.ask_or(attach).await?;
    Ok(HttpResponse::Created().json(View::of(kept, Reader::Staff)))
}

/// What is attached to a break.
#[utoipa::path(
    get, path = "/v1/breaks/{break}/attachments", tag = "Reconciliation",
    security(("staff" = ["reconcile"]), ("staff" = ["settle"])),
    params(("break" = BreakId, Path, description = "The break.")),
    responses((status = 200, description = "All files.", body = Views))
)]
pub async fn get_break_attachments(
    _staff: Staff<ReadBreaks>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&path)?;
    let found = gateway.main.ask_or(move |db| attachments::list(None, db, id)).await?;
    Ok(HttpResponse::Ok().json(Views::of(found, Reader::Staff)))
}

/// A file that is attached to a break, to be saved and not to be shown.
#[utoipa::path(
    get, path = "/v1/breaks/{break}/attachments/{attachment}", tag = "Reconciliation",
    security(("staff" = ["reconcile"]), ("staff" = ["settle"])),
    params(
        ("break" = BreakId, Path, description = "The break."),
        ("attachment" = AttachmentId, Path, description = "The file."),
    ),
    responses((
        status = 200, description = "The file.",
        content((String = "application/octet-stream"))
    ))
)]
pub async fn get_break_attachment(
    _staff: Staff<ReadBreaks>,
    gateway: web::Data<Gateway>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (of, file) = path.into_inner();
    let FilePath { id, file } = FilePath::read(&of, &file)?;
    let keys = gateway.keys.personal.clone();
    let open = move |db: &mut _| attachments::open(None, db, &keys, id, file);
    Ok(answer(gateway.main.ask_or(open).await?))
}

/// A break, and a file of it.
pub(in crate::http) struct FilePath {
    pub id: BreakId,
    pub file: AttachmentId,
}

impl FilePath {
    pub(in crate::http) fn read(id: &str, file: &str) -> Result<Self, Problem> {
        let file = AttachmentId::try_from(file).map_err(|_invalid| Problem::not_found())?;
        Ok(Self { id: read_id(id)?, file })
    }
}

pub(in crate::http) fn read_name(name: Option<&str>) -> Result<AttachmentName, Problem> {
    let expected = "expected 1 to 100 characters, without control characters and slashes";
    AttachmentName::parse(name.unwrap_or("file"))
        .ok_or_else(|| Problem::parameter("name", expected))
}

pub(in crate::http) fn read_type(request: &HttpRequest) -> Result<AttachmentType, Problem> {
    let sent = content_type(request.headers())?;
    sent.as_deref().and_then(AttachmentType::by_name).ok_or_else(|| {
        let known = AttachmentType::ALL.map(AttachmentType::name).join(", ");
        Problem::new(&MEDIA_TYPE, format!("Send it as one of {known}."))
    })
}

/// Whatever the file is, no browser shows it: its name and type are ours.
pub(in crate::http) fn answer(open: OpenAttachment) -> HttpResponse {
    let OpenAttachment { attachment, content } = open;
    let (id, extension) = (attachment.id, attachment.kind.extension());
    let name = format!("attachment; filename=\"{id}.{extension}\"");
    HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header((header::CONTENT_DISPOSITION, name))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(content)
}

impl View {
    pub(in crate::http) fn of(attachment: Attachment, reader: Reader) -> Self {
        let by_name = match reader {
            Reader::Staff => Some(attachment.by.id().to_owned()),
            Reader::Partner => None,
        };
        Self {
            id: attachment.id,
            name: attachment.name.as_str().to_owned(),
            media_type: attachment.kind.name(),
            bytes: attachment.length,
            sha256: Hash(attachment.sha256),
            by: attachment.by.kind(),
            by_name,
            shared: attachment.readers == NoteReaders::StaffAndPartner,
            attached_at: attachment.attached_at,
        }
    }
}

impl Views {
    pub(in crate::http) fn of(list: Vec<Attachment>, reader: Reader) -> Self {
        Self { attachments: list.into_iter().map(|it| View::of(it, reader)).collect() }
    }
}
